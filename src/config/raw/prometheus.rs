//! Pages of metrics, or a server that keeps them, as they are written.

use super::{Part, SecretRef};
use crate::config::leaf::{Bytes, Factor, Pattern, Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PrometheusKind")]
pub(in crate::config) enum Kind {
    /// Metrics in the formats of Prometheus: scraped from where they are published, or asked of a server that keeps them.
    Prometheus,
}

/// Metrics in the formats of Prometheus: of `targets` that are scraped, or of a `server` that is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Prometheus {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another source's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"exporters")]
    pub(in crate::config) name: String,
    /// Pages to scrape. Each is read by itself: one that is dead delays no other.
    #[serde(default)]
    pub(in crate::config) targets: Vec<Part<Target>>,
    /// Or a server with the HTTP API of Prometheus, in place of `targets`.
    pub(in crate::config) server: Option<Part<Server>>,
    /// What is metered of them.
    pub(in crate::config) metrics: Vec<Part<Metric>>,
    /// Time between readings. Shorter: less is lost when a counter begins anew. 1s to 1h.
    #[serde(default = "Prometheus::interval")]
    pub(in crate::config) interval: Seconds,
    /// Time for one request. 1s to 10m.
    #[serde(default = "Prometheus::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Largest page or answer that is read. At least 64KiB.
    #[serde(default = "Prometheus::body_max")]
    pub(in crate::config) body_max: Bytes,
    /// A bearer token that is sent along.
    pub(in crate::config) bearer_token: Option<Part<SecretRef>>,
    /// Or a user, with `password`.
    pub(in crate::config) username: Option<String>,
    /// Password of `username`.
    pub(in crate::config) password: Option<Part<SecretRef>>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl Prometheus {
    pub(in crate::config) fn interval() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn timeout() -> Seconds {
        Seconds(10)
    }
    pub(in crate::config) fn body_max() -> Bytes {
        Bytes(64 << 20)
    }
}

/// A page to scrape.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Target {
    /// Where it is.
    pub(in crate::config) url: Part<WebUrl>,
    /// Its list in passes and metrics. Default: host and port.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$"))]
    pub(in crate::config) name: Option<String>,
    /// Labels that all of its samples get. Default: `instance` alone, which is host and port. A sample's own label of that name becomes `exported_` and it.
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
}

/// A server with the HTTP API of Prometheus.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Server {
    /// Where it is: what stands before `/api/v1/query_range`.
    pub(in crate::config) url: Part<WebUrl>,
    /// How far behind the server's clock is read, so that what it scrapes late is in. At most 1h.
    #[serde(default = "Server::delay")]
    pub(in crate::config) delay: Seconds,
    /// After an outage, how far back is read. At most 366d, and no further than the server remembers.
    #[serde(default = "Server::catch_up")]
    pub(in crate::config) catch_up: Seconds,
}

impl Server {
    pub(in crate::config) fn delay() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn catch_up() -> Seconds {
        Seconds(7 * 86_400)
    }
}

/// Series, and the declared meter that they feed: counters an `amount`, gauges a `level`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Metric {
    /// Name of the samples, as their lines begin: with `_total` where they have it.
    #[schemars(regex(pattern = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"), example = &"node_rapl_package_joules_total")]
    pub(in crate::config) metric: Option<String>,
    /// Or an expression whose value is metered, of a `server`.
    pub(in crate::config) query: Option<String>,
    /// Only samples whose labels match these, wholly. A label that is not there is empty. Default: all.
    #[serde(default, rename = "match")]
    pub(in crate::config) matches: BTreeMap<String, Pattern>,
    /// A meter of `meters: declared:`.
    pub(in crate::config) meter: String,
    /// What a value is multiplied with, to be in the meter's unit. Default: 1.
    #[serde(default = "Metric::scale")]
    pub(in crate::config) scale: Factor,
    /// Labels that name the resource, joined by `/`. Default: `instance`.
    #[serde(default = "Metric::resource")]
    pub(in crate::config) resource: Vec<String>,
    /// Whose it is: the label with the scope (the project's id), of the source `cloud`; or by `contract` or `contract_label`. Default: nobody's.
    pub(in crate::config) scope: Option<String>,
    /// The source whose scope it is. Default: this one.
    pub(in crate::config) cloud: Option<String>,
    /// The contract whose it is.
    pub(in crate::config) contract: Option<String>,
    /// The label that names the contract.
    pub(in crate::config) contract_label: Option<String>,
    /// Dimensions of the meter, and the label of each. Default: none; a dimension without a label is empty.
    #[serde(default)]
    pub(in crate::config) dimensions: BTreeMap<String, String>,
    /// Of a counter: the metric that tells since when it counts, in seconds since 1970. With the same labels, or with none. Default: the `_created` of OpenMetrics,
    /// if there is one.
    #[schemars(regex(pattern = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"), example = &"process_start_time_seconds")]
    pub(in crate::config) start: Option<String>,
    /// One reading is kept in each stretch of this length, and those around a counter's new beginning. 1m to 1d, and a whole part of a day.
    #[serde(default = "Metric::keep")]
    pub(in crate::config) keep: Seconds,
    /// Of a gauge: how long a value holds if no other comes; then nothing is known. From `keep` to 7d. Default: twice `keep`.
    pub(in crate::config) holds: Option<Seconds>,
}

impl Metric {
    pub(in crate::config) fn scale() -> Factor {
        Factor("1".to_owned())
    }
    pub(in crate::config) fn resource() -> Vec<String> {
        vec!["instance".to_owned()]
    }
    pub(in crate::config) fn keep() -> Seconds {
        Seconds(3_600)
    }
}
