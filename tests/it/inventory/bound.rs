//! What whole lists can know of changes between them, folded to usage: each change is dated by the record's last update, and never lies before the last list
//! that showed the value before, nor after the first that showed the one after.

use super::{Cloud, cinder, complete, recorded, ts, volume};
use plimsoll::{
    domain::{
        Fact, Meters, Owner, OwnerSpan, Pass, ResourceKey, Ts,
        fact::kind,
        ownership::{Scope, Scopes},
        usage::UsageRow,
    },
    fold::{
        self, measure,
        sums::{Summing as _, Sums},
    },
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const VOLUME: &str = "45cac19c-ed08-4b39-9ca0-bba186a6d937";
const GIB: i128 = 1 << 30;

/// Usage of one volume over an hour, by project and type: byte-seconds.
fn usage(facts: &[Fact], watermark: Ts) -> BTreeMap<(String, String), i128> {
    let key = ResourceKey {
        cloud: "north".to_owned(),
        kind: kind::VOLUME.to_owned(),
        resource: VOLUME.to_owned(),
    };
    let timeline = fold::fold(&key, facts.iter().cloned());
    fold::check(&timeline).unwrap();
    let scopes = ["seller", "buyer", "134ee8b2a59840abb990485d006cce26"].map(|project| {
        let owner = OwnerSpan {
            start: Ts::MIN,
            end: Ts::MAX,
            owner: Owner::Tenant {
                tenant: project.to_owned(),
                contract: String::new(),
            },
        };
        let scope = Scope {
            name: project.to_owned(),
            owners: vec![owner],
        };
        (("north".to_owned(), project.to_owned()), scope)
    });
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let window = measure::Window {
        from: ts("2026-11-23T09:00:00Z"),
        to: ts("2026-11-23T10:00:00Z"),
        watermark,
        as_of: watermark,
    };
    let mut sums = Sums::new("2026-11");
    let scopes = Scopes(scopes.into_iter().collect());
    sums.add(&timeline.life(), "", &meters, &scopes, &window);
    assert!(sums.ledger.conserved());
    let row = |r: UsageRow| {
        (
            (r.scope.to_string(), r.dimensions["type"].clone()),
            r.quantity,
        )
    };
    sums.into_rows().into_iter().map(row).collect()
}

/// The list with this volume changed.
fn changed(change: impl FnOnce(&mut Json)) -> Json {
    let mut list = recorded("cinder/volumes-detail-all_tenants");
    let volumes = list["volumes"].as_array_mut().unwrap();
    let ours = volumes.iter_mut().find(|v| v["id"] == VOLUME).unwrap();
    ours["os-vol-tenant-attr:tenant_id"] = json!("seller");
    change(ours);
    list
}

async fn read(cloud: &mut Cloud, list: Json) -> Pass {
    cloud.answers(&volume("volumes/detail"), 200, list);
    let passes = cloud.collect().await;
    complete(&passes["volumes"], 17);
    passes["volumes"].clone()
}

#[tokio::test]
async fn transfers_extends_and_retypes_split_usage_at_the_records_last_update() {
    let mut cloud = cinder().await;
    // 09:00, 09:05, ...: each list shows one change, made two minutes before it.
    read(&mut cloud, changed(|_| ())).await;
    cloud.later(300);
    let extended = |v: &mut Json| {
        v["size"] = json!(9);
        v["updated_at"] = json!("2026-11-23T09:03:00.000000");
    };
    read(&mut cloud, changed(extended)).await;
    cloud.later(300);
    let retyped = |v: &mut Json| {
        extended(v);
        v["volume_type"] = json!("lab-ssd");
        v["updated_at"] = json!("2026-11-23T09:08:00.000000");
    };
    read(&mut cloud, changed(retyped)).await;
    cloud.later(300);
    let given = |v: &mut Json| {
        retyped(v);
        v["os-vol-tenant-attr:tenant_id"] = json!("buyer");
        v["updated_at"] = json!("2026-11-23T09:13:00.000000");
    };
    let last = read(&mut cloud, changed(given)).await;
    let at = |project: &str, of_type: &str| (project.to_owned(), of_type.to_owned());
    let want = BTreeMap::from([
        (at("seller", "lab-hdd"), (7 * 180 + 9 * (120 + 180)) * GIB),
        (at("seller", "lab-ssd"), 9 * (120 + 180) * GIB),
        (at("buyer", "lab-ssd"), 9 * 120 * GIB),
    ]);
    assert_eq!(usage(&cloud.all, last.watermark), want);
    // In any order, and each twice.
    let mut twice: Vec<Fact> = cloud.all.iter().rev().cloned().collect();
    twice.extend(cloud.all.iter().cloned());
    assert_eq!(usage(&twice, last.watermark), want);
}

#[tokio::test]
async fn a_change_lies_between_the_lists_around_it_whatever_its_record_says() {
    // Its record says that it changed before the last list that showed the value before (it did not), not at all, and after the list that shows it (clocks).
    for (updated, from, to) in [
        (json!("2026-11-23T08:50:00.000000"), 300, 600),
        (Json::Null, 300, 600),
        (json!("2026-11-23T09:30:00.000000"), 300, 600),
        (json!("2026-11-23T09:07:30.000000"), 450, 450),
    ] {
        let mut cloud = cinder().await;
        read(&mut cloud, changed(|_| ())).await;
        cloud.later(300);
        // Nothing new: only the list itself knows that the volume was still so.
        read(&mut cloud, changed(|_| ())).await;
        assert!(cloud.facts.is_empty());
        cloud.later(300);
        let grown = |v: &mut Json| {
            v["size"] = json!(8);
            v["updated_at"] = updated.clone();
        };
        let last = read(&mut cloud, changed(grown)).await;
        let used: i128 = usage(&cloud.all, last.watermark).values().sum();
        // 7 GiB for so long, 8 for the rest of 600 s.
        let least = (7 * to + 8 * (600 - to)) * GIB;
        let most = (7 * from + 8 * (600 - from)) * GIB;
        assert!((least..=most).contains(&used), "{updated}: {}", used / GIB);
    }
}

#[tokio::test]
async fn a_restart_forgets_no_list() {
    let mut cloud = cinder().await;
    read(&mut cloud, changed(|_| ())).await;
    cloud.later(300);
    let second = read(&mut cloud, changed(|_| ())).await;
    cloud.restart(&cloud.memory(&["volumes"], second.watermark));
    cloud.later(300);
    let last = read(
        &mut cloud,
        changed(|v| {
            v["size"] = json!(8);
        }),
    )
    .await;
    let used: i128 = usage(&cloud.all, last.watermark).values().sum();
    assert_eq!(used, (7 * 300 + 8 * 300) * GIB);
}
