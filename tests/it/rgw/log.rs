//! The usage log: every trap of it, from recorded answers.

use super::gateway::{Gateway, HOUR, entries, entry, recorded, ts};
use plimsoll::domain::{Aspect, Ts};
use std::collections::BTreeMap;

fn hour(n: i64) -> Ts {
    ts(HOUR).plus_seconds(n * 3_600)
}

/// Requests to a bucket by class.
fn classes(zone: &Gateway, user: &str, bucket: &str) -> BTreeMap<String, i64> {
    let of = |f: &&plimsoll::domain::Fact| f.key.resource == format!("{user}/{bucket}");
    let mut sums = BTreeMap::new();
    for fact in zone.all.iter().filter(of) {
        let known = fact.value.known().unwrap();
        *sums.entry(known.attrs["class"].clone()).or_insert(0) += known.levels["object.requests"];
    }
    sums
}

#[tokio::test]
async fn a_recorded_hour_is_counted_by_bucket_and_class() {
    let mut zone = Gateway::start().await;
    zone.set(|z| _ = z.log.insert(hour(0), entries("usage_all")));
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.error.is_empty()), "{passes:?}");
    let data = zone.counted("acme$alice", "data");
    let of = |category: &str| data[&(hour(0), category.to_owned())];
    assert_eq!(of("get_obj"), [16, 0, 150_105], "HEAD is get_obj too");
    assert_eq!(of("put_obj"), [20, 200_190, 0]);
    let classes = classes(&zone, "acme$alice", "data");
    let told: Vec<_> = classes.iter().map(|(c, n)| (c.as_str(), *n)).collect();
    assert_eq!(
        told,
        [("delete", 4), ("list", 5), ("read", 16), ("write", 22)]
    );
    // Parts of an upload are put_obj, one each.
    assert_eq!(
        zone.counted("acme$alice", "mpu")[&(hour(0), "put_obj".into())],
        [5, 26_214_400, 0]
    );
    // A bucket that is no more keeps its rows, and a PUT that a quota refused is a request without bytes.
    assert_eq!(zone.counted("globex$carol", "short-lived").len(), 4);
    assert_eq!(
        zone.counted("acme$bob", "versions")[&(hour(0), "put_obj".into())],
        [6, 15_000, 238]
    );
    // Odd rows are kept: requests for what is not there, and anonymous ones to no bucket.
    assert_eq!(
        zone.counted("acme$alice", "-")[&(hour(0), "get_obj".into())],
        [3, 0, 690]
    );
    assert_eq!(
        zone.counted("anonymous", "")[&(hour(0), "list_buckets".into())][0],
        1
    );
    // Each owner is a scope that rules can find.
    let scopes: Vec<String> = zone
        .all
        .iter()
        .filter(|f| f.aspect == Aspect::Attributes)
        .map(|f| f.key.resource.clone())
        .collect();
    assert!(
        ["acme$alice", "anonymous", "dave"]
            .iter()
            .all(|s| scopes.contains(&(*s).to_owned())),
        "{scopes:?}"
    );
}

#[tokio::test]
async fn who_pays_for_requests_is_the_requester_where_it_was_agreed() {
    let mut zone = Gateway::start().await;
    zone.set(|z| _ = z.log.insert(hour(0), entries("usage_requester_pays")));
    zone.collect().await;
    let paid = zone
        .all
        .iter()
        .find(|f| f.key.resource == "acme$alice/shared")
        .unwrap();
    let known = paid.value.known().unwrap();
    assert_eq!(
        (
            known.attrs[":scope"].as_str(),
            known.attrs["bucket_owner"].as_str()
        ),
        ("acme$alice", "dave")
    );
    assert_eq!(
        zone.counted("acme$alice", "shared")[&(hour(0), "get_obj".into())],
        [1, 0, 321]
    );
    assert!(
        !zone
            .counted("dave", "shared")
            .contains_key(&(hour(0), "get_obj".into()))
    );
}

#[tokio::test]
async fn every_question_is_about_one_hour_with_both_ends() {
    let mut zone = Gateway::with(|c| c.backfill_s = 5 * 3_600).await;
    zone.set(|z| _ = z.log.insert(hour(0), entries("usage_all")));
    zone.collect().await;
    let asked = zone.asked();
    let usage: Vec<&String> = asked
        .iter()
        .filter(|a| a.contains("/admin/usage"))
        .collect();
    assert_eq!(usage.len(), 6, "{usage:?}");
    for question in usage {
        // Without an end RGW counts users twice whose names sort low, and its summary is of what it collapsed.
        assert!(
            question.contains("start=")
                && question.contains("end=")
                && question.contains("show-summary=false"),
            "{question}"
        );
    }
    // The recorded answers to such questions: these users did everything once.
    for answer in [
        "usage_digit_users_doubled_pacific",
        "usage_digit_users_doubled_reef",
    ] {
        let entries = entries(answer);
        let ops = |user: &str| {
            let entry = entries.iter().find(|e| e["user"] == user).unwrap();
            entry["buckets"][0]["categories"][0]["ops"]
                .as_i64()
                .unwrap()
        };
        assert_eq!(
            (ops("00aa"), ops("1843"), ops("1845"), ops("zeee")),
            (2, 2, 1, 1)
        );
    }
}

#[tokio::test]
async fn a_user_in_several_entries_is_one() {
    let mut zone = Gateway::start().await;
    let all = entries("usage_10k_dups");
    let want: i64 = all
        .iter()
        .filter(|e| e["user"] == "tsc139$usc139")
        .flat_map(|e| e["buckets"].as_array().unwrap())
        .flat_map(|b| b["categories"].as_array().unwrap())
        .map(|c| c["ops"].as_i64().unwrap())
        .sum();
    assert_eq!(
        all.iter().filter(|e| e["user"] == "tsc139$usc139").count(),
        2
    );
    zone.set(|z| _ = z.log.insert(hour(0), all));
    zone.collect().await;
    let own = zone
        .all
        .iter()
        .filter(|f| f.key.resource.starts_with("tsc139$usc139/"));
    let sum: i64 = own
        .map(|f| f.value.known().unwrap().levels["object.requests"])
        .sum();
    assert_eq!(sum, want);
    // One bucket's row split over two entries adds up.
    let mut zone = Gateway::start().await;
    let row = || entry(hour(0), "dave", "data", &[("get_obj", 2, 0, 10)]);
    zone.set(|z| {
        _ = z
            .log
            .insert(hour(0), vec![row(), entry(hour(0), "bob", "x", &[]), row()])
    });
    zone.collect().await;
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())],
        [4, 0, 20]
    );
}

#[tokio::test]
async fn the_present_hour_grows_and_is_told_when_it_did() {
    let mut zone = Gateway::start().await;
    let mut total = 0;
    for (reads, news) in [(3, 1), (3, 1), (7, 1), (7, 0)] {
        let row = entry(hour(0), "dave", "data", &[("get_obj", reads, 0, reads)]);
        zone.set(|z| _ = z.log.insert(hour(0), vec![row]));
        zone.collect().await;
        let told = zone
            .facts
            .iter()
            .filter(|f| f.aspect == Aspect::Amount)
            .count();
        assert_eq!(
            told, news,
            "after {reads}: the first reading after a start is told twice, then only what is new"
        );
        total = reads;
        zone.later(60);
    }
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())],
        [total, 0, total]
    );
}

#[tokio::test]
async fn an_hour_is_read_until_gateways_have_written_it_down_and_no_longer() {
    let mut zone = Gateway::start().await;
    zone.collect().await;
    zone.later(31 * 60);
    let row = |n: i64| vec![entry(hour(0), "dave", "data", &[("get_obj", n, 0, 0)])];
    zone.set(|z| _ = z.log.insert(hour(0), row(5)));
    zone.asked();
    zone.collect().await;
    // One minute past nine: what was counted before may still be under way.
    zone.set(|z| _ = z.log.insert(hour(0), row(6)));
    zone.later(90);
    zone.collect().await;
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())][0],
        6
    );
    zone.asked();
    zone.later(60);
    zone.collect().await;
    let asked = zone.asked();
    let about = |hour: &str| {
        asked
            .iter()
            .filter(|a| a.contains("/admin/usage") && a.contains(hour))
            .count()
    };
    assert_eq!(
        (
            about("start=2026-11-23%2008"),
            about("start=2026-11-23%2009")
        ),
        (0, 1),
        "{asked:?}"
    );
}

#[tokio::test]
async fn hours_behind_an_outage_are_caught_up() {
    let mut zone = Gateway::start().await;
    let passes = zone.collect().await;
    let memory = zone.memory(&passes);
    for h in 0..40 {
        let row = entry(hour(h), "dave", "data", &[("put_obj", 1, h, 0)]);
        zone.set(|z| _ = z.log.insert(hour(h), vec![row]));
    }
    zone.later(39 * 3_600);
    zone.restart(&memory);
    let passes: Vec<_> = zone
        .collect()
        .await
        .into_iter()
        .filter(|p| p.list == "usage_log")
        .collect();
    let reach: Vec<String> = passes.iter().map(|p| p.watermark.to_string()).collect();
    assert_eq!(
        reach,
        ["2026-11-24T08:02:00Z", "2026-11-24T23:30:00Z"],
        "each part is a pass of its own"
    );
    let counted = zone.counted("dave", "data");
    assert_eq!(counted.values().map(|c| c[0]).sum::<i64>(), 40);
    assert_eq!(
        counted.keys().map(|(h, _)| *h).collect::<Vec<_>>(),
        (0..40).map(hour).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_catch_up_that_breaks_off_goes_on_where_it_was() {
    let mut zone = Gateway::with(|c| c.backfill_s = 60 * 3_600).await;
    for h in -60..1 {
        let row = entry(hour(h), "dave", "data", &[("put_obj", 1, 0, 0)]);
        zone.set(|z| _ = z.log.insert(hour(h), vec![row]));
    }
    let mut left = 40;
    zone.set(|z| {
        z.fault = Some(Box::new(move |target| {
            left -= i32::from(target.contains("/admin/usage"));
            (left < 0).then(|| crate::openstack::cloud::answer(403, "{}"))
        }));
    });
    let passes = zone.collect().await;
    let memory = zone.memory(
        &passes
            .into_iter()
            .filter(|p| p.error.is_empty())
            .collect::<Vec<_>>(),
    );
    zone.set(|z| z.fault = None);
    zone.restart(&memory);
    zone.asked();
    zone.collect().await;
    let asked = zone
        .asked()
        .iter()
        .filter(|a| a.contains("/admin/usage"))
        .count();
    assert_eq!(asked, 61 - 24, "the first part is not read again");
    assert_eq!(zone.counted("dave", "data").len(), 61);
}

#[tokio::test]
async fn what_was_trimmed_still_counts_and_so_does_what_came_after() {
    let mut zone = Gateway::start().await;
    for reads in [90, 90, 4, 9, 9, 11] {
        let row = entry(
            hour(0),
            "dave",
            "data",
            &[("get_obj", reads, 0, 10 * reads)],
        );
        zone.set(|z| _ = z.log.insert(hour(0), vec![row]));
        zone.collect().await;
        zone.later(60);
    }
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())],
        [101, 0, 1_010]
    );
    // Trimmed to nothing, and not used since.
    zone.set(|z| z.log.clear());
    zone.collect().await;
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())],
        [101, 0, 1_010]
    );
}

#[tokio::test]
async fn two_collectors_and_a_restart_come_to_the_same() {
    let mut zone = Gateway::start().await;
    let mut facts = Vec::new();
    let mut passes = Vec::new();
    for (i, reads) in [50, 60, 3, 3, 8, 20].into_iter().enumerate() {
        let row = entry(hour(0), "dave", "data", &[("get_obj", reads, 0, 0)]);
        zone.set(|z| _ = z.log.insert(hour(0), vec![row]));
        passes = zone.collect().await;
        facts.extend(zone.facts.clone());
        if i % 2 == 1 {
            let memory = zone.memory(&passes);
            zone.restart(&memory);
            passes = zone.collect().await;
            facts.extend(zone.facts.clone());
        }
        zone.later(60);
    }
    assert!(!passes.is_empty());
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())][0],
        80
    );
    facts.reverse();
    zone.all = [facts.clone(), facts].concat();
    assert_eq!(
        zone.counted("dave", "data")[&(hour(0), "get_obj".into())][0],
        80
    );
}

#[tokio::test]
async fn an_answer_about_another_hour_is_none() {
    // To a date that it cannot read, 16 answers with everything, and so did any release to a query of several hours: with the first hour's time.
    let mut zone = Gateway::start().await;
    zone.later(3_600);
    let everything = recorded("usage_range_bad").to_string();
    zone.set(|z| {
        z.fault = Some(Box::new(move |target| {
            target
                .contains("/admin/usage")
                .then(|| crate::openstack::cloud::answer(200, everything.clone()))
        }));
    });
    let passes = zone.collect().await;
    let log = passes.iter().find(|p| p.list == "usage_log").unwrap();
    assert!(
        log.error
            .contains("the hour of 2026-11-23T09:00:00Z was asked for")
            || log
                .error
                .contains("was asked for, and the answer has one of"),
        "{log:?}"
    );
    assert!(zone.facts.iter().all(|f| f.aspect != Aspect::Amount));
}

#[tokio::test]
async fn keystones_users_are_the_projects_of_the_source_that_lists_them() {
    let mut zone = Gateway::with(|c| c.openstack = Some("nordic-1".into())).await;
    let lines = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/ceph/keystone_usage_implicit_true.json"
    ))
    .unwrap();
    let implicit: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    zone.set(|z| {
        _ = z.log.insert(
            hour(0),
            vec![recorded("keystone_usage_implicit_false"), implicit],
        )
    });
    zone.collect().await;
    let scopes: BTreeMap<String, String> = zone
        .all
        .iter()
        .filter(|f| f.aspect == Aspect::Amount)
        .map(|f| {
            let attrs = &f.value.known().unwrap().attrs;
            (attrs[":scope"].clone(), attrs[":cloud"].clone())
        })
        .collect();
    let want = [
        "11112222333344445555666677778888",
        "aaaabbbbccccddddeeeeffff00001111",
    ];
    assert_eq!(
        scopes,
        want.map(|p| (p.to_owned(), "nordic-1".to_owned())).into()
    );
    assert!(
        zone.all.iter().all(|f| f.aspect != Aspect::Attributes),
        "Keystone tells of them"
    );
}
