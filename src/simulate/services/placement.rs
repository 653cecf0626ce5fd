//! Placement: what each hypervisor has, by resource class, and what of it is used.

use super::{answer, refuse};
use crate::simulate::{
    dice::Dice,
    nova::{HOST_DISK_GB, HOST_MEMORY_MB, HOST_VCPUS, host_name},
    scenario::Service,
    wire::{Ask, Cloud, Refused, put},
};
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::Response,
    routing::get,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// GPUs of a hypervisor, where the cloud has flavors with any.
const HOST_GPUS: i64 = 4;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/placement", get(versions))
        .route("/placement/", get(versions))
        .route("/placement/resource_providers", get(providers))
        .route(
            "/placement/resource_providers/{id}/inventories",
            get(inventories),
        )
        .route("/placement/resource_providers/{id}/usages", get(usages))
}

async fn versions(_: Ask) -> Response {
    super::open(&json!({"versions": [
        {"id": "v1.0", "max_version": "1.39", "min_version": "1.0", "status": "CURRENT", "links": [{"rel": "self", "href": ""}]},
    ]}))
}

fn fault(code: StatusCode, title: &str, detail: &str) -> Refused {
    let body = json!({"errors": [{"status": code.as_u16(), "title": title, "detail": detail, "request_id": ""}]});
    refuse(code, &body)
}

/// Answers an administrator, with the version that was asked for.
fn of_admin(ask: &Ask, body: impl FnOnce() -> super::Answer) -> Response {
    let mut response = answer(ask, || {
        super::of_admin(ask, Service::Placement, || {
            let detail = "Policy does not allow placement:resource_providers:list to be performed.";
            fault(StatusCode::FORBIDDEN, "Forbidden", detail)
        })?;
        body()
    });
    let asked = ask
        .header("openstack-api-version")
        .and_then(|h| h.strip_prefix("placement "))
        .unwrap_or("1.0")
        .to_owned();
    let headers = response.headers_mut();
    let name = HeaderName::from_static("openstack-api-version");
    put(headers, name, &format!("placement {asked}"));
    put(headers, header::VARY, "openstack-api-version");
    response
}

fn id_of(ask: &Ask, host: u32) -> String {
    Dice::new(ask.cloud.world.seed, &["hypervisor", &host_name(host)]).uuid()
}

/// The hypervisor with that id.
fn host_of(ask: &Ask, id: &str) -> Result<u32, Refused> {
    (0..ask.cloud.world.hosts)
        .find(|h| id_of(ask, *h) == id)
        .ok_or_else(|| {
            let detail = format!("No resource provider with uuid {id} found ");
            fault(StatusCode::NOT_FOUND, "Not Found", &detail)
        })
}

async fn providers(ask: Ask) -> Response {
    of_admin(&ask, || {
        let one = |host: u32| {
            let id = id_of(&ask, host);
            let link = |rel: &str, tail: &str| json!({"rel": rel, "href": format!("/placement/resource_providers/{id}{tail}")});
            let more = [
                "inventories",
                "usages",
                "aggregates",
                "traits",
                "allocations",
            ];
            let links: Vec<Value> = std::iter::once(link("self", ""))
                .chain(more.iter().map(|r| link(r, &format!("/{r}"))))
                .collect();
            json!({"uuid": id, "name": host_name(host), "generation": 1, "links": links,
                   "parent_provider_uuid": null, "root_provider_uuid": id})
        };
        let all: Vec<Value> = (0..ask.cloud.world.hosts).map(one).collect();
        Ok(json!({"resource_providers": all}))
    })
}

/// True where the cloud has flavors with GPUs: then every hypervisor has some.
fn has_gpus(ask: &Ask) -> bool {
    ask.cloud.world.flavors.iter().any(|f| f.is.gpus > 0)
}

async fn inventories(ask: Ask, Path(id): Path<String>) -> Response {
    of_admin(&ask, || {
        host_of(&ask, &id)?;
        let one = |total: i64, reserved: i64, ratio: &str| {
            // Ratios are no whole numbers: read from their text, so that none of ours passes through a float.
            let ratio: Value = serde_json::from_str(ratio).unwrap_or_default();
            json!({"total": total, "reserved": reserved, "min_unit": 1, "max_unit": total, "step_size": 1, "allocation_ratio": ratio})
        };
        let mut all = json!({
            "VCPU": one(HOST_VCPUS, 0, "4.0"), "MEMORY_MB": one(HOST_MEMORY_MB, 8_192, "1.0"), "DISK_GB": one(HOST_DISK_GB, 100, "1.0"),
        });
        if has_gpus(&ask) {
            all["PGPU"] = one(HOST_GPUS, 0, "1.0");
        }
        Ok(json!({"resource_provider_generation": 1, "inventories": all}))
    })
}

async fn usages(ask: Ask, Path(id): Path<String>) -> Response {
    of_admin(&ask, || {
        let host = host_of(&ask, &id)?;
        let world = &ask.cloud.world;
        let here = world
            .servers
            .iter()
            .filter_map(|s| s.at(ask.second()))
            .filter(|r| r.host == Some(host) && !r.deleted)
            .map(|r| &world.flavors[r.flavor].is);
        let mut sums = [0; 4];
        for f in here {
            let of = [f.vcpus, f.ram_mib, f.disk_gib + f.ephemeral_gib, f.gpus];
            sums.iter_mut().zip(of).for_each(|(sum, more)| *sum += more);
        }
        let names = ["VCPU", "MEMORY_MB", "DISK_GB", "PGPU"];
        let shown = if has_gpus(&ask) { 4 } else { 3 };
        let all: Map<String, Value> = names
            .into_iter()
            .zip(sums)
            .take(shown)
            .map(|(n, sum)| (n.to_owned(), sum.into()))
            .collect();
        Ok(json!({"resource_provider_generation": 1, "usages": all}))
    })
}
