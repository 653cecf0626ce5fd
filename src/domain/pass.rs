//! A pass: one reading of one list of a source.

use super::Ts;
use serde::{Deserialize, Serialize};

/// Which part of a list a pass asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassMode {
    /// Everything that exists.
    Full,
    /// What changed since the watermark before, deleted ones included.
    Changes,
    /// What the cloud still knows of the deleted ones.
    Deleted,
    /// What a queue of notifications held. Nothing open reaches to its watermark: what was lost on the way is not known to be.
    Events,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every item was read: the watermark moves.
    Complete,
    /// It broke off; what it read is kept, the watermark stays.
    Failed,
    /// It is not believed: it would have ended too much at once, or shows less than is there. It ends nothing and moves nothing.
    Suspect,
}

/// One pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Made from (cloud, list, mode, started, collector).
    pub id: u64,
    /// Name of the source.
    pub cloud: String,
    /// `compute`, `identity`, ...
    pub service: String,
    /// Region of the catalogue, or empty.
    pub region: String,
    /// The list: `servers`, `projects`, `flavors`.
    pub list: String,
    /// What part of it.
    pub mode: PassMode,
    /// Our clock at its start.
    pub started: Ts,
    /// Our clock at its end.
    pub finished: Ts,
    /// The cloud's own `Date` at the pass's first request. Open spans reach here, never to "now".
    pub watermark: Ts,
    /// The cloud's clock less ours, microseconds.
    pub skew_us: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Items listed.
    pub items: u64,
    /// Facts written.
    pub facts: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Bytes of bodies received.
    pub bytes: u64,
    /// Why it failed or is suspect, or what a complete one set aside (messages that cannot be read); empty otherwise. Never holds a secret.
    pub error: String,
    /// Which collector read it (host name and process id).
    pub collector: String,
    /// Where the next reading goes on, in the source's own words (a resource version); empty where the watermark is enough.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cursor: String,
}

impl Pass {
    /// The id of a pass: the same wherever it is computed.
    #[must_use]
    pub fn id_of(cloud: &str, list: &str, mode: PassMode, started: Ts, collector: &str) -> u64 {
        let mode = match mode {
            PassMode::Full => "full",
            PassMode::Changes => "changes",
            PassMode::Deleted => "deleted",
            PassMode::Events => "events",
        };
        super::digest::Fields::default()
            .text(cloud)
            .text(list)
            .text(mode)
            .number(started.0)
            .text(collector)
            .short()
    }
}
