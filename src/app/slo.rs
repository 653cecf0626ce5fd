//! `plimsoll slo`: objectives, what is said of a month, what would have been alerted. And, while plimsoll runs, their counters.

use super::{
    exit,
    read::{Asked, parse_month},
    run::Parts,
};
use crate::{
    cli::{self, args},
    config::Config,
    domain::{Period, Ts, ownership::UNATTRIBUTED},
    periods::{
        slo::{self, Events, Settled},
        usage::{Rules, UsageError},
    },
    slo::{SLICE_S, Slo, number},
    telemetry::metrics::Metrics,
};
use anyhow::Result;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
};

/// `plimsoll slo ...`.
pub(super) async fn slo(config: Config, command: &args::SloCommand) -> Result<u8> {
    let (of, as_of, reports) = match command {
        args::SloCommand::List { format } => {
            let mut out = io::stdout().lock();
            cli::slo::list(&config.slo.slos, *format, &mut out)?;
            out.flush()?;
            return Ok(exit::DONE);
        }
        args::SloCommand::Report { of, as_of } => (of, *as_of, true),
        args::SloCommand::Backtest { of } => (of, None, false),
    };
    if let Err(code) = parse_month(&of.month, config.meters.time_zone) {
        return Ok(code);
    }
    let Some(slos) = chosen(&config.slo.slos, of.slo.as_deref()) else {
        return Ok(exit::PART);
    };
    let asked = Asked::open(&config, as_of).await?;
    let period = Period::month(&of.month, asked.zone)?;
    let reach = (period.from, period.to.min(asked.as_of).max(period.from));
    // A backtest fills its windows first.
    let longest = slos.iter().map(|s| i64::from(s.window.nominal_s())).max();
    let since = period.from.plus_seconds(-longest.unwrap_or(0));
    let settled = Settled::read(&asked.store, &config, asked.as_of).await?;
    let times = (since, asked.as_of);
    let events = Events::read(&asked.store, &asked.rules, &slos, settled, times).await?;
    asked.store.close().await?;
    let whose = |tenant: &str| of.tenant.as_deref().is_none_or(|t| t == tenant);
    let about = cli::slo::About {
        period: &period,
        as_of: asked.as_of,
        settled: events.settled.of_all(&slos),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if reports {
        let excluded = &config.slo.exclusions;
        let rows = slos
            .iter()
            .flat_map(|s| slo::report(s, &events, excluded, reach));
        let rows: Vec<slo::Stated> = rows.filter(|r| whose(&r.tenant)).collect();
        cli::slo::report(&about, &rows, of.format, &mut out)?;
    } else {
        let rows = slos.iter().flat_map(|s| slo::backtest(s, &events, reach));
        let rows: Vec<slo::Fired> = rows.filter(|r| whose(&r.tenant)).collect();
        cli::slo::backtest(&about, &rows, of.format, &mut out)?;
    }
    out.flush()?;
    Ok(exit::DONE)
}

/// The objectives asked for that facts can tell of; says what is wrong when there is none.
fn chosen<'s>(all: &'s [Slo], name: Option<&str>) -> Option<Vec<&'s Slo>> {
    let told = |s: &&Slo| s.sli.is_from_facts();
    let named: Vec<&Slo> = all
        .iter()
        .filter(|s| name.is_none_or(|n| s.name == n))
        .collect();
    if named.iter().any(told) {
        return Some(named.into_iter().filter(told).collect());
    }
    let names: Vec<&str> = all.iter().filter(told).map(|s| s.name.as_str()).collect();
    let why = match name {
        Some(n) if named.is_empty() => format!("there is no SLO `{n}`"),
        Some(n) => {
            format!("`{n}` is counted by Prometheus, which alone has its counts (`plimsoll rules`)")
        }
        None => {
            "no SLO of the configuration is counted from facts (deploy/slo/compute.yaml has one)"
                .to_owned()
        }
    };
    let known = if names.is_empty() {
        String::new()
    } else {
        format!("; from facts are {}", names.join(", "))
    };
    eprintln!("plimsoll: {why}{known}");
    None
}

/// Up to where the counters of a running plimsoll have counted.
#[derive(Default)]
pub(super) struct Counted {
    until: BTreeMap<String, Ts>,
}

impl Counted {
    /// Adds what has settled since the last time. A counter begins at 0 with the process and never goes back: what becomes known later of slices that were
    /// counted is in statements alone.
    pub(super) async fn advance(
        &mut self,
        parts: &Parts,
        rules: &Rules,
        now: Ts,
    ) -> Result<(), UsageError> {
        let all = &parts.config.slo.slos;
        let slos: Vec<&Slo> = all.iter().filter(|s| s.sli.is_from_facts()).collect();
        if slos.is_empty() {
            return Ok(());
        }
        let settled = Settled::read(&parts.store, &parts.config, now).await?;
        let end = |slo: &Slo| Ts::from_second(number(settled.of(slo)) * SLICE_S);
        let since = slos.iter().filter_map(|s| {
            let counted = *self.until.get(&s.name)?;
            (counted < end(s)).then_some(counted)
        });
        let events = match since.min() {
            Some(since) => {
                let settled = settled.clone();
                Some(Events::read(&parts.store, rules, &slos, settled, (since, now)).await?)
            }
            None => None,
        };
        let contracts = parts.config.tenancy.contracts.values().cloned();
        let tenants: BTreeSet<String> = contracts.chain([UNATTRIBUTED.to_owned()]).collect();
        for slo in slos {
            let end = end(slo);
            if end <= Ts::MIN {
                continue;
            }
            let from = *self.until.entry(slo.name.clone()).or_insert(end);
            // At 0 from the start, so that the first bad event is an increase.
            let mut counts: BTreeMap<String, (u64, u64)> = if slo.objective.per_tenant {
                tenants.iter().map(|t| (t.clone(), (0, 0))).collect()
            } else {
                BTreeMap::from([(String::new(), (0, 0))])
            };
            let of = events.as_ref().and_then(|e| e.of(slo, from, end));
            for (tenant, events) in of.unwrap_or_default() {
                let (good, bad) = counts.entry(tenant).or_default();
                for event in events {
                    *good += event.good;
                    *bad += event.bad;
                }
            }
            count(&parts.metrics, slo, counts);
            self.until.insert(slo.name.clone(), end.max(from));
        }
        Ok(())
    }
}

fn count(metrics: &Metrics, slo: &Slo, counts: BTreeMap<String, (u64, u64)>) {
    for (tenant, (good, bad)) in counts {
        metrics.slo_events(&slo.name, &tenant, good, bad);
        let whose = Some(tenant.as_str()).filter(|t| !t.is_empty());
        metrics.slo_objective(&slo.name, &tenant, slo.objective.of(whose).parts());
    }
}
