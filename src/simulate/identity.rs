//! Keystone v3: tokens, catalogue, domains, projects with their tags.

use super::{
    dice::Dice,
    scenario::Service,
    services,
    wire::{Ask, Cloud, PASSWORD, USER, keystone_error, keystone_json, put},
    world::{Domain, ProjectRow},
};
use crate::domain::Ts;
use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A token is good for an hour.
const TOKEN_S: i64 = 3_600;
/// More tokens at once than any test needs; then the oldest goes.
const TOKENS_MAX: usize = 10_000;

/// An issued token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) issued_at: Ts,
    method: &'static str,
}

/// All issued tokens.
pub(super) struct Tokens {
    seed: u64,
    /// How many were issued, and those that may still be good.
    issued: Mutex<(u64, BTreeMap<String, Token>)>,
}

impl Tokens {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            seed,
            issued: Mutex::new((0, BTreeMap::new())),
        }
    }

    fn issue(&self, method: &'static str, now: Ts) -> (String, Token) {
        let mut guard = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, tokens) = &mut *guard;
        *count += 1;
        tokens.retain(|_, t| now < t.issued_at.plus_seconds(TOKEN_S));
        if tokens.len() >= TOKENS_MAX
            && let Some(oldest) = tokens
                .iter()
                .min_by_key(|(_, t)| t.issued_at)
                .map(|(id, _)| id.clone())
        {
            tokens.remove(&oldest);
        }
        // The form of a Fernet token.
        let id = format!(
            "gAAAAAB{}",
            Dice::new(self.seed, &["token", &count.to_string()]).hex(80)
        );
        let token = Token {
            issued_at: now,
            method,
        };
        tokens.insert(id.clone(), token.clone());
        (id, token)
    }

    /// The token of that id, if it has not expired.
    pub(super) fn get(&self, id: &str, now: Ts) -> Option<Token> {
        let guard = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        guard
            .1
            .get(id)
            .filter(|t| now < t.issued_at.plus_seconds(TOKEN_S))
            .cloned()
    }
}

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/identity", get(versions))
        .route("/identity/", get(versions))
        .route("/identity/v3", get(version))
        .route("/identity/v3/", get(version))
        .route("/identity/v3/auth/tokens", get(validate).post(log_in))
        .route("/identity/v3/projects", get(projects))
        .route("/identity/v3/projects/{id}", get(project))
        .route("/identity/v3/domains", get(domains))
        .route("/identity/v3/domains/{id}", get(domain))
}

fn v3(root: &str) -> Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{root}/identity/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    })
}

async fn versions(ask: Ask) -> Response {
    let mut response = keystone_json(
        StatusCode::MULTIPLE_CHOICES,
        &json!({"versions": {"values": [v3(&ask.root)]}}),
    );
    put(
        response.headers_mut(),
        header::LOCATION,
        &format!("{}/identity/v3/", ask.root),
    );
    response
}

async fn version(ask: Ask) -> Response {
    keystone_json(StatusCode::OK, &json!({"version": v3(&ask.root)}))
}

/// How somebody logs in, if it is right: `password` or `application_credential`.
fn right_method(body: &Value) -> Option<&'static str> {
    let identity = &body["auth"]["identity"];
    let uses = |method: &str| {
        identity["methods"]
            .as_array()
            .is_some_and(|m| m.iter().any(|m| m == method))
    };
    let credential = &identity["application_credential"];
    let user = &identity["password"]["user"];
    if uses("password") && user["name"] == USER && user["password"] == PASSWORD {
        return Some("password");
    }
    // By its id; or by its name, and whose it is.
    let named = credential["id"] == USER
        || credential["name"] == USER && credential["user"]["name"] == USER;
    (uses("application_credential") && named && credential["secret"] == PASSWORD)
        .then_some("application_credential")
}

async fn log_in(ask: Ask, body: axum::body::Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return keystone_error(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            "Expecting to find valid JSON in the request body.",
        );
    };
    let admin = &ask.cloud.world.projects[0];
    let project = &body["auth"]["scope"]["project"];
    let of_default = project["domain"]["name"] == "Default" || project["domain"]["id"] == "default";
    let method = right_method(&body);
    // An application credential brings its scope with it.
    let scoped = method == Some("application_credential")
        || project["id"] == admin.id.as_str()
        || project["name"] == "admin" && of_default;
    let Some(method) = method.filter(|_| scoped) else {
        return keystone_error(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "The request you have made requires authentication.",
        );
    };
    let (id, token) = ask.cloud.tokens.issue(method, ask.now);
    token_answer(&ask, StatusCode::CREATED, &id, &token)
}

async fn validate(ask: Ask) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let subject = ask.header("x-subject-token").unwrap_or_default();
    match ask
        .cloud
        .tokens
        .get(subject, ask.now)
        .filter(|_| ask.cloud.admits(subject, ask.now))
    {
        Some(token) => token_answer(&ask, StatusCode::OK, subject, &token),
        None => keystone_error(StatusCode::NOT_FOUND, "Not Found", "Could not find token."),
    }
}

fn token_answer(ask: &Ask, code: StatusCode, id: &str, token: &Token) -> Response {
    let world = &ask.cloud.world;
    let default = json!({"id": "default", "name": "Default"});
    let known = |what: &str| Dice::new(world.seed, &["keystone", what]).hex(16);
    let roles: Vec<Value> = ["reader", "admin", "manager", "member"]
        .iter()
        .map(|r| json!({"id": known(r), "name": r}))
        .collect();
    // Microseconds, as Keystone writes them.
    let time = |t: Ts| {
        format!(
            "{}.{:06}Z",
            Ts::from_second(t.second())
                .to_string()
                .trim_end_matches('Z'),
            t.0.rem_euclid(1_000_000)
        )
    };
    let body = json!({"token": {
        "methods": [token.method],
        "user": {"domain": default, "id": known(USER), "name": USER, "password_expires_at": null},
        "audit_ids": [Dice::new(world.seed, &["audit", id]).hex(11)],
        "expires_at": time(token.issued_at.plus_seconds(TOKEN_S)), "issued_at": time(token.issued_at),
        "project": {"domain": default, "id": world.projects[0].id, "name": world.projects[0].name},
        "is_domain": false, "roles": roles,
        "catalog": catalogue(ask),
    }});
    let mut response = keystone_json(code, &body);
    put(
        response.headers_mut(),
        HeaderName::from_static("x-subject-token"),
        id,
    );
    response
}

fn catalogue(ask: &Ask) -> Vec<Value> {
    let own = [
        ("compute", "nova", "/compute/v2.1".to_owned()),
        ("identity", "keystone", "/identity/v3".to_owned()),
    ];
    own.into_iter()
        .chain(services::catalogue(&ask.cloud.world))
        .map(|(kind, name, path)| service(ask, (kind, name), &format!("{}{path}", ask.root)))
        .collect()
}

/// A service of the catalogue, with its three endpoints at one address.
fn service(ask: &Ask, (kind, name): (&str, &str), url: &str) -> Value {
    let world = &ask.cloud.world;
    let id = |what: &str| Dice::new(world.seed, &["catalog", name, what]).hex(16);
    let endpoint = |interface: &str| json!({"id": id(interface), "interface": interface, "region_id": world.region, "url": url, "region": world.region});
    let endpoints: Vec<Value> = ["internal", "public", "admin"]
        .into_iter()
        .map(endpoint)
        .collect();
    json!({"endpoints": endpoints, "id": id("service"), "type": kind, "name": name})
}

fn project_json(ask: &Ask, p: &ProjectRow) -> Value {
    json!({
        "id": p.id, "name": p.name, "domain_id": p.domain_id, "description": "", "enabled": true, "parent_id": p.domain_id,
        "is_domain": false, "tags": p.tags_at(ask.second()), "options": {},
        "links": {"self": format!("{}/identity/v3/projects/{}", ask.root, p.id)},
    })
}

fn domain_json(ask: &Ask, d: &Domain) -> Value {
    json!({
        "id": d.id, "name": d.name, "description": "", "enabled": true, "tags": [], "options": {},
        "links": {"self": format!("{}/identity/v3/domains/{}", ask.root, d.id)},
    })
}

/// A list, by ids, as Keystone sorts it; or the empty one of somebody who lost the role.
fn list(ask: &Ask, what: &str, mut rows: Vec<Value>) -> Response {
    if ask.role_lost(Service::Identity) {
        rows.clear();
    }
    rows.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    let query = if ask.raw_query.is_empty() {
        String::new()
    } else {
        format!("?{}", ask.raw_query)
    };
    let links = json!({"next": null, "self": format!("{}/identity/v3/{what}{query}", ask.root), "previous": null});
    keystone_json(StatusCode::OK, &json!({what: rows, "links": links}))
}

fn one(ask: &Ask, what: &str, id: &str, found: Option<Value>) -> Response {
    match found.filter(|_| !ask.role_lost(Service::Identity)) {
        Some(v) => keystone_json(StatusCode::OK, &json!({what: v})),
        None => keystone_error(
            StatusCode::NOT_FOUND,
            "Not Found",
            &format!("Could not find {what}: {id}."),
        ),
    }
}

async fn projects(ask: Ask) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let asked = |name: &str, is: &str| ask.param(name).is_none_or(|v| v == is);
    let rows = ask
        .cloud
        .world
        .projects
        .iter()
        .filter(|p| p.exists_at(ask.second()));
    let rows = rows
        .filter(|p| asked("domain_id", &p.domain_id) && asked("name", &p.name))
        .map(|p| project_json(&ask, p))
        .collect();
    list(&ask, "projects", rows)
}

async fn project(ask: Ask, Path(id): Path<String>) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let found = ask
        .cloud
        .world
        .projects
        .iter()
        .find(|p| p.id == id && p.exists_at(ask.second()));
    one(&ask, "project", &id, found.map(|p| project_json(&ask, p)))
}

async fn domains(ask: Ask) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let rows = ask
        .cloud
        .world
        .domains
        .iter()
        .filter(|d| ask.param("name").is_none_or(|v| v == d.name));
    list(
        &ask,
        "domains",
        rows.map(|d| domain_json(&ask, d)).collect(),
    )
}

async fn domain(ask: Ask, Path(id): Path<String>) -> Response {
    if let Err(refused) = ask.admitted() {
        return *refused;
    }
    let found = ask.cloud.world.domains.iter().find(|d| d.id == id);
    one(&ask, "domain", &id, found.map(|d| domain_json(&ask, d)))
}
