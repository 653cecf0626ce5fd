//! What reading a page of metrics costs, against the `prometheus-parse` crate on the same page in the same run. `make bench` keeps the figures.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;

use figures::{Figure, keep};
use plimsoll::exposition::{Event, Events, Format, Strict};
use std::{
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

const SAMPLES: usize = 200_000;
const ROUNDS: usize = 7;
/// What a sample may cost, in nanoseconds.
const LIMIT: f64 = 150.0;

/// A page as a large node's kubelet sends it: four labels, values in a float's text, a time on each. `unit` is a second in the format's unit of time.
fn page(unit: u64, total: &str) -> String {
    let mut page = String::new();
    for family in 0..20 {
        let name = format!("container_resource_{family}_usage_seconds");
        writeln!(
            page,
            "# TYPE {name}{} counter",
            if total.is_empty() { "_total" } else { "" }
        )
        .unwrap();
        for n in 0..SAMPLES / 20 {
            let pod = format!("web-{}-67fcc6b667-{:05x}", n % 97, n * 7919);
            let value = format!("{}.{:06}", n * 31 + family, n * 104_729 % 1_000_000);
            let time = 1_795_424_073 * unit + u64::try_from(n).unwrap();
            writeln!(
                page,
                "{name}_total{{container=\"app\",namespace=\"acme-{}\",node=\"worker-{}\",pod=\"{pod}\"}} {value} {time}",
                n % 13,
                n % 5
            )
            .unwrap();
        }
    }
    page + total
}

/// Everything that a caller wants of a sample: its labels' values, its value in microunits, its time.
fn used<'a, E>(events: impl Iterator<Item = Result<Event<'a>, E>>) -> usize {
    let mut samples = 0;
    for event in events {
        let Ok(Event::Sample(s)) = event else {
            assert!(event.is_ok());
            continue;
        };
        samples += 1;
        for label in s.labels {
            black_box((label.name, label.value()));
        }
        black_box((
            s.name,
            s.value.scaled(6).unwrap(),
            s.timestamp.unwrap().ts().unwrap(),
        ));
    }
    samples
}

/// What the peer makes of the same page.
fn peer(page: &str) -> usize {
    let scrape = prometheus_parse::Scrape::parse(page.lines().map(|l| Ok(l.to_owned()))).unwrap();
    black_box(scrape).samples.len()
}

/// Best of some rounds.
fn best(rounds: usize, mut work: impl FnMut() -> usize) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..rounds {
        let t = Instant::now();
        assert_eq!(black_box(work()), SAMPLES);
        least = least.min(t.elapsed());
    }
    least
}

fn main() {
    let text = page(1000, "");
    let exact = page(1, "# EOF\n");
    let lexed = best(ROUNDS, || {
        Events::new(text.as_bytes(), Format::Text)
            .filter(|e| matches!(e, Ok(Event::Sample(_))))
            .count()
    });
    let read = best(ROUNDS, || used(Events::new(text.as_bytes(), Format::Text)));
    let read_exact = best(ROUNDS, || {
        used(Events::new(exact.as_bytes(), Format::OpenMetrics))
    });
    let strict = best(ROUNDS, || used(Strict::new(exact.as_bytes())));
    let peers = best(2, || peer(&text));
    let ns = |d: Duration| d.as_nanos() as f64 / SAMPLES as f64;
    let gigabytes = text.len() as f64 / read.as_nanos() as f64;
    let limit = "the limit of 150 ns";
    keep(vec![
        Figure::new("exposition_lines", ns(lexed), "ns/sample", limit, LIMIT),
        Figure::new("exposition_text", ns(read), "ns/sample", limit, LIMIT),
        Figure::new(
            "exposition_openmetrics",
            ns(read_exact),
            "ns/sample",
            limit,
            LIMIT,
        ),
        Figure::new("exposition_bytes", gigabytes, "GB/s", "1 GB/s", 1.0),
        Figure::new(
            "exposition_strict",
            ns(strict),
            "ns/sample",
            "reading without the rules",
            ns(read_exact),
        ),
        Figure::new(
            "exposition_peer",
            ns(peers),
            "ns/sample",
            "ours, with labels, values and times",
            ns(read),
        ),
    ]);
}
