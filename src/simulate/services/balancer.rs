//! Octavia v2: load balancers. Those that were deleted are 404 at once.
//!
//! API: <https://docs.openstack.org/api-ref/load-balancer/v2/>.

use super::{Bad, answer, bare, known, next_link, page, private_address, refuse};
use crate::simulate::{
    scenario::{Service, stock::Kind},
    stock::{Shown, Thing},
    wire::{Ask, Cloud, Refused},
};
use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};
use serde_json::{Value, json};
use std::sync::Arc;

/// Octavia's `pagination_max_limit`, as most set it.
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/load-balancer/", get(versions))
        .route("/load-balancer/v2.0/lbaas/loadbalancers", get(list))
        .route("/load-balancer/v2.0/lbaas/loadbalancers/{id}", get(one))
        .route("/load-balancer/v2.0/octavia/amphorae", get(amphorae))
        .route("/load-balancer/v2.0/lbaas/flavors", get(flavors))
}

async fn versions(ask: Ask) -> Response {
    let links = json!([{"rel": "self", "href": format!("{}/load-balancer/v2", ask.root)}]);
    let one = |id: &str, status: &str| json!({"id": id, "status": status, "updated": "2023-02-25T00:00:00Z", "links": links});
    super::open(&json!({"versions": [one("v2.0", "SUPPORTED"), one("v2.27", "CURRENT")]}))
}

/// `{"faultcode": "Client", "faultstring": "...", "debuginfo": null}`.
fn fault(code: StatusCode, message: &str) -> Refused {
    let body = json!({"faultcode": "Client", "faultstring": message, "debuginfo": null});
    refuse(code, &body)
}

fn not_allowed() -> Refused {
    let message = "Policy does not allow this request to be performed.";
    fault(StatusCode::FORBIDDEN, message)
}

async fn list(ask: Ask) -> Response {
    answer(&ask, || {
        let project = ask.param("project_id");
        // Who may not see all is shown the own project's, and refused another's by name.
        if project.is_some() {
            super::of_admin(&ask, Service::LoadBalancer, not_allowed)?;
        }
        let wanted =
            |r: &Shown| project.is_none_or(|p| p == ask.cloud.world.projects[r.project].id);
        let of = (Service::LoadBalancer, Kind::LoadBalancer);
        let listed =
            page(&ask, of, (Some(PAGE_MAX), PAGE_MAX), wanted).map_err(|bad| match bad {
                Bad::Limit => fault(
                    StatusCode::BAD_REQUEST,
                    "Supplied pagination limit is not valid.",
                ),
                Bad::Marker(id) => not_found(&id),
            })?;
        let items: Vec<Value> = listed
            .items
            .iter()
            .map(|(x, r)| shown(&ask, x, r))
            .collect();
        let links = next_link(&ask, "/load-balancer/v2.0/lbaas/loadbalancers", &listed);
        Ok(
            json!({"loadbalancers": items, "loadbalancers_links": links.unwrap_or_else(|| json!([]))}),
        )
    })
}

fn not_found(id: &str) -> Refused {
    let message = format!("Load Balancer {id} not found.");
    fault(StatusCode::NOT_FOUND, &message)
}

async fn one(ask: Ask, Path(id): Path<String>) -> Response {
    answer(&ask, || {
        let found = ask.cloud.world.stock.get(Kind::LoadBalancer, &id, ask.now);
        found
            .filter(|_| !ask.role_lost(Service::LoadBalancer))
            .map(|(x, r)| json!({"loadbalancer": shown(&ask, x, r)}))
            .ok_or_else(|| not_found(&id))
    })
}

fn shown(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project].id;
    let operating = match r.state {
        // One that breaks keeps the operating status that it had.
        "active" | "error" => "ONLINE",
        _ => "OFFLINE",
    };
    // Null until it was changed for the first time.
    let updated = (r.at > x.born).then(|| bare(r.at));
    json!({
        "id": x.id, "name": x.name, "description": "", "provisioning_status": r.status, "operating_status": operating, "admin_state_up": true,
        "project_id": project, "tenant_id": project, "created_at": bare(x.born), "updated_at": updated, "vip_address": private_address(&x.id),
        "vip_port_id": known(world, &["vip of", &x.id]), "vip_subnet_id": known(world, &["subnet of", project]),
        "vip_network_id": known(world, &["network of", project]), "vip_qos_policy_id": null, "vip_vnic_type": "normal",
        "vip_sg_ids": [], "additional_vips": [], "listeners": [], "pools": [], "provider": "amphora", "flavor_id": null,
        "availability_zone": null, "tags": [],
    })
}

/// Only administrators may ask for it.
async fn amphorae(ask: Ask) -> Response {
    answer(&ask, || {
        super::of_admin(&ask, Service::LoadBalancer, not_allowed)?;
        Ok(json!({"amphorae": [], "amphorae_links": []}))
    })
}

async fn flavors(ask: Ask) -> Response {
    answer(&ask, || Ok(json!({"flavors": [], "flavors_links": []})))
}
