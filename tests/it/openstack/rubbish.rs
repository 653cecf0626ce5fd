//! Answers that are no answers: broken, endless, repeating.

use super::{
    cloud::{Cloud, answer, noon, server},
    complete, failed,
};
use axum::body::Body;
use plimsoll::domain::PassMode;
use serde_json::json;

#[tokio::test]
async fn rubbish_is_named_and_what_came_before_it_is_kept() {
    let html = "<html><head><title>Welcome to nginx!</title></head></html>";
    for (rubbish, words) in [
        (
            r#"{"servers": [{"id": "s005", "#,
            ["expected a list of servers", "EOF"],
        ),
        (
            r#"{"servers": {"id": "s005"}}"#,
            ["expected an array of servers", "invalid type: map"],
        ),
        (
            r#"{"items": []}"#,
            ["expected a list of servers", "no such key"],
        ),
        (
            html,
            ["expected a list of servers", "begins: Welcome to nginx!"],
        ),
    ] {
        let mut cloud = Cloud::of(12).await;
        cloud.fault(move |path| path.contains("marker=s004").then(|| answer(200, rubbish)));
        let passes = cloud.collect(PassMode::Full).await;
        failed(&passes, "servers", &words);
        failed(&passes, "servers", &["marker=s004"]);
        assert_eq!(cloud.told_of(), ["s000", "s001", "s002", "s003", "s004"]);
        assert!(!cloud.source.memory().watermarks.contains_key("servers"));
    }
}

#[tokio::test]
async fn one_unreadable_server_spoils_the_pass_but_no_other_server() {
    let mut cloud = Cloud::of(7).await;
    complete(&cloud.collect(PassMode::Full).await);
    {
        let mut nova = cloud.nova.lock().unwrap();
        nova.servers[2] = json!({"id": "s002", "status": "ACTIVE", "tenant_id": 7});
        nova.servers[3]["name"] = json!("renamed");
    }
    cloud.later(60);
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &[
            "1 of the servers could not be read",
            "server s002",
            "invalid type",
        ],
    );
    assert_eq!(
        cloud.told_of(),
        ["s003"],
        "the renamed one is news, the unreadable one is not missing"
    );
    assert_eq!(cloud.source.memory().watermarks["servers"], noon());
}

#[tokio::test]
async fn a_list_without_end_is_left() {
    let mut cloud = Cloud::of(12).await;
    cloud.fault(|path| {
        let page = json!({"servers": [server(1)], "servers_links": [{"rel": "next", "href": "/servers/detail?marker=again"}]});
        path.contains("/servers/detail").then(|| answer(200, page.to_string()))
    });
    let passes = cloud.collect(PassMode::Full).await;
    failed(&passes, "servers", &["page 2 repeats items", "no end"]);
    assert_eq!(passes["servers"].requests, 2 + 2);
}

#[tokio::test]
async fn a_huge_answer_is_cut_at_the_cap() {
    let mut cloud = Cloud::of(1).await;
    cloud.fault(|path| {
        let endless = futures::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1 << 16]))
        });
        path.contains("/servers/detail")
            .then(|| answer(200, Body::from_stream(endless)))
    });
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &["larger than 1048576 bytes", "body_max_bytes"],
    );
    assert!(
        passes["servers"].bytes <= (1 << 20) + (1 << 17),
        "{}",
        passes["servers"].bytes
    );
}

#[tokio::test]
async fn a_marker_that_vanished_restarts_the_list_once() {
    let gone = || {
        answer(
            400,
            r#"{"badRequest": {"code": 400, "message": "marker [s004] not found"}}"#,
        )
    };
    let mut cloud = Cloud::of(12).await;
    let mut once = true;
    cloud.fault(move |path| (path.contains("marker=s004") && std::mem::take(&mut once)).then(gone));
    complete(&cloud.collect(PassMode::Full).await);
    assert_eq!(cloud.told_of().len(), 12);
    cloud.fault(move |path| path.contains("marker=s004").then(gone));
    let passes = cloud.collect(PassMode::Full).await;
    failed(
        &passes,
        "servers",
        &["status 400", "marker [s004] not found"],
    );
}
