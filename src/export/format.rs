//! The forms that files may have.

use super::{
    ExportError,
    files::FileWriter,
    focus::Focus,
    lines::AllLines,
    profile::Profiled,
    sink::{Csv, Jsonl, Sink},
    table::{TableCsv, TableParquet},
};
use crate::{
    config::Delivery,
    domain::{
        Period,
        profile::{FORMS, Files, Profile},
    },
};
use serde::{Deserialize, Serialize};

/// A form. It is kept with a closing, whose files can then be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// RFC 4180, UTF-8, with a header line.
    Csv,
    /// One JSON object a line: `schemas/export/usage-row.schema.json`.
    Jsonl,
    /// The same fields as Parquet.
    Parquet,
    /// FOCUS 1.2 as CSV.
    Focus(Provider),
    /// FOCUS 1.2 as Parquet.
    FocusParquet(Provider),
    /// CSV as a profile has it.
    Profile(Profile),
}

/// Who provides, publishes and issues, in the words of FOCUS.
pub type Provider = String;

impl Format {
    /// The form of a word; profiles by their names.
    ///
    /// # Errors
    /// When there is none of that word, or it lacks something; says what to do.
    pub fn parse(word: &str, delivery: &Delivery) -> Result<Self, String> {
        let provider = || {
            delivery.provider.clone().ok_or_else(|| {
                format!("`{word}` names the provider in every line: configure delivery.provider")
            })
        };
        Ok(match word {
            "csv" => Self::Csv,
            "jsonl" => Self::Jsonl,
            "parquet" => Self::Parquet,
            "focus" => Self::Focus(provider()?),
            "focus-parquet" => Self::FocusParquet(provider()?),
            name => match delivery.profiles.iter().find(|p| p.name == name) {
                Some(profile) => Self::Profile(profile.clone()),
                None => return Err(unknown(word, &delivery.profiles)),
            },
        })
    }

    /// The word of the command line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Focus(_) => "focus",
            Self::FocusParquet(_) => "focus-parquet",
            Self::Profile(p) => &p.name,
        }
    }

    /// The ending of file names.
    pub(super) fn extension(&self) -> &str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            // Apart from the files of `csv` and `parquet`, which may lie beside them.
            Self::Focus(_) => "focus.csv",
            Self::FocusParquet(_) => "focus.parquet",
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
        period: &'f Period,
    ) -> Result<Box<dyn Sink + 'f>, ExportError> {
        Ok(match self {
            Self::Csv => Box::new(Csv::new(file)?),
            Self::Jsonl => Box::new(Jsonl(file)),
            Self::Parquet => Box::new(TableParquet::new(AllLines, file)?),
            Self::Focus(provider) => Box::new(TableCsv::new(Focus { provider, period }, file)?),
            Self::FocusParquet(provider) => {
                Box::new(TableParquet::new(Focus { provider, period }, file)?)
            }
            Self::Profile(p) => Box::new(Profiled::new(p, file)?),
        })
    }
}

fn unknown(word: &str, profiles: &[Profile]) -> String {
    let own = profiles.iter().map(|p| p.name.as_str());
    let known: Vec<&str> = FORMS.into_iter().chain(own).collect();
    format!(
        "there is no form `{word}` of exports: there are {} (profiles are configured by delivery.profiles)",
        known.join(", ")
    )
}
