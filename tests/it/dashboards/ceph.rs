//! The dashboard of Ceph, on a store with one thing of each kind.

use super::{
    dashboards,
    openstack::{KindRow, seed_kinds, times},
    queries, scope,
};
use crate::harness;
use plimsoll::{
    domain::{Aspect, Batch, Evidence, Fact, Known, ResourceKey, Ts, Value as Held},
    store::Store,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a tenant holds in a Ceph since noon, and a cluster with a pool, a class of devices, an OSD that is there and one that is gone.
pub(super) async fn seed_cluster(store: &Store) {
    let kinds: [KindRow; 4] = [
        (
            "rbd_image",
            "rbd_images",
            &[("rbd.capacity", "By.s"), ("rbd.used", "By.s")],
            "pool",
        ),
        (
            "subvolume",
            "subvolumes",
            &[("share.capacity", "By.s")],
            "type",
        ),
        (
            "bucket",
            "buckets",
            &[("object.capacity", "By.s"), ("object.count", "{object}.s")],
            "class",
        ),
        (
            "bucket_log",
            "usage_log",
            &[
                ("object.requests", "{request}"),
                ("object.bytes_in", "By"),
                ("object.bytes_out", "By"),
            ],
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
    let size = |label: &str, levels: &[(&str, i64)]| {
        Held::Known(Known {
            levels: levels.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            ..Known::label(label)
        })
    };
    let checks = Held::Known(Known {
        attrs: BTreeMap::from([("SLOW_OPS".to_owned(), "HEALTH_WARN".to_owned())]),
        ..Known::label("HEALTH_WARN")
    });
    let (pool, osd) = ("ceph_pool", "ceph_osd");
    let cluster = [
        ("slow_ops", 3),
        ("osds", 5),
        ("osds_up", 4),
        ("pgs", 9),
        ("pgs_clean", 8),
    ];
    let facts = vec![
        fact(
            "ceph_cluster",
            "f",
            Aspect::State,
            Held::label("HEALTH_OK"),
            noon,
        ),
        fact(
            "ceph_cluster",
            "f",
            Aspect::State,
            Held::label("HEALTH_WARN"),
            now,
        ),
        fact("ceph_cluster", "f", Aspect::Flavor, size("", &cluster), now),
        fact("ceph_cluster", "f", Aspect::Attributes, checks, now),
        fact(
            pool,
            "1",
            Aspect::Flavor,
            size("", &[("stored_bytes", 5), ("used_bytes", 10)]),
            now,
        ),
        fact(pool, "1", Aspect::Name, Held::label("volumes"), now),
        fact(
            "ceph_device_class",
            "hdd",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 90)]),
            now,
        ),
        fact(osd, "0", Aspect::State, Held::label("up-in"), now),
        fact(
            osd,
            "0",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 30)]),
            now,
        ),
        fact(osd, "0", Aspect::Zone, Held::label("host-1"), now),
        fact(
            osd,
            "1",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 30)]),
            noon,
        ),
        fact(osd, "1", Aspect::State, Held::Gone, now),
    ];
    let batch = Batch {
        facts,
        ..Batch::default()
    };
    store.write(&batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_of_ceph_tells_what_is_held_and_how_the_cluster_fares() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed_cluster(&store).await;
    let (_, d) = dashboards()
        .into_iter()
        .find(|(f, _)| f == "ceph.json")
        .unwrap();
    let number = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    for (title, key, told) in [
        ("Images", "bytes", "7"),
        ("Subvolumes", "bytes", "7"),
        ("Buckets", "bytes", "7"),
        ("Clusters in health", "healthy", "0"),
        ("Slow operations", "slow", "3"),
        ("OSDs not up", "down", "1"),
        ("Requests", "requests", "7"),
        ("Bytes in and out", "bytes_out", "7"),
        ("Health", "wrong", "SLOW_OPS"),
        ("Health", "pgs_not_clean", "1"),
        ("Pools", "pool", "volumes"),
        ("Pools", "used", "10"),
        ("Devices", "capacity", "90"),
        ("OSDs by host", "host", "host-1"),
        ("OSDs by host", "osds", "1"),
    ] {
        let place = format!("panel `{title}` A");
        let found = queries(&d).into_iter().find(|(at, _)| *at == place);
        let sent = scope(&d, None, 0..24).expand(&found.unwrap().1).unwrap();
        let rows = store.json(&sent).await.unwrap();
        assert_eq!(rows.len(), 1, "{title}: {rows:?}");
        assert_eq!(number(&rows[0][key]), told, "{title}: {rows:?}");
    }
    store.close().await.unwrap();
}
