//! One objective of one tenant over time: its windows, and which of its alerts fire.

use super::{
    alert::{Alarm, Alpha, Evidence, Pair, Reading, judge},
    definition::Slo,
    rings::{Rings, Span},
    slice::{Run, SLICE_S, Slice, State},
    target::Target,
};
use crate::domain::Ts;

/// Windows and alerts of one objective and tenant. What it says after a slice follows from the slices alone, so that two which were shown the same say the
/// same, whenever they began to look.
#[derive(Debug)]
pub struct Watch {
    target: Target,
    alpha: Alpha,
    pairs: Vec<Pair>,
    /// Of each pair the long window and the short one, then the budget's.
    rings: Rings,
    /// Of each pair, and the end of the slice with which it last began to fire.
    alarms: Vec<(Alarm, Ts)>,
}

/// An alert that fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burn {
    /// Which windows.
    pub pair: Pair,
    /// The end of the slice with which it began.
    pub from: Ts,
    /// Why, as of the latest slice.
    pub evidence: Evidence,
}

impl Watch {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(slo: &Slo, target: Target) -> Self {
        let window_s = slo.window.nominal_s();
        let pairs = Pair::of(window_s, target);
        let windows = pairs
            .iter()
            .flat_map(|p| [p.long_s, p.short_s])
            .chain([window_s]);
        let spans: Vec<Span> = windows.map(Span::seconds).collect();
        Self {
            target,
            alpha: slo.alpha,
            rings: Rings::new(&spans),
            alarms: vec![(Alarm::default(), Ts::MIN); pairs.len()],
            pairs,
        }
    }

    /// The pairs it is alerted by.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The next slice. Returns the pairs, by their place, that began or ended to fire with it.
    pub fn step(&mut self, slice: &Slice) -> Vec<usize> {
        if slice.state == State::Gap {
            self.rings.gap(slice.number);
        } else {
            self.rings.push(slice.number, slice.good, slice.bad);
        }
        let ends = Ts::from_second((slice.number + 1) * SLICE_S);
        let mut changed = Vec::new();
        for (i, (pair, (alarm, from))) in self.pairs.iter().zip(&mut self.alarms).enumerate() {
            let short = self.rings.reading(2 * i + 1);
            // As in most slices: nothing can begin, and nothing is there to end.
            if short.bad == 0 && !alarm.firing {
                continue;
            }
            let long = self.rings.reading(2 * i);
            if alarm.step(judge(self.target, pair, self.alpha, &long, &short)) {
                changed.push(i);
                if alarm.firing {
                    *from = ends;
                }
            }
        }
        changed
    }

    /// The next slices. As long as nothing can begin or end with one that is empty, they are taken at once.
    pub fn take(&mut self, run: &Run) {
        let mut slices = run.slices();
        while run.state != State::Empty || !self.is_still() {
            let Some(slice) = slices.next() else {
                return;
            };
            self.step(&slice);
        }
        if let Some(next) = slices.next() {
            self.rings.empty(next.number, run.to - 1);
        }
    }

    /// True if no alert fires, and none has a bad event in its short window.
    fn is_still(&self) -> bool {
        let mut all = self.alarms.iter().enumerate();
        all.all(|(i, (alarm, _))| !alarm.firing && self.rings.reading(2 * i + 1).bad == 0)
    }

    /// What fires now of a pair, by its place.
    #[must_use]
    pub fn burn(&self, place: usize) -> Option<Burn> {
        let (alarm, from) = self.alarms.get(place)?;
        let (pair, long) = (*self.pairs.get(place)?, self.rings.reading(2 * place));
        alarm.firing.then(|| Burn {
            pair,
            from: *from,
            evidence: Evidence::of(self.target, &pair, long, &self.budget()),
        })
    }

    /// All that fires now.
    pub fn burning(&self) -> impl Iterator<Item = Burn> {
        (0..self.pairs.len()).filter_map(|place| self.burn(place))
    }

    fn budget(&self) -> Reading {
        self.rings.reading(2 * self.pairs.len())
    }
}
