//! What is not charged: usage in outages, and credits.

use super::times;
use crate::domain::{
    Period, PriceBook,
    bill::{Bill, Granted, Metered, Rated, Stretch},
    credit::Outage,
    money::Exact,
    ownership::UNATTRIBUTED,
};
use std::collections::BTreeMap;

/// The usage without what lies in outages; `None` where no outage concerns any of it. An amount has no time within the month, so outages do not concern it.
pub(super) fn excluded(metered: &Metered, book: &PriceBook, period: &Period) -> Option<Metered> {
    let meets = |o: &&Outage| o.from < period.to && o.to > period.from;
    let outages: Vec<&Outage> = book.outages.iter().filter(meets).collect();
    let mut changed: Option<Metered> = None;
    for (i, row) in metered.usage.rows.iter().enumerate() {
        for outage in outages.iter().filter(|o| o.concerns(row)) {
            let times = (outage.from.second(), outage.to.second());
            let all = changed.get_or_insert_with(|| metered.clone());
            let stretches = std::mem::take(&mut all.stretches[i]);
            // Of what is too large for 128 bits nothing is taken, and rating then says so.
            if let Some((quantity, observed_s, expected_s)) =
                times::total(&stretches, times.0, times.1)
            {
                let row = &mut all.usage.rows[i];
                row.quantity -= quantity;
                row.observed_s -= observed_s;
                row.expected_s -= expected_s;
            }
            all.stretches[i] = stretches.iter().flat_map(|s| outside(s, times)).collect();
        }
    }
    changed
}

/// The parts of a stretch that lie outside a time.
fn outside(s: &Stretch, (from, to): (i64, i64)) -> impl Iterator<Item = Stretch> {
    [s.clipped(i64::MIN, from), s.clipped(to, i64::MAX)]
        .into_iter()
        .flatten()
}

/// Takes the month's credits off its bills. One larger than its bill leaves a negative total: the contract is owed money.
pub(super) fn grant(
    rated: &mut Rated,
    book: &PriceBook,
    period: &Period,
    tenants: &BTreeMap<String, String>,
) {
    let month = period.to_string();
    for credit in book.credits.iter().filter(|c| c.month == month) {
        let exact = Exact::from(-credit.amount.clone());
        let Some(amount) = exact.round(book.decimals, book.rounding) else {
            continue;
        };
        let of = |b: &Bill| b.contract == credit.contract && b.tenant != UNATTRIBUTED;
        let place = rated.bills.iter().position(of).unwrap_or_else(|| {
            let tenant = tenants.get(&credit.contract).unwrap_or(&credit.contract);
            rated.bills.push(Bill {
                tenant: tenant.clone(),
                contract: credit.contract.clone(),
                lines: Vec::new(),
                rounding: 0,
                total: 0,
                credits: Vec::new(),
            });
            rated.bills.len() - 1
        });
        let bill = &mut rated.bills[place];
        bill.total += amount;
        bill.credits.push(Granted {
            name: credit.name.clone(),
            reason: credit.reason.clone(),
            approved_by: credit.approved_by.clone(),
            exact,
            amount,
        });
    }
    rated
        .bills
        .sort_by(|a, b| (&a.tenant, &a.contract).cmp(&(&b.tenant, &b.contract)));
}
