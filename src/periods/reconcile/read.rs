//! What the store knows of images, volumes, pools and buckets -> what is compared.

use super::{
    Watermarks,
    compare::{Image, MARGIN_S, Reach, Sum, Volume, volume_of},
    pools::Pool,
};
use crate::{
    domain::{
        Aspect, Known, Life, Span, Ts,
        fact::{attr, kind},
    },
    fold,
    periods::usage::{UsageError, name_of},
    store::{FactQuery, Store},
};
use std::collections::{BTreeMap, BTreeSet};

/// How far the list of a kind is known.
pub(super) fn reach(watermarks: &Watermarks, source: &str, kind: &str) -> Option<Ts> {
    let list = (source.to_owned(), kind::list_of(kind).to_owned());
    watermarks.get(&list).copied()
}

/// Every resource of a kind and source, one after another.
async fn each_life(
    store: &Store,
    (source, kind): (&str, &str),
    as_of: Ts,
    mut visit: impl FnMut(&Life<'_>),
) -> Result<(), UsageError> {
    let query = FactQuery {
        kinds: vec![kind.to_owned()],
        cloud: Some(source.to_owned()),
        ..FactQuery::all(as_of)
    };
    let mut stream = store.told(&query)?;
    while let Some((key, mut told)) = stream.next().await? {
        visit(&fold::life(key, &mut told));
    }
    Ok(())
}

/// The value of an aspect as known last.
fn latest<'a>(life: &Life<'a>, aspect: Aspect) -> Option<&'a Known> {
    life.spans(aspect).iter().rev().find_map(|s| s.value)
}

fn label(life: &Life<'_>, aspect: Aspect) -> String {
    latest(life, aspect).map_or_else(String::new, |k| k.label.clone())
}

fn level(life: &Life<'_>, name: &str) -> Option<i64> {
    latest(life, Aspect::Flavor)?.levels.get(name).copied()
}

/// When it ended; `None` while it is there. `Err` of what was never there.
fn ended(life: &Life<'_>) -> Result<Option<Ts>, ()> {
    life.spans(Aspect::State).last().map(|s| s.end).ok_or(())
}

fn is_trash(state: &Known) -> bool {
    state.label == "trash" || state.attrs.contains_key(attr::TRASH)
}

/// Images of a source: those that are there, and those named after volumes that ended since `known`, or a little before.
pub(super) async fn images(
    store: &Store,
    source: &str,
    as_of: Ts,
    known: Ts,
) -> Result<Vec<Image>, UsageError> {
    let mut all = Vec::new();
    let counts = |i: &Image| {
        let ends_late = |end: Ts| end.plus_seconds(MARGIN_S) > known;
        i.ended
            .is_none_or(|end| ends_late(end) && volume_of(&i.name).is_some())
    };
    each_life(store, (source, kind::RBD_IMAGE), as_of, |life| {
        all.extend(image_of(life).filter(counts));
    })
    .await?;
    Ok(all)
}

fn image_of(life: &Life<'_>) -> Option<Image> {
    let ended = ended(life).ok()?;
    let name = life
        .spans(Aspect::Name)
        .iter()
        .rev()
        .find(|s| s.value.is_some());
    let named = name.and_then(|s| s.value).map_or("", |k| &k.label);
    let trash = latest(life, Aspect::State).is_some_and(is_trash);
    let alike = |s: &&Span<&Known>| s.value.is_none_or(|k| is_trash(k) == trash);
    let as_now = life.spans(Aspect::State).iter().rev().take_while(alike);
    let resource = life.key.resource.as_str();
    Some(Image {
        source: life.key.cloud.clone(),
        resource: resource.to_owned(),
        pool: resource.split('/').next().unwrap_or_default().to_owned(),
        name: named.rsplit('/').next().unwrap_or_default().to_owned(),
        provisioned_bytes: level(life, "capacity_bytes"),
        used_bytes: level(life, "used_bytes"),
        snapshots: level(life, "snapshots").unwrap_or(0),
        trash,
        since: as_now
            .last()
            .map_or(Ts::MIN, |s| s.start)
            .max(name.map_or(Ts::MIN, |s| s.start)),
        ended,
    })
}

/// Volumes of a source: those that are there, and of those that ended the ones that images are named after.
pub(super) async fn volumes(
    store: &Store,
    source: &str,
    as_of: Ts,
    images: &[Image],
) -> Result<Vec<Volume>, UsageError> {
    let named = images.iter().filter_map(|i| volume_of(&i.name));
    let named: BTreeSet<&str> = named.map(|(id, _)| id).collect();
    let counts = |v: &Volume| {
        v.ended.is_none()
            || [&v.id, &v.image_id]
                .iter()
                .any(|id| named.contains(id.as_str()))
    };
    let mut all = Vec::new();
    each_life(store, (source, kind::VOLUME), as_of, |life| {
        all.extend(volume_of_life(life).filter(counts));
    })
    .await?;
    Ok(all)
}

fn volume_of_life(life: &Life<'_>) -> Option<Volume> {
    const MAKING: &str = "creating";
    let ended = ended(life).ok()?;
    let states = life.spans(Aspect::State);
    let made = |s: &&Span<&Known>| s.value.is_some_and(|k| k.label != MAKING);
    let since = states.iter().find(made).or(states.last())?.start;
    let places = life.spans(Aspect::Attributes);
    let place = places.iter().rev().find(|s| s.value.is_some());
    let moved_to = place
        .and_then(|s| s.value)
        .and_then(|k| k.attrs.get(attr::NAME_ID));
    let has_moved = moved_to.is_some() || places.len() > 1;
    Some(Volume {
        id: life.key.resource.clone(),
        image_id: moved_to.unwrap_or(&life.key.resource).clone(),
        image_since: place.filter(|_| has_moved).map_or(Ts::MIN, |s| s.start),
        name: name_of(life).to_owned(),
        volume_type: label(life, Aspect::Flavor),
        zone: label(life, Aspect::Zone),
        bytes: level(life, "capacity_bytes"),
        state: label(life, Aspect::State),
        since,
        ended,
    })
}

/// The pools of a source, by name.
pub(super) async fn pools(
    store: &Store,
    source: &str,
    as_of: Ts,
) -> Result<BTreeMap<String, Pool>, UsageError> {
    let mut all = BTreeMap::new();
    each_life(store, (source, kind::CEPH_POOL), as_of, |life| {
        if ended(life) == Ok(None) {
            let pool = Pool {
                stored_bytes: level(life, "stored_bytes"),
                applications: latest(life, Aspect::Attributes).map(|k| k.label.clone()),
            };
            all.insert(name_of(life).to_owned(), pool);
        }
    })
    .await?;
    Ok(all)
}

/// What the buckets of a source hold.
pub(super) async fn buckets(store: &Store, source: &str, as_of: Ts) -> Result<Sum, UsageError> {
    let mut all = Sum::default();
    each_life(store, (source, kind::BUCKET), as_of, |life| {
        if ended(life) == Ok(None) {
            let held = level(life, "capacity_bytes");
            all.add(held, held);
        }
    })
    .await?;
    Ok(all)
}

/// How far the lists of a cloud and of its clusters reach.
pub(super) fn reach_of(watermarks: &Watermarks, cloud: &str, clusters: &BTreeSet<String>) -> Reach {
    let images = clusters
        .iter()
        .map(|c| (c.clone(), reach(watermarks, c, kind::RBD_IMAGE)));
    Reach {
        images: images.collect(),
        volumes: reach(watermarks, cloud, kind::VOLUME),
    }
}
