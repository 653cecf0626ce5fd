//! One pass under way: collects facts, hands them on page by page, and becomes the pass's row.

use super::{Out, Parcel, SourceError};
use crate::{
    domain::{
        Aspect, Batch, Evidence, Fact, Known, Outcome, Pass, PassMode, Raw, ResourceKey, Ts, Value,
    },
    net::{Clock, Dated, NetError, Tally},
};
use std::collections::HashSet;
use tokio::sync::oneshot;

/// A fact without our circumstances: what pure mappings return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) aspect: Aspect,
    pub(super) evidence: Evidence,
    pub(super) at: Ts,
    pub(super) from: Ts,
    pub(super) seen: Ts,
    pub(super) value: Value,
}

impl Draft {
    /// What a series showed at its own time. `born`: it is known to have begun at `from`, while it was watched.
    pub(super) fn reading(at: Ts, from: Option<Ts>, born: bool, shown: Known) -> Self {
        Self {
            aspect: Aspect::Reading,
            evidence: if born {
                Evidence::Record
            } else {
                Evidence::Sighting
            },
            at,
            from: from.unwrap_or(at),
            seen: at,
            value: Value::Known(shown),
        }
    }
}

/// Why a pass does not count.
#[derive(Debug)]
pub(super) enum Fault {
    /// It broke off, or part of it did.
    Failed(SourceError),
    /// It is not believed.
    Suspect(String),
}

impl From<SourceError> for Fault {
    fn from(e: SourceError) -> Self {
        Self::Failed(e)
    }
}

impl From<NetError> for Fault {
    fn from(e: NetError) -> Self {
        Self::Failed(e.into())
    }
}

/// A pass under way.
pub(super) struct Run<'a> {
    out: &'a Out,
    clock: Clock,
    row: Pass,
    pub(super) tally: Tally,
    first: Option<Dated>,
    batch: Batch,
    raws: HashSet<String>,
    messages_bytes: u64,
}

impl<'a> Run<'a> {
    pub(super) fn start(
        cloud: &str,
        service: impl Into<&'static str>,
        list: &str,
        mode: PassMode,
        collector: &str,
        clock: &Clock,
        out: &'a Out,
    ) -> Self {
        let started = clock.now();
        let row = Pass {
            id: Pass::id_of(cloud, list, mode, started, collector),
            cloud: cloud.to_owned(),
            service: service.into().to_owned(),
            region: String::new(),
            list: list.to_owned(),
            mode,
            started,
            finished: started,
            watermark: started,
            skew_us: 0,
            outcome: Outcome::Complete,
            items: 0,
            facts: 0,
            requests: 0,
            bytes: 0,
            error: String::new(),
            collector: collector.to_owned(),
            cursor: String::new(),
        };
        Self {
            out,
            clock: clock.clone(),
            row,
            tally: Tally::default(),
            first: None,
            batch: Batch::default(),
            raws: HashSet::new(),
            messages_bytes: 0,
        }
    }

    /// Names the region, known once logged in.
    pub(super) fn region(&mut self, region: &str) {
        region.clone_into(&mut self.row.region);
    }

    /// Notes an answer of the list; the first one gives the watermark.
    pub(super) fn answered(&mut self, date: Dated, items: usize) {
        self.first.get_or_insert(date);
        self.row.items += u64::try_from(items).unwrap_or(u64::MAX);
    }

    /// The cloud's clock at the first answer of the list.
    pub(super) fn watermark(&self) -> Ts {
        self.first.map_or(self.row.started, |d| d.since)
    }

    /// Adds facts about one resource, and the object behind them.
    pub(super) fn add(
        &mut self,
        kind: &str,
        resource: &str,
        drafts: impl IntoIterator<Item = Draft>,
        raw: Option<&str>,
    ) {
        let mut drafts = drafts.into_iter().peekable();
        if drafts.peek().is_none() {
            return;
        }
        let hash = raw.map(|body| self.keep(body)).unwrap_or_default();
        let key = ResourceKey {
            cloud: self.row.cloud.clone(),
            kind: kind.to_owned(),
            resource: resource.to_owned(),
        };
        let observed_at = self.clock.now();
        for d in drafts {
            self.row.facts += 1;
            self.batch.facts.push(Fact {
                key: key.clone(),
                aspect: d.aspect,
                evidence: d.evidence,
                at: d.at,
                from: d.from,
                seen: d.seen,
                value: d.value,
                observed_at,
                pass: self.row.id,
                raw: hash.clone(),
            });
        }
    }

    fn keep(&mut self, body: &str) -> String {
        let raw = Raw::new(body);
        let hash = raw.hash.clone();
        if self.raws.insert(hash.clone()) {
            self.batch.raws.push(raw);
        }
        hash
    }

    /// Hands on what has been read so far. Waits while the spool is full.
    pub(super) async fn hand_on(&mut self) -> Result<(), SourceError> {
        self.raws.clear();
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.out
            .send(batch.into())
            .await
            .map_err(|_| SourceError::NotTaken)
    }

    /// Facts that have not been handed on.
    pub(super) fn waiting(&self) -> usize {
        self.batch.facts.len()
    }

    /// Keeps an object that no fact came of.
    pub(super) fn set_aside(&mut self, body: &str) {
        self.keep(body);
    }

    /// Hands on what has been read so far, and waits until it is safe on disk.
    pub(super) async fn hand_on_safely(&mut self) -> Result<(), SourceError> {
        self.raws.clear();
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let (kept, safe) = oneshot::channel();
        let parcel = Parcel {
            batch,
            kept: Some(kept),
        };
        self.out
            .send(parcel)
            .await
            .map_err(|_| SourceError::NotTaken)?;
        safe.await.map_err(|_| SourceError::NotTaken)
    }

    /// Counts what was read of a list that has no answers with a `Date`.
    pub(super) fn read(&mut self, items: usize, bytes: usize) {
        self.row.items += u64::try_from(items).unwrap_or(u64::MAX);
        self.messages_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Our clock at its start.
    pub(super) const fn started(&self) -> Ts {
        self.row.started
    }

    /// Everything sent until then has been read.
    pub(super) fn reaches(&mut self, t: Ts) {
        self.first = Some(Dated {
            at: t,
            since: t,
            skew_us: 0,
            by_server: false,
        });
    }

    /// Not everything until now has been read, but all until then.
    pub(super) fn reaches_only(&mut self, t: Ts) {
        if let Some(first) = &mut self.first {
            first.since = t;
        }
    }

    /// Says where the next pass goes on.
    pub(super) fn goes_on_at(&mut self, cursor: String) {
        self.row.cursor = cursor;
    }

    /// Says what was set aside in a pass that counts nevertheless.
    pub(super) fn remark(&mut self, remark: String) {
        self.row.error = remark;
    }

    /// True where it has facts that are not handed on yet.
    pub(super) fn has_facts(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Ends a complete pass that found nothing new and is one of many alike: nobody needs its row.
    pub(super) fn end_unrecorded(mut self) -> Pass {
        self.close(Ok(()));
        self.row
    }

    fn close(&mut self, result: Result<(), Fault>) {
        self.row.finished = self.clock.now();
        self.row.watermark = self.watermark();
        self.row.skew_us = self.first.map_or(0, |d| d.skew_us);
        self.row.requests = self.tally.requests();
        self.row.bytes = self.tally.bytes() + self.messages_bytes;
        (self.row.outcome, self.row.error) = match result {
            Ok(()) => (Outcome::Complete, std::mem::take(&mut self.row.error)),
            Err(Fault::Failed(e)) => (Outcome::Failed, e.to_string()),
            Err(Fault::Suspect(why)) => (Outcome::Suspect, why),
        };
    }

    /// Ends the pass and hands on its row with what facts are left.
    pub(super) async fn end(mut self, result: Result<(), Fault>) -> Pass {
        self.close(result);
        self.batch.passes.push(self.row.clone());
        if self.hand_on().await.is_err() && self.row.outcome == Outcome::Complete {
            // Its facts did not get through, so nobody may believe that it did.
            self.row.outcome = Outcome::Failed;
            self.row.error = SourceError::NotTaken.to_string();
        }
        self.row
    }
}
