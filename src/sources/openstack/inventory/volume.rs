//! Cinder: volumes, snapshots, backups.
//!
//! API: <https://docs.openstack.org/api-ref/block-storage/v3/>.

use super::{
    super::{
        record::{maybe_time, time},
        service::Service,
    },
    List, Offer,
    item::{Context, Item, label},
};
use crate::domain::{Aspect, Known, Ts, Value, fact::kind};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const OFFER: Offer = Offer {
    service: Service::Volume,
    lists: &[VOLUMES, SNAPSHOTS, BACKUPS],
    probe: "/os-services",
};

const VOLUMES: List = List {
    name: "volumes",
    kind: kind::VOLUME,
    paths: |_, page| vec![format!("/volumes/detail?all_tenants=1&limit={page}")],
    key: "volumes",
    one: "/volumes",
    one_key: "volume",
    read: |body, _| Volume::read(body).map(Some),
};

const SNAPSHOTS: List = List {
    name: "snapshots",
    kind: kind::SNAPSHOT,
    paths: |_, page| vec![format!("/snapshots/detail?all_tenants=1&limit={page}")],
    key: "snapshots",
    one: "/snapshots",
    one_key: "snapshot",
    read: |body, context| Snapshot::read(body, context).map(Some),
};

const BACKUPS: List = List {
    name: "backups",
    kind: kind::BACKUP,
    paths: |_, page| vec![format!("/backups/detail?all_tenants=1&limit={page}")],
    key: "backups",
    one: "/backups",
    one_key: "backup",
    read: |body, context| Backup::read(body, context).map(Some),
};

/// The settled state that a status belongs to; `None` while it is between two, which tells nothing that lasts.
pub(in super::super) fn settled(status: &str) -> Option<&str> {
    match status {
        "available" | "in-use" | "error" => Some(status),
        "error_deleting" | "error_extending" | "error_restoring" | "error_backing-up"
        | "error_managing" => Some("error"),
        // `creating`, `deleting`, `extending`, `retyping`, `attaching`, `detaching`, `backing-up`, `reserved`, `awaiting-transfer`, ...
        _ => None,
    }
}

pub(in super::super) fn size(gib: i64, of_type: Option<&str>) -> Result<(Aspect, Value), String> {
    let bytes = gib
        .checked_mul(1 << 30)
        .filter(|b| *b >= 0)
        .ok_or_else(|| format!("its size of {gib} GiB cannot be"))?;
    Ok((
        Aspect::Flavor,
        Value::Known(Known {
            label: of_type.unwrap_or_default().to_owned(),
            levels: BTreeMap::from([("capacity_bytes".to_owned(), bytes)]),
            attrs: BTreeMap::new(),
        }),
    ))
}

#[derive(Deserialize)]
struct Volume {
    id: String,
    status: String,
    size: i64,
    name: Option<String>,
    volume_type: Option<String>,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
    #[serde(rename = "os-vol-tenant-attr:tenant_id")]
    owner: Option<String>,
}

impl Volume {
    fn read(body: &str) -> Result<Item, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        let owner = w.owner.as_deref().ok_or(
            "it does not say whose it is; the account needs the policy rule volume_extension:volume_tenant_attribute",
        )?;
        let shown = [
            settled(&w.status).map(|s| (Aspect::State, Value::label(s))),
            Some(size(w.size, w.volume_type.as_deref())?),
            label(Aspect::Owner, Some(owner)),
            label(Aspect::Zone, w.availability_zone.as_deref()),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item {
            id: w.id,
            created: Some(w.created_at),
            begins: "creating",
            updated: Some(w.updated_at.unwrap_or(w.created_at)),
            shown: shown.into_iter().flatten().collect(),
            raw: body.to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Snapshot {
    id: String,
    status: String,
    size: i64,
    name: Option<String>,
    volume_id: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
    #[serde(rename = "os-extended-snapshot-attributes:project_id")]
    owner: Option<String>,
}

impl Snapshot {
    fn read(body: &str, context: &Context) -> Result<Item, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        let owner = w.owner.as_deref().ok_or(
            "it does not say whose it is; the account needs the policy rule volume_extension:extended_snapshot_attributes",
        )?;
        // A snapshot is stored where its volume is.
        let of_type = w
            .volume_id
            .as_ref()
            .and_then(|v| context.volume_types.get(v));
        let shown = [
            settled(&w.status).map(|s| (Aspect::State, Value::label(s))),
            Some(size(w.size, of_type.map(String::as_str))?),
            label(Aspect::Owner, Some(owner)),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item {
            id: w.id,
            created: Some(w.created_at),
            begins: "creating",
            updated: Some(w.updated_at.unwrap_or(w.created_at)),
            shown: shown.into_iter().flatten().collect(),
            raw: body.to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Backup {
    id: String,
    status: String,
    size: i64,
    name: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
    #[serde(rename = "os-backup-project-attr:project_id")]
    owner: Option<String>,
}

impl Backup {
    fn read(body: &str, _: &Context) -> Result<Item, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        let owner = w.owner.as_deref().ok_or(
            "it does not say whose it is; the account needs the policy rule backup:backup_project_attribute, and Cinder 3.18",
        )?;
        // While it is being restored it is as stored as before.
        let state = match w.status.as_str() {
            "restoring" => Some("available"),
            other => settled(other),
        };
        let shown = [
            state.map(|s| (Aspect::State, Value::label(s))),
            Some(size(w.size, None)?),
            label(Aspect::Owner, Some(owner)),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item {
            id: w.id,
            created: Some(w.created_at),
            begins: "creating",
            updated: Some(w.updated_at.unwrap_or(w.created_at)),
            shown: shown.into_iter().flatten().collect(),
            raw: body.to_owned(),
        })
    }
}
