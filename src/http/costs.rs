//! What a month's bills come to, for the pages.

use crate::{
    domain::{
        PriceBook, UsageRow,
        bill::{Bill, Rated},
        money::Rational,
    },
    rating,
};
use num_bigint::BigInt;
use num_traits::Zero as _;
use std::collections::BTreeMap;

/// What a month costs: by usage row, as far as lines are of one resource; and by bill, with fees, tiers and rounding. What is measured and not sold has no
/// amount.
#[derive(Default)]
pub(super) struct Costs<'a> {
    pub(super) rows: BTreeMap<&'a str, Rational>,
    pub(super) bills: BTreeMap<(&'a str, &'a str), Rational>,
}

impl<'a> Costs<'a> {
    pub(super) fn of(rated: &'a Rated, book: &PriceBook, rows: &'a [UsageRow]) -> Self {
        let money = |units: i128| Rational::new(units.into(), BigInt::from(10).pow(book.decimals));
        let mut costs = Self::default();
        for bill in &rated.bills {
            let Bill {
                tenant, contract, ..
            } = bill;
            costs.bills.insert((tenant, contract), money(bill.total));
            for line in &bill.lines {
                if let Some(i) = rating::one_resource(line, book) {
                    let cost = costs.rows.entry(&rows[i].id).or_insert_with(Rational::zero);
                    *cost += money(line.amount);
                }
            }
        }
        costs
    }

    pub(super) fn bill(&self, tenant: &str, contract: &str) -> Rational {
        let bill = self.bills.get(&(tenant, contract));
        bill.cloned().unwrap_or_else(Rational::zero)
    }
}
