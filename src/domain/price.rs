//! Price books as data: meters -> SKUs -> prices as rationals. `config` reads them, `rating` applies them.

use super::{
    Period,
    money::{Rational, Rounding},
};
use chrono::NaiveDate;
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// A price book.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceBook {
    /// For people.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// The first day it may price, in the provider's time zone. A month that begins before is refused: see [`PriceBook::objection`].
    pub valid_from: NaiveDate,
    /// The one declared rounding: of each line, to so many decimals.
    pub decimals: u32,
    /// How halves go.
    pub rounding: Rounding,
    /// The prices.
    pub prices: Vec<Price>,
    /// SHA-256 (hex) of the file.
    pub hash: String,
    /// The file itself: what is stored under that hash.
    pub text: String,
}

impl PriceBook {
    /// Why this book may not price a month, with the way out; `None` when it may.
    #[must_use]
    pub fn objection(&self, month: &Period) -> Option<String> {
        let first = NaiveDate::from_ymd_opt(month.year, month.month, 1)?;
        (first < self.valid_from).then(|| {
            format!(
                "price book {} is valid from {}, and {month} begins before: configure the book of that time (prices.book)",
                self.name, self.valid_from
            )
        })
    }
}

/// A price: amount per quantity of a unit per period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// `FLAVOR-b2.c1r2`.
    pub sku: String,
    /// For people.
    pub name: String,
    /// Which meter it prices.
    pub meter: String,
    /// Dimensions that must be equal; empty: any.
    pub matches: BTreeMap<String, String>,
    /// Money.
    pub amount: Rational,
    /// The amount as the file has it.
    pub amount_text: String,
    /// Per how many units, usually 1.
    pub per_quantity: Rational,
    /// Of what.
    pub unit: PriceUnit,
    /// Per how long.
    pub period: PricePeriod,
}

/// Units prices are quoted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// A thing that exists: instance, address, volume.
    Instance,
    /// A virtual CPU.
    Vcpu,
    /// A GPU.
    Gpu,
    /// 10^9 bytes.
    Gb,
    /// 2^30 bytes.
    Gib,
    /// 10^12 bytes.
    Tb,
    /// 2^40 bytes.
    Tib,
}

impl PriceUnit {
    /// All, with the word of the file.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Instance, "instance"),
        (Self::Vcpu, "vCPU"),
        (Self::Gpu, "GPU"),
        (Self::Gb, "GB"),
        (Self::Gib, "GiB"),
        (Self::Tb, "TB"),
        (Self::Tib, "TiB"),
    ];

    /// How many of the meter's base unit it is.
    #[must_use]
    pub fn base(self) -> BigInt {
        BigInt::from(match self {
            Self::Instance | Self::Vcpu | Self::Gpu => 1_u64,
            Self::Gb => 1_000_000_000,
            Self::Gib => 1 << 30,
            Self::Tb => 1_000_000_000_000,
            Self::Tib => 1 << 40,
        })
    }

    /// The UCUM units of meters it can price, without the time: `By` for bytes.
    #[must_use]
    pub const fn dimension(self) -> &'static str {
        match self {
            Self::Instance => "1",
            Self::Vcpu => "{vcpu}",
            Self::Gpu => "{gpu}",
            Self::Gb | Self::Gib | Self::Tb | Self::Tib => "By",
        }
    }

    /// The word of the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(u, _)| *u == self)
            .map_or("", |(_, w)| w)
    }
}

/// Periods prices are quoted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PricePeriod {
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
    /// 2,592,000 s: what most lists mean by "a month".
    Days30,
    /// The calendar month at hand, in the provider's time zone.
    Month,
    /// None: an amount, not a level over time.
    Once,
}

impl PricePeriod {
    /// All, with the word of the file.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Hour, "hour"),
        (Self::Day, "day"),
        (Self::Days30, "30d"),
        (Self::Month, "month"),
        (Self::Once, "none"),
    ];

    /// The word of the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(p, _)| *p == self)
            .map_or("", |(_, w)| w)
    }
}

/// A line of a bill or an export: usage with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The usage it prices.
    pub usage: super::UsageRow,
    /// The price; `None` where the book has none for the whole meter (it is measured, not sold).
    pub price: Option<Price>,
    /// Exact amount: quantity x amount / (per quantity x unit x period).
    pub exact: Rational,
    /// The amount after the declared rounding, with exactly the book's decimals; empty where there is no price.
    pub amount: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_prices_no_month_before_it() {
        let valid_from = NaiveDate::from_ymd_opt(2026, 10, 1).unwrap();
        let book = PriceBook {
            name: "b".into(),
            valid_from,
            ..PriceBook::default()
        };
        let month = |m| Period::month(m, chrono_tz::Europe::Stockholm).unwrap();
        assert_eq!(book.objection(&month("2026-10")), None);
        let objection = book.objection(&month("2026-09")).unwrap();
        assert!(
            objection.contains("2026-10-01") && objection.contains("2026-09"),
            "{objection}"
        );
    }
}
