//! A cloud of answers by address: recorded ones, or as a test sets them. Keystone and every other service on one loopback port.

use crate::openstack::cloud::{Answer, Fault, answer};
use axum::{
    Router,
    extract::State,
    http::{HeaderName, Method, Uri, header},
};
use plimsoll::{
    config::{self, Credentials, Secret},
    domain::{Evidence, Fact, Memory, Pass, PassMode, Ts, memory::Sighted},
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

/// What it answers: by path with the query, else by path alone.
#[derive(Default)]
struct Answers {
    by_path: BTreeMap<String, Told>,
    asked: Vec<String>,
    at_once: (usize, usize),
    now: Ts,
    fault: Option<Fault>,
}

#[derive(Clone, Default)]
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// The cloud, and readers of it.
pub(super) struct Cloud {
    answers: Arc<Mutex<Answers>>,
    clock: Clock,
    conf: config::Source,
    readers: Vec<Source>,
    /// Of the latest collection.
    pub(super) facts: Vec<Fact>,
    /// Of all collections.
    pub(super) all: Vec<Fact>,
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
        Self::with(services, |_| ()).await
    }

    /// The same, read as configured.
    pub(super) async fn with(
        services: &[(&str, &str)],
        change: impl FnOnce(&mut config::OpenStack),
    ) -> Self {
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
        let app = Router::new()
            .fallback(serve)
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
        let mut conf = config::OpenStack::with_defaults("north", auth_url, credentials);
        conf.body_max_bytes = 1 << 20;
        change(&mut conf);
        let mut cloud = Self {
            answers,
            clock: Clock::standing_at(now),
            conf: config::Source::OpenStack(conf),
            readers: Vec::new(),
            facts: Vec::new(),
            all: Vec::new(),
        };
        cloud.answers("/identity/v3/auth/tokens", 201, token);
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
        self.tells(path, status, "", &body.to_string());
    }

    /// Sets what is answered at a path, with headers as they are recorded: one a line.
    pub(super) fn tells(&self, path: &str, status: u16, headers: &str, body: &str) {
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        };
        let told = Told {
            status,
            headers: headers.lines().filter_map(header).collect(),
            body: body.to_owned(),
        };
        let mut answers = self.answers.lock().unwrap();
        answers.by_path.insert(path.to_owned(), told);
    }

    /// Asked before every answer but that of a log-in; `None`: as usual.
    pub(super) fn fault(&self, fault: impl FnMut(&str) -> Option<Answer> + Send + 'static) {
        self.answers.lock().unwrap().fault = Some(Box::new(fault));
    }

    pub(super) fn mend(&self) {
        self.answers.lock().unwrap().fault = None;
    }

    /// The most requests at once so far.
    pub(super) fn at_once(&self) -> usize {
        self.answers.lock().unwrap().at_once.1
    }

    /// What a store remembers of what has been collected: the latest sightings, and that each list was complete at `watermark`.
    pub(super) fn memory(&self, lists: &[&str], watermark: Ts) -> Memory {
        let mut memory = Memory::default();
        for f in self.all.iter().filter(|f| f.evidence == Evidence::Sighting) {
            let open = memory.open_mut(&f.key.kind);
            let known = open.entry(f.key.resource.clone()).or_default();
            let (value, at, seen) = (f.value.clone(), f.at, f.seen);
            known.sighted.insert(f.aspect, Sighted { value, at, seen });
        }
        let reach = lists.iter().map(|l| ((*l).to_owned(), watermark));
        memory.watermarks = reach.collect();
        memory.full_watermarks = memory.watermarks.clone();
        memory
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
        self.all.extend(self.facts.iter().cloned());
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

async fn serve(State(answers): State<Arc<Mutex<Answers>>>, method: Method, uri: Uri) -> Answer {
    {
        let (now, most) = &mut answers.lock().unwrap().at_once;
        *now += 1;
        *most = (*now).max(*most);
    }
    // Long enough for others to come meanwhile.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let mut answers = answers.lock().unwrap();
    answers.at_once.0 -= 1;
    let path = uri.path_and_query().unwrap().to_string();
    answers.asked.push(format!("{method} {path}"));
    let date = answers.now.to_http_date();
    let faulty = match &mut answers.fault {
        Some(fault) if method != Method::POST => fault(&path),
        _ => None,
    };
    let by_path = &answers.by_path;
    let told = by_path.get(&path).or_else(|| by_path.get(uri.path()));
    let mut reply = match (faulty, told) {
        (Some(faulty), _) => faulty,
        (None, None) => answer(404, json!({"error": format!("no {path}")}).to_string()),
        (None, Some(told)) => {
            let mut reply = answer(told.status, told.body.clone());
            for (name, value) in &told.headers {
                let name: HeaderName = name.parse().unwrap();
                if !["date", "content-length", "content-type", "connection"]
                    .contains(&name.as_str())
                {
                    reply.headers_mut().insert(name, value.parse().unwrap());
                }
            }
            reply
        }
    };
    let headers = reply.headers_mut();
    headers.insert(header::DATE, date.parse().unwrap());
    headers.insert("x-subject-token", "gAAAA-token".parse().unwrap());
    reply
}
