//! From the gateway to the usage of a month, by the program itself.

use super::gateway::{Gateway, entries, entry, recorded, ts};
use crate::harness::{self, Plimsoll, json};
use plimsoll::domain::{Aspect, Batch, Evidence, Known, Value, fact::kind, tenancy::attr};
use std::collections::BTreeMap;

/// The project that a recorded bucket and its requests are of.
const PROJECT: &str = "aaaabbbbccccddddeeeeffff00001111";

/// Keystone's project, as the source that lists it would tell of it.
fn project() -> Batch {
    let known = Known {
        label: "web".into(),
        attrs: BTreeMap::from([(attr::TAGS.to_owned(), "contract:CO-7".to_owned())]),
        ..Known::default()
    };
    let mut fact = harness::fact(
        "nordic-1",
        PROJECT,
        Aspect::Attributes,
        Evidence::Sighting,
        1_795_000_000,
        Value::Known(known),
    );
    fact.key.kind = kind::PROJECT.to_owned();
    Batch {
        facts: vec![fact],
        ..Batch::default()
    }
}

fn configured(zone: &Gateway) -> Plimsoll {
    let dir = tempfile::tempdir().unwrap().keep();
    let file = dir.join("plimsoll.yaml");
    let endpoint = &zone.conf.endpoints[0];
    let text = format!(
        "sources:
  - {{kind: rgw, name: zone, endpoints: ['{endpoint}'], access_key: {{env: RGW_ACCESS_KEY}}, secret_key: {{env: RGW_SECRET_KEY}}, openstack: nordic-1, backfill: 1h}}
  - {{kind: openstack, name: nordic-1, auth_url: 'http://127.0.0.1:1/v3', username: u, project: p, password: {{env: RGW_SECRET_KEY}}, services: [volume]}}
tenancy:
  rules:
    - project_tag: 'contract:'
    - list: [{{scope: acme/alice, source: zone, tenant: acme-ab, contract: CO-1}}, {{scope: dave, tenant: dave-ab, contract: CO-2}}]
    - {{domain: globex, tenant: globex-as, contract: CO-3}}
"
    );
    std::fs::write(&file, text).unwrap();
    Plimsoll::with_config(file)
}

/// Runs the program with the gateway's keys: stdout.
fn ok(p: &Plimsoll, args: &[&str]) -> String {
    let keys = [
        ("RGW_ACCESS_KEY", "METERING"),
        ("RGW_SECRET_KEY", super::gateway::SECRET),
    ];
    let out = tokio::task::block_in_place(|| p.command(args).envs(keys).output().unwrap());
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    let (stdout, stderr) = (text(out.stdout), text(out.stderr));
    assert!(out.status.success(), "{args:?}: {stdout}{stderr}");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_becomes_usage_of_those_who_pay() {
    let zone = Gateway::start().await;
    let hour = ts("2026-11-23T08:00:00Z");
    zone.set(|z| {
        let mut all = entries("usage_all");
        all.push(recorded("keystone_usage_implicit_false"));
        z.log.insert(hour, all);
        z.buckets = recorded("bucket_stats_all").as_array().unwrap().clone();
        z.buckets.push(recorded("keystone_bucket_implicit_false"));
    });
    let p = configured(&zone);
    let store = harness::open(&p.data()).await;
    store.write(&project()).await.unwrap();
    store.close().await.unwrap();
    ok(&p, &["collect", "--source", "zone"]);
    // Later: the buckets held what they held until then, and the hour has grown.
    zone.set(|z| {
        z.now = z.now.plus_seconds(600);
        let more = entry(hour, "dave", "new", &[("delete_obj", 5, 0, 0)]);
        z.log.get_mut(&hour).unwrap().push(more);
    });
    ok(&p, &["collect", "--source", "zone"]);
    let usage = json(&ok(
        &p,
        &["usage", "--month", "2026-11", "--format", "json"],
    ));
    let mut sums: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for row in usage["rows"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let class = row["dimensions"]["class"].as_str().unwrap_or("").to_owned();
        *sums
            .entry((text("tenant"), text("meter"), class))
            .or_default() += text("quantity").parse::<i64>().unwrap();
    }
    let of = |tenant: &str, meter: &str, class: &str| {
        sums.get(&(tenant.into(), meter.into(), class.into()))
            .copied()
    };
    assert_eq!(of("acme-ab", "object.requests", "write"), Some(31));
    assert_eq!(of("acme-ab", "object.bytes_in", ""), Some(26_414_590));
    assert_eq!(
        of("acme-ab", "object.capacity", "STANDARD"),
        Some(600 * (170_194 + 26_214_400))
    );
    assert_eq!(of("dave-ab", "object.requests", "delete"), Some(5));
    assert_eq!(of("globex-as", "object.count", "STANDARD"), Some(600 * 8));
    // Keystone's project pays by its tag, for requests and for what it stores.
    assert_eq!(of("CO-7", "object.requests", "read"), Some(1));
    assert_eq!(of("CO-7", "object.capacity", "STANDARD"), Some(600 * 5));
    // Nobody has said who pays for anonymous requests.
    assert_eq!(of("unattributed", "object.requests", "list"), Some(1));
    assert!(ok(&p, &["usage", "--month", "2026-10"]).contains("2026-10"));
}
