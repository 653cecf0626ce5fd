//! What a thing stands on: a pod on a node, a node on a server, a claim on what stores its volume, a service on its balancer.

use super::usage::{UsageError, each_timeline};
use crate::{
    domain::{
        Aspect, ResourceKey, Timeline, Ts,
        fact::{attr, kind},
        ownership::Scopes,
    },
    store::{FactQuery, Store},
};
use serde::Serialize;

/// What something stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beneath {
    /// Which source.
    pub source: String,
    /// Kind of resource.
    pub kind: String,
    /// The resource's id.
    pub resource: String,
    /// Its name for people.
    pub name: String,
    /// The cloud's own owner; empty where it has none.
    pub scope: String,
    /// The owner's name for people.
    pub scope_name: String,
    /// Who pays for it, as far as that is known last; empty where nobody can.
    pub tenant: String,
}

/// Where the next thing is looked for.
struct Next {
    query: FactQuery,
    /// Its name, where that is what is known of it.
    name: Option<String>,
}

/// What a resource stands on, the nearest first; as far as the store knows it.
///
/// # Errors
/// When the store fails.
pub async fn beneath(
    store: &Store,
    scopes: &Scopes,
    as_of: Ts,
    timeline: &Timeline,
) -> Result<Vec<Beneath>, UsageError> {
    let mut all = Vec::new();
    let mut next = next(timeline, as_of);
    while let Some(Next { query, name }) = next.take() {
        let mut found: Option<Timeline> = None;
        each_timeline(store, &query, |t| {
            let begins = |t: &Timeline| t.spans(Aspect::State).first().map(|s| s.start);
            let wanted = name
                .as_ref()
                .is_none_or(|n| last(&t, Aspect::Name) == Some(n));
            // Of two of one name the later one.
            if wanted && found.as_ref().is_none_or(|f| begins(f) < begins(&t)) {
                found = Some(t);
            }
        })
        .await?;
        if let Some(t) = found {
            next = self::next(&t, as_of);
            all.push(told(&t, scopes));
        }
    }
    Ok(all)
}

/// The label that an aspect had last.
fn last(t: &Timeline, aspect: Aspect) -> Option<&String> {
    let known = t.spans(aspect).iter().rev().find_map(|s| s.value.as_ref());
    known.map(|k| &k.label)
}

/// The attribute that an aspect told last.
fn attribute<'t>(t: &'t Timeline, aspect: Aspect, name: &str) -> Option<&'t str> {
    let told = t.spans(aspect).iter().rev();
    told.filter_map(|s| s.value.as_ref()?.attrs.get(name))
        .map(String::as_str)
        .find(|value| !value.is_empty())
}

fn next(t: &Timeline, as_of: Ts) -> Option<Next> {
    let all = |kinds: &[&str]| FactQuery {
        kinds: kinds.iter().map(|k| (*k).to_owned()).collect(),
        ..FactQuery::all(as_of)
    };
    let by_id = |kind: &str, id: &str| Next {
        query: FactQuery {
            resources: vec![id.to_owned()],
            ..all(&[kind])
        },
        name: None,
    };
    let here = |kind: &str, name: &str| Next {
        query: FactQuery {
            cloud: Some(t.key.cloud.clone()),
            ..all(&[kind])
        },
        name: Some(name.to_owned()),
    };
    let of = |name: &str| attribute(t, Aspect::Attributes, name);
    match t.key.kind.as_str() {
        kind::POD => attribute(t, Aspect::State, attr::NODE).map(|name| here(kind::NODE, name)),
        kind::NODE => of(attr::SERVER).map(|id| by_id(kind::SERVER, id)),
        kind::CLAIM => of(attr::VOLUME).map(|name| here(kind::PERSISTENT_VOLUME, name)),
        kind::SERVICE => of(attr::BALANCER).map(|id| by_id(kind::LOAD_BALANCER, id)),
        kind::PERSISTENT_VOLUME => {
            let handle = of(attr::HANDLE)?;
            Some(if of(attr::DRIVER).is_some_and(|d| d.contains("cinder")) {
                by_id(kind::VOLUME, handle)
            } else {
                Next {
                    query: all(&[kind::RBD_IMAGE, kind::SUBVOLUME]),
                    name: Some(handle.to_owned()),
                }
            })
        }
        _ => None,
    }
}

fn told(t: &Timeline, scopes: &Scopes) -> Beneath {
    let ResourceKey {
        cloud,
        kind,
        resource,
    } = t.key.clone();
    let scope = last(t, Aspect::Owner).cloned().unwrap_or_default();
    let known = scopes.get(&cloud, &scope);
    let owner = known.and_then(|s| s.owners.last());
    Beneath {
        source: cloud,
        kind,
        resource,
        name: last(t, Aspect::Name).cloned().unwrap_or_default(),
        scope_name: known.map_or_else(|| scope.clone(), |s| s.name.clone()),
        scope,
        tenant: owner.map_or_else(String::new, |o| o.owner.tenant().to_owned()),
    }
}
