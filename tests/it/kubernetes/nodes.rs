//! Nodes shared out, from the recorded lists of a cluster and the servers that its nodes are, to lines and what they stand on.

use super::{cluster::ts, server::World};
use crate::harness::{self, Plimsoll, json};
use plimsoll::domain::{Aspect, Batch, Evidence, Fact, Known, ResourceKey, Ts, Value, fact::kind};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const LISTS: [&str; 5] = [
    "pods",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
];

/// What OpenStack told of the servers that the nodes are, and of their project.
fn openstack(servers: &[String]) -> Batch {
    let since = ts("2026-11-20T00:00:00Z");
    let of = |kind: &str, resource: &str, aspect: Aspect, value: Value| Fact {
        key: ResourceKey {
            cloud: "nordic".into(),
            kind: kind.into(),
            resource: resource.into(),
        },
        ..harness::fact(
            "nordic",
            resource,
            aspect,
            Evidence::Record,
            since.second(),
            value,
        )
    };
    let project = Known {
        attrs: BTreeMap::from([("domain".into(), "Default".into())]),
        ..Known::label("okd-1")
    };
    let flavor = Known {
        levels: BTreeMap::from([("vcpus".into(), 8)]),
        ..Known::label("m1.xlarge")
    };
    let mut facts = vec![of(
        kind::PROJECT,
        "p-okd",
        Aspect::Attributes,
        Value::Known(project),
    )];
    for id in servers {
        let server = |aspect, value| of(kind::SERVER, id, aspect, value);
        facts.extend([
            server(Aspect::State, Value::label("active")),
            server(Aspect::Owner, Value::label("p-okd")),
            server(Aspect::Flavor, Value::Known(flavor.clone())),
        ]);
    }
    Batch {
        facts,
        ..Batch::default()
    }
}

fn quantity(row: &Json) -> i128 {
    row["quantity"].as_str().unwrap().parse().unwrap()
}

/// CPU or bytes by the text of the API.
fn capacity(node: &Json, meter: &str) -> i128 {
    let text = |of: &str| node["status"]["capacity"][of].as_str().unwrap().to_owned();
    let number = |t: &str| t.parse::<i128>().unwrap();
    match meter {
        "k8s.node.cpu" => number(&text("cpu")) * 1_000_000_000,
        _ => number(text("memory").trim_end_matches("Ki")) * 1024,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_shared_out_and_what_they_stand_on_is_on_no_bill() {
    let (world, url) = World::start(&LISTS).await;
    let nodes = world.lock().unwrap().objects("nodes");
    let now = world.lock().unwrap().now.second();
    let servers: Vec<String> = nodes
        .iter()
        .map(|n| {
            n["spec"]["providerID"]
                .as_str()
                .unwrap()
                .replace("openstack:///", "")
        })
        .collect();
    let p = Plimsoll::quickstart();
    std::fs::write(p.dir().join("token"), "sesame").unwrap();
    let config = |idle: &str, project: &str| {
        let text = format!(
            "sources: [{{kind: kubernetes, name: okd, url: '{url}', token_file: token}}]\n\
             tenancy:\n  rules: [{{namespace_label: tenant, value: '(.+)', tenant: $1, contract: CO-$1}}]\n  \
             platforms: [{{cluster: okd, projects: [{project}], idle: {idle}}}]\n"
        );
        let config = p
            .dir()
            .join(format!("{idle}-{}.yaml", project.replace('/', "-")));
        std::fs::write(&config, text).unwrap();
        config
    };
    let (provider, by_request) = (
        config("provider", "Default/okd-1"),
        config("by_request", "p-okd"),
    );
    let unmarked = config("provider", "Default/other");
    let p = p.configured(provider);
    let (p, _) = tokio::task::spawn_blocking(|| {
        let told = p.run(&["collect"]);
        (p, told)
    })
    .await
    .unwrap();
    let store = harness::open(&p.data()).await;
    store.write(&openstack(&servers)).await.unwrap();
    store.close().await.unwrap();
    let work = tokio::task::spawn_blocking(move || {
        let usage =
            |p: &Plimsoll| json(&p.ok(&["usage", "--month", "2026-11", "--format", "json"]));
        let first = usage(&p);
        let table = p.ok(&["usage", "--month", "2026-11"]);
        let of_pod =
            |r: &&Json| r["meter"] == "k8s.node.cpu" && r["kind"] == "pod" && r["tenant"] == "acme";
        let id = first["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(of_pod)
            .unwrap()["id"]
            .clone();
        let id = id.as_str().unwrap().to_owned();
        let text = p.ok(&["explain", &id, "--month", "2026-11"]);
        let explained = json(&p.ok(&["explain", &id, "--month", "2026-11", "--format", "json"]));
        let p = p.configured(by_request);
        let shared = usage(&p);
        let warned = p.configured(unmarked).ok(&["usage", "--month", "2026-11"]);
        assert!(!table.contains("stand on project"), "{table}");
        assert!(
            warned.contains(
                "12 nodes of okd stand on project Default/okd-1 of nordic, which is not among"
            ),
            "{warned}"
        );
        (first, table, text, explained, shared)
    });
    let (first, table, text, explained, shared) = work.await.unwrap();
    for meter in ["k8s.node.cpu", "k8s.node.memory"] {
        for usage in [&first, &shared] {
            let rows = usage["rows"].as_array().unwrap();
            for node in &nodes {
                let parts = rows.iter().filter(|r| {
                    r["meter"] == meter && r["dimensions"]["node"] == node["metadata"]["name"]
                });
                let made = ts(node["metadata"]["creationTimestamp"].as_str().unwrap());
                let there = capacity(node, meter) * i128::from(now - made.second());
                assert_eq!(parts.map(quantity).sum::<i128>(), there, "{meter}");
            }
        }
    }
    let rows = |usage: &Json, part: &str, kind: &str| -> Vec<Json> {
        let all = usage["rows"].as_array().unwrap().iter();
        let of = |r: &&Json| {
            r["dimensions"]["part"] == part && r["kind"] == kind && r["meter"] == "k8s.node.cpu"
        };
        all.filter(of).cloned().collect()
    };
    // What the node keeps is its server's project's, which is nobody's; what pods ask for is their tenants'.
    for row in rows(&first, "system", "node") {
        assert_eq!(
            (
                &row["tenant"],
                &row["contract"],
                &row["scope"],
                &row["scope_name"]
            ),
            (
                &"platform".into(),
                &"".into(),
                &"p-okd".into(),
                &"Default/okd-1".into()
            )
        );
    }
    let idle = |usage, kind| {
        rows(usage, "unrequested", kind)
            .iter()
            .map(quantity)
            .sum::<i128>()
    };
    assert!(idle(&first, "node") > 0 && idle(&first, "pod") == 0);
    assert!(idle(&shared, "pod") > idle(&shared, "node"));
    assert_eq!(
        idle(&first, "node"),
        idle(&shared, "node") + idle(&shared, "pod")
    );
    let servers_rows = first["rows"].as_array().unwrap().iter();
    let made_of: Vec<_> = servers_rows.filter(|r| r["kind"] == "server").collect();
    assert!(!made_of.is_empty() && made_of.iter().all(|r| r["tenant"] == "platform"));
    for line in [
        "k8s.node.cpu (system)",
        "k8s.node.memory (unrequested)",
        "k8s.node.cpu (requested)",
    ] {
        assert!(table.contains(line), "{line}: {table}");
    }
    // From the pod down to the project.
    let stands_on: Vec<&str> = explained["stands_on"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["kind"].as_str().unwrap())
        .collect();
    assert_eq!(stands_on, ["node", "server"]);
    assert_eq!(explained["stands_on"][1]["tenant"], "platform");
    let days: i128 = explained["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(quantity)
        .sum();
    assert_eq!(days, quantity(&explained["row"]));
    assert!(text.contains("Stands on\n  node okd-"), "{text}");
    assert!(
        text.contains("scope Default/okd-1 (p-okd), tenant platform"),
        "{text}"
    );
    assert!(Ts::from_second(now) > ts("2026-11-23T08:53:05Z"));
}
