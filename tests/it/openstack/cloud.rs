//! A small cloud that misbehaves as told: Keystone and Nova on one loopback port.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use plimsoll::{
    config::{self, Credentials, Secret},
    domain::{Fact, Memory, Pass, PassMode, Ts},
    net::Clock,
    sources::{Parcel, openstack::OpenStack},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

pub(crate) type Answer = Response<Body>;
pub(crate) type Fault = Box<dyn FnMut(&str) -> Option<Answer> + Send>;

pub(super) const PASSWORD: &str = "sesame-open-9c1";

/// What the cloud is at the moment.
#[derive(Default)]
pub(super) struct Nova {
    /// In the order of the list.
    pub(super) servers: Vec<Value>,
    /// Of the deleted list.
    pub(super) deleted: Vec<Value>,
    /// Path and query of every request.
    pub(super) asked: Vec<String>,
    /// Tokens given out.
    pub(super) logins: u32,
    /// The cloud's clock.
    pub(super) now: Ts,
    /// Services in the catalogue.
    pub(super) services: Vec<&'static str>,
    fault: Option<Fault>,
}

/// The cloud, its collector, and what that collected.
pub(super) struct Cloud {
    pub(super) nova: Arc<Mutex<Nova>>,
    pub(super) source: OpenStack,
    pub(super) clock: Clock,
    pub(super) facts: Vec<Fact>,
    conf: config::OpenStack,
}

pub(super) fn noon() -> Ts {
    Ts::parse("2026-11-23T12:00:00Z").unwrap()
}

pub(crate) fn answer(status: u16, body: impl Into<Body>) -> Answer {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

/// A server that has been active since eleven.
pub(super) fn server(n: usize) -> Value {
    json!({
        "id": format!("s{n:03}"), "name": format!("web-{n}"), "status": "ACTIVE", "tenant_id": "p1", "created": "2026-11-23T10:59:50Z",
        "updated": "2026-11-23T11:00:00Z", "OS-EXT-STS:vm_state": "active", "OS-EXT-AZ:availability_zone": "nova",
        "OS-SRV-USG:launched_at": "2026-11-23T11:00:00.000000", "OS-SRV-USG:terminated_at": null,
        "flavor": {"original_name": "m1.small", "vcpus": 1, "ram": 2048, "disk": 20, "ephemeral": 0, "swap": 0, "extra_specs": {}},
    })
}

/// The same server, deleted at half past eleven.
pub(super) fn deleted(n: usize) -> Value {
    let mut s = server(n);
    s["status"] = json!("DELETED");
    s["OS-EXT-STS:vm_state"] = json!("deleted");
    s["updated"] = json!("2026-11-23T11:34:00Z");
    s["OS-SRV-USG:terminated_at"] = json!("2026-11-23T11:30:00.000000");
    s
}

impl Cloud {
    /// A cloud of so many servers, read with pages of five.
    pub(super) async fn of(servers: usize) -> Self {
        Self::with(servers, |_| ()).await
    }

    pub(super) async fn with(servers: usize, change: impl FnOnce(&mut config::OpenStack)) -> Self {
        let nova = Arc::new(Mutex::new(Nova {
            servers: (0..servers).map(server).collect(),
            now: noon(),
            services: vec!["compute", "identity"],
            ..Nova::default()
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .fallback(serve)
            .with_state((Arc::clone(&nova), format!("http://{address}")));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut conf = config::OpenStack {
            name: "fake".to_owned(),
            auth_url: format!("http://{address}/v3").parse().unwrap(),
            credentials: Credentials::Password {
                username: "meter".to_owned(),
                user_domain: "Default".to_owned(),
                project: "admin".to_owned(),
                project_domain: "Default".to_owned(),
                password: Secret::new(PASSWORD),
            },
            region: None,
            interface: "public".to_owned(),
            interval_s: 60,
            full_interval_s: 3600,
            concurrency: 4,
            page_size: 5,
            inventory_interval_s: 300,
            services: None,
            timeout_s: 10,
            body_max_bytes: 1 << 20,
            ca_file: None,
            gpu_alias: "gpu".to_owned(),
            notifications: Vec::new(),
            public_networks: None,
        };
        change(&mut conf);
        let clock = Clock::standing_at(noon());
        let source = OpenStack::new(
            conf.clone(),
            clock.clone(),
            Memory::default(),
            "test".to_owned(),
        )
        .unwrap();
        Self {
            nova,
            source,
            clock,
            facts: Vec::new(),
            conf,
        }
    }

    /// Asked before every answer; `None`: as usual.
    pub(super) fn fault(&self, fault: impl FnMut(&str) -> Option<Answer> + Send + 'static) {
        self.nova.lock().unwrap().fault = Some(Box::new(fault));
    }

    pub(super) fn mend(&self) {
        self.nova.lock().unwrap().fault = None;
    }

    /// A new process takes over, with what the store remembers.
    pub(super) fn restart(&mut self) {
        let memory = self.source.memory().clone();
        self.source = OpenStack::new(
            self.conf.clone(),
            self.clock.clone(),
            memory,
            "next".to_owned(),
        )
        .unwrap();
    }

    /// Time passes for both.
    pub(super) fn later(&self, seconds: i64) {
        let mut nova = self.nova.lock().unwrap();
        nova.now = nova.now.plus_seconds(seconds);
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }

    /// One collection: its passes by list. Its facts are in `facts`, those of earlier ones are dropped.
    pub(super) async fn collect(&mut self, mode: PassMode) -> BTreeMap<String, Pass> {
        let (out, mut batches) = mpsc::channel::<Parcel>(1);
        self.facts.clear();
        let facts = &mut self.facts;
        let handed_on = async {
            let mut passes = Vec::new();
            while let Some(Parcel { batch, .. }) = batches.recv().await {
                facts.extend(batch.facts);
                passes.extend(batch.passes);
            }
            passes
        };
        let collecting = async {
            let passes = self.source.collect(mode, &out).await;
            drop(out);
            passes
        };
        let (passes, sent) = tokio::join!(collecting, handed_on);
        assert_eq!(passes, sent, "every pass is in a batch");
        passes.into_iter().map(|p| (p.list.clone(), p)).collect()
    }

    /// Requests whose path and query hold this.
    pub(super) fn asked(&self, part: &str) -> usize {
        self.nova
            .lock()
            .unwrap()
            .asked
            .iter()
            .filter(|a| a.contains(part))
            .count()
    }

    /// Resources that have facts.
    pub(super) fn told_of(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self
            .facts
            .iter()
            .filter(|f| f.key.kind == "server")
            .map(|f| f.key.resource.as_str())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

async fn serve(
    State((nova, base)): State<(Arc<Mutex<Nova>>, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut nova = nova.lock().unwrap();
    let path = uri.path_and_query().unwrap().to_string();
    nova.asked.push(path.clone());
    let date = nova.now.to_http_date();
    let faulty = nova.fault.as_mut().and_then(|f| f(&path));
    let mut reply = faulty.unwrap_or_else(|| {
        if method == Method::POST {
            return log_in(&mut nova, &base, &body);
        }
        let token = headers.get("x-auth-token").and_then(|t| t.to_str().ok());
        if token != Some(&format!("token-{}", nova.logins)) {
            return answer(401, r#"{"error": {"code": 401, "message": "The request you have made requires authentication."}}"#);
        }
        usual(&nova, &uri)
    });
    reply
        .headers_mut()
        .entry(header::DATE)
        .or_insert_with(|| date.parse().unwrap());
    reply
}

fn log_in(nova: &mut Nova, base: &str, body: &Bytes) -> Answer {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let identity = &asked["auth"]["identity"];
    let secrets = [
        &identity["password"]["user"]["password"],
        &identity["application_credential"]["secret"],
    ];
    if !secrets.iter().any(|s| **s == PASSWORD) {
        return answer(
            401,
            include_str!("../../captures/openstack/keystone/401.json"),
        );
    }
    nova.logins += 1;
    let endpoint = |version: &str| json!([{"interface": "public", "region": "North", "region_id": "North", "url": format!("{base}/{version}")}]);
    let catalog: Vec<Value> = nova
        .services
        .iter()
        .map(|s| json!({"type": s, "endpoints": endpoint(if *s == "compute" { "v2.1" } else { "v3/" })}))
        .collect();
    let token = json!({"token": {
        "issued_at": nova.now.to_string(), "expires_at": nova.now.plus_seconds(3600).to_string(), "catalog": catalog, "roles": [{"name": "admin"}]}});
    let mut reply = answer(201, token.to_string());
    reply.headers_mut().insert(
        "x-subject-token",
        format!("token-{}", nova.logins).parse().unwrap(),
    );
    reply
}

fn usual(nova: &Nova, uri: &Uri) -> Answer {
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes())
            .into_owned()
            .collect();
    let steps: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    let body = match steps.as_slice() {
        ["v2.1"] => json!({"version": {"id": "v2.1", "version": "2.104", "min_version": "2.1"}}),
        ["v3", "projects"] => {
            json!({"projects": [{"id": "p1", "name": "web", "domain_id": "d1", "enabled": true, "tags": ["b", "a"]}], "links": {"next": null}})
        }
        ["v3", "domains"] => {
            json!({"domains": [{"id": "d1", "name": "acme"}], "links": {"next": null}})
        }
        ["v2.1", "flavors", "detail"] => json!({"flavors": []}),
        ["v2.1", "os-hypervisors"] => json!({"hypervisors": []}),
        ["v2.1", "servers", "detail"] => return page(nova, &query),
        ["v2.1", "servers", id] => match nova.servers.iter().find(|s| s["id"] == *id) {
            Some(server) => json!({"server": server}),
            None => {
                return answer(
                    404,
                    r#"{"itemNotFound": {"code": 404, "message": "Instance could not be found."}}"#,
                );
            }
        },
        ["v2.1", "servers", id, "os-instance-actions"] => {
            if !nova
                .servers
                .iter()
                .chain(&nova.deleted)
                .any(|s| s["id"] == *id)
            {
                return answer(404, r#"{"itemNotFound": {"code": 404}}"#);
            }
            json!({"instanceActions": [action(id)]})
        }
        ["v2.1", "servers", id, "os-instance-actions", _] => {
            let mut action = action(id);
            action["events"] = json!([{"event": "compute__do_build_and_run_instance", "start_time": "2026-11-23T10:59:51.000000",
                "finish_time": "2026-11-23T11:00:00.000000", "result": "Success"}]);
            json!({"instanceAction": action})
        }
        _ => return answer(StatusCode::NOT_FOUND.as_u16(), "{}"),
    };
    answer(200, body.to_string())
}

fn action(id: &str) -> Value {
    json!({"action": "create", "request_id": format!("req-{id}"), "start_time": "2026-11-23T10:59:50.000000", "message": null,
        "updated_at": "2026-11-23T11:00:00.000000"})
}

/// As Nova pages: by marker, with a link while a page is full.
fn page(nova: &Nova, query: &HashMap<String, String>) -> Answer {
    let since = query.get("changes-since").map(|t| Ts::parse(t).unwrap());
    let only_deleted = query.get("deleted").is_some_and(|d| d == "true");
    let all: Vec<&Value> = match (only_deleted, since) {
        (true, _) => nova.deleted.iter().collect(),
        (false, Some(_)) => nova.servers.iter().chain(&nova.deleted).collect(),
        (false, None) => nova.servers.iter().collect(),
    };
    let all: Vec<&Value> = all
        .into_iter()
        .filter(|s| since.is_none_or(|t| Ts::parse(s["updated"].as_str().unwrap()).unwrap() >= t))
        .collect();
    let start = query.get("marker").map_or(0, |m| {
        all.iter()
            .position(|s| s["id"] == m.as_str())
            .map_or(all.len(), |p| p + 1)
    });
    let limit: usize = query["limit"].parse().unwrap();
    let servers: Vec<&&Value> = all[start..].iter().take(limit).collect();
    let mut body = json!({"servers": servers});
    if servers.len() == limit {
        let href = format!(
            "http://inside.invalid/v2.1/servers/detail?limit={limit}&marker={}",
            servers[limit - 1]["id"].as_str().unwrap()
        );
        body["servers_links"] = json!([{"rel": "next", "href": href}]);
    }
    answer(200, body.to_string())
}
