//! Slices of a minute, and their sums.

use crate::domain::Ts;
use std::{collections::BTreeMap, ops::AddAssign};

/// Seconds of a slice.
pub const SLICE_S: i64 = 60;

/// The number of the slice that holds a time, from 1970 on.
#[must_use]
pub const fn number(t: Ts) -> i64 {
    t.second().div_euclid(SLICE_S)
}

/// What is known of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There were events.
    Measured,
    /// It was looked at, and there were none.
    Empty,
    /// Nobody looked.
    Gap,
}

/// One slice of one objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Which: see [`number`].
    pub number: i64,
    /// Good events.
    pub good: u64,
    /// Bad events.
    pub bad: u64,
    /// What is known of it.
    pub state: State,
}

/// Sums of slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Good events.
    pub good: u64,
    /// Bad events.
    pub bad: u64,
    /// Slices with events.
    pub measured: u64,
    /// Slices without.
    pub empty: u64,
    /// Slices nobody looked at.
    pub gap: u64,
}

impl Tally {
    /// All events.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.good + self.bad
    }

    /// Slices that are known.
    #[must_use]
    pub const fn covered(&self) -> u64 {
        self.measured + self.empty
    }

    /// Events to be expected in the gaps: as many a slice as in those that are known, rounded up; `None` where nothing is known.
    #[must_use]
    pub fn in_gaps(&self) -> Option<u64> {
        if self.gap == 0 {
            return Some(0);
        }
        let all = u128::from(self.events()) * u128::from(self.gap);
        all.checked_div(u128::from(self.covered()))?;
        u64::try_from(all.div_ceil(u128::from(self.covered()))).ok()
    }
}

impl AddAssign<&Slice> for Tally {
    fn add_assign(&mut self, s: &Slice) {
        self.good += s.good;
        self.bad += s.bad;
        match s.state {
            State::Measured => self.measured += 1,
            State::Empty => self.empty += 1,
            State::Gap => self.gap += 1,
        }
    }
}

/// Slices one after the other that hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The number of the first.
    pub from: i64,
    /// The number of the first after it.
    pub to: i64,
    /// Good events of each.
    pub good: u64,
    /// Bad events of each.
    pub bad: u64,
    /// What is known of each.
    pub state: State,
}

impl Run {
    const fn without_events(from: i64, to: i64, state: State) -> Self {
        Self {
            from,
            to,
            good: 0,
            bad: 0,
            state,
        }
    }

    /// One by one.
    pub fn slices(self) -> impl Iterator<Item = Slice> {
        (self.from..self.to).map(move |number| Slice {
            number,
            good: self.good,
            bad: self.bad,
            state: self.state,
        })
    }
}

/// Events of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The slice's number.
    pub number: i64,
    /// Good ones.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Count {
    /// One event.
    #[must_use]
    pub fn one((at, good): (Ts, bool)) -> Self {
        Self {
            number: number(at),
            good: good.into(),
            bad: (!good).into(),
        }
    }
}

/// All slices of `[from, to)` made of events, as runs. Before `settled` a slice without events is `unseen`: empty where somebody would have told of them, a gap
/// where somebody has to look. From there on all are gaps, for what happened there may not be known yet. Events outside are left out.
pub fn runs(
    events: impl IntoIterator<Item = Count>,
    (from, to): (Ts, Ts),
    settled: Ts,
    unseen: State,
) -> impl Iterator<Item = Run> {
    let (first, end) = (number(from), number(to));
    let known = number(settled).clamp(first, end.max(first));
    let mut counts: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for event in events {
        if (first..known).contains(&event.number) {
            let (good, bad) = counts.entry(event.number).or_default();
            *good += event.good;
            *bad += event.bad;
        }
    }
    let after = counts.last_key_value().map_or(first, |(last, _)| last + 1);
    let mut next = first;
    let measured = counts.into_iter().flat_map(move |(number, (good, bad))| {
        let before = Run::without_events(next, number, unseen);
        next = number + 1;
        let it = Run {
            from: number,
            to: next,
            good,
            bad,
            state: State::Measured,
        };
        [before, it]
    });
    measured
        .chain([
            Run::without_events(after, known, unseen),
            Run::without_events(known, end, State::Gap),
        ])
        .filter(|r| r.from < r.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_fall_into_their_minutes_and_what_is_not_settled_is_a_gap() {
        let t = Ts::from_second;
        let events = [
            (t(0), true),
            (t(59), false),
            (t(60), true),
            (t(200), true),
            (t(-1), true),
        ];
        let seen = |unseen| -> Vec<Slice> {
            let events = events.map(Count::one);
            let all = runs(events, (t(0), t(300)), t(239), unseen);
            all.flat_map(Run::slices).collect()
        };
        let got = seen(State::Empty);
        let is = |number, good, bad, state| Slice {
            number,
            good,
            bad,
            state,
        };
        assert_eq!(
            got,
            [
                is(0, 1, 1, State::Measured),
                is(1, 1, 0, State::Measured),
                is(2, 0, 0, State::Empty),
                is(3, 0, 0, State::Gap),
                is(4, 0, 0, State::Gap),
            ]
        );
        let probed = seen(State::Gap);
        assert_eq!(probed[2], is(2, 0, 0, State::Gap), "nobody looked");
        assert_eq!(
            (probed[..2].to_vec(), &probed[3..]),
            (got[..2].to_vec(), &got[3..])
        );
        let mut sum = Tally::default();
        got.iter().for_each(|s| sum += s);
        assert_eq!(
            (sum.events(), sum.covered(), sum.gap, sum.in_gaps()),
            (3, 3, 2, Some(2)),
            "one a slice"
        );
        assert_eq!(
            Tally {
                gap: 1,
                ..Tally::default()
            }
            .in_gaps(),
            None
        );
    }
}
