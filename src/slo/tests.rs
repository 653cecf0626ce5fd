//! The arithmetic of alerts and budgets, shown on whole services.

use super::*;
use crate::domain::Ts;
use proptest::prelude::*;

const DAY_S: i64 = 86_400;

fn three_nines() -> Target {
    Target::parse("0.999").unwrap()
}

fn thirty_days() -> Vec<Pair> {
    Pair::of(30 * 86_400, three_nines())
}

/// Ticks of 240 ms, of which every window's thresholds are whole multiples.
const TICK_MS: u32 = 240;

/// Rings over a pair's windows in single ticks, filled with good ones: so many events each.
fn healthy(pair: &Pair, events: u64) -> (Rings, i64) {
    let ticks = |s: u32| Span {
        slices: s * 1_000 / TICK_MS,
        every: 1,
    };
    let mut rings = Rings::new(&[ticks(pair.long_s), ticks(pair.short_s)]);
    let full = i64::from(pair.long_s * 1_000 / TICK_MS);
    assert!((0..full).all(|tick| rings.push(tick, events, 0)));
    (rings, full)
}

#[test]
fn a_total_outage_exceeds_its_pair_when_the_arithmetic_says_so() {
    let burns = |rings: &Rings, pair: &Pair| {
        [0, 1]
            .map(|w| rings.reading(w))
            .iter()
            .all(|r| three_nines().burns(pair.factor, r.bad, r.events))
    };
    let mut shown = Vec::new();
    for pair in thirty_days() {
        let (mut rings, begin) = healthy(&pair, 1);
        let mut tick = begin;
        while !burns(&rings, &pair) {
            assert!(rings.push(tick, 0, 1));
            tick += 1;
        }
        // The tick that went beyond belongs to the outage; the burn was exactly the factor before it.
        let after_ms = (tick - 1 - begin) * i64::from(TICK_MS);
        let end = tick - 1;
        let mut rings = healthy(&pair, 1).0;
        (begin..end).for_each(|t| assert!(rings.push(t, 0, 1)));
        tick = end;
        assert!(rings.push(tick, 0, 1), "the one beyond");
        while burns(&rings, &pair) {
            tick += 1;
            assert!(rings.push(tick, 1, 0));
        }
        let reset_ms = (tick - end) * i64::from(TICK_MS);
        shown.push((
            pair.factor.to_string(),
            pair.long_s,
            pair.short_s,
            pair.severity,
            after_ms,
            reset_ms,
        ));
    }
    use Severity::{Page, Ticket};
    let wanted = [
        ("14.4", 3_600, 300, Page, 51_840, 295_680), // 51.8 s, 4m56s
        ("6", 21_600, 1_800, Page, 129_600, 1_789_200), // 2m10s, 29m49s
        ("3", 86_400, 7_200, Ticket, 259_200, 7_178_400), // 4m19s, 1h59m38s
        ("1", 259_200, 21_600, Ticket, 259_200, 21_578_400), // 4m19s, 5h59m38s
    ];
    let shown: Vec<_> = shown
        .iter()
        .map(|s| (s.0.as_str(), s.1, s.2, s.3, s.4, s.5))
        .collect();
    assert_eq!(shown, wanted);
}

#[test]
fn proof_costs_little_where_there_is_traffic() {
    let page = thirty_days()[0];
    // When it pages, in ms: 250,000 events a minute, and a thousandth of that.
    for (events, latest_ms) in [(1_000, 52_320), (1, 65_520)] {
        let (mut rings, begin) = healthy(&page, events);
        let mut tick = begin;
        loop {
            assert!(rings.push(tick, 0, events));
            tick += 1;
            if judge(
                three_nines(),
                &page,
                Alpha::default(),
                &rings.reading(0),
                &rings.reading(1),
            ) == Verdict::Fires
            {
                break;
            }
        }
        let after_ms = (tick - begin) * i64::from(TICK_MS);
        assert!(
            (51_840..=latest_ms).contains(&after_ms),
            "{events}: {after_ms}"
        );
    }
}

#[test]
fn a_total_outage_at_60_an_hour_is_found_in_7_minutes_and_at_10_it_takes_probes() {
    let page = thirty_days()[0];
    for (every, found_min) in [(1, 7), (6, 24)] {
        let mut rings = Rings::new(&[Span::seconds(page.long_s), Span::seconds(page.short_s)]);
        let event = |m: i64, good: bool| {
            let n = u64::from(m % every == 0);
            if good { (n, 0) } else { (0, n) }
        };
        for m in 0..600 {
            let (good, bad) = event(m, true);
            assert!(rings.push(m, good, bad));
        }
        let found = (600..1200).find(|m| {
            let (good, bad) = event(*m, false);
            assert!(rings.push(*m, good, bad));
            judge(
                three_nines(),
                &page,
                Alpha::default(),
                &rings.reading(0),
                &rings.reading(1),
            ) == Verdict::Fires
        });
        assert!(found.unwrap() - 600 < found_min, "{every}: {found:?}");
    }
    let seconds = |n| outage(three_nines(), &page, Alpha::default(), n);
    assert_eq!(seconds(60), Some(7 * 60));
    assert_eq!(seconds(10), Some(4 * 360));
    assert!(
        seconds(10) > Some(u64::from(page.long_s / 4)),
        "which is when probes are asked for"
    );
    assert_eq!((seconds(2), seconds(0)), (None, None), "never");
    assert_eq!(seconds(15_000), Some(66));
    assert_eq!(seconds(10_000_000), Some(53));
}

/// The days of a month: by day a hundred times the traffic of the night, and one hour of it fails by half.
fn a_bad_hour_at_peak() -> impl Iterator<Item = Slice> {
    (0..30 * DAY_S / SLICE_S).map(|number| {
        let hour = number / 60;
        let events = if (8..20).contains(&(hour % 24)) {
            100
        } else {
            1
        };
        let bad = if hour == 10 * 24 + 12 { events / 2 } else { 0 };
        Slice {
            number,
            good: events - bad,
            bad,
            state: State::Measured,
        }
    })
}

#[test]
fn an_hour_of_failure_at_peak_takes_138_percent_of_the_budget() {
    let figure = statement(three_nines(), a_bad_hour_at_peak().map(|s| (s, "one")), &[]).figure;
    let (left, of) = figure.remaining().unwrap();
    // Used, in hundredths of a percent, rounded half up.
    let hundredths = |used: i128, of: i128| (used * 20_000 + of) / (2 * of);
    assert_eq!(hundredths(of - left, of), 13_751);
    assert_eq!(figure.kept(), Some(false));
    // What the average of ratios would say: each slice's bad share, weighed alike, against the same budget. All as 1/100 of a slice.
    let shares: i128 = a_bad_hour_at_peak()
        .map(|s| i128::from(s.bad * 100 / (s.good + s.bad)))
        .sum();
    let slices = i128::from(30 * DAY_S / SLICE_S);
    assert_eq!(hundredths(shares * 1_000, slices * 100), 6_944);
}

#[test]
fn nothing_flaps_in_a_gap_of_six_hours_and_the_statement_says_what_it_may_hide() {
    let page = thirty_days()[0];
    let mut rings = Rings::new(&[Span::seconds(page.long_s), Span::seconds(page.short_s)]);
    let mut alarm = Alarm::default();
    let (mut changes, mut frozen) = (Vec::new(), 0);
    let mut all = Vec::new();
    // Ten hours: healthy, then failing from 2:00, a gap from 3:00 to 9:00, healthy again.
    for number in 0..600 {
        let state = if (180..540).contains(&number) {
            State::Gap
        } else {
            State::Measured
        };
        let (good, bad) = match (state, (120..180).contains(&number)) {
            (State::Gap, _) => (0, 0),
            (_, failing) => {
                if failing {
                    (50, 50)
                } else {
                    (100, 0)
                }
            }
        };
        if state == State::Gap {
            rings.gap(number);
        } else {
            assert!(rings.push(number, good, bad));
        }
        all.push(Slice {
            number,
            good,
            bad,
            state,
        });
        let verdict = judge(
            three_nines(),
            &page,
            Alpha::default(),
            &rings.reading(0),
            &rings.reading(1),
        );
        frozen += i32::from(verdict == Verdict::Unmeasured);
        if alarm.step(verdict) {
            changes.push((number, alarm.firing));
        }
    }
    // It fires within three minutes, stays so throughout the gap, and ends when nine tenths of the hour are known again.
    assert_eq!(changes, [(122, true), (593, false)]);
    // From the first minute that the short window lacks until the long one is nearly whole again.
    assert_eq!(frozen, 593 - 180);
    let figure = statement(three_nines(), all.iter().map(|s| (*s, "one")), &[]).figure;
    assert_eq!(
        (figure.tally.gap, figure.tally.in_gaps()),
        (360, Some(36_000))
    );
    let bounds = Bounds {
        low: (21_000, 60_000),
        high: (57_000, 60_000),
    };
    assert_eq!(
        (figure.bounds(), figure.kept()),
        (Some(bounds), Some(false))
    );
}

#[test]
fn evidence_says_when_the_budget_is_spent() {
    let page = thirty_days()[0];
    let reading = |bad, events| Reading {
        bad,
        events,
        covered: 1,
        expected: 1,
    };
    let spent = |long, budget| Evidence::of(three_nines(), &page, long, &budget).spent_in_s;
    // 720,000 events a month: 720 may be bad, 20 were, of them 20 in this hour: 35 hours more of it.
    assert_eq!(
        spent(reading(20, 1_000), reading(20, 720_000)),
        Some(35 * 3_600)
    );
    assert_eq!(spent(reading(20, 1_000), reading(720, 720_000)), None);
    assert_eq!(spent(reading(20, 1_000), reading(900, 720_000)), None);
}

#[test]
fn what_is_excluded_is_shown_with_and_without() {
    let t = |m: i64| Ts::from_second(m * SLICE_S);
    let slices = (0..100).map(|number| {
        let bad = u64::from((50..60).contains(&number)) * 10;
        let generation = if number < 70 { "old" } else { "new" };
        (
            Slice {
                number,
                good: 10 - bad,
                bad,
                state: State::Measured,
            },
            generation,
        )
    });
    let because = |slos: &[&str], from, to, decided| Exclusion {
        slos: slos.iter().map(|s| (*s).to_owned()).collect(),
        from: t(from),
        to: t(to),
        who: "anna".into(),
        why: "upgrade".into(),
        decided: t(decided),
    };
    let all = [
        because(&[], 50, 58, 10),
        because(&["api"], 57, 60, 57 + 1),
        because(&[], 200, 300, 0),
    ];
    assert!(all[0].was_announced() && !all[1].was_announced());
    assert!(all[0].concerns("boot") && all[1].concerns("api") && !all[1].concerns("boot"));
    let s = statement(Target::parse("0.9").unwrap(), slices, &all);
    assert_eq!(
        (s.figure.attained(), s.figure.kept()),
        (Some((900, 900)), Some(true))
    );
    assert_eq!(
        (s.with_excluded.attained(), s.with_excluded.remaining()),
        (Some((900, 1000)), Some((0, 1000)))
    );
    assert_eq!(s.exclusions, all[..2]);
    let generations: Vec<_> = s
        .generations
        .iter()
        .map(|(g, t)| (g.as_str(), t.events()))
        .collect();
    assert_eq!(generations, [("new", 300), ("old", 700)]);
}

#[test]
fn pairs_follow_the_window_and_the_target() {
    let factors = |window_s, target: &str| -> Vec<String> {
        let pairs = Pair::of(window_s, Target::parse(target).unwrap());
        pairs
            .iter()
            .map(|p| format!("{} {}", p.factor, p.long_s))
            .collect()
    };
    assert_eq!(
        factors(30 * 86_400, "0.999"),
        ["14.4 3600", "6 21600", "3 86400", "1 259200"]
    );
    // A week: 2 % of it in an hour is 3.36 times.
    assert_eq!(factors(7 * 86_400, "0.999")[0], "84/25 3600");
    // At 90 % no outage burns faster than 10 times.
    assert_eq!(
        factors(30 * 86_400, "0.9"),
        ["6 21600", "3 86400", "1 259200"]
    );
    // No longer than the window itself.
    assert_eq!(factors(3_600, "0.999"), ["1/50 3600"]);
}

proptest! {
    /// The bounds hold whatever happened in the gaps, as long as no more came than was to be expected.
    #[test]
    fn bounds_hold_the_truth(minutes in prop::collection::vec((0u64..20, 0u64..20, prop::bool::ANY), 2..60)) {
        let slices: Vec<Slice> = minutes.iter().enumerate().map(|(i, &(good, bad, known))| {
            let (good, bad) = if known { (good, bad) } else { (0, 0) };
            let state = match (known, good + bad) { (false, _) => State::Gap, (_, 0) => State::Empty, _ => State::Measured };
            Slice { number: i64::try_from(i).unwrap(), good, bad, state }
        }).collect();
        let figure = statement(three_nines(), slices.iter().map(|s| (*s, "")), &[]).figure;
        if let (Some(b), Some(unseen)) = (figure.bounds(), figure.tally.in_gaps()) {
            for good in [0, unseen / 3, unseen] {
                let truth = (figure.tally.good + good, figure.tally.events() + unseen);
                let at_least = |a: (u64, u64), b: (u64, u64)| u128::from(a.0) * u128::from(b.1) >= u128::from(b.0) * u128::from(a.1);
                prop_assert!(at_least(truth, b.low) && at_least(b.high, truth));
            }
            prop_assert_eq!(figure.tally.gap == 0, b.low == b.high || unseen == 0 && figure.tally.gap == 0);
        }
    }

    /// More bad events never leave more of the budget, nor make a quiet pair out of one that fires.
    #[test]
    fn more_bad_is_never_better(events in 1u64..100_000, bad in 0u64..1_000, more in 1u64..1_000, covered in 0u64..=60) {
        let (bad, worse) = (bad.min(events), (bad + more).min(events));
        let reading = |bad| Reading { bad, events, covered, expected: 60 };
        for pair in thirty_days() {
            let fires = |bad| judge(three_nines(), &pair, Alpha::default(), &reading(bad), &reading(bad)) == Verdict::Fires;
            prop_assert!(!fires(bad) || fires(worse));
            prop_assert!(!fires(bad) || covered >= 54);
        }
        prop_assert!(three_nines().remaining(worse, events).unwrap().0 <= three_nines().remaining(bad, events).unwrap().0);
    }
}
