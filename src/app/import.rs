//! `plimsoll import`: usage that other systems count, from a file of CloudEvents into the store.

use super::{collect, collector, exit, refresh, run::Parts};
use crate::{
    cli::progress::Progress,
    config::Config,
    domain::{Batch, Fact, Outcome, Pass, PassMode, Raw, Ts, fact::amount},
    net::Clock,
    periods::usage::Rules,
    sources::events,
    store::Store,
};
use anyhow::{Context as _, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use tokio::sync::watch;

/// Events in one batch.
const AT_ONCE: usize = 5_000;
/// Wrong lines that are told one by one.
const TOLD_MAX: usize = 100;

/// An event of the file.
struct Line {
    number: usize,
    event: String,
    fact: Fact,
    raw: Raw,
}

/// Imports a file, or none of it: every line is read, and held against what was imported before, ere one is kept.
pub(super) async fn import(config: Config, file: &Path) -> Result<u8> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let clock = Clock::System;
    let now = clock.now();
    let (lines, mut wrong) = read(&text, &config, now)?;
    wrong.extend(twice(&lines));
    if !wrong.is_empty() {
        return Ok(refuse(file, wrong));
    }
    let mut by_source: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut met = BTreeSet::new();
    for line in lines {
        let source = line.fact.key.cloud.clone();
        // Twice in the file is once.
        if met.insert((source.clone(), line.event.clone())) {
            by_source.entry(source).or_default().push(line);
        }
    }
    let parts = Parts::open(config, clock).await?;
    let (stop, stopping) = watch::channel(false);
    let drainer = tokio::spawn(parts.drain(stopping));
    // What an earlier import left in the spool is known too: events are held against all of it.
    collect::delivered(&parts.spool).await?;
    let mut known = 0;
    let mut wrong = Vec::new();
    for (source, lines) in &by_source {
        for some in lines.chunks(AT_ONCE) {
            let (same, other) = held_against(&parts.store, source, some).await?;
            known += same;
            wrong.extend(other);
        }
    }
    let code = if wrong.is_empty() {
        let total = by_source.values().map(Vec::len).sum::<usize>();
        keep(&parts, by_source, now).await?;
        collect::delivered(&parts.spool).await?;
        refresh::rebuild_all(&parts, &Rules::of(&parts.config)?).await?;
        println!(
            "{}: {} events imported, {known} of {total} were known already",
            file.display(),
            total - known
        );
        exit::DONE
    } else {
        refuse(file, wrong)
    };
    let _ = stop.send(true);
    drainer.await?;
    parts.store.close().await?;
    Ok(code)
}

type Wrong = (usize, String);

fn read(text: &str, config: &Config, now: Ts) -> Result<(Vec<Line>, Vec<Wrong>)> {
    let meters = config.meters()?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    let numbered = (1..).zip(text.lines());
    for (number, line) in numbered.filter(|(_, l)| !l.trim().is_empty()) {
        match events::read(line, &meters, config.meters.time_zone, now) {
            Ok(fact) => lines.push(Line {
                number,
                event: fact
                    .value
                    .known()
                    .and_then(|k| k.attrs.get(amount::EVENT).cloned())
                    .unwrap_or_default(),
                fact,
                raw: Raw::new(line),
            }),
            Err(e) => wrong.push((number, e.to_string())),
        }
    }
    Ok((lines, wrong))
}

/// Events that the file has twice with different contents.
fn twice(lines: &[Line]) -> Vec<Wrong> {
    let mut first: BTreeMap<(&str, &str), &Line> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in lines {
        let before = first
            .entry((&line.fact.key.cloud, &line.event))
            .or_insert(line);
        if before.fact.id() != line.fact.id() {
            let what = format!(
                "id: event `{}` of {} stands in line {} with another content; an event's id is used once",
                line.event, line.fact.key.cloud, before.number
            );
            wrong.push((line.number, what));
        }
    }
    wrong
}

/// How many of these were imported before, and those that were imported with another content.
async fn held_against(store: &Store, source: &str, lines: &[Line]) -> Result<(usize, Vec<Wrong>)> {
    let ids: Vec<&str> = lines.iter().map(|l| l.event.as_str()).collect();
    let known = store.imported(source, &ids).await?;
    let (mut same, mut wrong) = (0, Vec::new());
    for line in lines {
        match known.get(&line.event) {
            Some(id) if *id == line.fact.id() => same += 1,
            Some(_) => {
                let what = format!(
                    "id: event `{}` of {source} was imported before with another content; a fact is never edited: send what is to be added as a new event",
                    line.event
                );
                wrong.push((line.number, what));
            }
            None => {}
        }
    }
    Ok((same, wrong))
}

/// One pass for each source, in its last batch.
async fn keep(parts: &Parts, by_source: BTreeMap<String, Vec<Line>>, now: Ts) -> Result<()> {
    let total = by_source.values().map(Vec::len).sum::<usize>();
    let progress = Progress::new("importing", total as u64);
    for (source, lines) in by_source {
        let collector = collector();
        let mut pass = Pass {
            id: Pass::id_of(&source, "events", PassMode::Events, now, &collector),
            cloud: source,
            service: "events".to_owned(),
            region: String::new(),
            list: "events".to_owned(),
            mode: PassMode::Events,
            started: now,
            finished: now,
            watermark: now,
            skew_us: 0,
            outcome: Outcome::Complete,
            items: lines.len() as u64,
            facts: lines.len() as u64,
            requests: 0,
            bytes: 0,
            error: String::new(),
            collector,
            cursor: String::new(),
        };
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            let mut batch = Batch::default();
            for mut line in lines.by_ref().take(AT_ONCE) {
                line.fact.pass = pass.id;
                line.fact.raw.clone_from(&line.raw.hash);
                pass.bytes += line.raw.body.len() as u64;
                batch.facts.push(line.fact);
                batch.raws.push(line.raw);
                progress.step("");
            }
            if lines.peek().is_none() {
                pass.finished = parts.clock.now();
                batch.passes.push(pass.clone());
            }
            parts
                .spool
                .put(&batch)
                .await
                .context("keeping the events")?;
        }
    }
    progress.done();
    Ok(())
}

fn refuse(file: &Path, mut wrong: Vec<Wrong>) -> u8 {
    wrong.sort();
    for (number, what) in wrong.iter().take(TOLD_MAX) {
        eprintln!("{}:{number}: {what}", file.display());
    }
    if wrong.len() > TOLD_MAX {
        eprintln!("... and {} more", wrong.len() - TOLD_MAX);
    }
    eprintln!(
        "plimsoll: {} of the lines of {} cannot be imported, so none was; mend them and import the file again",
        wrong.len(),
        file.display()
    );
    exit::USAGE
}
