//! Requests to buckets: made up hour by hour, each by dice of its own; and what a gateway has written down of them.
//!
//! What it writes down, and when, is as measured on real gateways: a log by the hour of the request's end, written every half minute, that grows in place, that a
//! trim empties and that a kill leaves short.

use super::{
    dice::Dice,
    scenario::{Trouble, stock::Kind},
    stock::{Shown, Thing},
    world::World,
};
use std::collections::BTreeMap;

/// Seconds of an hour.
pub(super) const HOUR_S: i64 = 3_600;
/// A gateway writes its log down so often, that many seconds after a full minute or half of one.
const TICK_S: i64 = 30;
const TICK_AT_S: i64 = 7;
/// Of a hundred requests at the busiest, so many at each hour of the day (UTC).
const OF_DAY: [i64; 24] = [
    4, 3, 2, 2, 4, 10, 30, 60, 90, 100, 100, 95, 85, 95, 90, 75, 60, 50, 45, 50, 40, 25, 12, 6,
];

/// Requests of one kind that ended in one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) at: i64,
    /// Index of the project that owned the bucket then.
    pub(super) project: usize,
    /// The bucket as it is logged: `-` where the request named one that could not be had.
    pub(super) bucket: String,
    /// What RGW calls such requests.
    pub(super) category: &'static str,
    pub(super) counts: Counts,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) requests: i64,
    pub(super) successful: i64,
    pub(super) bytes_in: i64,
    pub(super) bytes_out: i64,
}

impl Counts {
    fn all(requests: i64) -> Self {
        Self {
            requests,
            successful: requests,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.successful += other.successful;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

/// By user, bucket and category: what the log shows of an hour.
pub(super) type Logged = BTreeMap<(String, String), BTreeMap<&'static str, Counts>>;

/// The class of requests that a meter tells apart.
pub(super) fn class(category: &str) -> &'static str {
    match category {
        "get_obj" => "read",
        "put_obj" | "create_bucket" => "write",
        "list_bucket" => "list",
        "multi_object_delete" | "delete_bucket" => "delete",
        _ => "other",
    }
}

/// The hour that a second is in.
pub(super) const fn hour_of(t: i64) -> i64 {
    t.div_euclid(HOUR_S) * HOUR_S
}

/// When a gateway writes down what ended at `t`.
const fn written(t: i64) -> i64 {
    ((t - TICK_AT_S).div_euclid(TICK_S) + 1) * TICK_S + TICK_AT_S
}

impl World {
    /// Name of the source that its object gateways stand for.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("{}-rgw", self.cloud)
    }

    /// True if anybody ever has a bucket in it.
    #[must_use]
    pub fn has_buckets(&self) -> bool {
        self.buckets().next().is_some()
    }

    /// All that ever live.
    pub(super) fn buckets(&self) -> impl Iterator<Item = &Thing> {
        self.stock.all().iter().filter(|x| x.kind == Kind::Bucket)
    }

    /// Its name, which no other has: that of its first owner is in it.
    pub(super) fn bucket_name(&self, bucket: &Thing) -> String {
        let first = &self.projects[bucket.records[0].project];
        let domain = self.domains.iter().find(|d| d.id == first.domain_id);
        let domain = domain.map_or("", |d| d.name.as_str());
        format!("{domain}-{}-{}", first.name, bucket.name).to_lowercase()
    }

    /// Requests to a bucket that ended in an hour, whether or not they were written down.
    pub(super) fn bursts(&self, bucket: &Thing, hour: i64) -> Vec<Burst> {
        let mut all = self.of_records(bucket, hour);
        let [least, most] = bucket.requests_hour;
        if most > 0 {
            let mut dice = Dice::new(self.seed, &["requests", &bucket.id, &hour.to_string()]);
            let of_day = usize::try_from(hour.div_euclid(HOUR_S).rem_euclid(24)).unwrap_or(0);
            let mut left = dice.between(least, most) * OF_DAY[of_day] / 100;
            while left > 0 {
                let requests = dice.between(1, left);
                left -= requests;
                let at = dice.between(hour, hour + HOUR_S - 1);
                all.push((at, used(&mut dice, requests)));
            }
        }
        let name = self.bucket_name(bucket);
        let lives = |at: i64| {
            let begun = bucket.records.partition_point(|r| r.at <= at);
            bucket.records[..begun]
                .last()
                .filter(|r| r.state != "deleted" || r.at == at)
        };
        let within = |(at, (category, counts)): (i64, (&'static str, Counts))| {
            let record = lives(at).filter(|_| (self.start..self.end).contains(&at))?;
            let missed = category == "get_obj" && counts.successful == 0;
            Some(Burst {
                at,
                project: record.project,
                bucket: if missed { "-".to_owned() } else { name.clone() },
                category,
                counts,
            })
        };
        all.into_iter().filter_map(within).collect()
    }

    /// What made, filled, emptied and deleted it in an hour.
    fn of_records(&self, bucket: &Thing, hour: i64) -> Vec<(i64, (&'static str, Counts))> {
        let mut all = Vec::new();
        let mut before: Option<&Shown> = None;
        for r in &bucket.records {
            if hour_of(r.at) == hour {
                let (bytes, objects) = before.map_or((r.size, r.objects), |b| {
                    (r.size - b.size, r.objects - b.objects)
                });
                if before.is_none() {
                    all.push((r.at, ("create_bucket", Counts::all(1))));
                }
                if r.state == "deleted" {
                    all.push((
                        r.at,
                        ("multi_object_delete", Counts::all(r.objects / 1_000 + 1)),
                    ));
                    all.push((r.at, ("delete_bucket", Counts::all(1))));
                }
                if bytes > 0 {
                    let put = Counts::all(objects.max(1));
                    all.push((
                        r.at,
                        (
                            "put_obj",
                            Counts {
                                bytes_in: bytes,
                                ..put
                            },
                        ),
                    ));
                } else if bytes < 0 || objects < 0 {
                    all.push((r.at, ("multi_object_delete", Counts::all(1))));
                }
            }
            before = Some(r);
        }
        all
    }

    /// What the log shows at the second `t` of an hour.
    pub(super) fn logged(&self, hour: i64, t: i64) -> Logged {
        let befell = |what: fn(&Trouble) -> bool| -> Vec<i64> {
            let of = self.faults.iter().filter(|f| what(&f.what));
            of.map(|f| f.from.second(self.start))
                .filter(|at| *at <= t)
                .collect()
        };
        let kills = befell(|f| matches!(f, Trouble::Killed));
        let trimmed = befell(|f| matches!(f, Trouble::Trimmed)).into_iter().max();
        let is_shown = |b: &Burst| {
            let written = written(b.at);
            let lost = kills.iter().any(|k| (b.at..written).contains(k));
            written <= t && !lost && trimmed.is_none_or(|m| m < written)
        };
        let mut logged = Logged::new();
        for bucket in self.buckets() {
            for burst in self.bursts(bucket, hour).into_iter().filter(is_shown) {
                let user = self.projects[burst.project].id.clone();
                let of = logged.entry((user, burst.bucket)).or_default();
                of.entry(burst.category).or_default().add(burst.counts);
            }
        }
        logged
    }

    /// How often gateways were killed by `t`.
    pub(super) fn kills(&self, t: i64) -> usize {
        let killed = |f: &&super::scenario::Fault| {
            matches!(f.what, Trouble::Killed) && f.from.second(self.start) <= t
        };
        self.faults.iter().filter(killed).count()
    }
}

/// What users do with a bucket: they read, write anew what is there, look through it, and ask for what is not there.
fn used(dice: &mut Dice, requests: i64) -> (&'static str, Counts) {
    let all = Counts::all(requests);
    match dice.below(100) {
        0..60 => {
            let bytes_out = requests * dice.between(1_000, 4_000_000);
            let successful = requests - dice.between(0, requests / 50);
            let counts = Counts {
                successful,
                bytes_out,
                ..all
            };
            ("get_obj", counts)
        }
        60..80 => {
            let bytes_in = requests * dice.between(1_000, 8_000_000);
            ("put_obj", Counts { bytes_in, ..all })
        }
        80..90 => {
            let bytes_out = requests * dice.between(200, 200_000);
            ("list_bucket", Counts { bytes_out, ..all })
        }
        // HEAD is logged so, too.
        90..95 => ("get_obj", all),
        95..98 => (
            "get_acls",
            Counts {
                bytes_out: requests * 500,
                ..all
            },
        ),
        _ => {
            let counts = Counts {
                successful: 0,
                bytes_out: requests * 230,
                ..all
            };
            ("get_obj", counts)
        }
    }
}
