//! What different lists say of the same storage, held against each other: Cinder's volumes against RBD's images, images and buckets against pools.

pub mod compare;
pub mod cost;
pub mod pools;
mod read;

use super::usage::UsageError;
use crate::{
    config::{Config, Source},
    domain::{Period, PriceBook, Ts, fact::kind},
    store::Store,
};
use chrono_tz::Tz;
use compare::{Cause, Compared, Reach, Sum};
use cost::Cost;
use pools::{Counted, Pool, Stored};
use read::reach;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Watermarks by source and list.
pub type Watermarks = BTreeMap<(String, String), Ts>;

/// Which sources are held against which, as the configuration links them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linked {
    /// By source of kind `openstack`: the clusters that keep its volumes.
    pub clouds: BTreeMap<String, BTreeSet<String>>,
    /// Clusters whose images are read.
    images: BTreeSet<String>,
    /// By cluster whose pools are read: the zones of gateways that keep their objects there.
    zones: BTreeMap<String, BTreeSet<String>>,
    /// By cluster: the pools that are said to hold objects.
    object_pools: BTreeMap<String, String>,
}

impl Linked {
    /// As configured.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut all = Self::default();
        for source in &config.sources {
            let Source::Ceph(c) = source else { continue };
            if c.parts.contains("rbd") {
                all.images.insert(c.name.clone());
                if let Some(cloud) = &c.openstack {
                    let clusters = all.clouds.entry(cloud.clone()).or_default();
                    clusters.insert(c.name.clone());
                }
            }
            if c.parts.contains("cluster") {
                all.zones.insert(c.name.clone(), BTreeSet::new());
                let said = c.object_pools.iter().map(|p| (c.name.clone(), p.clone()));
                all.object_pools.extend(said);
            }
        }
        for source in &config.sources {
            if let Source::Rgw(r) = source
                && let Some(zones) = r.ceph.as_ref().and_then(|c| all.zones.get_mut(c))
            {
                zones.insert(r.name.clone());
            }
        }
        all
    }

    /// Of watermarks those that a comparison of volumes and images stands on.
    #[must_use]
    pub fn volumes_and_images(&self, mut all: Watermarks) -> Watermarks {
        let volumes = kind::list_of(kind::VOLUME);
        let images = kind::list_of(kind::RBD_IMAGE);
        all.retain(|(source, list), _| {
            (list == volumes && self.clouds.contains_key(source))
                || (list == images && self.images.contains(source))
        });
        all
    }

    /// The same without pools: a comparison of volumes and images alone.
    #[must_use]
    pub fn without_pools(self) -> Self {
        Self {
            zones: BTreeMap::new(),
            ..self
        }
    }

    /// True where there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let pools = |c: &String| self.images.contains(c) || !self.zones[c].is_empty();
        self.clouds.is_empty() && !self.zones.keys().any(pools)
    }
}

/// A Cinder and the clusters that keep its volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// The source of kind `openstack`.
    pub openstack: String,
    /// How far its lists are known.
    pub reach: Reach,
    /// The comparison.
    pub compared: Compared,
    /// What the ghosts cost, in their order.
    pub costs: Vec<Cost>,
}

impl Cloud {
    /// What the ghosts cost together, as far as they have a price; `None` where none has.
    #[must_use]
    pub fn cost(&self) -> Option<i128> {
        let amounts = self.costs.iter().filter_map(|c| c.amount);
        amounts.fold(None, |sum, a| Some(sum.unwrap_or(0) + a))
    }

    /// Ghosts by cluster and cause: all of both, also where there are none.
    #[must_use]
    pub fn ghosts(&self) -> BTreeMap<(&str, Cause), Sum> {
        let clusters = self.reach.images.keys().map(String::as_str);
        let mut all: BTreeMap<(&str, Cause), Sum> = clusters
            .flat_map(|c| Cause::ALL.map(|cause| ((c, cause), Sum::default())))
            .collect();
        for g in &self.compared.ghosts {
            let of = all.entry((&g.image.source, g.cause)).or_default();
            of.add(g.image.provisioned_bytes, g.image.used_bytes);
        }
        all
    }
}

/// The money of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The price book.
    pub book: String,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of amounts.
    pub decimals: u32,
}

/// All comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// As of when.
    pub as_of: Ts,
    /// The month that costs are of: that of `as_of`.
    pub month: String,
    /// The money; `None` without a price book.
    pub money: Option<Money>,
    /// Volumes against images.
    pub clouds: Vec<Cloud>,
    /// Images and buckets against pools.
    pub pools: Vec<Stored>,
    /// Lists, by source, that were never read completely: what they are needed for is not told.
    pub unread: BTreeSet<(String, String)>,
    /// True where the configuration links nothing that could be compared.
    pub is_unlinked: bool,
}

/// Compares all there is to compare, as of a time. Costs are of the month that holds it, in `zone`, by the list of `book`.
///
/// # Memory usage
/// That of all images and open volumes of one cloud: about 400 bytes each.
///
/// # Errors
/// When the store fails.
pub async fn reconcile(
    store: &Store,
    linked: &Linked,
    book: Option<&PriceBook>,
    as_of: Ts,
    zone: Tz,
) -> Result<Report, UsageError> {
    let watermarks = store.watermarks(as_of).await?;
    let month = Period::containing(as_of, zone);
    let mut report = Report {
        as_of,
        month: month.as_ref().map_or_else(String::new, Period::to_string),
        money: book.map(|b| Money {
            book: b.name.clone(),
            currency: b.currency.clone(),
            decimals: b.decimals,
        }),
        clouds: Vec::new(),
        pools: Vec::new(),
        unread: unread(linked, &watermarks),
        is_unlinked: linked.is_empty(),
    };
    let mut used: BTreeMap<String, BTreeMap<String, Sum>> = BTreeMap::new();
    for (openstack, clusters) in &linked.clouds {
        let reach = read::reach_of(&watermarks, openstack, clusters);
        let mut images = Vec::new();
        for cluster in clusters {
            let some = read::images(store, cluster, as_of, reach.both()).await?;
            used.insert(cluster.clone(), pools::by_pool(&some));
            images.extend(some);
        }
        let volumes = read::volumes(store, openstack, as_of, &images).await?;
        let compared = compare::compare(&images, &volumes, &reach);
        report.clouds.push(Cloud {
            openstack: openstack.clone(),
            costs: cost::of(&compared, book, month.as_ref()),
            reach,
            compared,
        });
    }
    for (cluster, zones) in &linked.zones {
        let Some(pools_read_to) = reach(&watermarks, cluster, kind::CEPH_POOL) else {
            continue;
        };
        let pools = read::pools(store, cluster, as_of).await?;
        let pools = Pools {
            source: cluster,
            stored: &pools,
            read_to: pools_read_to,
            of_objects: linked.object_pools.get(cluster),
        };
        if let (true, Some(read_to)) = (
            linked.images.contains(cluster),
            reach(&watermarks, cluster, kind::RBD_IMAGE),
        ) {
            let sums = match used.remove(cluster) {
                Some(sums) => sums,
                None => pools::by_pool(&read::images(store, cluster, as_of, Ts::MAX).await?),
            };
            report.pools.extend(pools.of_images(sums, read_to));
        }
        let reaches: Option<Vec<Ts>> = zones
            .iter()
            .map(|z| reach(&watermarks, z, kind::BUCKET))
            .collect();
        if let Some(read_to) = reaches.and_then(|r| r.into_iter().min()) {
            let mut sum = Sum::default();
            for zone in zones {
                sum.add_all(&read::buckets(store, zone, as_of).await?);
            }
            report.pools.push(pools.of_buckets(zones, sum, read_to));
        }
    }
    Ok(report)
}

/// The pools of a cluster.
struct Pools<'a> {
    source: &'a str,
    stored: &'a BTreeMap<String, Pool>,
    read_to: Ts,
    /// Those that are said to hold objects.
    of_objects: Option<&'a String>,
}

impl Pools<'_> {
    fn against(&self, pools: BTreeSet<String>, counted: Counted, sum: Sum, read_to: Ts) -> Stored {
        let of = pools.iter().filter_map(|p| self.stored.get(p));
        let of = of.map(|p| &p.stored_bytes);
        Stored {
            source: self.source.to_owned(),
            counted,
            by: BTreeSet::from([self.source.to_owned()]),
            stored_bytes: pools::stored(of),
            pools,
            sum,
            pools_read_to: self.read_to,
            counted_read_to: read_to,
        }
    }

    /// Each pool that has images.
    fn of_images(&self, sums: BTreeMap<String, Sum>, read_to: Ts) -> Vec<Stored> {
        let known = sums
            .into_iter()
            .filter(|(p, _)| self.stored.contains_key(p));
        let row = |(pool, sum)| {
            let pools = BTreeSet::from([pool]);
            self.against(pools, Counted::Images, sum, read_to)
        };
        known.map(row).collect()
    }

    /// All pools of objects together: which bucket is in which of them, nobody tells.
    fn of_buckets(&self, zones: &BTreeSet<String>, sum: Sum, read_to: Ts) -> Stored {
        // Patterns were judged with the configuration.
        let said = self
            .of_objects
            .and_then(|p| Regex::new(&format!("^(?:{p})$")).ok());
        let of_objects = self.stored.iter().filter(|(name, pool)| match &said {
            Some(said) => said.is_match(name),
            None => pool.is_of_objects(name),
        });
        let pools: BTreeSet<String> = of_objects.map(|(name, _)| name.clone()).collect();
        let mut row = self.against(pools, Counted::Buckets, sum, read_to);
        row.by.clone_from(zones);
        if row.pools.is_empty() {
            row.stored_bytes = None;
        }
        row
    }
}

/// Lists that are needed and were never read completely.
fn unread(linked: &Linked, watermarks: &Watermarks) -> BTreeSet<(String, String)> {
    let images = linked.images.iter().map(|s| (s, kind::RBD_IMAGE));
    let volumes = linked.clouds.keys().map(|s| (s, kind::VOLUME));
    let buckets = linked.zones.values().flatten().map(|s| (s, kind::BUCKET));
    let pools = linked
        .zones
        .iter()
        .filter(|(c, zones)| linked.images.contains(*c) || !zones.is_empty())
        .map(|(c, _)| (c, kind::CEPH_POOL));
    images
        .chain(volumes)
        .chain(buckets)
        .chain(pools)
        .filter(|(source, kind)| reach(watermarks, source, kind).is_none())
        .map(|(source, kind)| (source.clone(), kind::list_of(kind).to_owned()))
        .collect()
}
