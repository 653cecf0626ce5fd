//! Services that are read by whole lists, against the recorded answers of a real cloud.

mod addresses;
mod bound;
mod cloud;
mod faults;
mod images;
mod reconciled;
mod singly;

use cloud::{Cloud, PROJECT, recorded, ts};
use plimsoll::{
    domain::{Aspect, Evidence, Fact, Outcome, Pass, Value},
    sources::Verdict,
};
use serde_json::{Value as Json, json};

/// A cloud with Cinder as it was recorded.
async fn cinder() -> Cloud {
    let cloud = Cloud::start(&[("block-storage", "/volume/v3")]).await;
    for (path, name) in [
        ("volumes/detail", "cinder/volumes-detail-all_tenants"),
        ("snapshots/detail", "cinder/snapshots-detail"),
        ("backups/detail", "cinder/backups-detail"),
    ] {
        cloud.answers(&volume(path), 200, recorded(name));
    }
    cloud.answers(&volume("os-services"), 200, json!({"services": []}));
    cloud
}

fn volume(path: &str) -> String {
    format!("/volume/v3/{PROJECT}/{path}")
}

/// Facts of one resource and aspect.
fn of<'a>(facts: &'a [Fact], id: &str, aspect: Aspect) -> Vec<&'a Fact> {
    facts
        .iter()
        .filter(|f| f.key.resource == id && f.aspect == aspect)
        .collect()
}

/// How one resource is sized: the label and a level of the latest fact.
fn size(facts: &[Fact], id: &str, level: &str) -> (String, i64) {
    let sizes = of(facts, id, Aspect::Flavor);
    let known = sizes.last().unwrap().value.known().unwrap();
    (known.label.clone(), known.levels[level])
}

/// A pass that is complete, of so many items.
fn complete(pass: &Pass, items: u64) {
    assert_eq!(
        (pass.outcome, pass.items, pass.error.as_str()),
        (Outcome::Complete, items, "")
    );
}

/// A pass that failed, with these words in its error.
fn failed(pass: &Pass, words: &[&str]) {
    assert_eq!(pass.outcome, Outcome::Failed, "{pass:?}");
    for word in words {
        assert!(pass.error.contains(word), "{word}: {}", pass.error);
    }
}

/// The list without some of its items.
fn without(mut list: Json, key: &str, drop: impl Fn(&Json) -> bool) -> Json {
    list[key].as_array_mut().unwrap().retain(|i| !drop(i));
    list
}

#[tokio::test]
async fn volumes_snapshots_and_backups_are_read_wholly_and_once() {
    let mut cloud = cinder().await;
    let passes = cloud.collect().await;
    for (list, items) in [("volumes", 17), ("snapshots", 2), ("backups", 2)] {
        complete(&passes[list], items);
        assert_eq!(passes[list].service, "volume");
    }
    let from_snap = "45cac19c-ed08-4b39-9ca0-bba186a6d937";
    let size = of(&cloud.facts, from_snap, Aspect::Flavor);
    let known = size[0].value.known().unwrap();
    assert_eq!(
        (known.label.as_str(), known.levels["capacity_bytes"]),
        ("lab-hdd", 7 << 30)
    );
    assert_eq!(
        of(&cloud.facts, from_snap, Aspect::Owner)[0].value,
        Value::label("134ee8b2a59840abb990485d006cce26")
    );
    let states = of(&cloud.facts, from_snap, Aspect::State);
    assert_eq!(
        (states[0].evidence, states[0].at),
        (Evidence::Record, ts("2026-11-23T08:49:20Z"))
    );
    assert_eq!(states[1].value, Value::label("available"));
    // A snapshot is stored as its volume is.
    let snap = of(
        &cloud.facts,
        "460ea170-538b-4128-8421-144f633fb802",
        Aspect::Flavor,
    );
    assert_eq!(snap[0].value.known().unwrap().label, "lab-hdd");
    cloud.later(300);
    let passes = cloud.collect().await;
    assert!(passes.values().all(|p| p.outcome == Outcome::Complete));
    assert!(cloud.facts.is_empty(), "nothing changed: {:?}", cloud.facts);
}

#[tokio::test]
async fn a_snapshot_has_no_type_before_the_volumes_are_known_rather_than_a_wrong_one() {
    let mut cloud = cinder().await;
    let snap = "460ea170-538b-4128-8421-144f633fb802";
    cloud.answers(&volume("volumes/detail"), 403, json!({"forbidden": {}}));
    let passes = cloud.collect().await;
    failed(&passes["volumes"], &["status 403"]);
    complete(&passes["snapshots"], 2);
    assert!(of(&cloud.facts, snap, Aspect::Flavor).is_empty());
    cloud.later(300);
    let volumes = recorded("cinder/volumes-detail-all_tenants");
    cloud.answers(&volume("volumes/detail"), 200, volumes);
    complete(&cloud.collect().await["snapshots"], 2);
    assert_eq!(size(&cloud.facts, snap, "capacity_bytes").0, "lab-hdd");
}

#[tokio::test]
async fn a_snapshot_made_since_the_volumes_were_read_has_the_type_that_the_next_reading_shows() {
    let mut cloud = cinder().await;
    let snap = "460ea170-538b-4128-8421-144f633fb802";
    let mut snapshots = recorded("cinder/snapshots-detail");
    let mut volumes = recorded("cinder/volumes-detail-all_tenants");
    let all = snapshots["snapshots"].as_array_mut().unwrap();
    let one = all.iter_mut().find(|s| s["id"] == snap).unwrap();
    one["created_at"] = json!("2026-11-23T09:00:00.000000");
    one["updated_at"] = json!("2026-11-23T09:00:00.000000");
    let of = one["volume_id"].clone();
    cloud.answers(&volume("snapshots/detail"), 200, snapshots);
    complete(&cloud.collect().await["snapshots"], 2);
    assert!(self::of(&cloud.facts, snap, Aspect::Flavor).is_empty());
    // By then the volume had been moved.
    let all = volumes["volumes"].as_array_mut().unwrap();
    let moved = all.iter_mut().find(|v| v["id"] == of).unwrap();
    assert_eq!(moved["volume_type"], "lab-hdd");
    moved["volume_type"] = json!("lab-ssd");
    cloud.later(300);
    cloud.answers(&volume("volumes/detail"), 200, volumes);
    complete(&cloud.collect().await["snapshots"], 2);
    assert_eq!(size(&cloud.facts, snap, "capacity_bytes").0, "lab-ssd");
}

#[tokio::test]
async fn what_is_gone_ends_between_the_last_list_that_had_it_and_the_first_that_had_not() {
    let mut cloud = cinder().await;
    cloud.collect().await;
    cloud.later(300);
    let gone = "45cac19c-ed08-4b39-9ca0-bba186a6d937";
    let list = without(
        recorded("cinder/volumes-detail-all_tenants"),
        "volumes",
        |v| v["id"] == gone,
    );
    cloud.answers(&volume("volumes/detail"), 200, list);
    cloud.answers(
        &volume(&format!("volumes/{gone}")),
        404,
        recorded("cinder/volume-show-deleted"),
    );
    let passes = cloud.collect().await;
    assert_eq!(passes["volumes"].outcome, Outcome::Complete);
    let end = &of(&cloud.facts, gone, Aspect::State)[0];
    assert_eq!(
        (end.evidence, &end.value, end.at, end.seen),
        (
            Evidence::Missing,
            &Value::Gone,
            ts("2026-11-23T09:00:00Z"),
            ts("2026-11-23T09:05:00Z")
        )
    );
    assert_eq!(cloud.asked(&format!("/volumes/{gone}")), 1);
    cloud.later(300);
    cloud.collect().await;
    assert!(cloud.facts.is_empty());
}

#[tokio::test]
async fn a_list_that_empties_itself_is_not_believed_until_a_person_vouches_for_it() {
    let mut cloud = cinder().await;
    cloud.collect().await;
    cloud.later(300);
    cloud.answers(&volume("volumes/detail"), 200, json!({"volumes": []}));
    for v in recorded("cinder/volumes-detail-all_tenants")["volumes"]
        .as_array()
        .unwrap()
    {
        let id = v["id"].as_str().unwrap();
        let gone = recorded("cinder/volume-show-deleted");
        cloud.answers(&volume(&format!("volumes/{id}")), 404, gone);
    }
    let passes = cloud.collect().await;
    assert_eq!(passes["volumes"].outcome, Outcome::Suspect);
    assert!(
        passes["volumes"].error.contains("--believe volumes"),
        "{}",
        passes["volumes"].error
    );
    assert!(cloud.facts.is_empty());
    cloud.believe(&["volumes"]);
    let passes = cloud.collect().await;
    assert_eq!(passes["volumes"].outcome, Outcome::Complete);
    assert_eq!(cloud.facts.len(), 17);
}

#[tokio::test]
async fn an_account_that_may_see_only_its_own_is_not_believed() {
    let mut cloud = cinder().await;
    let refused = json!({"forbidden": {"code": 403, "message": "Policy doesn't allow volume_extension:services:index to be performed."}});
    cloud.answers(&volume("os-services"), 403, refused);
    for key in ["volumes", "snapshots", "backups"] {
        cloud.answers(&volume(&format!("{key}/detail")), 200, json!({key: []}));
    }
    let passes = cloud.collect().await;
    assert_eq!(passes["volumes"].outcome, Outcome::Suspect);
    assert!(passes["volumes"].error.contains("administrator"));
    let findings = cloud.check().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.what.contains("a part only"))
    );
}

#[tokio::test]
async fn a_cloud_without_a_service_has_no_passes_of_it() {
    let mut cloud = Cloud::start(&[]).await;
    assert!(cloud.collect().await.is_empty());
    assert!(cloud.check().await.is_empty());
}

/// While Cinder moves a volume between back ends it lists a second one, before and after it exchanges the two ids. That is the first one's room.
#[tokio::test]
async fn where_a_volume_is_being_moved_to_or_from_is_not_counted() {
    for (migration, status) in [
        ("target:87cff588-6149-4e55-b83b-d23016620bdc", "available"),
        ("deleting", "deleting"),
    ] {
        let mut cloud = cinder().await;
        let mut list = recorded("cinder/volumes-detail-all_tenants");
        let moved = &mut list["volumes"][0];
        moved["migration_status"] = json!(migration);
        moved["status"] = json!(status);
        let id = moved["id"].as_str().unwrap().to_owned();
        cloud.answers(&volume("volumes/detail"), 200, list);
        let passes = cloud.collect().await;
        complete(&passes["volumes"], 17);
        assert!(cloud.facts.iter().all(|f| f.key.resource != id));
    }
}

/// What is done with a volume does not end it, and what was never seen idle was there all the same.
#[tokio::test]
async fn a_volume_that_is_being_backed_up_is_there() {
    for (status, attached, state) in [
        ("backing-up", false, Some("available")),
        ("extending", true, Some("in-use")),
        ("awaiting-transfer", false, Some("available")),
        ("creating", false, None),
        ("deleting", false, None),
    ] {
        let mut cloud = cinder().await;
        let mut list = recorded("cinder/volumes-detail-all_tenants");
        let one = &mut list["volumes"][0];
        one["status"] = json!(status);
        if attached {
            one["attachments"] = json!([{"server_id": "s1"}]);
        }
        let id = one["id"].as_str().unwrap().to_owned();
        cloud.answers(&volume("volumes/detail"), 200, list);
        complete(&cloud.collect().await["volumes"], 17);
        let told = of(&cloud.facts, &id, Aspect::State);
        let sighted = told.iter().find(|f| f.evidence == Evidence::Sighting);
        assert_eq!(
            sighted.map(|f| &f.value),
            state.map(Value::label).as_ref(),
            "{status}"
        );
    }
}
