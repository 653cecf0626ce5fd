//! Objectives of a period from the store's facts: events, statements, and what would have been alerted.

mod watching;

pub use watching::{Burning, Watching};

use super::usage::{Rules, UsageError, each_timeline, scopes};
use crate::{
    config::Config,
    domain::{
        Ts,
        fact::kind,
        ownership::{Scopes, UNATTRIBUTED},
    },
    slo::{self, Boot, Evidence, Exclusion, Pair, SLICE_S, Sli, Slo, Statement, Target, Watch},
    store::{FactQuery, Store},
};
use std::collections::BTreeMap;

/// What the facts tell of events, up to where they are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// Servers that were asked for, with the tenant who owned them then.
    boots: Vec<(String, Boot)>,
    /// Up to here every event is known: see [`Events::settled`].
    pub settled: Ts,
}

impl Events {
    /// Up to where every event is known, as of a time: the earliest watermark among the clouds' lists of servers; [`Ts::MIN`] if none was ever read.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn settled(store: &Store, config: &Config, as_of: Ts) -> Result<Ts, UsageError> {
        let watermarks = store.watermarks(as_of).await?;
        // A cloud that is read no more holds nothing up.
        let configured = |cloud: &String| {
            config.sources.is_empty() || config.sources.iter().any(|s| s.name() == cloud)
        };
        let of_servers = watermarks
            .iter()
            .filter(|((_, list), _)| list == kind::list_of(kind::SERVER))
            .filter(|((cloud, _), _)| configured(cloud));
        Ok(of_servers.map(|(_, w)| *w).min().unwrap_or(Ts::MIN))
    }

    /// Reads the events of resources that were not gone before `since`.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn read(
        store: &Store,
        rules: &Rules,
        config: &Config,
        since: Ts,
        as_of: Ts,
    ) -> Result<Self, UsageError> {
        let scopes = scopes(store, rules, as_of).await?;
        let settled = Self::settled(store, config, as_of).await?;
        let query = FactQuery {
            kinds: vec![kind::SERVER.to_owned()],
            not_gone_before: since,
            ..FactQuery::all(as_of)
        };
        let mut boots = Vec::new();
        each_timeline(store, &query, |t| {
            boots.extend(slo::boot(&t).map(|b| (tenant(&scopes, &t.key.cloud, &b), b)));
        })
        .await?;
        Ok(Self { boots, settled })
    }

    /// The events of an objective in `[from, to)` and no later than settled, by tenant; all under the empty name where they share one budget. `None` for
    /// indicators that are not from facts.
    #[must_use]
    pub fn of(&self, slo: &Slo, from: Ts, to: Ts) -> Option<BTreeMap<String, Vec<(Ts, bool)>>> {
        let Sli::ServerBoot { within_s } = &slo.sli else {
            return None;
        };
        let mut all: BTreeMap<String, Vec<(Ts, bool)>> = BTreeMap::new();
        for (tenant, boot) in &self.boots {
            let outcome = boot.outcome(*within_s, self.settled);
            let Some((at, good)) = outcome.filter(|(at, _)| (from..to).contains(at)) else {
                continue;
            };
            let whose = if slo.objective.per_tenant {
                tenant.clone()
            } else {
                String::new()
            };
            all.entry(whose).or_default().push((at, good));
        }
        Some(all)
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
fn tenants(slo: &Slo, events: &BTreeMap<String, Vec<(Ts, bool)>>) -> Vec<String> {
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
        let of = by_tenant.get(&tenant).into_iter().flatten().copied();
        let slices = slo::slices(of, (from, to), events.settled).map(|s| (s, generation.as_str()));
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
        let of = by_tenant.get(&tenant).into_iter().flatten().copied();
        let slices = slo::slices(of, (warm, to), events.settled);
        all.extend(replay(slo, &tenant, slices, from));
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
