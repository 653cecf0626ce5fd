//! Recorded answers of a real API server, read and folded.

mod chance;
mod requests;

use super::{
    book::{Book, Shown},
    resources::{RESOURCES, Resource},
    thing::Thing,
};
use crate::{
    domain::{
        Aspect, Decimal, Evidence, Fact, Known, Memory, ResourceKey, Span, Timeline, Ts, Value,
        fact::{attr, kind},
    },
    fold,
    sources::run::Draft,
};
use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

fn gpus() -> Regex {
    Regex::new(r"^(?:nvidia\.com/(gpu|mig-.+)(\.shared)?)$").unwrap()
}

fn resource(list: &str) -> &'static Resource {
    RESOURCES.iter().find(|r| r.list == list).unwrap()
}

/// The items of a recorded list.
fn listed(list: &str, text: &str) -> Vec<Thing> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let page: Page<'_> = serde_json::from_str(text).unwrap();
    let read = |i: &&RawValue| (resource(list).read)(i.get(), &gpus()).unwrap();
    page.items.iter().filter_map(read).collect()
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

/// Facts of one object by what was drafted of it.
fn facts(
    kind: &str,
    drafts: impl IntoIterator<Item = (String, Draft)>,
) -> BTreeMap<String, Vec<Fact>> {
    let mut by_id: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for (id, d) in drafts {
        by_id.entry(id.clone()).or_default().push(Fact {
            key: ResourceKey {
                cloud: "okd".into(),
                kind: kind.into(),
                resource: id,
            },
            aspect: d.aspect,
            evidence: d.evidence,
            at: d.at,
            from: d.from,
            seen: d.seen,
            value: d.value,
            observed_at: d.seen,
            pass: 1,
            raw: String::new(),
        });
    }
    by_id
}

fn folded(facts: &[Fact]) -> Timeline {
    fold::fold(&facts[0].key, facts.iter().cloned())
}

fn span(spans: &[Span]) -> Vec<(String, Option<String>, &str)> {
    spans
        .iter()
        .map(|s| {
            let label = s.value.as_ref().map_or(s.gap, |k| &k.label);
            (s.start.to_string(), s.end.map(|e| e.to_string()), label)
        })
        .collect()
}

/// What a recorded watch told, event by event, at the time at which it came.
fn watched(list: &str, lines: &str, times: &str, begun: Ts) -> Vec<(String, Thing, Ts)> {
    #[derive(Deserialize)]
    struct Event<'a> {
        r#type: String,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let events = lines.lines().zip(times.lines()).filter_map(|(line, time)| {
        let event: Event<'_> = serde_json::from_str(line).unwrap();
        if matches!(event.r#type.as_str(), "BOOKMARK" | "ERROR") {
            return None;
        }
        let thing = (resource(list).read)(event.object.get(), &gpus()).unwrap()?;
        let seconds = time.split_once(' ').unwrap().0;
        let micros = Decimal::parse(seconds).unwrap().floor(6).unwrap();
        let at = Ts(begun.0 + i64::try_from(micros).unwrap());
        Some((event.r#type, thing, at))
    });
    events.collect()
}

#[test]
fn pods_of_a_recorded_list_are_bound_until_their_last_container_finished() {
    let pods = listed(
        "pods",
        include_str!("../../../../tests/captures/kubernetes/pods.json"),
    );
    let seen = ts("2026-11-23T08:54:27Z");
    let mut book = Book::new(kind::POD, &Memory::default());
    let drafts: Vec<(String, Draft)> = pods
        .iter()
        .flat_map(|p| {
            book.sight(p, Shown::Listed(seen))
                .into_iter()
                .map(|d| (p.id.clone(), d))
        })
        .collect();
    let all = facts(kind::POD, drafts);
    assert_eq!(all.len(), pods.len());
    let done: Vec<&Thing> = pods.iter().filter(|p| p.ends.is_some()).collect();
    assert_eq!(done.len(), 8, "the jobs of one namespace");
    for pod in &pods {
        let told = folded(&all[&pod.id]);
        let [state] = told.spans(Aspect::State) else {
            panic!("{}", pod.raw)
        };
        assert_eq!(Some(state.start), pod.begins);
        assert_eq!(state.end, pod.ends.map(|e| Ts::from_second(e.second())));
        assert!(state.value.as_ref().unwrap().attrs[attr::NODE].starts_with("okd-"));
        let owner = told.spans(Aspect::Owner)[0].value.clone().unwrap().label;
        assert_eq!(owner, pod.place.0);
    }
    // A second look at the same is nothing new.
    assert!(pods.iter().all(|p| {
        book.sight(p, Shown::Listed(seen.plus_seconds(60)))
            .is_empty()
    }));
}

#[test]
fn a_recorded_watch_tells_lives_of_seconds_and_a_resize() {
    let lines = include_str!("../../../../tests/captures/kubernetes/watch-pods-acme-dev.jsonl");
    let times =
        include_str!("../../../../tests/captures/kubernetes/watch-pods-acme-dev.jsonl.times");
    let begun = ts("2026-11-23T08:54:50Z");
    let mut book = Book::new(kind::POD, &Memory::default());
    // The pods were there before the watch began.
    let acme: Vec<(String, Thing, Ts)> = watched("pods", lines, times, begun);
    let drafts: Vec<(String, Draft)> = acme
        .iter()
        .flat_map(|(what, thing, at)| {
            let new = match what.as_str() {
                "DELETED" => book.delete(thing, *at),
                _ => book.sight(thing, Shown::Told(*at)),
            };
            new.into_iter().map(|d| (thing.id.clone(), d))
        })
        .collect();
    let by_name = |name: &str| {
        let (_, thing, _) = acme.iter().find(|(_, t, _)| t.place.1 == name).unwrap();
        folded(&facts(kind::POD, drafts.clone())[&thing.id])
    };
    // Deleted by force while it ran: there is no word of its container's end.
    let blink = by_name("blink2");
    assert_eq!(
        span(blink.spans(Aspect::State)),
        [(
            "2026-11-23T08:54:53Z".to_owned(),
            Some("2026-11-23T08:54:55Z".to_owned()),
            "bound"
        )]
    );
    let web = by_name("web-0-67fcc6b667-6hcxd");
    let cpu: Vec<i64> = web
        .spans(Aspect::Flavor)
        .iter()
        .map(|s| s.value.as_ref().unwrap().levels["cpu_nanocores"])
        .collect();
    assert_eq!(
        cpu,
        [300_000_000, 800_000_000],
        "the greater counts while it is resized"
    );
    let [state] = web.spans(Aspect::State) else {
        panic!("one span")
    };
    assert_eq!(
        state.start,
        ts("2026-11-23T08:53:06Z"),
        "as its kubelet saw it, not as it was rewritten"
    );
    assert!(
        book.has(
            &acme
                .iter()
                .find(|(_, t, _)| t.place.1.ends_with("zq9x5"))
                .unwrap()
                .1
                .id
        )
    );
}

#[test]
fn namespaces_are_scopes_with_their_labels_and_okd_annotations() {
    let all = listed(
        "namespaces",
        include_str!("../../../../tests/captures/kubernetes/namespaces.json"),
    );
    let acme = all.iter().find(|t| t.id == "acme-prod").unwrap();
    let Value::Known(Known { label, attrs, .. }) = &acme.shown[&Aspect::Attributes] else {
        panic!()
    };
    assert_eq!(label, "acme-prod");
    assert_eq!(attrs["label:tenant"], "acme");
    assert_eq!(
        attrs["annotation:openshift.io/requester"],
        "alice@acme.example"
    );
    assert_eq!(attrs["uid"], acme.uid);
}

#[test]
fn nodes_volumes_and_balancers_lead_to_what_they_stand_on() {
    let attr_of = |thing: &Thing, name: &str| {
        let known = thing.shown[&Aspect::Attributes].known().unwrap();
        known.attrs.get(name).cloned().unwrap_or_default()
    };
    let nodes = listed(
        "nodes",
        include_str!("../../../../tests/captures/kubernetes/nodes.json"),
    );
    let master = nodes
        .iter()
        .find(|n| n.place.1 == "okd-master-0.lab.example")
        .unwrap();
    assert_eq!(
        attr_of(master, attr::SERVER),
        "7bbca9ef-ca89-0ab0-4745-288446c9e314"
    );
    let levels = &master.shown[&Aspect::Flavor].known().unwrap().levels;
    assert_eq!(
        (levels["cpu_nanocores"], levels["memory_bytes"]),
        (7_500_000_000, 31_735_024 << 10)
    );
    let volumes = listed(
        "persistentvolumes",
        include_str!("../../../../tests/captures/kubernetes/persistentvolumes.json"),
    );
    for v in &volumes {
        let (driver, handle) = (attr_of(v, attr::DRIVER), attr_of(v, attr::HANDLE));
        let named = handle.starts_with("csi-vol-") == driver.starts_with("openshift-storage.");
        assert!(named && !handle.is_empty(), "{driver}: {handle}");
    }
    let claims = listed(
        "persistentvolumeclaims",
        include_str!("../../../../tests/captures/kubernetes/persistentvolumeclaims.json"),
    );
    for c in &claims {
        let size = c.shown[&Aspect::Flavor].known().unwrap();
        assert!(size.levels["capacity_bytes"] >= 1 << 30 && !size.label.is_empty());
        assert_eq!(attr_of(c, attr::VOLUME), format!("pvc-{}", c.uid));
    }
    let services = listed(
        "services",
        include_str!("../../../../tests/captures/kubernetes/services.json"),
    );
    let (idle, balancers): (Vec<_>, Vec<_>) = services
        .iter()
        .partition(|s| (resource("services").idle)(s));
    assert_eq!(balancers.len(), 6);
    assert!(
        !idle.is_empty()
            && balancers
                .iter()
                .all(|b| attr_of(b, attr::BALANCER).len() == 36)
    );
    let quotas = listed(
        "clusterresourcequotas",
        include_str!("../../../../tests/captures/kubernetes/clusterresourcequotas.json"),
    );
    assert!(
        quotas
            .iter()
            .any(|q| attr_of(q, "namespaces").contains("acme-prod,acme-staging"))
    );
    let classes = listed(
        "storageclasses",
        include_str!("../../../../tests/captures/kubernetes/storageclasses.json"),
    );
    assert!(
        classes
            .iter()
            .all(|c| !attr_of(c, "provisioner").is_empty())
    );
}

#[test]
fn what_is_kept_of_a_pod_holds_no_command_and_no_environment() {
    let pods = listed(
        "pods",
        include_str!("../../../../tests/captures/kubernetes/pods-acme-prod.json"),
    );
    for pod in pods {
        for hidden in [
            "env",
            "command",
            "args",
            "volumes",
            "image",
            "managedFields",
        ] {
            assert!(!pod.raw.contains(&format!("\"{hidden}\"")), "{hidden}");
        }
    }
}

#[test]
fn what_a_relist_no_longer_shows_ended_within_bounds() {
    let pods = listed(
        "pods",
        include_str!("../../../../tests/captures/kubernetes/pods.json"),
    );
    let pod = pods.iter().find(|p| p.ends.is_none()).unwrap();
    let mut book = Book::new(kind::POD, &Memory::default());
    let seen = ts("2026-11-23T08:54:27Z");
    let mut drafts = book.sight(pod, Shown::Listed(seen));
    let missing = book.missing(&std::collections::HashSet::new());
    assert_eq!(missing[0].place.as_ref(), Some(&pod.place));
    let gone = book
        .gone(&pod.id, Some(seen.plus_seconds(60)), seen.plus_seconds(100))
        .unwrap();
    assert_eq!(
        (gone.evidence, gone.at),
        (Evidence::Missing, seen.plus_seconds(60))
    );
    drafts.push(gone);
    let all = facts(kind::POD, drafts.into_iter().map(|d| (pod.id.clone(), d)));
    let told = folded(&all[&pod.id]);
    let [bound, gap] = told.spans(Aspect::State) else {
        panic!("two spans")
    };
    assert_eq!(
        (bound.end, gap.end),
        (Some(seen.plus_seconds(60)), Some(seen.plus_seconds(100)))
    );
    assert!(gap.value.is_none() && !gap.gap.is_empty());
}
