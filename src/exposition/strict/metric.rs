//! Which samples are of one metric and of one point of it, and in which order they may come.

use super::{Family, Problem, Verdict, point::Point};
use crate::exposition::{Kind, Labels, Part, Sample, Timestamp};
use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

/// A metric's own labels, by name; those without a value are not there.
type Key<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The metrics of the present family.
#[derive(Debug, Default)]
pub(super) struct Metrics<'a> {
    /// The present metric, and the point of it.
    current: Option<Key<'a>>,
    point: Point<'a>,
    /// Every metric of the family that was there.
    seen: HashSet<Key<'a>>,
    /// The same of an info, whose metrics may be in any order, with their last time.
    infos: HashMap<Key<'a>, Option<Timestamp<'a>>>,
    scratch: Key<'a>,
}

impl<'a> Metrics<'a> {
    /// One more sample of the family.
    pub(super) fn add(
        &mut self,
        family: &Family<'a>,
        part: Part,
        sample: &Sample<'a>,
    ) -> Verdict<'a> {
        let inner = inner_label(family, part);
        key(&mut self.scratch, sample.labels, inner);
        if family.kind() == Kind::Info {
            self.info(sample)?;
        } else if self.current.as_ref() == Some(&self.scratch) {
            self.same(family, sample)?;
        } else {
            self.other(family, sample)?;
        }
        self.point.add(family, part, sample)
    }

    /// The family ends.
    pub(super) fn end(&mut self, family: &Family<'a>) -> Result<(), Problem> {
        let ended = self
            .current
            .take()
            .map_or(Ok(()), |_| self.point.end(family));
        self.seen.clear();
        self.infos.clear();
        ended
    }

    fn info(&mut self, sample: &Sample<'a>) -> Verdict<'a> {
        let (key, time) = (std::mem::take(&mut self.scratch), sample.timestamp);
        self.current = Some(Key::new());
        self.point.begin(time);
        match self.infos.insert(key, time) {
            Some(before) => later(before, sample)?
                .then_some(())
                .ok_or_else(|| Problem::SampleTwice.with(sample.name)),
            None => Ok(()),
        }
    }

    /// The metric goes on: with the same point, or a later one.
    fn same(&mut self, family: &Family<'a>, sample: &Sample<'a>) -> Verdict<'a> {
        if later(self.point.timestamp, sample)? {
            self.point.end(family).map_err(Problem::above)?;
            self.point.begin(sample.timestamp);
        }
        Ok(())
    }

    fn other(&mut self, family: &Family<'a>, sample: &Sample<'a>) -> Verdict<'a> {
        if let Some(key) = self.current.take() {
            self.point.end(family).map_err(Problem::above)?;
            self.seen.insert(key);
        }
        if self.seen.contains(&self.scratch) {
            return Err(Problem::MetricTwice.with(sample.name));
        }
        self.current = Some(std::mem::take(&mut self.scratch));
        self.point.begin(sample.timestamp);
        Ok(())
    }
}

/// Whether a sample is later than the one before in its metric. Times never fall, and all or none have one.
fn later<'a>(before: Option<Timestamp<'a>>, sample: &Sample<'a>) -> Result<bool, super::Wrong<'a>> {
    match (before, sample.timestamp) {
        (None, None) => Ok(false),
        (Some(before), Some(now)) => match before.order(now) {
            Ordering::Less => Ok(true),
            Ordering::Equal => Ok(false),
            Ordering::Greater => Err(Problem::TimeBackwards.with(now.as_str())),
        },
        (_, now) => Err(Problem::SomeTimes.with(now.map_or(sample.name, Timestamp::as_str))),
    }
}

/// The label that says which of a metric's values a sample is, and so is not the metric's own.
pub(super) fn inner_label<'a>(family: &Family<'a>, part: Part) -> Option<&'a str> {
    match (family.kind(), part) {
        (Kind::StateSet, _) => Some(family.name),
        (Kind::Summary, Part::Value) => Some("quantile"),
        (_, Part::Bucket) => Some("le"),
        _ => None,
    }
}

fn key<'a>(into: &mut Key<'a>, labels: Labels<'a>, inner: Option<&str>) {
    into.clear();
    let own = labels.iter().filter(|l| Some(l.name) != inner);
    into.extend(
        own.map(|l| (l.name, l.value()))
            .filter(|(_, value)| !value.is_empty()),
    );
    into.sort_unstable();
}
