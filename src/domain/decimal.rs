//! Decimal text as foreign pages write it, read exactly: no float between a page's digits and our base units.

use std::{cmp::Ordering, fmt};

/// A decimal number in its text: optional sign, digits with an optional point, optional exponent. Nothing is rounded and nothing is copied.
///
/// Equality and order are those of the numbers, not of the texts.
///
/// ```
/// use plimsoll::domain::Decimal;
/// let joules = Decimal::parse("4.20072246e+06").unwrap();
/// assert_eq!(joules.scaled(6), Ok(4_200_722_460_000)); // in microjoules
/// assert!(joules.scaled(1).is_err()); // not a whole number of tenths
/// assert_eq!(joules.floor(1), Ok(42_007_224));
/// assert_eq!(joules, Decimal::parse("4200722.460").unwrap());
/// ```
#[derive(Clone, Copy)]
pub struct Decimal<'a> {
    text: &'a str,
    negative: bool,
    /// The digits from the first to the last that is not zero, in two pieces: what stood before the point and what stood after it.
    digits: [&'a [u8]; 2],
    /// The number is `0.DIGITS` times ten to this power.
    magnitude: i64,
}

/// Why a decimal text has no such integer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNumber {
    /// Not a decimal number.
    #[error("`{0}` is not a decimal number: write it as 0.1068 or 1.068e-1")]
    Text(String),
    /// Digits would be lost.
    #[error("`{text}` has more than {decimals} decimals: choose a smaller unit, or floor it")]
    Inexact {
        /// The number.
        text: String,
        /// As many decimals were asked for.
        decimals: u32,
    },
    /// Beyond 128 bits.
    #[error("`{0}` is too large to be counted: it does not fit in 128 bits")]
    TooLarge(String),
}

/// An exponent beyond this is as good as this: no text has as many digits.
const EXPONENT_MAX: i64 = 1 << 40;

/// Powers of ten below 2^63.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

impl<'a> Decimal<'a> {
    /// Reads `[+-]` digits, with a point before, among or after them, and `e` or `E` with a whole exponent.
    ///
    /// # Errors
    /// [`BadNumber::Text`] for anything else: blanks, separators, hexadecimal digits, `NaN` and infinities.
    pub fn parse(text: &'a str) -> Result<Self, BadNumber> {
        Self::read(text).ok_or_else(|| BadNumber::Text(text.to_owned()))
    }

    fn read(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, unsigned) = signed(bytes);
        let (whole, rest) = leading_digits(unsigned);
        let (part, rest) = match rest.split_first() {
            Some((b'.', rest)) => leading_digits(rest),
            _ => (&b""[..], rest),
        };
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        Some(Self::trimmed(text, negative, [whole, part], exponent))
    }

    /// Without the zeros at either end, which say nothing but where the point is.
    fn trimmed(text: &'a str, negative: bool, pieces: [&'a [u8]; 2], exponent: i64) -> Self {
        let [whole, part] = pieces;
        let whole = without_leading_zeros(whole);
        let (part, before_point) = if whole.is_empty() {
            let kept = without_leading_zeros(part);
            (kept, -length(&part[..part.len() - kept.len()]))
        } else {
            (part, length(whole))
        };
        let part = without_trailing_zeros(part);
        let whole = if part.is_empty() {
            without_trailing_zeros(whole)
        } else {
            whole
        };
        let zero = whole.is_empty() && part.is_empty();
        Self {
            text,
            negative: negative && !zero,
            digits: [whole, part],
            magnitude: if zero { 0 } else { before_point + exponent },
        }
    }

    /// The text it was read from.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Below zero. `-0` is not.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// No digits behind the point, but for zeros: `17`, `17.0` and `1.7e1` are whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.magnitude >= self.count()
    }

    /// Times ten to the power `decimals`, exactly: seconds of text as nanoseconds with 9, joules as microjoules with 6.
    ///
    /// # Errors
    /// [`BadNumber::Inexact`] if a digit would be lost, [`BadNumber::TooLarge`] beyond 128 bits.
    pub fn scaled(&self, decimals: u32) -> Result<i128, BadNumber> {
        if self.magnitude + i64::from(decimals) < self.count() {
            return Err(BadNumber::Inexact {
                text: self.text.to_owned(),
                decimals,
            });
        }
        self.floor(decimals)
    }

    /// As [`Self::scaled`], but what cannot be told in so many decimals is cut, towards minus infinity. Differences of floored counter readings add up
    /// to the floored whole, so nothing is lost between them.
    ///
    /// # Errors
    /// [`BadNumber::TooLarge`] beyond 128 bits.
    pub fn floor(&self, decimals: u32) -> Result<i128, BadNumber> {
        let wanted = self.magnitude + i64::from(decimals);
        let cut = self.negative && wanted < self.count();
        self.leading(wanted)
            .and_then(|n| n.checked_sub(i128::from(cut)))
            .ok_or_else(|| BadNumber::TooLarge(self.text.to_owned()))
    }

    /// Times another number, cut towards minus infinity: what a page shows, as whole base units. As with [`Self::floor`], differences of a counter's products
    /// add up to the whole.
    ///
    /// ```
    /// use plimsoll::domain::Decimal;
    /// let number = |text| Decimal::parse(text).unwrap();
    /// assert_eq!(number("1.5").times(&number("1e6")), Ok(1_500_000));
    /// assert_eq!(number("2.9").times(&number("0.5")), Ok(1));
    /// ```
    ///
    /// # Errors
    /// [`BadNumber::TooLarge`] beyond 128 bits.
    pub fn times(&self, other: &Decimal<'_>) -> Result<i128, BadNumber> {
        let product = || {
            let digits = self
                .leading(self.count())?
                .checked_mul(other.leading(other.count())?)?;
            let zeros = self.magnitude - self.count() + other.magnitude - other.count();
            let power = 10_i128.checked_pow(u32::try_from(zeros.unsigned_abs()).ok()?);
            match (zeros >= 0, power) {
                (true, Some(power)) => digits.checked_mul(power),
                (false, Some(power)) => Some(digits.div_euclid(power)),
                (true, None) => (digits == 0).then_some(0),
                // Divided by more than there are numbers: nothing, or just below it.
                (false, None) => Some(if digits < 0 { -1 } else { 0 }),
            }
        };
        product().ok_or_else(|| BadNumber::TooLarge(format!("{} x {}", self.text, other.text)))
    }

    /// The number that the first so many digits make, with zeros for those that are not there; with its sign.
    fn leading(&self, wanted: i64) -> Option<i128> {
        if let Some(sum) = self.leading_few(wanted) {
            return Some(sum);
        }
        let mut left = wanted;
        let mut sum = 0_i128;
        // Downwards, for the smallest number has no positive counterpart.
        for digit in self.every_digit() {
            if left <= 0 {
                break;
            }
            left -= 1;
            sum = sum.checked_mul(10)?.checked_sub(i128::from(digit - b'0'))?;
        }
        if left > 0 && sum != 0 {
            let zeros = 10_i128.checked_pow(u32::try_from(left).ok()?)?;
            sum = sum.checked_mul(zeros)?;
        }
        if self.negative {
            Some(sum)
        } else {
            sum.checked_neg()
        }
    }

    /// The same where it is certain to fit in 64 bits, as nearly always: several times as fast.
    fn leading_few(&self, wanted: i64) -> Option<i128> {
        let mut left = usize::try_from(wanted.max(0))
            .ok()
            .filter(|n| *n < POWERS.len())?;
        let mut sum = 0_i64;
        for piece in self.digits {
            let taken = piece.len().min(left);
            for digit in &piece[..taken] {
                sum = sum * 10 + i64::from(digit - b'0');
            }
            left -= taken;
        }
        sum *= POWERS[left];
        Some(i128::from(if self.negative { -sum } else { sum }))
    }

    fn every_digit(&self) -> impl Iterator<Item = u8> {
        self.digits.into_iter().flatten().copied()
    }

    fn count(&self) -> i64 {
        length(self.digits[0]) + length(self.digits[1])
    }
}

fn signed(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, bytes),
    }
}

fn leading_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit());
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// `None` if it is not a whole number with nothing behind it.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, unsigned) = signed(bytes);
    let (digits, rest) = leading_digits(unsigned);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let size = digits.iter().fold(0_i64, |sum, d| {
        (sum * 10 + i64::from(d - b'0')).min(EXPONENT_MAX)
    });
    Some(if negative { -size } else { size })
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let first = digits.iter().position(|d| *d != b'0');
    &digits[first.unwrap_or(digits.len())..]
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let last = digits.iter().rposition(|d| *d != b'0');
    &digits[..last.map_or(0, |l| l + 1)]
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| match (d.negative, d.count()) {
            (true, _) => -1,
            (false, 0) => 0,
            (false, _) => 1,
        };
        let size = || {
            let magnitude = self.magnitude.cmp(&other.magnitude);
            magnitude.then_with(|| self.every_digit().cmp(other.every_digit()))
        };
        let signs = sign(self).cmp(&sign(other));
        signs.then_with(|| {
            if self.negative {
                size().reverse()
            } else {
                size()
            }
        })
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal<'_> {}

impl fmt::Debug for Decimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests;
