//! Which numbers may be what.

use super::{Problem, Verdict, Wrong};
use crate::{
    domain::Decimal,
    exposition::{Kind, Label, Lexeme, Part},
};
use std::{cmp::Ordering, sync::LazyLock};

/// What is as large as this is no 64-bit float (IEEE 754): half a step above the largest.
const FLOAT_END: &str = "1.7976931348623158079372897140530341508e308";

static FLOAT_LIMIT: LazyLock<Option<Decimal<'static>>> =
    LazyLock::new(|| Decimal::parse(FLOAT_END).ok());

/// A sample's value.
pub(super) fn checked(kind: Kind, part: Part, value: Lexeme<'_>) -> Verdict<'_> {
    let must = match part {
        Part::Bucket | Part::Count | Part::GaugeCount if !natural(value) => {
            "a whole number that is not negative"
        }
        Part::Total | Part::Sum if !not_negative(value) => {
            "a number that is not negative, and not NaN"
        }
        Part::GaugeSum if value.is_nan() => "a number, and not NaN",
        Part::Created if value.decimal().is_none() => "a time in seconds",
        Part::Info if !is(value, "1") => "1",
        Part::Value if kind == Kind::StateSet && !is(value, "0") && !is(value, "1") => "0 or 1",
        Part::Value if kind == Kind::Summary && !value.is_nan() && !not_negative(value) => {
            "a number that is not negative, or NaN"
        }
        _ => return in_range(value),
    };
    let found = value.as_str();
    Err(Problem::ValueOf {
        found: found.to_owned(),
        must,
    }
    .with(found))
}

/// A number with a point or an exponent is one that a 64-bit float can hold.
pub(super) fn in_range(value: Lexeme<'_>) -> Verdict<'_> {
    let text = value.as_str();
    // Nothing shorter without an exponent can be as large.
    if text.len() < 300 && !text.contains(['e', 'E']) || !text.contains(['.', 'e', 'E']) {
        return Ok(());
    }
    let Some((number, limit)) = value.decimal().zip(*FLOAT_LIMIT) else {
        return Ok(());
    };
    let unsigned = Decimal::parse(text.trim_start_matches('-')).unwrap_or(number);
    if unsigned >= limit {
        return Err(Problem::Range(text.to_owned()).with(text));
    }
    Ok(())
}

/// A bucket's bound.
pub(super) fn bound(le: Label<'_>) -> Result<Lexeme<'_>, Wrong<'_>> {
    let text = le.raw_value();
    Lexeme::parse(text)
        .filter(|b| !b.is_nan() && (b.infinite() != 1 || text == "+Inf"))
        .ok_or_else(|| Problem::Bound(text.to_owned()).with(text))
}

/// A quantile.
pub(super) fn quantile(label: Label<'_>) -> Result<Lexeme<'_>, Wrong<'_>> {
    let text = label.raw_value();
    let within = |q: &Lexeme<'_>| {
        let above = q.order(Lexeme::of("0")).is_some_and(Ordering::is_ge);
        above && q.order(Lexeme::of("1")).is_some_and(Ordering::is_le)
    };
    Lexeme::parse(text)
        .filter(within)
        .ok_or_else(|| Problem::Quantile(text.to_owned()).with(text))
}

fn natural(value: Lexeme<'_>) -> bool {
    value
        .decimal()
        .is_some_and(|d| d.is_whole() && !d.is_negative())
}

fn not_negative(value: Lexeme<'_>) -> bool {
    value.order(Lexeme::of("0")).is_some_and(Ordering::is_ge)
}

fn is(value: Lexeme<'_>, number: &'static str) -> bool {
    value.order(Lexeme::of(number)) == Some(Ordering::Equal)
}
