//! One RBD image -> what it shows. Pure.
//!
//! `rbd ls --long` has an entry for an image and one for each of its snapshots; `rbd du` the same, with the space of objects that were ever touched
//! (4 MiB each, whatever is in them). Neither shows the trash.

use super::{
    super::{item::Item, whole::ELSEWHERE},
    natural, size,
};
use crate::domain::{Aspect, Known, Ts, Value, fact::attr};
use chrono::NaiveDateTime;
use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

/// A namespace of a pool; the default one has no name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Space {
    pub(super) pool: String,
    pub(super) namespace: String,
}

impl Space {
    /// The scope that owns what is in it: `pool`, or `pool/namespace`.
    pub(super) fn scope(&self) -> String {
        if self.namespace.is_empty() {
            self.pool.clone()
        } else {
            format!("{}/{}", self.pool, self.namespace)
        }
    }

    /// The resource id of an image: an image's id is unique in its pool, and stays when it is renamed or goes to the trash.
    pub(super) fn resource(&self, image: &str) -> String {
        format!("{}/{image}", self.scope())
    }

    /// Space and image of a resource id.
    pub(super) fn of(resource: &str) -> Option<(Self, &str)> {
        let (scope, image) = resource.rsplit_once('/')?;
        let (pool, namespace) = scope.split_once('/').unwrap_or((scope, ""));
        let space = Self {
            pool: pool.to_owned(),
            namespace: namespace.to_owned(),
        };
        Some((space, image))
    }
}

/// What is known of an image's space beside its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Bytes of objects that it and its snapshots hold.
    pub(super) all: i64,
    /// Those of them that its snapshots hold.
    pub(super) snapshots: i64,
}

/// What an image was made to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: i64,
    pub(super) snapshots: i64,
}

/// What a level was when it was seen last.
fn level(levels: &BTreeMap<String, i64>, name: &str) -> Option<i64> {
    levels.get(name).copied()
}

impl Size {
    /// As it was seen last.
    fn before(levels: &BTreeMap<String, i64>) -> Option<Self> {
        Some(Self {
            bytes: level(levels, "capacity_bytes")?,
            snapshots: level(levels, "snapshots")?,
        })
    }
}

impl Used {
    /// As it was seen last.
    fn before(levels: &BTreeMap<String, i64>) -> Option<Self> {
        Some(Self {
            all: level(levels, "used_bytes")?,
            snapshots: level(levels, "snapshot_bytes")?,
        })
    }
}

/// An image, from whatever command showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) name: String,
    /// `None`: the trash does not tell it.
    pub(super) size: Option<Size>,
    pub(super) trash: bool,
    pub(super) created: Option<Ts>,
    pub(super) raw: String,
}

#[derive(Deserialize)]
struct Listed {
    image: String,
    id: String,
    size: i64,
    snapshot: Option<String>,
}

/// Images of `rbd ls --long`, and what could not be read of it.
pub(super) fn listed(text: &str) -> Result<(Vec<Image>, Vec<String>), String> {
    let rows: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let (mut images, mut bad) = (Vec::<Image>::new(), Vec::new());
    let mut snapshots: HashMap<String, i64> = HashMap::new();
    for row in rows {
        let read = serde_json::from_str(row.get()).map_err(|e| e.to_string());
        match read.and_then(|l: Listed| natural("size", l.size).map(|_| l)) {
            Ok(l) if l.snapshot.is_some() => *snapshots.entry(l.id).or_default() += 1,
            Ok(l) => images.push(Image {
                id: l.id,
                name: l.image,
                size: Some(Size {
                    bytes: l.size,
                    snapshots: 0,
                }),
                trash: false,
                created: None,
                raw: row.get().to_owned(),
            }),
            Err(why) => bad.push(why),
        }
    }
    for image in &mut images {
        if let Some(size) = &mut image.size {
            size.snapshots = snapshots.get(&image.id).copied().unwrap_or(0);
        }
    }
    Ok((images, bad))
}

#[derive(Deserialize)]
struct Info {
    id: String,
    name: String,
    size: i64,
    #[serde(default)]
    snapshot_count: i64,
    create_timestamp: Option<String>,
}

/// An image of `rbd info`.
pub(super) fn info(text: &str, trash: bool) -> Result<Image, String> {
    let i: Info = serde_json::from_str(text).map_err(|e| e.to_string())?;
    Ok(Image {
        size: Some(Size {
            bytes: natural("size", i.size)?,
            snapshots: natural("number of snapshots", i.snapshot_count)?,
        }),
        id: i.id,
        name: i.name,
        trash,
        created: i.create_timestamp.as_deref().and_then(made_at),
        raw: text.trim().to_owned(),
    })
}

/// `Mon Nov 23 08:07:56 2026`: in the zone of the machine that runs `rbd`, which is told to be UTC.
fn made_at(text: &str) -> Option<Ts> {
    let t = NaiveDateTime::parse_from_str(text, "%a %b %e %H:%M:%S %Y").ok()?;
    Some(Ts::from_second(t.and_utc().timestamp()))
}

/// What is in the trash, of `rbd trash ls --all`: nothing of sizes.
pub(super) fn trashed(text: &str) -> Result<Vec<Image>, String> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
        name: String,
    }
    let rows: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let image = |row: &RawValue| {
        let t: Row = serde_json::from_str(row.get()).map_err(|e| e.to_string())?;
        Ok(Image {
            id: t.id,
            name: t.name,
            size: None,
            trash: true,
            created: None,
            raw: row.get().to_owned(),
        })
    };
    rows.into_iter().map(image).collect()
}

/// Space used, by the image's id, of `rbd du`.
pub(super) fn used(text: &str) -> Result<HashMap<String, Used>, String> {
    #[derive(Deserialize)]
    struct Du {
        images: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        id: String,
        snapshot: Option<String>,
        used_size: i64,
    }
    let du: Du = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let mut all: HashMap<String, Used> = HashMap::new();
    for row in du.images {
        let bytes = natural("used size", row.used_size)?;
        let of = all.entry(row.id).or_default();
        of.all = of
            .all
            .checked_add(bytes)
            .ok_or("its used sizes are too much")?;
        if row.snapshot.is_some() {
            of.snapshots += bytes;
        }
    }
    Ok(all)
}

/// Names of RBD's namespaces, of `rbd namespace ls`.
pub(super) fn namespaces(text: &str) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Namespace {
        name: String,
    }
    let all: Vec<Namespace> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    Ok(all.into_iter().map(|n| n.name).collect())
}

/// Names of images that OpenStack's services make after the ids of their own: Cinder's volumes (also deleted ones that a clone needs, and backups), Glance's
/// images, Nova's disks.
static OF_OPENSTACK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let id = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    Regex::new(&format!(
        r"^(?:volume-{id}(?:\..*)?|backup-{id}(?:\..*)?|{id}(?:_disk.*)?)$"
    ))
    .ok()
});

/// True of an image that OpenStack's own service meters.
pub(super) fn is_of_openstack(name: &str) -> bool {
    OF_OPENSTACK.as_ref().is_some_and(|r| r.is_match(name))
}

impl Image {
    /// The item. `elsewhere`: OpenStack is metered, so what is made for it is shown here and counted there. `used`: as read now; `before`: levels as seen last,
    /// for what this answer does not tell.
    pub(super) fn item(
        self,
        space: &Space,
        elsewhere: bool,
        used: Option<Used>,
        before: Option<&BTreeMap<String, i64>>,
    ) -> Item {
        let state = if elsewhere && is_of_openstack(&self.name) {
            ELSEWHERE
        } else if self.trash {
            "trash"
        } else {
            "active"
        };
        // Whose volume it was is told of the trash too: it is what a ghost may be.
        let put_away = self.trash && state == ELSEWHERE;
        let trash = put_away.then(|| (attr::TRASH.to_owned(), "true".to_owned()));
        let told = Known {
            attrs: trash.into_iter().collect(),
            ..Known::label(state)
        };
        let held = self.size.or_else(|| before.and_then(Size::before));
        let used = used.or_else(|| before.and_then(Used::before));
        let levels = [
            ("capacity_bytes", held.map(|s| s.bytes)),
            ("snapshots", held.map(|s| s.snapshots)),
            ("used_bytes", used.map(|u| u.all)),
            ("snapshot_bytes", used.map(|u| u.snapshots)),
        ];
        let name = format!("{}/{}", space.scope(), self.name);
        let shown = [
            Some((Aspect::State, Value::Known(told))),
            held.map(|_| size(&space.pool, levels)),
            Some((Aspect::Owner, Value::label(space.scope()))),
            Some((Aspect::Name, Value::label(name))),
        ];
        let id = space.resource(&self.id);
        Item::new(id, self.created, None, state, shown, &self.raw)
    }
}
