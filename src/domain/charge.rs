//! A charge: one line of a month's account, with everything that a reader of it is told. What is exported, closed and corrected.

use super::{Ts, money::Rational};
use std::collections::BTreeMap;

/// What kind of line it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Usage that is measured and not sold.
    #[default]
    Measured,
    /// Usage by its price.
    Usage,
    /// A fee.
    Fee,
    /// Taken off other lines.
    Rebate,
    /// A percentage of other lines.
    Percentage,
    /// What rounding a total adds to the lines.
    Rounding,
    /// A credit that a person granted.
    Credit,
}

impl Class {
    /// All, with the word that files and tables have.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Measured, "measured"),
        (Self::Usage, "usage"),
        (Self::Fee, "fee"),
        (Self::Rebate, "rebate"),
        (Self::Percentage, "percentage"),
        (Self::Rounding, "rounding"),
        (Self::Credit, "credit"),
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(c, _)| *c == self)
            .map_or("", |(_, w)| w)
    }

    /// The class of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(c, _)| *c)
    }
}

/// A line. Texts are empty where there is nothing to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charge {
    /// Made from everything that names the line; the same wherever and whenever it is computed.
    pub id: String,
    /// What kind of line.
    pub class: Class,
    /// The id of the line that this one corrects; empty for all others.
    pub corrects: String,
    /// The month it is billed in: `2026-10`.
    pub month: String,
    /// First instant that it is of.
    pub from: Ts,
    /// First instant after.
    pub to: Ts,
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// Terms, or empty.
    pub contract: String,
    /// The cloud's own owner (project id).
    pub scope: String,
    /// Its name for people.
    pub scope_name: String,
    /// Which source.
    pub source: String,
    /// Kind of resource.
    pub kind: String,
    /// The resource's id.
    pub resource: String,
    /// Its name for people.
    pub resource_name: String,
    /// Meters it counts, apart by blanks.
    pub meter: String,
    /// What may be priced apart.
    pub dimensions: BTreeMap<String, String>,
    /// SKU.
    pub sku: String,
    /// The price's name for people.
    pub name: String,
    /// In base units, floored where it is a part of one.
    pub quantity: i128,
    /// UCUM unit of the quantity.
    pub unit: String,
    /// The price in words.
    pub price: String,
    /// The quantity as the price counts it.
    pub priced: Priced,
    /// The amount before rounding.
    pub exact: Rational,
    /// The amount, in units of the last decimal.
    pub amount: i128,
    /// Decimals of the amount.
    pub decimals: u32,
    /// ISO 4217; empty where there is no money.
    pub currency: String,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
}

/// A quantity in the units a price is quoted in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Priced {
    /// How many, exactly: held all through the price's period, where it has one.
    pub quantity: Rational,
    /// Of what: `GB`, `instance`; empty where nothing is counted.
    pub unit: String,
    /// For how long: `30d`, `month`, `hour`; empty for amounts.
    pub period: String,
    /// Money for one, by the terms that hold.
    pub amount: Rational,
    /// Money for one by the list; that of the terms where the list has none.
    pub list: Rational,
}

impl Priced {
    /// Unit and period in one word: `GB-30d`, `instance-hour`, `GB`.
    #[must_use]
    pub fn words(&self) -> String {
        if self.period.is_empty() || self.unit.is_empty() {
            format!("{}{}", self.unit, self.period)
        } else {
            format!("{}-{}", self.unit, self.period)
        }
    }
}

impl Charge {
    /// True where it has an amount of money.
    #[must_use]
    pub fn has_money(&self) -> bool {
        self.class != Class::Measured
    }
}
