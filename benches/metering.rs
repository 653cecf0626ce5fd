//! What metering costs: each figure against a peer or the limit in the same run. `make bench` writes `target/bench.json`.
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
    domain::{Aspect, Evidence, Fact, Known, Meters, ResourceKey, Ts, Value, ownership::Scopes},
    fold::{
        self, measure,
        sums::{Summing as _, Sums},
    },
};
use std::{collections::BTreeMap, hint::black_box, time::Instant};

const SERVERS: usize = 10_000;
const ROUNDS: usize = 5;

/// The facts of one server's month: created, seen, stopped, started, resized, confirmed.
fn facts(n: usize) -> (ResourceKey, Vec<Fact>) {
    let key = ResourceKey {
        cloud: "bench".into(),
        kind: "server".into(),
        resource: format!("{n:032x}"),
    };
    let fact = |aspect, evidence, at: i64, value| Fact {
        key: key.clone(),
        aspect,
        evidence,
        at: Ts::from_second(at),
        from: Ts::from_second(at - 3),
        seen: Ts::from_second(if evidence == Evidence::Sighting {
            at + 30
        } else {
            at
        }),
        value,
        observed_at: Ts::from_second(at + 31),
        pass: 7,
        raw: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
    };
    let flavor = |name: &str, vcpus: i64| {
        Value::Known(Known {
            label: name.into(),
            levels: BTreeMap::from([
                ("vcpus".into(), vcpus),
                ("memory_bytes".into(), vcpus << 32),
            ]),
            attrs: BTreeMap::new(),
        })
    };
    let mut all = vec![fact(
        Aspect::State,
        Evidence::Record,
        1000,
        Value::label("building"),
    )];
    let steps = [
        (1030, "active"),
        (90_000, "stopped"),
        (180_000, "active"),
        (400_000, "resized"),
        (400_900, "active"),
    ];
    for (at, state) in steps {
        all.push(fact(
            Aspect::State,
            Evidence::Event,
            at,
            Value::label(state),
        ));
        all.push(fact(
            Aspect::State,
            Evidence::Sighting,
            at,
            Value::label(state),
        ));
        let (name, vcpus) = if at < 400_000 {
            ("b2.c2r4", 2)
        } else {
            ("b2.c4r8", 4)
        };
        all.push(fact(
            Aspect::Flavor,
            Evidence::Sighting,
            at,
            flavor(name, vcpus),
        ));
        all.push(fact(
            Aspect::Owner,
            Evidence::Sighting,
            at,
            Value::label("p1"),
        ));
    }
    all.push(fact(
        Aspect::Flavor,
        Evidence::Event,
        400_000,
        Value::Unknown,
    ));
    (key, all)
}

/// Best of some rounds, in nanoseconds: the least disturbed one.
fn best(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let t = Instant::now();
            work();
            t.elapsed().as_nanos() as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let all: Vec<_> = (0..SERVERS).map(facts).collect();
    let count = all.iter().map(|(_, f)| f.len()).sum::<usize>() as f64;
    let ids = best(|| {
        for (_, f) in &all {
            black_box(f.iter().map(Fact::id).collect::<Vec<_>>());
        }
    });
    let folding = best(|| {
        for (key, f) in &all {
            black_box(fold::fold(key, f.iter().cloned()));
        }
    });
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let timelines: Vec<_> = all
        .iter()
        .map(|(key, f)| fold::fold(key, f.iter().cloned()))
        .collect();
    let window = measure::Window {
        from: Ts(0),
        to: Ts::from_second(2_678_400),
        watermark: Ts::MAX,
        as_of: Ts::MAX,
    };
    let measuring = best(|| {
        let mut sums = Sums::new("1970-01");
        for t in &timelines {
            sums.add(&t.life(), "name", &meters, &Scopes::default(), &window);
        }
        black_box(sums.into_rows());
    });
    // What the facts a month's samples every five minutes would be, at the same cost a row: the sampled model this replaces.
    let samples = SERVERS as f64 * 8_928.0;
    keep(vec![
        Figure::new(
            "fold",
            folding / count,
            "ns/fact",
            "hashing the same facts' ids",
            ids / count,
        ),
        Figure::new(
            "measure",
            measuring / count,
            "ns/fact",
            "folding the same facts",
            folding / count,
        ),
        Figure::new(
            "rows_kept",
            count,
            "facts",
            "five-minute samples of the same month",
            samples,
        ),
    ]);
}
