//! The configuration, validated: what the other rooms are given.

mod alertmanager;
mod ceph;
mod kubernetes;
mod openstack;
mod probes;
mod prometheus;
mod rgw;

pub use alertmanager::{Alertmanager, Alertmanagers};
pub use ceph::Ceph;
pub use kubernetes::{Account, Ca, KubeletPage, Kubelets, Kubernetes};
pub use openstack::{Credentials, Notifications, OpenStack};
pub use probes::{Probe, ProbeOf, ProbedService, Probes};
pub use prometheus::{
    HttpLogin, Metric, MetricOwner, MetricsFrom, MetricsServer, Prometheus, SeriesOf, Target,
};
pub use rgw::Rgw;

use super::Problem;
use crate::domain::{
    Meter, Meters, PriceBook, Tenancy,
    meter::{BadMeters, Bills, Counts},
    money::Rational,
    profile::Profile,
};
use crate::slo::{Exclusion, Slo};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use url::Url;

/// The whole configuration, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// Where facts are kept.
    pub store: Store,
    /// What is read. Names are unique.
    pub sources: Vec<Source>,
    /// Who pays.
    pub tenancy: Tenancy,
    /// What counts.
    pub meters: Metering,
    /// What it costs; `None` while no book is configured.
    pub prices: Option<PriceBook>,
    /// Where the program listens.
    pub http: Http,
    /// What is promised.
    pub slo: Slos,
    /// What files look like.
    pub delivery: Delivery,
    /// What somebody should look at, though it is accepted.
    pub warnings: Vec<Problem>,
}

/// What files look like that others are given.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// Who provides, publishes and issues, in the words of FOCUS.
    pub provider: Option<String>,
    /// Forms of CSV, the shipped one among them.
    pub profiles: Vec<Profile>,
    /// Least coverage of a contract's meter with which a month is closed, in per cent.
    pub coverage: Rational,
    /// Forms whose files a close keeps.
    pub keep: Vec<String>,
}

/// What is promised.
#[derive(Debug, Clone, Default)]
pub struct Slos {
    /// The objectives, by name.
    pub slos: Vec<Slo>,
    /// What does not count.
    pub exclusions: Vec<Exclusion>,
    /// Who is told when a budget burns too fast.
    pub alertmanagers: Alertmanagers,
}

/// Where facts are kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// Engine, spool and state of this process. `--data-dir` overrides it.
    pub data_dir: PathBuf,
    /// Embedded engine or a remote ClickHouse.
    pub at: StoreAt,
    /// How long an insert may take before it is tried again; an export's as-of is never later than now less this.
    pub insert_timeout_s: u32,
    /// The spool may hold so many bytes; past it collection pauses and says so.
    pub spool_max_bytes: u64,
}

/// Embedded or remote.
#[derive(Debug, Clone)]
pub enum StoreAt {
    /// The engine as a child process.
    Embedded {
        /// Its memory limit.
        memory_max_bytes: u64,
    },
    /// A ClickHouse elsewhere.
    Remote {
        /// `https://clickhouse.example:8443`.
        url: Url,
        /// Database; made if it is not there.
        database: String,
        /// User.
        user: String,
        /// Password.
        password: Secret,
        /// A CA bundle (PEM) beside the system's.
        ca_file: Option<PathBuf>,
    },
}

/// A source.
#[derive(Debug, Clone)]
pub enum Source {
    /// An OpenStack region.
    OpenStack(OpenStack),
    /// A Ceph cluster.
    Ceph(Ceph),
    /// A Kubernetes cluster.
    Kubernetes(Kubernetes),
    /// A zone of Ceph's object gateways.
    Rgw(Rgw),
    /// Metrics that are scraped, or asked of a server.
    Prometheus(Prometheus),
    /// Probes of services.
    Probes(Probes),
}

impl Source {
    /// Its name: the `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::OpenStack(o) => &o.name,
            Self::Ceph(c) => &c.name,
            Self::Kubernetes(k) => &k.name,
            Self::Rgw(r) => &r.name,
            Self::Prometheus(p) => &p.name,
            Self::Probes(p) => &p.name,
        }
    }
}

impl Source {
    /// Seconds between readings of what is read most often.
    #[must_use]
    pub const fn interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.interval_s,
            Self::Ceph(c) => c.interval_s,
            Self::Kubernetes(k) => k.interval_s,
            Self::Rgw(r) => r.interval_s,
            Self::Prometheus(p) => p.interval_s,
            Self::Probes(p) => p.interval_s,
        }
    }

    /// Seconds between readings of lists that are read as a whole.
    #[must_use]
    pub const fn inventory_interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.inventory_interval_s,
            Self::Ceph(c) => c.interval_s,
            // Whatever it lists it also watches; its kubelets have a rhythm of their own.
            Self::Kubernetes(k) => match &k.kubelets {
                Some(kubelets) if kubelets.interval_s > k.interval_s => kubelets.interval_s,
                _ => k.interval_s,
            },
            Self::Rgw(r) => r.bucket_interval_s,
            Self::Prometheus(p) => p.interval_s,
            Self::Probes(p) => p.interval_s,
        }
    }

    /// Seconds between full readings of what is else read by its changes.
    #[must_use]
    pub const fn full_interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.full_interval_s,
            Self::Ceph(c) => c.interval_s,
            Self::Kubernetes(k) => k.full_interval_s,
            Self::Rgw(r) => r.bucket_interval_s,
            Self::Prometheus(p) => p.interval_s,
            Self::Probes(p) => p.interval_s,
        }
    }
}

/// What counts.
#[derive(Debug, Clone)]
pub struct Metering {
    /// Months are months here.
    pub time_zone: Tz,
    /// `existence` or `active`.
    pub preset: String,
    /// By meter.
    pub exceptions: BTreeMap<String, Counts>,
    /// What is billed by meters that have the choice.
    pub billed: BTreeMap<String, Bills>,
    /// Meters of the provider's own.
    pub declared: Vec<Meter>,
}

/// Where the program listens.
#[derive(Debug, Clone)]
pub struct Http {
    /// Loopback only, until authentication is configured.
    pub listen: SocketAddr,
}

/// A secret that no format string can print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    /// Where it stands.
    file: Option<PathBuf>,
}

/// A secret's file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret's file {} {why}; is it still mounted, and may we read it?", file.display())]
pub struct SecretGone {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Secret {
    /// Wraps it.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            value: secret.into(),
            file: None,
        }
    }

    /// What a file holds.
    pub(super) fn of_file(text: &str, file: &Path) -> Self {
        Self {
            value: secret_in(text).to_owned(),
            file: Some(file.to_owned()),
        }
    }

    /// Hands it out as it was when the configuration was read, to be sent to the one it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Hands it out as it is now: a file is read anew, so that whoever rotates it need not tell us.
    ///
    /// # Errors
    /// [`SecretGone`] where the file cannot be read any more, or is empty.
    pub async fn current(&self) -> Result<Cow<'_, str>, SecretGone> {
        let Some(file) = &self.file else {
            return Ok(Cow::Borrowed(&self.value));
        };
        let gone = |why: String| SecretGone {
            file: file.clone(),
            why,
        };
        let text = tokio::fs::read_to_string(file).await;
        let text = text.map_err(|e| gone(format!("cannot be read: {e}")))?;
        match secret_in(&text) {
            "" => Err(gone("is empty".to_owned())),
            secret => Ok(Cow::Owned(secret.to_owned())),
        }
    }
}

/// The secret in a file's text: a newline at its end does not count.
pub(super) fn secret_in(text: &str) -> &str {
    text.strip_suffix('\n')
        .map_or(text, |t| t.strip_suffix('\r').unwrap_or(t))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The meters in force and the calendar, as they are stored: what decides usage must be known later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterRules {
    /// IANA name of the provider's time zone.
    pub time_zone: String,
    /// The meters, each with the states that count.
    pub meters: Meters,
}

impl Config {
    /// The meters in force.
    ///
    /// # Errors
    /// [`BadMeters`], which a loaded configuration no longer has.
    pub fn meters(&self) -> Result<Meters, BadMeters> {
        Meters::with(
            &self.meters.preset,
            &self.meters.exceptions,
            &self.meters.declared,
        )?
        .billed(&self.meters.billed)
    }

    /// What decides usage besides facts, as (kind, text) to be stored by hash: `tenancy` (JSON of [`Tenancy`]), `meters` (JSON of
    /// [`MeterRules`]) and, where there is a book, `prices` and `credits` (their files, for
    /// [`super::book::from_text`] and [`super::credits::from_text`]). The same configuration
    /// always gives the same text.
    ///
    /// # Errors
    /// [`BadMeters`], which a loaded configuration no longer has.
    pub fn definitions(&self) -> Result<Vec<(&'static str, String)>, BadMeters> {
        let meters = MeterRules {
            time_zone: self.meters.time_zone.name().to_owned(),
            meters: self.meters()?,
        };
        let mut all = vec![
            ("tenancy", json!(self.tenancy).to_string()),
            ("meters", json!(meters).to_string()),
        ];
        if let Some(book) = &self.prices {
            all.push(("prices", book.text.clone()));
            // Also where there is none: it may have been taken away.
            all.push(("credits", book.credits_text.clone()));
        }
        Ok(all)
    }
}
