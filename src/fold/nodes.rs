//! Nodes of a Kubernetes cluster, shared out over the pods that they carry, so that the parts of a node sum to the node exactly.
//!
//! A node's capacity is what its kubelet keeps for the system, what pods ask for, and the rest. Each second is shared by itself: levels are integers, and where
//! one has to be divided the parts are differences of floored running sums, which add up to the whole whatever they are. What is
//! not known (a pod or a node nobody saw) is a part of its own, and nobody's.

mod sharing;
#[cfg(test)]
mod tests;

use super::{
    measure::{Dealer, Moment, Window, moments},
    sums::Ledger,
};
use crate::domain::{
    Aspect, Life,
    bill::Stretch,
    fact::{attr, kind},
    ownership::Scopes,
    tenancy::Idle,
};
use sharing::Sharing;
use std::{collections::BTreeMap, fmt};

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What of a node is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The meter.
    pub meter: &'static str,
    /// The level: of a pod what it asks for, of a node what pods may ask for.
    level: &'static str,
    /// The level of all that a node has.
    capacity: &'static str,
}

/// All that is shared out.
pub const RESOURCES: [Resource; 3] = [
    Resource {
        meter: "k8s.node.cpu",
        level: "cpu_nanocores",
        capacity: "capacity_cpu_nanocores",
    },
    Resource {
        meter: "k8s.node.memory",
        level: "memory_bytes",
        capacity: "capacity_memory_bytes",
    },
    Resource {
        meter: "k8s.node.gpu",
        level: "gpus",
        capacity: "capacity_gpus",
    },
];

/// The dimensions of these meters.
pub mod dimension {
    /// The node's name.
    pub const NODE: &str = "node";
    /// The server that it is; empty where that is not known.
    pub const SERVER: &str = "server";
    /// Which part of the node: see [`super::Part`].
    pub const PART: &str = "part";
}

/// A part of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What a pod asks for.
    Requested,
    /// What the node keeps for itself: its capacity without what pods may ask for.
    System,
    /// What pods may ask for and none does.
    Unrequested,
    /// What nobody saw, or saw whole.
    Unobserved,
}

impl Part {
    /// The word in the dimension.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::System => "system",
            Self::Unrequested => "unrequested",
            Self::Unobserved => super::measure::UNOBSERVED,
        }
    }
}

/// Whose a pod is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// Terms, or empty.
    pub contract: String,
    /// The namespace.
    pub scope: String,
    /// Its name for people.
    pub scope_name: String,
}

/// What one of the shares came to on one UTC day, or the part of it that lies in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The first second that counts.
    pub start: i64,
    /// Level x seconds observed.
    pub quantity: i128,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been.
    pub expected_s: i64,
    /// As things stand it goes on: no later day is known to be without it.
    pub lasts: bool,
}

impl Day {
    /// As levels over time, which come to the same quantity; where in the day it counted more and where less is not told.
    /// What lasts does so until `to`, at the level of the day.
    pub fn stretches(self, to: i64) -> impl Iterator<Item = Stretch> {
        let seconds = i128::from(self.observed_s.max(1));
        let level = i64::try_from(self.quantity.div_euclid(seconds)).unwrap_or(i64::MAX);
        let more = i64::try_from(self.quantity.rem_euclid(seconds)).unwrap_or(0);
        let (start, observed) = (self.start, self.start + self.observed_s);
        let parts = [
            (start, start + more, Some(level.saturating_add(1)), false),
            (start + more, observed, Some(level), self.lasts),
            (observed, start + self.expected_s, None, self.lasts),
        ];
        parts
            .into_iter()
            .filter(|(start, end, ..)| start < end)
            .map(move |(start, end, level, lasts)| Stretch {
                start,
                end,
                level: level.unwrap_or(0),
                observed: level.is_some(),
                lasts_to: if lasts { to } else { end },
            })
    }
}

/// One part of a node, for a pod or for the node itself.
#[derive(Debug)]
pub struct Share<'a> {
    /// What is shared out.
    pub resource: Resource,
    /// Which part.
    pub part: Part,
    /// The node's name.
    pub node: &'a str,
    /// The server that it is; empty where that is not known.
    pub server: &'a str,
    /// Who has it.
    pub of: Of<'a>,
    /// By day, in order.
    pub days: &'a [Day],
}

/// Who has a part of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// The node itself, by its UID.
    Node(&'a str),
    /// A pod, and whose it is.
    Pod(&'a Pod, &'a Whose),
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    uid: String,
    /// Empty where it is not known.
    server: String,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The API's UID.
    pub uid: String,
    /// Its name.
    pub name: String,
}

/// Room of a node, by resource.
type Rooms = [Room; RESOURCES.len()];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Room {
    capacity: i64,
    allocatable: i64,
}

/// A node over `[start, end)`; without rooms nobody saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    start: i64,
    end: i64,
    node: usize,
    rooms: Option<Rooms>,
}

/// A pod over `[start, end)`; without levels nobody saw what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    start: i64,
    end: i64,
    pod: usize,
    whose: usize,
    levels: Option<[i64; RESOURCES.len()]>,
}

/// What goes by one node's name: nodes, one after another, and pods.
#[derive(Debug, Default)]
struct Named {
    segments: Vec<Segment>,
    held: Vec<Held>,
}

/// What the nodes of one cluster carry. **Memory usage**: about 300 bytes a pod, and 70 more each time its request or owner changes.
#[derive(Debug, Default)]
pub struct Carried {
    nodes: Vec<Node>,
    pods: Vec<Pod>,
    whose: Vec<Whose>,
    numbers: BTreeMap<Whose, usize>,
    by_name: BTreeMap<String, Named>,
}

/// Who has a part, by their places in [`Carried`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Has {
    Node(usize),
    Pod(usize, usize),
}

/// Which share: resource, server, who, part.
type Place<'a> = (usize, &'a str, Has, Part);

impl Carried {
    /// Adds a node or a pod by its life; anything else is passed over.
    pub fn add(&mut self, life: &Life<'_>, name: &str, scopes: &Scopes) {
        match life.key.kind.as_str() {
            kind::NODE => self.add_node(life, name),
            kind::POD => self.add_pod(life, name, scopes),
            _ => {}
        }
    }

    /// The servers that its nodes are.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        let known = self.nodes.iter().map(|n| n.server.as_str());
        known.filter(|s| !s.is_empty())
    }

    fn add_node(&mut self, life: &Life<'_>, name: &str) {
        let told = life.spans(Aspect::Attributes).iter().rev();
        let server = told
            .filter_map(|s| s.value?.attrs.get(attr::SERVER))
            .next()
            .cloned()
            .unwrap_or_default();
        let node = self.nodes.len();
        self.nodes.push(Node {
            uid: life.key.resource.clone(),
            server,
        });
        let named = self.by_name.entry(name.to_owned()).or_default();
        named.segments.extend(moments(life).iter().map(|m| Segment {
            start: m.start.second(),
            end: end_of(m),
            node,
            rooms: rooms(m),
        }));
    }

    fn add_pod(&mut self, life: &Life<'_>, name: &str, scopes: &Scopes) {
        let moments = moments(life);
        // A pod never moves, so where it was seen is where it was.
        let bound = |m: &Moment<'_>| m.state?.attrs.get(attr::NODE).cloned();
        let Some(node) = moments.iter().find_map(bound) else {
            return;
        };
        let pod = self.pods.len();
        self.pods.push(Pod {
            uid: life.key.resource.clone(),
            name: name.to_owned(),
        });
        let mut held = Vec::new();
        let mut dealer = Dealer::new(&life.key.cloud, scopes);
        for m in &moments {
            let level = |r: &Resource, of: &BTreeMap<String, i64>| {
                of.get(r.level).copied().unwrap_or(0).max(0)
            };
            let levels = m
                .state
                .and(m.flavor)
                .map(|f| RESOURCES.map(|r| level(&r, &f.levels)));
            dealer.deal(m, |start, end, scope_name, owner| {
                let whose = self.number(Whose {
                    tenant: owner.tenant().to_owned(),
                    contract: owner.contract().to_owned(),
                    scope: m.scope.to_owned(),
                    scope_name: scope_name.to_owned(),
                });
                held.push(Held {
                    start: start.second(),
                    end: end.map_or(i64::MAX, crate::domain::Ts::second),
                    pod,
                    whose,
                    levels,
                });
            });
        }
        self.by_name.entry(node).or_default().held.extend(held);
    }

    fn number(&mut self, whose: Whose) -> usize {
        let next = self.whose.len();
        let number = *self.numbers.entry(whose.clone()).or_insert(next);
        if number == next {
            self.whose.push(whose);
        }
        number
    }

    /// Shares out all nodes over the window, whose watermark is that of nodes and pods alike, and enters into the ledger what there was and what was dealt out.
    pub fn share(
        &self,
        idle: Idle,
        window: &Window,
        ledger: &mut Ledger,
        mut take: impl FnMut(&Share<'_>),
    ) {
        for (name, named) in &self.by_name {
            let mut sharing = Sharing::of(named, &self.nodes, idle, window);
            sharing.run();
            let mut dealt = [0_i128; RESOURCES.len()];
            for ((resource, server, has, part), days) in &sharing.places {
                dealt[*resource] += days.iter().map(|d| d.quantity).sum::<i128>();
                take(&Share {
                    resource: RESOURCES[*resource],
                    part: *part,
                    node: name,
                    server,
                    of: match has {
                        Has::Node(node) => Of::Node(&self.nodes[*node].uid),
                        Has::Pod(pod, whose) => Of::Pod(&self.pods[*pod], &self.whose[*whose]),
                    },
                    days,
                });
            }
            for ((resource, there), dealt) in RESOURCES.iter().zip(sharing.there).zip(dealt) {
                ledger.enter(resource.meter, there, dealt);
            }
        }
    }
}

fn end_of(m: &Moment<'_>) -> i64 {
    m.end.map_or(i64::MAX, crate::domain::Ts::second)
}

/// What a node has; of one whose capacity was not told, what pods may ask for.
fn rooms(m: &Moment<'_>) -> Option<Rooms> {
    let levels = &m.state.and(m.flavor)?.levels;
    let level = |name: &str| levels.get(name).copied().unwrap_or(0).max(0);
    Some(RESOURCES.map(|r| {
        let allocatable = level(r.level);
        let capacity = levels.get(r.capacity).copied().unwrap_or(allocatable);
        Room {
            capacity,
            // A kubelet that sets nothing aside may let pods ask for all there is, never for more.
            allocatable: allocatable.min(capacity),
        }
    }))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
