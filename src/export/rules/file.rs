//! Rules and tests as the YAML that Prometheus and promtool read.

use super::{Group, Labels, Rule, Test};
use std::fmt::Write as _;

/// What stands at the top of each file.
const MADE: &str = "# Made by `plimsoll rules`: change the configuration, not this file.\n";

/// Text in double quotes: what JSON calls a string is one in YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn labels(out: &mut String, indent: &str, name: &str, labels: &Labels) {
    if labels.is_empty() {
        return;
    }
    let _ = writeln!(out, "{indent}{name}:");
    for (k, v) in labels {
        let _ = writeln!(out, "{indent}  {k}: {}", quoted(v));
    }
}

/// An expression, each line indented.
fn expr(out: &mut String, expr: &str) {
    if !expr.contains('\n') && !expr.contains(['"', '#', ':']) {
        let _ = writeln!(out, "        expr: {expr}");
        return;
    }
    out.push_str("        expr: |-\n");
    for line in expr.lines() {
        let _ = writeln!(out, "          {line}");
    }
}

/// The rule file.
pub(super) fn rules(groups: &[Group]) -> String {
    let mut out = format!("{MADE}groups:\n");
    for group in groups {
        let _ = writeln!(
            out,
            "  - name: {}\n    interval: 1m\n    rules:",
            group.name
        );
        for rule in &group.rules {
            match rule {
                Rule::Record {
                    name,
                    expr: e,
                    labels: l,
                } => {
                    let _ = writeln!(out, "      - record: {name}");
                    expr(&mut out, e);
                    labels(&mut out, "        ", "labels", l);
                }
                Rule::Alert(alert) => {
                    let _ = writeln!(out, "      - alert: {}", alert.name);
                    expr(&mut out, &alert.expr);
                    if alert.for_min > 0 {
                        let _ = writeln!(out, "        for: {}m", alert.for_min);
                    }
                    labels(&mut out, "        ", "labels", &alert.labels);
                    labels(&mut out, "        ", "annotations", &alert.annotations);
                }
            }
        }
    }
    out
}

/// The test file.
pub(super) fn tests(rules_name: &str, tests: &[Test]) -> String {
    let mut out = format!(
        "{MADE}# Run them: promtool test rules THIS-FILE\nrule_files:\n  - {}\n",
        quoted(rules_name)
    );
    out.push_str("evaluation_interval: 1m\ntests:\n");
    for test in tests {
        let _ = writeln!(
            out,
            "  - name: {}\n    interval: 1m\n    input_series:",
            quoted(&test.name)
        );
        for (series, values) in &test.series {
            let _ = writeln!(
                out,
                "      - series: {}\n        values: {}",
                quoted(series),
                quoted(values)
            );
        }
        if !test.alerts.is_empty() {
            out.push_str("    alert_rule_test:\n");
        }
        for seen in &test.alerts {
            let _ = writeln!(
                out,
                "      - eval_time: {}m\n        alertname: {}",
                seen.at_min, seen.alert
            );
            if seen.fired.is_empty() {
                out.push_str("        exp_alerts: []\n");
                continue;
            }
            out.push_str("        exp_alerts:\n");
            for fired in &seen.fired {
                out.push_str("          - exp_labels:\n");
                for (k, v) in &fired.labels {
                    let _ = writeln!(out, "              {k}: {}", quoted(v));
                }
                labels(
                    &mut out,
                    "            ",
                    "exp_annotations",
                    &fired.annotations,
                );
            }
        }
        if !test.seen.is_empty() {
            out.push_str("    promql_expr_test:\n");
        }
        for seen in &test.seen {
            let _ = writeln!(
                out,
                "      - expr: {}\n        eval_time: {}m",
                quoted(&seen.expr),
                seen.at_min
            );
            match &seen.sample {
                None => out.push_str("        exp_samples: []\n"),
                Some(of) => {
                    let _ = writeln!(
                        out,
                        "        exp_samples:\n          - labels: {}\n            value: 1",
                        quoted(of)
                    );
                }
            }
        }
    }
    out
}
