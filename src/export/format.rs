//! The forms that files may have.

use super::{
    ExportError,
    files::FileWriter,
    profile::Profiled,
    sink::{Csv, Jsonl, Sink},
};
use crate::domain::profile::{Files, Profile};

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, UTF-8, with a header line.
    Csv,
    /// One JSON object a line: `schemas/export/usage-row.schema.json`.
    Jsonl,
    /// CSV as a profile has it.
    Profile(Profile),
}

impl Format {
    /// The words of the forms that need no profile.
    pub const WORDS: [&'static str; 2] = ["csv", "jsonl"];

    /// The form of a word; profiles by their names.
    #[must_use]
    pub fn parse(word: &str, profiles: &[Profile]) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Jsonl),
            name => {
                let profile = profiles.iter().find(|p| p.name == name)?;
                Some(Self::Profile(profile.clone()))
            }
        }
    }

    /// The word of the command line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Profile(p) => &p.name,
        }
    }

    /// The ending of file names.
    pub(super) fn extension(&self) -> &str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Profile(p) => &p.extension,
        }
    }

    /// True where all contracts are in one file.
    pub(super) fn in_one(&self) -> bool {
        matches!(self, Self::Profile(p) if p.files == Files::One)
    }

    /// A new file of it.
    pub(super) fn open<'f>(
        &'f self,
        file: FileWriter,
    ) -> Result<Box<dyn Sink + 'f>, ExportError> {
        Ok(match self {
            Self::Csv => Box::new(Csv::new(file)?),
            Self::Jsonl => Box::new(Jsonl(file)),
            Self::Profile(p) => Box::new(Profiled::new(p, file)?),
        })
    }
}
