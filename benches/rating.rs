//! What rating costs: a million lines of a thousand contracts, by the shipped book; against the limit of 1 us a line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;

use figures::{Figure, keep};
use plimsoll::{
    config::book,
    domain::{Period, PriceBook, UsageRow, bill::Metered, price::ItemKind, usage::Usage},
    rating,
};
use std::{collections::BTreeMap, hint::black_box, path::Path, time::Instant};

const LINES: usize = 1_000_000;
const ROUNDS: usize = 5;
const LIMIT_NS: f64 = 1_000.0;

/// Servers of all flavors of the book, a thousand a contract.
fn metered(book: &PriceBook, period: &Period) -> Metered {
    let flavors: Vec<&String> = book
        .items
        .iter()
        .filter_map(|i| match &i.kind {
            ItemKind::Usage(p) => p.matches.get("flavor"),
            _ => None,
        })
        .collect();
    let row = |n: usize| UsageRow {
        id: format!("{n:032x}"),
        tenant: format!("tenant-{:04}", n / 1_000),
        contract: format!("CO-{:04}", n / 1_000),
        scope: format!("{:032x}", n / 100),
        scope_name: "domain/project".into(),
        source: "bench".into(),
        kind: "server".into(),
        resource: format!("{n:032x}"),
        resource_name: "web".into(),
        meter: "compute.instance".into(),
        unit: "s".into(),
        dimensions: BTreeMap::from([
            ("az".to_owned(), "nova".to_owned()),
            ("flavor".to_owned(), flavors[n % flavors.len()].clone()),
            ("state".to_owned(), "active".to_owned()),
        ]),
        quantity: i128::try_from(n * 7_919 % 2_682_000).unwrap(),
        observed_s: 1,
        expected_s: 1,
    };
    Metered::undated(Usage {
        month: period.to_string(),
        time_zone: period.zone.name().to_owned(),
        as_of: period.to,
        rows: (0..LINES).map(row).collect(),
    })
}

/// Best of some rounds, in nanoseconds a line: the least disturbed one.
fn best(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let t = Instant::now();
            work();
            t.elapsed().as_nanos() as f64 / LINES as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/prices/nordic-2026.yaml"
    );
    let book = book::read(Path::new(file), None).unwrap();
    let period = Period::month("2026-10", chrono_tz::Europe::Stockholm).unwrap();
    let (metered, none) = (metered(&book, &period), BTreeMap::new());
    let rate = || rating::rate(&metered, &book, &period, &none).unwrap();
    let rating = best(|| drop(black_box(rate())));
    let rated = rate();
    let naming = best(|| {
        for bill in &rated.bills {
            for line in &bill.lines {
                black_box(rating::id(line, bill, &book, &metered));
            }
        }
    });
    keep(vec![
        Figure::new("rate", rating, "ns/line", "the limit of 1 us", LIMIT_NS),
        Figure::new(
            "rate_ids",
            naming,
            "ns/line",
            "rating the same lines",
            rating,
        ),
    ]);
}
