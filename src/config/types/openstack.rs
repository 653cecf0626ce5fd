//! An OpenStack region, validated.

use super::Secret;
use std::{collections::BTreeSet, path::PathBuf};
use url::Url;

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
