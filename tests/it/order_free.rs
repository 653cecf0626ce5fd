//! Invariant 2 in the store: any duplicates, in any order and cut, by two writers, read back the same.

use crate::harness::{self, everything, fact, read};
use plimsoll::domain::{Aspect, Batch, Evidence, Fact, Known, Ts, Value};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::collections::BTreeMap;

fn any_fact() -> impl Strategy<Value = Fact> {
    let value = prop_oneof![
        Just(Value::Gone),
        Just(Value::Unknown),
        (
            "[a-z'\\\\é]{0,6}",
            prop::collection::btree_map("[a-z]{1,3}", any::<i64>(), 0..3),
            prop::collection::btree_map("[a-z]{1,3}", ".{0,4}", 0..3)
        )
            .prop_map(|(label, levels, attrs)| Value::Known(Known {
                label,
                levels,
                attrs
            })),
    ];
    let times = (-5_i64..1_800_000_000, 0_i64..1_000_000, 0_i64..3);
    (
        prop::sample::select(&Aspect::ALL),
        prop::sample::select(&Evidence::ALL),
        "[a-c]",
        times,
        value,
        0_i64..4,
    )
        .prop_map(
            |(aspect, evidence, resource, (second, micro, seen), value, observed)| {
                let at = Ts(second * 1_000_000 + micro);
                let mut fact = fact("", &resource, aspect, evidence, 0, value);
                (fact.at, fact.from, fact.seen, fact.observed_at) = (
                    at,
                    Ts(at.0 - observed),
                    at.plus_seconds(seen),
                    at.plus_seconds(observed),
                );
                fact.pass = u64::MAX - u64::try_from(observed).unwrap();
                fact
            },
        )
}

/// Invariant 2, as far as the store goes: duplicates, batches cut otherwise, another order, two writers: the same facts.
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_reorderings_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (
        harness::open(dir.path()).await,
        harness::open(dir.path()).await,
    );
    let runtime = tokio::runtime::Handle::current();
    let cases = tokio::task::spawn_blocking(move || {
        let count = std::cell::Cell::new(0);
        let config = Config {
            cases: 24,
            failure_persistence: None,
            ..Config::default()
        };
        let mut runner =
            TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let sequences = (
            prop::collection::vec(any_fact(), 1..12),
            prop::collection::vec(
                (any::<prop::sample::Index>(), any::<bool>(), 0_i64..3),
                0..14,
            ),
        );
        runner
            .run(&sequences, |(mut facts, again)| {
                let case = count.get() + 1;
                count.set(case);
                let cloud = format!("cloud-{case}");
                facts
                    .iter_mut()
                    .for_each(|f| f.key.cloud.clone_from(&cloud));
                // The same observation, made again by others, at other times of theirs.
                let repeated: Vec<(Fact, bool)> = again
                    .iter()
                    .map(|(which, other, later)| {
                        let mut fact = which.get(&facts).clone();
                        fact.observed_at = fact.observed_at.plus_seconds(*later);
                        (fact, *other)
                    })
                    .collect();
                let got = runtime.block_on(async {
                    for (fact, other) in &repeated {
                        let writer = if *other { &one } else { &two };
                        writer
                            .write(&Batch {
                                facts: vec![fact.clone()],
                                ..Batch::default()
                            })
                            .await
                            .unwrap();
                    }
                    let whole = Batch {
                        facts: facts.clone(),
                        ..Batch::default()
                    };
                    let (a, b) = tokio::join!(one.write(&whole), two.write(&whole));
                    a.and(b).unwrap();
                    let before = read(&one, &everything(&cloud)).await;
                    // Merged or not makes no difference to any column.
                    if case % 8 == 0 {
                        one.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
                        assert_eq!(read(&two, &everything(&cloud)).await, before);
                    }
                    before
                });
                let mut want: BTreeMap<(String, Aspect, Ts, u64), Fact> = BTreeMap::new();
                for fact in facts.iter().chain(repeated.iter().map(|(f, _)| f)) {
                    let known = want
                        .entry((fact.key.resource.clone(), fact.aspect, fact.at, fact.id()))
                        .or_insert_with(|| fact.clone());
                    known.observed_at = known.observed_at.min(fact.observed_at);
                    known.pass = known.pass.min(fact.pass);
                }
                let got: Vec<Fact> = got
                    .into_iter()
                    .flat_map(|(_, facts)| facts)
                    .map(|f| f.fact)
                    .collect();
                prop_assert_eq!(got, want.into_values().collect::<Vec<_>>());
                Ok(())
            })
            .unwrap();
        (one, count.get())
    });
    let (one, ran) = cases.await.unwrap();
    assert!(ran >= 24);
    one.close().await.unwrap();
}
