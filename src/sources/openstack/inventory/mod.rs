//! Services that are read by whole lists: volumes, images, addresses, balancers, shares.
//!
//! Their APIs forget what is deleted, so a list is all there is; what came and went between two of them only notifications know. A list's facts are
//! sightings of what differs from what is remembered, the record's own time of creation, and, with proof, absence.
//!
//! # Memory usage
//! About 500 bytes for each resource that lives: its last sighting, aspect by aspect.

mod absence;
mod item;
mod volume;

use super::{
    super::{Finding, Out, SourceError, Verdict},
    finish,
    pages::{Item as Sent, Pager},
    run::{Fault, Run},
    service::Service,
    session::Session,
};
use crate::{
    config,
    domain::{Memory, Pass, PassMode},
    net::{Clock, Dated, Tally},
};
use item::{Context, Item};
pub(super) use {item::label, volume::{settled, size}};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A list of a service, and how its items become facts.
#[derive(Debug)]
struct List {
    /// Its name in passes.
    name: &'static str,
    /// What its items are.
    kind: &'static str,
    /// Addresses of the list, with their queries: one, or one for each part of it. The second is the page size.
    paths: fn(&Context, u32) -> Vec<String>,
    /// Name of its array.
    key: &'static str,
    /// Address of one item, before its id.
    one: &'static str,
    /// Name of the object in the answer about one item; empty: the answer is the item.
    one_key: &'static str,
    /// Reads an item as sent; `None`: it is nothing that is metered.
    read: fn(&str, &Context) -> Result<Option<Item>, String>,
}

/// What one service offers.
#[derive(Debug)]
struct Offer {
    service: Service,
    /// Read in this order.
    lists: &'static [List],
    /// What only an account that sees everything is answered: without it a list may be empty, or short, for want of a role.
    probe: &'static str,
}

const OFFERS: &[Offer] = &[volume::OFFER];

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
    memory: Memory,
    ended: Ended,
    believed: BTreeSet<String>,
}

/// Readers of all services that may be metered by whole lists.
///
/// # Errors
/// When a pattern of the configuration cannot be used.
pub(super) fn open(
    conf: &config::OpenStack,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
    session: &Arc<Session>,
    ended: &Ended,
) -> Result<Vec<Inventory>, SourceError> {
    Ok(OFFERS
        .iter()
        .filter(|o| conf.reads(o.service.word()))
        .map(|offer| Inventory {
            conf: conf.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            session: Arc::clone(session),
            offer,
            memory: offer.share(memory),
            ended: ended.clone(),
            believed: BTreeSet::new(),
        })
        .collect())
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
        let mut context = Context::default();
        context.note(&self.memory);
        let mut passes = Vec::new();
        for list in self.offer.lists {
            let mut run = self.run(list, out);
            run.region(&login.region);
            let result = self.read(list, &mut context, &mut run).await;
            passes.push(finish(&mut self.memory, run, result).await);
        }
        passes
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

    /// Reads a list to its end, page by page, then finds out about what it no longer shows.
    async fn read(
        &mut self,
        list: &'static List,
        context: &mut Context,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let (mut listed, mut faults) = (HashSet::new(), Faults::default());
        for path in (list.paths)(context, self.conf.page_size) {
            let mut pager = Pager::new(self.offer.service, path, list.key, "id");
            while let Some(page) = pager.next(&self.session, &run.tally).await? {
                run.answered(page.reply.date, page.items.len());
                let mut fresh = Vec::new();
                for Sent { id, body } in page.items {
                    listed.extend(id.clone());
                    match (list.read)(&body, context) {
                        Ok(item) => fresh.extend(item),
                        Err(why) => {
                            faults.add(id.as_deref().unwrap_or("(its id is unreadable)"), &why)
                        }
                    }
                }
                self.take(list, fresh, page.reply.date, run).await?;
            }
        }
        context.note(&self.memory);
        self.probe(list, run).await?;
        faults.outcome(list.name)?;
        self.end_missing(list, &listed, context, run).await
    }

    /// Facts of items as an answer of `date` showed them; remembered once they have been handed on.
    async fn take(
        &mut self,
        list: &List,
        items: Vec<Item>,
        date: Dated,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let read_before = self.memory.full_watermarks.contains_key(list.name);
        let open = self.memory.open.entry(list.kind.to_owned()).or_default();
        for item in &items {
            let drafts = item.drafts(open.get(&item.id), read_before, date.at);
            run.add(list.kind, &item.id, drafts, Some(&item.raw));
        }
        run.hand_on().await?;
        for item in items {
            item.remember(open, date.at);
        }
        Ok(())
    }

    /// Is an account that sees everything reading, or one that is let in and shown a part?
    async fn probe(&self, list: &List, run: &Run<'_>) -> Result<(), Fault> {
        match self
            .session
            .get(self.offer.service, self.offer.probe, &run.tally)
            .await
        {
            Err(e) if e.status() == Some(403) => Err(Fault::Suspect(format!(
                "the account may not ask for what only an administrator sees, so the list of {} may hide what other projects own: none of it is taken \
                 for complete ({e})",
                list.name
            ))),
            Err(e) => Err(e.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Tries the service; changes nothing. Nothing is said of a service that the cloud does not have and nobody asked for.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let finding = |verdict, what: String, hint: &str| Finding {
            verdict,
            what,
            hint: hint.to_owned(),
        };
        let service = self.offer.service;
        let found = match self.session.login(&tally).await {
            // The first reader tells of it.
            Err(_) => return Vec::new(),
            Ok(login) => login.endpoint(service).cloned(),
        };
        let mut findings = match found {
            Err(_) if !self.is_wanted() => return Vec::new(),
            Err(e) => {
                return vec![finding(
                    Verdict::Error,
                    e.to_string(),
                    "see `openstack catalog list`, or leave it out of `services`",
                )];
            }
            Ok(url) => vec![finding(
                Verdict::Ok,
                format!("{} endpoint {url}", service.word()),
                "",
            )],
        };
        for list in self.offer.lists {
            for path in (list.paths)(&Context::default(), 1).into_iter().take(1) {
                findings.push(match self.session.get(service, &path, &tally).await {
                    Ok(_) => finding(Verdict::Ok, format!("{} can be read", list.name), ""),
                    Err(e) => finding(
                        Verdict::Error,
                        format!("{} cannot be read: {e}", list.name),
                        "passes of this list fail until that is mended",
                    ),
                });
            }
        }
        findings.push(
            match self.session.get(service, self.offer.probe, &tally).await {
                Ok(_) => finding(
                    Verdict::Ok,
                    format!("{} shows what every project owns", service.word()),
                    "",
                ),
                Err(e) => finding(
                    Verdict::Error,
                    format!("{} may show a part only: {e}", service.word()),
                    "give the account the role admin, or the metering policy",
                ),
            },
        );
        findings
    }
}

/// Items that could not be read; the others were.
#[derive(Debug, Default)]
struct Faults {
    count: u64,
    first: String,
}

impl Faults {
    fn add(&mut self, id: &str, why: &str) {
        if self.count == 0 {
            self.first = format!("{id}: {why}");
        }
        self.count += 1;
    }

    fn outcome(self, list: &'static str) -> Result<(), Fault> {
        if self.count == 0 {
            return Ok(());
        }
        Err(SourceError::Items {
            list,
            count: self.count,
            first: self.first,
        }
        .into())
    }
}

/// What each list's reader makes of an item, by the list's name: for whoever has to write the same.
#[cfg(test)]
pub(super) fn shown(
    list: &str,
    item: &str,
    types: &std::collections::BTreeMap<String, String>,
) -> Option<std::collections::BTreeMap<crate::domain::Aspect, crate::domain::Value>> {
    let context = Context {
        volume_types: types.clone(),
        ..Context::default()
    };
    let list = OFFERS.iter().flat_map(|o| o.lists).find(|l| l.name == list)?;
    (list.read)(item, &context).unwrap().map(|i| i.shown)
}
