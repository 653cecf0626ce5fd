//! Counters and gauges with known truth, and the invariants over random ones.

use super::{JOINED_S, RESET, UNREAD};
use crate::{
    domain::{
        Amount, Aspect, Evidence, Fact, Known, ResourceKey, Ts, Value,
        fact::{kind, reading},
    },
    fold::fold,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const T0: i64 = 1_790_812_800;

fn key() -> ResourceKey {
    ResourceKey {
        cloud: "lab".into(),
        kind: kind::MEASURED.into(),
        resource: "host-1".into(),
    }
}

/// A reading at so many seconds, that counts from `from`.
fn counted(series: &str, from: i64, at: i64, value: i64) -> Fact {
    let t = |s: i64| Ts::from_second(T0 + s);
    Fact {
        key: key(),
        aspect: Aspect::Reading,
        evidence: Evidence::Sighting,
        at: t(at),
        from: t(from),
        seen: t(at),
        value: Value::Known(Known {
            label: series.to_owned(),
            levels: BTreeMap::from([("a.b".to_owned(), value)]),
            attrs: BTreeMap::new(),
        }),
        observed_at: t(at),
        pass: 1,
        raw: String::new(),
    }
}

fn counter(at: i64, value: i64) -> Fact {
    counted("c", at, at, value)
}

fn gauge(at: i64, value: i64, holds: i64) -> Fact {
    let mut fact = counter(at, value);
    if let Value::Known(k) = &mut fact.value {
        k.levels.insert(reading::HOLDS.to_owned(), holds);
    }
    fact
}

fn amounts(facts: &[Fact]) -> Vec<Amount> {
    fold(&key(), facts.to_vec()).amounts
}

/// (start, end, quantity, gap).
fn shown(facts: &[Fact]) -> Vec<(i64, i64, i64, &'static str)> {
    let shown = |a: &Amount| {
        (
            a.start.second() - T0,
            a.end.second() - T0,
            a.quantities["a.b"],
            a.gap,
        )
    };
    let mut all: Vec<_> = amounts(facts).iter().map(shown).collect();
    all.sort_unstable();
    all
}

#[test]
fn between_two_readings_passed_what_they_differ_by() {
    let facts = [counter(0, 100), counter(60, 130), counter(3_600, 130)];
    assert_eq!(shown(&facts), [(0, 60, 30, ""), (60, 3_600, 0, "")]);
    assert!(shown(&facts[..1]).is_empty(), "one reading tells nothing");
    // Two collectors read in one second: the later of them saw more.
    let same = [counter(0, 100), counter(60, 130), counter(60, 131)];
    assert_eq!(shown(&same), [(0, 60, 31, "")]);
    // Series are told apart by name.
    let two = [
        counted("x", 0, 0, 5),
        counted("y", 0, 0, 1),
        counted("x", 60, 60, 7),
        counted("y", 60, 60, 9),
    ];
    assert_eq!(shown(&two), [(0, 60, 2, ""), (0, 60, 8, "")]);
}

#[test]
fn a_new_beginning_shows_as_a_decrease_or_by_its_own_time() {
    // How much it counted before it began anew is not known: it is at least what it shows since.
    let facts = [counter(0, 100), counter(60, 20)];
    assert_eq!(shown(&facts), [(0, 60, 20, RESET)]);
    // With its own time the lost part is bounded, and what came since is exact; a higher value hides nothing.
    let facts = [
        counted("c", -1_000, 0, 100),
        counted("c", 40, 60, 120),
        counted("c", 40, 90, 121),
    ];
    assert_eq!(
        shown(&facts),
        [(0, 40, 0, RESET), (40, 60, 120, ""), (60, 90, 1, "")]
    );
    // A start that is told a little differently each time is the same start.
    let facts = [
        counted("c", -1_000, 0, 100),
        counted("c", -999, 60, 120),
        counted("c", -1_001, 90, 121),
    ];
    assert_eq!(shown(&facts), [(0, 60, 20, ""), (60, 90, 1, "")]);
}

#[test]
fn what_began_while_it_was_watched_counts_from_its_beginning() {
    let born = Fact {
        evidence: Evidence::Record,
        ..counted("c", 30, 60, 7)
    };
    assert_eq!(
        shown(&[born.clone(), counted("c", 30, 120, 9)]),
        [(30, 60, 7, ""), (60, 120, 2, "")]
    );
    // Another collector, which had not watched, read it first: what is known is known.
    let other = counted("c", 30, 45, 3);
    assert_eq!(shown(&[born, other]), [(30, 45, 3, ""), (45, 60, 4, "")]);
    // Who comes later knows nothing of before.
    assert!(shown(&[counted("c", 30, 60, 7)]).is_empty());
}

#[test]
fn a_gauge_holds_until_its_next_reading_but_not_for_ever() {
    let facts = [
        gauge(0, 5, 120),
        gauge(60, 7, 120),
        gauge(600, -1, 120),
        gauge(660, 0, 120),
    ];
    assert_eq!(
        shown(&facts),
        [
            (0, 60, 5, ""),
            (60, 180, 7, ""),
            (180, 600, 0, UNREAD),
            (600, 660, -1, ""),
        ],
        "and after the last reading nothing is known yet"
    );
}

#[test]
fn what_belongs_to_no_month_is_a_gap() {
    let facts = [counter(0, 100), counter(JOINED_S + 1, 200)];
    assert_eq!(shown(&facts), [(0, JOINED_S + 1, 0, UNREAD)]);
    let facts = [counter(0, 100), counter(JOINED_S, 200)];
    assert_eq!(shown(&facts), [(0, JOINED_S, 100, "")]);
}

#[test]
fn no_value_is_too_large_and_no_counter_is_below_zero() {
    let facts = [
        counter(0, i64::MIN),
        counter(30, 0),
        counter(60, i64::MAX),
        gauge(0, i64::MIN, i64::MAX),
        gauge(60, i64::MAX, i64::MIN),
    ];
    let shown = shown(&facts);
    assert!(shown.contains(&(30, 60, i64::MAX, "")), "{shown:?}");
}

/// What a counter goes through, step by step.
#[derive(Debug, Clone, Copy)]
struct Step {
    after_s: i64,
    grows: i64,
    /// It begins anew, so many seconds before it is read.
    anew: Option<i64>,
    /// Which collectors read it: one, the other, both.
    by: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        1_i64..4_000,
        0_i64..1_000,
        proptest::option::weighted(0.15, 0_i64..3_000),
        1_u8..=3,
    );
    let step = step.prop_map(|(after_s, grows, anew, by)| Step {
        after_s,
        grows,
        anew: anew.map(|s| s.min(after_s - 1)),
        by,
    });
    proptest::collection::vec(step, 2..40)
}

/// The readings of such a counter, with its own time of beginning or without, and who read each.
fn readings(steps: &[Step], told: bool) -> Vec<(Fact, u8)> {
    let (mut at, mut value, mut from) = (0, 500, -10_000);
    let mut all = Vec::new();
    for s in steps {
        at += s.after_s;
        if let Some(before) = s.anew {
            (value, from) = (0, at - before);
        }
        value += s.grows;
        let since = if told { from } else { at };
        all.push((counted("c", since, at, value), s.by));
    }
    all
}

proptest! {
    /// Invariant 2: any order, any duplicates, whoever read it.
    #[test]
    fn the_union_decides(steps in steps(), told: bool, seed in proptest::collection::vec(any::<u32>(), 80)) {
        let all = readings(&steps, told);
        let whole: Vec<Fact> = all.iter().map(|(f, _)| f.clone()).collect();
        let of = |collector: u8| all.iter().filter(move |(_, by)| by & collector != 0).map(move |(f, _)| Fact {
            observed_at: f.observed_at.plus_seconds(i64::from(collector)),
            pass: u64::from(collector),
            ..f.clone()
        });
        let mut union: Vec<Fact> = of(1).chain(of(2)).chain(of(2)).collect();
        let mut shuffled: Vec<(u32, Fact)> = seed.iter().copied().cycle().zip(union.drain(..)).collect();
        shuffled.sort_by_key(|(chance, _)| *chance);
        let union: Vec<Fact> = shuffled.into_iter().map(|(_, f)| f).collect();
        prop_assert_eq!(format!("{:?}", amounts(&union)), format!("{:?}", amounts(&whole)));
    }

    /// What passed is the last reading less the first and all that was read before a new beginning; stretches lie end to end.
    #[test]
    fn nothing_is_lost_between_readings(steps in steps(), told: bool) {
        let facts: Vec<Fact> = readings(&steps, told).into_iter().map(|(f, _)| f).collect();
        let value = |f: &Fact| f.value.known().map_or(0, |k| k.levels["a.b"]);
        let mut expected = value(facts.last().unwrap()) - value(&facts[0]);
        for pair in facts.windows(2) {
            let anew = value(&pair[1]) < value(&pair[0]) || told && pair[1].from > pair[0].at;
            expected += if anew { value(&pair[0]) } else { 0 };
        }
        let amounts = amounts(&facts);
        let sum: i64 = amounts.iter().map(|a| a.quantities["a.b"]).sum();
        prop_assert_eq!(sum, expected);
        prop_assert_eq!(amounts.first().map(|a| a.start), Some(facts[0].at));
        prop_assert_eq!(amounts.last().map(|a| a.end), facts.last().map(|f| f.at));
        prop_assert!(amounts.windows(2).all(|p| p[0].end == p[1].start));
    }

    /// With its own times a counter's truth is known but for what it lost, and that lies in gaps.
    #[test]
    fn no_more_is_counted_than_passed(steps in steps()) {
        let facts: Vec<Fact> = readings(&steps, true).into_iter().map(|(f, _)| f).collect();
        let truth: i64 = steps[1..].iter().map(|s| s.grows).sum();
        let sum: i64 = amounts(&facts).iter().map(|a| a.quantities["a.b"]).sum();
        prop_assert_eq!(sum, truth, "these count nothing between their last reading and their end");
    }

    /// A gauge's levels and gaps cover the time from the first reading to the last, once.
    #[test]
    fn a_gauge_is_known_or_a_gap(steps in steps(), holds in 1_i64..5_000) {
        let mut at = 0;
        let facts: Vec<Fact> = steps.iter().map(|s| { at += s.after_s; gauge(at, s.grows, holds) }).collect();
        let amounts = amounts(&facts);
        prop_assert_eq!(amounts.first().map(|a| a.start), Some(facts[0].at));
        prop_assert_eq!(amounts.last().map(|a| a.end), facts.last().map(|f| f.at));
        prop_assert!(amounts.windows(2).all(|p| p[0].end == p[1].start));
        prop_assert!(amounts.iter().all(|a| !a.gap.is_empty() || a.end.second() - a.start.second() <= holds));
    }
}
