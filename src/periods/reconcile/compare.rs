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
    /// Since when it is known to be there as it is: by this name, in the trash or out of it.
    pub since: Ts,
    /// When it ended; `None` while it is there.
    pub ended: Option<Ts>,
}

/// A Cinder volume, as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id.
    pub id: String,
    /// What its image is named after: its id, or that of the volume whose place it took when it was moved.
    pub image_id: String,
    /// Since when that is known.
    pub image_since: Ts,
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
    /// Since when it is known to be there, made.
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

/// What became of an image in the comparison. Each image that is there is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSide {
    /// A volume's that is there.
    Matched,
    /// Named after a volume, and no volume's that is there.
    Ghost,
    /// Nobody knows yet: a list that may tell of its volume, or of its own end, was not read since.
    Unsettled,
    /// Not named after a volume: Glance's, Nova's, ceph-csi's, a person's.
    Other,
}

impl ImageSide {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Matched, Self::Ghost, Self::Unsettled, Self::Other];

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Matched => "images of volumes",
            Self::Ghost => "images that are no volume's",
            Self::Unsettled => "images, not known yet",
            Self::Other => "images with other names",
        }
    }
}

/// What became of a volume. Each volume that is there is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumeSide {
    /// Its image is there.
    Matched,
    /// Its image is not, though that of another volume of its type is.
    Missing,
    /// Nobody knows yet: too young, or an image of its may have been made or removed since the lists were read. In error, it may never have had one.
    Unsettled,
    /// No volume of its type has an image here: another store keeps it.
    Elsewhere,
}

impl VolumeSide {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::Matched,
        Self::Missing,
        Self::Unsettled,
        Self::Elsewhere,
    ];

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Matched => "volumes with an image",
            Self::Missing => "volumes without an image",
            Self::Unsettled => "volumes, not known yet",
            Self::Elsewhere => "volumes of types kept elsewhere",
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Missing => "missing",
            Self::Unsettled => "unsettled",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// Why an image is a ghost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Its volume was deleted, as Cinder's list tells.
    VolumeDeleted,
    /// No list of Cinder ever showed such a volume.
    VolumeUnknown,
    /// Its volume is there, but this is in the trash, or was renamed as deleted.
    SetAside,
    /// Its volume is there, and has moved to another image.
    MovedAway,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::VolumeDeleted,
        Self::VolumeUnknown,
        Self::SetAside,
        Self::MovedAway,
    ];

    /// The word in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VolumeDeleted => "volume_deleted",
            Self::VolumeUnknown => "volume_unknown",
            Self::SetAside => "set_aside",
            Self::MovedAway => "moved_away",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::VolumeDeleted => "its volume was deleted",
            Self::VolumeUnknown => "no such volume is known, or one is being moved there",
            Self::SetAside => "set aside while its volume is there",
            Self::MovedAway => "its volume has moved to another image",
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

/// How far the lists are known. What is missing from one of two lists is proven by a moment that both of them reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// That of images, by source; `None` before the first complete one.
    pub images: BTreeMap<String, Option<Ts>>,
    /// That of volumes.
    pub volumes: Option<Ts>,
}

impl Reach {
    /// True once every list was read completely.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.volumes.is_some() && self.images.values().all(Option::is_some)
    }

    /// That of the images of one source.
    fn of(&self, source: &str) -> Ts {
        let of = self.images.get(source).copied().flatten();
        of.unwrap_or(Ts::MIN)
    }

    fn of_volumes(&self) -> Ts {
        self.volumes.unwrap_or(Ts::MIN)
    }

    /// That of all lists together: of the one that is behind.
    #[must_use]
    pub fn both(&self) -> Ts {
        let images = self.images.keys().map(|source| self.of(source));
        images.min().unwrap_or(Ts::MIN).min(self.of_volumes())
    }
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
    /// What a pool keeps, by source and pool: types of volumes, each with its zone.
    pub kept: BTreeMap<(String, String), BTreeSet<(String, String)>>,
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

/// Compares all images of the clusters that keep a Cinder's volumes with the volumes of that Cinder; those that ended included, on both sides.
#[must_use]
pub fn compare(images: &[Image], volumes: &[Volume], reach: &Reach) -> Compared {
    let known = Known::of(volumes);
    let mut all = Compared::default();
    let mut held: BTreeSet<&str> = BTreeSet::new();
    let mut without: BTreeMap<&str, Ts> = BTreeMap::new();
    for image in images {
        let verdict = judge(image, &known, reach);
        if let (Some(volume), false) = (verdict.volume, verdict.holds) {
            // So long as this was its image, it had one.
            let until = image.ended.unwrap_or(image.since);
            let latest = without.entry(&volume.id).or_insert(until);
            *latest = until.max(*latest);
        }
        if image.ended.is_some() {
            continue;
        }
        let sum = all.images.entry(verdict.side).or_default();
        sum.add(image.provisioned_bytes, image.used_bytes);
        if let (Some(volume), true) = (verdict.volume, verdict.holds) {
            held.insert(&volume.id);
            let pool = (image.source.clone(), image.pool.clone());
            let of = (volume.volume_type.clone(), volume.zone.clone());
            all.kept.entry(pool).or_default().insert(of);
        }
        if let (ImageSide::Ghost, Some((cause, since))) = (verdict.side, verdict.cause) {
            all.ghosts.push(Ghost {
                image: image.clone(),
                cause,
                since,
                volume: verdict.volume.cloned(),
            });
        }
    }
    judge_volumes(volumes, &held, &without, reach, &mut all);
    all.ghosts.sort_by(|a, b| {
        let size = |g: &Ghost| g.image.provisioned_bytes.unwrap_or(0);
        let name = |g: &Ghost| (g.image.source.clone(), g.image.resource.clone());
        size(b).cmp(&size(a)).then_with(|| name(a).cmp(&name(b)))
    });
    all.missing
        .sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.id.cmp(&b.id)));
    all
}

/// Volumes by what images are named after.
struct Known<'a> {
    /// By the id that their image has now. One that is there before one that is gone; of those gone the latest.
    by_image: BTreeMap<&'a str, &'a Volume>,
    /// Those that have moved to another image, by their own id.
    moved: BTreeMap<&'a str, &'a Volume>,
}

impl<'a> Known<'a> {
    fn of(volumes: &'a [Volume]) -> Self {
        // The id decides between equals, so that no order of lists does.
        let later = |v: &Volume| (v.ended.unwrap_or(Ts::MAX), v.id.clone());
        let mut by_image: BTreeMap<&str, &Volume> = BTreeMap::new();
        let mut moved = BTreeMap::new();
        for v in volumes {
            let place = by_image.entry(&v.image_id).or_insert(v);
            if later(v) > later(place) {
                *place = v;
            }
            if v.id != v.image_id {
                moved.insert(v.id.as_str(), v);
            }
        }
        Self { by_image, moved }
    }
}

struct Verdict<'a> {
    side: ImageSide,
    /// The volume that it is named after.
    volume: Option<&'a Volume>,
    /// True of the image that a volume which is there has.
    holds: bool,
    /// Why it is a ghost, or would be one.
    cause: Option<(Cause, Ts)>,
}

fn judge<'a>(image: &Image, known: &Known<'a>, reach: &Reach) -> Verdict<'a> {
    let mut verdict = Verdict {
        side: ImageSide::Other,
        volume: None,
        holds: false,
        cause: None,
    };
    let Some((id, deleted)) = volume_of(&image.name) else {
        return verdict;
    };
    let (by_image, moved) = (known.by_image.get(id), known.moved.get(id));
    let volume = by_image.or(moved).copied();
    verdict.volume = volume;
    let (images, volumes) = (reach.of(&image.source), reach.of_volumes());
    // Up to here both lists tell; an end, and a new place, are told once and for all.
    let (both, since) = (images.min(volumes), image.since);
    let (cause, since, by) = match volume {
        Some(v) if v.ended.is_none() && by_image.is_none() => {
            (Cause::MovedAway, v.image_since.max(since), images)
        }
        Some(v) => match v.ended {
            Some(ended) => (Cause::VolumeDeleted, ended.max(since), images),
            None if deleted || image.trash => (Cause::SetAside, since, both),
            None => {
                verdict.side = ImageSide::Matched;
                verdict.holds = image.ended.is_none();
                return verdict;
            }
        },
        None => (Cause::VolumeUnknown, since, both),
    };
    let settled = since.plus_seconds(MARGIN_S) <= by;
    verdict.side = [ImageSide::Unsettled, ImageSide::Ghost][usize::from(settled)];
    verdict.cause = Some((cause, since));
    verdict
}

/// `without`: since when volumes have been without an image that they had.
fn judge_volumes(
    volumes: &[Volume],
    held: &BTreeSet<&str>,
    without: &BTreeMap<&str, Ts>,
    reach: &Reach,
    all: &mut Compared,
) {
    let there = || volumes.iter().filter(|v| v.ended.is_none());
    let kept_here: BTreeSet<&str> = there()
        .filter(|v| held.contains(v.id.as_str()))
        .map(|v| v.volume_type.as_str())
        .collect();
    let both = reach.both();
    for v in there() {
        let since = without
            .get(v.id.as_str())
            .map_or(v.since, |t| v.since.max(*t));
        let side = if held.contains(v.id.as_str()) {
            VolumeSide::Matched
        } else if !kept_here.contains(v.volume_type.as_str()) {
            VolumeSide::Elsewhere
        } else if matches!(v.state.as_str(), "creating" | "error")
            || since.max(v.image_since).plus_seconds(MARGIN_S) > both
        {
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
