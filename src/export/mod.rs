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

use crate::domain::{
    Period, PriceBook, UsageRow,
    bill::{Bill, Metered, Rated, Rows},
    money::{exact_sum, exact_text, units_to_text},
    ownership::UNATTRIBUTED,
    usage::Usage,
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
    pub metered: &'a Metered,
    /// The period it is of.
    pub period: &'a Period,
    /// What it costs; `None` where no price book is configured.
    pub priced: Option<Priced<'a>>,
    /// Hashes of what decided it besides facts: `tenancy`, `meters`, `prices`, ...
    pub definitions: &'a BTreeMap<String, String>,
    /// Hash of the facts it stands on.
    pub facts: &'a str,
}

impl<'a> Export<'a> {
    /// The usage, without its times.
    pub(crate) const fn usage(&self) -> &'a Usage {
        &self.metered.usage
    }
}

/// The bills of the same usage, and the book they were made with.
#[derive(Debug, Clone, Copy)]
pub struct Priced<'a> {
    /// As [`crate::rating::rate`] gives them.
    pub rated: &'a Rated,
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
    /// Bills of other usage.
    #[error(
        "export: the bills are not those of this usage (they differ at row {row}): rate the same usage again"
    )]
    OtherBills {
        /// The first row that differs, from 0.
        row: usize,
    },
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

/// A line of a file.
#[derive(Debug, Clone, Copy)]
enum Entry<'a> {
    /// Usage that is measured, not sold; by its row.
    Usage(usize),
    /// A line of a bill.
    Line(&'a Bill, &'a crate::domain::bill::Line),
    /// What rounding added to a bill.
    Rounding(&'a Bill),
}

/// What goes into one file.
#[derive(Default)]
struct Content<'a> {
    entries: Vec<Entry<'a>>,
    /// The rows of the usage in it.
    rows: Vec<usize>,
    bill: Option<&'a Bill>,
}

/// Writes the files of a month into `out`, which is made if need be.
///
/// They are written beside one another in a hidden directory in `out` first, synced, and then renamed into place, the manifest last: a run that breaks
/// leaves the files that were there. Files of the same names are replaced, others stay. **Memory usage**: some numbers a row; rows are streamed.
///
/// # Errors
/// [`ExportError`], when nothing is left behind (but for a hidden directory after a kill).
pub fn write(export: &Export<'_>, format: Format, out: &Path) -> Result<Written, ExportError> {
    check(export)?;
    let contents = contents(export);
    let names = names::of(&export.usage().month, contents.keys(), format.as_str());
    let staging = Staging::new(out)?;
    let mut files = Vec::with_capacity(contents.len());
    for ((payer, content), name) in contents.iter().zip(names) {
        let lines = &content.entries;
        let file = write_rows(export, format, lines, staging.create(&name)?)?.finish()?;
        let rows = content.rows.iter().map(|&i| &export.usage().rows[i]);
        files.push(FileEntry {
            name,
            tenant: payer.0.clone(),
            contract: payer.1.clone(),
            rows: lines.len(),
            bytes: file.bytes,
            sha256: file.sha256,
            meters: manifest::sums(rows)?,
            money: export.priced.map(|p| money(p.book, content.bill)),
        });
    }
    let manifest = Manifest::new(export, format, files)?;
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

fn payer_of(row: &UsageRow) -> Payer {
    if row.tenant == UNATTRIBUTED {
        (UNATTRIBUTED.to_owned(), String::new())
    } else {
        (row.tenant.clone(), row.contract.clone())
    }
}

/// The lines of each payer's file: what is of one row in the order of rows, then what is of many or of none.
fn contents<'a>(export: &Export<'a>) -> BTreeMap<Payer, Content<'a>> {
    let mut contents: BTreeMap<Payer, Content<'a>> = BTreeMap::new();
    for (i, row) in export.usage().rows.iter().enumerate() {
        contents.entry(payer_of(row)).or_default().rows.push(i);
    }
    let Some(Priced { rated, .. }) = export.priced else {
        for content in contents.values_mut() {
            content.entries = content.rows.iter().map(|i| Entry::Usage(*i)).collect();
        }
        return contents;
    };
    for &i in &rated.unsold {
        let content = contents
            .entry(payer_of(&export.usage().rows[i]))
            .or_default();
        content.entries.push(Entry::Usage(i));
    }
    for bill in &rated.bills {
        let payer = (bill.tenant.clone(), bill.contract.clone());
        let content = contents.entry(payer).or_default();
        content.bill = Some(bill);
        content
            .entries
            .extend(bill.lines.iter().map(|l| Entry::Line(bill, l)));
        if bill.rounding != 0 {
            content.entries.push(Entry::Rounding(bill));
        }
    }
    let place = |e: &Entry<'_>| match e {
        Entry::Usage(i) => *i,
        Entry::Line(_, line) => match line.rows {
            Rows::One(i) => i,
            Rows::Many(_) => usize::MAX,
        },
        Entry::Rounding(_) => usize::MAX,
    };
    for content in contents.values_mut() {
        content.entries.sort_by_key(place);
    }
    contents
}

fn check(export: &Export<'_>) -> Result<(), ExportError> {
    let (usage, period) = (export.usage().month.clone(), export.period.to_string());
    if usage != period {
        return Err(ExportError::Month { usage, period });
    }
    let Some(Priced { rated, .. }) = export.priced else {
        return Ok(());
    };
    let rows = &export.usage().rows;
    let mut seen = vec![false; rows.len()];
    let mut see = |i: usize, bill: Option<&Bill>| match rows.get(i) {
        Some(row) => {
            let payer = payer_of(row);
            seen[i] = bill.is_none_or(|b| b.tenant == payer.0 && b.contract == payer.1);
            seen[i]
        }
        None => false,
    };
    let lines = rated
        .bills
        .iter()
        .flat_map(|b| b.lines.iter().map(move |l| (b, l)));
    let billed = lines.flat_map(|(b, l)| l.rows.all().iter().map(move |i| (*i, Some(b))));
    for (row, bill) in billed.chain(rated.unsold.iter().map(|i| (*i, None))) {
        if !see(row, bill) {
            return Err(ExportError::OtherBills { row });
        }
    }
    match seen.iter().position(|s| !s) {
        Some(row) => Err(ExportError::OtherBills { row }),
        None => Ok(()),
    }
}

fn write_rows(
    export: &Export<'_>,
    format: Format,
    entries: &[Entry<'_>],
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
            for entry in entries {
                csv.write_record(Row::new(export, entry).csv())
                    .map_err(|e| failed(e.into()))?;
            }
            csv.flush().map_err(failed)?;
        }
        Format::Jsonl => {
            for entry in entries {
                file.all(serde_json::to_string(&Row::new(export, entry))?.as_bytes())?;
                file.all(b"\n")?;
            }
        }
    }
    Ok(file)
}

fn money(book: &PriceBook, bill: Option<&Bill>) -> Money {
    let lines = bill.map_or(&[][..], |b| &b.lines);
    let exact = exact_sum(lines.iter().map(|l| &l.exact));
    let amount = units_to_text(bill.map_or(0, |b| b.total), book.decimals);
    let rounding =
        crate::domain::money::parse_decimal(&amount).map_or_else(|_| exact.clone(), |a| a - &exact);
    Money {
        currency: book.currency.clone(),
        lines: lines.len() as u64,
        amount,
        exact: exact_text(&exact),
        rounding: exact_text(&rounding),
    }
}

#[cfg(test)]
mod tests;
