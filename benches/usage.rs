//! What a month's usage costs for 100,000 servers with ten changes each, beside reading the same rows bare through the same client.
//!
//! The facts are those that collecting a made-up month writes (`plimsoll simulate --month`), under 100,000 ids, in the real embedded engine: once all of
//! them (every change is followed by sightings of all that a server shows), once the changes alone.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;
mod lives;
mod whole;

use clickhouse::Client;
use figures::{Figure, keep};
use plimsoll::{
    config::{self, Config},
    domain::{Aspect, Evidence, Fact, Period, Value},
    periods::usage::{self, Rules},
    store::Store,
};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use whole::{PLIMSOLL, open, run};

const SERVERS: usize = 100_000;
const MONTH: &str = "2026-10";
const ROUNDS: usize = 3;
/// What the whole command may take.
const LIMIT_MS: f64 = 2_000.0;
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/quickstart.yaml");
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/usage.yaml");
/// All that the fold reads, in the order in which it does.
const BARE: &str = "SELECT cloud, kind, resource, aspect, at, id, evidence, from, seen, value, label, levels, attrs, stored_at FROM facts
    WHERE kind = 'server' ORDER BY cloud, kind, resource, aspect, at, id SETTINGS optimize_read_in_order = 1";

fn plimsoll(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(PLIMSOLL);
    c.args(args)
        .args(["--config", CONFIG, "--data-dir"])
        .arg(dir)
        .env("PLIMSOLL_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    c
}

/// A life without the sightings that only confirm.
fn changes(life: &[Fact]) -> Vec<Fact> {
    let mut shown: BTreeMap<Aspect, &Value> = BTreeMap::new();
    let mut news = Vec::new();
    for fact in life {
        let is_news = match (fact.evidence, fact.aspect) {
            (Evidence::Sighting, Aspect::State) => false,
            (Evidence::Sighting, aspect) => shown.insert(aspect, &fact.value) != Some(&fact.value),
            _ => true,
        };
        if is_news {
            news.push(fact.clone());
        }
    }
    news
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Reads the rows through the client that the store uses, and does nothing with them.
async fn bare(store: &Store) -> f64 {
    let (url, password) = store.engine().unwrap();
    let client = Client::default()
        .with_url(url)
        .with_user("grafana")
        .with_password(std::fs::read_to_string(password).unwrap())
        .with_database("plimsoll");
    let began = Instant::now();
    let mut rows = client.query(BARE).fetch_bytes("RowBinary").unwrap();
    while rows.next().await.unwrap().is_some() {}
    ms(began)
}

/// Best of some rounds of each: the least disturbed one.
async fn measure(store: &Store, dir: &Path, config: &Config, name: &str, facts: usize) {
    let rules = Rules::of(config).unwrap();
    let period = Period::month(MONTH, config.meters.time_zone).unwrap();
    let [mut read, mut total, mut command, mut held] = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        read = read.min(bare(store).await);
        let as_of = store.now().await.unwrap();
        let began = Instant::now();
        usage::summarise(store, &rules, &period, as_of)
            .await
            .unwrap();
        total = total.min(ms(began));
        let [took, most] = run(plimsoll(dir, &["usage", "--month", MONTH]));
        (command, held) = (command.min(took), held.min(most));
    }
    let as_of = store.now().await.unwrap();
    let began = Instant::now();
    let all = usage::compute(store, &rules, &period, as_of).await.unwrap();
    let (rows, lines) = (ms(began), all.usage.rows.len());
    println!("usage.{name}: {SERVERS} servers, {facts} facts, {lines} rows");
    let bare = "reading the same rows bare";
    let figure = |what: &str, value, unit, peer, peers| {
        Figure::new(&format!("usage.{name}.{what}"), value, unit, peer, peers)
    };
    keep(vec![
        figure("facts", facts as f64, "facts", "servers", SERVERS as f64),
        figure("computed", total, "ms", bare, read),
        figure("command", command, "ms", bare, read),
        figure("command_limit", command, "ms", "the limit", LIMIT_MS),
        figure("command_rss", held, "kB", "256 MiB", 256.0 * 1024.0),
        figure("rows", rows, "ms", bare, read),
    ]);
}

#[tokio::main]
async fn main() {
    let made = tempfile::tempdir().unwrap();
    let dir = made.path();
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
        data_dir: Some(dir.to_owned()),
    };
    let config = config::load(Some(Path::new(CONFIG)), &overrides).unwrap();
    let store = open(dir).await;
    let lives = lives::lives(&store).await;
    let changes: Vec<Vec<Fact>> = lives.iter().map(|l| changes(l)).collect();
    for (name, lives) in [("changes", changes), ("collected", lives)] {
        let facts = lives::fill(&store, &lives, SERVERS, |_, _| ()).await;
        measure(&store, dir, &config, name, facts).await;
    }
    store.close().await.unwrap();
}
