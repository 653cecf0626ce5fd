//! Sums over stretches of time: totals, started hours, peaks and service units. Cutting a stretch in two, or dealing them out in another order, changes
//! none of them.

use crate::domain::{bill::Stretch, money::Rational};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// What stretches come to inside a window: (level x seconds, seconds observed, seconds expected); `None` beyond 128 bits.
pub(super) fn total(stretches: &[Stretch], from: i64, to: i64) -> Option<(i128, i64, i64)> {
    let (mut quantity, mut observed, mut expected) = (0_i128, 0, 0);
    for s in stretches.iter().filter_map(|s| s.clipped(from, to)) {
        quantity = quantity.checked_add(s.quantity())?;
        expected += s.end - s.start;
        if s.observed {
            observed += s.end - s.start;
        }
    }
    Some((quantity, observed, expected))
}

/// The level over time of all stretches together: at each instant at which it changes, the level from there on.
fn levels(stretches: &[Stretch]) -> Vec<(i64, i128)> {
    let mut changes: BTreeMap<i64, i128> = BTreeMap::new();
    for s in stretches.iter().filter(|s| s.observed) {
        *changes.entry(s.start).or_default() += i128::from(s.level);
        *changes.entry(s.end).or_default() -= i128::from(s.level);
    }
    let mut level = 0;
    let steps = changes.into_iter().filter(|(_, change)| *change != 0);
    steps
        .map(|(t, change)| {
            level += change;
            (t, level)
        })
        .collect()
}

/// Level x seconds where every run of one level counts in multiples of `step` seconds.
pub(super) fn started(stretches: &[Stretch], step: i64) -> Option<i128> {
    let levels = levels(stretches);
    let mut sum = 0_i128;
    for pair in levels.windows(2) {
        let ((from, level), (to, _)) = (pair[0], pair[1]);
        let steps = (to - from + step - 1).div_euclid(step);
        sum = sum.checked_add(level.checked_mul(i128::from(steps.checked_mul(step)?))?)?;
    }
    Some(sum)
}

/// The highest level.
pub(super) fn peak(stretches: &[Stretch]) -> i128 {
    levels(stretches)
        .into_iter()
        .map(|(_, l)| l)
        .max()
        .unwrap_or(0)
}

/// Service unit seconds: the integral over time of the greatest of the levels, each over its base.
pub(super) fn greatest(parts: &[(Vec<Stretch>, &Rational)]) -> Rational {
    // One denominator for all, so that levels are compared and summed as integers.
    let common = parts
        .iter()
        .fold(BigInt::from(1), |d, (_, base)| d * base.numer());
    let mut changes: BTreeMap<i64, Vec<(usize, BigInt)>> = BTreeMap::new();
    for (i, (stretches, base)) in parts.iter().enumerate() {
        let factor = base.denom() * (&common / base.numer());
        for (t, level) in levels(stretches) {
            changes
                .entry(t)
                .or_default()
                .push((i, BigInt::from(level) * &factor));
        }
    }
    let mut now = vec![BigInt::from(0); parts.len()];
    let (mut sum, mut since) = (BigInt::from(0), 0);
    for (t, at) in changes {
        let greatest = now.iter().max().cloned().unwrap_or_default();
        sum += greatest * (t - since);
        since = t;
        for (i, level) in at {
            now[i] = level;
        }
    }
    Rational::new(sum, common)
}
