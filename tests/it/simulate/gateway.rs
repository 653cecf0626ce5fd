//! The object gateways on the wire: forms as recorded, signatures, the oddities of their log.

use super::{keys, repo, shape};
use plimsoll::{
    domain::Ts,
    net::Clock,
    simulate::{PASSWORD, Scenario, World, router},
};
use reqwest::StatusCode;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Two projects with buckets, over the end of September in Stockholm (22:00 UTC).
pub(super) const SCENARIO: &str = "
name: gateways
cloud: sim
region: R
window: {start: 2026-09-25T00:00:00Z, end: 2026-10-05T00:00:00Z}
domains: [d]
flavors: []
gap_s: [3600, 40000]
storage_classes: [storage, archive]
projects:
  - name: a
    domain: d
    tags: [{tags: ['contract:CO-001']}]
    owners: [{tenant: norrland-kommun}]
    buckets:
      - {name: old, behaviour: busy, count: 3, older: 2, requests_hour: [100, 900]}
      - {name: short, behaviour: short, count: 4, requests_hour: [10, 90]}
  - name: b
    domain: d
    tags: [{tags: ['contract:CO-002']}]
    owners: [{tenant: fjord-bank}]
    buckets:
      - {name: gone, behaviour: busy, count: 3, deleted_percent: 100, older: 1, requests_hour: [5, 2000]}
      - {name: blink, behaviour: blink, count: 2}
";

/// A trim at the end of an hour, when much of it has been counted.
pub(super) const TRIMMED: &str = "
faults:
  - {service: object_gateway, from: 2026-10-01T11:50:25Z, to: 2026-10-01T11:50:26Z, what: trimmed}
";

/// Kills amid an hour, each between two writes of the log.
pub(super) fn killed() -> String {
    let kill = |minute: i32| {
        let at = format!("2026-10-02T09:{minute:02}");
        format!("  - {{service: object_gateway, from: '{at}:35Z', to: '{at}:36Z', what: killed}}\n")
    };
    let kills: String = (0..60).step_by(5).map(kill).collect();
    format!("{SCENARIO}faults:\n{kills}")
}

pub(super) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

pub(super) fn world(text: &str) -> World {
    let scenario = Scenario::parse("gateways", text).unwrap();
    World::generate(&scenario, 1, Ts::MIN, Ts::MAX).unwrap()
}

/// The gateways of a world, on a port of their own, and their clock.
pub(super) async fn served(world: World) -> (url::Url, Clock) {
    let clock = Clock::standing_at(world.window().0);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let app = router(Arc::new(world), clock.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    (root.parse().unwrap(), clock)
}

/// The address of a request, signed at a time for five minutes.
fn signed(
    root: &url::Url,
    at: Ts,
    (key, secret): (&str, &str),
    path: &str,
    query: &[(&str, &str)],
) -> url::Url {
    let mut url = root.clone();
    url.set_path(path);
    let mut query = query.to_vec();
    query.sort_unstable();
    rusty_s3::signing::sign(
        &jiff::Timestamp::from_second(at.second()).unwrap(),
        rusty_s3::Method::Get,
        url,
        key,
        secret,
        None,
        "us-east-1",
        300,
        query.into_iter(),
        std::iter::empty(),
    )
}

const KEYS: (&str, &str) = (PASSWORD, PASSWORD);

struct Asking {
    root: url::Url,
    clock: Clock,
    http: reqwest::Client,
}

impl Asking {
    async fn of(world: World) -> Self {
        let (root, clock) = served(world).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { root, clock, http }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = signed(&self.root, self.clock.now(), KEYS, path, query);
        let reply = self.http.get(url).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK, "{path} {query:?}");
        reply.json().await.unwrap()
    }

    async fn refusal(&self, url: url::Url) -> (u16, String) {
        let reply = self.http.get(url).send().await.unwrap();
        let status = reply.status().as_u16();
        let body: Value = reply.json().await.unwrap();
        (status, body["Code"].as_str().unwrap().to_owned())
    }

    async fn usage(&self, query: &[(&str, &str)]) -> Value {
        self.get("/admin/usage", query).await
    }
}

fn recorded(name: &str) -> Value {
    let text = std::fs::read_to_string(repo("tests/captures/ceph").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Requests by epoch.
fn by_epoch(usage: &Value) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for entry in usage["entries"].as_array().unwrap() {
        for row in entry["buckets"].as_array().unwrap() {
            let ops = row["categories"].as_array().unwrap().iter();
            let ops: i64 = ops.map(|c| c["ops"].as_i64().unwrap()).sum();
            *sums.entry(row["epoch"].as_i64().unwrap()).or_default() += ops;
        }
    }
    sums
}

#[tokio::test]
async fn gateways_have_the_keys_of_real_ones() {
    let asking = Asking::of(world(SCENARIO)).await;
    asking.clock.set(ts("2026-09-28T12:30:00Z"));
    let hour = [
        ("start", "2026-09-28 11:00:00"),
        ("end", "2026-09-28 12:00:00"),
    ];
    assert_eq!(
        shape(&asking.usage(&hour).await),
        shape(&recorded("usage_all.json"))
    );
    let buckets = asking.get("/admin/bucket", &[("stats", "true")]).await;
    let mut real = BTreeSet::new();
    let with_usage = |b: &&Value| {
        b["usage"]["rgw.main"].is_object() && b["usage"].as_object().unwrap().len() == 1
    };
    let all = recorded("bucket_stats_all.json");
    keys(
        all.as_array().unwrap().iter().find(with_usage).unwrap(),
        "",
        &mut real,
    );
    let buckets = buckets.as_array().unwrap();
    assert!(buckets.len() > 3);
    buckets.iter().for_each(|b| assert_eq!(shape(b), real));
    // Names come in pages, or all at once.
    let names = asking.get("/admin/metadata/bucket", &[]).await;
    let page = asking
        .get("/admin/metadata/bucket", &[("max-entries", "2")])
        .await;
    assert_eq!(shape(&page), shape(&recorded("metadata_user_paged.json")));
    let marker = page["marker"].as_str().unwrap();
    let next = asking
        .get(
            "/admin/metadata/bucket",
            &[("max-entries", "100"), ("marker", marker)],
        )
        .await;
    let names: Vec<&Value> = names.as_array().unwrap().iter().collect();
    let paged = [&page, &next]
        .into_iter()
        .flat_map(|p| p["keys"].as_array().unwrap());
    assert_eq!(paged.collect::<Vec<_>>(), names);
    assert_eq!(
        (names.len(), next["truncated"].as_str()),
        (buckets.len(), Some("false"))
    );
    let name = names[0].as_str().unwrap();
    let one = asking
        .get("/admin/bucket", &[("bucket", name), ("stats", "true")])
        .await;
    assert_eq!(one["bucket"], name);
    let own = asking
        .get(
            "/admin/bucket",
            &[("uid", one["owner"].as_str().unwrap()), ("stats", "true")],
        )
        .await;
    let own = own.as_array().unwrap();
    assert!(
        own.contains(&one)
            && own.len() < buckets.len()
            && own.iter().all(|b| b["owner"] == one["owner"])
    );
}

#[tokio::test]
async fn what_is_not_signed_well_is_refused() {
    let asking = Asking::of(world(SCENARIO)).await;
    let now = ts("2026-10-01T12:00:00Z");
    asking.clock.set(now);
    let url = |at: Ts, keys, path| signed(&asking.root, at, keys, path, &[("format", "json")]);
    let mut bare = asking.root.clone();
    bare.set_path("/admin/usage");
    for (url, status, word) in [
        (bare, 403, "AccessDenied"),
        (
            url(now, ("nobody", PASSWORD), "/admin/usage"),
            403,
            "InvalidAccessKeyId",
        ),
        (
            url(now, (PASSWORD, "guessed"), "/admin/usage"),
            403,
            "SignatureDoesNotMatch",
        ),
        (
            url(now.plus_seconds(-301), KEYS, "/admin/usage"),
            403,
            "AccessDenied",
        ),
        (
            url(now.plus_seconds(1_000), KEYS, "/admin/usage"),
            403,
            "RequestTimeTooSkewed",
        ),
        // What would show secret keys.
        (url(now, KEYS, "/admin/user"), 403, "AccessDenied"),
        (
            signed(
                &asking.root,
                now,
                KEYS,
                "/admin/bucket",
                &[("bucket", "no such~one")],
            ),
            404,
            "NoSuchBucket",
        ),
    ] {
        assert_eq!(
            asking.refusal(url.clone()).await,
            (status, word.to_owned()),
            "{url}"
        );
    }
    let mut other = url(now, KEYS, "/admin/usage");
    other.query_pairs_mut().append_pair("uid", "somebody");
    assert_eq!(asking.refusal(other).await.1, "SignatureDoesNotMatch");
    // In a header, as deploy/lab/ceph/s3.py signs: worked out there, and so by another program.
    let mut url = asking.root.clone();
    url.set_path("/admin/bucket");
    url.set_query(Some("bucket=no%20such~one&format=json"));
    let by_header = |signature: &str| {
        let said = format!(
            "AWS4-HMAC-SHA256 Credential=simulated/20261012/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
        );
        let request = asking
            .http
            .get(url.clone())
            .header("host", "gateway.example")
            .header("authorization", said);
        let request = request.header("x-amz-date", "20261012T120000Z");
        request.header(
            "x-amz-content-sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        )
    };
    let good = "1a97f90fabbf2121633d030e2f50c4bfb2ff9720534a12f7c88d89f4d3da0198";
    for (at, signature, status) in [
        ("2026-10-12T12:00:00Z", good, 404),
        ("2026-10-12T12:00:00Z", &good.replace('1', "2"), 403),
        ("2026-10-12T12:16:00Z", good, 403),
    ] {
        asking.clock.set(ts(at));
        assert_eq!(
            by_header(signature).send().await.unwrap().status(),
            status,
            "{at}"
        );
    }
}

#[tokio::test]
async fn the_log_is_as_odd_as_a_real_one() {
    let asking = Asking::of(world(&format!("{SCENARIO}{TRIMMED}"))).await;
    let sum = |usage: &Value| by_epoch(usage).values().sum::<i64>();
    // An hour grows in place, and a little beyond its end.
    let hour = [
        ("start", "2026-09-28 11:00:00"),
        ("end", "2026-09-28 12:00:00"),
    ];
    let mut grown = Vec::new();
    for at in [
        "11:00:00", "11:20:00", "11:40:00", "12:00:00", "12:00:07", "15:00:00",
    ] {
        asking.clock.set(ts(&format!("2026-09-28T{at}Z")));
        grown.push(sum(&asking.usage(&hour).await));
    }
    assert!(
        grown[0] == 0 && grown[1] > 0 && grown.is_sorted() && grown[1] < grown[3],
        "{grown:?}"
    );
    assert_eq!(grown[4], grown[5]);
    // Several hours are one row with the first one's time, and a beginning amid an hour drops it.
    let two = asking
        .usage(&[
            ("start", "2026-09-28 10:00:00"),
            ("end", "2026-09-28 12:00:00"),
        ])
        .await;
    let before = asking
        .usage(&[
            ("start", "2026-09-28 10:00:00"),
            ("end", "2026-09-28 11:00:00"),
        ])
        .await;
    let first = ts("2026-09-28T10:00:00Z").second();
    assert_eq!(
        by_epoch(&two),
        BTreeMap::from([(first, sum(&before) + grown[5])])
    );
    let amid = asking
        .usage(&[
            ("start", "2026-09-28 10:00:01"),
            ("end", "2026-09-28 12:00:00"),
        ])
        .await;
    assert_eq!(sum(&amid), grown[5]);
    // Without an end, or with one that is none, users come twice whose names sort low: ids are of base 16.
    let until = asking
        .usage(&[
            ("start", "2026-09-28 10:00:00"),
            ("end", "2026-09-28 16:00:00"),
        ])
        .await;
    for odd in [vec![], vec![("end", "soon")]] {
        let query: Vec<_> = [("start", "2026-09-28 10:00:00")]
            .into_iter()
            .chain(odd)
            .collect();
        let open = asking.usage(&query).await;
        let times = |usage: &Value, user: &str| {
            let entries = usage["entries"].as_array().unwrap().iter();
            entries.filter(|e| e["user"] == user).count()
        };
        let users: BTreeSet<&str> = until["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["user"].as_str().unwrap())
            .collect();
        for user in users {
            let low = user < "18446744073709551615";
            assert_eq!(
                (times(&until, user), times(&open, user)),
                (1, 1 + usize::from(low)),
                "{user}"
            );
        }
    }
    // A trim empties it, and it begins anew.
    asking.clock.set(ts("2026-10-01T11:50:24Z"));
    let hour = [
        ("start", "2026-10-01 11:00:00"),
        ("end", "2026-10-01 12:00:00"),
    ];
    let full = sum(&asking.usage(&hour).await);
    asking.clock.set(ts("2026-10-01T11:50:25Z"));
    assert_eq!(sum(&asking.usage(&[]).await), 0);
    asking.clock.set(ts("2026-10-01T12:00:10Z"));
    let rest = sum(&asking.usage(&hour).await);
    assert!(0 < rest && rest < full, "{rest} after {full}");
}

#[tokio::test]
async fn who_answers_after_a_kill_is_another_one() {
    let asking = Asking::of(world(&killed())).await;
    let mut ids = Vec::new();
    for at in ["09:30:34", "09:30:35"] {
        asking.clock.set(ts(&format!("2026-10-02T{at}Z")));
        let url = signed(&asking.root, asking.clock.now(), KEYS, "/admin/usage", &[]);
        let reply = asking.http.get(url).send().await.unwrap();
        let id = reply.headers()["x-amz-request-id"].to_str().unwrap();
        ids.push(id.rsplit('-').nth(1).unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
}
