//! The other way: a real Prometheus scrapes a page, evaluates the rules that plimsoll makes, and tells Alertmanager.

use super::{
    BURN,
    server::{Ended, Server, free_address, post, text_where},
};
use crate::harness::Plimsoll;
use axum::{Router, routing::get};
use plimsoll::net::Clock;
use serde_json::Value as Json;
use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Counters as plimsoll exports them, which grow with every scrape: by bad events while it burns, else by a great many good ones.
#[derive(Default)]
struct Counters {
    recovered: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
}

impl Counters {
    fn page(&self) -> String {
        let (good, bad) = if self.recovered.load(Ordering::SeqCst) {
            (10_000_000, 0)
        } else {
            (0, 100)
        };
        let good = good + self.good.fetch_add(good, Ordering::SeqCst);
        let bad = bad + self.bad.fetch_add(bad, Ordering::SeqCst);
        let events = |outcome: &str, n: u64| {
            format!(
                "plimsoll_slo_events_total{{slo=\"server-boot\",tenant=\"acme\",outcome=\"{outcome}\"}} {n}\n"
            )
        };
        format!(
            "plimsoll_build_info{{version=\"1\"}} 1\nplimsoll_pass_watermark_timestamp_seconds{{source=\"a\",list=\"servers\"}} {}\n{}{}",
            Clock::System.now().second(),
            events("good", good),
            events("bad", bad),
        )
    }
}

/// Serves the page until the test ends.
async fn serve(counters: Arc<Counters>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = move || {
        let page = counters.page();
        async move { page }
    };
    let router = Router::new().route("/metrics", get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_the_rules_fire_in_alertmanager_name_their_evidence_and_resolve() {
    let alertmanager = Server::alertmanager().await;
    let counters = Arc::new(Counters::default());
    let page = serve(Arc::clone(&counters)).await;
    let p = Plimsoll::quickstart();
    let dir = p.dir();
    let rules = dir.join("rules.yaml");
    p.ok(&["rules", "--out", rules.to_str().unwrap()]);
    // The same rules, looked at every second.
    let text = fs::read_to_string(&rules).unwrap();
    assert!(text.contains("interval: 1m\n"));
    let text = text.replace("interval: 1m\n", "interval: 1s\n");
    let live = dir.join("live.yaml");
    let conf = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, external_labels: {{via: prometheus}}}}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{{job_name: plimsoll, static_configs: [{{targets: ['{page}']}}]}}]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n",
        live.display(),
        alertmanager.address,
    );
    let (file, address) = (dir.join("prometheus.yml"), free_address());
    fs::write(&file, conf).unwrap();
    let tsdb = dir.join("tsdb");
    let _prometheus = Ended::start(
        Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", tsdb.display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--rules.alert.resend-delay=1s", "--log.level=error"])
            .arg("--web.enable-lifecycle"),
    );
    // It begins to scrape some seconds after its start. Rules that were looked at before would take those for a gap, and nine times as long to forgive it.
    let scraped = format!("http://{address}/api/v1/query?query=plimsoll_build_info");
    text_where(&scraped, |answer| answer.contains("\"value\"")).await;
    fs::write(&live, text).unwrap();
    post(&format!("http://{address}/-/reload")).await;

    let burns = |a: &&Json| a["labels"]["alertname"] == BURN && a["labels"]["window"] == "1h";
    let all = alertmanager
        .wait("the rules to fire", |all| all.iter().any(|a| burns(&a)))
        .await;
    let fired = all.iter().find(burns).unwrap();
    for (label, is) in [
        ("slo", "server-boot"),
        ("tenant", "acme"),
        ("severity", "page"),
        ("service", "compute"),
        ("via", "prometheus"),
    ] {
        assert_eq!(fired["labels"][label], is, "{fired}");
    }
    let said = fired["annotations"]["description"].as_str().unwrap();
    let bad = said
        .split_once(" bad events in 1h: more than 14.4 times")
        .unwrap()
        .0;
    assert!(bad.parse::<u64>().unwrap() >= 100, "{said}");

    counters.recovered.store(true, Ordering::SeqCst);
    alertmanager
        .wait("the rules to resolve", |all| {
            all.iter().all(|a| a["labels"]["alertname"] != BURN)
        })
        .await;
}
