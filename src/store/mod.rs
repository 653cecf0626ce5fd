//! Where facts are kept: ClickHouse, embedded as a child process or remote, by one path (the `clickhouse` crate over HTTP).

use crate::{
    config,
    domain::{Batch, Memory, Pass, ResourceKey, StoredFact, Ts, usage::ResourcePieces},
};
use std::collections::BTreeMap;

/// The store.
#[derive(Clone)]
pub struct Store;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[error("store")]
pub struct StoreError;

/// Which facts.
#[derive(Debug, Clone)]
pub struct FactQuery {
    /// Facts stored no later than this.
    pub as_of: Ts,
    /// Resources that were not gone for certain (an event's or record's `Gone`) before this.
    pub not_gone_before: Ts,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this cloud.
    pub cloud: Option<String>,
    /// Only this resource.
    pub resource: Option<String>,
}

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

/// Resources one after another, each with all its facts.
pub struct ResourceStream;

impl ResourceStream {
    /// The next resource; `None` at the end. Ordered by (cloud, kind, resource).
    pub async fn next(&mut self) -> Result<Option<(ResourceKey, Vec<StoredFact>)>, StoreError> {
        unimplemented!()
    }
}

impl Store {
    /// Joins a running engine of the data directory, starts one, or connects to a remote one; then migrates forward.
    pub async fn open(config: &config::Store) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Stops the engine, if this process started it.
    pub async fn close(self) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// True when nobody else can be writing: this process started the embedded engine.
    pub fn is_alone(&self) -> bool {
        unimplemented!()
    }
    /// The store's clock.
    pub async fn now(&self) -> Result<Ts, StoreError> {
        unimplemented!()
    }
    /// Writes a batch: raws, then facts, then passes; returns when the store has acknowledged all.
    pub async fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// What a collector should remember of a cloud.
    pub async fn memory(&self, cloud: &str) -> Result<Memory, StoreError> {
        unimplemented!()
    }
    /// Facts by resource.
    pub async fn resources(&self, query: &FactQuery) -> Result<ResourceStream, StoreError> {
        unimplemented!()
    }
    /// Passes by id.
    pub async fn passes(&self, ids: &[u64]) -> Result<Vec<Pass>, StoreError> {
        unimplemented!()
    }
    /// Latest watermark of complete full or changes passes by (cloud, list), of passes stored no later than `as_of`.
    pub async fn watermarks(&self, as_of: Ts) -> Result<BTreeMap<(String, String), Ts>, StoreError> {
        unimplemented!()
    }
    /// The freshness board.
    pub async fn lists(&self) -> Result<Vec<ListStatus>, StoreError> {
        unimplemented!()
    }
    /// The object behind a fact.
    pub async fn raw(&self, hash: &str) -> Result<Option<String>, StoreError> {
        unimplemented!()
    }
    /// Keeps a definition (`tenancy`, `meters`, `prices`) unless the latest one of its kind is the same. Returns its hash.
    pub async fn put_definition(&self, kind: &str, body: &str) -> Result<String, StoreError> {
        unimplemented!()
    }
    /// The definition of a kind in force as of a time: (hash, body, stored at).
    pub async fn definition(&self, kind: &str, as_of: Ts) -> Result<Option<(String, String, Ts)>, StoreError> {
        unimplemented!()
    }
    /// Replaces the cached pieces of resources, which `v_usage` shows.
    pub async fn replace_pieces(&self, resources: &[ResourcePieces]) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Any query, rows as JSON objects: for dashboards' tests and pages.
    pub async fn json(&self, sql: &str) -> Result<Vec<serde_json::Value>, StoreError> {
        unimplemented!()
    }
}
