//! Probes, as they are written.

use super::{Part, SecretRef};
use crate::config::leaf::{Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProbesKind")]
pub(in crate::config) enum Kind {
    /// Probes: services are tried as their users would, again and again. Objectives (`slo`) count what they find.
    Probes,
}

/// Probes of services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Probes {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another source's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"probes")]
    pub(in crate::config) name: String,
    /// Time from one try to the next. So often in each minute: 5s, 6s, 10s, 12s, 15s, 20s, 30s or 1m.
    #[serde(default = "Probes::interval")]
    pub(in crate::config) interval: Seconds,
    /// How long an answer may take; then it is a bad one. 1s to `interval`.
    #[serde(default = "Probes::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// What is tried. Each by itself: one that hangs delays no other.
    pub(in crate::config) probes: Vec<Part<Probe>>,
}

impl Probes {
    pub(in crate::config) fn interval() -> Seconds {
        Seconds(30)
    }
    pub(in crate::config) fn timeout() -> Seconds {
        Seconds(10)
    }
}

/// One thing that is tried: its name, and one of the other keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Probe {
    /// Its name, by which objectives know it; unique among all probes.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"portal")]
    pub(in crate::config) name: String,
    /// A page is fetched.
    pub(in crate::config) http: Option<Part<Http>>,
    /// A connection is made.
    pub(in crate::config) tcp: Option<Part<Tcp>>,
    /// A name is looked up, as this machine does it.
    pub(in crate::config) dns: Option<Part<Dns>>,
    /// A certificate is shown that is trusted, and will be for a while.
    pub(in crate::config) tls: Option<Part<Tls>>,
    /// A token is issued by Keystone, or one thing is listed by another service.
    pub(in crate::config) openstack: Option<Part<OpenStackProbe>>,
    /// An object is put, got and deleted.
    pub(in crate::config) s3: Option<Part<S3>>,
    /// The API server is ready (`/readyz`).
    pub(in crate::config) kubernetes: Option<Part<KubernetesProbe>>,
}

/// A page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpProbe")]
pub(in crate::config) struct Http {
    /// Where it is. Redirections are not followed.
    pub(in crate::config) url: Part<WebUrl>,
    /// Good answers. Default: 200 to 299.
    #[serde(default)]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub(in crate::config) status: Vec<u32>,
    /// What the page has to contain. Default: anything.
    pub(in crate::config) contains: Option<String>,
    /// A bearer token that is sent along.
    pub(in crate::config) bearer_token: Option<Part<SecretRef>>,
    /// Or a user, with `password`.
    pub(in crate::config) username: Option<String>,
    /// Password of `username`.
    pub(in crate::config) password: Option<Part<SecretRef>>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

/// A port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TcpProbe")]
pub(in crate::config) struct Tcp {
    /// Host and port.
    #[schemars(example = &"bastion.example:22")]
    pub(in crate::config) address: String,
}

/// A name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DnsProbe")]
pub(in crate::config) struct Dns {
    /// The name that has to have an address.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9.])?$"), example = &"portal.example")]
    pub(in crate::config) name: String,
}

/// A certificate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TlsProbe")]
pub(in crate::config) struct Tls {
    /// Host and port.
    #[schemars(example = &"portal.example:443")]
    pub(in crate::config) address: String,
    /// The name that it has to be for. Default: the host.
    pub(in crate::config) server_name: Option<String>,
    /// For how much longer it has to be valid. At most 366d.
    #[serde(default = "Tls::valid_for")]
    pub(in crate::config) valid_for: Seconds,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl Tls {
    pub(in crate::config) fn valid_for() -> Seconds {
        Seconds(14 * 86_400)
    }
}

/// A service of an OpenStack region.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct OpenStackProbe {
    /// Name of the source of kind `openstack` whose region and account it is.
    pub(in crate::config) source: String,
    /// The service.
    pub(in crate::config) service: ProbedService,
}

/// What is tried of OpenStack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProbedService {
    /// Keystone issues a token.
    Identity,
    /// Nova lists a server.
    Compute,
    /// Cinder lists a volume.
    Volume,
    /// Neutron lists a network.
    Network,
    /// Glance lists an image.
    Image,
}

/// A bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Probe")]
pub(in crate::config) struct S3 {
    /// The gateway. The bucket is named in the path.
    #[schemars(example = &"https://s3.example")]
    pub(in crate::config) endpoint: Part<WebUrl>,
    /// The bucket, which has to be there. Objects beginning with `plimsoll-probe-` are made in it and deleted.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), example = &"plimsoll-probe")]
    pub(in crate::config) bucket: String,
    /// Region that requests are signed for. Default: us-east-1.
    #[serde(default = "S3::region")]
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,62}$"))]
    pub(in crate::config) region: String,
    /// Access key of a user who owns the bucket.
    pub(in crate::config) access_key: Part<SecretRef>,
    /// Its secret key.
    pub(in crate::config) secret_key: Part<SecretRef>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl S3 {
    pub(in crate::config) fn region() -> String {
        "us-east-1".to_owned()
    }
}

/// An API server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct KubernetesProbe {
    /// Name of the source of kind `kubernetes` whose cluster and account it is.
    pub(in crate::config) source: String,
}
