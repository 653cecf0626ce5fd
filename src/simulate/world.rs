//! A whole made-up cloud, known beforehand; and what it holds at any second.

use super::{
    dice::Dice,
    life::{Life, ZONES},
    lives::Bounds,
    scenario::{BadScenario, Behaviour, Fault, Flavor, Group, Scenario},
    server::{Record, Server},
    stock::Store,
};
use crate::domain::{Ts, ownership::UNATTRIBUTED};
use std::collections::BTreeMap;

/// Projects that every cloud has, before all others.
const OWN_PROJECTS: [&str; 2] = ["admin", "service"];

/// A cloud over its whole window, made from a scenario and a seed: the same on any machine. Nothing in it moves; what an API shows at a second is a
/// projection of it.
///
/// # Memory usage
/// 10,000 servers over a month (`deploy/scenarios/large.yaml`): a process of 45 MB.
#[derive(Debug)]
pub struct World {
    pub(super) cloud: String,
    pub(super) region: String,
    pub(super) seed: u64,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) hosts: u32,
    /// Id of the one image that all servers are made from.
    pub(super) image: String,
    pub(super) domains: Vec<Domain>,
    pub(super) flavors: Vec<FlavorRow>,
    pub(super) projects: Vec<ProjectRow>,
    /// In the order in which Nova lists them: the youngest first.
    pub(super) servers: Vec<Server>,
    /// Place in `servers`.
    pub(super) by_id: BTreeMap<String, usize>,
    /// Everything beside servers.
    pub(super) stock: Store,
    /// Names of Cinder's volume types.
    pub(super) volume_types: Vec<String>,
    /// Names of Swift's storage policies.
    pub(super) storage_policies: Vec<String>,
    /// Name of the public network.
    pub(super) public_network: String,
    pub(super) faults: Vec<Fault>,
}

#[derive(Debug)]
pub(super) struct Domain {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) struct FlavorRow {
    pub(super) id: String,
    pub(super) is: Flavor,
}

#[derive(Debug)]
pub(super) struct ProjectRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain_id: String,
    /// Who acts in it.
    pub(super) user_id: String,
    /// From when which.
    pub(super) tags: Vec<(i64, Vec<String>)>,
    /// From when whose.
    pub(super) owners: Vec<(i64, String)>,
    pub(super) deleted: Option<i64>,
}

impl ProjectRow {
    /// What holds at `t` in a dated list whose first entry holds from ever.
    fn holding<T>(list: &[(i64, T)], t: i64) -> Option<&T> {
        list.iter()
            .rev()
            .find(|(from, _)| *from <= t)
            .map(|(_, v)| v)
    }

    pub(super) fn tags_at(&self, t: i64) -> &[String] {
        Self::holding(&self.tags, t).map_or(&[], Vec::as_slice)
    }

    pub(super) fn owner_at(&self, t: i64) -> &str {
        Self::holding(&self.owners, t).map_or(UNATTRIBUTED, String::as_str)
    }

    pub(super) fn exists_at(&self, t: i64) -> bool {
        self.deleted.is_none_or(|d| t < d)
    }
}

impl World {
    /// Makes the cloud up over the scenario's own window, or else over `[from, to)`.
    ///
    /// # Errors
    /// [`BadScenario::Contradiction`] if the window is empty.
    pub fn generate(scenario: &Scenario, seed: u64, from: Ts, to: Ts) -> Result<Self, BadScenario> {
        let (from, to) = scenario.window.map_or((from, to), |w| (w.start, w.end));
        let (start, end) = (from.second(), to.second());
        if start >= end {
            let what = vec![format!("the window [{from}, {to}) is empty")];
            return Err(BadScenario::Contradiction {
                path: scenario.name.clone(),
                what,
            });
        }
        let id = |what: &[&str]| Dice::new(seed, what).hex(16);
        let mut domains = vec![Domain {
            id: "default".to_owned(),
            name: "Default".to_owned(),
        }];
        domains.extend(scenario.domains.iter().map(|n| Domain {
            id: id(&["domain", n]),
            name: n.clone(),
        }));
        let flavors = scenario.flavors.iter().map(|f| FlavorRow {
            id: Dice::new(seed, &["flavor", &f.name]).uuid(),
            is: f.clone(),
        });
        let total: u32 = scenario
            .projects
            .iter()
            .flat_map(|p| &p.servers)
            .map(|g| g.count)
            .sum();
        let mut world = Self {
            image: Dice::new(seed, &["image"]).uuid(),
            cloud: scenario.cloud.clone(),
            region: scenario.region.clone(),
            seed,
            start,
            end,
            hosts: (total / 40 + 2) * ZONES,
            flavors: flavors.collect(),
            projects: OWN_PROJECTS.map(|n| own_project(n, seed)).into(),
            domains,
            servers: Vec::new(),
            by_id: BTreeMap::new(),
            stock: Store::default(),
            volume_types: scenario.volume_types.clone(),
            storage_policies: scenario.storage_policies.clone(),
            public_network: scenario.public_network.clone(),
            faults: scenario.faults.clone(),
        };
        for project in &scenario.projects {
            world.add_project(project);
            for group in &project.servers {
                world.add_group(scenario, project, group);
            }
        }
        world
            .servers
            .sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        world.by_id = world
            .servers
            .iter()
            .enumerate()
            .map(|(n, s)| (s.id.clone(), n))
            .collect();
        world.add_stock(scenario);
        Ok(world)
    }

    /// Everything beside servers. What is transferred goes to a project that stays.
    fn add_stock(&mut self, scenario: &Scenario) {
        let mut all = Vec::new();
        for (n, project) in (OWN_PROJECTS.len()..).zip(&scenario.projects) {
            let stays = |heir: &usize| *heir != n && self.projects[*heir].deleted.is_none();
            let heirs: Vec<usize> = (OWN_PROJECTS.len()..self.projects.len())
                .filter(stays)
                .collect();
            all.extend(self.make_stock(scenario, (n, project), &heirs));
        }
        self.stock = Store::new(all);
    }

    fn add_project(&mut self, p: &super::scenario::Project) {
        let since = |w: Option<super::scenario::When>| w.map_or(i64::MIN, |w| w.second(self.start));
        let id = |what| Dice::new(self.seed, &[what, &p.domain, &p.name]).hex(16);
        let domain = self.domains.iter().find(|d| d.name == p.domain);
        let row = ProjectRow {
            id: id("project"),
            name: p.name.clone(),
            domain_id: domain.map_or_else(String::new, |d| d.id.clone()),
            user_id: id("user"),
            tags: p
                .tags
                .iter()
                .map(|t| (since(t.from), t.tags.clone()))
                .collect(),
            owners: p
                .owners
                .iter()
                .map(|o| {
                    (
                        since(o.from),
                        o.tenant.clone().unwrap_or_else(|| UNATTRIBUTED.to_owned()),
                    )
                })
                .collect(),
            deleted: p.deleted.map(|w| w.second(self.start)),
        };
        self.projects.push(row);
    }

    fn add_group(&mut self, scenario: &Scenario, p: &super::scenario::Project, g: &Group) {
        let project = self.projects.len() - 1;
        let flavors: Vec<usize> = g
            .flavors
            .iter()
            .filter_map(|n| self.flavors.iter().position(|f| f.is.name == *n))
            .collect();
        let goes = self.projects[project].deleted;
        let gap = scenario.gap_s;
        // Whoever lives in a project that goes has time to end what was begun, and to be deleted.
        let end = goes
            .map_or(self.end, |d| d - 2 * gap[1] - g.lives_s[1] - 10_800)
            .max(self.start);
        let bounds = Bounds {
            start: self.start,
            end,
            dies: goes.is_some(),
            gap,
            lives: g.lives_s,
            offload: scenario.shelved_offload_s,
            flavors: &flavors,
        };
        for n in 0..g.count {
            let mut dice = Dice::new(
                self.seed,
                &["server", &p.domain, &p.name, &g.name, &n.to_string()],
            );
            let created = if n < g.older {
                self.start - dice.between(86_400, 200 * 86_400)
            } else if matches!(g.behaviour, Behaviour::Steady | Behaviour::Busy) {
                dice.between(self.start, self.start + (end - self.start) * 3 / 4)
            } else {
                dice.between(self.start, end - 1)
            };
            let flavor = dice.pick(&flavors);
            let mut life = Life::begin(
                &mut dice,
                (project, format!("{}-{n}", g.name)),
                created,
                flavor,
                self.hosts,
            );
            life.live(g.behaviour, g.deleted_percent, bounds);
            self.servers.push(life.server);
        }
    }

    /// Name of the source that the cloud stands for.
    #[must_use]
    pub fn cloud(&self) -> &str {
        &self.cloud
    }

    /// Its region in the catalogue.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The first second, and the first after.
    #[must_use]
    pub fn window(&self) -> (Ts, Ts) {
        (Ts::from_second(self.start), Ts::from_second(self.end))
    }

    /// How many servers ever live in it.
    #[must_use]
    pub fn servers_total(&self) -> usize {
        self.servers.len()
    }

    /// What Nova lists at the second `t`.
    ///
    /// # Errors
    /// The marker, if no server has that id.
    pub(super) fn list(&self, t: i64, q: &ListQuery) -> Result<Listed<'_>, String> {
        let first = match &q.marker {
            None => 0,
            Some(id) => {
                self.by_id
                    .get(id)
                    .filter(|n| self.servers[**n].at(t).is_some())
                    .ok_or_else(|| id.clone())?
                    + 1
            }
        };
        let mut listed = Listed {
            servers: Vec::new(),
            more: false,
        };
        for server in &self.servers[first..] {
            let Some(record) = server.at(t) else { continue };
            if !q.wants(record, &self.projects[server.project].id) {
                continue;
            }
            listed.servers.push((server, record));
            if listed.servers.len() == q.limit {
                // As Nova does: a full page names a next one, though that may be empty.
                listed.more = true;
                break;
            }
        }
        Ok(listed)
    }
}

/// Projects that every cloud has, without servers.
fn own_project(name: &str, seed: u64) -> ProjectRow {
    ProjectRow {
        id: Dice::new(seed, &["project", "Default", name]).hex(16),
        name: name.to_owned(),
        domain_id: "default".to_owned(),
        user_id: Dice::new(seed, &["user", "Default", name]).hex(16),
        tags: vec![(i64::MIN, Vec::new())],
        owners: Vec::new(),
        deleted: None,
    }
}

/// Which servers are asked for.
#[derive(Debug, Clone)]
pub(super) struct ListQuery {
    /// Only those of this project.
    pub(super) project: Option<String>,
    /// `deleted=...`.
    pub(super) deleted: Option<bool>,
    pub(super) changes_since: Option<i64>,
    pub(super) changes_before: Option<i64>,
    pub(super) limit: usize,
    pub(super) marker: Option<String>,
}

/// A page.
pub(super) struct Listed<'a> {
    pub(super) servers: Vec<(&'a Server, &'a Record)>,
    pub(super) more: bool,
}

impl ListQuery {
    /// As `nova/db/main/api.py` filters: `deleted=true` shows the soft-deleted too; the plain list shows neither; one by time shows all, but never a row
    /// that was never updated.
    fn wants(&self, r: &Record, project: &str) -> bool {
        let gone = r.deleted || r.vm == "soft-delete";
        let by_time = self.changes_since.is_some() || self.changes_before.is_some();
        let since = self
            .changes_since
            .is_none_or(|t| r.updated.is_some_and(|u| u >= t));
        let before = self
            .changes_before
            .is_none_or(|t| r.updated.is_some_and(|u| u <= t));
        let deleted = self.deleted.map_or(by_time || !gone, |d| d == gone);
        self.project.as_ref().is_none_or(|p| p == project) && since && before && deleted
    }
}
