//! An OpenStack region, as it is written.

use super::{Notifications, Part, SecretRef};
use crate::config::leaf::{Bytes, Pattern, Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OpenStackKind")]
pub(in crate::config) enum Kind {
    /// An OpenStack region: Keystone and Nova, and the other services of its catalogue.
    Openstack,
}

/// Interfaces of a Keystone catalogue.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Interface {
    /// For customers; what everybody can reach.
    Public,
    /// For services of the cloud itself.
    Internal,
    /// For administrators.
    Admin,
}

impl Interface {
    pub(in crate::config) const fn as_str(self) -> &'static str {
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
pub(in crate::config) enum Service {
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
    pub(in crate::config) const fn as_str(self) -> &'static str {
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
pub(in crate::config) struct OpenStack {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another cloud's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"nordic-1")]
    pub(in crate::config) name: String,
    /// Keystone v3.
    pub(in crate::config) auth_url: Option<WebUrl>,
    /// User name. It needs the role admin: others see an empty cloud. Access rules of an application credential cut it down.
    pub(in crate::config) username: Option<String>,
    /// Domain name of the user. Default: Default.
    pub(in crate::config) user_domain: Option<String>,
    /// Name of the project to log in to.
    pub(in crate::config) project: Option<String>,
    /// Domain name of that project. Default: Default.
    pub(in crate::config) project_domain: Option<String>,
    /// Password of the user.
    pub(in crate::config) password: Option<SecretRef>,
    /// An application credential in place of user and password.
    pub(in crate::config) application_credential: Option<Part<ApplicationCredential>>,
    /// Name of a cloud in a clouds.yaml, in place of URL, user and password.
    pub(in crate::config) cloud: Option<String>,
    /// That clouds.yaml; a secure.yaml beside it is merged in. Default: `OS_CLIENT_CONFIG_FILE`, then the first of
    /// ./clouds.yaml (of the working directory), ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml.
    pub(in crate::config) clouds_yaml: Option<PathBuf>,
    /// Region of the catalogue. Default: the only one there is.
    pub(in crate::config) region: Option<String>,
    /// Interface of the catalogue: public, internal or admin. Default: public.
    pub(in crate::config) interface: Option<Interface>,
    /// Time between passes for changes. Shorter: fresher, more load on the cloud. 1s to 1d.
    #[serde(default = "OpenStack::interval")]
    pub(in crate::config) interval: Seconds,
    /// Time between full lists, which find what changes missed. From `interval` to 7d.
    #[serde(default = "OpenStack::full_interval")]
    pub(in crate::config) full_interval: Seconds,
    /// Time between lists of what is read by whole lists: volumes, images, addresses, balancers, shares. What comes and goes between two of them is lost,
    /// unless notifications tell of it. 1s to 1d.
    #[serde(default = "OpenStack::inventory_interval")]
    pub(in crate::config) inventory_interval: Seconds,
    /// Services to read beside identity and compute, which must then be there. Default: all of them that the catalogue has.
    pub(in crate::config) services: Option<Vec<Service>>,
    /// Requests at once.
    #[serde(default = "OpenStack::concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::config) concurrency: u32,
    /// Items asked for at once; the cloud may give fewer.
    #[serde(default = "OpenStack::page_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(in crate::config) page_size: u32,
    /// Time for one request, after which it is tried again. 1s to 1h.
    #[serde(default = "OpenStack::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Largest answer that is read. At least 64KiB.
    #[serde(default = "OpenStack::body_max")]
    pub(in crate::config) body_max: Bytes,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
    /// PCI aliases of flavors (`pci_passthrough:alias`) that are GPUs, whole. Others are not counted as GPUs.
    #[serde(default = "OpenStack::gpu_alias")]
    pub(in crate::config) gpu_alias: Pattern,
    /// Names, whole, of shared networks whose IPv4 addresses are public. External networks are public whatever their name. Default: no shared network is.
    pub(in crate::config) public_networks: Option<Pattern>,
    /// Message brokers that the cloud's services notify through: one, or one for each cell. Default: none; then what comes and goes between two lists is lost.
    #[serde(default)]
    pub(in crate::config) notifications: Vec<Part<Notifications>>,
}

impl OpenStack {
    pub(in crate::config) fn interval() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn inventory_interval() -> Seconds {
        Seconds(300)
    }

    pub(in crate::config) fn full_interval() -> Seconds {
        Seconds(3_600)
    }
    pub(in crate::config) const fn concurrency() -> u32 {
        8
    }
    pub(in crate::config) const fn page_size() -> u32 {
        1_000
    }
    pub(in crate::config) fn timeout() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn body_max() -> Bytes {
        Bytes(256 << 20)
    }
    /// Names that say so, and model names as operators use them: a100, H100, l40s, t4.
    pub(in crate::config) fn gpu_alias() -> Pattern {
        Pattern(
            r"(?i).*(gpu|nvidia|tesla|quadro|rtx|radeon|instinct).*|[abhltv][0-9]{1,3}[a-z]?"
                .to_owned(),
        )
    }
}

/// An application credential of Keystone; its scope is its project.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ApplicationCredential {
    /// Its id.
    pub(in crate::config) id: Part<String>,
    /// Its secret.
    pub(in crate::config) secret: Part<SecretRef>,
}
