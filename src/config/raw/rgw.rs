//! A zone of Ceph's object gateways, as it is written.

use super::{Part, SecretRef};
use crate::config::leaf::{Bytes, Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RgwKind")]
pub(in crate::config) enum Kind {
    /// A zone of Ceph's object gateways (RGW): its usage log and its buckets.
    Rgw,
}

/// A zone of Ceph's object gateways (RGW). Each zone is a source; the gateways of one zone are one source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rgw {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another cloud's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"nordic-1-rgw")]
    pub(in crate::config) name: String,
    /// Gateways of the zone, tried in turn: where one is silent, the next one is asked.
    #[schemars(example = &serde_json::json!(["https://rgw1.example:7480", "https://rgw2.example:7480"]))]
    pub(in crate::config) endpoints: Vec<Part<WebUrl>>,
    /// Access key of the metering user. It needs the capabilities `usage=read;buckets=read;metadata=read` and no other.
    pub(in crate::config) access_key: Part<SecretRef>,
    /// Its secret key.
    pub(in crate::config) secret_key: Part<SecretRef>,
    /// Region that requests are signed for. Gateways take any, unless a proxy before them does not. Default: us-east-1.
    #[serde(default = "Rgw::region")]
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,62}$"))]
    pub(in crate::config) region: String,
    /// Name of the zone. A gateway of another one is refused. Default: the zone of the gateway that answers first.
    pub(in crate::config) zone: Option<String>,
    /// Name of the source of kind `openstack` whose Keystone the gateways ask: users that are named like projects are those projects. Default: none.
    pub(in crate::config) openstack: Option<String>,
    /// Name of the source of kind `ceph` in whose pools the zone keeps its objects: what its buckets hold is held against what those pools store. Default: none.
    pub(in crate::config) ceph: Option<String>,
    /// Time between readings of the usage log. 1s to 1h.
    #[serde(default = "Rgw::interval")]
    pub(in crate::config) interval: Seconds,
    /// Time between lists of buckets. What comes and goes between two of them is lost, and a size holds from one to the next. 1s to 1d.
    #[serde(default = "Rgw::bucket_interval")]
    pub(in crate::config) bucket_interval: Seconds,
    /// How far back the usage log is read at the first start. 1h to 400d.
    #[serde(default = "Rgw::backfill")]
    pub(in crate::config) backfill: Seconds,
    /// How long gateways may take to write down what they counted: `rgw_usage_log_tick_interval` (30s by default) and a margin. So long after its end an
    /// hour is still read again. 10s to 1h.
    #[serde(default = "Rgw::flush")]
    pub(in crate::config) flush: Seconds,
    /// Requests at once.
    #[serde(default = "Rgw::concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::config) concurrency: u32,
    /// Names of users and buckets asked for at once.
    #[serde(default = "Rgw::page_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(in crate::config) page_size: u32,
    /// Time for one request, after which the next gateway is asked. 1s to 1h.
    #[serde(default = "Rgw::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Largest answer that is read. At least 64KiB.
    #[serde(default = "Rgw::body_max")]
    pub(in crate::config) body_max: Bytes,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl Rgw {
    pub(in crate::config) fn region() -> String {
        "us-east-1".to_owned()
    }
    pub(in crate::config) fn interval() -> Seconds {
        Seconds(300)
    }
    pub(in crate::config) fn bucket_interval() -> Seconds {
        Seconds(900)
    }
    pub(in crate::config) fn backfill() -> Seconds {
        Seconds(31 * 86_400)
    }
    pub(in crate::config) fn flush() -> Seconds {
        Seconds(120)
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
}
