//! Invariant 2: any duplicates, in any order and cut, by two writers or two collectors, read back the same, to the byte of usage and exports.

use crate::{
    harness::{self, Plimsoll, everything, fact, json, read},
    made_up::{MONTH, MadeUp},
};
use plimsoll::{
    domain::{Aspect, Batch, Evidence, Fact, Known, ResourceKey, StoredFact, Ts, Value},
    fold,
    store::{FactQuery, Store},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
};

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
                    assert_lives(&one, &cloud, &before).await;
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

/// What the fold is given by the shorter way, ids as stored and values shared, comes to the same lives as the facts themselves.
async fn assert_lives(store: &Store, cloud: &str, facts: &[(ResourceKey, Vec<StoredFact>)]) {
    // As of each moment at which one of them came: some resources are not there yet.
    let times: BTreeSet<Ts> = facts
        .iter()
        .flat_map(|(_, f)| f.iter().map(|f| f.stored_at))
        .collect();
    for as_of in times.into_iter().chain([Ts::MIN, Ts::MAX]) {
        let query = FactQuery {
            as_of,
            ..everything(cloud)
        };
        let mut told = store.told(&query).unwrap();
        for (key, facts) in facts {
            let known = facts.iter().filter(|f| f.stored_at <= as_of);
            let known: Vec<Fact> = known.map(|f| f.fact.clone()).collect();
            if !known.is_empty() {
                let (same, mut told) = told.next().await.unwrap().unwrap();
                assert_eq!(fold::life(same, &mut told), fold::fold(key, known).life());
            }
        }
        assert!(told.next().await.unwrap().is_none());
    }
}

/// Times of collection, in days of the month; the last one lies behind its end.
const DAYS: [i64; 4] = [6, 14, 23, 32];

/// What `usage` and `export` give as of `t`: file name -> bytes.
fn outputs(p: &Plimsoll, t: &str) -> BTreeMap<String, Vec<u8>> {
    let usage = p.ok(&["usage", "--month", MONTH, "--as-of", t, "--format", "json"]);
    assert!(json(&usage)["rows"].as_array().unwrap().len() > 100);
    let mut outputs = BTreeMap::from([("usage".to_owned(), usage.into_bytes())]);
    for format in ["csv", "jsonl"] {
        let out = p.dir().join(format);
        let to = out.to_str().unwrap();
        p.ok(&[
            "export", "--month", MONTH, "--as-of", t, "--format", format, "--out", to,
        ]);
        for file in std::fs::read_dir(&out).unwrap().map(|f| f.unwrap()) {
            let name = format!("{format}/{}", file.file_name().display());
            outputs.insert(name, std::fs::read(file.path()).unwrap());
        }
    }
    outputs
}

/// Two collectors at one moment, on one engine, which goes with the one that started it.
fn collect_by_two(p: &Plimsoll) {
    let both = [(); 2].map(|()| {
        let mut c = p.command(&["collect"]);
        c.stdout(Stdio::piped()).stderr(Stdio::piped());
        c.spawn().unwrap()
    });
    for one in both {
        let ended = one.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{words}");
    }
}

/// All facts and passes of a store, one a batch.
async fn in_pieces(p: &Plimsoll, cloud: &str) -> Vec<Batch> {
    let store = harness::open(&p.data()).await;
    let facts = harness::facts(&store, cloud).await;
    let ids = store.json("SELECT DISTINCT id FROM passes").await.unwrap();
    let ids: Vec<u64> = ids
        .iter()
        .map(|r| r["id"].as_str().unwrap().parse().unwrap())
        .collect();
    let passes = store.passes(&ids).await.unwrap();
    store.close().await.unwrap();
    let of_fact = facts.into_iter().map(|f| Batch {
        facts: vec![f],
        ..Batch::default()
    });
    let of_pass = passes.into_iter().map(|p| Batch {
        passes: vec![p],
        ..Batch::default()
    });
    of_fact.chain(of_pass).collect()
}

/// The same cloud, collected once; collected twice by two collectors at once; and its facts in any order, in other batches, each sent twice: the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_at_once_and_shuffled_batches_give_the_same_bytes() {
    let cloud = MadeUp::serve(9).await;
    let (once, twice, shuffled) = (cloud.reader(), cloud.reader(), cloud.reader());
    for day in DAYS {
        cloud.set(cloud.period.from.plus_seconds(day * 86_400));
        once.ok(&["collect"]);
        collect_by_two(&twice);
        collect_by_two(&twice);
    }
    let mut pieces = in_pieces(&once, &cloud.cloud).await;
    assert!(pieces.len() > 1_000, "{}", pieces.len());
    let mut order = 1_u64;
    pieces.sort_by_cached_key(|_| {
        order = order
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        order >> 20
    });
    {
        // Keeps the definitions in force, as a collector does when it starts.
        let scratch = shuffled.dir().join("scratch");
        let to = scratch.to_str().unwrap();
        shuffled.ok(&["export", "--month", MONTH, "--format", "csv", "--out", to]);
        let one = harness::open(&shuffled.data()).await;
        let two = harness::open(&shuffled.data()).await;
        for some in pieces.chunks(97) {
            let mut batch = Batch::default();
            some.iter().cloned().for_each(|b| batch.append(b));
            let (a, b) = tokio::join!(one.write(&batch), two.write(&batch));
            a.and(b).unwrap();
        }
        drop(two);
        one.close().await.unwrap();
    }
    let now = plimsoll::net::Clock::System.now().to_string();
    let want = outputs(&once, &now);
    assert!(want.len() >= 9, "{:?}", want.keys());
    for other in [&twice, &shuffled] {
        let got = outputs(other, &now);
        assert!(got.keys().eq(want.keys()), "{:?}", got.keys());
        for (name, bytes) in &want {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let differ = |(a, b): &(String, String)| a != b;
            let (a, b) = (text(bytes), text(&got[name]));
            let lines = a
                .lines()
                .map(str::to_owned)
                .zip(b.lines().map(str::to_owned));
            assert!(
                got[name] == *bytes,
                "{name} differs, first: {:?}",
                lines.into_iter().find(differ)
            );
        }
    }
}
