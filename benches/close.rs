//! What closing a month of a million lines of a thousand contracts costs, in all forms, and exporting all of them: the real commands on the real embedded engine, against
//! the limits of 60 s and 512 MB.
//!
//! The facts are those that collecting a made-up month writes, under as many ids as make a million lines. `CLOSE_LINES` is for a smaller month.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;
mod lives;
mod whole;

use figures::{Figure, keep};
use plimsoll::{
    config,
    domain::{Aspect, Batch, Fact, Period, Value, fact::kind, tenancy::attr},
    periods::usage::{self, Rules},
    store::{FactQuery, Store},
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};
use whole::{PLIMSOLL, open, run};

const LINES: usize = 1_000_000;
const CONTRACTS: usize = 1_000;
const MONTH: &str = "2026-10";
const FORMS: [&str; 6] = [
    "csv",
    "jsonl",
    "parquet",
    "focus",
    "focus-parquet",
    "contracts",
];
const LIMIT_MS: f64 = 60_000.0;
/// What plimsoll itself may hold, beside the engine.
const RSS_MAX_KB: f64 = 512e6 / 1024.0;
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/usage.yaml");
const BOOK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/deploy/prices/nordic-2026.yaml"
);

fn plimsoll(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(PLIMSOLL);
    c.args(args)
        .arg("--config")
        .arg(dir.join("bench.yaml"))
        .arg("--data-dir")
        .arg(dir.join("data"))
        .env("PLIMSOLL_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    c
}

fn project(n: usize) -> String {
    format!("{n:032x}")
}

/// A thousand projects in place of the first one, each tagged with a contract of its own.
async fn projects(store: &Store) {
    let query = FactQuery {
        kinds: vec![kind::PROJECT.to_owned()],
        ..FactQuery::all(store.now().await.unwrap())
    };
    let mut stream = store.resources(&query).await.unwrap();
    let (_, facts) = stream.next().await.unwrap().unwrap();
    let facts: Vec<Fact> = facts.into_iter().map(|f| f.fact).collect();
    drop(stream);
    let mut batch = Batch::default();
    for n in 0..CONTRACTS {
        for fact in &facts {
            let mut fact = fact.clone();
            fact.key.resource = project(n);
            // The first one may be a project of the cloud's own, without a tag.
            if let Value::Known(known) = &mut fact.value
                && known.attrs.contains_key(attr::DOMAIN_ID)
            {
                let tag = format!("contract:CO-{n:04}");
                known.attrs.insert(attr::TAGS.to_owned(), tag);
            }
            batch.facts.push(fact);
        }
    }
    store.write(&batch).await.unwrap();
}

/// Gives the nth server to one of the projects.
fn owned(n: usize, servers: usize, fact: &mut Fact) {
    if let (Aspect::Owner, Value::Known(known)) = (fact.aspect, &mut fact.value) {
        known.label = project(n * CONTRACTS / servers);
    }
}

/// Rows of usage that a life makes, as they are on average.
async fn rows_of(store: &Store, config: &config::Config, servers: usize) -> f64 {
    let rules = Rules::of(config).unwrap();
    let period = Period::month(MONTH, config.meters.time_zone).unwrap();
    let as_of = store.now().await.unwrap();
    let all = usage::compute(store, &rules, &period, as_of).await.unwrap();
    all.usage.rows.len() as f64 / servers as f64
}

#[tokio::main]
async fn main() {
    let made = tempfile::tempdir().unwrap();
    let dir = made.path();
    let text = format!(
        "sources: []
tenancy: {{rules: [{{project_tag: \"contract:\"}}]}}
meters: {{time_zone: Europe/Stockholm}}
prices: {{book: {BOOK}}}
delivery: {{provider: Bench, close: {{keep: [{}]}}}}
",
        FORMS.join(", ")
    );
    let file = dir.join("bench.yaml");
    fs::write(&file, text).unwrap();
    run(plimsoll(
        dir,
        &[
            "simulate",
            "--scenario",
            SCENARIO,
            "--seed",
            "1",
            "--month",
            MONTH,
        ],
    ));
    let overrides = config::Overrides {
        data_dir: Some(dir.join("data")),
    };
    let config = config::load(Some(&file), &overrides).unwrap();
    let store = open(&dir.join("data")).await;
    let lives = lives::lives(&store).await;
    projects(&store).await;
    lives::fill(&store, &lives, lives.len(), |_, _| ()).await;
    let each = rows_of(&store, &config, lives.len()).await;
    let wanted = std::env::var("CLOSE_LINES").map_or(LINES, |n| n.parse().unwrap());
    let servers = (wanted as f64 / each).ceil() as usize;
    let facts = lives::fill(&store, &lives, servers, |n, f| owned(n, servers, f)).await;
    store.close().await.unwrap();

    let close = ["close", "--month", MONTH, "--accept", "a benchmark"];
    let [closed, mut held] = run(plimsoll(dir, &close));
    let (mut exported, mut lines) = (0.0, 0);
    for form in FORMS {
        let out = dir.join(form);
        let args = ["export", "--month", MONTH, "--format", form, "--out"];
        let [ms, kb] = run(plimsoll(
            dir,
            &[&args[..], &[out.to_str().unwrap()]].concat(),
        ));
        exported += ms;
        held = held.max(kb);
        let manifest = fs::read(out.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        if form == "csv" {
            lines = manifest["rows"].as_u64().unwrap();
            assert!(manifest["files"].as_array().unwrap().len() >= CONTRACTS);
        }
        fs::remove_dir_all(out).unwrap();
    }
    println!(
        "close: {servers} servers, {facts} facts, {lines} lines of {CONTRACTS} contracts in {} forms",
        FORMS.len()
    );
    let limit = "the limit";
    keep(vec![
        Figure::new("close.closed", closed, "ms", limit, LIMIT_MS),
        Figure::new("close.exported", exported, "ms", limit, LIMIT_MS),
        Figure::new("close.both", closed + exported, "ms", limit, LIMIT_MS),
        Figure::new("close.rss", held, "kB", limit, RSS_MAX_KB),
    ]);
}
