//! Entries to the parsers of what gateways send, for fuzzing: each takes any bytes, must neither panic nor hang, and checks what it accepted.

use super::{
    bucket, names,
    scope::Scopes,
    session::Gateway,
    usage::{self, HOUR_S, class_of},
};
use crate::domain::Ts;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The usage log of the hour that recorded answers are of. Nothing of it is less than none, and it is of that hour.
#[must_use]
pub fn usage(bytes: &[u8]) -> bool {
    const HOUR: Ts = Ts::from_second(1_795_420_800);
    let Ok(read) = usage::read(bytes, HOUR) else {
        return false;
    };
    for lines in read.each() {
        let scope = Scopes::default().of(&lines[0].user);
        for (counter, shown) in &usage::count(lines).counters {
            let draft = usage::draft(HOUR, HOUR, &scope, counter, *shown);
            assert!(draft.from == HOUR && draft.at == HOUR.plus_seconds(HOUR_S));
            assert!(draft.value.known().is_some_and(|known| {
                known.levels.values().all(|n| *n >= 0)
                    && known.attrs["class"] == class_of(&counter.category)
            }));
        }
    }
    true
}

/// What one bucket shows. It holds no less than nothing.
#[must_use]
pub fn bucket(bytes: &[u8]) -> bool {
    let Some(Ok(bucket)) = text(bytes).map(|t| bucket::read(t, &Scopes::default(), None)) else {
        return false;
    };
    let known = bucket.item.shown.values().filter_map(|v| v.known());
    assert!(known.flat_map(|k| k.levels.values()).all(|n| *n >= 0));
    assert!(!bucket.item.id.is_empty() && !bucket.owner.is_empty());
    true
}

/// A page of names, or the id of a request.
#[must_use]
pub fn names(bytes: &[u8]) -> bool {
    let page = serde_json::from_slice::<names::Page>(bytes);
    if let Ok(page) = page {
        let (_, marker) = page.parts();
        assert!(marker.is_none_or(|m| !m.is_empty()));
        return true;
    }
    text(bytes).and_then(Gateway::of).is_some()
}
