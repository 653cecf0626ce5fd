//! Every server's spans against the truth: each change between its request and the first sight of its result, none missing, none twice.

use crate::{
    lab::{self, Plimsoll},
    truth::{self, Change, GONE, Life},
};
use plimsoll::{
    domain::{Aspect, Outcome, Pass, Period, Span, Timeline, Ts, UsageRow},
    periods::usage::{self, Rules},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// Nova's clock counts whole seconds.
const SLACK_US: i64 = 1_000_000;

/// What was found, for the eye.
#[derive(Default)]
struct Found {
    changes: usize,
    outside_us: i64,
    table: String,
}

/// Each list's last pass is complete. One of the others may not be: services refuse an administrator while they load their policies.
fn every_list_is_read(passes: &mut [Pass]) {
    passes.sort_by_key(|p| p.started);
    let mut lists: BTreeMap<&str, Vec<&Pass>> = BTreeMap::new();
    for p in passes.iter() {
        lists.entry(&p.list).or_default().push(p);
    }
    for (list, passes) in lists {
        let doubtful: Vec<_> = passes
            .iter()
            .filter(|p| p.outcome != Outcome::Complete)
            .map(|p| &p.error)
            .collect();
        let last = passes.last().map(|p| p.outcome);
        assert_eq!(last, Some(Outcome::Complete), "{list}: {doubtful:?}");
        let refused = doubtful.iter().all(|e| e.contains("status 403"));
        assert!(refused && doubtful.len() <= 1, "{list}: {doubtful:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_what_the_seed_did() {
    let one = Plimsoll::of("one");
    let store = one.store().await;
    let mut passes = lab::passes(&store).await;
    every_list_is_read(&mut passes);
    let lives = truth::lives();
    let servers = lab::servers(&store).await;
    let watermark = lab::reaches(&store).await;
    let month = Period::containing(watermark, chrono_tz::UTC).unwrap();
    let rules = Rules::of(&one.config()).unwrap();
    let computed = usage::compute(&store, &rules, &month, Ts::MAX)
        .await
        .unwrap();
    store.close().await.unwrap();

    let mut found = Found::default();
    for (id, life) in &lives {
        let rows: Vec<_> = computed
            .usage
            .rows
            .iter()
            .filter(|r| r.resource == *id)
            .collect();
        if life.unscheduled() {
            // Nova may show it among the deleted ones, or nowhere.
            let states = servers.get(id).map_or(&[][..], |t| t.spans(Aspect::State));
            // A list may have caught a glimpse of it, and nothing told of its end: a gap, in which nothing is counted.
            let built = |s: &Span| s.value.as_ref().is_none_or(|k| k.label == "building");
            assert!(states.iter().all(built), "{}: {states:?}", life.name);
            assert!(
                states.last().is_none_or(|s| s.end.is_some()),
                "{} lives on: {states:?}",
                life.name
            );
            assert!(
                rows.iter().all(|r| r.quantity == 0 && r.observed_s == 0),
                "{} is to be paid for: {rows:?}",
                life.name
            );
            continue;
        }
        let t = servers
            .get(id)
            .unwrap_or_else(|| panic!("{} is lost", life.name));
        found.compare(life, t, Aspect::State, &life.states());
        found.compare(life, t, Aspect::Flavor, &life.flavors());
        seconds(life, &rows, watermark);
    }
    print!("{}", found.table);
    println!(
        "{} servers, {} changes of state and flavor, at most {} ms outside of (request, first sight); {} passes; {} sightings unexplained",
        lives.len(),
        found.changes,
        found.outside_us / 1000,
        passes.len(),
        computed.differences.counts.values().sum::<u64>()
    );
    for name in [
        "short-active",
        "short-blind",
        "no-valid-host",
        "resized-twice-deleted",
    ] {
        assert!(
            lives.values().any(|l| l.name == name),
            "{name} was not seeded"
        );
    }
}

impl Found {
    /// One aspect of one server.
    fn compare(&mut self, life: &Life, t: &Timeline, aspect: Aspect, wanted: &[Change]) {
        let spans = t.spans(aspect);
        let fail = |what: &str| {
            panic!(
                "{}: {what}\n  wanted {wanted:#?}\n{}",
                life.name,
                lab::story(t)
            )
        };
        let mut told: Vec<(Ts, &str)> = Vec::new();
        for (i, s) in spans.iter().enumerate() {
            let Some(value) = &s.value else {
                fail(&format!("a gap from {}", s.start));
                return;
            };
            told.push((s.start, &value.label));
            match (s.end, spans.get(i + 1)) {
                (Some(end), Some(next)) if end == next.start => {}
                (Some(end), None) => told.push((end, GONE)),
                (None, None) => {}
                _ => fail(&format!("a hole or an overlap after {}", lab::shown(s))),
            }
        }
        let mut told = told.into_iter().peekable();
        for change in wanted {
            // What begins and ends within one second takes no time.
            let over = |at: Ts| change.fleeting || at.0 <= change.seen.0 + SLACK_US;
            if told
                .peek()
                .is_some_and(|(at, label)| *label != change.to && over(*at))
            {
                continue;
            }
            let Some((at, label)) = told.next() else {
                fail(&format!("no change to {}", change.to));
                return;
            };
            if label != change.to {
                fail(&format!("{label} at {at} instead of {}", change.to));
            }
            let outside = (change.asked.0 - at.0).max(at.0 - change.seen.0).max(0);
            let _ = writeln!(
                self.table,
                "{:<22} {:<7} {:<18} {at}  asked {}  seen {}  outside by {} ms",
                life.name,
                aspect.as_str(),
                label,
                change.asked,
                change.seen,
                outside / 1000
            );
            if outside > SLACK_US {
                fail(&format!("{label} at {at} is {} ms outside", outside / 1000));
            }
            self.changes += 1;
            self.outside_us = self.outside_us.max(outside);
        }
        if let Some((at, label)) = told.next() {
            fail(&format!("nobody asked for {label} at {at}"));
        }
    }
}

/// What is to be paid for it: as many seconds as it ran or waited, by its own project.
fn seconds(life: &Life, rows: &[&UsageRow], watermark: Ts) {
    if !life.ran() {
        assert!(rows.is_empty(), "{} is to be paid for: {rows:?}", life.name);
        return;
    }
    let (tenant, contract) = match life.project.as_str() {
        "acme/web" => ("acme", "CO-001"),
        "acme/batch" => ("acme", "CO-002"),
        _ => ("unattributed", ""),
    };
    for r in rows {
        assert_eq!(
            (r.scope_name.as_str(), r.contract.as_str()),
            (life.project.as_str(), contract),
            "{r:?}"
        );
        assert_eq!(
            r.tenant == "unattributed",
            tenant == "unattributed",
            "{r:?}"
        );
    }
    let states = life.states();
    let active = states.iter().find(|c| c.to == "active").unwrap();
    let (ended, end_seen) = states
        .iter()
        .find(|c| c.to == GONE)
        .map_or((watermark, watermark), |c| (c.asked, c.seen));
    let observed: i64 = rows
        .iter()
        .filter(|r| r.meter == "compute.instance")
        .map(|r| r.observed_s)
        .sum();
    let (least, most) = (
        ended.second() - active.seen.second() - 2,
        end_seen.second() - active.asked.second() + 2,
    );
    assert!(
        (least..=most).contains(&observed),
        "{}: {observed} s, not {least} to {most}",
        life.name
    );
}
