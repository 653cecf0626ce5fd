//! The truth against an integration of its own events, by a program that has only its JSON.

use super::{window, world};
use plimsoll::domain::{Meters, Ts};
use serde_json::Value;
use std::collections::BTreeMap;

/// What held of a server while its events were read.
#[derive(Default, Clone)]
struct Holding {
    kind: String,
    since: i64,
    tenant: String,
    state: String,
    levels: BTreeMap<String, i64>,
}

/// Integrates the events of a truth, as somebody would who has only its JSON.
fn integrate(
    truth: &Value,
    from: i64,
    to: i64,
    meters: &Meters,
) -> BTreeMap<(String, String), i128> {
    let mut sums: BTreeMap<(String, String), i128> = BTreeMap::new();
    let mut holding: BTreeMap<(String, String), Holding> = BTreeMap::new();
    let mut count = |h: &Holding, until: i64| {
        let seconds = i128::from(until - h.since.max(from));
        for m in meters
            .of_kind(&h.kind)
            .filter(|m| m.states.contains(&h.state) && seconds > 0)
        {
            let level = m
                .level
                .as_ref()
                .map_or(1, |l| h.levels.get(l).copied().unwrap_or(0));
            if level > 0 {
                *sums.entry((h.tenant.clone(), m.name.clone())).or_default() +=
                    i128::from(level) * seconds;
            }
        }
    };
    for e in truth["events"].as_array().unwrap() {
        let t = Ts::parse(e["t"].as_str().unwrap()).unwrap().second();
        let text = |k: &str| e[k].as_str().unwrap().to_owned();
        let h = holding.entry((text("kind"), text("resource"))).or_default();
        count(h, t);
        (h.since, h.kind) = (t, text("kind"));
        match e["aspect"].as_str().unwrap() {
            "state" => h.state = e["state"].as_str().unwrap().to_owned(),
            "flavor" => h.levels = serde_json::from_value(e["levels"].clone()).unwrap(),
            "owner" => h.tenant = e["tenant"].as_str().unwrap().to_owned(),
            other => panic!("{other}"),
        }
    }
    holding.values().for_each(|h| count(h, to));
    for r in truth["requests"].as_array().into_iter().flatten() {
        for (meter, number) in [
            ("object.requests", "requests"),
            ("object.bytes_in", "bytes_in"),
            ("object.bytes_out", "bytes_out"),
        ] {
            let n = i128::from(r[number].as_i64().unwrap());
            if n > 0 {
                let tenant = r["tenant"].as_str().unwrap().to_owned();
                *sums.entry((tenant, meter.to_owned())).or_default() += n;
            }
        }
    }
    sums
}

#[test]
fn the_truths_usage_is_the_integral_of_its_events() {
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let (from, to) = window();
    let windows = [
        (from, to),
        (
            from.plus_seconds(12 * 86_400 + 77),
            from.plus_seconds(13 * 86_400 + 5),
        ),
        (from, from.plus_seconds(1)),
    ];
    for (name, seed) in [("small", 1), ("small", 2), ("awkward", 1), ("awkward", 3)] {
        let world = world(name, seed);
        for (from, to) in windows {
            let truth = serde_json::to_value(world.truth(from, to).unwrap()).unwrap();
            let times: Vec<_> = truth["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| Ts::parse(e["t"].as_str().unwrap()).unwrap())
                .collect();
            assert!(times.is_sorted() && times.iter().all(|t| *t < to));
            let integral = integrate(&truth, from.second(), to.second(), &meters);
            let stated = truth["usage"].as_array().unwrap().iter();
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            let stated: BTreeMap<_, i128> = stated
                .map(|u| {
                    (
                        (text(&u["tenant"]), text(&u["meter"])),
                        text(&u["quantity"]).parse().unwrap(),
                    )
                })
                .collect();
            assert_eq!(stated, integral, "{name} {seed} [{from}, {to})");
            assert!(stated.keys().any(|(_, m)| m == "compute.gpu"));
        }
    }
}
