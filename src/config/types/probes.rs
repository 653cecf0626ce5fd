//! Probes, validated.

use super::{HttpLogin, Kubernetes, OpenStack, Secret};
use std::path::PathBuf;
use url::Url;

/// Probes of services.
#[derive(Debug, Clone)]
pub struct Probes {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// Seconds from one try to the next: a whole part of a minute.
    pub interval_s: u32,
    /// Seconds after which there is no answer; at most the interval.
    pub timeout_s: u32,
    /// What is tried, by names that are unique among all probes.
    pub probes: Vec<Probe>,
}

/// One thing that is tried.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// What is done.
    pub of: ProbeOf,
}

/// What a probe does.
#[derive(Debug, Clone)]
pub enum ProbeOf {
    /// Fetches a page.
    Http {
        /// Where it is.
        url: Url,
        /// Good answers; empty: 200 to 299.
        status: Vec<u16>,
        /// What it has to contain.
        contains: Option<String>,
        /// Who we are there.
        login: Option<HttpLogin>,
        /// A CA bundle (PEM) beside the system's.
        ca_file: Option<PathBuf>,
    },
    /// Connects.
    Tcp {
        /// Host and port.
        address: String,
    },
    /// Looks a name up.
    Dns {
        /// The name.
        name: String,
    },
    /// Looks at a certificate.
    Tls {
        /// Host and port.
        address: String,
        /// The name that it has to be for.
        server_name: String,
        /// Seconds for which it has to be valid yet.
        valid_for_s: u32,
        /// A CA bundle (PEM) beside the system's.
        ca_file: Option<PathBuf>,
    },
    /// Asks a service of OpenStack.
    OpenStack {
        /// The region, and who we are there.
        region: Box<OpenStack>,
        /// The service.
        service: ProbedService,
    },
    /// Puts, gets and deletes an object.
    S3 {
        /// The gateway.
        endpoint: Url,
        /// The bucket.
        bucket: String,
        /// Region that requests are signed for.
        region: String,
        /// Access key.
        access_key: Secret,
        /// Secret key.
        secret_key: Secret,
        /// A CA bundle (PEM) beside the system's.
        ca_file: Option<PathBuf>,
    },
    /// Asks an API server whether it is ready.
    Kubernetes(Box<Kubernetes>),
}

/// What is tried of OpenStack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbedService {
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
