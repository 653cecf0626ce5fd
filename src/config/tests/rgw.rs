//! Zones of object gateways: what they need, and that nothing is read twice.

use super::*;

const ZONE: &str = "kind: rgw, access_key: {env: OS_PASSWORD}, secret_key: {env: OS_PASSWORD}";

fn with(zones: &str) -> String {
    let items = zones.lines().map(|z| format!("{{{ZONE}, {z}}}, "));
    SOUND.replace('[', &format!("[{}", items.collect::<String>()))
}

#[test]
fn a_zone_has_gateways_and_keys_by_reference() {
    let sources = judged(&with(
        "name: zone, endpoints: ['http://127.0.0.1:7480', 'https://rgw2.example']",
    ))
    .unwrap()
    .sources;
    let Source::Rgw(zone) = &sources[0] else {
        panic!("{sources:?}")
    };
    assert_eq!(zone.endpoints.len(), 2);
    assert_eq!(
        (zone.region.as_str(), zone.interval_s, zone.flush_s),
        ("us-east-1", 300, 120)
    );
    assert!(!format!("{zone:?}").contains(zone.secret_key.expose()));
    for (zone, words) in [
        ("name: z", "endpoints: is missing"),
        ("name: z, endpoints: []", "names no gateway"),
        ("name: z, endpoints: ['http://a/?x=1']", "has a query"),
        (
            "name: z, endpoints: ['https://a', 'https://a']",
            "is there already",
        ),
        (
            "name: z, endpoints: ['https://a'], interval: 2h",
            "interval",
        ),
        ("name: z, endpoints: ['https://a'], flush: 1s", "flush"),
        (
            "name: z, endpoints: ['https://a'], auth_url: 'https://k'",
            "auth_url: is not a key here",
        ),
        (
            "name: z, endpoints: ['https://a']\nname: y, endpoints: ['https://a']",
            "is a gateway of `z` too",
        ),
        (
            "name: z, endpoints: ['https://a'], openstack: nobody",
            "`nobody` is no source of kind openstack",
        ),
        (
            "name: z, endpoints: ['https://a'], ceph: z",
            "`z` is no source of kind ceph",
        ),
    ] {
        let found = problems(&with(zone)).join("\n");
        assert!(found.contains(words), "{zone}: {found}");
    }
}

#[test]
fn what_is_held_against_pools_needs_them() {
    let of = |parts: &str| {
        let cluster = format!("{{kind: ceph, name: ceph{parts}}}, {{kind: rgw");
        with("name: z, endpoints: ['https://a'], ceph: ceph").replacen("{kind: rgw", &cluster, 1)
    };
    let Source::Rgw(zone) = &judged(&of("")).unwrap().sources[1] else {
        panic!()
    };
    assert_eq!(zone.ceph.as_deref(), Some("ceph"));
    let found = problems(&of(", parts: [rbd]")).join("\n");
    assert!(
        found.contains("sources[1].ceph") && found.contains("does not read its pools"),
        "{found}"
    );
}

#[test]
fn buckets_are_not_counted_as_parts_of_accounts_too() {
    let zone = with("name: z, endpoints: ['https://a'], openstack: a");
    let found = problems(&zone).join("\n");
    assert!(found.contains("counted twice"), "{found}");
    let reads = |services: &str| {
        judged(&zone.replace("project:", &format!("services: [{services}], project:")))
    };
    let apart = reads("volume").unwrap();
    assert!(
        apart
            .warnings
            .iter()
            .all(|w| !w.to_string().contains("counted twice"))
    );
    let both = reads("object-store").unwrap();
    assert!(
        both.warnings
            .iter()
            .any(|w| w.to_string().contains("counted twice"))
    );
}
