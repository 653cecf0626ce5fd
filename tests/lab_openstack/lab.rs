//! What `run-tests.sh` leaves for the tests: a data directory for each collector, and the way to the cloud. A test works on copies.

use plimsoll::{
    config::{self, Config},
    domain::{Aspect, Batch, Fact, Pass, Raw, ResourceKey, Span, Timeline, Ts, fact::kind},
    periods::usage,
    store::{FactQuery, Store, engine::Program},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A variable that must be there.
pub(crate) fn env(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: `make lab-openstack` runs these tests"))
}

/// A data directory of the test's own, and a configuration.
pub(crate) struct Plimsoll {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Plimsoll {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            config: env("PLIMSOLL_LAB_CONFIG").into(),
        }
    }

    /// With what a collector (`one`, `two`, `away`) had collected when it was stopped.
    pub(crate) fn of(collector: &str) -> Self {
        let copy = Self::empty();
        let from = Path::new(&env("PLIMSOLL_LAB_DATA_DIR")).join(collector);
        let status = Command::new("cp")
            .arg("-a")
            .args([&from, &copy.data()])
            .status();
        assert!(status.unwrap().success(), "copying {}", from.display());
        copy
    }

    /// As another account: `edit` changes the configuration's text.
    pub(crate) fn configured(mut self, edit: impl Fn(String) -> String) -> Self {
        let text = std::fs::read_to_string(&self.config).unwrap();
        self.config = self.dir().join("plimsoll.yaml");
        std::fs::write(&self.config, edit(text)).unwrap();
        self
    }

    /// For what the test writes.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn data(&self) -> PathBuf {
        self.dir().join("data")
    }

    /// The configuration as loaded.
    pub(crate) fn config(&self) -> Config {
        let overrides = config::Overrides {
            data_dir: Some(self.data()),
        };
        config::load(Some(&self.config), &overrides).unwrap_or_else(|e| panic!("{e:?}"))
    }

    /// Its store. Close it before a command is run, or the command borrows its engine.
    pub(crate) async fn store(&self) -> Store {
        let program = Program {
            binary: env!("CARGO_BIN_EXE_plimsoll").into(),
            library: None,
        };
        Store::open_with(&self.config().store, program)
            .await
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Runs a command: exit code, stdout, stderr.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(args)
            .arg("--config")
            .arg(&self.config)
            .arg("--data-dir")
            .arg(self.data())
            .env("PLIMSOLL_LOG", "warn")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        let code = out.status.code().unwrap_or(-1);
        (code, text(out.stdout), text(out.stderr))
    }

    /// Runs what has to succeed: stdout.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "plimsoll {args:?}\n{out}\n{err}");
        out
    }
}

/// The servers of a store, folded, by id.
pub(crate) async fn servers(store: &Store) -> BTreeMap<String, Timeline> {
    let query = FactQuery {
        kinds: vec![kind::SERVER.to_owned()],
        ..FactQuery::all(Ts::MAX)
    };
    let mut all = BTreeMap::new();
    usage::each_timeline(store, &query, |t| {
        plimsoll::fold::check(&t).unwrap_or_else(|e| panic!("{}: {e}", t.key.resource));
        all.insert(t.key.resource.clone(), t);
    })
    .await
    .unwrap();
    all
}

/// How far the list of servers reaches.
pub(crate) async fn reaches(store: &Store) -> Ts {
    store.watermarks(Ts::MAX).await.unwrap()[&("lab".to_owned(), "servers".to_owned())]
}

/// All facts of a store.
pub(crate) async fn facts(store: &Store) -> Vec<(ResourceKey, Vec<Fact>)> {
    let mut stream = store.resources(&FactQuery::all(Ts::MAX)).await.unwrap();
    let mut all = Vec::new();
    while let Some((key, facts)) = stream.next().await.unwrap() {
        all.push((key, facts.into_iter().map(|f| f.fact).collect()));
    }
    all
}

/// All passes of a store.
pub(crate) async fn passes(store: &Store) -> Vec<Pass> {
    let rows = store
        .json("SELECT DISTINCT toString(id) AS id FROM passes")
        .await
        .unwrap();
    let ids: Vec<u64> = rows
        .iter()
        .map(|r| r["id"].as_str().unwrap().parse().unwrap())
        .collect();
    store.passes(&ids).await.unwrap()
}

/// All that a store holds of a source, as batches: one a resource, and the passes.
pub(crate) async fn batches(store: &Store) -> Vec<Batch> {
    let mut all = Vec::new();
    for (_, facts) in facts(store).await {
        let hashes: BTreeSet<&str> = facts.iter().map(|f| f.raw.as_str()).collect();
        let mut raws = Vec::new();
        for hash in hashes.into_iter().filter(|h| !h.is_empty()) {
            let raw = Raw::new(store.raw(hash).await.unwrap().unwrap());
            assert_eq!(
                raw.hash, hash,
                "the object behind a fact is what its hash says"
            );
            raws.push(raw);
        }
        all.push(Batch {
            raws,
            facts,
            passes: Vec::new(),
        });
    }
    all.extend(passes(store).await.chunks(10).map(|some| Batch {
        passes: some.to_vec(),
        ..Batch::default()
    }));
    all
}

/// A timeline as lines, for who has to find out what went wrong.
pub(crate) fn story(t: &Timeline) -> String {
    let mut lines: Vec<_> = t.facts.values().collect();
    lines.sort_by_key(|f| (f.aspect, f.at, f.evidence, f.seen));
    let told = lines.into_iter().map(|f| {
        let label = f.value.known().map_or("-", |k| k.label.as_str());
        format!(
            "    {:?} {:?} {label} at {} (from {}, seen {})\n",
            f.aspect, f.evidence, f.at, f.from, f.seen
        )
    });
    let spans = t.aspects.iter().flat_map(|(a, spans)| {
        spans
            .iter()
            .map(move |s| format!("    {a:?}: {}\n", shown(s)))
    });
    told.chain(spans).collect()
}

/// A span in words.
pub(crate) fn shown(s: &Span) -> String {
    let end = s.end.map_or("(lasts)".to_owned(), |e| e.to_string());
    let label = s.value.as_ref().map_or(s.gap, |k| k.label.as_str());
    format!("{} .. {end} {label}", s.start)
}

/// Spans of an aspect without what they stand on.
pub(crate) fn plain(t: &Timeline, aspect: Aspect) -> Vec<(Ts, Option<Ts>, Option<String>)> {
    t.spans(aspect)
        .iter()
        .map(|s| (s.start, s.end, s.value.as_ref().map(|k| k.label.clone())))
        .collect()
}
