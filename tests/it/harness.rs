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
        as_of: Ts::MAX,
        not_gone_before: Ts::MIN,
        kind: None,
        cloud: Some(cloud.into()),
        resource: None,
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
