//! Budgets that burn, as a real Alertmanager is told of them: by plimsoll itself, and by a real Prometheus that evaluates plimsoll's rules.

mod prometheus;
mod server;

use crate::harness::{Plimsoll, fact, open};
use plimsoll::domain::{
    Aspect, Batch, Evidence, Fact, Outcome, Pass, PassMode, Ts, Value, fact::kind,
};
use serde_json::Value as Json;
use server::{Ended, Server};
use std::{fs, path::Path};

const BURN: &str = "SLOErrorBudgetBurn";

/// Seconds since 1970, of the minute that began last.
fn minute() -> i64 {
    let now = plimsoll::net::Clock::System.now().second();
    now - now % 60
}

/// A server that Nova was asked for and failed to build.
fn failed_boot(id: &str, asked: i64) -> [Fact; 2] {
    let state = |evidence, at, word| fact("a", id, Aspect::State, evidence, at, Value::label(word));
    [
        state(Evidence::Record, asked, "building"),
        state(Evidence::Event, asked + 5, "build_error"),
    ]
}

/// The list of servers was read: all before this is known.
fn read_until(watermark: i64) -> Pass {
    let t = Ts::from_second(watermark);
    Pass {
        id: u64::try_from(watermark).unwrap(),
        cloud: "a".to_owned(),
        service: "compute".to_owned(),
        region: String::new(),
        list: kind::list_of(kind::SERVER).to_owned(),
        mode: PassMode::Full,
        started: t,
        finished: t.plus_seconds(1),
        watermark: t,
        skew_us: 0,
        outcome: Outcome::Complete,
        items: 60,
        facts: 120,
        requests: 1,
        bytes: 1,
        error: String::new(),
        collector: "test/1".to_owned(),
        cursor: String::new(),
    }
}

async fn write(data: &Path, batch: Batch) {
    let store = open(data).await;
    store.write(&batch).await.unwrap();
    store.close().await.unwrap();
}

fn config(dir: &Path, to: &[&Server]) -> std::path::PathBuf {
    let slo = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/slo/compute.yaml");
    let mut text = format!(
        "sources: []\nhttp: {{listen: 127.0.0.1:0}}\nslo:\n  files: [{slo}]\n  alert_every: 1s\n  alertmanagers:\n"
    );
    for server in to {
        text += &format!("    - {{url: 'http://{}', timeout: 1s}}\n", server.address);
    }
    let file = dir.join("plimsoll.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// `plimsoll run`, and where it serves.
fn run(p: &Plimsoll) -> (Ended, String) {
    let mut command = p.command(&["run"]);
    let (child, line) = server::until(&mut command, "serves http://");
    let address = line.split_once("serves http://").unwrap().1;
    (child, address.split_once('/').unwrap().0.to_owned())
}

/// How many posts to an Alertmanager ended so, by plimsoll's metrics.
fn posts(page: &str, name: &str, outcome: &str) -> u64 {
    let series = format!(
        "plimsoll_alertmanager_posts_total{{alertmanager=\"{name}\",outcome=\"{outcome}\"}} "
    );
    let count = page.lines().find_map(|l| l.strip_prefix(series.as_str()));
    count.map_or(0, |n| n.parse().unwrap())
}

fn time(alert: &Json, key: &str) -> Ts {
    Ts::parse(alert[key].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_burning_budget_is_posted_survives_a_restart_and_resolves() {
    let (first, mut second) = (Server::alertmanager().await, Server::alertmanager().await);
    let p = Plimsoll::quickstart();
    let config = config(p.dir(), &[&first, &second]);
    let p = p.configured(config);
    // All failed in the five minutes before the list was last read, seven hours ago: nothing is known since, so what fires then is frozen.
    let settled = minute() - 7 * 3_600;
    let facts = (0..60).flat_map(|i| failed_boot(&format!("s{i}"), settled - 300 + i * 4));
    let batch = Batch {
        facts: facts.collect(),
        passes: vec![read_until(settled)],
        ..Batch::default()
    };
    write(&p.data(), batch).await;

    let (mut running, _) = run(&p);
    for server in [&first, &second] {
        // Each pair of windows, and that nothing is known.
        let all = server
            .wait("four pairs and the gap", |all| all.len() == 5)
            .await;
        assert_eq!(
            all.iter()
                .filter(|a| a["labels"]["alertname"] == "SLOUnmeasured")
                .count(),
            1
        );
    }
    let page = |all: &[Json]| {
        let is = |a: &&Json| a["labels"]["alertname"] == BURN && a["labels"]["window"] == "1h";
        all.iter().find(is).cloned()
    };
    let fired = page(&first.alerts().await).unwrap();
    let (labels, said) = (&fired["labels"], &fired["annotations"]);
    assert_eq!(
        (&labels["slo"], &labels["tenant"], &labels["severity"]),
        (
            &"server-boot".into(),
            &"unattributed".into(),
            &"page".into()
        )
    );
    assert_eq!((&said["bad"], &said["total"]), (&"60".into(), &"60".into()));
    assert_eq!(
        (&said["p"], &said["coverage"]),
        (&"< 1/1000000000".into(), &"60 of 60 min".into())
    );
    assert_eq!(said["projected_breach"], "now");
    let as_of = Ts::from_second(settled).to_string();
    assert!(said["frozen"].as_str().unwrap().contains(&as_of), "{said}");
    assert!(
        time(&fired, "endsAt") > plimsoll::net::Clock::System.now().plus_seconds(200),
        "{fired}"
    );

    // Killed and started anew, with one Alertmanager gone: the other is told of the same alert.
    running.kill();
    second.child.kill();
    let before = time(&page(&first.alerts().await).unwrap(), "updatedAt");
    let (_running, address) = run(&p);
    let again = |all: &[Json]| page(all).is_some_and(|a| time(&a, "updatedAt") > before);
    let all = first.wait("the same after a restart", again).await;
    assert_eq!(all.len(), 5);
    assert_eq!(
        time(&page(&all).unwrap(), "startsAt"),
        time(&fired, "startsAt")
    );
    let metrics = format!("http://{address}/metrics");
    let counted = server::text_where(&metrics, |page| {
        posts(page, &first.name(), "ok") > 0 && posts(page, &second.name(), "failed") > 0
    });
    assert_eq!(posts(&counted.await, &first.name(), "failed"), 0);

    // The list is read again, and nothing failed meanwhile.
    let batch = Batch {
        passes: vec![read_until(minute())],
        ..Batch::default()
    };
    write(&p.data(), batch).await;
    // Long before any of them would end for not being sent again.
    first.wait("all resolved", <[Json]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_the_way_is_known_to_be_open_or_not_before_there_is_anything_to_tell() {
    let server = Server::alertmanager().await;
    let p = Plimsoll::quickstart();
    let config = config(p.dir(), &[&server]);
    // A proxy's path that this one does not have.
    let more = format!("    - {{url: 'http://{}/nowhere/'}}\n", server.address);
    let text = fs::read_to_string(&config).unwrap() + &more;
    fs::write(&config, text).unwrap();
    let p = p.configured(config);
    let (_running, address) = run(&p);
    let metrics = format!("http://{address}/metrics");
    let nowhere = format!("{}/nowhere", server.name());
    let counted = server::text_where(&metrics, |page| {
        posts(page, &server.name(), "ok") > 0 && posts(page, &nowhere, "failed") > 0
    });
    let page = counted.await;
    assert_eq!(posts(&page, &server.name(), "failed"), 0);
    assert_eq!(posts(&page, &nowhere, "ok"), 0);
    assert!(server.alerts().await.is_empty());
}
