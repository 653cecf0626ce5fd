//! What is read of one object, whatever its kind.

use crate::domain::{Aspect, Known, Ts, Value};
use std::collections::BTreeMap;

/// One object as one answer or one event showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    /// Its id in facts.
    pub(super) id: String,
    /// Told apart from another of the same name.
    pub(super) uid: String,
    /// Namespace and name, to ask for it by; the namespace is empty where there is none.
    pub(super) place: (String, String),
    /// Its version: greater is later.
    pub(super) version: u64,
    /// When it was made.
    pub(super) made: Option<Ts>,
    /// When it began to count, once that is told.
    pub(super) begins: Option<Ts>,
    /// The state in which it begins; scopes have none.
    pub(super) begins_as: Option<Value>,
    /// When its own record says that it ended. It may be listed for long after.
    pub(super) ends: Option<Ts>,
    /// When it is to be deleted; moved while that is under way, so it counts only once it is deleted.
    pub(super) deleting: Option<Ts>,
    /// What it shows.
    pub(super) shown: BTreeMap<Aspect, Value>,
    /// As much of it as was read.
    pub(super) raw: String,
}

/// A label, with attributes that are there.
pub(super) fn labelled<'a>(
    label: &str,
    attrs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Value {
    Value::Known(Known {
        label: label.to_owned(),
        levels: BTreeMap::new(),
        attrs: attrs
            .into_iter()
            .filter_map(|(name, value)| {
                Some((name.to_owned(), value.filter(|v| !v.is_empty())?.to_owned()))
            })
            .collect(),
    })
}

/// A size: its class and its levels.
pub(super) fn sized(label: &str, levels: BTreeMap<String, i64>) -> Value {
    Value::Known(Known {
        label: label.to_owned(),
        levels,
        attrs: BTreeMap::new(),
    })
}

/// A name, an owner, a zone: nothing where it is empty.
pub(super) fn word(aspect: Aspect, word: Option<&str>) -> Option<(Aspect, Value)> {
    word.filter(|w| !w.is_empty())
        .map(|w| (aspect, Value::label(w)))
}
