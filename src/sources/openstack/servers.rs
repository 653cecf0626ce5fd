//! The servers' lists: each page's servers, the actions behind what changed, and what is remembered of both.
//!
//! A pass is complete only if every page and the actions of every changed server were read. So a server whose actions could not be read is not remembered:
//! the watermark stays, and the next pass meets it again.
//!
//! # Memory usage
//! About 500 bytes for a live server (its last sighting and its actions' ids); deleted ones are dropped after a day, and beyond [`DELETED_MAX`].

use super::{
    super::SourceError,
    actions::{self, FAULTS_MAX, Log},
    flavors::Flavors,
    item::sightings,
    pages::{Item, Page, Pager},
    record::Server,
    run::{Fault, Run},
    service::Service,
    session::Session,
};
use crate::{
    config,
    domain::{
        Aspect, Memory, PassMode, Ts, Value,
        fact::kind,
        memory::{Remembered, Sighted, Sightings},
    },
    net::Dated,
};
use regex::Regex;
use std::collections::{HashMap, HashSet};

/// Name of the list in passes.
pub(super) const SERVERS: &str = "servers";
/// Name of the list of deleted servers in passes.
pub(super) const DELETED: &str = "servers.deleted";

/// So long a record may still change within its last second, or its action's event be written after it.
const SETTLES_IN_S: i64 = 10;

/// A list of changes begins so long before the watermark: hosts' clocks differ, and transactions take time.
pub(super) const OVERLAP_S: i64 = 120;

/// Deleted servers remembered.
const DELETED_MAX: usize = 20_000;

/// What is remembered of a server within this process.
#[derive(Debug, Default)]
struct Note {
    updated: Ts,
    launched: Option<Ts>,
    deleted: bool,
    /// Asked for its actions long enough after its last update.
    settled: bool,
    /// Has an action that is not over.
    open: bool,
    /// Actions whose facts are written, by request id, with their `updated_at`.
    written: HashMap<String, Ts>,
}

/// What is remembered of all servers within this process.
#[derive(Debug, Default)]
pub(super) struct Notes {
    servers: HashMap<String, Note>,
    /// Servers came without their flavor's extra specs: the policy hides them, the list of flavors is needed.
    pub(super) specs_hidden: bool,
}

impl Notes {
    /// Drops deleted servers of which nothing more is expected.
    fn tidy(&mut self, now: Ts) {
        let over = self.servers.values().filter(|n| n.deleted).count() > DELETED_MAX;
        let old = now.plus_seconds(-24 * 3600);
        self.servers
            .retain(|_, n| !n.deleted || n.open || !n.settled || (!over && n.updated > old));
    }
}

/// What a list showed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Every id, readable or not.
    pub(super) ids: HashSet<String>,
}

/// Items that could not be read.
#[derive(Debug, Default)]
struct Faults {
    count: u64,
    first: String,
}

impl Faults {
    /// An error, if any item of the list could not be read.
    fn outcome(self) -> Result<(), Fault> {
        if self.count == 0 {
            return Ok(());
        }
        Err(SourceError::Items {
            list: SERVERS,
            count: self.count,
            first: self.first,
        }
        .into())
    }

    fn add(&mut self, id: &str, why: &str) {
        if self.count == 0 {
            self.first = format!("server {id}: {why}");
        }
        self.count += 1;
    }
}

/// Reads servers into a pass.
pub(super) struct Reader<'a> {
    pub(super) session: &'a Session,
    pub(super) conf: &'a config::OpenStack,
    pub(super) gpu_alias: &'a Regex,
    pub(super) flavors: &'a Flavors,
    /// A person vouches for the list.
    pub(super) believed: bool,
    pub(super) memory: &'a mut Memory,
    pub(super) notes: &'a mut Notes,
}

impl Reader<'_> {
    /// The servers pass: all of them, or those that changed since the last complete pass.
    pub(super) async fn pass(&mut self, mode: PassMode, run: &mut Run<'_>) -> Result<(), Fault> {
        let since = self.memory.watermarks.get(SERVERS).copied();
        let path = match (mode, since) {
            (PassMode::Changes, Some(w)) => self.changes_since(w),
            _ => format!(
                "/servers/detail?all_tenants=1&limit={}",
                self.conf.page_size
            ),
        };
        let listed = self.list(path, run).await?;
        if mode == PassMode::Full {
            self.end_missing(&listed, run).await?;
        } else if listed.ids.is_empty() {
            self.probe_emptiness(run).await?;
        }
        self.ask_again(&listed, run).await?;
        self.notes.tidy(run.watermark());
        Ok(())
    }

    /// What the cloud still knows of deleted servers.
    pub(super) async fn deleted_pass(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.list(
            format!(
                "/servers/detail?all_tenants=1&deleted=true&limit={}",
                self.conf.page_size
            ),
            run,
        )
        .await?;
        Ok(())
    }

    pub(super) fn changes_since(&self, watermark: Ts) -> String {
        // Whole seconds: the record's own resolution.
        let since = Ts::from_second(watermark.plus_seconds(-OVERLAP_S).second());
        format!(
            "/servers/detail?all_tenants=1&changes-since={since}&limit={}",
            self.conf.page_size
        )
    }

    /// Reads a list to its end. A page's facts are handed on before the next page is asked for.
    pub(super) async fn list(&mut self, path: String, run: &mut Run<'_>) -> Result<Listed, Fault> {
        let (mut listed, mut faults) = (Listed::default(), Faults::default());
        let mut pager = Pager::new(Service::Compute, path, "servers", "id");
        while let Some(page) = pager.next(self.session, &run.tally).await? {
            run.answered(page.reply.date, page.items.len());
            listed
                .ids
                .extend(page.items.iter().filter_map(|i| i.id.clone()));
            self.page(page, &mut faults, run).await?;
        }
        if faults.count > 0 {
            return Err(SourceError::Items {
                list: SERVERS,
                count: faults.count,
                first: faults.first,
            }
            .into());
        }
        Ok(listed)
    }

    async fn page(
        &mut self,
        page: Page,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut servers = Vec::new();
        for Item { id, body } in page.items {
            match Server::read(&body) {
                Ok(server) => servers.push(server),
                Err(why) => faults.add(id.as_deref().unwrap_or("(its id is unreadable)"), &why),
            }
        }
        self.servers(servers, page.reply.date, faults, run).await
    }

    /// Takes in servers as an answer of `date` showed them.
    async fn servers(
        &mut self,
        servers: Vec<Server>,
        date: Dated,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let ids: Vec<String> = servers
            .iter()
            .filter(|s| self.needs_actions(s))
            .map(|s| s.id.clone())
            .collect();
        let mut logs = self.logs(ids, run).await;
        let (mut remember, mut stop) = (Vec::new(), None);
        for server in servers {
            self.notes.specs_hidden |= server.flavor.hides_specs();
            let log = match logs.remove(&server.id) {
                Some(Ok(log)) => log,
                // Nothing to ask: no news.
                None => Log::default(),
                Some(Err(e)) => {
                    faults.add(&server.id, &e.to_string());
                    self.write(&server, None, date, run);
                    if e.status() == Some(403) || faults.count >= FAULTS_MAX {
                        stop = Some(e);
                    }
                    continue;
                }
            };
            let shown = self.write(&server, Some(&log), date, run);
            if log.seen.is_some() || self.needs_actions(&server) {
                self.note(&server, &log, date, run);
            }
            remember.push((server, shown));
        }
        run.hand_on().await?;
        for (server, shown) in remember {
            self.remember(server, shown);
        }
        stop.map_or(Ok(()), |e| Err(e.into()))
    }

    /// True for servers that are new, changed, or were last asked too early.
    fn needs_actions(&self, server: &Server) -> bool {
        if let Some(note) = self.notes.servers.get(&server.id) {
            return note.updated != server.updated
                || !note.settled
                || note.open
                || note.launched != server.launched;
        }
        if server.deleted {
            return true;
        }
        // After a restart: a complete pass has read the actions of all that it covers.
        let covered = self
            .memory
            .watermarks
            .get(SERVERS)
            .is_some_and(|w| server.updated < w.plus_seconds(-OVERLAP_S));
        let known = self
            .remembered(&server.id)
            .and_then(|r| r.sighted.get(&Aspect::State))
            .is_some_and(|s| s.at == server.updated);
        !(covered && known)
    }

    fn remembered(&self, id: &str) -> Option<&Remembered> {
        self.memory.open.get(kind::SERVER)?.get(id)
    }

    async fn logs(&self, ids: Vec<String>, run: &Run<'_>) -> actions::Logs {
        let asked = ids.into_iter().map(|id| {
            let known = self.notes.servers.get(&id).map(|n| n.written.clone());
            (id, known.unwrap_or_default())
        });
        actions::read_all(
            self.session,
            asked.collect(),
            self.conf.concurrency,
            &run.tally,
        )
        .await
    }

    /// Writes what is news of a server; `log` is `None` where its actions could not be read. Returns the sightings that now hold.
    fn write(
        &self,
        server: &Server,
        log: Option<&Log>,
        date: Dated,
        run: &mut Run<'_>,
    ) -> Sightings {
        if let Some(log) = log {
            self.write_actions(&server.id, log, server.launched.is_some(), run);
        }
        let shown = server.shown(self.flavors.resolve(&server.flavor, self.gpu_alias));
        if server.deleted {
            // What was asked of it is unknown while its actions are: a later pass will know when it ended.
            let known_end = server.terminated.is_some() || log.is_some();
            let unchanged = self
                .notes
                .servers
                .get(&server.id)
                .is_some_and(|n| n.deleted && n.updated == server.updated);
            if known_end
                && !unchanged
                && let Some(end) = server.ended(log.and_then(|l| actions::delete_asked(&l.all)))
            {
                run.add(
                    kind::SERVER,
                    &server.id,
                    server.records(Some(end)),
                    Some(&server.raw),
                );
                // As of its end: later the record shows nothing new, however often Nova touches it.
                run.add(
                    kind::SERVER,
                    &server.id,
                    sightings(&shown, end, end),
                    Some(&server.raw),
                );
            }
            return Sightings::default();
        }
        let before = self.remembered(&server.id).map(|r| &r.sighted);
        let state = before.and_then(|b| b.get(&Aspect::State));
        let new =
            |a: &Aspect, v: &Value| before.and_then(|b| b.get(a)).is_none_or(|s| s.value != *v);
        let changed =
            state.is_none_or(|s| s.at != server.updated) || shown.iter().any(|(a, v)| new(a, v));
        if changed {
            // A record's times are written once in this process, and again when a resize or an unshelve has rewritten `launched_at`.
            let news = match self.notes.servers.get(&server.id) {
                None => 0,
                Some(note) if note.launched != server.launched => 1,
                Some(_) => usize::MAX,
            };
            run.add(
                kind::SERVER,
                &server.id,
                server.records(None).into_iter().skip(news),
                Some(&server.raw),
            );
        }
        let settle = server.updated.plus_seconds(SETTLES_IN_S);
        let settled_now = date.at >= settle && state.is_some_and(|s| s.seen < settle);
        let moved = changed || settled_now;
        let flavor = before.and_then(|b| b.get(&Aspect::Flavor));
        let resized = match (log, flavor) {
            (Some(log), Some(s)) => {
                actions::may_have_resized(&log.all, s.seen.plus_seconds(-SETTLES_IN_S))
            }
            _ => moved,
        };
        // Each change is confirmed by what was seen after it, and once more when the record no longer moves. Nothing but a resize moves a flavor, and no
        // event tells of the other aspects: they are told when they change.
        let told = |a: &Aspect| match a {
            Aspect::State => moved,
            Aspect::Flavor => resized,
            _ => false,
        };
        let due = shown
            .into_iter()
            .filter(|(a, v)| new(a, v) || told(a))
            .collect();
        let drafts = sightings(&due, server.updated, date.at);
        let mut now = before.cloned().unwrap_or_default();
        now.extend(drafts.iter().map(|d| {
            let sighted = Sighted {
                value: d.value.clone(),
                at: d.at,
                seen: d.seen,
            };
            (d.aspect, sighted)
        }));
        run.add(kind::SERVER, &server.id, drafts, Some(&server.raw));
        now
    }

    fn write_actions(&self, id: &str, log: &Log, launched: bool, run: &mut Run<'_>) {
        for (action, raw) in &log.news {
            run.add(
                kind::SERVER,
                id,
                action.facts(&log.all, launched),
                Some(raw),
            );
        }
    }

    /// Notes which actions were read, and whether more is to be expected.
    fn note(&mut self, server: &Server, log: &Log, date: Dated, run: &Run<'_>) {
        let seen = log.seen.unwrap_or(date.at);
        let note = self.notes.servers.entry(server.id.clone()).or_default();
        note.updated = server.updated;
        note.launched = server.launched;
        note.deleted = server.deleted;
        note.take(log, seen.max(run.watermark()));
        note.settled = date.at >= server.updated.plus_seconds(SETTLES_IN_S);
    }

    fn remember(&mut self, server: Server, sighted: Sightings) {
        let open = self.memory.open_mut(kind::SERVER);
        if server.deleted {
            open.remove(&server.id);
        } else if !sighted.is_empty() {
            open.insert(server.id, Remembered { sighted });
        }
    }

    /// Asks once more for the actions of servers that this pass did not list, and of which more was expected.
    async fn ask_again(&mut self, listed: &Listed, run: &mut Run<'_>) -> Result<(), Fault> {
        let due = |id: &String, n: &Note| (n.open || !n.settled) && !listed.ids.contains(id);
        let ids: Vec<String> = self
            .notes
            .servers
            .iter()
            .filter(|(id, n)| due(id, n))
            .map(|(id, _)| id.clone())
            .collect();
        let logs = self.logs(ids, run).await;
        let mut faults = Faults::default();
        for (id, log) in logs {
            match log {
                Err(e) => faults.add(&id, &e.to_string()),
                Ok(log) => {
                    let launched = self
                        .notes
                        .servers
                        .get(&id)
                        .is_some_and(|n| n.launched.is_some());
                    self.write_actions(&id, &log, launched, run);
                    let seen = log.seen.unwrap_or(run.watermark());
                    if let Some(note) = self.notes.servers.get_mut(&id) {
                        note.take(&log, seen);
                        note.settled = seen >= note.updated.plus_seconds(SETTLES_IN_S);
                    }
                }
            }
        }
        run.hand_on().await?;
        faults.outcome()
    }

    /// Takes in one server that was asked for by its id.
    pub(super) async fn single(
        &mut self,
        server: Server,
        date: Dated,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut faults = Faults::default();
        self.servers(vec![server], date, &mut faults, run).await?;
        faults.outcome()
    }

    /// Forgets a server that has ended.
    pub(super) fn forget(&mut self, id: &str) {
        self.notes.servers.remove(id);
        self.memory.open_mut(kind::SERVER).remove(id);
    }
}

impl Note {
    fn take(&mut self, log: &Log, now: Ts) {
        let read: HashMap<&str, &actions::Action> = log
            .news
            .iter()
            .map(|(a, _)| (a.request_id.as_str(), a))
            .collect();
        // What was not read this time is either written already or without effect.
        self.open = log
            .news
            .iter()
            .any(|(a, _)| a.is_open(now) && !(self.deleted && a.has_no_event()));
        for action in &log.all {
            // A build of a server not yet launched is read again: its success will count once the record says so.
            let undecided = action.action == "create" && self.launched.is_none() && !self.deleted;
            let news = read.get(action.request_id.as_str());
            if let Some(updated) = news
                .filter(|a| !undecided && !a.is_open(now))
                .and_then(|a| a.updated_at)
            {
                self.written.insert(action.request_id.clone(), updated);
            }
        }
    }
}
