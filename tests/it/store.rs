//! The store against the real embedded engine: duplicates, reorderings, crashes, joins, views.

use crate::harness::{self, everything, fact, read};
use plimsoll::{
    domain::{
        Aspect, Batch, Evidence, Outcome, Pass, PassMode, Raw, ResourceKey, Ts, Value,
        usage::{Basis, Piece, ResourcePieces},
    },
    store::FactQuery,
};
use std::collections::BTreeMap;

fn pass(cloud: &str, list: &str, mode: PassMode, watermark: i64, outcome: Outcome) -> Pass {
    let at = Ts::from_second(watermark);
    Pass {
        id: Pass::id_of(cloud, list, mode, at, "test"),
        cloud: cloud.into(),
        service: "compute".into(),
        region: "one".into(),
        list: list.into(),
        mode,
        started: at,
        finished: at.plus_seconds(2),
        watermark: at,
        skew_us: -1500,
        outcome,
        items: 3,
        facts: 4,
        requests: 5,
        bytes: 6,
        error: if outcome == Outcome::Complete {
            String::new()
        } else {
            "broke off".into()
        },
        collector: "test".into(),
        cursor: format!("after {watermark}"),
    }
}

fn number(row: &serde_json::Value, column: &str) -> i128 {
    row[column].as_str().map_or_else(
        || i128::from(row[column].as_i64().unwrap()),
        |digits| digits.parse().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_at_is_the_earliest_and_as_of_goes_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let first = Batch {
        facts: vec![fact(
            "c",
            "a",
            Aspect::State,
            Evidence::Event,
            100,
            Value::label("active"),
        )],
        ..Batch::default()
    };
    let second = Batch {
        facts: vec![fact(
            "c",
            "b",
            Aspect::State,
            Evidence::Event,
            100,
            Value::label("active"),
        )],
        ..Batch::default()
    };
    let before = store.now().await.unwrap();
    store.write(&first).await.unwrap();
    let between = store.now().await.unwrap();
    store.write(&second).await.unwrap();
    store.write(&first).await.unwrap();
    assert!(before < between);
    let as_of = |t| FactQuery {
        as_of: t,
        ..everything("c")
    };
    assert_eq!(read(&store, &as_of(before)).await, []);
    let then = read(&store, &as_of(between)).await;
    assert_eq!(
        then.iter()
            .map(|(k, _)| k.resource.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    assert_eq!(read(&store, &everything("c")).await.len(), 2);
    store.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
    assert_eq!(read(&store, &as_of(between)).await, then);

    // A definition counts from when it was stored; the one before comes back when it is in force again.
    let a = store.put_definition("meters", "a").await.unwrap();
    let had_a = store.now().await.unwrap();
    assert_eq!(store.put_definition("meters", "a").await.unwrap(), a);
    let b = store.put_definition("meters", "b").await.unwrap();
    let had_b = store.now().await.unwrap();
    store.put_definition("meters", "a").await.unwrap();
    assert_ne!(a, b);
    for (at, body) in [(had_a, "a"), (had_b, "b"), (Ts::MAX, "a")] {
        assert_eq!(
            store.definition("meters", at).await.unwrap().unwrap().1,
            body
        );
    }
    assert_eq!(store.definition("meters", before).await.unwrap(), None);
    assert_eq!(
        store
            .json("SELECT count() AS n FROM definitions")
            .await
            .unwrap()[0]["n"],
        "3"
    );
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_memory_and_filters() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let sighting = |resource: &str, at, value: &str| {
        fact(
            "c",
            resource,
            Aspect::State,
            Evidence::Sighting,
            at,
            Value::label(value),
        )
    };
    let gone = |resource: &str, evidence, at| {
        fact("c", resource, Aspect::State, evidence, at, Value::Gone)
    };
    let raw = Raw::new("{\"it's\": \"é\\\\\"}");
    let batch = Batch {
        raws: vec![raw.clone(), raw.clone()],
        facts: vec![
            sighting("open", 10, "active"),
            sighting("open", 20, "stopped"),
            fact(
                "c",
                "open",
                Aspect::Name,
                Evidence::Sighting,
                10,
                Value::label("web'1\\"),
            ),
            sighting("gone", 10, "active"),
            gone("gone", Evidence::Record, 30),
            sighting("missed", 10, "active"),
            gone("missed", Evidence::Missing, 30),
            sighting("back", 10, "active"),
            gone("back", Evidence::Missing, 30),
            sighting("back", 40, "active"),
            fact(
                "c",
                "silent",
                Aspect::State,
                Evidence::Event,
                5,
                Value::label("active"),
            ),
            fact(
                "other",
                "elsewhere",
                Aspect::State,
                Evidence::Sighting,
                10,
                Value::label("active"),
            ),
        ],
        passes: vec![
            pass("c", "servers", PassMode::Full, 100, Outcome::Complete),
            pass("c", "servers", PassMode::Changes, 200, Outcome::Complete),
            pass("c", "servers", PassMode::Full, 300, Outcome::Suspect),
            pass("c", "servers", PassMode::Full, 400, Outcome::Failed),
            pass(
                "c",
                "servers.deleted",
                PassMode::Deleted,
                150,
                Outcome::Complete,
            ),
        ],
    };
    store.write(&batch).await.unwrap();
    store.write(&batch).await.unwrap();

    let memory = store.memory("c").await.unwrap();
    let open = &memory.open["server"];
    assert_eq!(
        open.keys().map(String::as_str).collect::<Vec<_>>(),
        ["back", "open", "silent"]
    );
    let state = open["open"].sighted.get(&Aspect::State).unwrap();
    assert_eq!(
        (&state.value, state.at, state.seen),
        (
            &Value::label("stopped"),
            Ts::from_second(20),
            Ts::from_second(20)
        )
    );
    assert_eq!(
        open["open"].sighted.get(&Aspect::Name).unwrap().value,
        Value::label("web'1\\")
    );
    assert!(open["silent"].sighted.is_empty());
    // The list of deleted ones too: a collector that restarts need not read it again.
    assert_eq!(
        memory.watermarks,
        BTreeMap::from([
            ("servers".to_owned(), Ts::from_second(200)),
            ("servers.deleted".to_owned(), Ts::from_second(150)),
        ])
    );
    // Of complete passes alone: what broke off is read again.
    assert_eq!(memory.cursors["servers"], "after 200");
    assert_eq!(
        memory.full_watermarks,
        BTreeMap::from([("servers".to_owned(), Ts::from_second(100))])
    );
    assert!(store.memory("nowhere").await.unwrap().open.is_empty());

    let lists = store.lists().await.unwrap();
    assert_eq!(lists.len(), 2);
    assert_eq!(
        (lists[0].watermark, lists[0].suspect, lists[0].failed),
        (Some(Ts::from_second(200)), 1, 1)
    );
    assert_eq!(lists[0].last, batch.passes[3]);
    assert_eq!(lists[1].watermark, None);
    let mut found = store
        .passes(&[batch.passes[0].id, batch.passes[2].id, 1])
        .await
        .unwrap();
    found.sort_by_key(|p| p.started);
    assert_eq!(found, [batch.passes[0].clone(), batch.passes[2].clone()]);
    assert_eq!(store.watermarks(Ts::MIN).await.unwrap(), BTreeMap::new());
    assert_eq!(
        store.raw(&raw.hash).await.unwrap().as_deref(),
        Some(raw.body.as_str())
    );
    assert_eq!(store.raw("none").await.unwrap(), None);

    let names = |query: FactQuery| {
        let store = store.clone();
        async move {
            read(&store, &query)
                .await
                .into_iter()
                .map(|(k, _)| k.resource)
                .collect::<Vec<_>>()
        }
    };
    let all = ["back", "gone", "missed", "open", "silent"];
    assert_eq!(names(everything("c")).await, all);
    assert_eq!(
        names(FactQuery {
            not_gone_before: Ts::from_second(30),
            ..everything("c")
        })
        .await,
        all
    );
    assert_eq!(
        names(FactQuery {
            not_gone_before: Ts::from_second(31),
            ..everything("c")
        })
        .await,
        ["back", "missed", "open", "silent"]
    );
    assert_eq!(
        names(FactQuery {
            kinds: vec!["project".into()],
            ..everything("c")
        })
        .await,
        [""; 0]
    );
    let one = FactQuery {
        resources: vec!["gone".into()],
        kinds: vec!["server".into()],
        ..everything("c")
    };
    assert_eq!(names(one.clone()).await, ["gone"]);
    assert_eq!(
        names(FactQuery {
            not_gone_before: Ts::from_second(31),
            ..one
        })
        .await,
        [""; 0]
    );
    assert_eq!(
        names(FactQuery {
            cloud: None,
            ..everything("")
        })
        .await
        .len(),
        6
    );

    let source = store
        .json("SELECT * FROM v_source ORDER BY list")
        .await
        .unwrap();
    assert_eq!(
        (&source[0]["outcome"], &source[0]["error"]),
        (&"failed".into(), &"broke off".into())
    );
    assert_eq!(
        (&source[0]["watermark"], &source[0]["skew_us"]),
        (&"1970-01-01 00:03:20.000000".into(), &"-1500".into())
    );
    assert!(source[1]["watermark"].is_null() && source[1]["age_seconds"].is_null());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_shown_up_to_the_watermark_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    let piece = |start, end: Option<i64>, level| Piece {
        meter: "compute.local_disk".into(),
        unit: "By.s".into(),
        tenant: "acme".into(),
        contract: "acme-1".into(),
        scope: "p1".into(),
        scope_name: "default/web".into(),
        dimensions: BTreeMap::from([("flavor".to_owned(), "m1.small".to_owned())]),
        start: Ts::from_second(start),
        end: end.map(Ts::from_second),
        level,
        observed: true,
        basis: Basis::Held,
    };
    let four_terabytes = 4_000_000_000_000;
    let october = 31 * 86_400;
    let pieces = |generation, pieces| ResourcePieces {
        key: ResourceKey {
            cloud: "c".into(),
            kind: "server".into(),
            resource: "a".into(),
        },
        name: "web".into(),
        list: "servers".into(),
        generation,
        pieces,
    };
    store
        .replace_pieces(&[pieces(1, vec![piece(0, None, 1)])])
        .await
        .unwrap();
    assert!(
        store
            .json("SELECT * FROM v_usage")
            .await
            .unwrap()
            .is_empty(),
        "no watermark, no usage"
    );
    let read = pass("c", "servers", PassMode::Full, october, Outcome::Complete);
    store
        .write(&Batch {
            passes: vec![read.clone()],
            ..Batch::default()
        })
        .await
        .unwrap();
    store
        .write(&Batch {
            passes: vec![read],
            ..Batch::default()
        })
        .await
        .unwrap();
    let new = vec![
        piece(0, Some(100), 1),
        piece(100, None, four_terabytes),
        piece(october + 5, None, 1),
        piece(50, Some(october + 9), 0),
    ];
    store.replace_pieces(&[pieces(3, new)]).await.unwrap();
    store
        .replace_pieces(&[pieces(2, vec![piece(0, None, 9)])])
        .await
        .unwrap();
    let rows = store
        .json("SELECT * FROM v_usage ORDER BY start")
        .await
        .unwrap();
    let seen: Vec<(i128, i128)> = rows
        .iter()
        .map(|r| (number(r, "seconds"), number(r, "quantity")))
        .collect();
    let long = i128::from(october) - 100;
    assert_eq!(
        seen,
        [
            (100, 100),
            (i128::from(october) - 50, 0),
            (long, long * i128::from(four_terabytes))
        ]
    );
    assert!(seen[2].1 > i128::from(i64::MAX), "past 64 bits, exactly");
    assert_eq!(
        (
            &rows[0]["unit"],
            &rows[0]["dimensions"]["flavor"],
            &rows[0]["name"]
        ),
        (&"By.s".into(), &"m1.small".into(), &"web".into())
    );
    store.close().await.unwrap();
}
