//! What messages tell is what the lists show, value by value: so one confirms the other.

use super::{TOLD, by_resource, gpu, lookup};
use crate::{
    domain::{Aspect, ResourceKey, Timeline, Value, fact::kind},
    fold,
    sources::openstack::{inventory, record::Server},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fs, path::Path};

/// The items of a recorded list, as sent.
fn items(file: &str, key: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures/openstack")
        .join(file);
    let text = fs::read_to_string(&path).unwrap();
    let list: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
    let items: Vec<Box<RawValue>> = serde_json::from_str(list[key].get()).unwrap();
    items.iter().map(|i| i.get().to_owned()).collect()
}

fn id_of(item: &str) -> String {
    let item: serde_json::Value = serde_json::from_str(item).unwrap();
    item["id"].as_str().unwrap().to_owned()
}

fn timelines() -> BTreeMap<ResourceKey, Timeline> {
    by_resource(TOLD.iter().map(|(_, t)| t))
        .into_iter()
        .map(|(key, facts)| (key.clone(), fold::fold(&key, facts)))
        .collect()
}

/// The value that still holds, if it is known.
fn last(timeline: &Timeline, aspect: Aspect) -> Option<Value> {
    let span = timeline.spans(aspect).last().filter(|s| s.end.is_none())?;
    span.value.clone().map(Value::Known)
}

fn compare(
    kind: &str,
    id: &str,
    shown: &BTreeMap<Aspect, Value>,
    all: &BTreeMap<ResourceKey, Timeline>,
) -> usize {
    let key = ResourceKey {
        cloud: "lab".into(),
        kind: kind.to_owned(),
        resource: id.to_owned(),
    };
    let Some(timeline) = all.get(&key) else {
        return 0;
    };
    // Neutron's agents set a status without a word, and a name is changed without one too.
    let silent = [kind::FLOATING_IP, kind::PORT, kind::ROUTER].contains(&kind);
    let mut compared = 0;
    for (aspect, value) in shown
        .iter()
        .filter(|(a, _)| !(silent && **a == Aspect::State))
    {
        // Of one that failed while it was made, nobody told all.
        if let Some(told) = last(timeline, *aspect) {
            assert_eq!(&told, value, "{kind} {id} {aspect:?}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn of_servers() {
    let (all, mut compared) = (timelines(), 0);
    for item in items("nova/servers-detail-all_tenants-latest.json", "servers") {
        let server = Server::read(&item).unwrap();
        let shown = server.shown(server.flavor.known(&gpu()));
        compared += compare(kind::SERVER, &server.id, &shown, &all);
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn of_what_is_read_by_whole_lists() {
    let (all, mut compared) = (timelines(), BTreeMap::<&str, usize>::new());
    let types: BTreeMap<String, String> =
        items("cinder/volumes-detail-all_tenants.json", "volumes")
            .iter()
            .map(|v| serde_json::from_str::<serde_json::Value>(v).unwrap())
            .map(|v| {
                (
                    v["id"].as_str().unwrap().into(),
                    v["volume_type"].as_str().unwrap().into(),
                )
            })
            .collect();
    let mut context = lookup().networks().clone();
    context.volume_types = types;
    context.volumes_known = Some(crate::domain::Ts::MAX);
    for (list, kind, file, key) in [
        (
            "volumes",
            kind::VOLUME,
            "cinder/volumes-detail-all_tenants.json",
            "volumes",
        ),
        (
            "snapshots",
            kind::SNAPSHOT,
            "cinder/snapshots-detail.json",
            "snapshots",
        ),
        (
            "backups",
            kind::BACKUP,
            "cinder/backups-detail.json",
            "backups",
        ),
        ("images", kind::IMAGE, "glance/images-all.json", "images"),
        (
            "floating_ips",
            kind::FLOATING_IP,
            "neutron/floatingips.json",
            "floatingips",
        ),
        ("routers", kind::ROUTER, "neutron/routers.json", "routers"),
    ] {
        for item in items(file, key) {
            if let Some(shown) = inventory::shown(list, &item, &context) {
                *compared.entry(list).or_default() += compare(kind, &id_of(&item), &shown, &all);
            }
        }
    }
    assert!(
        compared["images"] > 20 && compared["floating_ips"] > 30 && compared["routers"] > 6,
        "{compared:?}"
    );
    assert!(
        compared["volumes"] > 60 && compared["snapshots"] > 4,
        "{compared:?}"
    );
}
