//! What goes into the store.

use super::{
    Store, StoreError,
    rows::{DefinitionIn, DefinitionOut, FactIn, PassRow, PiecesIn, RawIn},
};
use crate::domain::{Batch, Ts, digest, usage::ResourcePieces};
use clickhouse::RowWrite;

impl Store {
    /// Writes a batch: raws, then facts, then passes; returns when the store has acknowledged all. May be repeated with the same batch at will.
    ///
    /// # Errors
    /// When the store did not acknowledge it within the insert timeout. Then it may or may not be there: write the same again.
    pub async fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        self.insert::<RawIn<'_>>(
            "write raw objects",
            "raws",
            batch.raws.iter().map(RawIn::from).collect(),
        )
        .await?;
        self.insert::<FactIn<'_>>(
            "write facts",
            "facts",
            batch.facts.iter().map(FactIn::from).collect(),
        )
        .await?;
        self.insert::<PassRow>(
            "write passes",
            "passes",
            batch.passes.iter().map(PassRow::from).collect(),
        )
        .await
    }

    /// Replaces the cached pieces of resources, which `v_usage` shows.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn replace_pieces(&self, resources: &[ResourcePieces]) -> Result<(), StoreError> {
        self.insert::<PiecesIn<'_>>(
            "write pieces of usage",
            "usage_pieces",
            resources.iter().map(PiecesIn::from).collect(),
        )
        .await
    }

    /// Keeps a definition (`tenancy`, `meters`, `prices`) unless the latest one of its kind is the same. Returns its hash (SHA-256, hex).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_definition(&self, kind: &str, body: &str) -> Result<String, StoreError> {
        match self.put_definition_once(kind, body).await {
            Err(e) if e.is_silence() => self.put_definition_once(kind, body).await,
            done => done,
        }
    }

    async fn put_definition_once(&self, kind: &str, body: &str) -> Result<String, StoreError> {
        let hash = digest::sha256_hex(body.as_bytes());
        let latest = self.definition(kind, Ts::MAX).await?;
        if latest.is_none_or(|(known, ..)| known != hash) {
            let row = DefinitionIn {
                kind,
                hash: &hash,
                body,
            };
            self.insert::<DefinitionIn<'_>>("write a definition", "definitions", vec![row])
                .await?;
        }
        Ok(hash)
    }

    /// The definition of a kind in force as of a time: (hash, body, stored at).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn definition(
        &self,
        kind: &str,
        as_of: Ts,
    ) -> Result<Option<(String, String, Ts)>, StoreError> {
        let query = self
            .client()
            .query(
                "SELECT hash, body, stored_at FROM definitions WHERE kind = ? AND stored_at <= fromUnixTimestamp64Micro(?, 'UTC')
                 ORDER BY stored_at DESC, hash DESC LIMIT 1",
            )
            .bind(kind)
            .bind(super::read::micros(as_of));
        let found = self
            .all::<DefinitionOut>("read a definition", query)
            .await?;
        Ok(found
            .into_iter()
            .next()
            .map(|d| (d.hash, d.body, Ts(d.stored_at))))
    }

    /// One insert, acknowledged. The server gives up when we do, so that nothing becomes visible later than its `stored_at` plus the timeout.
    pub(super) async fn insert<'r, T: RowWrite>(
        &self,
        doing: &'static str,
        table: &str,
        rows: Vec<T::Value<'r>>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let limit = self.shared.insert_timeout;
        let client = self
            .client()
            .with_setting("max_execution_time", limit.as_secs().to_string());
        let insert = async {
            let mut insert = client.insert::<T>(table).await?;
            for row in rows {
                insert.write(&row).await?;
            }
            insert.end().await
        };
        self.within(doing, limit, insert).await
    }
}
