//! What every request passes: methods, hosts, bodies and time are limited, and every answer carries its security headers.

use super::{assets, notice};
use crate::telemetry::metrics::Metrics;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Longest a request may take. A month that takes longer is computed to its end and found by the next request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// No script, no frame, nothing from elsewhere.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The route that a request is counted under; what has none counts as `(none)`, so that no stranger's path becomes a series.
fn route(request: &Request) -> &'static str {
    let (style, icon) = (assets::STYLE.path(), assets::ICON.path());
    ["/", "/metrics", "/livez", "/readyz", style, icon]
        .into_iter()
        .find(|r| *r == request.uri().path())
        .unwrap_or("(none)")
}

/// The middleware.
pub(super) async fn guard(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = route(&request);
    let mut response = match refusal(request.method(), request.headers()) {
        Some(refused) => refused,
        None => tokio::time::timeout(TIMEOUT, next.run(request))
            .await
            .unwrap_or_else(|_| {
                notice(
                    StatusCode::GATEWAY_TIMEOUT,
                    "This takes long",
                    "No answer could be given in 30 s. It is being computed all the same.",
                    "Reload in a while.",
                )
            }),
    };
    metrics.http_request(route, response.status().as_u16());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Tenants' figures stay in no cache; what may be kept says so itself.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if method != Method::GET && method != Method::HEAD {
        let text = format!("{method} is not served here: plimsoll's pages only show.");
        let mut r = notice(
            StatusCode::METHOD_NOT_ALLOWED,
            "Only GET and HEAD",
            &text,
            "Changes are made in the configuration and on the command line.",
        );
        r.headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(r);
    }
    if headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|l| l != "0")
    {
        return Some(notice(
            StatusCode::PAYLOAD_TOO_LARGE,
            "No body, please",
            "Nothing here reads a request's body.",
            "Send the request without one.",
        ));
    }
    if !headers
        .get(header::HOST)
        .is_some_and(|h| h.to_str().is_ok_and(is_ours))
    {
        return Some(notice(
            StatusCode::MISDIRECTED_REQUEST,
            "Not this host",
            "Only requests to localhost or to an IP address are served, so that no foreign page can rename itself to this machine and read tenants' figures.",
            "Behind a proxy, let it send the header Host: 127.0.0.1.",
        ));
    }
    None
}

/// True for `localhost` and IP literals, with or without a port. A page that rebinds its own DNS name to this machine still sends that name.
fn is_ours(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(ip, _)| ip),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_rebound_name_is_not_ours() {
        for host in [
            "localhost",
            "LOCALHOST:9469",
            "127.0.0.1:9469",
            "127.0.0.1",
            "[::1]:9469",
            "[::1]",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9469",
            "127.0.0.1.evil.example",
            "",
            "localhost.evil.example",
            "[evil]",
        ] {
            assert!(!is_ours(host), "{host}");
        }
    }
}
