//! Numbers for people's eyes: exact integers in, grouped decimal text out, by integer arithmetic alone.

use crate::domain::Ts;
use chrono_tz::Tz;

/// Narrow no-break space: groups thousands (ISO 80000-1) and never breaks a line.
const THIN: char = '\u{202f}';

/// Groups a decimal number's whole part by thousands: `-12345.60` becomes `−12 345.60`, with thin spaces and a true minus.
#[must_use]
pub fn group(decimal: &str) -> String {
    let (minus, digits) = decimal
        .strip_prefix('-')
        .map_or(("", decimal), |d| ("\u{2212}", d));
    let (whole, part) = digits
        .split_once('.')
        .map_or((digits, None), |(w, p)| (w, Some(p)));
    let mut out = String::from(minus);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(c);
    }
    if let Some(part) = part {
        out.push('.');
        out.push_str(part);
    }
    out
}

/// `quantity / per` with one decimal, halves away from zero; what is there but too small to show is `< 0.1` or `> −0.1`, not `0.0`.
#[must_use]
pub fn tenths(quantity: i128, per: i128) -> String {
    let (q, per) = (quantity.unsigned_abs(), per.unsigned_abs().max(1));
    // Split before scaling, so that no quantity that fits overflows.
    let (whole, rest) = (q / per, q % per);
    let scaled = rest.saturating_mul(10);
    let up = u128::from((scaled % per) * 2 >= per);
    let tenths = scaled / per + up;
    let (whole, tenths) = if tenths == 10 {
        (whole + 1, 0)
    } else {
        (whole, tenths)
    };
    if whole == 0 && tenths == 0 && q != 0 {
        let (than, minus) = if quantity < 0 {
            (">", "\u{2212}")
        } else {
            ("<", "")
        };
        return format!("{than}{THIN}{minus}0.1");
    }
    let minus = if quantity < 0 { "-" } else { "" };
    group(&format!("{minus}{whole}.{tenths}"))
}

/// Seconds observed of seconds expected in per mille, rounded down: 1000 only when nothing is missing. `None` where nothing was expected.
#[must_use]
pub fn per_mille(observed_s: i128, expected_s: i128) -> Option<u16> {
    if expected_s <= 0 {
        return None;
    }
    let share = observed_s.max(0).saturating_mul(1000) / expected_s;
    Some(u16::try_from(share.min(1000)).unwrap_or(1000))
}

/// Per mille as per cent: `99.9`.
#[must_use]
pub fn percent(per_mille: u16) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

/// A length of time in its two largest units: `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. Never negative: a watermark ahead of our clock is 0 s old.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 if s % 3600 < 60 => format!("{} h", s / 3600),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ if s % 86_400 < 3600 => format!("{} d", s / 86_400),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A clock's difference in seconds with its sign: `+0.3 s`, rounded to a tenth.
#[must_use]
pub fn skew(microseconds: i64) -> String {
    let tenths = (microseconds.unsigned_abs() + 50_000) / 100_000;
    let sign = match microseconds.signum() {
        _ if tenths == 0 => "",
        1 => "+",
        _ => "\u{2212}",
    };
    format!("{sign}{}.{} s", tenths / 10, tenths % 10)
}

/// A time in the provider's zone: `2026-10-14 12:00:05 CEST`.
#[must_use]
pub fn local(t: Ts, zone: Tz) -> String {
    t.to_utc().map_or_else(
        || t.to_string(),
        |d| {
            d.with_timezone(&zone)
                .format("%Y-%m-%d %H:%M:%S %Z")
                .to_string()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_thousands_from_the_right() {
        for (plain, grouped) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1\u{202f}000"),
            ("-12345.60", "\u{2212}12\u{202f}345.60"),
            ("123456789", "123\u{202f}456\u{202f}789"),
        ] {
            assert_eq!(group(plain), grouped);
        }
    }

    #[test]
    fn tenths_round_and_carry_without_a_float() {
        for (q, per, text) in [
            (0, 3600, "0.0"),
            (1, 3600, "<\u{202f}0.1"),
            (179, 3600, "<\u{202f}0.1"),
            (180, 3600, "0.1"),
            (3600, 3600, "1.0"),
            (3600 + 3599, 3600, "2.0"),
            (-5400, 3600, "\u{2212}1.5"),
            (-1, 3600, ">\u{202f}\u{2212}0.1"),
            (i128::MAX, 1, &group(&format!("{}.0", i128::MAX))),
        ] {
            assert_eq!(tenths(q, per), text, "{q} / {per}");
        }
    }

    #[test]
    fn a_hundred_per_cent_only_when_nothing_is_missing() {
        assert_eq!(per_mille(99_999, 100_000), Some(999));
        assert_eq!(per_mille(100_000, 100_000), Some(1000));
        assert_eq!(per_mille(0, 0), None);
        assert_eq!(percent(999), "99.9");
        assert_eq!(percent(1000), "100.0");
    }

    #[test]
    fn times_and_clocks() {
        for (s, text) in [
            (-3, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (356_400, "4 d 3 h"),
        ] {
            assert_eq!(duration(s), text);
        }
        assert_eq!(skew(340_000), "+0.3 s");
        assert_eq!(skew(-12_000_000), "\u{2212}12.0 s");
        assert_eq!(skew(20_000), "0.0 s");
        let t = Ts::from_second(1_791_979_205);
        assert_eq!(
            local(t, chrono_tz::Europe::Stockholm),
            "2026-10-14 14:00:05 CEST"
        );
    }
}
