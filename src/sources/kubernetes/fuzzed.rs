//! Entries to the parsers of what API servers send, for fuzzing: each takes any bytes, must neither panic nor hang, and checks what it accepted.

pub use super::usage::fuzzed::kubelet;

use super::{quantity, resources::RESOURCES};
use crate::domain::Decimal;
use regex::Regex;
use std::sync::LazyLock;

static GPUS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^nvidia.*$").ok());

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A quantity. One that is a plain decimal is that number, rounded up.
#[must_use]
pub fn quantity(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let (nano, whole) = (quantity::nanocores(text), quantity::whole(text));
    if let (Ok(nano), Ok(whole)) = (&nano, &whole) {
        let up = nano.div_euclid(1_000_000_000) + i64::from(nano.rem_euclid(1_000_000_000) > 0);
        assert!(up == *whole && *nano >= 0, "{text}: {nano} and {whole}");
    }
    if let (Ok(whole), Ok(number)) = (&whole, Decimal::parse(text)) {
        let floor = number.floor(0).unwrap_or_default();
        assert_eq!(
            i128::from(*whole),
            floor + i128::from(!number.is_whole()),
            "{text}"
        );
    }
    whole.is_ok()
}

/// An item of a list, by the list's name. What is kept of it is read the same again.
#[must_use]
pub fn object(list: &str, bytes: &[u8]) -> bool {
    let (Some(text), Some(gpus)) = (text(bytes), GPUS.as_ref()) else {
        return false;
    };
    let Some(resource) = RESOURCES.iter().find(|r| r.list == list) else {
        return false;
    };
    let Ok(Some(thing)) = (resource.read)(text, gpus) else {
        return false;
    };
    let again = (resource.read)(&thing.raw, gpus);
    assert_eq!(again, Ok(Some(thing)), "what is kept is what was read");
    true
}
