//! Nova v2.1: microversions, lists in pages, servers, instance actions, flavors, hypervisors.

use super::{
    nova::{self, MINOR_MAX, View},
    scenario::Service,
    server::Server,
    wire::{Ask, Cloud, Refused, nova_error, put},
    world::{ListQuery, Listed},
};
use crate::domain::Ts;
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Nova's `[api] max_limit`: no page is longer.
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/compute", get(versions))
        .route("/compute/", get(versions))
        .route("/compute/v2.1", get(version))
        .route("/compute/v2.1/", get(version))
        .route("/compute/v2.1/servers/detail", get(servers))
        .route("/compute/v2.1/servers/{id}", get(server))
        .route(
            "/compute/v2.1/servers/{id}/os-instance-actions",
            get(actions),
        )
        .route(
            "/compute/v2.1/servers/{id}/os-instance-actions/{request}",
            get(action),
        )
        .route("/compute/v2.1/flavors/detail", get(flavors))
        .route("/compute/v2.1/os-hypervisors", get(hypervisors))
        .route("/compute/v2.1/os-hypervisors/detail", get(hypervisors))
}

async fn versions(ask: Ask) -> Response {
    axum::Json(nova::versions(&format!("{}/compute", ask.root))).into_response()
}

async fn version(ask: Ask) -> Response {
    axum::Json(nova::version(&format!("{}/compute", ask.root))).into_response()
}

/// An answer's body; or a refusal, which is a whole answer.
type Answer = Result<Value, Refused>;

/// Answers with what `body` makes, by the microversion that was asked for.
fn answer(ask: &Ask, body: impl FnOnce(&View<'_>) -> Answer) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let minor = match microversion(ask) {
        Ok(minor) => minor,
        Err(refused) => return *refused,
    };
    let view = View {
        world: &ask.cloud.world,
        base: format!("{}/compute", ask.root),
        minor,
        t: ask.second(),
    };
    let mut response =
        body(&view).map_or_else(|refused| *refused, |v| axum::Json(v).into_response());
    let headers = response.headers_mut();
    put(
        headers,
        HeaderName::from_static("openstack-api-version"),
        &format!("compute 2.{minor}"),
    );
    put(
        headers,
        HeaderName::from_static("x-openstack-nova-api-version"),
        &format!("2.{minor}"),
    );
    put(headers, header::VARY, "OpenStack-API-Version");
    put(headers, header::VARY, "X-OpenStack-Nova-API-Version");
    response
}

/// The minor version asked for; 2.1 without a header.
fn microversion(ask: &Ask) -> Result<u32, Refused> {
    let named = ask
        .header("openstack-api-version")
        .and_then(|h| h.split(',').find_map(|v| v.trim().strip_prefix("compute ")));
    let Some(asked) = named
        .or_else(|| ask.header("x-openstack-nova-api-version"))
        .map(str::trim)
    else {
        return Ok(1);
    };
    if asked == "latest" {
        return Ok(MINOR_MAX);
    }
    let parts = asked
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    match parts {
        Some((2, minor @ 1..=MINOR_MAX)) => Ok(minor),
        Some(_) => {
            let message = format!(
                "Version {asked} is not supported by the API. Minimum is 2.1 and maximum is 2.{MINOR_MAX}."
            );
            Err(refuse(StatusCode::NOT_ACCEPTABLE, "computeFault", &message))
        }
        None => {
            let message = format!(
                "API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum."
            );
            Err(refuse(StatusCode::BAD_REQUEST, "badRequest", &message))
        }
    }
}

fn refuse(code: StatusCode, kind: &str, message: &str) -> Refused {
    Box::new(nova_error(code, kind, message))
}

fn bad_request(message: &str) -> Refused {
    refuse(StatusCode::BAD_REQUEST, "badRequest", message)
}

/// The page's size: as asked, but no more than Nova gives.
fn limit(ask: &Ask) -> Result<usize, Refused> {
    let Some(text) = ask.param("limit") else {
        return Ok(PAGE_MAX);
    };
    match text.parse::<usize>() {
        Ok(0) => Ok(PAGE_MAX),
        Ok(n) => Ok(n.min(PAGE_MAX)),
        Err(_) => Err(bad_request(&format!(
            "Invalid input for query parameters limit. Value: {text}. '{text}' does not match '^[0-9]*$'"
        ))),
    }
}

/// A parameter that is a time.
fn time(ask: &Ask, name: &str) -> Result<Option<i64>, Refused> {
    let parse = |text: &str| {
        let wrong = || {
            bad_request(&format!(
                "Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"
            ))
        };
        Ts::parse(text).map(Ts::second).map_err(|_| wrong())
    };
    ask.param(name).map(parse).transpose()
}

/// oslo's `bool_from_string`.
fn is_true(text: &str) -> bool {
    ["1", "t", "true", "on", "y", "yes"].contains(&text.to_ascii_lowercase().as_str())
}

fn next_link(ask: &Ask, path: &str, marker: &str) -> Value {
    let kept = ask.query_before_marker();
    let and = if kept.is_empty() { "" } else { "&" };
    json!([{"rel": "next", "href": format!("{}{path}?{kept}{and}marker={marker}", ask.root)}])
}

fn list_query(ask: &Ask, view: &View<'_>) -> Result<ListQuery, Refused> {
    let of_all = ask
        .param("all_tenants")
        .is_some_and(|v| v.is_empty() || is_true(v));
    let asked = ask
        .param("project_id")
        .or_else(|| ask.param("tenant_id"))
        .map(str::to_owned);
    // Without `all_tenants` one sees one's own project.
    let project = if of_all {
        asked
    } else {
        Some(view.world.projects[0].id.clone())
    };
    Ok(ListQuery {
        project,
        deleted: ask.param("deleted").map(is_true),
        changes_since: time(ask, "changes-since")?,
        changes_before: if view.minor >= 66 {
            time(ask, "changes-before")?
        } else {
            None
        },
        limit: limit(ask)?,
        marker: ask.param("marker").map(str::to_owned),
    })
}

async fn servers(ask: Ask) -> Response {
    answer(&ask, |view| {
        let query = list_query(&ask, view)?;
        if ask.role_lost(Service::Compute) {
            return Ok(json!({"servers": []}));
        }
        let Listed { servers, more } = view
            .world
            .list(view.t, &query)
            .map_err(|marker| bad_request(&format!("marker [{marker}] not found")))?;
        let mut body =
            json!({"servers": servers.iter().map(|(s, r)| view.server(s, r)).collect::<Vec<_>>()});
        if let Some((last, _)) = servers.last().filter(|_| more) {
            body["servers_links"] = next_link(&ask, "/compute/v2.1/servers/detail", &last.id);
        }
        Ok(body)
    })
}

fn no_server(id: &str) -> Refused {
    refuse(
        StatusCode::NOT_FOUND,
        "itemNotFound",
        &format!("Instance {id} could not be found."),
    )
}

/// A server that Nova still knows, deleted or not.
fn find<'a>(ask: &Ask, view: &View<'a>, id: &str) -> Result<&'a Server, Refused> {
    let found = view.world.by_id.get(id).map(|n| &view.world.servers[*n]);
    found
        .filter(|s| s.at(view.t).is_some() && !ask.role_lost(Service::Compute))
        .ok_or_else(|| no_server(id))
}

async fn server(ask: Ask, Path(id): Path<String>) -> Response {
    answer(&ask, |view| {
        let server = find(&ask, view, &id)?;
        let record = server
            .at(view.t)
            .filter(|r| !r.deleted)
            .ok_or_else(|| no_server(&id))?;
        let mut shown = view.server(server, record);
        if view.minor >= 71 {
            shown["server_groups"] = json!([]);
        }
        Ok(json!({"server": shown}))
    })
}

/// The newest first; in pages, and by time, from 2.58 on.
async fn actions(ask: Ask, Path(id): Path<String>) -> Response {
    answer(&ask, |view| {
        let server = find(&ask, view, &id)?;
        let mut all: Vec<_> = server.actions_at(view.t).collect();
        if view.minor < 58 {
            return Ok(
                json!({"instanceActions": all.iter().map(|a| view.action(server, a)).collect::<Vec<_>>()}),
            );
        }
        if let Some(marker) = ask.param("marker") {
            let at = all
                .iter()
                .position(|a| a.request == marker)
                .ok_or_else(|| bad_request(&format!("marker [{marker}] not found")))?;
            all.drain(..=at);
        }
        if let Some(since) = time(&ask, "changes-since")? {
            all.retain(|a| a.updated_at(view.t).is_some_and(|u| u >= since));
        }
        let limit = limit(&ask)?;
        let full = all.len() >= limit;
        all.truncate(limit);
        let mut body = json!({"instanceActions": all.iter().map(|a| view.action(server, a)).collect::<Vec<_>>()});
        if let Some(last) = all.last().filter(|_| full) {
            body["links"] = next_link(
                &ask,
                &format!("/compute/v2.1/servers/{id}/os-instance-actions"),
                &last.request,
            );
        }
        Ok(body)
    })
}

async fn action(ask: Ask, Path((id, request)): Path<(String, String)>) -> Response {
    answer(&ask, |view| {
        let server = find(&ask, view, &id)?;
        let found = server.actions_at(view.t).find(|a| a.request == request);
        let missing = || {
            refuse(
                StatusCode::NOT_FOUND,
                "itemNotFound",
                &format!("Action {request} not found"),
            )
        };
        found
            .map(|a| view.action_with_events(server, a))
            .ok_or_else(missing)
    })
}

async fn flavors(ask: Ask) -> Response {
    answer(&ask, |view| {
        // By id, as Nova sorts them.
        let mut all: Vec<_> = view.world.flavors.iter().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(marker) = ask.param("marker") {
            let at = all
                .iter()
                .position(|f| f.id == marker)
                .ok_or_else(|| bad_request(&format!("marker [{marker}] not found")))?;
            all.drain(..=at);
        }
        let limit = limit(&ask)?;
        let full = all.len() >= limit;
        all.truncate(limit);
        let mut body = json!({"flavors": all.iter().map(|f| view.flavor(f)).collect::<Vec<_>>()});
        if let Some(last) = all.last().filter(|_| full) {
            body["flavors_links"] = next_link(&ask, "/compute/v2.1/flavors/detail", &last.id);
        }
        Ok(body)
    })
}

async fn hypervisors(ask: Ask) -> Response {
    answer(&ask, |view| Ok(view.hypervisors()))
}
