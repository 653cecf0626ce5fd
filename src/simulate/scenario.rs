//! A scenario: what a made-up cloud holds and what befalls it, as YAML.

pub(super) mod stock;
mod when;

use crate::{config, domain::Ts};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use stock::Stock;
pub(super) use when::When;

/// A made-up cloud, without the chance that a seed adds. See `deploy/scenarios`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// Name of the source it stands for: the `cloud` of the truth.
    pub cloud: String,
    /// Region in the catalogue.
    pub region: String,
    /// Start and end as RFC 3339; absent: the window that the caller names.
    pub window: Option<Window>,
    /// Names of the Keystone domains beside `Default`.
    pub(super) domains: Vec<String>,
    pub(super) flavors: Vec<Flavor>,
    /// Names of Cinder's volume types.
    #[serde(default)]
    pub(super) volume_types: Vec<String>,
    /// Names of Manila's share types.
    #[serde(default)]
    pub(super) share_types: Vec<String>,
    /// Names of Swift's storage policies.
    #[serde(default = "storage")]
    pub(super) storage_policies: Vec<String>,
    /// Names of the object gateways' storage classes.
    #[serde(default = "standard")]
    pub(super) storage_classes: Vec<String>,
    /// Name of the network that public addresses are of.
    #[serde(default = "public")]
    pub(super) public_network: String,
    pub(super) projects: Vec<Project>,
    /// Seconds between two actions on one server, least and most. With more than a collector's interval between them, every flavor is seen.
    pub(super) gap_s: [i64; 2],
    /// Seconds from a shelve to its offload: Nova's `shelved_offload_time`. 0: at once, in the same event.
    #[serde(default)]
    pub(super) shelved_offload_s: i64,
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
}

/// From when until when.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First second.
    #[serde(deserialize_with = "time")]
    pub start: Ts,
    /// First second after.
    #[serde(deserialize_with = "time")]
    pub end: Ts,
}

fn storage() -> Vec<String> {
    vec!["storage".to_owned()]
}

fn standard() -> Vec<String> {
    vec!["STANDARD".to_owned()]
}

fn public() -> String {
    "public".to_owned()
}

fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Ts, D::Error> {
    Ts::parse(&String::deserialize(d)?).map_err(D::Error::custom)
}

/// A flavor as Nova has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flavor {
    pub(super) name: String,
    pub(super) vcpus: i64,
    pub(super) ram_mib: i64,
    pub(super) disk_gib: i64,
    #[serde(default)]
    pub(super) ephemeral_gib: i64,
    #[serde(default)]
    pub(super) swap_mib: i64,
    /// What its extra specs come to: stated here, so that the truth does not depend on how anybody reads them.
    #[serde(default)]
    pub(super) gpus: i64,
    #[serde(default)]
    pub(super) extra_specs: BTreeMap<String, String>,
}

/// A Keystone project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) domain: String,
    /// Its tags over time; the first entry begins with the project.
    pub(super) tags: Vec<Tags>,
    /// Who truly pays, over time; the first entry begins with the project.
    pub(super) owners: Vec<Owner>,
    /// When Keystone forgets it. Its servers are deleted before.
    pub(super) deleted: Option<When>,
    /// So many projects like this, called `name-0`, `name-1` and so on.
    pub(super) copies: Option<u32>,
    #[serde(default)]
    pub(super) servers: Vec<Group>,
    #[serde(default)]
    volumes: Vec<Stock>,
    /// Of volumes.
    #[serde(default)]
    snapshots: Vec<Stock>,
    /// Of volumes.
    #[serde(default)]
    backups: Vec<Stock>,
    #[serde(default)]
    images: Vec<Stock>,
    #[serde(default)]
    floating_ips: Vec<Stock>,
    /// On the public network itself.
    #[serde(default)]
    ports: Vec<Stock>,
    /// With a gateway on the public network.
    #[serde(default)]
    routers: Vec<Stock>,
    #[serde(default)]
    load_balancers: Vec<Stock>,
    #[serde(default)]
    shares: Vec<Stock>,
    /// Its object storage: one account at most.
    #[serde(default)]
    accounts: Vec<Stock>,
    /// Of the object gateways.
    #[serde(default)]
    buckets: Vec<Stock>,
}

impl Project {
    /// The nth of the projects that it stands for.
    fn copy(&self, n: u32) -> Self {
        let name = if self.copies.is_some() {
            format!("{}-{n}", self.name)
        } else {
            self.name.clone()
        };
        Self {
            name,
            ..self.clone()
        }
    }
}

/// A project's tags from a time on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tags {
    pub(super) from: Option<When>,
    pub(super) tags: Vec<String>,
}

/// A project's tenant from a time on; absent: nobody can be named, and the usage is `unattributed`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    pub(super) from: Option<When>,
    pub(super) tenant: Option<String>,
}

/// Servers that live alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// The first part of their names.
    pub(super) name: String,
    pub(super) behaviour: Behaviour,
    pub(super) count: u32,
    /// They begin as one of these, and are resized among them.
    pub(super) flavors: Vec<String>,
    /// So many of them are older than the window.
    #[serde(default)]
    pub(super) older: u32,
    /// So many of a hundred are deleted within the window (of `steady` and `busy` ones).
    #[serde(default)]
    pub(super) deleted_percent: u64,
    /// Seconds that a `short` one lives, least and most.
    #[serde(default = "an_hour_or_two")]
    pub(super) lives_s: [i64; 2],
}

const fn an_hour_or_two() -> [i64; 2] {
    [600, 7_200]
}

/// How a server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Behaviour {
    /// Created; nobody touches it.
    Steady,
    /// All that users do: stop, pause, suspend, shelve, resize, migrate, rebuild, and back.
    Busy,
    /// Created, used, deleted; sometimes stopped first.
    Short,
    /// A few seconds.
    Blink,
    /// No valid host was found.
    FailedBuild,
    /// Deleted before it was scheduled.
    Unscheduled,
    /// Falls to ERROR by itself; deleted later.
    Crash,
    /// Soft-deleted, restored; some soft-deleted again and reclaimed.
    SoftDeleted,
}

/// A trouble of the cloud's API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) from: When,
    pub(super) to: When,
    pub(super) service: Service,
    pub(super) what: Trouble,
}

/// Which API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Service {
    Identity,
    Compute,
    Volume,
    Image,
    Network,
    LoadBalancer,
    Share,
    ObjectStore,
    /// Ceph's object gateways.
    ObjectGateway,
    Placement,
}

/// What is wrong with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Trouble {
    /// Every request is answered with this status (500 or 503).
    Answers(u16),
    /// Every answer comes so many milliseconds late.
    LatencyMs(u64),
    /// Lists are answered with 200 and nothing in them: what a service does for one who lost the role.
    RoleLost,
    /// Tokens issued before `from` are no longer valid.
    TokensRevoked,
    /// At `from` the gateway is killed and started anew: what it had not written down is lost.
    Killed,
    /// At `from` an administrator trims the usage log.
    Trimmed,
}

/// Why a scenario could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BadScenario {
    /// The file could not be read.
    #[error("cannot read the scenario {path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a scenario looks like.
    #[error("scenario {path}: {what}")]
    Shape {
        /// Which.
        path: String,
        /// The parser's words.
        what: String,
    },
    /// It contradicts itself.
    #[error("scenario {path}: {}", what.join("; "))]
    Contradiction {
        /// Which.
        path: String,
        /// Everything found.
        what: Vec<String>,
    },
}

impl Scenario {
    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// [`BadScenario`] when it cannot be read, has another shape, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, BadScenario> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| BadScenario::Read {
            path: name.clone(),
            source,
        })?;
        Self::parse(&name, &text)
    }

    /// Reads a scenario from text; `path` is for its errors.
    ///
    /// # Errors
    /// [`BadScenario`] when it has another shape, or contradicts itself.
    pub fn parse(path: &str, text: &str) -> Result<Self, BadScenario> {
        let shape = |what: String| BadScenario::Shape {
            path: path.to_owned(),
            what,
        };
        let lines = |all: Vec<config::Problem>| {
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        };
        let mut scenario: Self = config::plain_yaml(Path::new(path), text)
            .map_err(lines)
            .and_then(|v| serde_json::from_value(v).map_err(|e| e.to_string()))
            .map_err(shape)?;
        let copies = |p: &Project| {
            (0..p.copies.unwrap_or(1))
                .map(|n| p.copy(n))
                .collect::<Vec<_>>()
        };
        scenario.projects = scenario.projects.iter().flat_map(copies).collect();
        let what = scenario.contradictions();
        if what.is_empty() {
            Ok(scenario)
        } else {
            Err(BadScenario::Contradiction {
                path: path.to_owned(),
                what,
            })
        }
    }

    fn contradictions(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        if let Some(w) = self.window {
            must(
                w.start < w.end,
                format!("the window ends ({}) before it starts ({})", w.end, w.start),
            );
        }
        must(
            (60..=self.gap_s[1]).contains(&self.gap_s[0]),
            "`gap_s` must be [least, most] with a least of 60 or more".to_owned(),
        );
        must(
            self.shelved_offload_s >= 0,
            "`shelved_offload_s` is negative".to_owned(),
        );
        let flavors: BTreeSet<_> = self.flavors.iter().map(|f| f.name.as_str()).collect();
        must(
            flavors.len() == self.flavors.len(),
            "two flavors have one name".to_owned(),
        );
        for what in self.odd_policies() {
            must(false, what);
        }
        let mut names = BTreeSet::new();
        for p in &self.projects {
            let full = format!("{}/{}", p.domain, p.name);
            must(
                p.domain == "Default" || self.domains.contains(&p.domain),
                format!("project {full}: no such domain"),
            );
            must(
                !p.tags.is_empty() && p.tags[0].from.is_none(),
                format!("project {full}: the first of `tags` must be there, without `from`"),
            );
            must(
                !p.owners.is_empty() && p.owners[0].from.is_none(),
                format!("project {full}: the first of `owners` must be there, without `from`"),
            );
            must(
                p.tags[1.min(p.tags.len())..]
                    .iter()
                    .all(|t| t.from.is_some()),
                format!("project {full}: later `tags` need a `from`"),
            );
            must(
                p.owners[1.min(p.owners.len())..]
                    .iter()
                    .all(|t| t.from.is_some()),
                format!("project {full}: later `owners` need a `from`"),
            );
            let mut groups = BTreeSet::new();
            for g in &p.servers {
                must(
                    groups.insert(&g.name),
                    format!("project {full}: two groups are called {}", g.name),
                );
                must(
                    !g.flavors.is_empty(),
                    format!("group {full}/{}: no flavors", g.name),
                );
                for f in g.flavors.iter().filter(|f| !flavors.contains(f.as_str())) {
                    must(
                        false,
                        format!("group {full}/{}: no such flavor: {f}", g.name),
                    );
                }
                must(
                    g.older <= g.count,
                    format!("group {full}/{}: `older` is more than `count`", g.name),
                );
                must(
                    (1..=g.lives_s[1]).contains(&g.lives_s[0]),
                    format!("group {full}/{}: `lives_s` must be [least, most]", g.name),
                );
            }
            for what in self.stock_contradictions(p) {
                must(false, what);
            }
            must(
                names.insert(full.clone()),
                format!("two projects are called {full}"),
            );
        }
        for f in &self.faults {
            must(
                f.from.before(f.to),
                format!("a fault ends before it begins: {f:?}"),
            );
            if let Trouble::Answers(status) = f.what {
                must(
                    [500, 503].contains(&status),
                    format!("a fault answers {status}: only 500 and 503 are known"),
                );
            }
            must(
                f.service == Service::ObjectGateway
                    || !matches!(f.what, Trouble::Killed | Trouble::Trimmed),
                format!("a fault of object gateways befalls another service: {f:?}"),
            );
        }
        wrong
    }
}

#[cfg(test)]
mod tests;
