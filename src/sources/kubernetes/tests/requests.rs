//! Effective requests, by the scheduler's rule.

use super::{super::pod, gpus, listed};
use crate::domain::{Aspect, Ts};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const MI: i64 = 1 << 20;

/// The levels and the devices of a pod.
fn levels(spec: Json, status: Json) -> (BTreeMap<String, i64>, String) {
    let mut spec = spec;
    spec["nodeName"] = "n".into();
    let pod = json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-23T08:00:00Z"},
        "spec": spec, "status": status,
    });
    let thing = pod::read(&pod.to_string(), &gpus()).unwrap().unwrap();
    let flavor = thing.shown[&Aspect::Flavor].known().unwrap().clone();
    (flavor.levels, flavor.label)
}

fn asking(name: &str, cpu: &str, memory: &str) -> Json {
    json!({"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn sidecar(name: &str, cpu: &str, memory: &str) -> Json {
    let mut container = asking(name, cpu, memory);
    container["restartPolicy"] = "Always".into();
    container
}

fn cpu_memory(spec: Json, status: Json) -> (i64, i64) {
    let (levels, _) = levels(spec, status);
    (
        levels["cpu_nanocores"] / 1_000_000,
        levels["memory_bytes"] / MI,
    )
}

#[test]
fn recorded_pods_request_what_the_scheduler_counts() {
    let pods = listed(
        "pods",
        include_str!("../../../../tests/captures/kubernetes/pods.json"),
    );
    for (name, milli, mi, gpu) in [
        ("web-0-", 300, 320, 0),
        ("sidecar-", 500, 512, 0),
        ("kata-", 500, 416, 0),
        ("podlevel-", 1000, 1024, 0),
        ("trainer-", 4000, 16_384, 1),
        ("besteffort-", 0, 0, 0),
    ] {
        let pod = pods
            .iter()
            .find(|p| p.place.1.starts_with(name))
            .expect(name);
        let known = pod.shown[&Aspect::Flavor].known().unwrap();
        let level = |l: &str| known.levels.get(l).copied().unwrap_or_default();
        let got = (level("cpu_nanocores"), level("memory_bytes"), level("gpus"));
        assert_eq!(got, (milli * 1_000_000, mi * MI, gpu), "{name}");
        assert_eq!(known.label, if gpu > 0 { "nvidia.com/gpu" } else { "" });
    }
}

#[test]
fn init_containers_count_by_their_peak_and_sidecars_for_good() {
    let spec = json!({
        "initContainers": [asking("a", "100m", "900Mi"), sidecar("s", "200m", "100Mi"), asking("b", "700m", "10Mi"), sidecar("t", "50m", "5Mi")],
        "containers": [asking("c", "400m", "300Mi")],
    });
    // b runs beside s: 900m. At the end c runs beside s and t: 650m. Memory: a alone.
    assert_eq!(cpu_memory(spec, json!({})), (900, 900));
}

#[test]
fn what_the_pod_asks_for_as_a_whole_stands_in_place_of_its_containers_and_overhead_comes_on_top() {
    let spec = json!({
        "containers": [asking("c", "400m", "300Mi")],
        "resources": {"requests": {"cpu": "1"}},
        "overhead": {"cpu": "250m", "memory": "160Mi"},
    });
    assert_eq!(cpu_memory(spec, json!({})), (1250, 460));
}

#[test]
fn while_a_pod_is_resized_the_greater_counts() {
    let spec = json!({"containers": [asking("c", "800m", "100Mi")]});
    let status = |reason: &str| {
        json!({
            "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}],
            "containerStatuses": [{"name": "c", "state": {}, "allocatedResources": {"cpu": "500m", "memory": "200Mi"},
                "resources": {"requests": {"cpu": "600m", "memory": "150Mi"}}}],
        })
    };
    assert_eq!(cpu_memory(spec.clone(), status("Deferred")), (800, 200));
    // The node will never have it: what is given is all.
    assert_eq!(cpu_memory(spec, status("Infeasible")), (600, 200));
}

#[test]
fn gpus_and_parts_of_them_are_told_by_device() {
    let one =
        |device: &str, n: &str| json!({"name": device, "resources": {"requests": {device: n}}});
    let (whole, device) = levels(
        json!({"containers": [one("nvidia.com/gpu", "2"), one("example.com/fpga", "1")]}),
        json!({}),
    );
    assert_eq!((whole["gpus"], device.as_str()), (2, "nvidia.com/gpu"));
    let (mig, device) = levels(
        json!({"containers": [one("nvidia.com/mig-1g.5gb", "3")]}),
        json!({}),
    );
    assert_eq!((mig["gpus"], device.as_str()), (3, "nvidia.com/mig-1g.5gb"));
    let (claimed, _) = levels(
        json!({"containers": [], "resourceClaims": [{"name": "gpu"}]}),
        json!({}),
    );
    assert_eq!(claimed["resource_claims"], 1);
}

#[test]
fn a_pod_ends_once_all_of_it_has_and_not_when_it_is_asked_to() {
    let pod = |deleting: bool, phase: &str, finished: &[Option<&str>]| {
        let statuses: Vec<Json> = finished
            .iter()
            .enumerate()
            .map(|(i, f)| match f {
                Some(t) => {
                    json!({"name": i.to_string(), "state": {"terminated": {"finishedAt": t}}})
                }
                None => json!({"name": i.to_string(), "state": {"running": {}}}),
            })
            .collect();
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"},
            "spec": {"nodeName": "n", "containers": []},
            "status": {"phase": phase, "startTime": "2026-11-23T08:00:00Z", "containerStatuses": statuses},
        });
        if deleting {
            pod["metadata"]["deletionTimestamp"] = "2026-11-23T09:00:30Z".into();
        }
        pod::read(&pod.to_string(), &gpus()).unwrap().unwrap().ends
    };
    let (a, b) = (Some("2026-11-23T08:10:00Z"), Some("2026-11-23T08:20:00Z"));
    let end = |t: Option<&str>| t.map(|t| Ts::parse(t).unwrap());
    assert_eq!(pod(false, "Succeeded", &[a, b]), end(b));
    // One of its containers runs again.
    assert_eq!(pod(false, "Running", &[a, b]), None);
    assert_eq!(pod(true, "Running", &[a, None]), None);
    assert_eq!(pod(true, "Running", &[b, a]), end(b));
    // The container of a pod that is gone before it began never finishes.
    assert_eq!(pod(true, "Pending", &[]), None);
}
