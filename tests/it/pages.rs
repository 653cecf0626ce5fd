//! A running plimsoll as its operator meets it: the page, health, metrics and commands beside it say the same, and it ends when told to.

use crate::{
    harness::{Plimsoll, json},
    truth::integrate,
};
use plimsoll::{
    domain::{Period, Ts},
    net::Clock,
    simulate::{Scenario, World, serve},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const FIRST_USAGE_MAX: Duration = Duration::from_secs(60);
/// Lists of a cloud with all services, and of its object gateways.
const LISTS: usize = 17;
const END_MAX: Duration = Duration::from_secs(10);

/// The small cloud, standing still at this second, so that two answers a moment apart must agree.
struct Cloud {
    address: SocketAddr,
    now: Ts,
    month: Period,
    world: Arc<World>,
}

impl Cloud {
    fn start() -> Self {
        let zone = chrono_tz::Europe::Stockholm;
        let now = Ts::from_second(Clock::System.now().second());
        let month = Period::containing(now, zone).unwrap();
        let before = Period::containing(month.from.plus_seconds(-86_400), zone).unwrap();
        let scenario = Scenario::load(&repo("deploy/scenarios/small.yaml")).unwrap();
        let world = Arc::new(World::generate(&scenario, 1, before.from, month.to).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let served = world.clone();
        // Its own runtime: the test itself blocks. It ends with the test's process.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let clock = Clock::standing_at(now);
                drop(serve(listener, served, clock, std::future::pending()).await);
            });
        });
        Self {
            address,
            now,
            month,
            world,
        }
    }
}

fn repo(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `plimsoll run`; killed with the test if that fails.
pub(crate) struct Running {
    child: Child,
    address: String,
}

impl Running {
    pub(crate) fn start(p: &Plimsoll) -> Self {
        let mut child = p
            .command(&["run"])
            .env("PLIMSOLL_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|l| {
                Some(
                    l.split_once("serves http://")?
                        .1
                        .split_once('/')?
                        .0
                        .to_owned(),
                )
            })
            .unwrap();
        // Read on, so that a full pipe never holds it up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> (String, String) {
        let mut io = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(
            io,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut text = String::new();
        io.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    pub(crate) fn wait(&self, what: &str, limit: Duration, done: impl Fn() -> Result<(), String>) {
        let begun = Instant::now();
        while let Err(why) = done() {
            assert!(begun.elapsed() < limit, "{what}: {why}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Asks it to end: how long that took, and its exit code.
    fn end(mut self) -> (Duration, Option<i32>) {
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (begun.elapsed(), status.code());
            }
            assert!(begun.elapsed() < END_MAX * 3, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn plimsoll(cloud: &Cloud, dir: &std::path::Path) -> Plimsoll {
    let deploy = repo("deploy");
    let text = std::fs::read_to_string(deploy.join("quickstart.yaml")).unwrap();
    let text = [
        // First, for the directory's own path may have these letters too.
        (
            "slo/compute.yaml",
            deploy.join("slo/compute.yaml").display().to_string(),
        ),
        ("127.0.0.1:9470", cloud.address.to_string()),
        ("127.0.0.1:9469", "127.0.0.1:0".into()),
        // A cloud that stands still is soon out of date by a short interval.
        ("interval: 10s", "interval: 1m".into()),
        (
            "sim-password",
            deploy.join("sim-password").display().to_string(),
        ),
        ("prices/", format!("{}/", deploy.join("prices").display())),
    ]
    .into_iter()
    .fold(text, |t, (old, new)| {
        assert!(t.contains(old), "{old}");
        t.replace(old, &new)
    });
    let path = dir.join("plimsoll.yaml");
    std::fs::write(&path, text).unwrap();
    Plimsoll::with_config(path)
}

/// The figure of a column in a tenant's row of the page.
fn shown(page: &str, tenant: &str, column: &str) -> Result<String, String> {
    let row = page
        .split("<tr ")
        .find(|r| r.contains(&format!("scope=\"row\">{tenant}</th>")))
        .ok_or(format!("{tenant} has no row"))?;
    let cell = row
        .split_once(&format!("data-label=\"{column}\">"))
        .ok_or(format!("{tenant} has no {column}"))?;
    Ok(cell.1.split('<').next().unwrap().replace('\u{202f}', ""))
}

/// Quantities of a meter by tenant.
fn by_tenant(usage: &Value, meter: &str) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for r in usage["rows"].as_array().unwrap() {
        if r["meter"] == meter {
            let quantity: i128 = r["quantity"].as_str().unwrap().parse().unwrap();
            *sums
                .entry(r["tenant"].as_str().unwrap().to_owned())
                .or_default() += quantity;
        }
    }
    sums
}

/// Tenths, halves up, of what is not negative.
fn tenths(quantity: i128, per: i128) -> String {
    let t = (quantity * 20 + per) / (2 * per);
    format!("{}.{}", t / 10, t % 10)
}

/// The page's figures are those of `usage`.
fn agree(page: &str, usage: &Value) -> Result<(), String> {
    for (meter, column, per) in [
        ("compute.vcpu", "vCPU-hours", 3600),
        ("compute.memory", "Memory GiB-hours", 3600 << 30),
    ] {
        let sums = by_tenant(usage, meter);
        if sums.len() != 4 {
            return Err(format!("tenants with {meter}: {sums:?}"));
        }
        for (tenant, quantity) in sums {
            let (page, usage) = (shown(page, &tenant, column)?, tenths(quantity, per));
            if page != usage {
                return Err(format!(
                    "{tenant}: {column} {page} on the page, {usage} by usage"
                ));
            }
        }
    }
    Ok(())
}

/// Each server existed as long as the truth says, be its flavor known or not.
fn check_truth(cloud: &Cloud, usage: &Value) {
    let (from, to) = (cloud.month.from, cloud.now);
    let truth = serde_json::to_value(cloud.world.truth(from, to).unwrap()).unwrap();
    let mut lived: BTreeMap<(String, String), i128> = BTreeMap::new();
    for ((tenant, resource, _, _, meter), q) in integrate(&truth, from.second(), to.second()) {
        if meter == "compute.instance" && q > 0 {
            *lived.entry((tenant, resource)).or_default() += q;
        }
    }
    let mut told: BTreeMap<(String, String), i128> = BTreeMap::new();
    for r in usage["rows"].as_array().unwrap() {
        if r["meter"] == "compute.instance" {
            let seconds = if r["dimensions"]["flavor"] == "unobserved" {
                r["expected_s"].as_i64().unwrap().into()
            } else {
                r["quantity"].as_str().unwrap().parse::<i128>().unwrap()
            };
            let text = |k: &str| r[k].as_str().unwrap().to_owned();
            *told.entry((text("tenant"), text("resource"))).or_default() += seconds;
        }
    }
    told.retain(|_, s| *s != 0);
    assert_eq!(told, lived);
}

fn check_metrics(run: &Running) {
    let (head, page) = run.get("/metrics", "");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let mut names = std::collections::BTreeSet::new();
    for line in page.lines().filter(|l| !l.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(names.insert(series.to_owned()), "{series} comes twice");
    }
    for name in [
        "plimsoll_source_up",
        "plimsoll_pass_duration_seconds_bucket",
        "plimsoll_pass_watermark_timestamp_seconds",
        "plimsoll_pass_suspect_total",
        "plimsoll_facts_total",
        "plimsoll_spool_bytes",
        "plimsoll_spool_batches",
        "plimsoll_unattributed_scopes",
        "plimsoll_clock_skew_seconds",
        "plimsoll_invariant_violations_total",
        "plimsoll_build_info",
        "plimsoll_http_requests_total",
    ] {
        let there = |s: &String| s == name || s.starts_with(&format!("{name}{{"));
        assert!(names.iter().any(there), "{name} is not in\n{page}");
    }
    assert!(
        page.contains("plimsoll_source_up{source=\"sim\"} 1"),
        "{page}"
    );
    assert!(names.contains("plimsoll_http_requests_total{route=\"/\",status=\"200\"}"));
    assert!(
        page.lines()
            .filter(|l| l.starts_with("plimsoll_invariant_violations_total{"))
            .all(|l| l.ends_with(" 0")),
        "{page}"
    );
}

/// What a tenant's exported lines amount to, in cents.
fn exported(dir: &std::path::Path) -> BTreeMap<String, i128> {
    let mut cents = BTreeMap::new();
    for file in std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()) {
        if file.extension().is_some_and(|e| e == "jsonl") {
            for line in std::fs::read_to_string(file).unwrap().lines().map(json) {
                let amount = line["amount"].as_str().unwrap_or_default().replace('.', "");
                let tenant = line["tenant"].as_str().unwrap().to_owned();
                *cents.entry(tenant).or_default() += amount.parse::<i128>().unwrap_or(0);
            }
        }
    }
    cents
}

/// Processes that were started with this directory among their arguments.
fn processes(of: &std::path::Path) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|p| std::fs::read(p.ok()?.path().join("cmdline")).ok())
        .map(|c| String::from_utf8_lossy(&c).replace('\0', " "))
        .filter(|c| c.contains(of.to_str().unwrap()))
        .collect()
}

#[test]
fn page_metrics_usage_export_and_truth_agree_while_it_runs_and_it_ends_cleanly() {
    let (cloud, dir) = (Cloud::start(), tempfile::tempdir().unwrap());
    let p = plimsoll(&cloud, dir.path());
    let month = cloud.month.to_string();
    let run = Running::start(&p);
    assert_eq!(run.get("/livez", "").1, "ok\n");
    run.wait("readiness", FIRST_USAGE_MAX, || {
        let (head, body) = run.get("/readyz", "");
        let read = body.matches("last complete pass").count();
        if head.starts_with("http/1.1 200") && read == LISTS {
            return Ok(());
        }
        Err(body)
    });
    let usage = || json(&p.ok(&["usage", "--month", &month, "--format", "json"]));
    // The page may be a few seconds old.
    let path = format!("/?month={month}");
    run.wait("page and usage", FIRST_USAGE_MAX, || {
        agree(&run.get(&path, "").1, &usage())
    });
    check_truth(&cloud, &usage());
    let (head, page) = run.get(&path, "");
    for must in [
        "http/1.1 200",
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(head.contains(must), "{must}: {head}");
    }
    check_metrics(&run);
    assert!(!processes(p.dir()).is_empty());
    let (took, code) = run.end();
    assert!(code == Some(0) && took < END_MAX, "{code:?} after {took:?}");
    assert_eq!(processes(p.dir()), Vec::<String>::new());

    let out = p.dir().join("export");
    let out_text = out.to_str().unwrap();
    p.ok(&[
        "export", "--month", &month, "--format", "jsonl", "--out", out_text,
    ]);
    let sums = exported(&out);
    assert_eq!(sums.len(), 4);
    for (tenant, cents) in sums {
        let exact = format!("{}.{:02}", cents / 100, cents % 100);
        assert_eq!(shown(&page, &tenant, "Cost, EUR"), Ok(exact), "{tenant}");
    }
}

#[test]
fn what_was_read_before_the_stop_is_in_the_store_after_it() {
    let (cloud, dir) = (Cloud::start(), tempfile::tempdir().unwrap());
    let p = plimsoll(&cloud, dir.path());
    let config = dir.path().join("plimsoll.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    // Passes end all the time, and often one is not delivered yet.
    std::fs::write(&config, text.replace("interval: 1m", "interval: 1s")).unwrap();
    let run = Running::start(&p);
    run.wait("readiness", FIRST_USAGE_MAX, || {
        let body = run.get("/readyz", "").1;
        let read = body.matches("last complete pass").count();
        (read == LISTS).then_some(()).ok_or(body)
    });
    run.wait("a batch in the spool", FIRST_USAGE_MAX, || {
        let page = run.get("/metrics", "").1;
        let empty = page.contains("\nplimsoll_spool_batches 0\n");
        (!empty).then_some(()).ok_or(page)
    });
    let (_, code) = run.end();
    assert_eq!(code, Some(0));
    let below = |dir: std::path::PathBuf| std::fs::read_dir(dir).into_iter().flatten();
    let left: Vec<_> = below(p.data().join("spool"))
        .flat_map(|lane| below(lane.unwrap().path()))
        .map(|e| e.unwrap().path())
        .filter(|f| f.extension().is_some_and(|e| e == "batch"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_started() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plimsoll.yaml");
    std::fs::write(
        &path,
        format!("sources: []\nhttp: {{listen: '{address}'}}\n"),
    )
    .unwrap();
    let p = Plimsoll::with_config(path);
    let (code, _, said) = p.run(&["run"]);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains(&format!(
            "{address} (http.listen): is another plimsoll running there?"
        )),
        "{said}"
    );
    assert!(!p.data().join("engine").exists());
}
