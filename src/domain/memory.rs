//! What a collector remembers of one cloud between passes, and gets back from the store when it starts.

use super::{Aspect, Ts, Value};
use std::{collections::BTreeMap, sync::Arc};

/// The latest sighting of one aspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighted {
    /// What it was.
    pub value: Value,
    /// `at` of that sighting (the record's last update).
    pub at: Ts,
    /// When the cloud said so.
    pub seen: Ts,
}

/// The latest sighting of each aspect.
///
/// # Memory usage
/// That of the few sightings a resource has: a map has room for eleven from the first one on, and there may be a hundred thousand resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sightings(Vec<(Aspect, Sighted)>);

impl Sightings {
    fn place(&self, aspect: Aspect) -> Result<usize, usize> {
        self.0.binary_search_by_key(&aspect, |(a, _)| *a)
    }

    /// That of an aspect.
    #[must_use]
    pub fn get(&self, aspect: &Aspect) -> Option<&Sighted> {
        self.place(*aspect).ok().map(|i| &self.0[i].1)
    }

    /// True where that of an aspect is known.
    #[must_use]
    pub fn contains_key(&self, aspect: &Aspect) -> bool {
        self.place(*aspect).is_ok()
    }

    /// Takes the place of what was known of an aspect.
    pub fn insert(&mut self, aspect: Aspect, sighted: Sighted) {
        match self.place(aspect) {
            Ok(i) => self.0[i].1 = sighted,
            Err(i) => {
                self.0.reserve_exact(1);
                self.0.insert(i, (aspect, sighted));
            }
        }
    }

    /// All of them, by aspect.
    pub fn iter(&self) -> impl Iterator<Item = (&Aspect, &Sighted)> {
        self.0.iter().map(|(aspect, sighted)| (aspect, sighted))
    }

    /// All of them, without their aspects.
    pub fn values(&self) -> impl Iterator<Item = &Sighted> {
        self.0.iter().map(|(_, sighted)| sighted)
    }

    /// True where nothing was sighted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<(Aspect, Sighted)> for Sightings {
    fn extend<I: IntoIterator<Item = (Aspect, Sighted)>>(&mut self, more: I) {
        for (aspect, sighted) in more {
            self.insert(aspect, sighted);
        }
    }
}

impl FromIterator<(Aspect, Sighted)> for Sightings {
    fn from_iter<I: IntoIterator<Item = (Aspect, Sighted)>>(all: I) -> Self {
        let mut sightings = Self::default();
        sightings.extend(all);
        sightings
    }
}

impl<const N: usize> From<[(Aspect, Sighted); N]> for Sightings {
    fn from(all: [(Aspect, Sighted); N]) -> Self {
        all.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Sightings {
    type Item = (&'a Aspect, &'a Sighted);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, (Aspect, Sighted)>,
        fn(&'a (Aspect, Sighted)) -> (&'a Aspect, &'a Sighted),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(aspect, sighted)| (aspect, sighted))
    }
}

/// One resource that is, as far as is known, still there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The latest sighting of each aspect.
    pub sighted: Sightings,
}

/// All that is remembered of one cloud. It decides only what need not be written again and what is missing; never what is true.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// By kind, then by resource id: those not known to be gone. Readers that share them take no room twice, until one of them learns more.
    pub open: BTreeMap<String, Arc<BTreeMap<String, Remembered>>>,
    /// By list: the latest watermark of a complete pass (full or changes; of `servers.deleted`: deleted).
    pub watermarks: BTreeMap<String, Ts>,
    /// By list: the latest watermark of a complete *full* pass.
    pub full_watermarks: BTreeMap<String, Ts>,
    /// By list: where its latest complete pass says that the next one goes on ([`super::Pass::cursor`]).
    pub cursors: BTreeMap<String, String>,
}

impl Memory {
    /// Resources of a kind, to be changed.
    pub fn open_mut(&mut self, kind: &str) -> &mut BTreeMap<String, Remembered> {
        Arc::make_mut(self.open.entry(kind.to_owned()).or_default())
    }

    /// The share of a reader: resources of these kinds, and how far their lists, and the other lists named, reach.
    #[must_use]
    pub fn share(&self, kinds: &[&str], lists: &[&str]) -> Self {
        let is_ours = |list: &str| {
            lists.contains(&list) || kinds.iter().any(|k| super::fact::kind::list_of(k) == list)
        };
        let reach = |of: &BTreeMap<String, Ts>| {
            of.iter()
                .filter(|(list, _)| is_ours(list))
                .map(|(list, t)| (list.clone(), *t))
                .collect()
        };
        Self {
            open: self
                .open
                .iter()
                .filter(|(kind, _)| kinds.contains(&kind.as_str()))
                .map(|(kind, open)| (kind.clone(), Arc::clone(open)))
                .collect(),
            watermarks: reach(&self.watermarks),
            full_watermarks: reach(&self.full_watermarks),
            cursors: (self.cursors.iter())
                .filter(|(list, _)| is_ours(list))
                .map(|(list, cursor)| (list.clone(), cursor.clone()))
                .collect(),
        }
    }
}
