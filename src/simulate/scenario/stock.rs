//! What a scenario says of things beside servers: volumes, images, addresses, balancers, shares, object accounts, buckets.

use super::{Project, Scenario, an_hour_or_two};
use crate::domain::fact::kind;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Kinds of things beside servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Kind {
    Volume,
    Snapshot,
    Backup,
    Image,
    FloatingIp,
    Port,
    Router,
    LoadBalancer,
    Share,
    Account,
    Bucket,
}

impl Kind {
    /// In an order in which what something is made from comes first.
    pub(in super::super) const ALL: [Self; 11] = [
        Self::Volume,
        Self::Snapshot,
        Self::Backup,
        Self::Image,
        Self::FloatingIp,
        Self::Port,
        Self::Router,
        Self::LoadBalancer,
        Self::Share,
        Self::Account,
        Self::Bucket,
    ];

    /// Its word in the truth.
    pub(in super::super) const fn word(self) -> &'static str {
        match self {
            Self::Volume => kind::VOLUME,
            Self::Snapshot => kind::SNAPSHOT,
            Self::Backup => kind::BACKUP,
            Self::Image => kind::IMAGE,
            Self::FloatingIp => kind::FLOATING_IP,
            Self::Port => kind::PORT,
            Self::Router => kind::ROUTER,
            Self::LoadBalancer => kind::LOAD_BALANCER,
            Self::Share => kind::SHARE,
            Self::Account => kind::ACCOUNT,
            Self::Bucket => kind::BUCKET,
        }
    }

    /// Its key in a project of a scenario.
    const fn key(self) -> &'static str {
        match self {
            Self::Volume => "volumes",
            Self::Snapshot => "snapshots",
            Self::Backup => "backups",
            Self::Image => "images",
            Self::FloatingIp => "floating_ips",
            Self::Port => "ports",
            Self::Router => "routers",
            Self::LoadBalancer => "load_balancers",
            Self::Share => "shares",
            Self::Account => "accounts",
            Self::Bucket => "buckets",
        }
    }

    /// True of what has a size in GiB of its own.
    const fn has_size(self) -> bool {
        matches!(
            self,
            Self::Volume | Self::Image | Self::Share | Self::Account | Self::Bucket
        )
    }
}

/// How something lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Living {
    /// Made; nobody touches it.
    Steady,
    /// All that users do: volumes are attached, extended, retyped, transferred; addresses led somewhere; and so on.
    Busy,
    /// Made, used, deleted.
    Short,
    /// A few seconds: shorter than any collector's interval.
    Blink,
    /// Falls to error while it is made.
    Failed,
}

/// Things that live alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Stock {
    /// The first part of their names.
    pub(in super::super) name: String,
    pub(in super::super) behaviour: Living,
    pub(in super::super) count: u32,
    /// So many of them are older than the window.
    #[serde(default)]
    pub(in super::super) older: u32,
    /// So many of a hundred are deleted within the window (of `steady` and `busy` ones).
    #[serde(default)]
    pub(in super::super) deleted_percent: u64,
    /// Seconds that a `short` one lives, least and most.
    #[serde(default = "an_hour_or_two")]
    pub(in super::super) lives_s: [i64; 2],
    /// They begin as one of these types (of volumes or shares), storage policies (of accounts) or storage classes (of buckets), and volumes are retyped
    /// among them; absent: all that there are.
    #[serde(default)]
    pub(in super::super) types: Vec<String>,
    /// GiB, least and most: at first; it grows from there. Absent: 10 to 100.
    pub(in super::super) size_gib: Option<[i64; 2]>,
    /// Requests to a bucket in an hour about noon, least and most: fewer by night. Absent: none but those that fill and empty it.
    pub(in super::super) requests_hour: Option<[i64; 2]>,
    /// The group of volumes (for snapshots and backups) or of servers (for images) that they are made from.
    pub(in super::super) of: Option<String>,
}

impl Project {
    /// Its things of a kind.
    pub(in super::super) fn stock(&self, kind: Kind) -> &[Stock] {
        match kind {
            Kind::Volume => &self.volumes,
            Kind::Snapshot => &self.snapshots,
            Kind::Backup => &self.backups,
            Kind::Image => &self.images,
            Kind::FloatingIp => &self.floating_ips,
            Kind::Port => &self.ports,
            Kind::Router => &self.routers,
            Kind::LoadBalancer => &self.load_balancers,
            Kind::Share => &self.shares,
            Kind::Account => &self.accounts,
            Kind::Bucket => &self.buckets,
        }
    }

    /// True if something in it is made from that group of volumes: such ones stay as and where they are.
    pub(in super::super) fn is_source(&self, volumes: &str) -> bool {
        let from = |s: &&Stock| s.of.as_deref() == Some(volumes);
        self.snapshots.iter().chain(&self.backups).any(|s| from(&s))
    }
}

impl Scenario {
    /// Types that things of a kind may have.
    pub(in super::super) fn types(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Volume => &self.volume_types,
            Kind::Share => &self.share_types,
            Kind::Account => &self.storage_policies,
            Kind::Bucket => &self.storage_classes,
            _ => &[],
        }
    }

    /// Storage policies that are not fit for the names of headers, where case means nothing.
    pub(super) fn odd_policies(&self) -> Vec<String> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let odd = |p: &&String| p.is_empty() || !p.chars().all(is_plain);
        let odd = self.storage_policies.iter().filter(odd);
        odd.map(|p| format!("storage policy `{p}`: only small letters, digits and hyphens"))
            .collect()
    }

    /// What contradicts itself in a project's things.
    pub(super) fn stock_contradictions(&self, p: &Project) -> Vec<String> {
        let mut wrong = Vec::new();
        for kind in Kind::ALL {
            let mut names = BTreeSet::new();
            for s in p.stock(kind) {
                let at = format!("{} {}/{}/{}", kind.key(), p.domain, p.name, s.name);
                if !names.insert(&s.name) {
                    wrong.push(format!("{at}: two groups have one name"));
                }
                wrong.extend(
                    self.of_group(kind, p, s)
                        .into_iter()
                        .map(|w| format!("{at}: {w}")),
                );
            }
        }
        if p.accounts.iter().map(|s| s.count).sum::<u32>() > 1 {
            wrong.push(format!(
                "project {}/{}: a project has one account at most",
                p.domain, p.name
            ));
        }
        wrong
    }

    fn of_group(&self, kind: Kind, p: &Project, s: &Stock) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        must(s.older <= s.count, "`older` is more than `count`");
        must(s.deleted_percent <= 100, "`deleted_percent` is beyond 100");
        must(
            (1..=s.lives_s[1]).contains(&s.lives_s[0]),
            "`lives_s` must be [least, most]",
        );
        let [least, most] = s.size_gib.unwrap_or([1, 1]);
        must(
            1 <= least && least <= most && most <= 1 << 20,
            "`size_gib` must be [least, most], from 1 to 1048576",
        );
        must(
            s.size_gib.is_none() || kind.has_size(),
            "`size_gib`: these have no size of their own",
        );
        let [least, most] = s.requests_hour.unwrap_or([0, 0]);
        must(
            0 <= least && least <= most && most <= 1 << 20,
            "`requests_hour` must be [least, most], from 0 to 1048576",
        );
        must(
            s.requests_hour.is_none() || kind == Kind::Bucket,
            "`requests_hour`: only buckets have them",
        );
        let typed = matches!(
            kind,
            Kind::Volume | Kind::Share | Kind::Account | Kind::Bucket
        );
        must(
            s.types.is_empty() || typed,
            "`types`: only volumes, shares, accounts and buckets have one",
        );
        let known = self.types(kind);
        must(
            !typed || !known.is_empty(),
            "the scenario names no `volume_types`, `share_types`, `storage_policies` or `storage_classes` for them",
        );
        if typed && let Some(t) = s.types.iter().find(|t| !known.contains(t)) {
            must(false, &format!("no such type: {t}"));
        }
        let source = match (kind, &s.of) {
            (Kind::Snapshot | Kind::Backup, None) => false,
            (Kind::Snapshot | Kind::Backup, Some(of)) => p.volumes.iter().any(|v| v.name == *of),
            (Kind::Image, Some(of)) => p.servers.iter().any(|g| g.name == *of),
            (_, of) => of.is_none(),
        };
        must(
            source,
            "`of` must name a group of volumes (for snapshots and backups) or of servers (for images) of this project, and is for these alone",
        );
        wrong
    }
}
