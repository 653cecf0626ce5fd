//! SHA-256 of things, and the short ids made from it.

use sha2::{Digest, Sha256};

/// A SHA-256 in lower-case hex (64 characters).
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
}

/// Feeds length-prefixed fields to a hash, so that no two lists of fields share an input.
#[derive(Default)]
pub struct Fields(Sha256);

impl Fields {
    /// Adds one text.
    #[must_use]
    pub fn text(mut self, s: &str) -> Self {
        self.0.update((s.len() as u64).to_be_bytes());
        self.0.update(s.as_bytes());
        self
    }

    /// Adds one number.
    #[must_use]
    pub fn number(mut self, n: i64) -> Self {
        self.0.update(n.to_be_bytes());
        self
    }

    /// The first eight bytes of the hash. Unique enough beside a natural key, never alone.
    #[must_use]
    pub fn short(self) -> u64 {
        let d = self.0.finalize();
        u64::from_be_bytes([d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]])
    }

    /// The first sixteen bytes: what may stand for the fields where they would take too much room.
    #[must_use]
    pub fn long(self) -> u128 {
        let d = self.0.finalize();
        d[..16].iter().fold(0, |n, b| n << 8 | u128::from(*b))
    }

    /// The first sixteen bytes in hex: an id that can stand alone.
    #[must_use]
    pub fn id(self) -> String {
        hex(&self.0.finalize()[..16])
    }
}
