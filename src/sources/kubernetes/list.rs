//! Whole lists: as the beginning of a watch where the server can, else page by page.

use super::{
    super::{
        SourceError,
        run::{Fault, Run},
    },
    Kubernetes,
    meta::version,
    session::{self, METADATA, Status},
    thing::Thing,
    watch::{self, Event, EventKind},
};
use crate::net::{Dated, Next, Opened, Reply, Tally};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{collections::HashSet, time::Duration};

/// How often a list is begun anew whose continuation had expired; the last time it is asked for in one answer.
const RESTARTS_MAX: u32 = 2;
/// A list never has more pages than this.
const PAGES_MAX: u32 = 100_000;

/// A list, or a page of one.
#[derive(Deserialize)]
#[serde(bound = "'de: 'a")]
pub(super) struct Page<'a> {
    pub(super) metadata: ListMeta,
    #[serde(borrow, default = "Vec::new")]
    pub(super) items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    pub(super) resource_version: String,
    #[serde(default)]
    pub(super) r#continue: Option<String>,
}

/// What came of a whole list.
pub(super) struct Listed {
    /// Ids of everything it showed that is metered.
    pub(super) ids: HashSet<String>,
    /// The version of the list: it shows everything up to there, and nothing later.
    pub(super) version: u64,
    /// When it was made.
    pub(super) date: Dated,
}

impl Kubernetes {
    /// Reads the whole list.
    pub(super) async fn list(&mut self, run: &mut Run<'_>) -> Result<Listed, Fault> {
        if self.streams_lists {
            match self.list_by_watch(run).await? {
                Some(listed) => return Ok(listed),
                // What it has read is read again, and is nothing new then.
                None => self.streams_lists = false,
            }
        }
        self.list_by_pages(run).await
    }

    /// The list as the beginning of a watch: the server holds no whole answer for it, nor do we. `None`: this server does not do that.
    async fn list_by_watch(&mut self, run: &mut Run<'_>) -> Result<Option<Listed>, Fault> {
        let path = self.what.path();
        let within = Duration::from_secs(u64::from(self.conf.timeout_s) * 10);
        let query = [
            ("watch", "1"),
            ("sendInitialEvents", "true"),
            ("resourceVersionMatch", "NotOlderThan"),
            ("allowWatchBookmarks", "true"),
        ];
        let mut stream = match self.session.open(&path, &query, &run.tally, within).await? {
            Opened::Stream(stream) => stream,
            // An older server: it does not know the parameter, or does not offer it.
            Opened::Refused(reply) if matches!(reply.status, 400 | 422) => return Ok(None),
            Opened::Refused(reply) => return Err(session::refused(&reply, &path).into()),
        };
        let silence = Duration::from_secs(self.conf.timeout_s.into());
        let mut ids = HashSet::new();
        let mut begun = false;
        loop {
            let line = match stream
                .line(silence, &run.tally)
                .await
                .map_err(SourceError::from)?
            {
                Next::Line(line) => line,
                Next::End | Next::Silence => return Ok(None),
            };
            let event: Event<'_> = watch::event(&stream, &line)?;
            match event.kind {
                EventKind::Added => {
                    if !begun {
                        begun = true;
                        run.answered(stream.date, 0);
                    }
                    run.answered(stream.date, 1);
                    if let Some(thing) = self.item(event.object.get(), run)? {
                        self.show(&thing, stream.date, run);
                        ids.insert(thing.id);
                    }
                    self.hand_on_if_full(run).await?;
                }
                EventKind::Bookmark => {
                    let mark = watch::bookmark(&stream, event.object)?;
                    if !mark.ends_initial {
                        continue;
                    }
                    run.answered(stream.date, 0);
                    run.hand_on().await?;
                    self.faults.take(self.what.list)?;
                    return Ok(Some(Listed {
                        ids,
                        version: mark.version,
                        date: stream.date,
                    }));
                }
                EventKind::Error => {
                    let status: Status =
                        serde_json::from_str(event.object.get()).unwrap_or_default();
                    tracing::debug!(
                        source = self.conf.name,
                        list = self.what.list,
                        code = status.code,
                        "lists are read by pages: {}",
                        status.message
                    );
                    return Ok(None);
                }
                // A watch from the beginning that does not know of lists may go on like this.
                EventKind::Modified | EventKind::Deleted => return Ok(None),
            }
        }
    }

    /// The list page by page. A continuation that expired (410) begins it anew; what was read before is nothing new then.
    async fn list_by_pages(&mut self, run: &mut Run<'_>) -> Result<Listed, Fault> {
        let path = self.what.path();
        let limit = self.conf.page_size.to_string();
        let mut restarts = 0;
        'anew: loop {
            let (mut ids, mut next, mut pages) = (HashSet::new(), String::new(), 0);
            let mut first: Option<(Dated, u64)> = None;
            loop {
                let mut query = Vec::new();
                if restarts < RESTARTS_MAX {
                    query.push(("limit", limit.as_str()));
                }
                if !next.is_empty() {
                    query.push(("continue", next.as_str()));
                }
                let reply = self
                    .session
                    .ask(&path, &query, "application/json", &run.tally)
                    .await?;
                if reply.status == 410 && !next.is_empty() && restarts < RESTARTS_MAX {
                    restarts += 1;
                    continue 'anew;
                }
                let reply = session::answered(reply, &path)?;
                let page: Page<'_> = reply.json("a list")?;
                let version = version(&page.metadata.resource_version)
                    .map_err(|why| reply.shape("a list", &why))?;
                let (date, version) = *first.get_or_insert((reply.date, version));
                run.answered(date, page.items.len());
                for item in page.items {
                    if let Some(thing) = self.item(item.get(), run)? {
                        self.show(&thing, reply.date, run);
                        ids.insert(thing.id);
                    }
                }
                run.hand_on().await?;
                pages += 1;
                next = page.metadata.r#continue.unwrap_or_default();
                if next.is_empty() {
                    self.faults.take(self.what.list)?;
                    return Ok(Listed { ids, version, date });
                }
                if pages >= PAGES_MAX {
                    return Err(SourceError::Paging {
                        url: path,
                        why: format!("it does not end after {pages} pages"),
                    }
                    .into());
                }
            }
        }
    }

    /// How far the list is by now: its version, and when that was so.
    pub(super) async fn fresh(&self, tally: &Tally) -> Result<(u64, Dated), SourceError> {
        let path = self.what.path();
        let reply: Reply = self
            .session
            .ask(&path, &[("limit", "1")], METADATA, tally)
            .await?;
        let reply = session::answered(reply, &path)?;
        let page: Page<'_> = reply.json("a list")?;
        let version =
            version(&page.metadata.resource_version).map_err(|why| reply.shape("a list", &why))?;
        Ok((version, reply.date))
    }

    /// Reads an item; one that cannot be read is a fault of its own.
    pub(super) fn item(&mut self, body: &str, _: &Run<'_>) -> Result<Option<Thing>, Fault> {
        match (self.what.read)(body, &self.gpus) {
            Ok(Some(thing)) if (self.what.idle)(&thing) && !self.book.has(&thing.id) => Ok(None),
            Ok(thing) => Ok(thing),
            Err(why) => {
                let name = super::meta::name_of(body);
                self.faults.add(&why, &name);
                Ok(None)
            }
        }
    }
}
