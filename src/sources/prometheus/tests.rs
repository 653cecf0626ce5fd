//! Recorded pages and made-up ones: what is read, what is not and why, and what is kept of it.

use super::{
    keep::Keeper,
    page::{self, BadPage, Page},
    series::{Feed, Reading},
};
use crate::{
    config::{Metric, MetricOwner, SeriesOf},
    domain::{
        Aspect, Evidence, Fact, Known, ResourceKey, Ts, Value,
        fact::{amount, kind},
    },
    exposition::Format,
    fold,
};
use proptest::prelude::*;
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

const T0: i64 = 1_791_194_400;

fn reading(at: i64, value: i64, from: Option<i64>) -> Reading {
    Reading {
        feed: 0,
        resource: "host-1".to_owned(),
        series: "x{}".to_owned(),
        attrs: BTreeMap::new(),
        at: Ts::from_second(T0 + at),
        from: from.map(|s| Ts::from_second(T0 + s)),
        value,
        born: false,
    }
}

/// Shows a keeper pages, each of a time and with a reading or none; the kept ones as (at, value, born).
fn kept(metric: &Metric, pages: &[(i64, Option<Reading>)]) -> Vec<(i64, i64, bool)> {
    let (feeds, mut keeper) = (feeds(std::slice::from_ref(metric)), Keeper::default());
    let mut all = Vec::new();
    for (at, reading) in pages {
        let at = Ts::from_second(T0 + at);
        all.extend(keeper.page(&feeds, reading.clone().into_iter().collect(), at, |_| {}));
    }
    let shown = |r: &Reading| (r.at.second() - T0, r.value, r.born);
    all.iter().map(shown).collect()
}

/// Each reading on a page of its own.
fn each(readings: &[Reading]) -> Vec<(i64, Option<Reading>)> {
    let page = |r: &Reading| (r.at.second() - T0, Some(r.clone()));
    readings.iter().map(page).collect()
}

#[test]
fn one_reading_an_hour_is_kept_and_those_around_a_new_beginning() {
    let x = counter("x");
    let minutes: Vec<Reading> = (0..=120).map(|m| reading(60 * m, m, None)).collect();
    assert_eq!(
        kept(&x, &each(&minutes)),
        [(0, 0, false), (3_600, 60, false), (7_200, 120, false)]
    );
    let anew = [
        reading(0, 5, None),
        reading(60, 9, None),
        reading(120, 2, None),
        reading(180, 3, None),
    ];
    let all = [(0, 5, false), (60, 9, false), (120, 2, false)];
    assert_eq!(kept(&x, &each(&anew)), all);
    // By its own time, though it shows more.
    let anew = [
        reading(0, 5, Some(-100)),
        reading(60, 9, Some(-100)),
        reading(120, 20, Some(70)),
    ];
    let all = [(0, 5, false), (60, 9, false), (120, 20, false)];
    assert_eq!(kept(&x, &each(&anew)), all);
}

#[test]
fn the_last_of_a_series_is_kept_when_it_is_shown_no_more_or_cannot_be_read() {
    let x = counter("x");
    let mut pages = each(&[reading(0, 5, None), reading(60, 9, None)]);
    pages.push((120, None));
    pages.push((180, Some(reading(180, 10, Some(130)))));
    let all = [
        (0, 5, false),
        (60, 9, false),
        // It began while the page was watched: all that it shows was watched.
        (180, 10, true),
    ];
    assert_eq!(kept(&x, &pages), all);
    // What is there when we come first counted before.
    assert_eq!(kept(&x, &each(&[reading(0, 5, Some(-9))])), [(0, 5, false)]);

    let (feeds, mut keeper) = (feeds(&[x]), Keeper::default());
    let at = Ts::from_second(T0);
    let mut page = |r: Reading| keeper.page(&feeds, vec![r], at, |_| {}).len();
    assert_eq!(
        (page(reading(0, 5, None)), page(reading(60, 6, None))),
        (1, 0)
    );
    assert_eq!(keeper.lost().len(), 1);
    assert_eq!(keeper.lost().len(), 0, "once is enough");
}

#[test]
fn a_time_that_goes_back_is_told_and_the_same_sample_again_is_nothing() {
    let (feeds, mut keeper) = (feeds(&[counter("x")]), Keeper::default());
    let mut back = 0;
    let at = Ts::from_second(T0);
    for r in [
        reading(60, 5, None),
        reading(60, 5, None),
        reading(30, 4, None),
    ] {
        keeper.page(&feeds, vec![r], at, |_| back += 1);
    }
    assert_eq!(back, 1);
}

#[test]
fn a_gauge_that_fell_silent_shows_from_when_to_when() {
    let x = gauge("x");
    let minutes = [
        reading(0, 5, None),
        reading(60, 6, None),
        reading(10_000, 7, None),
    ];
    let all = [(0, 5, false), (60, 6, false), (10_000, 7, false)];
    assert_eq!(kept(&x, &each(&minutes)), all);
}

/// What the fold makes of readings: the sum of what passed, and where it began and ended.
fn passed(feed: &Feed, readings: &[Reading]) -> (i64, Option<Ts>, Option<Ts>) {
    let key = ResourceKey {
        cloud: "lab".to_owned(),
        kind: kind::MEASURED.to_owned(),
        resource: "host-1".to_owned(),
    };
    let fact = |r: &Reading| Fact {
        key: key.clone(),
        aspect: Aspect::Reading,
        evidence: Evidence::Sighting,
        at: r.at,
        from: r.from.unwrap_or(r.at),
        seen: r.at,
        value: Value::Known(Known {
            label: r.series.clone(),
            levels: feed.levels(r.value),
            attrs: BTreeMap::new(),
        }),
        observed_at: r.at,
        pass: 1,
        raw: String::new(),
    };
    let amounts = fold::fold(&key, readings.iter().map(fact)).amounts;
    (
        amounts.iter().map(|a| a.quantities["a.b"]).sum(),
        amounts.first().map(|a| a.start),
        amounts.last().map(|a| a.end),
    )
}

proptest! {
    /// What is left out adds nothing: the readings that are kept tell of as much as all of them.
    #[test]
    fn what_is_kept_of_a_counter_sums_to_what_was_read(
        steps in proptest::collection::vec((1_i64..3_000, 0_i64..100, proptest::option::weighted(0.1, 0_i64..500)), 1..80),
        told: bool,
    ) {
        let (mut at, mut value, mut from) = (0, 1_000, -5);
        let mut all = Vec::new();
        for (after, grows, anew) in steps {
            at += after;
            if let Some(before) = anew {
                (value, from) = (0, at - before.min(after - 1));
            }
            value += grows;
            all.push(reading(at, value, told.then_some(from)));
        }
        let feeds = feeds(&[counter("x")]);
        let mut keeper = Keeper::default();
        let mut kept = Vec::new();
        for r in &all {
            kept.extend(keeper.page(&feeds, vec![r.clone()], r.at, |_| {}));
        }
        kept.extend(keeper.lost());
        prop_assert_eq!(passed(&feeds[0], &kept), passed(&feeds[0], &all));
        prop_assert!(kept.len() <= all.len());
    }
}
