//! The configuration as it is written. These types are the schema: their comments are its descriptions.

mod alertmanager;
mod ceph;
mod delivery;
mod kubernetes;
mod meters;
mod notifications;
mod openstack;
mod probes;
mod prometheus;
mod rgw;
mod tenancy;

pub(super) use alertmanager::Alertmanager;
pub(super) use ceph::{Ceph, CephPart};
pub(super) use delivery::{
    Decimal as DecimalSign, Delivery, Files as ProfileFiles, Halves, LineEnd,
    Lines as ProfileLines, RawColumn, RawProfile,
};
pub(super) use kubernetes::{KubeletPage, Kubelets, Kubernetes};
pub(super) use meters::{Bills, Declared, MeterKind, Meters, States};
pub(super) use notifications::Notifications;
pub(super) use openstack::{ApplicationCredential, OpenStack};
pub(super) use probes::{
    Http as HttpProbe, Probe, ProbedService, Probes, S3 as S3Probe, Tls as TlsProbe,
};
pub(super) use prometheus::{Metric, Prometheus, Server as MetricsServer, Target};
pub(super) use rgw::Rgw;
pub(super) use tenancy::{Idle, Listed, Platform, Rule, Tenancy};

use super::leaf::{Bytes, EnvName, Listen, Moment, Seconds, WebUrl, Zone};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, net::Ipv4Addr, path::PathBuf};

/// A part that may have been refused; its problems are known then, and the rest can still be judged.
#[derive(Debug, Clone)]
pub(super) struct Part<T>(pub(super) Option<T>);

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self(Some(T::default()))
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(d)?;
        Ok(Self(serde_json::from_value(value).ok()))
    }
}

impl<T: JsonSchema> JsonSchema for Part<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Configuration of plimsoll. Relative paths are relative to this file's directory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plimsoll {
    /// Where facts are kept. Default: the embedded engine in `./data`.
    #[serde(default)]
    pub(super) store: Part<Store>,
    /// What is read. May be empty: then only what is already stored, simulated or imported is shown.
    pub(super) sources: Vec<Part<Source>>,
    /// Who pays. Default: project tags `contract:...` name the contract.
    #[serde(default)]
    pub(super) tenancy: Part<Tenancy>,
    /// What counts, and in whose calendar. Default: existence, UTC.
    #[serde(default)]
    pub(super) meters: Part<Meters>,
    /// What it costs. Default: no price book, so usage without money.
    pub(super) prices: Option<Part<Prices>>,
    /// Where the program listens. Default: 127.0.0.1:9469.
    #[serde(default)]
    pub(super) http: Part<Http>,
    /// What is promised. Default: nothing.
    #[serde(default)]
    pub(super) slo: Part<SloSection>,
    /// What files look like that others are given. Default: the forms that ship.
    #[serde(default)]
    pub(super) delivery: Part<Delivery>,
}

/// What is promised.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SloSection {
    /// OpenSLO v1 files (YAML, several documents each): SLO, SLI and Service.
    pub(super) files: Vec<PathBuf>,
    /// What does not count: maintenance. Statements show the figure with and without.
    pub(super) exclusions: Vec<Part<RawExclusion>>,
    /// Alertmanagers that `plimsoll run` posts the alerts of objectives from facts to. Each is told by itself. Default: none, and then Prometheus alerts.
    pub(super) alertmanagers: Vec<Part<Alertmanager>>,
    /// Time between two posts; what fires is posted each time. Default: 1m. 1s to 3m.
    pub(super) alert_every: Option<Seconds>,
}

/// A stretch that does not count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exclusion")]
pub(super) struct RawExclusion {
    /// Names of SLOs. Default: all.
    #[serde(default)]
    pub(super) slos: Vec<String>,
    /// From, inclusive.
    pub(super) from: Moment,
    /// Until, exclusive.
    pub(super) to: Moment,
    /// Who decided it.
    pub(super) who: String,
    /// Why it does not count.
    pub(super) why: String,
    /// When it was decided: one decided afterwards is shown as such.
    pub(super) decided: Moment,
}

/// Where facts are kept: `embedded` or `remote`, not both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    /// Directory of the engine, the spool and this process's state. `--data-dir` overrides it. Default: `data` beside this file.
    pub(super) data_dir: PathBuf,
    /// How long an insert may take before it is tried again; an export's as-of is never later than now less this. 1s to 10m.
    pub(super) insert_timeout: Seconds,
    /// Most bytes that may wait for the store; past it collection pauses and says so. At least 1MiB.
    pub(super) spool_max: Bytes,
    /// ClickHouse as a child process of this one: the default.
    pub(super) embedded: Option<Part<Embedded>>,
    /// A ClickHouse elsewhere, 24.8 or newer.
    pub(super) remote: Option<Part<Remote>>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            insert_timeout: Seconds(10),
            spool_max: Bytes(2 << 30),
            embedded: None,
            remote: None,
        }
    }
}

/// ClickHouse as a child process of this one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Embedded {
    /// Most memory it takes; queries beyond it fail rather than the machine. At least 512MiB.
    #[serde(default = "Embedded::memory_max")]
    pub(super) memory_max: Bytes,
}

impl Embedded {
    pub(super) fn memory_max() -> Bytes {
        Bytes(2_000_000_000)
    }
}

/// A ClickHouse elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Remote {
    /// Its HTTP interface: `https://clickhouse.example:8443`.
    pub(super) url: Part<WebUrl>,
    /// Database; made if it is not there. Letters, digits and `_`.
    #[serde(default = "Remote::database")]
    #[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub(super) database: String,
    /// User; it needs to create and alter tables in the database.
    pub(super) user: String,
    /// Its password.
    pub(super) password: Part<SecretRef>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(super) ca_file: Option<PathBuf>,
}

impl Remote {
    fn database() -> String {
        "plimsoll".to_owned()
    }
}

/// A secret, by reference: it is never written into the configuration itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(example = &serde_json::json!({"env": "OS_PASSWORD"}), example = &serde_json::json!({"file": "/run/secrets/os-password"}))]
pub(super) enum SecretRef {
    /// From an environment variable.
    Env(FromEnv),
    /// From a file.
    File(FromFile),
}

/// A secret in an environment variable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FromEnv {
    /// Name of the variable.
    pub(super) env: EnvName,
}

/// A secret in a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FromFile {
    /// Path of the file; a newline at its end does not count. Others should not be able to read it.
    pub(super) file: PathBuf,
}

/// A source. Its `kind` says which other keys it has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Source {
    /// An OpenStack region.
    OpenStack(Box<OpenStack>),
    /// A Ceph cluster.
    Ceph(Box<Ceph>),
    /// A Kubernetes cluster.
    Kubernetes(Box<Kubernetes>),
    /// A zone of Ceph's object gateways.
    Rgw(Box<Rgw>),
    /// Metrics in the formats of Prometheus.
    Prometheus(Box<Prometheus>),
    /// Probes of services.
    Probes(Box<Probes>),
}

impl Source {
    /// Its name, unique among sources.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::OpenStack(s) => &s.name,
            Self::Ceph(s) => &s.name,
            Self::Kubernetes(s) => &s.name,
            Self::Rgw(s) => &s.name,
            Self::Prometheus(s) => &s.name,
            Self::Probes(s) => &s.name,
        }
    }
}

/// What it costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    /// The price book, a YAML file.
    pub(super) book: PathBuf,
    /// Outages that are not charged and credits, a YAML file. Default: none.
    pub(super) credits: Option<PathBuf>,
}

/// Where the program listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    /// Address and port of pages, API and metrics. Only loopback, as there is no authentication. Port 0: the system chooses.
    pub(super) listen: Listen,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: Listen((Ipv4Addr::LOCALHOST, 9469).into()),
        }
    }
}
