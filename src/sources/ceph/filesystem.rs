//! One CephFS subvolume -> what it shows. Pure.
//!
//! `bytes_quota` is a number, or the word `infinite` where there is no quota. Times have no zone: they are the manager's, which should go by UTC.

use super::{
    super::{item::Item, whole::ELSEWHERE},
    natural, size,
};
use crate::domain::{Aspect, Ts, Value};
use chrono::NaiveDateTime;
use regex::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$").ok()
});

/// The group of subvolumes that were put in none.
pub(super) const NO_GROUP: &str = "_nogroup";

/// What of a subvolume names it: file system, group, name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) filesystem: String,
    /// Empty: none.
    pub(super) group: String,
    pub(super) name: String,
}

impl Place {
    /// The scope that owns it: `filesystem/group`.
    fn scope(&self) -> String {
        let group = if self.group.is_empty() {
            NO_GROUP
        } else {
            &self.group
        };
        format!("{}/{group}", self.filesystem)
    }

    /// True of what Manila makes: named by its own ids, and in no group.
    fn is_of_manila(&self) -> bool {
        self.group.is_empty() && ID.as_ref().is_some_and(|r| r.is_match(&self.name))
    }

    /// Its resource id.
    pub(super) fn resource(&self) -> String {
        format!("{}/{}", self.scope(), self.name)
    }

    /// The place of a resource id.
    pub(super) fn of(resource: &str) -> Option<Self> {
        let (filesystem, rest) = resource.split_once('/')?;
        let (group, name) = rest.split_once('/')?;
        Some(Self {
            filesystem: filesystem.to_owned(),
            group: if group == NO_GROUP { "" } else { group }.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Names of a list: of file systems, groups, subvolumes.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let all: Vec<Named> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    Ok(all.into_iter().map(|n| n.name).collect())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Quota {
    Bytes(i64),
    Word(String),
}

#[derive(Deserialize)]
struct Info {
    /// Absent before Ceph 16, when there was one only.
    #[serde(default = "complete")]
    state: String,
    bytes_quota: Option<Quota>,
    bytes_used: Option<i64>,
    created_at: Option<String>,
}

fn complete() -> String {
    "complete".to_owned()
}

/// The settled state that a state belongs to; `None` while it is being made.
fn settled(state: &str) -> Option<&'static str> {
    match state {
        "complete" => Some("available"),
        // Removed, but its snapshots are kept.
        "snapshot-retained" => Some("retained"),
        "failed" | "canceled" => Some("error"),
        // `init`, `pending`, `in-progress`.
        _ => None,
    }
}

/// A subvolume of `ceph fs subvolume info`. `elsewhere`: OpenStack is metered, so what Manila made is shown here and counted there. `used_before`: what it used when that was asked last, where it need not be told anew.
pub(super) fn read(
    text: &str,
    place: &Place,
    elsewhere: bool,
    used_before: Option<i64>,
) -> Result<Item, String> {
    let i: Info = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let used = i.bytes_used.map(|n| natural("used size", n)).transpose()?;
    let used = used_before.or(used);
    let quota = match i.bytes_quota {
        Some(Quota::Bytes(n)) => Some(natural("quota", n)?),
        Some(Quota::Word(word)) if word == "infinite" => None,
        Some(Quota::Word(word)) => return Err(format!("its quota {word:?} is unknown to us")),
        None => None,
    };
    // Without a quota nothing is held ready: what it uses is all there is.
    let capacity = quota.or(used);
    let created = i.created_at.as_deref().and_then(made_at);
    let levels = [("capacity_bytes", capacity), ("used_bytes", used)];
    let scope = place.scope();
    let shown = [
        settled(&i.state)
            .map(|s| {
                if elsewhere && place.is_of_manila() {
                    ELSEWHERE
                } else {
                    s
                }
            })
            .map(|s| (Aspect::State, Value::label(s))),
        capacity.map(|_| size(&place.filesystem, levels)),
        Some((Aspect::Owner, Value::label(scope))),
        Some((Aspect::Name, Value::label(place.name.as_str()))),
    ];
    Ok(Item::new(
        place.resource(),
        created,
        None,
        "creating",
        shown,
        text.trim(),
    ))
}

/// `2026-11-23 08:08:28`.
fn made_at(text: &str) -> Option<Ts> {
    let t = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(Ts::from_second(t.and_utc().timestamp()))
}
