//! What is said of a period: attained, budget, and between which bounds it lies where nobody looked.

use super::{
    definition::Exclusion,
    slice::{SLICE_S, Slice, Tally},
    target::Target,
};
use crate::domain::Ts;
use std::collections::BTreeMap;

/// A share of events between two bounds: `low.0 / low.1` to `high.0 / high.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// If all events expected in the gaps were bad: `G / (n + N)`.
    pub low: (u64, u64),
    /// If all of them were good: `(G + N) / (n + N)`.
    pub high: (u64, u64),
}

/// The figure of one sum of slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// The sum.
    pub tally: Tally,
    /// The target.
    pub target: Target,
}

impl Figure {
    /// Good events of all, as measured; `None` without events.
    #[must_use]
    pub fn attained(&self) -> Option<(u64, u64)> {
        (self.tally.events() > 0).then_some((self.tally.good, self.tally.events()))
    }

    /// Between which bounds the truth lies; both are what was attained where there is no gap. `None` where nothing is known.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let unseen = self.tally.in_gaps()?;
        let all = self.tally.events() + unseen;
        (all > 0).then_some(Bounds {
            low: (self.tally.good, all),
            high: (self.tally.good + unseen, all),
        })
    }

    /// What remains of the budget, as a fraction of it; negative when overdrawn.
    #[must_use]
    pub fn remaining(&self) -> Option<(i128, i128)> {
        self.target.remaining(self.tally.bad, self.tally.events())
    }

    /// Whether the promise was kept: `None` while the bounds lie on both sides of the target.
    #[must_use]
    pub fn kept(&self) -> Option<bool> {
        let (good, of) = self.target.parts();
        let reaches =
            |(g, n): (u64, u64)| u128::from(g) * u128::from(of) >= u128::from(good) * u128::from(n);
        match self.bounds() {
            // Nothing was asked for, so nothing was refused.
            None => (self.tally.gap == 0).then_some(true),
            Some(b) => (reaches(b.low) == reaches(b.high)).then(|| reaches(b.low)),
        }
    }
}

/// A period of one objective and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Without what was excluded.
    pub figure: Figure,
    /// With it: as if nothing had been.
    pub with_excluded: Figure,
    /// The exclusions that took something out.
    pub exclusions: Vec<Exclusion>,
    /// Sums by generation of the indicator, where it changed: they are counts of different things.
    pub generations: BTreeMap<String, Tally>,
}

/// Sums up slices, each with the generation it was counted by. `exclusions` are those of the objective. A slice is excluded if it begins within one.
pub fn statement<'g>(
    target: Target,
    slices: impl IntoIterator<Item = (Slice, &'g str)>,
    exclusions: &[Exclusion],
) -> Statement {
    let (mut net, mut gross) = (Tally::default(), Tally::default());
    let mut generations: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut used = vec![false; exclusions.len()];
    for (slice, generation) in slices {
        gross += &slice;
        *generations.entry(generation).or_default() += &slice;
        let begins = Ts::from_second(slice.number * SLICE_S);
        let mut excluded = false;
        for (i, _) in exclusions
            .iter()
            .enumerate()
            .filter(|(_, e)| e.covers(begins))
        {
            (used[i], excluded) = (true, true);
        }
        if !excluded {
            net += &slice;
        }
    }
    let named = exclusions.iter().zip(used).filter(|(_, used)| *used);
    Statement {
        figure: Figure { tally: net, target },
        with_excluded: Figure {
            tally: gross,
            target,
        },
        exclusions: named.map(|(e, _)| e.clone()).collect(),
        generations: generations
            .into_iter()
            .map(|(g, t)| (g.to_owned(), t))
            .collect(),
    }
}
