//! The dashboard of OpenStack, on a store with one thing of each kind.

use super::{MIDNIGHT, dashboards, queries, scope, seed, text};
use crate::harness;
use plimsoll::{
    domain::{
        Aspect, Batch, Evidence, Fact, Known, Outcome, Pass, PassMode, ResourceKey, Ts,
        Value as Held,
        usage::{Basis, Piece, ResourcePieces},
    },
    store::Store,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Kind, list, meters with their units, dimension.
pub(super) type KindRow = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// What a tenant holds beside servers since noon, one thing a kind; and a hypervisor that is there, and one that is gone.
pub(super) async fn seed_things(store: &Store) {
    let kinds: [KindRow; 10] = [
        ("volume", "volumes", &[("volume.capacity", "By.s")], "type"),
        (
            "snapshot",
            "snapshots",
            &[("snapshot.capacity", "By.s")],
            "type",
        ),
        ("backup", "backups", &[("backup.capacity", "By.s")], "type"),
        ("image", "images", &[("image.capacity", "By.s")], "type"),
        (
            "floating_ip",
            "floating_ips",
            &[("network.public_ipv4", "{address}.s")],
            "use",
        ),
        (
            "port",
            "ports",
            &[("network.public_ipv4", "{address}.s")],
            "use",
        ),
        (
            "router",
            "routers",
            &[("network.public_ipv4", "{address}.s")],
            "use",
        ),
        (
            "load_balancer",
            "load_balancers",
            &[("loadbalancer", "s")],
            "flavor",
        ),
        ("share", "shares", &[("share.capacity", "By.s")], "type"),
        (
            "account",
            "accounts",
            &[("object.capacity", "By.s"), ("object.count", "{object}.s")],
            "class",
        ),
    ];
    let (noon, now) = times();
    let fact = |host: &str, aspect, value| Fact {
        key: ResourceKey {
            cloud: "sim".into(),
            kind: "hypervisor".into(),
            resource: host.into(),
        },
        aspect,
        evidence: Evidence::Sighting,
        at: if value == Held::Gone { now } else { noon },
        from: noon,
        seen: if value == Held::Gone { now } else { noon },
        value,
        observed_at: now,
        pass: 1,
        raw: String::new(),
    };
    let size = |vcpus| {
        Held::Known(Known {
            levels: BTreeMap::from([("vcpus".to_owned(), vcpus)]),
            ..Known::label("")
        })
    };
    store
        .write(&Batch {
            facts: vec![
                fact("h1", Aspect::Flavor, size(64)),
                fact("h2", Aspect::Flavor, size(32)),
                fact("h2", Aspect::State, Held::Gone),
            ],
            ..Batch::default()
        })
        .await
        .unwrap();
    seed_kinds(store, &kinds).await;
}

/// When things are seen first, and how far lists reach.
pub(super) fn times() -> (Ts, Ts) {
    (
        Ts::from_second(MIDNIGHT + 43_200),
        Ts::from_second(MIDNIGHT + 72_000),
    )
}

/// One thing a kind, and a complete pass over its list.
pub(super) async fn seed_kinds(store: &Store, kinds: &[KindRow]) {
    let (noon, now) = times();
    let pass = |list: &str| Pass {
        id: Pass::id_of("sim", list, PassMode::Full, now, "test"),
        cloud: "sim".into(),
        service: "any".into(),
        region: String::new(),
        list: list.into(),
        mode: PassMode::Full,
        started: now,
        finished: now,
        watermark: now,
        skew_us: 0,
        outcome: Outcome::Complete,
        items: 1,
        facts: 1,
        requests: 1,
        bytes: 1,
        error: String::new(),
        collector: "test".into(),
        cursor: String::new(),
    };
    store
        .write(&Batch {
            passes: kinds.iter().map(|k| pass(k.1)).collect(),
            ..Batch::default()
        })
        .await
        .unwrap();
    let things: Vec<ResourcePieces> = kinds
        .iter()
        .map(|(kind, list, meters, dimension)| {
            let piece = |(meter, unit): &(&str, &str)| Piece {
                meter: (*meter).into(),
                unit: (*unit).into(),
                tenant: "acme".into(),
                contract: "CO-1".into(),
                scope: "id-acme".into(),
                scope_name: "default/acme".into(),
                dimensions: BTreeMap::from([((*dimension).to_owned(), (*kind).to_owned())]),
                start: noon,
                end: (*kind == "bucket_log").then(|| noon.plus_seconds(3_600)),
                level: 7,
                observed: true,
                basis: if *kind == "bucket_log" {
                    Basis::Amount
                } else {
                    Basis::Held
                },
            };
            ResourcePieces {
                key: ResourceKey {
                    cloud: "sim".into(),
                    kind: (*kind).into(),
                    resource: format!("{kind}-1"),
                },
                name: (*kind).into(),
                list: (*list).into(),
                generation: 1,
                pieces: meters.iter().map(piece).collect(),
            }
        })
        .collect();
    store.replace_pieces(&things).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_of_openstack_tells_what_is_held_and_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed(&store).await;
    seed_things(&store).await;
    let (_, d) = dashboards()
        .into_iter()
        .find(|(f, _)| f == "openstack.json")
        .unwrap();
    let ask = async |title: &str| {
        let place = format!("panel `{title}` A");
        let found = queries(&d).into_iter().find(|(at, _)| *at == place);
        let sent = scope(&d, None, 0..24).expand(&found.unwrap().1).unwrap();
        store.json(&sent).await.unwrap()
    };
    let number = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    for (title, key, held) in [
        ("Volumes", "bytes", "7"),
        ("Snapshots and backups", "bytes", "14"),
        ("Public addresses", "addresses", "21"),
        ("Load balancers", "balancers", "7"),
        ("Shares and objects", "bytes", "14"),
    ] {
        assert_eq!(number(&ask(title).await[0][key]), held, "{title}");
    }
    let by_use = ask("Public addresses by use").await;
    let uses: BTreeSet<&str> = by_use.iter().map(|r| text(r, "use")).collect();
    assert_eq!(uses, BTreeSet::from(["floating_ip", "port", "router"]));
    // 64 vCPUs of the one that is still there, of which six are sold.
    let capacity = ask("Capacity and what is sold").await;
    assert_eq!(capacity.len(), 1, "{capacity:?}");
    let shown = ["capacity", "sold"].map(|k| number(&capacity[0][k]));
    assert_eq!(shown, ["64", "6"]);
    let gaps = ask("Seconds that nobody observed").await;
    assert_eq!(number(&gaps[0]["unobserved"]), "3600", "{gaps:?}");
    store.close().await.unwrap();
}
