//! Reads lists: pages, or one resource at a time with the configured number of requests at once.

use super::{
    super::{
        super::SourceError,
        actions::FAULTS_MAX,
        keystone,
        pages::{Item as Sent, Pager},
        run::{Fault, Run},
        whole::Faults,
    },
    Inventory, List, Names, Origin, Pages, Probe, account, hypervisor,
    item::{Context, Item},
};
use crate::net::{Dated, Tally};
use futures::{StreamExt as _, stream};
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Resources whose answers are held at once.
pub(super) const ASKED_AT_ONCE: usize = 500;

/// What the service says of one resource by itself.
pub(super) enum Answer {
    /// It shows these. None of them: it is there, and nothing that is metered.
    Shown(Vec<Item>, Dated),
    /// It knows nothing of it.
    Unknown,
}

impl Inventory {
    /// Reads a list to its end, then finds out about what it no longer shows.
    pub(super) async fn read(
        &mut self,
        list: &'static List,
        context: &mut Context,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let (mut listed, mut faults) = (HashSet::new(), Faults::default());
        let mut sees_all = context.sees_all;
        match &list.origin {
            Origin::Pages(pages) => {
                for path in (pages.paths)(context, self.conf.page_size) {
                    sees_all |= self
                        .pages(list, pages, path, context, &mut listed, &mut faults, run)
                        .await?;
                }
            }
            Origin::Accounts => {
                let mut projects: BTreeSet<String> = keystone::ids(&self.session, &run.tally)
                    .await?
                    .into_iter()
                    .collect();
                // A project may be gone while its account still holds what it stored.
                let open = self
                    .memory
                    .open
                    .get(list.kind)
                    .into_iter()
                    .flat_map(|o| o.iter());
                projects.extend(open.map(|(id, _)| account::project_of(id).to_owned()));
                self.singly(list, projects, context, &mut listed, &mut faults, run)
                    .await?;
            }
            Origin::Hypervisors => {
                context.hypervisors = hypervisor::all(&self.session, &run.tally).await?;
                let roots = context.hypervisors.keys().cloned().collect();
                self.singly(list, roots, context, &mut listed, &mut faults, run)
                    .await?;
            }
        }
        context.note(&self.memory);
        if !sees_all {
            self.probe(list, run).await?;
        }
        faults.outcome(list.name)?;
        self.end_missing(list, &listed, context, run).await
    }

    /// Reads pages to their end. True if they show what is hidden from others.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a list is read into is one thing only here"
    )]
    async fn pages(
        &mut self,
        list: &'static List,
        pages: &Pages,
        path: String,
        context: &Context,
        listed: &mut HashSet<String>,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<bool, Fault> {
        let mut sees_all = false;
        let mut pager = Pager::new(self.offer.service, path, pages.key, "id").turning(pages.turn);
        while let Some(page) = pager.next(&self.session, &run.tally).await? {
            run.answered(page.reply.date, page.items.len());
            let mut fresh = Vec::new();
            for Sent { id, body } in page.items {
                match (pages.read)(&body, context) {
                    Ok(Some(item)) => {
                        sees_all |= (pages.hidden)(&item, &context.own_project);
                        listed.insert(item.id.clone());
                        fresh.push(item);
                    }
                    // Once it was metered, and now it is not: it is found out about like what is missing.
                    Ok(None) => {}
                    Err(why) => {
                        faults.add(id.as_deref().unwrap_or("(its id is unreadable)"), &why);
                    }
                }
            }
            list.whole()
                .take(&mut self.memory, fresh, page.reply.date, run)
                .await?;
        }
        Ok(sees_all)
    }

    /// Reads a list whose resources are asked for one by one.
    async fn singly(
        &mut self,
        list: &'static List,
        ids: BTreeSet<String>,
        context: &Context,
        listed: &mut HashSet<String>,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let ids: Vec<String> = ids.into_iter().collect();
        for some in ids.chunks(ASKED_AT_ONCE) {
            let answers = self.ask_each(list, some, context, faults, &run.tally).await;
            for (_, answer) in answers? {
                if let Answer::Shown(mut items, date) = answer {
                    let open = self.memory.open.get(list.kind);
                    items.retain(|i| i.holds() || open.is_some_and(|o| o.contains_key(&i.id)));
                    run.answered(date, items.len());
                    listed.extend(items.iter().map(|i| i.id.clone()));
                    list.whole()
                        .take(&mut self.memory, items, date, run)
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Asks about some resources, several at once. What cannot be read is a fault of its own; after a refusal, or too many faults, the rest is not asked
    /// for: it would fare the same.
    pub(super) async fn ask_each(
        &self,
        list: &'static List,
        ids: &[String],
        context: &Context,
        faults: &mut Faults,
        tally: &Tally,
    ) -> Result<Vec<(String, Answer)>, SourceError> {
        let at_once = usize::try_from(self.conf.concurrency.max(1)).unwrap_or(1);
        // All is owned on the way: with borrowed ids the compiler cannot see that the future may be sent between threads.
        let mut answers = stream::iter(ids.to_vec())
            .map(|id| async move {
                let answer = self.ask(list, &id, context, tally).await;
                (id, answer)
            })
            .buffer_unordered(at_once);
        let mut told = Vec::new();
        while let Some((id, answer)) = answers.next().await {
            match answer {
                Ok(answer) => told.push((id, answer)),
                Err(e) if e.status() == Some(403) => return Err(e),
                Err(e) => {
                    faults.add(&id, &e.to_string());
                    if faults.count >= FAULTS_MAX {
                        break;
                    }
                }
            }
        }
        Ok(told)
    }

    /// Asks about one resource.
    async fn ask(
        &self,
        list: &'static List,
        id: &str,
        context: &Context,
        tally: &Tally,
    ) -> Result<Answer, SourceError> {
        let answer = match &list.origin {
            Origin::Pages(pages) => self.one(list, pages, id, context, tally).await,
            Origin::Accounts => account::ask(&self.session, id, tally).await,
            Origin::Hypervisors => hypervisor::ask(&self.session, id, context, tally).await,
        };
        match answer {
            Err(e) if e.status() == Some(404) => Ok(Answer::Unknown),
            other => other,
        }
    }

    async fn one(
        &self,
        list: &'static List,
        pages: &Pages,
        id: &str,
        context: &Context,
        tally: &Tally,
    ) -> Result<Answer, SourceError> {
        let path = format!("{}/{id}", pages.one);
        let reply = self.session.get(self.offer.service, &path, tally).await?;
        let shown: HashMap<String, &RawValue> = reply.json(list.name)?;
        let body = match shown.get(pages.one_key) {
            Some(inner) => inner.get(),
            None => std::str::from_utf8(&reply.body).unwrap_or_default(),
        };
        let item = (pages.read)(body, context).map_err(|why| reply.shape(list.name, &why))?;
        Ok(Answer::Shown(item.into_iter().collect(), reply.date))
    }

    /// Is an account that sees everything reading, or one that is let in and shown a part?
    async fn probe(&self, list: &List, run: &Run<'_>) -> Result<(), Fault> {
        match self.proof(&run.tally).await {
            Err(e) if e.status() == Some(403) => Err(Fault::Suspect(format!(
                "the list of {} shows nothing that others are not shown, and the account may not ask for what only an administrator sees: it may hide what \
                 other projects own, and is not taken for complete ({e})",
                list.name
            ))),
            other => Ok(other?),
        }
    }

    /// Asks for what only an account that sees everything is answered.
    pub(super) async fn proof(&self, tally: &Tally) -> Result<(), SourceError> {
        match self.offer.probe {
            Probe::Get(path) => self
                .session
                .get(self.offer.service, path, tally)
                .await
                .map(drop),
            Probe::Account => account::proof(&self.session, tally).await,
            Probe::None => Ok(()),
        }
    }

    /// Reads what only gives names.
    pub(super) async fn names(
        &self,
        context: &mut Context,
        tally: &Tally,
    ) -> Result<(), SourceError> {
        for names in self.offer.names {
            match self.named(names, context, tally).await {
                Err(e) if !names.needed && matches!(e.status(), Some(403 | 404)) => {
                    tracing::debug!(source = self.conf.name, error = %e, "ids stand for the names of {}", names.what);
                }
                other => other?,
            }
        }
        Ok(())
    }

    async fn named(
        &self,
        names: &Names,
        context: &mut Context,
        tally: &Tally,
    ) -> Result<(), SourceError> {
        let path = (names.path)(self.conf.page_size);
        let mut pager = Pager::new(self.offer.service, path, names.key, names.id);
        while let Some(page) = pager.next(&self.session, tally).await? {
            for Sent { id, body } in page.items {
                (names.note)(&body, context).map_err(|why| {
                    let id = id.as_deref().unwrap_or("with an unreadable id");
                    page.reply
                        .shape(&format!("{} {id} as documented", names.what), &why)
                })?;
            }
        }
        Ok(())
    }
}
