//! What is known of the objects of one list, and what is new in what is shown of them. No clock, no I/O: the same pages and events give the same facts,
//! whatever they are cut into.
//!
//! An object's versions only grow, so what is no newer than what is known is nothing new: pages, events and repetitions may come in any order.
//!
//! # Memory usage
//! Each object takes the same room, whatever its size in the API: digests stand for what it showed.

use super::{super::run::Draft, thing::Thing};
use crate::domain::{
    Aspect, Evidence, Memory, Ts, Value,
    fact::{attr, kind},
};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// How something was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A list had it, at a time of the cluster's.
    Listed(Ts),
    /// A watch told of it, about then on the cluster's clock.
    Told(Ts),
}

impl Shown {
    const fn at(self) -> Ts {
        match self {
            Self::Listed(t) | Self::Told(t) => t,
        }
    }
}

/// What is known of one object.
#[derive(Debug, Clone, Default)]
struct Entry {
    /// 0: from the store, which keeps no versions.
    version: u64,
    /// Where it is not the id.
    uid: Box<str>,
    place: (Box<str>, Box<str>),
    /// Its beginning is a fact already.
    begun: bool,
    /// Its end is a fact already; it is still listed.
    ended: bool,
    /// It was missing from a complete list, and could not be asked for.
    missed: bool,
    seen: Ts,
    /// Digests of what it showed, by aspect; 0: nothing.
    shown: [u64; Aspect::ALL.len()],
}

/// What is known of the objects of one list.
#[derive(Debug, Clone)]
pub(super) struct Book {
    kind: &'static str,
    open: HashMap<String, Entry>,
}

/// An object that a complete list did not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) id: String,
    pub(super) uid: String,
    /// Namespace and name, where they are known.
    pub(super) place: Option<(String, String)>,
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish().max(1)
}

fn index(aspect: Aspect) -> usize {
    Aspect::ALL
        .iter()
        .position(|a| *a == aspect)
        .unwrap_or_default()
}

fn draft(aspect: Aspect, evidence: Evidence, at: Ts, seen: Ts, value: Value) -> Draft {
    Draft {
        aspect,
        evidence,
        at,
        from: at,
        seen,
        value,
    }
}

/// The cluster's own word of a time.
fn exact(aspect: Aspect, evidence: Evidence, at: Ts, value: Value) -> Draft {
    draft(aspect, evidence, at, at, value)
}

impl Book {
    /// What the store knows of a kind.
    pub(super) fn new(kind: &'static str, memory: &Memory) -> Self {
        let known = memory.open.get(kind).into_iter().flat_map(|o| o.iter());
        let open = known.map(|(id, known)| {
            let label = |aspect| {
                let known = known.sighted.get(&aspect).and_then(|s| s.value.known());
                known.map_or("", |k| k.label.as_str())
            };
            let uid = known
                .sighted
                .get(&Aspect::Attributes)
                .and_then(|s| s.value.known()?.attrs.get(attr::UID));
            let mut entry = Entry {
                uid: uid.map_or("", String::as_str).into(),
                place: (label(Aspect::Owner).into(), label(Aspect::Name).into()),
                begun: true,
                seen: known
                    .sighted
                    .values()
                    .map(|s| s.seen)
                    .max()
                    .unwrap_or(Ts::MIN),
                ..Entry::default()
            };
            for (aspect, sighted) in &known.sighted {
                entry.shown[index(*aspect)] = digest(&sighted.value);
            }
            (id.clone(), entry)
        });
        Self {
            kind,
            open: open.collect(),
        }
    }

    /// True of what is known of.
    pub(super) fn has(&self, id: &str) -> bool {
        self.open.contains_key(id)
    }

    /// What is new in an object.
    pub(super) fn sight(&mut self, thing: &Thing, how: Shown) -> Vec<Draft> {
        let known = self.open.get(&thing.id);
        if known.is_some_and(|k| k.version >= thing.version) {
            return Vec::new();
        }
        let fresh = known.is_none_or(|k| !k.uid.is_empty() && *k.uid != *thing.uid);
        let mut entry = known.cloned().unwrap_or_default();
        entry.version = thing.version;
        if thing.uid != thing.id {
            entry.uid = thing.uid.as_str().into();
        }
        entry.place = (thing.place.0.as_str().into(), thing.place.1.as_str().into());
        entry.missed = false;
        let mut drafts = Vec::new();
        drafts.extend(begin(&mut entry, thing, thing.begins));
        if !entry.ended {
            for (aspect, value) in &thing.shown {
                let before = &mut entry.shown[index(*aspect)];
                let now = digest(value);
                if *before != now {
                    drafts.push(changed(*aspect, value, *before != 0, fresh, thing, how));
                    *before = now;
                }
            }
        }
        if let Some(at) = thing.ends.filter(|_| !entry.ended) {
            // Gone before anybody told since when it was there: it was there since it was made.
            drafts.extend(begin(&mut entry, thing, thing.made));
            drafts.push(exact(Aspect::State, Evidence::Record, at, Value::Gone));
            entry.ended = true;
        }
        entry.seen = entry.seen.max(how.at());
        self.open.insert(thing.id.clone(), entry);
        drafts
    }

    /// What the end of an object makes of it, told of at `t`.
    pub(super) fn delete(&mut self, thing: &Thing, t: Ts) -> Vec<Draft> {
        let mut drafts = self.sight(thing, Shown::Told(t));
        // Another of the same name is there already.
        if self
            .open
            .get(&thing.id)
            .is_some_and(|e| e.version > thing.version)
        {
            return drafts;
        }
        let Some(mut entry) = self.open.remove(&thing.id) else {
            return drafts;
        };
        // Scopes have no end: another of the same name later is known by what it shows.
        if entry.ended || kind::SCOPES.contains(&self.kind) {
            return drafts;
        }
        drafts.extend(begin(&mut entry, thing, thing.made));
        let began = thing.begins.or(thing.made).unwrap_or(Ts::MIN);
        let at = thing.deleting.map_or(t, |d| d.min(t)).max(began);
        drafts.push(exact(Aspect::State, Evidence::Event, at, Value::Gone));
        drafts
    }

    /// What a complete list did not show. What has ended is forgotten.
    pub(super) fn missing(&mut self, listed: &HashSet<String>) -> Vec<Missing> {
        let scopes = kind::SCOPES.contains(&self.kind);
        self.open
            .retain(|id, e| listed.contains(id) || !(e.ended || scopes));
        let mut missing: Vec<Missing> = self
            .open
            .iter()
            .filter(|(id, _)| !listed.contains(*id))
            .map(|(id, e)| Missing {
                id: id.clone(),
                uid: if e.uid.is_empty() {
                    id.clone()
                } else {
                    e.uid.to_string()
                },
                place: (!e.place.1.is_empty())
                    .then(|| (e.place.0.to_string(), e.place.1.to_string())),
            })
            .collect();
        missing.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        missing
    }

    /// Notes that an object, which cannot be asked for, was missing from a complete list. True the second time in a row.
    pub(super) fn missed(&mut self, id: &str) -> bool {
        self.open
            .get_mut(id)
            .is_some_and(|e| std::mem::replace(&mut e.missed, true))
    }

    /// It is there no more: it ended after it was last known to be there (which was no earlier than `known`), and before `seen`.
    pub(super) fn gone(&mut self, id: &str, known: Option<Ts>, seen: Ts) -> Option<Draft> {
        let entry = self.open.remove(id)?;
        let at = entry.seen.max(known.unwrap_or(Ts::MIN)).min(seen);
        Some(draft(
            Aspect::State,
            Evidence::Missing,
            at,
            seen,
            Value::Gone,
        ))
    }
}

/// The fact of its beginning, once.
fn begin(entry: &mut Entry, thing: &Thing, at: Option<Ts>) -> Option<Draft> {
    let (at, value) = at.zip(thing.begins_as.clone()).filter(|_| !entry.begun)?;
    entry.begun = true;
    Some(exact(Aspect::State, Evidence::Record, at, value))
}

/// The fact of a value that differs from what was known. `was`: another value was known; `fresh`: the object was not.
fn changed(
    aspect: Aspect,
    value: &Value,
    was: bool,
    fresh: bool,
    thing: &Thing,
    how: Shown,
) -> Draft {
    let at = how.at();
    let made = thing.made.unwrap_or(at).min(at);
    let value = value.clone();
    match how {
        // The event is the cluster's record of the change; of another object of the same name, the change came with it.
        Shown::Told(_) if was && fresh => exact(aspect, Evidence::Event, made, value),
        Shown::Told(_) if was => exact(aspect, Evidence::Event, at, value),
        // It showed this since it was made, for all that is known.
        _ if fresh => draft(aspect, Evidence::Sighting, made, at, value),
        _ => draft(aspect, Evidence::Sighting, at, at, value),
    }
}
