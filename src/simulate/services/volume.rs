//! Cinder v3: volumes, snapshots, backups, types, services. The project is part of every address.

use super::{Answer, Bad, known, long, next_link, page, refuse};
use crate::simulate::{
    scenario::{Service, stock::Kind},
    stock::{Shown, Thing},
    wire::{Ask, Cloud, Refused, nova_error, put},
};
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The latest microversion: 3.70 (Cinder 23, 2023.2).
const MINOR_MAX: u32 = 70;
/// Cinder's `osapi_max_limit`.
const PAGE_MAX: usize = 1_000;
const GIB: i64 = 1 << 30;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/volume/", get(versions))
        .route("/volume/v3/{project}/os-services", get(services))
        .route("/volume/v3/{project}/types", get(types))
        .route("/volume/v3/{project}/{kind}/detail", get(list))
        .route("/volume/v3/{project}/{kind}/{id}", get(one))
}

fn document(ask: &Ask) -> Value {
    json!({"versions": [{
        "id": "v3.0", "status": "CURRENT", "version": format!("3.{MINOR_MAX}"), "min_version": "3.0", "updated": "2023-08-31T00:00:00Z",
        "links": [{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
                  {"rel": "self", "href": format!("{}/volume/v3/", ask.root)}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }]})
}

async fn versions(ask: Ask) -> Response {
    (StatusCode::MULTIPLE_CHOICES, axum::Json(document(&ask))).into_response()
}

/// The minor version asked for; 3.0 without a header.
fn microversion(ask: &Ask) -> Result<u32, Refused> {
    let named = ask
        .header("openstack-api-version")
        .and_then(|h| h.split(',').find_map(|v| v.trim().strip_prefix("volume ")));
    let Some(asked) = named.map(str::trim) else {
        return Ok(0);
    };
    let minor = asked.strip_prefix("3.").and_then(|m| m.parse().ok());
    match (asked, minor) {
        ("latest", _) => Ok(MINOR_MAX),
        (_, Some(minor @ 0..=MINOR_MAX)) => Ok(minor),
        _ => {
            let message = format!(
                "Version {asked} is not supported by the API. Minimum is 3.0 and maximum is 3.{MINOR_MAX}."
            );
            Err(fault(StatusCode::NOT_ACCEPTABLE, "computeFault", &message))
        }
    }
}

fn fault(code: StatusCode, kind: &str, message: &str) -> Refused {
    Box::new(nova_error(code, kind, message))
}

/// Answers with what `body` makes, by the microversion that was asked for.
fn answer(ask: &Ask, project: &str, body: impl FnOnce(u32) -> Answer) -> Response {
    let minor = match ask.admitted().and_then(|()| microversion(ask)) {
        Ok(minor) => minor,
        Err(refused) => return *refused,
    };
    let ours = ask.cloud.world.projects[0].id == project;
    let made = if ours {
        body(minor)
    } else {
        let wrong = "Malformed request url";
        Err(fault(StatusCode::BAD_REQUEST, "badRequest", wrong))
    };
    let mut response = made.map_or_else(|refused| *refused, |v| axum::Json(v).into_response());
    let headers = response.headers_mut();
    let name = HeaderName::from_static("openstack-api-version");
    put(headers, name, &format!("volume 3.{minor}"));
    put(headers, header::VARY, "OpenStack-API-Version");
    response
}

fn kind_of(word: &str) -> Result<Kind, Refused> {
    match word {
        "volumes" => Ok(Kind::Volume),
        "snapshots" => Ok(Kind::Snapshot),
        "backups" => Ok(Kind::Backup),
        _ => Err(fault(
            StatusCode::NOT_FOUND,
            "itemNotFound",
            "The resource could not be found.",
        )),
    }
}

async fn list(ask: Ask, Path((project, word)): Path<(String, String)>) -> Response {
    answer(&ask, &project, |minor| {
        let kind = kind_of(&word)?;
        // Without `all_tenants` one sees one's own project, which has nothing.
        let of_all = ask
            .param("all_tenants")
            .is_some_and(|v| ["", "1", "t", "true", "True"].contains(&v));
        let asked = ask.param("project_id");
        let wanted = |r: &Shown| {
            let id = &ask.cloud.world.projects[r.project].id;
            of_all && asked.is_none_or(|a| a == id)
        };
        let listed = page(
            &ask,
            (Service::Volume, kind),
            (Some(PAGE_MAX), PAGE_MAX),
            wanted,
        )
        .map_err(|bad| match bad {
            Bad::Limit => fault(
                StatusCode::BAD_REQUEST,
                "badRequest",
                "Invalid input for query parameters limit.",
            ),
            Bad::Marker(id) => not_found(kind, &id),
        })?;
        let items: Vec<Value> = listed
            .items
            .iter()
            .map(|(x, r)| shown(&ask, x, r, minor))
            .collect();
        let mut body = json!({word.as_str(): items});
        let path = format!("/volume/v3/{project}/{word}/detail");
        if let Some(links) = next_link(&ask, &path, &listed) {
            body[format!("{word}_links")] = links;
        }
        Ok(body)
    })
}

fn not_found(kind: Kind, id: &str) -> Refused {
    let what = match kind {
        Kind::Snapshot => "Snapshot",
        Kind::Backup => "Backup",
        _ => "Volume",
    };
    let message = format!("{what} {id} could not be found.");
    fault(StatusCode::NOT_FOUND, "itemNotFound", &message)
}

async fn one(ask: Ask, Path((project, word, id)): Path<(String, String, String)>) -> Response {
    answer(&ask, &project, |minor| {
        let kind = kind_of(&word)?;
        let found = ask.cloud.world.stock.get(kind, &id, ask.now);
        let (x, r) = found
            .filter(|_| !ask.role_lost(Service::Volume))
            .ok_or_else(|| not_found(kind, &id))?;
        Ok(json!({word.trim_end_matches('s'): shown(&ask, x, r, minor)}))
    })
}

fn shown(ask: &Ask, x: &Thing, r: &Shown, minor: u32) -> Value {
    match x.kind {
        Kind::Snapshot => snapshot(ask, x, r, minor),
        Kind::Backup => backup(ask, x, r, minor),
        _ => volume(ask, x, r, minor),
    }
}

/// Adds what later microversions added.
fn since(body: &mut Value, minor: u32, fields: &[(u32, &str, Value)]) {
    for (from, name, value) in fields {
        if minor >= *from {
            body[*name] = value.clone();
        }
    }
}

fn links(ask: &Ask, word: &str, id: &str) -> Value {
    let own = &ask.cloud.world.projects[0].id;
    let root = &ask.root;
    json!([{"rel": "self", "href": format!("{root}/volume/v3/{own}/{word}/{id}")},
           {"rel": "bookmark", "href": format!("{root}/volume/{own}/{word}/{id}")}])
}

fn volume(ask: &Ask, x: &Thing, r: &Shown, minor: u32) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project];
    let attached = r.server.as_ref().filter(|_| r.state == "in-use");
    let attachment = |server: &String| {
        json!({"id": x.id, "attachment_id": known(world, &["attachment", &x.id, server]), "volume_id": x.id, "server_id": server,
               "host_name": "compute-01", "device": "/dev/sdb", "attached_at": long(r.at)})
    };
    let attachments: Vec<Value> = attached.map(attachment).into_iter().collect();
    let host = format!("ceph@{0}#{0}", r.label);
    let mut body = json!({
        "id": x.id, "status": r.status, "size": r.size / GIB, "availability_zone": "nova", "created_at": long(x.born), "updated_at": long(r.at),
        "name": x.name, "description": null, "volume_type": r.label, "snapshot_id": null, "source_volid": null, "metadata": {},
        "links": links(ask, "volumes", &x.id), "user_id": project.user_id, "bootable": "false", "encrypted": false, "replication_status": null,
        "consistencygroup_id": null, "multiattach": false, "attachments": attachments, "migration_status": null,
        "os-vol-tenant-attr:tenant_id": project.id, "os-vol-mig-status-attr:migstat": null, "os-vol-mig-status-attr:name_id": null,
        "os-vol-host-attr:host": host,
    });
    let added = [
        (13, "group_id", Value::Null),
        (21, "provider_id", Value::Null),
        (48, "shared_targets", json!(false)),
        (48, "service_uuid", json!(known(world, &["service", &host]))),
        (61, "cluster_name", Value::Null),
        (
            63,
            "volume_type_id",
            json!(known(world, &["volume type", &r.label])),
        ),
        (65, "consumes_quota", json!(true)),
    ];
    since(&mut body, minor, &added);
    body
}

fn snapshot(ask: &Ask, x: &Thing, r: &Shown, minor: u32) -> Value {
    let project = &ask.cloud.world.projects[r.project];
    let done = if r.status == "creating" { "0%" } else { "100%" };
    let mut body = json!({
        "id": x.id, "created_at": long(x.born), "updated_at": long(r.at), "name": x.name, "description": null, "volume_id": x.of,
        "status": r.status, "size": r.size / GIB, "metadata": {}, "os-extended-snapshot-attributes:project_id": project.id,
        "os-extended-snapshot-attributes:progress": done,
    });
    let added = [
        (14, "group_snapshot_id", Value::Null),
        (41, "user_id", json!(project.user_id)),
        (65, "consumes_quota", json!(true)),
    ];
    since(&mut body, minor, &added);
    body
}

fn backup(ask: &Ask, x: &Thing, r: &Shown, minor: u32) -> Value {
    let project = &ask.cloud.world.projects[r.project];
    let failed = r.status == "error";
    let place = format!("{}/{}/{}", &x.id[..2], &x.id[2..4], x.id);
    let mut body = json!({
        "id": x.id, "status": r.status, "size": r.size / GIB, "object_count": if failed { 0 } else { 21 }, "availability_zone": "nova",
        "container": (!failed).then_some(place), "created_at": long(x.born), "updated_at": long(r.at), "name": x.name, "description": null,
        "fail_reason": failed.then_some("the backup service went away"), "volume_id": x.of, "links": links(ask, "backups", &x.id),
        "is_incremental": false, "has_dependent_backups": false, "snapshot_id": null, "data_timestamp": long(x.born),
    });
    let added = [
        (18, "os-backup-project-attr:project_id", json!(project.id)),
        (43, "metadata", json!({})),
        (56, "user_id", json!(project.user_id)),
    ];
    since(&mut body, minor, &added);
    body
}

async fn types(ask: Ask, Path(project): Path<String>) -> Response {
    answer(&ask, &project, |_| {
        let world = &ask.cloud.world;
        let one = |name: &String| {
            json!({"id": known(world, &["volume type", name]), "name": name, "is_public": true, "description": null,
                   "extra_specs": {"volume_backend_name": name}, "qos_specs_id": null, "os-volume-type-access:is_public": true})
        };
        Ok(json!({"volume_types": world.volume_types.iter().map(one).collect::<Vec<_>>()}))
    })
}

/// Only administrators may ask for it.
async fn services(ask: Ask, Path(project): Path<String>) -> Response {
    answer(&ask, &project, |_| {
        if ask.role_lost(Service::Volume) {
            let message = "Policy doesn't allow volume_extension:services:index to be performed.";
            let body = json!({"forbidden": {"code": 403, "message": message}});
            return Err(refuse(StatusCode::FORBIDDEN, &body));
        }
        let one = |binary: &str| {
            json!({"binary": binary, "host": "controller", "zone": "nova", "status": "enabled", "state": "up", "updated_at": long(ask.second()),
                   "disabled_reason": null})
        };
        let all: Vec<Value> = ["cinder-scheduler", "cinder-volume", "cinder-backup"]
            .map(one)
            .into();
        Ok(json!({"services": all}))
    })
}
