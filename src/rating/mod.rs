//! What usage costs: usage x price book -> bills, in exact rationals until the one declared rounding.
//!
//! A row of usage takes the most specific price that fits it (`index`). Plain prices make a line of each row; tiers, included quantities, peaks, started
//! hours and service units look at many rows together (`scheme`); fees, rebates and percentages come after (`extras`). Where a price, or what a contract
//! has agreed, changes within the month, its lines are cut at that second.

mod carry;
mod charges;
mod correct;
mod credit;
mod extras;
mod index;
mod problem;
mod project;
mod quote;
mod scheme;
mod times;
mod words;

use crate::domain::{
    Period, PriceBook, Ts, UsageRow,
    bill::{Bill, Line, Metered, Part, Rated, Rows},
    money::{Exact, Rate, Rational, exact_sum, round_to_units},
    ownership::{UNATTRIBUTED, is_platform},
    price::{Item, ItemKind, Measured, Price, PricePeriod, RoundPer, fits},
};
use index::{Choice, Found, Index};
use num_traits::ToPrimitive as _;
use scheme::Group;
use std::collections::{BTreeMap, BTreeSet};

pub use carry::carry;
pub use charges::{Account, OtherBills, Payer, Share};
pub use correct::{Proposal, corrections};
pub use problem::{Problem, Unpriced};
pub use project::projected;
pub use quote::{NotQuoted, QUOTED, check_examples, quote};
pub use words::{
    ROUNDING, credit_id, id, one_resource, quantity_text, rounding_id, sku_price, unit_price,
};

/// Prices a period's usage.
///
/// `tenants` names the contracts that exist beside those with usage, and whose they are: they may owe fees. A meter the book never prices is measured,
/// not sold; so is what a platform is made of, for it is sold as what stands on it. Rows of quantity 0 need no price. What lies in the book's outages is not charged, and its credits are taken off.
///
/// # Errors
/// Every row that has no price or no single one, sorted by (tenant, scope, resource, meter, dimensions).
pub fn rate(
    metered: &Metered,
    book: &PriceBook,
    period: &Period,
    tenants: &BTreeMap<String, String>,
) -> Result<Rated, Vec<Unpriced>> {
    let excluded = credit::excluded(metered, book, period);
    let mut rater = Rater::new(excluded.as_ref().unwrap_or(metered), book, period);
    let mut rated = Rated::default();
    for ((tenant, contract), rows) in payers(metered, book, tenants) {
        if is_platform(tenant, contract) {
            rated.unsold.extend(rows);
            continue;
        }
        let bill = rater.bill(tenant, contract, &rows, &mut rated.unsold);
        if !bill.lines.is_empty() {
            rated.bills.push(bill);
        }
    }
    if rater.unpriced.is_empty() {
        rated.unsold.sort_unstable();
        credit::grant(&mut rated, book, period, tenants);
        return Ok(rated);
    }
    rater.unpriced.sort_unstable();
    Err(rater.unpriced)
}

type Payers<'a> = BTreeMap<(&'a str, &'a str), Vec<usize>>;

/// The rows of each payer; those of nobody are together, whatever their contract.
fn payers<'a>(
    metered: &'a Metered,
    book: &'a PriceBook,
    tenants: &'a BTreeMap<String, String>,
) -> Payers<'a> {
    let mut payers = Payers::new();
    let mut rows = metered.usage.rows.iter().enumerate().peekable();
    while let Some((first, row)) = rows.next() {
        let payer = payer(row);
        let of_payer = payers.entry(payer).or_default();
        of_payer.push(first);
        // Rows come sorted by payer, nearly always: no look-up for each.
        while let Some((i, _)) = rows.next_if(|(_, r)| self::payer(r) == payer) {
            of_payer.push(i);
        }
    }
    let used: BTreeSet<&str> = payers.keys().map(|(_, contract)| *contract).collect();
    let agreed = book.terms.iter().map(|t| t.contract.as_str());
    for contract in tenants.keys().map(String::as_str).chain(agreed) {
        if !used.contains(contract) {
            let tenant = tenants.get(contract).map_or(contract, String::as_str);
            payers.entry((tenant, contract)).or_default();
        }
    }
    payers
}

fn payer(row: &UsageRow) -> (&str, &str) {
    if row.tenant == UNATTRIBUTED {
        (UNATTRIBUTED, "")
    } else {
        (&row.tenant, &row.contract)
    }
}

/// A month under rating.
struct Rater<'a> {
    metered: &'a Metered,
    book: &'a PriceBook,
    period: Period,
    /// The list's prices over the whole month: what most contracts have.
    list: Index<'a>,
    /// Money per base unit, by item.
    rates: Vec<Option<Rate>>,
    unpriced: Vec<Unpriced>,
}

/// A stretch of the month in which what a contract has agreed, and every percentage, is the same.
#[derive(Clone, Copy)]
struct Window {
    from: Ts,
    to: Ts,
    terms: Option<usize>,
}

impl<'a> Rater<'a> {
    fn new(metered: &'a Metered, book: &'a PriceBook, period: &Period) -> Self {
        let month_s = period.seconds();
        let rate = |item: &Item| match &item.kind {
            ItemKind::Usage(p) => Some(scheme::rate_of(p, &p.amount, month_s).into()),
            ItemKind::Fee(_) | ItemKind::Percent(_) => None,
        };
        Self {
            metered,
            book,
            period: *period,
            list: Index::new(book, None, period.from, period.to),
            rates: book.items.iter().map(rate).collect(),
            unpriced: Vec::new(),
        }
    }

    fn bill(
        &mut self,
        tenant: &str,
        contract: &str,
        rows: &[usize],
        unsold: &mut Vec<usize>,
    ) -> Bill {
        let mut lines = Vec::with_capacity(rows.len());
        let mut sold = vec![false; rows.len()];
        let windows = self.windows(contract);
        for window in &windows {
            let own;
            let index = if windows.len() == 1 && window.terms.is_none() {
                &self.list
            } else {
                own = Index::new(self.book, window.terms, window.from, window.to);
                &own
            };
            let first = lines.len();
            let (mut groups, mut found) = (BTreeMap::new(), Vec::new());
            let mut problems = Vec::new();
            for (k, &i) in rows.iter().enumerate() {
                index.find(&self.metered.usage.rows[i], &mut found);
                for f in &found {
                    match self.charge(i, f, &mut lines, &mut groups) {
                        Ok(charged) => sold[k] |= charged,
                        Err(problem) => problems.push((i, problem)),
                    }
                }
            }
            self.groups(groups, &mut lines, &mut problems);
            if tenant != UNATTRIBUTED {
                self.extras(window, first, &mut lines);
            }
            self.unpriced.extend(
                problems
                    .into_iter()
                    .map(|(i, p)| Unpriced::new(&self.metered.usage.rows[i], self.book, p)),
            );
        }
        let kept = rows.iter().zip(&sold).filter(|(_, sold)| !**sold);
        unsold.extend(kept.map(|(i, _)| *i));
        let (rounding, total) = self.sum(&lines, rows);
        Bill {
            lines,
            rounding,
            total,
            ..Bill::of(tenant, contract)
        }
    }

    /// The month, cut where the contract's terms or any percentage change.
    fn windows(&self, contract: &str) -> Vec<Window> {
        let (from, to) = (self.period.from, self.period.to);
        let terms: Vec<(usize, Option<Ts>, Option<Ts>)> = self
            .book
            .terms_of(contract)
            .map(|(i, t)| (i, t.from, t.to))
            .collect();
        let percents = self.book.items.iter().filter_map(|i| match &i.kind {
            ItemKind::Percent(_) if i.terms.is_none() => Some([i.from, i.to]),
            _ => None,
        });
        let edges = terms.iter().map(|(_, f, t)| [*f, *t]).chain(percents);
        let mut cuts: BTreeSet<Ts> = edges
            .flatten()
            .flatten()
            .filter(|t| *t > from && *t < to)
            .collect();
        cuts.extend([from, to]);
        let cuts: Vec<Ts> = cuts.into_iter().collect();
        cuts.windows(2)
            .map(|w| Window {
                from: w[0],
                to: w[1],
                terms: terms
                    .iter()
                    .find(|(_, f, t)| f.is_none_or(|f| f <= w[0]) && t.is_none_or(|t| t >= w[1]))
                    .map(|(i, ..)| *i),
            })
            .collect()
    }

    /// A line of a row that has a plain price; what looks at many rows is put with its like. True if it was sold.
    fn charge(
        &self,
        i: usize,
        found: &Found<'_>,
        lines: &mut Vec<Line>,
        groups: &mut BTreeMap<Group<'a>, Vec<usize>>,
    ) -> Result<bool, Problem> {
        let row = &self.metered.usage.rows[i];
        let (from, to) = (found.from, found.to);
        let whole = from <= self.period.from && to >= self.period.to;
        let (item, price) = match self.priced(row, found) {
            Ok(priced) => priced,
            // What was not used needs no price.
            Err(_) if self.used(i, from, to) == Some(0) => return Ok(false),
            Err(problem) => return Err(problem),
        };
        let dated = row.quantity == 0 || !self.metered.stretches[i].is_empty();
        let enough = whole && scheme::needs_no_times(price);
        if !dated && !enough {
            return Err(Problem::Undated {
                sku: self.book.items[item].sku.clone(),
            });
        }
        if !price.is_plain() {
            groups
                .entry(Group::of(item, from, to, price, row))
                .or_default()
                .push(i);
            return Ok(true);
        }
        let (quantity, observed_s, expected_s) = if whole {
            (row.quantity, row.observed_s, row.expected_s)
        } else {
            times::total(&self.metered.stretches[i], from.second(), to.second())
                .ok_or_else(|| self.too_large(item))?
        };
        if !whole && expected_s == 0 {
            return Ok(false);
        }
        let exact = match &self.rates[item] {
            Some(rate) => Exact::of(quantity, rate),
            None => Exact::ZERO,
        };
        lines.push(Line {
            item,
            rows: Rows::One(i),
            from,
            to,
            part: Part::Whole,
            quantity: Exact::Small(quantity, 1),
            amount: self.round(item, &exact)?,
            exact,
            observed_s,
            expected_s,
        });
        Ok(true)
    }

    /// The row's price, if it can be applied to it.
    fn priced(&self, row: &UsageRow, found: &Found<'_>) -> Result<(usize, &'a Price), Problem> {
        let sku = |i: usize| self.book.items[i].sku.clone();
        let item = match found.item {
            Choice::One(item) => item,
            Choice::Tie(one, other) => {
                return Err(Problem::Tie {
                    first: sku(one),
                    second: sku(other),
                });
            }
            Choice::None => return Err(Problem::NoPrice),
        };
        let ItemKind::Usage(price) = &self.book.items[item].kind else {
            return Err(Problem::NoPrice);
        };
        let fitting = match &price.of {
            Measured::Meter(_) => fits(&row.unit, price.unit, price.period),
            Measured::ServiceUnit(_) => price.period != PricePeriod::Once,
        };
        if fitting {
            return Ok((item, price));
        }
        Err(Problem::Unit {
            sku: sku(item),
            quoted: words::quoted(price),
            unit: row.unit.to_string(),
        })
    }

    /// How much of a row lies in a stretch of time; `None` where that is not known.
    fn used(&self, i: usize, from: Ts, to: Ts) -> Option<i128> {
        let row = &self.metered.usage.rows[i];
        if row.quantity == 0 || self.metered.stretches[i].is_empty() {
            return Some(row.quantity);
        }
        times::total(&self.metered.stretches[i], from.second(), to.second()).map(|t| t.0)
    }

    fn round(&self, item: usize, exact: &Exact) -> Result<i128, Problem> {
        exact
            .round(self.book.decimals, self.book.rounding)
            .ok_or_else(|| self.too_large(item))
    }

    fn too_large(&self, item: usize) -> Problem {
        Problem::TooLarge {
            sku: self.book.items[item].sku.clone(),
        }
    }

    /// What rounding adds, and the total.
    fn sum(&mut self, lines: &[Line], rows: &[usize]) -> (i128, i128) {
        let (decimals, mode) = (self.book.decimals, self.book.rounding);
        let shown = lines
            .iter()
            .try_fold(0_i128, |sum, l| sum.checked_add(l.amount));
        let total = match self.book.round {
            RoundPer::Line => shown,
            RoundPer::Invoice => {
                let exact = exact_sum(lines.iter().map(|l| &l.exact));
                round_to_units(&exact, decimals, mode).to_i128()
            }
        };
        let total = match self.book.total_step {
            None | Some(0) => total,
            Some(step) => total.and_then(|t| {
                let steps = round_to_units(&Rational::new(t.into(), step.into()), 0, mode);
                steps.to_i128()?.checked_mul(step)
            }),
        };
        let rounding = total.zip(shown).and_then(|(t, s)| t.checked_sub(s));
        if let (Some(rounding), Some(total)) = (rounding, total) {
            return (rounding, total);
        }
        let row = rows.first().map(|i| &self.metered.usage.rows[*i]);
        if let (Some(row), Some(line)) = (row, lines.first()) {
            let problem = self.too_large(line.item);
            self.unpriced.push(Unpriced::new(row, self.book, problem));
        }
        (0, 0)
    }
}

#[cfg(test)]
mod tests;
