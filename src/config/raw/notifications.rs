//! Brokers of notifications, as they are written.

use super::{
    super::leaf::{AmqpUrl, Bytes},
    Part, SecretRef,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// A RabbitMQ that a cloud's services notify through. plimsoll consumes a queue of its own there, never one that others read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Notifications {
    /// Where it is, and the virtual host.
    pub(in super::super) url: Part<AmqpUrl>,
    /// User. It needs to configure, write and read its own queue, and to read the exchanges.
    pub(in super::super) username: String,
    /// Its password.
    pub(in super::super) password: Part<SecretRef>,
    /// Our durable queue; made if it is not there. Each collector that has a store of its own needs a queue of its own. Default: `plimsoll.` and the
    /// source's name.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.:-]{1,200}$"))]
    pub(in super::super) queue: Option<String>,
    /// Most bytes that may wait in the queue while nobody reads it; past it the broker drops the oldest. At least 1MiB. Fixed when the queue is made.
    #[serde(default = "Notifications::queue_max")]
    pub(in super::super) queue_max: Bytes,
    /// Exchanges that the services publish to. Those that are not there are looked for again.
    #[serde(default = "Notifications::exchanges")]
    pub(in super::super) exchanges: Vec<String>,
    /// Topics (`notification_topics`, `versioned_notifications_topics`).
    #[serde(default = "Notifications::topics")]
    pub(in super::super) topics: Vec<String>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in super::super) ca_file: Option<PathBuf>,
}

impl Notifications {
    pub(in super::super) fn queue_max() -> Bytes {
        Bytes(1 << 30)
    }
    /// The control exchanges as the services name them by default; `openstack` is Cinder's, Octavia's and Manila's.
    pub(in super::super) fn exchanges() -> Vec<String> {
        ["nova", "neutron", "glance", "openstack"]
            .map(str::to_owned)
            .into()
    }
    pub(in super::super) fn topics() -> Vec<String> {
        ["notifications", "versioned_notifications"]
            .map(str::to_owned)
            .into()
    }
}
