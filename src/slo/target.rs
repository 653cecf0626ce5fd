//! Targets and burn rates as fractions.

use crate::domain::money::parse_decimal;
use num_traits::ToPrimitive as _;
use std::fmt;

/// Largest numerator and denominator of a target or a factor. With counts below 2^63 it keeps every product below within 128 bits.
const PART_MAX: u64 = 1_000_000_000;

/// The greatest common divisor; of two zeros 0.
const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The share of events that shall be good: `good` of every `of`, less than all and more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    good: u64,
    of: u64,
}

/// How many times faster than allowed a budget is used: `p / q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Factor {
    p: u64,
    q: u64,
}

/// A target that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no target: a decimal number between 0 and 1, such as 0.999, with at most 9 decimals"
)]
pub struct BadTarget(pub String);

impl Target {
    /// Reads `0.999`, exactly.
    ///
    /// # Errors
    /// [`BadTarget`] unless it is above 0, below 1 and has at most nine decimals.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        let bad = || BadTarget(text.to_owned());
        let value = parse_decimal(text).map_err(|_| bad())?;
        let part = |n: &num_bigint::BigInt| n.to_u64().filter(|n| (1..=PART_MAX).contains(n));
        let (good, of) = part(value.numer())
            .zip(part(value.denom()))
            .ok_or_else(bad)?;
        if good < of {
            Ok(Self { good, of })
        } else {
            Err(bad())
        }
    }

    /// Numerator and denominator, in lowest terms.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        (self.good, self.of)
    }

    /// The share that may be bad: the error budget, as (numerator, denominator).
    #[must_use]
    pub const fn budget(self) -> (u64, u64) {
        (self.of - self.good, self.of)
    }

    /// True if `bad` of `n` events use the budget more than `factor` times as fast as allowed: `b D q > p (D - N) n`, exactly.
    #[must_use]
    pub fn burns(self, factor: Factor, bad: u64, n: u64) -> bool {
        let (share, of) = self.budget();
        // Each side below 2^64 x 2^30 x 2^30.
        u128::from(bad) * u128::from(of) * u128::from(factor.q)
            > u128::from(factor.p) * u128::from(share) * u128::from(n)
    }

    /// The probability of a bad event at which the budget burns `factor` times as fast as allowed, in lowest terms; `None` if it is 1 or more, so that a
    /// total outage does not exceed it.
    #[must_use]
    pub fn bad_at(self, factor: Factor) -> Option<(u64, u64)> {
        let (share, of) = self.budget();
        // Below 2^60 each.
        let (p, q) = (share * factor.p, of * factor.q);
        let common = gcd(p, q);
        (p < q).then(|| (p / common, q / common))
    }

    /// What remains of the budget after `bad` of `n` events, as a fraction of it: `((D - N) n - b D) / ((D - N) n)`. Negative when it is overdrawn;
    /// `None` without events.
    #[must_use]
    pub fn remaining(self, bad: u64, n: u64) -> Option<(i128, i128)> {
        let (share, of) = self.budget();
        let whole = i128::from(share) * i128::from(n);
        (n > 0).then(|| (whole - i128::from(bad) * i128::from(of), whole))
    }
}

impl fmt::Display for Target {
    /// As a percentage that loses nothing: `99.9 %`; what has no finite decimals as a fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut whole, mut scale) = (u128::from(self.good) * 100, 0usize);
        while whole % u128::from(self.of) != 0 && scale < 9 {
            whole *= 10;
            scale += 1;
        }
        if whole % u128::from(self.of) != 0 {
            return write!(f, "{}/{}", self.good, self.of);
        }
        let digits = format!("{:0>1$}", whole / u128::from(self.of), scale + 1);
        match digits.split_at(digits.len() - scale) {
            (whole, "") => write!(f, "{whole} %"),
            (whole, part) => write!(f, "{whole}.{part} %"),
        }
    }
}

impl Factor {
    /// `p / q`, in lowest terms.
    #[must_use]
    pub const fn new(p: u64, q: u64) -> Self {
        assert!(p > 0 && q > 0, "a factor is above 0");
        let common = gcd(p, q);
        let (p, q) = (p / common, q / common);
        assert!(
            p <= PART_MAX && q <= PART_MAX,
            "a factor's parts are at most 10^9"
        );
        Self { p, q }
    }

    /// The factor at which a share of the budget (`share.0 / share.1`) is used within `period_s` of a window of `window_s`: share x window / period.
    #[must_use]
    pub const fn of_share(share: (u64, u64), window_s: u64, period_s: u64) -> Self {
        Self::new(share.0 * window_s, share.1 * period_s)
    }

    /// Numerator and denominator.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        (self.p, self.q)
    }

    /// True if a total outage exceeds it: one at or above `D / (D - N)` could never fire.
    #[must_use]
    pub fn can_fire(self, target: Target) -> bool {
        target.bad_at(self).is_some()
    }
}

impl fmt::Display for Factor {
    /// `14.4`; what has no short decimals as a fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.q == 1 {
            write!(f, "{}", self.p)
        } else if (self.p * 10).is_multiple_of(self.q) {
            write!(f, "{}.{}", self.p / self.q, self.p * 10 / self.q % 10)
        } else {
            write!(f, "{}/{}", self.p, self.q)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_exactly() {
        for (text, parts, shown) in [
            ("0.999", (999, 1000), "99.9 %"),
            ("0.99950", (1999, 2000), "99.95 %"),
            ("0.5", (1, 2), "50 %"),
            ("0.005", (1, 200), "0.5 %"),
            ("0.999999999", (999_999_999, 1_000_000_000), "99.9999999 %"),
        ] {
            let t = Target::parse(text).unwrap();
            assert_eq!(
                (t.parts(), t.to_string().as_str()),
                (parts, shown),
                "{text}"
            );
        }
        for bad in [
            "0",
            "1",
            "1.0",
            "-0.5",
            "99.9",
            "0.9999999999",
            "",
            "0,9",
            "9e-1",
            "99.9%",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn burn_is_compared_exactly() {
        let t = Target::parse("0.999").unwrap();
        let page = Factor::of_share((2, 100), 30 * 86_400, 3_600);
        assert_eq!((page.parts(), page.to_string().as_str()), ((72, 5), "14.4"));
        assert!(!t.burns(page, 144, 10_000), "exactly 14.4 is not above it");
        assert!(t.burns(page, 145, 10_000));
        assert!(t.burns(page, 144, 9_999));
        assert!(!t.burns(page, 0, 0));
        // The largest counts: nothing wraps.
        assert!(t.burns(page, u64::MAX / 2, u64::MAX / 2));
        assert_eq!(t.remaining(144, 10_000), Some((10_000 - 144_000, 10_000)));
        assert_eq!(t.remaining(0, 0), None);
    }

    #[test]
    fn a_factor_that_no_outage_exceeds_is_known() {
        let t = Target::parse("0.95").unwrap();
        assert!(!Factor::new(20, 1).can_fire(t) && Factor::new(199, 10).can_fire(t));
        assert_eq!(t.bad_at(Factor::new(72, 5)), Some((18, 25)));
    }
}
