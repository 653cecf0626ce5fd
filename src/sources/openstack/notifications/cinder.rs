//! Cinder's messages: volumes, snapshots, backups. Pure.
//!
//! `cinder-volume-usage-audit --send_actions` sends creations and deletions again, long after; such a message says when the thing happened as both ends of
//! its audit period.

use super::{
    super::inventory::told::{capacity, label, settled},
    facts::Told,
    lookup::Lookup,
    message::{Message, maybe_moment, moment},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;

#[derive(Deserialize)]
struct Payload {
    tenant_id: String,
    status: String,
    display_name: Option<String>,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "moment")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_moment")]
    launched_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    audit_period_beginning: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    audit_period_ending: Option<Ts>,
    volume_id: Option<String>,
    volume_type: Option<String>,
    snapshot_id: Option<String>,
    backup_id: Option<String>,
    size: Option<i64>,
    volume_size: Option<i64>,
}

/// What a message tells.
pub(super) fn told(message: &Message, lookup: &Lookup) -> Result<Option<Told>, String> {
    let Some((what, event)) = message.event_type.split_once('.') else {
        return Ok(None);
    };
    let known = matches!(
        event,
        "create.end"
            | "delete.end"
            | "unmanage.end"
            | "resize.end"
            | "retype"
            | "transfer.accept.end"
            | "attach.end"
            | "detach.end"
            | "reset_status.end"
            | "revert.end"
            | "update.end"
            | "exists"
    );
    if !known {
        return Ok(None);
    }
    let p = Payload::deserialize(&message.payload).map_err(|e| e.to_string())?;
    let missing = |key: &str| format!("its payload has no {key}");
    let (kind, id, size) = match what {
        "volume" => {
            let of_type = p
                .volume_type
                .as_deref()
                .map(|t| lookup.volume_type(t).unwrap_or(t));
            let gib = p.size.ok_or_else(|| missing("size"))?;
            (
                kind::VOLUME,
                &p.volume_id,
                capacity(gib, of_type.unwrap_or_default())?,
            )
        }
        "snapshot" => {
            // A snapshot is stored where its volume is.
            let of_type = p
                .volume_id
                .as_deref()
                .and_then(|v| lookup.type_of_volume(v));
            let gib = p.volume_size.ok_or_else(|| missing("volume_size"))?;
            (
                kind::SNAPSHOT,
                &p.snapshot_id,
                capacity(gib, of_type.unwrap_or_default())?,
            )
        }
        _ => {
            let gib = p.size.ok_or_else(|| missing("size"))?;
            (kind::BACKUP, &p.backup_id, capacity(gib, "")?)
        }
    };
    let id = id.clone().ok_or_else(|| missing("id"))?;
    Ok(Some(p.told(
        message.timestamp,
        event,
        Told::of(kind, id),
        size,
    )))
}

impl Payload {
    fn told(&self, sent: Ts, event: &str, told: Told, size: (Aspect, Value)) -> Told {
        let zone = self.availability_zone.as_deref();
        let shown = [
            Some(size.clone()),
            label(Aspect::Owner, Some(&self.tenant_id)),
            label(Aspect::Name, self.display_name.as_deref()),
            // Snapshots and backups are where they are; their lists name no zone.
            label(Aspect::Zone, zone.filter(|_| told.kind == kind::VOLUME)),
        ];
        let state = settled(&self.status).map(Value::label);
        // One that was sent again says when it happened.
        let again = self
            .audit_period_beginning
            .filter(|t| Some(*t) == self.audit_period_ending);
        match event {
            "create.end" => {
                let told = told.record(Some(self.created_at), "creating");
                let told = match (again, state) {
                    (None, Some(state)) => told.event(
                        Aspect::State,
                        self.launched_at.unwrap_or(sent).min(sent),
                        state,
                    ),
                    // Its state is that of when it was sent again.
                    (Some(_), Some(state)) => told
                        .record(self.launched_at, "available")
                        .seen(sent, [Some((Aspect::State, state))]),
                    (_, None) => told,
                };
                told.seen(sent, shown)
            }
            "delete.end" | "unmanage.end" => told
                .record(Some(self.created_at), "creating")
                .seen(again.unwrap_or(sent), shown)
                .event(Aspect::State, again.unwrap_or(sent), Value::Gone),
            "resize.end" | "retype" => told.event(Aspect::Flavor, sent, size.1),
            "transfer.accept.end" => told.event(Aspect::Owner, sent, Value::label(&self.tenant_id)),
            "attach.end" | "detach.end" | "reset_status.end" | "revert.end" => match state {
                Some(state) => told.event(Aspect::State, sent, state),
                None => told,
            },
            "update.end" => told.seen(sent, [label(Aspect::Name, self.display_name.as_deref())]),
            "exists" if self.status != "deleted" => {
                let told = told
                    .record(Some(self.created_at), "creating")
                    .seen(sent, shown);
                told.seen(sent, [state.map(|s| (Aspect::State, s))])
            }
            _ => told,
        }
    }
}
