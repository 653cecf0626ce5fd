//! Usage: facts x meters x tenancy over a period.

use super::shared::{Dimensions, Shared};
use serde::Serialize;
use std::collections::BTreeMap;

/// Quantity of one meter, of one resource, for one tenant, with one set of dimensions, in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Made from all fields that name it; the same wherever it is computed.
    pub id: String,
    /// Customer, or `unattributed`.
    pub tenant: Shared,
    /// Terms, or empty.
    pub contract: Shared,
    /// The cloud's own owner (project id).
    pub scope: Shared,
    /// The scope's name for people (`domain/project`), as last seen in the period; no part of the id.
    pub scope_name: Shared,
    /// Which source.
    pub source: Shared,
    /// Kind of resource.
    pub kind: Shared,
    /// The resource's id.
    pub resource: Shared,
    /// Its name for people, as last seen in the period; no part of the id.
    pub resource_name: Shared,
    /// Meter.
    pub meter: Shared,
    /// UCUM unit of `quantity`.
    pub unit: Shared,
    /// What may be priced apart.
    pub dimensions: Dimensions,
    /// Level x seconds, or an amount: exact.
    pub quantity: i128,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
}

impl UsageRow {
    /// The id of a row, of everything that names it.
    #[must_use]
    pub fn id_of(month: &str, row: &Self) -> String {
        let of = [&row.source, &row.kind, &row.resource].map(Shared::as_str);
        let whose = [&row.tenant, &row.contract, &row.scope].map(Shared::as_str);
        named(month, whose, of, &row.meter, &row.dimensions)
    }

    /// The id of the row that a piece of a resource adds to.
    #[must_use]
    pub fn id_of_piece(month: &str, key: &super::ResourceKey, piece: &Piece) -> String {
        let of = [&key.cloud, &key.kind, &key.resource].map(String::as_str);
        let whose = [&piece.tenant, &piece.contract, &piece.scope].map(String::as_str);
        named(month, whose, of, &piece.meter, &piece.dimensions)
    }
}

fn named(
    month: &str,
    whose: [&str; 3],
    of: [&str; 3],
    meter: &str,
    dimensions: &BTreeMap<String, String>,
) -> String {
    let f = super::digest::Fields::default().text(month);
    let f = whose.into_iter().chain(of).fold(f, |f, t| f.text(t));
    dimensions
        .iter()
        .fold(f.text(meter), |f, (k, v)| f.text(k).text(v))
        .id()
}

/// A row as JSON has it (`plimsoll usage --format json`): quantities as strings of digits.
#[derive(Debug, Clone, Serialize)]
pub struct UsageRowJson<'a> {
    /// See [`UsageRow::id`].
    pub id: &'a str,
    /// See [`UsageRow::tenant`].
    pub tenant: &'a str,
    /// See [`UsageRow::contract`].
    pub contract: &'a str,
    /// See [`UsageRow::scope`].
    pub scope: &'a str,
    /// See [`UsageRow::scope_name`].
    pub scope_name: &'a str,
    /// See [`UsageRow::source`].
    pub source: &'a str,
    /// See [`UsageRow::kind`].
    pub kind: &'a str,
    /// See [`UsageRow::resource`].
    pub resource: &'a str,
    /// See [`UsageRow::resource_name`].
    pub resource_name: &'a str,
    /// See [`UsageRow::meter`].
    pub meter: &'a str,
    /// See [`UsageRow::unit`].
    pub unit: &'a str,
    /// See [`UsageRow::dimensions`].
    pub dimensions: &'a BTreeMap<String, String>,
    /// See [`UsageRow::quantity`].
    pub quantity: String,
    /// See [`UsageRow::observed_s`].
    pub observed_s: i64,
    /// See [`UsageRow::expected_s`].
    pub expected_s: i64,
}

impl<'a> From<&'a UsageRow> for UsageRowJson<'a> {
    fn from(r: &'a UsageRow) -> Self {
        Self {
            id: &r.id,
            tenant: &r.tenant,
            contract: &r.contract,
            scope: &r.scope,
            scope_name: &r.scope_name,
            source: &r.source,
            kind: &r.kind,
            resource: &r.resource,
            resource_name: &r.resource_name,
            meter: &r.meter,
            unit: &r.unit,
            dimensions: &r.dimensions,
            quantity: r.quantity.to_string(),
            observed_s: r.observed_s,
            expected_s: r.expected_s,
        }
    }
}

/// All usage of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// `2026-10`.
    pub month: String,
    /// IANA name of the period's time zone.
    pub time_zone: String,
    /// As of when.
    pub as_of: super::Ts,
    /// Sorted by (tenant, contract, scope, source, kind, resource, meter, dimensions).
    pub rows: Vec<UsageRow>,
}

/// How the quantity of a piece comes of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Basis {
    /// Level x seconds, up to the watermark of the resource's list.
    #[default]
    Held,
    /// Level x seconds; whoever told of it told of all of it.
    Told,
    /// The level is the quantity. It belongs to the period in which it begins, whole.
    Amount,
}

/// A stretch of one resource's usage by one meter: what the SQL views are made from. A cache, rebuilt from facts at will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Meter.
    pub meter: String,
    /// UCUM unit of quantities.
    pub unit: String,
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// Terms, or empty.
    pub contract: String,
    /// The cloud's own owner.
    pub scope: String,
    /// The owner's name for people.
    pub scope_name: String,
    /// What may be priced apart.
    pub dimensions: BTreeMap<String, String>,
    /// First second.
    pub start: super::Ts,
    /// First second after; `None`: it lasts, and reaches to the watermark of its list.
    pub end: Option<super::Ts>,
    /// Level in the meter's base unit (1 for existence); where nothing was observed 0, or of an amount what is known of it.
    pub level: i64,
    /// False: a gap, which is expected but not observed.
    pub observed: bool,
    /// How the quantity comes of the level.
    pub basis: Basis,
}

/// All pieces of one resource; a later generation replaces an earlier one whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePieces {
    /// Which.
    pub key: super::ResourceKey,
    /// Its name for people.
    pub name: String,
    /// The list whose watermark bounds it: `servers`.
    pub list: String,
    /// Grows with every rebuild (microseconds of the store's clock).
    pub generation: i64,
    /// The pieces, sorted by (meter, start).
    pub pieces: Vec<Piece>,
}

/// A quantity as people read it: hours of things, GiB-hours of bytes; two decimals, halves up, by integer arithmetic. Returns the number
/// and its unit.
///
/// ```
/// use plimsoll::domain::usage::readable;
/// assert_eq!(readable(5400, "s"), ("1.50".to_owned(), "h".to_owned()));
/// assert_eq!(readable(2 * (1 << 30) * 3600, "By.s"), ("2.00".to_owned(), "GiB.h".to_owned()));
/// assert_eq!(readable(250_000_000 * 7200, "{cpu-n}.s"), ("0.50".to_owned(), "{cpu}.h".to_owned()));
/// ```
#[must_use]
pub fn readable(quantity: i128, unit: &str) -> (String, String) {
    let (divisor, shown) = match unit {
        "By.s" => (3600 << 30, "GiB.h".to_owned()),
        "s" => (3600, "h".to_owned()),
        "{cpu-n}.s" => (3_600_000_000_000, "{cpu}.h".to_owned()),
        other => match other.strip_suffix(".s") {
            Some(thing) => (3600, format!("{thing}.h")),
            None => return (quantity.to_string(), other.to_owned()),
        },
    };
    let hundredths = quantity
        .saturating_mul(200)
        .saturating_add(divisor)
        .div_euclid(2 * divisor);
    (
        format!("{}.{:02}", hundredths / 100, (hundredths % 100).abs()),
        shown,
    )
}

/// Coverage in per cent with two decimals, floored, so that 100.00 means all of it.
#[must_use]
pub fn coverage(observed_s: i64, expected_s: i64) -> String {
    if expected_s <= 0 {
        return "100.00".to_owned();
    }
    let p = i128::from(observed_s) * 10_000 / i128::from(expected_s);
    format!("{}.{:02}", p / 100, p % 100)
}
