//! Health, pools, classes, OSDs; and what `check --online` says.

use super::*;
use crate::sources::{Verdict, ceph::cluster};

#[tokio::test]
async fn a_cluster_has_health_pools_classes_and_osds_on_hosts() {
    let cluster = Cluster::new();
    let (passes, facts) = collect(&mut cluster.reader(Part::Cluster)).await;
    assert!(
        passes.iter().all(|p| p.outcome == Outcome::Complete),
        "{passes:?}"
    );
    assert_eq!(
        states(&facts, kind::CEPH_CLUSTER),
        BTreeMap::from([("HEALTH_OK".into(), 1)])
    );
    assert_eq!(
        states(&facts, kind::CEPH_OSD),
        BTreeMap::from([("up-in".into(), 3)])
    );
    let class = known(&facts, "hdd", Aspect::Flavor).unwrap();
    assert_eq!(class.levels["capacity_bytes"], 3 * (8 << 30));
    assert_eq!(
        known(&facts, "all", Aspect::Flavor).unwrap().levels,
        class.levels
    );
    let osd = known(&facts, "0", Aspect::Flavor).unwrap();
    assert_eq!(
        (osd.label.as_str(), osd.levels["capacity_bytes"]),
        ("hdd", 8 << 30)
    );
    assert_eq!(known(&facts, "0", Aspect::Zone).unwrap().label, "vm");
    // Two replicas: what is stored is half of what is used, but for what is smaller than a block.
    let pools = cluster::pools(&recorded("ceph_df_detail.out")).unwrap();
    let data = pools
        .iter()
        .find(|p| p.shown[&Aspect::Name].known().unwrap().label == "default.rgw.buckets.data")
        .unwrap();
    let levels = &data.shown[&Aspect::Flavor].known().unwrap().levels;
    assert!(levels["stored_bytes"] > 0 && levels["used_bytes"] >= 2 * levels["stored_bytes"]);
    // What pools are for, another command tells.
    let is_for = |name: &str| {
        let pool = pools
            .iter()
            .find(|p| p.shown[&Aspect::Name] == Value::label(name));
        let told = known(&facts, &pool.unwrap().id, Aspect::Attributes);
        told.map(|k| k.label.as_str())
    };
    assert_eq!(is_for("default.rgw.buckets.data"), Some("rgw"));
    assert_eq!(is_for("volumes"), Some("rbd"));
    assert_eq!(is_for("device_health_metrics"), Some("mgr_devicehealth"));
}

#[test]
fn older_and_newer_clusters_and_sick_ones_are_read() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/captures/ceph")
            .join(name);
        fs::read_to_string(path).unwrap()
    };
    // OSDs without a class: only the whole is told.
    let classes = cluster::classes(&read("ceph_df_detail.json")).unwrap();
    assert_eq!(
        classes.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(),
        ["all"]
    );
    let sick = cluster::status(&read("ceph_status.json")).unwrap();
    let told = sick[0].shown[&Aspect::Attributes].known().unwrap();
    assert_eq!(
        (
            told.label.as_str(),
            told.attrs["MGR_MODULE_DEPENDENCY"].as_str()
        ),
        ("HEALTH_WARN", "HEALTH_WARN")
    );
    // As the health checks' documentation words it.
    let slow = read("ceph_status.json").replace(
        r#""checks":{"#,
        r#""checks":{"SLOW_OPS":{"severity":"HEALTH_WARN","summary":{"message":"12 slow ops, oldest one blocked for 33 sec, osd.1 has slow ops","count":1},"muted":true},"#,
    );
    let slow = cluster::status(&slow).unwrap();
    let told = slow[0].shown[&Aspect::Flavor].known().unwrap();
    assert_eq!(told.levels["slow_ops"], 12);
    // 18's.
    assert_eq!(cluster::status(&read("reef/ceph_s.json")).unwrap().len(), 1);
    assert!(
        cluster::pools(&read("reef/ceph_dfdetail.json"))
            .unwrap()
            .len()
            > 10
    );
    assert_eq!(
        cluster::osds(&read("reef/ceph_osddf.json")).unwrap().len(),
        3
    );
    let used = image::used(&read("reef/rbd_du_volumes.json")).unwrap();
    assert_eq!(used.values().filter(|u| u.snapshots > 0).count(), 2);
}

#[tokio::test]
async fn a_pool_is_gone_when_two_answers_do_not_have_it() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Cluster);
    collect(&mut reader).await;
    cluster.later(300);
    let mut tree: serde_json::Value =
        serde_json::from_str(&recorded("ceph_osd_df_tree.out")).unwrap();
    let nodes = tree["nodes"].as_array_mut().unwrap();
    nodes.retain(|n| n["id"] != 2);
    cluster.answers("ceph_osd_df_tree", &tree.to_string());
    cluster.asked();
    let (_, facts) = collect(&mut reader).await;
    let gone: Vec<&str> = facts
        .iter()
        .filter(|f| f.value == Value::Gone)
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(gone, ["2"]);
    assert_eq!(
        cluster
            .asked()
            .iter()
            .filter(|a| *a == "ceph_osd_df_tree")
            .count(),
        2
    );
}

#[tokio::test]
async fn check_online_says_what_is_missing() {
    let cluster = Cluster::new();
    for part in Part::ALL {
        let found = cluster.reader(part).check_online().await;
        assert_eq!(found[0].verdict, Verdict::Ok, "{found:?}");
    }
    cluster.fails("ceph_fs_ls", "13 Error EACCES: access denied");
    let found = cluster.reader(Part::CephFs).check_online().await;
    assert!(found[0].hint.contains("mgr 'allow r'"), "{found:?}");
    let mut nowhere = Cluster::new();
    nowhere.conf.command = vec!["/nowhere/ceph".into()];
    let found = nowhere.reader(Part::Cluster).check_online().await;
    assert!(found[0].hint.contains("`command`"), "{found:?}");
}
