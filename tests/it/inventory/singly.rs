//! Resources that are asked for one at a time: Swift's accounts, Placement's hypervisors, and whatever a list no longer shows. And the small lists: Octavia's
//! load balancers, Manila's shares.
//!
//! Recorded are answers of Placement, Octavia, Manila and Swift. Headers of accounts with several storage policies, balancers with flavors and shares in
//! other states than these are made from the API references: headers and fields as documented there.

use super::{Cloud, PROJECT, cinder, complete, failed, of, recorded, size, ts, volume, without};
use plimsoll::domain::{Aspect, Outcome, Value};
use serde_json::{Value as Json, json};

/// Headers of an account with two storage policies, as Swift sends them.
const TWO_POLICIES: &str = "X-Account-Container-Count: 3
X-Account-Object-Count: 12
X-Account-Bytes-Used: 3000
X-Timestamp: 1764000000.00000
X-Account-Storage-Policy-Gold-Container-Count: 1
X-Account-Storage-Policy-Gold-Object-Count: 2
X-Account-Storage-Policy-Gold-Bytes-Used: 1000
X-Account-Storage-Policy-Policy-0-Container-Count: 2
X-Account-Storage-Policy-Policy-0-Object-Count: 10
X-Account-Storage-Policy-Policy-0-Bytes-Used: 2000
";
const ONE_POLICY: &str = "X-Account-Container-Count: 1\nX-Account-Object-Count: 2\nX-Account-Bytes-Used: 1500\n\
X-Account-Storage-Policy-Gold-Object-Count: 2\nX-Account-Storage-Policy-Gold-Bytes-Used: 1500\n";
const EMPTY: &str = include_str!("../../captures/openstack/swift/account-empty.headers");
const FORBIDDEN: &str =
    include_str!("../../captures/openstack/swift/admin-other-account-403.headers");

fn account(project: &str) -> String {
    format!("/swift/v1/AUTH_{project}")
}

fn projects(cloud: &Cloud, ids: &[&str]) {
    let projects: Vec<Json> = ids
        .iter()
        .map(|id| json!({"id": id, "name": id, "domain_id": "default"}))
        .collect();
    let list = json!({"projects": projects, "links": {"next": null}});
    cloud.answers("/identity/v3/projects", 200, list);
}

async fn swift() -> Cloud {
    let root = account(PROJECT);
    let cloud = Cloud::start(&[
        ("object-store", root.as_str()),
        ("identity", "/identity/v3"),
    ])
    .await;
    projects(&cloud, &["stores", "never", "empty"]);
    cloud.tells(&account("stores"), 204, TWO_POLICIES, "");
    cloud.tells(&account("empty"), 204, EMPTY, "");
    cloud
}

#[tokio::test]
async fn accounts_are_levels_by_storage_policy_from_when_they_were_seen() {
    let mut cloud = swift().await;
    complete(&cloud.collect().await["accounts"], 2);
    assert_eq!(
        cloud.asked("HEAD /swift/v1/AUTH_"),
        4,
        "each project's, and nobody's"
    );
    let gold = |cloud: &Cloud, level| size(&cloud.facts, "stores/gold", level);
    assert_eq!(gold(&cloud, "capacity_bytes"), ("gold".to_owned(), 1000));
    assert_eq!(gold(&cloud, "objects").1, 2);
    assert_eq!(
        size(&cloud.facts, "stores/policy-0", "capacity_bytes"),
        ("policy-0".to_owned(), 2000)
    );
    let state = of(&cloud.facts, "stores/gold", Aspect::State);
    assert_eq!((state.len(), state[0].at), (1, ts("2026-11-23T09:00:00Z")));
    assert_eq!(
        of(&cloud.facts, "stores/gold", Aspect::Owner)[0].value,
        Value::label("stores")
    );
    assert!(
        cloud
            .facts
            .iter()
            .all(|f| f.key.resource.starts_with("stores")),
        "an account that was never used is nothing"
    );
    // One grows, the other has no container any more; the project is gone from Keystone, its account is not from Swift.
    cloud.later(300);
    projects(&cloud, &["never", "empty"]);
    cloud.tells(&account("stores"), 204, ONE_POLICY, "");
    complete(&cloud.collect().await["accounts"], 1);
    assert_eq!(gold(&cloud, "capacity_bytes").1, 1500);
    let sized = of(&cloud.facts, "stores/gold", Aspect::Flavor);
    assert_eq!(
        sized[0].at,
        ts("2026-11-23T09:05:00Z"),
        "not before it was seen"
    );
    let other = of(&cloud.facts, "stores/policy-0", Aspect::State);
    assert_eq!(other[0].value, Value::Gone);
    cloud.later(300);
    cloud.tells(&account("stores"), 404, "", "");
    complete(&cloud.collect().await["accounts"], 0);
    assert_eq!(
        of(&cloud.facts, "stores/gold", Aspect::State)[0].value,
        Value::Gone
    );
}

#[tokio::test]
async fn an_account_that_cannot_be_read_spoils_no_other() {
    let mut cloud = swift().await;
    let rubbish = TWO_POLICIES.replace("Gold-Bytes-Used: 1000", "Gold-Bytes-Used: lots");
    cloud.tells(&account("empty"), 204, &rubbish, "");
    let passes = cloud.collect().await;
    failed(
        &passes["accounts"],
        &["1 of the accounts", "empty: ", "gold-bytes-used is `lots`"],
    );
    assert_eq!(size(&cloud.facts, "stores/gold", "capacity_bytes").1, 1000);
}

#[tokio::test]
async fn who_is_no_resellers_administrator_is_told_so() {
    let mut cloud = swift().await;
    for project in ["stores", "never", "empty"] {
        cloud.tells(&account(project), 403, FORBIDDEN, "");
    }
    let passes = cloud.collect().await;
    failed(&passes["accounts"], &["status 403", "ResellerAdmin"]);
    let mut cloud =
        Cloud::start(&[("object-store", "/swift/v1"), ("identity", "/identity/v3")]).await;
    projects(&cloud, &["stores"]);
    failed(&cloud.collect().await["accounts"], &["AUTH_%(project_id)s"]);
}

#[tokio::test]
async fn hypervisors_are_the_sums_of_their_parts() {
    let mut cloud = Cloud::start(&[("placement", "/placement")]).await;
    let mut providers = recorded("placement/resource_providers");
    let (root, second) = (
        "8bbbe512-8aa5-4eaa-b9d1-025b1453dacf",
        "8fafa32f-9567-43e6-9ce6-2d1d9956773e",
    );
    let list = providers["resource_providers"].as_array_mut().unwrap();
    let mut card = list[0].clone();
    card["uuid"] = json!("card");
    card["name"] = json!("fake-1_pci_0000_84_00_0");
    card["parent_provider_uuid"] = json!(root);
    list.insert(0, card);
    let mut pool = list[1].clone();
    pool["uuid"] = json!("pool");
    pool["root_provider_uuid"] = json!("pool");
    list.push(pool);
    cloud.answers("/placement/resource_providers", 200, providers.clone());
    let stock = |total: i64, reserved: i64, ratio: &str| {
        let ratio: Json = serde_json::from_str(ratio).unwrap();
        json!({"total": total, "reserved": reserved, "min_unit": 1, "max_unit": total, "step_size": 1, "allocation_ratio": ratio})
    };
    let inventories = |id: &str, inventories: Json| {
        let body = json!({"resource_provider_generation": 1, "inventories": inventories});
        cloud.answers(
            &format!("/placement/resource_providers/{id}/inventories"),
            200,
            body,
        );
    };
    cloud.answers(
        &format!("/placement/resource_providers/{root}/inventories"),
        200,
        recorded("placement/rp-inventories"),
    );
    inventories(
        "card",
        json!({"VGPU": stock(8, 1, "1.0"), "CUSTOM_PCI_10DE_20B0": stock(2, 0, "1.0"), "CUSTOM_A100": stock(1, 0, "1.0"),
        "CUSTOM_PCI_15B3_101E": stock(4, 0, "1.0")}),
    );
    inventories(
        second,
        json!({"VCPU": stock(65, 2, "1.5"), "MEMORY_MB": stock(4096, 512, "1.0")}),
    );
    inventories("pool", json!({"DISK_GB": stock(1000, 0, "1.0")}));
    complete(&cloud.collect().await["hypervisors"], 2);
    let first = |level| size(&cloud.facts, root, level).1;
    assert_eq!((first("vcpus"), first("vcpus_total")), (64_000, 1000));
    assert_eq!(first("memory_bytes"), 64 * 800_000 * (1 << 20));
    assert_eq!(
        (first("gpus"), first("gpus_total"), first("gpus_reserved")),
        (10, 11, 1)
    );
    // (65 - 2) x 1.5 = 94.5.
    assert_eq!(
        size(&cloud.facts, second, "vcpus"),
        ("fake-2".to_owned(), 94)
    );
    assert_eq!(size(&cloud.facts, second, "memory_bytes").1, 3584 << 20);
    let attrs = &of(&cloud.facts, second, Aspect::Flavor)[0].value;
    assert_eq!(
        attrs.known().unwrap().attrs["vcpus_allocation_ratio"],
        "1.5"
    );
    assert!(cloud.facts.iter().all(|f| f.aspect != Aspect::Owner));
    assert!(
        of(&cloud.facts, "pool", Aspect::State).is_empty(),
        "storage alone is no hypervisor"
    );
    cloud.later(300);
    let fewer = without(providers, "resource_providers", |p| p["uuid"] == second);
    cloud.answers("/placement/resource_providers", 200, fewer);
    cloud.answers(
        &format!("/placement/resource_providers/{second}/inventories"),
        404,
        json!({"errors": []}),
    );
    complete(&cloud.collect().await["hypervisors"], 1);
    assert_eq!(
        (cloud.facts.len(), &cloud.facts[0].value),
        (1, &Value::Gone)
    );
}

#[tokio::test]
async fn load_balancers_have_states_that_last_and_flavors_by_name() {
    let mut cloud = Cloud::start(&[("load-balancer", "/load-balancer")]).await;
    let balancer = |id: &str, status: &str, flavor: Json| {
        json!({"id": id, "name": id, "project_id": "p1", "provisioning_status": status, "operating_status": "DEGRADED", "admin_state_up": true,
            "vip_address": "203.0.113.50", "provider": "amphora", "flavor_id": flavor, "availability_zone": "az1",
            "created_at": "2026-11-23T08:00:00", "updated_at": "2026-11-23T08:01:00"})
    };
    let all = json!({"loadbalancers": [balancer("a", "ACTIVE", json!("f1")), balancer("b", "ERROR", Json::Null), balancer("c", "PENDING_CREATE", json!("f2"))],
        "loadbalancers_links": []});
    let lists = "/load-balancer/v2.0/lbaas/loadbalancers";
    cloud.answers(lists, 200, all.clone());
    cloud.answers(
        "/load-balancer/v2.0/lbaas/flavors",
        200,
        json!({"flavors": [{"id": "f1", "name": "large", "enabled": true}]}),
    );
    complete(&cloud.collect().await["load_balancers"], 3);
    let last = |id: &str, aspect| of(&cloud.facts, id, aspect).last().unwrap().value.clone();
    assert_eq!(
        (last("a", Aspect::State), last("a", Aspect::Flavor)),
        (Value::label("active"), Value::label("large"))
    );
    assert_eq!(
        (last("b", Aspect::State), last("b", Aspect::Flavor)),
        (Value::label("error"), Value::label(""))
    );
    assert_eq!(
        (last("c", Aspect::State), last("c", Aspect::Flavor)),
        (Value::label("creating"), Value::label("f2"))
    );
    assert_eq!(last("a", Aspect::Owner), Value::label("p1"));
    // Those who are shown their own project's only are refused another's.
    let others = format!("{lists}?project_id=00000000000000000000000000000000&limit=1");
    let own = all["loadbalancers"].as_array().unwrap().clone();
    let mut own = json!({"loadbalancers": own});
    for balancer in own["loadbalancers"].as_array_mut().unwrap() {
        balancer["project_id"] = json!(PROJECT);
    }
    cloud.answers(lists, 200, own);
    cloud.answers(&others, 403, json!({"faultcode": "Client", "faultstring": "Policy does not allow this request to be performed."}));
    let pass = &cloud.collect().await["load_balancers"];
    assert_eq!(pass.outcome, Outcome::Suspect);
    assert!(
        pass.error.contains("loadbalancer:get_all-global"),
        "{}",
        pass.error
    );
    // A list of flavors that cannot be read for the moment is not taken for one that may not be.
    cloud.answers(lists, 200, all);
    cloud.answers("/load-balancer/v2.0/lbaas/flavors", 500, json!({}));
    failed(
        &cloud.collect().await["load_balancers"],
        &["/lbaas/flavors", "status 500"],
    );
    cloud.answers("/load-balancer/v2.0/lbaas/flavors", 403, json!({}));
    complete(&cloud.collect().await["load_balancers"], 3);
    assert_eq!(
        of(&cloud.facts, "a", Aspect::Flavor)[0].value,
        Value::label("f1")
    );
}

#[tokio::test]
async fn recorded_load_balancers_are_read() {
    let mut cloud = Cloud::start(&[("load-balancer", "")]).await;
    cloud.later(2 * 86_400);
    for (path, name) in [
        ("loadbalancers", "octavia/loadbalancers"),
        ("flavors", "octavia/flavors"),
    ] {
        cloud.answers(&format!("/v2.0/lbaas/{path}"), 200, recorded(name));
    }
    complete(&cloud.collect().await["load_balancers"], 8);
    let active = "7f1075fb-8756-4581-b5b4-faa3e1f9817b";
    let states = of(&cloud.facts, active, Aspect::State);
    assert_eq!(
        (states[0].at, &states[1].value),
        (ts("2026-11-25T01:43:32Z"), &Value::label("active"))
    );
    let never_up = "52d3c16a-8698-4469-b9a1-10754b121dfb";
    let states = of(&cloud.facts, never_up, Aspect::State);
    assert_eq!(
        states[1].value,
        Value::label("build_error"),
        "nobody pays for it"
    );
    assert_eq!(
        of(&cloud.facts, active, Aspect::Owner)[0].value,
        Value::label("b7c3a7f4d37741bb8b471db829a8714f")
    );
    cloud.later(300);
    complete(&cloud.collect().await["load_balancers"], 8);
    assert!(cloud.facts.is_empty(), "{:?}", cloud.facts);
}

#[tokio::test]
async fn recorded_shares_are_read() {
    let mut cloud = Cloud::start(&[("shared-file-system", "/share/v2")]).await;
    cloud.later(2 * 86_400);
    let list = "/share/v2/shares/detail?all_tenants=1&sort_key=id&sort_dir=asc&limit=1000&offset=";
    cloud.answers(
        &format!("{list}0"),
        200,
        recorded("manila/shares-detail-all_tenants-2.7"),
    );
    cloud.answers(&format!("{list}4"), 200, json!({"shares": []}));
    complete(&cloud.collect().await["shares"], 4);
    let fast = "425470b7-3917-4b45-8bc7-93f9e34be03d";
    assert_eq!(
        size(&cloud.facts, fast, "capacity_bytes"),
        ("lab-share-fast".to_owned(), 3 << 30)
    );
}

#[tokio::test]
async fn recorded_accounts_are_read() {
    let mut cloud = swift().await;
    let account_of_one = include_str!("../../captures/openstack/swift/account-head.headers");
    cloud.tells(&account("stores"), 204, account_of_one, "");
    complete(&cloud.collect().await["accounts"], 1);
    assert_eq!(
        size(&cloud.facts, "stores/policy-0", "capacity_bytes").1,
        5_243_880
    );
    assert_eq!(size(&cloud.facts, "stores/policy-0", "objects").1, 2);
}

#[tokio::test]
async fn shares_have_states_that_last_and_pages_that_move_on() {
    let mut cloud = Cloud::with(&[("shared-file-system", "/share/v2")], |conf| {
        conf.page_size = 2
    })
    .await;
    let share = |id: &str, status: &str| {
        json!({"id": id, "name": id, "project_id": "p1", "status": status, "size": 3, "share_proto": "NFS", "share_type": "t1", "share_type_name": "fast",
            "availability_zone": "az1", "created_at": "2026-11-23T08:00:00.000000"})
    };
    let at = |cloud: &Cloud, offset: usize, shares: Json| {
        let path = format!(
            "/share/v2/shares/detail?all_tenants=1&sort_key=id&sort_dir=asc&limit=2&offset={offset}"
        );
        // Its link names a marker that it does not read.
        let next =
            json!([{"rel": "next", "href": "http://inside/v2/shares/detail?limit=2&marker=b"}]);
        cloud.answers(&path, 200, json!({"shares": shares, "shares_links": next}));
    };
    at(
        &cloud,
        0,
        json!([share("a", "available"), share("b", "extending")]),
    );
    at(&cloud, 2, json!([share("c", "extending_error")]));
    at(&cloud, 3, json!([]));
    cloud.answers("/share/v2/services", 200, json!({"services": []}));
    complete(&cloud.collect().await["shares"], 3);
    assert_eq!(
        size(&cloud.facts, "a", "capacity_bytes"),
        ("fast".to_owned(), 3 << 30)
    );
    let last = |id: &str| {
        of(&cloud.facts, id, Aspect::State)
            .last()
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(
        ["a", "b", "c"].map(last),
        ["available", "creating", "error"].map(Value::label)
    );
    // A Manila that reads no offset shows the same page again.
    at(
        &cloud,
        2,
        json!([share("a", "available"), share("b", "extending")]),
    );
    failed(&cloud.collect().await["shares"], &["page 2 repeats items"]);
}

#[tokio::test]
async fn what_is_missing_is_asked_for_several_at_once() {
    let mut cloud = cinder().await;
    cloud.collect().await;
    cloud.later(300);
    cloud.answers(&volume("volumes/detail"), 200, json!({"volumes": []}));
    cloud.believe(&["volumes"]);
    assert_eq!(cloud.at_once(), 1);
    complete(&cloud.collect().await["volumes"], 0);
    assert_eq!(cloud.facts.len(), 17);
    let most = cloud.at_once();
    assert!((2..=8).contains(&most), "{most} at once");
}
