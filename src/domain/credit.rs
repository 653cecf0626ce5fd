//! Outages that are not charged, and credits that were granted: decisions of people, each with its reason and who approved it.

use super::{Ts, UsageRow, money::Rational};

/// A time in which usage is not charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Its name: `INC-1042`.
    pub name: String,
    /// First instant.
    pub from: Ts,
    /// First instant after.
    pub to: Ts,
    /// Of these sources; empty: of all.
    pub sources: Vec<String>,
    /// By these meters; `*` at the end stands for anything. Empty: by all.
    pub meters: Vec<String>,
    /// Of these contracts; empty: of all.
    pub contracts: Vec<String>,
    /// Why it is not charged.
    pub reason: String,
    /// Who decided it.
    pub approved_by: String,
}

impl Outage {
    /// True if it is about a row of usage.
    #[must_use]
    pub fn concerns(&self, row: &UsageRow) -> bool {
        let named =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let meter = |m: &String| super::price::sku_matches(m, &row.meter);
        named(&self.sources, &row.source)
            && named(&self.contracts, &row.contract)
            && (self.meters.is_empty() || self.meters.iter().any(meter))
    }
}

/// Money taken off a contract's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// Its name: `CR-7`.
    pub name: String,
    /// Whose.
    pub contract: String,
    /// The month that it is taken off: `2026-10`.
    pub month: String,
    /// How much; above 0.
    pub amount: Rational,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub approved_by: String,
}
