//! Two lists of the same storage, compared: RBD's images against Cinder's volumes. Pure.

use crate::domain::Ts;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Two lists are read by two clocks: what is this close to the end of one of them proves nothing.
pub const MARGIN_S: i64 = 60;

/// An RBD image, as its list showed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Source that read it.
    pub source: String,
    /// Its resource: `pool[/namespace]/id`.
    pub resource: String,
    /// Its pool.
    pub pool: String,
    /// Its name, without pool and namespace.
    pub name: String,
    /// What it was made to hold; `None` where nobody could tell.
    pub provisioned_bytes: Option<i64>,
    /// What it and its snapshots hold; `None` where nobody could tell.
    pub used_bytes: Option<i64>,
    /// How many snapshots it has.
    pub snapshots: i64,
    /// True in the trash.
    pub trash: bool,
    /// Since when it is known to be there.
    pub since: Ts,
}

/// A Cinder volume, as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id.
    pub id: String,
    /// What its image is named after: its id, or that of the volume whose place it took when it was moved.
    pub image_id: String,
    /// The name people gave it.
    pub name: String,
    /// Its volume type.
    pub volume_type: String,
    /// Its availability zone.
    pub zone: String,
    /// Its size; `None` where nobody could tell.
    pub bytes: Option<i64>,
    /// Its state, as seen last.
    pub state: String,
    /// Since when it is known to be there.
    pub since: Ts,
    /// When it ended; `None` while it is there.
    pub ended: Option<Ts>,
}

/// What there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Bytes provisioned.
    #[serde(serialize_with = "digits")]
    pub provisioned_bytes: i128,
    /// Bytes used, of those where that is known; of volumes nothing.
    #[serde(serialize_with = "digits")]
    pub used_bytes: i128,
    /// How many of them nobody knows the use of.
    pub unknown_used: u64,
}

/// An integer of any width as JSON has it: a string of digits.
pub(super) fn digits<S: serde::Serializer>(n: &i128, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(n)
}

impl Sum {
    /// One more.
    pub fn add(&mut self, provisioned: Option<i64>, used: Option<i64>) {
        self.count += 1;
        self.provisioned_bytes += i128::from(provisioned.unwrap_or(0));
        self.used_bytes += i128::from(used.unwrap_or(0));
        self.unknown_used += u64::from(used.is_none());
    }

    /// All of another.
    pub fn add_all(&mut self, other: &Self) {
        self.count += other.count;
        self.provisioned_bytes += other.provisioned_bytes;
        self.used_bytes += other.used_bytes;
        self.unknown_used += other.unknown_used;
    }
}

/// What became of an image in the comparison. Each image is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSide {
    /// A volume's that is there.
    Matched,
    /// Named after a volume, and no volume's that is there.
    Ghost,
    /// Too young, or its volume gone too recently, for the other list to have told of it.
    Unsettled,
    /// Not named after a volume: Glance's, Nova's, ceph-csi's, a person's.
    Other,
}

/// What became of a volume. Each volume that is there is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSide {
    /// Its image is there.
    Matched,
    /// Its image is not, though that of another volume of its type is.
    Missing,
    /// Too young, or being made.
    Unsettled,
    /// No volume of its type has an image here: another store keeps it.
    Elsewhere,
}

/// Why an image is a ghost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its volume was deleted, as Cinder's list tells.
    VolumeDeleted,
    /// No list of Cinder ever showed such a volume.
    VolumeUnknown,
    /// Its volume is there, but this is in the trash, or was renamed as deleted.
    SetAside,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::VolumeDeleted, Self::VolumeUnknown, Self::SetAside];

    /// The word in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VolumeDeleted => "volume_deleted",
            Self::VolumeUnknown => "volume_unknown",
            Self::SetAside => "set_aside",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::VolumeDeleted => "its volume was deleted",
            Self::VolumeUnknown => "no such volume is known",
            Self::SetAside => "set aside beside its volume",
        }
    }
}

/// An image without a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghost {
    /// The image.
    pub image: Image,
    /// Why.
    pub cause: Cause,
    /// Since when: since the volume went, or since the image is known.
    pub since: Ts,
    /// The volume, where one was known.
    pub volume: Option<Volume>,
}

/// How far the two lists are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// That of images; of several clusters the one that is behind.
    pub images: Ts,
    /// That of volumes.
    pub volumes: Ts,
}

/// The comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Images, all of them, by what became of them.
    pub images: BTreeMap<ImageSide, Sum>,
    /// Volumes that are there, all of them.
    pub volumes: BTreeMap<VolumeSide, Sum>,
    /// Images without a volume, the largest first.
    pub ghosts: Vec<Ghost>,
    /// Volumes without an image, the largest first.
    pub missing: Vec<Volume>,
}

impl Compared {
    /// Images of one side.
    #[must_use]
    pub fn images_of(&self, side: ImageSide) -> Sum {
        self.images.get(&side).copied().unwrap_or_default()
    }

    /// Volumes of one side.
    #[must_use]
    pub fn volumes_of(&self, side: VolumeSide) -> Sum {
        self.volumes.get(&side).copied().unwrap_or_default()
    }
}

/// The volume that an image is named after, and whether the name says that it was deleted; `None` for any other name, and for what a backup stands on
/// (`volume-<id>.backup.<id>.snap...`), which may outlast its volume by right.
#[must_use]
pub fn volume_of(name: &str) -> Option<(&str, bool)> {
    const ID: usize = 36;
    let rest = name.strip_prefix("volume-")?;
    let (id, after) = rest.split_at_checked(ID)?;
    let is_id = id.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
    });
    let deleted = after == ".deleted" || after.starts_with(".deleted.");
    (is_id && (after.is_empty() || deleted)).then_some((id, deleted))
}

/// Compares all images of the clusters that keep a Cinder's volumes with the volumes of that Cinder, those that ended included.
#[must_use]
pub fn compare(images: &[Image], volumes: &[Volume], reach: Reach) -> Compared {
    // One that is there before one that is gone; of those gone the latest. The id decides between equals, so that no order of lists does.
    let mut known: BTreeMap<&str, &Volume> = BTreeMap::new();
    let later = |v: &Volume| (v.ended.unwrap_or(Ts::MAX), v.id.clone());
    for v in volumes {
        for id in [v.id.as_str(), v.image_id.as_str()] {
            let place = known.entry(id).or_insert(v);
            if later(v) > later(place) {
                *place = v;
            }
        }
    }
    let mut all = Compared::default();
    let mut held: BTreeSet<&str> = BTreeSet::new();
    for image in images {
        let (side, ghost) = judge(image, &known, reach);
        all.images
            .entry(side)
            .or_default()
            .add(image.provisioned_bytes, image.used_bytes);
        all.ghosts.extend(ghost);
        if let (ImageSide::Matched, Some(v)) = (side, named(image, &known)) {
            held.insert(&v.id);
        }
    }
    judge_volumes(volumes, &held, reach, &mut all);
    all.ghosts.sort_by(|a, b| {
        let size = |g: &Ghost| g.image.provisioned_bytes.unwrap_or(0);
        size(b)
            .cmp(&size(a))
            .then_with(|| a.image.resource.cmp(&b.image.resource))
    });
    all.missing
        .sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.id.cmp(&b.id)));
    all
}

fn named<'a>(image: &Image, known: &BTreeMap<&str, &'a Volume>) -> Option<&'a Volume> {
    known.get(volume_of(&image.name)?.0).copied()
}

fn judge(
    image: &Image,
    known: &BTreeMap<&str, &Volume>,
    reach: Reach,
) -> (ImageSide, Option<Ghost>) {
    let Some((id, deleted)) = volume_of(&image.name) else {
        return (ImageSide::Other, None);
    };
    let volume = known.get(id).copied();
    let set_aside = deleted || image.trash;
    let (cause, since, settled) = match volume.map(|v| v.ended) {
        Some(None) if !set_aside => return (ImageSide::Matched, None),
        Some(None) => (Cause::SetAside, image.since, true),
        Some(Some(ended)) => {
            let seen_since = ended.plus_seconds(MARGIN_S) <= reach.images;
            (Cause::VolumeDeleted, ended.max(image.since), seen_since)
        }
        None => {
            let listed_since = image.since.plus_seconds(MARGIN_S) <= reach.volumes;
            (Cause::VolumeUnknown, image.since, listed_since)
        }
    };
    if !settled {
        return (ImageSide::Unsettled, None);
    }
    let ghost = Ghost {
        image: image.clone(),
        cause,
        since,
        volume: volume.cloned(),
    };
    (ImageSide::Ghost, Some(ghost))
}

fn judge_volumes(volumes: &[Volume], held: &BTreeSet<&str>, reach: Reach, all: &mut Compared) {
    let there = || volumes.iter().filter(|v| v.ended.is_none());
    let kept_here: BTreeSet<&str> = there()
        .filter(|v| held.contains(v.id.as_str()))
        .map(|v| v.volume_type.as_str())
        .collect();
    for v in there() {
        let side = if held.contains(v.id.as_str()) {
            VolumeSide::Matched
        } else if !kept_here.contains(v.volume_type.as_str()) {
            VolumeSide::Elsewhere
        } else if v.state == "creating" || v.since.plus_seconds(MARGIN_S) > reach.images {
            VolumeSide::Unsettled
        } else {
            all.missing.push(v.clone());
            VolumeSide::Missing
        };
        all.volumes.entry(side).or_default().add(v.bytes, None);
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
