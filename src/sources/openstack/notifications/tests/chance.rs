//! Messages dropped, doubled and out of order, beside lists each minute: within the stated bound, and exact where either knows.

use super::{TOLD, by_resource, facts::Told};
use crate::{
    domain::{Aspect, Evidence, Fact, ResourceKey, Span, Timeline, Ts, Value},
    fold::{self, TOLERANCE_S},
};
use proptest::prelude::*;
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Between two lists.
const PASS_S: i64 = 60;
const SEEDS: u64 = 20;

/// The versioned ones: each change once.
fn told() -> Vec<&'static Told> {
    let versioned = TOLD
        .iter()
        .filter(|(e, _)| !e.starts_with("compute.instance."));
    versioned.map(|(_, t)| t).collect()
}

fn covers(span: &Span, t: Ts) -> bool {
    span.start <= t && span.end.is_none_or(|e| t < e)
}

fn value_at(timeline: &Timeline, aspect: Aspect, t: Ts) -> Option<&Span> {
    timeline.spans(aspect).iter().find(|s| covers(s, t))
}

fn pass_before(t: Ts) -> Ts {
    Ts::from_second(t.second().div_euclid(PASS_S) * PASS_S)
}

/// What lists each minute would have shown of a life, as the readers write it: what differs, and what is missing.
fn listed(key: &ResourceKey, truth: &Timeline, told: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |aspect, evidence, at: Ts, seen: Ts, value: Value| {
        facts.push(Fact {
            key: key.clone(),
            aspect,
            evidence,
            at,
            from: at,
            seen,
            value,
            observed_at: seen,
            pass: 2,
            raw: String::new(),
        });
    };
    let states = truth.spans(Aspect::State);
    let (Some(first), Some(last)) = (states.first(), states.last()) else {
        // Over within a second: no list shows it, and the next one is asked for it by id where a message told of it.
        if let Some(ended) = truth.facts.values().map(|f| f.seen).max().filter(|_| told) {
            let t = pass_before(ended);
            fact(
                Aspect::State,
                Evidence::Missing,
                t,
                t.plus_seconds(PASS_S),
                Value::Gone,
            );
        }
        return facts;
    };
    let to = last.end.unwrap_or(last.start).plus_seconds(3 * PASS_S);
    let mut before: BTreeMap<Aspect, &Span> = BTreeMap::new();
    let (mut t, mut alive) = (pass_before(first.start).plus_seconds(PASS_S), false);
    while t < to {
        let state = value_at(truth, Aspect::State, t);
        let over = last
            .end
            .is_some_and(|e| t.plus_seconds(-PASS_S) <= e && e <= t);
        if state.is_none() && (alive || told && over) {
            fact(
                Aspect::State,
                Evidence::Missing,
                t.plus_seconds(-PASS_S),
                t,
                Value::Gone,
            );
        }
        alive = state.is_some();
        if alive && before.is_empty() {
            let created = Value::Known(first.value.clone().unwrap());
            fact(
                Aspect::State,
                Evidence::Record,
                first.start,
                first.start,
                created,
            );
        }
        for aspect in [Aspect::State, Aspect::Flavor, Aspect::Owner] {
            let Some(span) = value_at(truth, aspect, t).filter(|_| alive) else {
                continue;
            };
            if before.get(&aspect).is_none_or(|b| b.value != span.value)
                && let Some(known) = &span.value
            {
                // The record was last changed then.
                let at = span.start.max(first.start);
                fact(
                    aspect,
                    Evidence::Sighting,
                    at,
                    t,
                    Value::Known(known.clone()),
                );
                before.insert(aspect, span);
            }
        }
        t = t.plus_seconds(PASS_S);
    }
    facts
}

fn shape(timeline: &Timeline, aspect: Aspect) -> Vec<(Ts, Option<Ts>, Option<&str>)> {
    let spans = timeline.spans(aspect).iter();
    spans
        .map(|s| (s.start, s.end, s.value.as_ref().map(|k| k.label.as_str())))
        .collect()
}

/// Every second at which two accounts of a life differ lies between the lists around a change, give or take the tolerance of clocks.
fn within_bound(truth: &Timeline, got: &Timeline) -> Result<(), String> {
    for aspect in [Aspect::State, Aspect::Flavor, Aspect::Owner] {
        let changes: BTreeSet<Ts> = truth
            .spans(aspect)
            .iter()
            .chain(truth.spans(Aspect::State))
            .flat_map(|s| [Some(s.start), s.end])
            .flatten()
            .chain(truth.facts.values().map(|f| f.at))
            .collect();
        let near = |t: Ts| {
            changes.iter().any(|c| {
                pass_before(*c).plus_seconds(-TOLERANCE_S) <= t
                    && t <= pass_before(*c).plus_seconds(PASS_S + TOLERANCE_S)
            })
        };
        let edges: BTreeSet<Ts> = changes
            .iter()
            .copied()
            .chain(
                got.spans(aspect)
                    .iter()
                    .flat_map(|s| [Some(s.start), s.end])
                    .flatten(),
            )
            .flat_map(|t| [t.plus_seconds(-1), t])
            .collect();
        // Between two edges nothing changes, so the edges and the seconds half way stand for all.
        let between = edges
            .iter()
            .zip(edges.iter().skip(1))
            .map(|(a, b)| Ts::from_second((a.second() + b.second()) / 2));
        for t in edges.iter().copied().chain(between) {
            let at = |l| value_at(l, aspect, t).map(|s| s.value.as_ref());
            if at(truth) != at(got) && !near(t) {
                return Err(format!(
                    "{:?} {aspect:?} at {t}: {:?}, and is {:?}",
                    truth.key,
                    shape(got, aspect),
                    shape(truth, aspect)
                ));
            }
        }
    }
    Ok(())
}

/// A life as the messages and lists of a seed tell it.
struct Trial {
    truth: Timeline,
    got: Timeline,
    complete: bool,
}

/// `dropped`: percent of the messages.
fn trials(seed: u64, dropped: u32) -> Vec<Trial> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let told = told();
    let truths = by_resource(told.iter().copied());
    let (mut kept, mut lost) = (Vec::new(), BTreeSet::new());
    for t in &told {
        if rng.random_ratio(dropped, 100) {
            lost.insert((t.kind, t.id.clone()));
            continue;
        }
        kept.push(*t);
        if rng.random_ratio(3, 10) {
            kept.push(*t);
        }
    }
    kept.shuffle(&mut rng);
    let mut kept = by_resource(kept);
    truths
        .into_iter()
        .map(|(key, facts)| {
            let truth = fold::fold(&key, facts);
            let mut facts = kept.remove(&key).unwrap_or_default();
            facts.extend(listed(&key, &truth, !facts.is_empty()));
            facts.shuffle(&mut rng);
            let lost = lost
                .iter()
                .any(|(k, id)| *k == key.kind && *id == key.resource);
            Trial {
                got: fold::fold(&key, facts),
                truth,
                complete: !lost,
            }
        })
        .collect()
}

#[test]
fn twenty_seeds_of_messages_dropped_doubled_and_shuffled() {
    let (mut exact, mut bounded) = (0, 0);
    for seed in 0..SEEDS {
        for trial in trials(seed, 30) {
            fold::check(&trial.got).unwrap();
            if trial.complete {
                for aspect in [Aspect::State, Aspect::Flavor, Aspect::Owner] {
                    let (got, truth) = (shape(&trial.got, aspect), shape(&trial.truth, aspect));
                    assert_eq!(got, truth, "seed {seed}, {:?} {aspect:?}", trial.truth.key);
                }
                exact += 1;
            } else {
                within_bound(&trial.truth, &trial.got)
                    .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                bounded += 1;
            }
        }
    }
    assert!(exact > 300 && bounded > 300, "{exact} {bounded}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_share_of_them_lost_keeps_the_bound(seed in any::<u64>(), percent in 0_u32..=100) {
        for trial in trials(seed, percent) {
            within_bound(&trial.truth, &trial.got).map_err(TestCaseError::fail)?;
        }
    }
}

/// A resize by Nova's log of actions, which names no flavor, and by its notification, which does.
#[test]
fn an_action_and_a_notification_of_one_change_are_one_change() {
    let resized = told().into_iter().find(|t| {
        t.drafts
            .iter()
            .any(|d| d.aspect == Aspect::Flavor && d.evidence == Evidence::Event)
    });
    let id = resized.unwrap().id.clone();
    let of_it = told().into_iter().filter(|t| t.id == id);
    let (key, facts) = by_resource(of_it).pop_first().unwrap();
    let truth = fold::fold(&key, facts.clone());
    let change = facts
        .iter()
        .find(|f| f.aspect == Aspect::Flavor && f.evidence == Evidence::Event);
    let change = change.unwrap();
    // Nova notes the end of an event after it has notified of it, in whole seconds.
    for (began, over) in [(-6, 0), (-6, 1), (-1, 0)] {
        let floor = |s: i64| Ts::from_second(change.at.second() + s);
        let mut action = Fact {
            at: floor(over),
            from: floor(began),
            seen: floor(over),
            value: Value::Unknown,
            ..change.clone()
        };
        if began == -1 {
            action.at = action.at.plus_seconds(1);
        }
        let got = fold::fold(&key, facts.iter().cloned().chain([action]));
        assert_eq!(shape(&got, Aspect::Flavor), shape(&truth, Aspect::Flavor));
        assert!(got.unexplained.is_empty());
    }
}
