//! Entries to the parsers of answers, for fuzzing: any bytes, true if they were accepted.

use super::{
    super::item::{self, Item},
    cluster,
    filesystem::{self, Place},
    image::{self, Space},
};
use crate::domain::Aspect;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn all_hold(items: &[Item]) -> bool {
    items.iter().for_each(Item::holds_its_word);
    !items.is_empty()
}

fn space() -> Space {
    Space {
        pool: "volumes".to_owned(),
        namespace: "tenant".to_owned(),
    }
}

/// `rbd ls --long`, `rbd info`, `rbd trash ls`, `rbd du`.
#[must_use]
pub fn images(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let used = image::used(text);
    let mut images = image::listed(text)
        .map(|(images, _)| images)
        .unwrap_or_default();
    images.extend(image::info(text, false));
    images.extend(image::trashed(text).unwrap_or_default());
    let one = used.iter().flat_map(|u| u.values()).next().copied();
    let items: Vec<Item> = images
        .into_iter()
        .map(|i| i.item(&space(), true, one, None))
        .collect();
    for item in &items {
        let image = item.id.rsplit('/').next().unwrap_or_default();
        assert_eq!(Space::of(&item.id), Some((space(), image)));
    }
    all_hold(&items) || used.is_ok()
}

/// `ceph fs subvolume info`.
#[must_use]
pub fn subvolume(bytes: &[u8]) -> bool {
    let place = Place {
        filesystem: "cephfs".to_owned(),
        group: String::new(),
        name: "a".to_owned(),
    };
    assert_eq!(Place::of(&place.resource()), Some(place.clone()));
    let read = text(bytes).map(|t| filesystem::read(t, &place, true, None));
    read.is_some_and(|r| r.is_ok_and(|item| all_hold(&[item])))
}

/// `ceph status`, `ceph df detail`, `ceph osd df tree`, `ceph osd pool ls detail`.
#[must_use]
pub fn cluster(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let shown = [item::label(Aspect::State, Some("present"))];
    let mut pools = [Item::new("1".to_owned(), None, None, "", shown, "{}")];
    let told = cluster::applications(&mut pools, text).is_ok();
    let read = cluster::TOLD.iter().map(|t| (t.read)(text));
    read.flatten().any(|items| all_hold(&items)) || told && all_hold(&pools)
}
