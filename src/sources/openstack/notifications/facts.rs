//! A message -> facts. Pure: which service's message it is, and the drafts that all of them share.
//!
//! What a message tells to have changed is an event, at the payload's own time of the change where it has one, else when it was sent. What else the
//! payload shows is a sighting as of then: it names what was so all the time. The values are those that the lists show, so that each confirms the other.

use super::{
    super::{item::sightings, run::Draft},
    cinder, glance,
    lookup::Lookup,
    message::Message,
    neutron, nova,
};
use crate::domain::{Aspect, Evidence, Ts, Value};
use regex::Regex;
use std::collections::BTreeMap;

/// What a message tells of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) drafts: Vec<Draft>,
}

impl Told {
    /// Of a resource, nothing so far.
    pub(super) fn of(kind: &'static str, id: String) -> Self {
        Self {
            kind,
            id,
            drafts: Vec::new(),
        }
    }

    /// It changed then.
    pub(super) fn event(mut self, aspect: Aspect, at: Ts, value: Value) -> Self {
        self.drafts.push(exact(Evidence::Event, aspect, at, value));
        self
    }

    /// Its own record says since when it is in a state.
    pub(super) fn record(mut self, at: Option<Ts>, state: &str) -> Self {
        let draft = |at| exact(Evidence::Record, Aspect::State, at, Value::label(state));
        self.drafts.extend(at.map(draft));
        self
    }

    /// It was seen so then.
    pub(super) fn seen<I>(self, at: Ts, shown: I) -> Self
    where
        I: IntoIterator<Item = Option<(Aspect, Value)>>,
    {
        self.changed(at, at, shown)
    }

    /// It was seen so at `seen`, and has not been changed since `at`.
    pub(super) fn changed<I>(mut self, at: Ts, seen: Ts, shown: I) -> Self
    where
        I: IntoIterator<Item = Option<(Aspect, Value)>>,
    {
        let shown: BTreeMap<Aspect, Value> = shown.into_iter().flatten().collect();
        self.drafts.extend(sightings(&shown, at, seen));
        self
    }

    /// True when it tells of the resource's end.
    pub(super) fn ends(&self) -> bool {
        self.drafts.iter().any(|d| d.value == Value::Gone)
    }
}

fn exact(evidence: Evidence, aspect: Aspect, at: Ts, value: Value) -> Draft {
    Draft {
        aspect,
        evidence,
        at,
        from: at,
        seen: at,
        value,
    }
}

/// What a message tells; `None`: nothing that is metered.
///
/// # Errors
/// In words, why a message of a known type is not as documented.
pub(super) fn told(
    message: &Message,
    lookup: &Lookup,
    gpu_alias: &Regex,
) -> Result<Option<Told>, String> {
    let service = message.event_type.split('.').next().unwrap_or_default();
    let found = match service {
        "volume" | "snapshot" | "backup" => cinder::told(message, lookup),
        "image" => glance::told(message),
        "floatingip" | "port" | "router" => neutron::told(message, lookup),
        "instance" | "compute" | "compute_task" => nova::told(message, gpu_alias),
        // Keystone's tell neither tags nor names; a project is read anew each minute.
        _ => Ok(None),
    };
    found
        .map_err(|why| format!("{}: {why}", message.event_type))
        .map(|t| t.filter(|t| !t.drafts.is_empty() && !t.id.is_empty()))
}

/// The word of the configuration for the service that a message comes from; `None` of those that are always read.
pub(super) fn service_of(message: &Message) -> Option<&'static str> {
    match message.event_type.split('.').next().unwrap_or_default() {
        "volume" | "snapshot" | "backup" => Some("volume"),
        "image" => Some("image"),
        "floatingip" | "port" | "router" => Some("network"),
        _ => None,
    }
}
