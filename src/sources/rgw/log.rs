//! Reads the usage log, hour by hour, and follows its counters.
//!
//! An hour is read again and again until gateways must have written down all of it; then it is final. What was missed while nobody read is caught up: RGW
//! forgets nothing by itself. A counter that shows less than before was trimmed and counts anew; the fold makes the sum, from what every reading showed.
//!
//! # Memory usage
//! The counters of the hours that are not final, about 100 bytes each: those of two hours at most. While an hour is read, its answer, about 100 bytes for each
//! user and bucket in it, and the facts of some hundred of them.

use super::{
    Zone,
    usage::{self, Counter, Counts, HOUR_S, hour_of},
};
use crate::{
    domain::{Memory, Pass, PassMode, Ts, digest::Fields, fact::kind},
    net::{Reply, Tally},
    sources::{
        Out, SourceError,
        run::{Fault, Run},
        whole::{Faults, finish},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Its name in passes.
pub(super) const LIST: &str = "usage_log";

/// Hours that one pass catches up on: what it read counts though the next one fails.
const CAUGHT_UP_AT_ONCE: usize = 24;

/// Resources whose facts are handed on together: several such parts are under way at once, on their way to the disk and from it to the store.
const HANDED_ON_AT_ONCE: usize = 100;

/// Reads a zone's usage log.
#[derive(Debug)]
pub struct UsageLog {
    pub(super) zone: Zone,
    memory: Memory,
    followed: Followed,
    noticed: Noticed,
    /// What the next complete pass says.
    remarks: Vec<String>,
}

/// What befell gateways and their log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Gateways that were started anew.
    pub restarts: u64,
    /// Hours of which something was trimmed.
    pub trims: u64,
}

/// The counters of hours that are not final, as they were told last.
#[derive(Debug, Default)]
struct Followed {
    hours: BTreeMap<Ts, Read>,
    /// The hour of the first reading: what counters of it, and of hours before, showed earlier is not known here.
    since: Option<Ts>,
}

/// One hour, as it was read so far.
#[derive(Debug, Default)]
struct Read {
    /// How often.
    readings: u32,
    /// By a hash of whose they are and what they count: there may be tens of thousands.
    counters: BTreeMap<u128, Seen>,
    /// Something began anew that was not known to be gone.
    is_trimmed: bool,
}

#[derive(Debug)]
struct Seen {
    last: Counts,
    /// The most it showed since it began anew, if it did, where that is more than it shows.
    most: Option<Box<Counts>>,
    /// The reading that showed it last.
    reading: u32,
    /// The next reading is told, though it shows the same.
    again: bool,
    /// It is known to be gone.
    is_gone: bool,
}

impl Seen {
    fn most(&self) -> Counts {
        self.most.as_deref().copied().unwrap_or(self.last)
    }
}

/// Whose a counter is, and what it counts.
fn counter_id(user: &str, bucket: &str, counter: &Counter) -> u128 {
    let owner = counter.owner.as_deref();
    Fields::default()
        .text(user)
        .text(bucket)
        .text(&counter.category)
        .number(owner.is_some().into())
        .text(owner.unwrap_or_default())
        .long()
}

impl Followed {
    /// A reading of an hour begins.
    fn begin(&mut self, hour: Ts) {
        self.hours.entry(hour).or_default().readings += 1;
    }

    /// Notes what a counter shows. True where it is to be told: it shows what it did not show before. What shows less than before is told twice, for only
    /// then it is believed to have begun anew; so is the first reading after a start, which may be less than before.
    fn note(&mut self, hour: Ts, of: u128, shown: Counts) -> bool {
        let known_from_its_start = self.since.is_some_and(|s| s < hour);
        let read = self.hours.entry(hour).or_default();
        let reading = read.readings;
        let Some(seen) = read.counters.get_mut(&of) else {
            let seen = Seen {
                last: shown,
                most: None,
                reading,
                again: !known_from_its_start,
                is_gone: false,
            };
            read.counters.insert(of, seen);
            return true;
        };
        let is_new = shown != seen.last || seen.again;
        let mut most = seen.most();
        if shown.is_below(most) && seen.last.is_below(most) {
            // Twice: it began anew before the last reading.
            most = seen.last;
            read.is_trimmed |= !std::mem::take(&mut seen.is_gone);
        }
        if !shown.is_below(most) {
            most = shown;
        }
        seen.again = shown.is_below(most);
        seen.most = (most != shown).then(|| Box::new(most));
        (seen.last, seen.reading) = (shown, reading);
        is_new
    }

    /// A reading of an hour ends. True where something of it was trimmed: it began anew, or was not shown twice.
    fn end(&mut self, hour: Ts) -> bool {
        let Some(read) = self.hours.get_mut(&hour) else {
            return false;
        };
        for seen in read.counters.values_mut() {
            if !seen.is_gone && seen.reading + 1 < read.readings {
                (seen.is_gone, read.is_trimmed) = (true, true);
            }
        }
        std::mem::take(&mut read.is_trimmed)
    }
}

impl UsageLog {
    pub(super) fn new(zone: Zone, memory: &Memory) -> Self {
        Self {
            zone,
            memory: share(memory),
            followed: Followed::default(),
            noticed: Noticed::default(),
            remarks: Vec::new(),
        }
    }

    /// What befell gateways and their log since this was last asked.
    pub fn noticed(&mut self) -> Noticed {
        let restarts = self.zone.session.restarts();
        Noticed {
            restarts,
            ..std::mem::take(&mut self.noticed)
        }
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.zone.conf.name
    }

    /// Between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.zone.conf.interval_s.into())
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.memory = share(memory);
    }

    /// Reads every hour that may have grown since it was last read, the present one at the last. Each part of what is caught up is a pass of its own.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let mut passes = Vec::new();
        let mut run = self.zone.run(LIST, PassMode::Changes, out);
        let result = self.pass(&mut run, &mut passes, out).await;
        if result.is_ok() {
            let mut remarks = self.zone.session.remarks();
            remarks.append(&mut self.remarks);
            if !remarks.is_empty() {
                run.remark(remarks.join("; "));
            }
        }
        passes.push(finish(&mut self.memory, run, result).await);
        passes
    }

    async fn pass(
        &mut self,
        run: &mut Run<'_>,
        passes: &mut Vec<Pass>,
        out: &Out,
    ) -> Result<(), Fault> {
        // The first answer tells what time it is there: hours are theirs, not ours.
        let guess = hour_of(self.zone.session.now());
        let reply = self.ask(guess, &run.tally).await?;
        run.answered(reply.date, 0);
        run.region(&self.zone.session.zone().unwrap_or_default());
        let now = run.watermark();
        self.followed.since.get_or_insert(hour_of(now));
        let open = self.first_open(now);
        self.followed.hours.retain(|hour, _| *hour >= open);
        let mut hours = self.hours(now);
        let mut faults = Faults::default();
        if let Some(place) = hours.iter().position(|h| *h == guess) {
            // At once: it may be large.
            hours.remove(place);
            self.take(guess, reply, &mut faults, run).await?;
        }
        while hours.len() > CAUGHT_UP_AT_ONCE {
            let rest = hours.split_off(CAUGHT_UP_AT_ONCE);
            self.catch_up(&hours, passes, out).await?;
            hours = rest;
        }
        for hour in hours {
            self.read(hour, &mut faults, run).await?;
            if hour < open {
                // It is not read again.
                self.followed.hours.remove(&hour);
            }
        }
        faults.outcome(LIST)
    }

    /// The first hour that is not final at a time.
    fn first_open(&self, t: Ts) -> Ts {
        hour_of(t.plus_seconds(-i64::from(self.zone.conf.flush_s)))
    }

    /// The hours to read, oldest first: from the first that was not final when the list was last read.
    fn hours(&self, now: Ts) -> Vec<Ts> {
        let last = hour_of(now);
        let first = match self.memory.watermarks.get(LIST) {
            Some(read_to) => self.first_open(*read_to),
            None => hour_of(now.plus_seconds(-i64::from(self.zone.conf.backfill_s))),
        };
        let next = |h: &Ts| Some(h.plus_seconds(HOUR_S)).filter(|h| *h <= last);
        std::iter::successors(Some(first.min(last)), next).collect()
    }

    /// Reads hours that ended long ago. The list then reaches to where the last of them is final.
    async fn catch_up(
        &mut self,
        hours: &[Ts],
        passes: &mut Vec<Pass>,
        out: &Out,
    ) -> Result<(), Fault> {
        let mut run = self.zone.run(LIST, PassMode::Changes, out);
        let mut result = Ok(());
        let mut faults = Faults::default();
        for hour in hours {
            result = self.read(*hour, &mut faults, &mut run).await;
            self.followed.hours.remove(hour);
            if result.is_err() {
                break;
            }
        }
        let result = result
            .map_err(Fault::from)
            .and_then(|()| faults.outcome(LIST));
        if let Some(last) = hours.last() {
            run.reaches_only(last.plus_seconds(HOUR_S + i64::from(self.zone.conf.flush_s)));
        }
        run.region(&self.zone.session.zone().unwrap_or_default());
        let failed = result.is_err();
        let pass = finish(&mut self.memory, run, result).await;
        let why = pass.error.clone();
        passes.push(pass);
        match failed {
            true => Err(Fault::Failed(SourceError::Paging {
                url: LIST.to_owned(),
                why: format!("hours before could not be caught up: {why}"),
            })),
            false => Ok(()),
        }
    }

    async fn read(
        &mut self,
        hour: Ts,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let reply = self.ask(hour, &run.tally).await?;
        self.take(hour, reply, faults, run).await
    }

    /// Asks for one hour, by both of its ends.
    pub(super) async fn ask(&self, hour: Ts, tally: &Tally) -> Result<Reply, SourceError> {
        let query = asked(hour, hour.plus_seconds(HOUR_S), "true");
        self.zone.session.get("/usage", &query.each(), tally).await
    }

    async fn take(
        &mut self,
        hour: Ts,
        reply: Reply,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let read = usage::read(&reply.body, hour)
            .map_err(|why| reply.shape("the usage log of one hour", &why))?;
        run.answered(reply.date, read.each().count());
        for (of, why) in &read.faults {
            faults.add(of, why);
        }
        let seen = reply.date.at;
        self.followed.begin(hour);
        for (i, lines) in (1..).zip(read.each()) {
            let (user, bucket) = (&*lines[0].user, &*lines[0].bucket);
            let (id, counted) = (format!("{user}/{bucket}"), usage::count(lines));
            if let Some(why) = &counted.fault {
                faults.add(&id, why);
            }
            let scope = self.zone.scopes.of(user);
            self.zone.take_scope(&mut self.memory, user, seen, run);
            let mut drafts = Vec::new();
            for (counter, shown) in &counted.counters {
                if (self.followed).note(hour, counter_id(user, bucket, counter), *shown) {
                    drafts.push(usage::draft(hour, seen, &scope, counter, *shown));
                }
            }
            run.add(kind::BUCKET_LOG, &id, drafts, Some(&counted.raw));
            if i % HANDED_ON_AT_ONCE == 0 {
                run.hand_on().await?;
            }
        }
        if self.followed.end(hour) {
            self.noticed.trims += 1;
            let remark = format!(
                "something of the hour of {hour} was trimmed from the usage log: what it had counted is kept, and what is counted after it is added; what was \
                 counted between the last reading and the trim is lost"
            );
            tracing::warn!(source = self.name(), "{remark}");
            self.remarks.push(remark);
        }
        run.hand_on().await
    }
}

/// What is asked of the usage log.
pub(super) struct Asked([(&'static str, String); 5]);

impl Asked {
    /// Its parameters.
    pub(super) fn each(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(k, v)| (*k, v.as_str())).collect()
    }
}

/// Asks for `[from, to)`, both on the hour: its entries, or else its summary.
pub(super) fn asked(from: Ts, to: Ts, entries: &'static str) -> Asked {
    let time = |t: Ts| {
        let t = t.to_utc();
        t.map_or_else(String::new, |t| t.format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let summary = if entries == "true" { "false" } else { "true" };
    Asked([
        ("end", time(to)),
        ("format", "json".to_owned()),
        ("show-entries", entries.to_owned()),
        ("show-summary", summary.to_owned()),
        ("start", time(from)),
    ])
}

fn share(memory: &Memory) -> Memory {
    memory.share(&[kind::PROJECT], &[LIST])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: i64) -> Counts {
        Counts {
            requests,
            ..Counts::default()
        }
    }

    fn followed(since: i64) -> Followed {
        Followed {
            since: Some(Ts::from_second(since)),
            ..Followed::default()
        }
    }

    fn told(readings: &[i64], since: i64) -> Vec<i64> {
        let (mut followed, hour) = (followed(since), Ts::from_second(HOUR_S));
        let mut note = |n: i64| {
            followed.begin(hour);
            followed.note(hour, 7, counts(n))
        };
        readings.iter().copied().filter(|n| note(*n)).collect()
    }

    /// The readings, by their places, after which an hour of two counters is taken to be trimmed; one of them shows these, `None` where it is not there.
    fn trimmed(readings: &[Option<i64>]) -> Vec<usize> {
        let (mut followed, hour) = (followed(0), Ts::from_second(HOUR_S));
        let mut at = |shown: Option<i64>| {
            followed.begin(hour);
            followed.note(hour, 1, counts(5));
            shown.map(|n| followed.note(hour, 2, counts(n)));
            followed.end(hour)
        };
        let places = readings.iter().enumerate();
        places.filter(|(_, n)| at(**n)).map(|(i, _)| i).collect()
    }

    #[test]
    fn what_did_not_grow_is_not_told_again() {
        assert_eq!(told(&[3, 3, 5, 5, 5, 7], 0), [3, 5, 7]);
    }

    #[test]
    fn after_a_start_the_first_reading_is_told_twice() {
        assert_eq!(told(&[3, 3, 3, 5, 5], HOUR_S), [3, 3, 5]);
    }

    #[test]
    fn what_shows_less_is_told_twice_and_then_followed_from_there() {
        assert_eq!(told(&[9, 2, 2, 2, 4, 4, 3, 3, 3], 0), [9, 2, 2, 4, 3, 3]);
        // A low reading that was none.
        assert_eq!(told(&[9, 2, 9, 9], 0), [9, 2, 9]);
    }

    #[test]
    fn an_hour_is_trimmed_once() {
        assert_eq!(trimmed(&[Some(9), Some(2), Some(2), Some(3)]), [2]);
        assert_eq!(trimmed(&[Some(9), Some(2), Some(9)]), [0; 0]);
        assert_eq!(trimmed(&[Some(9), None, None, None]), [2]);
        assert_eq!(trimmed(&[Some(9), None, Some(9), Some(9)]), [0; 0]);
        // What is gone and comes again was trimmed once, and then once more.
        let again = [Some(9), None, None, Some(2), Some(2), Some(1), Some(1)];
        assert_eq!(trimmed(&again), [2, 6]);
        assert_eq!(trimmed(&[Some(9), Some(9), Some(12)]), [0; 0]);
    }

    #[test]
    fn counters_are_told_apart_by_all_that_they_are_of() {
        let counter = |category: &str, owner: Option<&str>| Counter {
            category: category.to_owned(),
            owner: owner.map(str::to_owned),
        };
        let ids = [
            counter_id("a", "b", &counter("c", None)),
            counter_id("ab", "", &counter("c", None)),
            counter_id("a", "b", &counter("c", Some(""))),
            counter_id("a", "b", &counter("c", Some("d"))),
            counter_id("a", "b", &counter("cd", None)),
        ];
        let all: std::collections::BTreeSet<u128> = ids.into_iter().collect();
        assert_eq!(all.len(), ids.len());
        assert_eq!(ids[0], counter_id("a", "b", &counter("c", None)));
    }
}
