//! Described usage: in a book's worked examples, and in words for quotes.

use super::{
    extras,
    judge::Judge,
    prices,
    raw::{self, Unit},
};
use crate::{
    config::{leaf::Seconds, problem::Path, raw::Part, shape},
    domain::{
        Meters, PriceBook,
        money::{Rational, parse_decimal},
        price::{Example, PriceUnit, Use, what_of},
    },
};
use num_bigint::BigInt;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn examples(
    j: &mut Judge<'_, '_>,
    examples: Vec<Part<raw::Example>>,
    path: &Path,
) -> Vec<Example> {
    let mut all = Vec::new();
    for (i, part) in examples.into_iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = j.c.part(part, &path) else {
            continue;
        };
        extras::subscriptions(j, &raw.subscriptions, &path.key("subscriptions"));
        let skus: BTreeSet<String> = j.items.iter().map(|i| i.sku.clone()).collect();
        let path_of_lines = path.key("lines");
        for sku in raw.lines.keys().filter(|s| !skus.contains(*s)) {
            let hint = shape::unknown_hint(sku, skus.iter().map(String::as_str));
            j.error(&path_of_lines.key(sku), "is no SKU of this book", hint);
        }
        let uses = raw
            .usage
            .into_iter()
            .enumerate()
            .filter_map(|(n, part)| used(j, part, &path.key("usage").index(n)))
            .collect();
        let at = j.c.root.locate(&path);
        let lines = raw.lines.into_iter();
        all.push(Example {
            name: raw.name,
            at: (at.line, at.col, path.to_string()),
            month: raw.month,
            contract: raw.contract.unwrap_or_default(),
            subscriptions: raw.subscriptions,
            uses,
            lines: lines.map(|(sku, a)| (sku, Judge::decimal(&a))).collect(),
            total: Judge::decimal(&raw.total),
        });
    }
    all
}

fn used(j: &mut Judge<'_, '_>, part: Part<raw::Use>, path: &Path) -> Option<Use> {
    let raw = j.c.part(part, path)?;
    let known = j.meter(&raw.meter, &path.key("meter"))?;
    let dimensions: BTreeSet<&str> = known.dimensions.iter().map(String::as_str).collect();
    let keys = raw.dimensions.keys();
    j.dimensions(keys, &dimensions, &raw.meter, &path.key("dimensions"));
    let unit = j.c.part(raw.unit, &path.key("unit"))?.0;
    if !unit.counts(what_of(&known.unit).0) {
        prices::fitting(j, &known.unit, &raw.meter, Some(unit), None, path);
        return None;
    }
    let Some(level) = base(&Judge::decimal(&raw.quantity.0), unit) else {
        let what = format!("is no whole number of the meter's unit, {}", known.unit);
        j.error(
            &path.key("quantity"),
            what,
            "0.5 GB is 500000000 bytes; half an instance is none",
        );
        return None;
    };
    let from = raw.from.and_then(|m| m.0.in_zone(j.zone));
    Some(Use {
        meter: raw.meter,
        meter_unit: known.unit,
        dimensions: raw.dimensions,
        resource: raw.resource.unwrap_or_default(),
        level,
        from,
        seconds: raw.r#for.map(|s| s.0),
    })
}

/// So many units in the meter's base unit; `None` if that is no whole number.
fn base(quantity: &Rational, unit: PriceUnit) -> Option<BigInt> {
    let base = quantity * Rational::from_integer(unit.base());
    base.is_integer().then(|| base.to_integer())
}

/// Reads a use in words: `compute.instance flavor=b2.c2r4 3 instance for 720h`; the quantity and what follows may be left out. Meters are the
/// shipped ones and those that the book prices.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_use(text: &str, book: &PriceBook) -> Result<Use, String> {
    let wrong = |what: String| {
        format!(
            "`{text}`: {what}; write it as `compute.instance flavor=b2.c2r4 3 instance for 720h`"
        )
    };
    let mut words = text.split_whitespace().peekable();
    let meter = words.next().ok_or_else(|| wrong("is empty".to_owned()))?;
    let meter_unit = meter_unit(meter, book).map_err(&wrong)?;
    let what = what_of(&meter_unit).0.to_owned();
    let mut dimensions = BTreeMap::new();
    while let Some((key, value)) = words.peek().and_then(|w| w.split_once('=')) {
        dimensions.insert(key.to_owned(), value.to_owned());
        words.next();
    }
    let (mut quantity, mut unit) = (Rational::from_integer(1.into()), None);
    if let Some(word) = words.next_if(|w| *w != "for") {
        quantity = parse_decimal(word).map_err(|e| wrong(e.to_string()))?;
        let unit_words: Vec<&str> = std::iter::from_fn(|| words.next_if(|w| *w != "for")).collect();
        if !unit_words.is_empty() {
            let word = unit_words.join(" ");
            unit = Some(Unit::try_from(word.clone()).map_err(|_| {
                let known = PriceUnit::ALL.iter().map(|(_, w)| *w);
                wrong(format!(
                    "there is no unit `{word}`, {}",
                    shape::unknown_hint(&word, known)
                ))
            })?);
        }
    }
    let seconds = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some("for"), Some(length), None) => {
            let length = Seconds::try_from(length.to_owned()).map_err(wrong)?;
            Some(length.0)
        }
        _ => {
            return Err(wrong(
                "what follows the unit is `for` and a length of time".to_owned(),
            ));
        }
    };
    let fitting = PriceUnit::ALL
        .iter()
        .map(|(u, _)| *u)
        .filter(|u| u.counts(&what));
    let unit = match unit {
        Some(Unit(unit)) if unit.counts(&what) => unit,
        Some(Unit(unit)) => {
            let given = unit.as_str();
            return Err(wrong(format!(
                "{given} does not fit {meter}, which is measured in {meter_unit}"
            )));
        }
        // Of bytes the unit must be said.
        None if what == "By" => return Err(wrong("needs a unit: GB, GiB, TB or TiB".to_owned())),
        None => fitting.clone().next().unwrap_or(PriceUnit::Instance),
    };
    let level = base(&quantity, unit)
        .filter(|l| *l >= BigInt::from(0))
        .ok_or_else(|| wrong(format!("is no whole number of {meter_unit}, or negative")))?;
    Ok(Use {
        meter: meter.to_owned(),
        meter_unit,
        dimensions,
        resource: String::new(),
        level,
        from: None,
        seconds,
    })
}

/// The UCUM unit of a meter: that of plimsoll's own, or what the book's prices of it count.
fn meter_unit(meter: &str, book: &PriceBook) -> Result<String, String> {
    let shipped = Meters::shipped("existence", &BTreeMap::new()).map_err(|e| e.to_string())?;
    if let Some(known) = shipped.by_name.get(meter) {
        return Ok(known.unit.clone());
    }
    let mut names: BTreeSet<&str> = shipped.by_name.keys().map(String::as_str).collect();
    names.extend(book.meters.keys().map(String::as_str));
    book.meters.get(meter).cloned().ok_or_else(|| {
        let hint = shape::unknown_hint(meter, names.into_iter());
        format!("there is no meter `{meter}`, {hint}")
    })
}
