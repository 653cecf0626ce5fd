//! Octavia: load balancers.
//!
//! API: <https://docs.openstack.org/api-ref/load-balancer/v2/>.

use super::{
    super::{
        pages::Turn,
        record::{maybe_time, time},
        service::Service,
    },
    List, Names, Offer, Origin, Pages, Probe,
    item::{Context, Item, label, owner},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;

pub(super) const OFFER: Offer = Offer {
    service: Service::LoadBalancer,
    names: &[FLAVORS],
    lists: &[LOAD_BALANCERS],
    // Others are shown their own project's in place of all, and refused those of a project by name.
    probe: Probe::Get("/lbaas/loadbalancers?project_id=00000000000000000000000000000000&limit=1"),
};

/// Octavia has flavors from Stein on, and not with every provider.
const FLAVORS: Names = Names {
    what: "flavor of load balancers",
    path: |page| format!("/lbaas/flavors?limit={page}"),
    key: "flavors",
    id: "id",
    needed: false,
    note: |body, context| {
        let w: Flavor = serde_json::from_str(body).map_err(|e| e.to_string())?;
        context.balancer_flavors.insert(w.id, w.name);
        Ok(())
    },
};

const LOAD_BALANCERS: List = List {
    name: "load_balancers",
    kind: kind::LOAD_BALANCER,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/lbaas/loadbalancers?limit={page}")],
        key: "loadbalancers",
        turn: Turn::Marker,
        one: "/lbaas/loadbalancers",
        one_key: "loadbalancer",
        read: LoadBalancer::read,
    }),
};

#[derive(Deserialize)]
struct Flavor {
    id: String,
    name: String,
}

#[derive(Deserialize)]
pub(super) struct LoadBalancer {
    id: String,
    provisioning_status: String,
    name: Option<String>,
    project_id: Option<String>,
    flavor_id: Option<String>,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
}

impl LoadBalancer {
    pub(super) fn read(body: &str, context: &Context) -> Result<Option<Item>, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        let state = match w.provisioning_status.as_str() {
            // What is deleted is still known for a while.
            "DELETED" => return Ok(None),
            "ACTIVE" => Some("active"),
            "ERROR" => Some("error"),
            // PENDING_CREATE, PENDING_UPDATE, PENDING_DELETE.
            _ => None,
        };
        let flavor = w.flavor_id.unwrap_or_default();
        let flavor = context.balancer_flavors.get(&flavor).unwrap_or(&flavor);
        let shown = [
            state.map(|s| (Aspect::State, Value::label(s))),
            // One without a flavor has a size too: the provider's own.
            Some((Aspect::Flavor, Value::label(flavor.as_str()))),
            Some(owner(w.project_id.as_deref(), "it is nobody's")?),
            label(Aspect::Zone, w.availability_zone.as_deref()),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Some(Item::new(
            w.id,
            Some(w.created_at),
            w.updated_at,
            "creating",
            shown,
            body,
        )))
    }
}
