//! Manila v2: shares. It pages by offset, and says nothing of a share's last change.
//!
//! API: <https://docs.openstack.org/api-ref/shared-file-system/>.

use super::{Answer, known, long, refuse};
use crate::simulate::{
    scenario::{Service, stock::Kind},
    stock::{Shown, Thing},
    wire::{Ask, Cloud, Refused, nova_error, put},
};
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The latest microversion: 2.82 (Manila 17, 2023.2).
const MINOR_MAX: u32 = 82;
const PAGE_MAX: usize = 1_000;
const GIB: i64 = 1 << 30;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/share/", get(versions))
        .route("/share/v2/shares/detail", get(list))
        .route("/share/v2/shares/{id}", get(one))
        .route("/share/v2/services", get(services))
}

async fn versions(ask: Ask) -> Response {
    super::open(&json!({"versions": [{
        "id": "v2.0", "status": "CURRENT", "version": format!("2.{MINOR_MAX}"), "min_version": "2.0", "updated": "2015-08-27T11:33:21Z",
        "links": [{"rel": "self", "href": format!("{}/share/v2/", ask.root)}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.share+json;version=1"}],
    }]}))
}

fn fault(code: StatusCode, kind: &str, message: &str) -> Refused {
    Box::new(nova_error(code, kind, message))
}

/// Answers with what `body` makes, by the microversion that was asked for; 2.0 without a header.
fn answer(ask: &Ask, body: impl FnOnce(u32) -> Answer) -> Response {
    const VERSION: &str = "x-openstack-manila-api-version";
    let asked = ask.header(VERSION).unwrap_or("2.0");
    let minor = asked.strip_prefix("2.").and_then(|m| m.parse().ok());
    let minor = minor.filter(|m| *m <= MINOR_MAX);
    let Some(minor) = minor else {
        let message = format!(
            "Version {asked} is not supported by the API. Minimum is 2.0 and maximum is 2.{MINOR_MAX}."
        );
        return *fault(StatusCode::NOT_ACCEPTABLE, "computeFault", &message);
    };
    let mut response = super::answer(ask, || body(minor));
    let headers = response.headers_mut();
    put(
        headers,
        HeaderName::from_static(VERSION),
        &format!("2.{minor}"),
    );
    put(headers, header::VARY, "X-OpenStack-Manila-API-Version");
    response
}

fn number(ask: &Ask, name: &str, usual: usize) -> Result<usize, Refused> {
    let wrong = || {
        let message = format!("{name} param must be an integer");
        fault(StatusCode::BAD_REQUEST, "badRequest", &message)
    };
    ask.param(name)
        .map_or(Ok(usual), |v| v.parse().map_err(|_| wrong()))
}

async fn list(ask: Ask) -> Response {
    answer(&ask, |minor| {
        // Without `all_tenants` one sees one's own project, which has nothing.
        let of_all = ask.param("all_tenants").is_some_and(|v| v == "1");
        let hidden = !of_all || ask.role_lost(Service::Share);
        let project = ask.param("project_id");
        let (offset, limit) = (number(&ask, "offset", 0)?, number(&ask, "limit", PAGE_MAX)?);
        let world = &ask.cloud.world;
        let all = world
            .stock
            .of(Kind::Share, ask.now)
            .filter(|(_, r)| !hidden && project.is_none_or(|p| p == world.projects[r.project].id));
        let mut all: Vec<_> = all.collect();
        if ask.param("sort_key") == Some("id") {
            all.sort_by_key(|(x, _)| &x.id);
        }
        let items: Vec<Value> = all
            .into_iter()
            .skip(offset)
            .take(limit.min(PAGE_MAX))
            .map(|(x, r)| shown(&ask, x, r, minor))
            .collect();
        Ok(json!({"shares": items}))
    })
}

async fn one(ask: Ask, Path(id): Path<String>) -> Response {
    answer(&ask, |minor| {
        let found = ask.cloud.world.stock.get(Kind::Share, &id, ask.now);
        found
            .filter(|_| !ask.role_lost(Service::Share))
            .map(|(x, r)| json!({"share": shown(&ask, x, r, minor)}))
            .ok_or_else(|| {
                let message = format!("Share {id} could not be found.");
                fault(StatusCode::NOT_FOUND, "itemNotFound", &message)
            })
    })
}

fn shown(ask: &Ask, x: &Thing, r: &Shown, minor: u32) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project];
    let root = &ask.root;
    let links = json!([{"rel": "self", "href": format!("{root}/share/v2/shares/{}", x.id)},
                       {"rel": "bookmark", "href": format!("{root}/share/shares/{}", x.id)}]);
    let mut body = json!({
        "id": x.id, "name": x.name, "description": null, "size": r.size / GIB, "availability_zone": "nova", "created_at": long(x.born),
        "status": r.status, "project_id": project.id, "snapshot_id": null, "share_network_id": null, "share_proto": "NFS", "metadata": {},
        "share_type": known(world, &["share type", &r.label]), "volume_type": r.label, "is_public": false,
        "host": format!("ceph@{0}#{0}", r.label), "share_server_id": null, "links": links, "snapshot_support": true,
    });
    let added = [
        (5, "task_state", Value::Null),
        (6, "share_type_name", json!(r.label)),
        (11, "replication_type", Value::Null),
        (11, "has_replicas", json!(false)),
        (16, "user_id", json!(project.user_id)),
        (24, "create_share_from_snapshot_support", json!(true)),
        (27, "revert_to_snapshot_support", json!(false)),
        (32, "mount_snapshot_support", json!(false)),
        (54, "progress", json!("100%")),
    ];
    if minor < 9 {
        let export = format!("192.0.2.7:/shares/{}", x.id);
        body["export_locations"] = json!([export]);
        body["export_location"] = export.into();
    }
    for (from, name, value) in added {
        if minor >= from {
            body[name] = value;
        }
    }
    body
}

/// Only administrators may ask for it.
async fn services(ask: Ask) -> Response {
    answer(&ask, |_| {
        super::of_admin(&ask, Service::Share, || {
            let message = "Policy doesn't allow service:index to be performed.";
            let body = json!({"forbidden": {"code": 403, "message": message}});
            refuse(StatusCode::FORBIDDEN, &body)
        })?;
        let one = |id: u32, binary: &str| {
            json!({"id": id, "binary": binary, "host": "controller", "zone": "nova", "status": "enabled", "state": "up",
                   "updated_at": long(ask.second())})
        };
        Ok(json!({"services": [one(1, "manila-scheduler"), one(2, "manila-share")]}))
    })
}
