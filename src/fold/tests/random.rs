//! The invariants over random lives.

use super::{
    super::{
        check, fold, measure,
        sums::{Summing, Sums, Total, Totals},
    },
    event, fact, flavor_seen, key, missing, record, resized, sighting,
};
use crate::domain::{
    Aspect, Evidence, Fact, Meters, Owner, OwnerSpan, Timeline, Ts, Value,
    ownership::{Scope, Scopes},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
            let e = by.entry([r.tenant, r.contract, r.meter, r.unit].map(|t| t.to_string())).or_default();
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
