//! The recorded messages of two days' work in a real cloud, against what was done, against what the lists show, and against chance.

mod chance;
mod lists;

use super::{
    super::run::Draft,
    facts::{self, Told},
    lookup::Lookup,
    message::Message,
};
use crate::domain::{Aspect, Evidence, Fact, ResourceKey, Ts, Value};
use regex::Regex;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

const STREAM: &str = include_str!("../../../../../tests/captures/openstack/amqp/stream.jsonl");
const AUDIT: &str = include_str!("../../../../../tests/captures/openstack/amqp/audit.jsonl");
const TRUTH: [&str; 2] = [
    include_str!("../../../../../tests/captures/openstack/truth-run1.jsonl"),
    include_str!("../../../../../tests/captures/openstack/truth-run2.jsonl"),
];

/// The lab's volume types, and its public network.
fn lookup() -> Lookup {
    Lookup::of(
        &[
            ("df00e01d-088c-42fe-b143-355e642e229c", "lab-ssd"),
            ("3a82cd8b-acdd-45aa-a652-ec27e05f3768", "lab-hdd"),
        ],
        &[("3af04603-f716-4ea0-b789-6c7f81b02200", "public")],
    )
}

fn gpu() -> Regex {
    Regex::new("gpu").unwrap()
}

fn messages(text: &str) -> Vec<Message> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        body: &'a serde_json::value::RawValue,
    }
    text.lines()
        .map(|l| serde_json::from_str::<Line<'_>>(l).unwrap().body.get())
        .map(|body| Message::read(body.as_bytes()).unwrap())
        .collect()
}

/// What a run of messages tells, with the event that told it.
fn all(text: &str) -> Vec<(String, Told)> {
    let mut lookup = lookup();
    let mut out = Vec::new();
    for m in messages(text) {
        lookup.note_volume(&m);
        let told = facts::told(&m, &lookup, &gpu()).unwrap();
        out.extend(told.map(|t| (m.event_type, t)));
    }
    out
}

static TOLD: LazyLock<Vec<(String, Told)>> = LazyLock::new(|| all(STREAM));

fn facts_of(told: &Told) -> Vec<Fact> {
    let key = ResourceKey {
        cloud: "lab".into(),
        kind: told.kind.to_owned(),
        resource: told.id.clone(),
    };
    let fact = |d: &Draft| Fact {
        key: key.clone(),
        aspect: d.aspect,
        evidence: d.evidence,
        at: d.at,
        from: d.from,
        seen: d.seen,
        value: d.value.clone(),
        observed_at: d.seen,
        pass: 1,
        raw: String::new(),
    };
    told.drafts.iter().map(fact).collect()
}

/// Facts by resource.
fn by_resource<'a>(told: impl IntoIterator<Item = &'a Told>) -> BTreeMap<ResourceKey, Vec<Fact>> {
    let mut all: BTreeMap<ResourceKey, Vec<Fact>> = BTreeMap::new();
    for fact in told.into_iter().flat_map(facts_of) {
        all.entry(fact.key.clone()).or_default().push(fact);
    }
    all
}

#[test]
fn every_recorded_message_is_read() {
    let kinds: BTreeMap<&str, BTreeSet<&str>> =
        TOLD.iter().fold(BTreeMap::new(), |mut all, (_, t)| {
            all.entry(t.kind).or_default().insert(&t.id);
            all
        });
    let count: Vec<_> = kinds.iter().map(|(k, ids)| (*k, ids.len())).collect();
    insta::assert_debug_snapshot!(count);
    let unversioned = TOLD
        .iter()
        .filter(|(e, _)| e.starts_with("compute."))
        .count();
    assert!(unversioned > 50, "they serve where versioned ones are off");
}

/// One thing that was done.
#[derive(Deserialize)]
struct Done {
    at: String,
    what: String,
    id: String,
    #[serde(default)]
    body: serde_json::Value,
}

/// Whether a draft is the change that an action leads to.
fn is_change(done: &Done, d: &Draft) -> bool {
    let label = |wanted: &[&str]| {
        let known = d.value.known();
        d.aspect == Aspect::State && known.is_some_and(|k| wanted.contains(&k.label.as_str()))
    };
    // An address is held from the moment that its record says it was made.
    let recorded = ["floatingip.create", "router.create"].contains(&done.what.as_str());
    if d.evidence != Evidence::Event && !(recorded && d.evidence == Evidence::Record) {
        return false;
    }
    match done.what.as_str() {
        "server.create" => label(&["active", "build_error"]),
        "server.os-start" | "server.unshelve" => label(&["active"]),
        "server.confirmResize" => label(&["active", "stopped"]),
        "server.revertResize" => {
            d.aspect == Aspect::Flavor && d.value.known().is_some_and(|k| k.label == "m1.small")
        }
        "server.os-stop" => label(&["stopped"]),
        "server.suspend" => label(&["suspended"]),
        "server.pause" => label(&["paused"]),
        "server.shelve" => label(&["shelved", "shelved_offloaded"]),
        "server.resize" => d.aspect == Aspect::Flavor || label(&["resized"]),
        "volume.create" => label(&["available", "in-use", "error"]),
        "snapshot.create" | "backup.create" | "volume.detach" => label(&["available"]),
        "volume.attach" => label(&["in-use"]),
        "volume.transfer" => d.aspect == Aspect::Owner,
        "volume.os-extend" => {
            let gib = done.body["new_size"].as_i64().unwrap() << 30;
            let known = d.value.known();
            d.aspect == Aspect::Flavor && known.is_some_and(|k| k.levels["capacity_bytes"] == gib)
        }
        "volume.os-retype" => {
            let to = done.body["new_type"].as_str().unwrap();
            d.aspect == Aspect::Flavor && d.value.known().is_some_and(|k| k.label == to)
        }
        "image.create" => label(&["active"]),
        "floatingip.create" => label(&["down", "active"]),
        "router.create" => label(&["active"]),
        w if w.ends_with(".delete") => d.value == Value::Gone,
        _ => false,
    }
}

/// Left over are what nobody notifies of: servers that ended before they were scheduled, volumes and backups that failed (their states are for the lists to
/// show), rebuilds and images of servers, which change no state, and floating IPs' ports.
#[test]
fn every_transition_lies_between_its_request_and_its_sighting() {
    let (mut held, mut untold) = (0, Vec::new());
    for truth in TRUTH {
        let done: Vec<Done> = truth
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        for (n, d) in done.iter().enumerate() {
            let ours = |o: &&Told| o.id == d.id;
            let acted = Ts::parse(&d.at).unwrap();
            // The next thing done to it, or seen of it, came once this was over.
            let next = done[n + 1..].iter().find(|o| o.id == d.id);
            let next = next.map_or(acted.plus_seconds(75), |o| Ts::parse(&o.at).unwrap());
            // Of what is done within the request itself the record has the time of the answer.
            let at_once = ["volume.transfer", "floatingip.", "router.", "image."];
            let (from, to) = if at_once.iter().any(|w| d.what.starts_with(w)) {
                (acted.plus_seconds(-7), acted)
            } else {
                (acted, next)
            };
            let changes: Vec<Ts> = TOLD
                .iter()
                .map(|(_, t)| t)
                .filter(ours)
                .flat_map(|t| &t.drafts)
                .filter(|c| is_change(d, c))
                .map(|c| c.at)
                .collect();
            let within = |t: &Ts| *t >= from.plus_seconds(-1) && *t <= to.plus_seconds(1);
            if changes.iter().any(within) {
                held += 1;
            } else if !d.what.contains(".seen_") {
                untold.push(format!("{} {} {}: {changes:?}", d.at, d.what, d.id));
            }
        }
    }
    insta::assert_snapshot!(untold.join("\n"));
    assert!(held > 120, "{held}");
}

#[test]
fn what_is_sent_again_says_when_it_happened() {
    let again = all(AUDIT);
    let short = |event: &str| {
        let of = again
            .iter()
            .find(|(e, t)| e == event && t.id.starts_with("0e6d31c7"));
        of.unwrap_or_else(|| panic!("{event}")).1.clone()
    };
    let ts = |t: &str| Ts::parse(t).unwrap();
    let gone = short("volume.delete.end");
    let end = gone.drafts.iter().find(|d| d.value == Value::Gone).unwrap();
    assert!(
        end.at > ts("2026-11-23T09:09:49Z") && end.at < ts("2026-11-23T09:10:30Z"),
        "{end:?}"
    );
    let made = short("volume.create.end");
    let exact: Vec<_> = made
        .drafts
        .iter()
        .filter(|d| d.evidence != Evidence::Sighting)
        .collect();
    assert!(
        exact
            .iter()
            .all(|d| d.evidence == Evidence::Record && d.at == ts("2026-11-23T09:09:49Z")),
        "{exact:?}"
    );
    assert!(!again.iter().any(|(e, t)| e.ends_with("exists") && t.ends()));
}

#[test]
fn a_message_of_another_shape_is_poison_and_one_of_no_use_is_not() {
    let read = |event: &str, payload: &str| {
        let text = format!(
            r#"{{"event_type": "{event}", "timestamp": "2026-11-23 08:00:00", "payload": {payload}}}"#
        );
        facts::told(&Message::read(text.as_bytes()).unwrap(), &lookup(), &gpu())
    };
    for (event, payload, why) in [
        (
            "volume.create.end",
            r#"{"volume_id": "a"}"#,
            "missing field `tenant_id`",
        ),
        (
            "volume.delete.end",
            r#"{"volume_id": "a", "tenant_id": "t", "status": "deleted", "created_at": "now", "size": 1}"#,
            "is not a time",
        ),
        (
            "instance.create.end",
            r#"{"uuid": "a"}"#,
            "no versioned object",
        ),
        ("floatingip.create.end", "{}", "no floatingip"),
        ("image.delete", "[]", "image.delete: "),
    ] {
        let e = read(event, payload).unwrap_err();
        assert!(e.contains(why), "{e}");
    }
    for (event, payload) in [
        ("volume.create.start", "{}"),
        ("scheduler.select_destinations.end", "1"),
        ("identity.project.updated", "{}"),
        ("port.delete.end", r#"{"port_id": "a"}"#),
        (
            "port.create.end",
            r#"{"port": {"id": "a", "network_id": "private"}}"#,
        ),
    ] {
        assert_eq!(read(event, payload), Ok(None), "{event}");
    }
}
