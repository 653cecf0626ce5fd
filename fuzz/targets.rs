//! What is fuzzed: every parser of bytes that others wrote. Each target takes any bytes and says whether they were accepted; it panics where a promise is
//! broken. Driven by `cargo fuzz` (see `fuzz/README.md`) and, on every run of the tests, by `tests/it/fuzzed.rs`.

use plimsoll::{
    config::{self, book},
    domain::{Ts, money},
    simulate::Scenario,
    sources::openstack::fuzzed as openstack,
    spool,
};
use std::path::Path;

/// Takes any bytes; true if they were accepted.
type Target = fn(&[u8]) -> bool;

/// All targets, by the name of their binary.
pub(crate) const TARGETS: [(&str, Target); 12] = [
    ("server", openstack::server),
    ("action", openstack::action),
    ("flavor", openstack::flavor),
    ("page", openstack::page),
    ("project", openstack::project),
    ("token", openstack::token),
    ("spool_file", spool::fuzzed),
    ("time", time),
    ("decimal", decimal),
    ("yaml", yaml),
    ("price_book", price_book),
    ("scenario", scenario),
];

/// Runs one target.
pub(crate) fn run(name: &str, bytes: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(n, _)| *n == name);
    found.is_some_and(|(_, target)| target(bytes))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A time that was read is read the same again from what we show.
fn time(bytes: &[u8]) -> bool {
    let Some(Ok(t)) = text(bytes).map(Ts::parse) else {
        return false;
    };
    assert_eq!(Ts::parse(&t.to_string()), Ok(t));
    true
}

/// Rounded to as many decimals as were written, a number is itself.
fn decimal(bytes: &[u8]) -> bool {
    let Some((text, Ok(n))) = text(bytes).map(|t| (t, money::parse_decimal(t))) else {
        return false;
    };
    let decimals = text.split_once('.').map_or(0, |(_, part)| part.len());
    let Ok(decimals) = u32::try_from(decimals) else {
        return true;
    };
    let shown = money::round_to_text(&n, decimals, money::Rounding::HalfEven);
    assert_eq!(money::parse_decimal(&shown).ok(), Some(n));
    true
}

/// Whatever is wrong with a file, somebody is told what; what is right is JSON.
fn yaml(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    match config::plain_yaml(Path::new("fuzzed.yaml"), text) {
        Ok(value) => serde_json::to_string(&value).is_ok(),
        Err(problems) => {
            assert!(problems.iter().all(|p| !p.to_string().is_empty()) && !problems.is_empty());
            false
        }
    }
}

/// An accepted book keeps its text, and is accepted again from it.
fn price_book(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    match book::from_text("fuzzed.yaml", text, None) {
        Ok(book) => {
            assert_eq!(book.text, text);
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            false
        }
    }
}

fn scenario(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|t| Scenario::parse("fuzzed.yaml", t).is_ok())
}
