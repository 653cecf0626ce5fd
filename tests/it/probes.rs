//! Probes against services of the test's own: what they find is counted, by the minute, and a minute without a try is a gap.

use crate::{harness, made_up::MadeUp, tls};
use axum::{
    Router,
    body::Bytes,
    extract::{Path as UrlPath, Query, State},
    http::StatusCode,
    routing::{get, put},
};
use plimsoll::{
    config::{self, Config, Overrides},
    domain::{Memory, PassMode, Ts},
    net::Clock,
    periods::{
        slo::{self, Events, Settled},
        usage::Rules,
    },
    sources::{Parcel, Source, Verdict},
    store::Store,
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc};

const AT: i64 = 1_790_000_040;

/// A page that can break, and a bucket that can mix things up.
#[derive(Default)]
struct Services {
    broken: AtomicBool,
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// How many objects were ever put.
    puts: Mutex<usize>,
}

type Shared = State<Arc<Services>>;
type Signed = Query<HashMap<String, String>>;

async fn page(State(s): Shared) -> (StatusCode, &'static str) {
    if s.broken.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "later");
    }
    (StatusCode::OK, "welcome")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(50)).await;
    "at last"
}

fn is_signed(query: &HashMap<String, String>) -> bool {
    query["X-Amz-Credential"].starts_with("probe/") && query["X-Amz-Signature"].len() == 64
}

async fn put_object(
    State(s): Shared,
    UrlPath(key): UrlPath<String>,
    Query(query): Signed,
    body: Bytes,
) -> StatusCode {
    if !is_signed(&query) {
        return StatusCode::FORBIDDEN;
    }
    *s.puts.lock().unwrap() += 1;
    s.objects.lock().unwrap().insert(key, body);
    StatusCode::OK
}

async fn get_object(State(s): Shared, UrlPath(key): UrlPath<String>) -> (StatusCode, Bytes) {
    let objects = s.objects.lock().unwrap();
    match objects.get(&key) {
        Some(_) if s.broken.load(Ordering::SeqCst) => (StatusCode::OK, Bytes::from("another")),
        Some(body) => (StatusCode::OK, body.clone()),
        None => (StatusCode::NOT_FOUND, Bytes::new()),
    }
}

async fn delete_object(State(s): Shared, UrlPath(key): UrlPath<String>) -> StatusCode {
    match s.objects.lock().unwrap().remove(&key) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn serve(services: &Arc<Services>) -> u16 {
    let object = put(put_object).get(get_object).delete(delete_object);
    let router = Router::new()
        .route("/", get(page))
        .route("/slow", get(slow))
        .route("/probed/{key}", object)
        .with_state(Arc::clone(services));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

fn objective(name: &str, probe: &str, within: &str) -> String {
    let spec = format!("event: probe, probe: {probe}");
    format!(
        "---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: shop
  indicator:
    metadata: {{name: {name}}}
    spec:
      ratioMetric:
        counter: true
        good: {{metricSource: {{type: plimsoll, spec: {{{spec}{within}}}}}}}
        total: {{metricSource: {{type: plimsoll, spec: {{{spec}}}}}}}
  timeWindow: [{{duration: 1d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: 0.99}}]
"
    )
}

/// What the text configures, with the objectives `(name, probe, within)`.
fn load(
    dir: &Path,
    sources: &str,
    slos: &[(&str, &str, &str)],
) -> Result<Config, Vec<config::Problem>> {
    let mut all =
        "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n".to_owned();
    for (name, probe, within) in slos {
        all += &objective(name, probe, within);
    }
    std::fs::write(dir.join("slo.yaml"), all).unwrap();
    std::fs::write(dir.join("key"), "probe").unwrap();
    std::fs::write(dir.join("sim-password"), plimsoll::simulate::PASSWORD).unwrap();
    let mut text = format!("sources:\n{sources}slo: {{files: [slo.yaml]}}\n");
    let _ = writeln!(text, "store: {{data_dir: data}}");
    let file = dir.join("plimsoll.yaml");
    std::fs::write(&file, text).unwrap();
    config::load(Some(&file), &Overrides::default())
}

/// One source's only reader.
fn reader(config: &Config, clock: &Clock) -> Source {
    let conf = config
        .sources
        .iter()
        .find(|s| s.name() == "probes")
        .unwrap();
    let mut readers = Source::open(conf, clock, &Memory::default(), "here").unwrap();
    assert_eq!(readers.len(), 1);
    readers.remove(0)
}

/// Tries everything and stores what came of it: the pass's remark.
async fn try_all(reader: &mut Source, store: &Store) -> String {
    let (out, mut parcels) = mpsc::channel::<Parcel>(16);
    let passes = reader.collect(PassMode::Changes, &out).await;
    drop(out);
    while let Some(parcel) = parcels.recv().await {
        store.write(&parcel.batch).await.unwrap();
        // What is written twice counts once.
        store.write(&parcel.batch).await.unwrap();
    }
    passes[0].error.clone()
}

/// By objective: good, bad, and minutes in which nobody looked, of two given ones and the minute after them.
async fn counted(
    store: &Store,
    config: &Config,
    (from, to): (i64, i64),
) -> BTreeMap<String, (u64, u64, u64)> {
    let rules = Rules::of(config).unwrap();
    let slos: Vec<_> = config.slo.slos.iter().collect();
    let (from, to) = (Ts::from_second(from), Ts::from_second(to));
    let settled = Settled::read(store, config, Ts::MAX).await.unwrap();
    let events = Events::read(store, &rules, &slos, settled, (from, Ts::MAX))
        .await
        .unwrap();
    let stated = slos
        .iter()
        .flat_map(|s| slo::report(s, &events, &[], (from, to)));
    stated
        .map(|s| {
            let t = s.statement.figure.tally;
            (s.slo, (t.good, t.bad, t.gap))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_probes_find_is_counted_by_the_minute() {
    let (dir, services) = (tempfile::tempdir().unwrap(), Arc::new(Services::default()));
    let port = serve(&services).await;
    tls::certify(dir.path());
    let secure = tls::serve(
        dir.path(),
        Arc::new(|_| (200, String::new(), String::new())),
    )
    .await;
    let closed = {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        taken.local_addr().unwrap().port()
    };
    let sources = format!(
        "  - kind: probes
    name: probes
    timeout: 5s
    probes:
      - {{name: page, http: {{url: 'http://127.0.0.1:{port}/', contains: welcome}}}}
      - {{name: other-page, http: {{url: 'http://127.0.0.1:{port}/', contains: farewell}}}}
      - {{name: missing, http: {{url: 'http://127.0.0.1:{port}/nowhere', status: [404]}}}}
      - {{name: slow, http: {{url: 'http://127.0.0.1:{port}/slow'}}}}
      - {{name: port, tcp: {{address: '127.0.0.1:{port}'}}}}
      - {{name: closed, tcp: {{address: '127.0.0.1:{closed}'}}}}
      - {{name: name, dns: {{name: localhost}}}}
      - {{name: no-name, dns: {{name: nowhere.invalid}}}}
      - {{name: valid, tls: {{address: '127.0.0.1:{secure}', valid_for: 1d, ca_file: ca.pem}}}}
      - {{name: expiring, tls: {{address: '127.0.0.1:{secure}', valid_for: 30d, ca_file: ca.pem}}}}
      - {{name: untrusted, tls: {{address: '127.0.0.1:{secure}', valid_for: 1d}}}}
      - {{name: bucket, s3: {{endpoint: 'http://127.0.0.1:{port}', bucket: probed, access_key: {{file: key}}, secret_key: {{file: key}}}}}}
"
    );
    let slos = [
        ("page", "page", ""),
        ("slow", "slow", ""),
        ("slow-at-once", "slow", ", within: 20ms"),
        ("bucket", "bucket", ""),
        ("closed", "closed", ""),
    ];
    let config = load(dir.path(), &sources, &slos).unwrap();
    // By the clock of the certificates, until the tries that are counted.
    let mut now = reader(&config, &Clock::System);
    let found = now.check_online().await;
    let said: Vec<(Verdict, &str)> = found.iter().map(|f| (f.verdict, f.what.as_str())).collect();
    let is = |name: &str, verdict: Verdict, part: &str| {
        let named = format!("probe {name}: ");
        let (v, what) = said.iter().find(|(_, w)| w.starts_with(&named)).unwrap();
        assert!(*v == verdict && what.contains(part), "{name}: {what}");
    };
    is("page", Verdict::Ok, "good after");
    is(
        "other-page",
        Verdict::Warning,
        "does not contain `farewell`",
    );
    is("missing", Verdict::Ok, "good after");
    is("port", Verdict::Ok, "good after");
    is("closed", Verdict::Warning, "refused");
    is("name", Verdict::Ok, "good after");
    is("no-name", Verdict::Warning, "nowhere.invalid");
    is("valid", Verdict::Ok, "good after");
    is(
        "expiring",
        Verdict::Warning,
        "trusted now, but not in 30 days",
    );
    is("untrusted", Verdict::Warning, "certificate");
    is("bucket", Verdict::Ok, "good after");
    assert!(
        services.objects.lock().unwrap().is_empty(),
        "all were deleted"
    );
    assert!(now.pause(Duration::ZERO) >= now.interval() / 4);

    let store = harness::open(dir.path()).await;
    let clock = Clock::standing_at(Ts::from_second(AT));
    let mut reader = reader(&config, &clock);
    // Good; broken; nobody looks for two minutes; good; and once more, so that the minute before is settled.
    for (minute, broken) in [(0, false), (1, true), (4, false), (5, false)] {
        clock.set(Ts::from_second(AT + minute * 60 + 15));
        services.broken.store(broken, Ordering::SeqCst);
        let remark = try_all(&mut reader, &store).await;
        let failed = remark.contains("page: status 503") && remark.contains("bucket: get: what");
        assert_eq!(failed, broken, "{remark}");
    }
    let counted = counted(&store, &config, (AT, AT + 360)).await;
    assert_eq!(
        counted["page"],
        (2, 1, 3),
        "the last minute may have more to tell"
    );
    assert_eq!(counted["bucket"], (2, 1, 3));
    assert_eq!(counted["closed"], (0, 3, 3));
    assert_eq!(counted["slow"], (3, 0, 3));
    assert_eq!(counted["slow-at-once"], (0, 3, 3), "good, but too late");
    assert_eq!(*services.puts.lock().unwrap(), 5);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_a_cloud_are_tried_by_the_account_that_meters_it() {
    let (dir, cloud) = (tempfile::tempdir().unwrap(), MadeUp::serve(7).await);
    let sources = |project: &str| {
        let probe = |s: &str| {
            format!(
                "      - {{name: {s}, openstack: {{source: {}, service: {s}}}}}\n",
                cloud.cloud
            )
        };
        let probes = ["identity", "compute", "volume", "network", "image"].map(probe);
        format!(
            "  - kind: probes
    name: probes
    probes:
{}{}",
            probes.concat(),
            cloud.source(project)
        )
    };
    let config = load(dir.path(), &sources("admin"), &[]).unwrap();
    let reader = reader(&config, &Clock::System);
    let before = cloud.requests();
    for finding in reader_findings(reader).await {
        assert_eq!(finding.0, Verdict::Ok, "{}", finding.1);
    }
    assert!(
        cloud.requests() >= before + 9,
        "a token each, and four lists"
    );
    let config = load(dir.path(), &sources("nobodys"), &[]).unwrap();
    let reader = self::reader(&config, &Clock::System);
    for finding in reader_findings(reader).await {
        assert_eq!(finding.0, Verdict::Warning, "{}", finding.1);
        assert!(finding.1.contains("cannot log in"), "{}", finding.1);
    }
}

async fn reader_findings(mut reader: Source) -> Vec<(Verdict, String)> {
    let found = reader.check_online().await;
    found.into_iter().map(|f| (f.verdict, f.what)).collect()
}

#[test]
fn what_cannot_be_probed_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let sources = "  - kind: probes
    name: probes
    interval: 7s
    timeout: 30s
    probes:
      - {name: both, tcp: {address: 'a:1'}, dns: {name: a}}
      - {name: none}
      - {name: portless, tcp: {address: bastion.example}}
      - {name: portless, dns: {name: a}}
      - {name: cloud, openstack: {source: se-1, service: compute}}
      - {name: cert, tls: {address: 'a:443', server_name: '-'}}
";
    let problems = load(dir.path(), sources, &[("shop", "portal", "")]).unwrap_err();
    let said: String = problems
        .iter()
        .fold(String::new(), |s, p| s + &format!("{p}\n"));
    for part in [
        "7s is no whole part of a minute",
        "sources[0].timeout",
        "sources[0].probes[0]: a probe is one thing",
        "sources[0].probes[1]: a probe is one thing",
        "`bastion.example` is not host and port",
        "`portless` is the name of another probe",
        "there is no source `se-1` of kind `openstack`",
        "is no name that a certificate is for",
        "the SLO `shop` is of a probe `portal` that no source of kind `probes` has",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}
