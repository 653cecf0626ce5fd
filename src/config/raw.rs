//! The configuration as it is written. These types are the schema: their comments are its descriptions.

mod meters;
mod notifications;

pub(super) use meters::{Declared, MeterKind, Meters, States};
pub(super) use notifications::Notifications;

use super::leaf::{Bytes, EnvName, Listen, Moment, Pattern, Seconds, WebUrl, Zone};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, collections::BTreeMap, net::Ipv4Addr, path::PathBuf};

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
}

/// What is promised.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SloSection {
    /// OpenSLO v1 files (YAML, several documents each): SLO, SLI and Service.
    pub(super) files: Vec<PathBuf>,
    /// What does not count: maintenance. Statements show the figure with and without.
    pub(super) exclusions: Vec<Part<RawExclusion>>,
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

/// Kinds of sources.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceKind {
    /// An OpenStack region: Keystone and Nova.
    Openstack,
}

/// Interfaces of a Keystone catalogue.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Interface {
    /// For customers; what everybody can reach.
    Public,
    /// For services of the cloud itself.
    Internal,
    /// For administrators.
    Admin,
}

impl Interface {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

/// Services of an OpenStack region that can be metered.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Service {
    /// Cinder: volumes, snapshots, backups.
    Volume,
    /// Glance: images.
    Image,
    /// Neutron: floating IPs, ports on public networks, routers.
    Network,
    /// Octavia: load balancers.
    LoadBalancer,
    /// Manila: shares.
    Share,
    /// Swift: accounts.
    ObjectStore,
    /// Placement: what hypervisors have to give.
    Placement,
}

impl Service {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Image => "image",
            Self::Network => "network",
            Self::LoadBalancer => "load-balancer",
            Self::Share => "share",
            Self::ObjectStore => "object-store",
            Self::Placement => "placement",
        }
    }
}

/// An OpenStack region. It logs in by `username` and `password`, by `application_credential`, or as `cloud` of a clouds.yaml says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// What it is. The kind is read and then only serves to choose the other keys.
    pub(super) kind: SourceKind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another cloud's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"nordic-1")]
    pub(super) name: String,
    /// Keystone v3.
    pub(super) auth_url: Option<WebUrl>,
    /// User name. It needs the role admin: others see an empty cloud. Access rules of an application credential cut it down.
    pub(super) username: Option<String>,
    /// Domain name of the user. Default: Default.
    pub(super) user_domain: Option<String>,
    /// Name of the project to log in to.
    pub(super) project: Option<String>,
    /// Domain name of that project. Default: Default.
    pub(super) project_domain: Option<String>,
    /// Password of the user.
    pub(super) password: Option<SecretRef>,
    /// An application credential in place of user and password.
    pub(super) application_credential: Option<Part<ApplicationCredential>>,
    /// Name of a cloud in a clouds.yaml, in place of URL, user and password.
    pub(super) cloud: Option<String>,
    /// That clouds.yaml; a secure.yaml beside it is merged in. Default: `OS_CLIENT_CONFIG_FILE`, then the first of
    /// ./clouds.yaml (of the working directory), ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml.
    pub(super) clouds_yaml: Option<PathBuf>,
    /// Region of the catalogue. Default: the only one there is.
    pub(super) region: Option<String>,
    /// Interface of the catalogue: public, internal or admin. Default: public.
    pub(super) interface: Option<Interface>,
    /// Time between passes for changes. Shorter: fresher, more load on the cloud. 1s to 1d.
    #[serde(default = "Source::interval")]
    pub(super) interval: Seconds,
    /// Time between full lists, which find what changes missed. From `interval` to 7d.
    #[serde(default = "Source::full_interval")]
    pub(super) full_interval: Seconds,
    /// Time between lists of what is read by whole lists: volumes, images, addresses, balancers, shares. What comes and goes between two of them is lost,
    /// unless notifications tell of it. 1s to 1d.
    #[serde(default = "Source::inventory_interval")]
    pub(super) inventory_interval: Seconds,
    /// Services to read beside identity and compute, which must then be there. Default: all of them that the catalogue has.
    pub(super) services: Option<Vec<Service>>,
    /// Requests at once.
    #[serde(default = "Source::concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub(super) concurrency: u32,
    /// Items asked for at once; the cloud may give fewer.
    #[serde(default = "Source::page_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) page_size: u32,
    /// Time for one request, after which it is tried again. 1s to 1h.
    #[serde(default = "Source::timeout")]
    pub(super) timeout: Seconds,
    /// Largest answer that is read. At least 64KiB.
    #[serde(default = "Source::body_max")]
    pub(super) body_max: Bytes,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(super) ca_file: Option<PathBuf>,
    /// PCI aliases of flavors (`pci_passthrough:alias`) that are GPUs, whole. Others are not counted as GPUs.
    #[serde(default = "Source::gpu_alias")]
    pub(super) gpu_alias: Pattern,
    /// Names, whole, of shared networks whose IPv4 addresses are public. External networks are public whatever their name. Default: no shared network is.
    pub(super) public_networks: Option<Pattern>,
    /// Message brokers that the cloud's services notify through: one, or one for each cell. Default: none; then what comes and goes between two lists is lost.
    #[serde(default)]
    pub(super) notifications: Vec<Part<Notifications>>,
}

impl Source {
    pub(super) fn interval() -> Seconds {
        Seconds(60)
    }
    pub(super) fn inventory_interval() -> Seconds {
        Seconds(300)
    }

    pub(super) fn full_interval() -> Seconds {
        Seconds(3_600)
    }
    pub(super) const fn concurrency() -> u32 {
        8
    }
    pub(super) const fn page_size() -> u32 {
        1_000
    }
    pub(super) fn timeout() -> Seconds {
        Seconds(60)
    }
    pub(super) fn body_max() -> Bytes {
        Bytes(256 << 20)
    }
    /// Names that say so, and model names as operators use them: a100, H100, l40s, t4.
    pub(super) fn gpu_alias() -> Pattern {
        Pattern(
            r"(?i).*(gpu|nvidia|tesla|quadro|rtx|radeon|instinct).*|[abhltv][0-9]{1,3}[a-z]?"
                .to_owned(),
        )
    }
}

/// An application credential of Keystone; its scope is its project.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationCredential {
    /// Its id.
    pub(super) id: Part<String>,
    /// Its secret.
    pub(super) secret: Part<SecretRef>,
}

/// Who pays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tenancy {
    /// Contract to tenant. Where it is empty, a contract's tenant is named like the contract; otherwise a contract that is not in it is nobody's.
    pub(super) contracts: BTreeMap<String, String>,
    /// In order: the first that applies to a project decides. What none applies to is shown as `unattributed`. Default: `[{project_tag: "contract:"}]`.
    pub(super) rules: Vec<Part<Rule>>,
}

impl Default for Tenancy {
    fn default() -> Self {
        let tag = Rule::ProjectTag(ByTag {
            project_tag: "contract:".to_owned(),
        });
        Self {
            contracts: BTreeMap::new(),
            rules: vec![Part(Some(tag))],
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(example = &serde_json::json!({"project_tag": "contract:"}), example = &serde_json::json!({"domain": "acme", "tenant": "acme-ab", "contract": "CO-001"}))]
pub(super) enum Rule {
    /// By a project's tag.
    ProjectTag(ByTag),
    /// By the domain.
    Domain(ByDomain),
    /// By the project's name.
    ProjectName(ByName),
    /// By a dated list.
    List(ByList),
}

/// Projects by their tag.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByTag {
    /// A project tag that begins with this: the rest is the contract. Two of them on one project, or an empty rest: nobody's.
    pub(super) project_tag: String,
}

/// All projects of a domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByDomain {
    /// Name or id of the domain.
    pub(super) domain: String,
    /// The customer.
    pub(super) tenant: String,
    /// The terms.
    pub(super) contract: String,
}

/// Projects by their name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByName {
    /// A regular expression that matches the whole name.
    pub(super) project_name: Pattern,
    /// Only in this domain (name or id). Default: in all.
    pub(super) domain: Option<String>,
    /// The customer; `$1` or `${name}` stands for a group of the expression, `$$` for a dollar.
    pub(super) tenant: String,
    /// The terms; likewise.
    pub(super) contract: String,
}

/// Projects by a dated list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByList {
    /// The entries. Two that hold at once with different answers: nobody's.
    pub(super) list: Vec<Part<Listed>>,
}

/// An entry of a dated list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Project id, or `domain name/project name`.
    pub(super) scope: String,
    /// Only of this source. Default: of all.
    pub(super) source: Option<String>,
    /// The customer.
    pub(super) tenant: String,
    /// The terms.
    pub(super) contract: String,
    /// From this time on. Default: ever since.
    pub(super) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(super) to: Option<Moment>,
}

/// What it costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    /// The price book, a YAML file.
    pub(super) book: PathBuf,
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
