//! Price books as data: meters -> SKUs -> prices as rationals. `config` reads them, `rating` applies them.

use super::{
    Period, Ts,
    credit::{Credit, Outage},
    money::{Rational, Rounding},
};
use chrono::NaiveDate;
use num_bigint::BigInt;
use num_traits::Zero as _;
use std::collections::BTreeMap;

mod words;

pub use words::{Count, PricePeriod, PriceUnit, Quantity, fits, what_of};

/// A price book.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceBook {
    /// For people.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// The calendar it was written for; `None`: the configuration's.
    pub zone: Option<chrono_tz::Tz>,
    /// The first day it may price, in the provider's time zone. A month that begins before is refused: see [`PriceBook::objection`].
    pub valid_from: NaiveDate,
    /// The first day that it may price no more; a month that ends after it is refused.
    pub valid_to: Option<NaiveDate>,
    /// What is rounded: each line, or the invoice.
    pub round: RoundPer,
    /// Decimals of amounts.
    pub decimals: u32,
    /// How halves go.
    pub rounding: Rounding,
    /// Totals are rounded to multiples of this (1 for whole kronor), with a line of its own; in units of the last decimal.
    pub total_step: Option<i128>,
    /// All that may become a line: prices, fees, rebates, percentages.
    pub items: Vec<Item>,
    /// What single contracts have agreed.
    pub terms: Vec<Terms>,
    /// Units (UCUM) of the meters it declares itself, for usage that comes from elsewhere.
    pub meters: BTreeMap<String, String>,
    /// Times in which usage is not charged; from a file of their own.
    pub outages: Vec<Outage>,
    /// Money that was granted; from the same file.
    pub credits: Vec<Credit>,
    /// That file itself; empty where there is none.
    pub credits_text: String,
    /// The book's own worked examples.
    pub examples: Vec<Example>,
    /// SHA-256 (hex) of the file.
    pub hash: String,
    /// The file itself: what is stored under that hash.
    pub text: String,
}

/// What is rounded, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoundPer {
    /// Each line; the total is their sum.
    #[default]
    Line,
    /// The invoice's exact sum; lines are shown rounded, and what that differs by is shown.
    Invoice,
}

impl PriceBook {
    /// Why this book may not price a month, with the way out; `None` when it may.
    #[must_use]
    pub fn objection(&self, month: &Period) -> Option<String> {
        let first = NaiveDate::from_ymd_opt(month.year, month.month, 1)?;
        let next = first.checked_add_months(chrono::Months::new(1))?;
        let (when, edge) = if first < self.valid_from {
            (format!("from {}", self.valid_from), "begins before")
        } else if let Some(end) = self.valid_to.filter(|end| next > *end) {
            (format!("until {end}"), "ends after")
        } else {
            return None;
        };
        Some(format!(
            "price book {} is valid {when}, and {month} {edge}: configure the book of that time (prices.book)",
            self.name
        ))
    }

    /// Prices of usage, with their items.
    pub fn prices(&self) -> impl Iterator<Item = (&Item, &Price)> {
        self.items.iter().filter_map(|i| match &i.kind {
            ItemKind::Usage(p) => Some((i, p)),
            ItemKind::Fee(_) | ItemKind::Percent(_) => None,
        })
    }

    /// What a contract agreed, in the order of time.
    pub fn terms_of<'a>(&'a self, contract: &'a str) -> impl Iterator<Item = (usize, &'a Terms)> {
        self.terms
            .iter()
            .enumerate()
            .filter(move |(_, t)| t.contract == contract)
    }
}

/// Something that may become a line of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `FLAVOR-b2.c1r2`.
    pub sku: String,
    /// For people.
    pub name: String,
    /// First instant it holds; `None`: ever since.
    pub from: Option<Ts>,
    /// First instant it holds no more; `None`: for good.
    pub to: Option<Ts>,
    /// Index of the [`Terms`] it belongs to; `None`: it is the list's.
    pub terms: Option<usize>,
    /// What it charges.
    pub kind: ItemKind,
}

impl Item {
    /// True if it holds at any time of `[from, to)`.
    #[must_use]
    pub fn meets(&self, from: Ts, to: Ts) -> bool {
        self.from.is_none_or(|f| f < to) && self.to.is_none_or(|t| t > from)
    }

    /// True if it holds at all times of `[from, to)`.
    #[must_use]
    pub fn covers(&self, from: Ts, to: Ts) -> bool {
        self.from.is_none_or(|f| f <= from) && self.to.is_none_or(|t| t >= to)
    }
}

/// Kinds of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// By usage.
    Usage(Price),
    /// By time alone.
    Fee(Fee),
    /// By other lines.
    Percent(Percent),
}

/// A price: amount per quantity of a unit per period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// What it prices.
    pub of: Measured,
    /// Dimensions (and `source`, `project`) that must be equal; empty: any.
    pub matches: BTreeMap<String, String>,
    /// Money; of a tiered price that of its first tier.
    pub amount: Rational,
    /// The amount as the file has it.
    pub amount_text: String,
    /// Per how many units, usually 1.
    pub per_quantity: Rational,
    /// Of what.
    pub unit: PriceUnit,
    /// Per how long.
    pub period: PricePeriod,
    /// Which seconds count.
    pub count: Count,
    /// All of it, or its peak.
    pub quantity: Quantity,
    /// So many units, held all month, cost nothing; of a contract's usage together.
    pub included: Rational,
    /// How the amount depends on the month's total.
    pub scheme: Scheme,
}

impl Price {
    /// True when each usage row is a line of its own: nothing depends on other rows.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.scheme == Scheme::Flat
            && self.count == Count::Exact
            && self.quantity == Quantity::Total
            && self.included.is_zero()
            && matches!(self.of, Measured::Meter(_))
    }

    /// How many seconds its period has, in a month of so many.
    #[must_use]
    pub fn period_s(&self, month_s: i64) -> i64 {
        self.period.seconds(month_s)
    }
}

/// What a price prices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// One meter.
    Meter(String),
    /// The greatest of some meters of the same resource, each in a measure of its own: `max(vCPU, RAM / 4 GiB)`. Sorted by meter.
    ServiceUnit(Vec<Share>),
}

impl Measured {
    /// The meters it reads.
    #[must_use]
    pub fn meters(&self) -> Vec<&str> {
        match self {
            Self::Meter(m) => vec![m],
            Self::ServiceUnit(shares) => shares.iter().map(|s| s.meter.as_str()).collect(),
        }
    }
}

/// A part of a service unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// Meter.
    pub meter: String,
    /// So much of its base unit makes one service unit; above 0.
    pub base: Rational,
    /// The measure in words: `4 GiB`.
    pub text: String,
}

/// How an amount depends on the month's total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Not at all.
    Flat,
    /// Each tier's part at its own amount.
    Graduated(Vec<Tier>),
    /// All of it at the amount of the tier that the total is in.
    Volume(Vec<Tier>),
    /// Each started package of `per_quantity` whole.
    Package,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Up to so many units, held all month; `None`: without end.
    pub up_to: Option<Rational>,
    /// The bound as the file has it.
    pub up_to_text: String,
    /// Money.
    pub amount: Rational,
    /// The amount as the file has it.
    pub amount_text: String,
}

/// Who is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charged {
    /// Who subscribed to it.
    #[default]
    Subscribed,
    /// Every contract.
    EveryContract,
}

/// A fixed fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// Money.
    pub amount: Rational,
    /// As the file has it.
    pub amount_text: String,
    /// Per how long; for part of a period, its part.
    pub period: PricePeriod,
    /// Who pays.
    pub charged: Charged,
}

/// A percentage of other lines; a negative one is a rebate. Rebates come first, and count for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Percent {
    /// Hundredths.
    pub percent: Rational,
    /// As the file has it, without a sign.
    pub text: String,
    /// Of lines with these SKUs; `*` at the end stands for anything. Empty: of all.
    pub of: Vec<String>,
    /// At least so much a month.
    pub minimum: Option<Rational>,
    /// Who pays.
    pub charged: Charged,
}

impl Percent {
    /// True for a rebate.
    #[must_use]
    pub fn is_rebate(&self) -> bool {
        self.percent < Rational::zero()
    }

    /// True if it counts lines of that SKU.
    #[must_use]
    pub fn counts(&self, sku: &str) -> bool {
        self.of.is_empty() || self.of.iter().any(|p| sku_matches(p, sku))
    }
}

/// True if a SKU is what a pattern names.
#[must_use]
pub fn sku_matches(pattern: &str, sku: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begins) => sku.starts_with(begins),
        None => pattern == sku,
    }
}

/// What a contract has agreed for a time. Its own prices and rebates are items that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Contract.
    pub contract: String,
    /// First instant; `None`: ever since.
    pub from: Option<Ts>,
    /// First instant after; `None`: for good.
    pub to: Option<Ts>,
    /// SKUs of fees and percentages it pays, and how many of each.
    pub subscriptions: BTreeMap<String, u32>,
}

/// A worked example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// For people.
    pub name: String,
    /// Where the file has it: line, column, key path.
    pub at: (usize, usize, String),
    /// `2026-10`.
    pub month: String,
    /// Whose terms hold; empty: the list alone.
    pub contract: String,
    /// Fees and percentages taken beside the contract's.
    pub subscriptions: BTreeMap<String, u32>,
    /// What is used.
    pub uses: Vec<Use>,
    /// Amounts by SKU, as worked out by a person.
    pub lines: BTreeMap<String, Rational>,
    /// The total, likewise.
    pub total: Rational,
}

/// A described usage: so much of a meter over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Meter.
    pub meter: String,
    /// The meter's UCUM unit.
    pub meter_unit: String,
    /// Dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// The resource; uses of one name are of the same thing. Empty: one of its own.
    pub resource: String,
    /// Level (or, of an amount, quantity) in base units.
    pub level: BigInt,
    /// First instant; `None`: the month's first.
    pub from: Option<Ts>,
    /// For how many seconds; `None`: to the end of the month.
    pub seconds: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_prices_no_month_outside_it() {
        let day = |m, d| NaiveDate::from_ymd_opt(2026, m, d).unwrap();
        let book = PriceBook {
            name: "b".into(),
            valid_from: day(10, 1),
            valid_to: Some(day(12, 1)),
            ..PriceBook::default()
        };
        let month = |m| Period::month(m, chrono_tz::Europe::Stockholm).unwrap();
        assert_eq!(book.objection(&month("2026-10")), None);
        assert_eq!(book.objection(&month("2026-11")), None);
        for (m, edge) in [("2026-09", "2026-10-01"), ("2026-12", "2026-12-01")] {
            let objection = book.objection(&month(m)).unwrap();
            assert!(
                objection.contains(edge) && objection.contains(m),
                "{objection}"
            );
        }
    }

    #[test]
    fn a_pattern_names_a_sku_or_its_beginning() {
        assert!(sku_matches("FLAVOR-*", "FLAVOR-b2") && sku_matches("*", "x"));
        assert!(sku_matches("A", "A") && !sku_matches("A", "AB"));
    }
}
