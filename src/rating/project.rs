//! A running month as it will be if nothing changes: what runs goes on to the month's end.

use crate::domain::{
    Period,
    bill::{Metered, Stretch},
};

/// Usage of the whole month, as things stand at the usage's as-of. What a level had, it keeps; of an amount, the rest of the month takes as much a second as
/// its beginning did (floored). Gaps stay gaps. A month that is over is what it is.
#[must_use]
pub fn projected(metered: &Metered, period: &Period) -> Metered {
    let now = metered.usage.as_of.second();
    let (from, to) = (period.from.second(), period.to.second());
    let mut metered = metered.clone();
    if now >= to || now <= from {
        return metered;
    }
    for (row, stretches) in metered.usage.rows.iter_mut().zip(&mut metered.stretches) {
        if stretches.is_empty() {
            let (elapsed, month) = (i128::from(now - from), i128::from(to - from));
            row.quantity = row
                .quantity
                .checked_mul(month)
                .map_or(row.quantity, |q| q.div_euclid(elapsed));
            continue;
        }
        stretches.retain(|s| s.observed || s.lasts_to < to);
        for s in stretches.iter_mut().filter(|s| s.observed) {
            s.end = s.lasts_to;
        }
        row.quantity = stretches.iter().map(Stretch::quantity).sum();
        row.expected_s = stretches.iter().map(|s| s.end - s.start).sum();
        row.observed_s = stretches
            .iter()
            .filter(|s| s.observed)
            .map(|s| s.end - s.start)
            .sum();
    }
    metered
}
