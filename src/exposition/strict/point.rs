//! One point of a metric: the samples that are one value of it at one time.

use super::{
    Family, Problem, Verdict, Wrong,
    metric::inner_label,
    values::{bound, checked, quantile},
};
use crate::exposition::{Exemplar, Kind, Label, Lexeme, Part, Sample, Timestamp};
use std::{borrow::Cow, cmp::Ordering};

/// Most characters of an exemplar's label names and values together.
const EXEMPLAR_MAX: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Point<'a> {
    pub(super) timestamp: Option<Timestamp<'a>>,
    /// The parts that were there once and may not be again.
    parts: Vec<Part>,
    /// The states or quantiles that were there.
    inner: Vec<Cow<'a, str>>,
    /// Bound and value of the last bucket.
    bucket: Option<(Lexeme<'a>, Lexeme<'a>)>,
    /// A bucket's bound is below zero.
    negative: bool,
    count: Option<Lexeme<'a>>,
    sum: Option<Lexeme<'a>>,
}

impl<'a> Point<'a> {
    pub(super) fn begin(&mut self, timestamp: Option<Timestamp<'a>>) {
        let (mut parts, mut inner) = (
            std::mem::take(&mut self.parts),
            std::mem::take(&mut self.inner),
        );
        parts.clear();
        inner.clear();
        *self = Self {
            timestamp,
            parts,
            inner,
            ..Self::default()
        };
    }

    pub(super) fn add(
        &mut self,
        family: &Family<'a>,
        part: Part,
        sample: &Sample<'a>,
    ) -> Verdict<'a> {
        checked(family.kind(), part, sample.value)?;
        let reserved = reserved_label(family.kind());
        let inner = match inner_label(family, part) {
            Some(name) => Some(inner(name, sample)?),
            None => None,
        };
        if inner.is_none()
            && let Some(label) = sample.labels.iter().find(|l| Some(l.name) == reserved)
        {
            return Err(Problem::LabelReserved(label.name.to_owned()).with(label.name));
        }
        match (part, inner) {
            (Part::Bucket, Some(le)) => self.bucket(le, sample)?,
            (_, Some(label)) => self.inner(family.kind(), label)?,
            (_, None) if self.parts.contains(&part) => {
                return Err(Problem::SampleTwice.with(sample.name));
            }
            (_, None) => self.parts.push(part),
        }
        match part {
            Part::Count | Part::GaugeCount => self.count = Some(sample.value),
            Part::Sum | Part::GaugeSum => self.sum = Some(sample.value),
            _ => {}
        }
        sample
            .exemplar
            .as_ref()
            .map_or(Ok(()), |e| self.exemplar(part, e))
    }

    /// A state or a quantile.
    fn inner(&mut self, kind: Kind, label: Label<'a>) -> Verdict<'a> {
        let again = if kind == Kind::Summary {
            let this = quantile(label)?;
            let same = |before: &Cow<'_, str>| {
                Lexeme::parse(before).and_then(|b| b.order(this)) == Some(Ordering::Equal)
            };
            self.inner.iter().any(same)
        } else {
            self.inner.contains(&label.value())
        };
        if again {
            return Err(Problem::SampleTwice.with(label.raw_value()));
        }
        self.inner.push(label.value());
        Ok(())
    }

    fn bucket(&mut self, le: Label<'a>, sample: &Sample<'a>) -> Verdict<'a> {
        let this = bound(le)?;
        if let Some((before, held)) = self.bucket {
            if before.order(this) != Some(Ordering::Less) {
                return Err(Problem::BoundOrder.with(le.raw_value()));
            }
            if held.order(sample.value) == Some(Ordering::Greater) {
                return Err(Problem::BucketShrinks.with(sample.value.as_str()));
            }
        }
        self.negative |= this.order(Lexeme::of("0")) == Some(Ordering::Less);
        self.bucket = Some((this, sample.value));
        Ok(())
    }

    fn exemplar(&self, part: Part, exemplar: &Exemplar<'a>) -> Verdict<'a> {
        let at = exemplar.value.as_str();
        if !matches!(part, Part::Total | Part::Bucket) {
            return Err(Problem::ExemplarPlace.with(at));
        }
        super::values::in_range(exemplar.value)?;
        let long: usize = exemplar
            .labels
            .iter()
            .map(|l| l.name.chars().count() + l.value().chars().count())
            .sum();
        if long > EXEMPLAR_MAX {
            return Err(Problem::ExemplarLong(long).with(at));
        }
        let held = |(bound, _): (Lexeme<'a>, _)| {
            matches!(
                exemplar.value.order(bound),
                Some(Ordering::Less | Ordering::Equal)
            )
        };
        if part == Part::Bucket && !self.bucket.is_some_and(held) {
            return Err(Problem::ExemplarBound.with(at));
        }
        Ok(())
    }

    /// The point ends: it is complete.
    pub(super) fn end(&self, family: &Family<'a>) -> Result<(), Problem> {
        let lacks = |what| {
            Err(Problem::Incomplete {
                family: family.name.to_owned(),
                what,
            })
        };
        match family.kind() {
            Kind::Counter if !self.parts.contains(&Part::Total) => lacks("`_total` is missing"),
            Kind::Histogram | Kind::GaugeHistogram => {
                let Some((_, all)) = self.bucket.filter(|(bound, _)| bound.infinite() == 1) else {
                    return lacks("the bucket `le=\"+Inf\"` is missing");
                };
                self.counted(family, all)
            }
            _ => Ok(()),
        }
    }

    /// Count and sum beside the bucket that holds all.
    fn counted(&self, family: &Family<'a>, all: Lexeme<'a>) -> Result<(), Problem> {
        let lacks = |what| {
            Err(Problem::Incomplete {
                family: family.name.to_owned(),
                what,
            })
        };
        let gauge = family.kind() == Kind::GaugeHistogram;
        let below_zero = |sum: Lexeme<'a>| sum.order(Lexeme::of("0")) == Some(Ordering::Less);
        match (self.count, self.sum) {
            (Some(count), _) if count.order(all) != Some(Ordering::Equal) => {
                let (count, bucket) = (count.to_string(), all.to_string());
                Err(Problem::CountDiffers { count, bucket })
            }
            (Some(_), None) => lacks("a count is there without a sum: give both, or none"),
            (None, Some(_)) => lacks("a sum is there without a count: give both, or none"),
            (_, Some(_)) if self.negative && !gauge => lacks(
                "a bucket's bound is below zero, and then there can be no `_sum` and no `_count`",
            ),
            (_, Some(sum)) if !self.negative && below_zero(sum) => {
                lacks("`_gsum` is below zero, but no bucket's bound is")
            }
            _ => Ok(()),
        }
    }
}

fn inner<'a>(name: &str, sample: &Sample<'a>) -> Result<Label<'a>, Wrong<'a>> {
    let label = sample.labels.iter().find(|l| l.name == name);
    label.ok_or_else(|| Problem::LabelMissing(name.to_owned()).with(sample.name))
}

/// The label that a type keeps for its values.
const fn reserved_label(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Histogram | Kind::GaugeHistogram => Some("le"),
        Kind::Summary => Some("quantile"),
        _ => None,
    }
}
