//! The configuration, validated: what the other rooms are given.

use super::Problem;
use crate::domain::{
    Meter, Meters, PriceBook, Tenancy,
    meter::{BadMeters, Counts},
};
use crate::slo::{Exclusion, Slo};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    path::PathBuf,
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
    /// What somebody should look at, though it is accepted.
    pub warnings: Vec<Problem>,
}

/// What is promised.
#[derive(Debug, Clone, Default)]
pub struct Slos {
    /// The objectives, by name.
    pub slos: Vec<Slo>,
    /// What does not count.
    pub exclusions: Vec<Exclusion>,
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
}

impl Source {
    /// Its name: the `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::OpenStack(o) => &o.name,
        }
    }
}

impl Source {
    /// Seconds between readings of what is read most often.
    #[must_use]
    pub const fn interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.interval_s,
        }
    }

    /// Seconds between readings of lists that are read as a whole.
    #[must_use]
    pub const fn inventory_interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.inventory_interval_s,
        }
    }

    /// Seconds between full readings of what is else read by its changes.
    #[must_use]
    pub const fn full_interval_s(&self) -> u32 {
        match self {
            Self::OpenStack(o) => o.full_interval_s,
        }
    }
}

/// An OpenStack region.
#[derive(Debug, Clone)]
pub struct OpenStack {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// Keystone v3, `https://keystone.example:5000/v3`.
    pub auth_url: Url,
    /// Who we are there.
    pub credentials: Credentials,
    /// Region of the catalogue; `None`: the catalogue has only one.
    pub region: Option<String>,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// Seconds between passes for changes.
    pub interval_s: u32,
    /// Seconds between full lists.
    pub full_interval_s: u32,
    /// Seconds between lists of the services that are read by whole lists.
    pub inventory_interval_s: u32,
    /// Services to read, which must be there; `None`: those that the catalogue has.
    pub services: Option<BTreeSet<String>>,
    /// Requests at once.
    pub concurrency: u32,
    /// Items a page; the cloud may give fewer.
    pub page_size: u32,
    /// Seconds for one request.
    pub timeout_s: u32,
    /// Largest body that is read.
    pub body_max_bytes: u64,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
    /// PCI aliases (regular expression, whole) that are GPUs, in a flavor's `pci_passthrough:alias`.
    pub gpu_alias: String,
    /// Names (regular expression, whole) of shared networks whose addresses are public; `None`: only external networks are.
    pub public_networks: Option<String>,
    /// Message brokers that its services notify through.
    pub notifications: Vec<Notifications>,
}

/// A RabbitMQ that a cloud's services notify through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// Name or address of the host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
    /// TLS.
    pub tls: bool,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Our queue.
    pub queue: String,
    /// Most bytes that may wait in it.
    pub queue_max_bytes: u64,
    /// Exchanges it is bound to, where they are.
    pub exchanges: Vec<String>,
    /// Topics it is bound by.
    pub topics: Vec<String>,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Notifications {
    /// Where it is, as messages and passes name it: host, port, virtual host.
    #[must_use]
    pub fn address(&self) -> String {
        format!(
            "{}:{}/{}",
            self.host,
            self.port,
            self.vhost.trim_start_matches('/')
        )
    }
}

impl OpenStack {
    /// True where a service may be read.
    #[must_use]
    pub fn reads(&self, service: &str) -> bool {
        self.services.as_ref().is_none_or(|s| s.contains(service))
    }
}

/// How to log in to Keystone.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// User name and password, scoped to a project.
    Password {
        /// User name.
        username: String,
        /// Domain name of the user.
        user_domain: String,
        /// Project to scope to.
        project: String,
        /// Domain name of the project.
        project_domain: String,
        /// Password.
        password: Secret,
    },
    /// An application credential; its scope is its project.
    ApplicationCredential {
        /// Id.
        id: String,
        /// Secret.
        secret: Secret,
    },
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
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Hands it out, to be sent to the one it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
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
        )
    }

    /// What decides usage besides facts, as (kind, text) to be stored by hash: `tenancy` (JSON of [`Tenancy`]), `meters` (JSON of
    /// [`MeterRules`]) and, where there is a book, `prices` (its file, for [`super::book::from_text`]). The same configuration
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
        all.extend(self.prices.iter().map(|book| ("prices", book.text.clone())));
        Ok(all)
    }
}
