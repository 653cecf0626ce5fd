//! A cluster that is read, and what came of it.

use super::server::{Shared, World, recorded};
use plimsoll::{
    config::{self, Account},
    domain::{Aspect, Evidence, Fact, Memory, Outcome, Pass, PassMode, Timeline, Ts, fact::kind},
    fold,
    net::Clock,
    sources::{Finding, Parcel, Source},
};
use serde_json::Value as Json;
use std::{collections::BTreeMap, path::PathBuf};
use tokio::sync::mpsc;

/// A cluster, and readers of some of its lists.
pub(super) struct Cluster {
    pub(super) world: Shared,
    pub(super) clock: Clock,
    pub(super) conf: config::Kubernetes,
    pub(super) readers: Vec<Source>,
    pub(super) facts: Vec<Fact>,
    pub(super) dir: tempfile::TempDir,
}

impl Cluster {
    /// With these lists of recorded objects, of which the first is read.
    pub(super) async fn start(lists: &[&str]) -> Self {
        let mut with_scopes = lists.to_vec();
        with_scopes.push("namespaces");
        let (world, url) = World::start(&with_scopes).await;
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        std::fs::write(&token, "sesame\n").unwrap();
        let conf = config::Kubernetes {
            name: "okd".to_owned(),
            url: url.parse().unwrap(),
            account: Account::TokenFile(token),
            ca: None,
            interval_s: 1,
            full_interval_s: 60,
            page_size: 10,
            concurrency: 4,
            timeout_s: 1,
            body_max_bytes: 1 << 20,
            gpu_resources: "nvidia.com/gpu".to_owned(),
            kubelets: None,
        };
        let now = world.lock().unwrap().now;
        let mut cluster = Self {
            world,
            clock: Clock::standing_at(now),
            conf,
            readers: Vec::new(),
            facts: Vec::new(),
            dir,
        };
        cluster.restart(lists[0], &Memory::default());
        cluster
    }

    pub(super) fn token(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    /// A new reader takes over, with what a store remembers.
    pub(super) fn restart(&mut self, list: &str, memory: &Memory) {
        let conf = config::Source::Kubernetes(self.conf.clone());
        let place = [
            "namespaces",
            "nodes",
            "pods",
            "persistentvolumeclaims",
            "persistentvolumes",
            "storageclasses",
            "services",
            "clusterresourcequotas",
        ];
        let place = place.iter().position(|l| *l == list).unwrap();
        let all = Source::open(&conf, &self.clock, memory, "test").unwrap();
        self.readers = vec![all.into_iter().nth(place).unwrap()];
    }

    /// What a store remembers of what was collected.
    pub(super) fn memory(&self, list: &str, watermark: Ts) -> Memory {
        let mut memory = Memory::default();
        for f in self
            .facts
            .iter()
            .filter(|f| f.evidence == Evidence::Sighting)
        {
            let open = memory.open_mut(&f.key.kind);
            let known = open.entry(f.key.resource.clone()).or_default();
            let sighted = plimsoll::domain::memory::Sighted {
                value: f.value.clone(),
                at: f.at,
                seen: f.seen,
            };
            known.sighted.insert(f.aspect, sighted);
        }
        memory.watermarks.insert(list.to_owned(), watermark);
        memory
    }

    pub(super) fn later(&self, seconds: i64) {
        let mut world = self.world.lock().unwrap();
        world.now = world.now.plus_seconds(seconds);
        self.clock.set(world.now);
    }

    pub(super) async fn collect(&mut self, mode: PassMode) -> Vec<Pass> {
        let (out, mut parcels) = mpsc::channel::<Parcel>(64);
        let (readers, facts) = (&mut self.readers, &mut self.facts);
        let collecting = async move {
            let mut passes = Vec::new();
            for reader in readers {
                passes.extend(reader.collect(mode, &out).await);
            }
            passes
        };
        let taking = async {
            while let Some(Parcel { batch, .. }) = parcels.recv().await {
                facts.extend(batch.facts);
            }
        };
        tokio::join!(collecting, taking).0
    }

    /// A pass that has to be complete.
    pub(super) async fn complete(&mut self, mode: PassMode) -> Pass {
        let passes = self.collect(mode).await;
        let [pass] = passes.as_slice() else {
            panic!("{passes:?}")
        };
        assert_eq!(pass.outcome, Outcome::Complete, "{pass:?}");
        pass.clone()
    }

    pub(super) fn timelines(&self, kind: &str) -> BTreeMap<String, Timeline> {
        let keys: std::collections::BTreeSet<_> = self
            .facts
            .iter()
            .map(|f| f.key.clone())
            .filter(|k| k.kind == kind)
            .collect();
        keys.into_iter()
            .map(|k| {
                (
                    k.resource.clone(),
                    fold::fold(&k, self.facts.iter().cloned()),
                )
            })
            .collect()
    }

    pub(super) fn pod(&self, name: &str) -> Timeline {
        let all = self.timelines(kind::POD);
        let named = |t: &&Timeline| {
            t.spans(Aspect::Name)
                .iter()
                .any(|s| s.value.as_ref().is_some_and(|k| k.label == name))
        };
        all.values()
            .find(named)
            .unwrap_or_else(|| panic!("no facts of {name}"))
            .clone()
    }

    pub(super) async fn check(&mut self) -> Vec<Finding> {
        self.readers[0].check_online().await
    }
}

pub(super) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

/// The events of the recorded watch, without its bookmarks.
pub(super) fn recorded_events() -> Vec<(&'static str, Json)> {
    let lines = recorded("watch-pods-acme-dev.jsonl");
    let events = lines
        .lines()
        .map(|l| serde_json::from_str::<Json>(l).unwrap());
    let kinds = ["ADDED", "MODIFIED", "DELETED"];
    events
        .filter_map(|e| {
            Some((
                *kinds.iter().find(|k| e["type"] == **k)?,
                e["object"].clone(),
            ))
        })
        .collect()
}

/// One state span: from and to.
pub(super) fn life(timeline: &Timeline) -> (Ts, Option<Ts>) {
    let [state] = timeline.spans(Aspect::State) else {
        panic!("{:?}", timeline.aspects)
    };
    assert!(state.value.is_some());
    (state.start, state.end)
}
