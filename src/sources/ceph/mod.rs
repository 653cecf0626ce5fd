//! A Ceph cluster by its own commands: RBD images, CephFS subvolumes, and what the cluster has and how it fares.
//!
//! Three readers, each by itself: a pool whose images take long delays no subvolume. All run `ceph` and `rbd` as configured (`--format json`), ask for
//! nothing that changes anything, and take their times from our clock: commands tell none.

mod check;
mod cluster;
mod command;
mod filesystem;
#[doc(hidden)]
pub mod fuzzed;
mod image;
mod images;
mod subvolumes;

use super::{
    Finding, Out, Source, SourceError,
    item::Item,
    run::{Fault, Run},
    whole::{self, List, finish, is_suspect, suspicion},
};
use crate::{
    config,
    domain::{Aspect, Known, Memory, Pass, PassMode, Ts, Value, fact::kind, tenancy::attr},
    net::{Clock, Dated},
};
use command::Commands;
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

/// Faults after which the rest is not asked for: it would fare the same.
const FAULTS_MAX: u64 = 20;

/// What one reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Health, pools, device classes, OSDs.
    Cluster,
    /// Images.
    Rbd,
    /// Subvolumes.
    CephFs,
}

impl Part {
    const ALL: [Self; 3] = [Self::Cluster, Self::Rbd, Self::CephFs];

    /// Its word in passes and in the configuration.
    const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Rbd => "rbd",
            Self::CephFs => "cephfs",
        }
    }

    const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Cluster => &cluster::KINDS,
            Self::Rbd => &[kind::PROJECT, kind::RBD_IMAGE],
            Self::CephFs => &[kind::PROJECT, kind::SUBVOLUME],
        }
    }
}

/// Reads one part of a cluster.
#[derive(Debug)]
pub struct Ceph {
    conf: config::Ceph,
    clock: Clock,
    collector: String,
    part: Part,
    commands: Arc<Commands>,
    pools: Option<Regex>,
    memory: Memory,
    believed: BTreeSet<String>,
    /// Number of the stretch in which it was last asked what images use.
    used: Option<i64>,
}

/// What reads a cluster.
///
/// # Errors
/// When a pattern cannot be used.
pub fn open(
    conf: &config::Ceph,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
) -> Result<Vec<Source>, SourceError> {
    let pools = conf
        .pools
        .as_ref()
        .map(|p| Regex::new(&format!("^(?:{p})$")))
        .transpose()
        .map_err(|e| SourceError::Config {
            source_name: conf.name.clone(),
            why: format!("`pools` is no regular expression: {e}"),
        })?;
    let commands = Arc::new(Commands::new(conf));
    let reader = |part: Part| {
        Source::Ceph(Box::new(Ceph {
            conf: conf.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            part,
            commands: Arc::clone(&commands),
            pools: pools.clone(),
            memory: memory.share(part.kinds(), &[]),
            believed: BTreeSet::new(),
            used: None,
        }))
    };
    let wanted = |part: &Part| conf.parts.contains(part.word());
    Ok(Part::ALL.into_iter().filter(wanted).map(reader).collect())
}

impl Ceph {
    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// Between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.conf.interval_s.into())
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.memory = memory.share(self.part.kinds(), &[]);
    }

    /// A person vouches for these lists.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        self.believed.clone_from(lists);
    }

    /// Reads every list of its part once.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        match self.part {
            Part::Cluster => self.cluster(out).await,
            Part::Rbd => {
                let mut run = self.run(images::IMAGES, out);
                let result = self.images(&mut run).await;
                vec![self.end(run, result).await]
            }
            Part::CephFs => {
                let mut run = self.run(subvolumes::SUBVOLUMES, out);
                let result = self.subvolumes(&mut run).await;
                vec![self.end(run, result).await]
            }
        }
    }

    /// Runs every command that collecting needs, and changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        check::online(self).await
    }

    fn run<'a>(&self, list: List, out: &'a Out) -> Run<'a> {
        Run::start(
            &self.conf.name,
            self.part.word(),
            list.name,
            PassMode::Full,
            &self.collector,
            &self.clock,
            out,
        )
    }

    async fn end(&mut self, run: Run<'_>, result: Result<(), Fault>) -> Pass {
        finish(&mut self.memory, run, result).await
    }

    /// The times of an answer that was asked for at `since` and has come now.
    fn dated(&self, since: Ts) -> Dated {
        Dated {
            at: self.clock.now(),
            since,
            skew_us: 0,
            by_server: false,
        }
    }

    /// Facts of items, and of the scopes that own them.
    async fn take(
        &mut self,
        list: List,
        mut items: Vec<Item>,
        date: Dated,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let listed = self.memory.full_watermarks.get(list.name).copied();
        for item in &mut items {
            // Made before a list that did not have it, or after it was seen: whoever says so goes by another clock, or another zone.
            item.created = item
                .created
                .filter(|c| *c <= date.at && listed.is_none_or(|l| *c > l));
        }
        self.take_scopes(&items, date.at, run);
        list.take(&mut self.memory, items, date, run).await
    }

    /// The number of the stretch of `used_interval` that a time is in.
    fn stretch(&self, t: Ts) -> i64 {
        t.second()
            .div_euclid(self.conf.used_interval_s.max(1).into())
    }

    /// What is remembered and was not listed; where it is too much, the list is not believed.
    fn missing(&mut self, list: List, listed: &HashSet<String>) -> Result<Vec<String>, Fault> {
        let open = self.memory.open_mut(list.kind);
        let of = open.len();
        let missing: Vec<String> = open
            .keys()
            .filter(|id| !listed.contains(*id))
            .cloned()
            .collect();
        if !self.believed.contains(list.name) && is_suspect(missing.len(), of) {
            return Err(suspicion(list.name, missing.len(), of, ""));
        }
        Ok(missing)
    }

    /// Tells of scopes that own items, unless they are known.
    fn take_scopes(&mut self, items: &[Item], seen: Ts, run: &mut Run<'_>) {
        let owners = items.iter().filter_map(|i| i.shown.get(&Aspect::Owner));
        let owners: BTreeSet<&str> = owners
            .filter_map(Value::known)
            .map(|k| k.label.as_str())
            .collect();
        for id in owners {
            whole::take_scope(&mut self.memory, id, scope(id, self.part), seen, run);
        }
    }
}

/// What rules may know of a scope: its name, and as its domain whether it is of RBD or of CephFS.
fn scope(id: &str, part: Part) -> Known {
    Known {
        label: id.to_owned(),
        levels: BTreeMap::new(),
        attrs: BTreeMap::from([(attr::DOMAIN.to_owned(), part.word().to_owned())]),
    }
}

/// A size: what it is called, and its levels.
fn size<const N: usize>(label: &str, levels: [(&str, Option<i64>); N]) -> (Aspect, Value) {
    let levels = levels.into_iter();
    let known = Known {
        label: label.to_owned(),
        levels: levels
            .filter_map(|(name, level)| Some((name.to_owned(), level?)))
            .collect(),
        attrs: BTreeMap::new(),
    };
    (Aspect::Flavor, Value::Known(known))
}

/// A number of bytes, or of things, as Ceph tells it: never below zero.
fn natural(what: &str, n: i64) -> Result<i64, String> {
    (n >= 0)
        .then_some(n)
        .ok_or_else(|| format!("its {what} of {n} cannot be"))
}

/// The error of an answer that is not as it should be.
fn shape(program: &str, args: &[impl AsRef<str>], why: &str) -> SourceError {
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    SourceError::Command {
        command: format!("{program} {}", args.join(" ")),
        code: None,
        why: format!("does not answer as expected: {why}"),
    }
}

#[cfg(test)]
mod tests;
