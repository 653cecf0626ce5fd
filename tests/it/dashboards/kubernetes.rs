//! The dashboard of Kubernetes, on a store with one thing of each kind.

use super::{
    dashboards,
    openstack::{KindRow, seed_kinds, times},
    queries, scope,
};
use crate::harness;
use plimsoll::{
    domain::{
        Aspect, Batch, Evidence, Fact, Known, ResourceKey, Ts, Value as Held,
        fact::{attr, kind},
    },
    store::Store,
};
use serde_json::Value;

/// What a tenant has in a cluster since noon, the node and the volume that it stands on, and a node that is gone.
pub(super) async fn seed_cluster(store: &Store) {
    let kinds: [KindRow; 3] = [
        (
            kind::POD,
            "pods",
            &[
                ("k8s.pod", "s"),
                ("k8s.cpu.request", "{cpu-n}.s"),
                ("k8s.memory.request", "By.s"),
                ("k8s.gpu.request", "{gpu}.s"),
            ],
            "device",
        ),
        (
            kind::CLAIM,
            "persistentvolumeclaims",
            &[("k8s.pvc.capacity", "By.s")],
            "class",
        ),
        (
            kind::SERVICE,
            "services",
            &[("k8s.loadbalancer", "s")],
            "class",
        ),
    ];
    seed_kinds(store, &kinds).await;
    let (noon, now) = times();
    let fact = |kind: &str, resource: &str, aspect, value: Held, seen: Ts| Fact {
        key: ResourceKey {
            cloud: "sim".into(),
            kind: kind.into(),
            resource: resource.into(),
        },
        aspect,
        evidence: Evidence::Sighting,
        at: seen,
        from: seen,
        seen,
        value,
        observed_at: now,
        pass: 1,
        raw: String::new(),
    };
    let known = |label: &str, levels: &[(&str, i64)], attrs: &[(&str, &str)]| {
        Held::Known(Known {
            levels: levels.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            attrs: attrs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Known::label(label)
        })
    };
    let (node, volume) = (kind::NODE, kind::PERSISTENT_VOLUME);
    let allocatable = [("cpu_nanocores", 4_000_000_000), ("memory_bytes", 90)];
    let facts = vec![
        fact(
            node,
            "n1",
            Aspect::Flavor,
            known("", &allocatable, &[]),
            now,
        ),
        fact(
            node,
            "n1",
            Aspect::Attributes,
            known("worker-1", &[], &[(attr::SERVER, "a-server")]),
            now,
        ),
        fact(node, "n2", Aspect::Attributes, Held::label("gone-1"), noon),
        fact(node, "n2", Aspect::State, Held::Gone, now),
        // As `seed_kinds` names it.
        fact(
            kind::POD,
            "pod-1",
            Aspect::State,
            known("bound", &[], &[(attr::NODE, "worker-1")]),
            noon,
        ),
        fact(volume, "v1", Aspect::State, Held::label("bound"), now),
        fact(
            volume,
            "v1",
            Aspect::Flavor,
            known("fast", &[("capacity_bytes", 30)], &[]),
            now,
        ),
        fact(
            volume,
            "v1",
            Aspect::Attributes,
            known("pvc-1", &[], &[(attr::HANDLE, "a-cinder-volume")]),
            now,
        ),
    ];
    let batch = Batch {
        facts,
        ..Batch::default()
    };
    store.write(&batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_of_kubernetes_tells_what_is_held_and_what_it_stands_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed_cluster(&store).await;
    let (_, d) = dashboards()
        .into_iter()
        .find(|(f, _)| f == "kubernetes.json")
        .unwrap();
    let told = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    for (title, key, expected) in [
        ("Pods", "pods", "1"),
        ("Memory requested", "bytes", "7"),
        ("GPUs requested", "gpus", "7"),
        ("Claims", "bytes", "7"),
        ("Load balancers", "balancers", "1"),
        ("Namespaces", "namespace", "default/acme"),
        ("Namespaces", "pods", "1"),
        ("Namespaces", "memory", "7"),
        ("Namespaces", "claims", "7"),
        ("Nodes", "node", "worker-1"),
        ("Nodes", "server", "a-server"),
        ("Nodes", "cpus", "4"),
        ("Nodes", "memory", "90"),
        ("Nodes", "memory_requested", "7"),
        ("Nodes", "pods", "1"),
        ("Volumes", "volume", "pvc-1"),
        ("Volumes", "class", "fast"),
        ("Volumes", "stands_on", "a-cinder-volume"),
    ] {
        let place = format!("panel `{title}` A");
        let found = queries(&d).into_iter().find(|(at, _)| *at == place);
        let sent = scope(&d, None, 0..24).expand(&found.unwrap().1).unwrap();
        let rows = store.json(&sent).await.unwrap();
        assert_eq!(rows.len(), 1, "{title}: {rows:?}");
        assert_eq!(told(&rows[0][key]), expected, "{title}: {rows:?}");
    }
    store.close().await.unwrap();
}
