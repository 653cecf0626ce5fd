//! Tells Alertmanagers which budgets burn too fast, while plimsoll runs.

use super::run::Parts;
use crate::{
    config,
    domain::Ts,
    export::alertmanager::{Alert, Alertmanager, Told},
    periods::{
        slo::{Events, Settled, Watching},
        usage::{Rules, UsageError},
    },
    slo::Slo,
};
use futures::future::join_all;
use serde_json::Value;
use std::{pin::pin, time::Duration};
use tokio::{sync::watch, task::block_in_place, time::MissedTickBehavior};

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
    let telling = Telling {
        started: parts.clock.now(),
        parts: &parts,
        rules,
        slos,
        to,
    };
    tokio::select! {
        () = telling.work() => {}
        _ = stopping.wait_for(|s| *s) => {}
    }
}

struct Telling<'a> {
    parts: &'a Parts,
    rules: Rules,
    slos: Vec<&'a Slo>,
    to: Vec<Alertmanager>,
    started: Ts,
}

impl Telling<'_> {
    async fn work(&self) {
        let every = Duration::from_secs(self.every_s().into());
        let mut turns = tokio::time::interval(every);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut watching, mut told) = (Watching::default(), Told::default());
        loop {
            turns.tick().await;
            let settled = {
                let mut read = pin!(self.read(&watching));
                loop {
                    tokio::select! {
                        done = &mut read => break done,
                        // What is not known anew stays as it was, and is sent again, or it would resolve itself.
                        _ = turns.tick() => self.tell(&watching, &mut told).await,
                    }
                }
            };
            match settled {
                // The first time a whole window for every tenant.
                Ok(Some(events)) => block_in_place(|| watching.take(&self.slos, &events)),
                Ok(None) => {}
                Err(e) => tracing::warn!(error = %e, "alerts stay as they were"),
            }
            self.tell(&watching, &mut told).await;
        }
    }

    fn every_s(&self) -> u32 {
        self.parts.config.slo.alertmanagers.every_s
    }

    /// The events of what has settled meanwhile; `None` while that is no whole slice.
    async fn read(&self, watching: &Watching) -> Result<Option<Events>, UsageError> {
        let Parts { store, config, .. } = self.parts;
        let now = store.now().await?;
        let settled = Settled::read(store, config, now).await?;
        let Some(since) = watching.since(&self.slos, &settled) else {
            return Ok(None);
        };
        let events = Events::read(store, &self.rules, &self.slos, settled, (since, now)).await?;
        Ok(Some(events))
    }

    /// Posts what fires, and what has ceased to.
    async fn tell(&self, watching: &Watching, told: &mut Told) {
        let now = self.parts.clock.now();
        told.turn(self.firing(watching, now), now);
        let bodies = told.bodies(now, self.every_s());
        join_all(self.to.iter().map(|a| self.post(a, &bodies))).await;
    }

    fn firing(&self, watching: &Watching, now: Ts) -> Vec<Alert> {
        let started = self.started;
        let reached = |slo: &Slo| watching.reached(&slo.name);
        let burning = watching.burning(&self.slos);
        let burning = burning
            .iter()
            .map(|b| Alert::burn(b, reached(b.slo).unwrap_or(started), now));
        let unmeasured = self
            .slos
            .iter()
            .filter_map(|s| Alert::unmeasured(s, reached(s), started, now));
        burning.chain(unmeasured).collect()
    }

    async fn post(&self, to: &Alertmanager, bodies: &[Value]) {
        let name = to.name();
        for body in bodies {
            if let Err(e) = to.post(body).await {
                self.parts.metrics.alertmanager_posts(&name, 0, 1);
                tracing::warn!(alertmanager = name, error = %e, "was not told of alerts; trying again at the next turn");
                return;
            }
            self.parts.metrics.alertmanager_posts(&name, 1, 0);
        }
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
