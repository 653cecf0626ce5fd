//! Nodes of clusters as the pages show them: how each was shared out in a month.

use crate::{
    domain::{UsageRow, fact::kind},
    fold::nodes::{Part, RESOURCES, dimension},
};
use std::collections::{BTreeMap, BTreeSet};

/// A node in a month. Quantities are levels times seconds, exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeRow {
    /// The source.
    pub cluster: String,
    /// The node's name.
    pub name: String,
    /// The server that it is; empty where that is not known.
    pub server: String,
    /// The server's project, by name if it has one.
    pub project: String,
    /// How many pods it carried.
    pub pods: usize,
    /// Its parts, in the order of [`RESOURCES`].
    pub parts: [Parts; RESOURCES.len()],
}

/// The parts of one resource of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// What pods asked for.
    pub requested: i128,
    /// What the node kept for itself.
    pub system: i128,
    /// What no pod asked for and no pod bears.
    pub unrequested: i128,
    /// What no pod asked for, and pods bear.
    pub shared: i128,
    /// What nobody saw.
    pub unobserved: i128,
}

impl Parts {
    /// All of the node.
    #[must_use]
    pub const fn whole(&self) -> i128 {
        self.requested + self.system + self.unrequested + self.shared + self.unobserved
    }
}

/// The nodes of a month's usage, by source and name.
pub(super) fn nodes(rows: &[UsageRow]) -> Vec<NodeRow> {
    let mut all: BTreeMap<[&str; 3], (NodeRow, BTreeSet<&str>)> = BTreeMap::new();
    for row in rows {
        let Some(resource) = RESOURCES.iter().position(|r| row.meter == r.meter) else {
            continue;
        };
        let of = |name: &str| row.dimensions.get(name).map_or("", String::as_str);
        let key = [
            row.source.as_str(),
            of(dimension::NODE),
            of(dimension::SERVER),
        ];
        let (node, pods) = all.entry(key).or_default();
        let parts = &mut node.parts[resource];
        let is_pod = row.kind == kind::POD;
        if is_pod {
            pods.insert(&row.resource);
        } else {
            super::overview::named(&row.scope_name, &row.scope).clone_into(&mut node.project);
        }
        let part = of(dimension::PART);
        let sum = match part {
            _ if part == Part::Requested.as_str() => &mut parts.requested,
            _ if part == Part::System.as_str() => &mut parts.system,
            _ if part == Part::Unrequested.as_str() && is_pod => &mut parts.shared,
            _ if part == Part::Unrequested.as_str() => &mut parts.unrequested,
            _ => &mut parts.unobserved,
        };
        *sum += row.quantity;
    }
    let row = |([cluster, name, server], (node, pods)): ([&str; 3], (NodeRow, BTreeSet<&str>))| {
        let [cluster, name, server] = [cluster, name, server].map(str::to_owned);
        NodeRow {
            cluster,
            name,
            server,
            pods: pods.len(),
            ..node
        }
    };
    all.into_iter().map(row).collect()
}
