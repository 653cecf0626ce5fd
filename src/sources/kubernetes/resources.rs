//! The lists that are read of a cluster, and how their items become facts.

use super::{objects, pod, thing::Thing, volumes};
use crate::domain::fact::kind;
use regex::Regex;

/// A list of the API.
#[derive(Debug)]
pub(super) struct Resource {
    /// Its name in passes, which is its name in the API.
    pub(super) list: &'static str,
    /// What its items are.
    pub(super) kind: &'static str,
    /// The API's group; empty: the core.
    pub(super) group: &'static str,
    /// Where the group's version is.
    root: &'static str,
    /// True where items are in namespaces.
    namespaced: bool,
    /// True where not every cluster has it.
    pub(super) optional: bool,
    /// Reads an item as sent; `None`: it is nothing that is metered.
    pub(super) read: fn(&str, &Regex) -> Result<Option<Thing>, String>,
    /// True of an item that is of interest only where it was before.
    pub(super) idle: fn(&Thing) -> bool,
}

const NEVER: fn(&Thing) -> bool = |_| false;

const fn core(
    list: &'static str,
    kind: &'static str,
    namespaced: bool,
    read: fn(&str, &Regex) -> Result<Option<Thing>, String>,
) -> Resource {
    Resource {
        list,
        kind,
        group: "",
        root: "/api/v1",
        namespaced,
        optional: false,
        read,
        idle: NEVER,
    }
}

/// All of them, scopes first.
pub(super) const RESOURCES: [Resource; 8] = [
    core("namespaces", kind::NAMESPACE, false, objects::namespace),
    core("nodes", kind::NODE, false, objects::node),
    core("pods", kind::POD, true, pod::read),
    core("persistentvolumeclaims", kind::CLAIM, true, volumes::claim),
    core(
        "persistentvolumes",
        kind::PERSISTENT_VOLUME,
        false,
        volumes::volume,
    ),
    Resource {
        group: "storage.k8s.io",
        root: "/apis/storage.k8s.io/v1",
        ..core(
            "storageclasses",
            kind::STORAGE_CLASS,
            false,
            volumes::storage_class,
        )
    },
    Resource {
        idle: objects::is_no_balancer,
        ..core("services", kind::SERVICE, true, objects::service)
    },
    Resource {
        group: "quota.openshift.io",
        root: "/apis/quota.openshift.io/v1",
        optional: true,
        ..core(
            "clusterresourcequotas",
            kind::CLUSTER_QUOTA,
            false,
            objects::quota,
        )
    },
];

impl Resource {
    /// Where the list is.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.root, self.list)
    }

    /// Where one item is; `None`: its namespace is not known.
    pub(super) fn path_of(&self, namespace: &str, name: &str) -> Option<String> {
        let part = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        match (self.namespaced, namespace.is_empty()) {
            (true, true) => None,
            (true, false) => Some(format!(
                "{}/namespaces/{}/{}/{}",
                self.root,
                part(namespace),
                self.list,
                part(name)
            )),
            (false, _) => Some(format!("{}/{}", self.path(), part(name))),
        }
    }
}
