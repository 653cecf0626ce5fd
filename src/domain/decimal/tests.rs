//! Decimals against a plain rational made of the same text.

use super::*;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Pow as _, ToPrimitive as _};
use proptest::prelude::*;

fn d(text: &str) -> Decimal<'_> {
    Decimal::parse(text).unwrap()
}

#[test]
fn scales_and_floors_exactly() {
    for (text, decimals, exact, floor) in [
        ("0", 0, Some(0), 0),
        ("-0.000", 3, Some(0), 0),
        ("0e999999999999999999999", 6, Some(0), 0),
        ("00017", 0, Some(17), 17),
        ("17.", 0, Some(17), 17),
        ("+.5", 1, Some(5), 5),
        (".5", 0, None, 0),
        ("-.5", 0, None, -1),
        ("-1.000", 0, Some(-1), -1),
        ("1.5e1", 0, Some(15), 15),
        ("1.5E+1", 6, Some(15_000_000), 15_000_000),
        ("1500e-2", 0, Some(15), 15),
        ("1505e-2", 0, None, 15),
        ("0.0000001", 6, None, 0),
        ("-1e-30", 6, None, -1),
        ("1e-999999999999999999999", 6, None, 0),
        (
            "1520879607.789",
            6,
            Some(1_520_879_607_789_000),
            1_520_879_607_789_000,
        ),
        ("1604676851.123456789", 6, None, 1_604_676_851_123_456),
        (
            "170141183460469231731687303715884105727",
            0,
            Some(i128::MAX),
            i128::MAX,
        ),
        (
            "-170141183460469231731687303715884105728",
            0,
            Some(i128::MIN),
            i128::MIN,
        ),
        (
            "-17014118346046923173168730371588410572.8",
            1,
            Some(i128::MIN),
            i128::MIN,
        ),
    ] {
        assert_eq!(d(text).scaled(decimals).ok(), exact, "{text}");
        assert_eq!(d(text).floor(decimals), Ok(floor), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_told() {
    for text in [
        "170141183460469231731687303715884105728",
        "-170141183460469231731687303715884105729",
        "-170141183460469231731687303715884105728.5",
        "1e39",
        "1e999999999999999999999",
    ] {
        let told = Err(BadNumber::TooLarge(text.to_owned()));
        assert_eq!(d(text).floor(0), told, "{text}");
    }
    let told = d("0.25").scaled(1).unwrap_err().to_string();
    assert_eq!(
        told,
        "`0.25` has more than 1 decimals: choose a smaller unit, or floor it"
    );
}

#[test]
fn refuses_what_is_no_decimal() {
    for text in [
        "", ".", "-", "+", "e", "1e", "1e+", ".e1", "1.2.3", "1e1.5", "--1", "+-1", " 1", "1 ",
        "1_0", "1,5", "0x1", "1p3", "nan", "NaN", "inf", "+Inf", "Infinity", "١", "1\0", "1e--1",
        "1ee1", "1f",
    ] {
        assert!(Decimal::parse(text).is_err(), "{text}");
    }
}

#[test]
fn knows_whole_numbers_and_signs() {
    for (text, whole, negative) in [
        ("17.0", true, false),
        ("1.7e1", true, false),
        ("1.75e1", false, false),
        ("-0", true, false),
        ("-0.0e5", true, false),
        ("-1e-9", false, true),
    ] {
        assert_eq!(
            (d(text).is_whole(), d(text).is_negative()),
            (whole, negative),
            "{text}"
        );
    }
}

/// Any decimal text of moderate size, as the parts it is made of.
fn text() -> impl Strategy<Value = String> {
    let sign = prop_oneof![Just(""), Just("-"), Just("+")];
    let exponent = proptest::option::of((prop_oneof![Just("e"), Just("E")], -25_i32..25));
    (
        sign,
        "[0-9]{0,24}",
        proptest::option::of("[0-9]{0,24}"),
        exponent,
    )
        .prop_filter("needs a digit", |(_, whole, part, _)| {
            !whole.is_empty() || part.as_ref().is_some_and(|p| !p.is_empty())
        })
        .prop_map(|(sign, whole, part, exponent)| {
            let part = part.map_or_else(String::new, |p| format!(".{p}"));
            let exponent = exponent.map_or_else(String::new, |(e, n)| format!("{e}{n}"));
            format!("{sign}{whole}{part}{exponent}")
        })
}

/// The slow and plain way.
fn rational(text: &str) -> BigRational {
    let lower = text.to_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{part}0").parse().unwrap();
    let power = exponent.parse::<i32>().unwrap() - i32::try_from(part.len()).unwrap() - 1;
    BigRational::from_integer(digits) * BigRational::from_integer(10.into()).pow(power)
}

/// The product, where it and the digits of both together fit in 128 bits.
fn product(a: &str, b: &str, plain: &BigInt) -> Option<i128> {
    let digits = |n: &str| {
        let n = rational(n);
        let mut whole = n.clone();
        while !whole.is_integer() {
            whole *= BigInt::from(10);
        }
        let mut whole = whole.to_integer();
        let ten = BigInt::from(10);
        while whole != BigInt::ZERO && (&whole % &ten) == BigInt::ZERO {
            whole /= &ten;
        }
        whole
    };
    let (a, b) = (digits(a), digits(b));
    a.to_i128()?;
    b.to_i128()?;
    (a * b).to_i128()?;
    plain.to_i128()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// As the slow and plain way has it, floored; or it is told that it does not fit.
    #[test]
    fn products_are_exact(a in text(), b in text()) {
        let plain = (rational(&a) * rational(&b)).floor().to_integer();
        prop_assert_eq!(d(&a).times(&d(&b)).ok(), product(&a, &b, &plain));
    }

    #[test]
    fn agrees_with_a_rational(a in text(), b in text(), decimals in 0_u32..30) {
        let (x, y) = (d(&a), d(&b));
        let (p, q) = (rational(&a), rational(&b));
        prop_assert_eq!(x.cmp(&y), p.cmp(&q));
        prop_assert_eq!(x.is_whole(), p.is_integer());
        let scaled = p * BigRational::from_integer(BigInt::from(10).pow(decimals));
        prop_assert_eq!(x.floor(decimals).ok(), scaled.floor().to_integer().to_i128());
        let exact = Some(&scaled).filter(|s| s.is_integer()).and_then(|s| s.to_integer().to_i128());
        prop_assert_eq!(x.scaled(decimals).ok(), exact);
    }

    #[test]
    fn a_number_of_ours_is_itself(n in any::<i128>(), decimals in 0_u32..20) {
        let text = format!("{n}e-{decimals}");
        prop_assert_eq!(d(&text).scaled(decimals), Ok(n));
    }
}
