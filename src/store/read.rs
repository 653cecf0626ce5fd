//! What comes out of the store: passes, watermarks, memory, objects.

use super::{
    Store, StoreError,
    rows::{PassRow, SightedOut, aspect_of, value_of},
};
use crate::domain::{
    Memory, Pass, Ts,
    memory::{Remembered, Sighted},
};
use clickhouse::{Row, query::Query};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// How far one list reaches: the freshness board's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStatus {
    /// Source.
    pub cloud: String,
    /// List.
    pub list: String,
    /// Watermark of the latest complete pass (full or changes).
    pub watermark: Option<Ts>,
    /// The latest pass, whatever came of it.
    pub last: Pass,
    /// How many passes were suspect so far.
    pub suspect: u64,
    /// How many failed so far.
    pub failed: u64,
}

/// Where the calendar of `DateTime64` begins and ends: 1900 and 2299. A time to compare with is moved inside, which compares the same.
pub(super) fn micros(t: Ts) -> i64 {
    t.0.clamp(-2_208_988_800_000_000, 10_413_791_999_000_000)
}

#[derive(Debug, Row, Deserialize)]
struct Reach {
    cloud: String,
    list: String,
    watermark: i64,
    full: i64,
    complete: u64,
    complete_full: u64,
    deleted: i64,
    complete_deleted: u64,
    cursor: String,
}

#[derive(Debug, Row, Deserialize)]
struct Counts {
    cloud: String,
    list: String,
    suspect: u64,
    failed: u64,
}

#[derive(Debug, Row, Deserialize)]
struct Named {
    kind: String,
    resource: String,
}

/// Resources of a cloud that are not known to be gone; what is counted alone is neither there nor gone. What an event or a record says to be gone is gone; what was missed is gone unless it was seen since.
const OPEN: &str = "SELECT kind, resource FROM facts WHERE cloud = ? AND aspect != 'amount' GROUP BY cloud, kind, resource
    HAVING countIf(value = 'gone' AND evidence IN ('event', 'record')) = 0
       AND (countIf(value = 'gone' AND evidence = 'missing') = 0
            OR maxIf(seen, evidence = 'sighting') > maxIf(seen, value = 'gone' AND evidence = 'missing'))";

impl Store {
    /// The store's clock.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn now(&self) -> Result<Ts, StoreError> {
        Ok(Ts(self
            .one::<i64>(
                "read the store's clock",
                "SELECT toUnixTimestamp64Micro(now64(6, 'UTC'))",
            )
            .await?))
    }

    /// What a collector should remember of a cloud: its resources that are not gone, with the latest sighting of each aspect, and how far its lists reach.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn memory(&self, cloud: &str) -> Result<Memory, StoreError> {
        // By the second attempt an engine that had gone is replaced.
        match self.memory_once(cloud).await {
            Err(e) if e.is_silence() => self.memory_once(cloud).await,
            done => done,
        }
    }

    async fn memory_once(&self, cloud: &str) -> Result<Memory, StoreError> {
        const DOING: &str = "remember a cloud";
        let mut memory = Memory::default();
        let open = self.client().query(OPEN).bind(cloud);
        for named in self.all::<Named>(DOING, open).await? {
            memory
                .open_mut(&named.kind)
                .insert(named.resource, Remembered::default());
        }
        let latest = "SELECT kind, resource, aspect, tupleElement(m, 1) AS value, tupleElement(m, 2) AS label, tupleElement(m, 3) AS levels,
                tupleElement(m, 4) AS attrs, tupleElement(m, 5) AS at, tupleElement(m, 6) AS seen
            FROM (SELECT kind, resource, aspect, argMax((value, label, levels, attrs, at, seen), (seen, at, id)) AS m
                  FROM facts WHERE cloud = ? AND aspect NOT IN ('amount', 'reading') AND evidence = 'sighting' AND (kind, resource) IN (OPEN)
                  GROUP BY cloud, kind, resource, aspect)";
        let query = self
            .client()
            .query(&latest.replace("OPEN", OPEN))
            .bind(cloud)
            .bind(cloud);
        let mut rows = query
            .fetch::<SightedOut>()
            .map_err(|e| self.sorted(DOING, &e))?;
        while let Some(row) = self
            .within(DOING, super::QUERY_TIMEOUT, rows.next())
            .await?
        {
            let unknown = || StoreError::Unknown {
                doing: DOING,
                what: format!("a sighting of {} {}", row.kind, row.resource),
            };
            let aspect = aspect_of(row.aspect).ok_or_else(unknown)?;
            let value = value_of(
                row.value,
                row.label.clone(),
                row.levels.clone(),
                row.attrs.clone(),
            )
            .ok_or_else(unknown)?;
            let sighted = Sighted {
                value,
                at: Ts(row.at),
                seen: Ts(row.seen),
            };
            memory
                .open_mut(&row.kind)
                .entry(row.resource)
                .or_default()
                .sighted
                .insert(aspect, sighted);
        }
        for reach in self
            .reaches(Ts::MAX)
            .await?
            .into_iter()
            .filter(|r| r.cloud == cloud)
        {
            if reach.complete > 0 {
                memory
                    .watermarks
                    .insert(reach.list.clone(), Ts(reach.watermark));
            }
            // Nothing is metered up to there, but what a collector knows of the deleted ones reaches that far.
            if reach.complete == 0 && reach.complete_deleted > 0 {
                memory
                    .watermarks
                    .insert(reach.list.clone(), Ts(reach.deleted));
            }
            if !reach.cursor.is_empty() {
                memory.cursors.insert(reach.list.clone(), reach.cursor);
            }
            if reach.complete_full > 0 {
                memory.full_watermarks.insert(reach.list, Ts(reach.full));
            }
        }
        Ok(memory)
    }

    /// Passes by id, in no order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn passes(&self, ids: &[u64]) -> Result<Vec<Pass>, StoreError> {
        const DOING: &str = "read passes";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = self
            .client()
            .query("SELECT ?fields FROM passes WHERE id IN ? LIMIT 1 BY id")
            .bind(ids);
        self.all::<PassRow>(DOING, query)
            .await?
            .into_iter()
            .map(|r| r.pass(DOING))
            .collect()
    }

    /// Latest watermark of complete full or changes passes by (cloud, list), of passes stored no later than `as_of`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn watermarks(
        &self,
        as_of: Ts,
    ) -> Result<BTreeMap<(String, String), Ts>, StoreError> {
        let reaches = self.reaches(as_of).await?;
        Ok(reaches
            .into_iter()
            .filter(|r| r.complete > 0)
            .map(|r| ((r.cloud, r.list), Ts(r.watermark)))
            .collect())
    }

    async fn reaches(&self, as_of: Ts) -> Result<Vec<Reach>, StoreError> {
        let query = self
            .client()
            .query(
                "SELECT p.cloud AS cloud, p.list AS list,
                    maxIf(p.watermark, p.mode IN ('full', 'changes')) AS watermark, maxIf(p.watermark, p.mode = 'full') AS full,
                    countIf(p.mode IN ('full', 'changes')) AS complete, countIf(p.mode = 'full') AS complete_full,
                    maxIf(p.watermark, p.mode = 'deleted') AS deleted, countIf(p.mode = 'deleted') AS complete_deleted,
                    argMaxIf(p.cursor, (p.watermark, p.started), p.cursor != '') AS cursor
                 FROM passes AS p WHERE p.outcome = 'complete' AND p.stored_at <= fromUnixTimestamp64Micro(?, 'UTC') GROUP BY cloud, list",
            )
            .bind(micros(as_of));
        self.all::<Reach>("read watermarks", query).await
    }

    /// The freshness board, by cloud and list.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lists(&self) -> Result<Vec<ListStatus>, StoreError> {
        const DOING: &str = "read the freshness board";
        let watermarks = self.watermarks(Ts::MAX).await?;
        let counts = self.client().query(
            "SELECT cloud, list, uniqExactIf(id, outcome = 'suspect') AS suspect, uniqExactIf(id, outcome = 'failed') AS failed
             FROM passes GROUP BY cloud, list",
        );
        let counts: HashMap<(String, String), (u64, u64)> = self
            .all::<Counts>(DOING, counts)
            .await?
            .into_iter()
            .map(|c| ((c.cloud, c.list), (c.suspect, c.failed)))
            .collect();
        let latest = self.client().query("SELECT ?fields FROM passes ORDER BY cloud, list, started DESC, id DESC LIMIT 1 BY cloud, list");
        let latest = self.all::<PassRow>(DOING, latest).await?;
        latest
            .into_iter()
            .map(|row| {
                let last = row.pass(DOING)?;
                let list = (last.cloud.clone(), last.list.clone());
                let (suspect, failed) = counts.get(&list).copied().unwrap_or_default();
                let watermark = watermarks.get(&list).copied();
                Ok(ListStatus {
                    cloud: list.0,
                    list: list.1,
                    watermark,
                    last,
                    suspect,
                    failed,
                })
            })
            .collect()
    }

    /// The object behind a fact, by its hash.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn raw(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let query = self
            .client()
            .query("SELECT body FROM raws WHERE hash = ? LIMIT 1")
            .bind(hash);
        Ok(self
            .all::<String>("read a raw object", query)
            .await?
            .into_iter()
            .next())
    }

    /// Any query, rows as JSON objects: for dashboards' tests and pages. Integers of 64 bits and more come as strings of digits.
    ///
    /// # Errors
    /// When the store fails or refuses the query, or a row is not JSON.
    pub async fn json(&self, sql: &str) -> Result<Vec<serde_json::Value>, StoreError> {
        const DOING: &str = "query";
        let mut bytes = self
            .client()
            .query_raw(sql)
            .fetch_bytes("JSONEachRow")
            .map_err(|e| self.sorted(DOING, &e))?;
        let text = self
            .within(DOING, super::QUERY_TIMEOUT, bytes.collect())
            .await?;
        let rows = text
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(serde_json::from_slice);
        rows.collect::<Result<_, _>>()
            .map_err(|e| StoreError::Unknown {
                doing: DOING,
                what: format!("a row that is not JSON ({e})"),
            })
    }

    /// An error of the client crate's, in our words.
    pub(super) fn sorted(
        &self,
        doing: &'static str,
        error: &clickhouse::error::Error,
    ) -> StoreError {
        StoreError::of(doing, &self.shared.place, super::QUERY_TIMEOUT, error)
    }

    /// A query of ours, for those beside.
    pub(super) fn query(&self, sql: &str) -> Query {
        self.client().query(sql)
    }
}
