//! The store's figures, against the real embedded engine, each beside the engine's own work or a limit.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;

use figures::{Figure, keep};

use plimsoll::{
    config,
    domain::{Aspect, Batch, Evidence, Fact, Known, ResourceKey, Ts, Value},
    store::{FactQuery, Store, engine::Program},
};
use std::{collections::BTreeMap, time::Instant};

const SERVERS: i64 = 10_000;
const FACTS_PER_SERVER: i64 = 20;
const BATCH: usize = 20_000;
const MEMORY_MAX: u64 = 1 << 30;

/// A server's life: a flavor and a name, then stops and starts.
fn life(server: i64) -> impl Iterator<Item = Fact> {
    (0..FACTS_PER_SERVER).map(move |n| {
        let at = Ts::from_second(1_790_000_000 + server * 7 + n * 3_600);
        let (aspect, value) = match n % 5 {
            0 => {
                let levels = BTreeMap::from([
                    ("vcpus".to_owned(), 4),
                    ("memory_bytes".to_owned(), 8 << 30),
                ]);
                (
                    Aspect::Flavor,
                    Value::Known(Known {
                        label: "m1.large".into(),
                        levels,
                        ..Known::default()
                    }),
                )
            }
            1 => (
                Aspect::Owner,
                Value::label(format!("project-{}", server % 100)),
            ),
            2 => (Aspect::State, Value::label("stopped")),
            3 => (Aspect::Zone, Value::label("nova")),
            _ => (Aspect::State, Value::label("active")),
        };
        let resource = format!(
            "{server:08x}-5c7e-4d1e-9d55-{:012x}",
            server * 2_654_435_761 % 281_474_976_710_656
        );
        let key = ResourceKey {
            cloud: "region-one".into(),
            kind: "server".into(),
            resource,
        };
        let evidence = if n % 2 == 0 {
            Evidence::Event
        } else {
            Evidence::Sighting
        };
        Fact {
            key,
            aspect,
            evidence,
            at,
            from: at,
            seen: at,
            value,
            observed_at: at,
            pass: 1,
            raw: String::new(),
        }
    })
}

/// A line of `/proc/PID/status`, kB.
fn memory_kb(pid: &str, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let found = status.lines().find(|l| l.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Store {
        data_dir: dir.path().to_owned(),
        at: config::StoreAt::Embedded {
            memory_max_bytes: MEMORY_MAX,
        },
        insert_timeout_s: 60,
        spool_max_bytes: 64 << 20,
    };
    let program = Program {
        binary: env!("CARGO_BIN_EXE_plimsoll").into(),
        library: None,
    };
    let open = async || {
        let began = Instant::now();
        let store = Store::open_with(&config, program.clone()).await.unwrap();
        (store, ms(began))
    };
    let (store, open_new) = open().await;
    store.close().await.unwrap();
    let (store, open_again) = open().await;
    let (joined, join) = open().await;
    drop(joined);
    let pid = std::fs::read_to_string(dir.path().join("engine/lock")).unwrap();
    let rss_idle = memory_kb(&pid, "VmRSS");

    let facts: Vec<Fact> = (0..SERVERS).flat_map(life).collect();
    let began = Instant::now();
    for facts in facts.chunks(BATCH) {
        let facts = facts.to_vec();
        store
            .write(&Batch {
                facts,
                ..Batch::default()
            })
            .await
            .unwrap();
    }
    let insert = ms(began);
    let copied = timed(&store, "INSERT INTO facts SELECT * FROM facts").await;

    let began = Instant::now();
    let mut stream = store.resources(&FactQuery::all(Ts::MAX)).await.unwrap();
    let (mut resources, mut read) = (0, 0);
    while let Some((_, facts)) = stream.next().await.unwrap() {
        resources += 1;
        read += facts.len();
    }
    assert_eq!((resources, read), (SERVERS, facts.len()));
    let streamed = ms(began);
    let sorted = timed(
        &store,
        "SELECT * FROM facts ORDER BY cloud, kind, resource, aspect, at, id FORMAT Null",
    )
    .await;
    let rss_after = memory_kb(&pid, "VmRSS");

    timed(&store, "OPTIMIZE TABLE facts FINAL").await;
    let size = "SELECT toUInt32(sum(data_compressed_bytes)) AS kept, toUInt32(sum(data_uncompressed_bytes)) AS raw
        FROM system.parts WHERE active AND table = 'facts' AND database = currentDatabase()";
    let size = store.json(size).await.unwrap();
    let bytes = |k: &str| size[0][k].as_f64().unwrap() / facts.len() as f64;
    let limit_kb = (MEMORY_MAX >> 10) as f64;
    keep(vec![
        Figure::new(
            "store.open_new",
            open_new,
            "ms",
            "opening it again",
            open_again,
        ),
        Figure::new("store.join", join, "ms", "opening it again", open_again),
        Figure::new(
            "store.insert",
            insert,
            "ms",
            "the engine copying the same rows itself",
            copied,
        ),
        Figure::new(
            "store.resources",
            streamed,
            "ms",
            "the engine reading the same rows in the same order",
            sorted,
        ),
        Figure::new(
            "store.fact_size",
            bytes("kept"),
            "By",
            "the same rows uncompressed",
            bytes("raw"),
        ),
        Figure::new(
            "store.rss_idle",
            rss_idle,
            "kB",
            "the limit given to the engine",
            limit_kb,
        ),
        Figure::new(
            "store.rss_after",
            rss_after,
            "kB",
            "the limit given to the engine",
            limit_kb,
        ),
    ]);
    store.close().await.unwrap();
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds of one statement.
async fn timed(store: &Store, sql: &str) -> f64 {
    let began = Instant::now();
    store.json(sql).await.unwrap();
    ms(began)
}
