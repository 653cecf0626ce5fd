//! OpenSLO v1 as it is written: SLO, SLI and Service. What `super::slo` cannot take at its word it refuses by name, with a hint.

use super::{leaf::Decimal, raw::Part};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Words that YAML takes for truth values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Truth {
    /// Yes.
    True,
    /// No.
    False,
}

/// The one version that is read.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum Version {
    /// OpenSLO v1.
    #[serde(rename = "openslo/v1")]
    V1,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Kind {
    /// An objective.
    #[serde(rename = "SLO")]
    Slo,
    /// An indicator, to be referred to.
    #[serde(rename = "SLI")]
    Sli,
    /// A service.
    Service,
}

/// A document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document<S> {
    /// openslo/v1.
    #[expect(dead_code, reason = "the schema holds it to the one version")]
    api_version: Version,
    /// SLO, SLI or Service.
    #[expect(dead_code, reason = "it chose the type that is read here")]
    kind: Kind,
    /// Its name.
    pub(super) metadata: Metadata,
    /// What it says.
    pub(super) spec: S,
}

/// A document's name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Metadata {
    /// Lower case letters, digits, `-` and `.`; unique among its kind.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{0,62}$"), example = &"server-boot")]
    pub(super) name: String,
    /// For people.
    pub(super) display_name: Option<String>,
    /// Labels; they are not used.
    #[serde(default)]
    #[expect(dead_code, reason = "part of the format")]
    labels: BTreeMap<String, String>,
    /// Extensions begin with `plimsoll/`.
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// A service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// In a sentence.
    #[expect(dead_code, reason = "part of the format")]
    description: Option<String>,
}

/// An indicator.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Sli {
    /// In a sentence.
    #[expect(dead_code, reason = "part of the format")]
    description: Option<String>,
    /// Good (or bad) events of all.
    pub(super) ratio_metric: Option<Ratio>,
    /// Not taken: see the hint.
    pub(super) threshold_metric: Option<Source>,
}

/// Good or bad events of all.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Ratio {
    /// true: both are counters.
    pub(super) counter: Option<Truth>,
    /// Good events.
    pub(super) good: Option<Source>,
    /// Bad events, in place of good ones.
    pub(super) bad: Option<Source>,
    /// All events.
    pub(super) total: Option<Source>,
    /// Not taken: see the hint.
    pub(super) raw: Option<Source>,
    /// Goes with `raw`.
    pub(super) raw_type: Option<String>,
}

/// Where a number is from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Source {
    /// Where from.
    pub(super) metric_source: MetricSource,
}

/// Where a number is from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct MetricSource {
    /// Not taken: see the hint.
    pub(super) metric_source_ref: Option<String>,
    /// plimsoll: facts. prometheus: counters that Prometheus scrapes.
    #[serde(rename = "type")]
    pub(super) kind: Option<SourceType>,
    /// plimsoll: `event` (server.boot, or probe with the `probe`'s name) and `within`. prometheus: `query`.
    #[serde(default)]
    pub(super) spec: BTreeMap<String, String>,
}

/// Kinds of sources of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum SourceType {
    /// Facts.
    #[serde(rename = "plimsoll")]
    Plimsoll,
    /// Counters.
    #[serde(rename = "prometheus")]
    Prometheus,
    /// As others write it.
    #[serde(rename = "Prometheus")]
    PrometheusToo,
}

/// An objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Slo {
    /// What it promises, in a sentence.
    pub(super) description: Option<String>,
    /// Name of a Service.
    pub(super) service: String,
    /// The indicator, here.
    pub(super) indicator: Option<Inline>,
    /// Or the name of an SLI.
    pub(super) indicator_ref: Option<String>,
    /// Over which time; one of them.
    pub(super) time_window: Vec<TimeWindow>,
    /// Occurrences: events are counted.
    pub(super) budgeting_method: Option<Budgeting>,
    /// The target; one of them.
    pub(super) objectives: Vec<Objective>,
    /// Not taken: see the hint.
    pub(super) alert_policies: Option<Vec<BTreeMap<String, String>>>,
}

/// An indicator within an objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Inline {
    /// Its name.
    #[expect(dead_code, reason = "part of the format; nothing refers to it")]
    metadata: Option<Metadata>,
    /// What it says.
    pub(super) spec: Sli,
}

/// How a budget is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Budgeting {
    /// By events.
    Occurrences,
    /// Not taken: see the hint.
    Timeslices,
    /// Not taken: see the hint.
    RatioTimeslices,
}

/// Over which time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TimeWindow {
    /// A number and h, d, w; of the calendar 1d, 1w, 1M, 1Q or 1Y.
    #[schemars(regex(pattern = r"^[0-9]{1,5}[hdwMQY]$"), example = &"30d", example = &"1M")]
    pub(super) duration: String,
    /// true: the last so many days at every moment.
    pub(super) is_rolling: Option<Truth>,
    /// Where a calendar window begins.
    pub(super) calendar: Option<Calendar>,
}

/// Where a calendar window begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Calendar {
    /// The beginning of one of them: 2026-01-01 00:00:00.
    pub(super) start_time: String,
    /// IANA name.
    pub(super) time_zone: super::leaf::Zone,
}

/// A target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Objective {
    /// For people.
    #[expect(dead_code, reason = "part of the format")]
    display_name: Option<String>,
    /// The share that shall be good: 0.999.
    pub(super) target: Option<Part<Decimal>>,
    /// Not taken: see the hint.
    pub(super) target_percent: Option<Part<Decimal>>,
    /// Not taken: see the hint.
    pub(super) op: Option<String>,
    /// Not taken: see the hint.
    pub(super) value: Option<Part<Decimal>>,
    /// Not taken: see the hint.
    pub(super) time_slice_target: Option<Part<Decimal>>,
    /// Not taken: see the hint.
    pub(super) time_slice_window: Option<String>,
}
