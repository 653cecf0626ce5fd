//! The services of things beside servers, each in its own dialect, as recorded in `tests/captures/openstack`.

mod balancer;
mod gateway;
mod image;
mod network;
mod object;
mod placement;
mod share;
mod signed;
mod volume;

use super::{
    dice::Dice,
    scenario::{Service, stock::Kind},
    stock::{Page, Shown},
    wire::{Ask, Cloud, Refused},
    world::World,
};
use crate::domain::Ts;
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .merge(volume::routes())
        .merge(image::routes())
        .merge(network::routes())
        .merge(balancer::routes())
        .merge(share::routes())
        .merge(object::routes())
        .merge(gateway::routes())
        .merge(placement::routes())
}

/// What the catalogue has of them: type, name and address under the root.
pub(super) fn catalogue(world: &World) -> [(&'static str, &'static str, String); 7] {
    let own = &world.projects[0].id;
    [
        ("block-storage", "cinder", format!("/volume/v3/{own}")),
        ("image", "glance", "/image".to_owned()),
        ("network", "neutron", "/network".to_owned()),
        ("load-balancer", "octavia", "/load-balancer".to_owned()),
        ("shared-file-system", "manila", "/share/v2".to_owned()),
        ("object-store", "swift", format!("/object/v1/AUTH_{own}")),
        ("placement", "placement", "/placement".to_owned()),
    ]
}

/// `2026-11-23T08:49:20.000000`, as Cinder and Manila write a time.
fn long(t: i64) -> String {
    format!("{}.000000", bare(t))
}

/// `2026-11-23T08:49:20`, as Octavia does.
fn bare(t: i64) -> String {
    zulu(t).trim_end_matches('Z').to_owned()
}

/// `2026-11-23T08:49:20Z`, as Glance and Neutron do.
fn zulu(t: i64) -> String {
    Ts::from_second(t).to_string()
}

/// An id that is the same for ever: of a network, a subnet, a type.
fn known(world: &World, what: &[&str]) -> String {
    Dice::new(world.seed, what).uuid()
}

/// A public address of 198.18.0.0/16, by the id of what has it.
fn public_address(id: &str) -> String {
    let octet = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap_or(0);
    format!("198.18.{}.{}", octet(0), octet(2))
}

/// A private address of 10.0.0.0/8, by the id of what has it.
fn private_address(id: &str) -> String {
    let octet = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap_or(0);
    format!("10.{}.{}.{}", octet(0), octet(2), octet(4))
}

/// An answer's body; or a refusal, which is a whole answer.
type Answer = Result<Value, Refused>;

/// Answers one who is let in with what `body` makes.
fn answer(ask: &Ask, body: impl FnOnce() -> Answer) -> Response {
    let made = ask.admitted().and_then(|()| body());
    made.map_or_else(|refused| *refused, |v| axum::Json(v).into_response())
}

/// A refusal with a body of JSON.
fn refuse(code: StatusCode, body: &Value) -> Refused {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Box::new((code, kind, body.to_string()).into_response())
}

/// `Err` for one who has lost the role: what only an administrator may see is refused.
fn of_admin(ask: &Ask, service: Service, refusal: impl FnOnce() -> Refused) -> Result<(), Refused> {
    if ask.role_lost(service) {
        Err(refusal())
    } else {
        Ok(())
    }
}

/// A page as asked for by `limit` and `marker`; the page's size is `usual` unless asked for, and never more than `most`.
///
/// # Errors
/// What is wrong with `limit` or `marker`.
fn page<'a>(
    ask: &'a Ask,
    (service, kind): (Service, Kind),
    (usual, most): (Option<usize>, usize),
    wanted: impl Fn(&Shown) -> bool,
) -> Result<Page<'a>, Bad> {
    let limit = match ask.param("limit") {
        None => usual,
        Some(text) => Some(text.parse::<usize>().map_err(|_| Bad::Limit)?.min(most)),
    };
    let seen = |r: &Shown| !ask.role_lost(service) && wanted(r);
    ask.cloud
        .world
        .stock
        .page((kind, ask.now), seen, limit, ask.param("marker"))
        .map_err(Bad::Marker)
}

/// What is wrong with a request for a page.
enum Bad {
    Limit,
    /// Nothing has that id.
    Marker(String),
}

/// The address of the next page.
fn next_address(ask: &Ask, path: &str, marker: &str) -> String {
    let kept = ask.query_before_marker();
    let and = if kept.is_empty() { "" } else { "&" };
    format!("{path}?{kept}{and}marker={marker}")
}

/// Links as most services have them; nothing on the last page.
fn next_link(ask: &Ask, path: &str, page: &Page<'_>) -> Option<Value> {
    let (last, _) = page.items.last().filter(|_| page.full)?;
    let href = format!("{}{}", ask.root, next_address(ask, path, &last.id));
    Some(json!([{"rel": "next", "href": href}]))
}

/// An answer for anybody.
fn open(body: &Value) -> Response {
    axum::Json(body).into_response()
}
