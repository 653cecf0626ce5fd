//! `plimsoll collect`: one pass over every list of every source.

use super::{collector, exit, pump, refresh, run::Parts};
use crate::{
    config::Config,
    domain::{Outcome, Pass, PassMode},
    net::Clock,
    periods::usage::Rules,
    sources::Source,
    spool::Spool,
};
use anyhow::{Context as _, Result, bail};
use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// How long a store that takes nothing may hold up the end of `collect`; what it does not take stays in the spool.
const DELIVERY_MAX: Duration = Duration::from_secs(60);

/// `plimsoll collect`.
pub(super) async fn collect(
    mut config: Config,
    only: &[String],
    believed: &[String],
) -> Result<u8> {
    if let Some(unknown) = only
        .iter()
        .find(|n| !config.sources.iter().any(|s| s.name() == n.as_str()))
    {
        let known: Vec<&str> = config
            .sources
            .iter()
            .map(crate::config::Source::name)
            .collect();
        eprintln!(
            "plimsoll: there is no source `{unknown}`: configured are {}",
            known.join(", ")
        );
        return Ok(exit::USAGE);
    }
    if !only.is_empty() {
        config
            .sources
            .retain(|s| only.iter().any(|n| n == s.name()));
    }
    let parts = Parts::open(config, Clock::System).await?;
    let (stop, stopping) = watch::channel(false);
    let drainer = tokio::spawn(parts.drain(stopping));
    // What the store is to remember must be in it: a list is never known to reach further than its facts.
    delivered(&parts.spool).await?;
    let believed: BTreeSet<String> = believed.iter().cloned().collect();
    let mut reading = JoinSet::new();
    for source in parts.config.sources.clone() {
        let memory = parts
            .store
            .memory(source.name())
            .await
            .with_context(|| format!("what is known of {}", source.name()))?;
        for mut reader in Source::open(&source, &parts.clock, &memory, &collector())? {
            reader.believe(&believed);
            let parts = parts.clone();
            reading.spawn(async move {
                pump::pump(&mut reader, PassMode::Full, &parts.spool, &parts.metrics).await
            });
        }
    }
    let mut passes = Vec::new();
    while let Some(touched) = reading.join_next().await {
        passes.extend(touched?.passes);
    }
    delivered(&parts.spool).await?;
    refresh::rebuild_all(&parts, &Rules::of(&parts.config)?).await?;
    let _ = stop.send(true);
    drainer.await?;
    parts.store.close().await?;
    passes.sort_by(|a, b| (&a.cloud, &a.list).cmp(&(&b.cloud, &b.list)));
    report(&passes)?;
    let complete = passes
        .iter()
        .filter(|p| p.outcome == Outcome::Complete)
        .count();
    Ok(match complete {
        n if n == passes.len() && n > 0 => exit::DONE,
        0 => exit::FAILED,
        _ => exit::PART,
    })
}

/// Waits until the spool is empty, for as long as the store takes anything: a slow store is not one that is away.
pub(super) async fn delivered(spool: &Spool) -> Result<()> {
    let mut left = spool.depth().batches;
    while tokio::time::timeout(DELIVERY_MAX, spool.drained())
        .await
        .is_err()
    {
        let now = spool.depth().batches;
        if now >= left {
            bail!(
                "the store took none of {now} batches for {} s; they are kept in the spool and delivered by the next command that collects",
                DELIVERY_MAX.as_secs()
            );
        }
        left = now;
    }
    Ok(())
}

fn report(passes: &[Pass]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for p in passes {
        let outcome = match p.outcome {
            Outcome::Complete => "complete",
            Outcome::Failed => "FAILED",
            Outcome::Suspect => "SUSPECT",
        };
        write!(
            out,
            "{} {}: {outcome}, {} items, {} facts",
            p.cloud, p.list, p.items, p.facts
        )?;
        if p.outcome == Outcome::Complete {
            write!(out, ", reaches to {}", p.watermark)?;
        }
        writeln!(
            out,
            "{}{}",
            if p.error.is_empty() { "" } else { ": " },
            p.error
        )?;
    }
    Ok(())
}
