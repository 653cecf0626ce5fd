//! What objectives cost: 10,000 of them and their tenants over thirty days, from nothing (a start) and by one slice more (a turn).
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs
)]

mod figures;

use figures::{Figure, keep};
use plimsoll::{
    domain::Ts,
    slo::{
        Alpha, Count, Objective, Run, SLICE_S, Sli, Slo, State, Target, Watch, Window, number, runs,
    },
};
use std::{collections::BTreeMap, fs, hint::black_box, time::Instant};

const PAIRS: i64 = 10_000;
/// Events of each in thirty days: one of 200 is bad, half of what the budget allows.
const EVENTS: i64 = 120;
const BAD_ONE_OF: i64 = 200;
const WINDOW_S: u32 = 30 * 86_400;
const TURNS: i64 = 5;
const TURN_MAX_S: f64 = 2.0;
const MEMORY_MAX_MB: f64 = 256.0;
const FROM: i64 = 1_790_000_040;
const TO: i64 = FROM + WINDOW_S as i64;

fn slo() -> Slo {
    Slo {
        name: "server-boot".into(),
        title: "Server boot".into(),
        description: String::new(),
        service: "compute".into(),
        sli: Sli::ServerBoot { within_s: None },
        objective: Objective {
            target: Target::parse("0.99").unwrap(),
            per_tenant: true,
            tenants: BTreeMap::new(),
        },
        window: Window::Rolling(WINDOW_S),
        alpha: Alpha::default(),
    }
}

/// Events of one pair, spread as chance has it.
fn events(pair: i64) -> impl Iterator<Item = Count> {
    (0..EVENTS).map(move |i| {
        let n = (pair * EVENTS + i) * 7_919 + 13;
        let at = n.wrapping_mul(2_654_435_761).rem_euclid(TO - FROM);
        Count::one((Ts::from_second(FROM + at), n % BAD_ONE_OF != 0))
    })
}

/// The most memory this process held, MB.
fn memory_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kb = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    kb.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

fn main() {
    let (slo, reach) = (slo(), (Ts::from_second(FROM), Ts::from_second(TO)));
    let t = Instant::now();
    for pair in 0..PAIRS {
        let all = runs(events(pair), reach, reach.1, State::Empty).flat_map(Run::slices);
        let sums = all.fold((0, 0), |(good, bad), s| (good + s.good, bad + s.bad));
        assert_eq!(black_box(sums).0 + sums.1, EVENTS.unsigned_abs());
    }
    let bare = t.elapsed().as_secs_f64();

    let t = Instant::now();
    let watch = |pair| {
        let mut watch = Watch::new(&slo, slo.objective.target);
        for run in runs(events(pair), reach, reach.1, State::Empty) {
            watch.take(&run);
        }
        watch
    };
    let mut watches: Vec<Watch> = (0..PAIRS).map(watch).collect();
    let start = t.elapsed().as_secs_f64();

    let (mut turn, mut fires) = (f64::INFINITY, 0);
    for n in 0..TURNS {
        let t = Instant::now();
        let (from, to) = (TO + n * SLICE_S, TO + (n + 1) * SLICE_S);
        let reach = (Ts::from_second(from), Ts::from_second(to));
        for (watch, pair) in watches.iter_mut().zip(0..) {
            // One of ten fails.
            let event = Count::one((reach.0, pair % 10 != 0));
            for run in runs([event], reach, reach.1, State::Empty) {
                watch.take(&run);
            }
            fires += watch.burning().count();
        }
        turn = turn.min(t.elapsed().as_secs_f64());
    }
    println!(
        "{PAIRS} pairs, {} slices each, {} alerts",
        number(reach.1) - number(reach.0),
        black_box(fires)
    );
    keep(vec![
        Figure::new("slo.turn", turn, "s", "the limit of 2 s", TURN_MAX_S),
        Figure::new(
            "slo.turn_to_loop",
            turn,
            "s",
            "a bare loop over the same slices",
            bare,
        ),
        Figure::new("slo.start", start, "s", "the limit of 2 s", TURN_MAX_S),
        Figure::new(
            "slo.memory",
            memory_mb(),
            "MB",
            "the limit of 256 MB",
            MEMORY_MAX_MB,
        ),
    ]);
}
