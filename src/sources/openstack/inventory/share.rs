//! Manila: shares.
//!
//! API: <https://docs.openstack.org/api-ref/shared-file-system/>. A share does not say when it was last changed: a change came about when it was seen.

use super::{
    super::{pages::Turn, record::time, service::Service},
    List, Offer, Origin, Pages, Probe,
    item::{Context, Item, capacity, label, owner},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;

pub(super) const OFFER: Offer = Offer {
    service: Service::Share,
    names: &[],
    lists: &[SHARES],
    probe: Probe::Get("/services"),
};

const SHARES: List = List {
    name: "shares",
    kind: kind::SHARE,
    origin: Origin::Pages(Pages {
        // By id: an order that nothing done meanwhile turns over.
        paths: |_, page| {
            vec![format!(
                "/shares/detail?all_tenants=1&sort_key=id&sort_dir=asc&limit={page}"
            )]
        },
        key: "shares",
        turn: Turn::Offset,
        one: "/shares",
        one_key: "share",
        read: |body, context| Share::read(body, context).map(Some),
    }),
};

/// The settled state that a status belongs to; `None` while it is between two.
fn settled(status: &str) -> Option<&str> {
    match status {
        "available" | "inactive" | "error" => Some(status),
        // `error_deleting`, `extending_error`, `shrinking_possible_data_loss_error`, `manage_error`, `reverting_error`, ...
        other if other.contains("error") => Some("error"),
        // `creating`, `deleting`, `extending`, `shrinking`, `migrating`, `reverting`, ...
        _ => None,
    }
}

#[derive(Deserialize)]
pub(super) struct Share {
    id: String,
    status: String,
    /// GiB.
    size: i64,
    name: Option<String>,
    project_id: Option<String>,
    share_type: Option<String>,
    share_type_name: Option<String>,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
}

impl Share {
    pub(super) fn read(body: &str, _: &Context) -> Result<Item, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        let of_type = w.share_type_name.or(w.share_type).unwrap_or_default();
        let shown = [
            settled(&w.status).map(|s| (Aspect::State, Value::label(s))),
            Some(capacity(w.size, &of_type)?),
            Some(owner(w.project_id.as_deref(), "it is nobody's")?),
            label(Aspect::Zone, w.availability_zone.as_deref()),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item::new(
            w.id,
            Some(w.created_at),
            None,
            "creating",
            shown,
            body,
        ))
    }
}
