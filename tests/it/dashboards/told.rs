//! What the tests of a dashboard seed, and what its panels then show.

use super::{dashboards, queries, scope};
use plimsoll::{
    domain::{Aspect, Evidence, Fact, Known, ResourceKey, Ts, Value as Held},
    store::Store,
};
use serde_json::Value;

/// A sighting at a time.
pub(super) fn sighting(kind: &str, resource: &str, aspect: Aspect, value: Held, seen: Ts) -> Fact {
    Fact {
        key: ResourceKey {
            cloud: "sim".into(),
            kind: kind.into(),
            resource: resource.into(),
        },
        aspect,
        evidence: Evidence::Sighting,
        at: seen,
        from: seen,
        seen,
        value,
        observed_at: seen,
        pass: 1,
        raw: String::new(),
    }
}

/// A value with levels and attributes.
pub(super) fn known(label: &str, levels: &[(&str, i64)], attrs: &[(&str, &str)]) -> Held {
    let attr = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    Held::Known(Known {
        levels: levels.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
        attrs: attrs.iter().map(attr).collect(),
        ..Known::label(label)
    })
}

/// Asks panels of a file, each of which has one row: panel, column, value.
pub(super) async fn shows(store: &Store, file: &str, told: &[(&str, &str, &str)]) {
    let (_, d) = dashboards().into_iter().find(|(f, _)| f == file).unwrap();
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    for (title, column, value) in told {
        let place = format!("panel `{title}` A");
        let found = queries(&d).into_iter().find(|(at, _)| *at == place);
        let sent = scope(&d, None, 0..24).expand(&found.unwrap().1).unwrap();
        let rows = store.json(&sent).await.unwrap();
        assert_eq!(rows.len(), 1, "{title}: {rows:?}");
        assert_eq!(text(&rows[0][*column]), *value, "{title}: {rows:?}");
    }
}
