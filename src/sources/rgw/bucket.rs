//! One bucket's stats -> what it holds, whose it is. Pure.
//!
//! Size is the logical size, as the owner can add it up from a listing: neither rounded up to blocks (`size_actual`) nor as compressed
//! (`size_utilized`), both of which the provider's settings decide. Parts of unfinished uploads and noncurrent versions are in it, for they are stored.

use super::scope::Scopes;
use crate::{
    domain::{Aspect, Known, Ts, Value, fact::amount},
    sources::item::Item,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where a bucket's objects go unless something else is said.
const DEFAULT_PLACEMENT: &str = "default-placement";
/// The storage class of a placement without another.
const DEFAULT_CLASS: &str = "STANDARD";

/// What of its objects lies in this cluster. Of the others, `rgw.none` counts no object of anybody (deletions under way; it may be below zero, and then near
/// 2^64), `rgw.multimeta` the records of unfinished uploads, which hold nothing, and `rgw.cloudtiered` what lies in another cloud.
const STORED: [&str; 2] = ["rgw.main", "rgw.shadow"];

#[derive(Debug, Deserialize)]
struct Stats {
    bucket: String,
    #[serde(default)]
    tenant: String,
    id: String,
    owner: String,
    #[serde(default)]
    placement_rule: String,
    #[serde(default)]
    creation_time: Option<String>,
    #[serde(default)]
    usage: BTreeMap<String, Usage>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    size: Option<serde_json::Number>,
    #[serde(default)]
    num_objects: Option<serde_json::Number>,
}

/// A bucket as it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    /// `tenant/name`, or `name`.
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) item: Item,
    /// Its size is none that can be: it is not known then, and what was seen before holds.
    pub(super) broken: bool,
}

/// The name of a bucket in lists of names.
pub(super) fn full_name(tenant: &str, name: &str) -> String {
    match tenant {
        "" => name.to_owned(),
        tenant => format!("{tenant}/{name}"),
    }
}

/// Reads a bucket as sent. `listed`: when the last complete list was made. One that was made since has held what it holds since then; what an older one held
/// before we first looked, nobody knows, and it is not said.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(raw: &str, scopes: &Scopes, listed: Option<Ts>) -> Result<Bucket, String> {
    let stats: Stats = serde_json::from_str(raw).map_err(|e| e.to_string())?;
    if stats.id.is_empty() || stats.owner.is_empty() {
        return Err("it has no id or no owner".to_owned());
    }
    let name = full_name(&stats.tenant, &stats.bucket);
    let created = stats
        .creation_time
        .as_deref()
        .and_then(|t| Ts::parse(t).ok())
        .filter(|t| listed.is_some_and(|l| l < *t));
    let held = held(&stats.usage)?;
    let broken = held.is_none();
    let size = held.map(|levels| {
        let known = Known {
            label: class(&stats.placement_rule),
            levels,
            attrs: BTreeMap::new(),
        };
        (Aspect::Flavor, Value::Known(known))
    });
    let scope = scopes.of(&stats.owner);
    let owner = Known {
        label: scope.id,
        levels: BTreeMap::new(),
        attrs: scope
            .cloud
            .map(|cloud| (amount::CLOUD.to_owned(), cloud))
            .into_iter()
            .collect(),
    };
    let shown = [
        Some((Aspect::State, Value::label("present"))),
        size,
        Some((Aspect::Owner, Value::Known(owner))),
        Some((Aspect::Name, Value::label(name.clone()))),
    ];
    Ok(Bucket {
        item: Item::new(stats.id, created, None, "present", shown, raw),
        name,
        owner: stats.owner,
        broken,
    })
}

/// What it holds; `None` where a number is below zero, as RGW writes it: near 2^64.
fn held(usage: &BTreeMap<String, Usage>) -> Result<Option<BTreeMap<String, i64>>, String> {
    let (mut bytes, mut objects) = (0_i64, 0_i64);
    for (category, usage) in usage.iter().filter(|(c, _)| STORED.contains(&c.as_str())) {
        let number = |what: &str, n: &Option<serde_json::Number>| {
            let n = n
                .as_ref()
                .ok_or_else(|| format!("{category} does not tell its {what}"))?;
            match (n.as_i64(), n.as_u64()) {
                (Some(n), _) if n >= 0 => Ok(Some(n)),
                (Some(_), _) | (None, Some(_)) => Ok(None),
                (None, None) => Err(format!("the {what} of {category} is no whole number: {n}")),
            }
        };
        let size = number("size", &usage.size)?;
        let count = number("num_objects", &usage.num_objects)?;
        let (Some(size), Some(count)) = (size, count) else {
            return Ok(None);
        };
        let sum = bytes.checked_add(size).zip(objects.checked_add(count));
        (bytes, objects) = sum.ok_or("its sizes do not fit 64 bits")?;
    }
    Ok(Some(BTreeMap::from([
        ("capacity_bytes".to_owned(), bytes),
        ("objects".to_owned(), objects),
    ])))
}

/// The storage class of a bucket, from its placement rule (`placement/CLASS`): what new objects go to unless the request says otherwise. RGW does not
/// tell sizes apart by class within a bucket. A placement that is not the default one is told with it.
fn class(rule: &str) -> String {
    let (placement, class) = rule.split_once('/').unwrap_or((rule, ""));
    let class = if class.is_empty() {
        DEFAULT_CLASS
    } else {
        class
    };
    match placement {
        "" | DEFAULT_PLACEMENT => class.to_owned(),
        other => format!("{other}/{class}"),
    }
}
