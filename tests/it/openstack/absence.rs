//! Servers that are no longer listed: ended, hidden, or not to be believed.

use super::{
    cloud::{Cloud, answer, deleted, noon, server},
    complete,
};
use plimsoll::{
    domain::{Evidence, Outcome, PassMode, Value},
    sources::Verdict,
};
use serde_json::json;

#[tokio::test]
async fn absence_ends_by_evidence_only() {
    let mut cloud = Cloud::of(20).await;
    complete(&cloud.collect(PassMode::Full).await);
    {
        let mut nova = cloud.nova.lock().unwrap();
        nova.servers.truncate(18);
        nova.deleted = vec![deleted(18)];
        nova.deleted[0]["updated"] = json!(noon().to_string());
    }
    cloud.later(600);
    let passes = cloud.collect(PassMode::Full).await;
    complete(&passes);
    let ends: Vec<_> = cloud
        .facts
        .iter()
        .filter(|f| f.value == Value::Gone)
        .map(|f| (f.key.resource.as_str(), f.evidence, f.at, f.seen))
        .collect();
    let half_past = noon().plus_seconds(-1800);
    assert_eq!(
        ends,
        [
            ("s018", Evidence::Record, half_past, half_past),
            ("s019", Evidence::Missing, noon(), noon().plus_seconds(600))
        ]
    );
    assert_eq!(cloud.source.memory().open["server"].len(), 18);
    let asked = |id: &str| {
        cloud
            .nova
            .lock()
            .unwrap()
            .asked
            .iter()
            .filter(|a| a.ends_with(id))
            .count()
    };
    assert_eq!(
        (asked("/servers/s018"), asked("/servers/s019")),
        (0, 1),
        "the deleted list told of one, the other was asked for"
    );
}

#[tokio::test]
async fn hidden_but_there_is_a_sighting_not_an_end() {
    let mut cloud = Cloud::of(3).await;
    complete(&cloud.collect(PassMode::Full).await);
    cloud.fault(|path| {
        path.contains("/servers/detail?all_tenants=1&limit")
            .then(|| answer(200, json!({"servers": [server(0), server(1)]}).to_string()))
    });
    cloud.later(60);
    complete(&cloud.collect(PassMode::Full).await);
    assert!(cloud.facts.iter().all(|f| f.value != Value::Gone));
    assert_eq!(
        (
            cloud.asked("/servers/s002"),
            cloud.source.memory().open["server"].len()
        ),
        (3, 3)
    );
}

#[tokio::test]
async fn a_cloud_that_empties_itself_is_not_believed() {
    let mut cloud = Cloud::of(30).await;
    complete(&cloud.collect(PassMode::Full).await);
    cloud.nova.lock().unwrap().servers.truncate(15);
    cloud.later(60);
    let passes = cloud.collect(PassMode::Full).await;
    assert_eq!(passes["servers"].outcome, Outcome::Suspect);
    assert!(
        passes["servers"].error.contains("15 of 30 servers")
            && passes["servers"].error.contains("lost role"),
        "{}",
        passes["servers"].error
    );
    assert_eq!(passes["projects"].outcome, Outcome::Complete);
    assert!(cloud.facts.is_empty(), "it ends nothing");
    assert_eq!(
        cloud.source.memory().watermarks["servers"],
        noon(),
        "and moves nothing"
    );
    assert!(
        passes["servers"].requests <= 5,
        "no storm of requests: {}",
        passes["servers"].requests
    );

    cloud.nova.lock().unwrap().servers.clear();
    let passes = cloud.collect(PassMode::Changes).await;
    assert_eq!(passes["servers"].outcome, Outcome::Suspect);
    assert!(
        passes["servers"]
            .error
            .contains("30 servers are remembered"),
        "{}",
        passes["servers"].error
    );
}

#[tokio::test]
async fn an_empty_list_is_believed_only_of_one_who_may_see() {
    let mut cloud = Cloud::of(0).await;
    cloud.fault(|path| path.contains("os-hypervisors").then(|| answer(403, "{}")));
    let passes = cloud.collect(PassMode::Full).await;
    assert_eq!(passes["servers"].outcome, Outcome::Suspect);
    assert!(
        passes["servers"]
            .error
            .contains("os_compute_api:os-hypervisors:list"),
        "{}",
        passes["servers"].error
    );
    assert!(
        cloud
            .source
            .check_online()
            .await
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.what.contains("hypervisors"))
    );
    cloud.mend();
    complete(&cloud.collect(PassMode::Full).await);
}

#[tokio::test]
async fn dates_that_run_backwards_end_nothing_and_hide_nothing() {
    let mut cloud = Cloud::of(3).await;
    complete(&cloud.collect(PassMode::Full).await);
    // The API's host is set back by ten minutes; what happens there is dated so.
    {
        let mut nova = cloud.nova.lock().unwrap();
        nova.now = noon().plus_seconds(-600);
        nova.servers[0]["OS-EXT-STS:vm_state"] = json!("stopped");
        nova.servers[0]["updated"] = json!(noon().plus_seconds(-602).to_string());
    }
    for mode in [PassMode::Changes, PassMode::Full, PassMode::Full] {
        cloud.later(20);
        let passes = cloud.collect(mode).await;
        complete(&passes);
        assert!(passes["servers"].skew_us < -599_000_000, "{passes:?}");
        assert!(passes["servers"].watermark < noon());
        assert!(cloud.facts.iter().all(|f| f.value != Value::Gone));
    }
    // It is put right: what happened meanwhile is in the list of changes still, and is told as of the right time.
    {
        let mut nova = cloud.nova.lock().unwrap();
        nova.now = nova.now.plus_seconds(600);
        nova.servers[1]["OS-EXT-STS:vm_state"] = json!("paused");
        nova.servers[1]["updated"] = json!(noon().plus_seconds(30).to_string());
    }
    let passes = cloud.collect(PassMode::Changes).await;
    complete(&passes);
    assert!(passes["servers"].skew_us.abs() < 1_000_000, "{passes:?}");
    let paused = cloud
        .facts
        .iter()
        .find(|f| f.value == Value::label("paused"));
    assert_eq!(paused.map(|f| f.at), Some(noon().plus_seconds(30)));
}
