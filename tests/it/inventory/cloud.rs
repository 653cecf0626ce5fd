//! A cloud of answers by address: recorded ones, or as a test sets them. Keystone and every other service on one loopback port.

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use plimsoll::{
    config::{self, Credentials, Secret},
    domain::{Fact, Memory, Pass, PassMode, Ts},
    net::Clock,
    sources::{Finding, Parcel, Source},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

/// Project of the account; part of Cinder's addresses.
pub(super) const PROJECT: &str = "d6668c72d5864093a627a50a0aaa92ab";

/// What it answers: by path, without the query.
#[derive(Default)]
struct Answers {
    by_path: BTreeMap<String, (u16, Value)>,
    asked: Vec<String>,
    now: Ts,
}

/// The cloud, and readers of it.
pub(super) struct Cloud {
    answers: Arc<Mutex<Answers>>,
    clock: Clock,
    conf: config::Source,
    readers: Vec<Source>,
    /// Of the latest collection.
    pub(super) facts: Vec<Fact>,
}

/// A recorded answer: `cinder/volumes-detail-all_tenants`.
pub(super) fn recorded(name: &str) -> Value {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/openstack/{name}.json"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

pub(super) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

impl Cloud {
    /// A cloud whose catalogue has these services, by type and root.
    pub(super) async fn start(services: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let now = ts("2026-11-23T09:00:00Z");
        let catalogue: Vec<Value> = services
            .iter()
            .map(|(kind, root)| {
                json!({"type": kind, "name": kind, "endpoints": [
                    {"interface": "public", "region": "North", "url": format!("{at}{root}")}]})
            })
            .collect();
        let answers = Arc::new(Mutex::new(Answers {
            now,
            ..Answers::default()
        }));
        let token = json!({"token": {"issued_at": "2026-11-23T09:00:00.000000Z", "expires_at": "2027-11-23T09:00:00.000000Z",
            "project": {"id": PROJECT}, "roles": [{"name": "admin"}], "catalog": catalogue}});
        answers
            .lock()
            .unwrap()
            .by_path
            .insert("/identity/v3/auth/tokens".to_owned(), (201, token));
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let credentials = Credentials::Password {
            username: "meter".to_owned(),
            user_domain: "Default".to_owned(),
            project: "admin".to_owned(),
            project_domain: "Default".to_owned(),
            password: Secret::new("sesame"),
        };
        let auth_url = format!("{at}/identity/v3").parse().unwrap();
        let conf = config::OpenStack::with_defaults("north", auth_url, credentials);
        let mut cloud = Self {
            answers,
            clock: Clock::standing_at(now),
            conf: config::Source::OpenStack(conf),
            readers: Vec::new(),
            facts: Vec::new(),
        };
        cloud.restart(&Memory::default());
        cloud
    }

    /// New readers take over, with what a store remembers; only those of whole lists.
    pub(super) fn restart(&mut self, memory: &Memory) {
        self.readers = Source::open(&self.conf, &self.clock, memory, "test").unwrap();
        self.readers.retain(|r| matches!(r, Source::Inventory(_)));
    }

    /// Sets what is answered at a path.
    pub(super) fn answers(&self, path: &str, status: u16, body: Value) {
        let mut answers = self.answers.lock().unwrap();
        answers.by_path.insert(path.to_owned(), (status, body));
    }

    /// Time passes.
    pub(super) fn later(&self, seconds: i64) {
        let mut answers = self.answers.lock().unwrap();
        answers.now = answers.now.plus_seconds(seconds);
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }

    /// One collection by all readers: its passes by list.
    pub(super) async fn collect(&mut self) -> BTreeMap<String, Pass> {
        self.facts.clear();
        let (out, mut parcels) = mpsc::channel::<Parcel>(64);
        let (readers, facts) = (&mut self.readers, &mut self.facts);
        let collecting = async move {
            let mut passes = Vec::new();
            for reader in readers {
                passes.extend(reader.collect(PassMode::Full, &out).await);
            }
            passes
        };
        let taking = async {
            while let Some(Parcel { batch, .. }) = parcels.recv().await {
                facts.extend(batch.facts);
            }
        };
        let (passes, ()) = tokio::join!(collecting, taking);
        passes.into_iter().map(|p| (p.list.clone(), p)).collect()
    }

    /// Findings of `check --online` by the readers of whole lists.
    pub(super) async fn check(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for reader in &mut self.readers {
            findings.extend(reader.check_online().await);
        }
        findings
    }

    /// A person vouches for lists.
    pub(super) fn believe(&mut self, lists: &[&str]) {
        let lists = lists.iter().map(|l| (*l).to_owned()).collect();
        self.readers.iter_mut().for_each(|r| r.believe(&lists));
    }

    /// Requests whose path and query hold this, and forgets them.
    pub(super) fn asked(&self, part: &str) -> usize {
        let mut answers = self.answers.lock().unwrap();
        let asked = answers.asked.iter().filter(|a| a.contains(part)).count();
        answers.asked.clear();
        asked
    }
}

async fn answer(
    State(answers): State<Arc<Mutex<Answers>>>,
    method: Method,
    uri: Uri,
    _: HeaderMap,
) -> Response<Body> {
    let mut answers = answers.lock().unwrap();
    answers.asked.push(format!("{method} {uri}"));
    let (status, body) = answers
        .by_path
        .get(uri.path())
        .cloned()
        .unwrap_or_else(|| (404, json!({"error": format!("no {}", uri.path())})));
    let date = chrono::DateTime::from_timestamp(answers.now.second(), 0)
        .unwrap()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::DATE, date)
        .header("x-subject-token", "gAAAA-token")
        .body(Body::from(body.to_string()))
        .unwrap()
}
