//! A month as files: one per contract, and a manifest that proves them.
//!
//! `<month>_<contract>.csv` (or `.jsonl`) for every contract, `<month>_unattributed.csv` only if there is usage that nobody owns, and `manifest.json`.
//! The same input gives the same bytes: nothing in them tells when or where they were written. `schemas/export/README.md` tells readers of the files
//! what they need to know.

mod files;
mod manifest;
mod names;
mod row;
pub mod rules;

use crate::{
    domain::{
        Period, PriceBook,
        money::{BadDecimal, Rational},
        ownership::UNATTRIBUTED,
        price::Charge,
        usage::Usage,
    },
    rating,
};
use files::{FileWriter, Staging};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

pub use manifest::{BookEntry, FileEntry, Manifest, MeterSum, Money};
pub use row::{COLUMNS, Row};

/// What is exported.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// The usage of the period.
    pub usage: &'a Usage,
    /// The period it is of.
    pub period: &'a Period,
    /// What it costs; `None` where no price book is configured.
    pub rated: Option<Rated<'a>>,
    /// Hashes of what decided it besides facts: `tenancy`, `meters`, `prices`, ...
    pub definitions: &'a BTreeMap<String, String>,
    /// Hash of the facts it stands on.
    pub facts: &'a str,
}

/// The charges of the same usage, row by row, and the book they were made with.
#[derive(Debug, Clone, Copy)]
pub struct Rated<'a> {
    /// As [`rating::rate`] gives them.
    pub charges: &'a [Charge],
    /// The book.
    pub book: &'a PriceBook,
}

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, UTF-8, with a header line.
    Csv,
    /// One JSON object a line: `schemas/export/usage-row.schema.json`.
    Jsonl,
}

impl Format {
    /// All, with the word of the command line, which is also the file name's ending.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Csv, "csv"), (Self::Jsonl, "jsonl")];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(f, _)| *f == self)
            .map_or("", |(_, w)| w)
    }

    /// The format of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(f, _)| *f)
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Paths of all files, the manifest last.
    pub paths: Vec<PathBuf>,
    /// The manifest.
    pub manifest: Manifest,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file or directory.
    #[error("export: cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Usage of one month under the name of another.
    #[error(
        "export: usage is of {usage}, the period is {period}: compute the usage for that period"
    )]
    Month {
        /// Of the usage.
        usage: String,
        /// Of the period.
        period: String,
    },
    /// Charges of other usage.
    #[error(
        "export: the charges are not those of this usage (they differ at row {row}): rate the same usage again"
    )]
    OtherCharges {
        /// The first row that differs, from 0.
        row: usize,
    },
    /// A charge whose amount is no number.
    #[error("export: an amount is broken: {0}")]
    Amount(#[from] BadDecimal),
    /// A sum beyond 128 bits.
    #[error(
        "export: the sum of {meter} does not fit into 128 bits: a level must be wrong, look at its largest rows"
    )]
    Overflow {
        /// Meter.
        meter: String,
    },
    /// A row that could not be written as JSON.
    #[error("export: a row could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Who pays, as files are cut by it: (tenant, contract).
type Payer = (String, String);

/// Writes the files of a month into `out`, which is made if need be.
///
/// They are written beside one another in a hidden directory in `out` first, synced, and then renamed into place, the manifest last: a run that breaks
/// leaves the files that were there. Files of the same names are replaced, others stay. **Memory usage**: one number a row; rows are streamed.
///
/// # Errors
/// [`ExportError`], when nothing is left behind (but for a hidden directory after a kill).
pub fn write(export: &Export<'_>, format: Format, out: &Path) -> Result<Written, ExportError> {
    check(export)?;
    let mut payers: BTreeMap<Payer, Vec<usize>> = BTreeMap::new();
    for (i, row) in export.usage.rows.iter().enumerate() {
        let payer = if row.tenant == UNATTRIBUTED {
            (UNATTRIBUTED.to_owned(), String::new())
        } else {
            (row.tenant.clone(), row.contract.clone())
        };
        payers.entry(payer).or_default().push(i);
    }
    let names = names::of(&export.usage.month, payers.keys(), format.as_str());
    let staging = Staging::new(out)?;
    let mut entries = Vec::with_capacity(payers.len());
    for ((payer, rows), name) in payers.iter().zip(names) {
        let file = write_rows(export, format, rows, staging.create(&name)?)?.finish()?;
        let money = export.rated.map(|r| money(r, rows)).transpose()?;
        entries.push(FileEntry {
            name,
            tenant: payer.0.clone(),
            contract: payer.1.clone(),
            rows: rows.len(),
            bytes: file.bytes,
            sha256: file.sha256,
            meters: manifest::sums(rows.iter().map(|&i| &export.usage.rows[i]))?,
            money,
        });
    }
    let manifest = Manifest::new(export, format, entries)?;
    let mut file = staging.create(Manifest::NAME)?;
    file.all(format!("{}\n", serde_json::to_string_pretty(&manifest)?).as_bytes())?;
    file.finish()?;
    let names = manifest
        .files
        .iter()
        .map(|f| f.name.as_str())
        .chain([Manifest::NAME]);
    Ok(Written {
        paths: staging.publish(names)?,
        manifest,
    })
}

fn check(export: &Export<'_>) -> Result<(), ExportError> {
    let (usage, period) = (export.usage.month.clone(), export.period.to_string());
    if usage != period {
        return Err(ExportError::Month { usage, period });
    }
    let Some(Rated { charges, .. }) = export.rated else {
        return Ok(());
    };
    let rows = &export.usage.rows;
    let differs = charges.iter().zip(rows).position(|(c, r)| c.usage != *r);
    match differs.or_else(|| (charges.len() != rows.len()).then(|| charges.len().min(rows.len()))) {
        Some(row) => Err(ExportError::OtherCharges { row }),
        None => Ok(()),
    }
}

fn write_rows(
    export: &Export<'_>,
    format: Format,
    rows: &[usize],
    mut file: FileWriter,
) -> Result<FileWriter, ExportError> {
    let path = file.path().to_owned();
    let failed = |source: io::Error| ExportError::Io {
        what: "write",
        path: path.clone(),
        source,
    };
    match format {
        Format::Csv => {
            let mut csv = csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(&mut file);
            csv.write_record(COLUMNS).map_err(|e| failed(e.into()))?;
            for &i in rows {
                csv.write_record(Row::new(export, i).csv())
                    .map_err(|e| failed(e.into()))?;
            }
            csv.flush().map_err(failed)?;
        }
        Format::Jsonl => {
            for &i in rows {
                file.all(serde_json::to_string(&Row::new(export, i))?.as_bytes())?;
                file.all(b"\n")?;
            }
        }
    }
    Ok(file)
}

fn money(rated: Rated<'_>, rows: &[usize]) -> Result<Money, ExportError> {
    let total = rating::total(rows.iter().map(|&i| &rated.charges[i]), rated.book)?;
    let text = |r: &Rational| crate::domain::money::exact_text(r);
    Ok(Money {
        currency: rated.book.currency.clone(),
        lines: total.lines,
        amount: total.amount,
        exact: text(&total.exact),
        rounding: text(&total.rounding),
    })
}

#[cfg(test)]
mod tests;
