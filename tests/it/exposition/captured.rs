//! Pages of real servers: everything on them is read, and read as it stands there.

use super::{events, read, strict};
use plimsoll::{
    domain::{Outcome, Pass, PassMode, Ts},
    exposition::{Event, Format, Kind, Sample},
    telemetry::Metrics,
};
use std::borrow::Cow;

/// File, families with a type, with a help, samples, and samples with a time: as `grep -c` counts them.
const PAGES: [(&str, [usize; 4]); 11] = [
    ("ceph-16-mgr", [577, 577, 1718, 0]),
    ("ceph-18-mgr", [101, 101, 944, 0]),
    ("ipmi_exporter-examples", [0, 0, 32, 0]),
    ("kube-apiserver", [300, 300, 1536, 0]),
    ("kube-apiserver-slis", [3, 3, 230, 0]),
    ("kubelet-cadvisor-1.35", [78, 78, 419, 366]),
    ("kubelet-cadvisor-synthetic", [5, 5, 265, 265]),
    ("kubelet-resource", [8, 7, 8, 7]),
    ("kubelet-resource-bad-timestamp", [1, 1, 2, 2]),
    ("kubelet-resource-synthetic", [11, 11, 326, 269]),
    ("node_exporter-1.5.0", [283, 283, 507, 0]),
];

fn page(name: &str) -> String {
    read(&format!("tests/captures/exposition/{name}.txt"))
}

/// A line as it must have stood on the page.
fn line(event: &Event<'_>) -> String {
    match event {
        Event::Type {
            family,
            kind: Kind::Unknown,
        } => format!("# TYPE {family} untyped"),
        Event::Type { family, kind } => format!("# TYPE {family} {kind}"),
        Event::Help { family, help } => format!("# HELP {family} {}", help.text()),
        Event::Unit { .. } => unreachable!("text 0.0.4 has no units"),
        Event::Sample(Sample {
            name,
            labels,
            value,
            timestamp,
            exemplar,
        }) => {
            assert_eq!(*exemplar, None);
            let labels: Vec<_> = labels
                .iter()
                .map(|l| format!("{}=\"{}\"", l.name, l.value()))
                .collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let time = timestamp.map_or_else(String::new, |t| format!(" {}", t.as_str()));
            format!("{name}{labels} {value}{time}")
        }
    }
}

#[test]
fn pages_of_real_servers_are_read_whole() {
    for (name, counts) in PAGES {
        let page = page(name);
        let read = events(page.as_bytes(), Format::Text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let count = |what: fn(&Event<'_>) -> bool| read.iter().filter(|e| what(e)).count();
        let found = [
            count(|e| matches!(e, Event::Type { .. })),
            count(|e| matches!(e, Event::Help { .. })),
            count(|e| matches!(e, Event::Sample(_))),
            count(|e| matches!(e, Event::Sample(s) if s.timestamp.is_some())),
        ];
        assert_eq!(found, counts, "{name}");
        let lines = page
            .lines()
            .filter(|l| !l.trim().is_empty())
            .map(str::trim_end);
        // Escapes are read away: none of these pages has one in a label; helps may.
        for (event, line_of_page) in read.iter().zip(lines) {
            assert_eq!(
                line(event),
                line_of_page.replace("\\\\", "\\").replace("\\n", "\n"),
                "{name}"
            );
        }
    }
}

fn sample<'a>(page: &'a str, name: &str, labels: &[(&str, &str)]) -> Sample<'a> {
    let found = events(page.as_bytes(), Format::Text)
        .unwrap()
        .into_iter()
        .find_map(|e| match e {
            Event::Sample(s)
                if s.name == name
                    && labels
                        .iter()
                        .all(|(n, v)| s.labels.get(n).as_deref() == Some(*v)) =>
            {
                Some(s)
            }
            _ => None,
        });
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn values_and_times_are_exact() {
    let ceph = page("ceph-18-mgr");
    let used = sample(
        &ceph,
        "ceph_osd_metadata",
        &[("ceph_daemon", "osd.0"), ("back_iface", "")],
    );
    assert_eq!((used.value.as_str(), used.value.scaled(0)), ("1.0", Ok(1)));
    assert!(
        matches!(used.labels.get("ceph_version"), Some(Cow::Borrowed(v)) if v.ends_with("reef (stable)"))
    );

    let kubelet = page("kubelet-resource");
    let cpu = sample(&kubelet, "node_cpu_usage_seconds_total", &[]);
    assert_eq!(cpu.value.scaled(9), Ok(357_354_910_000));
    assert_eq!(cpu.timestamp.unwrap().ts(), Ok(Ts(1_633_253_809_720_000)));
    let memory = sample(&kubelet, "node_memory_working_set_bytes", &[]);
    assert_eq!(memory.value.scaled(0), Ok(1_616_273_408));

    // The year 1, as one runtime writes a container that never began.
    let never = page("kubelet-resource-bad-timestamp");
    let start = sample(&never, "container_start_time_seconds", &[]);
    assert_eq!(start.value.floor(6), Ok(-6_795_364_578_871_346));
    assert_eq!(
        start.timestamp.unwrap().ts().unwrap().to_string(),
        "0001-01-01T00:00:00Z"
    );

    let ipmi = page("ipmi_exporter-examples");
    let unread = sample(&ipmi, "ipmi_sensor_value", &[("name", "Power Cable")]);
    assert!(unread.value.is_nan() && unread.value.scaled(0).is_err());
}

#[test]
fn our_own_page_keeps_the_standard() {
    let metrics = Metrics::new();
    metrics.source("a \"quoted\"\\ name\nof two lines");
    metrics.http_request("/metrics", 200);
    metrics.pass(&Pass {
        id: 1,
        cloud: "lab".to_owned(),
        service: "nova".to_owned(),
        region: "r".to_owned(),
        list: "servers".to_owned(),
        mode: PassMode::Full,
        started: Ts(0),
        finished: Ts(2_500_000),
        watermark: Ts(0),
        skew_us: -250_000,
        outcome: Outcome::Complete,
        items: 1,
        facts: 1,
        requests: 1,
        bytes: 1,
        error: String::new(),
        collector: "c".to_owned(),
        cursor: String::new(),
    });
    let page = metrics.encode();
    let told = strict(page.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{page}"));
    assert!(told.len() > 50, "{page}");
    let odd = told.iter().any(|e| {
        matches!(e, Event::Sample(s) if s.labels.get("source").as_deref() == Some("a \"quoted\"\\ name\nof two lines"))
    });
    assert!(odd, "{page}");
}
