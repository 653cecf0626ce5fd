//! Two collectors at once, every batch twice, in any order: the same usage and the same files, byte for byte.

use crate::lab::{self, Plimsoll};
use plimsoll::domain::{Batch, Period, Ts, digest};
use std::{collections::BTreeMap, path::Path};

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_and_every_batch_twice_are_one_collector() {
    let (one, both, shuffled) = (Plimsoll::of("one"), Plimsoll::of("one"), Plimsoll::empty());
    let (of_two, two_reach) = all_of(&Plimsoll::of("two")).await;
    let store = both.store().await;
    let one_reaches = store.watermarks(Ts::MAX).await.unwrap();
    let further = two_reach
        .iter()
        .filter(|((_, list), _)| !["flavors", "servers.deleted"].contains(&list.as_str()))
        .filter(|(list, to)| one_reaches[*list] < **to);
    assert_eq!(
        further.collect::<Vec<_>>(),
        [],
        "`one` ends last: {one_reaches:?}"
    );
    let known = lab::facts(&store)
        .await
        .iter()
        .map(|(_, f)| f.len())
        .sum::<usize>();
    for batch in &of_two {
        store.write(batch).await.unwrap();
    }
    let all = lab::batches(&store).await;
    let union = all.iter().map(|b| b.facts.len()).sum::<usize>();
    store.close().await.unwrap();
    assert!(union > known, "`two` sighted at other times");

    let store = shuffled.store().await;
    for (kind, body) in shuffled.config().definitions().unwrap() {
        store.put_definition(kind, &body).await.unwrap();
    }
    let batches = twice_shuffled(all);
    for batch in &batches {
        store.write(batch).await.unwrap();
    }
    let as_of = store.now().await.unwrap();
    let again: usize = lab::facts(&store).await.iter().map(|(_, f)| f.len()).sum();
    assert_eq!(again, union, "facts written twice are there once");
    store.close().await.unwrap();

    let asked = Asked::new(
        as_of,
        one_reaches[&("lab".to_owned(), "servers".to_owned())],
    );
    let alone = asked.usage(&one);
    assert!(
        alone.matches("\"compute.instance\"").count() >= 27,
        "{alone}"
    );
    assert_same(
        "one collector, and two",
        &told_of(&alone),
        &told_of(&asked.usage(&both)),
    );
    let two = asked.usage(&both);
    assert_same(
        "two collectors, and shuffled",
        &two,
        &asked.usage(&shuffled),
    );
    let mut files = 0;
    for format in ["csv", "jsonl"] {
        let (one, both, shuffled) = (
            asked.export(&one, format),
            asked.export(&both, format),
            asked.export(&shuffled, format),
        );
        assert_eq!(both, shuffled, "the export, its manifest included");
        // The manifest names the facts, and two collectors have more of them.
        let lines = |mut files: BTreeMap<String, String>| {
            files.remove("manifest.json").unwrap();
            files
        };
        files += both.len();
        assert_eq!(files_told_of(lines(one)), files_told_of(lines(both)));
    }
    println!(
        "`one` has {known} facts, with `two` {union}; in {} shuffled batches, each fact twice: the same usage ({} bytes) and the same {files} files",
        batches.len(),
        alone.len()
    );
}

/// All batches of a collector, and how far its lists reach.
async fn all_of(plimsoll: &Plimsoll) -> (Vec<Batch>, BTreeMap<(String, String), Ts>) {
    let store = plimsoll.store().await;
    let reach = store.watermarks(Ts::MAX).await.unwrap();
    let found = (lab::batches(&store).await, reach);
    store.close().await.unwrap();
    found
}

/// Each fact in two batches of other sizes, in an order that has nothing to do with time.
fn twice_shuffled(all: Vec<Batch>) -> Vec<Batch> {
    let order = |salt: &str, i: usize| digest::sha256_hex(format!("{salt} {i}").as_bytes());
    let mut out = Vec::new();
    for (round, size) in [3, 50].into_iter().enumerate() {
        for batch in &all {
            let mut facts: Vec<_> = batch.facts.iter().cloned().enumerate().collect();
            facts.sort_by_cached_key(|(i, _)| order("facts", i + round));
            out.extend(facts.chunks(size).map(|some| Batch {
                facts: some.iter().map(|(_, f)| f.clone()).collect(),
                ..Batch::default()
            }));
            out.push(Batch {
                facts: Vec::new(),
                ..batch.clone()
            });
        }
    }
    out.retain(|b| !b.is_empty());
    let mut numbered: Vec<_> = out.into_iter().enumerate().collect();
    numbered.sort_by_cached_key(|(i, _)| order("batches", *i));
    // Ten at once: an insert for a handful of facts takes as long as one for hundreds.
    numbered
        .chunks(10)
        .map(|some| Batch {
            raws: some.iter().flat_map(|(_, b)| b.raws.clone()).collect(),
            facts: some.iter().flat_map(|(_, b)| b.facts.clone()).collect(),
            passes: some.iter().flat_map(|(_, b)| b.passes.clone()).collect(),
        })
        .collect()
}

/// What is asked of every store: the month at hand, as of one time.
struct Asked {
    month: String,
    as_of: String,
}

impl Asked {
    fn new(as_of: Ts, reaches: Ts) -> Self {
        Self {
            month: Period::containing(reaches, chrono_tz::UTC)
                .unwrap()
                .to_string(),
            as_of: as_of.to_string(),
        }
    }

    fn usage(&self, of: &Plimsoll) -> String {
        of.ok(&[
            "usage",
            "--format",
            "json",
            "--month",
            &self.month,
            "--as-of",
            &self.as_of,
        ])
    }

    fn export(&self, of: &Plimsoll, format: &str) -> BTreeMap<String, String> {
        let out = of.dir().join(format);
        let to = out.to_str().unwrap();
        of.ok(&[
            "export",
            "--format",
            format,
            "--month",
            &self.month,
            "--as-of",
            &self.as_of,
            "--out",
            to,
        ]);
        read_all(&out)
    }
}

fn read_all(dir: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| {
            let name = e.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(e.path()).unwrap())
        })
        .collect()
}

/// What nobody notifies of: each collector knows its changes to lie between two of its own lists.
const BY_LISTS_ALONE: [&str; 3] = ["share.capacity", "loadbalancer", "object."];

/// Usage without the rows of what nobody notifies of.
fn told_of(usage: &str) -> String {
    let mut doc: serde_json::Value = serde_json::from_str(usage).unwrap();
    let by_lists = |r: &serde_json::Value| {
        BY_LISTS_ALONE
            .iter()
            .any(|m| r["meter"].as_str().unwrap().starts_with(m))
    };
    doc["rows"].as_array_mut().unwrap().retain(|r| !by_lists(r));
    doc.to_string()
}

/// Files without the lines of what nobody notifies of.
fn files_told_of(files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = |text: String| -> String {
        text.lines()
            .filter(|l| !BY_LISTS_ALONE.iter().any(|m| l.contains(m)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    files
        .into_iter()
        .map(|(name, text)| (name, kept(text)))
        .collect()
}

/// The same text; else the rows that differ are told.
fn assert_same(what: &str, a: &str, b: &str) {
    let rows = |text: &str| -> Vec<String> {
        let doc: serde_json::Value = serde_json::from_str(text).unwrap();
        let rows = doc["rows"].as_array().unwrap();
        rows.iter().map(ToString::to_string).collect()
    };
    let (of_a, of_b) = (rows(a), rows(b));
    let only = |x: &[String], y: &[String]| -> Vec<String> {
        x.iter().filter(|r| !y.contains(r)).cloned().collect()
    };
    assert!(
        a == b,
        "{what} differ: {:#?} and {:#?}",
        only(&of_a, &of_b),
        only(&of_b, &of_a)
    );
}
