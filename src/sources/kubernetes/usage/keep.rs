//! Which readings of one kubelet are kept: of each pod's counters one in each stretch of a fixed grid, and those that tell of more. Pure.
//!
//! What a counter shows between two readings adds nothing to what passed between these. Kept beside the first of each stretch: the last before a counter
//! began anew and the first after, the last before a silence, and the last of a pod that is no longer shown. The stretches are those of UTC, so that two
//! collectors keep readings of the same ones.
//!
//! A kubelet's start time alone is no new beginning: a pod's sandbox may be made anew while its counters go on. Only a counter that shows less has begun
//! again.
//!
//! # Memory usage
//! About 250 bytes a pod.

use super::super::directory::Pod;
use crate::domain::Ts;
use std::collections::{HashMap, HashSet};

/// What a kubelet tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    /// CPU time in nanoseconds.
    Cpu,
    /// The working set in bytes: a gauge.
    Memory,
    /// Bytes received and sent.
    Network,
}

impl Of {
    pub(super) const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Network];
}

/// What one of them showed at its own time. What tells one figure alone has 0 for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) at: Ts,
    pub(super) values: [i64; 2],
}

/// What a kubelet tells of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Absent where the page does not tell it.
    pub(super) uid: Option<String>,
    /// When its sandbox was made, where that is told.
    pub(super) since: Option<Ts>,
    /// In the order of [`Of::ALL`].
    pub(super) points: [Option<Point>; 3],
}

/// A reading that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) pod: String,
    pub(super) namespace: String,
    pub(super) of: Of,
    pub(super) point: Point,
    /// Since when it counts, where that is known.
    pub(super) from: Option<Ts>,
    /// It is known to have begun at `from`, while its kubelet was read.
    pub(super) born: bool,
}

/// For how long, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// One reading is kept in each such stretch.
    pub(super) keep: i64,
    /// A gauge's value holds.
    pub(super) holds: i64,
}

/// What is known of the pods of one node.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    pods: HashMap<Box<str>, Entry>,
    /// Pods that began while they were watched for, and that the API has not told of yet.
    strangers: HashSet<(String, String)>,
    /// Counts pages.
    page: u32,
    /// When the last page was made.
    watched: Option<Ts>,
}

#[derive(Debug)]
struct Entry {
    namespace: Box<str>,
    page: u32,
    series: [Option<Series>; 3],
}

#[derive(Debug, Clone, Copy)]
struct Series {
    last: Point,
    /// When the last one was that is kept.
    kept: Ts,
}

impl Entry {
    /// Last readings that are not kept yet.
    fn unkept(&mut self, pod: &str) -> Vec<Kept> {
        let mut out = Vec::new();
        for (of, series) in Of::ALL.into_iter().zip(&mut self.series) {
            if let Some(series) = series
                && series.kept != series.last.at
            {
                series.kept = series.last.at;
                out.push(Kept {
                    pod: pod.to_owned(),
                    namespace: self.namespace.to_string(),
                    of,
                    point: series.last,
                    from: None,
                    born: false,
                });
            }
        }
        out
    }
}

impl Keeper {
    /// Takes in a page that was made at `date`, and gives what is to be kept of it. `find` tells the pod of a namespace and a name.
    pub(super) fn page(
        &mut self,
        samples: Vec<Sample>,
        date: Ts,
        rule: Rule,
        find: impl Fn(&str, &str) -> Option<Pod>,
    ) -> Vec<Kept> {
        self.page += 1;
        let mut kept = Vec::new();
        let mut strangers = HashSet::new();
        for sample in samples {
            let began = |t: &Ts| self.watched.is_some_and(|w| *t > w);
            let born = sample.since.as_ref().is_some_and(began);
            let known = find(&sample.namespace, &sample.name)
                .filter(|pod| sample.uid.as_deref().is_none_or(|uid| pod.is(uid)));
            let place = (sample.namespace.clone(), sample.name.clone());
            let Some(pod) = known else {
                if born || self.strangers.contains(&place) {
                    strangers.insert(place);
                }
                continue;
            };
            let born = born || self.strangers.contains(&place);
            self.take(&pod, &sample, born, rule, &mut kept);
        }
        self.strangers = strangers;
        let page = self.page;
        self.pods.retain(|id, entry| {
            let there = entry.page == page;
            if !there {
                kept.extend(entry.unkept(id));
            }
            there
        });
        self.watched = Some(date);
        kept.sort_by(|a, b| (&a.pod, a.of, a.point.at).cmp(&(&b.pod, b.of, b.point.at)));
        kept
    }

    /// The page could not be read: what was read last may have been the last.
    pub(super) fn lost(&mut self) -> Vec<Kept> {
        let mut kept: Vec<Kept> = self
            .pods
            .iter_mut()
            .flat_map(|(id, entry)| entry.unkept(id))
            .collect();
        kept.sort_by(|a, b| (&a.pod, a.of).cmp(&(&b.pod, b.of)));
        kept
    }

    fn take(&mut self, pod: &Pod, sample: &Sample, born: bool, rule: Rule, out: &mut Vec<Kept>) {
        let entry = self.pods.entry(pod.id.clone()).or_insert_with(|| Entry {
            namespace: sample.namespace.as_str().into(),
            page: 0,
            series: [None; 3],
        });
        entry.page = self.page;
        for (i, (of, point)) in Of::ALL.into_iter().zip(sample.points).enumerate() {
            let Some(point) = point.filter(|_| of != Of::Network || !pod.on_host_network) else {
                continue;
            };
            let keep = |from: Option<Ts>, born: bool| Kept {
                pod: pod.id.to_string(),
                namespace: sample.namespace.clone(),
                of,
                point,
                from: from.filter(|f| of != Of::Memory && *f < point.at),
                born: born && of != Of::Memory,
            };
            let Some(mut series) = entry.series[i] else {
                let since = sample.since.filter(|_| born);
                out.push(keep(since, since.is_some_and(|s| s < point.at)));
                entry.series[i] = Some(Series {
                    last: point,
                    kept: point.at,
                });
                continue;
            };
            let (before, now) = (series.last.at.second(), point.at.second());
            if now <= before {
                continue;
            }
            let fell = || (0..2).any(|k| point.values[k] < series.last.values[k]);
            let is_break = match of {
                Of::Memory => now - before > rule.holds,
                Of::Cpu | Of::Network => fell(),
            };
            let slot = |t: Ts| t.second().div_euclid(rule.keep);
            if is_break && series.kept != series.last.at {
                out.push(Kept {
                    point: series.last,
                    from: None,
                    ..keep(None, false)
                });
            }
            if is_break || slot(point.at) != slot(series.kept) {
                let again = sample.since.filter(|s| is_break && s.second() > before);
                out.push(keep(again, false));
                series.kept = point.at;
            }
            series.last = point;
            entry.series[i] = Some(series);
        }
    }
}
