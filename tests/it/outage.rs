//! Collectors that stop, start anew, come twice, look at odd times, or lose their role: what Nova's own clock proves stays exact, the rest is a recorded gap,
//! and no quantity is ever more than the truth.

mod collected;
mod polling;

use crate::truth::Exact;
use collected::{
    Cloud, Collected, DAY, HOUR, MINUTE, START, changes, collect_at, every_minute, stopped, truth,
    usage, world,
};
use plimsoll::{
    domain::{Memory, Outcome, PassMode, UsageRow},
    fold::measure::UNOBSERVED,
    simulate::World,
};
use std::collections::{BTreeMap, BTreeSet};

/// (tenant, resource, flavor, state, meter)
type Key = (String, String, String, String, String);

fn key(r: &UsageRow) -> Key {
    (
        r.tenant.to_string(),
        r.resource.to_string(),
        r.dimensions["flavor"].clone(),
        r.dimensions["state"].clone(),
        r.meter.to_string(),
    )
}

/// Everything equals the truth, to the second, and nothing is missing.
fn assert_exact(world: &World, rows: &[UsageRow], what: &str) {
    let truth = truth(world);
    let mut got = Exact::new();
    for r in rows {
        *got.entry(key(r)).or_default() += r.quantity;
        assert_eq!(r.observed_s, r.expected_s, "{what}: {r:?}");
    }
    let keys: BTreeSet<&Key> = truth.keys().chain(got.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|k| truth.get(*k) != got.get(*k))
        .map(|k| format!("{k:?}: truth {:?}, got {:?}", truth.get(k), got.get(k)))
        .collect();
    assert!(
        differing.is_empty(),
        "{what}: {} differ:\n{}",
        differing.len(),
        differing[..differing.len().min(12)].join("\n")
    );
    assert!(
        truth.len() > 50,
        "{what}: a truth of {} entries",
        truth.len()
    );
}

/// No row says more than was, and what was not observed is a gap of exactly the seconds that are missing. Returns the seconds of gaps by server.
///
/// A server that fell to ERROR and was deleted while nobody looked leaves no trace of the error anywhere in Nova: of such ones `error` counts as `active`.
fn assert_never_wrong(world: &World, rows: &[UsageRow], what: &str) -> BTreeMap<String, i64> {
    never_wrong(truth(world), rows, what)
}

fn never_wrong(exact: Exact, rows: &[UsageRow], what: &str) -> BTreeMap<String, i64> {
    let crashed: BTreeSet<String> = exact
        .keys()
        .filter(|k| k.3 == "error")
        .map(|k| k.1.clone())
        .collect();
    let of_state = |mut k: Key| {
        if crashed.contains(&k.1) && k.3 == "error" {
            k.3 = "active".to_owned();
        }
        k
    };
    let (mut truth, mut got) = (Exact::new(), Exact::new());
    for (k, q) in exact {
        *truth.entry(of_state(k)).or_default() += q;
    }
    let mut gaps: BTreeMap<String, i64> = BTreeMap::new();
    let mut seconds: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for r in rows {
        if r.dimensions["flavor"] == UNOBSERVED || r.dimensions["state"] == UNOBSERVED {
            assert_eq!((r.quantity, r.observed_s), (0, 0), "{what}: {r:?}");
        } else {
            *got.entry(of_state(key(r))).or_default() += r.quantity;
        }
        if r.meter == "compute.instance" {
            *gaps.entry(r.resource.to_string()).or_default() += r.expected_s - r.observed_s;
            *seconds.entry((&r.tenant, &r.resource)).or_default() += i128::from(r.expected_s);
        }
    }
    let mut wrong: Vec<String> = got
        .iter()
        .filter(|(k, q)| truth.get(*k).is_none_or(|t| *q > t))
        .map(|(k, q)| format!("{k:?} has {q}, in truth {:?}", truth.get(k)))
        .collect();
    let mut true_seconds: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for ((tenant, resource, _, _, meter), q) in &truth {
        if meter == "compute.instance" {
            *true_seconds.entry((tenant, resource)).or_default() += q;
        }
    }
    let all: BTreeSet<_> = seconds.keys().chain(true_seconds.keys()).collect();
    wrong.extend(
        all.into_iter()
            .filter(|k| seconds.get(*k) != true_seconds.get(*k))
            .map(|k| {
                let (got, want) = (seconds.get(k), true_seconds.get(k));
                format!("{k:?}: observed and gaps are {got:?} s, in truth {want:?} s")
            }),
    );
    assert!(
        wrong.is_empty(),
        "{what}: {} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
    gaps.retain(|_, s| *s > 0);
    gaps
}

/// Servers of which Nova's own clock cannot tell everything, if nobody looked in `[from, to)`: they lived in a flavor, or came to be shelved, only then.
fn unprovable(world: &World, (from, to): (i64, i64)) -> BTreeSet<String> {
    let (start, end) = world.window();
    let (mut flavors, mut found) = (BTreeMap::<String, usize>::new(), BTreeSet::new());
    for e in world.truth(start, end).unwrap().events {
        if e.kind == "server" && (from..to).contains(&e.t.second()) {
            let n = flavors.entry(e.resource.clone()).or_default();
            *n += usize::from(e.aspect == "flavor");
            if *n > 1 || e.state.starts_with("shelved") {
                found.insert(e.resource);
            }
        }
    }
    found
}

#[tokio::test]
async fn undisturbed_it_is_the_truth() {
    for seed in 1..=2 {
        let world = world("small", seed, 3, None);
        let got = collect_at(&world, &every_minute(&world)).await;
        assert_exact(&world, &usage(&world, &got), &format!("seed {seed}"));
    }
}

#[tokio::test]
async fn stopped_for_minutes_hours_and_days() {
    // Something happens to each busy server every half to three hours.
    for (seed, lasts, then) in [
        (11, 10 * MINUTE, PassMode::Full),
        (12, 6 * HOUR, PassMode::Full),
        (13, 3 * DAY, PassMode::Changes),
    ] {
        let days = lasts / DAY + 2;
        let world = world("small", seed, days, Some([HOUR / 2, 3 * HOUR]));
        let what = format!("stopped for {lasts} s");
        let changes = changes(&world);
        let busiest = |from: &&i64| changes.range(**from..**from + lasts).count();
        let from = *changes
            .range(START + DAY..START + 2 * DAY)
            .max_by_key(busiest)
            .unwrap()
            - 1;
        let mut schedule = stopped(&every_minute(&world), from, lasts);
        if then == PassMode::Full {
            // As a process does that starts.
            schedule.iter_mut().find(|(t, _)| *t > from).unwrap().1 = then;
        }
        let got = collect_at(&world, &schedule).await;
        let rows = usage(&world, &got);
        let gaps = assert_never_wrong(&world, &rows, &what);
        let allowed = unprovable(&world, (from, from + lasts));
        for (server, gap) in &gaps {
            assert!(
                allowed.contains(server) && *gap <= lasts,
                "{what}: {server} has a gap of {gap} s, though Nova tells it all"
            );
        }
        if lasts == 10 * MINUTE {
            let within = changes.range(from..from + lasts).count();
            assert!(within > 5, "{within} changes are not amid changes");
            assert_exact(&world, &rows, &what);
        } else {
            assert!(!gaps.is_empty(), "{what}: no flavor lived only then");
        }
    }
}

/// A whole list shows nobody who came and went since the last one, and then nobody is missed either.
#[tokio::test]
async fn who_lived_only_while_nobody_looked_is_found_by_a_whole_list_too() {
    let world = world("small", 1, 2, None);
    let (from, to) = world.window();
    let events = world.truth(from, to).unwrap().events;
    let when = |state: &str| -> BTreeMap<String, i64> {
        let of = events
            .iter()
            .filter(|e| e.kind == "server" && e.state == state);
        of.map(|e| (e.resource.clone(), e.t.second())).collect()
    };
    let (born, gone) = (when("building"), when("deleted"));
    // The only one that ends between two looks, which are further apart than the overlap of two lists of changes.
    let (before, after) = born
        .iter()
        .filter_map(|(id, b)| Some((b - 60, gone.get(id)? + 600)))
        .find(|(before, after)| {
            gone.values()
                .filter(|g| (before - 120..*after).contains(g))
                .count()
                == 1
        })
        .unwrap();
    let got = collect_at(
        &world,
        &[
            (START, PassMode::Full),
            (before, PassMode::Changes),
            (after, PassMode::Full),
            (to.second() + 60, PassMode::Changes),
        ],
    )
    .await;
    assert_never_wrong(&world, &usage(&world, &got), "born and gone in between");
}

/// Times from a seed (SplitMix64): the same on any machine.
struct Times(u64);

impl Times {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((z ^ (z >> 31)) % u64::try_from(n).unwrap()).unwrap()
    }

    /// Half of them within seconds of a change, when records and events are half written.
    fn passes(&mut self, world: &World, count: usize) -> Vec<(i64, PassMode)> {
        let (changes, (from, to)) = (changes(world), world.window());
        let changes: Vec<i64> = changes.into_iter().collect();
        let length = to.second() - from.second();
        let mut all: Vec<(i64, PassMode)> = (0..count)
            .map(|n| {
                let pick = usize::try_from(self.below(i64::try_from(changes.len()).unwrap()));
                let t = match n % 2 {
                    0 => from.second() + self.below(length),
                    _ => changes[pick.unwrap()] + self.below(16) - 4,
                };
                let full = self.below(5) == 0;
                (
                    t,
                    if full {
                        PassMode::Full
                    } else {
                        PassMode::Changes
                    },
                )
            })
            .collect();
        let end = to.second() + 20 + self.below(30);
        all.push((end, PassMode::Full));
        all.sort_by_key(|(t, _)| *t);
        all
    }
}

/// Seconds observed, by server and meter.
fn observed(rows: &[UsageRow]) -> BTreeMap<(String, String), i64> {
    let mut all = BTreeMap::new();
    for r in rows {
        *all.entry((r.resource.to_string(), r.meter.to_string()))
            .or_default() += r.observed_s;
    }
    all
}

#[tokio::test]
async fn two_collectors_at_any_times_tell_no_less_than_one() {
    for seed in 21..=24 {
        let world = world("small", seed, 2, Some([HOUR / 4, 3 * HOUR]));
        let cloud = Cloud::start(world.clone()).await;
        let mut times = Times(seed);
        let mut slots: Vec<(usize, (i64, PassMode))> = (0..2)
            .flat_map(|who| {
                let passes = times.passes(&world, 40);
                passes.into_iter().map(move |slot| (who, slot))
            })
            .collect();
        slots.sort_by_key(|(who, (t, _))| (*t, *who));
        let mut sources = ["one", "two"].map(|n| cloud.collector(n, Memory::default()));
        let mut got = [Collected::default(), Collected::default()];
        for (who, slot) in slots {
            cloud.pass(&mut sources[who], slot, &mut got[who]).await;
        }
        cloud.end().await;
        let both = got[0].and(&got[1]);
        let merged = usage(&world, &both);
        let what = format!("seed {seed}, both");
        assert_never_wrong(&world, &merged, &what);
        assert_eq!(
            merged,
            usage(&world, &got[1].and(&both)),
            "{what}: in another order, partly twice"
        );
        let merged = observed(&merged);
        for (n, one) in got.iter().enumerate() {
            let rows = usage(&world, one);
            assert_never_wrong(&world, &rows, &format!("seed {seed}, collector {n}"));
            for (k, seconds) in observed(&rows).into_iter().filter(|(_, s)| *s > 0) {
                assert!(
                    merged.get(&k).is_some_and(|m| *m >= seconds),
                    "seed {seed}: collector {n} alone observed {seconds} s of {k:?}, both {:?}",
                    merged.get(&k)
                );
            }
        }
    }
}

#[tokio::test]
async fn a_new_process_changes_nothing_with_or_without_a_memory() {
    let world = world("small", 31, 3, Some([HOUR, 6 * HOUR]));
    let cloud = Cloud::start(world.clone()).await;
    let mut got = Collected::default();
    let mut source = cloud.collector("0", Memory::default());
    for (n, slot) in every_minute(&world).into_iter().enumerate() {
        if n % 23 == 22 {
            let memory = if n % 2 == 0 {
                Memory::default()
            } else {
                got.memory()
            };
            source = cloud.collector(&n.to_string(), memory);
        }
        cloud.pass(&mut source, slot, &mut got).await;
    }
    cloud.end().await;
    assert_exact(&world, &usage(&world, &got), "started anew");
}

#[tokio::test]
async fn a_lost_role_an_outage_and_odd_tags_end_nothing_and_guess_nothing() {
    let world = world("awkward", 1, 13, None);
    let at = |d: i64, h: i64, m: i64| START + d * DAY + h * HOUR + m * MINUTE;
    let troubles = [
        (at(5, 1, 0), at(5, 2, 0)),
        (at(9, 0, 0), at(9, 0, 10)),
        (at(9, 12, 0), at(9, 12, 15)),
    ];
    // While an API answers 500 each pass waits for its retries: two of them will do.
    let failing = |t: i64| {
        troubles[1..]
            .iter()
            .any(|(from, to)| (*from + 2 * MINUTE..*to).contains(&t))
    };
    let mut schedule = every_minute(&world);
    schedule.retain(|(t, _)| !failing(*t));
    let got = collect_at(&world, &schedule).await;
    let suspect = got.outcomes("servers", Outcome::Suspect);
    assert!(
        !suspect.is_empty()
            && suspect
                .iter()
                .all(|t| (troubles[0].0..troubles[0].1).contains(t)),
        "{suspect:?}"
    );
    assert!(!got.outcomes("servers", Outcome::Failed).is_empty());
    let rows = usage(&world, &got);
    // Tags are seen, not dated: a change counts from the first look at it, at most one interval (here a minute) after the true second.
    let exact = truth(&world);
    let nobody = |t: &str| t == "unattributed";
    assert!(exact.keys().any(|k| nobody(&k.0)) && rows.iter().any(|r| nobody(&r.tenant)));
    let handed: BTreeSet<&str> = exact
        .keys()
        .filter(|k| exact.keys().any(|o| o.1 == k.1 && o.0 != k.0))
        .map(|k| k.1.as_str())
        .collect();
    assert!(handed.len() > 2, "{handed:?}");
    let mut late: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for r in rows
        .iter()
        .filter(|r| r.meter == "compute.instance" && handed.contains(r.resource.as_str()))
    {
        *late.entry((&r.resource, &r.tenant)).or_default() += i128::from(r.expected_s);
    }
    for ((tenant, resource, _, _, meter), q) in
        exact.iter().filter(|(k, _)| handed.contains(k.1.as_str()))
    {
        if meter == "compute.instance" {
            *late.entry((resource, tenant)).or_default() -= q;
        }
    }
    for resource in &handed {
        let of: Vec<i128> = late
            .iter()
            .filter(|((r, _), _)| r == resource)
            .map(|(_, s)| *s)
            .collect();
        assert!(
            of.len() == 2 && of[0] + of[1] == 0 && of[0].abs() <= i128::from(MINUTE),
            "{resource}: {late:?}"
        );
    }
    // Everything else is the truth but for gaps.
    let mut others = rows;
    others.retain(|r| !handed.contains(r.resource.as_str()));
    let of_others = exact
        .clone()
        .into_iter()
        .filter(|(k, _)| !handed.contains(k.1.as_str()));
    let gaps = never_wrong(of_others.collect(), &others, "awkward");
    let allowed: BTreeSet<String> = troubles
        .iter()
        .flat_map(|t| unprovable(&world, *t))
        .collect();
    for (server, gap) in &gaps {
        assert!(
            allowed.contains(server) && *gap <= HOUR,
            "{server} has a gap of {gap} s"
        );
    }
}
