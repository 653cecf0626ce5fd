//! A Ceph cluster: how its commands are named, and that what OpenStack meters in it is metered once.

use super::*;

fn with(cluster: &str) -> String {
    SOUND.replace('[', &format!("[{{kind: ceph, name: ceph, {cluster}}}, "))
}

#[test]
fn a_cluster_needs_nothing_but_a_name() {
    let sources = judged(&with("interval: 5m")).unwrap().sources;
    let Source::Ceph(cluster) = &sources[0] else {
        panic!("{sources:?}")
    };
    assert_eq!(
        (&cluster.command, &cluster.rbd_command),
        (&vec!["ceph".to_owned()], &vec!["rbd".to_owned()])
    );
    assert_eq!(cluster.parts.len(), 3);
    assert_eq!(
        (
            cluster.interval_s,
            cluster.used_interval_s,
            cluster.openstack.as_ref()
        ),
        (300, 3_600, None)
    );
    for (keys, words) in [
        ("command: []", "names no program"),
        ("command: ['ceph --id plimsoll']", "no shell takes it apart"),
        ("rbd_command: ['']", "rbd_command[0]: is empty"),
        ("parts: []", "names nothing"),
        ("parts: [rgw]", "parts[0]"),
        ("used_interval: 1m", "is shorter than `interval`"),
        ("timeout: 2h", "timeout"),
        ("output_max: 1KiB", "output_max"),
        ("pools: '('", "pools"),
        ("object_pools: '('", "object_pools"),
        (
            "object_pools: 'objects-.*', parts: [rbd]",
            "object_pools: is given, and no pools are read",
        ),
        (
            "openstack: nobody",
            "`nobody` is no source of kind openstack",
        ),
        ("openstack: ceph", "`ceph` is no source of kind openstack"),
    ] {
        let found = problems(&with(keys)).join("\n");
        assert!(found.contains(words), "{keys}: {found}");
    }
}

#[test]
fn what_counts_elsewhere_is_read_there() {
    let region = "kind: openstack, name: region, auth_url: 'https://k', username: u, project: p, password: {env: OS_PASSWORD}";
    let both = |services: &str| {
        with("openstack: region").replace('[', &format!("[{{{region}{services}}}, "))
    };
    assert!(judged(&both("")).is_ok());
    assert!(judged(&both(", services: [volume]")).is_ok());
    let found = problems(&both(", services: [image]")).join("\n");
    assert!(found.contains("nobody would count them"), "{found}");
}
