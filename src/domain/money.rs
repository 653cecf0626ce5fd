//! Exact money: rationals until one declared rounding.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};

/// An exact amount.
pub type Rational = BigRational;

/// Text that is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number: write it as 0.1068")]
pub struct BadDecimal(pub String);

/// Reads decimal text exactly: optional minus, digits, optional point and digits. No exponent, no separators.
///
/// # Errors
/// [`BadDecimal`] for anything else.
pub fn parse_decimal(text: &str) -> Result<Rational, BadDecimal> {
    let bad = || BadDecimal(text.to_owned());
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |d| (true, d));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || !all_digits(whole)
        || !all_digits(part)
        || (digits.contains('.') && part.is_empty())
    {
        return Err(bad());
    }
    let numerator: BigInt = format!("{whole}{part}").parse().map_err(|_| bad())?;
    let scale = u32::try_from(part.len()).map_err(|_| bad())?;
    let value = Rational::new(numerator, BigInt::from(10).pow(scale));
    Ok(if negative { -value } else { value })
}

/// How halves are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Halves away from zero: what invoices in the Nordics do.
    #[default]
    HalfUp,
    /// Halves to the even neighbour.
    HalfEven,
}

/// Rounds to so many decimals: whole units of the last decimal. The one declared rounding.
#[must_use]
pub fn round_to_units(value: &Rational, decimals: u32, mode: Rounding) -> BigInt {
    let scaled = (value * Rational::from_integer(BigInt::from(10).pow(decimals))).abs();
    let floor = scaled.floor().to_integer();
    let rest = &scaled - Rational::from_integer(floor.clone());
    let half = Rational::new(BigInt::one(), BigInt::from(2));
    let up = match rest.cmp(&half) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => mode == Rounding::HalfUp || (&floor % 2u8) == BigInt::one(),
    };
    let units = if up { floor + 1 } else { floor };
    if value.is_negative() { -units } else { units }
}

/// Rounds to so many decimals and writes it with exactly as many: `1.50`.
#[must_use]
pub fn round_to_text(value: &Rational, decimals: u32, mode: Rounding) -> String {
    text_of(&round_to_units(value, decimals, mode).to_string(), decimals)
}

/// Units of the last decimal as money is written: `150` with two decimals is `1.50`.
#[must_use]
pub fn units_to_text(units: i128, decimals: u32) -> String {
    text_of(&units.to_string(), decimals)
}

fn text_of(units: &str, decimals: u32) -> String {
    let (minus, digits) = units
        .strip_prefix('-')
        .map_or(("", units), |digits| ("-", digits));
    if decimals == 0 {
        return format!("{minus}{digits}");
    }
    let width = decimals as usize + 1;
    let digits = format!("{digits:0>width$}");
    let (whole, part) = digits.split_at(digits.len() - decimals as usize);
    format!("{minus}{whole}.{part}")
}

/// An exact fraction: two 128-bit integers while they suffice, which is nearly always, else as large as it needs.
#[derive(Debug, Clone)]
pub enum Exact {
    /// Numerator and denominator (above 0), not reduced.
    Small(i128, i128),
    /// Beyond 128 bits.
    Big(Box<Rational>),
}

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self::Small(0, 1);

    /// `quantity x rate`.
    #[must_use]
    pub fn of(quantity: i128, rate: &Rate) -> Self {
        let small = rate
            .small
            .and_then(|(num, den)| Some((times(quantity, num)?, den)));
        match small {
            Some((num, den)) => Self::Small(num, den),
            None => Self::Big(Box::new(
                Rational::from_integer(quantity.into()) * &rate.exact,
            )),
        }
    }

    /// As a reduced fraction.
    #[must_use]
    pub fn to_rational(&self) -> Rational {
        match self {
            Self::Small(num, den) => Rational::new((*num).into(), (*den).into()),
            Self::Big(r) => (**r).clone(),
        }
    }

    /// Rounded to units of the last decimal; `None` when that leaves 128 bits.
    #[must_use]
    pub fn round(&self, decimals: u32, mode: Rounding) -> Option<i128> {
        if let Self::Small(num, den) = self
            && let Some(units) = round_small(*num, *den, decimals, mode)
        {
            return Some(units);
        }
        round_to_units(&self.to_rational(), decimals, mode).to_i128()
    }
}

/// A product in 128 bits. Of two numbers of 64 bits, which nearly all are, it is one instruction and cannot overflow.
fn times(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

/// [`Exact::round`] in 128 bits; `None` where they do not suffice.
fn round_small(num: i128, den: i128, decimals: u32, mode: Rounding) -> Option<i128> {
    let unit = match 10_i64.checked_pow(decimals) {
        Some(unit) => i128::from(unit),
        None => 10_i128.checked_pow(decimals)?,
    };
    let scaled = times(num.checked_abs()?, unit)?;
    // 64 bits divide several times faster, and suffice for nearly every line.
    let floor = match (u64::try_from(scaled), u64::try_from(den)) {
        (Ok(scaled), Ok(den)) => i128::from(scaled / den),
        _ => scaled / den,
    };
    let rest = scaled - floor * den;
    let up = match rest.cmp(&(den - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => mode == Rounding::HalfUp || floor % 2 == 1,
    };
    let units = floor + i128::from(up);
    Some(if num < 0 { -units } else { units })
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.to_rational() == other.to_rational()
    }
}

impl Eq for Exact {}

impl From<Rational> for Exact {
    fn from(r: Rational) -> Self {
        match (r.numer().to_i128(), r.denom().to_i128()) {
            (Some(num), Some(den)) => Self::Small(num, den),
            _ => Self::Big(Box::new(r)),
        }
    }
}

/// Money per base unit of a quantity, made ready to multiply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    exact: Rational,
    small: Option<(i128, i128)>,
}

impl From<Rational> for Rate {
    fn from(exact: Rational) -> Self {
        let small = exact.numer().to_i128().zip(exact.denom().to_i128());
        Self { exact, small }
    }
}

/// The exact sum of many amounts: those of one denominator are added as integers, so that there is one division a denominator.
#[must_use]
pub fn exact_sum<'a>(amounts: impl IntoIterator<Item = &'a Exact>) -> Rational {
    let mut big = Rational::zero();
    let mut sums: std::collections::BTreeMap<i128, i128> = std::collections::BTreeMap::new();
    for amount in amounts {
        let Exact::Small(num, den) = amount else {
            big += amount.to_rational();
            continue;
        };
        let sum = sums.entry(*den).or_default();
        match sum.checked_add(*num) {
            Some(s) => *sum = s,
            None => big += amount.to_rational(),
        }
    }
    sums.into_iter().fold(big, |total, (den, num)| {
        total + Rational::new(num.into(), den.into())
    })
}

/// A rational as text that loses nothing: `427.20` as `2136/5`, whole numbers bare.
#[must_use]
pub fn exact_text(value: &Rational) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_rounds_exactly() {
        let third = parse_decimal("1").unwrap() / parse_decimal("3").unwrap();
        assert_eq!(round_to_text(&third, 2, Rounding::HalfUp), "0.33");
        for (text, decimals, up, even) in [
            ("0.125", 2, "0.13", "0.12"),
            ("-0.125", 2, "-0.13", "-0.12"),
            ("0.135", 2, "0.14", "0.14"),
            ("2.5", 0, "3", "2"),
            ("-0.001", 2, "0.00", "0.00"),
            ("99.995", 2, "100.00", "100.00"),
            ("7", 3, "7.000", "7.000"),
        ] {
            let v = parse_decimal(text).unwrap();
            assert_eq!(round_to_text(&v, decimals, Rounding::HalfUp), up, "{text}");
            assert_eq!(
                round_to_text(&v, decimals, Rounding::HalfEven),
                even,
                "{text}"
            );
            for (mode, want) in [(Rounding::HalfUp, up), (Rounding::HalfEven, even)] {
                let units = Exact::from(v.clone()).round(decimals, mode).unwrap();
                assert_eq!(units_to_text(units, decimals), want, "{text}");
                assert_eq!(
                    Exact::Big(Box::new(v.clone())).round(decimals, mode),
                    Some(units)
                );
            }
        }
        for bad in ["", ".", "1.", ".5", "1e3", "1,5", "--1", "0x1", "١"] {
            assert!(parse_decimal(bad).is_err(), "{bad}");
        }
        assert_eq!(exact_text(&parse_decimal("427.20").unwrap()), "2136/5");
    }
}
