//! A gateway of recorded answers on one loopback port, and what reads it.

use crate::openstack::cloud::{Answer, Fault, answer};
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, Uri, header},
};
use plimsoll::{
    config::{self, Secret},
    domain::{
        Aspect, Evidence, Fact, Known, Memory, Pass, PassMode, ResourceKey, Ts, memory::Sighted,
    },
    fold,
    net::Clock,
    sources::{Finding, Parcel, Source},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

/// The hour that recorded usage is of.
pub(super) const HOUR: &str = "2026-11-23T08:00:00Z";

pub(super) const SECRET: &str = "sesame-open-9c1";

/// What the zone is at the moment.
#[derive(Default)]
pub(super) struct Zone {
    /// Its clock.
    pub(super) now: Ts,
    /// Entries of the usage log, by hour.
    pub(super) log: BTreeMap<Ts, Vec<Value>>,
    /// Stats of its buckets.
    pub(super) buckets: Vec<Value>,
    /// Names of users that own nothing.
    pub(super) idle: Vec<String>,
    /// Which start of the gateway this is.
    pub(super) instance: u32,
    pub(super) name: &'static str,
    /// Path and query of every request.
    pub(super) asked: Vec<String>,
    pub(super) fault: Option<Fault>,
}

/// A zone with a gateway, its readers, and what they read.
pub(super) struct Gateway {
    pub(super) zone: Arc<Mutex<Zone>>,
    pub(super) clock: Clock,
    pub(super) conf: config::Rgw,
    readers: Vec<Source>,
    /// Of the latest collection.
    pub(super) facts: Vec<Fact>,
    /// Of all collections.
    pub(super) all: Vec<Fact>,
}

pub(super) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

/// A recorded answer: `usage_all`.
pub(super) fn recorded(name: &str) -> Value {
    let file = format!("tests/captures/ceph/{name}.json");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Entries of a recorded answer about the usage log.
pub(super) fn entries(name: &str) -> Vec<Value> {
    recorded(name)["entries"].as_array().unwrap().clone()
}

/// One entry: what a user did to a bucket in an hour, as (category, requests, bytes in, bytes out).
pub(super) fn entry(hour: Ts, user: &str, bucket: &str, did: &[(&str, i64, i64, i64)]) -> Value {
    let categories: Vec<Value> = did
        .iter()
        .map(|(category, ops, bytes_in, bytes_out)| {
            json!({"category": category, "ops": ops, "successful_ops": ops, "bytes_received": bytes_in, "bytes_sent": bytes_out})
        })
        .collect();
    json!({"user": user, "buckets": [{"bucket": bucket, "epoch": hour.second(), "owner": user, "categories": categories}]})
}

/// Stats of a bucket.
pub(super) fn bucket(id: &str, name: &str, owner: &str, bytes: i64, objects: i64) -> Value {
    let tenant = owner.split_once('$').map_or("", |(t, _)| t);
    json!({"bucket": name, "tenant": tenant, "id": id, "owner": owner, "placement_rule": "default-placement",
        "creation_time": "2026-11-20T08:00:00.000000Z",
        "usage": {"rgw.main": {"size": bytes, "size_actual": bytes, "num_objects": objects}}})
}

/// Serves a zone on a port of its own; gives back its address.
pub(super) async fn serve(zone: &Arc<Mutex<Zone>>) -> url::Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .fallback(answered)
        .with_state(Arc::clone(zone));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    at.parse().unwrap()
}

async fn answered(State(zone): State<Arc<Mutex<Zone>>>, uri: Uri) -> Answer {
    let mut zone = zone.lock().unwrap();
    let target = uri.to_string();
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes())
            .into_owned()
            .collect();
    zone.asked.push(target.clone());
    let faulty = match zone.fault.take() {
        Some(mut fault) => {
            let answer = fault(&target);
            zone.fault = Some(fault);
            answer
        }
        None => None,
    };
    let mut reply = faulty
        .or_else(|| zone.refusal(&query))
        .unwrap_or_else(|| zone.answer(uri.path(), &query));
    let id = format!("tx000001-006b03f4e9-{:x}-{}", zone.instance, zone.name);
    let headers = reply.headers_mut();
    headers.insert(
        header::DATE,
        HeaderValue::from_str(&zone.now.to_http_date()).unwrap(),
    );
    headers.insert("x-amz-request-id", HeaderValue::from_str(&id).unwrap());
    reply
}

impl Zone {
    /// A signature holds for as long as it says, by the gateway's own clock; a later one is taken as it is.
    fn refusal(&self, query: &BTreeMap<String, String>) -> Option<Answer> {
        let date = query.get("X-Amz-Date")?;
        let form = "%Y%m%dT%H%M%SZ";
        let signed = chrono::NaiveDateTime::parse_from_str(date, form)
            .unwrap()
            .and_utc();
        let holds: i64 = query["X-Amz-Expires"].parse().unwrap();
        let late = self.now.second() >= signed.timestamp() + holds;
        let well =
            query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256" && query["X-Amz-Signature"].len() == 64;
        (late || !well).then(|| answer(403, r#"{"Code":"AccessDenied","Message":""}"#))
    }

    fn answer(&self, path: &str, query: &BTreeMap<String, String>) -> Answer {
        let param = |name: &str| query.get(name).map(String::as_str);
        assert_eq!(param("format"), Some("json"), "{path}");
        match path {
            "/admin/usage" => self.usage(
                ts(param("start").unwrap()),
                ts(param("end").unwrap()),
                param("show-entries") == Some("true"),
            ),
            "/admin/metadata/bucket" => page(self.buckets.iter().map(full_name).collect(), query),
            "/admin/metadata/user" => page(self.users(), query),
            "/admin/bucket" => {
                assert_eq!(param("stats"), Some("true"));
                match (param("uid"), param("bucket")) {
                    (Some(uid), None) => {
                        let own: Vec<&Value> =
                            self.buckets.iter().filter(|b| b["owner"] == *uid).collect();
                        answer(200, json!(own).to_string())
                    }
                    (None, Some(name)) => {
                        match self.buckets.iter().find(|b| full_name(b) == name) {
                            Some(bucket) => answer(200, bucket.to_string()),
                            None => answer(404, r#"{"Code":"NoSuchBucket"}"#),
                        }
                    }
                    _ => answer(200, json!(self.buckets).to_string()),
                }
            }
            // `/admin/user` and metadata of one user hold secret keys.
            other => panic!("{other} is not to be asked for"),
        }
    }

    fn users(&self) -> BTreeSet<String> {
        // Accounts own buckets, and are no users.
        let owners = self
            .buckets
            .iter()
            .map(|b| b["owner"].as_str().unwrap().to_owned());
        owners
            .filter(|o| !o.starts_with("RGW"))
            .chain(self.idle.iter().cloned())
            .collect()
    }

    /// As RGW does: hours that the stretch touches with their beginning, and never more than one row for each user and bucket.
    fn usage(&self, start: Ts, end: Ts, entries: bool) -> Answer {
        let all: Vec<&Value> = self.log.range(start..end).flat_map(|(_, e)| e).collect();
        if !entries {
            return answer(200, json!({"summary": all}).to_string());
        }
        assert_eq!(
            end.second() - start.second(),
            3_600,
            "several hours collapse to one row"
        );
        assert_eq!(
            start.second() % 3_600,
            0,
            "an hour that does not begin on the hour is dropped"
        );
        answer(200, json!({"entries": all, "summary": []}).to_string())
    }
}

fn full_name(bucket: &Value) -> String {
    let of = |key: &str| bucket[key].as_str().unwrap();
    match of("tenant") {
        "" => of("bucket").to_owned(),
        tenant => format!("{tenant}/{}", of("bucket")),
    }
}

/// A page of names, as 16 writes it.
fn page(names: BTreeSet<String>, query: &BTreeMap<String, String>) -> Answer {
    let size: usize = query["max-entries"].parse().unwrap();
    let after = query.get("marker").cloned().unwrap_or_default();
    let left: Vec<String> = names.into_iter().filter(|n| *n > after).collect();
    let keys: Vec<&String> = left.iter().take(size).collect();
    let mut page =
        json!({"keys": keys, "truncated": (left.len() > size).to_string(), "count": keys.len()});
    if left.len() > size {
        page["marker"] = json!(keys.last());
    }
    answer(200, page.to_string())
}

impl Gateway {
    /// A zone half an hour after the recorded one, with nothing in it.
    pub(super) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, read as configured.
    pub(super) async fn with(change: impl FnOnce(&mut config::Rgw)) -> Self {
        let now = ts("2026-11-23T08:30:00Z");
        let zone = Arc::new(Mutex::new(Zone {
            now,
            instance: 0x1032,
            name: "default",
            ..Zone::default()
        }));
        let mut conf = config::Rgw {
            name: "zone".to_owned(),
            endpoints: vec![serve(&zone).await],
            access_key: Secret::new("METERING"),
            secret_key: Secret::new(SECRET),
            region: "us-east-1".to_owned(),
            zone: None,
            openstack: None,
            ceph: None,
            interval_s: 300,
            bucket_interval_s: 900,
            backfill_s: 7_200,
            flush_s: 120,
            concurrency: 4,
            page_size: 3,
            timeout_s: 5,
            body_max_bytes: 1 << 20,
            ca_file: None,
        };
        change(&mut conf);
        let mut gateway = Self {
            zone,
            clock: Clock::standing_at(now),
            conf,
            readers: Vec::new(),
            facts: Vec::new(),
            all: Vec::new(),
        };
        gateway.restart(&Memory::default());
        gateway
    }

    /// New readers take over, with what a store remembers.
    pub(super) fn restart(&mut self, memory: &Memory) {
        let source = config::Source::Rgw(self.conf.clone());
        self.readers = Source::open(&source, &self.clock, memory, "test").unwrap();
    }

    /// Many buckets are asked for by their owners: from now on so few are many.
    pub(super) fn by_owner(&mut self) {
        for reader in &mut self.readers {
            if let Source::RgwBuckets(buckets) = reader {
                buckets.by_owner_above(0);
            }
        }
    }

    /// A person vouches for a list.
    pub(super) fn believe(&mut self, list: &str) {
        for reader in &mut self.readers {
            reader.believe(&BTreeSet::from([list.to_owned()]));
        }
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Zone)) {
        change(&mut self.zone.lock().unwrap());
    }

    /// Time passes.
    pub(super) fn later(&self, seconds: i64) {
        self.set(|z| z.now = z.now.plus_seconds(seconds));
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }

    /// What was asked for since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.zone.lock().unwrap().asked)
    }

    /// What a store remembers of what has been collected, and how far the lists reach.
    pub(super) fn memory(&self, passes: &[Pass]) -> Memory {
        let mut memory = Memory::default();
        for f in self.all.iter().filter(|f| f.evidence == Evidence::Sighting) {
            let open = memory.open_mut(&f.key.kind);
            let known = open.entry(f.key.resource.clone()).or_default();
            let (value, at, seen) = (f.value.clone(), f.at, f.seen);
            known.sighted.insert(f.aspect, Sighted { value, at, seen });
        }
        for pass in passes {
            let reach = memory.watermarks.entry(pass.list.clone()).or_default();
            *reach = pass.watermark.max(*reach);
        }
        memory.full_watermarks = memory.watermarks.clone();
        memory
    }

    /// One collection by all readers.
    pub(super) async fn collect(&mut self) -> Vec<Pass> {
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
        passes
    }

    pub(super) async fn check(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for reader in &mut self.readers {
            findings.extend(reader.check_online().await);
        }
        findings
    }

    /// What has been counted of a user's requests to buckets of a name, by hour, category and owner: requests, bytes in, bytes out.
    pub(super) fn counted(&self, user: &str, bucket: &str) -> BTreeMap<(Ts, String), [i64; 3]> {
        let key = ResourceKey {
            cloud: "zone".into(),
            kind: "bucket_log".into(),
            resource: format!("{user}/{bucket}"),
        };
        let told = fold::fold(&key, self.all.iter().cloned());
        let of = told.amounts.iter().map(|a| {
            let quantity = |name: &str| a.quantities[name];
            let sums = ["object.requests", "object.bytes_in", "object.bytes_out"].map(quantity);
            ((a.start, a.attrs["category"].clone()), sums)
        });
        of.collect()
    }

    /// What is known of a bucket by its id, as spans: `from..to value`.
    pub(super) fn spans(
        &self,
        id: &str,
        aspect: Aspect,
        show: impl Fn(&Known) -> String,
    ) -> Vec<String> {
        let key = ResourceKey {
            cloud: "zone".into(),
            kind: "bucket".into(),
            resource: id.into(),
        };
        let told = fold::fold(&key, self.all.iter().cloned());
        let time = |t: Ts| t.to_utc().unwrap().format("%H:%M").to_string();
        told.spans(aspect)
            .iter()
            .map(|s| {
                let value = s.value.as_ref().map_or_else(|| "gap".to_owned(), &show);
                format!(
                    "{}..{} {value}",
                    time(s.start),
                    s.end.map_or_else(String::new, time)
                )
            })
            .collect()
    }
}
