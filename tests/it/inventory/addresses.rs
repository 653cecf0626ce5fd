//! Neutron, as it was recorded: each public IPv4 address is counted once, at the one who holds it.

use super::{Cloud, complete, of, recorded, size};
use plimsoll::{
    config,
    domain::{Aspect, Evidence, Fact, Value},
    sources::Verdict,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const PUBLIC: &str = "3af04603-f716-4ea0-b789-6c7f81b02200";
const WEB: &str = "7a3b9720-7c77-4691-bfad-11471335a039";
const WEB_PROJECT: &str = "f6c0942244374dcfa289c8aa12dba3a3";

fn of_list(name: &str, key: &str) -> Vec<Json> {
    recorded(name)[key].as_array().unwrap().clone()
}

fn ports_of(network: &str) -> Json {
    let mut ports = of_list("neutron/ports", "ports");
    ports.retain(|p| p["network_id"] == network);
    json!({"ports": ports})
}

fn path_of(network: &str) -> String {
    format!("/v2.0/ports?network_id={network}&limit=1000")
}

/// A cloud with Neutron as it was recorded.
pub(super) async fn neutron(change: impl FnOnce(&mut config::OpenStack)) -> Cloud {
    let cloud = Cloud::with(&[("network", "")], change).await;
    for (path, name) in [
        ("networks", "neutron/networks"),
        ("floatingips", "neutron/floatingips"),
        ("routers", "neutron/routers"),
    ] {
        cloud.answers(&format!("/v2.0/{path}"), 200, recorded(name));
    }
    cloud.answers(&path_of(PUBLIC), 200, ports_of(PUBLIC));
    cloud.answers(&path_of(WEB), 200, ports_of(WEB));
    cloud.answers("/v2.0/quotas", 200, json!({"quotas": []}));
    cloud
}

/// Addresses by kind of resource.
fn held(facts: &[Fact]) -> BTreeMap<&str, i64> {
    let mut held = BTreeMap::new();
    for fact in facts.iter().filter(|f| f.aspect == Aspect::Flavor) {
        let levels = &fact.value.known().unwrap().levels;
        *held.entry(fact.key.kind.as_str()).or_default() += levels["ipv4_addresses"];
    }
    held
}

#[tokio::test]
async fn every_address_is_held_once() {
    let mut cloud = neutron(|_| ()).await;
    let passes = cloud.collect().await;
    complete(&passes["floating_ips"], 14);
    complete(&passes["routers"], 3);
    let on_public = ports_of(PUBLIC)["ports"].as_array().unwrap().len();
    complete(&passes["ports"], on_public.try_into().unwrap());
    // The public network's own ports are those of the 14 floating IPs and the 3 gateways.
    assert_eq!(on_public, 17);
    assert_eq!(
        held(&cloud.facts),
        BTreeMap::from([("floating_ip", 14), ("router", 3)])
    );
    let floating = "0426fd70-edd8-457c-a42c-23311db47999";
    assert_eq!(
        size(&cloud.facts, floating, "ipv4_addresses"),
        ("public".to_owned(), 1)
    );
    let first = |aspect| of(&cloud.facts, floating, aspect)[0].value.clone();
    assert_eq!(first(Aspect::Owner), Value::label(WEB_PROJECT));
    assert_eq!(first(Aspect::Name), Value::label("198.18.0.166"));
    assert_eq!(cloud.asked("/ports?"), 1, "of public networks alone");
    cloud.later(300);
    cloud.collect().await;
    assert!(cloud.facts.is_empty(), "{:?}", cloud.facts);
}

#[tokio::test]
async fn shared_networks_are_public_by_name_and_ports_on_them_count() {
    let shared = |cloud: &Cloud, shared: bool| {
        let mut networks = recorded("neutron/networks");
        for n in networks["networks"].as_array_mut().unwrap() {
            n["shared"] = json!(shared && n["id"] == WEB);
        }
        cloud.answers("/v2.0/networks", 200, networks);
    };
    let mut cloud = neutron(|conf| conf.public_networks = Some("web|web-.*".to_owned())).await;
    // One that is not shared is not public, whatever its name.
    cloud.collect().await;
    assert_eq!(held(&cloud.facts).get("port"), None);
    shared(&cloud, true);
    let mut ports = ports_of(WEB);
    let list = ports["ports"].as_array_mut().unwrap();
    let router = list
        .iter()
        .find(|p| p["device_owner"] == "network:router_interface");
    let router = router.unwrap()["id"].as_str().unwrap().to_owned();
    let of_servers = list
        .iter()
        .filter(|p| p["device_owner"] == "compute:nova")
        .count();
    // One has a second address, and one of IPv6 that counts nothing.
    let two = list
        .iter_mut()
        .find(|p| p["device_owner"] == "compute:nova")
        .unwrap();
    let fixed = two["fixed_ips"].as_array_mut().unwrap();
    fixed.push(json!({"subnet_id": "s", "ip_address": "198.51.100.7"}));
    fixed.push(json!({"subnet_id": "s", "ip_address": "2001:db8::7"}));
    let two = two["id"].as_str().unwrap().to_owned();
    cloud.answers(&path_of(WEB), 200, ports.clone());
    cloud.collect().await;
    assert_eq!(
        held(&cloud.facts)["port"],
        i64::try_from(of_servers).unwrap() + 1
    );
    assert_eq!(
        size(&cloud.facts, &two, "ipv4_addresses"),
        ("web-net".to_owned(), 2)
    );
    assert!(of(&cloud.facts, &router, Aspect::State).is_empty());
    // No longer shared: its ports are there, and are nothing that is metered.
    cloud.later(300);
    shared(&cloud, false);
    for port in ports["ports"].as_array().unwrap() {
        let id = port["id"].as_str().unwrap();
        cloud.answers(&format!("/v2.0/ports/{id}"), 200, json!({"port": port}));
    }
    cloud.believe(&["ports"]);
    cloud.collect().await;
    let ends = cloud.facts.iter().filter(|f| f.value == Value::Gone);
    assert_eq!(ends.count(), of_servers);
    assert!(cloud.facts.iter().all(|f| f.evidence == Evidence::Missing));
}

#[tokio::test]
async fn a_port_that_becomes_a_routers_is_no_longer_its_tenants() {
    let mut cloud = neutron(|_| ()).await;
    let mut ports = ports_of(PUBLIC);
    let list = ports["ports"].as_array_mut().unwrap();
    list[0]["device_owner"] = json!("");
    list[0]["project_id"] = json!(WEB_PROJECT);
    list[0]["status"] = json!("DOWN");
    let id = list[0]["id"].as_str().unwrap().to_owned();
    cloud.answers(&path_of(PUBLIC), 200, ports.clone());
    cloud.collect().await;
    assert_eq!(held(&cloud.facts)["port"], 1);
    cloud.later(300);
    ports["ports"][0]["device_owner"] = json!("network:router_interface");
    cloud.answers(&path_of(PUBLIC), 200, ports.clone());
    cloud.answers(
        &format!("/v2.0/ports/{id}"),
        200,
        json!({"port": ports["ports"][0]}),
    );
    cloud.collect().await;
    assert_eq!(of(&cloud.facts, &id, Aspect::State)[0].value, Value::Gone);
}

#[tokio::test]
async fn a_router_holds_the_addresses_of_all_its_gateways_or_none() {
    let mut cloud = neutron(|_| ()).await;
    let mut routers = recorded("neutron/routers");
    let second = json!({"network_id": PUBLIC, "external_fixed_ips": [{"subnet_id": "s", "ip_address": "198.18.9.9"}, {"subnet_id": "s", "ip_address": "2001:db8::9"}]});
    let first = routers["routers"][0]["external_gateway_info"].clone();
    routers["routers"][0]["external_gateways"] = json!([first, second]);
    routers["routers"][1]["external_gateway_info"] = Json::Null;
    cloud.answers("/v2.0/routers", 200, routers.clone());
    complete(&cloud.collect().await["routers"], 3);
    let at = |n: usize| {
        let id = routers["routers"][n]["id"].as_str().unwrap();
        size(&cloud.facts, id, "ipv4_addresses")
    };
    assert_eq!(at(0), ("public".to_owned(), 2));
    assert_eq!(at(1), (String::new(), 0));
    assert_eq!(at(2), ("public".to_owned(), 1));
}

#[tokio::test]
async fn without_networks_nothing_of_neutron_is_read_and_without_public_ones_no_port() {
    let mut cloud = neutron(|_| ()).await;
    cloud.collect().await;
    cloud.answers("/v2.0/networks", 500, json!({"NeutronError": {}}));
    let passes = cloud.collect().await;
    for list in ["floating_ips", "ports", "routers"] {
        super::failed(&passes[list], &["/networks", "status 500"]);
    }
    cloud.answers("/v2.0/networks", 200, json!({"networks": []}));
    let findings = cloud.check().await;
    let warned = findings.iter().find(|f| f.verdict == Verdict::Warning);
    assert!(warned.unwrap().hint.contains("public_networks"));
}
