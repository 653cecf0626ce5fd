//! Sources of metrics: what is accepted, and what is said of what is not.

use super::*;

const DECLARED: &str = "meters: {declared: [{name: a.joules, description: x, unit: uJ, kind: amount, dimensions: [zone]}, \
    {name: a.watts, description: x, unit: W, kind: level}]}\n";

/// A source of metrics with these keys, beside a sound one.
fn with(keys: &str) -> String {
    let text = format!(
        "{}{DECLARED}",
        SOUND.replace(
            "}]\n",
            &format!("}}, {{kind: prometheus, name: m, {keys}}}]\n")
        )
    );
    problems(&text).join("\n")
}

const TARGET: &str = "targets: [{url: \"http://127.0.0.1:9100/metrics\"}]";
const SERVER: &str = "server: {url: \"http://127.0.0.1:9090\"}";

#[test]
fn defaults_are_filled_in() {
    let text = format!(
        "sources: [{{kind: prometheus, name: m, {TARGET}, metrics: [{{metric: x_total, meter: a.joules}}, \
         {{metric: y, meter: a.watts, keep: 5m}}]}}]\n{DECLARED}"
    );
    let config = judged(&text).unwrap();
    let Source::Prometheus(m) = &config.sources[0] else {
        panic!()
    };
    let MetricsFrom::Targets(targets) = &m.from else {
        panic!()
    };
    assert_eq!(targets[0].name, "127.0.0.1:9100");
    assert_eq!(targets[0].labels["instance"], "127.0.0.1:9100");
    assert_eq!((m.interval_s, m.timeout_s), (60, 10));
    let [joules, watts] = m.metrics.as_slice() else {
        panic!()
    };
    assert_eq!(
        (joules.is_gauge, joules.scale.as_str(), joules.keep_s),
        (false, "1", 3_600)
    );
    assert_eq!(
        (watts.is_gauge, watts.keep_s, watts.holds_s),
        (true, 300, 600)
    );
    assert_eq!(joules.owner, MetricOwner::Nobody);
}

#[test]
fn every_mistake_is_named_with_its_remedy() {
    let metric =
        |keys: &str| format!("{TARGET}, metrics: [{{metric: x, meter: a.joules, {keys}}}]");
    let asked = |keys: &str| format!("{SERVER}, metrics: [{{meter: a.joules, {keys}}}]");
    let plain = "metrics: [{metric: x, meter: a.joules}]";
    assert_eq!(with(&metric("keep: 1h")), "");
    assert_eq!(with(&asked("query: sum(x)")), "");
    for (keys, words) in [
        (plain.to_owned(), "targets: is missing or empty"),
        (
            format!("{TARGET}, {SERVER}, {plain}"),
            "make two sources of it",
        ),
        (format!("{TARGET}, metrics: []"), "metrics: is empty"),
        (
            format!("{TARGET}, username: u, {plain}"),
            "password: is missing",
        ),
        (
            format!(
                "{TARGET}, bearer_token: {{env: OS_PASSWORD}}, username: u, password: {{env: OS_PASSWORD}}, {plain}"
            ),
            "bearer_token: stands beside",
        ),
        (
            format!(
                "targets: [{{url: \"http://exporter:9100/metrics\"}}], bearer_token: {{env: OS_PASSWORD}}, {plain}"
            ),
            "in the clear",
        ),
        (
            format!("targets: [{{url: \"http://a:1/x\"}}, {{url: \"http://a:1/y\"}}], {plain}"),
            "targets[1].name: `a:1` is the name of another target",
        ),
        (
            format!("targets: [{{url: \"http://a:1/x\", labels: {{a-b: c}}}}], {plain}"),
            "`a-b` is not the name of a label",
        ),
        (metric("query: y"), "query: stands beside `metric`"),
        (
            format!("{TARGET}, metrics: [{{query: y, meter: a.joules}}]"),
            "query: needs a `server`",
        ),
        (
            format!("{TARGET}, metrics: [{{meter: a.joules}}]"),
            "says not which series",
        ),
        (asked("query: y, start: z"), "start: stands beside `query`"),
        (metric("scale: 0"), "scale: `0` is not a number above zero"),
        (metric("scale: a"), "scale: `a` is not a decimal number"),
        (metric("resource: []"), "resource: is empty"),
        (metric("keep: 7m"), "no whole part of a day"),
        (metric("keep: 1s"), "keep: 1s is out of bounds"),
        (metric("holds: 2h"), "holds: `a.joules` is an amount"),
        (metric("contract: C, scope: p"), "stands beside `scope`"),
        (metric("scope: p, cloud: b"), "cloud: `b` is no source"),
        (metric("cloud: a"), "cloud: needs `scope`"),
        (
            metric("dimensions: {zoon: index}"),
            "`zoon` is no dimension of a.joules",
        ),
        (metric("dimensions: {zoon: index}"), "zone"),
        (
            format!("{TARGET}, metrics: [{{metric: x, meter: a.jouls}}]"),
            "metrics[0].meter: `a.jouls` is not declared",
        ),
        (
            format!("{TARGET}, metrics: [{{metric: x, meter: a.watts, start: y}}]"),
            "start: `a.watts` is a level",
        ),
        (
            format!(
                "{TARGET}, metrics: [{{metric: x, meter: a.joules}}, {{metric: x, meter: a.joules}}]"
            ),
            "metrics[1]: is there already",
        ),
        (
            format!("server: {{url: \"http://127.0.0.1:9090/?x=1\"}}, {plain}"),
            "server.url: has a query",
        ),
    ] {
        let told = with(&keys);
        assert!(told.contains(words), "{keys}\n{told}");
    }
}
