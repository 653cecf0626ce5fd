//! The wire: routes, dates, request ids, faults.

use super::{
    compute,
    dice::Dice,
    identity::{self, Tokens},
    scenario::{Service, Trouble},
    services,
    world::World,
};
use crate::{domain::Ts, net::Clock};
use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The user whom every made-up Keystone knows, and the id of its application credential.
pub const USER: &str = "plimsoll";
/// The password, and the secret of the application credential.
pub const PASSWORD: &str = "simulated";

/// A made-up cloud on the wire.
pub(super) struct Cloud {
    pub(super) world: Arc<World>,
    pub(super) clock: Clock,
    pub(super) tokens: Tokens,
    requests: AtomicU64,
}

/// An answer that refuses.
pub(super) type Refused = Box<Response>;

/// When a request came in: the second that its answer shows, and its `Date`.
#[derive(Debug, Clone, Copy)]
struct Arrived(Ts);

/// Keystone at `/identity`, Nova at `/compute`, the others each at its own word, the object gateways at `/admin`, as they would answer at the clock's second. Every answer's `Date` is the clock's time.
pub fn router(world: Arc<World>, clock: Clock) -> Router {
    let tokens = Tokens::new(world.seed);
    let cloud = Arc::new(Cloud {
        world,
        clock,
        tokens,
        requests: AtomicU64::new(0),
    });
    Router::new()
        .merge(identity::routes())
        .merge(compute::routes())
        .merge(services::routes())
        .route("/", get(async || StatusCode::NO_CONTENT))
        .layer(middleware::from_fn_with_state(Arc::clone(&cloud), stamp))
        .with_state(cloud)
}

/// Serves a made-up cloud until `shutdown` is done.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: tokio::net::TcpListener,
    world: Arc<World>,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(world, clock))
        .with_graceful_shutdown(shutdown)
        .await
}

/// Gives every answer its date and id, and lets faults have their way.
async fn stamp(State(cloud): State<Arc<Cloud>>, mut request: Request, next: Next) -> Response {
    let service = Service::at(request.uri().path());
    if let Some(late) = cloud
        .troubles(service, cloud.clock.now())
        .find_map(|(_, what)| {
            if let Trouble::LatencyMs(ms) = what {
                Some(*ms)
            } else {
                None
            }
        })
    {
        tokio::time::sleep(Duration::from_millis(late)).await;
    }
    let now = cloud.clock.now();
    let broken = cloud.troubles(service, now).find_map(|(_, what)| {
        if let Trouble::Answers(status) = what {
            Some(*status)
        } else {
            None
        }
    });
    request.extensions_mut().insert(Arrived(now));
    let mut response = match broken {
        Some(status) => broken_answer(service, status),
        None => next.run(request).await,
    };
    let n = cloud.requests.fetch_add(1, Ordering::Relaxed).to_string();
    let id = format!(
        "req-{}",
        Dice::new(cloud.world.seed, &["request", &n]).uuid()
    );
    let headers = response.headers_mut();
    put(headers, header::DATE, &now.to_http_date());
    if service == Service::ObjectGateway {
        // Its last parts tell who answered: the process, and the zone.
        let process = 4_096 + cloud.world.kills(now.second());
        let id = format!("tx{n:0>21}-00{:x}-{process:x}-default", now.second());
        put(headers, HeaderName::from_static("x-amz-request-id"), &id);
        return response;
    }
    put(
        headers,
        HeaderName::from_static("x-openstack-request-id"),
        &id,
    );
    if matches!(service, Service::Compute | Service::Volume | Service::Share) {
        put(
            headers,
            HeaderName::from_static("x-compute-request-id"),
            &id,
        );
    }
    response
}

/// Sets a header; our own texts are all fit for one.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

/// A failing service's words: its own at 500, the load balancer's at 503.
fn broken_answer(service: Service, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if code == StatusCode::SERVICE_UNAVAILABLE {
        let page = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n";
        return (code, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    }
    let message = "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.";
    match service {
        Service::Compute | Service::Volume | Service::Share => {
            nova_error(code, "computeFault", message)
        }
        // The others answer in a form of their own, which nobody can rely on.
        _ => keystone_error(
            code,
            "Internal Server Error",
            "An unexpected error prevented the server from fulfilling your request.",
        ),
    }
}

/// `{"itemNotFound": {"code": 404, "message": "..."}}`.
pub(super) fn nova_error(code: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({kind: {"code": code.as_u16(), "message": message}}).to_string();
    (
        code,
        [(header::CONTENT_TYPE, "application/json; charset=UTF-8")],
        body,
    )
        .into_response()
}

/// `{"error": {"code": 401, "message": "...", "title": "Unauthorized"}}`.
pub(super) fn keystone_error(code: StatusCode, title: &str, message: &str) -> Response {
    let body = json!({"error": {"code": code.as_u16(), "message": message, "title": title}});
    let mut response = (code, axum::Json(body)).into_response();
    put(response.headers_mut(), header::VARY, "X-Auth-Token");
    response
}

impl Service {
    /// The service that a path belongs to.
    fn at(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("compute") => Self::Compute,
            Some("volume") => Self::Volume,
            Some("image") => Self::Image,
            Some("network") => Self::Network,
            Some("load-balancer") => Self::LoadBalancer,
            Some("share") => Self::Share,
            Some("object") => Self::ObjectStore,
            Some("admin") => Self::ObjectGateway,
            Some("placement") => Self::Placement,
            _ => Self::Identity,
        }
    }
}

impl Cloud {
    /// The troubles of a service now, each with its first second.
    pub(super) fn troubles(
        &self,
        service: Service,
        now: Ts,
    ) -> impl Iterator<Item = (i64, &Trouble)> {
        let start = self.world.start;
        let on = move |f: &&super::scenario::Fault| {
            f.service == service
                && (f.from.second(start)..f.to.second(start)).contains(&now.second())
        };
        self.world
            .faults
            .iter()
            .filter(on)
            .map(move |f| (f.from.second(start), &f.what))
    }

    /// The last second at which tokens were revoked.
    fn revoked_at(&self, now: Ts) -> Option<i64> {
        let start = self.world.start;
        let revocations = self
            .world
            .faults
            .iter()
            .filter(|f| matches!(f.what, Trouble::TokensRevoked))
            .map(|f| f.from.second(start));
        revocations.filter(|t| *t <= now.second()).max()
    }

    /// Whether a token is good now.
    pub(super) fn admits(&self, token: &str, now: Ts) -> bool {
        self.tokens.get(token, now).is_some_and(|t| {
            self.revoked_at(now)
                .is_none_or(|r| t.issued_at.second() >= r)
        })
    }

    fn role_lost(&self, service: Service, now: Ts) -> bool {
        self.troubles(service, now)
            .any(|(_, what)| matches!(what, Trouble::RoleLost))
    }
}

/// A request as the services see it.
pub(super) struct Ask {
    pub(super) cloud: Arc<Cloud>,
    /// When it came in.
    pub(super) now: Ts,
    /// `http://host:port`, from the request's own `Host`.
    pub(super) root: String,
    pub(super) headers: HeaderMap,
    /// GET, as a rule.
    pub(super) method: String,
    /// The path as it was sent.
    pub(super) path: String,
    /// The query as it was sent.
    pub(super) raw_query: String,
    query: Vec<(String, String)>,
}

impl FromRequestParts<Arc<Cloud>> for Ask {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        cloud: &Arc<Cloud>,
    ) -> Result<Self, Self::Rejection> {
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|h| h.to_str().ok())
            .unwrap_or("localhost");
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(Self {
            cloud: Arc::clone(cloud),
            now: parts
                .extensions
                .get::<Arrived>()
                .map_or_else(|| cloud.clock.now(), |a| a.0),
            root: format!("http://{host}"),
            headers: parts.headers.clone(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: url::form_urlencoded::parse(raw_query.as_bytes())
                .into_owned()
                .collect(),
            raw_query,
        })
    }
}

impl Ask {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// A parameter of the query.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// All parameters, decoded.
    pub(super) fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// All parameters of that name.
    pub(super) fn params(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query
            .iter()
            .filter(move |(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// The query without the marker: what the next page's address is made from.
    pub(super) fn query_before_marker(&self) -> String {
        let kept: Vec<&str> = self
            .raw_query
            .split('&')
            .filter(|p| !p.is_empty() && !p.starts_with("marker="))
            .collect();
        kept.join("&")
    }

    /// `Ok` if it carries a good token.
    ///
    /// # Errors
    /// The 401 that Keystone, and its middleware before Nova, answers.
    pub(super) fn admitted(&self) -> Result<(), Refused> {
        if self
            .header("x-auth-token")
            .is_some_and(|t| self.cloud.admits(t, self.now))
        {
            return Ok(());
        }
        let mut refused = keystone_error(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "The request you have made requires authentication.",
        );
        put(
            refused.headers_mut(),
            header::WWW_AUTHENTICATE,
            &format!("Keystone uri=\"{}/identity/v3\"", self.root),
        );
        Err(Box::new(refused))
    }

    /// Whether lists come back empty.
    pub(super) fn role_lost(&self, service: Service) -> bool {
        self.cloud.role_lost(service, self.now)
    }

    /// The second that is shown.
    pub(super) const fn second(&self) -> i64 {
        self.now.second()
    }
}

/// An answer of Keystone's.
pub(super) fn keystone_json(code: StatusCode, body: &Value) -> Response {
    let mut response = (code, axum::Json(body)).into_response();
    put(response.headers_mut(), header::VARY, "X-Auth-Token");
    response
}
