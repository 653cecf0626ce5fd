//! A Ceph cluster, as it is written.

use crate::config::leaf::{Bytes, Pattern, Seconds};
use schemars::JsonSchema;
use serde::Deserialize;

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CephKind")]
pub(in crate::config) enum Kind {
    /// A Ceph cluster: RBD images, CephFS subvolumes, the cluster itself. Its object gateways are a source of their own.
    Ceph,
}

/// Parts of a cluster that can be read.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum CephPart {
    /// Health, pools, device classes, OSDs.
    Cluster,
    /// RBD images.
    Rbd,
    /// CephFS subvolumes.
    Cephfs,
}

impl CephPart {
    pub(in crate::config) const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Rbd => "rbd",
            Self::Cephfs => "cephfs",
        }
    }
}

/// A Ceph cluster, read by its own commands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Ceph {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another cloud's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"nordic-1-ceph")]
    pub(in crate::config) name: String,
    /// What runs `ceph`, word by word; no shell is between. A user that may read is enough. Default: `ceph`.
    #[serde(default = "Ceph::command")]
    #[schemars(example = &serde_json::json!(["ceph", "--id", "plimsoll"]))]
    pub(in crate::config) command: Vec<String>,
    /// What runs `rbd`. Default: `rbd`.
    #[serde(default = "Ceph::rbd_command")]
    #[schemars(example = &serde_json::json!(["rbd", "--id", "plimsoll"]))]
    pub(in crate::config) rbd_command: Vec<String>,
    /// Parts to read. Default: all of them.
    pub(in crate::config) parts: Option<Vec<CephPart>>,
    /// Names, whole, of pools whose images are read. Default: every pool for RBD.
    pub(in crate::config) pools: Option<Pattern>,
    /// Names, whole, of pools that hold what object gateways store, for the reconciliation of buckets. Default: every pool for RGW but those with the names that
    /// gateways give to pools of their own (`.rgw.root`, `*.rgw.meta`, `*.rgw.log`, `*.rgw.buckets.index` and so on).
    pub(in crate::config) object_pools: Option<Pattern>,
    /// Name of the source of kind `openstack` whose volumes, images and disks are in these pools: images that are named after their ids are shown here, and
    /// counted there. Default: none, and every image counts here.
    pub(in crate::config) openstack: Option<String>,
    /// Time between readings. What comes and goes between two of them is lost. 1s to 1d.
    #[serde(default = "Ceph::interval")]
    pub(in crate::config) interval: Seconds,
    /// Time between readings of what images and subvolumes use, which takes long and changes all the time. From `interval` to 7d.
    #[serde(default = "Ceph::used_interval")]
    pub(in crate::config) used_interval: Seconds,
    /// Commands at once.
    #[serde(default = "Ceph::concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::config) concurrency: u32,
    /// Time for one command, after which it is ended. 1s to 1h.
    #[serde(default = "Ceph::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Largest answer that is read. At least 64KiB.
    #[serde(default = "Ceph::output_max")]
    pub(in crate::config) output_max: Bytes,
}

impl Ceph {
    fn command() -> Vec<String> {
        vec!["ceph".to_owned()]
    }
    fn rbd_command() -> Vec<String> {
        vec!["rbd".to_owned()]
    }
    fn interval() -> Seconds {
        Seconds(300)
    }
    fn used_interval() -> Seconds {
        Seconds(3_600)
    }
    const fn concurrency() -> u32 {
        4
    }
    fn timeout() -> Seconds {
        Seconds(120)
    }
    fn output_max() -> Bytes {
        Bytes(64 << 20)
    }
}
