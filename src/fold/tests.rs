//! Lives with known ends.

mod random;

use super::{check, fold};
use crate::domain::{Aspect, Evidence, Fact, Known, ResourceKey, Timeline, Ts, Value};
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
fn what_was_held_for_seconds_is_told_by_the_times_of_the_record() {
    // A router's gateway, by messages: given within the second of its making, and taken four seconds later.
    let messages = || {
        vec![
            flavor_seen(10, 10, "none"),
            flavor_seen(10, 11, "one"),
            flavor_seen(14, 14, "none"),
        ]
    };
    let expected = "none -..10, one 10..14, none 14..";
    let flavors = |facts: Vec<Fact>| {
        let all = facts.into_iter().chain([sighting(9, 9, "active")]);
        let t = fold(&key(), all.collect::<Vec<_>>());
        assert_eq!(check(&t), Ok(()));
        show(&t, Aspect::Flavor).replace("none 9..10", "none -..10")
    };
    assert_eq!(flavors(messages()), expected);
    // Whatever lists saw besides, and when: between two of them alone the change would lie elsewhere.
    for (from, at, seen) in [(11, 12, 13), (11, 13, 14), (12, 14, 19), (14, 17, 19)] {
        let listed = Fact {
            from: Ts::from_second(from),
            ..flavor_seen(at, seen, "none")
        };
        let all: Vec<_> = messages().into_iter().chain([listed]).collect();
        assert_eq!(flavors(all), expected, "listed {from} {at} {seen}");
    }
}

#[test]
fn a_message_moves_only_the_change_it_is_of() {
    let listed = Fact {
        from: Ts::from_second(90),
        ..flavor_seen(100, 101, "large")
    };
    let known = [
        sighting(50, 50, "active"),
        flavor_seen(50, 60, "small"),
        listed,
    ];
    let with = |more: &[Fact]| {
        let t = fold(&key(), known.iter().chain(more).cloned());
        show(&t, Aspect::Flavor)
    };
    assert_eq!(with(&[]), "small 50..100, large 100..");
    let of_it = flavor_seen(102, 102, "large");
    assert_eq!(
        with(std::slice::from_ref(&of_it)),
        "small 50..102, large 102.."
    );
    // Renamed soon after, and long after.
    for renamed in [104, 200] {
        let of_the_name = flavor_seen(renamed, renamed, "large");
        assert_eq!(
            with(&[of_it.clone(), of_the_name]),
            "small 50..102, large 102.."
        );
    }
    assert_eq!(
        with(&[flavor_seen(200, 200, "large")]),
        "small 50..100, large 100.."
    );
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

#[test]
fn what_is_seen_of_a_thing_that_is_being_deleted_is_no_change() {
    let told = |end: Fact| {
        let mut facts = vec![event(0, 0, "active"), flavor_seen(1, 10, "big"), end];
        facts.extend([flavor_seen(95, 97, "small"), flavor_seen(60, 61, "big")]);
        show(&fold(&key(), facts), Aspect::Flavor)
    };
    // Neutron takes a router's gateway away before the router itself, and notifies of the end alone.
    assert_eq!(told(event(100, 100, "gone")), "big 0..100");
    // Nobody knows when it ended: what was seen last is as good as what was seen before.
    assert_eq!(told(missing(97, 110)), "big 0..95, small 95..110");
}
