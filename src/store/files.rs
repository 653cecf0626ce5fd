//! The files of closed months, in parts.

use super::{QUERY_TIMEOUT, Store, StoreError};
use clickhouse::{Row, query::RowCursor};
use serde::{Deserialize, Serialize};

const DOING: &str = "read files of a closing";
/// Bytes of a part of a file.
pub const PART_BYTES: usize = 1 << 20;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct FilePart {
    /// The form of the files: `csv`.
    pub form: String,
    /// Its name.
    pub name: String,
    /// From 0.
    pub part: u32,
    /// Its bytes.
    #[serde(with = "bytes")]
    pub body: Vec<u8>,
}

#[derive(Debug, Row, Serialize)]
struct PartIn<'a> {
    closing: &'a str,
    form: &'a str,
    name: &'a str,
    part: u32,
    #[serde(with = "bytes")]
    body: &'a [u8],
}

/// Bytes as the store has strings: not text.
mod bytes {
    use serde::{Deserializer, Serializer, de};
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(bytes: &&[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Vec<u8>, E> {
                Ok(v.to_vec())
            }

            fn visit_byte_buf<E: de::Error>(self, v: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(v)
            }
        }
        d.deserialize_byte_buf(Bytes)
    }
}

/// The parts of files, one after another.
pub struct FileParts {
    store: Store,
    rows: RowCursor<FilePart>,
}

impl FileParts {
    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// When the store fails. The stream cannot be resumed then.
    pub async fn next(&mut self) -> Result<Option<FilePart>, StoreError> {
        let row = self.rows.next();
        self.store.within(DOING, QUERY_TIMEOUT, row).await
    }
}

impl Store {
    /// Keeps parts of files. May be repeated with the same parts at will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_file_parts(
        &self,
        closing: &str,
        parts: &[FilePart],
    ) -> Result<(), StoreError> {
        let rows = parts.iter().map(|p| PartIn {
            closing,
            form: &p.form,
            name: &p.name,
            part: p.part,
            body: &p.body,
        });
        let rows: Vec<PartIn<'_>> = rows.collect();
        self.insert::<PartIn<'_>>("write files of a closing", "closed_files", rows)
            .await
    }

    /// The files of a form, by name and part, each part once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn file_parts(&self, closing: &str, form: &str) -> Result<FileParts, StoreError> {
        let query = self
            .query("SELECT ?fields FROM closed_files WHERE closing = ? AND form = ? ORDER BY name, part LIMIT 1 BY name, part")
            .bind(closing)
            .bind(form);
        let query = query.with_setting("wait_end_of_query", "0");
        let rows = query.fetch::<FilePart>();
        let rows = rows.map_err(|e| self.sorted(DOING, &e))?;
        let store = self.clone();
        Ok(FileParts { store, rows })
    }
}
