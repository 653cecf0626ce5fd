//! What probes found, counted by minute. Each try is a fact of its own, so nothing is folded: it is counted once, however often it was written.

use super::{Store, StoreError, read::micros};
use crate::{
    domain::{
        Ts,
        fact::{kind, probe},
    },
    slo::{Count, SLICE_S},
};
use clickhouse::Row;
use serde::Deserialize;

#[derive(Debug, Row, Deserialize)]
struct Minute {
    number: i64,
    good: u64,
    bad: u64,
}

impl Store {
    /// Tries of a probe that began since a time and were stored no later than `as_of`, by minute. Good are those that were answered as they have to be, and
    /// within so many microseconds where that is given.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn probed(
        &self,
        source: &str,
        name: &str,
        within_us: Option<u64>,
        since: Ts,
        as_of: Ts,
    ) -> Result<Vec<Count>, StoreError> {
        let within_us = within_us.map_or(i64::MAX, |us| i64::try_from(us).unwrap_or(i64::MAX));
        let query = self
            .client()
            .query(
                "SELECT intDiv(toInt64(toUnixTimestamp64Micro(began)), ?) AS number, countIf(is_good) AS good, countIf(NOT is_good) AS bad
                 FROM (
                    SELECT any(f.`from`) AS began, any(f.levels[?] = 1 AND f.levels[?] <= ?) AS is_good
                    FROM facts AS f
                    WHERE f.cloud = ? AND f.kind = ? AND f.resource = ? AND f.aspect = 'amount' AND f.at >= fromUnixTimestamp64Micro(?, 'UTC')
                    GROUP BY f.id
                    HAVING min(f.stored_at) <= fromUnixTimestamp64Micro(?, 'UTC')
                 )
                 WHERE began >= fromUnixTimestamp64Micro(?, 'UTC')
                 GROUP BY number ORDER BY number",
            )
            .bind(SLICE_S * 1_000_000)
            .bind(probe::GOOD)
            .bind(probe::TOOK_US)
            .bind(within_us)
            .bind(source)
            .bind(kind::PROBE)
            .bind(name)
            .bind(micros(since))
            .bind(micros(as_of))
            .bind(micros(since));
        let minutes = self.all::<Minute>("count what probes found", query).await?;
        let count = |m: Minute| Count {
            number: m.number,
            good: m.good,
            bad: m.bad,
        };
        Ok(minutes.into_iter().map(count).collect())
    }
}
