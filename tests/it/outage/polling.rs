//! What whole lists alone can know: what lives between two of them is never seen, and each change is off by no more than the time between them.

use super::collected::{Cloud, Collected, DAY, HOUR, usage, world};
use crate::truth::integrate;
use plimsoll::{
    domain::{Memory, PassMode},
    simulate::World,
};
use std::collections::BTreeMap;

/// Between two lists.
const INTERVAL: i64 = 600;

/// (resource, meter)
type Key = (String, String);

/// What may be off by one change, and how many changes there were, by resource.
fn allowed(world: &World) -> BTreeMap<String, (i64, BTreeMap<String, i64>)> {
    let (from, to) = world.window();
    let mut all: BTreeMap<String, (i64, BTreeMap<String, i64>)> = BTreeMap::new();
    for e in world.truth(from, to).unwrap().events {
        let (changes, most) = all.entry(e.resource).or_default();
        *changes += i64::from(e.t > from);
        for (level, amount) in e.levels {
            let held = most.entry(level).or_default();
            *held = amount.max(*held);
        }
    }
    all
}

/// The level that a meter of something beside servers counts; none: it counts the thing.
fn level_of(meter: &str) -> Option<&'static str> {
    match meter {
        "loadbalancer" => None,
        "network.public_ipv4" => Some("ipv4_addresses"),
        "object.count" => Some("objects"),
        _ => Some("capacity_bytes"),
    }
}

#[tokio::test]
async fn lists_alone_are_off_by_an_interval_a_change_and_no_more() {
    for seed in 41..=42 {
        let world = world("small", seed, 2, Some([HOUR, 6 * HOUR]));
        let (from, to) = world.window();
        let cloud = Cloud::start(world.clone()).await;
        let mut readers = cloud.readers("one", &Memory::default());
        let mut got = Collected::default();
        for t in (from.second()..=to.second()).step_by(usize::try_from(INTERVAL).unwrap()) {
            let whole = (t - from.second()) % DAY == 0;
            let mode = if whole {
                PassMode::Full
            } else {
                PassMode::Changes
            };
            for reader in &mut readers {
                cloud.pass(reader, (t, mode), &mut got).await;
            }
        }
        cloud.end().await;
        let mut truth = world.truth(from, to).unwrap();
        // The object gateways are another source.
        truth.events.retain(|e| e.kind != "bucket");
        truth.requests.clear();
        let truth = serde_json::to_value(truth).unwrap();
        let mut true_sums: BTreeMap<Key, i128> = BTreeMap::new();
        for ((_, resource, _, _, meter), q) in integrate(&truth, from.second(), to.second()) {
            *true_sums.entry((resource, meter)).or_default() += q;
        }
        let (mut sums, mut gaps) = (BTreeMap::<Key, i128>::new(), BTreeMap::<Key, i64>::new());
        for r in usage(&world, &got) {
            let key = (r.resource.to_string(), r.meter.to_string());
            *gaps.entry(key.clone()).or_default() += r.expected_s - r.observed_s;
            *sums.entry(key).or_default() += r.quantity;
        }
        let allowed = allowed(&world);
        let (mut exact, mut off, mut unseen) = (0, 0, 0);
        let keys: std::collections::BTreeSet<&Key> = true_sums.keys().chain(sums.keys()).collect();
        for key in keys.into_iter().filter(|k| !k.1.starts_with("compute.")) {
            let of = |all: &BTreeMap<Key, i128>| all.get(key).copied().unwrap_or(0);
            let (want, have) = (of(&true_sums), of(&sums));
            let (changes, most) = &allowed[&key.0];
            let level = level_of(&key.1).map_or(1, |l| most[l]);
            let bound = i128::from(INTERVAL * changes) * i128::from(level);
            assert!(
                (want - have).abs() <= bound,
                "seed {seed}: {key:?} has {have}, in truth {want}, with {changes} changes of {level}"
            );
            let gap = gaps.get(key).copied().unwrap_or(0);
            assert!(
                (0..=INTERVAL).contains(&gap),
                "seed {seed}: {key:?} has a gap of {gap} s"
            );
            match (want == have, sums.contains_key(key)) {
                (true, _) => exact += 1,
                (false, true) => off += 1,
                (false, false) => unseen += 1,
            }
        }
        assert!(
            exact > 20 && off > 5 && unseen > 0,
            "seed {seed}: {exact} exact, {off} off, {unseen} never seen"
        );
    }
}
