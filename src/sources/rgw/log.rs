//! Reads the usage log, hour by hour, and follows its counters.
//!
//! An hour is read again and again until gateways must have written down all of it; then it is final. What was missed while nobody read is caught up: RGW
//! forgets nothing by itself. A counter that shows less than before was trimmed and counts anew; the fold makes the sum, from what every reading showed.
//!
//! # Memory usage
//! The counters of the hours that are not final, about 400 bytes each: those of two hours at most, once caught up. While an hour is read, its answer and about
//! 500 bytes for each user and bucket in it.

use super::{
    Zone,
    usage::{self, Counter, Counts, HOUR_S, Whose, hour_of},
};
use crate::{
    domain::{Memory, Pass, PassMode, Ts, fact::kind},
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
const HANDED_ON_AT_ONCE: usize = 200;

/// Reads a zone's usage log.
#[derive(Debug)]
pub struct UsageLog {
    pub(super) zone: Zone,
    memory: Memory,
    followed: Followed,
}

/// The counters of hours that are not final, as they were told last.
#[derive(Debug, Default)]
struct Followed {
    hours: BTreeMap<Ts, BTreeMap<(Whose, Counter), Seen>>,
    /// The hour of the first reading: what counters of it, and of hours before, showed earlier is not known here.
    since: Option<Ts>,
}

#[derive(Debug)]
struct Seen {
    /// The most it showed since it began anew, if it did.
    most: Counts,
    last: Counts,
    /// The next reading is told, though it shows the same.
    again: bool,
}

impl Followed {
    /// Notes a reading. True where it is to be told: it shows what it did not show before. What shows less than before is told twice, for only
    /// then it is believed to have begun anew; so is the first reading after a start, which may be less than before.
    fn note(&mut self, hour: Ts, of: (Whose, Counter), shown: Counts) -> bool {
        let known_from_its_start = self.since.is_some_and(|s| s < hour);
        let Some(seen) = self.hours.entry(hour).or_default().get_mut(&of) else {
            let seen = Seen {
                most: shown,
                last: shown,
                again: !known_from_its_start,
            };
            self.hours.entry(hour).or_default().insert(of, seen);
            return true;
        };
        let is_new = shown != seen.last || seen.again;
        if shown.is_below(seen.most) && seen.last.is_below(seen.most) {
            // Twice: it began anew before the last reading.
            seen.most = seen.last;
        }
        if !shown.is_below(seen.most) {
            seen.most = shown;
        }
        seen.again = shown.is_below(seen.most);
        seen.last = shown;
        is_new
    }
}

impl UsageLog {
    pub(super) fn new(zone: Zone, memory: &Memory) -> Self {
        Self {
            zone,
            memory: share(memory),
            followed: Followed::default(),
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
            let remarks = self.zone.session.remarks();
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
        let mut hours = self.hours(now);
        while hours.len() > CAUGHT_UP_AT_ONCE {
            let rest = hours.split_off(CAUGHT_UP_AT_ONCE);
            self.catch_up(&hours, passes, out).await?;
            hours = rest;
        }
        let mut faults = Faults::default();
        for hour in hours {
            if hour == guess {
                self.take(hour, &reply, &mut faults, run).await?;
            } else {
                self.read(hour, &mut faults, run).await?;
            }
        }
        faults.outcome(LIST)?;
        let open = self.first_open(now);
        self.followed.hours.retain(|hour, _| *hour >= open);
        Ok(())
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
        self.take(hour, &reply, faults, run).await
    }

    /// Asks for one hour, by both of its ends.
    pub(super) async fn ask(&self, hour: Ts, tally: &Tally) -> Result<Reply, SourceError> {
        let query = asked(hour, hour.plus_seconds(HOUR_S), "true");
        self.zone.session.get("/usage", &query.each(), tally).await
    }

    async fn take(
        &mut self,
        hour: Ts,
        reply: &Reply,
        faults: &mut Faults,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let read = usage::read(&reply.body, hour)
            .map_err(|why| reply.shape("the usage log of one hour", &why))?;
        run.answered(reply.date, read.counted.len());
        for (of, why) in &read.faults {
            faults.add(of, why);
        }
        let seen = reply.date.at;
        for (i, (whose, counted)) in read.counted.into_iter().enumerate() {
            let (user, bucket) = &whose;
            let scope = self.zone.scopes.of(user);
            self.zone.take_scope(&mut self.memory, user, seen, run);
            let mut drafts = Vec::new();
            for (counter, shown) in counted.counters {
                let of = (whose.clone(), counter);
                if self.followed.note(hour, of.clone(), shown) {
                    drafts.push(usage::draft(hour, seen, &scope, &of.1, shown));
                }
            }
            let id = format!("{user}/{bucket}");
            run.add(kind::BUCKET_LOG, &id, drafts, Some(&counted.raw));
            if i % HANDED_ON_AT_ONCE == HANDED_ON_AT_ONCE - 1 {
                run.hand_on().await?;
            }
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

    fn told(readings: &[i64], since: i64) -> Vec<i64> {
        let mut followed = Followed {
            since: Some(Ts::from_second(since)),
            ..Followed::default()
        };
        let hour = Ts::from_second(HOUR_S);
        let mut note = |n: i64| {
            let counter = Counter {
                category: "get_obj".into(),
                owner: None,
            };
            let of = (("u".to_owned(), "b".to_owned()), counter);
            followed.note(hour, of, counts(n))
        };
        readings.iter().copied().filter(|n| note(*n)).collect()
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
}
