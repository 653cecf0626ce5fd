//! Outages and credits: a dated YAML file of decisions -> what is taken off bills, with the same care as the configuration.

use super::{
    checker::Checker,
    leaf::{Decimal, Moment},
    problem::{Path, Problem},
    raw::Part,
    schema, shape, yaml,
};
use crate::domain::{
    Period, PriceBook,
    credit::{Credit, Outage},
    money::{Rational, parse_decimal},
};
use chrono_tz::Tz;
use num_bigint::BigInt;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path as FilePath,
};

/// Outages that are not charged, and credits that were granted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Credits {
    /// Times in which usage is not charged.
    outages: Vec<Part<RawOutage>>,
    /// Money taken off a contract's month.
    credits: Vec<Part<RawCredit>>,
}

/// A time in which usage is not charged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Outage")]
struct RawOutage {
    /// Its name.
    #[schemars(example = &"INC-1042")]
    name: String,
    /// From, inclusive.
    from: Moment,
    /// Until, exclusive.
    to: Moment,
    /// Of these sources. Default: of all.
    #[serde(default)]
    sources: Vec<String>,
    /// By these meters; `*` at the end stands for anything. Default: by all.
    #[serde(default)]
    meters: Vec<String>,
    /// Of these contracts. Default: of all.
    #[serde(default)]
    contracts: Vec<String>,
    /// Why it is not charged.
    reason: String,
    /// Who decided it.
    approved_by: String,
}

/// Money taken off a contract's month.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credit")]
struct RawCredit {
    /// Its name.
    #[schemars(example = &"CR-7")]
    name: String,
    /// Whose.
    contract: String,
    /// The month that it is taken off.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}$"), example = &"2026-10")]
    month: String,
    /// How much, in the price book's currency, with no more decimals than it has.
    amount: Decimal,
    /// Why.
    reason: String,
    /// Who decided it.
    approved_by: String,
}

/// Reads the file's text into a book; every problem at once. Contracts that are not among those named are refused: a credit for one that nobody has would
/// be a bill of its own.
pub(super) fn judge(
    file: &FilePath,
    text: &str,
    zone: Tz,
    book: &mut PriceBook,
    contracts: &BTreeMap<String, String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(root) = yaml::parse(file, text, &mut problems) else {
        return problems;
    };
    let shaped = shape::check(file, &root, &schema::credits_schema(), &mut problems);
    let mut c = Checker {
        file: file.to_owned(),
        root,
        problems,
        env: &|_| None,
    };
    let part = Part(shaped.and_then(|v| serde_json::from_value::<Credits>(v).ok()));
    if let Some(raw) = c.part(part, &Path::default()) {
        unknown_contracts(&mut c, &raw, contracts);
        fill(&mut c, raw, zone, book);
    }
    c.problems
}

/// Fills a book from text that was accepted once.
///
/// # Errors
/// All problems at once, with `name` in place of a file.
pub fn from_text(
    name: &str,
    text: &str,
    zone: Tz,
    book: &mut PriceBook,
) -> Result<(), Vec<Problem>> {
    // There was no file then.
    if text.is_empty() {
        return Ok(());
    }
    let problems = judge(FilePath::new(name), text, zone, book, &BTreeMap::new());
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    Ok(())
}

/// Takes any bytes as a file of credits; true if they were accepted. For fuzzing.
#[must_use]
pub fn fuzzed(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut book = PriceBook {
        decimals: 2,
        ..PriceBook::default()
    };
    match from_text("fuzzed.yaml", text, Tz::Europe__Stockholm, &mut book) {
        Ok(()) => {
            assert!(
                book.outages.iter().all(|o| o.from < o.to),
                "an outage ends after it began"
            );
            let money = |c: &Credit| c.amount > Rational::default();
            assert!(
                book.credits.iter().all(money),
                "a credit is an amount above 0"
            );
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "who refuses says why");
            false
        }
    }
}

/// Names contracts that the configuration does not know, where it lists any.
fn unknown_contracts(c: &mut Checker<'_>, raw: &Credits, known: &BTreeMap<String, String>) {
    if known.is_empty() {
        return;
    }
    let mut named: Vec<(Path, &str)> = Vec::new();
    for (i, o) in raw.outages.iter().enumerate() {
        let path = Path::default().key("outages").index(i).key("contracts");
        let contracts = o.0.iter().flat_map(|o| o.contracts.iter().enumerate());
        named.extend(contracts.map(|(n, contract)| (path.index(n), contract.as_str())));
    }
    for (i, credit) in raw.credits.iter().enumerate() {
        let path = Path::default().key("credits").index(i).key("contract");
        named.extend(credit.0.iter().map(|c| (path.clone(), c.contract.as_str())));
    }
    for (path, contract) in named.into_iter().filter(|(_, n)| !known.contains_key(*n)) {
        let hint = shape::unknown_hint(contract, known.keys().map(String::as_str));
        c.error(&path, format!("there is no contract `{contract}`"), hint);
    }
}

fn fill(c: &mut Checker<'_>, raw: Credits, zone: Tz, book: &mut PriceBook) {
    let mut names = BTreeSet::new();
    let path = Path::default().key("outages");
    for (i, part) in raw.outages.into_iter().enumerate() {
        let path = path.index(i);
        let Some(o) = c.part(part, &path) else {
            continue;
        };
        once(c, &mut names, &o.name, &path);
        let (Some(from), Some(to)) = (o.from.0.in_zone(zone), o.to.0.in_zone(zone)) else {
            continue;
        };
        if from >= to {
            let what = "is not after `from`";
            c.error(&path.key("to"), what, "an outage ends after it began");
        }
        book.outages.push(Outage {
            name: o.name,
            from,
            to,
            sources: o.sources,
            meters: o.meters,
            contracts: o.contracts,
            reason: o.reason,
            approved_by: o.approved_by,
        });
    }
    let path = Path::default().key("credits");
    for (i, part) in raw.credits.into_iter().enumerate() {
        let path = path.index(i);
        let Some(credit) = c.part(part, &path) else {
            continue;
        };
        once(c, &mut names, &credit.name, &path);
        if Period::month(&credit.month, zone).is_err() {
            let what = format!("`{}` is not a month", credit.month);
            c.error(&path.key("month"), what, "write it as 2026-10");
        }
        let amount = parse_decimal(&credit.amount.0).unwrap_or_default();
        let units = &amount * Rational::from_integer(BigInt::from(10).pow(book.decimals));
        if !units.is_integer() || amount == Rational::default() {
            let what = format!("{} is no amount of money", credit.amount.0);
            let hint = format!("above 0, with at most {} decimals", book.decimals);
            c.error(&path.key("amount"), what, hint);
        }
        book.credits.push(Credit {
            name: credit.name,
            contract: credit.contract,
            month: credit.month,
            amount,
            reason: credit.reason,
            approved_by: credit.approved_by,
        });
    }
}

/// A name stands once: it is what tells decisions apart on bills.
fn once(c: &mut Checker<'_>, names: &mut BTreeSet<String>, name: &str, path: &Path) {
    if !names.insert(name.to_owned()) {
        let what = format!("`{name}` is the name of two decisions");
        c.error(&path.key("name"), what, "give each a name of its own");
    }
}
