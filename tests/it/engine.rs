//! The embedded engine as a process: killed, joined, shared, and reached as if it were a remote one.

use crate::harness::{self, fact, facts};
use plimsoll::{
    config,
    domain::{Aspect, Batch, Evidence, Fact, Value},
    spool::{NotStored, Spool},
    store::Store,
};
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

/// `kill -9` of the engine below `dir`, after a while.
fn kill_later(dir: &Path, after_ms: u64) -> std::thread::JoinHandle<()> {
    let pid = std::fs::read_to_string(dir.join("engine/lock")).unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(after_ms));
        assert!(
            std::process::Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
    })
}

/// Invariant 6: whatever was acknowledged survives a kill at any instruction; and the store comes back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_keeps_what_it_acknowledged_and_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let mut acknowledged = BTreeSet::new();
    let mut refusals = 0;
    for round in 0..3 {
        let killer = kill_later(dir.path(), 150 + 70 * round);
        for n in 0.. {
            let facts: Vec<Fact> = (0..50)
                .map(|i| {
                    fact(
                        "c",
                        &format!("{round}-{n}-{i}"),
                        Aspect::State,
                        Evidence::Event,
                        n,
                        Value::label("active"),
                    )
                })
                .collect();
            let names = facts
                .iter()
                .map(|f| f.key.resource.clone())
                .collect::<Vec<_>>();
            match store
                .write(&Batch {
                    facts,
                    ..Batch::default()
                })
                .await
            {
                Ok(()) => acknowledged.extend(names),
                Err(e) => {
                    assert!(e.is_transient(), "{e}");
                    refusals += 1;
                    break;
                }
            }
        }
        killer.join().unwrap();
    }
    assert_eq!(refusals, 3);
    assert!(acknowledged.len() >= 150, "{}", acknowledged.len());
    let there: BTreeSet<String> = facts(&store, "c")
        .await
        .into_iter()
        .map(|f| f.key.resource)
        .collect();
    assert!(there.is_superset(&acknowledged));
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_engine_a_directory_whoever_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    // A port that a dead engine left behind; somebody else's by now.
    std::fs::create_dir_all(dir.path().join("engine")).unwrap();
    std::fs::write(dir.path().join("engine/port"), "1\n").unwrap();
    let (one, two) = tokio::join!(harness::open(dir.path()), harness::open(dir.path()));
    let started: Vec<bool> = [&one, &two].iter().map(|s| s.is_alone()).collect();
    assert_eq!(started, [false, false], "two use it");
    one.write(&Batch {
        facts: vec![fact(
            "c",
            "a",
            Aspect::State,
            Evidence::Event,
            1,
            Value::Gone,
        )],
        ..Batch::default()
    })
    .await
    .unwrap();
    assert_eq!(facts(&two, "c").await.len(), 1);
    drop(two);
    // Whichever started it: this one is left alone with it, or without.
    let mut left = one;
    if !left.is_alone() {
        left = harness::open(dir.path()).await;
    }
    assert_eq!(facts(&left, "c").await.len(), 1);
    let applied = left
        .json("SELECT DISTINCT version FROM schema_migrations ORDER BY version")
        .await
        .unwrap();
    let there = std::fs::read_dir("schemas/clickhouse").unwrap().count();
    assert_eq!(applied.len(), there, "{applied:?}");
    left.close().await.unwrap();

    // It came to an end: the directory is free, and what was written is there.
    let again = harness::open(dir.path()).await;
    assert!(again.is_alone());
    assert_eq!(facts(&again, "c").await.len(), 1);
    again.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_reaches_a_remote_one_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let embedded = harness::open(dir.path()).await;
    let read = |name: &str| {
        std::fs::read_to_string(dir.path().join("engine").join(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    let remote = |user: &str, password: &str, port: &str| config::Store {
        at: config::StoreAt::Remote {
            url: format!("http://127.0.0.1:{port}").parse().unwrap(),
            database: "else`where".into(),
            user: user.into(),
            password: config::Secret::new(password),
            ca_file: None,
        },
        ..harness::config(dir.path())
    };
    let store = Store::open(&remote("app", &read("app.password"), &read("port")))
        .await
        .unwrap();
    store
        .write(&Batch {
            facts: vec![fact(
                "c",
                "a",
                Aspect::State,
                Evidence::Event,
                1,
                Value::Gone,
            )],
            ..Batch::default()
        })
        .await
        .unwrap();
    assert_eq!(facts(&store, "c").await.len(), 1);
    assert_eq!(facts(&embedded, "c").await.len(), 0, "another database");
    assert!(!store.is_alone());

    let refused = |config| async move { Store::open(&config).await.err().unwrap() };
    let wrong = refused(remote("app", "not-it-at-all", &read("port"))).await;
    assert!(
        !wrong.is_transient() && wrong.to_string().contains("store.password"),
        "{wrong}"
    );
    assert!(!wrong.to_string().contains("not-it-at-all"), "{wrong}");
    let reader = refused(remote("grafana", &read("grafana.password"), &read("port"))).await;
    assert!(
        !reader.is_transient() && reader.to_string().contains("read-only"),
        "{reader}"
    );
    let dashboards = clickhouse::Client::default()
        .with_url(format!("http://127.0.0.1:{}", read("port")))
        .with_user("grafana")
        .with_password(read("grafana.password"));
    for view in ["v_usage", "v_source"] {
        let count = format!("SELECT count() FROM plimsoll.{view}");
        assert_eq!(
            dashboards.query(&count).fetch_one::<u64>().await.unwrap(),
            0
        );
    }
    for forbidden in [
        "TRUNCATE TABLE plimsoll.facts",
        "SELECT count() FROM file('/etc/passwd', 'LineAsString')",
        "SELECT count() FROM `else``where`.facts",
    ] {
        assert!(
            dashboards.query(forbidden).execute().await.is_err(),
            "{forbidden}"
        );
    }
    let nobody = refused(remote("app", "x", "1")).await;
    assert!(nobody.is_transient(), "{nobody}");

    store
        .json(
            "INSERT INTO schema_migrations (version, name, sha256) VALUES (999, '0999_later', 'x')",
        )
        .await
        .unwrap();
    let newer = refused(remote("app", &read("app.password"), &read("port"))).await;
    assert!(newer.to_string().contains("newer plimsoll"), "{newer}");
    embedded.close().await.unwrap();
}

/// From the spool into a store that is killed meanwhile: everything arrives, nobody has to do anything.
#[tokio::test(flavor = "multi_thread")]
async fn the_spool_outlasts_a_killed_engine() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let spool = Spool::open(&dir.path().join("spool"), 8 << 20).unwrap();
    let killer = kill_later(dir.path(), 200);
    let put = async {
        for n in 0..60 {
            let one = fact(
                "c",
                &format!("{n:02}"),
                Aspect::State,
                Evidence::Event,
                n,
                Value::label("active"),
            );
            spool
                .put(&Batch {
                    facts: vec![one],
                    ..Batch::default()
                })
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        spool.drained().await;
    };
    let write = |batch: Arc<Batch>| {
        let store = store.clone();
        async move {
            store.write(&batch).await.map_err(|e| NotStored {
                refused: !e.is_transient(),
                why: e.to_string(),
            })
        }
    };
    spool.run(write, put).await.unwrap();
    killer.join().unwrap();
    assert_eq!((spool.delivered(), spool.depth().refusals), (60, 0));
    assert_eq!(facts(&store, "c").await.len(), 60);
    store.close().await.unwrap();
}

/// No engine outlives the process that started it, nor does a second one start in its directory.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_ends_with_its_parent_and_leaves_another_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (program, engine) = (harness::program(), dir.path().join("engine"));
    let library = program.library().unwrap();
    let mut parent = std::process::Command::new("sh")
        .args([
            "-c",
            "\"$0\" engine --dir \"$1\" --library \"$2\" --parent $$ & wait",
        ])
        .args([&program.binary, &engine, &library])
        .spawn()
        .unwrap();
    let wait = |what: &'static str, done: &dyn Fn() -> bool| {
        let began = std::time::Instant::now();
        while !done() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait("it comes up", &|| engine.join("port").exists());

    let second = std::process::Command::new(&program.binary)
        .arg("engine")
        .args(["--dir".as_ref(), engine.as_os_str()])
        .args(["--library".as_ref(), library.as_os_str()])
        .status()
        .unwrap();
    assert_eq!(second.code(), Some(75));
    let joined = harness::open(dir.path()).await;
    assert!(!joined.is_alone(), "another started it");

    parent.kill().unwrap();
    parent.wait().unwrap();
    let lock = std::fs::File::open(engine.join("lock")).unwrap();
    wait("it ends with its parent", &|| lock.try_lock().is_ok());
    drop(lock);

    // Who had joined it does not wait for one that is gone, but starts its own.
    let began = std::time::Instant::now();
    let one = fact("c", "a", Aspect::State, Evidence::Event, 1, Value::Gone);
    let batch = Batch {
        facts: vec![one],
        ..Batch::default()
    };
    assert!(joined.write(&batch).await.unwrap_err().is_transient());
    joined.write(&batch).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(joined.is_alone());
    joined.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = harness::program();
    program.library = Some(program.binary.clone());
    let error = Store::open_with(&harness::config(dir.path()), program)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("cannot load") && error.contains("engine.log"),
        "{error}"
    );
}

/// Even an engine that cannot be started again at once comes back in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_engine_is_looked_for_until_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = harness::program();
    let (library, link) = (program.library().unwrap(), dir.path().join("library.so"));
    std::os::unix::fs::symlink(&library, &link).unwrap();
    program.library = Some(link.clone());
    let store = Store::open_with(&harness::config(dir.path()), program)
        .await
        .unwrap();
    std::fs::remove_file(&link).unwrap();
    kill_later(dir.path(), 0).join().unwrap();
    let one = fact("c", "a", Aspect::State, Evidence::Event, 1, Value::Gone);
    let batch = Batch {
        facts: vec![one],
        ..Batch::default()
    };
    for _ in 0..2 {
        assert!(store.write(&batch).await.unwrap_err().is_transient());
    }
    std::os::unix::fs::symlink(&library, &link).unwrap();
    assert!(
        store.write(&batch).await.unwrap_err().is_transient(),
        "this attempt found it anew, the next one uses it"
    );
    store.write(&batch).await.unwrap();
    assert_eq!(facts(&store, "c").await.len(), 1);

    store.clone().close().await.unwrap();
    assert!(store.write(&batch).await.unwrap_err().is_transient());
    assert!(
        std::fs::File::open(dir.path().join("engine/lock"))
            .unwrap()
            .try_lock()
            .is_ok(),
        "closed is closed"
    );
}

/// The engine's own session has no password, and may therefore do next to nothing; what it may do costs a restart at most.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_without_a_password_and_a_stopped_listener_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let batch = Batch {
        facts: vec![fact(
            "c",
            "a",
            Aspect::State,
            Evidence::Event,
            1,
            Value::Gone,
        )],
        ..Batch::default()
    };
    store.write(&batch).await.unwrap();
    let port = std::fs::read_to_string(dir.path().join("engine/port")).unwrap();
    let anyone =
        clickhouse::Client::default().with_url(format!("http://127.0.0.1:{}", port.trim()));
    for forbidden in [
        "SELECT * FROM plimsoll.facts",
        "SELECT * FROM system.query_log",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "CREATE DATABASE x",
    ] {
        assert!(
            anyone.query(forbidden).execute().await.is_err(),
            "{forbidden}"
        );
    }
    let tables = "SELECT count() FROM system.tables WHERE database = 'plimsoll'";
    assert_eq!(anyone.query(tables).fetch_one::<u64>().await.unwrap(), 0);
    anyone
        .query("SYSTEM STOP LISTEN HTTP")
        .execute()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut attempts = 0;
    while let Err(e) = store.write(&batch).await {
        assert!(e.is_transient(), "{e}");
        attempts += 1;
        assert!(attempts < 5);
    }
    assert_eq!(facts(&store, "c").await.len(), 1);
    store.close().await.unwrap();
}
