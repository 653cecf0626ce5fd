//! Services that are read by whole lists: volumes, images, addresses, balancers, shares.
//!
//! Their APIs forget what is deleted, so a list is all there is; what came and went between two of them only notifications know. A list's facts are
//! sightings of what differs from what is remembered, the record's own time of creation, and, with proof, absence.
//!
//! # Memory usage
//! About 500 bytes for each resource that lives: its last sighting, aspect by aspect.

mod absence;
mod account;
mod balancer;
mod check;
pub(super) mod fuzzed;
mod hypervisor;
mod image;
mod item;
mod network;
mod read;
mod share;
pub(super) mod told;
mod volume;

use super::{
    super::{Out, SourceError},
    pages::Turn,
    pattern,
    run::Run,
    service::Service,
    session::Session,
    whole::{self, finish},
};
use crate::{
    config,
    domain::{Memory, Outcome, Pass, PassMode, Ts},
    net::{Clock, Tally},
};
use item::{Context, Item};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A list of a service.
#[derive(Debug)]
struct List {
    /// Its name in passes.
    name: &'static str,
    /// What its items are.
    kind: &'static str,
    origin: Origin,
}

impl List {
    /// What it has in common with other lists that are read as a whole.
    const fn whole(&self) -> whole::List {
        whole::List {
            name: self.name,
            kind: self.kind,
        }
    }
}

/// Where the items of a list come from.
#[derive(Debug)]
enum Origin {
    /// A list of the service, page by page.
    Pages(Pages),
    /// Accounts of object storage: one or several of each project, told by the headers of one answer.
    Accounts,
    /// Hypervisors: each the sum of a few providers of resources.
    Hypervisors,
}

/// A list that is read page by page, and how its items become facts.
#[derive(Debug)]
struct Pages {
    /// Addresses of the list, with their queries: one, or one for each part of it. The second is the page size.
    paths: fn(&Context, u32) -> Vec<String>,
    /// Name of its array.
    key: &'static str,
    turn: Turn,
    /// Address of one item, before its id.
    one: &'static str,
    /// Name of the object in the answer about one item; empty: the answer is the item.
    one_key: &'static str,
    /// Reads an item as sent; `None`: it is nothing that is metered.
    read: fn(&str, &Context) -> Result<Option<Item>, String>,
    /// True of an item that is shown only to one who sees everything: another project's than this one.
    hidden: fn(&Item, &str) -> bool,
}

/// A list that only gives names to what others hold. It has no pass of its own: where it cannot be read, the lists that need it fail.
#[derive(Debug)]
pub(super) struct Names {
    /// What it lists, for people.
    what: &'static str,
    /// Its address; the parameter is the page size.
    pub(super) path: fn(u32) -> String,
    /// Name of its array.
    pub(super) key: &'static str,
    /// What its items call their id.
    pub(super) id: &'static str,
    /// False: ids stand for names where the account may not read it, or the service does not have it.
    needed: bool,
    /// Notes an item as sent.
    pub(super) note: fn(&str, &mut Context) -> Result<(), String>,
}

/// How an account proves that lists hide nothing from it, where no item does: services show either everything or the own project's.
#[derive(Debug)]
enum Probe {
    /// Only one who sees everything is answered here; to others it is forbidden.
    Get(&'static str),
    /// Only one who sees everything may ask for the account of a project that it has no part in.
    Account,
    /// Nothing is hidden from anyone who is let in.
    None,
}

/// What one service offers.
#[derive(Debug)]
struct Offer {
    service: Service,
    /// Read first.
    names: &'static [Names],
    /// Read in this order.
    lists: &'static [List],
    /// Without it a list may be empty, or short, for want of a role.
    probe: Probe,
}

const OFFERS: &[Offer] = &[
    volume::OFFER,
    image::OFFER,
    network::OFFER,
    balancer::OFFER,
    share::OFFER,
    account::OFFER,
    hypervisor::OFFER,
];

/// What events told to have ended: proof for the lists that no longer show it. And what they told to be there: should its end be lost, a list that does not
/// show it has to ask for it. Shared by the readers of a region.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    ended: HashSet<(&'static str, String)>,
    alive: HashSet<(&'static str, String)>,
}

/// Ends told of that no list has asked for yet; forgotten ones are looked up by id instead.
const ENDED_MAX: usize = 100_000;

impl Ended {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what an event ended.
    pub(super) fn tell(&self, kind: &'static str, id: &str) {
        let (mut told, of) = (self.told(), (kind, id.to_owned()));
        if told.ended.len() >= ENDED_MAX {
            told.ended.clear();
        }
        told.alive.remove(&of);
        told.ended.insert(of);
    }

    /// Notes what an event told to be there.
    pub(super) fn tell_alive(&self, kind: &'static str, id: &str) {
        let (mut told, of) = (self.told(), (kind, id.to_owned()));
        if told.alive.len() >= ENDED_MAX {
            told.alive.clear();
        }
        if !told.ended.contains(&of) {
            told.alive.insert(of);
        }
    }

    /// Once, all of a kind that events told to be there.
    fn take_alive(&self, kind: &'static str) -> Vec<String> {
        let mut told = self.told();
        told.alive
            .extract_if(|(k, _)| *k == kind)
            .map(|(_, id)| id)
            .collect()
    }

    /// True once, of what an event ended.
    fn take(&self, kind: &'static str, id: &str) -> bool {
        self.told().ended.remove(&(kind, id.to_owned()))
    }
}

/// Reads one service by whole lists.
#[derive(Debug)]
pub struct Inventory {
    conf: config::OpenStack,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    offer: &'static Offer,
    /// What the configuration says of items.
    settings: Context,
    memory: Memory,
    ended: Ended,
    believed: BTreeSet<String>,
}

/// What the configuration says of items.
///
/// # Errors
/// When a pattern of the configuration cannot be used.
pub(super) fn settings(conf: &config::OpenStack) -> Result<Context, SourceError> {
    let public = conf.public_networks.as_deref();
    Ok(Context {
        public_networks: public
            .map(|text| pattern(conf, "public_networks", text))
            .transpose()?,
        gpu_alias: Some(pattern(conf, "gpu_alias", &conf.gpu_alias)?),
        ..Context::default()
    })
}

/// Readers of all services that may be metered by whole lists.
pub(super) fn open(
    conf: &config::OpenStack,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
    session: &Arc<Session>,
    ended: &Ended,
    settings: &Context,
) -> Vec<Inventory> {
    OFFERS
        .iter()
        .filter(|o| conf.reads(o.service.word()))
        .map(|offer| Inventory {
            conf: conf.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            session: Arc::clone(session),
            offer,
            settings: settings.clone(),
            memory: offer.share(memory),
            ended: ended.clone(),
            believed: BTreeSet::new(),
        })
        .collect()
}

impl Offer {
    fn share(&self, memory: &Memory) -> Memory {
        let kinds: Vec<&str> = self.lists.iter().map(|l| l.kind).collect();
        memory.share(&kinds, &[])
    }
}

impl Inventory {
    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// Between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.conf.inventory_interval_s.into())
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.memory = self.offer.share(memory);
    }

    /// A person vouches for these lists.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        self.believed.clone_from(lists);
    }

    /// True where the service has to be there: it was asked for by name, or has been read before.
    fn is_wanted(&self) -> bool {
        self.conf
            .services
            .as_ref()
            .is_some_and(|s| s.contains(self.offer.service.word()))
            || !self.memory.watermarks.is_empty()
    }

    /// Reads every list of the service once. A cloud without the service has no passes of it, unless it is wanted.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let login = match self.session.login(&Tally::default()).await {
            Ok(login) => login,
            Err(e) => return self.failed(&e, out).await,
        };
        if let Err(e) = login.endpoint(self.offer.service) {
            return self.failed(&e, out).await;
        }
        // What is remembered is good for the lists below even where the list above cannot be read.
        let mut context = self.settings.clone();
        context.own_project.clone_from(&login.project);
        context.note(&self.memory);
        context.volumes_known = self.volumes_known();
        // Requests for names are counted with the first list.
        let mut tally = Tally::default();
        let named = self.names(&mut context, &tally).await;
        let mut passes = Vec::new();
        for list in self.offer.lists {
            let mut run = self.run(list, out);
            run.region(&login.region);
            run.tally = std::mem::take(&mut tally);
            let result = match &named {
                Err(e) => Err(e.clone().into()),
                Ok(()) => self.read(list, &mut context, &mut run).await,
            };
            let pass = finish(&mut self.memory, run, result).await;
            if pass.outcome == Outcome::Complete {
                context.volumes_known = self.volumes_known();
            }
            passes.push(pass);
        }
        passes
    }

    fn volumes_known(&self) -> Option<Ts> {
        self.memory.watermarks.get(volume::VOLUMES.name).copied()
    }

    async fn failed(&mut self, e: &SourceError, out: &Out) -> Vec<Pass> {
        let mut passes = Vec::new();
        if !self.is_wanted() {
            tracing::debug!(source = self.conf.name, service = self.offer.service.word(), error = %e, "not read");
            return passes;
        }
        for list in self.offer.lists {
            let run = self.run(list, out);
            passes.push(finish(&mut self.memory, run, Err(e.clone().into())).await);
        }
        passes
    }

    fn run<'a>(&self, list: &List, out: &'a Out) -> Run<'a> {
        Run::start(
            &self.conf.name,
            self.offer.service,
            list.name,
            PassMode::Full,
            &self.collector,
            &self.clock,
            out,
        )
    }
}

/// What each list's reader makes of an item, by the list's name: for whoever has to write the same.
#[cfg(test)]
pub(super) fn shown(
    list: &str,
    item: &str,
    context: &Context,
) -> Option<std::collections::BTreeMap<crate::domain::Aspect, crate::domain::Value>> {
    let list = OFFERS
        .iter()
        .flat_map(|o| o.lists)
        .find(|l| l.name == list)?;
    let Origin::Pages(pages) = &list.origin else {
        return None;
    };
    (pages.read)(item, context).unwrap().map(|i| i.shown)
}
