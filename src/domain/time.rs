//! Time as the facts carry it: microseconds of UTC since 1970, floored to the second once when spans are counted.

use chrono::{DateTime, Datelike as _, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use plimsoll::domain::Ts;
/// let t = Ts::parse("2026-10-05T10:15:18.250000").unwrap();
/// assert_eq!(t.second(), 1_791_195_318);
/// assert_eq!(t.to_string(), "2026-10-05T10:15:18.250Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(pub i64);

/// A time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time: expected RFC 3339 (2026-10-05T10:15:18Z) or Nova's form without a zone, which is UTC"
)]
pub struct BadTime(pub String);

impl Ts {
    /// The earliest time that can be written down; before everything.
    pub const MIN: Self = Self(i64::MIN / 2);
    /// The latest; after everything.
    pub const MAX: Self = Self(i64::MAX / 2);

    /// From whole seconds since 1970.
    #[must_use]
    pub const fn from_second(s: i64) -> Self {
        Self(s * 1_000_000)
    }

    /// Whole seconds since 1970, floored (also before 1970).
    #[must_use]
    pub const fn second(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time moved by so many seconds.
    #[must_use]
    pub const fn plus_seconds(self, s: i64) -> Self {
        Self(self.0 + s * 1_000_000)
    }

    /// Reads RFC 3339, an HTTP date (RFC 9110), or OpenStack's form without a zone (UTC). Years have four digits, as in RFC 3339.
    ///
    /// # Errors
    /// [`BadTime`] when it is none of these.
    pub fn parse(text: &str) -> Result<Self, BadTime> {
        let t = text.trim();
        let naive = |form| NaiveDateTime::parse_from_str(t, form).map(|d| d.and_utc());
        DateTime::parse_from_rfc3339(t)
            .map(|d| d.to_utc())
            .or_else(|_| naive("%Y-%m-%dT%H:%M:%S%.f"))
            .or_else(|_| naive("%Y-%m-%d %H:%M:%S%.f"))
            .or_else(|_| DateTime::parse_from_rfc2822(t).map(|d| d.to_utc()))
            .ok()
            .filter(|d| (0..=9999).contains(&d.year()))
            .map(|d| Self(d.timestamp_micros()))
            .ok_or_else(|| BadTime(text.to_owned()))
    }

    /// As chrono sees it; `None` far outside the calendar.
    #[must_use]
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    /// The form of an HTTP `Date` header (RFC 9110, 5.6.7).
    #[must_use]
    pub fn to_http_date(self) -> String {
        self.to_utc().map_or_else(String::new, |d| {
            d.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
        })
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(d) => f.write_str(&d.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_that_clouds_write() {
        let want = Ts::from_second(1_795_423_918);
        for form in [
            "2026-11-23T08:51:58Z",
            "2026-11-23T08:51:58.000000",
            "2026-11-23T09:51:58+01:00",
            "Mon, 23 Nov 2026 08:51:58 GMT",
            "2026-11-23 08:51:58",
        ] {
            assert_eq!(Ts::parse(form), Ok(want), "{form}");
        }
        assert!(Ts::parse("yesterday").is_err());
        // It would lie beyond the end of time.
        assert!(Ts::parse("Mon, 23 Nov 202026 08:51:58 GMT").is_err());
        assert_eq!(Ts::parse(&want.to_http_date()), Ok(want));
    }

    #[test]
    fn floors_before_1970_too() {
        assert_eq!(Ts(-1).second(), -1);
    }
}
