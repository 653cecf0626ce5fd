//! Tests of the program's own metrics: the whole page as it is, and whether a scraper could read it.

use super::*;
use crate::domain::{Aspect, Evidence, PassMode, ResourceKey, Value};
use regex::Regex;
use std::collections::BTreeSet;

fn pass(list: &str, outcome: Outcome, started: i64, took: i64) -> Pass {
    Pass {
        id: 1,
        cloud: "lab".into(),
        service: "compute".into(),
        region: "RegionOne".into(),
        list: list.into(),
        mode: PassMode::Full,
        started: Ts::from_second(started),
        finished: Ts::from_second(started + took),
        watermark: Ts(started * 1_000_000 + 500_000),
        skew_us: -250_000,
        outcome,
        items: 3,
        facts: 2,
        requests: 4,
        bytes: 1_000,
        error: String::new(),
        collector: "host-1".into(),
        cursor: String::new(),
    }
}

fn fact(kind: &str) -> Fact {
    let t = Ts::from_second(0);
    Fact {
        key: ResourceKey {
            cloud: "lab".into(),
            kind: kind.into(),
            resource: "r".into(),
        },
        aspect: Aspect::State,
        evidence: Evidence::Sighting,
        at: t,
        from: t,
        seen: t,
        value: Value::label("active"),
        observed_at: t,
        pass: 1,
        raw: String::new(),
    }
}

/// Every metric touched once or more.
fn touched() -> Metrics {
    let m = Metrics::new();
    m.source("lab");
    m.source("a \"quoted\"\\ name");
    m.pass(&pass("servers", Outcome::Complete, 1_793_000_000, 2));
    m.pass(&pass("servers", Outcome::Suspect, 1_793_000_060, 1));
    m.pass(&pass("projects", Outcome::Complete, 1_793_000_001, 40));
    m.facts(&[fact("server"), fact("server"), fact("project")]);
    m.alertmanager_posts("alertmanager.example:9093", 2, 1);
    m.samples("lab", 12, 1);
    m.gateways("rgw", 2, 1);
    m.unexplained("lab", 5);
    m.ghosts.set("ceph", "volume_deleted", 3, 7 << 30);
    m.unobserved("lab", 90);
    m.slo_events("server-boot", "acme", 3, 1);
    m.slo_objective("server-boot", "acme", (99, 100));
    m.spool(4_096, 2);
    m.unattributed_scopes(1);
    m.violation(Invariant::Conserved);
    m.http_request("/metrics", 200);
    m
}

/// The page with the samples of each family sorted: the client keeps them in no order.
fn sorted(page: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut samples: Vec<&str> = Vec::new();
    for line in page.lines() {
        if line.starts_with('#') {
            samples.sort_unstable();
            lines.append(&mut samples);
            lines.push(line);
        } else {
            samples.push(line);
        }
    }
    lines.join("\n")
}

/// What OpenMetrics 1.0 asks of a page, as far as this program's could break it.
fn check(page: &str) -> Result<(), String> {
    let sample = Regex::new(r#"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)$"#).unwrap();
    let (mut seen, mut series): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    let (mut family, mut kind) = (String::new(), String::new());
    let body = page
        .strip_suffix("# EOF\n")
        .ok_or("no `# EOF` at the end")?;
    for line in body.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, _] => {
                family = name.to_owned();
                if !seen.insert(family.clone()) {
                    return Err(format!("{name} comes twice"));
                }
            }
            ["#", "TYPE", name, t] if name == family => kind = t.to_owned(),
            ["#", "UNIT", name, unit] if name == family && name.ends_with(&format!("_{unit}")) => {}
            _ => {
                let c = sample
                    .captures(line)
                    .ok_or_else(|| format!("not a sample: {line}"))?;
                let suffix = c[1]
                    .strip_prefix(&family)
                    .ok_or_else(|| format!("{line} is not of {family}"))?;
                let fits = match kind.as_str() {
                    "counter" => suffix == "_total",
                    "gauge" => suffix.is_empty(),
                    "info" => suffix == "_info" && &c[3] == "1",
                    "histogram" => ["_sum", "_count", "_bucket"].contains(&suffix),
                    _ => false,
                };
                let labels = c.get(2).map_or("", |m| m.as_str());
                if !fits
                    || c[3].parse::<f64>().is_err()
                    || !series.insert(format!("{}{labels}", &c[1]))
                {
                    return Err(format!("{line} is no {kind} or comes twice"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_whole_page() {
    let page = touched().encode();
    insta::assert_snapshot!(
        "metrics",
        sorted(&page).replace(env!("CARGO_PKG_VERSION"), "VERSION")
    );
    check(&page).unwrap();
}

#[test]
fn the_older_form_names_families_as_their_samples() {
    let older = plain(&touched().encode());
    for line in [
        "# TYPE plimsoll_facts_total counter",
        "# HELP plimsoll_facts_total Facts read, by kind of resource.",
        "# TYPE plimsoll_build_info gauge",
        "# TYPE plimsoll_spool_bytes gauge",
        "# TYPE plimsoll_pass_duration_seconds histogram",
        "plimsoll_spool_bytes 4096",
    ] {
        assert!(
            older.lines().any(|l| l == line),
            "{line} is not in\n{older}"
        );
    }
    let newer = ["# UNIT", "# EOF", " info"];
    assert!(newer.iter().all(|w| !older.contains(w)), "{older}");
    let samples = |page: &str| page.lines().filter(|l| !l.starts_with('#')).count();
    assert_eq!(samples(&older), samples(&touched().encode()));
}

#[test]
fn the_check_refuses_what_is_wrong() {
    let page = touched().encode();
    for (right, wrong) in [
        ("# EOF\n", ""),
        ("plimsoll_facts_total{", "plimsoll_facts{"),
        (
            "plimsoll_spool_bytes 4096",
            "plimsoll_spool_bytes 4096\nplimsoll_spool_bytes 1",
        ),
        (
            "# TYPE plimsoll_passes counter",
            "# TYPE plimsoll_passes gauge",
        ),
        ("a \\\"quoted\\\"", "a \"quoted\""),
        ("# HELP plimsoll_passes ", "# HELP plimsoll_facts "),
    ] {
        assert!(page.contains(right), "{right}");
        assert!(
            check(&page.replacen(right, wrong, 1)).is_err(),
            "{right} -> {wrong}"
        );
    }
}

#[test]
fn every_name_of_the_contract_is_there() {
    let page = touched().encode();
    let names: BTreeSet<&str> = page
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split(['{', ' ']).next())
        .collect();
    for name in [
        "plimsoll_source_up",
        "plimsoll_pass_duration_seconds_bucket",
        "plimsoll_pass_watermark_timestamp_seconds",
        "plimsoll_pass_suspect_total",
        "plimsoll_passes_total",
        "plimsoll_facts_total",
        "plimsoll_spool_bytes",
        "plimsoll_spool_batches",
        "plimsoll_unattributed_scopes",
        "plimsoll_clock_skew_seconds",
        "plimsoll_invariant_violations_total",
        "plimsoll_http_requests_total",
        "plimsoll_source_requests_total",
        "plimsoll_build_info",
        "plimsoll_usage_unexplained",
        "plimsoll_usage_unobserved_seconds",
    ] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
}

#[test]
fn a_source_is_up_only_while_the_latest_pass_of_every_list_was_complete() {
    let m = Metrics::new();
    let up = || {
        m.encode()
            .lines()
            .find(|l| l.starts_with("plimsoll_source_up{"))
            .map(|l| l.ends_with(" 1"))
    };
    assert_eq!(up(), None);
    m.source("lab");
    assert_eq!(up(), Some(false), "not reached yet");
    m.pass(&pass("servers", Outcome::Complete, 100, 1));
    assert_eq!(up(), Some(true));
    m.pass(&pass("projects", Outcome::Failed, 100, 1));
    assert_eq!(up(), Some(false));
    m.pass(&pass("servers", Outcome::Complete, 200, 1));
    assert_eq!(up(), Some(false), "the other list is still out");
    m.pass(&pass("projects", Outcome::Complete, 200, 1));
    assert_eq!(up(), Some(true));
    m.pass(&pass("servers", Outcome::Suspect, 300, 1));
    assert_eq!(up(), Some(false), "a lying source is not up");
}

#[test]
fn a_watermark_moves_forward_only_and_by_complete_passes_only() {
    let m = Metrics::new();
    let watermark = || {
        m.encode().lines().find_map(|l| {
            l.strip_prefix("plimsoll_pass_watermark_timestamp_seconds{")
                .map(str::to_owned)
        })
    };
    m.pass(&pass("servers", Outcome::Failed, 100, 1));
    assert_eq!(watermark(), None);
    for (outcome, started) in [
        (Outcome::Complete, 200),
        (Outcome::Complete, 150),
        (Outcome::Suspect, 300),
        (Outcome::Failed, 400),
    ] {
        m.pass(&pass("servers", outcome, started, 1));
        assert_eq!(
            watermark().as_deref(),
            Some("source=\"lab\",list=\"servers\"} 200.5")
        );
    }
}

#[test]
fn all_invariants_exist_from_the_start() {
    let page = Metrics::new().encode();
    let zeros = page
        .lines()
        .filter(|l| l.starts_with("plimsoll_invariant_violations_total{") && l.ends_with(" 0"))
        .count();
    assert_eq!(zeros, 11);
    assert!(
        Invariant::ALL
            .iter()
            .enumerate()
            .all(|(i, v)| *v as usize == i + 1),
        "in the order of their numbers"
    );
    check(&page).unwrap();
}
