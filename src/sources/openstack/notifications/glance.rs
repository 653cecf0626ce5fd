//! Glance's messages: images. Pure.

use super::{
    super::inventory::label,
    facts::Told,
    message::{Message, moment},
};
use crate::domain::{Aspect, Known, Ts, Value, fact::kind};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Payload {
    id: String,
    status: String,
    owner: Option<String>,
    name: Option<String>,
    size: Option<i64>,
    #[serde(deserialize_with = "moment")]
    created_at: Ts,
}

/// What a message tells.
pub(super) fn told(message: &Message) -> Result<Option<Told>, String> {
    let event = message.event_type.trim_start_matches("image.");
    if !matches!(
        event,
        "create" | "activate" | "deactivate" | "reactivate" | "update" | "delete"
    ) {
        return Ok(None);
    }
    let p = Payload::deserialize(&message.payload).map_err(|e| e.to_string())?;
    let sent = message.timestamp;
    let state = matches!(p.status.as_str(), "active" | "deactivated").then(|| Value::label(&p.status));
    let size = p.size.filter(|bytes| *bytes >= 0).map(|bytes| {
        let levels = BTreeMap::from([("capacity_bytes".to_owned(), bytes)]);
        (
            Aspect::Flavor,
            Value::Known(Known {
                levels,
                ..Known::default()
            }),
        )
    });
    let shown = [
        size,
        label(Aspect::Owner, p.owner.as_deref()),
        label(Aspect::Name, p.name.as_deref()),
    ];
    let told = Told::of(kind::IMAGE, p.id).record(Some(p.created_at), "queued");
    Ok(Some(match (event, state) {
        // Its own time of the end is cut to the second, and may so lie before its beginning.
        ("delete", _) => told.seen(sent, shown).event(Aspect::State, sent, Value::Gone),
        // An update tells of a deactivation too. One that changed no state says again what is known.
        ("activate" | "deactivate" | "reactivate" | "update", Some(state)) => {
            told.seen(sent, shown).event(Aspect::State, sent, state)
        }
        _ => told.seen(sent, shown),
    }))
}
