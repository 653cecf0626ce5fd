//! A month as files: one per contract (or, by a profile, one in all), and a manifest that proves them.
//!
//! `<month>_<contract>.csv` (or `.jsonl`, ...) for every contract, `<month>_unattributed.csv` only if there is usage that nobody owns,
//! `<month>_platform.csv` only if there is usage that platforms are made of, and `manifest.json`. The same input gives the same bytes: nothing in them tells when or where they were written. `schemas/export/README.md` tells readers
//! of the files what they need to know.

mod added;
pub mod alertmanager;
mod copy;
mod files;
mod focus;
mod format;
mod lines;
mod manifest;
mod names;
mod profile;
mod row;
pub mod rules;
mod sink;
mod table;
mod verify;
mod writer;

use crate::{
    domain::{
        Charge, Period, PriceBook,
        bill::{Metered, Rated},
        usage::Usage,
    },
    rating::{Account, OtherBills},
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

pub use crate::rating::Payer;
pub use added::fuzzed;
pub use copy::Copy;
pub use files::FileWriter;
pub use format::{Format, Provider};
pub use manifest::{
    About, BookEntry, Closed, FileEntry, Manifest, MeterSum, Money, sums, sums_of_charges,
};
pub use names::directory;
pub use row::{COLUMNS, Row};
pub use verify::{Verdict, verify};
pub use writer::{Lot, Writer};

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

    fn account(&self) -> Account<'a> {
        Account {
            metered: self.metered,
            period: self.period,
            priced: self.priced.map(|p| (p.rated, p.book)),
        }
    }

    /// What the manifest says of it.
    #[must_use]
    pub fn about(&self) -> About {
        let usage = self.usage();
        About {
            time_zone: usage.time_zone.clone(),
            from: self.period.from.to_string(),
            to: self.period.to.to_string(),
            as_of: usage.as_of.to_string(),
            facts: self.facts.to_owned(),
            definitions: self.definitions.clone(),
            book: self.priced.map(|p| BookEntry::of(p.book)),
            closed: None,
        }
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
    /// A file that was being written.
    #[error("export: cannot write: {0}")]
    Write(io::Error),
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
    #[error("export: {0}")]
    OtherBills(#[from] OtherBills),
    /// A sum beyond 128 bits.
    #[error(
        "export: the sum of {meter} does not fit into 128 bits: a level must be wrong, look at its largest rows"
    )]
    Overflow {
        /// Meter.
        meter: String,
    },
    /// A file that is not what its manifest says.
    #[error(
        "export: {name} is not what its manifest says: {what}; nothing was written. The store has lost or changed it: restore it from a backup"
    )]
    NotAsClosed {
        /// The file.
        name: String,
        /// What differs.
        what: String,
    },
    /// A row that could not be written as JSON.
    #[error("export: a row could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes the files of a month into `out`, which is made if need be.
///
/// They are written beside one another in a hidden directory in `out` first, synced, and then renamed into place, the manifest last: a run that breaks
/// leaves the files that were there. Files of the same names are replaced, others stay. **Memory usage**: some numbers a row, and the lines of one
/// contract.
///
/// # Errors
/// [`ExportError`], when nothing is left behind (but for a hidden directory after a kill).
pub fn write(export: &Export<'_>, format: &Format, out: &Path) -> Result<Written, ExportError> {
    let (usage, period) = (export.usage().month.clone(), export.period.to_string());
    if usage != period {
        return Err(ExportError::Month { usage, period });
    }
    let account = export.account();
    let shares = account.shares()?;
    let payers: Vec<Payer> = shares.keys().cloned().collect();
    let mut writer = Writer::new(out, export.period, format, &payers)?;
    for (payer, share) in &shares {
        let charges: Vec<Charge> = account.charges(share).collect();
        let rows = share.rows.iter().map(|&i| &export.usage().rows[i]);
        writer.lot(&Lot {
            payer,
            meters: sums(rows)?,
            charges: &charges,
            currency: export
                .priced
                .map(|p| (p.book.currency.as_str(), p.book.decimals)),
        })?;
    }
    writer.finish(export.about())
}

#[cfg(test)]
mod tests;
