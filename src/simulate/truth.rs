//! The truth of a made-up cloud: what changed when, and what it comes to; counted without the fold.

use super::{
    server::Became,
    world::{FlavorRow, World},
};
use crate::domain::{
    Ts,
    meter::{BadMeters, Meter, Meters},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What truly was: the JSON of `plimsoll simulate --truth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Every change, in the order of time; of what was before the window, the last that still holds.
    pub events: Vec<TruthEvent>,
    /// By the preset `existence`, over the window; sorted by tenant and meter.
    pub usage: Vec<TruthUsage>,
    /// Energy meters: a made-up cloud has none.
    pub meters: Vec<TruthMeter>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthEvent {
    /// The true second, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    pub t: Ts,
    /// Name of the source.
    pub cloud: String,
    /// Project id.
    pub scope: String,
    /// Who pays from then on; `unattributed` where nobody can be named.
    pub tenant: String,
    /// Server id.
    pub resource: String,
    /// `state`, `flavor` or `owner`.
    pub aspect: &'static str,
    /// What it became: Nova's `vm_state` (`build_error` for a build that failed, `deleted` at the end), the flavor's name, the project's id.
    pub state: String,
    /// Of a flavor: what it holds, in base units.
    pub levels: BTreeMap<String, i64>,
}

/// A quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthUsage {
    /// Who pays, or `unattributed`.
    pub tenant: String,
    /// Which meter.
    pub meter: String,
    /// In the meter's unit, as digits.
    pub quantity: String,
}

/// An energy meter's total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthMeter {
    /// Which host.
    pub host: String,
    /// Microjoules, as digits.
    pub energy_uj: String,
}

fn rfc3339<S: serde::Serializer>(t: &Ts, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(t)
}

impl FlavorRow {
    /// What it holds, in base units.
    fn levels(&self) -> BTreeMap<String, i64> {
        let f = &self.is;
        let mut levels = BTreeMap::from([
            ("vcpus".to_owned(), f.vcpus),
            ("memory_bytes".to_owned(), f.ram_mib << 20),
            (
                "local_disk_bytes".to_owned(),
                ((f.disk_gib + f.ephemeral_gib) << 30) + (f.swap_mib << 20),
            ),
        ]);
        if f.gpus > 0 {
            levels.insert("gpus".to_owned(), f.gpus);
        }
        levels
    }
}

impl World {
    /// What truly was in `[from, to)`.
    ///
    /// # Errors
    /// [`BadMeters`] if the shipped meters cannot be read.
    pub fn truth(&self, from: Ts, to: Ts) -> Result<Truth, BadMeters> {
        let meters = Meters::shipped("existence", &BTreeMap::new())?;
        let (from, to) = (from.second(), to.second());
        Ok(Truth {
            events: self.true_events(from, to),
            usage: self.true_usage(from, to, &meters),
            meters: Vec::new(),
        })
    }

    fn true_events(&self, from: i64, to: i64) -> Vec<TruthEvent> {
        let mut events = Vec::new();
        for server in &self.servers {
            let project = &self.projects[server.project];
            let end = server
                .truth
                .last()
                .filter(|(_, b)| *b == Became::State("deleted"))
                .map_or(i64::MAX, |(t, _)| *t);
            if end <= from || server.created >= to {
                continue;
            }
            let event = |t: i64, aspect, state: &str, levels| TruthEvent {
                t: Ts::from_second(t),
                cloud: self.cloud.clone(),
                scope: project.id.clone(),
                tenant: project.owner_at(t).to_owned(),
                resource: server.id.clone(),
                aspect,
                state: state.to_owned(),
                levels,
            };
            let changes = server.truth.iter().map(|(t, became)| match became {
                Became::State(state) => event(*t, "state", state, BTreeMap::new()),
                Became::Flavor(f) => event(
                    *t,
                    "flavor",
                    &self.flavors[*f].is.name,
                    self.flavors[*f].levels(),
                ),
            });
            let handed = project
                .owners
                .iter()
                .map(|(since, _)| *since)
                .filter(|t| (server.created + 1..end).contains(t));
            let owned = std::iter::once(server.created)
                .chain(handed)
                .map(|t| event(t, "owner", &project.id, BTreeMap::new()));
            let (before, within): (Vec<_>, Vec<_>) = changes
                .chain(owned)
                .filter(|e| e.t.second() < to)
                .partition(|e| e.t.second() <= from);
            // In the order of time within an aspect: the last of each still holds.
            let holding: BTreeMap<_, _> = before.into_iter().map(|e| (e.aspect, e)).collect();
            events.extend(holding.into_values().chain(within));
        }
        events.sort_by(|a, b| (a.t, &a.resource, a.aspect).cmp(&(b.t, &b.resource, b.aspect)));
        events
    }

    fn true_usage(&self, from: i64, to: i64, meters: &Meters) -> Vec<TruthUsage> {
        let mut sums: BTreeMap<(String, String), i128> = BTreeMap::new();
        for server in &self.servers {
            let project = &self.projects[server.project];
            let cuts = server
                .truth
                .iter()
                .map(|(t, _)| *t)
                .chain(project.owners.iter().map(|(t, _)| *t));
            let mut cuts: BTreeSet<i64> = cuts.filter(|t| (from..to).contains(t)).collect();
            cuts.extend([from, to]);
            let cuts: Vec<i64> = cuts.into_iter().collect();
            for pair in cuts.windows(2) {
                let (mut state, mut flavor) = (None, None);
                for (_, became) in server.truth.iter().filter(|(t, _)| *t <= pair[0]) {
                    match became {
                        Became::State(s) => state = Some(*s),
                        Became::Flavor(f) => flavor = Some(*f),
                    }
                }
                let (Some(state), Some(flavor)) = (state, flavor) else {
                    continue;
                };
                for meter in meters
                    .of_kind("server")
                    .filter(|m| m.states.contains(state))
                {
                    let quantity = i128::from(level(meter, &self.flavors[flavor]))
                        * i128::from(pair[1] - pair[0]);
                    if quantity > 0 {
                        *sums
                            .entry((project.owner_at(pair[0]).to_owned(), meter.name.clone()))
                            .or_default() += quantity;
                    }
                }
            }
        }
        let usage = sums.into_iter().map(|((tenant, meter), q)| TruthUsage {
            tenant,
            meter,
            quantity: q.to_string(),
        });
        usage.collect()
    }
}

fn level(meter: &Meter, flavor: &FlavorRow) -> i64 {
    meter
        .level
        .as_ref()
        .map_or(1, |name| flavor.levels().get(name).copied().unwrap_or(0))
}
