//! Keeps what is derived fresh while plimsoll runs: the cached pieces behind the SQL views, and the gauges about usage.

use super::{pump::Touched, reconcile::Watched, run::Parts, slo::Counted};
use crate::{
    domain::{Period, ResourceKey},
    periods::usage::{self, Rules, UsageError},
    store::FactQuery,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How often the gauges about usage are computed.
const GAUGES_EVERY: Duration = Duration::from_secs(60);
/// Attempts at the end of a command.
const REBUILDS_MAX: u32 = 3;
/// Resources asked for in one query.
const AT_ONCE: usize = 500;

/// Rebuilds the pieces of touched resources (of all at the start and whenever a scope changed), until stopped.
pub(super) async fn refresh(
    parts: Parts,
    mut touches: mpsc::Receiver<Touched>,
    mut stopping: watch::Receiver<bool>,
) {
    let work = async {
        let rules = match Rules::of(&parts.config) {
            Ok(r) => r,
            Err(e) => {
                tracing::error!(error = %e, "rules that were validated cannot be applied: please report this");
                return;
            }
        };
        let mut all = true;
        let mut waiting: BTreeSet<ResourceKey> = BTreeSet::new();
        let mut counted = Counted::default();
        let mut watched = Watched::default();
        let mut gauges = tokio::time::interval(GAUGES_EVERY);
        loop {
            tokio::select! {
                got = touches.recv() => {
                    let Some(first) = got else { return };
                    for t in std::iter::once(first).chain(std::iter::from_fn(|| touches.try_recv().ok())) {
                        all |= t.scopes;
                        waiting.extend(t.resources);
                    }
                    parts.spool.drained().await;
                    match rebuild(&parts, &rules, all, &waiting).await {
                        Ok(()) => {
                            all = false;
                            waiting.clear();
                        }
                        // Kept for the next time: the views are a cache, and the facts are safe.
                        Err(e) => tracing::warn!(error = %e, "the SQL views are behind"),
                    }
                }
                _ = gauges.tick() => {
                    if let Err(e) = measure(&parts, &rules, &mut counted, &mut watched).await {
                        tracing::warn!(error = %e, "the gauges about usage are behind");
                    }
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stopping.wait_for(|s| *s) => {}
    }
}

/// Rebuilds the pieces of all resources at the end of a command; again when the engine went with another command, which had started it.
pub(super) async fn rebuild_all(parts: &Parts, rules: &Rules) -> Result<(), UsageError> {
    for _ in 1..REBUILDS_MAX {
        match rebuild(parts, rules, true, &BTreeSet::new()).await {
            Err(UsageError::Store(e)) if e.is_transient() => {
                tracing::warn!(error = %e, "the SQL views are behind; trying again");
            }
            done => return done,
        }
    }
    rebuild(parts, rules, true, &BTreeSet::new()).await
}

/// Rebuilds the pieces of all resources, or of those named.
async fn rebuild(
    parts: &Parts,
    rules: &Rules,
    all: bool,
    touched: &BTreeSet<ResourceKey>,
) -> Result<(), UsageError> {
    let as_of = parts.store.now().await?;
    let metered = FactQuery {
        kinds: rules.kinds(),
        ..FactQuery::all(as_of)
    };
    if all {
        usage::rebuild_pieces(&parts.store, rules, &metered).await?;
        return Ok(());
    }
    let mut by_cloud: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in touched {
        by_cloud
            .entry(&key.cloud)
            .or_default()
            .push(key.resource.clone());
    }
    for (cloud, resources) in by_cloud {
        for some in resources.chunks(AT_ONCE) {
            let query = FactQuery {
                cloud: Some(cloud.to_owned()),
                resources: some.to_vec(),
                ..metered.clone()
            };
            usage::rebuild_pieces(&parts.store, rules, &query).await?;
        }
    }
    Ok(())
}

/// Advances the counters of objectives, and sets the gauges that need this month's usage, or a comparison of lists.
async fn measure(
    parts: &Parts,
    rules: &Rules,
    counted: &mut Counted,
    watched: &mut Watched,
) -> Result<(), UsageError> {
    let now = parts.store.now().await?;
    counted.advance(parts, rules, now).await?;
    watched.compare(parts, now).await?;
    let Some(month) = Period::containing(now, parts.config.meters.time_zone) else {
        return Ok(());
    };
    let computed = usage::summarise(&parts.store, rules, &month, now).await?;
    parts
        .metrics
        .unattributed_scopes(computed.unattributed.len());
    for (source, n) in &computed.differences.counts {
        parts
            .metrics
            .unexplained(source, usize::try_from(*n).unwrap_or(usize::MAX));
    }
    for (source, seconds) in &computed.unobserved {
        parts.metrics.unobserved(source, *seconds);
    }
    for broken in computed.violations {
        parts.metrics.violation(broken);
    }
    Ok(())
}
