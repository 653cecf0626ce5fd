//! What pools store, less what is counted in them. Pure.

use super::compare::{Image, Sum};
use crate::domain::Ts;
use std::collections::{BTreeMap, BTreeSet};

/// What is counted in pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// What RBD images use (`rbd du`).
    Images,
    /// What buckets hold.
    Buckets,
}

impl Counted {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Buckets => "buckets",
        }
    }

    /// What the difference may be besides something that nobody counts.
    #[must_use]
    pub const fn may_hold(self) -> &'static [&'static str] {
        match self {
            Self::Images => &[
                "rbd du counts whole objects (4 MiB by default) that were ever written to, whatever is in them: a pool may store less",
                "it tells nothing of images in the trash, and nothing was read yet of those whose use is unknown",
                "names, ids, object maps and journals of images",
                "the two lists are read at different times, and what images use more rarely",
            ],
            Self::Buckets => &[
                "parts of deleted and overwritten objects until garbage collection has run",
                "a pool stores what is left after compression, and whole allocation units where it counts so",
                "parts of uploads that were never completed, where they are in a pool of their own",
                "buckets whose placement or storage class keeps its data in pools of other names; pools of other zones that have such names",
                "the two lists are read at different times",
            ],
        }
    }
}

/// Pools against what is counted in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The source of kind `ceph`.
    pub source: String,
    /// Its pools, by name; none where no pool has such a name.
    pub pools: BTreeSet<String>,
    /// What is counted.
    pub counted: Counted,
    /// By which sources.
    pub by: BTreeSet<String>,
    /// What the pools store, before replication; `None` where nobody could tell.
    pub stored_bytes: Option<i128>,
    /// What was counted.
    pub sum: Sum,
    /// How far the list of pools is known.
    pub pools_read_to: Ts,
    /// How far the other one is known; of several the one that is behind.
    pub counted_read_to: Ts,
}

impl Stored {
    /// What is stored and not counted; below zero, more is counted than stored.
    #[must_use]
    pub fn difference(&self) -> Option<i128> {
        Some(self.stored_bytes? - self.sum.used_bytes)
    }
}

/// Sums of images by pool.
#[must_use]
pub fn by_pool(images: &[Image]) -> BTreeMap<String, Sum> {
    let mut all: BTreeMap<String, Sum> = BTreeMap::new();
    for i in images.iter().filter(|i| i.ended.is_none()) {
        let sum = all.entry(i.pool.clone()).or_default();
        sum.add(i.provisioned_bytes, i.used_bytes);
    }
    all
}

/// True of a pool that RGW keeps objects' data in, by the name that it gives to such pools: `default.rgw.buckets.data`.
#[must_use]
pub fn is_of_objects(pool: &str) -> bool {
    pool.contains(".rgw.") && pool.ends_with(".data")
}

/// What pools store together; `None` where one of them does not tell.
#[must_use]
pub fn stored<'a>(pools: impl Iterator<Item = &'a Option<i64>>) -> Option<i128> {
    pools.map(|p| p.map(i128::from)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_of_objects_are_known_by_name() {
        for (name, is) in [
            ("default.rgw.buckets.data", true),
            ("north.rgw.cold.data", true),
            ("default.rgw.buckets.index", false),
            ("default.rgw.buckets.non-ec", false),
            ("cephfs.data", false),
            ("volumes", false),
        ] {
            assert_eq!(is_of_objects(name), is, "{name}");
        }
    }

    #[test]
    fn a_pool_that_does_not_tell_is_not_nothing() {
        assert_eq!(stored([Some(1), Some(2)].iter()), Some(3));
        assert_eq!(stored([Some(1), None].iter()), None);
        assert_eq!(stored([].iter()), Some(0));
    }
}
