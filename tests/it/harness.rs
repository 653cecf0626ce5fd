//! An engine in a directory of its own, ended with the test.

use plimsoll::{
    config,
    domain::{Aspect, Evidence, Fact, ResourceKey, StoredFact, Ts, Value},
    store::{FactQuery, Store, engine::Program},
};
use std::path::Path;

/// The plimsoll of this build, and the engine's library. Fails, with the way out, where there is none: a store that is not tested is not green.
pub(crate) fn program() -> Program {
    let program = Program {
        binary: env!("CARGO_BIN_EXE_plimsoll").into(),
        library: None,
    };
    program.library().unwrap_or_else(|e| panic!("{e}"));
    program
}

/// An embedded store below `dir`.
pub(crate) fn config(dir: &Path) -> config::Store {
    config::Store {
        data_dir: dir.to_owned(),
        at: config::StoreAt::Embedded {
            memory_max_bytes: 1 << 30,
        },
        insert_timeout_s: 20,
        spool_max_bytes: 64 << 20,
    }
}

/// Opens the store below `dir`.
pub(crate) async fn open(dir: &Path) -> Store {
    Store::open_with(&config(dir), program())
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A plimsoll with a configuration and a data directory of its own.
pub(crate) struct Plimsoll {
    dir: tempfile::TempDir,
    config: std::path::PathBuf,
}

impl Plimsoll {
    /// With the configuration that `make run` starts with.
    pub(crate) fn quickstart() -> Self {
        Self::with_config(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/quickstart.yaml").into())
    }

    /// With this configuration.
    pub(crate) fn with_config(config: std::path::PathBuf) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            config,
        }
    }

    /// A directory for what the test writes; the data directory is below it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The same directory with another configuration.
    pub(crate) fn configured(self, config: std::path::PathBuf) -> Self {
        Self { config, ..self }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// The command, ready to run.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut c = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        c.args(args)
            .arg("--config")
            .arg(&self.config)
            .arg("--data-dir")
            .arg(self.data());
        c.env("PLIMSOLL_LOG", "warn")
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null());
        c
    }

    /// Runs it: (exit code, stdout, stderr).
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let out = self.command(args).output().unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        (
            out.status.code().unwrap_or(-1),
            text(out.stdout),
            text(out.stderr),
        )
    }

    /// Runs what has to succeed: stdout.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "plimsoll {args:?}\n{out}\n{err}");
        out
    }
}

/// JSON that has to be JSON.
pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

pub(crate) fn fact(
    cloud: &str,
    resource: &str,
    aspect: Aspect,
    evidence: Evidence,
    at: i64,
    value: Value,
) -> Fact {
    let (at, key) = (
        Ts::from_second(at),
        ResourceKey {
            cloud: cloud.into(),
            kind: "server".into(),
            resource: resource.into(),
        },
    );
    Fact {
        key,
        aspect,
        evidence,
        at,
        from: at,
        seen: at,
        value,
        observed_at: at.plus_seconds(3),
        pass: 7,
        raw: String::new(),
    }
}

pub(crate) fn everything(cloud: &str) -> FactQuery {
    FactQuery {
        cloud: Some(cloud.into()),
        ..FactQuery::all(Ts::MAX)
    }
}

pub(crate) async fn read(store: &Store, query: &FactQuery) -> Vec<(ResourceKey, Vec<StoredFact>)> {
    let mut stream = store.resources(query).await.unwrap();
    let mut all = Vec::new();
    while let Some(resource) = stream.next().await.unwrap() {
        all.push(resource);
    }
    all
}

/// Facts without `stored_at`, in the store's order.
pub(crate) async fn facts(store: &Store, cloud: &str) -> Vec<Fact> {
    read(store, &everything(cloud))
        .await
        .into_iter()
        .flat_map(|(_, facts)| facts)
        .map(|f| f.fact)
        .collect()
}
