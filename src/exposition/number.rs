//! Values and times as they were sent: their text, and exact integers made of it.

use super::Format;
use crate::domain::{Decimal, Ts, decimal::BadNumber};
use std::{cmp::Ordering, fmt};

/// A number as it stands on the page. It never was a float. Two lexemes are equal if their texts are; [`Self::order`] compares the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lexeme<'a>(&'a str);

impl<'a> Lexeme<'a> {
    /// Reads a whole text: a decimal number, an infinity (`inf` or `infinity` in any case, with or without sign), or `nan` in any case.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        (!text.is_empty() && number_end(text.as_bytes(), 0) == Some(text.len()))
            .then_some(Self(text))
    }

    /// Of a text that was found to be a number.
    pub(super) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The text as sent.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The number; `None` if it is not finite.
    #[must_use]
    pub fn decimal(self) -> Option<Decimal<'a>> {
        Decimal::parse(self.0).ok()
    }

    /// Times ten to the power `decimals`, exactly: with 6, joules as microjoules.
    ///
    /// # Errors
    /// [`BadNumber`]: not finite, not whole in that unit, or beyond 128 bits.
    pub fn scaled(self, decimals: u32) -> Result<i128, BadNumber> {
        Decimal::parse(self.0)?.scaled(decimals)
    }

    /// As [`Self::scaled`], cut towards minus infinity.
    ///
    /// # Errors
    /// [`BadNumber`]: not finite, or beyond 128 bits.
    pub fn floor(self, decimals: u32) -> Result<i128, BadNumber> {
        Decimal::parse(self.0)?.floor(decimals)
    }

    /// Not a number.
    #[must_use]
    pub const fn is_nan(self) -> bool {
        self.0.eq_ignore_ascii_case("nan")
    }

    /// -1 or 1 for an infinity, 0 for all else.
    #[must_use]
    pub fn infinite(self) -> i8 {
        let (sign, word) = match self.0.split_at_checked(1) {
            Some(("-", word)) => (-1, word),
            Some(("+", word)) => (1, word),
            _ => (1, self.0),
        };
        let is = |name| word.eq_ignore_ascii_case(name);
        if is("inf") || is("infinity") { sign } else { 0 }
    }

    /// How the numbers compare: `1`, `1.0` and `1e0` are equal. `None` beside a NaN.
    #[must_use]
    pub fn order(self, other: Self) -> Option<Ordering> {
        if self.is_nan() || other.is_nan() {
            return None;
        }
        let infinite = self.infinite().cmp(&other.infinite());
        match (self.decimal(), other.decimal()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(infinite),
        }
    }
}

impl fmt::Display for Lexeme<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A time as it stands on the page: seconds since 1970 in OpenMetrics, whole milliseconds in text 0.0.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp<'a> {
    text: &'a str,
    format: Format,
}

impl<'a> Timestamp<'a> {
    pub(super) const fn of(text: &'a str, format: Format) -> Self {
        Self { text, format }
    }

    /// The text as sent.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// Nanoseconds since 1970, exactly.
    ///
    /// # Errors
    /// [`BadNumber::Inexact`] for a finer fraction, [`BadNumber::TooLarge`] beyond 128 bits.
    pub fn nanoseconds(self) -> Result<i128, BadNumber> {
        Decimal::parse(self.text)?.scaled(self.decimals(9))
    }

    /// As the facts carry it: microseconds since 1970, floored.
    ///
    /// # Errors
    /// [`BadNumber::TooLarge`] beyond the times that we can write.
    pub fn ts(self) -> Result<Ts, BadNumber> {
        let micros = Decimal::parse(self.text)?.floor(self.decimals(6))?;
        i64::try_from(micros)
            .ok()
            .map(Ts)
            .filter(|t| (Ts::MIN..=Ts::MAX).contains(t))
            .ok_or_else(|| BadNumber::TooLarge(self.text.to_owned()))
    }

    /// Which of two times of one page is earlier.
    #[must_use]
    pub fn order(self, other: Self) -> Ordering {
        Lexeme(self.text)
            .order(Lexeme(other.text))
            .unwrap_or(Ordering::Equal)
    }

    /// Decimals of the page's unit that are so many of a second.
    const fn decimals(self, of_a_second: u32) -> u32 {
        match self.format {
            Format::OpenMetrics => of_a_second,
            Format::Text => of_a_second - 3,
        }
    }
}

/// Where the number ends that begins at `at`; `None` if none does.
pub(super) fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    real_end(bytes, at).or_else(|| word_end(bytes, at))
}

/// The same for numbers that are not infinite and not NaN.
pub(super) fn real_end(bytes: &[u8], at: usize) -> Option<usize> {
    let whole = at + usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
    let mut end = digits_end(bytes, whole);
    let mut digits = end - whole;
    if bytes.get(end) == Some(&b'.') {
        let part = digits_end(bytes, end + 1);
        digits += part - end - 1;
        end = part;
    }
    if digits == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        end = whole_end(bytes, end + 1)?;
    }
    Some(end)
}

/// The same for a whole number without point and exponent.
pub(super) fn whole_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = at + usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
    let end = digits_end(bytes, first);
    (end > first).then_some(end)
}

fn digits_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(rest.len())
}

fn word_end(bytes: &[u8], at: usize) -> Option<usize> {
    let signed = matches!(bytes.get(at), Some(b'-' | b'+'));
    let first = at + usize::from(signed);
    let word = bytes.get(first..).unwrap_or_default();
    let is = |name: &str| {
        word.get(..name.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(name.as_bytes()))
    };
    let names: &[&str] = if signed {
        &["infinity", "inf"]
    } else {
        &["infinity", "inf", "nan"]
    };
    names.iter().find(|n| is(n)).map(|n| first + n.len())
}
