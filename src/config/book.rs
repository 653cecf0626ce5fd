//! Price books: dated YAML -> [`PriceBook`], with the same care and the same kind of errors as the configuration.

use super::{
    checker::Checker,
    leaf::{Day, Decimal},
    problem::{Path, Problem},
    raw::Part,
    schema, shape, yaml,
};
use crate::domain::{
    Meter, Meters, PriceBook,
    digest::sha256_hex,
    money::{Rational, Rounding, parse_decimal},
    price::{Price, PricePeriod, PriceUnit},
};
use num_traits::Zero as _;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path as FilePath,
};

/// A price book: what each meter costs. Every change is a new book or a new date, never an edit of what was billed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    /// Its name, shown on bills and exports.
    name: Part<String>,
    /// ISO 4217: EUR. One book, one currency.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"), example = &"EUR")]
    currency: Part<String>,
    /// The first day it may price, in the provider's time zone. A month that begins before is refused.
    valid_from: Part<Day>,
    /// The one declared rounding. Default: 2 decimals, half_up.
    #[serde(default)]
    rounding: Part<Round>,
    /// The prices. A meter without any is measured, not sold.
    prices: Vec<Part<Line>>,
}

/// How the amount of each line is rounded, once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Round {
    /// Decimals of an amount.
    #[schemars(range(min = 0, max = 9))]
    decimals: u32,
    /// half_up: halves away from zero. half_even: halves to the even neighbour.
    mode: Mode,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            decimals: 2,
            mode: Mode::HalfUp,
        }
    }
}

/// How halves are rounded.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Away from zero.
    HalfUp,
    /// To the even neighbour.
    HalfEven,
}

/// A price: `amount` per `per` `unit` per `period`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Its key on bills; once in a book.
    #[schemars(example = &"FLAVOR-b2.c1r2")]
    sku: String,
    /// Its name on bills.
    name: String,
    /// The meter it prices.
    #[schemars(example = &"compute.instance")]
    meter: String,
    /// Dimensions of the meter that must be equal. Default: any.
    #[serde(default, rename = "match")]
    matches: BTreeMap<String, String>,
    /// Money, exactly as written; never read through a float.
    amount: Part<Decimal>,
    /// Per how many units. Default: 1.
    #[serde(default = "Line::per")]
    per: Decimal,
    /// Of what: instance, vCPU, GPU, GB (10^9), GiB (2^30), TB, TiB.
    unit: Part<Unit>,
    /// Per how long: hour, day, 30d (2,592,000 s), month (the calendar month at hand), none (amounts, not levels over time).
    period: Part<Span>,
}

impl Line {
    fn per() -> Decimal {
        Decimal("1".to_owned())
    }
}

/// Declares an enumeration by the words that the domain knows, so that there is one list of them.
macro_rules! words {
    ($name:ident, $of:ty, $words:literal) => {
        #[doc = $words]
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(try_from = "String")]
        struct $name($of);

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(word: String) -> Result<Self, String> {
                <$of>::ALL.iter().find(|(_, w)| *w == word).map(|(v, _)| Self(*v)).ok_or(word)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = <$of>::ALL.iter().map(|(_, w)| *w).collect();
                schemars::json_schema!({ "type": "string", "description": $words, "enum": words })
            }
        }
    };
}

words!(Unit, PriceUnit, "Units that prices are quoted in.");
words!(Span, PricePeriod, "Periods that prices are quoted for.");

/// Reads a price book.
///
/// # Errors
/// All problems at once.
pub fn read(file: &FilePath) -> Result<PriceBook, Vec<Problem>> {
    match judge(file) {
        (Some(book), _) => Ok(book),
        (None, problems) => Err(problems),
    }
}

/// Reads a book from its stored text, which was accepted once: [`PriceBook::text`].
///
/// # Errors
/// All problems at once, with `name` in place of a file.
pub fn from_text(name: &str, text: &str) -> Result<PriceBook, Vec<Problem>> {
    match judge_text(FilePath::new(name), text) {
        (Some(book), _) => Ok(book),
        (None, problems) => Err(problems),
    }
}

/// The book, if it is sound, and what is wrong with it.
pub(super) fn judge(file: &FilePath) -> (Option<PriceBook>, Vec<Problem>) {
    match yaml::read_text(file) {
        Ok(text) => judge_text(file, &text),
        Err(problem) => (None, vec![problem]),
    }
}

pub(super) fn judge_text(file: &FilePath, text: &str) -> (Option<PriceBook>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(root) = yaml::parse(file, text, &mut problems) else {
        return (None, problems);
    };
    let shaped = shape::check(file, &root, &schema::price_book_schema(), &mut problems);
    let mut c = Checker {
        file: file.to_owned(),
        root,
        problems,
        env: &|_| None,
    };
    let part = Part(shaped.and_then(|v| serde_json::from_value::<Book>(v).ok()));
    let book = c
        .part(part, &Path::default())
        .and_then(|b| book(&mut c, b, text));
    let book = book.filter(|_| !c.problems.iter().any(Problem::is_error));
    (book, c.problems)
}

fn book(c: &mut Checker<'_>, raw: Book, text: &str) -> Option<PriceBook> {
    let meters = match Meters::shipped("existence", &BTreeMap::new()) {
        Ok(meters) => meters,
        Err(e) => {
            c.error(&Path::default(), e.to_string(), "");
            return None;
        }
    };
    let rounding = c.part(raw.rounding, &Path::default().key("rounding"));
    let path = Path::default().key("prices");
    let mut prices: Vec<Price> = Vec::new();
    let (mut skus, mut targets) = (BTreeMap::new(), BTreeMap::new());
    for (i, part) in raw.prices.into_iter().enumerate() {
        let path = path.index(i);
        let Some(line) = c.part(part, &path) else {
            continue;
        };
        once(
            c,
            &mut skus,
            line.sku.clone(),
            &path,
            "sku",
            "is the SKU",
            "a SKU stands once in a book",
        );
        let target = (line.meter.clone(), line.matches.clone());
        once(
            c,
            &mut targets,
            target,
            &path,
            "match",
            "matches the same usage",
            "one usage has one price: tell them apart by `match`",
        );
        if let Some(meter) = known_meter(c, &meters, &line.meter, &path) {
            fits(c, meter, &line, &path);
        }
        prices.extend(price(c, line, &path));
    }
    let rounding = rounding?;
    Some(PriceBook {
        name: c.part(raw.name, &Path::default().key("name"))?,
        currency: c.part(raw.currency, &Path::default().key("currency"))?,
        valid_from: c
            .part(raw.valid_from, &Path::default().key("valid_from"))?
            .0,
        decimals: rounding.decimals,
        rounding: match rounding.mode {
            Mode::HalfUp => Rounding::HalfUp,
            Mode::HalfEven => Rounding::HalfEven,
        },
        prices,
        hash: sha256_hex(text.as_bytes()),
        text: text.to_owned(),
    })
}

/// Notes an error where a thing that may be there once is there again.
fn once<K: Ord>(
    c: &mut Checker<'_>,
    seen: &mut BTreeMap<K, Path>,
    key: K,
    path: &Path,
    at: &str,
    what: &str,
    hint: &str,
) {
    match seen.entry(key) {
        Entry::Vacant(place) => {
            place.insert(path.clone());
        }
        Entry::Occupied(first) => {
            let line = c.root.locate(&first.get().key(at)).line;
            c.error(
                &path.key(at),
                format!("{what} of {} at line {line} too", first.get()),
                hint,
            );
        }
    }
}

fn known_meter<'m>(
    c: &mut Checker<'_>,
    meters: &'m Meters,
    name: &str,
    path: &Path,
) -> Option<&'m Meter> {
    let meter = meters.by_name.get(name);
    if meter.is_none() {
        let hint = shape::unknown_hint(name, meters.by_name.keys().map(String::as_str));
        c.error(
            &path.key("meter"),
            format!("there is no meter `{name}`"),
            hint,
        );
    }
    meter
}

/// Holds a price against the meter it prices.
fn fits(c: &mut Checker<'_>, meter: &Meter, line: &Line, path: &Path) {
    // `By.s` is a level over time, `s` is existence over time, `By` is an amount.
    let over_time = meter.unit == "s" || meter.unit.ends_with(".s");
    let unit = meter
        .unit
        .strip_suffix(".s")
        .unwrap_or(if over_time { "1" } else { &meter.unit });
    if let Some(Unit(given)) = line.unit.0.filter(|u| u.0.dimension() != unit) {
        let fitting: Vec<&str> = PriceUnit::ALL
            .iter()
            .filter(|(u, _)| u.dimension() == unit)
            .map(|(_, w)| *w)
            .collect();
        let what = format!(
            "{} does not fit {}, which is measured in {}",
            given.as_str(),
            meter.name,
            meter.unit
        );
        c.error(
            &path.key("unit"),
            what,
            format!("fitting are {}", fitting.join(", ")),
        );
    }
    if let Some(Span(given)) = line
        .period
        .0
        .filter(|p| over_time == (p.0 == PricePeriod::Once))
    {
        let hint = if over_time {
            "give hour, day, 30d or month"
        } else {
            "give none"
        };
        let what = format!(
            "{} does not fit {}, which is measured in {}",
            given.as_str(),
            meter.name,
            meter.unit
        );
        c.error(&path.key("period"), what, hint);
    }
    for dimension in line
        .matches
        .keys()
        .filter(|d| !meter.dimensions.contains(d))
    {
        let hint = shape::unknown_hint(dimension, meter.dimensions.iter().map(String::as_str));
        c.error(
            &path.key("match").key(dimension),
            format!("is no dimension of {}", meter.name),
            hint,
        );
    }
}

fn price(c: &mut Checker<'_>, line: Line, path: &Path) -> Option<Price> {
    let per_quantity = parse_decimal(&line.per.0).ok()?;
    if per_quantity == Rational::zero() {
        c.error(&path.key("per"), "is zero", "per 1, 10, 1000 units");
    }
    let amount = c.part(line.amount, &path.key("amount"))?.0;
    Some(Price {
        sku: line.sku,
        name: line.name,
        meter: line.meter,
        matches: line.matches,
        amount: parse_decimal(&amount).ok()?,
        amount_text: amount,
        per_quantity,
        unit: c.part(line.unit, &path.key("unit"))?.0,
        period: c.part(line.period, &path.key("period"))?.0,
    })
}
