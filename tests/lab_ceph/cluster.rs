//! Images, subvolumes and the cluster, held against the manifest.

use crate::lab::{self, Collected};
use plimsoll::domain::{Aspect, Timeline};
use std::collections::BTreeMap;

fn by_name(all: Vec<Timeline>) -> BTreeMap<String, Timeline> {
    let named = all.into_iter().map(|t| {
        let name = lab::last(&t, Aspect::Name).unwrap().label.clone();
        (name, t)
    });
    named.collect()
}

#[tokio::test]
async fn every_image_is_what_it_was_made_and_what_became_of_it() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let mut found = by_name(collected.timelines("rbd_image").await);
    for image in &manifest.rbd {
        let scope = match image.namespace.as_str() {
            "" => image.pool.clone(),
            namespace => format!("{}/{namespace}", image.pool),
        };
        let name = format!("{scope}/{}", image.image);
        let t = found
            .remove(&name)
            .unwrap_or_else(|| panic!("{name} was not seen"));
        assert_eq!(lab::last(&t, Aspect::Owner).unwrap().label, scope);
        let size = lab::last(&t, Aspect::Flavor).unwrap();
        assert_eq!(size.levels["capacity_bytes"], image.provisioned, "{name}");
        assert_eq!(lab::is_there(&t), !image.gone, "{name}");
        let state = if image.trash { "trash" } else { "active" };
        assert_eq!(lab::last(&t, Aspect::State).unwrap().label, state, "{name}");
        if !image.trash {
            let snapshots = i64::try_from(image.snapshots.len()).unwrap();
            assert_eq!(size.levels["snapshots"], snapshots, "{name}");
            assert_eq!(
                size.levels["used_bytes"] > 0,
                image.written > 0,
                "{name}: {size:?}"
            );
        }
    }
    assert!(found.is_empty(), "{:?}", found.keys());
    let resized = collected.timelines("rbd_image").await;
    let sizes = |t: &Timeline| {
        let known = t
            .spans(Aspect::Flavor)
            .iter()
            .filter_map(|s| s.value.as_ref());
        let mut sizes: Vec<i64> = known.map(|k| k.levels["capacity_bytes"]).collect();
        sizes.dedup();
        sizes
    };
    let disk = resized
        .iter()
        .find(|t| lab::last(t, Aspect::Name).unwrap().label == "vms/legacy-disk");
    assert_eq!(sizes(disk.unwrap()), [320 << 20, 640 << 20]);
}

#[tokio::test]
async fn every_subvolume_is_its_quota_or_what_it_holds() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let mut found = by_name(collected.timelines("subvolume").await);
    for s in &manifest.subvolumes {
        let t = found
            .remove(&s.name)
            .unwrap_or_else(|| panic!("{s:?} was not seen"));
        let group = if s.group.is_empty() {
            "_nogroup"
        } else {
            &s.group
        };
        assert_eq!(
            lab::last(&t, Aspect::Owner).unwrap().label,
            format!("cephfs/{group}")
        );
        let size = lab::last(&t, Aspect::Flavor).unwrap();
        assert_eq!(
            size.levels["capacity_bytes"],
            s.quota.unwrap_or(s.used),
            "{s:?}"
        );
        assert_eq!(lab::is_there(&t), !s.gone, "{s:?}");
        assert_eq!(size.levels["used_bytes"], s.used, "{s:?}");
    }
    assert!(found.is_empty(), "{:?}", found.keys());
}

#[tokio::test]
async fn the_cluster_is_known_by_its_pools_devices_and_osds() {
    let (manifest, collected) = (lab::manifest(), Collected::copy());
    let pools = by_name(collected.timelines("ceph_pool").await);
    for image in &manifest.rbd {
        assert!(pools.contains_key(&image.pool));
    }
    // What buckets hold is stored in their pools, and taken twice.
    let last = manifest.buckets.iter().map(|b| b.at).max().unwrap();
    let held: i64 = manifest
        .buckets
        .iter()
        .filter(|b| b.at == last && b.storage_class == "STANDARD")
        .map(|b| b.bytes)
        .sum();
    let data = lab::last(&pools["default.rgw.buckets.data"], Aspect::Flavor).unwrap();
    assert!(data.levels["stored_bytes"] >= held, "{data:?} and {held}");
    assert!(
        data.levels["used_bytes"] >= 2 * data.levels["stored_bytes"],
        "{data:?}"
    );
    let osds = collected.timelines("ceph_osd").await;
    assert_eq!(osds.len(), 3);
    for osd in &osds {
        assert_eq!(lab::last(osd, Aspect::State).unwrap().label, "up-in");
        assert!(lab::last(osd, Aspect::Zone).is_some(), "its host");
    }
    let clusters = collected.timelines("ceph_cluster").await;
    assert_eq!(clusters.len(), 1);
    assert!(
        lab::last(&clusters[0], Aspect::State)
            .unwrap()
            .label
            .starts_with("HEALTH_")
    );
}
