//! The OpenStack source against a cloud that misbehaves: every fault is named, and harms nothing else.

mod absence;
pub(crate) mod cloud;
mod rubbish;

use cloud::{Cloud, PASSWORD, answer, deleted, noon};
use plimsoll::{
    config::{Credentials, Secret},
    domain::{Evidence, Outcome, Pass, PassMode},
    sources::Verdict,
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

/// The one list failed with these words, all others are complete.
fn failed(passes: &BTreeMap<String, Pass>, list: &str, words: &[&str]) {
    for (name, pass) in passes {
        if name == list {
            assert_eq!(pass.outcome, Outcome::Failed, "{name}");
            for word in words {
                assert!(
                    pass.error.contains(word),
                    "`{word}` is not in: {}",
                    pass.error
                );
            }
        } else {
            assert_eq!(pass.outcome, Outcome::Complete, "{name}: {}", pass.error);
        }
    }
    assert!(passes.len() >= 2 && passes.contains_key(list), "{passes:?}");
}

fn complete(passes: &BTreeMap<String, Pass>) {
    for (name, pass) in passes {
        assert_eq!(
            (pass.outcome, pass.error.as_str()),
            (Outcome::Complete, ""),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_healthy_cloud_is_read_wholly_and_once() {
    let mut cloud = Cloud::of(12).await;
    cloud.nova.lock().unwrap().deleted = vec![deleted(50)];
    let passes = cloud.collect(PassMode::Changes).await;
    complete(&passes);
    assert_eq!(
        passes.keys().collect::<Vec<_>>(),
        ["flavors", "projects", "servers", "servers.deleted"]
    );
    let servers = &passes["servers"];
    // Without a watermark there are no changes to ask for.
    assert_eq!(
        (
            servers.mode,
            servers.items,
            servers.watermark,
            servers.region.as_str()
        ),
        (PassMode::Full, 12, noon(), "North")
    );
    // Three pages, and for each server its actions and the one event.
    assert_eq!(servers.requests, 3 + 12 * 2);
    assert_eq!(cloud.told_of().len(), 13);
    // Two records, five aspects, one event; of the deleted one an end instead of a state.
    assert_eq!(
        (servers.facts, passes["servers.deleted"].facts),
        (12 * 8, 8)
    );
    let project = cloud
        .facts
        .iter()
        .find(|f| f.key.kind == "project")
        .unwrap()
        .value
        .known()
        .unwrap()
        .clone();
    assert_eq!(
        (
            project.label.as_str(),
            project.attrs["domain"].as_str(),
            project.attrs["tags"].as_str()
        ),
        ("web", "acme", "a\nb")
    );

    cloud.later(60);
    let passes = cloud.collect(PassMode::Changes).await;
    complete(&passes);
    assert_eq!(
        passes.values().map(|p| p.facts).sum::<u64>(),
        0,
        "no change, no fact"
    );
    let servers = &passes["servers"];
    assert_eq!(
        (servers.mode, servers.requests, servers.watermark),
        (PassMode::Changes, 2, noon().plus_seconds(60))
    );
    cloud.later(60);
    let passes = cloud.collect(PassMode::Full).await;
    complete(&passes);
    assert_eq!(
        (passes["servers"].facts, passes["servers"].requests),
        (0, 4),
        "three pages, and who ended since"
    );
    assert!(!passes.contains_key("servers.deleted"), "once per store");
}

#[tokio::test]
async fn a_new_process_writes_nothing_again() {
    let mut cloud = Cloud::of(7).await;
    complete(&cloud.collect(PassMode::Full).await);
    cloud.restart();
    cloud.later(60);
    let passes = cloud.collect(PassMode::Changes).await;
    complete(&passes);
    assert_eq!(passes["servers"].mode, PassMode::Changes);
    cloud.later(60);
    let passes = cloud.collect(PassMode::Full).await;
    complete(&passes);
    assert_eq!(
        (passes["servers"].facts, passes["servers"].requests),
        (0, 3),
        "two pages, and who ended since"
    );
}

#[tokio::test]
async fn an_application_credential_logs_in_too() {
    let mut cloud = Cloud::with(1, |c| {
        let secret = Secret::new(PASSWORD);
        c.credentials = Credentials::ApplicationCredential {
            id: "ac-1".to_owned(),
            secret,
        };
    })
    .await;
    complete(&cloud.collect(PassMode::Full).await);
    cloud.restart();
    cloud.fault(|path| path.contains("/auth/tokens").then(|| answer(401, "{}")));
    let passes = cloud.collect(PassMode::Full).await;
    assert!(
        passes["servers"]
            .error
            .contains("as application credential ac-1"),
        "{}",
        passes["servers"].error
    );
}

#[tokio::test]
async fn an_old_nova_tells_sizes_by_the_list_of_flavors() {
    let mut cloud = Cloud::of(1).await;
    cloud.nova.lock().unwrap().servers[0]["flavor"] = json!({"id": "f1"});
    let old =
        |path: &str| (path == "/v2.1/").then(|| answer(200, r#"{"version": {"version": "2.30"}}"#));
    cloud.fault(old);
    let passes = cloud.collect(PassMode::Full).await;
    failed(&passes, "servers", &["2.30", "flavors could not be read"]);
    cloud.fault(move |path| {
        let flavors = json!({"flavors": [{"id": "f1", "name": "m1.old", "vcpus": 2, "ram": 1024, "disk": 0, "swap": ""}]});
        old(path).or_else(|| path.contains("/flavors").then(|| answer(200, flavors.to_string())))
    });
    complete(&cloud.collect(PassMode::Full).await);
    let flavor = cloud
        .facts
        .iter()
        .find_map(|f| f.value.known().filter(|k| k.label == "m1.old"))
        .unwrap();
    assert_eq!(
        (flavor.levels["vcpus"], flavor.levels["memory_bytes"]),
        (2, 1 << 30)
    );
    let warned = cloud
        .source
        .check_online()
        .await
        .into_iter()
        .any(|f| f.verdict == Verdict::Warning && f.what.contains("2.30"));
    assert!(warned);
}

#[tokio::test]
async fn a_change_is_written_at_once_and_once_more_when_it_has_settled() {
    let mut cloud = Cloud::of(1).await;
    complete(&cloud.collect(PassMode::Full).await);
    {
        let s = &mut cloud.nova.lock().unwrap().servers[0];
        s["OS-EXT-STS:vm_state"] = json!("stopped");
        s["updated"] = json!(noon().plus_seconds(2).to_string());
    }
    cloud.later(3);
    cloud.collect(PassMode::Changes).await;
    let sightings = |c: &Cloud| {
        c.facts
            .iter()
            .filter(|f| f.evidence == Evidence::Sighting)
            .map(|f| (f.at, f.seen))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sightings(&cloud),
        [(noon().plus_seconds(2), noon().plus_seconds(3))]
    );
    cloud.later(5);
    cloud.collect(PassMode::Changes).await;
    assert_eq!(sightings(&cloud), []);
    cloud.later(5);
    cloud.collect(PassMode::Changes).await;
    assert_eq!(
        sightings(&cloud),
        [(noon().plus_seconds(2), noon().plus_seconds(13))]
    );
    cloud.later(5);
    cloud.collect(PassMode::Changes).await;
    assert!(cloud.facts.is_empty(), "{:?}", cloud.facts);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_named_without_it() {
    let mut cloud = Cloud::with(1, |c| {
        if let Credentials::Password { password, .. } = &mut c.credentials {
            *password = Secret::new("guess-77");
        }
    })
    .await;
    let passes = cloud.collect(PassMode::Full).await;
    for pass in passes.values() {
        assert_eq!(pass.outcome, Outcome::Failed);
        assert!(
            pass.error
                .contains("user meter (domain Default) in project admin")
                && pass.error.contains("check user, password"),
            "{}",
            pass.error
        );
        assert!(!pass.error.contains("guess-77"));
    }
    assert_eq!((passes.len(), cloud.asked("/auth/tokens")), (2, 1));
    let findings = cloud.source.check_online().await;
    assert_eq!((findings.len(), findings[0].verdict), (1, Verdict::Error));
}

#[tokio::test]
async fn a_catalogue_without_compute_still_gives_projects() {
    let mut cloud = Cloud::of(1).await;
    cloud.nova.lock().unwrap().services = vec!["identity", "image"];
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &["no compute endpoint", "identity, image", "interface"],
    );
    assert_eq!(passes["projects"].items, 1);
}

#[tokio::test]
async fn a_token_that_dies_in_mid_list_is_renewed_once() {
    let mut cloud = Cloud::of(12).await;
    let mut once = true;
    cloud.fault(move |path| {
        (path.contains("marker=s004") && std::mem::take(&mut once)).then(|| answer(401, "{}"))
    });
    complete(&cloud.collect(PassMode::Full).await);
    assert_eq!(
        (cloud.told_of().len(), cloud.nova.lock().unwrap().logins),
        (12, 2)
    );
    cloud.fault(|path| path.contains("/servers/detail").then(|| answer(401, "{}")));
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &["status 401", "even right after logging in"],
    );
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let mut cloud = Cloud::of(1).await;
    complete(&cloud.collect(PassMode::Full).await);
    cloud.later(3000);
    complete(&cloud.collect(PassMode::Changes).await);
    assert_eq!(cloud.nova.lock().unwrap().logins, 1);
    cloud.later(300);
    complete(&cloud.collect(PassMode::Changes).await);
    assert_eq!(cloud.nova.lock().unwrap().logins, 2);
}

#[tokio::test]
async fn a_lost_role_names_the_policy() {
    let mut cloud = Cloud::of(7).await;
    let forbidden = include_str!("../captures/openstack/reader/project-reader-nova-servers.json");
    cloud.fault(move |path| {
        path.contains("/servers/detail")
            .then(|| answer(403, forbidden))
    });
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &[
            "status 403",
            "get_all_tenants to be performed",
            "role admin",
        ],
    );
    cloud.fault(|path| {
        path.contains("os-instance-actions")
            .then(|| answer(403, "{}"))
    });
    let passes = cloud.collect(PassMode::Full).await;
    failed(&passes, "servers", &["os-instance-actions:list"]);
    // What the page showed is kept; the next page's servers would fare the same.
    assert_eq!(cloud.told_of().len(), 5);
    assert!(cloud.asked("os-instance-actions") <= 8);
    cloud.mend();
    complete(&cloud.collect(PassMode::Full).await);
    assert_eq!(
        cloud.told_of().len(),
        7,
        "what was not complete is written again"
    );
}

#[tokio::test]
async fn an_error_of_the_service_is_tried_again_and_then_named() {
    let mut cloud = Cloud::of(1).await;
    cloud.fault(|path| {
        path.contains("/servers/detail")
            .then(|| answer(500, "<html><body><h1>Internal error</h1></body></html>"))
    });
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &[
            "GET http://127.0.0.1",
            "/v2.1/servers/detail?all_tenants=1&limit=5",
            "status 500",
            ": Internal error;",
        ],
    );
    assert_eq!(passes["servers"].requests, 4);
    cloud.mend();
    complete(&cloud.collect(PassMode::Full).await);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let mut cloud = Cloud::of(1).await;
    let mut once = true;
    cloud.fault(move |path| {
        (path.contains("/servers/detail") && std::mem::take(&mut once)).then(|| {
            let mut busy = answer(503, "");
            busy.headers_mut()
                .insert("retry-after", "2".parse().unwrap());
            busy
        })
    });
    let began = std::time::Instant::now();
    complete(&cloud.collect(PassMode::Full).await);
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_reported_and_shifts_nothing() {
    let mut cloud = Cloud::of(1).await;
    cloud.clock.set(noon().plus_seconds(-600));
    let passes = cloud.collect(PassMode::Full).await;
    complete(&passes);
    assert_eq!(
        (passes["servers"].skew_us, passes["servers"].watermark),
        (600_500_000, noon())
    );
    let sighting = cloud
        .facts
        .iter()
        .find(|f| f.evidence == Evidence::Sighting && f.key.kind == "server")
        .unwrap();
    assert_eq!(
        (sighting.seen, sighting.observed_at),
        (noon(), noon().plus_seconds(-600))
    );
    let findings = cloud.source.check_online().await;
    let warnings: Vec<_> = findings
        .iter()
        .filter(|f| f.verdict != Verdict::Ok)
        .collect();
    assert_eq!(warnings.len(), 1, "{findings:?}");
    assert!(
        warnings[0].what.contains("600 s ahead of ours"),
        "{}",
        warnings[0].what
    );
}

#[tokio::test]
async fn no_secret_comes_back_out() {
    let mut cloud = Cloud::of(1).await;
    let echo = format!(r#"{{"headers": {{"X-Auth-Token": "token-1"}}, "you_sent": "{PASSWORD}"}}"#);
    let echoed = echo.clone();
    cloud.fault(move |path| {
        (path.contains("/servers/detail") || path.contains("/projects"))
            .then(|| answer(400, echoed.clone()))
    });
    let passes = cloud.collect(PassMode::Full).await;
    for list in ["servers", "projects"] {
        let shown = format!("{:?}", passes[list]);
        assert!(
            shown.contains("[secret]") && !shown.contains("token-1"),
            "{shown}"
        );
    }
    let mut cloud = Cloud::of(1).await;
    cloud.fault(move |path| {
        path.contains("/auth/tokens")
            .then(|| answer(400, echo.clone()))
    });
    let shown = format!(
        "{:?} {:?}",
        cloud.collect(PassMode::Full).await,
        cloud.source.check_online().await
    );
    assert!(
        shown.contains("[secret]") && !shown.contains(PASSWORD),
        "{shown}"
    );
    assert!(!format!("{:?}", cloud.source).contains(PASSWORD));
}

#[tokio::test]
async fn everything_that_collecting_needs_is_checked() {
    let mut cloud = Cloud::of(3).await;
    let findings = cloud.source.check_online().await;
    assert!(
        findings.iter().all(|f| f.verdict == Verdict::Ok),
        "{findings:?}"
    );
    cloud.fault(|path| {
        (path.contains("/domains") || path.contains("os-instance-actions"))
            .then(|| answer(403, "{}"))
    });
    let findings = cloud.source.check_online().await;
    let of = |v: Verdict| {
        findings
            .iter()
            .filter(|f| f.verdict == v)
            .map(|f| f.what.as_str())
            .collect::<Vec<_>>()
    };
    assert!(
        of(Verdict::Warning)[0].contains("domains cannot be read"),
        "{findings:?}"
    );
    assert!(
        of(Verdict::Error)[0].contains("instance actions cannot be read"),
        "{findings:?}"
    );
}
