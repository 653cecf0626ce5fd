//! Recorded pages and made-up ones: what is read, what is not and why.

mod kept;

use super::{
    answer,
    page::{self, BadPage, Page},
    series::{Feed, Reading},
};
use crate::{
    config::{Metric, MetricOwner, SeriesOf},
    domain::{Ts, fact::amount},
    exposition::Format,
};
use std::{collections::BTreeMap, fs};

/// A counter that feeds `a.b`.
fn counter(name: &str) -> Metric {
    Metric {
        of: SeriesOf::Name(name.to_owned()),
        matches: BTreeMap::new(),
        meter: "a.b".to_owned(),
        is_gauge: false,
        scale: "1".to_owned(),
        resource: vec!["instance".to_owned()],
        owner: MetricOwner::Nobody,
        dimensions: BTreeMap::new(),
        start: None,
        keep_s: 3_600,
        holds_s: 7_200,
    }
}

fn gauge(name: &str) -> Metric {
    Metric {
        is_gauge: true,
        ..counter(name)
    }
}

fn feeds(metrics: &[Metric]) -> Vec<Feed> {
    let all = metrics.iter().map(|m| Feed::new("lab", m));
    all.collect::<Result<_, _>>().unwrap()
}

fn own() -> BTreeMap<String, String> {
    BTreeMap::from([("instance".to_owned(), "host-1:9100".to_owned())])
}

fn try_read(text: &str, format: Format, metrics: &[Metric], date: &str) -> Result<Page, BadPage> {
    page::read(
        text.as_bytes(),
        format,
        &feeds(metrics),
        &own(),
        Ts::parse(date).unwrap(),
    )
}

const NOW: &str = "2026-10-05T10:00:00Z";

fn read(text: &str, metrics: &[Metric]) -> Page {
    try_read(text, Format::Text, metrics, NOW).unwrap()
}

fn recorded(name: &str) -> String {
    fs::read_to_string(format!("tests/captures/exposition/{name}.txt")).unwrap()
}

#[test]
fn a_kubelets_page_counts_from_each_containers_start_at_its_own_times() {
    let cpu = Metric {
        scale: "1e9".to_owned(),
        resource: vec!["namespace".to_owned(), "pod".to_owned()],
        owner: MetricOwner::Scope {
            cloud: "okd".to_owned(),
            label: "namespace".to_owned(),
        },
        dimensions: BTreeMap::from([("container".to_owned(), "container".to_owned())]),
        start: Some("container_start_time_seconds".to_owned()),
        ..counter("container_cpu_usage_seconds_total")
    };
    let memory = gauge("node_memory_working_set_bytes");
    let page = try_read(
        &recorded("kubelet-resource"),
        Format::Text,
        &[cpu, memory],
        "2021-10-03T09:36:55Z",
    )
    .unwrap();
    assert_eq!(page.remarks.text(), "");
    let [cpu, memory] = page.readings.as_slice() else {
        panic!("{:?}", page.readings)
    };
    assert_eq!(cpu.resource, "kube-system/coredns-558bd4d5db-4dpjz");
    assert_eq!(cpu.value, 4_710_169_000);
    assert_eq!(cpu.at, Ts(1_633_253_812_125_000));
    assert_eq!(cpu.from, Some(Ts::from_second(1_633_252_712)));
    let owned = [
        (amount::CLOUD, "okd"),
        (amount::SCOPE, "kube-system"),
        ("container", "coredns"),
    ];
    assert_eq!(
        cpu.attrs,
        owned.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    );
    assert_eq!(
        cpu.series,
        r#"container_cpu_usage_seconds_total{container="coredns",instance="host-1:9100",namespace="kube-system",pod="coredns-558bd4d5db-4dpjz"} x 1e9"#
    );
    assert_eq!(
        (memory.value, memory.resource.as_str()),
        (1_616_273_408, "host-1:9100")
    );
}

#[test]
fn a_cephs_pools_a_nodes_cpus_and_a_bmcs_watts() {
    let pools = Metric {
        resource: vec!["pool_id".to_owned()],
        ..gauge("ceph_pool_stored")
    };
    let page = read(&recorded("ceph-18-mgr"), &[pools]);
    let stored = |pool: &str| {
        page.readings
            .iter()
            .find(|r| r.resource == pool)
            .unwrap()
            .value
    };
    assert_eq!((stored("1"), stored("5")), (1_386, 9_437_968));

    let idle = Metric {
        matches: BTreeMap::from([("mode".to_owned(), "idle|iowait".to_owned())]),
        start: Some("process_start_time_seconds".to_owned()),
        scale: "1e9".to_owned(),
        ..counter("node_cpu_seconds_total")
    };
    let text = recorded("node_exporter-1.5.0");
    let page = try_read(&text, Format::Text, &[idle], "2026-11-23T10:00:00Z").unwrap();
    let of = |mode: &str| text.matches(&format!(",mode=\"{mode}\"}} ")).count();
    assert_eq!(page.readings.len(), of("idle") + of("iowait"));
    assert!(page.readings.iter().all(|r| r.resource == "host-1:9100"
        && r.from == Some(Ts(1_795_421_577_360_000))
        && r.value > 0));

    let watts = Metric {
        scale: "1e6".to_owned(),
        resource: vec!["name".to_owned()],
        ..gauge("ipmi_power_watts")
    };
    let page = read(&recorded("ipmi_exporter-examples"), &[watts]);
    let watts: Vec<_> = page
        .readings
        .iter()
        .map(|r| (r.resource.as_str(), r.value))
        .collect();
    assert_eq!(watts, [("Pwr Consumption", 70_000_000)]);
}

#[test]
fn openmetrics_tells_when_a_counter_was_created_and_exemplars_are_passed_over() {
    let text = "# TYPE joules counter\n# UNIT joules joules\n\
        joules_total{zone=\"0\"} 17.25 1791194400.5 # {trace_id=\"x\"} 0.5 1791194399\n\
        joules_created{zone=\"0\"} 1791190000.25 1791194400.5\n# EOF\n";
    let text = text.replace("# UNIT joules joules\n", "");
    let joules = Metric {
        scale: "1e6".to_owned(),
        ..counter("joules_total")
    };
    let page = try_read(
        &text,
        Format::OpenMetrics,
        std::slice::from_ref(&joules),
        NOW,
    )
    .unwrap();
    let r = &page.readings[0];
    assert_eq!(
        (r.value, r.at, r.from),
        (
            17_250_000,
            Ts(1_791_194_400_500_000),
            Some(Ts(1_791_190_000_250_000))
        )
    );
    // Without its end a page may be the half of one.
    let cut = text.replace("# EOF\n", "");
    let e = try_read(&cut, Format::OpenMetrics, &[joules], NOW).unwrap_err();
    assert!(e.to_string().contains("line "), "{e}");
}

#[test]
fn what_is_no_reading_is_told_with_its_reason_and_the_rest_is_read() {
    for (line, words) in [
        ("x NaN", "NaN is no number"),
        ("x +Inf", "+Inf is no number"),
        ("x -1", "below zero"),
        ("x 1e19", "beyond 64 bits"),
        ("x 1 1791194461001", "ahead of the page's"),
        ("x 1 1791107999000", "more than a day behind"),
        ("x 1 -62135596800000", "more than a day behind"),
        ("x 1\nx 2", "twice, with different values"),
    ] {
        let text = format!("{line}\nx{{a=\"b\"}} 7\n");
        let page = read(&text, &[counter("x")]);
        let values: Vec<i64> = page.readings.iter().map(|r| r.value).collect();
        assert_eq!(values, [7], "{line}");
        let told = page.remarks.text();
        assert!(
            told.starts_with("1 sample was not read: x{") && told.contains(words),
            "{told}"
        );
    }
    // The same twice is the same; two times of one series are two readings.
    let page = read("x 1\nx 1\n", &[counter("x")]);
    assert_eq!((page.readings.len(), page.remarks.count()), (1, 0));
    let page = read("x 1 1791194300000\nx 2 1791194360000\n", &[counter("x")]);
    assert_eq!(page.readings.len(), 2);
    // A gauge may well be below zero.
    assert_eq!(read("x -1.5\n", &[gauge("x")]).readings[0].value, -2);
    let nameless = Metric {
        resource: vec!["pod".to_owned()],
        ..counter("x")
    };
    let told = read("x 1\n", &[nameless]).remarks.text();
    assert!(told.contains("no label `pod`"), "{told}");
    let told = read("y 1\n", &[counter("x"), counter("y")]).remarks.text();
    assert_eq!(told, "there is no sample of x");
}

#[test]
fn a_counter_does_not_feed_a_level() {
    let text = "# TYPE x counter\nx 1\n";
    let e = try_read(text, Format::Text, &[gauge("x")], NOW).unwrap_err();
    assert!(
        e.to_string().contains("declare the meter as an amount"),
        "{e}"
    );
    let e = try_read(
        "# TYPE x counter\nx_total 1\n# EOF\n",
        Format::OpenMetrics,
        &[gauge("x_total")],
        NOW,
    );
    assert!(matches!(e, Err(BadPage::Counter { .. })));
    // HAProxy says gauge of what only grows.
    assert_eq!(
        read("# TYPE x gauge\nx 1\n", &[counter("x")])
            .readings
            .len(),
        1
    );
    // The type of one metric is not that of the next.
    assert_eq!(
        read("# TYPE y counter\ny 1\nx 1\n", &[gauge("x")])
            .readings
            .len(),
        1
    );
}

#[test]
fn a_targets_labels_go_before_a_samples_own() {
    let metric = Metric {
        owner: MetricOwner::ContractLabel("exported_instance".to_owned()),
        ..counter("x")
    };
    let page = read("x{instance=\"vm-7\",empty=\"\"} 1\n", &[metric]);
    let r = &page.readings[0];
    assert_eq!(r.resource, "host-1:9100");
    assert_eq!(
        r.series,
        r#"x{exported_instance="vm-7",instance="host-1:9100"}"#
    );
    assert_eq!(r.attrs[amount::SCOPE], "contract:vm-7");
}

#[test]
fn an_answer_is_read_without_a_float() {
    let feeds = feeds(&[counter("x")]);
    let answer = |result: &str, kind: &str, more: &str| {
        let text = format!(
            r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}{more}}}"#
        );
        answer::series(text.as_bytes(), &feeds, 0)
    };
    let two = r#"[{"metric":{"__name__":"x","instance":"a","none":""},"values":[[1791194400,"9007199254740993"],[1791194400.123,"1e3"]]}]"#;
    let told = answer(two, "matrix", "").unwrap();
    let all: Vec<&Reading> = told.at.values().flatten().collect();
    assert_eq!(
        all.iter().map(|r| (r.at.0, r.value)).collect::<Vec<_>>(),
        [
            (1_791_194_400_000_000, 9_007_199_254_740_993),
            (1_791_194_400_123_000, 1_000)
        ]
    );
    assert_eq!(all[0].series, r#"x{instance="a"}"#);

    let odd = r#"[{"metric":{"instance":"a"},"histograms":[[1791194400,{"count":"1"}]]},{"metric":{},"value":[1791194400,"1"]}]"#;
    let told = answer(odd, "vector", r#","warnings":["half is missing"]"#).unwrap();
    assert!(told.at.is_empty());
    let words = told.remarks.text();
    assert!(
        words.starts_with("3 samples were not read") && words.contains("it is a histogram"),
        "{words}"
    );

    let e = answer(r#"[1791194400,"1"]"#, "scalar", "").unwrap_err();
    assert!(e.contains("yields a scalar"), "{e}");
    let refused = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    let e = answer::series(refused.as_bytes(), &feeds, 0).unwrap_err();
    assert_eq!(e, "the query failed: parse error");
    assert!(
        answer::series(b"<html>", &feeds, 0)
            .unwrap_err()
            .contains("not one of the Prometheus API")
    );
    let clock = r#"{"status":"success","data":{"resultType":"scalar","result":[1791194400.5,"1791194400.5"]}}"#;
    assert_eq!(
        answer::clock(clock.as_bytes()),
        Ok(Ts(1_791_194_400_500_000))
    );
}

#[test]
fn an_expression_is_quoted_as_promql_has_it() {
    let quoted = Metric {
        matches: BTreeMap::from([
            ("a".to_owned(), r#"x|\d"y"#.to_owned()),
            ("b".to_owned(), "1\n".to_owned()),
        ]),
        ..counter("x")
    };
    assert_eq!(
        answer::expression(&feeds(&[quoted])[0]),
        r#"x{a=~"x|\\d\"y",b=~"1\n"}"#
    );
}
