//! Glance's messages: images. A message shows one as the list does. Pure.

use super::{
    super::inventory::told::{Context, Image, label, size},
    facts::Told,
    message::{Message, moment},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;

/// What a message tells.
pub(super) fn told(message: &Message) -> Result<Option<Told>, String> {
    let sent = message.timestamp;
    match message.event_type.trim_start_matches("image.") {
        "delete" => deleted(message).map(Some),
        event @ ("create" | "activate" | "deactivate" | "reactivate" | "update") => {
            let Some(item) = Image::read(&message.payload.to_string(), &Context::default())? else {
                return Ok(None);
            };
            let mut told = Told::of(kind::IMAGE, item.id).record(item.created, item.begins);
            let mut shown = item.shown;
            // An update tells of a deactivation too. One that changed no state says again what is known.
            if event != "create"
                && let Some(state) = shown.remove(&Aspect::State)
            {
                told = told.event(Aspect::State, sent, state);
            }
            Ok(Some(told.seen(sent, shown.into_iter().map(Some))))
        }
        _ => Ok(None),
    }
}

/// The list shows no such ones.
fn deleted(message: &Message) -> Result<Told, String> {
    #[derive(Deserialize)]
    struct Deleted {
        id: String,
        owner: Option<String>,
        name: Option<String>,
        size: Option<i64>,
        #[serde(deserialize_with = "moment")]
        created_at: Ts,
    }
    let d = Deleted::deserialize(&message.payload).map_err(|e| e.to_string())?;
    let bytes = d.size.filter(|bytes| *bytes >= 0);
    let shown = [
        bytes.map(|bytes| size("", "capacity_bytes", bytes)),
        label(Aspect::Owner, d.owner.as_deref()),
        label(Aspect::Name, d.name.as_deref()),
    ];
    // Its own time of the end is cut to the second, and may so lie before its beginning.
    Ok(Told::of(kind::IMAGE, d.id)
        .record(Some(d.created_at), "queued")
        .seen(message.timestamp, shown)
        .event(Aspect::State, message.timestamp, Value::Gone))
}
