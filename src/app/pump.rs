//! One source's pass, from its lists into the spool.

use crate::{
    domain::{Batch, Pass, PassMode, ResourceKey, fact::kind},
    sources::{Parcel, Source},
    spool::Spool,
    telemetry::metrics::Metrics,
};
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::mpsc;

/// Batches under way between a source and the spool.
const BATCHES_MAX: usize = 4;
/// How long to wait before a batch is offered to a full spool again.
const SPOOL_RETRY: Duration = Duration::from_secs(2);

/// What a pass touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Its passes.
    pub(super) passes: Vec<Pass>,
    /// Resources with new facts.
    pub(super) resources: BTreeSet<ResourceKey>,
    /// True when a scope changed: then owners may have.
    pub(super) scopes: bool,
}

/// Reads every list of a source once; returns when all it found is in the spool.
pub(super) async fn pump(
    source: &mut Source,
    mode: PassMode,
    spool: &Spool,
    metrics: &Metrics,
) -> Touched {
    let (out, mut parcels) = mpsc::channel::<Parcel>(BATCHES_MAX);
    let mut touched = Touched::default();
    let reading = async {
        let passes = source.collect(mode, &out).await;
        drop(out);
        passes
    };
    let writing = async {
        let (mut resources, mut scopes) = (BTreeSet::new(), false);
        while let Some(Parcel { mut batch, kept }) = parcels.recv().await {
            let mut waiting: Vec<_> = kept.into_iter().collect();
            // What came while the disk was busy goes into the same file: each file costs two syncs.
            while let Ok(more) = parcels.try_recv() {
                batch.append(more.batch);
                waiting.extend(more.kept);
            }
            scopes |= batch
                .facts
                .iter()
                .any(|f| kind::SCOPES.contains(&f.key.kind.as_str()));
            resources.extend(batch.facts.iter().map(|f| f.key.clone()));
            keep(spool, &batch).await;
            for told in waiting {
                // Whoever no longer waits for it has ended, and finds the batch in the spool.
                let _ = told.send(());
            }
            metrics.facts(&batch.facts);
        }
        (resources, scopes)
    };
    let (passes, (resources, scopes)) = tokio::join!(reading, writing);
    for p in &passes {
        metrics.pass(p);
    }
    if let Some(told) = source.told() {
        metrics.notifications(source.name(), told.used, told.ignored, told.poison);
    }
    if let Some(samples) = source.samples() {
        metrics.samples(source.name(), samples.read, samples.unread);
    }
    if let Some(noticed) = source.noticed() {
        metrics.gateways(source.name(), noticed.restarts, noticed.trims);
    }
    for found in source.probed() {
        metrics.probe(source.name(), &found.probe, found.good, found.took);
    }
    touched.passes = passes;
    touched.resources = resources;
    touched.scopes = scopes;
    touched
}

/// Puts a batch into the spool, however long that takes: what a source said is not dropped because a disk is full. Collection waits meanwhile.
async fn keep(spool: &Spool, batch: &Batch) {
    loop {
        match spool.put(batch).await {
            Ok(()) => return,
            Err(e) => {
                tracing::error!(error = %e, "the spool takes no more; collection waits");
                tokio::time::sleep(SPOOL_RETRY).await;
            }
        }
    }
}
