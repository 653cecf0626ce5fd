//! OpenStack: Keystone's projects and Nova's servers, read twice over (lists and instance actions); the other services by whole lists.
//!
//! Each service has a reader of its own, with a rhythm of its own, on one log-in: [`OpenStack`] for Keystone and Nova, an [`Inventory`] for each of the rest,
//! and [`Notifications`] for each message broker.
//! Lists and their passes of the first: `projects` (Keystone, each time), `flavors` (when whole lists are read, or where servers do not tell their size), `servers` (full or
//! changes) and once per store `servers.deleted`. Each list fails by itself.

mod absence;
mod actions;
mod catalogue;
mod check;
mod flavors;
#[doc(hidden)]
pub mod fuzzed;
mod hint;
mod inventory;
mod keystone;
mod knock;
mod notifications;
mod pages;
mod record;
mod servers;
mod service;
mod session;

pub use inventory::Inventory;
pub(super) use knock::Knock;
pub use notifications::Notifications;

use super::{
    Finding, Out, Source, SourceError, item,
    run::{self, Fault, Run},
    whole::{self, finish},
};
use crate::{
    config,
    domain::{Memory, Outcome, Pass, PassMode, fact::kind},
    net::{Clock, Tally},
};
use flavors::Flavors;
use regex::Regex;
use servers::{DELETED, Notes, Reader, SERVERS};
use service::Service;
use session::{Microversion, Session};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Name of the list of projects in passes.
const PROJECTS: &str = "projects";
/// Name of the list of flavors in passes.
const FLAVORS: &str = "flavors";

/// From here on a server tells its own size.
const FLAVOR_EMBEDDED: Microversion = Microversion(2, 47);

/// One OpenStack region.
#[derive(Debug)]
pub struct OpenStack {
    conf: config::OpenStack,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    gpu_alias: Regex,
    memory: Memory,
    notes: Notes,
    flavors: Flavors,
    believed: BTreeSet<String>,
}

/// What reads a region: a reader for each service that may be metered.
///
/// # Errors
/// When the CA file or a pattern cannot be used.
pub fn open(
    conf: &config::OpenStack,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
) -> Result<Vec<Source>, SourceError> {
    let first = OpenStack::new(
        conf.clone(),
        clock.clone(),
        memory.clone(),
        collector.to_owned(),
    )?;
    let session = Arc::clone(&first.session);
    let ended = inventory::Ended::default();
    let settings = inventory::settings(conf)?;
    let others = inventory::open(conf, clock, memory, collector, &session, &ended, &settings);
    let brokers = conf.notifications.iter().map(|broker| {
        let n = Notifications::new(
            conf,
            broker,
            clock,
            memory,
            collector,
            &session,
            &ended,
            &settings,
            &first.gpu_alias,
        );
        Source::Notifications(Box::new(n))
    });
    let brokers: Vec<Source> = brokers.collect();
    Ok(std::iter::once(Source::OpenStack(Box::new(first)))
        .chain(others.into_iter().map(|i| Source::Inventory(Box::new(i))))
        .chain(brokers)
        .collect())
}

/// A pattern that matches whole texts only.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// A pattern of the configuration.
fn pattern(conf: &config::OpenStack, key: &str, text: &str) -> Result<Regex, SourceError> {
    whole(text).map_err(|e| SourceError::Config {
        source_name: conf.name.clone(),
        why: format!("`{key}` is no regular expression: {e}"),
    })
}

impl OpenStack {
    /// Makes the source; nothing is contacted. `memory` is what the store knows of this cloud; `collector` names this process in passes.
    ///
    /// # Errors
    /// When the CA file or the GPU pattern cannot be used.
    pub fn new(
        conf: config::OpenStack,
        clock: Clock,
        memory: Memory,
        collector: String,
    ) -> Result<Self, SourceError> {
        let gpu_alias = pattern(&conf, "gpu_alias", &conf.gpu_alias)?;
        let session = Arc::new(Session::new(&conf, clock.clone())?);
        Ok(Self {
            conf,
            clock,
            collector,
            session,
            gpu_alias,
            memory: memory.share(&[kind::PROJECT, kind::SERVER], &[FLAVORS, DELETED]),
            notes: Notes::default(),
            flavors: Flavors::default(),
            believed: BTreeSet::new(),
        })
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// Between passes for changes.
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
        self.memory = memory.share(&[kind::PROJECT, kind::SERVER], &[FLAVORS, DELETED]);
    }

    /// A person vouches for these lists.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        self.believed.clone_from(lists);
    }

    /// What it remembers now.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Reads every list once and hands the facts on in batches, each pass's row in its last batch. Without a complete pass of servers before, changes are
    /// read as a full list. Waits while `out` is full.
    pub async fn collect(&mut self, mode: PassMode, out: &Out) -> Vec<Pass> {
        let full = mode == PassMode::Full || !self.memory.watermarks.contains_key(SERVERS);
        let mode = if full {
            PassMode::Full
        } else {
            PassMode::Changes
        };
        let mut run = self.run(Service::Identity, PROJECTS, PassMode::Full, out);
        // Logged in once for all lists: a wrong password tried for each of them would lock the account.
        let login = self.session.login(&run.tally).await;
        let result = match &login {
            Ok(login) => {
                run.region(&login.region);
                keystone::projects(&self.session, &mut self.memory, &mut run).await
            }
            Err(e) => Err(e.clone().into()),
        };
        let mut passes = vec![self.finish(run, result).await];
        match login {
            Ok(login) => passes.extend(self.compute(full, mode, &login.region, out).await),
            Err(e) => {
                let run = self.run(Service::Compute, SERVERS, mode, out);
                passes.push(self.finish(run, Err(e.into())).await);
            }
        }
        passes
    }

    /// Nova's lists.
    async fn compute(&mut self, full: bool, mode: PassMode, region: &str, out: &Out) -> Vec<Pass> {
        let mut passes = Vec::new();
        let mut tally = Tally::default();
        let version = self.session.microversion(full, &tally).await;
        let by_id = version.as_ref().is_ok_and(|v| *v < FLAVOR_EMBEDDED);
        if version.is_ok() && (full || by_id || self.notes.specs_hidden) {
            let mut run = self.run(Service::Compute, FLAVORS, PassMode::Full, out);
            run.tally = std::mem::take(&mut tally);
            run.region(region);
            let result = self
                .flavors
                .read(&self.session, self.conf.page_size, &mut run)
                .await;
            passes.push(self.finish(run, result).await);
        }
        let mut run = self.run(Service::Compute, SERVERS, mode, out);
        run.tally = tally;
        run.region(region);
        let result = match version {
            Err(e) => Err(e.into()),
            Ok(v) if by_id && self.flavors.is_empty() => {
                let why = format!(
                    "at microversion {v} servers name their flavor by id only, and the flavors could not be read: see that pass"
                );
                Err(SourceError::Version {
                    url: "Nova".to_owned(),
                    why,
                }
                .into())
            }
            Ok(_) => self.reader().pass(mode, &mut run).await,
        };
        let servers = self.finish(run, result).await;
        let readable = servers.outcome == Outcome::Complete;
        passes.push(servers);
        // Once per store: what ended before the first pass. Later, the lists of changes bring it.
        if readable && full && !self.memory.watermarks.contains_key(DELETED) {
            let mut run = self.run(Service::Compute, DELETED, PassMode::Deleted, out);
            run.region(region);
            let result = self.reader().deleted_pass(&mut run).await;
            passes.push(self.finish(run, result).await);
        }
        passes
    }

    fn run<'a>(&self, service: Service, list: &str, mode: PassMode, out: &'a Out) -> Run<'a> {
        Run::start(
            &self.conf.name,
            service,
            list,
            mode,
            &self.collector,
            &self.clock,
            out,
        )
    }

    fn reader(&mut self) -> Reader<'_> {
        Reader {
            session: &self.session,
            conf: &self.conf,
            gpu_alias: &self.gpu_alias,
            flavors: &self.flavors,
            believed: self.believed.contains(SERVERS),
            memory: &mut self.memory,
            notes: &mut self.notes,
        }
    }

    /// Ends a pass; a complete one moves its list's watermark.
    async fn finish(&mut self, run: Run<'_>, result: Result<(), Fault>) -> Pass {
        finish(&mut self.memory, run, result).await
    }

    /// Logs in and tries every list that collecting reads; changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        check::online(&self.session, &self.conf).await
    }
}
