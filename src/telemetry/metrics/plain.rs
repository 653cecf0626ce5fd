//! The page in Prometheus' older form.

use std::collections::BTreeMap;

/// `Content-Type` of what [`plain`] writes.
pub const PLAIN_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// OpenMetrics text in Prometheus' older form (0.0.4), for whoever does not ask for the newer one: browsers, curl, `promtool check metrics`, agents
/// other than Prometheus. There a family of counters is named as its samples are, and an info is a gauge
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
#[must_use]
pub fn plain(openmetrics: &str) -> String {
    let types: BTreeMap<&str, &str> = openmetrics
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    let mut out = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "EOF"] | ["#", "UNIT", ..] => {}
            ["#", what, family, rest] => {
                let (suffix, older) = match types.get(family) {
                    Some(&"counter") => ("_total", "counter"),
                    Some(&"info") => ("_info", "gauge"),
                    other => ("", other.copied().unwrap_or("untyped")),
                };
                let rest = if what == "TYPE" { older } else { rest };
                out.extend(["# ", what, " ", family, suffix, " ", rest, "\n"]);
            }
            _ => out.extend([line, "\n"]),
        }
    }
    out
}
