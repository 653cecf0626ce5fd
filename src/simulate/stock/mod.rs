//! Things beside servers as their services keep them: records over time, which are the truth too.

mod life;
mod making;

use super::{scenario::stock::Kind, world::World};
use crate::domain::Ts;
use std::collections::BTreeMap;

/// Halfway through a second things take effect: whoever looks at its beginning sees what was, whoever looks at its end what is; both at that second.
const HALF_US: i64 = 500_000;

/// The record from `at` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The second; also the record's last update.
    pub(super) at: i64,
    /// The service's own word.
    pub(super) status: &'static str,
    /// What is true: the settled state; `deleted` at the end.
    pub(super) state: &'static str,
    /// Index of the project.
    pub(super) project: usize,
    /// Bytes; of what holds addresses: how many.
    pub(super) size: i64,
    /// Of an account or a bucket.
    pub(super) objects: i64,
    /// Type of volume or share, storage policy of an account, storage class of a bucket, by name.
    pub(super) label: String,
    /// The server that it is attached or leads to.
    pub(super) server: Option<String>,
}

/// A volume, an image, an address, ...
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    /// Of an account: its project's id and its storage policy.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) born: i64,
    /// What it was made from: the id of a volume or a server.
    pub(super) of: Option<String>,
    /// In the order of their times, no two at one.
    pub(super) records: Vec<Shown>,
    /// Requests in an hour about noon, least and most: of a bucket.
    pub(super) requests_hour: [i64; 2],
}

impl Thing {
    /// Its record at `t`; `None` before it was made and after it was deleted, for nothing remembers it.
    pub(super) fn at(&self, t: Ts) -> Option<&Shown> {
        let begun = self
            .records
            .partition_point(|r| r.at * 1_000_000 + HALF_US <= t.0);
        self.records[..begun]
            .last()
            .filter(|r| r.state != "deleted")
    }

    /// Its last second, if it was deleted.
    pub(super) fn end(&self) -> Option<i64> {
        self.records
            .last()
            .filter(|r| r.state == "deleted")
            .map(|r| r.at)
    }

    /// What it holds, in base units.
    pub(super) fn levels(&self, r: &Shown) -> BTreeMap<String, i64> {
        let mut levels = BTreeMap::new();
        let mut put = |name: &str, level| levels.insert(name.to_owned(), level);
        match self.kind {
            Kind::LoadBalancer => {}
            Kind::FloatingIp | Kind::Port | Kind::Router => {
                put("ipv4_addresses", r.size);
            }
            Kind::Account | Kind::Bucket => {
                put("capacity_bytes", r.size);
                put("objects", r.objects);
            }
            _ => {
                put("capacity_bytes", r.size);
            }
        }
        levels
    }
}

/// What the part of a project's object storage is called that is stored by a policy.
pub(super) fn account_id(project: &str, policy: &str) -> String {
    format!("{project}/{policy}")
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// By kind; within one the youngest first, as Cinder and Glance list them.
    all: Vec<Thing>,
    /// Places in `all`.
    by_id: BTreeMap<(Kind, String), usize>,
}

/// A page of a list.
pub(super) struct Page<'a> {
    pub(super) items: Vec<(&'a Thing, &'a Shown)>,
    /// It is full: as all services do, it names a next one, though that may be empty.
    pub(super) full: bool,
}

impl Store {
    pub(super) fn new(mut all: Vec<Thing>) -> Self {
        all.sort_by(|a, b| (a.kind, b.born, &b.id).cmp(&(b.kind, a.born, &a.id)));
        let places = all.iter().enumerate();
        let by_id = places.map(|(n, t)| ((t.kind, t.id.clone()), n)).collect();
        Self { all, by_id }
    }

    pub(super) fn all(&self) -> &[Thing] {
        &self.all
    }

    /// What there is of a kind at `t`.
    pub(super) fn of(&self, kind: Kind, t: Ts) -> impl Iterator<Item = (&Thing, &Shown)> {
        let from = self.all.partition_point(|x| x.kind < kind);
        let to = self.all.partition_point(|x| x.kind <= kind);
        self.all[from..to]
            .iter()
            .filter_map(move |x| Some((x, x.at(t)?)))
    }

    pub(super) fn get(&self, kind: Kind, id: &str, t: Ts) -> Option<(&Thing, &Shown)> {
        let thing = &self.all[*self.by_id.get(&(kind, id.to_owned()))?];
        Some((thing, thing.at(t)?))
    }

    /// The page after `marker` of what `wanted` lets through.
    ///
    /// # Errors
    /// The marker, if nothing has that id now.
    pub(super) fn page(
        &self,
        (kind, t): (Kind, Ts),
        wanted: impl Fn(&Shown) -> bool,
        limit: Option<usize>,
        marker: Option<&str>,
    ) -> Result<Page<'_>, String> {
        let mut items: Vec<_> = self.of(kind, t).filter(|(_, r)| wanted(r)).collect();
        if let Some(marker) = marker {
            let place = items.iter().position(|(x, _)| x.id == marker);
            items.drain(..=place.ok_or_else(|| marker.to_owned())?);
        }
        let full = limit.is_some_and(|l| items.len() >= l);
        items.truncate(limit.unwrap_or(usize::MAX));
        Ok(Page { items, full })
    }
}

impl World {
    /// How many volumes, images, addresses and other things beside servers ever live in it.
    #[must_use]
    pub fn things_total(&self) -> usize {
        self.stock.all().len()
    }
}

#[cfg(test)]
mod tests;
