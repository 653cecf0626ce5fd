//! A real Prometheus on loopback, filled with a history that promtool writes: what is read of it is what is in it.

use plimsoll::{
    config::{self, Metric, MetricOwner, MetricsFrom, MetricsServer, Prometheus, SeriesOf},
    domain::{Batch, Fact, Memory, Outcome, Pass, PassMode, ResourceKey, Ts},
    fold,
    net::Clock,
    sources::{Source, Verdict},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::sync::mpsc;

/// One that runs until the test ends.
struct Server {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) {
    let name = format!("{command:?}");
    let out = command
        .output()
        .unwrap_or_else(|e| panic!("{name}: {e}; run deploy/setup/apt.sh prometheus=promtool"));
    assert!(
        out.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

impl Server {
    /// With this history, in OpenMetrics with times.
    async fn with(history: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (file, data) = (dir.path().join("history"), dir.path().join("data"));
        fs::write(&file, history).unwrap();
        run(Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&file, &data]));
        let settings = dir.path().join("prometheus.yml");
        fs::write(&settings, "scrape_configs: []\n").unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let child = Command::new("prometheus")
            .arg(flag("config.file", &settings))
            .arg(flag("storage.tsdb.path", &data))
            .arg(format!("--web.listen-address={address}"))
            .args(["--storage.tsdb.retention.time=10y", "--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("prometheus: {e}; run deploy/setup/apt.sh prometheus"));
        let mut server = Self {
            child,
            address,
            _dir: dir,
        };
        server.wait().await;
        server
    }

    async fn wait(&mut self) {
        for _ in 0..300 {
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "prometheus ended at once"
            );
            let mut readers = open(&self.source(vec![watts()]), &Memory::default());
            let found = readers[0].check_online().await;
            if found.iter().all(|f| f.verdict != Verdict::Error) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("prometheus does not answer");
    }

    fn source(&self, metrics: Vec<Metric>) -> Prometheus {
        Prometheus {
            name: "kept".to_owned(),
            from: MetricsFrom::Server(MetricsServer {
                url: format!("http://{}/", self.address).parse().unwrap(),
                delay_s: 60,
                catch_up_s: 7 * 86_400,
            }),
            metrics,
            interval_s: 60,
            timeout_s: 30,
            body_max_bytes: 16 << 20,
            login: None,
            ca_file: None,
        }
    }
}

fn metric(of: SeriesOf, meter: &str, is_gauge: bool) -> Metric {
    Metric {
        of,
        matches: BTreeMap::new(),
        meter: meter.to_owned(),
        is_gauge,
        scale: "1e6".to_owned(),
        resource: vec!["host".to_owned()],
        owner: MetricOwner::Contract("CO-001".to_owned()),
        dimensions: BTreeMap::new(),
        start: None,
        keep_s: 3_600,
        holds_s: 7_200,
    }
}

fn joules() -> Metric {
    Metric {
        matches: BTreeMap::from([("host".to_owned(), "cmp[12]|\"\\\\".to_owned())]),
        ..metric(
            SeriesOf::Name("joules_total".to_owned()),
            "host.energy",
            false,
        )
    }
}

fn watts() -> Metric {
    metric(
        SeriesOf::Query("sum by (host) (watts)".to_owned()),
        "host.power",
        true,
    )
}

fn open(conf: &Prometheus, memory: &Memory) -> Vec<Source> {
    let conf = config::Source::Prometheus(conf.clone());
    Source::open(&conf, &Clock::System, memory, "test").unwrap()
}

/// Reads once: the facts, and the passes.
async fn collect(readers: &mut [Source]) -> (Vec<Fact>, Vec<Pass>) {
    let (mut facts, mut passes) = (Vec::new(), Vec::new());
    for reader in readers {
        let (out, mut parcels) = mpsc::channel(64);
        let reading = async {
            let passes = reader.collect(PassMode::Full, &out).await;
            drop(out);
            passes
        };
        let taking = async {
            let mut all = Batch::default();
            while let Some(parcel) = parcels.recv().await {
                all.append(parcel.batch);
            }
            all
        };
        let (read, batch) = tokio::join!(reading, taking);
        passes.extend(read);
        facts.extend(batch.facts);
    }
    (facts, passes)
}

/// Sums by host, and the seconds that gaps take.
fn amounts(facts: &[Fact]) -> BTreeMap<String, (i64, i64)> {
    let keys: BTreeSet<ResourceKey> = facts.iter().map(|f| f.key.clone()).collect();
    let mut all = BTreeMap::new();
    for key in keys {
        let (mut sum, mut gaps) = (0, 0);
        for a in fold::fold(&key, facts.to_vec()).amounts {
            sum += a.quantities.get("host.energy").unwrap_or(&0);
            let seconds = a.end.second() - a.start.second();
            gaps += if a.gap.is_empty() { 0 } else { seconds };
        }
        all.insert(key.resource, (sum, gaps));
    }
    all
}

/// Whole hours before now.
fn hours_ago(n: i64) -> i64 {
    Clock::System.now().second().div_euclid(3_600) * 3_600 - n * 3_600
}

/// Five hours, a sample a minute: `cmp1` grows by 2.25 a minute and begins anew once; `cmp2` ends after an hour and a half; `cmp3` is nobody's business.
fn history(from: i64) -> String {
    let mut text = "# TYPE joules counter\n".to_owned();
    let mut add = |name: &str, labels: &str, at: i64, value: String| {
        text.push_str(&format!("{name}{{{labels}}} {value} {at}\n"));
    };
    for minute in 0..=300_i64 {
        let quarters = 9 * if minute < 130 { minute } else { minute - 130 };
        let value = format!("{}.{:02}", quarters / 4, quarters % 4 * 25);
        add("joules_total", "host=\"cmp1\"", from + 60 * minute, value);
    }
    for minute in 0..=90 {
        let at = from + 60 * minute;
        add(
            "joules_total",
            "host=\"cmp2\"",
            at,
            format!("{}", 100 + minute),
        );
    }
    for minute in 0..=300 {
        let at = from + 60 * minute;
        add("joules_total", "host=\"cmp3\"", at, minute.to_string());
    }
    text.push_str("# TYPE watts gauge\n");
    for package in ["0", "1"] {
        for minute in 0..=300 {
            let labels = format!("host=\"cmp1\",package=\"{package}\"");
            text.push_str(&format!("watts{{{labels}}} 60.5 {}\n", from + 60 * minute));
        }
    }
    text + "# EOF\n"
}

#[tokio::test]
async fn what_a_prometheus_kept_while_we_were_away_is_read_whole_and_the_same_by_everybody() {
    let from = hours_ago(6);
    let server = Server::with(&history(from)).await;
    let conf = server.source(vec![joules(), watts()]);
    let away_since = |list: &str| (list.to_owned(), Ts::from_second(from));
    let memory = Memory {
        watermarks: ["host.energy", "host.power"].map(away_since).into(),
        ..Memory::default()
    };
    let mut readers = open(&conf, &memory);
    for found in [
        readers[0].check_online().await,
        readers[1].check_online().await,
    ] {
        // All of it ended an hour ago.
        assert!(found[0].what.contains("no series of"), "{found:?}");
    }
    let (facts, passes) = collect(&mut readers).await;
    let told: Vec<_> = passes
        .iter()
        .map(|p| (p.list.as_str(), p.outcome, p.error.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("host.energy", Outcome::Complete, ""),
            ("host.power", Outcome::Complete, "")
        ]
    );
    // All that cmp1 counted but for the minute in which it began anew, and all that cmp2 did.
    let cmp1 = (2_250_000 * (129 + 170), 60);
    assert_eq!(
        amounts(&facts),
        BTreeMap::from([
            ("cmp1".to_owned(), cmp1),
            ("cmp2".to_owned(), (90_000_000, 0))
        ])
    );
    let watts = facts
        .iter()
        .filter(|f| f.key.resource == "cmp1")
        .find_map(|f| {
            f.value
                .known()
                .and_then(|k| k.levels.get("host.power"))
                .copied()
        });
    assert_eq!(
        watts,
        Some(121_000_000),
        "two packages, as the query sums them"
    );
    // Six hours of three series: what is kept grows with the hours, not with the 983 samples.
    assert!(facts.len() < 25, "{}", facts.len());

    // Another collector, and one that was stopped half way, read the same grid: together they tell nothing else.
    let mut readers = open(&conf, &memory);
    let (again, _) = collect(&mut readers).await;
    let ids = |facts: &[Fact]| facts.iter().map(Fact::id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&again), ids(&facts));
    let half = Memory {
        watermarks: ["host.energy", "host.power"]
            .map(|l| (l.to_owned(), Ts::from_second(from + 150 * 60)))
            .into(),
        ..Memory::default()
    };
    let (half, _) = collect(&mut open(&conf, &half)).await;
    let both: Vec<Fact> = facts.iter().chain(&half).cloned().collect();
    assert_eq!(amounts(&both), amounts(&facts));
    // Read once more, nothing is new.
    let (none, passes) = collect(&mut readers).await;
    assert!(none.is_empty() && passes.iter().all(|p| p.outcome == Outcome::Complete));
}

#[tokio::test]
async fn what_a_prometheus_refuses_is_told_in_its_words() {
    let server = Server::with(&history(hours_ago(6))).await;
    let bad = |query: &str| metric(SeriesOf::Query(query.to_owned()), "host.power", true);
    let conf = server.source(vec![bad("sum by (host) (watts"), bad("1 + 1"), watts()]);
    let (facts, passes) = collect(&mut open(&conf, &Memory::default())).await;
    assert!(facts.is_empty(), "{facts:?}");
    let told: Vec<_> = passes
        .iter()
        .map(|p| (p.list.as_str(), p.outcome))
        .collect();
    assert_eq!(
        told,
        [
            ("host.power", Outcome::Failed),
            ("host.power/2", Outcome::Complete),
            ("host.power/3", Outcome::Complete)
        ]
    );
    assert!(
        passes[0].error.contains("the server refused the query:")
            && passes[0].error.contains("parse error"),
        "{}",
        passes[0].error
    );
    // A number without labels is of nothing.
    assert!(
        passes[1].error.contains("no label `host`"),
        "{}",
        passes[1].error
    );
    assert!(
        passes[2]
            .error
            .contains("there is no sample of sum by (host) (watts)"),
        "{}",
        passes[2].error
    );
}
