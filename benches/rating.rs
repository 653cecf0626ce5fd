//! What rating costs: a million lines of a thousand contracts, by the shipped book; against the limit of 1 us a line, and beside CloudKitty's own rating
//! (HashMap) of the same rows by the same prices, in memory, in the same run.
//!
//! `deploy/setup/cloudkitty.sh` installs CloudKitty; where it is not, that figure is missing, and it is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;

use figures::{Figure, keep};
use num_traits::ToPrimitive as _;
use plimsoll::{
    config::book,
    domain::{
        Period, PriceBook, Sharing, UsageRow,
        bill::{Metered, Rated, Rows},
        money::{Exact, Rational, Rounding, exact_sum, round_to_text},
        price::ItemKind,
        usage::Usage,
    },
    rating,
};
use std::{
    collections::BTreeMap, fmt::Write as _, fs, hint::black_box, path::Path, process::Command,
    time::Instant,
};

const LINES: usize = 1_000_000;
const ROUNDS: usize = 5;
const LIMIT_NS: f64 = 1_000.0;
/// Rows that CloudKitty rates: the first ones. What a point costs does not depend on how many there are.
const POINTS: usize = 50_000;
/// How much faster than CloudKitty it has to be.
const BAR: f64 = 40.0;
const CLOUDKITTY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/cloudkitty/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cloudkitty/rate.py");
/// Digits of the price of a second that CloudKitty is given.
const DIGITS: u32 = 28;

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
    // As the fold makes rows: what they have in common is held once.
    let mut sharing = Sharing::default();
    let row = |n: usize| UsageRow {
        id: format!("{n:032x}"),
        tenant: sharing.text(&format!("tenant-{:04}", n / 1_000)),
        contract: sharing.text(&format!("CO-{:04}", n / 1_000)),
        scope: sharing.text(&format!("{:032x}", n / 100)),
        scope_name: sharing.text("domain/project"),
        source: sharing.text("bench"),
        kind: sharing.text("server"),
        resource: format!("{n:032x}").into(),
        resource_name: "web".into(),
        meter: sharing.text("compute.instance"),
        unit: sharing.text("s"),
        dimensions: sharing.map(BTreeMap::from([
            ("az".to_owned(), "nova".to_owned()),
            ("flavor".to_owned(), flavors[n % flavors.len()].clone()),
            ("state".to_owned(), "active".to_owned()),
        ])),
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

/// What CloudKitty needs for a point, in nanoseconds, and what it finds that they cost; `None` where it is not installed.
fn cloudkitty(metered: &Metered, book: &PriceBook) -> Option<(f64, f64)> {
    if !Path::new(CLOUDKITTY).exists() {
        println!(
            "CloudKitty is not installed (deploy/setup/cloudkitty.sh): its rating is not measured"
        );
        return None;
    }
    let (mut points, mut prices) = (String::new(), String::new());
    for r in &metered.usage.rows[..POINTS] {
        let [az, flavor, state] = ["az", "flavor", "state"].map(|d| &r.dimensions[d]);
        writeln!(
            points,
            "{}\t{}\t{}\t{flavor}\t{az}\t{state}",
            r.quantity, r.scope, r.resource
        )
        .unwrap();
    }
    for item in &book.items {
        if let ItemKind::Usage(p) = &item.kind
            && let Some(flavor) = p.matches.get("flavor")
        {
            // Per instance per 30 days, all of them.
            let second = &p.amount / &p.per_quantity / Rational::from_integer(2_592_000.into());
            let cost = round_to_text(&second, DIGITS, Rounding::HalfEven);
            writeln!(prices, "{flavor}\t{cost}").unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let [points_file, prices_file] = ["points.tsv", "prices.tsv"].map(|n| dir.path().join(n));
    fs::write(&points_file, points).unwrap();
    fs::write(&prices_file, prices).unwrap();
    let out = Command::new(CLOUDKITTY)
        .arg(SCRIPT)
        .args([&points_file, &prices_file])
        .arg(ROUNDS.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8(out.stdout).unwrap();
    let numbers = told
        .trim()
        .split_once(' ')
        .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    assert!(
        out.status.success() && numbers.is_some(),
        "{told}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    numbers
}

/// What the same rows cost by the book, as CloudKitty's sum is: before any rounding.
fn of_points(rated: &Rated) -> f64 {
    let lines = rated.bills.iter().flat_map(|b| &b.lines);
    let exact = lines.filter_map(|l| match l.rows {
        Rows::One(row) if row < POINTS => Some(l.exact.clone()),
        _ => None,
    });
    exact_sum(&exact.collect::<Vec<Exact>>()).to_f64().unwrap()
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
    if let Some((point, sum)) = cloudkitty(&metered, &book) {
        let ours = of_points(&rated);
        assert!(
            (ours - sum).abs() < 1e-6 * ours,
            "the same prices: {ours} and {sum}"
        );
        println!(
            "rating is {:.1} x as fast as CloudKitty's ({point:.0} ns/point); the bar is {BAR} x",
            point / rating
        );
        keep(vec![Figure::new(
            "rate_cloudkitty",
            rating,
            "ns/line",
            "CloudKitty's rating of the same rows (bar: 0.025)",
            point,
        )]);
    }
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
