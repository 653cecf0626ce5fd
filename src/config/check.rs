//! What `plimsoll check` reports offline.

use super::{Config, Overrides, Problem, load};
use crate::domain::tenancy::Rule;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The judgement of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file, if one was named.
    pub file: Option<PathBuf>,
    /// True when it is accepted.
    pub ok: bool,
    /// Errors, then warnings.
    pub problems: Vec<Problem>,
    /// What it holds; absent when it is refused.
    pub holds: Option<Holds>,
}

/// What an accepted configuration holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holds {
    /// Names of the sources.
    pub sources: Vec<String>,
    /// Tenancy rules, entries of lists counted each.
    pub rules: usize,
    /// Contracts with a tenant.
    pub contracts: usize,
    /// The price book, if there is one.
    pub book: Option<String>,
    /// Its prices.
    pub prices: usize,
}

/// Judges a configuration offline, as `load` does, and says what it holds.
pub fn check(path: Option<&Path>, overrides: &Overrides) -> (Report, Option<Config>) {
    let file = path.map(Path::to_owned);
    match load(path, overrides) {
        Ok(config) => {
            let problems = config.warnings.clone();
            (
                Report {
                    file,
                    ok: true,
                    problems,
                    holds: Some(Holds::of(&config)),
                },
                Some(config),
            )
        }
        Err(problems) => (
            Report {
                file,
                ok: false,
                problems,
                holds: None,
            },
            None,
        ),
    }
}

impl Holds {
    fn of(config: &Config) -> Self {
        let rules = |r: &Rule| {
            if let Rule::List(entries) = r {
                entries.len()
            } else {
                1
            }
        };
        Self {
            sources: config.sources.iter().map(|s| s.name().to_owned()).collect(),
            rules: config.tenancy.rules.iter().map(rules).sum(),
            contracts: config.tenancy.contracts.len(),
            book: config.prices.as_ref().map(|b| b.name.clone()),
            prices: config.prices.as_ref().map_or(0, |b| b.prices().count()),
        }
    }
}

impl fmt::Display for Report {
    /// A line for each problem, then one that sums up. JSON is what `serde_json` makes of the report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let file = self
            .file
            .as_ref()
            .map_or_else(|| "configuration".to_owned(), |p| p.display().to_string());
        let errors = self.problems.iter().filter(|p| p.is_error()).count();
        let warnings = self.problems.len() - errors;
        match &self.holds {
            None => writeln!(
                f,
                "{file}: refused, {errors} error(s), {warnings} warning(s)"
            ),
            Some(h) => {
                write!(
                    f,
                    "{file}: accepted, {warnings} warning(s): {} source(s)",
                    h.sources.len()
                )?;
                if !h.sources.is_empty() {
                    write!(f, " ({})", h.sources.join(", "))?;
                }
                write!(
                    f,
                    ", {} tenancy rule(s), {} contract(s), ",
                    h.rules, h.contracts
                )?;
                match &h.book {
                    Some(book) => writeln!(f, "{} price(s) in book {book}", h.prices),
                    None => writeln!(f, "no price book"),
                }
            }
        }
    }
}
