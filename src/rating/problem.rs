//! Usage that the price book cannot rate, and what to do about it.

use crate::domain::{PriceBook, UsageRow};
use std::{collections::BTreeMap, fmt};

/// A row that has no price, or no single one. Ordered by (tenant, scope, resource, meter, dimensions).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unpriced {
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// The scope's name for people, its id where it has none.
    pub scope_name: String,
    /// The resource's id.
    pub resource: String,
    /// Meter.
    pub meter: String,
    /// What a price would have to match.
    pub dimensions: BTreeMap<String, String>,
    /// What is wrong.
    pub problem: Problem,
    /// The resource's name for people.
    pub resource_name: String,
    /// Name of the price book.
    pub book: String,
}

/// Why a row could not be priced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// The book prices the meter, but nothing in it matches the row.
    NoPrice,
    /// Two prices match as well as each other.
    Tie {
        /// One SKU.
        first: String,
        /// The other.
        second: String,
    },
    /// The price is per a unit the meter does not count in.
    Unit {
        /// SKU.
        sku: String,
        /// Per what.
        quoted: String,
        /// The meter's UCUM unit.
        unit: String,
    },
    /// The price needs to know when it was used, and the row is a sum over the month.
    Undated {
        /// SKU.
        sku: String,
    },
    /// The amount leaves 128 bits.
    TooLarge {
        /// SKU.
        sku: String,
    },
}

impl Unpriced {
    pub(super) fn new(row: &UsageRow, book: &PriceBook, problem: Problem) -> Self {
        let scope = if row.scope_name.is_empty() {
            &row.scope
        } else {
            &row.scope_name
        };
        Self {
            tenant: row.tenant.to_string(),
            scope_name: scope.to_string(),
            resource: row.resource.to_string(),
            meter: row.meter.to_string(),
            dimensions: BTreeMap::clone(&row.dimensions),
            problem,
            resource_name: row.resource_name.to_string(),
            book: book.name.clone(),
        }
    }
}

impl fmt::Display for Unpriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant,
            scope_name,
            resource,
            resource_name,
            meter,
            dimensions,
            book,
            problem,
        } = self;
        let dimensions: Vec<String> = dimensions.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let what = [std::slice::from_ref(meter), &dimensions]
            .concat()
            .join(" ");
        let name = if resource_name.is_empty() {
            "unnamed"
        } else {
            resource_name
        };
        let of = format!("{name} ({resource}) in project {scope_name} of tenant {tenant}");
        match problem {
            Problem::NoPrice => write!(
                f,
                "price book `{book}` has no price for {what}, used by {of}: add one that matches it, or one for all of {meter}"
            ),
            Problem::Tie { first, second } => write!(
                f,
                "price book `{book}` has two prices for {what}, `{first}` and `{second}`, used by {of}: let one of them match more, or remove it"
            ),
            Problem::Unit { sku, quoted, unit } => write!(
                f,
                "price book `{book}` has `{sku}` per {quoted}, but {meter} is counted in {unit}, used by {of}: correct the price's unit or period"
            ),
            Problem::Undated { sku } => write!(
                f,
                "price book `{book}` has `{sku}` by time within the month, but of {what} only the month's sum is known, used by {of}: let the price change with the month, and count in full"
            ),
            Problem::TooLarge { sku } => write!(
                f,
                "price book `{book}` has `{sku}`, whose amount for {what} does not fit into 128 bits, used by {of}: correct the amount, or look at the level"
            ),
        }
    }
}

impl std::error::Error for Unpriced {}
