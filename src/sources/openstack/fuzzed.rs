//! Entries to the parsers of what clouds send, for fuzzing: each takes any bytes, must neither panic nor hang, and checks what it accepted.

use super::{
    actions::Action, flavors::Flavor, inventory, keystone, notifications, pages, record::Server,
    session,
};
use crate::domain::{Evidence, Known};
use regex::Regex;
use std::sync::LazyLock;

static GPU_ALIAS: LazyLock<Option<Regex>> = LazyLock::new(|| super::whole("gpu.*").ok());

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn known(flavor: &Flavor) -> Option<Known> {
    GPU_ALIAS.as_ref().and_then(|alias| flavor.known(alias))
}

/// One server of a list. What is kept of it is JSON still, says the same, and is read the same again.
#[must_use]
pub fn server(bytes: &[u8]) -> bool {
    let Some(Ok(server)) = text(bytes).map(Server::read) else {
        return false;
    };
    let mut again = Server::read(&server.raw);
    if let Ok(again) = &mut again {
        again.raw.clone_from(&server.raw);
    }
    assert_eq!(again.as_ref(), Ok(&server), "what is kept is what was read");
    let ended = server.ended(None);
    assert_eq!(ended.is_some(), server.deleted);
    for d in server.records(ended) {
        assert!(d.evidence == Evidence::Record && d.from == d.at && d.seen == d.at);
    }
    for value in server.shown(known(&server.flavor)).values() {
        assert!(value.known().is_some());
    }
    true
}

/// One instance action, with or without events. No change begins after it was over.
#[must_use]
pub fn action(bytes: &[u8]) -> bool {
    let Ok(action) = serde_json::from_slice::<Action>(bytes) else {
        return false;
    };
    for launched in [true, false] {
        for d in action.facts(std::slice::from_ref(&action), launched) {
            assert!(d.from <= d.at && d.seen == d.at && d.evidence == Evidence::Event);
        }
    }
    let _ = action.is_open(action.start_time);
    true
}

/// One flavor. A size that fits no number is unknown, and GPUs are never fewer than one.
#[must_use]
pub fn flavor(bytes: &[u8]) -> bool {
    let Ok(flavor) = serde_json::from_slice::<Flavor>(bytes) else {
        return false;
    };
    if let Some(known) = known(&flavor) {
        assert!(known.levels.len() >= 3 && known.levels.get("gpus").is_none_or(|n| *n > 0));
    }
    true
}

/// A page of a list: ids and the address of the next one.
#[must_use]
pub fn page(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|t| pages::marker_of(t).is_some() || pages::id_of(t, "id").is_some())
}

/// One of Keystone's projects. Its tags stay apart: as many lines as there were tags.
#[must_use]
pub fn project(bytes: &[u8]) -> bool {
    keystone::fuzzed(bytes)
}

/// A message of a broker, and what it tells. No change is told from after it was over, and what is kept of it is JSON without the sender's context.
#[must_use]
pub fn notification(bytes: &[u8]) -> bool {
    notifications::fuzzed(bytes, GPU_ALIAS.as_ref())
}

/// An item of a list that is read as a whole, by the list's name. Seen again it is no news, and nothing of it is less than none.
#[must_use]
pub fn item(list: &str, bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|t| inventory::fuzzed::item(list, t))
}

/// The headers of a Swift account, one a line.
#[must_use]
pub fn account(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(inventory::fuzzed::account)
}

/// Inventories of one of Placement's providers.
#[must_use]
pub fn inventories(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(inventory::fuzzed::inventories)
}

/// Keystone's answer to a login, and the endpoints of its catalogue.
#[must_use]
pub fn token(bytes: &[u8]) -> bool {
    session::fuzzed(bytes)
}
