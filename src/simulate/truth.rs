//! The truth of a made-up cloud: what changed when, and what it comes to; counted without the fold.

use super::{
    requests::{Counts, class, hour_of},
    scenario::stock::Kind,
    server::{Became, Server},
    stock::{Shown, Thing},
    world::{FlavorRow, World},
};
use crate::domain::{
    Ts,
    fact::kind,
    meter::{BadMeters, Meter, Meters},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What truly was: the JSON of `plimsoll simulate --truth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Every change, in the order of time; of what was before the window, the last that still holds.
    pub events: Vec<TruthEvent>,
    /// Requests to buckets, by hour, where there are any; in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<TruthRequests>,
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
    /// What it is: `server`, `volume`, `floating_ip`, ...
    pub kind: &'static str,
    /// Its id; of an object account, its project's id and its storage policy: `.../storage`.
    pub resource: String,
    /// `state`, `flavor` or `owner`.
    pub aspect: &'static str,
    /// What it became: Nova's `vm_state` (`build_error` for a build that failed), the settled state of anything else, `deleted` at the end; the name of
    /// the flavor, type or network; the project's id.
    pub state: String,
    /// Of a flavor: what it holds, in base units.
    pub levels: BTreeMap<String, i64>,
}

/// Requests of a class to a user's buckets of one name, in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRequests {
    /// The hour's first second, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    pub t: Ts,
    /// Name of the source.
    pub cloud: String,
    /// Project id.
    pub scope: String,
    /// Who pays in that hour.
    pub tenant: String,
    /// User and bucket; `-` for requests to what could not be had.
    pub resource: String,
    /// `read`, `write`, `list`, `delete` or `other`.
    pub class: &'static str,
    /// How many.
    pub requests: i64,
    /// Bytes that came with them.
    pub bytes_in: i64,
    /// Bytes that were sent in answer.
    pub bytes_out: i64,
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

/// What a resource became.
enum Turn<'a> {
    State(&'a str),
    /// Of which flavor, type, network; and what it holds.
    Size(&'a str, BTreeMap<String, i64>),
    /// Index of the project.
    Scope(usize),
}

/// A resource's whole life, in the order of time.
struct Story<'a> {
    kind: &'static str,
    id: &'a str,
    turns: Vec<(i64, Turn<'a>)>,
}

impl Story<'_> {
    fn begin(&self) -> i64 {
        self.turns.first().map_or(i64::MAX, |(t, _)| *t)
    }

    fn end(&self) -> i64 {
        match self.turns.last() {
            Some((t, Turn::State("deleted"))) => *t,
            _ => i64::MAX,
        }
    }

    /// Its project at `t`, as an index.
    fn scope_at(&self, t: i64) -> Option<usize> {
        self.turns.iter().rev().find_map(|(at, turn)| match turn {
            Turn::Scope(p) if *at <= t => Some(*p),
            _ => None,
        })
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
        let (mut events, mut sums) = (Vec::new(), BTreeMap::new());
        let servers = self.servers.iter().map(|s| self.story_of_server(s));
        let things = self.stock.all().iter().map(|t| self.story_of_thing(t));
        for story in servers.chain(things) {
            if story.end() > from && story.begin() < to {
                events.extend(self.true_events(&story, from, to));
                self.add_usage(&story, (from, to), &meters, &mut sums);
            }
        }
        let requests = self.true_requests(from, to);
        for r in &requests {
            for (meter, quantity) in [
                ("object.requests", r.requests),
                ("object.bytes_in", r.bytes_in),
                ("object.bytes_out", r.bytes_out),
            ] {
                if quantity > 0 {
                    let of = (r.tenant.clone(), meter.to_owned());
                    *sums.entry(of).or_default() += i128::from(quantity);
                }
            }
        }
        events.sort_by(|a, b| (a.t, &a.resource, a.aspect).cmp(&(b.t, &b.resource, b.aspect)));
        let usage = sums
            .into_iter()
            .map(|((tenant, meter), q): (_, i128)| TruthUsage {
                tenant,
                meter,
                quantity: q.to_string(),
            });
        Ok(Truth {
            events,
            requests,
            usage: usage.collect(),
            meters: Vec::new(),
        })
    }

    /// Requests in the hours that begin in `[from, to)`, as far as they ended before `to`.
    fn true_requests(&self, from: i64, to: i64) -> Vec<TruthRequests> {
        let (first, last) = (from.max(self.start), to.min(self.end));
        let mut all = Vec::new();
        for hour in (hour_of(first)..last).step_by(3_600).filter(|h| *h >= from) {
            let mut sums: BTreeMap<_, Counts> = BTreeMap::new();
            for bucket in self.buckets() {
                let bursts = self.bursts(bucket, hour).into_iter();
                for b in bursts.filter(|b| b.at < to) {
                    let of = (b.project, b.bucket, class(b.category));
                    sums.entry(of).or_default().add(b.counts);
                }
            }
            all.extend(sums.into_iter().map(|((project, bucket, class), c)| {
                let project = &self.projects[project];
                TruthRequests {
                    t: Ts::from_second(hour),
                    cloud: self.gateway(),
                    scope: project.id.clone(),
                    tenant: project.owner_at(hour).to_owned(),
                    resource: format!("{}/{bucket}", project.id),
                    class,
                    requests: c.requests,
                    bytes_in: c.bytes_in,
                    bytes_out: c.bytes_out,
                }
            }));
        }
        all
    }

    fn story_of_server<'a>(&'a self, s: &'a Server) -> Story<'a> {
        let owner = (s.created, Turn::Scope(s.project));
        let turns = s.truth.iter().map(|(t, became)| match became {
            Became::State(state) => (*t, Turn::State(state)),
            Became::Flavor(f) => {
                let flavor = &self.flavors[*f];
                (*t, Turn::Size(&flavor.is.name, flavor.levels()))
            }
        });
        Story {
            kind: kind::SERVER,
            id: &s.id,
            turns: std::iter::once(owner).chain(turns).collect(),
        }
    }

    fn story_of_thing<'a>(&'a self, x: &'a Thing) -> Story<'a> {
        let mut turns = Vec::new();
        let mut before: Option<&Shown> = None;
        for r in &x.records {
            let differs = |what: fn(&Shown, &Shown) -> bool| before.is_none_or(|b| what(b, r));
            if differs(|a, b| a.project != b.project) {
                turns.push((r.at, Turn::Scope(r.project)));
            }
            if differs(|a, b| (&a.label, a.size, a.objects) != (&b.label, b.size, b.objects)) {
                turns.push((r.at, Turn::Size(self.label_of(x, r), x.levels(r))));
            }
            if differs(|a, b| a.state != b.state) {
                turns.push((r.at, Turn::State(r.state)));
            }
            before = Some(r);
        }
        Story {
            kind: x.kind.word(),
            id: &x.id,
            turns,
        }
    }

    /// What its size is of: the type, the network.
    fn label_of<'a>(&'a self, x: &Thing, r: &'a Shown) -> &'a str {
        match x.kind {
            Kind::FloatingIp | Kind::Port | Kind::Router => &self.public_network,
            _ => &r.label,
        }
    }

    fn true_events(&self, story: &Story<'_>, from: i64, to: i64) -> Vec<TruthEvent> {
        let event = |t: i64, aspect, state: &str, levels: &BTreeMap<String, i64>| {
            let project = &self.projects[story.scope_at(t).unwrap_or_default()];
            TruthEvent {
                t: Ts::from_second(t),
                cloud: match story.kind {
                    kind::BUCKET => self.gateway(),
                    _ => self.cloud.clone(),
                },
                scope: project.id.clone(),
                tenant: project.owner_at(t).to_owned(),
                kind: story.kind,
                resource: story.id.to_owned(),
                aspect,
                state: state.to_owned(),
                levels: levels.clone(),
            }
        };
        let none = BTreeMap::new();
        let changes = story.turns.iter().map(|(t, turn)| match turn {
            Turn::State(state) => event(*t, "state", state, &none),
            Turn::Size(label, levels) => event(*t, "flavor", label, levels),
            Turn::Scope(p) => event(*t, "owner", &self.projects[*p].id, &none),
        });
        let handed = self.handed(story);
        let handed = handed.iter().map(|t| {
            let project = &self.projects[story.scope_at(*t).unwrap_or_default()];
            event(*t, "owner", &project.id, &none)
        });
        let mut all: Vec<TruthEvent> = changes
            .chain(handed)
            .filter(|e| e.t.second() < to)
            .collect();
        all.sort_by_key(|e| e.t);
        let (before, within): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|e| e.t.second() <= from);
        // In the order of time within an aspect: the last of each still holds.
        let holding: BTreeMap<_, _> = before.into_iter().map(|e| (e.aspect, e)).collect();
        holding.into_values().chain(within).collect()
    }

    /// When the project that it is in then was handed to another tenant.
    fn handed(&self, story: &Story<'_>) -> Vec<i64> {
        let projects: BTreeSet<usize> = story
            .turns
            .iter()
            .filter_map(|(_, turn)| match turn {
                Turn::Scope(p) => Some(*p),
                _ => None,
            })
            .collect();
        let lives = story.begin() + 1..story.end();
        let of = |p: usize| self.projects[p].owners.iter().map(move |(t, _)| (p, *t));
        projects
            .into_iter()
            .flat_map(of)
            .filter(|(p, t)| lives.contains(t) && story.scope_at(*t) == Some(*p))
            .map(|(_, t)| t)
            .collect()
    }

    fn add_usage(
        &self,
        story: &Story<'_>,
        (from, to): (i64, i64),
        meters: &Meters,
        sums: &mut BTreeMap<(String, String), i128>,
    ) {
        let turns = story.turns.iter().map(|(t, _)| *t);
        let cuts = turns.chain(self.handed(story));
        let mut cuts: BTreeSet<i64> = cuts.filter(|t| (from..to).contains(t)).collect();
        cuts.extend([from, to]);
        let cuts: Vec<i64> = cuts.into_iter().collect();
        for pair in cuts.windows(2) {
            let (mut state, mut holds) = (None, None);
            for (_, turn) in story.turns.iter().filter(|(t, _)| *t <= pair[0]) {
                match turn {
                    Turn::State(s) => state = Some(*s),
                    Turn::Size(_, levels) => holds = Some(levels),
                    Turn::Scope(_) => {}
                }
            }
            let (Some(state), Some(holds), Some(project)) = (state, holds, story.scope_at(pair[0]))
            else {
                continue;
            };
            let tenant = self.projects[project].owner_at(pair[0]);
            let counting = meters
                .of_kind(story.kind)
                .filter(|m| m.states.contains(state));
            for meter in counting {
                let quantity = i128::from(level(meter, holds)) * i128::from(pair[1] - pair[0]);
                if quantity > 0 {
                    *sums
                        .entry((tenant.to_owned(), meter.name.clone()))
                        .or_default() += quantity;
                }
            }
        }
    }
}

fn level(meter: &Meter, holds: &BTreeMap<String, i64>) -> i64 {
    meter
        .level
        .as_ref()
        .map_or(1, |name| holds.get(name).copied().unwrap_or(0))
}
