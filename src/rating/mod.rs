//! What usage costs: each row by the most specific price that fits it, in exact rationals until the one declared rounding of each line.

mod unpriced;

use crate::domain::{
    Period, PriceBook, UsageRow,
    money::{BadDecimal, Rational, exact_text, parse_decimal, round_to_text},
    price::{Charge, Price, PricePeriod, PriceUnit},
    usage::Usage,
};
use num_bigint::BigInt;
use num_traits::Zero as _;
use std::{cmp::Ordering, collections::BTreeMap};

pub use unpriced::{Problem, Unpriced};

/// Prices a period's usage, row by row, in the order of the rows.
///
/// A row takes the price of its meter whose `matches` all equal its dimensions; of several, the one that names most. Its amount is
/// quantity x amount / (per quantity x unit x period), exactly, then rounded as the book declares. A meter the book never prices is measured, not
/// sold: its rows have no price. Rows of quantity 0 need none.
///
/// # Errors
/// Every row that has no price or no single one, sorted by (tenant, scope, resource, meter, dimensions).
pub fn rate(
    usage: &Usage,
    book: &PriceBook,
    period: &Period,
) -> Result<Vec<Charge>, Vec<Unpriced>> {
    let mut by_meter: BTreeMap<&str, Vec<&Price>> = BTreeMap::new();
    for price in &book.prices {
        by_meter.entry(&price.meter).or_default().push(price);
    }
    let mut charges = Vec::with_capacity(usage.rows.len());
    let mut unpriced = Vec::new();
    for row in &usage.rows {
        let rated = match by_meter.get(row.meter.as_str()) {
            None => Ok(unsold(row)),
            Some(prices) => charge(row, prices, book, period),
        };
        match rated {
            Ok(charge) => charges.push(charge),
            Err(_) if row.quantity == 0 => charges.push(unsold(row)),
            Err(problem) => unpriced.push(Unpriced::new(row, book, problem)),
        }
    }
    if unpriced.is_empty() {
        return Ok(charges);
    }
    unpriced.sort_unstable();
    Err(unpriced)
}

fn unsold(row: &UsageRow) -> Charge {
    Charge {
        usage: row.clone(),
        price: None,
        exact: Rational::zero(),
        amount: String::new(),
    }
}

fn charge(
    row: &UsageRow,
    prices: &[&Price],
    book: &PriceBook,
    period: &Period,
) -> Result<Charge, Problem> {
    let price = most_specific(row, prices)?;
    let exact = amount(row, price, period)?;
    let amount = round_to_text(&exact, book.decimals, book.rounding);
    Ok(Charge {
        usage: row.clone(),
        price: Some(price.clone()),
        exact,
        amount,
    })
}

fn most_specific<'a>(row: &UsageRow, prices: &[&'a Price]) -> Result<&'a Price, Problem> {
    let fits = |p: &&&Price| {
        p.matches
            .iter()
            .all(|(k, v)| row.dimensions.get(k) == Some(v))
    };
    let mut best: Option<&'a Price> = None;
    let mut tie: Option<&'a Price> = None;
    for price in prices.iter().filter(fits).copied() {
        match price
            .matches
            .len()
            .cmp(&best.map_or(0, |b| b.matches.len()))
        {
            Ordering::Less => {}
            Ordering::Equal if best.is_some() => tie = tie.or(Some(price)),
            Ordering::Equal | Ordering::Greater => (best, tie) = (Some(price), None),
        }
    }
    match (best, tie) {
        (None, _) => Err(Problem::NoPrice),
        (Some(price), None) => Ok(price),
        (Some(one), Some(other)) => {
            let (first, second) = if one.sku <= other.sku {
                (one, other)
            } else {
                (other, one)
            };
            Err(Problem::Tie {
                first: first.sku.clone(),
                second: second.sku.clone(),
            })
        }
    }
}

/// The exact amount of a row at a price.
fn amount(row: &UsageRow, price: &Price, period: &Period) -> Result<Rational, Problem> {
    if !fits_unit(&row.unit, price) {
        return Err(Problem::Unit {
            sku: price.sku.clone(),
            quoted: quoted(price),
            unit: row.unit.clone(),
        });
    }
    if price.per_quantity.is_zero() {
        return Err(Problem::PerNothing {
            sku: price.sku.clone(),
        });
    }
    let seconds = match price.period {
        PricePeriod::Hour => 3_600,
        PricePeriod::Day => 86_400,
        PricePeriod::Days30 => 2_592_000,
        PricePeriod::Month => period.seconds(),
        PricePeriod::Once => 1,
    };
    let per = &price.per_quantity * Rational::from_integer(price.unit.base() * seconds);
    Ok(Rational::from_integer(BigInt::from(row.quantity)) * &price.amount / per)
}

/// A meter's UCUM unit is what it counts, times seconds for a level: a price per period fits levels alone, one without fits amounts alone. A price
/// per instance fits whatever is counted by existing (`s`, `{address}.s`), but not vCPUs or GPUs, which have units of their own.
fn fits_unit(unit: &str, price: &Price) -> bool {
    let (what, level) = match unit
        .strip_suffix("s")
        .map(|rest| (rest, rest.strip_suffix('.')))
    {
        Some(("", _)) => ("1", true),
        Some((_, Some(what))) => (what, true),
        Some((_, None)) | None => (unit, false),
    };
    let thing = |what: &str| {
        what.starts_with('{')
            && what.ends_with('}')
            && PriceUnit::ALL.iter().all(|(u, _)| u.dimension() != what)
    };
    let counts =
        price.unit.dimension() == what || (price.unit == PriceUnit::Instance && thing(what));
    counts && level == (price.period != PricePeriod::Once)
}

/// A price in words: `16.91 EUR per 1 instance per 30d`, as the book has it.
#[must_use]
pub fn unit_price(price: &Price, currency: &str) -> String {
    format!("{} {currency} per {}", price.amount_text, quoted(price))
}

fn quoted(price: &Price) -> String {
    let quantity = exact_text(&price.per_quantity);
    let unit = price.unit.as_str();
    match price.period {
        PricePeriod::Once => format!("{quantity} {unit}"),
        PricePeriod::Hour | PricePeriod::Day | PricePeriod::Days30 | PricePeriod::Month => {
            format!("{quantity} {unit} per {}", price.period.as_str())
        }
    }
}

/// What the charges of one contract come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// How many lines have a price.
    pub lines: u64,
    /// The sum of the lines *as rounded*: what an invoice that shows these lines adds up to.
    pub amount: String,
    /// The sum of the lines before rounding.
    pub exact: Rational,
    /// `amount` less `exact`: all that rounding did.
    pub rounding: Rational,
}

/// The total of any charges: the sum of their rounded lines, not the rounded sum.
///
/// # Errors
/// [`BadDecimal`] when a charge's amount is not what [`rate`] writes.
pub fn total<'a>(
    charges: impl IntoIterator<Item = &'a Charge>,
    book: &PriceBook,
) -> Result<Total, BadDecimal> {
    let (mut lines, mut exact, mut rounded) = (0_u64, Rational::zero(), Rational::zero());
    for charge in charges.into_iter().filter(|c| c.price.is_some()) {
        lines += 1;
        exact += &charge.exact;
        rounded += parse_decimal(&charge.amount)?;
    }
    let amount = round_to_text(&rounded, book.decimals, book.rounding);
    Ok(Total {
        lines,
        amount,
        rounding: &rounded - &exact,
        exact,
    })
}

/// Totals by (tenant, contract); what nobody owns is under `unattributed` and an empty contract.
///
/// # Errors
/// As [`total`].
pub fn totals(
    charges: &[Charge],
    book: &PriceBook,
) -> Result<BTreeMap<(String, String), Total>, BadDecimal> {
    let mut by_contract: BTreeMap<(String, String), Vec<&Charge>> = BTreeMap::new();
    for charge in charges {
        let key = (charge.usage.tenant.clone(), charge.usage.contract.clone());
        by_contract.entry(key).or_default().push(charge);
    }
    by_contract
        .into_iter()
        .map(|(key, charges)| Ok((key, total(charges, book)?)))
        .collect()
}

#[cfg(test)]
mod tests;
