//! The dashboard of our own metrics: every query of it, by Prometheus on a page of ours.

use super::{
    all_dashboards, list, source, text,
    told::{known, sighting},
};
use crate::rules::{filled, promtool};
use plimsoll::{
    domain::{Aspect, Ts},
    telemetry::metrics::plain,
};
use serde_json::{Value, json};

/// What is wrong with a target of Prometheus, in words.
pub(super) fn faults(panel: &Value, t: &Value, name: &str, out: &mut Vec<String>) {
    let is_moment = text(panel, "type") == "stat";
    if t["instant"] != is_moment || t["range"] == is_moment {
        out.push(format!(
            "{name}: a stat asks for a moment, all else for a range"
        ));
    }
    if text(t, "expr").is_empty() {
        out.push(format!("{name}: no expression"));
    }
    if text(panel, "type") == "timeseries" && text(t, "legendFormat").is_empty() {
        out.push(format!("{name}: its lines have no names"));
    }
}

/// A query as Grafana sends it, with everything selected.
fn sent(expr: &str) -> String {
    expr.replace("$__rate_interval", "5m")
        .replace("$__range", "10m")
        .replace("$source", ".*")
}

#[test]
fn slow_every_query_shows_something_of_a_page_of_ours() {
    let page = filled();
    page.facts(&[sighting(
        "server",
        "s",
        Aspect::State,
        known("ACTIVE", &[], &[]),
        Ts::from_second(0),
    )]);
    let series: Vec<Value> = plain(&page.encode())
        .lines()
        .filter(|l| l.starts_with("plimsoll_"))
        .filter_map(|l| l.rsplit_once(' '))
        .map(|(series, value)| json!({"series": series, "values": format!("{value}+1x20")}))
        .collect();
    let mut asked = Vec::new();
    for (file, d) in all_dashboards() {
        if source(&d) != super::PROMETHEUS {
            continue;
        }
        for p in list(&d, "panels") {
            for t in list(p, "targets") {
                let expr = sent(text(t, "expr"));
                assert!(!expr.contains('$'), "{file}: {expr}");
                asked.push(shows(&expr));
                for label in text(t, "legendFormat").split("{{").skip(1) {
                    asked.push(names(&expr, label.split("}}").next().unwrap()));
                }
            }
        }
    }
    assert!(asked.len() > 15);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("collector.test.yaml");
    let test = json!({"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]});
    std::fs::write(&file, test.to_string()).unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()], "");
}

/// That all that an expression gives has a label.
fn names(expr: &str, label: &str) -> Value {
    let marked = format!("label_replace({expr}, \"has\", \"it\", \"{label}\", \".+\")");
    json!({"expr": format!("count by (has) ({marked}) > bool 0"), "eval_time": "15m", "exp_samples": [{"labels": "{has=\"it\"}", "value": 1}]})
}

/// That an expression has a value.
fn shows(expr: &str) -> Value {
    json!({"expr": format!("count({expr}) > bool 0"), "eval_time": "15m", "exp_samples": [{"labels": "{}", "value": 1}]})
}
