//! Answers that are no answers, to readers of whole lists: named clearly, nothing lost of what was read, nothing ended by them, other lists unharmed.

use super::{
    Cloud, addresses::neutron, cinder, complete, failed, images::glance, of, recorded, size, volume,
};
use crate::openstack::cloud::{Answer, answer};
use axum::body::Body;
use plimsoll::domain::{Aspect, Outcome, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Cinder with its volumes in pages of six, as recorded; answers `fault` in place of the second page.
async fn at_second_page(fault: impl FnMut() -> Option<Answer> + Send + 'static) -> (Cloud, String) {
    let cloud = cinder().await;
    let list = recorded("cinder/volumes-detail-all_tenants");
    let volumes = list["volumes"].as_array().unwrap();
    let marker = volumes[5]["id"].as_str().unwrap().to_owned();
    let next = format!("http://inside/volume/v3/volumes/detail?limit=1000&marker={marker}");
    let first = json!({"volumes": volumes[..6], "volumes_links": [{"rel": "next", "href": next}]});
    cloud.answers(
        &volume("volumes/detail?all_tenants=1&limit=1000"),
        200,
        first,
    );
    let second = volume(&format!(
        "volumes/detail?all_tenants=1&limit=1000&marker={marker}"
    ));
    cloud.answers(&second, 200, json!({"volumes": volumes[6..]}));
    let (mut fault, at) = (fault, format!("marker={marker}"));
    cloud.fault(move |path| path.contains(&at).then(&mut fault).flatten());
    (cloud, marker)
}

fn told_of(cloud: &Cloud, kind: &str) -> usize {
    let of_kind = cloud.facts.iter().filter(|f| f.key.kind == kind);
    let ids: BTreeSet<&str> = of_kind.map(|f| f.key.resource.as_str()).collect();
    ids.len()
}

#[tokio::test]
async fn rubbish_on_a_page_keeps_the_pages_before_it_and_other_lists() {
    for (rubbish, words) in [
        (
            r#"{"volumes": [{"id": "45ca"#,
            ["expected a list of volumes", "EOF"],
        ),
        (
            r#"{"volumes": "none"}"#,
            ["an array of volumes", "invalid type"],
        ),
        (r#"{"snapshots": []}"#, ["a list of volumes", "no such key"]),
        (
            "<html><head><title>502 Bad Gateway</title></head></html>",
            ["a list of volumes", "begins: 502 Bad Gateway"],
        ),
    ] {
        let (mut cloud, marker) = at_second_page(move || Some(answer(200, rubbish))).await;
        let passes = cloud.collect().await;
        failed(&passes["volumes"], &words);
        failed(&passes["volumes"], &[&marker]);
        assert_eq!(told_of(&cloud, "volume"), 6);
        complete(&passes["snapshots"], 2);
        complete(&passes["backups"], 2);
        // Once it answers again, only what is news is written.
        cloud.mend();
        complete(&cloud.collect().await["volumes"], 17);
        assert_eq!(told_of(&cloud, "volume"), 11);
    }
}

#[tokio::test]
async fn a_token_refused_in_mid_list_is_replaced_and_the_list_goes_on() {
    let mut once = true;
    let expired = json!({"error": {"code": 401, "message": "The request you have made requires authentication."}});
    let refuse = move || std::mem::take(&mut once).then(|| answer(401, expired.to_string()));
    let (mut cloud, _) = at_second_page(refuse).await;
    complete(&cloud.collect().await["volumes"], 17);
    assert_eq!(cloud.asked("POST /identity/v3/auth/tokens"), 2);
    // One who is refused again right after that is told why.
    let (mut cloud, _) = at_second_page(|| Some(answer(401, "{}"))).await;
    let passes = cloud.collect().await;
    failed(
        &passes["volumes"],
        &["status 401", "do all services share one Keystone"],
    );
    complete(&passes["snapshots"], 2);
}

#[tokio::test]
async fn a_service_in_trouble_is_asked_again_when_it_says() {
    let mut times = 0;
    let (mut cloud, _) = at_second_page(move || {
        times += 1;
        let mut reply = answer(503, "{}");
        reply
            .headers_mut()
            .insert("retry-after", "0".parse().unwrap());
        (times < 3).then_some(reply)
    })
    .await;
    complete(&cloud.collect().await["volumes"], 17);
    let (mut cloud, _) = at_second_page(|| Some(answer(500, r#"{"computeFault": {}}"#))).await;
    cloud.collect().await;
    cloud.later(300);
    let passes = cloud.collect().await;
    failed(&passes["volumes"], &["status 500", "in trouble"]);
    assert!(cloud.facts.is_empty(), "nothing ends by it");
}

#[tokio::test]
async fn one_item_of_wrong_types_or_without_an_owner_spoils_no_other() {
    let mut cloud = neutron(|_| ()).await;
    let mut list = recorded("neutron/floatingips");
    let ips = list["floatingips"].as_array_mut().unwrap();
    ips[3]["project_id"] = Json::Null;
    ips[3]["tenant_id"] = Json::Null;
    ips[4]["floating_ip_address"] = json!(7);
    ips[5] = json!("not even an object");
    cloud.answers("/v2.0/floatingips", 200, list.clone());
    let passes = cloud.collect().await;
    let id = list["floatingips"][3]["id"].as_str().unwrap();
    failed(
        &passes["floating_ips"],
        &["3 of the floating_ips", id, "whose it is"],
    );
    assert_eq!(told_of(&cloud, "floating_ip"), 11);
    complete(&passes["routers"], 3);
    // An image may be nobody's: it is kept, and nobody's.
    let mut cloud = glance().await;
    let nobodys = json!({"id": "n", "status": "active", "size": 5, "owner": null, "created_at": "2026-11-23T08:00:00Z"});
    let path = "/image/v2/images?visibility=all&os_hidden=true&limit=1000";
    cloud.answers(path, 200, json!({"images": [nobodys]}));
    assert_eq!(cloud.collect().await["images"].outcome, Outcome::Complete);
    assert_eq!(size(&cloud.facts, "n", "capacity_bytes").1, 5);
    assert!(of(&cloud.facts, "n", Aspect::Owner).is_empty());
}

#[tokio::test]
async fn pages_that_repeat_or_lead_back_are_left() {
    let again = |marker: &'static str| {
        move || {
            let volumes = recorded("cinder/volumes-detail-limit3")["volumes"].clone();
            let next = format!("http://inside/volumes/detail?limit=3&marker={marker}");
            let page =
                json!({"volumes": volumes, "volumes_links": [{"rel": "next", "href": next}]});
            Some(answer(200, page.to_string()))
        }
    };
    let (mut cloud, _) = at_second_page(again("x")).await;
    cloud.fault({
        let mut page = again("x");
        move |path| path.contains("volumes/detail").then(&mut page).flatten()
    });
    let passes = cloud.collect().await;
    failed(&passes["volumes"], &["page 2 repeats items", "no end"]);
    complete(&passes["snapshots"], 2);
}

#[tokio::test]
async fn glances_next_that_leads_in_a_circle_is_left() {
    let mut cloud = glance().await;
    let mut n = 0;
    cloud.fault(move |path| {
        n += 1;
        let image = json!({"id": format!("i{n}"), "status": "queued", "created_at": "2026-11-23T08:00:00Z"});
        let next = if n % 2 == 0 { "a" } else { "b" };
        let page = json!({"images": [image], "next": format!("/v2/images?marker={next}")});
        path.contains("/images?").then(|| answer(200, page.to_string()))
    });
    failed(
        &cloud.collect().await["images"],
        &["leads back to marker", "no end"],
    );
}

#[tokio::test]
async fn a_marker_that_skips_ends_nothing_that_is_there() {
    let (mut cloud, _) = at_second_page(|| None).await;
    complete(&cloud.collect().await["volumes"], 17);
    cloud.later(300);
    // The second page begins two rows late; asked by their ids, they are there.
    let list = recorded("cinder/volumes-detail-all_tenants");
    let volumes = list["volumes"].as_array().unwrap().clone();
    for skipped in &volumes[6..8] {
        let id = skipped["id"].as_str().unwrap();
        cloud.answers(
            &volume(&format!("volumes/{id}")),
            200,
            json!({"volume": skipped}),
        );
    }
    let late = json!({"volumes": volumes[8..]}).to_string();
    cloud.fault(move |path| path.contains("marker=").then(|| answer(200, late.clone())));
    complete(&cloud.collect().await["volumes"], 15);
    assert!(cloud.facts.is_empty(), "{:?}", cloud.facts);
}

#[tokio::test]
async fn a_huge_answer_is_cut_at_the_cap() {
    let endless = || {
        let spaces = || Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1 << 16]));
        let body = Body::from_stream(futures::stream::repeat_with(spaces));
        Some(answer(200, body))
    };
    let (mut cloud, _) = at_second_page(endless).await;
    let passes = cloud.collect().await;
    failed(
        &passes["volumes"],
        &["larger than 1048576 bytes", "body_max_bytes"],
    );
    complete(&passes["backups"], 2);
}

#[tokio::test]
async fn a_service_asked_for_by_name_must_be_in_the_catalogue() {
    let services = |conf: &mut plimsoll::config::OpenStack| {
        conf.services = Some(["volume", "image"].map(str::to_owned).into());
    };
    let mut cloud = Cloud::with(&[("block-storage", "/volume/v3")], services).await;
    let passes = cloud.collect().await;
    failed(
        &passes["images"],
        &["no image endpoint", "the services block-storage"],
    );
    assert!(
        !passes.contains_key("floating_ips"),
        "nobody asked for that"
    );
    let findings = cloud.check().await;
    let missing = findings
        .iter()
        .find(|f| f.what.contains("no image endpoint"));
    assert!(missing.unwrap().hint.contains("leave it out of `services`"));
    // One that was there before is missed too, and nothing of it ends.
    let mut cloud = glance().await;
    let first = cloud.collect().await["images"].watermark;
    let memory = cloud.memory(&["images"], first);
    let mut other = Cloud::start(&[("block-storage", "/volume/v3")]).await;
    other.restart(&memory);
    let passes = other.collect().await;
    failed(&passes["images"], &["no image endpoint"]);
    assert!(other.facts.is_empty());
}

#[tokio::test]
async fn a_probe_that_is_not_there_proves_nothing() {
    for (mut cloud, list, probe) in [
        (cinder().await, "volumes", volume("os-services")),
        (glance().await, "images", "/image/v2/tasks".to_owned()),
        (neutron(|_| ()).await, "routers", "/v2.0/quotas".to_owned()),
    ] {
        cloud.answers(&probe, 404, json!({}));
        let passes = cloud.collect().await;
        failed(&passes[list], &["status 404", &probe]);
        assert!(cloud.facts.iter().all(|f| f.value != Value::Gone));
    }
}

#[tokio::test]
async fn a_lost_role_ends_nothing() {
    let mut cloud = neutron(|_| ()).await;
    cloud.collect().await;
    cloud.later(300);
    // As Neutron answers a reader: with nothing, and with a refusal where only an administrator asks.
    cloud.answers("/v2.0/floatingips", 200, json!({"floatingips": []}));
    let refusal = json!({"NeutronError": {"type": "AdminRequired", "message": "User does not have admin privileges: Only admin can view or configure quota."}});
    cloud.answers("/v2.0/quotas", 403, refusal);
    let passes = cloud.collect().await;
    let pass = &passes["floating_ips"];
    assert_eq!(pass.outcome, Outcome::Suspect);
    assert!(pass.error.contains("context_is_admin"), "{}", pass.error);
    // And where even that is answered, so much that vanishes at once is not believed.
    cloud.answers("/v2.0/quotas", 200, json!({"quotas": []}));
    let passes = cloud.collect().await;
    assert_eq!(passes["floating_ips"].outcome, Outcome::Suspect);
    assert!(
        passes["floating_ips"]
            .error
            .contains("14 of 14 floating_ips")
    );
    assert!(cloud.facts.is_empty());
}

#[tokio::test]
async fn what_cannot_be_looked_up_does_not_end() {
    let mut cloud = cinder().await;
    cloud.collect().await;
    cloud.later(300);
    let mut list = recorded("cinder/volumes-detail-all_tenants");
    let volumes = list["volumes"].as_array_mut().unwrap();
    let (gone, unclear) = (volumes.remove(0), volumes.remove(0));
    cloud.answers(&volume("volumes/detail"), 200, list);
    let unclear = unclear["id"].as_str().unwrap();
    cloud.tells(
        &volume(&format!("volumes/{unclear}")),
        200,
        "",
        "<html>maintenance</html>",
    );
    let passes = cloud.collect().await;
    failed(
        &passes["volumes"],
        &["1 of the volumes", unclear, "maintenance"],
    );
    let ends: Vec<_> = cloud
        .facts
        .iter()
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(ends, [gone["id"].as_str().unwrap()]);
}
