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
                "indexes that gateways keep in pools of other names than theirs; pools of zones that are not read: `object_pools` names those that are meant",
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

/// A pool, as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// What it stores, before replication; `None` where nobody could tell.
    pub stored_bytes: Option<i64>,
    /// What it is for, joined by commas; `None` where nobody could tell, or it is for nothing.
    pub applications: Option<String>,
}

/// What gateways call the pools that they keep for themselves, behind the zone's name and `.rgw.`.
const OWN: [&str; 8] = [
    "root",
    "control",
    "meta",
    "log",
    "otp",
    "notif",
    "buckets.index",
    "buckets.non-ec",
];

impl Pool {
    /// True of a pool of that name which object gateways keep objects' data in: for RGW, and none that they keep for themselves. Where nobody could tell what a
    /// pool is for, its name decides: `default.rgw.buckets.data`.
    #[must_use]
    pub fn is_of_objects(&self, name: &str) -> bool {
        let behind = name.split_once(".rgw.").map(|(_, behind)| behind);
        match &self.applications {
            Some(all) => {
                all.split(',').any(|a| a == "rgw") && behind.is_none_or(|b| !OWN.contains(&b))
            }
            None => behind.is_some_and(|b| b.ends_with("data")),
        }
    }
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
    fn pools_of_objects_are_known_by_what_they_are_for() {
        let is = |name: &str, applications: Option<&str>| {
            let applications = applications.map(str::to_owned);
            let pool = Pool {
                applications,
                ..Pool::default()
            };
            pool.is_of_objects(name)
        };
        for name in [
            "default.rgw.buckets.data",
            "north.rgw.cold.data",
            "objects",
            "ec-4-2",
            "x.data",
        ] {
            assert!(is(name, Some("rgw")), "{name}");
            assert!(is(name, Some("cephfs,rgw")), "{name}");
            assert!(!is(name, Some("rbd")), "{name}");
        }
        for name in [
            ".rgw.root",
            "default.rgw.log",
            "default.rgw.meta",
            "default.rgw.control",
            "north.rgw.otp",
        ] {
            assert!(!is(name, Some("rgw")), "{name}");
        }
        for name in ["default.rgw.buckets.index", "default.rgw.buckets.non-ec"] {
            assert!(!is(name, Some("rgw")) && !is(name, None), "{name}");
        }
    }

    #[test]
    fn a_pool_of_unknown_use_is_known_by_its_name() {
        for (name, is) in [
            ("default.rgw.buckets.data", true),
            ("north.rgw.cold.data", true),
            ("default.rgw.log", false),
            ("cephfs.data", false),
            ("volumes", false),
        ] {
            assert_eq!(Pool::default().is_of_objects(name), is, "{name}");
        }
    }

    #[test]
    fn a_pool_that_does_not_tell_is_not_nothing() {
        assert_eq!(stored([Some(1), Some(2)].iter()), Some(3));
        assert_eq!(stored([Some(1), None].iter()), None);
        assert_eq!(stored([].iter()), Some(0));
    }
}
