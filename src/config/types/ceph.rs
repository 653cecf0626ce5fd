//! A Ceph cluster, validated.

use std::collections::BTreeSet;

/// A Ceph cluster, read by its own commands.
#[derive(Debug, Clone)]
pub struct Ceph {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// What runs `ceph`: a program and its first arguments.
    pub command: Vec<String>,
    /// What runs `rbd`.
    pub rbd_command: Vec<String>,
    /// Parts to read: `cluster`, `rbd`, `cephfs`.
    pub parts: BTreeSet<String>,
    /// Pools (regular expression, whole) whose images are read; `None`: every pool for RBD.
    pub pools: Option<String>,
    /// Pools (regular expression, whole) that hold what object gateways store; `None`: every pool for RGW but the gateways' own.
    pub object_pools: Option<String>,
    /// The source that meters images named after ids of OpenStack.
    pub openstack: Option<String>,
    /// Seconds between readings.
    pub interval_s: u32,
    /// Seconds between readings of what images and subvolumes use.
    pub used_interval_s: u32,
    /// Commands at once.
    pub concurrency: u32,
    /// Seconds for one command.
    pub timeout_s: u32,
    /// Largest answer that is read.
    pub output_max_bytes: u64,
}
