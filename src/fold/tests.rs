//! Lives with known ends, and the invariants over random ones.

use super::sums::{Summing, Sums, Total, Totals};
use super::{check, fold, measure};
use crate::domain::{
    Aspect, Evidence, Fact, Known, Meters, Owner, OwnerSpan, ResourceKey, Timeline, Ts, Value,
    ownership::{Scope, Scopes},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key() -> ResourceKey {
    ResourceKey {
        cloud: "lab".into(),
        kind: "server".into(),
        resource: "s1".into(),
    }
}

fn fact(aspect: Aspect, evidence: Evidence, from: i64, at: i64, seen: i64, value: Value) -> Fact {
    let t = Ts::from_second;
    Fact {
        key: key(),
        aspect,
        evidence,
        at: t(at),
        from: t(from),
        seen: t(seen),
        value,
        observed_at: t(seen),
        pass: 1,
        raw: String::new(),
    }
}

fn event(from: i64, at: i64, state: &str) -> Fact {
    let value = if state == "gone" {
        Value::Gone
    } else {
        Value::label(state)
    };
    fact(Aspect::State, Evidence::Event, from, at, at, value)
}

fn record(at: i64, state: &str) -> Fact {
    Fact {
        evidence: Evidence::Record,
        from: Ts::from_second(at),
        ..event(at, at, state)
    }
}

fn sighting(updated: i64, seen: i64, state: &str) -> Fact {
    fact(
        Aspect::State,
        Evidence::Sighting,
        updated,
        updated,
        seen,
        Value::label(state),
    )
}

fn missing(last: i64, first_missed: i64) -> Fact {
    fact(
        Aspect::State,
        Evidence::Missing,
        last,
        last,
        first_missed,
        Value::Gone,
    )
}

fn flavor(name: &str) -> Value {
    Value::Known(Known {
        label: name.into(),
        levels: BTreeMap::from([("vcpus".into(), 2)]),
        attrs: BTreeMap::new(),
    })
}

fn resized(from: i64, at: i64) -> Fact {
    fact(
        Aspect::Flavor,
        Evidence::Event,
        from,
        at,
        at,
        Value::Unknown,
    )
}

fn flavor_seen(updated: i64, seen: i64, name: &str) -> Fact {
    fact(
        Aspect::Flavor,
        Evidence::Sighting,
        updated,
        updated,
        seen,
        flavor(name),
    )
}

/// `active 10-20, gap 20-30, stopped 30-` as text.
fn show(t: &Timeline, aspect: Aspect) -> String {
    let time = |t: Ts| {
        if t == Ts::MIN {
            "-".to_owned()
        } else {
            t.second().to_string()
        }
    };
    t.spans(aspect)
        .iter()
        .map(|s| {
            let what = s.value.as_ref().map_or("gap", |k| k.label.as_str());
            format!(
                "{what} {}..{}",
                time(s.start),
                s.end.map_or(String::new(), time)
            )
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn states(facts: Vec<Fact>) -> String {
    let t = fold(&key(), facts);
    assert_eq!(check(&t), Ok(()));
    show(&t, Aspect::State)
}

#[test]
fn an_ordinary_life_by_events() {
    let facts = vec![
        record(100, "building"),
        event(98, 120, "active"),
        event(200, 201, "stopped"),
        event(300, 307, "active"),
        record(120, "active"),
        sighting(307, 400, "active"),
        event(500, 505, "gone"),
        record(504, "gone"),
    ];
    assert_eq!(
        states(facts),
        "building 100..120, active 120..201, stopped 201..307, active 307..505"
    );
}

#[test]
fn a_resize_rewrites_launched_at_and_changes_nothing_before() {
    let facts = vec![
        record(100, "building"),
        event(100, 120, "active"),
        event(150, 170, "resized"),
        event(180, 190, "active"),
        record(169, "active"),
    ];
    assert_eq!(
        states(facts),
        "building 100..120, active 120..170, resized 170..190, active 190.."
    );
}

#[test]
fn a_build_of_a_few_seconds_is_told_by_its_record() {
    let unseen = vec![
        record(11, "building"),
        record(14, "active"),
        event(11, 14, "active"),
    ];
    let seen = [unseen.clone(), vec![sighting(12, 13, "building")]].concat();
    assert_eq!(states(unseen), "building 11..14, active 14..");
    assert_eq!(states(seen), "building 11..14, active 14..");
}

#[test]
fn without_events_the_record_tells() {
    assert_eq!(
        states(vec![
            record(100, "building"),
            record(120, "active"),
            record(180, "gone")
        ]),
        "building 100..120, active 120..180"
    );
}

#[test]
fn an_action_that_led_elsewhere_than_usual_is_corrected_by_a_sighting() {
    // Confirming the resize of a stopped server leaves it stopped; the record was saved a second before the event finished.
    let facts = vec![
        event(100, 120, "active"),
        event(150, 160, "stopped"),
        event(200, 220, "resized"),
        event(300, 310, "active"),
        sighting(309, 330, "stopped"),
    ];
    let t = fold(&key(), facts);
    assert_eq!(
        show(&t, Aspect::State),
        "active 120..160, stopped 160..220, resized 220..310, stopped 310.."
    );
    assert!(
        t.unexplained.is_empty(),
        "the event explains when, the sighting to what"
    );
}

#[test]
fn a_crash_that_no_event_tells_of_begins_at_the_records_update() {
    let t = fold(
        &key(),
        vec![
            event(100, 120, "active"),
            sighting(120, 200, "active"),
            sighting(555, 600, "error"),
        ],
    );
    assert_eq!(show(&t, Aspect::State), "active 120..555, error 555..");
    assert_eq!(t.unexplained.len(), 1);
}

#[test]
fn a_sighting_while_a_change_is_under_way_says_nothing_new() {
    let facts = vec![
        event(100, 120, "active"),
        event(200, 230, "stopped"),
        sighting(228, 229, "stopped"),
        sighting(120, 201, "active"),
    ];
    assert_eq!(states(facts), "active 120..230, stopped 230..");
}

#[test]
fn an_answer_older_than_the_change_undoes_nothing() {
    let facts = vec![
        event(100, 120, "active"),
        event(200, 201, "stopped"),
        sighting(120, 210, "active"),
    ];
    assert_eq!(states(facts), "active 120..201, stopped 201..");
}

#[test]
fn absence_ends_at_the_last_listing_and_leaves_a_gap() {
    let facts = vec![
        record(100, "active"),
        sighting(100, 200, "active"),
        missing(200, 260),
    ];
    assert_eq!(states(facts), "active 100..200, gap 200..260");
}

#[test]
fn an_inferred_end_is_void_once_it_is_seen_again() {
    let facts = vec![
        record(100, "active"),
        sighting(100, 200, "active"),
        missing(200, 260),
        sighting(100, 300, "active"),
    ];
    assert_eq!(states(facts), "active 100..");
}

#[test]
fn the_clouds_own_end_beats_absence() {
    let facts = vec![
        record(100, "active"),
        sighting(100, 200, "active"),
        missing(200, 260),
        event(210, 220, "gone"),
    ];
    assert_eq!(states(facts), "active 100..220");
}

#[test]
fn flavors_come_from_sightings_between_the_events() {
    let base = [event(90, 100, "active"), event(480, 500, "gone")];
    let with = |more: Vec<Fact>| {
        let t = fold(&key(), base.iter().cloned().chain(more).collect::<Vec<_>>());
        assert_eq!(check(&t), Ok(()));
        show(&t, Aspect::Flavor)
    };
    let small = flavor_seen(100, 150, "small");
    let big = flavor_seen(219, 250, "big");
    assert_eq!(
        with(vec![small.clone(), resized(200, 220), big.clone()]),
        "small 100..220, big 220..500"
    );
    // Read after the end, from the list of the deleted.
    assert_eq!(with(vec![flavor_seen(500, 900, "small")]), "small 100..500");
    // Never seen between two resizes: a gap, not a guess.
    assert_eq!(
        with(vec![
            small.clone(),
            resized(200, 220),
            resized(300, 320),
            flavor_seen(320, 400, "small")
        ]),
        "small 100..220, gap 220..320, small 320..500"
    );
    // Seen only while the resize was under way: could be either.
    assert_eq!(
        with(vec![small, resized(200, 220), flavor_seen(215, 216, "big")]),
        "small 100..220, gap 220..500"
    );
    assert_eq!(
        with(vec![resized(200, 220), big]),
        "gap 100..220, big 220..500"
    );
}

#[test]
fn a_change_left_untold_is_named_by_what_was_read_later_or_stays_a_gap() {
    let untold = Fact {
        value: Value::Unknown,
        ..event(180, 200, "")
    };
    let life = |more: &[Fact]| {
        let base = [
            event(90, 100, "active"),
            untold.clone(),
            event(300, 320, "active"),
        ];
        states(base.iter().chain(more).cloned().collect())
    };
    assert_eq!(life(&[]), "active 100..200, gap 200..320, active 320..");
    assert_eq!(
        life(&[sighting(200, 260, "shelved_offloaded")]),
        "active 100..200, shelved_offloaded 200..320, active 320.."
    );
    // Whichever of the two has the greater id.
    for name in ["shelved", "shelved_offloaded", "a", "b", "c", "d"] {
        assert_eq!(
            life(&[event(200, 200, name)]),
            format!("active 100..200, {name} 200..320, active 320..")
        );
    }
}

#[test]
fn equal_neighbours_merge_and_half_seconds_floor_once() {
    let mut a = event(100, 100, "active");
    a.at = Ts(100_900_000);
    a.from = a.at;
    a.seen = a.at;
    assert_eq!(
        states(vec![a, event(150, 160, "active"), event(170, 180, "gone")]),
        "active 100..180"
    );
}

fn scopes(split: i64) -> Scopes {
    let owner = |tenant: &str| Owner::Tenant {
        tenant: tenant.into(),
        contract: format!("CO-{tenant}"),
    };
    let (a, b) = (owner("a"), owner("b"));
    let owners = vec![
        OwnerSpan {
            start: Ts::MIN,
            end: Ts::from_second(split),
            owner: a,
        },
        OwnerSpan {
            start: Ts::from_second(split),
            end: Ts::MAX,
            owner: b,
        },
    ];
    Scopes(BTreeMap::from([(
        ("lab".into(), "p1".into()),
        Scope {
            name: "d/p".into(),
            owners,
        },
    )]))
}

fn random_fact() -> impl Strategy<Value = Fact> {
    let state = prop_oneof![
        Just("active"),
        Just("stopped"),
        Just("building"),
        Just("resized"),
        Just("error")
    ];
    let t = 0..400_i64;
    prop_oneof![
        4 => (t.clone(), 0..30_i64, state.clone()).prop_map(|(at, took, s)| event(at - took, at, s)),
        1 => (t.clone(), 0..30_i64).prop_map(|(at, took)| event(at - took, at, "gone")),
        2 => (t.clone(), state.clone()).prop_map(|(at, s)| record(at, s)),
        1 => t.clone().prop_map(|at| record(at, "gone")),
        4 => (t.clone(), 0..60_i64, state).prop_map(|(at, later, s)| sighting(at, at + later, s)),
        1 => (t.clone(), 1..60_i64).prop_map(|(at, later)| missing(at, at + later)),
        2 => (t.clone(), 0..30_i64).prop_map(|(at, took)| resized(at - took, at)),
        4 => (t.clone(), 0..60_i64, 0..3_u8).prop_map(|(at, later, f)| flavor_seen(at, at + later, &format!("f{f}"))),
        2 => (t, 0..60_i64).prop_map(|(at, later)| fact(Aspect::Owner, Evidence::Sighting, at, at, at + later, Value::label("p1"))),
    ]
}

fn sums(t: &Timeline, from: i64, to: i64, watermark: i64) -> Sums {
    summed(t, from, to, watermark, Sums::new("m"))
}

fn summed<S: Summing>(timeline: &Timeline, from: i64, to: i64, watermark: i64, mut sums: S) -> S {
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let window = measure::Window {
        from: Ts::from_second(from),
        to: Ts::from_second(to),
        watermark: Ts::from_second(watermark),
        as_of: Ts::from_second(1000),
    };
    sums.add(&timeline.life(), "name", &meters, &scopes(177), &window);
    sums
}

proptest! {
    /// Invariant 2: order, duplicates and our own circumstances change nothing.
    #[test]
    fn invariant_2_any_order_any_duplicates(
        (facts, shuffled) in prop::collection::vec(random_fact(), 1..40).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        late in 0..1000_i64,
    ) {
        let once = fold(&key(), facts.clone());
        let more: Vec<Fact> = shuffled
            .iter()
            .cloned()
            .chain(again.iter().map(|i| {
                let mut f = i.get(&facts).clone();
                f.observed_at = f.observed_at.plus_seconds(late);
                f
            }))
            .collect();
        let twice = fold(&key(), more);
        prop_assert_eq!(&once.aspects, &twice.aspects);
        prop_assert_eq!(&once.unexplained, &twice.unexplained);
    }

    /// Invariant 4: spans are disjoint, and between them nothing is unrecorded.
    #[test]
    fn invariant_4_spans_disjoint(facts in prop::collection::vec(random_fact(), 1..40)) {
        prop_assert_eq!(check(&fold(&key(), facts)), Ok(()));
    }

    /// Invariant 3: what is dealt out to owners is what was measured; two months that touch sum to both together.
    #[test]
    fn invariant_3_conserved(facts in prop::collection::vec(random_fact(), 1..40), cut in 1..400_i64, watermark in 0..500_i64) {
        let t = fold(&key(), facts);
        let whole = sums(&t, 0, 400, watermark);
        prop_assert!(whole.ledger.conserved());
        let total = |s: Sums| s.into_rows().iter().fold(BTreeMap::new(), |mut m, r| {
            let e: &mut (i128, i64, i64) = m.entry((r.tenant.clone(), r.meter.clone(), r.dimensions.clone())).or_default();
            e.0 += r.quantity;
            e.1 += r.observed_s;
            e.2 += r.expected_s;
            m
        });
        let (mut left, right) = (total(sums(&t, 0, cut, watermark)), total(sums(&t, cut, 400, watermark)));
        for (k, v) in right {
            let e = left.entry(k).or_default();
            e.0 += v.0;
            e.1 += v.1;
            e.2 += v.2;
        }
        prop_assert_eq!(total(whole), left);
    }

    /// A table's totals are its rows' sums.
    #[test]
    fn totals_are_the_sums_of_rows(facts in prop::collection::vec(random_fact(), 1..40)) {
        let t = fold(&key(), facts);
        let mut by: BTreeMap<[String; 4], Total> = BTreeMap::new();
        for r in sums(&t, 0, 400, 300).into_rows() {
            let flavorless = r.dimensions.get("flavor").is_some_and(|f| f == measure::UNOBSERVED);
            let e = by.entry([r.tenant, r.contract, r.meter, r.unit]).or_default();
            e.quantity += r.quantity;
            e.observed_s += r.observed_s;
            e.expected_s += r.expected_s;
            e.flavorless_s += i64::from(flavorless) * (r.expected_s - r.observed_s);
        }
        prop_assert_eq!(summed(&t, 0, 400, 300, Totals::default()).by, by);
    }

    /// Invariant 5: nothing counts beyond the watermark, and coverage never exceeds one.
    #[test]
    fn invariant_5_within_the_watermark(facts in prop::collection::vec(random_fact(), 1..40), watermark in 0..500_i64) {
        let t = fold(&key(), facts);
        for r in sums(&t, 0, 2000, watermark).into_rows() {
            prop_assert!(r.observed_s <= watermark && r.observed_s <= r.expected_s);
            prop_assert!(r.expected_s > 0);
        }
        let none = sums(&t, watermark, 2000, watermark).into_rows();
        prop_assert!(none.iter().all(|r| r.quantity == 0 && r.observed_s == 0));
    }
}
