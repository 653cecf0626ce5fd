//! Watches: every change since a version, as it comes. What is told of a version is told once it is so, however often the connection is cut.
//!
//! Traps that are measured, not read about: a version that is too old is answered by 200 and an event that says 410; one from the future (a store that was
//! restored) is answered by silence; a server that restarts leaves old watches open and silent; bookmarks come every minute, and before the end.

use super::{
    super::{
        SourceError,
        run::{Fault, Run},
    },
    Kubernetes,
    meta::version,
    session::{self, Status},
};
use crate::{
    domain::Ts,
    net::{Dated, Next, Opened, Stream},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// Bookmarks come this often; a watch that brings nothing for this long, and a bit, is dead.
const BOOKMARKS_S: u64 = 60;
/// No watch is asked for less: two seconds before its end it is told how far it is, and one that is shorter is told nothing.
const SHORTEST_S: u64 = 5;
/// How much later than promised something may come.
const GRACE_MAX: Duration = Duration::from_secs(15);
/// Facts wait no longer than this for others to go with.
const FLUSH: Duration = Duration::from_secs(1);

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// One event.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    pub(super) kind: EventKind,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// A bookmark: everything up to a version has been told.
pub(super) struct Bookmark {
    pub(super) version: u64,
    /// The objects that were there at the beginning have all been told of.
    pub(super) ends_initial: bool,
}

pub(super) fn event<'a>(stream: &Stream, line: &'a [u8]) -> Result<Event<'a>, SourceError> {
    serde_json::from_slice(line).map_err(|e| {
        stream
            .shape(line, "an event of a watch", &e.to_string())
            .into()
    })
}

pub(super) fn bookmark(stream: &Stream, object: &RawValue) -> Result<Bookmark, SourceError> {
    #[derive(Deserialize)]
    struct Marked {
        metadata: Mark,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Mark {
        resource_version: String,
        #[serde(default)]
        annotations: Option<std::collections::BTreeMap<String, String>>,
    }
    let read = || -> Result<Bookmark, String> {
        let marked: Marked = serde_json::from_str(object.get()).map_err(|e| e.to_string())?;
        let mark = marked.metadata;
        let ends = mark.annotations.unwrap_or_default();
        Ok(Bookmark {
            version: version(&mark.resource_version)?,
            ends_initial: ends
                .get("k8s.io/initial-events-end")
                .is_some_and(|v| v == "true"),
        })
    };
    read().map_err(|why| {
        stream
            .shape(object.get().as_bytes(), "a bookmark", &why)
            .into()
    })
}

/// How a watch ended.
#[derive(Debug, PartialEq, Eq)]
enum Watched {
    /// The server ended it, or the connection was cut: it goes on from where it was.
    Ended,
    /// Nothing came any more.
    Silent,
    /// What it was to go on from is not known any more.
    Expired(String),
}

/// Why the changes since a version cannot be had.
#[derive(Debug)]
pub(super) enum Lost {
    /// They are forgotten, or never were.
    History(String),
    /// It failed.
    Fault(Fault),
}

impl From<SourceError> for Lost {
    fn from(e: SourceError) -> Self {
        Self::Fault(e.into())
    }
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Kubernetes {
    /// Follows the changes from the cursor until everything up to the version `reach` has been told, and at least for `lasting`.
    pub(super) async fn follow(
        &mut self,
        reach: u64,
        lasting: Duration,
        run: &mut Run<'_>,
    ) -> Result<(), Lost> {
        let begun = Instant::now();
        let grace = self.grace();
        let patience = lasting.max(Duration::from_secs(SHORTEST_S))
            + grace
            + Duration::from_secs(BOOKMARKS_S.min(self.conf.interval_s.into()));
        loop {
            let Some(cursor) = self.cursor else {
                return Err(Lost::History("there is nothing to go on from".to_owned()));
            };
            if cursor >= reach && begun.elapsed() >= lasting {
                return Ok(());
            }
            if begun.elapsed() >= patience {
                return Err(SourceError::Paging {
                    url: self.what.path(),
                    why: format!("the watch brought neither changes nor a bookmark from version {cursor} up to {reach}; the next pass goes on from there"),
                }
                .into());
            }
            // The server sends a bookmark before it ends a watch.
            let left = lasting.saturating_sub(begun.elapsed()).as_secs();
            let goal = (reach, begun + lasting);
            match self.watch(cursor, left.max(SHORTEST_S), goal, run).await? {
                Watched::Ended => {}
                Watched::Silent => tracing::debug!(
                    source = self.conf.name,
                    list = self.what.list,
                    "a watch fell silent; it is opened again"
                ),
                Watched::Expired(why) => return Err(Lost::History(why)),
            }
            if self.cursor == Some(cursor) {
                // A server that ends every watch at once is not to be asked as fast as it can answer.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    fn grace(&self) -> Duration {
        GRACE_MAX.min(Duration::from_secs(self.conf.timeout_s.into()))
    }

    /// One watch, of so many seconds at most; until a version has been reached and a time has come.
    async fn watch(
        &mut self,
        from: u64,
        seconds: u64,
        (reach, until): (u64, Instant),
        run: &mut Run<'_>,
    ) -> Result<Watched, Lost> {
        let path = self.what.path();
        let (from, timeout) = (from.to_string(), seconds.to_string());
        let query = [
            ("watch", "1"),
            ("resourceVersion", from.as_str()),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", timeout.as_str()),
        ];
        let grace = self.grace();
        let within = Duration::from_secs(seconds) + grace;
        let mut stream = match self.session.open(&path, &query, &run.tally, within).await? {
            Opened::Stream(stream) => stream,
            Opened::Refused(reply) if reply.status == 410 => {
                return Ok(Watched::Expired(format!("version {from} is too old")));
            }
            Opened::Refused(reply) => return Err(session::refused(&reply, &path).into()),
        };
        let silence = Duration::from_secs(seconds.min(BOOKMARKS_S)) + grace;
        let (mut flushed, mut heard) = (Instant::now(), Instant::now());
        while self.cursor < Some(reach) || Instant::now() < until {
            let wait = if run.waiting() == 0 { silence } else { FLUSH };
            let next = stream
                .line(wait, &run.tally)
                .await
                .map_err(SourceError::from)?;
            if run.waiting() > 0 && flushed.elapsed() >= FLUSH {
                run.hand_on().await?;
                flushed = Instant::now();
            }
            match next {
                Next::Line(line) => {
                    heard = Instant::now();
                    if let Some(end) = self.told(&stream, &line, run)? {
                        return Ok(end);
                    }
                }
                Next::Silence if heard.elapsed() < silence => {}
                Next::Silence => return Ok(Watched::Silent),
                Next::End => return Ok(Watched::Ended),
            }
            self.hand_on_if_full(run).await?;
        }
        Ok(Watched::Ended)
    }

    /// Takes in one event. What ends the watch, if it does.
    fn told(
        &mut self,
        stream: &Stream,
        line: &[u8],
        run: &mut Run<'_>,
    ) -> Result<Option<Watched>, Lost> {
        let event = event(stream, line)?;
        let now = self.cluster_time(stream.date);
        match event.kind {
            EventKind::Bookmark => {
                self.reached(bookmark(stream, event.object)?.version);
                return Ok(None);
            }
            EventKind::Error => {
                let status: Status = serde_json::from_str(event.object.get()).unwrap_or_default();
                if status.code == 410 {
                    return Ok(Some(Watched::Expired(status.message)));
                }
                return Err(
                    SourceError::from(stream.shape(line, "a change", &status.message)).into(),
                );
            }
            EventKind::Added | EventKind::Modified | EventKind::Deleted => {}
        }
        run.read(1, 0);
        let version = super::meta::version_of(event.object.get());
        if let Some(thing) = self.item(event.object.get(), run)? {
            let drafts = match event.kind {
                EventKind::Deleted => {
                    self.directory_of(|d, kind| d.forget(kind, &thing));
                    self.book.delete(&thing, now)
                }
                _ => {
                    self.directory_of(|d, kind| d.note(kind, &thing));
                    self.book.sight(&thing, super::book::Shown::Told(now))
                }
            };
            run.add(self.what.kind, &thing.id, drafts, Some(&thing.raw));
        }
        match version {
            Ok(version) => self.reached(version),
            Err(why) => return Err(SourceError::from(stream.shape(line, "an object", &why)).into()),
        }
        Ok(None)
    }

    fn reached(&mut self, version: u64) {
        self.cursor = self.cursor.max(Some(version));
    }

    /// The cluster's clock now, as far as its last answer tells.
    fn cluster_time(&self, date: Dated) -> Ts {
        // A `Date` is cut to the second, so less than one is no difference.
        let skew = if date.skew_us.abs() < 1_000_000 {
            0
        } else {
            date.skew_us
        };
        Ts(self.clock.now().0.saturating_add(skew))
    }
}
