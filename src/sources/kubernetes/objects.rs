//! Namespaces, nodes, balancers, quotas. Pure.

use super::{
    meta::{Meta, or_default},
    quantity,
    request::Quantities,
    thing::{Thing, labelled, sized, word},
};
use crate::domain::{Aspect, Known, Value, fact::attr, tenancy::attr as scope};
use regex::Regex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

pub(super) fn parse<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|e| e.to_string())
}

pub(super) fn raw<T: Serialize>(object: &T) -> Result<String, String> {
    serde_json::to_string(object).map_err(|e| e.to_string())
}

/// Of an object that is known by its UID.
pub(super) fn thing(
    meta: &Meta,
    state: &str,
    shown: impl IntoIterator<Item = Option<(Aspect, Value)>>,
    raw: String,
) -> Result<Thing, String> {
    Ok(Thing {
        id: meta.uid.clone(),
        uid: meta.uid.clone(),
        place: (
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone(),
        ),
        version: meta.version()?,
        made: meta.creation_timestamp.map(|t| t.0),
        begins: meta.creation_timestamp.map(|t| t.0),
        begins_as: Some(Value::label(state)),
        ends: None,
        deleting: meta.deletion_timestamp.map(|t| t.0),
        shown: shown
            .into_iter()
            .flatten()
            .chain(word(Aspect::Name, Some(&meta.name)))
            .chain(word(Aspect::Owner, meta.namespace.as_deref()))
            .collect(),
        raw,
    })
}

#[derive(Deserialize, Serialize)]
struct Namespace {
    metadata: Meta,
}

/// A namespace: a scope, known by its name, for that is what others know it by. Another one of the same name later is the same scope with other labels.
pub(super) fn namespace(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut namespace: Namespace = parse(body)?;
    let meta = &mut namespace.metadata;
    meta.annotations
        .retain(|name, _| name.starts_with(scope::KEPT_ANNOTATIONS));
    let labels = meta
        .labels
        .iter()
        .map(|(n, v)| (format!("{}{n}", scope::LABEL), v.clone()));
    let annotations = meta
        .annotations
        .iter()
        .map(|(n, v)| (format!("{}{n}", scope::ANNOTATION), v.clone()));
    let mut attrs: BTreeMap<String, String> = labels.chain(annotations).collect();
    attrs.insert(attr::UID.to_owned(), meta.uid.clone());
    let value = Value::Known(Known {
        label: meta.name.clone(),
        levels: BTreeMap::new(),
        attrs,
    });
    Ok(Some(Thing {
        id: meta.name.clone(),
        uid: meta.uid.clone(),
        place: (String::new(), meta.name.clone()),
        version: meta.version()?,
        made: meta.creation_timestamp.map(|t| t.0),
        begins: None,
        begins_as: None,
        ends: None,
        deleting: None,
        shown: BTreeMap::from([(Aspect::Attributes, value)]),
        raw: raw(&namespace)?,
    }))
}

#[derive(Deserialize, Serialize)]
struct Node {
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: NodeSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: NodeStatus,
}

#[derive(Default, Deserialize, Serialize)]
struct NodeSpec {
    #[serde(rename = "providerID", skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
struct NodeStatus {
    #[serde(default, deserialize_with = "or_default")]
    allocatable: Quantities,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Quantities::is_empty"
    )]
    capacity: Quantities,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    addresses: Vec<Address>,
    #[serde(rename = "daemonEndpoints", skip_serializing_if = "Option::is_none")]
    daemons: Option<Daemons>,
}

#[derive(Deserialize, Serialize)]
struct Address {
    r#type: String,
    address: String,
}

#[derive(Deserialize, Serialize)]
struct Daemons {
    #[serde(rename = "kubeletEndpoint", skip_serializing_if = "Option::is_none")]
    kubelet: Option<Daemon>,
}

#[derive(Deserialize, Serialize)]
struct Daemon {
    #[serde(rename = "Port")]
    port: u16,
}

impl NodeStatus {
    /// Where its kubelet answers: its first address within the cluster's network, else its name in it.
    fn kubelet(&self) -> Option<String> {
        let of = |kind: &str| self.addresses.iter().find(|a| a.r#type == kind);
        let host = &of("InternalIP").or_else(|| of("Hostname"))?.address;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let port = self.daemons.as_ref().and_then(|d| d.kubelet.as_ref());
        Some(format!("{host}:{}", port.map_or(KUBELET_PORT, |k| k.port)))
    }
}

/// Where kubelets answer that do not say.
const KUBELET_PORT: u16 = 10_250;

/// What there is, by the names of levels; nothing of what there is none of.
fn room(
    has: &Quantities,
    gpus: &Regex,
) -> Result<impl Iterator<Item = (&'static str, i64)>, String> {
    let read = |name: &str, of: quantity::Read| {
        has.get(name)
            .map_or(Ok(0), |text| of(text))
            .map_err(|e| format!("{name}: {e}"))
    };
    let mut devices = 0_i64;
    for name in has.keys().filter(|n| gpus.is_match(n)) {
        devices = devices
            .checked_add(read(name, quantity::whole)?)
            .ok_or("it has too many GPUs to be counted")?;
    }
    let levels = [
        ("cpu_nanocores", read("cpu", quantity::nanocores)?),
        ("memory_bytes", read("memory", quantity::whole)?),
        (
            "ephemeral_bytes",
            read("ephemeral-storage", quantity::whole)?,
        ),
        ("gpus", devices),
    ];
    Ok(levels.into_iter().filter(|(_, level)| *level != 0))
}

/// A node, and the server that it is. Its levels are what pods may ask for and, as `capacity_`, all that it has.
pub(super) fn node(body: &str, gpus: &Regex) -> Result<Option<Thing>, String> {
    let mut node: Node = parse(body)?;
    node.metadata.annotations.clear();
    let status = &node.status;
    let mut levels = BTreeMap::new();
    for (prefix, has) in [("", &status.allocatable), ("capacity_", &status.capacity)] {
        levels.extend(room(has, gpus)?.map(|(name, level)| (format!("{prefix}{name}"), level)));
    }
    let provider = node.spec.provider_id.as_deref();
    let kubelet = node.status.kubelet();
    let label = |name: &str| node.metadata.labels.get(name).map(String::as_str);
    let shown = [
        Some((
            Aspect::Flavor,
            sized(
                label("node.kubernetes.io/instance-type").unwrap_or_default(),
                levels,
            ),
        )),
        Some((
            Aspect::Attributes,
            labelled(
                &node.metadata.name,
                [
                    ("provider_id", provider),
                    (attr::SERVER, provider.and_then(server)),
                    (attr::KUBELET, kubelet.as_deref()),
                ],
            ),
        )),
        word(Aspect::Zone, label("topology.kubernetes.io/zone")),
    ];
    thing(&node.metadata, "present", shown, raw(&node)?).map(Some)
}

/// The Nova server of `openstack:///ID` and `openstack://REGION/ID`.
fn server(provider: &str) -> Option<&str> {
    provider
        .strip_prefix("openstack://")?
        .rsplit_once('/')
        .map(|(_, id)| id)
}

#[derive(Deserialize, Serialize)]
struct Service {
    metadata: Meta,
    spec: ServiceSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: ServiceStatus,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceSpec {
    #[serde(default, deserialize_with = "or_default")]
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer_class: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceStatus {
    #[serde(default, deserialize_with = "or_default")]
    load_balancer: Balancer,
}

#[derive(Default, Deserialize, Serialize)]
struct Balancer {
    #[serde(default, deserialize_with = "or_default")]
    ingress: Vec<Ingress>,
}

#[derive(Deserialize, Serialize)]
struct Ingress {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
}

/// The annotation by which OpenStack's controller names the balancer it made.
const OCTAVIA: &str = "loadbalancer.openstack.org/load-balancer-id";

/// A service. One that asks for no balancer is kept only for those that did before: it is `released`.
pub(super) fn service(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut service: Service = parse(body)?;
    service
        .metadata
        .annotations
        .retain(|name, _| name == OCTAVIA);
    let ingress = &service.status.load_balancer.ingress;
    let addresses: Vec<&str> = ingress
        .iter()
        .filter_map(|i| i.ip.as_deref().or(i.hostname.as_deref()))
        .collect();
    let state = match (service.spec.r#type.as_str(), addresses.is_empty()) {
        ("LoadBalancer", false) => "active",
        ("LoadBalancer", true) => "pending",
        _ => RELEASED,
    };
    let balancer = service
        .metadata
        .annotations
        .get(OCTAVIA)
        .map(String::as_str);
    let shown = [
        Some((
            Aspect::Flavor,
            sized(
                service
                    .spec
                    .load_balancer_class
                    .as_deref()
                    .unwrap_or_default(),
                BTreeMap::new(),
            ),
        )),
        word(Aspect::State, Some(state)),
        Some((
            Aspect::Attributes,
            labelled(
                &service.metadata.name,
                [
                    (attr::BALANCER, balancer),
                    ("addresses", Some(&addresses.join(","))),
                ],
            ),
        )),
    ];
    thing(&service.metadata, "pending", shown, raw(&service)?).map(Some)
}

/// State of a service that asks for no balancer.
const RELEASED: &str = "released";

/// True of a service that never asked for a balancer, as far as is known.
pub(super) fn is_no_balancer(thing: &Thing) -> bool {
    let state = thing.shown.get(&Aspect::State).and_then(Value::known);
    state.is_some_and(|s| s.label == RELEASED)
}

#[derive(Deserialize, Serialize)]
struct Quota {
    metadata: Meta,
    spec: QuotaSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: QuotaStatus,
}

#[derive(Deserialize, Serialize)]
struct QuotaSpec {
    quota: Hard,
}

#[derive(Deserialize, Serialize)]
struct Hard {
    #[serde(default, deserialize_with = "or_default")]
    hard: Quantities,
}

#[derive(Default, Deserialize, Serialize)]
struct QuotaStatus {
    #[serde(default, deserialize_with = "or_default")]
    namespaces: Vec<QuotaNamespace>,
}

#[derive(Deserialize, Serialize)]
struct QuotaNamespace {
    namespace: String,
}

/// A quota over namespaces: its limits, and the namespaces it holds for. Quotas may overlap, so they are no meter: one namespace may be under several.
pub(super) fn quota(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut quota: Quota = parse(body)?;
    quota.metadata.annotations.clear();
    let hard = &quota.spec.quota.hard;
    let mut levels = BTreeMap::new();
    let limits: [(&str, &str, quantity::Read); 4] = [
        ("requests.cpu", "cpu_nanocores", quantity::nanocores),
        ("requests.memory", "memory_bytes", quantity::whole),
        (
            "requests.ephemeral-storage",
            "ephemeral_bytes",
            quantity::whole,
        ),
        ("requests.storage", "capacity_bytes", quantity::whole),
    ];
    for (resource, level, read) in limits {
        if let Some(text) = hard.get(resource) {
            levels.insert(
                level.to_owned(),
                read(text).map_err(|e| format!("{resource}: {e}"))?,
            );
        }
    }
    let mut namespaces: Vec<&str> = quota
        .status
        .namespaces
        .iter()
        .map(|n| n.namespace.as_str())
        .collect();
    namespaces.sort_unstable();
    let shown = [
        Some((Aspect::Flavor, sized(&quota.metadata.name, levels))),
        Some((
            Aspect::Attributes,
            labelled(
                &quota.metadata.name,
                [("namespaces", Some(namespaces.join(",").as_str()))],
            ),
        )),
    ];
    thing(&quota.metadata, "present", shown, raw(&quota)?).map(Some)
}
