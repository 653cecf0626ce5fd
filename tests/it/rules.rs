//! `plimsoll rules`, judged by promtool: the rules, their tests, and our own metrics.

use crate::harness::Plimsoll;
use plimsoll::{
    domain::{Outcome, Pass, PassMode, Ts, invariant::Invariant},
    telemetry::metrics::{Metrics, plain},
};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs promtool, which has to be there: rules that are not tested are not green.
pub(crate) fn promtool(args: &[&str], stdin: &str) -> String {
    let mut child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("promtool: {e}; run deploy/setup/apt.sh prometheus=promtool"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "promtool {args:?}\n{said}");
    said
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Makes the rules of a configuration: the directory with `rules.yaml` and `rules.test.yaml`.
fn made(config: PathBuf) -> Plimsoll {
    let p = Plimsoll::with_config(config);
    let out = p.dir().join("plimsoll.rules.yaml");
    let ran = p
        .command(&["rules", "--out", out.to_str().unwrap()])
        .envs(["OS_PASSWORD", "RGW_ACCESS_KEY", "RGW_SECRET_KEY"].map(|name| (name, "x")))
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let listed = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    p
}

fn passes_promtool(p: &Plimsoll) {
    let file = |name| p.dir().join(name).to_str().unwrap().to_owned();
    promtool(&["check", "rules", &file("plimsoll.rules.yaml")], "");
    promtool(&["test", "rules", &file("plimsoll.rules.test.yaml")], "");
}

#[test]
fn slow_the_shipped_rules_are_those_of_the_commented_configuration_and_pass_their_tests() {
    let p = made(in_repository("deploy/plimsoll.yaml"));
    passes_promtool(&p);
    for name in ["plimsoll.rules.yaml", "plimsoll.rules.test.yaml"] {
        let text = fs::read_to_string(p.dir().join(name)).unwrap();
        let shipped = in_repository("deploy/prometheus").join(name);
        if std::env::var_os("UPDATE_RULES").is_some() {
            fs::write(&shipped, &text).unwrap();
        }
        let kept = fs::read_to_string(&shipped).unwrap_or_default();
        assert!(
            kept == text,
            "deploy/prometheus/{name} is old: UPDATE_RULES=1 cargo test rules"
        );
    }
}

#[test]
fn every_alert_has_a_test_that_fires_and_a_runbook() {
    let read = |name: &str| fs::read_to_string(in_repository(name)).unwrap();
    let (rules, tests) = (
        read("deploy/prometheus/plimsoll.rules.yaml"),
        read("deploy/prometheus/plimsoll.rules.test.yaml"),
    );
    let runbooks = read("docs/alerts.md");
    let alerts: BTreeSet<&str> = rules
        .lines()
        .filter_map(|l| l.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let headings: BTreeSet<&str> = runbooks
        .lines()
        .filter_map(|l| l.strip_prefix("## "))
        .collect();
    assert_eq!(headings, alerts, "docs/alerts.md has a section an alert");
    for alert in alerts {
        assert!(
            rules.contains(&format!(
                "runbook_url: \"docs/alerts.md#{}\"",
                alert.to_lowercase()
            )),
            "{alert}"
        );
        let shown = |what: &str| {
            let named = tests.contains(&format!("alertname: {alert}\n        exp_alerts:{what}"));
            let mut one_of = tests
                .split("      - expr: ")
                .filter(|t| t.contains(&format!("alertname=\\\"{alert}\\\"")));
            named || one_of.any(|t| t.contains(&format!("exp_samples:{what}")))
        };
        assert!(
            shown("\n") && shown(" []"),
            "{alert} is shown firing and quiet"
        );
    }
    // What rules name is what the program has.
    let page = filled().encode();
    let names: BTreeSet<&str> = rules
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|w| w.starts_with("plimsoll_") && !w.contains(':'))
        .collect();
    for name in names {
        assert!(
            page.contains(&format!("\n{name}")),
            "{name} is in the rules, not in the program"
        );
    }
}

/// All metrics with something in them.
pub(crate) fn filled() -> Metrics {
    let m = Metrics::new();
    let t = Ts::from_second(1_793_000_000);
    m.source("a");
    m.pass(&Pass {
        id: 1,
        cloud: "a".into(),
        service: "compute".into(),
        region: String::new(),
        list: "servers".into(),
        mode: PassMode::Full,
        started: t,
        finished: t.plus_seconds(2),
        watermark: t,
        skew_us: -250_000,
        outcome: Outcome::Complete,
        items: 1,
        facts: 1,
        requests: 3,
        bytes: 1,
        error: String::new(),
        collector: "h/1".into(),
        cursor: String::new(),
    });
    m.notifications("a", 1, 1, 1);
    m.samples("a", 1, 1);
    m.gateways("a", 1, 1);
    m.unexplained("a", 1);
    m.ghosts.set("a", "volume_deleted", 1, 1);
    m.slo_events("server-boot", "acme", 1, 0);
    m.slo_objective("server-boot", "acme", (99, 100));
    m.alertmanager_posts("a:9093", 1, 0);
    m.unobserved("a", 1);
    m.spool(1, 1);
    m.unattributed_scopes(1);
    m.violation(Invariant::Conserved);
    m.http_request("/metrics", 200);
    m
}

#[test]
fn promtool_has_nothing_to_say_about_our_metrics() {
    let said = promtool(&["check", "metrics"], &plain(&filled().encode()));
    assert_eq!(said.trim(), "");
}

#[test]
fn what_people_named_is_no_template() {
    let dir = tempfile::tempdir().unwrap();
    let slo = fs::read_to_string(in_repository("deploy/slo/compute.yaml")).unwrap();
    let named = slo.replace(
        "displayName: Server boot",
        "displayName: 'Server {{ $nope | boot }}'",
    );
    assert_ne!(named, slo);
    fs::write(dir.path().join("slo.yaml"), named).unwrap();
    let config = dir.path().join("c.yaml");
    fs::write(&config, "sources: []\nslo: {files: [slo.yaml]}\n").unwrap();
    let p = made(config);
    let rules = p.dir().join("plimsoll.rules.yaml");
    promtool(&["check", "rules", rules.to_str().unwrap()], "");
    let text = fs::read_to_string(rules).unwrap();
    assert!(text.contains("Server {{`{{`}} $nope"), "{text}");
}
