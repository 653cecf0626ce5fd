//! An API server of recorded objects, with the watch semantics that a real one was measured to have, and its recorded refusals.

use crate::openstack::cloud::{Answer, answer};
use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, Method, Uri, header},
};
use futures::stream;
use plimsoll::domain::Ts;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// How it answers who asks for a list as the beginning of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// It does.
    Streamed,
    /// As on etcd 3.4: 200, and an event that it cannot.
    Etcd34,
    /// As before watch lists were thought of: the parameter is refused.
    Refused,
}

/// What there is, and what happens to it.
pub(super) struct World {
    pub(super) version: u64,
    /// Versions up to this one are forgotten.
    pub(super) compacted: u64,
    /// Everything that happened: version, list, kind of event, object.
    log: Vec<(u64, String, &'static str, Value)>,
    /// By list and namespace/name.
    objects: BTreeMap<(String, String), Value>,
    pub(super) now: Ts,
    pub(super) lists: Lists,
    /// Continuations that are answered with 410.
    pub(super) expire_continue: u32,
    /// Watches say nothing, not even a bookmark.
    pub(super) silent: bool,
    /// Watches are cut in the middle of an event, after so many whole ones.
    pub(super) cut_after: Option<usize>,
    /// How often one was.
    pub(super) cuts: usize,
    /// Lists that we may not read.
    pub(super) forbidden: Vec<String>,
    /// Lists that this cluster does not have.
    pub(super) absent: Vec<String>,
    pub(super) token: String,
    /// Path and query of every request.
    pub(super) asked: Vec<String>,
}

pub(super) type Shared = Arc<Mutex<World>>;

/// A recorded answer as text.
pub(super) fn recorded(name: &str) -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/kubernetes/{name}"));
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// A recorded answer with its status: the body after the empty line.
fn refusal(name: &str) -> Answer {
    let text = recorded(name).replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    answer(status, body.to_owned())
}

fn name_of(object: &Value) -> String {
    let part = |p: &str| {
        object["metadata"][p]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    format!("{}/{}", part("namespace"), part("name"))
}

impl World {
    /// Starts it with these lists of recorded objects.
    pub(super) async fn start(lists: &[&str]) -> (Shared, String) {
        let mut world = Self {
            version: 5_000,
            compacted: 0,
            log: Vec::new(),
            objects: BTreeMap::new(),
            now: Ts::parse("2026-11-23T08:54:27Z").unwrap(),
            lists: Lists::Refused,
            expire_continue: 0,
            silent: false,
            cut_after: None,
            cuts: 0,
            forbidden: Vec::new(),
            absent: Vec::new(),
            token: "sesame".to_owned(),
            asked: Vec::new(),
        };
        for list in lists {
            let page: Value = serde_json::from_str(&recorded(&format!("{list}.json"))).unwrap();
            for item in page["items"].as_array().unwrap() {
                world
                    .objects
                    .insert(((*list).to_owned(), name_of(item)), item.clone());
            }
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(world));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (world, url)
    }

    /// Something happens to an object, which is given its version.
    pub(super) fn happens(&mut self, list: &str, kind: &'static str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let key = (list.to_owned(), name_of(&object));
        if kind == "DELETED" {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key, object.clone());
        }
        self.log.push((self.version, list.to_owned(), kind, object));
    }

    pub(super) fn objects(&self, list: &str) -> Vec<Value> {
        let of = self.objects.iter().filter(|((l, _), _)| l == list);
        of.map(|(_, o)| o.clone()).collect()
    }

    /// Goes without a trace.
    pub(super) fn vanishes(&mut self, list: &str, name: &str) {
        self.objects
            .remove(&(list.to_owned(), name.to_owned()))
            .unwrap();
        self.version += 1;
    }

    /// The API server restarts: every version until now is forgotten.
    pub(super) fn restarts(&mut self) {
        self.compacted = self.version;
        self.version += 10;
    }

    /// What requests held this, which are forgotten then.
    pub(super) fn asked(&mut self, part: &str) -> Vec<String> {
        let asked = std::mem::take(&mut self.asked);
        asked.into_iter().filter(|a| a.contains(part)).collect()
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

async fn serve(
    State(world): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> Answer {
    let path = uri.path().to_owned();
    let date = {
        let mut world = lock(&world);
        world.asked.push(uri.path_and_query().unwrap().to_string());
        world.now.to_http_date()
    };
    let mut reply = respond(&world, &method, &path, &headers, &query, &body);
    reply
        .headers_mut()
        .insert(header::DATE, date.parse().unwrap());
    reply
}

fn respond(
    world: &Shared,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    body: &str,
) -> Answer {
    let sesame = format!("Bearer {}", lock(world).token);
    if headers.get("authorization").is_none_or(|t| t != &sesame) {
        return refusal("err-401-bad-token.http");
    }
    if method == Method::POST {
        return review(&lock(world), body);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = if parts[0] == "api" {
        &parts[2..]
    } else {
        &parts[3..]
    };
    let (list, name) = match rest {
        ["namespaces", name] => ("namespaces", Some(format!("/{name}"))),
        ["namespaces", namespace, list, name] => (*list, Some(format!("{namespace}/{name}"))),
        [list, name] => (*list, Some(format!("/{name}"))),
        [list] => (*list, None),
        _ => return refusal("err-404.http"),
    };
    {
        let world = lock(world);
        if world.forbidden.iter().any(|f| f == list) {
            return refusal("err-403-collector-secrets.http");
        }
        if world.absent.iter().any(|a| a == list) {
            return answer(404, "404 page not found\n");
        }
        if let Some(name) = name {
            return match world.objects.get(&(list.to_owned(), name)) {
                Some(object) => answer(200, object.to_string()),
                None => refusal("err-404.http"),
            };
        }
    }
    if query.contains_key("watch") {
        watch(world, list, query)
    } else {
        page(&mut lock(world), list, query)
    }
}

/// Everything that rbac.yaml gives, and no more.
fn review(world: &World, body: &str) -> Answer {
    let asked: Value = serde_json::from_str(body).unwrap();
    let of = &asked["spec"]["resourceAttributes"];
    let resource = of["resource"].as_str().unwrap();
    let reads = ["get", "list", "watch"].iter().any(|v| of["verb"] == *v);
    let allowed = reads && resource != "secrets" && !world.forbidden.iter().any(|f| f == resource);
    answer(
        201,
        json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}}).to_string(),
    )
}

fn page(world: &mut World, list: &str, query: &HashMap<String, String>) -> Answer {
    let from: usize = query.get("continue").map_or(0, |c| c.parse().unwrap());
    if from > 0 && world.expire_continue > 0 {
        world.expire_continue -= 1;
        return answer(410, recorded("err-410-list-exact.json"));
    }
    let all = world.objects(list);
    let limit = query.get("limit").map_or(all.len(), |l| l.parse().unwrap());
    let to = all.len().min(from + limit);
    let mut metadata = json!({"resourceVersion": world.version.to_string()});
    if to < all.len() {
        metadata["continue"] = to.to_string().into();
        metadata["remainingItemCount"] = (all.len() - to).into();
    }
    answer(
        200,
        json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": all[from..to]})
            .to_string(),
    )
}

fn line(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn bookmark(version: u64, ends_initial: bool) -> String {
    let mut object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": version.to_string()},
        "spec": {"containers": null}, "status": {}});
    if ends_initial {
        object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    line("BOOKMARK", &object)
}

fn watch(world: &Shared, list: &str, query: &HashMap<String, String>) -> Answer {
    if query.contains_key("sendInitialEvents") {
        let world = lock(world);
        return match world.lists {
            Lists::Refused => answer(
                422,
                json!({"kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422, "message":
                    "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"})
                .to_string(),
            ),
            Lists::Etcd34 => refusal("watchlist-unsupported-etcd34.http"),
            Lists::Streamed => {
                let all: String = world.objects(list).iter().map(|o| line("ADDED", o)).collect();
                answer(200, all + &bookmark(world.version, true))
            }
        };
    }
    let from: u64 = query["resourceVersion"].parse().unwrap();
    if from < lock(world).compacted {
        return answer(200, recorded("watch-410-rv1.jsonl"));
    }
    let seconds: u64 = query["timeoutSeconds"].parse().unwrap();
    let until = Instant::now() + Duration::from_secs(seconds);
    let (sender, receiver) = tokio::sync::mpsc::channel::<String>(16);
    tokio::spawn(tell(
        Arc::clone(world),
        list.to_owned(),
        from,
        until,
        sender,
    ));
    let lines = stream::unfold(receiver, |mut receiver| async move {
        let text = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(text), receiver))
    });
    answer(200, Body::from_stream(lines))
}

/// What there is to tell of a list after a version, until the watch is over.
async fn tell(
    world: Shared,
    list: String,
    from: u64,
    until: Instant,
    to: tokio::sync::mpsc::Sender<String>,
) {
    let begun = Instant::now();
    let (mut told, mut count, mut marked) = (from, 0, false);
    while Instant::now() < until {
        // Two seconds before the end; a watch that is shorter has none.
        if !marked && until - Instant::now() <= Duration::from_secs(2) {
            marked = true;
            let version = {
                let world = lock(&world);
                (!world.silent && from <= world.version).then_some(world.version)
            };
            if let Some(version) = version.filter(|_| begun + Duration::from_secs(2) < until) {
                let _ = to.send(bookmark(version, false)).await;
            }
        }
        let (text, cut) = {
            let mut world = lock(&world);
            // A version from the future is answered by silence.
            let silent = world.silent || from > world.version;
            let cut = world.cut_after.is_some_and(|n| count >= n);
            let next = world.log.iter().find(|(v, l, ..)| *v > told && *l == list);
            match next.filter(|_| !silent) {
                None => (String::new(), false),
                Some((version, _, kind, object)) => {
                    told = *version;
                    let text = line(kind, object);
                    world.cuts += usize::from(cut);
                    (text, cut)
                }
            }
        };
        if cut {
            // Anywhere within the event, and each time elsewhere.
            let upto = text.len() * usize::try_from(told % 97).unwrap() / 97;
            let _ = to.send(text[..upto].to_owned()).await;
            return;
        }
        if text.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        } else if to.send(text).await.is_err() {
            return;
        } else {
            count += 1;
        }
    }
    if lock(&world).silent {
        // No end either.
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}
