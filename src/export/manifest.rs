//! The manifest: what an export consists of, what it stands on and what it sums up to.

use super::{Export, ExportError, Format};
use crate::domain::UsageRow;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `manifest.json`. Holds nothing of when or where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `csv` or `jsonl`.
    pub format: String,
    /// `2026-10`.
    pub month: String,
    /// IANA name of the period's time zone.
    pub time_zone: String,
    /// First instant of the period, UTC.
    pub from: String,
    /// First instant after it, UTC.
    pub to: String,
    /// Facts stored no later than this count.
    pub as_of: String,
    /// Program and version.
    pub created_by: String,
    /// Hash of the facts.
    pub facts: String,
    /// Hashes of what decided usage besides facts: `tenancy`, `meters`, `prices`.
    pub definitions: BTreeMap<String, String>,
    /// The price book; null where there is none.
    pub book: Option<BookEntry>,
    /// Rows of all files.
    pub rows: usize,
    /// Sums over all files, by meter.
    pub meters: Vec<MeterSum>,
    /// The files, by tenant and contract.
    pub files: Vec<FileEntry>,
}

/// The price book behind the amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookEntry {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// ISO 4217.
    pub currency: String,
    /// Decimals each line is rounded to.
    pub decimals: u32,
    /// How halves go: `half_up` or `half_even`.
    pub rounding: crate::domain::money::Rounding,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the directory.
    pub name: String,
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// Terms, or empty.
    pub contract: String,
    /// Rows, without a header line.
    pub rows: usize,
    /// Length.
    pub bytes: u64,
    /// Hash, hex.
    pub sha256: String,
    /// Sums by meter.
    pub meters: Vec<MeterSum>,
    /// What it comes to; null without a price book.
    pub money: Option<Money>,
}

/// The sum of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterSum {
    /// Meter.
    pub meter: String,
    /// UCUM unit.
    pub unit: String,
    /// Rows.
    pub rows: usize,
    /// Sum of their quantities: digits.
    pub quantity: String,
}

/// What a file's lines come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Lines that have a price.
    pub lines: u64,
    /// The total: the sum of the lines as rounded, and of the line of rounding where there is one.
    pub amount: String,
    /// Sum of the exact amounts, as a fraction.
    pub exact: String,
    /// `amount` less `exact`, as a fraction.
    pub rounding: String,
}

impl Manifest {
    /// Name of the file.
    pub const NAME: &'static str = "manifest.json";

    pub(super) fn new(
        export: &Export<'_>,
        format: Format,
        files: Vec<FileEntry>,
    ) -> Result<Self, ExportError> {
        let usage = export.usage();
        Ok(Self {
            format: format.as_str().to_owned(),
            month: usage.month.clone(),
            time_zone: usage.time_zone.clone(),
            from: export.period.from.to_string(),
            to: export.period.to.to_string(),
            as_of: usage.as_of.to_string(),
            created_by: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            facts: export.facts.to_owned(),
            definitions: export.definitions.clone(),
            book: export.priced.map(|r| BookEntry {
                name: r.book.name.clone(),
                sha256: r.book.hash.clone(),
                currency: r.book.currency.clone(),
                decimals: r.book.decimals,
                rounding: r.book.rounding,
            }),
            rows: files.iter().map(|f| f.rows).sum(),
            meters: sums(&usage.rows)?,
            files,
        })
    }
}

/// Sums by meter (and unit, which is the meter's), in 128 bits.
pub(super) fn sums<'a>(
    rows: impl IntoIterator<Item = &'a UsageRow>,
) -> Result<Vec<MeterSum>, ExportError> {
    let mut sums: BTreeMap<(&str, &str), (usize, i128)> = BTreeMap::new();
    for row in rows {
        let (count, sum) = sums.entry((&row.meter, &row.unit)).or_default();
        *count += 1;
        *sum = sum
            .checked_add(row.quantity)
            .ok_or_else(|| ExportError::Overflow {
                meter: row.meter.clone(),
            })?;
    }
    let sum = |((meter, unit), (rows, quantity)): ((&str, &str), (usize, i128))| MeterSum {
        meter: meter.to_owned(),
        unit: unit.to_owned(),
        rows,
        quantity: quantity.to_string(),
    };
    Ok(sums.into_iter().map(sum).collect())
}
