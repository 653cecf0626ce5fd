//! The manifest: what an export consists of, what it stands on and what it sums up to.

use super::{ExportError, Format};
use crate::domain::{Charge, PriceBook, UsageRow, profile::Profile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `manifest.json`. Holds nothing of when or where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The word of `--format`.
    pub format: String,
    /// What the format is, where the configuration said so: the reader of the files needs nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
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
    /// How the month was closed; null while it is open.
    pub closed: Option<Closed>,
    /// Rows of all files.
    pub rows: usize,
    /// Sums over all files, by meter.
    pub meters: Vec<MeterSum>,
    /// The files, by tenant and contract.
    pub files: Vec<FileEntry>,
}

/// What a manifest says beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// IANA name of the period's time zone.
    pub time_zone: String,
    /// First instant of the period, UTC.
    pub from: String,
    /// First instant after it, UTC.
    pub to: String,
    /// Facts stored no later than this count.
    pub as_of: String,
    /// Hash of the facts.
    pub facts: String,
    /// See [`Manifest::definitions`].
    pub definitions: BTreeMap<String, String>,
    /// The price book.
    pub book: Option<BookEntry>,
    /// How the month was closed.
    pub closed: Option<Closed>,
}

/// How a month was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The closing's id.
    pub id: String,
    /// Why it was closed all the same; empty where nothing stood against it.
    pub accepted: String,
    /// What stood against it, in words.
    pub blockers: Vec<String>,
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

impl BookEntry {
    /// Of a book.
    #[must_use]
    pub fn of(book: &PriceBook) -> Self {
        Self {
            name: book.name.clone(),
            sha256: book.hash.clone(),
            currency: book.currency.clone(),
            decimals: book.decimals,
            rounding: book.rounding,
        }
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the directory.
    pub name: String,
    /// Customer, or `unattributed`; empty where all are in one file.
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

    /// The file.
    ///
    /// # Errors
    /// None that is known: its maps have texts for keys.
    pub fn bytes(&self) -> Result<Vec<u8>, ExportError> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?).into_bytes())
    }

    /// What it says beside its files.
    #[must_use]
    pub fn about(&self) -> About {
        About {
            time_zone: self.time_zone.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            as_of: self.as_of.clone(),
            facts: self.facts.clone(),
            definitions: self.definitions.clone(),
            book: self.book.clone(),
            closed: self.closed.clone(),
        }
    }

    pub(super) fn new(
        format: &Format,
        month: &str,
        about: About,
        files: Vec<FileEntry>,
    ) -> Result<Self, ExportError> {
        let mut all = Vec::new();
        for file in &files {
            add(&mut all, &file.meters)?;
        }
        Ok(Self {
            format: format.as_str().to_owned(),
            profile: match format {
                Format::Profile(profile) => Some(profile.clone()),
                _ => None,
            },
            month: month.to_owned(),
            time_zone: about.time_zone,
            from: about.from,
            to: about.to,
            as_of: about.as_of,
            created_by: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            facts: about.facts,
            definitions: about.definitions,
            book: about.book,
            closed: about.closed,
            rows: files.iter().map(|f| f.rows).sum(),
            meters: all,
            files,
        })
    }
}

/// Adds sums to sums, by meter; both sorted.
pub(super) fn add(sums: &mut Vec<MeterSum>, more: &[MeterSum]) -> Result<(), ExportError> {
    for m in more {
        let overflow = || ExportError::Overflow {
            meter: m.meter.clone(),
        };
        let number = |s: &MeterSum| s.quantity.parse::<i128>().map_err(|_| overflow());
        let place = sums.binary_search_by(|s| (&s.meter, &s.unit).cmp(&(&m.meter, &m.unit)));
        match place {
            Ok(i) => {
                let sum = number(&sums[i])?
                    .checked_add(number(m)?)
                    .ok_or_else(overflow)?;
                sums[i].rows += m.rows;
                sums[i].quantity = sum.to_string();
            }
            Err(i) => sums.insert(i, m.clone()),
        }
    }
    Ok(())
}

/// Sums by meter (and unit, which is the meter's), in 128 bits.
///
/// # Errors
/// [`ExportError::Overflow`].
pub fn sums<'a>(
    rows: impl IntoIterator<Item = &'a UsageRow>,
) -> Result<Vec<MeterSum>, ExportError> {
    let mut sums: BTreeMap<(&str, &str), (usize, i128)> = BTreeMap::new();
    for row in rows {
        let (count, sum) = sums.entry((&row.meter, &row.unit)).or_default();
        *count += 1;
        *sum = sum
            .checked_add(row.quantity)
            .ok_or_else(|| ExportError::Overflow {
                meter: row.meter.to_string(),
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

/// The sums of the quantities of charges, by meter: what corrections change.
///
/// # Errors
/// [`ExportError::Overflow`].
pub fn sums_of_charges(charges: &[Charge]) -> Result<Vec<MeterSum>, ExportError> {
    let mut sums = Vec::new();
    for c in charges.iter().filter(|c| !c.meter.is_empty()) {
        let one = MeterSum {
            meter: c.meter.clone(),
            unit: c.unit.clone(),
            rows: 1,
            quantity: c.quantity.to_string(),
        };
        add(&mut sums, &[one])?;
    }
    Ok(sums)
}
