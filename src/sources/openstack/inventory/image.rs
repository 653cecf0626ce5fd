//! Glance: images, snapshots of servers included.
//!
//! API: <https://docs.openstack.org/api-ref/image/v2/#list-images>. An administrator's list leaves out community images unless every visibility is asked
//! for, and hidden ones always: they are a list of their own.

use super::{
    super::{
        pages::Turn,
        record::{maybe_time, time},
        service::Service,
    },
    List, Offer, Origin, Pages, Probe,
    item::{Context, Item, label, size},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use serde::Deserialize;

pub(super) const OFFER: Offer = Offer {
    service: Service::Image,
    names: &[],
    lists: &[IMAGES],
    // Glance shows everything to one whom it calls an administrator, and only such a one may list tasks.
    probe: Probe::Get("/tasks?limit=1"),
};

const IMAGES: List = List {
    name: "images",
    kind: kind::IMAGE,
    origin: Origin::Pages(Pages {
        paths: |_, page| {
            let list = |hidden| format!("/images?visibility=all&os_hidden={hidden}&limit={page}");
            vec![list(false), list(true)]
        },
        key: "images",
        turn: Turn::Marker,
        one: "/images",
        one_key: "",
        read: Image::read,
        hidden: is_private_of_others,
    }),
};

/// Public, community and shared images are shown to others too.
fn is_private_of_others(image: &Item, own: &str) -> bool {
    #[derive(Deserialize)]
    struct Seen {
        visibility: String,
    }
    let seen = serde_json::from_str::<Seen>(&image.raw);
    image.is_of_others(own) && seen.is_ok_and(|s| s.visibility == "private")
}

/// The settled state that a status belongs to; `None` while it is between two.
fn settled(status: &str) -> Option<&str> {
    match status {
        // One may stay queued for ever: whoever made it never sent its data.
        "queued" | "active" | "deactivated" => Some(status),
        "killed" => Some("error"),
        // `saving`, `uploading`, `importing`.
        _ => None,
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Image {
    id: String,
    status: String,
    /// Bytes; null while there is no data.
    size: Option<i64>,
    name: Option<String>,
    /// An administrator may make images that are nobody's.
    owner: Option<String>,
    #[serde(deserialize_with = "time")]
    created_at: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated_at: Option<Ts>,
}

impl Image {
    pub(in super::super) fn read(body: &str, _: &Context) -> Result<Option<Item>, String> {
        let w: Self = serde_json::from_str(body).map_err(|e| e.to_string())?;
        if matches!(w.status.as_str(), "deleted" | "pending_delete") {
            return Ok(None);
        }
        if w.size.is_some_and(|bytes| bytes < 0) {
            return Err(format!("its size of {:?} bytes cannot be", w.size));
        }
        let shown = [
            settled(&w.status).map(|s| (Aspect::State, Value::label(s))),
            w.size.map(|bytes| size("", "capacity_bytes", bytes)),
            label(Aspect::Owner, w.owner.as_deref()),
            label(Aspect::Name, w.name.as_deref()),
        ];
        Ok(Some(Item::new(
            w.id,
            Some(w.created_at),
            w.updated_at,
            "queued",
            shown,
            body,
        )))
    }
}
