//! Tells Alertmanagers which budgets burn too fast, while plimsoll runs.

use super::run::Parts;
use crate::{
    config,
    domain::Ts,
    export::alertmanager::{Alert, Alertmanager, Told},
    periods::{
        slo::{Events, Watching},
        usage::{Rules, UsageError},
    },
    slo::Slo,
};
use futures::future::join_all;
use std::time::Duration;
use tokio::{sync::watch, time::MissedTickBehavior};

/// Longest time for judging before what is known is sent again.
const JUDGE_MAX: Duration = Duration::from_secs(60);

/// Judges what has settled and posts what fires, again and again, until stopped. At the end nothing is resolved: alerts last until after a new start.
pub(super) async fn alerts(parts: Parts, mut stopping: watch::Receiver<bool>) {
    let to = open(&parts);
    let slos = &parts.config.slo.slos;
    let slos: Vec<&Slo> = slos.iter().filter(|s| s.sli.is_from_facts()).collect();
    if to.is_empty() || slos.is_empty() {
        return;
    }
    let rules = match Rules::of(&parts.config) {
        Ok(r) => r,
        Err(e) => {
            tracing::error!(error = %e, "rules that were validated cannot be applied: please report this");
            return;
        }
    };
    let work = async {
        let every_s = parts.config.slo.alertmanagers.every_s;
        let started = parts.clock.now();
        let (mut watching, mut told) = (Watching::default(), Told::default());
        let mut turns = tokio::time::interval(Duration::from_secs(every_s.into()));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let judged = judge(&parts, &rules, &slos, &mut watching);
            // What is not known anew stays as it was, and is sent again, or it would resolve itself.
            match tokio::time::timeout(JUDGE_MAX, judged).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::warn!(error = %e, "alerts stay as they were"),
                Err(_) => tracing::warn!("alerts stay as they were: the store takes long"),
            }
            let now = parts.clock.now();
            told.turn(firing(&watching, &slos, started, now), now);
            if let Some(body) = told.body(now, every_s) {
                join_all(to.iter().map(|a| post(&parts, a, &body))).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stopping.wait_for(|s| *s) => {}
    }
}

fn open(parts: &Parts) -> Vec<Alertmanager> {
    let open = |conf: &config::Alertmanager| {
        parts.metrics.alertmanager_posts(&conf.name(), 0, 0);
        Alertmanager::new(conf, &parts.clock)
            .inspect_err(|e| tracing::error!(alertmanager = conf.name(), error = %e, "cannot be told of alerts"))
            .ok()
    };
    parts
        .config
        .slo
        .alertmanagers
        .all
        .iter()
        .filter_map(open)
        .collect()
}

/// Goes on to where the facts of the store are settled.
async fn judge(
    parts: &Parts,
    rules: &Rules,
    slos: &[&Slo],
    watching: &mut Watching,
) -> Result<(), UsageError> {
    let now = parts.store.now().await?;
    let since = watching.since(slos, now);
    let events = Events::read(&parts.store, rules, &parts.config, since, now).await?;
    // The first time a month for every tenant.
    tokio::task::block_in_place(|| watching.take(slos, &events));
    Ok(())
}

fn firing(watching: &Watching, slos: &[&Slo], started: Ts, now: Ts) -> Vec<Alert> {
    let settled = watching.reached();
    let burning = watching.burning(slos);
    let burning = burning
        .iter()
        .map(|b| Alert::burn(b, settled.unwrap_or(started), now));
    let unmeasured = slos
        .iter()
        .filter_map(|s| Alert::unmeasured(s, settled, started, now));
    burning.chain(unmeasured).collect()
}

async fn post(parts: &Parts, to: &Alertmanager, body: &serde_json::Value) {
    let name = to.name();
    match to.post(body).await {
        Ok(()) => parts.metrics.alertmanager_posts(&name, 1, 0),
        Err(e) => {
            parts.metrics.alertmanager_posts(&name, 0, 1);
            tracing::warn!(alertmanager = name, error = %e, "was not told of alerts; trying again at the next turn");
        }
    }
}
