//! What a pass over the 10,000 buckets of a real RGW costs: `plimsoll collect` beside the one call that answers about all of them, and beside a bare program that
//! asks for the buckets of each owner at the same concurrency, in the same run. The second says what of the first is the gateway's own.
//!
//! `make bench-ceph` starts the gateway, fills it, and names it: `LAB_RGW_URL`, `RGW_ACCESS_KEY`, `RGW_SECRET_KEY`. Without them there is nothing to measure:
//! how long the one call takes only a real gateway knows.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;
mod whole;

use figures::{Figure, keep};
use futures::{StreamExt as _, stream};
use plimsoll::store::Store;
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use url::Url;
use whole::{PLIMSOLL, open, run};

/// What plimsoll itself may hold: 128 MB.
const RSS_MAX_KB: f64 = 128e6 / 1024.0;
/// The one call may take its time.
const TIMEOUT: Duration = Duration::from_secs(900);
/// Of each; the middle one counts.
const ROUNDS: usize = 3;
/// Requests at once: plimsoll's default.
const CONCURRENCY: usize = 8;

/// The gateway, and who asks.
struct Gateway {
    url: Url,
    access_key: String,
    secret_key: String,
    http: reqwest::Client,
}

impl Gateway {
    fn find() -> Option<Self> {
        let var = |name: &str| std::env::var(name).ok();
        Some(Self {
            url: var("LAB_RGW_URL")?.parse().unwrap(),
            access_key: var("RGW_ACCESS_KEY")?,
            secret_key: var("RGW_SECRET_KEY")?,
            http: reqwest::Client::builder().timeout(TIMEOUT).build().unwrap(),
        })
    }

    /// Milliseconds until an answer's last byte, and the answer.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> (f64, Value) {
        let mut url = self.url.clone();
        url.set_path(path);
        let url = rusty_s3::signing::sign(
            &jiff::Timestamp::now(),
            rusty_s3::Method::Get,
            url,
            &self.access_key,
            &self.secret_key,
            None,
            "us-east-1",
            TIMEOUT.as_secs(),
            query.iter().copied(),
            std::iter::empty(),
        );
        let began = Instant::now();
        let reply = self.http.get(url).send().await.unwrap();
        let body = reply.error_for_status().unwrap().bytes().await.unwrap();
        let ms = began.elapsed().as_secs_f64() * 1e3;
        (ms, serde_json::from_slice(&body).unwrap())
    }

    /// Asks for all buckets at once: milliseconds, and how many there are.
    async fn all_at_once(&self) -> (f64, usize) {
        let query = [("format", "json"), ("stats", "true")];
        let (ms, shown) = self.ask("/admin/bucket", &query).await;
        (ms, shown.as_array().unwrap().len())
    }

    /// Asks for the buckets of each owner, several at once: milliseconds.
    async fn by_owner(&self) -> f64 {
        let began = Instant::now();
        let (_, users) = self
            .ask("/admin/metadata/user", &[("format", "json")])
            .await;
        let users: Vec<&str> = users
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        stream::iter(users)
            .for_each_concurrent(CONCURRENCY, |uid| async move {
                let query = [("format", "json"), ("stats", "true"), ("uid", uid)];
                self.ask("/admin/bucket", &query).await;
            })
            .await;
        began.elapsed().as_secs_f64() * 1e3
    }

    /// Runs `plimsoll collect`, which reads the present hour of the usage log and every bucket: the most memory it held, kB.
    fn collect(&self, dir: &Path) -> f64 {
        let file = dir.join("bench.yaml");
        let text = format!(
            "sources:\n  - {{kind: rgw, name: bench, endpoints: [\"{}\"], access_key: {{env: RGW_ACCESS_KEY}}, secret_key: {{env: RGW_SECRET_KEY}}, backfill: 1h}}\n\
             meters: {{time_zone: UTC}}\n",
            self.url
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(PLIMSOLL);
        command
            .args(["collect", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(dir)
            .env("PLIMSOLL_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        run(command)[1]
    }
}

/// What the collections say of their passes over a list, the earliest first: milliseconds, requests, items.
async fn passes(store: &Store, list: &str) -> Vec<[f64; 3]> {
    let sql = format!(
        "SELECT dateDiff('microsecond', started, finished) / 1000 AS ms, toFloat64(requests) AS requests, toFloat64(items) AS items
        FROM passes WHERE list = '{list}' ORDER BY started"
    );
    let rows = store.json(&sql).await.unwrap();
    let of = |row: &Value| ["ms", "requests", "items"].map(|k| row[k].as_f64().unwrap());
    rows.iter().map(of).collect()
}

fn median(of: impl IntoIterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(gateway) = Gateway::find() else {
        println!("rgw_pass needs a real RGW with many buckets: `make bench-ceph`");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // In turn, for a machine is not always as busy.
    let (mut at_once, mut by_owner, mut held, mut buckets) = (Vec::new(), Vec::new(), 0.0_f64, 0);
    for _ in 0..ROUNDS {
        let (ms, shown) = gateway.all_at_once().await;
        at_once.push(ms);
        buckets = shown;
        by_owner.push(gateway.by_owner().await);
        held = held.max(gateway.collect(dir.path()));
    }
    let store = open(dir.path()).await;
    let zone = passes(&store, "buckets").await;
    let log = passes(&store, "usage_log").await;
    store.close().await.unwrap();
    println!(
        "{buckets} buckets; ms of the one call: {at_once:.0?}; of the bare program: {by_owner:.0?}"
    );
    println!(
        "ms, requests and items of the buckets' passes: {zone:.0?}; of the usage log's beside them: {log:.0?}"
    );
    assert!(
        zone.len() == ROUNDS && zone.iter().all(|p| (p[2] - buckets as f64).abs() < 0.5),
        "each pass is to see every bucket"
    );
    let pass = median(zone.iter().map(|p| p[0]));
    keep(vec![
        Figure::new(
            "rgw_pass.owners",
            pass,
            "ms",
            "a bare program that asks for each owner's buckets at the same concurrency",
            median(by_owner),
        ),
        Figure::new(
            "rgw_pass.buckets",
            pass,
            "ms",
            "the one call for all buckets (bar: 0.5)",
            median(at_once),
        ),
        Figure::new("rgw_pass.rss", held, "kB", "the limit", RSS_MAX_KB),
    ]);
}
