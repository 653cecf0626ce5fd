//! Objectives of a period from the store's facts: events, statements, and what would have been alerted.

mod watching;

pub use watching::{Burning, Watching};

use super::usage::{Rules, UsageError, each_timeline, scopes};
use crate::{
    config::{Config, Source},
    domain::{
        Ts,
        fact::kind,
        ownership::{Scopes, UNATTRIBUTED},
    },
    slo::{
        self, Boot, Count, Evidence, Exclusion, Pair, Run, SLICE_S, Sli, Slo, Statement, Target,
        Watch, number,
    },
    store::{FactQuery, Store},
};
use std::collections::BTreeMap;

/// Up to where every event is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// Of servers: the earliest watermark among the clouds' lists of them; `None` if none was ever read.
    servers: Option<Ts>,
    /// By source of probes.
    probes: BTreeMap<String, Ts>,
    /// By probe: its source.
    sources: BTreeMap<String, String>,
}

impl Settled {
    /// As of a time.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn read(store: &Store, config: &Config, as_of: Ts) -> Result<Self, UsageError> {
        let mut it = Self::default();
        let by_name: BTreeMap<&str, &Source> =
            config.sources.iter().map(|s| (s.name(), s)).collect();
        for ((cloud, list), watermark) in store.watermarks(as_of).await? {
            match by_name.get(cloud.as_str()) {
                Some(Source::Probes(_)) => {
                    it.probes.insert(cloud, watermark);
                }
                // A cloud that is read no more holds nothing up.
                None if !by_name.is_empty() => {}
                _ if list == kind::list_of(kind::SERVER) => {
                    it.servers = Some(it.servers.map_or(watermark, |w| w.min(watermark)));
                }
                _ => {}
            }
        }
        for source in &config.sources {
            if let Source::Probes(p) = source {
                let named = p.probes.iter().map(|o| (o.name.clone(), p.name.clone()));
                it.sources.extend(named);
            }
        }
        Ok(it)
    }

    /// That of servers alone.
    #[must_use]
    pub const fn of_servers(at: Ts) -> Self {
        Self {
            servers: Some(at),
            probes: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Of an objective's events; [`Ts::MIN`] if nobody ever looked.
    #[must_use]
    pub fn of(&self, slo: &Slo) -> Ts {
        let at = match &slo.sli {
            Sli::ServerBoot { .. } => self.servers,
            Sli::Probe { probe, .. } => {
                let source = self.sources.get(probe);
                source.and_then(|s| self.probes.get(s)).copied()
            }
            Sli::Counters { .. } => None,
        };
        at.unwrap_or(Ts::MIN)
    }

    /// Of all these objectives' events.
    #[must_use]
    pub fn of_all(&self, slos: &[&Slo]) -> Ts {
        let each = slos.iter().map(|s| self.of(s));
        each.min().unwrap_or(Ts::MIN)
    }
}

/// What the facts tell of events, up to where they are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// Servers that were asked for, with the tenant who owned them then.
    boots: Vec<(String, Boot)>,
    /// What probes found, by objective.
    probed: BTreeMap<String, Vec<Count>>,
    /// Up to here every event is known.
    pub settled: Settled,
}

impl Events {
    /// Reads the events of objectives: of servers that were not gone before `since`, and of probes since then. `settled` is as of the same time.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn read(
        store: &Store,
        rules: &Rules,
        slos: &[&Slo],
        settled: Settled,
        (since, as_of): (Ts, Ts),
    ) -> Result<Self, UsageError> {
        let mut events = Self {
            boots: Vec::new(),
            probed: BTreeMap::new(),
            settled,
        };
        if slos.iter().any(|s| matches!(s.sli, Sli::ServerBoot { .. })) {
            let scopes = scopes(store, rules, as_of).await?;
            let query = FactQuery {
                kinds: vec![kind::SERVER.to_owned()],
                not_gone_before: since,
                ..FactQuery::all(as_of)
            };
            let boots = &mut events.boots;
            each_timeline(store, &query, |t| {
                boots.extend(slo::boot(&t).map(|b| (tenant(&scopes, &t.key.cloud, &b), b)));
            })
            .await?;
        }
        for slo in slos {
            if let Sli::Probe { probe, within_us } = &slo.sli
                && let Some(source) = events.settled.sources.get(probe)
            {
                let found = store
                    .probed(source, probe, *within_us, since, as_of)
                    .await?;
                events.probed.insert(slo.name.clone(), found);
            }
        }
        Ok(events)
    }

    /// The events of an objective in `[from, to)` and no later than settled, by tenant; all under the empty name where they share one budget. `None` for
    /// indicators that are not from facts.
    #[must_use]
    pub fn of(&self, slo: &Slo, from: Ts, to: Ts) -> Option<BTreeMap<String, Vec<Count>>> {
        let mut all: BTreeMap<String, Vec<Count>> = BTreeMap::new();
        match &slo.sli {
            Sli::Counters { .. } => return None,
            Sli::Probe { .. } => {
                let found = self.probed.get(&slo.name).into_iter().flatten().copied();
                let slices = number(from)..number(to);
                let inside = found.filter(|c| slices.contains(&c.number));
                all.insert(String::new(), inside.collect());
            }
            Sli::ServerBoot { within_s } => {
                let settled = self.settled.of(slo);
                for (tenant, boot) in &self.boots {
                    let outcome = boot.outcome(*within_s, settled);
                    let Some(event) = outcome.filter(|(at, _)| (from..to).contains(at)) else {
                        continue;
                    };
                    let whose = if slo.objective.per_tenant {
                        tenant.clone()
                    } else {
                        String::new()
                    };
                    all.entry(whose).or_default().push(Count::one(event));
                }
            }
        }
        Some(all)
    }

    /// An objective's slices in `[from, to)`, of events that [`Events::of`] gave.
    fn runs(
        &self,
        slo: &Slo,
        of: Option<&Vec<Count>>,
        reach: (Ts, Ts),
    ) -> impl Iterator<Item = Run> {
        let of: Vec<Count> = of.cloned().unwrap_or_default();
        slo::runs(of, reach, self.settled.of(slo), slo.sli.unseen())
    }
}

/// Who owned a server's scope when it was asked for.
fn tenant(scopes: &Scopes, cloud: &str, boot: &Boot) -> String {
    let scope = boot.scope.as_deref().and_then(|s| scopes.get(cloud, s));
    let owners = scope.into_iter().flat_map(|s| &s.owners);
    let owner = owners
        .filter(|o| o.start <= boot.asked && boot.asked < o.end)
        .map(|o| o.owner.tenant())
        .next();
    owner.unwrap_or(UNATTRIBUTED).to_owned()
}

/// A period of one objective and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The objective.
    pub slo: String,
    /// Whose; empty where all share one budget.
    pub tenant: String,
    /// What is said of it.
    pub statement: Statement,
}

/// A stretch in which an alert would have fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The objective.
    pub slo: String,
    /// Whose; empty where all share one budget.
    pub tenant: String,
    /// Which windows.
    pub pair: Pair,
    /// The end of the slice after which it fired.
    pub from: Ts,
    /// The end of the slice after which it no longer did; `None` if it still does at the end.
    pub to: Option<Ts>,
    /// Why.
    pub evidence: Evidence,
}

/// The tenants of an objective: those with events, and those that have targets of their own.
fn tenants(slo: &Slo, events: &BTreeMap<String, Vec<Count>>) -> Vec<String> {
    let mut all: Vec<String> = events
        .keys()
        .chain(slo.objective.tenants.keys())
        .cloned()
        .collect();
    if !slo.objective.per_tenant {
        all.push(String::new());
    }
    all.sort();
    all.dedup();
    all
}

fn target(slo: &Slo, tenant: &str) -> Target {
    slo.objective.of(Some(tenant).filter(|t| !t.is_empty()))
}

/// What is said of `[from, to)`, of each tenant. Empty for indicators that are not from facts.
#[must_use]
pub fn report(
    slo: &Slo,
    events: &Events,
    exclusions: &[Exclusion],
    (from, to): (Ts, Ts),
) -> Vec<Stated> {
    let Some(by_tenant) = events.of(slo, from, to) else {
        return Vec::new();
    };
    let exclusions: Vec<Exclusion> = exclusions
        .iter()
        .filter(|e| e.concerns(&slo.name))
        .cloned()
        .collect();
    let generation = slo.sli.generation();
    let state = |tenant: String| {
        let runs = events.runs(slo, by_tenant.get(&tenant), (from, to));
        let slices = runs.flat_map(Run::slices).map(|s| (s, generation.as_str()));
        let statement = slo::statement(target(slo, &tenant), slices, &exclusions);
        Stated {
            slo: slo.name.clone(),
            tenant,
            statement,
        }
    };
    tenants(slo, &by_tenant).into_iter().map(state).collect()
}

/// What would have been alerted in `[from, to)`, slice by slice, with the windows filled from before it.
#[must_use]
pub fn backtest(slo: &Slo, events: &Events, (from, to): (Ts, Ts)) -> Vec<Fired> {
    let warm = from.plus_seconds(-i64::from(slo.window.nominal_s()));
    let Some(by_tenant) = events.of(slo, warm, to) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for tenant in tenants(slo, &by_tenant) {
        let runs = events.runs(slo, by_tenant.get(&tenant), (warm, to));
        all.extend(replay(slo, &tenant, runs.flat_map(Run::slices), from));
    }
    all.sort_by(|a, b| (a.from, &a.slo, &a.tenant).cmp(&(b.from, &b.slo, &b.tenant)));
    all
}

fn replay(
    slo: &Slo,
    tenant: &str,
    slices: impl Iterator<Item = slo::Slice>,
    from: Ts,
) -> Vec<Fired> {
    let mut watch = Watch::new(slo, target(slo, tenant));
    let mut open: Vec<Option<usize>> = vec![None; watch.pairs().len()];
    let mut all: Vec<Fired> = Vec::new();
    for slice in slices {
        let ends = Ts::from_second((slice.number + 1) * SLICE_S);
        for i in watch.step(&slice) {
            if let Some(at) = open[i].take() {
                all[at].to = Some(ends);
            } else if let Some(burn) = watch.burn(i) {
                open[i] = Some(all.len());
                all.push(Fired {
                    slo: slo.name.clone(),
                    tenant: tenant.to_owned(),
                    pair: burn.pair,
                    from: burn.from,
                    to: None,
                    evidence: burn.evidence,
                });
            }
        }
    }
    all.retain(|f| f.to.is_none_or(|to| to > from));
    all
}
