//! Kubernetes and OKD: a cluster's objects, listed once and then watched.
//!
//! Each list has a reader and a watch of its own, on one account. A pass is either the whole list or one watch, of `interval`, from where the one before ended;
//! its watermark is the cluster's `Date` of an answer that tells how far the list was then, once the watch has told everything up to there. Where the thread is
//! lost (the history is forgotten after minutes, and with every restart of an API server) the whole list is read again: what ended meanwhile ended
//! within known bounds, and what came *and* went meanwhile nobody can tell, so the time is noted as one in which the list was not watched.
//!
//! # Memory usage
//! A digest for each object; a page of a list while it is read.

mod absence;
mod book;
mod check;
mod directory;
#[doc(hidden)]
pub mod fuzzed;
mod list;
mod meta;
mod objects;
mod pod;
mod quantity;
mod request;
mod resources;
mod session;
mod thing;
mod usage;
mod volumes;
mod watch;

use super::{
    Finding, Out, Source, SourceError,
    run::{Draft, Fault, Run},
    whole::finish,
};
use crate::{
    config,
    domain::{
        Aspect, Evidence, Memory, Pass, PassMode, Ts, Value,
        fact::{attr, kind},
    },
    net::{Clock, Dated},
};
use book::{Book, Shown};
use directory::Directory;
use regex::Regex;
use resources::{RESOURCES, Resource};
pub(super) use session::Readiness;
use session::Session;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use thing::Thing;
pub use usage::Kubelets;
use watch::Lost;

/// Facts that wait to be handed on together, at most.
const WAITING_MAX: usize = 500;
/// A scope that every cluster has, and that is never made anew: its UID is the cluster's.
const CLUSTER: &str = "kube-system";

/// One list of a cluster.
#[derive(Debug)]
pub struct Kubernetes {
    conf: config::Kubernetes,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    what: &'static Resource,
    gpus: Regex,
    book: Book,
    directory: Arc<Directory>,
    /// How far the list reaches, as the store knows it.
    memory: Memory,
    /// Everything up to this version has been told.
    cursor: Option<u64>,
    /// The server can send a list as the beginning of a watch, as far as is known.
    streams_lists: bool,
    faults: Faults,
    /// UID of the cluster, once it was read.
    cluster: Option<String>,
    believed: BTreeSet<String>,
}

/// What reads a cluster: a reader for each list. Nothing is contacted.
///
/// # Errors
/// When the CA, the account or a pattern cannot be used.
pub fn open(
    conf: &config::Kubernetes,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
) -> Result<Vec<Source>, SourceError> {
    let session = Arc::new(Session::new(conf, clock.clone())?);
    let gpus =
        Regex::new(&format!("^(?:{})$", conf.gpu_resources)).map_err(|e| SourceError::Config {
            source_name: conf.name.clone(),
            why: format!("`gpu_resources` is no regular expression: {e}"),
        })?;
    let directory = Arc::new(Directory::default());
    let kubelets = conf.kubelets.as_ref().map(|kubelets| {
        let directory = Arc::clone(&directory);
        usage::Kubelets::new(conf, kubelets, clock, collector, directory)
    });
    let readers = RESOURCES.iter().map(|what| {
        let mut reader = Kubernetes {
            conf: conf.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            session: Arc::clone(&session),
            what,
            gpus: gpus.clone(),
            book: Book::new(what.kind, &Memory::default()),
            directory: Arc::clone(&directory),
            memory: Memory::default(),
            cursor: None,
            streams_lists: true,
            faults: Faults::default(),
            cluster: None,
            believed: BTreeSet::new(),
        };
        reader.remember(memory);
        Source::Kubernetes(Box::new(reader))
    });
    let kubelets = kubelets.transpose()?.map(|k| Source::Kubelets(Box::new(k)));
    Ok(readers.chain(kubelets).collect())
}

impl Kubernetes {
    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// Between passes: a watch lasts as long, so one begins where the other ended.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.conf.interval_s.into())
    }

    /// Between full lists.
    #[must_use]
    pub fn full_interval(&self) -> Duration {
        Duration::from_secs(self.conf.full_interval_s.into())
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.book = Book::new(self.what.kind, memory);
        self.directory_of(|d, kind| d.remember(kind, memory));
        self.memory = memory.share(&[], &[self.what.list]);
        let known = memory
            .open
            .get(kind::NAMESPACE)
            .and_then(|o| o.get(CLUSTER));
        let shown = known.and_then(|k| k.sighted.get(&Aspect::Attributes)?.value.known());
        self.cluster = shown.and_then(|k| k.attrs.get(attr::UID).cloned());
        self.cursor = self
            .memory
            .cursors
            .get(self.what.list)
            .and_then(|c| c.parse().ok());
    }

    /// A person vouches for these lists.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        self.believed.clone_from(lists);
    }

    /// Reads the list once, or watches it for as long as `interval`. A cluster without the list has no passes of it, unless it had it before.
    pub async fn collect(&mut self, mode: PassMode, out: &Out) -> Vec<Pass> {
        let mut passes = Vec::new();
        if mode != PassMode::Full && self.cursor.is_some() {
            let mut run = self.run(PassMode::Changes, out);
            let result = match self.changes(&mut run).await {
                Err(Lost::History(why)) => {
                    self.cursor = None;
                    Err(SourceError::Paging {
                        url: self.what.path(),
                        why: format!("the changes since the last pass are not known any more ({why}); the whole list is read instead"),
                    }
                    .into())
                }
                Err(Lost::Fault(fault)) => Err(fault),
                Ok(()) => Ok(()),
            };
            run.goes_on_at(self.cursor.map_or_else(String::new, |c| c.to_string()));
            passes.push(finish(&mut self.memory, run, result).await);
            if self.cursor.is_some() {
                return passes;
            }
        }
        let mut run = self.run(PassMode::Full, out);
        let result = self.whole(&mut run).await;
        if let Err(Fault::Failed(e)) = &result
            && e.status() == Some(404)
            && self.what.optional
            && self.memory.watermarks.is_empty()
        {
            tracing::debug!(source = self.conf.name, list = self.what.list, "not there");
            return passes;
        }
        if result.is_err() {
            self.cursor = None;
        }
        run.goes_on_at(self.cursor.map_or_else(String::new, |c| c.to_string()));
        passes.push(finish(&mut self.memory, run, result).await);
        passes
    }

    /// Logs in, tries every list and every right, and changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        check::online(self).await
    }

    fn run<'a>(&self, mode: PassMode, out: &'a Out) -> Run<'a> {
        let service = if self.what.group.is_empty() {
            "core"
        } else {
            self.what.group
        };
        Run::start(
            &self.conf.name,
            service,
            self.what.list,
            mode,
            &self.collector,
            &self.clock,
            out,
        )
    }

    /// The changes since the cursor.
    async fn changes(&mut self, run: &mut Run<'_>) -> Result<(), Lost> {
        let (reach, date) = self.fresh(&run.tally).await?;
        run.answered(date, 0);
        let cursor = self.cursor.unwrap_or_default();
        if reach < cursor {
            return Err(Lost::History(format!(
                "the list is at version {reach}, and was at {cursor} before: the cluster's store was restored to an earlier time"
            )));
        }
        self.follow(reach, self.interval(), run).await?;
        Ok(self.faults.take(self.what.list)?)
    }

    /// The whole list, what changed on the way to it, and what it no longer shows.
    async fn whole(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.same_cluster(run).await?;
        let listed = self.list(run).await?;
        // What came and went since the last pass, only the watch can tell; then the list is no break in it.
        let broken = match self.cursor.filter(|c| *c <= listed.version) {
            Some(_) => match self.follow(listed.version, Duration::ZERO, run).await {
                Ok(()) => None,
                Err(Lost::History(why)) => Some(why),
                Err(Lost::Fault(fault)) => return Err(fault),
            },
            None => Some("nothing was watched since".to_owned()),
        };
        if let Some(why) = broken {
            self.note_break(listed.date, &why, run);
        }
        self.end_missing(&listed, run).await?;
        self.directory_of(|d, kind| d.complete(kind, &listed.ids));
        self.cursor = Some(
            self.cursor
                .map_or(listed.version, |c| c.max(listed.version)),
        );
        Ok(())
    }

    /// Notes that what came and went between the last pass and this list is not known.
    fn note_break(&mut self, date: Dated, why: &str, run: &mut Run<'_>) {
        let event = |at: Ts, value: Value| Draft {
            aspect: Aspect::State,
            evidence: Evidence::Event,
            at,
            from: at,
            seen: at,
            value,
        };
        let to = date.since;
        let from = self
            .memory
            .watermarks
            .get(self.what.list)
            .copied()
            .filter(|from| *from < to);
        // What was there at `from` itself is known.
        let lost = from.map(|from| event(Ts(from.0 + 1), Value::Unknown));
        let drafts = lost.into_iter().chain([event(to, Value::label("watched"))]);
        run.add(kind::WATCH, self.what.list, drafts, None);
        if let Some(from) = from {
            run.remark(format!(
                "what came and went between {from} and {to} is not known: {why}"
            ));
        }
    }

    /// Tells the reader of kubelets, if there is one: else nobody asks.
    fn directory_of(&self, tell: impl FnOnce(&Directory, &str)) {
        if self.conf.kubelets.is_some() {
            tell(&self.directory, self.what.kind);
        }
    }

    /// What is new in a listed object.
    fn show(&mut self, thing: &Thing, date: Dated, run: &mut Run<'_>) {
        self.directory_of(|d, kind| d.note(kind, thing));
        let drafts = self.book.sight(thing, Shown::Listed(date.at));
        run.add(self.what.kind, &thing.id, drafts, Some(&thing.raw));
    }

    async fn hand_on_if_full(&self, run: &mut Run<'_>) -> Result<(), SourceError> {
        if run.waiting() >= WAITING_MAX {
            run.hand_on().await?;
        }
        Ok(())
    }
}

/// Items that could not be read; the others were.
#[derive(Debug, Default)]
struct Faults {
    count: u64,
    first: String,
}

impl Faults {
    fn add(&mut self, why: &str, name: &str) {
        if self.count == 0 {
            self.first = format!("{name}: {why}");
        }
        self.count += 1;
    }

    /// An error if there were any since this was last asked.
    fn take(&mut self, list: &'static str) -> Result<(), Fault> {
        let Self { count, first } = std::mem::take(self);
        if count == 0 {
            return Ok(());
        }
        Err(SourceError::Items { list, count, first }.into())
    }
}

#[cfg(test)]
mod tests;
