//! Cinder: volumes, snapshots, backups.
//!
//! API: <https://docs.openstack.org/api-ref/block-storage/v3/>.

use super::{
    super::{
        pages::Turn,
        record::{maybe_time, time},
        service::Service,
    },
    List, Offer, Origin, Pages, Probe,
    item::{Context, Item, capacity, label, owner},
};
use crate::domain::{
    Aspect, Known, Ts, Value,
    fact::{attr, kind},
};
use serde::{Deserialize, de::IgnoredAny};

pub(super) const OFFER: Offer = Offer {
    service: Service::Volume,
    names: &[],
    lists: &[VOLUMES, SNAPSHOTS, BACKUPS],
    probe: Probe::Get("/os-services"),
};

pub(super) const VOLUMES: List = List {
    name: "volumes",
    kind: kind::VOLUME,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/volumes/detail?all_tenants=1&limit={page}")],
        key: "volumes",
        turn: Turn::Marker,
        one: "/volumes",
        one_key: "volume",
        read: |body, _| Volume::read(body),
        hidden: Item::is_of_others,
    }),
};

const SNAPSHOTS: List = List {
    name: "snapshots",
    kind: kind::SNAPSHOT,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/snapshots/detail?all_tenants=1&limit={page}")],
        key: "snapshots",
        turn: Turn::Marker,
        one: "/snapshots",
        one_key: "snapshot",
        read: |body, context| Snapshot::read(body, context).map(Some),
        hidden: Item::is_of_others,
    }),
};

const BACKUPS: List = List {
    name: "backups",
    kind: kind::BACKUP,
    origin: Origin::Pages(Pages {
        paths: |_, page| vec![format!("/backups/detail?all_tenants=1&limit={page}")],
        key: "backups",
        turn: Turn::Marker,
        one: "/backups",
        one_key: "backup",
        read: |body, _| Backup::read(body).map(Some),
        hidden: Item::is_of_others,
    }),
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
    #[serde(rename = "os-vol-mig-status-attr:name_id")]
    name_id: Option<String>,
    migration_status: Option<String>,
    #[serde(default)]
    attachments: Vec<IgnoredAny>,
}

/// The state of a volume that something is done with: it is there, and holds what it held, however long that takes. `None` while it is made or deleted.
fn busy(status: &str, attached: bool) -> Option<&'static str> {
    match status {
        "attaching" | "awaiting-transfer" | "backing-up" | "detaching" | "extending"
        | "maintenance" | "reserved" | "restoring-backup" | "retyping" | "uploading" => {
            Some(if attached { "in-use" } else { "available" })
        }
        _ => None,
    }
}

impl Volume {
    /// `None`: where another volume is being moved to, or what is left of it where it was (Cinder exchanges the two records' ids). It is that volume's room,
    /// counted there.
    fn read(body: &str) -> Result<Option<Item>, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        if w.migration_status
            .as_ref()
            .is_some_and(|s| s.starts_with("target:") || s == "deleting")
        {
            return Ok(None);
        }
        let shown = [
            settled(&w.status)
                .or_else(|| busy(&w.status, !w.attachments.is_empty()))
                .map(|s| (Aspect::State, Value::label(s))),
            Some(capacity(
                w.size,
                w.volume_type.as_deref().unwrap_or_default(),
            )?),
            Some(owner(
                w.owner.as_deref(),
                "the account needs the policy rule volume_extension:volume_tenant_attribute",
            )?),
            label(Aspect::Zone, w.availability_zone.as_deref()),
            label(Aspect::Name, w.name.as_deref()),
            Some((Aspect::Attributes, place(w.name_id))),
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

/// What a volume's place is named after, where that is not its own id: that of the volume whose place it took when it was moved. Told also where it is its own,
/// for it may be moved back.
fn place(name_id: Option<String>) -> Value {
    Value::Known(Known {
        attrs: name_id
            .map(|id| (attr::NAME_ID.to_owned(), id))
            .into_iter()
            .collect(),
        ..Known::default()
    })
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
        // A snapshot is stored where its volume is. While the volumes could not all be read, or were read before it was made (its volume may have been moved in
        // between), it has no size yet, rather than one of a wrong type. Both times are cut to the second.
        let knows_volume = context
            .volumes_known
            .is_some_and(|known| w.created_at.second() < known.second());
        let of_type = knows_volume.then(|| {
            let of = w
                .volume_id
                .as_ref()
                .and_then(|v| context.volume_types.get(v));
            of.map_or("", String::as_str)
        });
        let shown = [
            settled(&w.status).map(|s| (Aspect::State, Value::label(s))),
            of_type.map(|t| capacity(w.size, t)).transpose()?,
            Some(owner(
                w.owner.as_deref(),
                "the account needs the policy rule volume_extension:extended_snapshot_attributes",
            )?),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item::new(
            w.id,
            Some(w.created_at),
            w.updated_at,
            "creating",
            shown,
            body,
        ))
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
    fn read(body: &str) -> Result<Item, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        // While it is being restored it is as stored as before.
        let state = match w.status.as_str() {
            "restoring" => Some("available"),
            other => settled(other),
        };
        let shown = [
            state.map(|s| (Aspect::State, Value::label(s))),
            Some(capacity(w.size, "")?),
            Some(owner(
                w.owner.as_deref(),
                "the account needs the policy rule backup:backup_project_attribute, and Cinder 3.18",
            )?),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Item::new(
            w.id,
            Some(w.created_at),
            w.updated_at,
            "creating",
            shown,
            body,
        ))
    }
}
