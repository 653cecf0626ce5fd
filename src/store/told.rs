//! What facts tell, by resource, as a stream: no more than the fold needs, for whoever folds all there are.
//!
//! # Memory
//! One resource, the values it shares with others ([`VALUES_MAX`] at most), and what of the answer has come but was not read.

use super::{
    QUERY_TIMEOUT, Store, StoreError,
    resources::{DOING, FactQuery},
    rows::ToldOut,
};
use crate::{
    domain::{Aspect, Evidence, ResourceKey, Ts, Value},
    fold::Told,
};
use clickhouse::query::RowCursor;
use futures::FutureExt as _;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Distinct values kept while resources go by: flavors, states, owners and zones are few, names are not.
const VALUES_MAX: usize = 16_384;

/// Resources one after another, each with what its facts tell.
pub struct ToldStream {
    store: Store,
    rows: RowCursor<ToldOut<'static>>,
    as_of: Ts,
    reading: Reading,
    /// The first fact of the next resource.
    ahead: Option<(ResourceKey, Short)>,
    ended: bool,
}

/// A fact, its value by number.
#[derive(Debug, Clone, Copy)]
struct Short {
    id: u64,
    aspect: Aspect,
    evidence: Evidence,
    at: Ts,
    from: Ts,
    seen: Ts,
    value: usize,
    stored_at: Ts,
}

/// The resource that is being read, and the values known so far.
struct Reading {
    key: ResourceKey,
    facts: Vec<Short>,
    values: Vec<Value>,
    /// Numbers of values by their hash.
    known: HashMap<u64, Vec<usize>>,
}

impl Reading {
    fn value(&mut self, row: &ToldOut<'_>) -> Result<usize, StoreError> {
        let mut hasher = DefaultHasher::new();
        (row.value, row.label).hash(&mut hasher);
        let alike = self.known.entry(hasher.finish()).or_default();
        if let Some(i) = alike.iter().find(|i| row.is(&self.values[**i])) {
            return Ok(*i);
        }
        let i = self.values.len();
        self.values.push(row.owned(DOING)?);
        alike.push(i);
        Ok(i)
    }

    fn short(&mut self, row: &ToldOut<'_>) -> Result<Short, StoreError> {
        let (aspect, evidence) = row.sort(DOING)?;
        Ok(Short {
            id: row.id,
            aspect,
            evidence,
            at: Ts(row.at),
            from: Ts(row.from),
            seen: Ts(row.seen),
            value: self.value(row)?,
            stored_at: Ts(row.stored_at),
        })
    }

    /// Takes in a row; gives it back where it begins the next resource.
    fn take(&mut self, row: &ToldOut<'_>) -> Result<Option<(ResourceKey, Short)>, StoreError> {
        let fact = self.short(row)?;
        let key = &self.key;
        if row.resource != key.resource || row.kind != key.kind || row.cloud != key.cloud {
            let next = ResourceKey {
                cloud: row.cloud.to_owned(),
                kind: row.kind.to_owned(),
                resource: row.resource.to_owned(),
            };
            return Ok(Some((next, fact)));
        }
        match self.facts.last_mut() {
            // A duplicate: of all that the fold reads, only `stored_at` can differ.
            Some(last) if (last.id, last.aspect, last.at) == (fact.id, fact.aspect, fact.at) => {
                last.stored_at = last.stored_at.min(fact.stored_at);
            }
            _ => self.facts.push(fact),
        }
        Ok(None)
    }

    /// Forgets the resource, and the values when they have become many.
    fn next(&mut self, key: ResourceKey, mut first: Short) {
        self.key = key;
        self.facts.clear();
        if self.values.len() > VALUES_MAX {
            let value = self.values.swap_remove(first.value);
            self.values = vec![value];
            self.known.clear();
            first.value = 0;
        }
        self.facts.push(first);
    }
}

impl ToldStream {
    /// The next resource; `None` at the end. Ordered by (cloud, kind, resource); its facts by (aspect, at, id), each once.
    ///
    /// # Errors
    /// When the store fails. The stream cannot be resumed then.
    pub async fn next(&mut self) -> Result<Option<(&ResourceKey, Vec<Told<'_>>)>, StoreError> {
        loop {
            if !self.read().await? {
                return Ok(None);
            }
            // After folding: the earliest of all duplicates decides, however far the store has merged them.
            let as_of = self.as_of;
            self.reading.facts.retain(|f| f.stored_at <= as_of);
            if !self.reading.facts.is_empty() {
                break;
            }
        }
        let Reading {
            key, facts, values, ..
        } = &self.reading;
        let told = facts.iter().map(|f| Told {
            id: f.id,
            aspect: f.aspect,
            evidence: f.evidence,
            at: f.at,
            from: f.from,
            seen: f.seen,
            value: &values[f.value],
        });
        Ok(Some((key, told.collect())))
    }

    /// Reads one resource. False at the end.
    async fn read(&mut self) -> Result<bool, StoreError> {
        if let Some((key, first)) = self.ahead.take() {
            self.reading.next(key, first);
        } else if self.ended {
            return Ok(false);
        } else {
            self.reading.facts.clear();
        }
        loop {
            // Most rows have come already: waiting for those, with a limit, would cost more than reading them.
            let row = match self.rows.next().now_or_never() {
                Some(row) => {
                    let row = row.map_err(|e| self.store.sorted(DOING, &e))?;
                    row.map(|r| self.reading.take(&r)).transpose()?
                }
                None => {
                    let row = self.rows.next();
                    let row = self.store.within(DOING, QUERY_TIMEOUT, row).await?;
                    row.map(|r| self.reading.take(&r)).transpose()?
                }
            };
            match row {
                None => {
                    self.ended = true;
                    return Ok(!self.reading.facts.is_empty());
                }
                Some(None) => {}
                Some(Some((key, first))) if self.reading.facts.is_empty() => {
                    self.reading.next(key, first);
                }
                Some(next) => {
                    self.ahead = next;
                    return Ok(true);
                }
            }
        }
    }
}

impl Store {
    /// What facts tell, by resource.
    ///
    /// # Errors
    /// When the store fails.
    pub fn told(&self, query: &FactQuery) -> Result<ToldStream, StoreError> {
        let nothing = ResourceKey {
            cloud: String::new(),
            kind: String::new(),
            resource: String::new(),
        };
        Ok(ToldStream {
            store: self.clone(),
            rows: self.rows(query)?,
            as_of: query.as_of,
            reading: Reading {
                key: nothing,
                facts: Vec::new(),
                values: Vec::new(),
                known: HashMap::new(),
            },
            ahead: None,
            ended: false,
        })
    }
}
