//! The dashboard of Kubernetes, on a store with one thing of each kind.

use super::{
    openstack::{KindRow, seed_kinds, times},
    told::{known, shows, sighting},
};
use crate::harness;
use plimsoll::{
    domain::{
        Aspect, Batch, Value as Held,
        fact::{attr, kind},
    },
    store::Store,
};

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
                ("k8s.memory.usage", "By.s"),
                ("k8s.cpu.usage", "ns"),
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
    let (node, volume) = (kind::NODE, kind::PERSISTENT_VOLUME);
    let allocatable = [("cpu_nanocores", 4_000_000_000), ("memory_bytes", 90)];
    let facts = vec![
        sighting(
            node,
            "n1",
            Aspect::Flavor,
            known("", &allocatable, &[]),
            now,
        ),
        sighting(
            node,
            "n1",
            Aspect::Attributes,
            known("worker-1", &[], &[(attr::SERVER, "a-server")]),
            now,
        ),
        sighting(node, "n2", Aspect::Attributes, Held::label("gone-1"), noon),
        sighting(node, "n2", Aspect::State, Held::Gone, now),
        // As `seed_kinds` names it.
        sighting(
            kind::POD,
            "pod-1",
            Aspect::State,
            known("bound", &[], &[(attr::NODE, "worker-1")]),
            noon,
        ),
        sighting(volume, "v1", Aspect::State, Held::label("bound"), now),
        sighting(
            volume,
            "v1",
            Aspect::Flavor,
            known("fast", &[("capacity_bytes", 30)], &[]),
            now,
        ),
        sighting(
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
    let told = [
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
    ];
    shows(&store, "kubernetes.json", &told).await;
    store.close().await.unwrap();
}
