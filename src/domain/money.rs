//! Exact money: rationals until one declared rounding.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, Zero as _};

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

/// Rounds to so many decimals and writes it with exactly as many: `1.50`. The one declared rounding.
#[must_use]
pub fn round_to_text(value: &Rational, decimals: u32, mode: Rounding) -> String {
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
    let minus = if value.is_negative() && !units.is_zero() {
        "-"
    } else {
        ""
    };
    let width = decimals as usize + 1;
    let digits = format!("{units:0>width$}");
    if decimals == 0 {
        return format!("{minus}{digits}");
    }
    let (whole, part) = digits.split_at(digits.len() - decimals as usize);
    format!("{minus}{whole}.{part}")
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
        }
        for bad in ["", ".", "1.", ".5", "1e3", "1,5", "--1", "0x1", "١"] {
            assert!(parse_decimal(bad).is_err(), "{bad}");
        }
        assert_eq!(exact_text(&parse_decimal("427.20").unwrap()), "2136/5");
    }
}
