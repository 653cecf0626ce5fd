//! Placement: what each hypervisor has to give. Nobody's usage: it has no owner and no meter.
//!
//! API: <https://docs.openstack.org/api-ref/placement/>. A hypervisor is a provider of resources that is part of no other and has processors; cards and
//! NUMA nodes are providers that are parts of it. Its levels are what may be handed out: (total - reserved) x allocation ratio, rounded down.

use super::{
    super::{super::SourceError, pages::Pager, service::Service, session::Session},
    List, Offer, Origin, Probe,
    item::{Context, Hypervisor, Item, label},
    read::Answer,
};
use crate::{
    domain::{
        Aspect, Known, Value,
        fact::kind,
        money::{Rational, parse_decimal},
    },
    net::Tally,
};
use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub(super) const OFFER: Offer = Offer {
    service: Service::Placement,
    names: &[],
    lists: &[List {
        name: "hypervisors",
        kind: kind::HYPERVISOR,
        origin: Origin::Hypervisors,
    }],
    probe: Probe::None,
};

const LIST: &str = "/resource_providers";

#[derive(Deserialize)]
struct Provider {
    uuid: String,
    name: String,
    root_provider_uuid: Option<String>,
}

/// All providers that are part of no other, with their parts.
pub(super) async fn all(
    session: &Session,
    tally: &Tally,
) -> Result<BTreeMap<String, Hypervisor>, SourceError> {
    let mut all: BTreeMap<String, Hypervisor> = BTreeMap::new();
    let mut pager = Pager::new(Service::Placement, LIST, "resource_providers", "uuid");
    while let Some(page) = pager.next(session, tally).await? {
        for item in page.items {
            let provider: Provider = serde_json::from_str(&item.body).map_err(|e| {
                page.reply
                    .shape("a provider of resources as documented", &e.to_string())
            })?;
            let root = provider.root_provider_uuid.as_ref();
            let root = all
                .entry(root.unwrap_or(&provider.uuid).clone())
                .or_default();
            if provider
                .root_provider_uuid
                .is_none_or(|r| r == provider.uuid)
            {
                root.name = provider.name;
            }
            root.parts.push(provider.uuid);
        }
    }
    Ok(all)
}

/// Asks for the inventories of a hypervisor and its parts.
pub(super) async fn ask(
    session: &Session,
    id: &str,
    context: &Context,
    tally: &Tally,
) -> Result<Answer, SourceError> {
    let unlisted = Hypervisor {
        name: String::new(),
        parts: vec![id.to_owned()],
    };
    let hypervisor = context.hypervisors.get(id).unwrap_or(&unlisted);
    let (mut bodies, mut latest) = (Vec::new(), None);
    for part in &hypervisor.parts {
        let path = format!("{LIST}/{part}/inventories");
        let reply = session.get(Service::Placement, &path, tally).await?;
        let body = std::str::from_utf8(&reply.body)
            .map_err(|e| e.to_string())
            .and_then(|body| Inventories::read(body).map(|read| (body.to_owned(), read)))
            .map_err(|why| reply.shape("inventories as documented", &why))?;
        bodies.push(body);
        latest = Some(reply);
    }
    let Some(reply) = latest else {
        return Ok(Answer::Unknown);
    };
    let item = item(id, &hypervisor.name, bodies, context.gpu_alias.as_ref())
        .map_err(|why| reply.shape("inventories as documented", &why))?;
    Ok(Answer::Shown(item.into_iter().collect(), reply.date))
}

/// Inventories of one provider.
#[derive(Deserialize)]
pub(super) struct Inventories {
    inventories: BTreeMap<String, Stock>,
}

#[derive(Deserialize)]
struct Stock {
    total: i64,
    reserved: i64,
    allocation_ratio: Box<RawValue>,
}

impl Inventories {
    pub(super) fn read(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|e| e.to_string())
    }
}

impl Stock {
    /// What may be handed out of it, in units of `unit`; with what there is, and what is kept back.
    fn levels(&self, unit: i64) -> Result<[i64; 3], String> {
        let ratio = self.allocation_ratio.get();
        let ratio = parse_decimal(ratio).map_err(|e| format!("allocation_ratio: {e}"))?;
        let scaled = |n: i64| n.checked_mul(unit).filter(|n| *n >= 0);
        let beyond = || format!("a total of {} with {} reserved", self.total, self.reserved);
        let total = scaled(self.total).ok_or_else(beyond)?;
        let reserved = scaled(self.reserved).ok_or_else(beyond)?;
        let free = total.saturating_sub(reserved).max(0);
        let capacity = (Rational::from_integer(free.into()) * ratio).floor();
        let capacity = i64::try_from(capacity.to_integer())
            .ok()
            .filter(|n| *n >= 0)
            .ok_or_else(beyond)?;
        Ok([capacity, total, reserved])
    }
}

/// What a class of resources is a level of, and how much one unit of it is.
fn level_of(class: &str, gpu_alias: Option<&Regex>) -> Option<(&'static str, i64)> {
    // PCI devices that nobody named are called after vendor and product: NVIDIA, AMD.
    const GPU_VENDORS: [&str; 2] = ["PCI_10DE_", "PCI_1002_"];
    match class {
        "VCPU" => Some(("vcpus", 1)),
        "PCPU" => Some(("pcpus", 1)),
        "MEMORY_MB" => Some(("memory_bytes", 1 << 20)),
        "DISK_GB" => Some(("local_disk_bytes", 1 << 30)),
        "VGPU" | "PGPU" => Some(("gpus", 1)),
        _ => {
            let name = class.strip_prefix("CUSTOM_")?;
            let named = gpu_alias.is_some_and(|alias| alias.is_match(&name.to_ascii_lowercase()));
            (named || GPU_VENDORS.iter().any(|v| name.starts_with(v))).then_some(("gpus", 1))
        }
    }
}

/// A hypervisor from the inventories of its parts, each as sent and as read; `None`: it has no processors, so it is none.
pub(super) fn item(
    id: &str,
    name: &str,
    parts: Vec<(String, Inventories)>,
    gpu_alias: Option<&Regex>,
) -> Result<Option<Item>, String> {
    let mut size = Known::label(name);
    for (class, stock) in parts.iter().flat_map(|(_, part)| &part.inventories) {
        let Some((level, unit)) = level_of(class, gpu_alias) else {
            continue;
        };
        let levels = stock
            .levels(unit)
            .map_err(|why| format!("{class}: {why}"))?;
        for (kind, quantity) in ["", "_total", "_reserved"].into_iter().zip(levels) {
            let sum = size.levels.entry(format!("{level}{kind}")).or_default();
            *sum = sum
                .checked_add(quantity)
                .ok_or_else(|| format!("{class}: more than can be"))?;
        }
        let ratio = stock.allocation_ratio.get().to_owned();
        size.attrs
            .entry(format!("{level}_allocation_ratio"))
            .or_insert(ratio);
    }
    if !["vcpus", "pcpus"]
        .iter()
        .any(|l| size.levels.contains_key(*l))
    {
        return Ok(None);
    }
    let bodies: Vec<&str> = parts.iter().map(|(body, _)| body.as_str()).collect();
    let shown = [
        Some((Aspect::State, Value::label("present"))),
        Some((Aspect::Flavor, Value::Known(size))),
        label(Aspect::Name, Some(name)),
    ];
    let raw = format!("[{}]", bodies.join(","));
    // Placement does not say when it was made.
    Ok(Some(Item::new(
        id.to_owned(),
        None,
        None,
        "present",
        shown,
        &raw,
    )))
}
