//! Objectives: healthy services are not paged about, and a made-up month's statement is what truly was.

use crate::harness::{Plimsoll, json};
use plimsoll::{
    domain::Ts,
    slo::{Alpha, Pair, Rings, Span, Target, Verdict, judge},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Months of minutes.
const MONTH: i64 = 30 * 24 * 60;

/// How many requests until the next one fails, if each does with a chance of 0.05 %.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "chance, in a test"
)]
fn until_next(rng: &mut ChaCha8Rng) -> u64 {
    (rng.random::<f64>().ln() / (1.0 - 0.0005_f64).ln()) as u64 + 1
}

/// How many alerts a healthy service raises in a month, at half its budget and so many requests an hour.
fn alerts_of_a_healthy_month(rng: &mut ChaCha8Rng, an_hour: u64) -> usize {
    let target = Target::parse("0.999").unwrap();
    let pairs = Pair::of(30 * 86_400, target);
    let spans: Vec<Span> = pairs
        .iter()
        .flat_map(|p| [p.long_s, p.short_s])
        .map(Span::seconds)
        .collect();
    let mut rings = Rings::new(&spans);
    let mut next = until_next(rng);
    let (mut sent, mut fired) = (0, 0);
    for minute in 0..MONTH {
        let now = u64::try_from(minute + 1).unwrap() * an_hour / 60;
        let (n, mut bad) = (now - sent, 0);
        sent = now;
        while next <= sent {
            bad += 1;
            next += until_next(rng);
        }
        assert!(rings.push(minute, n - bad, bad));
        // Only then can a short window have become worse.
        if bad > 0 {
            let fires = |i: usize| {
                judge(
                    target,
                    &pairs[i],
                    Alpha::default(),
                    &rings.reading(2 * i),
                    &rings.reading(2 * i + 1),
                )
            };
            fired += (0..pairs.len())
                .filter(|i| fires(*i) == Verdict::Fires)
                .count();
        }
    }
    assert!(sent > 7_000 && next > sent);
    fired
}

#[test]
fn slow_fifty_healthy_months_raise_no_alert() {
    for an_hour in [10, 60, 600, 6_000] {
        let fired: usize = (0..50)
            .map(|run| alerts_of_a_healthy_month(&mut ChaCha8Rng::seed_from_u64(run), an_hour))
            .sum();
        assert_eq!(fired, 0, "at {an_hour} an hour");
    }
}

/// What truly became of the servers of a made-up month, by tenant: (good, bad).
fn boots(truth: &serde_json::Value, from: Ts, to: Ts) -> BTreeMap<String, (u64, u64)> {
    let mut lives: BTreeMap<&str, Vec<(Ts, &str, &str)>> = BTreeMap::new();
    for e in truth["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["aspect"] == "state")
    {
        let text = |k: &str| e[k].as_str().unwrap();
        lives.entry(text("resource")).or_default().push((
            Ts::parse(text("t")).unwrap(),
            text("state"),
            text("tenant"),
        ));
    }
    let mut all: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for life in lives.values() {
        let first = |states: &[&str]| life.iter().find(|(_, s, _)| states.contains(s));
        let Some((asked, _, tenant)) = first(&["building"]) else {
            continue;
        };
        let limit = asked.plus_seconds(600);
        let (at, good) = match first(&["active", "build_error"]) {
            Some((at, state, _)) if *at <= limit => (*at, *state == "active"),
            _ => (limit, false),
        };
        if first(&["deleted"]).is_some_and(|(gone, ..)| *gone < at) || at < from || at >= to {
            continue;
        }
        let (g, b) = all.entry((*tenant).to_owned()).or_default();
        *(if good { g } else { b }) += 1;
    }
    all
}

#[test]
fn a_made_up_months_statement_is_what_truly_was() {
    let p = Plimsoll::quickstart();
    let truth = p.dir().join("truth.json");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/scenarios/small.yaml");
    p.ok(&[
        "simulate",
        "--scenario",
        scenario,
        "--seed",
        "1",
        "--month",
        "2026-10",
        "--truth",
        truth.to_str().unwrap(),
    ]);
    let truth = json(&std::fs::read_to_string(truth).unwrap());
    let t = |s: &str| Ts::parse(s).unwrap();
    let wanted = boots(&truth, t("2026-09-30T22:00:00Z"), t("2026-10-31T23:00:00Z"));
    assert!(
        wanted.values().map(|(g, _)| g).sum::<u64>() > 20,
        "{wanted:?}"
    );

    let report = json(&p.ok(&["slo", "report", "--month", "2026-10", "--format", "json"]));
    let mut got: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for r in report["rows"].as_array().unwrap() {
        let number = |k: &str| r["figure"][k].as_str().unwrap().parse::<u64>().unwrap();
        got.insert(
            r["tenant"].as_str().unwrap().to_owned(),
            (number("good"), number("bad")),
        );
        let promise = r["figure"]["promise"].as_str().unwrap();
        assert_eq!(
            promise == "kept",
            number("bad") * 100 <= number("good") + number("bad"),
            "{r}"
        );
        assert_eq!(r["figure"]["slices"]["gap"], 0, "{r}");
        assert_eq!(r["with_excluded"], r["figure"]);
    }
    assert_eq!(got, wanted);

    let one = p.ok(&[
        "slo",
        "report",
        "--month",
        "2026-10",
        "--tenant",
        "fjord-bank",
        "--format",
        "csv",
    ]);
    assert!(
        one.starts_with("slo,tenant,target,good,bad,attained,") && one.lines().count() <= 2,
        "{one}"
    );
    let table = p.ok(&["slo", "report", "--month", "2026-10"]);
    assert!(
        table.starts_with("Objectives in 2026-10 (Europe/Stockholm), as of "),
        "{table}"
    );
    let backtest = json(&p.ok(&["slo", "backtest", "--month", "2026-10", "--format", "json"]));
    for alert in backtest["rows"].as_array().unwrap() {
        let (_, bad) = got[alert["tenant"].as_str().unwrap()];
        assert!(
            bad >= alert["bad"].as_str().unwrap().parse().unwrap(),
            "{alert}"
        );
    }
    let list = p.ok(&["slo", "list"]);
    assert!(
        list.contains("server-boot") && list.contains("99 %"),
        "{list}"
    );
    let (code, _, err) = p.run(&["slo", "report", "--month", "2026-10", "--slo", "server-bot"]);
    assert!(
        code == 1 && err.contains("there is no SLO `server-bot`; from facts are server-boot"),
        "{code} {err}"
    );
}
