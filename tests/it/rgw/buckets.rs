//! What buckets hold, whose they are, and how they end.

use super::gateway::{Gateway, bucket, recorded};
use plimsoll::domain::{Aspect, Evidence, Known, Outcome};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn held(k: &Known) -> String {
    format!(
        "{} {}/{}",
        k.label, k.levels["capacity_bytes"], k.levels["objects"]
    )
}

fn label(k: &Known) -> String {
    k.label.clone()
}

/// The buckets of a recorded list.
fn recorded_buckets(name: &str) -> Vec<Value> {
    recorded(name).as_array().unwrap().clone()
}

/// What the latest list told of a bucket's size, by its name.
fn size_of(zone: &Gateway, name: &str) -> String {
    let named = |f: &&plimsoll::domain::Fact| {
        f.aspect == Aspect::Name && f.value.known().unwrap().label == name
    };
    let id = zone.all.iter().find(named).unwrap().key.resource.clone();
    let sizes = zone.spans(&id, Aspect::Flavor, held);
    sizes.last().unwrap().split_once(' ').unwrap().1.to_owned()
}

#[tokio::test]
async fn recorded_buckets_hold_what_is_stored_in_them() {
    let mut zone = Gateway::start().await;
    zone.set(|z| {
        z.buckets = recorded_buckets("bucket_stats_all");
        z.buckets.push(recorded("reef/bucket_stats_versions"));
    });
    let passes = zone.collect().await;
    assert!(
        passes
            .iter()
            .all(|p| p.outcome == Outcome::Complete && p.error.is_empty()),
        "{passes:?}"
    );
    assert_eq!(size_of(&zone, "acme/data"), "STANDARD 170194/17");
    // 3 parts of one object and 2 of an upload that nobody finished; its record holds nothing.
    assert_eq!(size_of(&zone, "acme/mpu"), "STANDARD 26214400/3");
    // Noncurrent versions are stored too.
    assert_eq!(size_of(&zone, "acme/versions"), "STANDARD 15000/5");
    assert_eq!(size_of(&zone, "globex/expires"), "STANDARD 0/0");
}

#[tokio::test]
async fn many_buckets_are_asked_for_by_owner_and_come_to_the_same() {
    let buckets = || {
        let mut all = recorded_buckets("bucket_stats_all");
        all.extend(recorded_buckets("reef/bucket_stats_all"));
        // An account's: it is in no list of users.
        all.push(bucket("acc.1", "own", "RGW12345678901234567", 7, 1));
        all
    };
    let mut facts = Vec::new();
    for by_owner in [false, true] {
        let mut zone = Gateway::start().await;
        zone.set(|z| {
            z.buckets = buckets();
            z.idle = vec!["idle".into(), "metering".into()];
        });
        if by_owner {
            zone.by_owner();
        }
        let passes = zone.collect().await;
        assert!(
            passes.iter().all(|p| p.outcome == Outcome::Complete),
            "{passes:?}"
        );
        let asked = zone.asked();
        let owners = asked
            .iter()
            .filter(|a| a.contains("/admin/bucket?") && a.contains("uid="))
            .count();
        assert_eq!(owners > 10, by_owner, "{asked:?}");
        let whole = asked.iter().filter(|a| {
            a.contains("/admin/bucket?") && !a.contains("uid=") && !a.contains("bucket=")
        });
        assert_eq!(whole.count(), usize::from(!by_owner));
        let ids: BTreeSet<u64> = zone.all.iter().map(plimsoll::domain::Fact::id).collect();
        facts.push(ids);
    }
    assert_eq!(facts[0], facts[1]);
}

#[tokio::test]
async fn an_owner_with_too_many_buckets_for_one_answer_is_read_bucket_by_bucket() {
    let mut zone = Gateway::with(|c| c.body_max_bytes = 64 << 10).await;
    zone.set(|z| {
        z.buckets = (0..300)
            .map(|n| bucket(&format!("id.{n}"), &format!("b{n}"), "acme$big", n, 1))
            .collect();
        z.buckets.push(bucket("id.s", "small", "acme$small", 5, 1));
    });
    zone.by_owner();
    let passes = zone.collect().await;
    assert!(
        passes.iter().all(|p| p.outcome == Outcome::Complete),
        "{passes:?}"
    );
    let seen: BTreeSet<&str> = zone
        .all
        .iter()
        .filter(|f| f.key.kind == "bucket")
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(seen.len(), 301);
}

#[tokio::test]
async fn a_level_holds_until_another_is_seen_and_nothing_is_claimed_from_before() {
    let mut zone = Gateway::start().await;
    zone.set(|z| z.buckets = vec![bucket("old.1", "data", "acme$alice", 100, 1)]);
    zone.collect().await;
    zone.later(900);
    zone.set(|z| {
        z.buckets[0] = bucket("old.1", "data", "acme$alice", 250, 2);
        let mut new = bucket("new.1", "fresh", "acme$alice", 9, 1);
        new["creation_time"] = json!("2026-11-23T08:40:00.500000Z");
        z.buckets.push(new);
    });
    zone.collect().await;
    assert_eq!(
        zone.spans("old.1", Aspect::Flavor, held),
        ["08:30..08:45 STANDARD 100/1", "08:45.. STANDARD 250/2"]
    );
    assert_eq!(
        zone.spans("new.1", Aspect::Flavor, held),
        ["08:40.. STANDARD 9/1"],
        "made since the last list"
    );
    zone.later(900);
    zone.collect().await;
    assert!(
        zone.facts.iter().all(|f| f.key.kind != "bucket"),
        "what did not change is not told again"
    );
}

#[tokio::test]
async fn the_storage_class_is_that_of_the_placement() {
    let mut zone = Gateway::start().await;
    let placed = |id: &str, rule: &str| {
        let mut b = bucket(id, id, "dave", 1, 1);
        b["placement_rule"] = json!(rule);
        b
    };
    zone.set(|z| {
        z.buckets = vec![
            placed("a", "default-placement"),
            placed("b", "default-placement/COLD"),
            placed("c", "ssd/FAST"),
            placed("d", "ssd"),
        ];
    });
    zone.collect().await;
    let class = |id: &str| zone.spans(id, Aspect::Flavor, label).join("");
    let told = ["a", "b", "c", "d"].map(|id| class(id).split_once(' ').unwrap().1.to_owned());
    assert_eq!(told, ["STANDARD", "COLD", "ssd/FAST", "ssd/STANDARD"]);
}

#[tokio::test]
async fn what_lies_below_zero_is_not_believed() {
    let mut zone = Gateway::start().await;
    let with = |usage: Value| {
        let mut b = bucket("a", "a", "dave", 0, 0);
        b["usage"] = usage;
        b
    };
    // Deletions under way, counted below zero: nobody's objects.
    let none = json!({"rgw.none": {"size": 0, "num_objects": 18_446_744_073_709_551_615_u64}, "rgw.main": {"size": 100, "num_objects": 2}});
    zone.set(|z| z.buckets = vec![with(none)]);
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.error.is_empty()));
    zone.later(900);
    let main = json!({"rgw.main": {"size": 18_446_744_073_709_551_000_u64, "num_objects": 2}});
    zone.set(|z| z.buckets = vec![with(main)]);
    let passes = zone.collect().await;
    let list = passes.iter().find(|p| p.list == "buckets").unwrap();
    assert!(
        list.outcome == Outcome::Complete && list.error.contains("bucket check --fix"),
        "{list:?}"
    );
    assert_eq!(
        zone.spans("a", Aspect::Flavor, held),
        ["08:30.. STANDARD 100/2"],
        "what it held before holds on"
    );
}

#[tokio::test]
async fn a_bucket_made_again_is_another_and_a_deleted_one_ends() {
    let mut zone = Gateway::start().await;
    zone.set(|z| {
        z.buckets = vec![
            bucket("a.1", "data", "dave", 100, 1),
            bucket("b.1", "gone", "dave", 5, 1),
        ]
    });
    zone.collect().await;
    zone.later(900);
    zone.set(|z| {
        let mut again = bucket("a.2", "data", "dave", 3, 1);
        again["creation_time"] = json!("2026-11-23T08:44:00Z");
        z.buckets = vec![again];
    });
    zone.collect().await;
    let state = |id: &str| zone.spans(id, Aspect::State, label);
    for id in ["a.1", "b.1"] {
        assert_eq!(
            state(id).last().unwrap(),
            "08:30..08:45 gap",
            "{id}: it ended between the two lists"
        );
        let missed = zone.facts.iter().find(|f| f.key.resource == id).unwrap();
        assert_eq!(missed.evidence, Evidence::Missing);
    }
    assert_eq!(state("a.2"), ["08:44.. present"]);
    zone.later(900);
    zone.collect().await;
    assert!(zone.facts.is_empty());
}

#[tokio::test]
async fn a_new_owner_pays_from_when_that_was_seen() {
    let mut zone = Gateway::with(|c| c.openstack = Some("nordic-1".into())).await;
    zone.set(|z| {
        z.buckets = vec![
            bucket("a.1", "data", "dave", 100, 1),
            recorded("keystone_bucket_implicit_true"),
            recorded("keystone_bucket_implicit_false"),
        ]
    });
    zone.collect().await;
    zone.later(900);
    zone.set(|z| z.buckets[0]["owner"] = json!("aaaabbbbccccddddeeeeffff00001111"));
    zone.collect().await;
    let owner = |k: &Known| {
        format!(
            "{}/{}",
            k.attrs.get(":cloud").map_or("", String::as_str),
            k.label
        )
    };
    assert_eq!(
        zone.spans("a.1", Aspect::Owner, owner),
        [
            "08:30..08:45 /dave",
            "08:45.. nordic-1/aaaabbbbccccddddeeeeffff00001111"
        ]
    );
    let implicit = recorded("keystone_bucket_implicit_true")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        zone.spans(&implicit, Aspect::Owner, owner),
        ["08:30.. nordic-1/11112222333344445555666677778888"]
    );
}

#[tokio::test]
async fn a_list_that_lost_too_much_is_not_believed_until_a_person_vouches_for_it() {
    let mut zone = Gateway::start().await;
    zone.set(|z| {
        z.buckets = (0..40)
            .map(|n| bucket(&format!("id.{n}"), &format!("b{n}"), "dave", n, 1))
            .collect()
    });
    zone.collect().await;
    zone.later(900);
    zone.set(|z| z.buckets.truncate(20));
    let passes = zone.collect().await;
    let list = passes.iter().find(|p| p.list == "buckets").unwrap();
    assert!(
        list.outcome == Outcome::Suspect && list.error.contains("20 of 40 buckets"),
        "{list:?}"
    );
    assert!(zone.facts.is_empty());
    zone.believe("buckets");
    let passes = zone.collect().await;
    assert!(
        passes.iter().all(|p| p.outcome == Outcome::Complete),
        "{passes:?}"
    );
    assert_eq!(zone.facts.len(), 20);
}
