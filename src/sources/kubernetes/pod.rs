//! Pods: when they are bound to a node, what they request, when their last container ended. Pure.
//!
//! A pod is metered from its binding, not from its creation: while it waits for a node it keeps nothing from anybody. It holds what it requests until its last
//! container has finished, whatever its phase: pulling an image for an hour holds a GPU for an hour. Of its specification nothing is read but requests and
//! names: commands and environments hold what is nobody's business.
//!
//! API: <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/>.

use super::{
    meta::{Meta, Time, or_default},
    request::{Asked, Container, Given, Quantities, Resources, levels},
    thing::{Thing, labelled, sized, word},
};
use crate::domain::{Aspect, Ts, fact::attr};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The annotation of a pod that its kubelet made by itself, of a file: the UID by which the kubelet knows it.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";

/// A pod, as much of it as is read.
#[derive(Debug, Deserialize, Serialize)]
struct Pod {
    metadata: Meta,
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<String>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    host_network: bool,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    init_containers: Vec<Container>,
    #[serde(default, deserialize_with = "or_default")]
    containers: Vec<Container>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    overhead: Quantities,
    /// Devices claimed through dynamic resource allocation: they are in nobody's requests.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    resource_claims: Vec<Claim>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Claim {
    name: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Time>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    conditions: Vec<Condition>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    init_container_statuses: Vec<ContainerStatus>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    container_statuses: Vec<ContainerStatus>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    allocated_resources: Quantities,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_transition_time: Option<Time>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    state: State,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    allocated_resources: Quantities,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    terminated: Option<Terminated>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Time>,
}

/// Reads a pod. `None`: it is bound to no node, so it holds nothing.
pub(super) fn read(body: &str, gpus: &Regex) -> Result<Option<Thing>, String> {
    let pod: Pod = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let Some(node) = pod.spec.node_name.as_deref().filter(|n| !n.is_empty()) else {
        return Ok(None);
    };
    let (mut levels, devices) = levels(&pod.asked(), gpus)?;
    let claims = i64::try_from(pod.spec.resource_claims.len()).unwrap_or(i64::MAX);
    if claims > 0 {
        levels.insert("resource_claims".to_owned(), claims);
    }
    let namespace = pod
        .metadata
        .namespace
        .as_deref()
        .ok_or("it does not say its namespace")?;
    let zone = pod.metadata.labels.get("topology.kubernetes.io/zone");
    let odd = [
        (attr::HOST_NETWORK, pod.spec.host_network.then_some("true")),
        (
            attr::STATIC,
            pod.metadata
                .annotations
                .get(CONFIG_HASH)
                .map(String::as_str),
        ),
    ];
    let attributes = odd
        .iter()
        .any(|(_, of)| of.is_some())
        .then(|| (Aspect::Attributes, labelled(&pod.metadata.name, odd)));
    let shown = [
        Some((Aspect::Flavor, sized(&devices, levels))),
        word(Aspect::Owner, Some(namespace)),
        word(Aspect::Name, Some(&pod.metadata.name)),
        word(Aspect::Zone, zone.map(String::as_str)),
        attributes,
    ];
    let bound = pod.bound();
    Ok(Some(Thing {
        id: pod.metadata.uid.clone(),
        uid: pod.metadata.uid.clone(),
        place: (namespace.to_owned(), pod.metadata.name.clone()),
        version: pod.metadata.version()?,
        made: pod.metadata.creation_timestamp.map(|t| t.0),
        begins: bound,
        begins_as: Some(labelled("bound", [(attr::NODE, Some(node))])),
        ends: pod.finished().map(|t| t.max(bound.unwrap_or(t))),
        deleting: pod.metadata.deletion_timestamp.map(|t| t.0),
        shown: shown.into_iter().flatten().collect(),
        raw: pod.raw()?,
    }))
}

impl Pod {
    /// Without what changes often and tells nothing: annotations and labels, but those that are used.
    fn raw(mut self) -> Result<String, String> {
        self.metadata
            .annotations
            .retain(|name, _| name == CONFIG_HASH);
        self.metadata
            .labels
            .retain(|name, _| name.starts_with("topology.kubernetes.io/"));
        serde_json::to_string(&self).map_err(|e| e.to_string())
    }

    /// When it was bound: when the scheduler says so, and no later than its kubelet saw it. Kubelets that rewrite their conditions move that time.
    fn bound(&self) -> Option<Ts> {
        let scheduled = self
            .condition("PodScheduled")
            .filter(|c| c.status == "True")
            .and_then(|c| c.last_transition_time);
        let told = scheduled.into_iter().chain(self.status.start_time).min();
        told.map(|t| t.0)
    }

    fn condition(&self, named: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|c| c.r#type == named)
    }

    /// When its last container finished, once none will run again.
    fn finished(&self) -> Option<Ts> {
        let over = matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if !over && self.metadata.deletion_timestamp.is_none() {
            return None;
        }
        let statuses = || {
            self.status
                .container_statuses
                .iter()
                .chain(&self.status.init_container_statuses)
        };
        let finished = statuses()
            .filter_map(|s| s.state.terminated.as_ref()?.finished_at)
            .max();
        if over {
            // An evicted pod may have no container's word left: the last that was noted of it is its end.
            let noted = self
                .status
                .conditions
                .iter()
                .filter_map(|c| c.last_transition_time)
                .max();
            return finished.or(noted).map(|t| t.0);
        }
        let all_over = !self.status.container_statuses.is_empty()
            && statuses().all(|s| s.state.terminated.is_some());
        finished.filter(|_| all_over).map(|t| t.0)
    }

    fn asked(&self) -> Asked<'_> {
        let infeasible = self
            .condition("PodResizePending")
            .is_some_and(|c| c.reason.as_deref() == Some("Infeasible"));
        Asked {
            containers: with(
                &self.spec.containers,
                &self.status.container_statuses,
                infeasible,
            ),
            init: with(
                &self.spec.init_containers,
                &self.status.init_container_statuses,
                infeasible,
            ),
            pod: self.spec.resources.as_ref().map(|r| {
                let given = Given {
                    actual: self.status.resources.as_ref().map(|r| &r.requests),
                    allocated: Some(&self.status.allocated_resources),
                    infeasible,
                };
                (&r.requests, given)
            }),
            overhead: &self.spec.overhead,
        }
    }
}

/// Containers, each with what the kubelet tells of it.
fn with<'a>(
    containers: &'a [Container],
    statuses: &'a [ContainerStatus],
    infeasible: bool,
) -> Vec<(&'a Container, Given<'a>)> {
    let given = |c: &'a Container| (c, given(statuses, &c.name, infeasible));
    containers.iter().map(given).collect()
}

/// What the kubelet tells of a container.
fn given<'a>(statuses: &'a [ContainerStatus], name: &str, infeasible: bool) -> Given<'a> {
    statuses
        .iter()
        .find(|s| s.name == name)
        .map_or_else(Given::default, |s| Given {
            actual: s.resources.as_ref().map(|r| &r.requests),
            allocated: Some(&s.allocated_resources),
            infeasible,
        })
}
