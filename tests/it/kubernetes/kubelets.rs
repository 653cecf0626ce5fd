//! Kubelets, over TLS: what pods use, and what is said of those that cannot be read.

use super::{
    cluster::{Cluster, ts},
    server::recorded,
};
use crate::tls;
use plimsoll::{
    config::{self, KubeletPage},
    domain::{Aspect, Memory, Outcome, Pass, PassMode, fact::kind},
    sources::{Source, Verdict},
};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

const NODE: &str = "okd-worker-11.lab.example";

/// A cluster of two nodes: one kubelet answers, the other is away.
struct Nodes {
    cluster: Cluster,
    summary: Arc<Mutex<Json>>,
}

/// So much later by every clock on a page, and so much more by every counter.
fn on(page: &mut Json, seconds: i64, more: u64) {
    match page {
        Json::Array(all) => all.iter_mut().for_each(|v| on(v, seconds, more)),
        Json::Object(all) => {
            for (key, value) in all {
                match (key.as_str(), value.as_u64()) {
                    ("usageCoreNanoSeconds" | "rxBytes" | "txBytes", Some(n)) => {
                        *value = (n + more).into()
                    }
                    ("time", _) => {
                        let later = ts(value.as_str().unwrap()).plus_seconds(seconds);
                        *value = later.to_string().into();
                    }
                    _ => on(value, seconds, more),
                }
            }
        }
        _ => {}
    }
}

impl Nodes {
    async fn start(change: impl FnOnce(&mut config::Kubelets)) -> Self {
        let mut cluster = Cluster::start(&["nodes", "pods"]).await;
        let dir = cluster.dir.path().to_owned();
        tls::certify(&dir);
        let mut page: Json =
            serde_json::from_str(&recorded("kubelet/simulated-summary.json")).unwrap();
        let exporter = page["pods"].as_array_mut().unwrap().iter_mut();
        let mut of_host = exporter.filter(|p| p["podRef"]["name"] == "node-exporter-s9ttf");
        of_host.next().unwrap()["network"] = serde_json::json!({"time": "2026-11-23T08:54:33Z", "name": "eth0", "rxBytes": 9, "txBytes": 9});
        let summary = Arc::new(Mutex::new(page));
        let (answered, world) = (Arc::clone(&summary), Arc::clone(&cluster.world));
        let port = tls::serve(
            &dir,
            Arc::new(move |head: &str| {
                let date = world.lock().unwrap().now.to_http_date();
                let date = format!("date: {date}\r\n");
                let head = head.to_ascii_lowercase();
                if !head.contains("authorization: bearer sesame\r\n") {
                    return (401, date, "Unauthorized".to_owned());
                }
                match head.split(' ').nth(1) {
                    Some("/stats/summary") => (200, date, answered.lock().unwrap().to_string()),
                    Some("/metrics/resource") => (403, date, "Forbidden".to_owned()),
                    _ => (404, date, String::new()),
                }
            }),
        )
        .await;
        {
            let mut world = cluster.world.lock().unwrap();
            for mut node in world.objects("nodes") {
                let name = node["metadata"]["name"].as_str().unwrap().to_owned();
                // Port 9 discards what it gets, where anybody listens at all.
                let port = match name.as_str() {
                    NODE => port,
                    "okd-worker-10.lab.example" => 9,
                    _ => {
                        world.vanishes("nodes", &format!("/{name}"));
                        continue;
                    }
                };
                node["status"]["addresses"][0]["address"] = "127.0.0.1".into();
                node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] = port.into();
                world.happens("nodes", "MODIFIED", node);
            }
        }
        let mut kubelets = config::Kubelets {
            page: KubeletPage::Summary,
            interval_s: 60,
            keep_s: 900,
            timeout_s: 5,
            concurrency: 8,
            ca_file: Some(tls::ca(&dir)),
        };
        change(&mut kubelets);
        cluster.conf.kubelets = Some(kubelets);
        let conf = config::Source::Kubernetes(cluster.conf.clone());
        let mut all = Source::open(&conf, &cluster.clock, &Memory::default(), "test").unwrap();
        let kubelets = all.pop().unwrap();
        cluster.readers = all.into_iter().skip(1).take(2).chain([kubelets]).collect();
        Self { cluster, summary }
    }

    async fn pass(&mut self) -> Pass {
        self.cluster.collect(PassMode::Full).await.pop().unwrap()
    }

    fn later(&self, seconds: i64, more: u64) {
        self.cluster.later(seconds);
        on(&mut self.summary.lock().unwrap(), seconds, more);
    }

    /// What each pod used, by meter.
    fn used(&self) -> BTreeMap<String, BTreeMap<String, i64>> {
        let mut all: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for timeline in self.cluster.timelines(kind::POD).into_values() {
            let Some(name) = timeline.spans(Aspect::Name).first() else {
                panic!("{:?}: the API did not tell of it", timeline.key)
            };
            let of = all
                .entry(name.value.as_ref().unwrap().label.clone())
                .or_default();
            for amount in &timeline.amounts {
                assert_eq!(amount.gap, "");
                for (meter, n) in &amount.quantities {
                    *of.entry(meter.clone()).or_default() += n;
                }
            }
        }
        all
    }
}

#[tokio::test]
async fn what_pods_use_is_counted_and_a_kubelet_that_is_away_spoils_nothing() {
    let mut nodes = Nodes::start(|_| {}).await;
    let first = nodes.pass().await;
    assert_eq!(
        (first.list.as_str(), first.outcome),
        ("kubelets", Outcome::Complete),
        "{first:?}"
    );
    assert!(
        first
            .error
            .starts_with("1 of 2 kubelets were not read, first: ")
            && first.error.contains("127.0.0.1:9"),
        "{}",
        first.error
    );
    assert_eq!(first.watermark, nodes.cluster.clock.now());
    // Seven of those that it tells of are in the API: each has CPU and memory, and all but one a network.
    assert_eq!(first.facts, 7 * 3 - 1);
    // From 8:54:33 to 9:15:33, in which a stretch of `keep` begins.
    for _ in 0..21 {
        nodes.later(60, 1_000);
        nodes.pass().await;
    }
    let used = nodes.used();
    let of = |pod: &str, meter: &str| used[pod].get(meter).copied();
    for pod in ["db-2", "sidecar-1-698d797c66-dp6nz"] {
        assert_eq!(of(pod, "k8s.cpu.usage"), Some(21_000), "{pod}");
        assert_eq!(of(pod, "k8s.network.bytes_out"), Some(21_000));
        assert!(of(pod, "k8s.memory.usage").unwrap() > 0);
    }
    let exporter = "node-exporter-s9ttf";
    assert_eq!(of(exporter, "k8s.cpu.usage"), Some(21_000));
    assert_eq!(
        of(exporter, "k8s.network.bytes_in"),
        None,
        "that is its node's"
    );
    let Source::Kubelets(kubelets) = &mut nodes.cluster.readers[2] else {
        unreachable!()
    };
    let samples = kubelets.samples();
    assert_eq!(samples.unread, 22, "the one that is away, each time");
    assert!(samples.read > 22 * 20);
}

#[tokio::test]
async fn the_token_goes_to_nobody_who_is_not_trusted_and_refusals_name_the_way_out() {
    let mut strange = Nodes::start(|k| k.ca_file = None).await;
    let pass = strange.pass().await;
    assert_eq!(pass.outcome, Outcome::Failed);
    assert!(pass.error.contains("127.0.0.1"), "{}", pass.error);
    let findings = strange.cluster.readers[2].check_online().await;
    let told: Vec<&str> = findings.iter().map(|f| f.what.as_str()).collect();
    assert!(
        told.iter().any(|t| t.contains("`kubelets: ca_file`")) && !told.join("").contains("sesame"),
        "{told:?}"
    );

    let mut refused = Nodes::start(|k| k.page = KubeletPage::Resource).await;
    let findings = refused.cluster.readers[2].check_online().await;
    assert!(
        findings.iter().all(|f| f.verdict == Verdict::Error),
        "{findings:?}"
    );
    assert!(
        findings
            .iter()
            .any(|f| f.what.contains("nodes/metrics") && f.what.contains("plimsoll-kubelets")),
        "{findings:?}"
    );

    let mut good = Nodes::start(|_| {}).await;
    let findings = good.cluster.readers[2].check_online().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Ok && f.what.contains("tells of 34 pods")),
        "{findings:?}"
    );
}

#[tokio::test]
async fn kubelets_wait_for_nodes_and_pods() {
    let mut nodes = Nodes::start(|_| {}).await;
    nodes.cluster.readers.drain(..2);
    let pass = nodes.pass().await;
    assert_eq!(pass.outcome, Outcome::Failed);
    assert!(
        pass.error.contains("were not listed within 1 s"),
        "{}",
        pass.error
    );
}
