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
mod whole;

use clickhouse::Client;
use figures::{Figure, keep};
use plimsoll::{
    config::{self, Config},
    domain::{Aspect, Batch, Evidence, Fact, Period, Value, digest, fact::kind},
    periods::usage::{self, Rules},
    store::{FactQuery, Store},
};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use whole::{PLIMSOLL, open, run};

const SERVERS: usize = 100_000;
/// Changes of state that an event tells of, in one server's month.
const CHANGES: usize = 10;
const MONTH: &str = "2026-10";
/// Facts in one insert.
const BATCH: usize = 250_000;
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

/// The facts of servers that lived all month and changed as often as is wanted.
async fn lives(store: &Store) -> Vec<Vec<Fact>> {
    let query = FactQuery {
        kinds: vec![kind::SERVER.to_owned()],
        ..FactQuery::all(store.now().await.unwrap())
    };
    let mut lives = Vec::new();
    let mut stream = store.resources(&query).await.unwrap();
    while let Some((_, facts)) = stream.next().await.unwrap() {
        let facts: Vec<Fact> = facts.into_iter().map(|f| f.fact).collect();
        let is_change = |f: &&Fact| f.aspect == Aspect::State && f.evidence == Evidence::Event;
        if facts.iter().filter(is_change).count() == CHANGES
            && facts.iter().all(|f| f.value != Value::Gone)
        {
            lives.push(facts);
        }
    }
    assert!(lives.len() >= 3, "only {} lives fit", lives.len());
    lives
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

/// Puts one life after the other into the store, in place of its servers, under so many ids. Gives the number of facts.
async fn fill(store: &Store, lives: &[Vec<Fact>]) -> usize {
    for sql in [
        "ALTER TABLE facts DELETE WHERE kind = 'server' SETTINGS mutations_sync = 2",
        "TRUNCATE TABLE raws",
        "TRUNCATE TABLE usage_pieces",
    ] {
        store.json(sql).await.unwrap();
    }
    let (mut batch, mut written) = (Batch::default(), 0);
    for n in 0..SERVERS {
        let id = digest::sha256_hex(&n.to_be_bytes());
        let id = format!(
            "{}-{}-{}-{}-{}",
            &id[..8],
            &id[8..12],
            &id[12..16],
            &id[16..20],
            &id[20..32]
        );
        batch
            .facts
            .extend(lives[n % lives.len()].iter().cloned().map(|mut f| {
                f.key.resource.clone_from(&id);
                f
            }));
        if batch.facts.len() >= BATCH || n + 1 == SERVERS {
            written += batch.facts.len();
            store.write(&std::mem::take(&mut batch)).await.unwrap();
        }
    }
    store.json("OPTIMIZE TABLE facts FINAL").await.unwrap();
    written
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
    let lives = lives(&store).await;
    let changes: Vec<Vec<Fact>> = lives.iter().map(|l| changes(l)).collect();
    for (name, lives) in [("changes", changes), ("collected", lives)] {
        let facts = fill(&store, &lives).await;
        measure(&store, dir, &config, name, facts).await;
    }
    store.close().await.unwrap();
}
