//! Neutron's messages: what holds public addresses. Pure.
//!
//! Floating IPs, ports on public networks, and routers with a gateway there. A port of a private network is nothing that is metered.

use super::{
    super::inventory::label,
    facts::Told,
    lookup::Lookup,
    message::{Message, maybe_moment},
};
use crate::domain::{Aspect, Known, Ts, Value, fact::kind};
use serde::Deserialize;
use std::{collections::BTreeMap, net::Ipv4Addr};

/// Ports that hold an address for a floating IP or a router, which have it as theirs.
const OF_OTHERS: [&str; 2] = ["network:floatingip", "network:router_gateway"];

#[derive(Deserialize)]
struct Resource {
    id: String,
    project_id: Option<String>,
    tenant_id: Option<String>,
    status: Option<String>,
    name: Option<String>,
    #[serde(default, deserialize_with = "maybe_moment")]
    created_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    updated_at: Option<Ts>,
    floating_ip_address: Option<String>,
    floating_network_id: Option<String>,
    network_id: Option<String>,
    device_owner: Option<String>,
    #[serde(default)]
    fixed_ips: Vec<FixedIp>,
    external_gateway_info: Option<Gateway>,
}

#[derive(Deserialize)]
struct FixedIp {
    ip_address: Option<String>,
}

#[derive(Deserialize)]
struct Gateway {
    network_id: Option<String>,
    #[serde(default)]
    external_fixed_ips: Vec<FixedIp>,
}

/// What a message tells.
pub(super) fn told(message: &Message, lookup: &Lookup) -> Result<Option<Told>, String> {
    let Some((what, event)) = message.event_type.split_once('.') else {
        return Ok(None);
    };
    if !matches!(event, "create.end" | "update.end" | "delete.end" | "exists") {
        return Ok(None);
    }
    let kind = match what {
        "floatingip" => kind::FLOATING_IP,
        "port" => kind::PORT,
        _ => kind::ROUTER,
    };
    let Some(inner) = message.payload.get(what) else {
        // Before Ussuri, a deletion's payload is an id alone.
        let id = message
            .payload
            .get(format!("{what}_id"))
            .and_then(|v| v.as_str());
        return match (event, id) {
            // Whether a port was on a public network, nobody knows then.
            ("delete.end", Some(id)) if kind != kind::PORT => {
                let told = Told::of(kind, id.to_owned());
                Ok(Some(told.event(
                    Aspect::State,
                    message.timestamp,
                    Value::Gone,
                )))
            }
            ("delete.end", Some(_)) => Ok(None),
            _ => Err(format!("its payload has no {what}")),
        };
    };
    let r = Resource::deserialize(inner).map_err(|e| e.to_string())?;
    let Some(size) = r.size(kind, lookup) else {
        return Ok(None);
    };
    Ok(Some(r.told(kind, event, message.timestamp, size)))
}

impl Resource {
    /// The public network and how many IPv4 addresses of it are held; `None`: nothing that is metered.
    fn size(&self, kind: &str, lookup: &Lookup) -> Option<Value> {
        let v4 = |address: &Option<String>| {
            address
                .as_ref()
                .is_some_and(|a| a.parse::<Ipv4Addr>().is_ok())
        };
        let count = |ips: &[FixedIp]| ips.iter().filter(|ip| v4(&ip.ip_address)).count();
        let (network, addresses) = match kind {
            kind::FLOATING_IP => {
                // Its network is public, or it could not be one.
                let id = self.floating_network_id.as_deref().unwrap_or_default();
                let name = lookup.public_network(id).unwrap_or(id);
                (name, usize::from(v4(&self.floating_ip_address)))
            }
            kind::PORT => {
                let owner = self.device_owner.as_deref().unwrap_or_default();
                if OF_OTHERS.contains(&owner) {
                    return None;
                }
                let name = lookup.public_network(self.network_id.as_deref()?)?;
                (name, count(&self.fixed_ips))
            }
            _ => match &self.external_gateway_info {
                Some(g) => {
                    let id = g.network_id.as_deref().unwrap_or_default();
                    let name = lookup.public_network(id).unwrap_or(id);
                    (name, count(&g.external_fixed_ips))
                }
                None => ("", 0),
            },
        };
        Some(Value::Known(Known {
            label: network.to_owned(),
            levels: BTreeMap::from([(
                "ipv4_addresses".to_owned(),
                i64::try_from(addresses).unwrap_or(i64::MAX),
            )]),
            attrs: BTreeMap::new(),
        }))
    }

    fn told(&self, kind: &'static str, event: &str, sent: Ts, size: Value) -> Told {
        let owner = self.project_id.as_deref().or(self.tenant_id.as_deref());
        let shown = [
            label(Aspect::Owner, owner),
            label(Aspect::Name, self.name.as_deref()),
        ];
        let state = self.status.as_deref().filter(|s| !s.is_empty());
        let state = state.map(|s| Value::label(s.to_lowercase()));
        let told = Told::of(kind, self.id.clone());
        let changed = self.updated_at.unwrap_or(sent).min(sent);
        match (event, state) {
            ("delete.end", _) => told
                .seen(sent, shown)
                .seen(sent, [Some((Aspect::Flavor, size))])
                .event(Aspect::State, sent, Value::Gone),
            // An address is held from the moment it is made.
            ("create.end", Some(state)) => told
                .seen(sent, shown)
                .event(
                    Aspect::State,
                    self.created_at.unwrap_or(sent).min(sent),
                    state,
                )
                .seen(sent, [Some((Aspect::Flavor, size))]),
            // Its record was changed then; what of it, it does not say.
            ("update.end", state) => told.seen(sent, shown).changed(
                changed,
                sent,
                [
                    state.map(|s| (Aspect::State, s)),
                    Some((Aspect::Flavor, size)),
                ],
            ),
            (_, state) => told.seen(sent, shown).seen(
                sent,
                [
                    state.map(|s| (Aspect::State, s)),
                    Some((Aspect::Flavor, size)),
                ],
            ),
        }
    }
}
