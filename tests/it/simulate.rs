//! A made-up cloud over HTTP: its formats against a real cloud's recorded answers, its truth against an integration of its own events.

mod ceph;
mod faults;
mod gateway;
mod metered;
mod services;
mod truth;

use plimsoll::{
    domain::Ts,
    net::Clock,
    simulate::{PASSWORD, Scenario, USER, World, serve},
};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn window() -> (Ts, Ts) {
    (
        Ts::parse("2026-10-01T00:00:00Z").unwrap(),
        Ts::parse("2026-11-01T00:00:00Z").unwrap(),
    )
}

fn world(name: &str, seed: u64) -> World {
    let scenario = Scenario::load(&repo(&format!("deploy/scenarios/{name}.yaml"))).unwrap();
    World::generate(&scenario, seed, window().0, window().1).unwrap()
}

/// A cloud that serves until it is ended.
struct Served {
    root: String,
    clock: Clock,
    http: Client,
    token: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(name: &str, at: Ts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::standing_at(at);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(
            listener,
            Arc::new(world(name, 1)),
            clock.clone(),
            shutdown,
        ));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().unwrap();
        let mut served = Self {
            root,
            clock,
            http,
            token: String::new(),
            stop,
            task,
        };
        served.log_in().await;
        served
    }

    async fn log_in(&mut self) -> Value {
        let user = json!({"name": USER, "domain": {"name": "Default"}, "password": PASSWORD});
        let answer = self
            .post(&json!({"methods": ["password"], "password": {"user": user}}))
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        self.token = answer.headers()["x-subject-token"]
            .to_str()
            .unwrap()
            .to_owned();
        answer.json().await.unwrap()
    }

    async fn post(&self, identity: &Value) -> Response {
        let scope = json!({"project": {"name": "admin", "domain": {"id": "default"}}});
        let body = json!({"auth": {"identity": identity, "scope": scope}});
        self.http
            .post(format!("{}/identity/v3/auth/tokens", self.root))
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    async fn get(&self, path: &str, version: &str) -> Response {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.root)
        };
        let request = self.http.get(url).header("X-Auth-Token", &self.token);
        request
            .header("OpenStack-API-Version", format!("compute {version}"))
            .send()
            .await
            .unwrap()
    }

    async fn json(&self, path: &str, version: &str) -> Value {
        let answer = self.get(path, version).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        drop(self.http);
        self.task.await.unwrap().unwrap();
    }
}

fn capture(path: &str) -> Value {
    let text = std::fs::read_to_string(repo("tests/captures/openstack").join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All keys, with the way to them; what users name (addresses, extra specs) as `*`.
fn keys(v: &Value, at: &str, found: &mut BTreeSet<String>) {
    match v {
        Value::Object(map) => {
            for (k, v) in map {
                let named = at.ends_with(".addresses")
                    || at.ends_with(".extra_specs")
                    || at.ends_with(".metadata");
                let here = format!("{at}.{}", if named { "*" } else { k });
                // Filled or not, as it happens.
                if !named || at.ends_with(".addresses") {
                    found.insert(here.clone());
                }
                keys(v, &here, found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|i| keys(i, &format!("{at}[]"), found)),
        _ => {}
    }
}

fn shape(v: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(v, "", &mut found);
    found
}

/// Shapes of servers by status, of those whose shape is settled: volumes aside, and a fault only where the build failed.
fn shapes(servers: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let plain =
        |s: &&Value| s["image"].is_object() && (s["status"] == "ERROR") != s["fault"].is_null();
    let built = |s: &&Value| s["status"] != "ERROR" || s["OS-SRV-USG:launched_at"].is_null();
    let mut by_status = BTreeMap::new();
    for s in servers["servers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(plain)
        .filter(built)
    {
        let mut s = s.clone();
        s["os-extended-volumes:volumes_attached"] = json!([]);
        by_status
            .entry(s["status"].as_str().unwrap().to_owned())
            .or_insert_with(|| shape(&s));
    }
    by_status
}

#[tokio::test]
async fn servers_have_the_keys_of_a_real_nova() {
    let cloud = Served::start("awkward", Ts::parse("2026-10-28T12:00:00Z").unwrap()).await;
    let since = "/compute/v2.1/servers/detail?all_tenants=1&changes-since=2020-01-01T00:00:00Z";
    let cases = [
        (
            "2.1",
            "servers-detail-all_tenants-2.1.json",
            "/compute/v2.1/servers/detail?all_tenants=1",
            4,
        ),
        (
            "2.47",
            "servers-detail-all_tenants-2.47.json",
            "/compute/v2.1/servers/detail?all_tenants=True",
            4,
        ),
        ("2.90", "servers-detail-changes-since.json", since, 5),
        (
            "2.90",
            "servers-detail-deleted-only.json",
            "/compute/v2.1/servers/detail?all_tenants=1&deleted=true",
            1,
        ),
    ];
    for (version, recorded, path, least) in cases {
        let (want, ours) = (
            shapes(&capture(&format!("nova/{recorded}"))),
            shapes(&cloud.json(path, version).await),
        );
        let both: Vec<_> = want.keys().filter(|k| ours.contains_key(*k)).collect();
        assert!(
            both.len() >= least,
            "{recorded}: only {both:?} to compare, ours {:?}",
            ours.keys()
        );
        for status in both {
            assert_eq!(ours[status], want[status], "{recorded}: {status}");
        }
    }
    // 2.96 is the recorded 2.104 without what came after.
    let mut want =
        shapes(&capture("nova/servers-detail-all_tenants-latest.json"))["ACTIVE"].clone();
    want.retain(|k| k != ".scheduler_hints" && !k.starts_with(".image.properties"));
    assert_eq!(
        shapes(
            &cloud
                .json("/compute/v2.1/servers/detail?all_tenants=1", "latest")
                .await
        )["ACTIVE"],
        want
    );
    cloud.end().await;
}

fn event_names(action: &Value) -> BTreeSet<String> {
    let events = action["instanceAction"]["events"].as_array().unwrap();
    events
        .iter()
        .map(|e| e["event"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn actions_flavors_and_hypervisors_have_the_keys_of_a_real_nova() {
    let cloud = Served::start("awkward", Ts::parse("2026-10-28T12:00:00Z").unwrap()).await;
    let all = cloud
        .json("/compute/v2.1/servers/detail?all_tenants=1", "2.90")
        .await;
    let (mut compared, recorded) = (
        0,
        shape(&capture("nova/instance-actions/resized-show-resize.json")),
    );
    for s in all["servers"].as_array().unwrap() {
        let path = format!(
            "/compute/v2.1/servers/{}/os-instance-actions",
            s["id"].as_str().unwrap()
        );
        let list = cloud.json(&path, "2.90").await;
        assert_eq!(
            shape(&list),
            shape(&capture("nova/instance-actions/resized-list.json"))
        );
        let starts: Vec<_> = list["instanceActions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["start_time"].as_str().unwrap())
            .collect();
        assert!(starts.is_sorted_by(|a, b| a >= b), "the newest first");
        for a in list["instanceActions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|a| a["action"] == "resize")
        {
            let shown = cloud
                .json(
                    &format!("{path}/{}", a["request_id"].as_str().unwrap()),
                    "2.90",
                )
                .await;
            assert_eq!(shape(&shown), recorded);
            let real = capture("nova/instance-actions/resized-show-resize.json");
            assert_eq!(event_names(&shown), event_names(&real));
            compared += 1;
        }
    }
    assert!(compared > 0, "nobody resized");
    let flavors = shape(&cloud.json("/compute/v2.1/flavors/detail", "latest").await);
    // Nova dropped these two after 2.96.
    let mut want = shape(&capture("nova/flavors-detail.json"));
    want.extend(
        [
            ".flavors[].OS-FLV-DISABLED:disabled",
            ".flavors[].rxtx_factor",
        ]
        .map(str::to_owned),
    );
    assert_eq!(flavors, want);
    for (version, recorded) in [("2.1", "2.1"), ("latest", "latest")] {
        let ours = shape(
            &cloud
                .json("/compute/v2.1/os-hypervisors/detail", version)
                .await,
        );
        assert_eq!(
            ours,
            shape(&capture(&format!(
                "nova/hypervisors-detail-{recorded}.json"
            )))
        );
    }
    assert_eq!(
        shape(&cloud.json("/compute/", "2.1").await),
        shape(&capture("nova/versions.json"))
    );
    cloud.end().await;
}

#[tokio::test]
async fn keystone_has_the_keys_of_a_real_one_and_its_headers() {
    let mut cloud = Served::start("awkward", Ts::parse("2026-10-02T00:00:00Z").unwrap()).await;
    assert_eq!(
        shape(&cloud.log_in().await),
        shape(&capture("keystone/auth-post.json"))
    );
    assert_eq!(
        shape(&cloud.json("/identity/v3/projects", "2.1").await),
        shape(&capture("keystone/projects.json"))
    );
    assert_eq!(
        shape(&cloud.json("/identity/v3/domains", "2.1").await),
        shape(&capture("keystone/domains.json"))
    );
    let versions = cloud.get("/identity/", "2.1").await;
    assert_eq!(versions.status(), StatusCode::MULTIPLE_CHOICES);
    assert_eq!(
        shape(&versions.json().await.unwrap()),
        shape(&capture("keystone/versions.json"))
    );

    let credential = json!({"methods": ["application_credential"], "application_credential": {"id": USER, "secret": PASSWORD}});
    let by_credential = cloud.post(&credential).await;
    assert_eq!(
        by_credential.headers()["date"],
        "Fri, 02 Oct 2026 00:00:00 GMT"
    );
    assert!(
        by_credential
            .headers()
            .contains_key("x-openstack-request-id")
    );
    assert_eq!(
        by_credential.json::<Value>().await.unwrap()["token"]["methods"],
        json!(["application_credential"])
    );
    let wrong = json!({"methods": ["password"], "password": {"user": {"name": USER, "domain": {"name": "Default"}, "password": "x"}}});
    let refused = cloud.post(&wrong).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.json::<Value>().await.unwrap(),
        capture("keystone/401.json")
    );

    let validated = cloud
        .http
        .get(format!("{}/identity/v3/auth/tokens", cloud.root));
    let validated = validated
        .header("X-Auth-Token", &cloud.token)
        .header("X-Subject-Token", &cloud.token)
        .send()
        .await
        .unwrap();
    assert_eq!(validated.headers()["x-subject-token"], cloud.token.as_str());
    assert_eq!(
        shape(&validated.json().await.unwrap()),
        shape(&capture("keystone/token.json"))
    );
    cloud.end().await;
}

#[tokio::test]
async fn nova_refuses_as_a_real_one() {
    let cloud = Served::start("awkward", Ts::parse("2026-10-20T00:00:00Z").unwrap()).await;
    let deleted = cloud
        .json(
            "/compute/v2.1/servers/detail?all_tenants=1&deleted=true",
            "2.90",
        )
        .await;
    let gone = deleted["servers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["OS-EXT-STS:vm_state"] == "deleted")
        .unwrap();
    let path = format!("/compute/v2.1/servers/{}", gone["id"].as_str().unwrap());
    let missing = cloud.get(&path, "2.90").await;
    assert_eq!(
        (
            missing.status(),
            missing.headers()["openstack-api-version"].to_str().unwrap()
        ),
        (StatusCode::NOT_FOUND, "compute 2.90")
    );
    assert_eq!(
        shape(&missing.json().await.unwrap()),
        shape(&capture("nova/server-show-deleted.json"))
    );
    let actions = cloud
        .json(&format!("{path}/os-instance-actions"), "2.90")
        .await;
    assert_eq!(
        actions["instanceActions"][0]["action"], "delete",
        "a deleted server's actions are still there"
    );

    assert_eq!(
        cloud
            .get("/compute/v2.1/servers/detail", "2.97")
            .await
            .status(),
        StatusCode::NOT_ACCEPTABLE
    );
    let own = cloud.json("/compute/v2.1/servers/detail", "2.90").await;
    assert_eq!(
        own["servers"],
        json!([]),
        "one's own project has no servers"
    );
    let marker = cloud
        .get(
            "/compute/v2.1/servers/detail?all_tenants=1&marker=nobody",
            "2.90",
        )
        .await;
    assert_eq!(marker.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        marker.json::<Value>().await.unwrap()["badRequest"]["code"],
        400
    );

    let plain = cloud
        .json("/compute/v2.1/servers/detail?all_tenants=1", "2.90")
        .await;
    let (mut next, mut seen) = (
        Some("/compute/v2.1/servers/detail?all_tenants=1&limit=4".to_owned()),
        Vec::new(),
    );
    while let Some(path) = next {
        let page = cloud.json(&path, "2.90").await;
        seen.extend(page["servers"].as_array().unwrap().clone());
        next = page["servers_links"][0]["href"].as_str().map(str::to_owned);
    }
    assert_eq!(json!(seen), plain["servers"]);
    cloud.end().await;
}
