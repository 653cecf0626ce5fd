//! The store's figures, against the real embedded engine: one JSON object a line (`name`, `value`, `unit`).
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use plimsoll::{
    config,
    domain::{Aspect, Batch, Evidence, Fact, Known, ResourceKey, Ts, Value},
    store::{FactQuery, Store, engine::Program},
};
use std::{collections::BTreeMap, time::Instant};

const SERVERS: i64 = 10_000;
const FACTS_PER_SERVER: i64 = 20;
const BATCH: usize = 20_000;

fn report(name: &str, value: impl std::fmt::Display, unit: &str) {
    println!("{{\"name\":\"store.{name}\",\"value\":{value},\"unit\":\"{unit}\"}}");
}

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
fn memory_kb(pid: &str, line: &str) -> u64 {
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
            memory_max_bytes: 1 << 30,
        },
        insert_timeout_s: 60,
        spool_max_bytes: 64 << 20,
    };
    let program = Program {
        binary: env!("CARGO_BIN_EXE_plimsoll").into(),
        library: None,
    };
    for name in ["open_new", "open_again"] {
        let began = Instant::now();
        let store = Store::open_with(&config, program.clone()).await.unwrap();
        report(name, began.elapsed().as_millis(), "ms");
        store.close().await.unwrap();
    }
    let store = Store::open_with(&config, program.clone()).await.unwrap();
    let pid = std::fs::read_to_string(dir.path().join("engine/lock")).unwrap();
    for (name, line) in [("rss_idle", "VmRSS"), ("rss_anonymous_idle", "RssAnon")] {
        report(name, memory_kb(&pid, line), "kB");
    }
    let began = Instant::now();
    let joined = Store::open_with(&config, program).await.unwrap();
    report("join", began.elapsed().as_millis(), "ms");
    drop(joined);

    let facts: Vec<Fact> = (0..SERVERS).flat_map(life).collect();
    let began = Instant::now();
    for facts in facts.chunks(BATCH) {
        store
            .write(&Batch {
                facts: facts.to_vec(),
                ..Batch::default()
            })
            .await
            .unwrap();
    }
    let rate = facts.len() as u128 * 1_000 / began.elapsed().as_millis().max(1);
    report("insert", rate, "facts/s");
    let one = Batch {
        facts: facts[..1].to_vec(),
        ..Batch::default()
    };
    let began = Instant::now();
    for _ in 0..20 {
        store.write(&one).await.unwrap();
    }
    report("insert_one", began.elapsed().as_millis() / 20, "ms");

    let began = Instant::now();
    let query = FactQuery {
        as_of: Ts::MAX,
        not_gone_before: Ts(0),
        kind: None,
        cloud: None,
        resources: Vec::new(),
    };
    let mut stream = store.resources(&query).await.unwrap();
    let (mut resources, mut read) = (0, 0);
    while let Some((_, facts)) = stream.next().await.unwrap() {
        resources += 1;
        read += facts.len();
    }
    assert_eq!((resources, read), (SERVERS, facts.len()));
    report("resources", began.elapsed().as_millis(), "ms");
    let began = Instant::now();
    assert_eq!(
        store.memory("region-one").await.unwrap().open["server"].len(),
        usize::try_from(SERVERS).unwrap()
    );
    report("memory", began.elapsed().as_millis(), "ms");

    let size = "SELECT toUInt32(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE active AND table = 'facts' AND database = currentDatabase()";
    store.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
    let bytes = store.json(size).await.unwrap()[0]["bytes"]
        .as_u64()
        .unwrap();
    report(
        "bytes_per_1000_facts",
        bytes * 1_000 / facts.len() as u64,
        "By",
    );
    report("rss_after", memory_kb(&pid, "VmRSS"), "kB");
    report("rss_anonymous_after", memory_kb(&pid, "RssAnon"), "kB");
    store.close().await.unwrap();
}
