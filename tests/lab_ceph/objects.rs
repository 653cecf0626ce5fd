//! Requests, bytes and buckets, held against the manifest.

use crate::lab::{self, Collected, Counts};
use plimsoll::domain::{Aspect, Outcome, Ts, fact::amount};
use std::collections::{BTreeMap, BTreeSet};

/// Hour, user, bucket, RGW's word for the request.
type Key = (i64, String, String, String);

#[tokio::test]
async fn every_hour_of_every_user_and_bucket_has_the_requests_and_bytes_that_were_sent() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let mut found: BTreeMap<Key, Counts> = BTreeMap::new();
    for t in collected.timelines("bucket_log").await {
        let (user, bucket) = t.key.resource.rsplit_once('/').unwrap();
        for a in &t.amounts {
            assert_eq!(a.end, a.start.plus_seconds(3_600));
            assert_eq!(a.attrs[amount::SCOPE], user);
            let of = |name: &str| a.quantities.get(name).copied().unwrap_or(0);
            let key = (
                a.start.second(),
                user.to_owned(),
                bucket.to_owned(),
                a.attrs["category"].clone(),
            );
            let counts = Counts {
                requests: of("object.requests"),
                successful: of("object.requests.successful"),
                bytes_in: of("object.bytes_in"),
                bytes_out: of("object.bytes_out"),
            };
            assert!(
                found.insert(key.clone(), counts).is_none(),
                "{key:?} is there twice"
            );
        }
    }
    let hours: BTreeSet<i64> = manifest.usage.iter().map(|r| r.hour).collect();
    assert_eq!(hours, manifest.hours.iter().copied().collect());
    let mut wrong = Vec::new();
    for row in &manifest.usage {
        let key = (
            row.hour,
            row.user.clone(),
            row.bucket.clone(),
            row.category.clone(),
        );
        let is = found.remove(&key);
        let right = match (row.at_least, is) {
            (None, is) => is == Some(row.counts),
            // Told before the kill or not at all, and anything between.
            (Some(least), is) => {
                assert_eq!(row.hour, manifest.killed.hour);
                let n = is.map_or(0, |c| c.requests);
                (least.requests..=row.counts.requests).contains(&n)
            }
        };
        if !right {
            wrong.push(format!("{key:?}: {is:?} instead of {:?}", row.counts));
        }
    }
    // What the lab is asked before the first hour begins, and nothing else, is not in the manifest.
    found.retain(|(hour, ..), _| manifest.hours.contains(hour));
    assert!(
        wrong.is_empty() && found.is_empty(),
        "{}\nand beyond it: {found:#?}",
        wrong.join("\n")
    );
    assert!(manifest.usage.len() > 80);
}

#[tokio::test]
async fn months_have_what_their_hours_have() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let month = |hour: i64| Ts::from_second(hour).to_string()[..7].to_owned();
    let months: BTreeSet<String> = manifest.hours.iter().map(|h| month(*h)).collect();
    assert_eq!(
        months.len(),
        2,
        "the seed crosses a month's end: {months:?}"
    );
    for m in &months {
        let usage = collected.usage(m);
        let mut found: BTreeMap<(String, String), i128> = BTreeMap::new();
        for row in usage["rows"].as_array().unwrap() {
            if row["meter"] == "object.requests" {
                let key = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
                let key = (key(&row["scope"]), key(&row["dimensions"]["class"]));
                *found.entry(key).or_default() +=
                    row["quantity"].as_str().unwrap().parse::<i128>().unwrap();
            }
        }
        let mut expected: BTreeMap<(String, String), (i128, i128)> = BTreeMap::new();
        for row in manifest.usage.iter().filter(|r| month(r.hour) == *m) {
            let all = expected
                .entry((row.user.clone(), row.class.clone()))
                .or_default();
            all.0 += i128::from(row.at_least.unwrap_or(row.counts).requests);
            all.1 += i128::from(row.counts.requests);
        }
        for (key, (least, most)) in expected {
            let n = found.remove(&key).unwrap_or(0);
            assert!(
                (least..=most).contains(&n),
                "{m} {key:?}: {n}, not {least} to {most}"
            );
        }
        assert!(found.is_empty(), "{m}: {found:?}");
    }
}

#[tokio::test]
async fn every_bucket_holds_what_was_put_there_at_the_end_of_every_hour() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let buckets = collected.timelines("bucket").await;
    let times: BTreeSet<i64> = manifest.buckets.iter().map(|b| b.at).collect();
    assert_eq!(times.len(), manifest.hours.len());
    for time in times {
        let mut alive: BTreeMap<String, (String, String, i64, i64)> = BTreeMap::new();
        for t in &buckets {
            let Some(state) = lab::at(t, Aspect::State, time) else {
                continue;
            };
            assert_eq!(state.label, "present");
            let name = lab::at(t, Aspect::Name, time).unwrap().label.clone();
            let size = lab::at(t, Aspect::Flavor, time).unwrap();
            let owner = lab::at(t, Aspect::Owner, time).unwrap().label.clone();
            let held = (
                owner,
                size.label.clone(),
                size.levels["capacity_bytes"],
                size.levels["objects"],
            );
            let before = alive.insert(name.clone(), held);
            assert!(before.is_none(), "{name} is there twice at {time}");
        }
        for b in manifest.buckets.iter().filter(|b| b.at == time) {
            let name = if b.tenant.is_empty() {
                b.bucket.clone()
            } else {
                format!("{}/{}", b.tenant, b.bucket)
            };
            let expected = (b.owner.clone(), b.storage_class.clone(), b.bytes, b.objects);
            assert_eq!(alive.remove(&name), Some(expected), "{name} at {time}");
        }
        assert!(alive.is_empty(), "at {time}: {alive:?}");
    }
}

/// When gateways answered that had been started anew, as a pass says: the pass itself may have begun before.
fn answered_anew(remarks: &str) -> Vec<Ts> {
    let told = remarks.split("before ").skip(1);
    told.filter_map(|rest| Ts::parse(rest.split_once(": ")?.0).ok())
        .collect()
}

#[tokio::test]
async fn a_gateway_that_was_killed_is_told_of() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let passes = collected.passes("usage_log").await;
    let killed = Ts::from_second(manifest.killed.at);
    let half_an_hour = killed..killed.plus_seconds(1_800);
    let told = passes
        .iter()
        .filter(|p| p.outcome == Outcome::Complete)
        .flat_map(|p| answered_anew(&p.error))
        .any(|t| half_an_hour.contains(&t));
    let around: Vec<_> = passes
        .iter()
        .filter(|p| p.watermark > killed.plus_seconds(-60) && p.watermark < half_an_hour.end)
        .collect();
    assert!(
        told,
        "no pass after the kill at {killed} says that the gateway is another one: {around:#?}"
    );
}
