//! What a pod requests, by the scheduler's rule. Pure.
//!
//! The rule: <https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers>; sidecars: KEP-753; resources of a whole
//! pod: KEP-2837; resizing in place: KEP-1287.

use super::quantity::{self, BadQuantity};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Quantities by the name of the resource, as sent.
pub(super) type Quantities = BTreeMap<String, String>;

/// `resources` of a container or a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Resources {
    #[serde(
        default,
        deserialize_with = "super::meta::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) requests: Quantities,
}

/// A container as its pod's specification has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(default, deserialize_with = "super::meta::or_default")]
    pub(super) resources: Resources,
    /// `Always` makes a sidecar of an init container: it runs as long as the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restart_policy: Option<String>,
}

impl Container {
    fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

/// What a kubelet has given, beside what is asked for: while a pod is resized the two differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// Resources actually in force.
    pub(super) actual: Option<&'a Quantities>,
    /// Resources set aside on the node.
    pub(super) allocated: Option<&'a Quantities>,
    /// The node will never have what is asked for, so only what is given counts.
    pub(super) infeasible: bool,
}

/// All that decides what a pod requests.
pub(super) struct Asked<'a> {
    pub(super) containers: Vec<(&'a Container, Given<'a>)>,
    /// In their order.
    pub(super) init: Vec<(&'a Container, Given<'a>)>,
    /// Of the pod as a whole, in place of what its containers ask for.
    pub(super) pod: Option<(&'a Quantities, Given<'a>)>,
    /// What the runtime needs for itself.
    pub(super) overhead: &'a Quantities,
}

/// What is counted of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Nanocores,
    Whole,
}

impl Base {
    fn read(self, text: &str) -> Result<i64, BadQuantity> {
        match self {
            Self::Nanocores => quantity::nanocores(text),
            Self::Whole => quantity::whole(text),
        }
    }
}

/// Levels by their names, and the devices among them (`nvidia.com/gpu`), sorted and joined by `+`.
///
/// # Errors
/// In words, which quantity cannot be read.
pub(super) fn levels(
    asked: &Asked<'_>,
    gpus: &Regex,
) -> Result<(BTreeMap<String, i64>, String), String> {
    let mut levels = BTreeMap::new();
    let plain = [
        ("cpu", "cpu_nanocores", Base::Nanocores),
        ("memory", "memory_bytes", Base::Whole),
        ("ephemeral-storage", "ephemeral_bytes", Base::Whole),
    ];
    for (resource, level, base) in plain {
        let quantity = asked.effective(resource, base)?;
        if quantity != 0 {
            levels.insert(level.to_owned(), quantity);
        }
    }
    let mut devices = Vec::new();
    let mut count = 0_i64;
    for resource in asked.resources().into_iter().filter(|r| gpus.is_match(r)) {
        let quantity = asked.effective(resource, Base::Whole)?;
        if quantity != 0 {
            count = count
                .checked_add(quantity)
                .ok_or_else(|| too_much(resource))?;
            devices.push(resource);
        }
    }
    if count != 0 {
        levels.insert("gpus".to_owned(), count);
    }
    Ok((levels, devices.join("+")))
}

fn too_much(resource: &str) -> String {
    format!("its requests of {resource} are too large to be counted")
}

impl Asked<'_> {
    /// Names of all resources that are asked for, sorted, each once.
    fn resources(&self) -> Vec<&str> {
        let containers = self.containers.iter().chain(&self.init);
        let mut all: Vec<&str> = containers
            .flat_map(|(c, _)| c.resources.requests.keys())
            .chain(self.pod.iter().flat_map(|(requests, _)| requests.keys()))
            .chain(self.overhead.keys())
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What the scheduler keeps free for the pod.
    fn effective(&self, resource: &str, base: Base) -> Result<i64, String> {
        let add = |a: i64, b: i64| a.checked_add(b).ok_or_else(|| too_much(resource));
        let of = |requests: &Quantities, given: &Given<'_>| {
            requested(requests, given, resource, base).map_err(|e| format!("{resource}: {e}"))
        };
        let overhead = match self.overhead.get(resource) {
            Some(text) => base
                .read(text)
                .map_err(|e| format!("overhead: {resource}: {e}"))?,
            None => 0,
        };
        if let Some((requests, given)) = &self.pod
            && requests.contains_key(resource)
        {
            return add(of(requests, given)?, overhead);
        }
        let (mut sidecars, mut peak, mut running) = (0, 0, 0);
        for (container, given) in &self.init {
            let own = of(&container.resources.requests, given)?;
            let at_once = add(sidecars, own)?;
            if container.is_sidecar() {
                sidecars = at_once;
            }
            peak = peak.max(at_once);
        }
        for (container, given) in &self.containers {
            running = add(running, of(&container.resources.requests, given)?)?;
        }
        add(add(running, sidecars)?.max(peak), overhead)
    }
}

/// What one container asks for: while it is resized the greater of old and new, for the node holds both ready.
fn requested(
    requests: &Quantities,
    given: &Given<'_>,
    resource: &str,
    base: Base,
) -> Result<i64, BadQuantity> {
    let read = |of: Option<&Quantities>| {
        of.and_then(|q| q.get(resource))
            .map(|t| base.read(t))
            .transpose()
    };
    let asked = read(Some(requests))?;
    let held = read(given.actual)?.max(read(given.allocated)?);
    Ok(match (asked, held) {
        (_, Some(held)) if given.infeasible => held,
        (asked, held) => asked.max(held).unwrap_or(0),
    })
}
