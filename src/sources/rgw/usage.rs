//! One hour of the usage log -> what was counted. Pure.
//!
//! Format: <https://docs.ceph.com/en/latest/radosgw/adminops/#get-usage>. Only an answer about one hour alone can be counted by: over several hours RGW
//! gives one row with the first hour's time, and without an end it counts users twice whose names sort low.

use super::scope::Scope;
use crate::domain::{Aspect, Evidence, Known, Ts, Value, fact::amount};
use crate::sources::run::Draft;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

/// Seconds of an hour.
pub(super) const HOUR_S: i64 = 3_600;

/// The hour that a time is in.
pub(super) fn hour_of(t: Ts) -> Ts {
    Ts::from_second(t.second().div_euclid(HOUR_S) * HOUR_S)
}

/// What a request does, by what RGW calls it in its log. Requests are priced by these:
///
/// - `read`: sends an object's bytes or tells of it. HEAD is logged as `get_obj` too.
/// - `write`: makes an object, a part of one, or a bucket. Each part of an upload is a `put_obj`; a copy is a `copy_obj`.
/// - `list`: goes through a bucket's index, or through a user's buckets.
/// - `delete`: removes objects, parts or a bucket. One `multi_object_delete` is one request, however many objects it names.
/// - `other`: all else: settings of buckets and objects (ACLs, policies, tags, lifecycles, versioning), questions about accounts, what we do not know.
pub(super) fn class_of(category: &str) -> &'static str {
    match category {
        "get_obj" | "get_obj_attrs" | "get_obj_layout" => "read",
        "put_obj" | "post_obj" | "copy_obj" | "init_multipart" | "complete_multipart"
        | "bulk_upload" | "create_bucket" | "restore_obj" => "write",
        "list_bucket" | "list_buckets" | "list_bucket_multiparts" | "list_multipart" => "list",
        "delete_obj"
        | "multi_object_delete"
        | "bulk_delete"
        | "abort_multipart"
        | "delete_bucket" => "delete",
        _ => "other",
    }
}

/// Which counter of one user's requests to a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counter {
    /// What RGW calls the requests.
    pub(super) category: String,
    /// The bucket's owner, where another one than the user: then the user pays for requests.
    pub(super) owner: Option<String>,
}

/// What a counter shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) requests: i64,
    pub(super) successful: i64,
    pub(super) bytes_in: i64,
    pub(super) bytes_out: i64,
}

impl Counts {
    const fn all(self) -> [i64; 4] {
        [
            self.requests,
            self.successful,
            self.bytes_in,
            self.bytes_out,
        ]
    }

    /// True where it shows less of anything: it has begun again.
    pub(super) fn is_below(self, other: Self) -> bool {
        self.all().iter().zip(other.all()).any(|(a, b)| *a < b)
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            requests: self.requests.checked_add(other.requests)?,
            successful: self.successful.checked_add(other.successful)?,
            bytes_in: self.bytes_in.checked_add(other.bytes_in)?,
            bytes_out: self.bytes_out.checked_add(other.bytes_out)?,
        })
    }
}

/// What one user's requests to a bucket came to in an hour.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    /// Sorted: a few of many kinds.
    pub(super) counters: Vec<(Counter, Counts)>,
    /// As sent.
    pub(super) raw: Cow<'a, str>,
    /// Why some of it could not be read.
    pub(super) fault: Option<String>,
}

/// One line of the answer: whose it is, and the line as sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Who pays.
    pub(super) user: Cow<'a, str>,
    /// The name of the bucket.
    pub(super) bucket: Cow<'a, str>,
    raw: &'a str,
}

/// What an hour's answer tells, and what of it could not be read: whose it is, and why.
///
/// Lines are taken apart one by one as they are asked for: there may be tens of thousands, and each takes several times its room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hour<'a> {
    /// Sorted by whose they are.
    lines: Vec<Line<'a>>,
    pub(super) faults: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    buckets: Vec<&'a RawValue>,
}

/// What has to be known of a line before it is counted.
#[derive(Deserialize)]
struct Of<'a> {
    #[serde(borrow)]
    bucket: Cow<'a, str>,
    epoch: i64,
}

#[derive(Deserialize)]
struct Bucket {
    #[serde(default)]
    owner: String,
    #[serde(default)]
    payer: String,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    category: String,
    bytes_sent: u64,
    bytes_received: u64,
    ops: u64,
    #[serde(default)]
    successful_ops: u64,
}

impl Category {
    fn counts(&self) -> Result<Counts, String> {
        let number = |n: u64| {
            i64::try_from(n).map_err(|_| format!("{} shows {n}, which cannot be", self.category))
        };
        Ok(Counts {
            requests: number(self.ops)?,
            successful: number(self.successful_ops)?,
            bytes_in: number(self.bytes_received)?,
            bytes_out: number(self.bytes_sent)?,
        })
    }
}

/// Reads the answer about one hour.
///
/// # Errors
/// When it is no such answer, or tells of another hour: then it is not an answer to what was asked.
pub(super) fn read(body: &[u8], hour: Ts) -> Result<Hour<'_>, String> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut read = Hour::default();
    for entry in answer.entries {
        for line in entry.buckets {
            let of: Of<'_> = match serde_json::from_str(line.get()) {
                Ok(of) => of,
                Err(e) => {
                    read.faults.push((entry.user.to_string(), e.to_string()));
                    continue;
                }
            };
            if of.epoch != hour.second() {
                return Err(format!(
                    "the hour of {hour} was asked for, and the answer has one of {}",
                    Ts(of.epoch.saturating_mul(1_000_000))
                ));
            }
            read.lines.push(Line {
                user: entry.user.clone(),
                bucket: of.bucket,
                raw: line.get(),
            });
        }
    }
    // In the answer's order where several are of the same: what is kept of them stays the same.
    read.lines.sort_by(|a, b| a.whose().cmp(&b.whose()));
    Ok(read)
}

impl<'a> Hour<'a> {
    /// Lines by whose they are. A user may be in several entries of an answer, where one page of RGW's own log ends: what those say adds up.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Line<'a>]> {
        self.lines.chunk_by(|a, b| a.whose() == b.whose())
    }
}

impl Line<'_> {
    fn whose(&self) -> (&str, &str) {
        (&self.user, &self.bucket)
    }
}

/// Adds up lines that are of the same user and bucket.
pub(super) fn count<'a>(lines: &[Line<'a>]) -> Counted<'a> {
    let mut counted = Counted::default();
    for line in lines {
        if let Err(why) = counted.add(line) {
            counted.fault.get_or_insert(why);
        }
    }
    counted
}

impl<'a> Counted<'a> {
    fn add(&mut self, line: &Line<'a>) -> Result<(), String> {
        if self.raw.is_empty() {
            self.raw = Cow::Borrowed(line.raw);
        } else {
            self.raw.to_mut().extend(["\n", line.raw]);
        }
        let bucket: Bucket = serde_json::from_str(line.raw).map_err(|e| e.to_string())?;
        let owner =
            (!bucket.payer.is_empty() && bucket.owner != line.user).then(|| bucket.owner.clone());
        for category in bucket.categories {
            let counts = category.counts()?;
            let counter = Counter {
                category: category.category,
                owner: owner.clone(),
            };
            let found = self.counters.binary_search_by(|(c, _)| c.cmp(&counter));
            let at = found.unwrap_or_else(|at| {
                self.counters.insert(at, (counter, Counts::default()));
                at
            });
            let (counter, shown) = &mut self.counters[at];
            *shown = shown
                .plus(counts)
                .ok_or_else(|| format!("{} does not fit 64 bits", counter.category))?;
        }
        Ok(())
    }
}

/// What a counter of an hour showed when the answer was made.
pub(super) fn draft(hour: Ts, seen: Ts, scope: &Scope, counter: &Counter, shown: Counts) -> Draft {
    let text = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let mut attrs = BTreeMap::from([
        text(amount::SCOPE, &scope.id),
        text("category", &counter.category),
        text("class", class_of(&counter.category)),
    ]);
    attrs.extend(scope.cloud.as_ref().map(|c| text(amount::CLOUD, c)));
    attrs.extend(counter.owner.as_ref().map(|o| text("bucket_owner", o)));
    let label = match &counter.owner {
        Some(owner) => format!("{} of {owner}", counter.category),
        None => counter.category.clone(),
    };
    let level = |k: &str, v: i64| (k.to_owned(), v);
    Draft {
        aspect: Aspect::Amount,
        evidence: Evidence::Sighting,
        at: hour.plus_seconds(HOUR_S),
        from: hour,
        seen,
        value: Value::Known(Known {
            label,
            levels: BTreeMap::from([
                level("object.requests", shown.requests),
                level("object.requests.successful", shown.successful),
                level("object.bytes_in", shown.bytes_in),
                level("object.bytes_out", shown.bytes_out),
            ]),
            attrs,
        }),
    }
}
