//! Metrics in the formats of Prometheus, validated.

use super::Secret;
use std::{collections::BTreeMap, path::PathBuf};
use url::Url;

/// Metrics that are scraped, or asked of a server.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// Where they come from.
    pub from: MetricsFrom,
    /// What is metered of them.
    pub metrics: Vec<Metric>,
    /// Seconds between readings.
    pub interval_s: u32,
    /// Seconds for one request.
    pub timeout_s: u32,
    /// Largest body that is read.
    pub body_max_bytes: u64,
    /// Who we are there.
    pub login: Option<HttpLogin>,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Passes that find nothing to keep are recorded this seldom.
const RECORDED_EVERY_S: u32 = 300;

impl Prometheus {
    /// Seconds after which a pass is recorded even where it found nothing to keep, and by which its watermark is then behind.
    #[must_use]
    pub fn recorded_every_s(&self) -> u32 {
        let delay_s = match &self.from {
            MetricsFrom::Targets(_) => 0,
            MetricsFrom::Server(server) => server.delay_s,
        };
        self.interval_s.max(RECORDED_EVERY_S) + delay_s
    }
}

/// Where metrics come from.
#[derive(Debug, Clone)]
pub enum MetricsFrom {
    /// Pages that are scraped. Names are unique.
    Targets(Vec<Target>),
    /// A server that keeps them.
    Server(MetricsServer),
}

/// A page to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub url: Url,
    /// Its list in passes.
    pub name: String,
    /// Labels that all of its samples get; `instance` among them.
    pub labels: BTreeMap<String, String>,
}

/// A server with the HTTP API of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsServer {
    /// What stands before `/api/v1/query_range`.
    pub url: Url,
    /// Seconds behind the server's clock that are not read yet.
    pub delay_s: u32,
    /// Seconds that are read after an outage at most.
    pub catch_up_s: u32,
}

/// Who we are to an HTTP server.
#[derive(Debug, Clone)]
pub enum HttpLogin {
    /// A bearer token.
    Bearer(Secret),
    /// User and password.
    Basic {
        /// User.
        username: String,
        /// Password.
        password: Secret,
    },
}

impl HttpLogin {
    /// The user; `None`: by a bearer token.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Bearer(_) => None,
            Self::Basic { username, .. } => Some(username),
        }
    }

    /// The token, or the password.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::Bearer(secret)
            | Self::Basic {
                password: secret, ..
            } => secret,
        }
    }
}

/// Series, and the meter that they feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Which series.
    pub of: SeriesOf,
    /// Labels and the patterns (regular expressions, whole) that they match.
    pub matches: BTreeMap<String, String>,
    /// A declared meter.
    pub meter: String,
    /// True for gauges, which feed a level; false for counters, which feed an amount.
    pub is_gauge: bool,
    /// A decimal number above zero.
    pub scale: String,
    /// Labels that name the resource.
    pub resource: Vec<String>,
    /// Whose it is.
    pub owner: MetricOwner,
    /// Label by dimension.
    pub dimensions: BTreeMap<String, String>,
    /// The metric that tells since when a counter counts.
    pub start: Option<String>,
    /// Seconds in which one reading is kept.
    pub keep_s: u32,
    /// Seconds for which a gauge's value holds.
    pub holds_s: u32,
}

/// Which series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesOf {
    /// Those of this name.
    Name(String),
    /// Those that an expression yields.
    Query(String),
}

/// Whose a series is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricOwner {
    /// The scope that a label names, of a source.
    Scope {
        /// The source.
        cloud: String,
        /// The label.
        label: String,
    },
    /// One contract's.
    Contract(String),
    /// The contract's that a label names.
    ContractLabel(String),
    /// Nobody's.
    Nobody,
}
