//! What is metered from made-up object gateways is the truth: over a month's end and a trim, and beside a kill.

use super::gateway::{SCENARIO, TRIMMED, killed, served, ts, world};
use crate::{
    harness::{Plimsoll, json},
    truth::integrate,
};
use plimsoll::{
    config::{self, Secret},
    domain::{Fact, Memory, Outcome, Period, ResourceKey, Ts},
    fold,
    simulate::{PASSWORD, World},
    sources::{Parcel, Source},
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc;

/// By hour, resource and class: requests, bytes in and out.
type Counted = BTreeMap<(Ts, String, String), [i64; 3]>;

/// What a collector of a zone's log makes of it that looks at these times.
async fn metered(world: World, times: impl IntoIterator<Item = Ts>) -> Counted {
    let (root, clock) = served(world).await;
    let key = || Secret::new(PASSWORD);
    let conf = config::Source::Rgw(config::Rgw::with_defaults("sim-rgw", root, key(), key()));
    let mut readers = Source::open(&conf, &clock, &Memory::default(), "test").unwrap();
    let mut resources: BTreeMap<ResourceKey, Vec<Fact>> = BTreeMap::new();
    for t in times {
        clock.set(t);
        let (out, mut parcels) = mpsc::channel::<Parcel>(1_000);
        let Source::RgwLog(log) = &mut readers[0] else {
            panic!("the first reads the log")
        };
        let passes = log.collect(&out).await;
        assert!(passes.iter().all(|p| p.outcome == Outcome::Complete));
        drop(out);
        while let Some(Parcel { batch, .. }) = parcels.recv().await {
            for fact in batch.facts {
                resources.entry(fact.key.clone()).or_default().push(fact);
            }
        }
    }
    let mut counted = Counted::new();
    for (key, facts) in resources
        .into_iter()
        .filter(|(k, _)| k.kind == "bucket_log")
    {
        for a in fold::fold(&key, facts).amounts {
            let of = (a.start, key.resource.clone(), a.attrs["class"].clone());
            let sum = counted.entry(of).or_default();
            for (n, name) in ["object.requests", "object.bytes_in", "object.bytes_out"]
                .iter()
                .enumerate()
            {
                sum[n] += a.quantities[*name];
            }
        }
    }
    counted
}

fn truly(world: &World) -> Counted {
    let (from, to) = world.window();
    let requests = world.truth(from, to).unwrap().requests.into_iter();
    requests
        .map(|r| {
            (
                (r.t, r.resource, r.class.to_owned()),
                [r.requests, r.bytes_in, r.bytes_out],
            )
        })
        .collect()
}

/// Looks four times an hour, and about the trim.
fn looks(world: &World, beside: &[&str]) -> BTreeSet<Ts> {
    let (from, to) = world.window();
    let often =
        (0..=(to.second() - from.second()) / 900 + 1).map(|n| from.plus_seconds(n * 900 + 20));
    often.chain(beside.iter().map(|t| ts(t))).collect()
}

#[tokio::test]
async fn what_is_metered_is_the_truth_over_a_months_end_and_a_trim() {
    let text = format!("{SCENARIO}{TRIMMED}");
    let truth = truly(&world(&text));
    let months: BTreeSet<bool> = truth
        .keys()
        .map(|(t, ..)| *t < ts("2026-09-30T22:00:00Z"))
        .collect();
    assert!(months.len() == 2 && truth.len() > 1_000, "{}", truth.len());
    let about = [
        "2026-10-01T11:50:24Z",
        "2026-10-01T11:51:30Z",
        "2026-10-01T11:51:50Z",
        "2026-10-01T11:52:10Z",
    ];
    let got = metered(world(&text), looks(&world(&text), &about)).await;
    let differing: Vec<_> = truth
        .iter()
        .filter(|(k, v)| got.get(*k) != Some(*v))
        .map(|(k, v)| (k, v, got.get(k)))
        .collect();
    assert!(
        differing.is_empty(),
        "{}: {:?}",
        differing.len(),
        &differing[..differing.len().min(5)]
    );
    assert_eq!(got.len(), truth.len());
}

#[tokio::test]
async fn a_kill_leaves_its_hour_short_and_no_other() {
    let text = killed();
    let truth = truly(&world(&text));
    let got = metered(world(&text), looks(&world(&text), &[])).await;
    let hour = ts("2026-10-02T09:00:00Z");
    for (key, want) in &truth {
        let have = got.get(key).copied().unwrap_or_default();
        if key.0 == hour {
            assert!(have.iter().zip(want).all(|(h, w)| h <= w), "{key:?}");
        } else {
            assert_eq!(have, *want, "{key:?}");
        }
    }
    assert!(
        truth
            .iter()
            .any(|(k, w)| k.0 == hour && got.get(k) != Some(w)),
        "nothing was lost"
    );
}

/// What is stored too, from the wire to lines of usage, by the program; each month by itself.
#[test]
fn two_made_up_months_of_buckets_are_the_truth() {
    let p = Plimsoll::quickstart();
    let scenario = p.dir().join("gateways.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    for month in ["2026-09", "2026-10"] {
        let file = p.dir().join("truth.json");
        p.ok(&[
            "simulate",
            "--scenario",
            scenario.to_str().unwrap(),
            "--seed",
            "1",
            "--month",
            month,
            "--truth",
            file.to_str().unwrap(),
        ]);
        let period = Period::month(month, chrono_tz::Europe::Stockholm).unwrap();
        let truth = json(&std::fs::read_to_string(file).unwrap());
        let truth = integrate(&truth, period.from.second(), period.to.second());
        let usage = json(&p.ok(&["usage", "--month", month, "--format", "json"]));
        assert_eq!(crate::month::of_usage(&usage), truth, "{month}");
        for meter in ["object.capacity", "object.requests"] {
            assert!(truth.keys().any(|k| k.4 == meter), "{month}: no {meter}");
        }
    }
}
