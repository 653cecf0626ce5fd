//! What of a pod is billed: what it asks for, what it uses, or the greater of both in each hour.
//!
//! Both are kept and shown by meters of their own; here they meet. Hours are those of UTC. Usage that was counted over a stretch is taken to have passed evenly in
//! it, by floored running sums, so that cutting it loses nothing. What is billed of an hour follows from facts alone, never from what is asked
//! for: two months that meet in an hour share it without a rest.

#[cfg(test)]
mod tests;

use super::measure::{Dealer, Moment, UNOBSERVED};
use crate::domain::{
    Life, Meter, Meters, Owner, Ts,
    meter::{Bills, Kind},
    ownership::Scopes,
};
use std::collections::BTreeMap;

const HOUR_S: i64 = 3_600;

/// A stretch of what is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Billed<'a> {
    pub(super) start: Ts,
    pub(super) end: Option<Ts>,
    pub(super) level: i64,
    pub(super) observed: bool,
    /// The value of the dimension `by`.
    pub(super) by: &'static str,
    pub(super) scope: &'a str,
    pub(super) scope_name: &'a str,
    pub(super) owner: &'a Owner,
}

impl Billed<'_> {
    /// The value of one of a meter's dimensions.
    pub(super) fn dimension(&self, name: &str) -> &'static str {
        if name == "by" { self.by } else { "" }
    }

    /// What may be priced apart.
    pub(super) fn dimensions(&self, meter: &Meter) -> BTreeMap<String, String> {
        let value = |d: &String| (d.clone(), self.dimension(d).to_owned());
        meter.dimensions.iter().map(value).collect()
    }
}

/// A stretch of one request, of one owner, in whole seconds; without a level nobody saw it.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    start: i64,
    end: i64,
    level: Option<i64>,
    scope: &'a str,
    scope_name: &'a str,
    owner: &'a Owner,
}

impl<'a> Part<'a> {
    /// Whose it is: an hour is shared by owner.
    fn whose(&self) -> (&'a str, &'a str, &'a str) {
        (self.owner.tenant(), self.owner.contract(), self.scope)
    }

    const fn within(self, start: i64, end: i64) -> Option<Self> {
        let part = Self {
            start: if self.start > start {
                self.start
            } else {
                start
            },
            end: if self.end < end { self.end } else { end },
            ..self
        };
        if part.start < part.end {
            Some(part)
        } else {
            None
        }
    }

    /// Level x seconds.
    fn quantity(&self) -> i128 {
        i128::from(self.level.unwrap_or(0)) * i128::from(self.end - self.start)
    }
}

/// What was used over a stretch, in whole seconds.
#[derive(Debug, Clone, Copy)]
struct Used {
    start: i64,
    end: i64,
    quantity: i128,
}

impl Used {
    /// What of it had passed by then.
    fn by(&self, t: i64) -> i128 {
        let passed = i128::from(t.clamp(self.start, self.end) - self.start);
        let whole = i128::from(self.end - self.start);
        match self.quantity.checked_mul(passed) {
            Some(product) => product / whole,
            None => self.quantity / whole * passed,
        }
    }
}

/// What is billed of a pod by a meter: sorted by start, without overlap.
pub(super) fn billed<'a>(
    (meter, how): (&Meter, Bills),
    life: &'a Life<'_>,
    moments: &'a [Moment<'a>],
    meters: &Meters,
    scopes: &'a Scopes,
) -> Vec<Billed<'a>> {
    let parts = parts(meter, life, moments, scopes);
    let mut out = Out(Vec::new());
    let used = match how {
        Bills::Request => Vec::new(),
        Bills::Usage | Bills::Greater => used(meter, life, meters),
    };
    let hour = |t: i64| t.div_euclid(HOUR_S) * HOUR_S;
    let Some((first, last)) = used.first().zip(used.iter().map(|u| u.end).max()) else {
        parts.iter().for_each(|p| out.without_usage(p, how));
        return out.0;
    };
    let (first, last) = (hour(first.start), hour(last - 1) + HOUR_S);
    let outside = |start, end| parts.iter().filter_map(move |p| p.within(start, end));
    outside(i64::MIN, first).for_each(|p| out.without_usage(&p, how));
    let (mut parts_from, mut used_from) = (0, 0);
    for start in (first..last).step_by(usize::try_from(HOUR_S).unwrap_or(1)) {
        let end = start + HOUR_S;
        // Both are sorted, and what is over before this hour is over for good.
        let over = |p: &&Part<'_>| p.end <= start;
        parts_from += parts[parts_from..].iter().take_while(over).count();
        let over = |u: &&Used| u.end <= start;
        used_from += used[used_from..].iter().take_while(over).count();
        let in_hour: Vec<Part<'_>> = parts[parts_from..]
            .iter()
            .take_while(|p| p.start < end)
            .filter_map(|p| p.within(start, end))
            .collect();
        let used: Vec<Used> = used[used_from..]
            .iter()
            .take_while(|u| u.start < end)
            .copied()
            .collect();
        out.hour(&in_hour, &used, how);
    }
    outside(last, i64::MAX).for_each(|p| out.without_usage(&p, how));
    out.0
}

/// What is requested, by owner.
fn parts<'a>(
    meter: &Meter,
    life: &'a Life<'_>,
    moments: &'a [Moment<'a>],
    scopes: &'a Scopes,
) -> Vec<Part<'a>> {
    let mut dealer = Dealer::new(&life.key.cloud, scopes);
    let mut parts = Vec::new();
    for m in moments {
        if m.state.is_some_and(|s| !meter.states.contains(&s.label)) {
            continue;
        }
        let requested = |levels: &BTreeMap<String, i64>| {
            let level = meter.level.as_ref().and_then(|l| levels.get(l));
            level.copied().unwrap_or(0)
        };
        let level = m.state.and(m.flavor).map(|f| requested(&f.levels));
        dealer.deal(m, |start, end, scope_name, owner| {
            let part = Part {
                start: start.second(),
                end: end.map_or(i64::MAX, Ts::second),
                level,
                scope: m.scope,
                scope_name,
                owner,
            };
            if part.start < part.end {
                parts.push(part);
            }
        });
    }
    parts
}

/// What was used and observed, by when it began.
fn used(meter: &Meter, life: &Life<'_>, meters: &Meters) -> Vec<Used> {
    let of = meter
        .billed
        .as_ref()
        .and_then(|b| meters.by_name.get(&b.usage));
    let Some(of) = of else {
        return Vec::new();
    };
    let observed = life.amounts.iter().filter(|a| a.gap.is_empty());
    let mut all: Vec<Used> = observed
        .filter_map(|a| {
            let (start, end) = (a.start.second(), a.end.second());
            let quantity = i128::from(*a.quantities.get(&of.name)?);
            let times = match of.kind {
                Kind::Amount => 1,
                Kind::Level => i128::from(end - start),
            };
            (start < end).then_some(Used {
                start,
                end,
                quantity: quantity * times,
            })
        })
        .collect();
    all.sort_by_key(|u| (u.start, u.end));
    all
}

struct Out<'a>(Vec<Billed<'a>>);

impl<'a> Out<'a> {
    /// An hour, each owner's part of it by itself.
    fn hour(&mut self, parts: &[Part<'a>], used: &[Used], how: Bills) {
        let of = |p: &Part<'_>| -> i128 { used.iter().map(|u| u.by(p.end) - u.by(p.start)).sum() };
        for part in parts {
            let theirs = || parts.iter().filter(|p| p.whose() == part.whose());
            let asked: i128 = theirs().map(Part::quantity).sum();
            let passed: i128 = theirs().filter(|p| p.level.is_some()).map(of).sum();
            let covered = |u: &Used| (u.end.min(part.end) - u.start.max(part.start)).max(0);
            let seen = used
                .iter()
                .map(covered)
                .sum::<i64>()
                .min(part.end - part.start);
            match how {
                _ if part.level.is_none() => self.without_usage(part, how),
                Bills::Usage => {
                    self.spread(part, of(part), seen);
                    self.put(part, (part.start + seen, part.end), 0, UNOBSERVED);
                }
                Bills::Greater if passed > asked => {
                    self.spread(part, of(part), part.end - part.start);
                }
                Bills::Greater | Bills::Request => self.without_usage(part, how),
            }
        }
    }

    /// Where nothing is known of usage, or what is requested counts.
    fn without_usage(&mut self, part: &Part<'a>, how: Bills) {
        let whole = (part.start, part.end);
        match (part.level, how) {
            (None, _) | (Some(_), Bills::Usage) => self.put(part, whole, 0, UNOBSERVED),
            (Some(0), _) => {}
            (Some(level), Bills::Request | Bills::Greater) => self.put(part, whole, level, REQUEST),
        }
    }

    /// A quantity of usage, as levels that come to it.
    fn spread(&mut self, part: &Part<'a>, quantity: i128, seconds: i64) {
        if seconds == 0 {
            return;
        }
        let level = quantity.div_euclid(seconds.into());
        let level = i64::try_from(level).unwrap_or(i64::MAX);
        let more = i64::try_from(quantity.rem_euclid(seconds.into())).unwrap_or(0);
        let (start, end) = (part.start, part.start + seconds);
        self.put(part, (start, start + more), level.saturating_add(1), USAGE);
        self.put(part, (start + more, end), level, USAGE);
    }

    fn put(&mut self, part: &Part<'a>, (start, end): (i64, i64), level: i64, by: &'static str) {
        if start >= end {
            return;
        }
        let next = Billed {
            start: Ts::from_second(start),
            end: (end < i64::MAX).then(|| Ts::from_second(end)),
            level,
            observed: by != UNOBSERVED,
            by,
            scope: part.scope,
            scope_name: part.scope_name,
            owner: part.owner,
        };
        match self.0.last_mut() {
            Some(last)
                if last.end == Some(next.start)
                    && *last
                        == (Billed {
                            start: last.start,
                            end: last.end,
                            ..next
                        }) =>
            {
                last.end = next.end;
            }
            _ => self.0.push(next),
        }
    }
}

/// Billed by what is requested.
const REQUEST: &str = "request";
/// Billed by what is used.
const USAGE: &str = "usage";
