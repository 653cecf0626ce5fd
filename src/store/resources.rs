//! Facts by resource, as a stream: the fold's food.
//!
//! # Memory
//! The table's own order is the stream's order, so that neither side sorts: the store holds a block of each part, we hold one resource.

use super::{QUERY_TIMEOUT, Store, StoreError, read::micros, rows::FactOut};
use crate::{
    domain::{
        Period, ResourceKey, StoredFact, Ts,
        fact::{amount, kind},
    },
    fold::JOINED_S,
};
use clickhouse::{
    Row,
    query::{Query, RowCursor},
};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const DOING: &str = "read facts";

/// Which facts.
#[derive(Debug, Clone)]
pub struct FactQuery {
    /// Facts stored no later than this.
    pub as_of: Ts,
    /// Resources that were not gone for certain (an event's or record's `Gone`) before this, without what counters showed of stretches that
    /// ended by then.
    pub not_gone_before: Ts,
    /// Only of these kinds; empty: all.
    pub kinds: Vec<String>,
    /// Only of this cloud.
    pub cloud: Option<String>,
    /// Only these resources; empty: all.
    pub resources: Vec<String>,
    /// Readings of counters and gauges from here to there alone; `None`: all. They are the one thing that grows with time.
    pub readings: Option<(Ts, Ts)>,
}

impl FactQuery {
    /// All facts stored no later than `as_of`.
    #[must_use]
    pub const fn all(as_of: Ts) -> Self {
        Self {
            as_of,
            not_gone_before: Ts::MIN,
            kinds: Vec::new(),
            cloud: None,
            resources: Vec::new(),
            readings: None,
        }
    }

    /// No more readings than what begins in a period needs, and what reaches into it.
    #[must_use]
    pub fn readings_of(self, period: &Period) -> Self {
        Self {
            readings: Some((
                period.from.plus_seconds(-JOINED_S),
                period.to.plus_seconds(JOINED_S),
            )),
            ..self
        }
    }
}

/// Resources one after another, each with all its facts.
pub struct ResourceStream {
    store: Store,
    rows: RowCursor<FactOut>,
    as_of: Ts,
    ahead: Option<(u64, StoredFact)>,
}

impl ResourceStream {
    /// The next resource; `None` at the end. Ordered by (cloud, kind, resource); its facts by (aspect, at, id), each once.
    ///
    /// # Errors
    /// When the store fails. The stream cannot be resumed then.
    pub async fn next(&mut self) -> Result<Option<(ResourceKey, Vec<StoredFact>)>, StoreError> {
        loop {
            let Some((mut id, first)) = (match self.ahead.take() {
                Some(fact) => Some(fact),
                None => self.row().await?,
            }) else {
                return Ok(None);
            };
            let key = first.fact.key.clone();
            let mut facts = vec![first];
            while let Some((next_id, next)) = self.row().await? {
                if next.fact.key != key {
                    self.ahead = Some((next_id, next));
                    break;
                }
                match facts.last_mut() {
                    Some(last)
                        if id == next_id
                            && last.fact.aspect == next.fact.aspect
                            && last.fact.at == next.fact.at =>
                    {
                        fold(last, next)
                    }
                    _ => facts.push(next),
                }
                id = next_id;
            }
            // After folding: the earliest of all duplicates decides, however far the store has merged them.
            facts.retain(|f| f.stored_at <= self.as_of);
            if !facts.is_empty() {
                return Ok(Some((key, facts)));
            }
        }
    }

    async fn row(&mut self) -> Result<Option<(u64, StoredFact)>, StoreError> {
        match self
            .store
            .within(DOING, QUERY_TIMEOUT, self.rows.next())
            .await?
        {
            Some(row) => row.fact(DOING).map(Some),
            None => Ok(None),
        }
    }
}

/// Folds a duplicate as the table's own aggregates do (`0001_facts.sql`).
fn fold(kept: &mut StoredFact, other: StoredFact) {
    kept.stored_at = kept.stored_at.min(other.stored_at);
    kept.fact.observed_at = kept.fact.observed_at.min(other.fact.observed_at);
    kept.fact.pass = kept.fact.pass.min(other.fact.pass);
    if other.fact.raw > kept.fact.raw {
        kept.fact.raw = other.fact.raw;
    }
}

impl Store {
    /// Facts by resource.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resources(&self, query: &FactQuery) -> Result<ResourceStream, StoreError> {
        Ok(ResourceStream {
            store: self.clone(),
            rows: self.rows(query)?,
            as_of: query.as_of,
            ahead: None,
        })
    }

    /// The rows of a query in the table's own order.
    pub(super) fn rows<T: Row>(&self, query: &FactQuery) -> Result<RowCursor<T>, StoreError> {
        let mut only = String::new();
        if query.cloud.is_some() {
            only.push_str(" AND cloud = ?");
        }
        let among = [("kind", &query.kinds), ("resource", &query.resources)];
        for (column, words) in among {
            if !words.is_empty() {
                only.push_str(&format!(" AND {column} IN ?"));
            }
        }
        let bind = |q: Query| {
            let q = query.cloud.iter().fold(q, |q, cloud| q.bind(cloud));
            among
                .iter()
                .filter(|(_, words)| !words.is_empty())
                .fold(q, |q, (_, words)| q.bind(words))
        };
        let mut sql = format!("SELECT ?fields FROM facts WHERE 1{only}");
        if query.readings.is_some() {
            sql.push_str(
                " AND (aspect != 'reading' OR at BETWEEN fromUnixTimestamp64Micro(?, 'UTC') AND fromUnixTimestamp64Micro(?, 'UTC'))",
            );
        }
        let past = query.not_gone_before > Ts::MIN;
        if past {
            sql.push_str(&format!(
                " AND (cloud, kind, resource) NOT IN (SELECT cloud, kind, resource FROM facts
                    WHERE value = 'gone' AND evidence IN ('event', 'record') AND stored_at <= fromUnixTimestamp64Micro(?, 'UTC'){only}
                    GROUP BY cloud, kind, resource HAVING max(at) < fromUnixTimestamp64Micro(?, 'UTC'))
                 AND (aspect != 'amount' OR evidence != 'sighting' OR at > fromUnixTimestamp64Micro(?, 'UTC'))"
            ));
        }
        sql.push_str(" ORDER BY cloud, kind, resource, aspect, at, id");
        let mut bound = bind(self.query(&sql));
        if let Some((first, last)) = query.readings {
            bound = bound.bind(micros(first)).bind(micros(last));
        }
        if past {
            bound = bound.bind(micros(query.as_of));
            bound = bind(bound);
            bound = bound.bind(micros(query.not_gone_before));
            bound = bound.bind(micros(query.not_gone_before));
        }
        // The answer is read as it comes; buffered, it would have to fit into the server's memory first.
        bound
            .with_setting("wait_end_of_query", "0")
            .fetch::<T>()
            .map_err(|e| self.sorted(DOING, &e))
    }

    /// Contracts that amounts and readings name themselves, in facts stored no later than `as_of`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn named_contracts(&self, as_of: Ts) -> Result<Vec<String>, StoreError> {
        let query = self
            .query(
                "SELECT DISTINCT substring(attrs[?], length(?) + 1) FROM facts WHERE kind IN (?, ?) AND aspect IN ('amount', 'reading') AND startsWith(attrs[?], ?)
                 AND stored_at <= fromUnixTimestamp64Micro(?, 'UTC')",
            )
            .bind(amount::SCOPE)
            .bind(amount::CONTRACT)
            .bind(kind::IMPORTED)
            .bind(kind::MEASURED)
            .bind(amount::SCOPE)
            .bind(amount::CONTRACT)
            .bind(micros(as_of));
        self.all::<String>("read the contracts that events name", query)
            .await
    }

    /// What is known of the imported events of a source: the facts with these events' ids, by event.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn imported(
        &self,
        cloud: &str,
        events: &[&str],
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        #[derive(Row, Deserialize)]
        struct Known {
            event: String,
            id: u64,
        }
        let query = self
            .query("SELECT attrs[?] AS event, id FROM facts WHERE cloud = ? AND kind = ? AND aspect = 'amount' AND event IN ?")
            .bind(amount::EVENT)
            .bind(cloud)
            .bind(kind::IMPORTED)
            .bind(events);
        let known = self
            .all::<Known>("read what was imported before", query)
            .await?;
        Ok(known.into_iter().map(|k| (k.event, k.id)).collect())
    }
}
