//! The dashboard of Ceph, on a store with one thing of each kind.

use super::{
    openstack::{KindRow, seed_kinds, times},
    told::{known, shows, sighting},
};
use crate::harness;
use plimsoll::{
    domain::{Aspect, Batch, Value as Held},
    store::Store,
};

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
    let size = |label: &str, levels: &[(&str, i64)]| known(label, levels, &[]);
    let checks = known("HEALTH_WARN", &[], &[("SLOW_OPS", "HEALTH_WARN")]);
    let (pool, osd) = ("ceph_pool", "ceph_osd");
    let cluster = [
        ("slow_ops", 3),
        ("osds", 5),
        ("osds_up", 4),
        ("pgs", 9),
        ("pgs_clean", 8),
    ];
    let (ghost, moved) = (
        "371ecd7b-27cd-4130-8722-9389571aa876",
        "bd9c66b3-ad3c-4d6d-9a3d-1fa7bc8960a9",
    );
    let image = |id: &str, of: &str, attrs: &[(&str, &str)]| {
        let name = format!("volumes/volume-{of}");
        [
            (Aspect::State, known("elsewhere", &[], attrs)),
            (Aspect::Name, Held::label(name)),
            (Aspect::Flavor, size("volumes", &[("capacity_bytes", 64)])),
        ]
        .map(|(aspect, value)| sighting("rbd_image", id, aspect, value, noon))
    };
    let mut facts = vec![
        sighting("volume", "a", Aspect::State, Held::label("in-use"), noon),
        sighting(
            "volume",
            "a",
            Aspect::Attributes,
            known("", &[], &[("name_id", moved)]),
            noon,
        ),
        sighting(
            "ceph_cluster",
            "f",
            Aspect::State,
            Held::label("HEALTH_OK"),
            noon,
        ),
        sighting(
            "ceph_cluster",
            "f",
            Aspect::State,
            Held::label("HEALTH_WARN"),
            now,
        ),
        sighting("ceph_cluster", "f", Aspect::Flavor, size("", &cluster), now),
        sighting("ceph_cluster", "f", Aspect::Attributes, checks, now),
        sighting(
            pool,
            "1",
            Aspect::Flavor,
            size("", &[("stored_bytes", 5), ("used_bytes", 10)]),
            now,
        ),
        sighting(pool, "1", Aspect::Name, Held::label("volumes"), now),
        sighting(
            "ceph_device_class",
            "hdd",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 90)]),
            now,
        ),
        sighting(osd, "0", Aspect::State, Held::label("up-in"), now),
        sighting(
            osd,
            "0",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 30)]),
            now,
        ),
        sighting(osd, "0", Aspect::Zone, Held::label("host-1"), now),
        sighting(
            osd,
            "1",
            Aspect::Flavor,
            size("hdd", &[("capacity_bytes", 30)]),
            noon,
        ),
        sighting(osd, "1", Aspect::State, Held::Gone, now),
    ];
    facts.extend(image("volumes/1", ghost, &[("trash", "true")]));
    facts.extend(image("volumes/2", moved, &[]));
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
    let told = [
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
        (
            "Images that are no volume's",
            "image",
            "volumes/volume-371ecd7b-27cd-4130-8722-9389571aa876",
        ),
        ("Images that are no volume's", "trash", "yes"),
        ("Images that are no volume's", "capacity", "64"),
    ];
    shows(&store, "ceph.json", &told).await;
    store.close().await.unwrap();
}
