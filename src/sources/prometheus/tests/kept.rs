//! What is kept of what was read, and that nothing is lost by it.

use super::{
    super::{
        keep::Keeper,
        series::{Feed, Reading},
    },
    counter, feeds, gauge,
};
use crate::{
    config::Metric,
    domain::{Aspect, Evidence, Fact, Known, ResourceKey, Ts, Value, fact::kind},
    fold,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const T0: i64 = 1_791_194_400;

fn reading(at: i64, value: i64, from: Option<i64>) -> Reading {
    Reading {
        feed: 0,
        resource: "host-1".to_owned(),
        series: "x{}".to_owned(),
        attrs: BTreeMap::new(),
        at: Ts::from_second(T0 + at),
        from: from.map(|s| Ts::from_second(T0 + s)),
        value,
        born: false,
    }
}

/// Shows a keeper pages, each of a time and with a reading or none; the kept ones as (at, value, born).
fn kept(metric: &Metric, pages: &[(i64, Option<Reading>)]) -> Vec<(i64, i64, bool)> {
    let (feeds, mut keeper) = (feeds(std::slice::from_ref(metric)), Keeper::default());
    let mut all = Vec::new();
    for (at, reading) in pages {
        let at = Ts::from_second(T0 + at);
        all.extend(keeper.page(&feeds, reading.clone().into_iter().collect(), at, |_| {}));
    }
    let shown = |r: &Reading| (r.at.second() - T0, r.value, r.born);
    all.iter().map(shown).collect()
}

/// Each reading on a page of its own.
fn each(readings: &[Reading]) -> Vec<(i64, Option<Reading>)> {
    let page = |r: &Reading| (r.at.second() - T0, Some(r.clone()));
    readings.iter().map(page).collect()
}

#[test]
fn one_reading_an_hour_is_kept_and_those_around_a_new_beginning() {
    let x = counter("x");
    let minutes: Vec<Reading> = (0..=120).map(|m| reading(60 * m, m, None)).collect();
    assert_eq!(
        kept(&x, &each(&minutes)),
        [(0, 0, false), (3_600, 60, false), (7_200, 120, false)]
    );
    let anew = [
        reading(0, 5, None),
        reading(60, 9, None),
        reading(120, 2, None),
        reading(180, 3, None),
    ];
    let all = [(0, 5, false), (60, 9, false), (120, 2, false)];
    assert_eq!(kept(&x, &each(&anew)), all);
    // By its own time, though it shows more.
    let anew = [
        reading(0, 5, Some(-100)),
        reading(60, 9, Some(-100)),
        reading(120, 20, Some(70)),
    ];
    let all = [(0, 5, false), (60, 9, false), (120, 20, false)];
    assert_eq!(kept(&x, &each(&anew)), all);
}

#[test]
fn the_last_of_a_series_is_kept_when_it_is_shown_no_more_or_cannot_be_read() {
    let x = counter("x");
    let mut pages = each(&[reading(0, 5, None), reading(60, 9, None)]);
    pages.push((120, None));
    pages.push((180, Some(reading(180, 10, Some(130)))));
    let all = [
        (0, 5, false),
        (60, 9, false),
        // It began while the page was watched: all that it shows was watched.
        (180, 10, true),
    ];
    assert_eq!(kept(&x, &pages), all);
    // What is there when we come first counted before.
    assert_eq!(kept(&x, &each(&[reading(0, 5, Some(-9))])), [(0, 5, false)]);

    let (feeds, mut keeper) = (feeds(&[x]), Keeper::default());
    let at = Ts::from_second(T0);
    let mut page = |r: Reading| keeper.page(&feeds, vec![r], at, |_| {}).len();
    assert_eq!(
        (page(reading(0, 5, None)), page(reading(60, 6, None))),
        (1, 0)
    );
    assert_eq!(keeper.lost().len(), 1);
    assert_eq!(keeper.lost().len(), 0, "once is enough");
}

#[test]
fn a_time_that_goes_back_is_told_and_the_same_sample_again_is_nothing() {
    let (feeds, mut keeper) = (feeds(&[counter("x")]), Keeper::default());
    let mut back = 0;
    let at = Ts::from_second(T0);
    for r in [
        reading(60, 5, None),
        reading(60, 5, None),
        reading(30, 4, None),
    ] {
        keeper.page(&feeds, vec![r], at, |_| back += 1);
    }
    assert_eq!(back, 1);
}

#[test]
fn a_gauge_that_fell_silent_shows_from_when_to_when() {
    let x = gauge("x");
    let minutes = [
        reading(0, 5, None),
        reading(60, 6, None),
        reading(10_000, 7, None),
    ];
    let all = [(0, 5, false), (60, 6, false), (10_000, 7, false)];
    assert_eq!(kept(&x, &each(&minutes)), all);
}

/// What the fold makes of readings: the sum of what passed, and where it began and ended.
fn passed(feed: &Feed, readings: &[Reading]) -> (i64, Option<Ts>, Option<Ts>) {
    let key = ResourceKey {
        cloud: "lab".to_owned(),
        kind: kind::MEASURED.to_owned(),
        resource: "host-1".to_owned(),
    };
    let fact = |r: &Reading| Fact {
        key: key.clone(),
        aspect: Aspect::Reading,
        evidence: Evidence::Sighting,
        at: r.at,
        from: r.from.unwrap_or(r.at),
        seen: r.at,
        value: Value::Known(Known {
            label: r.series.clone(),
            levels: feed.levels(r.value),
            attrs: BTreeMap::new(),
        }),
        observed_at: r.at,
        pass: 1,
        raw: String::new(),
    };
    let amounts = fold::fold(&key, readings.iter().map(fact)).amounts;
    (
        amounts.iter().map(|a| a.quantities["a.b"]).sum(),
        amounts.first().map(|a| a.start),
        amounts.last().map(|a| a.end),
    )
}

proptest! {
    /// What is left out adds nothing: the readings that are kept tell of as much as all of them.
    #[test]
    fn what_is_kept_of_a_counter_sums_to_what_was_read(
        steps in proptest::collection::vec((1_i64..3_000, 0_i64..100, proptest::option::weighted(0.1, 0_i64..500)), 1..80),
        told: bool,
    ) {
        let (mut at, mut value, mut from) = (0, 1_000, -5);
        let mut all = Vec::new();
        for (after, grows, anew) in steps {
            at += after;
            if let Some(before) = anew {
                (value, from) = (0, at - before.min(after - 1));
            }
            value += grows;
            all.push(reading(at, value, told.then_some(from)));
        }
        let feeds = feeds(&[counter("x")]);
        let mut keeper = Keeper::default();
        let mut kept = Vec::new();
        for r in &all {
            kept.extend(keeper.page(&feeds, vec![r.clone()], r.at, |_| {}));
        }
        kept.extend(keeper.lost());
        prop_assert_eq!(passed(&feeds[0], &kept), passed(&feeds[0], &all));
        prop_assert!(kept.len() <= all.len());
    }
}
