//! What `run-tests.sh` leaves for the tests: the manifest, and what was collected. A test works on a copy.

use plimsoll::{
    config::{self, Config},
    domain::{Aspect, Known, Pass, Timeline, Ts},
    periods::usage,
    store::{FactQuery, Store, engine::Program},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

fn env(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: `make lab-ceph` runs these tests"))
}

/// What the seed did: see `deploy/lab/ceph/README.md`.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) usage: Vec<Row>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) hours: Vec<i64>,
    pub(crate) killed: Killed,
    pub(crate) rbd: Vec<Image>,
    pub(crate) subvolumes: Vec<Subvolume>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: i64,
    pub(crate) successful: i64,
    pub(crate) bytes_in: i64,
    pub(crate) bytes_out: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) hour: i64,
    pub(crate) user: String,
    pub(crate) bucket: String,
    pub(crate) category: String,
    pub(crate) class: String,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// What RGW had told for sure before it was killed.
    pub(crate) at_least: Option<Counts>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) at: i64,
    pub(crate) tenant: String,
    pub(crate) bucket: String,
    pub(crate) owner: String,
    pub(crate) storage_class: String,
    pub(crate) bytes: i64,
    pub(crate) objects: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Killed {
    pub(crate) hour: i64,
    pub(crate) at: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    pub(crate) pool: String,
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) provisioned: i64,
    pub(crate) written: i64,
    pub(crate) snapshots: BTreeMap<String, i64>,
    pub(crate) trash: bool,
    #[serde(default)]
    pub(crate) gone: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Subvolume {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) quota: Option<i64>,
    pub(crate) used: i64,
    #[serde(default)]
    pub(crate) gone: bool,
}

pub(crate) fn manifest() -> Manifest {
    let text = std::fs::read_to_string(env("LAB_MANIFEST")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A copy of what was collected.
pub(crate) struct Collected {
    dir: tempfile::TempDir,
}

impl Collected {
    pub(crate) fn copy() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new("cp")
            .arg("-a")
            .args([
                PathBuf::from(env("PLIMSOLL_LAB_DATA_DIR")),
                dir.path().join("data"),
            ])
            .status();
        assert!(status.unwrap().success());
        Self { dir }
    }

    fn config(&self) -> Config {
        let overrides = config::Overrides {
            data_dir: Some(self.dir.path().join("data")),
        };
        let path = PathBuf::from(env("PLIMSOLL_LAB_CONFIG"));
        config::load(Some(&path), &overrides).unwrap_or_else(|e| panic!("{e:?}"))
    }

    async fn store(&self) -> Store {
        let program = Program {
            binary: env!("CARGO_BIN_EXE_plimsoll").into(),
            library: None,
        };
        Store::open_with(&self.config().store, program)
            .await
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Everything of a kind, folded.
    pub(crate) async fn timelines(&self, kind: &str) -> Vec<Timeline> {
        let store = self.store().await;
        let query = FactQuery {
            kinds: vec![kind.to_owned()],
            ..FactQuery::all(Ts::MAX)
        };
        let mut all = Vec::new();
        usage::each_timeline(&store, &query, |t| {
            plimsoll::fold::check(&t).unwrap_or_else(|e| panic!("{}: {e}", t.key.resource));
            all.push(t);
        })
        .await
        .unwrap();
        assert!(!all.is_empty(), "nothing of the kind {kind}");
        all
    }

    /// All passes over a list.
    pub(crate) async fn passes(&self, list: &str) -> Vec<Pass> {
        let store = self.store().await;
        let rows = store
            .json("SELECT DISTINCT toString(id) AS id FROM passes")
            .await
            .unwrap();
        let ids: Vec<u64> = rows
            .iter()
            .map(|r| r["id"].as_str().unwrap().parse().unwrap())
            .collect();
        let mut passes = store.passes(&ids).await.unwrap();
        passes.retain(|p| p.list == list);
        passes
    }

    /// `plimsoll usage` of a month.
    pub(crate) fn usage(&self, month: &str) -> serde_json::Value {
        let out = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["usage", "--month", month, "--format", "json", "--config"])
            .arg(env("PLIMSOLL_LAB_CONFIG"))
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .env("PLIMSOLL_LOG", "warn")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{err}");
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

/// What an aspect was at a time.
pub(crate) fn at(t: &Timeline, aspect: Aspect, time: i64) -> Option<&Known> {
    let time = Ts::from_second(time);
    let spans = t.spans(aspect).iter();
    let mut holding = spans.filter(|s| s.start <= time && s.end.is_none_or(|e| time < e));
    holding.next().and_then(|s| s.value.as_ref())
}

/// What an aspect was at the last.
pub(crate) fn last(t: &Timeline, aspect: Aspect) -> Option<&Known> {
    t.spans(aspect).iter().rev().find_map(|s| s.value.as_ref())
}

/// True of what is still there.
pub(crate) fn is_there(t: &Timeline) -> bool {
    t.spans(Aspect::State)
        .last()
        .is_some_and(|s| s.end.is_none())
}
