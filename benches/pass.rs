//! What a pass over 10,000 servers costs: `plimsoll collect` beside a bare script that makes the same calls at the same concurrency, in the same run.
//!
//! The cloud is `plimsoll simulate --listen` with `deploy/scenarios/large.yaml`, as a process of its own; or a real one, by the variables that the
//! OpenStack client knows: `OS_AUTH_URL`, `OS_USERNAME`, `OS_PASSWORD`, `OS_PROJECT_NAME`, `OS_USER_DOMAIN_NAME`, `OS_PROJECT_DOMAIN_NAME`. The script
//! does nothing with the answers but to find the next calls in them.
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
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use whole::{PLIMSOLL, open, run};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/scenarios/large.yaml");
const CONCURRENCY: usize = 8;
const PAGE: usize = 500;
/// What plimsoll itself may hold.
const RSS_MAX_KB: f64 = 256.0 * 1024.0;
/// Actions whose events nobody needs.
const SKIPPED: [&str; 14] = [
    "attach_volume",
    "detach_volume",
    "swap_volume",
    "attach_interface",
    "detach_interface",
    "createImage",
    "createBackup",
    "changePassword",
    "addFixedIp",
    "removeFixedIp",
    "lock",
    "unlock",
    "trigger_crash_dump",
    "live-migration",
];

/// Where the cloud is, and who asks.
struct Cloud {
    auth_url: String,
    user: String,
    password: String,
    project: String,
    user_domain: String,
    project_domain: String,
    /// The made-up one, ended with the benchmark.
    made_up: Option<Child>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(child) = &mut self.made_up {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Cloud {
    fn find() -> Self {
        let env = |name: &str, otherwise: &str| {
            std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
        };
        let real = std::env::var("OS_AUTH_URL").ok();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let made_up = real.is_none().then(|| {
            Command::new(PLIMSOLL)
                .args([
                    "simulate",
                    "--scenario",
                    SCENARIO,
                    "--seed",
                    "1",
                    "--listen",
                ])
                .arg(address.to_string())
                .env("PLIMSOLL_LOG", "warn")
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        });
        Self {
            auth_url: real.unwrap_or_else(|| format!("http://{address}/identity/v3")),
            user: env("OS_USERNAME", plimsoll::simulate::USER),
            password: env("OS_PASSWORD", plimsoll::simulate::PASSWORD),
            project: env("OS_PROJECT_NAME", "admin"),
            user_domain: env("OS_USER_DOMAIN_NAME", "Default"),
            project_domain: env("OS_PROJECT_DOMAIN_NAME", "Default"),
            made_up,
        }
    }

    /// A configuration that reads Nova's and Keystone's lists alone.
    fn config(&self) -> String {
        format!(
            "sources:\n  - {{kind: openstack, name: bench, auth_url: \"{}\", username: \"{}\", user_domain: \"{}\", project: \"{}\", project_domain: \"{}\",\n     \
             password: {{env: PLIMSOLL_BENCH_PASSWORD}}, services: [], concurrency: {CONCURRENCY}, page_size: {PAGE}}}\n\
             meters: {{time_zone: UTC}}\n",
            self.auth_url, self.user, self.user_domain, self.project, self.project_domain
        )
    }
}

/// The bare script.
struct Script {
    http: reqwest::Client,
    token: String,
    nova: String,
    calls: AtomicU64,
}

impl Script {
    /// Logs in; waits for a made-up cloud to be there.
    async fn log_in(cloud: &Cloud) -> Self {
        let http = reqwest::Client::builder().gzip(true).build().unwrap();
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": cloud.user, "password": cloud.password, "domain": {"name": cloud.user_domain}}}},
            "scope": {"project": {"name": cloud.project, "domain": {"name": cloud.project_domain}}}}});
        let url = format!("{}/auth/tokens", cloud.auth_url);
        let until = Instant::now() + Duration::from_secs(120);
        let reply = loop {
            match http.post(&url).json(&body).send().await {
                Ok(reply) => break reply,
                Err(e) => assert!(Instant::now() < until, "{e}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let token = reply.headers()["x-subject-token"]
            .to_str()
            .unwrap()
            .to_owned();
        let login: Value = reply.json().await.unwrap();
        let catalogue = login["token"]["catalog"].as_array().unwrap();
        let compute = catalogue.iter().find(|s| s["type"] == "compute").unwrap();
        let endpoints = compute["endpoints"].as_array().unwrap();
        let public = endpoints
            .iter()
            .find(|e| e["interface"] == "public")
            .unwrap();
        let nova = public["url"]
            .as_str()
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        Self {
            http,
            token,
            nova,
            calls: AtomicU64::new(0),
        }
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let request = self
            .http
            .get(format!("{}{path}", self.nova))
            .header("x-auth-token", &self.token)
            .header("openstack-api-version", "compute 2.90");
        let reply = request.send().await.unwrap();
        if reply.status() == 404 {
            return None;
        }
        let bytes = reply.error_for_status().unwrap().bytes().await.unwrap();
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// All servers of a list, and the actions of each with their events.
    async fn list(&self, which: &str) -> usize {
        let (mut marker, mut servers) = (String::new(), 0);
        loop {
            let path = format!("/servers/detail?all_tenants=1{which}&limit={PAGE}{marker}");
            let page = self.get(&path).await.unwrap();
            let ids: Vec<String> = page["servers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s["id"].as_str().unwrap().to_owned())
                .collect();
            let Some(last) = ids.last() else { break };
            marker = format!("&marker={last}");
            servers += ids.len();
            stream::iter(ids)
                .for_each_concurrent(CONCURRENCY, |id| async move { self.actions(&id).await })
                .await;
            if page.get("servers_links").is_none() {
                break;
            }
        }
        servers
    }

    async fn actions(&self, id: &str) {
        let path = format!("/servers/{id}/os-instance-actions");
        let Some(list) = self.get(&path).await else {
            return;
        };
        for action in list["instanceActions"].as_array().unwrap() {
            if !SKIPPED.contains(&action["action"].as_str().unwrap()) {
                let request = action["request_id"].as_str().unwrap();
                self.get(&format!("{path}/{request}")).await;
            }
        }
    }
}

/// Runs `plimsoll collect`: the most memory it held, kB.
fn collect(dir: &Path, cloud: &Cloud) -> f64 {
    let file = dir.join("bench.yaml");
    std::fs::write(&file, cloud.config()).unwrap();
    let mut command = Command::new(PLIMSOLL);
    command
        .args(["collect", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(dir)
        .env("PLIMSOLL_LOG", "warn")
        .env("PLIMSOLL_BENCH_PASSWORD", &cloud.password)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    run(command)[1]
}

/// What the passes of Nova's servers say of themselves, the earliest first: (ms, requests, items, facts).
async fn passes(dir: &Path) -> Vec<[f64; 4]> {
    let store = open(dir).await;
    let sql = "SELECT toFloat64(sum(dateDiff('microsecond', started, finished))) / 1000 AS ms, toFloat64(sum(requests)) AS requests,
            toFloat64(sum(items)) AS items, toFloat64(sum(facts)) AS facts
        FROM passes WHERE list IN ('servers', 'servers.deleted') GROUP BY collector ORDER BY min(started)";
    let rows = store.json(sql).await.unwrap();
    store.close().await.unwrap();
    let of = |row: &Value| ["ms", "requests", "items", "facts"].map(|k| row[k].as_f64().unwrap());
    rows.iter().map(of).collect()
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::find();
    let script = Script::log_in(&cloud).await;
    let began = Instant::now();
    let servers = script.list("").await + script.list("&deleted=true").await;
    let bare = began.elapsed().as_secs_f64() * 1e3;
    let held = collect(dir.path(), &cloud);
    let held_again = collect(dir.path(), &cloud);
    let [[ms, requests, items, facts], [_, _, _, facts_again]] = passes(dir.path()).await[..]
    else {
        panic!("two collections are to leave two passes")
    };
    println!("{servers} servers by the script, {items} by plimsoll");
    keep(vec![
        Figure::new(
            "pass.servers",
            ms,
            "ms",
            "a bare script that makes the same calls at the same concurrency",
            bare,
        ),
        Figure::new(
            "pass.requests",
            requests,
            "requests",
            "the script's",
            script.calls.load(Ordering::Relaxed) as f64,
        ),
        Figure::new(
            "pass.rss",
            held.max(held_again),
            "kB",
            "the limit",
            RSS_MAX_KB,
        ),
        Figure::new(
            "pass.facts_again",
            facts_again,
            "facts",
            "the facts of the first pass (meanwhile the cloud lives on)",
            facts,
        ),
    ]);
}
