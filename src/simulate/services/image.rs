//! Glance v2: images, snapshots of servers among them.

use super::{Bad, answer, next_address, page, zulu};
use crate::{
    domain::digest::sha256_hex,
    simulate::{
        scenario::{Service, stock::Kind},
        stock::{Shown, Thing},
        wire::{Ask, Cloud, Refused},
    },
};
use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Glance's `limit_param_default` and `api_limit_max`.
const PAGE: (Option<usize>, usize) = (Some(25), 1_000);

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/image/", get(versions))
        .route("/image/v2/images", get(images))
        .route("/image/v2/images/{id}", get(image))
        .route("/image/v2/tasks", get(tasks))
}

async fn versions(ask: Ask) -> Response {
    let one = |id: &str, status: &str| json!({"id": id, "status": status, "links": [{"rel": "self", "href": format!("{}/image/v2/", ask.root)}]});
    let body = json!({"versions": [one("v2.17", "CURRENT"), one("v2.16", "SUPPORTED")]});
    (StatusCode::MULTIPLE_CHOICES, axum::Json(body)).into_response()
}

/// A refusal as Glance has it: HTML.
fn page_of_html(code: StatusCode, message: &str) -> Refused {
    let title = format!(
        "{} {}",
        code.as_u16(),
        code.canonical_reason().unwrap_or_default()
    );
    let body = format!(
        "<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n  {message}<br /><br />\n\n\n\n </body>\n</html>"
    );
    let kind = [(header::CONTENT_TYPE, "text/html; charset=UTF-8")];
    Box::new((code, kind, body).into_response())
}

async fn images(ask: Ask) -> Response {
    answer(&ask, || {
        // An administrator's list has all but what is deleted; nothing is hidden here.
        let status = ask.param("status");
        let owner = ask.param("owner");
        let hidden = ask
            .param("os_hidden")
            .is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let wanted = |r: &Shown| {
            let id = &ask.cloud.world.projects[r.project].id;
            !hidden && status.is_none_or(|s| s == r.status) && owner.is_none_or(|o| o == id)
        };
        let listed = page(&ask, (Service::Image, Kind::Image), PAGE, wanted).map_err(|bad| {
            let message = match bad {
                Bad::Limit => "limit param must be an integer".to_owned(),
                Bad::Marker(id) => format!("Invalid marker: image {id} could not be found."),
            };
            page_of_html(StatusCode::BAD_REQUEST, &message)
        })?;
        let items: Vec<Value> = listed
            .items
            .iter()
            .map(|(x, r)| shown(&ask, x, r))
            .collect();
        let kept = ask.query_before_marker();
        let query = if kept.is_empty() {
            String::new()
        } else {
            format!("?{kept}")
        };
        let mut body = json!({"images": items, "first": format!("/v2/images{query}"), "schema": "/v2/schemas/images"});
        if let Some((last, _)) = listed.items.last().filter(|_| listed.full) {
            body["next"] = next_address(&ask, "/v2/images", &last.id).into();
        }
        Ok(body)
    })
}

async fn image(ask: Ask, Path(id): Path<String>) -> Response {
    answer(&ask, || {
        let found = ask.cloud.world.stock.get(Kind::Image, &id, ask.now);
        found
            .filter(|_| !ask.role_lost(Service::Image))
            .map(|(x, r)| shown(&ask, x, r))
            .ok_or_else(|| {
                page_of_html(
                    StatusCode::NOT_FOUND,
                    &format!("No image found with ID {id}"),
                )
            })
    })
}

/// An image is its fields, without a frame; those of a server's snapshot tell of the server.
fn shown(ask: &Ask, x: &Thing, r: &Shown) -> Value {
    let world = &ask.cloud.world;
    let project = &world.projects[r.project];
    let stored = r.size > 0;
    let hash = |what: &str| stored.then(|| sha256_hex(format!("{what}{}", x.id).as_bytes()));
    let path = format!("/v2/images/{}", x.id);
    let mut v = json!({
        "name": x.name, "disk_format": stored.then_some("raw"), "container_format": stored.then_some("bare"), "visibility": "shared",
        "size": stored.then_some(r.size), "virtual_size": stored.then_some(r.size), "status": r.status,
        "checksum": hash("md5").map(|h| h[..32].to_owned()), "protected": false, "min_ram": 0, "min_disk": 0, "owner": project.id,
        "os_hidden": false, "os_hash_algo": stored.then_some("sha512"), "os_hash_value": hash("a").zip(hash("b")).map(|(a, b)| a + &b),
        "id": x.id, "created_at": zulu(x.born), "updated_at": zulu(r.at), "tags": [], "self": path, "file": format!("{path}/file"),
        "schema": "/v2/schemas/image",
    });
    if stored {
        v["stores"] = "file".into();
    }
    if let Some(server) = &x.of {
        let more = json!({
            "base_image_ref": world.image, "owner_user_name": format!("{}-user", project.name), "owner_project_name": project.name,
            "boot_roles": "reader,member", "instance_uuid": server, "user_id": project.user_id, "image_type": "snapshot",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            v[name] = value.clone();
        }
        v["visibility"] = "private".into();
    }
    v
}

/// Only administrators may ask for it.
async fn tasks(ask: Ask) -> Response {
    answer(&ask, || {
        super::of_admin(&ask, Service::Image, || {
            page_of_html(
                StatusCode::FORBIDDEN,
                "You are not authorized to complete get_tasks action.",
            )
        })?;
        Ok(json!({"tasks": [], "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}))
    })
}
