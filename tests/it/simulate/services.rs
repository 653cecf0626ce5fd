//! Cinder, Glance, Neutron, Octavia, Manila, Swift, Placement: keys as recorded, pages, deletions, faults.

use super::{Served, capture, shape, window};
use plimsoll::domain::Ts;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Shapes of the items of a list; what is filled or empty as it happens is left out.
fn shapes(body: &Value, list: &str, loose: &[&str]) -> BTreeSet<BTreeSet<String>> {
    let items = body[list].as_array().unwrap();
    assert!(!items.is_empty(), "no {list}");
    let plain = |item: &Value| {
        let mut item = item.clone();
        for key in loose {
            item[*key] = Value::Null;
        }
        shape(&item)
    };
    items.iter().map(plain).collect()
}

impl Served {
    /// A `GET` with any header.
    async fn ask(&self, path: &str, header: (&str, &str)) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.root));
        let request = request.header("X-Auth-Token", &self.token);
        request.header(header.0, header.1).send().await.unwrap()
    }

    async fn volumes(&self, path: &str, version: &str) -> reqwest::Response {
        let login = self.own_project().await;
        let header = ("OpenStack-API-Version", format!("volume {version}"));
        self.ask(&format!("/volume/v3/{login}{path}"), (header.0, &header.1))
            .await
    }

    /// The project that we are logged in to.
    async fn own_project(&self) -> String {
        let path = "/identity/v3/projects?name=admin";
        let all = self.json(path, "2.1").await;
        all["projects"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn cinder_has_the_keys_of_a_real_one() {
    let cloud = Served::start("awkward", Ts::parse("2026-10-12T12:00:00Z").unwrap()).await;
    let loose = ["attachments", "metadata"];
    for (version, recorded) in [
        ("3.0", "volumes-detail-all_tenants"),
        ("3.70", "volumes-detail-limit3"),
    ] {
        let answer = cloud
            .volumes("/volumes/detail?all_tenants=1&limit=1000", version)
            .await;
        assert_eq!(
            answer.headers()["openstack-api-version"].to_str().unwrap(),
            format!("volume {version}")
        );
        let ours = shapes(&answer.json().await.unwrap(), "volumes", &loose);
        let real = shapes(
            &capture(&format!("cinder/{recorded}.json")),
            "volumes",
            &loose,
        );
        assert!(ours.is_subset(&real), "{version}: {ours:?}\n{real:?}");
    }
    for list in ["snapshots", "backups"] {
        let path = format!("/{list}/detail?all_tenants=1");
        cloud.clock.set(Ts::parse("2026-10-12T12:00:00Z").unwrap());
        let answer: Value = cloud.volumes(&path, "3.70").await.json().await.unwrap();
        if answer[list] == json!([]) {
            continue;
        }
        let real = capture(&format!("cinder/{list}-detail.json"));
        assert!(shapes(&answer, list, &["metadata"]).is_subset(&shapes(
            &real,
            list,
            &["metadata"]
        )));
    }
    let types: Value = cloud.volumes("/types", "3.70").await.json().await.unwrap();
    let real = capture("cinder/types.json");
    let loose = ["extra_specs"];
    assert_eq!(
        shapes(&types, "volume_types", &loose),
        shapes(&real, "volume_types", &loose)
    );
    cloud.end().await;
}

#[tokio::test]
async fn cinder_pages_forgets_and_refuses() {
    let mut cloud = Served::start("awkward", Ts::parse("2026-10-12T12:00:00Z").unwrap()).await;
    let get = async |cloud: &Served, path: &str| -> Value {
        cloud.volumes(path, "3.18").await.json().await.unwrap()
    };
    let whole = get(&cloud, "/volumes/detail?all_tenants=1").await;
    let (mut seen, mut next) = (
        Vec::new(),
        Some("/volumes/detail?all_tenants=1&limit=3".to_owned()),
    );
    while let Some(path) = next {
        let page = get(&cloud, &path).await;
        seen.extend(page["volumes"].as_array().unwrap().clone());
        next = page["volumes_links"][0]["href"].as_str().map(|href| {
            href.split_once("/volumes")
                .map(|(_, tail)| format!("/volumes{tail}"))
                .unwrap()
        });
    }
    assert!(seen.len() > 3);
    assert_eq!(json!(seen), whole["volumes"]);
    assert_eq!(
        get(&cloud, "/volumes/detail").await["volumes"],
        json!([]),
        "one's own project has none"
    );
    // What is deleted is not there any more, nor is its id a marker.
    let truth = super::world("awkward", 1)
        .truth(window().0, window().1)
        .unwrap();
    let gone = truth
        .events
        .iter()
        .find(|e| e.kind == "volume" && e.state == "deleted")
        .unwrap();
    for (half, status) in [(250_000, StatusCode::OK), (750_000, StatusCode::NOT_FOUND)] {
        cloud.clock.set(Ts(gone.t.0 + half));
        cloud.log_in().await;
        let path = format!("/volumes/{}", gone.resource);
        let answer = cloud.volumes(&path, "3.18").await;
        assert_eq!(answer.status(), status);
        assert_eq!(
            answer.headers()["date"].to_str().unwrap(),
            gone.t.to_http_date(),
            "both within the second of the deletion"
        );
        if status == StatusCode::NOT_FOUND {
            let real = capture("cinder/volume-show-deleted.json");
            assert_eq!(shape(&answer.json().await.unwrap()), shape(&real));
        }
    }
    let marker = format!("/volumes/detail?all_tenants=1&marker={}", gone.resource);
    assert_eq!(
        cloud.volumes(&marker, "3.18").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        cloud.volumes("/volumes/detail", "3.71").await.status(),
        StatusCode::NOT_ACCEPTABLE
    );
    let foreign = cloud
        .ask("/volume/v3/nobody/volumes/detail", ("x-any", ""))
        .await;
    assert_eq!(foreign.status(), StatusCode::BAD_REQUEST);
    // A lost role: lists are empty, and what only an administrator may ask for is refused.
    for (second, lost) in [(15 * 86_400 - 1, false), (15 * 86_400, true)] {
        cloud.clock.set(window().0.plus_seconds(second));
        cloud.log_in().await;
        let listed = get(&cloud, "/volumes/detail?all_tenants=1").await;
        assert_eq!(listed["volumes"] == json!([]), lost);
        let probe = cloud.volumes("/os-services", "3.18").await.status();
        assert_eq!(probe == StatusCode::FORBIDDEN, lost);
    }
    cloud.end().await;
}

#[tokio::test]
async fn glance_and_neutron_have_the_keys_of_real_ones() {
    let cloud = Served::start("small", Ts::parse("2026-10-12T12:00:00Z").unwrap()).await;
    let images = cloud.json("/image/v2/images?limit=1000", "2.1").await;
    let real = capture("glance/images-all.json");
    let real = shapes(&real, "images", &[]);
    for image in images["images"].as_array().unwrap() {
        let mut keys = shape(image);
        if !image["instance_uuid"].is_null() {
            // The recorded ones were taken of servers that were made from images with these properties, and never stored.
            keys.extend([".os_distro".to_owned()]);
            keys.remove(".stores");
        }
        assert!(real.contains(&keys), "{keys:?}");
    }
    let page = cloud.json("/image/v2/images?limit=1", "2.1").await;
    assert_eq!(
        shape(&page)
            .iter()
            .filter(|k| !k.starts_with(".images"))
            .collect::<Vec<_>>(),
        [".first", ".next", ".schema"]
    );
    let missing = cloud.get("/image/v2/images/nobody", "2.1").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(
        missing
            .text()
            .await
            .unwrap()
            .contains("No image found with ID nobody")
    );

    for (list, loose) in [
        ("floatingips", &["port_details"][..]),
        ("routers", &["external_gateway_info"]),
        (
            "ports",
            &["binding:vif_details", "fixed_ips", "security_groups"],
        ),
        ("networks", &[]),
        ("subnets", &[]),
    ] {
        let ours = cloud.json(&format!("/network/v2.0/{list}"), "2.1").await;
        let real = capture(&format!("neutron/{list}.json"));
        let (ours, real) = (shapes(&ours, list, loose), shapes(&real, list, loose));
        assert!(ours.is_subset(&real), "{list}: {ours:?}\n{real:?}");
    }
    let page = cloud.json("/network/v2.0/floatingips?limit=2", "2.1").await;
    let links = page["floatingips_links"].as_array().unwrap();
    assert_eq!(
        links.iter().map(|l| &l["rel"]).collect::<Vec<_>>(),
        ["next", "previous"]
    );
    let missing = cloud.get("/network/v2.0/floatingips/nobody", "2.1").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        shape(&missing.json().await.unwrap()),
        shape(&capture("neutron/floatingip-show-deleted.json"))
    );
    let public = cloud.json("/network/v2.0/networks", "2.1").await;
    let id = public["networks"][0]["id"].as_str().unwrap();
    let ports = cloud
        .json(
            &format!("/network/v2.0/ports?network_id={id}&network_id=other"),
            "2.1",
        )
        .await;
    assert!(!ports["ports"].as_array().unwrap().is_empty());
    let none = cloud
        .json("/network/v2.0/ports?network_id=other", "2.1")
        .await;
    assert_eq!(none["ports"], json!([]));
    cloud.end().await;
}

#[tokio::test]
async fn octavia_manila_swift_and_placement_answer() {
    let cloud = Served::start("small", Ts::parse("2026-10-12T12:00:00Z").unwrap()).await;
    let balancers = cloud
        .json("/load-balancer/v2.0/lbaas/loadbalancers", "2.1")
        .await;
    let one = &balancers["loadbalancers"][0];
    assert_eq!(one["provisioning_status"], "ACTIVE");
    let real = capture("octavia/loadbalancers.json");
    let loose = ["listeners", "pools"];
    let (ours, real) = (
        shapes(&balancers, "loadbalancers", &loose),
        shapes(&real, "loadbalancers", &loose),
    );
    assert!(ours.is_subset(&real), "{ours:?}\n{real:?}");
    let path = format!(
        "/load-balancer/v2.0/lbaas/loadbalancers/{}",
        one["id"].as_str().unwrap()
    );
    assert_eq!(cloud.json(&path, "2.1").await["loadbalancer"], *one);

    let version = ("X-OpenStack-Manila-API-Version", "2.7");
    let shares = cloud
        .ask("/share/v2/shares/detail?all_tenants=1", version)
        .await;
    assert_eq!(shares.headers()["x-openstack-manila-api-version"], "2.7");
    let shares: Value = shares.json().await.unwrap();
    let real = capture("manila/shares-detail-all_tenants-2.7.json");
    let of = |v: &Value| shapes(v, "shares", &["metadata"]);
    assert!(
        of(&shares).is_subset(&of(&real)),
        "{:?}\n{:?}",
        of(&shares),
        of(&real)
    );
    let all = shares["shares"].as_array().unwrap();
    assert!(all.len() > 1 && all.iter().all(|s| s["share_type_name"] == "large"));
    let second: Value = cloud
        .ask(
            "/share/v2/shares/detail?all_tenants=1&limit=1&offset=1",
            version,
        )
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(second["shares"], json!([all[1]]));

    let truth = super::world("small", 1)
        .truth(window().0, window().1)
        .unwrap();
    let level = truth
        .events
        .iter()
        .rfind(|e| e.kind == "account" && e.aspect == "flavor" && e.t < cloud.clock.now())
        .unwrap();
    let head = cloud
        .http
        .head(format!("{}/object/v1/AUTH_{}", cloud.root, level.scope))
        .header("X-Auth-Token", &cloud.token)
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let real = include_str!("../../captures/openstack/swift/account-empty.headers");
    for name in [
        "X-Account-Container-Count",
        "X-Account-Object-Count",
        "X-Account-Bytes-Used",
        "X-Timestamp",
        "X-Put-Timestamp",
    ] {
        assert!(
            real.contains(name) && head.headers().contains_key(name),
            "{name}"
        );
    }
    let told = head.headers()["x-account-storage-policy-storage-bytes-used"]
        .to_str()
        .unwrap();
    assert_eq!(told, level.levels["capacity_bytes"].to_string());
    let nobody = cloud.get("/object/v1/AUTH_nobody", "2.1").await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);

    let providers = cloud.json("/placement/resource_providers", "2.1").await;
    let real = capture("placement/resource_providers.json");
    let of = |v: &Value| shapes(v, "resource_providers", &[]);
    assert_eq!(of(&providers), of(&real));
    let mut used = 0;
    for p in providers["resource_providers"].as_array().unwrap() {
        let id = p["uuid"].as_str().unwrap();
        let path = |what: &str| format!("/placement/resource_providers/{id}/{what}");
        let has = cloud.json(&path("inventories"), "2.1").await;
        let mut keys = shape(&has);
        keys.retain(|k| !k.contains("PGPU"));
        assert_eq!(keys, shape(&capture("placement/rp-inventories.json")));
        let usages = cloud.json(&path("usages"), "2.1").await;
        used += usages["usages"]["VCPU"].as_i64().unwrap();
    }
    assert!(used > 0, "nothing runs");
    cloud.end().await;
}
