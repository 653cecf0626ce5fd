//! Swift: an account's headers. An administrator of the whole object store may look at any account.
//!
//! API: <https://docs.openstack.org/api-ref/object-store/>.

use crate::simulate::{
    scenario::{Service, stock::Kind},
    stock::account_id,
    wire::{Ask, Cloud, put},
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

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/object/info", get(info))
        .route("/object/v1/{account}", get(account))
}

/// What the cluster can do; anybody may ask.
async fn info(ask: Ask) -> Response {
    let policies = ask.cloud.world.storage_policies.iter().enumerate();
    let policies: Vec<Value> = policies
        .map(|(n, name)| json!({"name": name, "default": n == 0, "aliases": name}))
        .collect();
    super::open(&json!({"swift": {
        "version": "2.32.0", "max_file_size": 5_368_709_122_i64, "account_listing_limit": 10_000, "policies": policies,
    }}))
}

/// An account that was never written to is not there.
async fn account(ask: Ask, Path(account): Path<String>) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    if ask.role_lost(Service::ObjectStore) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let project = account.strip_prefix("AUTH_").unwrap_or_default();
    let world = &ask.cloud.world;
    let of_policy = |policy: &String| {
        let id = account_id(project, policy);
        world.stock.get(Kind::Account, &id, ask.now)
    };
    let Some((x, r)) = world.storage_policies.iter().find_map(of_policy) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let mut response = (StatusCode::OK, plain).into_response();
    let headers = response.headers_mut();
    for part in [String::new(), format!("storage-policy-{}-", r.label)] {
        for (what, value) in [
            ("bytes-used", r.size),
            ("object-count", r.objects),
            ("container-count", r.objects / 500 + 1),
        ] {
            // A scenario's policies are fit for headers, or it is refused.
            if let Ok(name) = HeaderName::try_from(format!("x-account-{part}{what}")) {
                put(headers, name, &value.to_string());
            }
        }
    }
    let born = format!("{}.00000", x.born);
    for name in ["x-timestamp", "x-put-timestamp"] {
        put(headers, HeaderName::from_static(name), &born);
    }
    put(headers, header::VARY, "Accept");
    response
}
