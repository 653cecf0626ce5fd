//! The section `meters` as it is written.

use super::{Part, Zone};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What counts, and in whose calendar.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Meters {
    /// Months begin and end at midnight here.
    pub(in crate::config) time_zone: Zone,
    /// Which states count: `existence` (stopped and shelved servers too) or `active` (running ones).
    pub(in crate::config) preset: String,
    /// Other states for single meters: a preset's name or a list of states.
    pub(in crate::config) states: BTreeMap<String, States>,
    /// Of `k8s.cpu.billed` and `k8s.memory.billed`, what is billed. Default: they are not counted.
    pub(in crate::config) billed: BTreeMap<String, Bills>,
    /// Meters of your own, for what `plimsoll import` brings and what sources of the kind `prometheus` read: backups, licences, energy.
    pub(in crate::config) declared: Vec<Part<Declared>>,
}

/// Which of two quantities is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Bills {
    /// What is requested.
    Request,
    /// What is used, as kubelets tell it.
    Usage,
    /// In each hour of UTC the greater of both.
    Greater,
}

/// A meter of your own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Declared {
    /// Its name in events, sources, prices and lines.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"), example = &"backup.protected")]
    pub(in crate::config) name: String,
    /// For people.
    pub(in crate::config) description: String,
    /// UCUM unit of what is counted: `By`, `{licence}`, `{call}`. Of a level, seconds are added: `By.s`.
    #[schemars(example = &"By")]
    pub(in crate::config) unit: String,
    /// `level`: held for a time, as bytes are; `amount`: passed, as calls are.
    pub(in crate::config) kind: MeterKind,
    /// What may be priced apart; events and labels say it. Default: nothing.
    #[serde(default)]
    pub(in crate::config) dimensions: Vec<Dimension>,
}

/// Held or passing.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum MeterKind {
    /// What is held: a level, times the seconds it is held.
    Level,
    /// What passes: a number of things.
    Amount,
}

/// Name of a dimension.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::config) struct Dimension(
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"), example = &"product")]
    pub(in crate::config)  String,
);

impl Default for Meters {
    fn default() -> Self {
        Self {
            time_zone: Zone(chrono_tz::UTC),
            preset: "existence".to_owned(),
            states: BTreeMap::new(),
            billed: BTreeMap::new(),
            declared: Vec::new(),
        }
    }
}

/// The states that count for a meter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(example = &"active", example = &serde_json::json!(["active", "resized"]))]
pub(in crate::config) enum States {
    /// Those of a preset.
    Preset(String),
    /// These.
    These(Vec<String>),
}
