//! Invariant 6, with real processes: killed at any moment, or without their store for long, they lose nothing and double nothing.

use crate::{
    harness::{self, Plimsoll, fact, json},
    made_up::{MONTH, MadeUp},
};
use plimsoll::{
    domain::{Aspect, Batch, Evidence, Fact, Ts, Value},
    spool::{NotStored, Spool},
    store::Store,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

const KILLS: u32 = 100;
/// Between two collections that came to their end, on the cloud's clock.
const STEP_S: i64 = 6 * 3600;

/// SplitMix64: the same kills in every run, as far as the machine lets them.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A collection whose output nobody reads.
fn collect(p: &Plimsoll) -> Child {
    let mut c = p.command(&["collect"]);
    c.stdout(Stdio::null()).stderr(Stdio::null());
    c.spawn().unwrap()
}

/// Waits until something holds, at most 30 s.
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The process id of the engine that lives there.
fn engine(data: &Path) -> Option<String> {
    let lock = data.join("engine/lock");
    let held = std::fs::File::open(&lock).ok()?.try_lock().is_err();
    let pid = std::fs::read_to_string(&lock).ok()?;
    (held && !pid.is_empty()).then_some(pid)
}

fn kill_9(pid: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args(["-9", pid]).stderr(Stdio::null());
    kill.status().unwrap().success()
}

/// The batches that lie in the spool, accepted and not yet acknowledged.
fn spooled(data: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let found = std::fs::read_dir(dir).into_iter().flatten();
        found.filter_map(|e| e.ok().map(|e| e.path())).collect()
    };
    let lanes = entries(&data.join("spool"));
    let mut batches: Vec<PathBuf> = lanes.iter().flat_map(|l| entries(l)).collect();
    batches.retain(|p| p.extension().is_some_and(|e| e == "batch"));
    batches
}

/// The facts of an accepted batch: JSON behind a header of 52 bytes.
fn accepted(file: &Path) -> Vec<Fact> {
    let bytes = std::fs::read(file).unwrap();
    serde_json::from_slice::<Batch>(&bytes[52..]).unwrap().facts
}

/// What identifies a fact to readers.
fn name(f: &Fact) -> (String, u64) {
    (
        format!("{}/{}/{}", f.key.cloud, f.key.kind, f.key.resource),
        f.id(),
    )
}

/// Every fact as a reader finds it; none of them twice.
async fn stored(p: &Plimsoll, cloud: &str) -> BTreeSet<(String, u64)> {
    let store = harness::open(&p.data()).await;
    let facts = harness::facts(&store, cloud).await;
    store.close().await.unwrap();
    let names: BTreeSet<_> = facts.iter().map(name).collect();
    assert_eq!(names.len(), facts.len(), "a fact is read twice");
    names
}

fn usage(p: &Plimsoll) -> serde_json::Value {
    let mut usage = json(&p.ok(&["usage", "--month", MONTH, "--format", "json"]));
    usage["as_of"].take();
    usage
}

/// What was going on when the kill came.
fn phase(cloud: &MadeUp, data: &Path, requests: u64) -> &'static str {
    match (cloud.requests() > requests, spooled(data).is_empty()) {
        (false, true) => "starting",
        (false, false) => "starting, with batches of one that was killed",
        (true, false) => "inserting",
        (true, true) if cloud.quiet_ms() < 100 => "collecting",
        (true, true) => "ending",
    }
}

/// Half of the kills come any time after the start, half after the cloud was first asked: that is where facts are under way.
fn sleep_to_the_kill(chance: &mut Chance, cloud: &MadeUp, victim: &mut Child, requests: u64) {
    if chance.below(2) == 0 {
        std::thread::sleep(Duration::from_millis(chance.below(1000)));
        return;
    }
    wait("the cloud is asked", || {
        cloud.requests() > requests || victim.try_wait().unwrap().is_some()
    });
    std::thread::sleep(Duration::from_millis(chance.below(250)));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_hundred_kills() {
    let cloud = MadeUp::serve(7).await;
    let killed = cloud.reader();
    let data = killed.data();
    let mut chance = Chance(42);
    let mut phases: BTreeMap<String, u32> = BTreeMap::new();
    // Accepted by the spool, or read back from the store: must be there at the end.
    let mut must = BTreeSet::new();
    let (mut steps, mut kills, mut revived) = (Vec::new(), 0, 0);
    let mut t = cloud.period.from.plus_seconds(STEP_S);
    cloud.set(t);
    while kills < KILLS {
        let requests = cloud.requests();
        let mut victim = collect(&killed);
        sleep_to_the_kill(&mut chance, &cloud, &mut victim, requests);
        let at = phase(&cloud, &data, requests);
        let running = victim.try_wait().unwrap().is_none();
        let (whom, hit) = if kills % 3 == 2 {
            (
                "engine",
                running && engine(&data).is_some_and(|pid| kill_9(&pid)),
            )
        } else {
            victim.kill().unwrap();
            ("plimsoll", running)
        };
        let ended = victim.wait().unwrap();
        if hit {
            kills += 1;
            *phases.entry(format!("{whom}: {at}")).or_default() += 1;
            revived += u32::from(ended.success());
        }
        if ended.success() {
            steps.push(t);
            t = t.plus_seconds(STEP_S);
            cloud.set(t);
        }
        wait("the engine dies with its parent", || {
            engine(&data).is_none()
        });
        must.extend(
            spooled(&data)
                .iter()
                .flat_map(|f| accepted(f))
                .map(|f| name(&f)),
        );
        if hit && kills % 10 == 0 {
            let there = stored(&killed, &cloud.cloud).await;
            must.extend(there);
        }
    }
    assert!(t < cloud.period.to, "the month is too short");
    killed.ok(&["collect"]);
    steps.push(t);
    let there = stored(&killed, &cloud.cloud).await;
    let lost: Vec<_> = must.difference(&there).collect();
    println!(
        "{kills} kills ({phases:?}); {revived} collections went on with a new engine; {} collections came to their end; {} facts, {} of them acknowledged before the last",
        steps.len(),
        there.len(),
        must.len()
    );
    assert_eq!(lost, Vec::<&(String, u64)>::new());
    assert_eq!(spooled(&data), Vec::<PathBuf>::new());

    let undisturbed = cloud.reader();
    for t in &steps {
        cloud.set(*t);
        undisturbed.ok(&["collect"]);
    }
    let differing: Vec<_> = stored(&undisturbed, &cloud.cloud)
        .await
        .symmetric_difference(&there)
        .cloned()
        .collect();
    assert_eq!(differing, Vec::new(), "{} facts", differing.len());
    let (got, want) = (usage(&killed), usage(&undisturbed));
    assert!(want["rows"].as_array().unwrap().len() > 100);
    assert_eq!(got.to_string(), want.to_string());
    assert!(
        phases.len() >= 4 && must.len() > 200,
        "the kills hit too little: {phases:?}"
    );
}

/// A collector that did not run for days finds also the servers that came and went meanwhile, which its next full list does not show.
#[tokio::test(flavor = "multi_thread")]
async fn what_lived_and_died_while_nobody_collected_is_found() {
    let cloud = MadeUp::serve(8).await;
    let servers = async |p: &Plimsoll| -> BTreeSet<String> {
        let all = stored(p, &cloud.cloud).await.into_iter().map(|(n, _)| n);
        all.filter(|n| n.contains("/server/")).collect()
    };
    let (paused, late) = (cloud.reader(), cloud.reader());
    cloud.set(cloud.period.from.plus_seconds(3600));
    paused.ok(&["collect"]);
    let before = servers(&paused).await;
    cloud.set(cloud.period.from.plus_seconds(10 * 86_400));
    paused.ok(&["collect"]);
    late.ok(&["collect"]);
    let (got, want) = (servers(&paused).await, servers(&late).await);
    assert!(
        want.len() >= before.len() + 10,
        "{} {}",
        want.len(),
        before.len()
    );
    assert_eq!(got, want);
}

/// A way to a store that can be shut: connections are then refused, those that stand are cut.
async fn gate(to: u16) -> (u16, tokio::sync::watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, opened) = tokio::sync::watch::channel(true);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut opened = opened.clone();
            tokio::spawn(async move {
                let through = async {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                };
                tokio::select! {
                    biased;
                    _ = opened.wait_for(|o| !*o) => {}
                    _ = through => {}
                }
            });
        }
    });
    (port, open)
}

/// Invariant 6: collection goes on while the store is away, over a restart too; then all of it arrives, in the order in which it came.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_gets_everything_in_order_afterwards() {
    const BATCHES: i64 = 300;
    let dir = tempfile::tempdir().unwrap();
    let embedded = harness::open(dir.path()).await;
    let read = |name: &str| std::fs::read_to_string(dir.path().join("engine").join(name)).unwrap();
    let (port, open) = gate(read("port").trim().parse().unwrap()).await;
    let mut config = harness::config(dir.path());
    config.at = plimsoll::config::StoreAt::Remote {
        url: format!("http://127.0.0.1:{port}").parse().unwrap(),
        database: "plimsoll".into(),
        user: "app".into(),
        password: plimsoll::config::Secret::new(read("app.password").trim()),
        ca_file: None,
    };
    let store = Store::open(&config).await.unwrap();
    open.send_replace(false);

    let (acknowledged, failed) = (Mutex::new(Vec::new()), AtomicU32::new(0));
    let write = async |batch: Arc<Batch>| {
        let done = store.write(&batch).await;
        if let Err(e) = done {
            failed.fetch_add(1, Ordering::Relaxed);
            let refused = !e.is_transient();
            return Err(NotStored {
                refused,
                why: e.to_string(),
            });
        }
        acknowledged
            .lock()
            .unwrap()
            .extend(batch.facts.iter().map(|f| f.at));
        Ok(())
    };
    let batch = |n: i64| Batch {
        facts: vec![fact(
            "c",
            &format!("{n}"),
            Aspect::State,
            Evidence::Event,
            n,
            Value::Gone,
        )],
        ..Batch::default()
    };
    let spools = dir.path().join("spool");
    let before = Spool::open(&spools, 8 << 20).unwrap();
    let accept = async {
        for n in 0..BATCHES / 2 {
            before.put(&batch(n)).await.unwrap();
        }
    };
    before.run(&write, accept).await.unwrap();
    assert_eq!(before.depth().batches, BATCHES.unsigned_abs() / 2);
    drop(before);

    let after = Spool::open(&spools, 8 << 20).unwrap();
    let accept = async {
        for n in BATCHES / 2..BATCHES {
            after.put(&batch(n)).await.unwrap();
        }
        wait_for(&failed, 2).await;
        assert_eq!(after.depth().batches, BATCHES.unsigned_abs());
        open.send_replace(true);
        after.drained().await;
    };
    after.run(&write, accept).await.unwrap();
    let order: Vec<Ts> = (0..BATCHES).map(Ts::from_second).collect();
    assert_eq!(*acknowledged.lock().unwrap(), order);
    assert_eq!(after.depth(), plimsoll::spool::Depth::default());
    assert_eq!(harness::facts(&embedded, "c").await.len(), order.len());
    embedded.close().await.unwrap();
}

async fn wait_for(count: &AtomicU32, at_least: u32) {
    let enough = async {
        while count.load(Ordering::Relaxed) < at_least {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), enough)
        .await
        .unwrap();
}
