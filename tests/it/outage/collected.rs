//! A made-up cloud read by collectors at chosen moments, and what their facts come to; without a store.

use crate::truth::{Exact, integrate};
use plimsoll::{
    attribute::Attribution,
    config::{self, Credentials, Secret},
    domain::{
        Aspect, Evidence, Fact, Memory, Meters, Outcome, Pass, PassMode, ResourceKey, Tenancy, Ts,
        UsageRow, Value,
        fact::kind,
        memory::{Remembered, Sighted},
        ownership::{Scope, Scopes},
        tenancy::Rule,
    },
    fold::{
        self, measure,
        sums::{Summing as _, Sums},
    },
    net::Clock,
    simulate::{self, Scenario, World},
    sources::{Parcel, Source},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 86_400;

/// 1 October 2026, 00:00 UTC.
pub(super) const START: i64 = 1_790_812_800;

/// A made-up cloud of a shipped scenario over its first days; `gap_s` as shipped, or closer.
pub(super) fn world(name: &str, seed: u64, days: i64, gap_s: Option<[i64; 2]>) -> Arc<World> {
    let file = format!(
        "{}/deploy/scenarios/{name}.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut text = std::fs::read_to_string(Path::new(&file)).unwrap();
    if let Some([least, most]) = gap_s {
        let shipped = text.lines().find(|l| l.starts_with("gap_s:")).unwrap();
        text = text.replace(shipped, &format!("gap_s: [{least}, {most}]"));
    }
    let scenario = Scenario::parse(name, &text).unwrap();
    let (from, to) = (Ts::from_second(START), Ts::from_second(START + days * DAY));
    Arc::new(World::generate(&scenario, seed, from, to).unwrap())
}

/// The seconds at which anything truly changed, in the window.
pub(super) fn changes(world: &World) -> BTreeSet<i64> {
    let (from, to) = world.window();
    let truth = world.truth(from, to).unwrap();
    truth
        .events
        .iter()
        .filter(|e| e.kind == "server")
        .map(|e| e.t.second())
        .filter(|t| *t > from.second())
        .collect()
}

/// A collector's minutes at which it could learn anything: twice after each change, once an hour, and after the end; all others would write nothing.
pub(super) fn every_minute(world: &World) -> Vec<(i64, PassMode)> {
    let (from, to) = world.window();
    let (from, to) = (from.second(), to.second());
    let after = |t: i64| (t.div_euclid(MINUTE) + 1) * MINUTE;
    let mut slots: BTreeSet<i64> = changes(world)
        .into_iter()
        .flat_map(|t| [after(t), after(t) + MINUTE])
        .filter(|t| *t <= to)
        .collect();
    slots.extend((0..=(to - from) / HOUR).map(|h| from + h * HOUR));
    slots.extend([to + MINUTE, to + 2 * MINUTE]);
    let whole = |t: i64| (t - from) % DAY == 0;
    slots
        .into_iter()
        .map(|t| {
            let mode = if whole(t) {
                PassMode::Full
            } else {
                PassMode::Changes
            };
            (t, mode)
        })
        .collect()
}

/// The same without the slots in `[from, from + lasts)`: the collector was stopped.
pub(super) fn stopped(schedule: &[(i64, PassMode)], from: i64, lasts: i64) -> Vec<(i64, PassMode)> {
    schedule
        .iter()
        .copied()
        .filter(|(t, _)| !(from..from + lasts).contains(t))
        .collect()
}

/// What collectors brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Collected {
    pub(super) facts: Vec<Fact>,
    pub(super) passes: Vec<Pass>,
}

impl Collected {
    /// Both together.
    pub(super) fn and(&self, other: &Self) -> Self {
        let (mut facts, mut passes) = (self.facts.clone(), self.passes.clone());
        facts.extend_from_slice(&other.facts);
        passes.extend_from_slice(&other.passes);
        Self { facts, passes }
    }

    pub(super) fn outcomes(&self, list: &str, outcome: Outcome) -> Vec<i64> {
        let of = |p: &&Pass| p.list == list && p.outcome == outcome;
        self.passes
            .iter()
            .filter(of)
            .map(|p| p.started.second())
            .collect()
    }

    /// What a new process would be told by the store: the latest sightings of what is not known to be gone, and how far complete passes reached.
    pub(super) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        let mut resources: BTreeMap<&ResourceKey, Vec<&Fact>> = BTreeMap::new();
        for f in &self.facts {
            resources.entry(&f.key).or_default().push(f);
        }
        for (key, facts) in resources {
            if facts.iter().any(|f| f.value == Value::Gone) {
                continue;
            }
            let mut sighted: BTreeMap<Aspect, Sighted> = BTreeMap::new();
            for f in facts.iter().filter(|f| f.evidence == Evidence::Sighting) {
                let now = Sighted {
                    value: f.value.clone(),
                    at: f.at,
                    seen: f.seen,
                };
                let latest = sighted.entry(f.aspect).or_insert_with(|| now.clone());
                if (latest.seen, latest.at) < (now.seen, now.at) {
                    *latest = now;
                }
            }
            let open = memory.open_mut(&key.kind);
            let sighted = sighted.into_iter().collect();
            open.insert(key.resource.clone(), Remembered { sighted });
        }
        for p in self
            .passes
            .iter()
            .filter(|p| p.outcome == Outcome::Complete)
        {
            let reach = |marks: &mut BTreeMap<String, Ts>| {
                let mark = marks.entry(p.list.clone()).or_insert(p.watermark);
                *mark = (*mark).max(p.watermark);
            };
            reach(&mut memory.watermarks);
            if p.mode == PassMode::Full {
                reach(&mut memory.full_watermarks);
            }
        }
        memory
    }
}

/// A made-up cloud that answers, at a time that only we move.
pub(super) struct Cloud {
    clock: Clock,
    conf: config::OpenStack,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Cloud {
    pub(super) async fn start(world: Arc<World>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let auth_url = format!("http://{}/identity/v3", listener.local_addr().unwrap());
        let credentials = Credentials::Password {
            username: simulate::USER.to_owned(),
            user_domain: "Default".to_owned(),
            project: "admin".to_owned(),
            project_domain: "Default".to_owned(),
            password: Secret::new(simulate::PASSWORD),
        };
        let conf =
            config::OpenStack::with_defaults(world.cloud(), auth_url.parse().unwrap(), credentials);
        let clock = Clock::standing_at(world.window().0);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = simulate::serve(listener, world, clock.clone(), async {
            let _ = stopped.await;
        });
        Self {
            clock,
            conf,
            stop,
            task: tokio::spawn(served),
        }
    }

    /// A collector of servers that remembers so much.
    pub(super) fn collector(&self, name: &str, memory: Memory) -> Source {
        self.readers(name, &memory).remove(0)
    }

    /// Readers of everything, the one of servers first.
    pub(super) fn readers(&self, name: &str, memory: &Memory) -> Vec<Source> {
        let conf = config::Source::OpenStack(self.conf.clone());
        Source::open(&conf, &self.clock, memory, name).unwrap()
    }

    /// One collection by one collector at one time.
    pub(super) async fn pass(
        &self,
        source: &mut Source,
        (t, mode): (i64, PassMode),
        into: &mut Collected,
    ) {
        self.clock.set(Ts::from_second(t));
        let (out, mut taken) = mpsc::channel::<Parcel>(64);
        let collecting = async move {
            source.collect(mode, &out).await;
        };
        let taking = async {
            while let Some(Parcel { batch, .. }) = taken.recv().await {
                into.facts.extend(batch.facts);
                into.passes.extend(batch.passes);
            }
        };
        tokio::join!(collecting, taking);
    }

    /// What one new collector brings by a schedule.
    pub(super) async fn collect_at(&self, schedule: &[(i64, PassMode)]) -> Collected {
        let mut source = self.collector("one", Memory::default());
        let mut got = Collected::default();
        for slot in schedule {
            self.pass(&mut source, *slot, &mut got).await;
        }
        got
    }

    pub(super) async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// What a schedule brings from a world.
pub(super) async fn collect_at(world: &Arc<World>, schedule: &[(i64, PassMode)]) -> Collected {
    let cloud = Cloud::start(Arc::clone(world)).await;
    let got = cloud.collect_at(schedule).await;
    cloud.end().await;
    got
}

/// Usage over the world's window by the fold, with the quickstart's tenancy.
pub(super) fn usage(world: &World, got: &Collected) -> Vec<UsageRow> {
    let (from, to) = world.window();
    let contracts = [
        ("CO-001", "norrland-kommun"),
        ("CO-002", "fjord-bank"),
        ("CO-003", "aurora-health"),
        ("CO-004", "tundra-games"),
    ];
    let attribution = Attribution::new(&Tenancy {
        rules: vec![Rule::ProjectTag {
            prefix: "contract:".to_owned(),
        }],
        contracts: contracts.map(|(c, t)| (c.to_owned(), t.to_owned())).into(),
        ..Tenancy::default()
    })
    .unwrap();
    let mut resources: BTreeMap<ResourceKey, Vec<Fact>> = BTreeMap::new();
    for f in &got.facts {
        resources.entry(f.key.clone()).or_default().push(f.clone());
    }
    let (mut scopes, mut servers) = (Scopes::default(), Vec::new());
    for (key, facts) in resources {
        let t = fold::fold(&key, facts);
        assert_eq!(fold::check(&t), Ok(()), "{key:?}");
        if key.kind == "project" {
            let owners = attribution.owners(
                &key.cloud,
                &key.resource,
                t.spans(Aspect::Attributes),
                Ts::MIN,
                Ts::MAX,
            );
            let name = key.resource.clone();
            scopes
                .0
                .insert((key.cloud, key.resource), Scope { name, owners });
        } else {
            servers.push(t);
        }
    }
    let complete = |p: &&Pass| p.outcome == Outcome::Complete;
    let mut reached: BTreeMap<&str, Ts> = BTreeMap::new();
    for p in got.passes.iter().filter(complete) {
        let reach = reached.entry(&p.list).or_insert(p.watermark);
        *reach = (*reach).max(p.watermark);
    }
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let mut sums = Sums::new("a month");
    for t in &servers {
        let list = kind::list_of(&t.key.kind);
        let window = measure::Window {
            from,
            to,
            watermark: reached.get(list).copied().unwrap_or(Ts::MIN),
            as_of: to,
        };
        sums.add(&t.life(), "", &meters, &scopes, &window);
    }
    assert!(sums.ledger.conserved() && !sums.ledger.overflowed);
    sums.into_rows()
}

/// What truly was, added up by a program that shares nothing with the fold.
pub(super) fn truth(world: &World) -> Exact {
    let (from, to) = world.window();
    let mut truth = world.truth(from, to).unwrap();
    // The collectors here read servers alone.
    truth.events.retain(|e| e.kind == "server");
    truth.requests.clear();
    let truth = serde_json::to_value(truth).unwrap();
    integrate(&truth, from.second(), to.second())
}
