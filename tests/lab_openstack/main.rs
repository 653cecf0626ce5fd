//! Against a real OpenStack (`deploy/lab/openstack`, `make lab-openstack`): two minutes of known actions are collected while they happen, and every one
//! of them must be among the facts, in order and in time. Exists only with the feature `lab`; needs the variables of `openstack-lab.sh env`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use plimsoll::{
    config::{self, Credentials, Secret},
    domain::{
        Aspect, Batch, Evidence, Fact, Memory, Outcome, Pass, PassMode, Ts, Value, fact::kind,
    },
    net::Clock,
    sources::{Verdict, openstack::OpenStack},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, process::Stdio, time::Duration};
use tokio::sync::mpsc;

/// The client's clock stands in the truth when an answer had come; Nova's times are whole seconds, of other processes.
const SLACK_S: i64 = 6;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: eval \"$(deploy/lab/openstack/openstack-lab.sh env)\"")
    })
}

fn conf() -> config::OpenStack {
    config::OpenStack {
        name: "lab".to_owned(),
        auth_url: env("OS_AUTH_URL").parse().unwrap(),
        credentials: Credentials::Password {
            username: env("OS_USERNAME"),
            user_domain: env("OS_USER_DOMAIN_NAME"),
            project: env("OS_PROJECT_NAME"),
            project_domain: env("OS_PROJECT_DOMAIN_NAME"),
            password: Secret::new(env("OS_PASSWORD")),
        },
        region: Some(env("OS_REGION_NAME")),
        interface: "public".to_owned(),
        interval_s: 5,
        full_interval_s: 60,
        concurrency: 4,
        page_size: 7,
        timeout_s: 60,
        body_max_bytes: 64 << 20,
        ca_file: None,
        gpu_alias: "gpu.*".to_owned(),
    }
}

/// A line of what the scenario did or saw.
#[derive(Debug, Deserialize)]
struct Truth {
    at: String,
    what: String,
    id: Option<String>,
    name: Option<String>,
}

impl Truth {
    fn at(&self) -> Ts {
        Ts::parse(&self.at).unwrap()
    }

    /// What must be among the facts of the state when this was done; `None` for what changes no state.
    fn states(&self) -> Option<&'static [&'static str]> {
        Some(match self.what.as_str() {
            "server.os-stop" => &["stopped"],
            "server.os-start"
            | "server.unshelve"
            | "server.confirmResize"
            | "server.revertResize"
            | "server.rebuild" => &["active"],
            "server.resize" => &["resized"],
            // A server that boots from a volume is offloaded at once.
            "server.shelve" => &["shelved", "shelved_offloaded"],
            "server.suspend" => &["suspended"],
            "server.pause" => &["paused"],
            "server.delete" => &["gone"],
            _ => return None,
        })
    }
}

/// Facts and passes of one source, as they came.
struct Collected {
    source: OpenStack,
    facts: Vec<Fact>,
    passes: Vec<Pass>,
}

impl Collected {
    async fn pass(&mut self, mode: PassMode) {
        let (out, mut batches) = mpsc::channel::<Batch>(4);
        let facts = &mut self.facts;
        let (passes, ()) = tokio::join!(
            async {
                let passes = self.source.collect(mode, &out).await;
                drop(out);
                passes
            },
            async {
                while let Some(batch) = batches.recv().await {
                    facts.extend(batch.facts);
                }
            }
        );
        for p in &passes {
            println!(
                "pass {} {:?} {:?}: {} items, {} facts, {} requests, {} bytes, {} ms {}",
                p.list,
                p.mode,
                p.outcome,
                p.items,
                p.facts,
                p.requests,
                p.bytes,
                (p.finished.0 - p.started.0) / 1000,
                p.error
            );
        }
        self.passes.extend(passes);
    }

    /// The state's exact facts of a server, in time.
    fn states(&self, server: &str) -> Vec<(Ts, Evidence, String)> {
        let mut states: Vec<_> = self
            .facts
            .iter()
            .filter(|f| {
                f.key.kind == kind::SERVER && f.key.resource == server && f.aspect == Aspect::State
            })
            .map(|f| (f.at, f.evidence, word(&f.value)))
            .collect();
        states.sort();
        states.dedup();
        states
    }

    fn story(&self, server: &str) -> String {
        let mut lines: Vec<_> = self
            .facts
            .iter()
            .filter(|f| f.key.resource == server)
            .collect();
        lines.sort_by_key(|f| (f.at, f.evidence, f.seen));
        lines.into_iter().fold(String::new(), |mut s, f| {
            let _ = writeln!(
                s,
                "    {} {:?} {:?} {} (from {}, seen {})",
                f.at,
                f.aspect,
                f.evidence,
                word(&f.value),
                f.from,
                f.seen
            );
            s
        })
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Known(k) => k.label.clone(),
        Value::Unknown => "unknown".to_owned(),
        Value::Gone => "gone".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_of_two_minutes_is_a_fact_in_time() {
    let truth_file = PathBuf::from(env("LAB_DIR")).join("truth.jsonl");
    let before = std::fs::read_to_string(&truth_file).map_or(0, |t| t.len());
    let mut source = OpenStack::new(
        conf(),
        Clock::System,
        Memory::default(),
        "lab-test".to_owned(),
    )
    .unwrap();
    for finding in source.check_online().await {
        println!("{:?}: {} {}", finding.verdict, finding.what, finding.hint);
        assert_ne!(finding.verdict, Verdict::Error, "{}", finding.what);
    }
    let mut collected = Collected {
        source,
        facts: Vec::new(),
        passes: Vec::new(),
    };
    collected.pass(PassMode::Full).await;

    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/lab/openstack/openstack-lab.sh"
    );
    let mut seed = tokio::process::Command::new(script)
        .arg("seed")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let status = loop {
        if let Ok(status) = tokio::time::timeout(Duration::from_secs(5), seed.wait()).await {
            break status.unwrap();
        }
        collected.pass(PassMode::Changes).await;
    };
    assert!(status.success(), "the scenario failed");
    // The last records settle.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(11)).await;
        collected.pass(PassMode::Changes).await;
    }
    collected.pass(PassMode::Full).await;
    for p in &collected.passes {
        assert_eq!(p.outcome, Outcome::Complete, "{}: {}", p.list, p.error);
    }
    let last = collected
        .passes
        .iter()
        .rfind(|p| p.list == "servers")
        .unwrap();
    assert_eq!(last.facts, 0, "a quiet cloud is no news");

    let text = std::fs::read_to_string(&truth_file).unwrap();
    let mut servers: BTreeMap<String, Vec<Truth>> = BTreeMap::new();
    for line in text[before..].lines() {
        let t: Truth = serde_json::from_str(line).unwrap();
        if t.what.starts_with("server.") {
            servers.entry(t.id.clone().unwrap()).or_default().push(t);
        }
    }
    assert!(
        servers.len() >= 25,
        "the scenario made {} servers only",
        servers.len()
    );
    for (id, truths) in &servers {
        let name = truths[0].name.clone().unwrap_or_default();
        println!("{name} {id}\n{}", collected.story(id));
        check(&name, truths, &collected.states(id));
    }
}

/// Every action is a fact, in order, not before it was asked for and not after its result was seen.
fn check(name: &str, truths: &[Truth], states: &[(Ts, Evidence, String)]) {
    let events: Vec<_> = states
        .iter()
        .filter(|(_, e, _)| *e == Evidence::Event)
        .collect();
    let seen = |what: &str| truths.iter().any(|t| t.what == what);
    if !seen("server.seen_active") {
        assert!(
            !states.iter().any(|(_, _, s)| s == "active"),
            "{name} was never active: {states:?}"
        );
        if seen("server.seen_error") {
            assert!(
                events.iter().any(|(_, _, s)| s == "build_error"),
                "{name}: {states:?}"
            );
        }
        return;
    }
    let created = truths[0].at();
    let building = states
        .iter()
        .find(|(_, e, s)| *e == Evidence::Record && s == "building")
        .unwrap();
    assert!(
        (building.0.0 - created.0).abs() <= SLACK_S * 1_000_000,
        "{name}: created {created}, recorded {}",
        building.0
    );
    let mut next = 0;
    let mut wanted: Vec<(&[&str], Ts)> = vec![(&["active"], created)];
    wanted.extend(truths.iter().filter_map(|t| Some((t.states()?, t.at()))));
    for (i, (any, asked)) in wanted.iter().enumerate() {
        let Some(found) = events[next..]
            .iter()
            .position(|(_, _, s)| any.contains(&s.as_str()))
        else {
            panic!("{name}: no event for {any:?} asked at {asked}: {events:?}");
        };
        next += found + 1;
        let at = events[next - 1].0;
        assert!(
            at >= asked.plus_seconds(-SLACK_S),
            "{name}: {any:?} at {at} lies before it was asked for at {asked}"
        );
        if let Some((_, then)) = wanted.get(i + 1) {
            assert!(
                at <= then.plus_seconds(SLACK_S),
                "{name}: {any:?} at {at} lies after the next action at {then}"
            );
        }
    }
    assert_eq!(
        next,
        events.len(),
        "{name}: more events than actions: {events:?}"
    );
}
