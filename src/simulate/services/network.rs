//! Neutron v2.0: floating IPs, ports on the public network, routers, networks, subnets.

use super::{
    Bad, answer, known, next_address, page, private_address, public_address, refuse, zulu,
};
use crate::simulate::{
    scenario::{Service, stock::Kind},
    stock::{Shown, Thing},
    wire::{Ask, Cloud, Refused},
};
use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/network/", get(versions))
        .route("/network/v2.0/networks", get(networks))
        .route("/network/v2.0/subnets", get(subnets))
        .route("/network/v2.0/agents", get(agents))
        .route("/network/v2.0/quotas", get(quotas))
        .route("/network/v2.0/{kind}", get(list))
        .route("/network/v2.0/{kind}/{id}", get(one))
}

async fn versions(ask: Ask) -> Response {
    let links = json!([{"rel": "self", "href": format!("{}/network/v2.0/", ask.root)}]);
    let body = json!({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]});
    super::open(&body)
}

/// `{"NeutronError": {"type": ..., "message": ..., "detail": ""}}`.
fn fault(code: StatusCode, kind: &str, message: &str) -> Refused {
    let body = json!({"NeutronError": {"type": kind, "message": message, "detail": ""}});
    refuse(code, &body)
}

fn kind_of(word: &str) -> Result<Kind, Refused> {
    match word {
        "floatingips" => Ok(Kind::FloatingIp),
        "ports" => Ok(Kind::Port),
        "routers" => Ok(Kind::Router),
        _ => {
            let message = "The resource could not be found.";
            Err(fault(StatusCode::NOT_FOUND, "HTTPNotFound", message))
        }
    }
}

/// Filters that are asked for: as Neutron's, they may be repeated.
fn is_asked(ask: &Ask, item: &Value) -> bool {
    [
        "network_id",
        "floating_network_id",
        "project_id",
        "device_owner",
        "status",
    ]
    .iter()
    .filter(|name| ask.param(name).is_some())
    .all(|name| ask.params(name).any(|v| item[*name] == v))
}

/// In pages only if a size is asked for.
async fn list(ask: Ask, Path(word): Path<String>) -> Response {
    answer(&ask, || {
        let kind = kind_of(&word)?;
        let listed =
            page(&ask, (Service::Network, kind), (None, usize::MAX), |_| true).map_err(|bad| {
                match bad {
                    Bad::Limit => fault(
                        StatusCode::BAD_REQUEST,
                        "BadRequest",
                        "Bad limit request: limit is no number.",
                    ),
                    Bad::Marker(id) => not_found(kind, &id),
                }
            })?;
        let items = listed.items.iter().map(|(x, r)| shown(&ask, x, r));
        let items: Vec<Value> = items.filter(|i| is_asked(&ask, i)).collect();
        let mut body = json!({word.as_str(): items});
        let first = listed.items.first().map(|(x, _)| x.id.clone());
        let last = listed.items.last().map(|(x, _)| x.id.clone());
        if let (Some(first), Some(last), true) = (first, last, listed.full) {
            let path = format!("/network/v2.0/{word}");
            let href = |marker: &str| format!("{}{}", ask.root, next_address(&ask, &path, marker));
            body[format!("{word}_links")] = json!([
                {"rel": "next", "href": href(&last)},
                {"rel": "previous", "href": format!("{}&page_reverse=True", href(&first))},
            ]);
        }
        Ok(body)
    })
}

fn not_found(kind: Kind, id: &str) -> Refused {
    let (what, words) = match kind {
        Kind::FloatingIp => ("FloatingIPNotFound", "Floating IP"),
        Kind::Router => ("RouterNotFound", "Router"),
        _ => ("PortNotFound", "Port"),
    };
    let message = format!("{words} {id} could not be found");
    fault(StatusCode::NOT_FOUND, what, &message)
}

async fn one(ask: Ask, Path((word, id)): Path<(String, String)>) -> Response {
    answer(&ask, || {
        let kind = kind_of(&word)?;
        let found = ask.cloud.world.stock.get(kind, &id, ask.now);
        let (x, r) = found
            .filter(|_| !ask.role_lost(Service::Network))
            .ok_or_else(|| not_found(kind, &id))?;
        Ok(json!({word.trim_end_matches('s'): shown(&ask, x, r)}))
    })
}

fn network_id(ask: &Ask) -> String {
    known(&ask.cloud.world, &["network", "public"])
}

fn subnet_id(ask: &Ask) -> String {
    known(&ask.cloud.world, &["subnet", "public"])
}

fn revision(x: &Thing, r: &Shown) -> usize {
    x.records.iter().position(|o| o.at == r.at).unwrap_or(0)
}

fn shown(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    match x.kind {
        Kind::Port => port(ask, x, r),
        Kind::Router => router(ask, x, r),
        _ => floating_ip(ask, x, r),
    }
}

fn floating_ip(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project].id;
    let led = r.status == "ACTIVE";
    let to = r.server.as_ref().unwrap_or(&x.id);
    json!({
        "id": x.id, "tenant_id": project, "project_id": project, "floating_ip_address": public_address(&x.id),
        "floating_network_id": network_id(ask), "router_id": led.then(|| known(world, &["router of", project])),
        "port_id": led.then(|| known(world, &["port of", to])), "fixed_ip_address": led.then(|| private_address(to)), "status": r.status,
        "description": "", "qos_policy_id": null, "port_details": null, "port_forwardings": [], "tags": [],
        "created_at": zulu(x.born), "updated_at": zulu(r.at), "revision_number": revision(x, r),
    })
}

fn port(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project].id;
    let (id, bound) = (&x.id, r.status == "ACTIVE");
    let mac = format!("fa:16:3e:{}:{}:{}", &id[0..2], &id[2..4], &id[4..6]);
    json!({
        "id": id, "name": x.name, "network_id": network_id(ask), "project_id": project, "mac_address": mac, "admin_state_up": true,
        "status": r.status, "device_id": known(world, &["device of", id]), "device_owner": "compute:nova",
        "fixed_ips": [{"subnet_id": subnet_id(ask), "ip_address": public_address(id)}], "allowed_address_pairs": [], "extra_dhcp_opts": [],
        "security_groups": [known(world, &["security group", project])], "description": "", "binding:vnic_type": "normal",
        "binding:profile": {}, "binding:host_id": if bound { "compute-01" } else { "" },
        "binding:vif_type": if bound { "ovs" } else { "unbound" },
        "binding:vif_details": if bound { json!({"port_filter": true}) } else { json!({}) }, "port_security_enabled": true,
        "qos_policy_id": null, "qos_network_policy_id": null, "resource_request": null, "tags": [], "created_at": zulu(x.born),
        "updated_at": zulu(r.at), "revision_number": revision(x, r), "tenant_id": project,
    })
}

fn router(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    let project = &ask.cloud.world.projects[r.project].id;
    let address = json!({"subnet_id": subnet_id(ask), "ip_address": public_address(&x.id)});
    let gateway = json!({"network_id": network_id(ask), "external_fixed_ips": [address], "enable_snat": true});
    json!({
        "id": x.id, "name": x.name, "project_id": project, "admin_state_up": true, "status": r.status,
        "external_gateway_info": (r.size > 0).then_some(gateway), "description": "", "availability_zones": [], "distributed": false,
        "ha": false, "availability_zone_hints": [], "routes": [], "flavor_id": null, "tags": [], "created_at": zulu(x.born),
        "updated_at": zulu(r.at), "revision_number": revision(x, r), "tenant_id": project,
    })
}

async fn networks(ask: Ask) -> Response {
    answer(&ask, || {
        let world = &ask.cloud.world;
        let (own, made) = (&world.projects[0].id, world.start - 400 * 86_400);
        let public = json!({
            "id": network_id(&ask), "name": world.public_network, "tenant_id": own, "project_id": own, "admin_state_up": true, "mtu": 1500,
            "status": "ACTIVE", "subnets": [subnet_id(&ask)], "shared": true, "availability_zone_hints": [], "availability_zones": [],
            "ipv4_address_scope": null, "ipv6_address_scope": null, "router:external": true, "qinq": false, "vlan_transparent": false,
            "description": "", "port_security_enabled": true, "qos_policy_id": null, "is_default": true, "tags": [],
            "created_at": zulu(made), "updated_at": zulu(made), "revision_number": 2, "provider:network_type": "flat",
            "provider:physical_network": "public", "provider:segmentation_id": null,
        });
        let hidden = ask.role_lost(Service::Network)
            || ask
                .param("router:external")
                .is_some_and(|v| !["True", "true", "1"].contains(&v));
        Ok(json!({"networks": if hidden { vec![] } else { vec![public] }}))
    })
}

async fn subnets(ask: Ask) -> Response {
    answer(&ask, || {
        let world = &ask.cloud.world;
        let (own, made) = (&world.projects[0].id, world.start - 400 * 86_400);
        let public = json!({
            "id": subnet_id(&ask), "name": "public-v4", "project_id": own, "network_id": network_id(&ask), "ip_version": 4,
            "subnetpool_id": null, "enable_dhcp": false, "ipv6_ra_mode": null, "ipv6_address_mode": null, "gateway_ip": "198.18.0.1",
            "cidr": "198.18.0.0/16", "allocation_pools": [{"start": "198.18.0.2", "end": "198.18.255.254"}], "host_routes": [],
            "dns_nameservers": [], "description": "", "router:external": true, "service_types": [], "tags": [], "created_at": zulu(made),
            "updated_at": zulu(made), "revision_number": 0, "tenant_id": own,
        });
        let hidden = ask.role_lost(Service::Network);
        Ok(json!({"subnets": if hidden { vec![] } else { vec![public] }}))
    })
}

/// Only administrators may ask for these.
fn of_admin(ask: &Ask, rule: &str, body: Value) -> Response {
    answer(ask, || {
        super::of_admin(ask, Service::Network, || {
            let message = format!("rule:{rule} is disallowed by policy");
            fault(StatusCode::FORBIDDEN, "PolicyNotAuthorized", &message)
        })?;
        Ok(body)
    })
}

async fn agents(ask: Ask) -> Response {
    of_admin(&ask, "get_agent", json!({"agents": []}))
}

async fn quotas(ask: Ask) -> Response {
    of_admin(&ask, "get_quota", json!({"quotas": []}))
}
