//! Neutron: who holds public IPv4 addresses, by floating IPs, by ports on public networks, by the gateways of routers.
//!
//! API: <https://docs.openstack.org/api-ref/network/v2/>. A network is public if it is external, or if it is shared and its name is configured as public.
//! Each address is counted once: ports that Neutron makes for itself (of floating IPs, gateways, DHCP) are left out, and most of them are nobody's.

use super::{
    super::{pages::Turn, record::maybe_time, service::Service},
    List, Names, Offer, Origin, Pages, Probe,
    item::{Context, Item, Network, label, owner, size},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;
use std::net::Ipv4Addr;

pub(super) const OFFER: Offer = Offer {
    service: Service::Network,
    names: &[NETWORKS],
    lists: &[FLOATING_IPS, PORTS, ROUTERS],
    // Lists show the own project's to others; quotas of all projects are refused to them, and to one who only reads everything.
    probe: Probe::Get("/quotas"),
};

pub(super) const NETWORKS: Names = Names {
    what: "network",
    path: |page| {
        format!(
            "/networks?fields=id&fields=name&fields=project_id&fields=shared&fields=router:external&limit={page}"
        )
    },
    key: "networks",
    id: "id",
    needed: true,
    note: |body, context| {
        let w: Wire = parsed(body)?;
        let named = |name: &str| {
            let public = context.public_networks.as_ref();
            public.is_some_and(|p| p.is_match(name))
        };
        let public = w.external || (w.shared && named(&w.name));
        let others = w.project_id.is_some_and(|p| p != context.own_project);
        context.sees_all |= others && !w.external && !w.shared && !context.own_project.is_empty();
        let network = Network {
            name: w.name,
            public,
        };
        context.networks.insert(w.id, network);
        Ok(())
    },
};

const FLOATING_IPS: List = List {
    name: "floating_ips",
    kind: kind::FLOATING_IP,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/floatingips?limit={page}")],
        key: "floatingips",
        turn: Turn::Marker,
        one: "/floatingips",
        one_key: "floatingip",
        read: |body, context| FloatingIp::read(body, context).map(Some),
        hidden: Item::is_of_others,
    }),
};

const PORTS: List = List {
    name: "ports",
    kind: kind::PORT,
    origin: Origin::Pages(Pages {
        // Of public networks alone: a cloud has many more ports.
        paths: |context, page| {
            let public = context.networks.iter().filter(|(_, n)| n.public);
            public
                .map(|(id, _)| format!("/ports?network_id={id}&limit={page}"))
                .collect()
        },
        key: "ports",
        turn: Turn::Marker,
        one: "/ports",
        one_key: "port",
        read: Port::read,
        // Who owns a network is shown the ports of others on it.
        hidden: |_, _| false,
    }),
};

const ROUTERS: List = List {
    name: "routers",
    kind: kind::ROUTER,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/routers?limit={page}")],
        key: "routers",
        turn: Turn::Marker,
        one: "/routers",
        one_key: "router",
        read: |body, context| Router::read(body, context).map(Some),
        hidden: Item::is_of_others,
    }),
};

const LACKS: &str = "the account is shown a part only";

#[derive(Deserialize)]
struct Wire {
    id: String,
    name: String,
    project_id: Option<String>,
    #[serde(default)]
    shared: bool,
    #[serde(default, rename = "router:external")]
    external: bool,
}

/// The settled state that a status belongs to; `None` while it is between two, or where the thing has none.
fn settled(status: &str) -> Option<(Aspect, Value)> {
    let state = match status {
        "ACTIVE" => "active",
        // Ports that no driver binds are never active.
        "DOWN" | "N/A" => "down",
        "BUILD" => "build",
        "ERROR" => "error",
        _ => return None,
    };
    Some((Aspect::State, Value::label(state)))
}

#[derive(Deserialize)]
struct FixedIp {
    ip_address: String,
}

fn is_ipv4(address: &str) -> bool {
    address.parse::<Ipv4Addr>().is_ok()
}

/// How many IPv4 addresses of a network these are.
fn held(ips: &[FixedIp], network: &str, context: &Context) -> (Aspect, Value) {
    let count = ips.iter().filter(|ip| is_ipv4(&ip.ip_address)).count();
    addresses(count, network, context)
}

fn addresses(count: usize, network: &str, context: &Context) -> (Aspect, Value) {
    let name = context.networks.get(network).map(|n| n.name.as_str());
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    size(name.unwrap_or(network), "ipv4_addresses", count)
}

/// What all of them say.
#[derive(Deserialize)]
struct Common {
    id: String,
    status: String,
    project_id: Option<String>,
    /// Before Newton.
    tenant_id: Option<String>,
    #[serde(default, deserialize_with = "maybe_time")]
    created_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|e| e.to_string())
}

/// The item that holds these addresses.
fn holder(
    body: &str,
    begins: &'static str,
    held: (Aspect, Value),
    name: &str,
) -> Result<Item, String> {
    let w: Common = parsed(body)?;
    let project = w.project_id.or(w.tenant_id);
    let shown = [
        settled(&w.status),
        Some(held),
        Some(owner(project.as_deref(), LACKS)?),
        label(Aspect::Name, Some(name)),
    ];
    Ok(Item::new(
        w.id,
        w.created_at,
        w.updated_at,
        begins,
        shown,
        body,
    ))
}

#[derive(Deserialize)]
pub(in super::super) struct FloatingIp {
    floating_ip_address: String,
    floating_network_id: String,
}

impl FloatingIp {
    pub(in super::super) fn read(body: &str, context: &Context) -> Result<Item, String> {
        let w: Self = parsed(body)?;
        let count = usize::from(is_ipv4(&w.floating_ip_address));
        let held = addresses(count, &w.floating_network_id, context);
        // Taken as soon as it is there.
        holder(body, "down", held, &w.floating_ip_address)
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Port {
    network_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    device_owner: Option<String>,
    #[serde(default)]
    fixed_ips: Vec<FixedIp>,
}

impl Port {
    pub(in super::super) fn read(body: &str, context: &Context) -> Result<Option<Item>, String> {
        let w: Self = parsed(body)?;
        let of_neutron = w.device_owner.is_some_and(|d| d.starts_with("network:"));
        let public = context.networks.get(&w.network_id);
        if of_neutron || !public.is_some_and(|n| n.public) {
            return Ok(None);
        }
        let held = held(&w.fixed_ips, &w.network_id, context);
        holder(body, "build", held, w.name.as_deref().unwrap_or_default()).map(Some)
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Router {
    name: Option<String>,
    external_gateway_info: Option<Gateway>,
    /// All gateways, the one above the first of them, where a router may have several.
    #[serde(default)]
    external_gateways: Vec<Gateway>,
}

#[derive(Deserialize)]
struct Gateway {
    network_id: String,
    external_fixed_ips: Option<Vec<FixedIp>>,
}

impl Router {
    pub(in super::super) fn read(body: &str, context: &Context) -> Result<Item, String> {
        let w: Self = parsed(body)?;
        let mut gateways = w.external_gateways;
        if gateways.is_empty() {
            gateways.extend(w.external_gateway_info);
        }
        let network = gateways.first().map(|g| g.network_id.clone());
        let mut ips = Vec::new();
        for gateway in gateways {
            ips.extend(
                gateway
                    .external_fixed_ips
                    .ok_or("it does not say the addresses of its gateway")?,
            );
        }
        let held = held(&ips, &network.unwrap_or_default(), context);
        holder(body, "active", held, w.name.as_deref().unwrap_or_default())
    }
}
