//! Kubernetes quantities (`250m`, `1.5Gi`, `12e3`) as integers of a base unit, exactly: no float between the API's text and our numbers.
//!
//! Grammar: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>. What is smaller than the base unit is rounded up, as Kubernetes
//! itself does.

/// Why a text is no quantity, or none that can be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadQuantity {
    #[error(
        "`{0}` is not a quantity: expected a number, and then nothing, an exponent, or one of n u m k M G T P E Ki Mi Gi Ti Pi Ei"
    )]
    Text(String),
    #[error("the quantity `{0}` is below zero")]
    Negative(String),
    #[error("the quantity `{0}` is too large to be counted")]
    TooLarge(String),
}

/// Reads a quantity in one base unit.
pub(super) type Read = fn(&str) -> Result<i64, BadQuantity>;

/// Longest text that is read: the API's own numbers have some twenty characters.
const LENGTH_MAX: usize = 64;
/// Largest power of ten that is looked at; beyond it nothing fits.
const POWER_MAX: u32 = 38;

/// Billionths of a CPU: `250m` is 250,000,000.
pub(super) fn nanocores(text: &str) -> Result<i64, BadQuantity> {
    scaled(text, 9)
}

/// Whole ones, rounded up: bytes, devices.
pub(super) fn whole(text: &str) -> Result<i64, BadQuantity> {
    scaled(text, 0)
}

/// What a suffix multiplies by.
enum Scale {
    Ten(i32),
    Two(u32),
}

/// The quantity times ten to the power `decimals`, rounded up.
fn scaled(text: &str, decimals: i32) -> Result<i64, BadQuantity> {
    let bad = || BadQuantity::Text(text.to_owned());
    let large = || BadQuantity::TooLarge(text.to_owned());
    if text.len() > LENGTH_MAX {
        return Err(bad());
    }
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (digits, places) = digits(number).ok_or_else(bad)?;
    let scale = scale(suffix).ok_or_else(bad)?;
    if digits.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(BadQuantity::Negative(text.to_owned()));
    }
    let (ten, two) = match scale {
        Scale::Ten(power) => (power, 0),
        Scale::Two(power) => (0, power),
    };
    let power = ten + decimals - places;
    if let Ok(up) = u32::try_from(power) {
        let factor = 10_i128
            .checked_pow(up.min(POWER_MAX + 1))
            .and_then(|f| f.checked_mul(1 << two))
            .ok_or_else(large)?;
        let number: i128 = digits.parse().map_err(|_| large())?;
        let product = number.checked_mul(factor).ok_or_else(large)?;
        return i64::try_from(product).map_err(|_| large());
    }
    divided(&digits, power.unsigned_abs(), two).ok_or_else(large)
}

/// Digits times a power of two, divided by a power of ten, rounded up.
fn divided(digits: &str, down: u32, two: u32) -> Option<i64> {
    let places = usize::try_from(down).ok()?;
    // What stands before the point after the division, and what behind it.
    let cut = digits.len().saturating_sub(places);
    let before: i128 = if cut == 0 {
        0
    } else {
        digits[..cut].parse().ok()?
    };
    let mut whole = before.checked_mul(1 << two)?;
    let rest = digits[cut..].trim_end_matches('0');
    // Zeros between the point and the first digit; beyond so many, no power of two brings it over one.
    let zeros = places - (digits.len() - cut);
    if rest.is_empty() || zeros > LENGTH_MAX {
        let up = i128::from(!rest.is_empty());
        return i64::try_from(whole.checked_add(up)?).ok();
    }
    let mut part = vec![0; zeros];
    part.extend(rest.bytes().map(|b| b - b'0'));
    let mut carried = 0_i128;
    for _ in 0..two {
        let mut carry = 0;
        for digit in part.iter_mut().rev() {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        carried = carried * 2 + i128::from(carry);
    }
    let up = i128::from(part.iter().any(|d| *d != 0));
    whole = whole.checked_add(carried)?.checked_add(up)?;
    i64::try_from(whole).ok()
}

/// The digits of a number without leading zeros, and how many of them stand behind the point.
fn digits(number: &str) -> Option<(String, i32)> {
    let (before, behind) = number.split_once('.').unwrap_or((number, ""));
    if before.is_empty() && behind.is_empty() || behind.contains('.') {
        return None;
    }
    let behind = behind.trim_end_matches('0');
    let all = format!("{before}{behind}");
    Some((
        all.trim_start_matches('0').to_owned(),
        i32::try_from(behind.len()).ok()?,
    ))
}

fn scale(suffix: &str) -> Option<Scale> {
    Some(match suffix {
        "n" => Scale::Ten(-9),
        "u" => Scale::Ten(-6),
        "m" => Scale::Ten(-3),
        "" => Scale::Ten(0),
        "k" => Scale::Ten(3),
        "M" => Scale::Ten(6),
        "G" => Scale::Ten(9),
        "T" => Scale::Ten(12),
        "P" => Scale::Ten(15),
        "E" => Scale::Ten(18),
        "Ki" => Scale::Two(10),
        "Mi" => Scale::Two(20),
        "Gi" => Scale::Two(30),
        "Ti" => Scale::Two(40),
        "Pi" => Scale::Two(50),
        "Ei" => Scale::Two(60),
        exponent => {
            let power = exponent.strip_prefix(['e', 'E'])?;
            let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
            if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            // Beyond this everything is too large, or next to nothing.
            let size = unsigned.parse().unwrap_or(1_000_i32).min(1_000);
            Scale::Ten(if power.starts_with('-') { -size } else { size })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_as_the_api_writes_them() {
        for (text, nano) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("250m", 250_000_000),
            ("0.1", 100_000_000),
            ("1500u", 1_500_000),
            ("7n", 7),
            ("0.1n", 1),
            (".5", 500_000_000),
            ("2.", 2_000_000_000),
            ("+1e-3", 1_000_000),
            ("1E3", 1_000_000_000_000),
            ("1Ki", 1_024_000_000_000),
        ] {
            assert_eq!(nanocores(text), Ok(nano), "{text}");
        }
        for (text, bytes) in [
            ("512Mi", 512 << 20),
            ("1.5Gi", 3 << 29),
            ("125293548Ki", 125_293_548 << 10),
            ("114396791822", 114_396_791_822),
            ("16G", 16_000_000_000),
            ("12e6", 12_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("7Ei", 7 << 60),
            ("1500m", 2),
            ("0.1Ki", 103),
            ("0.0009765625Ki", 1),
            ("1e-1000", 1),
            ("1e-1000000000000", 1),
            ("-0", 0),
        ] {
            assert_eq!(whole(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_says_so() {
        for text in [
            "", ".", "m", "1 Gi", "1gi", "0x10", "1e", "1ee3", "1.2.3", "--1", "1Kim", "NaN",
        ] {
            assert!(matches!(whole(text), Err(BadQuantity::Text(_))), "{text}");
        }
        assert_eq!(whole("-1Gi"), Err(BadQuantity::Negative("-1Gi".into())));
        for text in [
            "8Ei",
            "10E",
            "1e40",
            "1e400",
            "99999999999999999999999999999999999999999",
        ] {
            assert!(
                matches!(whole(text), Err(BadQuantity::TooLarge(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_quantity_is_its_number_rounded_up(n in 0_i64..1_000_000_000, places in 0_usize..12, suffix in 0_usize..6) {
            let (suffix, two) = [("", 0), ("Ki", 10), ("Mi", 20), ("Gi", 30), ("m", 0), ("k", 0)][suffix];
            let text = format!("{n:0>width$}", width = places + 1);
            let (before, behind) = text.split_at(text.len() - places);
            let text = format!("{before}.{behind}{suffix}");
            let mut over = i128::from(n) << two;
            let mut under = 10_i128.pow(u32::try_from(places).unwrap());
            match suffix { "m" => under *= 1000, "k" => over *= 1000, _ => {} }
            prop_assert_eq!(i128::from(whole(&text).unwrap()), (over + under - 1) / under, "{}", text);
        }
    }
}
