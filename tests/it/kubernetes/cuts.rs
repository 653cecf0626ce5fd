//! A watch that is cut a hundred times at random places, histories that are forgotten, lists from which pods are gone: every span is the truth, or a gap that holds it.

use super::{cluster::Cluster, server::World};
use plimsoll::domain::{Aspect, Outcome, PassMode, Ts, fact::kind};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const CUTS: usize = 100;
const STEPS: usize = 10;
const STEP_S: i64 = 60;

/// Small numbers by chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % n
    }
}

/// What a pod really did.
#[derive(Debug, Clone)]
struct Truth {
    bound: Ts,
    /// From when on it asked for more.
    resized: Option<Ts>,
    end: Option<Ts>,
    /// Between two answers that nothing connects.
    lost: bool,
}

fn pod(name: &str, of: &Truth, now: Ts) -> Json {
    let cpu = if of.resized.is_some_and(|t| t <= now) {
        "2"
    } else {
        "1"
    };
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "acme-dev", "uid": name, "creationTimestamp": of.bound.plus_seconds(-1).to_string()},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Pending"},
    });
    if of.bound <= now {
        pod["spec"]["nodeName"] = "n".into();
        pod["status"] = json!({"phase": "Running", "conditions":
            [{"type": "PodScheduled", "status": "True", "lastTransitionTime": of.bound.to_string()}]});
    }
    if let Some(end) = of.end.filter(|t| *t <= now) {
        pod["metadata"]["deletionTimestamp"] = end.to_string().into();
    }
    pod
}

/// Lets a step's time pass: pods come, are resized, and go, some within seconds.
fn step(world: &mut World, truths: &mut BTreeMap<String, Truth>, dice: &mut Dice, n: usize) {
    let begins = world.now;
    let mut events: Vec<(Ts, String, &'static str)> = Vec::new();
    for (name, truth) in truths.iter_mut().filter(|(_, t)| t.end.is_none()) {
        match dice.below(5) {
            0 => {
                let end = begins.plus_seconds(1 + dice.below(STEP_S - 1));
                truth.end = Some(end);
                events.push((end, name.clone(), "DELETED"));
            }
            1 if truth.resized.is_none() => {
                let at = begins.plus_seconds(1 + dice.below(STEP_S - 1));
                truth.resized = Some(at);
                events.push((at, name.clone(), "MODIFIED"));
            }
            _ => {}
        }
    }
    for k in 0..12 {
        let name = format!("p{n}-{k}");
        let bound = begins.plus_seconds(1 + dice.below(STEP_S - 10));
        // Some live for five seconds.
        let end = (dice.below(3) == 0).then(|| bound.plus_seconds(5));
        let truth = Truth {
            bound,
            resized: None,
            end,
            lost: false,
        };
        events.push((bound.plus_seconds(-1), name.clone(), "ADDED"));
        events.push((bound, name.clone(), "MODIFIED"));
        events.extend(end.map(|end| (end, name.clone(), "DELETED")));
        truths.insert(name, truth);
    }
    events.sort();
    for (at, name, kind) in events {
        let object = pod(&name, &truths[&name], at);
        world.happens("pods", kind, object);
    }
}

/// Reads all there is to tell, cut after one, two or three events each time, while there are cuts left.
async fn read(cluster: &mut Cluster, dice: &mut Dice) {
    {
        let mut world = cluster.world.lock().unwrap();
        let after = usize::try_from(1 + dice.below(3)).unwrap();
        world.cut_after = (world.cuts < CUTS).then_some(after);
    }
    cluster.complete(PassMode::Changes).await;
}

#[tokio::test]
async fn a_hundred_cuts_lost_histories_and_pods_that_are_gone() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut cluster = Cluster::start(&["pods"]).await;
    cluster.complete(PassMode::Full).await;
    let recorded = cluster.timelines(kind::POD).len();
    let (mut truths, mut lost) = (BTreeMap::new(), 0);
    for n in 0..STEPS {
        step(
            &mut cluster.world.lock().unwrap(),
            &mut truths,
            &mut dice,
            n,
        );
        cluster.later(STEP_S);
        if n % 4 == 3 {
            // Everything is told, then some go without a trace and the API server restarts.
            read(&mut cluster, &mut dice).await;
            cluster.later(STEP_S);
            {
                let mut world = cluster.world.lock().unwrap();
                world.cut_after = None;
                for (name, truth) in truths.iter_mut().filter(|(_, t)| t.end.is_none()).take(2) {
                    world.vanishes("pods", &format!("acme-dev/{name}"));
                    truth.end = Some(world.now.plus_seconds(-STEP_S / 2));
                    truth.lost = true;
                    lost += 1;
                }
                world.restarts();
            }
            let passes = cluster.collect(PassMode::Changes).await;
            let outcomes: Vec<_> = passes.iter().map(|p| p.outcome).collect();
            assert_eq!(outcomes, [Outcome::Failed, Outcome::Complete], "{passes:?}");
        } else {
            read(&mut cluster, &mut dice).await;
        }
    }
    let cuts = cluster.world.lock().unwrap().cuts;
    assert!(cuts >= CUTS, "{cuts} cuts");
    assert_eq!(lost, 4);
    let timelines = cluster.timelines(kind::POD);
    assert_eq!(
        timelines.len(),
        recorded + truths.len(),
        "not one is missing"
    );
    for (name, truth) in &truths {
        let timeline = &timelines[name];
        let states = timeline.spans(Aspect::State);
        assert_eq!(states[0].start, truth.bound, "{name}: {truth:?}");
        if truth.lost {
            let [bound, gap] = states else {
                panic!("{name}: {states:?}")
            };
            assert!(bound.value.is_some() && gap.value.is_none(), "{name}");
            let end = truth.end.unwrap();
            assert!(
                gap.start <= end && gap.end.is_some_and(|e| end <= e),
                "{name}"
            );
        } else {
            let [bound] = states else {
                panic!("{name}: {states:?}")
            };
            assert!(bound.value.is_some(), "{name}");
            assert_eq!(bound.end, truth.end, "{name}: {truth:?}");
        }
        let asked: Vec<i64> = timeline
            .spans(Aspect::Flavor)
            .iter()
            .filter_map(|s| s.value.as_ref()?.levels.get("cpu_nanocores").copied())
            .collect();
        let want: &[i64] = match truth.resized {
            Some(_) => &[1_000_000_000, 2_000_000_000],
            None => &[1_000_000_000],
        };
        assert_eq!(asked, want, "{name}: {truth:?}");
    }
}
