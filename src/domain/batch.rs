//! What travels from a source to the store in one piece.

use super::{Fact, Pass};
use serde::{Deserialize, Serialize};

/// The object behind a fact, as the cloud sent it. Kept once per hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw {
    /// SHA-256 of `body`, hex.
    pub hash: String,
    /// The bytes as the cloud sent them (JSON text for OpenStack).
    pub body: String,
}

impl Raw {
    /// Hashes a body.
    #[must_use]
    pub fn new(body: impl Into<String>) -> Self {
        let body = body.into();
        Self {
            hash: super::digest::sha256_hex(body.as_bytes()),
            body,
        }
    }
}

/// Facts, the objects behind them and the passes that end with them. Written to the store in this order: raws, facts, passes; so that a
/// watermark is never known before what it covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batch {
    /// Objects.
    pub raws: Vec<Raw>,
    /// Facts.
    pub facts: Vec<Fact>,
    /// Passes.
    pub passes: Vec<Pass>,
}

impl Batch {
    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raws.is_empty() && self.facts.is_empty() && self.passes.is_empty()
    }

    /// Puts another batch behind this one. What is in the other is written no later than its passes, nor is anything of this one.
    pub fn append(&mut self, mut other: Self) {
        self.raws.append(&mut other.raws);
        self.facts.append(&mut other.facts);
        self.passes.append(&mut other.passes);
    }
}
