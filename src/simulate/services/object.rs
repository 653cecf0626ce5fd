//! Swift: an account's headers. An administrator of the whole object store may look at any account.
//!
//! API: <https://docs.openstack.org/api-ref/object-store/>.

use crate::simulate::{
    scenario::{Service, stock::Kind},
    wire::{Ask, Cloud, put},
};
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/object/info", get(info))
        .route("/object/v1/{account}", get(account))
}

/// What the cluster can do; anybody may ask.
async fn info(_: Ask) -> Response {
    super::open(&serde_json::json!({"swift": {
        "version": "2.32.0", "max_file_size": 5_368_709_122_i64, "account_listing_limit": 10_000,
        "policies": [{"name": "default", "default": true, "aliases": "default"}],
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
    let Some((x, r)) = world.stock.get(Kind::Account, project, ask.now) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let containers = (r.objects / 500 + 1).to_string();
    let (bytes, objects) = (r.size.to_string(), r.objects.to_string());
    for (name, value) in [
        ("x-account-bytes-used", &bytes),
        ("x-account-object-count", &objects),
        ("x-account-container-count", &containers),
        ("x-account-storage-policy-default-bytes-used", &bytes),
        ("x-account-storage-policy-default-object-count", &objects),
        (
            "x-account-storage-policy-default-container-count",
            &containers,
        ),
        ("x-timestamp", &format!("{}.00000", x.born)),
        ("accept-ranges", &"bytes".to_owned()),
    ] {
        put(headers, HeaderName::from_static(name), value);
    }
    response
}
