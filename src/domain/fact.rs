//! A fact: what a source said, append-only, never edited.

use super::{Ts, digest::Fields};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one resource is called across clouds: (cloud, kind, id).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// Name of the source as configured: one cloud, one region.
    pub cloud: String,
    /// `server`, `project`, ...: see [`kind`].
    pub kind: String,
    /// The cloud's own id.
    pub resource: String,
}

/// Kinds of resources.
pub mod kind {
    /// A Nova server.
    pub const SERVER: &str = "server";
    /// A scope: a Keystone project, or a user or account of RGW that is no project.
    pub const PROJECT: &str = "project";
    /// A Cinder volume.
    pub const VOLUME: &str = "volume";
    /// A Cinder snapshot of a volume.
    pub const SNAPSHOT: &str = "snapshot";
    /// A Cinder backup of a volume.
    pub const BACKUP: &str = "backup";
    /// A Glance image.
    pub const IMAGE: &str = "image";
    /// A Neutron floating IP.
    pub const FLOATING_IP: &str = "floating_ip";
    /// A Neutron port on a public network.
    pub const PORT: &str = "port";
    /// A Neutron router; it holds the addresses of its gateway.
    pub const ROUTER: &str = "router";
    /// An Octavia load balancer.
    pub const LOAD_BALANCER: &str = "load_balancer";
    /// A Manila share.
    pub const SHARE: &str = "share";
    /// A Swift account.
    pub const ACCOUNT: &str = "account";
    /// A bucket of RGW, by the id that each making of it has of its own.
    pub const BUCKET: &str = "bucket";
    /// What RGW's usage log tells of one user's requests to buckets of one name.
    pub const BUCKET_LOG: &str = "bucket_log";
    /// A thing that imported events tell of: whatever another system counts.
    pub const IMPORTED: &str = "imported";
    /// A thing that scraped or queried series tell of.
    pub const MEASURED: &str = "measured";
    /// What tries a service as its users would, again and again; nobody's usage.
    pub const PROBE: &str = "probe";
    /// The list of probes in passes.
    pub const PROBES: &str = "probes";
    /// A hypervisor: what there is to sell, nobody's usage.
    pub const HYPERVISOR: &str = "hypervisor";
    /// An RBD image.
    pub const RBD_IMAGE: &str = "rbd_image";
    /// A CephFS subvolume.
    pub const SUBVOLUME: &str = "subvolume";
    /// A Ceph cluster: its health, nobody's usage.
    pub const CEPH_CLUSTER: &str = "ceph_cluster";
    /// A pool of a Ceph cluster; nobody's usage.
    pub const CEPH_POOL: &str = "ceph_pool";
    /// The devices of one class of a Ceph cluster, or `all`; nobody's usage.
    pub const CEPH_DEVICE_CLASS: &str = "ceph_device_class";
    /// An OSD of a Ceph cluster; nobody's usage.
    pub const CEPH_OSD: &str = "ceph_osd";
    /// A Kubernetes namespace, by its name: a scope.
    pub const NAMESPACE: &str = "namespace";
    /// A node of a Kubernetes cluster: what there is to share out.
    pub const NODE: &str = "node";
    /// A Kubernetes pod, from the moment it is bound to a node.
    pub const POD: &str = "pod";
    /// A claim of a volume in Kubernetes.
    pub const CLAIM: &str = "persistent_volume_claim";
    /// What a claim is bound to.
    pub const PERSISTENT_VOLUME: &str = "persistent_volume";
    /// A class of volumes in Kubernetes.
    pub const STORAGE_CLASS: &str = "storage_class";
    /// A Kubernetes service of the type `LoadBalancer`.
    pub const SERVICE: &str = "service";
    /// An OpenShift quota over several namespaces.
    pub const CLUSTER_QUOTA: &str = "cluster_resource_quota";
    /// Our own reading of a list whose changes are watched: while it is `watched`, nothing that came and went is missed.
    pub const WATCH: &str = "watch";

    /// Kinds that own what is metered.
    pub const SCOPES: [&str; 2] = [PROJECT, NAMESPACE];

    /// The list whose watermark bounds resources of a kind; the kind itself where none is known.
    #[must_use]
    pub fn list_of(kind: &str) -> &str {
        match kind {
            SERVER => "servers",
            PROJECT => "projects",
            VOLUME => "volumes",
            SNAPSHOT => "snapshots",
            BACKUP => "backups",
            IMAGE => "images",
            FLOATING_IP => "floating_ips",
            PORT => "ports",
            ROUTER => "routers",
            LOAD_BALANCER => "load_balancers",
            SHARE => "shares",
            ACCOUNT => "accounts",
            BUCKET => "buckets",
            BUCKET_LOG => "usage_log",
            HYPERVISOR => "hypervisors",
            RBD_IMAGE => "rbd_images",
            SUBVOLUME => "subvolumes",
            CEPH_CLUSTER => "ceph_clusters",
            CEPH_POOL => "ceph_pools",
            CEPH_DEVICE_CLASS => "ceph_device_classes",
            CEPH_OSD => "ceph_osds",
            NAMESPACE => "namespaces",
            NODE => "nodes",
            POD => "pods",
            CLAIM => "persistentvolumeclaims",
            PERSISTENT_VOLUME => "persistentvolumes",
            STORAGE_CLASS => "storageclasses",
            SERVICE => "services",
            CLUSTER_QUOTA => "clusterresourcequotas",
            IMPORTED => "events",
            other => other,
        }
    }
}

/// Which side of a resource a fact tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// The lifecycle state; [`Value::Gone`] ends the resource. The label is the state.
    State,
    /// Size: the label is the name of the flavor (of the volume type, the storage class, the network), the levels are what it holds in base units.
    Flavor,
    /// The scope that owns it; the label is its id. Where it is another source's scope, the attribute [`amount::CLOUD`] names that source.
    Owner,
    /// Availability zone.
    Zone,
    /// The name people gave it. Shown, never counted by.
    Name,
    /// Free attributes, of scopes: name, domain, tags.
    Attributes,
    /// What was counted from `from` to `at`: quantities by meter are the levels, dimensions and owner the attributes (see [`amount`]). Many hold at
    /// once, and none ends another. A sighting is of a counter that may still grow, or have begun again; its label names the counter.
    Amount,
    /// What a counter or a gauge showed at `at`, its own time: see [`reading`]. Many series hold at once, and none ends another.
    Reading,
}

/// Names of what a fact of [`Aspect::Amount`] carries beside its dimensions. Dimensions have no colon in their names.
pub mod amount {
    /// The source whose scope it is; absent: the fact's own cloud.
    pub const CLOUD: &str = ":cloud";
    /// The scope that it belongs to, or [`CONTRACT`] and the contract, where the source names that itself.
    pub const SCOPE: &str = ":scope";
    /// What a scope begins with that is a contract's; its cloud is empty.
    pub const CONTRACT: &str = "contract:";
    /// Id of the event that told of it. What one event told counts once.
    pub const EVENT: &str = ":event";
}

/// What a fact of [`Aspect::Reading`] carries. Its label names the series, so that what is counted apart stays apart; its levels are the value by meter, in
/// the meter's base unit; its attributes are as an amount's ([`amount`]). `from` is when a counter began to count from zero, where that is known, else
/// `at`; `seen` is `at`. Evidence is [`Evidence::Sighting`], or [`Evidence::Record`] where the series is known to have begun at `from`, while it was watched.
pub mod reading {
    /// Level: for how many seconds a gauge's value holds at most. A reading without it is a counter's.
    pub const HOLDS: &str = ":holds_s";
}

/// What a fact of a [`kind::PROBE`] carries: an amount from the request to the end of the answer. Its label says what came of it.
pub mod probe {
    /// Level: 1 if it was answered as it has to be, else 0.
    pub const GOOD: &str = "good";
    /// Level: microseconds, by a clock that never goes back.
    pub const TOOK_US: &str = "took_us";
    /// Attribute: the collector that asked. Two that ask are two events.
    pub const COLLECTOR: &str = "collector";
}

/// Names of attributes that lead from one resource to another.
pub mod attr {
    /// Of a pod's state: the name of its node.
    pub const NODE: &str = "node";
    /// Of a node: the id of the server that it is.
    pub const SERVER: &str = "server";
    /// Of a claim: the name of its volume.
    pub const VOLUME: &str = "volume";
    /// Of a volume: the id of the Cinder volume, the RBD image or the CephFS subvolume that it is.
    pub const HANDLE: &str = "handle";
    /// Of a volume: the driver that knows the handle.
    pub const DRIVER: &str = "driver";
    /// Of a service: the id of its Octavia load balancer.
    pub const BALANCER: &str = "load_balancer";
    /// What tells an object from another of the same name.
    pub const UID: &str = "uid";
    /// Of a node: where its kubelet answers, host and port.
    pub const KUBELET: &str = "kubelet";
    /// Of a pod: it is on its node's own network.
    pub const HOST_NETWORK: &str = "host_network";
    /// Of a pod that its kubelet made by itself: what the kubelet takes for its UID.
    pub const STATIC: &str = "static";
    /// Of the state of an RBD image that counts elsewhere: there where it is in the trash.
    pub const TRASH: &str = "trash";
    /// Of a Cinder volume: the id that what stores it is named after, where that is not its own.
    pub const NAME_ID: &str = "name_id";
}

impl Aspect {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::State,
        Self::Flavor,
        Self::Owner,
        Self::Zone,
        Self::Name,
        Self::Attributes,
        Self::Amount,
        Self::Reading,
    ];

    /// The word in the store and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Flavor => "flavor",
            Self::Owner => "owner",
            Self::Zone => "zone",
            Self::Name => "name",
            Self::Attributes => "attributes",
            Self::Amount => "amount",
            Self::Reading => "reading",
        }
    }

    /// The aspect of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == word)
    }
}

/// How good a fact is; better sorts first. Exact beats inferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The cloud's record of the change itself: an instance action's event, a notification.
    Event,
    /// A time in the resource's own record (`created`, `launched_at`, `terminated_at`). It fills in what no event tells: a start is set aside where an
    /// [`Evidence::Event`] came before it (Nova rewrites `launched_at` at every resize and unshelve), an end where an event tells of the end.
    Record,
    /// A list showed it so, at `seen`.
    Sighting,
    /// A complete list no longer showed it: `at` is the watermark of the last complete pass that did, `seen` of the first that did not.
    Missing,
}

impl Evidence {
    /// All, best first.
    pub const ALL: [Self; 4] = [Self::Event, Self::Record, Self::Sighting, Self::Missing];

    /// The word in the store and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Record => "record",
            Self::Sighting => "sighting",
            Self::Missing => "missing",
        }
    }

    /// The evidence of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.as_str() == word)
    }
}

/// What is known of an aspect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Known {
    /// State, flavor name, scope id, zone: the one word.
    pub label: String,
    /// Levels in base units: `vcpus`, `cpu_nanocores`, `memory_bytes`, `local_disk_bytes`, `ephemeral_bytes`, `gpus`, `capacity_bytes`, `objects`,
    /// `ipv4_addresses`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, i64>,
    /// Other attributes, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
}

impl Known {
    /// Just a label.
    #[must_use]
    pub fn label(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }
}

/// The value an aspect took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// This.
    Known(Known),
    /// It changed here, and the source does not say to what (a resize's event names no flavor).
    Unknown,
    /// The resource ended.
    Gone,
}

impl Value {
    /// A known value that is just a label.
    #[must_use]
    pub fn label(label: impl Into<String>) -> Self {
        Self::Known(Known::label(label))
    }

    /// The label, if it is known.
    #[must_use]
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Known(k) => Some(k),
            Self::Unknown | Self::Gone => None,
        }
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Of what.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// Which side of it.
    pub aspect: Aspect,
    /// How good.
    pub evidence: Evidence,
    /// The cloud's own time of the change. Of a sighting: the record's own last update where the cloud gives one (so: no later than this
    /// value came about), else `seen`.
    pub at: Ts,
    /// The earliest the change may have happened (an event's start). Equal to `at` when it took no time; never later than it.
    pub from: Ts,
    /// The cloud's clock when it said so: the `Date` of the answer. For events and records equal to `at`, so that two collectors that learn of one
    /// event at different times write one fact.
    pub seen: Ts,
    /// What it became.
    pub value: Value,
    /// Our clock when we read it. No part of the identity; among duplicates the earliest counts.
    pub observed_at: Ts,
    /// The pass that read it. No part of the identity.
    pub pass: u64,
    /// SHA-256 (hex) of the raw object behind it, kept in the store; empty where there is none.
    pub raw: String,
}

impl Fact {
    /// The id: of everything but our own circumstances (`observed_at`, `pass`, `raw`). The same observation by a retry or by a second collector is the
    /// same id.
    #[must_use]
    pub fn id(&self) -> u64 {
        let f = Fields::default()
            .text(&self.key.cloud)
            .text(&self.key.kind)
            .text(&self.key.resource)
            .text(self.aspect.as_str())
            .text(self.evidence.as_str())
            .number(self.at.0)
            .number(self.from.0)
            .number(self.seen.0);
        match &self.value {
            Value::Gone => f.text("gone"),
            Value::Unknown => f.text("unknown"),
            Value::Known(k) => {
                let f = f
                    .text("known")
                    .text(&k.label)
                    .number(i64::try_from(k.levels.len()).unwrap_or(i64::MAX));
                let f = k.levels.iter().fold(f, |f, (n, v)| f.text(n).number(*v));
                k.attrs.iter().fold(f, |f, (n, v)| f.text(n).text(v))
            }
        }
        .short()
    }
}

/// A fact as the store gives it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredFact {
    /// The fact.
    #[serde(flatten)]
    pub fact: Fact,
    /// The store's clock when it came, the earliest among duplicates. *As of* T asks for facts stored no later than T.
    pub stored_at: Ts,
}
