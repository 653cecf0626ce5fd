//! What comes after usage: fees, rebates, percentages of other lines.

use super::{Rater, Window};
use crate::domain::{
    bill::{Line, Part, Rows},
    money::{Exact, Rational, exact_sum},
    price::{Charged, Fee, Item, ItemKind, Percent, RoundPer},
};
use num_bigint::BigInt;

impl Rater<'_> {
    /// Adds what a contract owes beside its usage, in a window whose lines begin at `first`. Rebates come before percentages, which count them.
    pub(super) fn extras(&self, window: &Window, first: usize, lines: &mut Vec<Line>) {
        for (i, item) in self.book.items.iter().enumerate() {
            if let ItemKind::Fee(fee) = &item.kind {
                let times = self.times_charged(item, fee.charged, window);
                lines.extend(self.fee(i, item, fee, times, window));
            }
        }
        for rebates in [true, false] {
            let end = lines.len();
            for (i, item) in self.book.items.iter().enumerate() {
                if let ItemKind::Percent(percent) = &item.kind
                    && percent.is_rebate() == rebates
                    && item.covers(window.from, window.to)
                    && self.times_charged(item, percent.charged, window) > 0
                {
                    let line = self.percent(i, percent, window, &lines[first..end]);
                    lines.extend(line);
                }
            }
        }
    }

    /// How often a contract is charged an item.
    fn times_charged(&self, item: &Item, charged: Charged, window: &Window) -> u32 {
        if item.terms.is_some() {
            return u32::from(item.terms == window.terms);
        }
        let terms = window.terms.map(|t| &self.book.terms[t].subscriptions);
        let subscribed = terms.and_then(|s| s.get(&item.sku)).copied();
        match charged {
            Charged::EveryContract => subscribed.unwrap_or(1),
            Charged::Subscribed => subscribed.unwrap_or(0),
        }
    }

    fn fee(&self, i: usize, item: &Item, fee: &Fee, times: u32, window: &Window) -> Option<Line> {
        let from = item.from.map_or(window.from, |t| t.max(window.from));
        let to = item.to.map_or(window.to, |t| t.min(window.to));
        if times == 0 || from >= to {
            return None;
        }
        let quantity = i128::from(times) * i128::from(to.second() - from.second());
        let per = fee.period.seconds(self.period.seconds());
        let exact = Rational::new(quantity.into(), per.into()) * &fee.amount;
        self.line(i, Exact::Small(quantity, 1), exact, window)
            .map(|l| Line { from, to, ..l })
    }

    fn percent(
        &self,
        i: usize,
        percent: &Percent,
        window: &Window,
        lines: &[Line],
    ) -> Option<Line> {
        let of = lines
            .iter()
            .filter(|l| percent.counts(&self.book.items[l.item].sku));
        let base = match self.book.round {
            // Of what the customer sees.
            RoundPer::Line => {
                let units: BigInt = of.map(|l| BigInt::from(l.amount)).sum();
                Rational::new(units, BigInt::from(10).pow(self.book.decimals))
            }
            RoundPer::Invoice => exact_sum(of.map(|l| &l.exact)),
        };
        let mut exact = &base * &percent.percent / Rational::from_integer(100.into());
        if let Some(minimum) = &percent.minimum {
            let window_s = window.to.second() - window.from.second();
            let part = Rational::new(window_s.into(), self.period.seconds().into());
            exact = exact.max(minimum * part);
        }
        self.line(i, Exact::from(base), exact, window)
    }

    fn line(&self, item: usize, quantity: Exact, exact: Rational, window: &Window) -> Option<Line> {
        let exact = Exact::from(exact);
        Some(Line {
            item,
            rows: Rows::Many(Vec::new()),
            from: window.from,
            to: window.to,
            part: Part::Whole,
            quantity,
            amount: self.round(item, &exact).ok()?,
            exact,
            observed_s: 0,
            expected_s: 0,
        })
    }
}
