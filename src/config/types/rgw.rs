//! A zone of Ceph's object gateways, validated.

use super::Secret;
use std::path::PathBuf;
use url::Url;

/// A zone of Ceph's object gateways.
#[derive(Debug, Clone)]
pub struct Rgw {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// Its gateways, tried in turn; there is one at least.
    pub endpoints: Vec<Url>,
    /// Access key of the metering user.
    pub access_key: Secret,
    /// Its secret key.
    pub secret_key: Secret,
    /// Region that requests are signed for.
    pub region: String,
    /// Name of the zone; `None`: that of the gateway that answers first.
    pub zone: Option<String>,
    /// The source whose projects its users are, where they are named like projects.
    pub openstack: Option<String>,
    /// The source of kind `ceph` in whose pools it keeps its objects.
    pub ceph: Option<String>,
    /// Seconds between readings of the usage log.
    pub interval_s: u32,
    /// Seconds between lists of buckets.
    pub bucket_interval_s: u32,
    /// Seconds back that the usage log is read at the first start.
    pub backfill_s: u32,
    /// Seconds after its end that an hour of the usage log may still grow.
    pub flush_s: u32,
    /// Requests at once.
    pub concurrency: u32,
    /// Names a page.
    pub page_size: u32,
    /// Seconds for one request.
    pub timeout_s: u32,
    /// Largest body that is read.
    pub body_max_bytes: u64,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
}
