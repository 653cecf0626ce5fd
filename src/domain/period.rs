//! A billing period: a calendar month in the provider's time zone.

use super::Ts;
use chrono::{LocalResult, NaiveDate, TimeZone};
use chrono_tz::Tz;
use std::fmt;

/// A month, `[from, to)`.
///
/// ```
/// use plimsoll::domain::Period;
/// let october = Period::month("2026-10", chrono_tz::Europe::Stockholm).unwrap();
/// assert_eq!(october.seconds(), 745 * 3600, "October has an hour more there");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// In whose calendar.
    pub zone: Tz,
    /// First instant.
    pub from: Ts,
    /// First instant after.
    pub to: Ts,
}

/// A month that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month: write it as 2026-10")]
pub struct BadMonth(pub String);

/// The first instant of a day in a zone; `None` outside the calendar. Where a clock change swallows midnight the day begins when the clock goes on.
#[must_use]
pub fn midnight(day: NaiveDate, zone: Tz) -> Option<Ts> {
    let midnight = day.and_hms_opt(0, 0, 0)?;
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => Some(Ts(t.timestamp_micros())),
        LocalResult::None => (1..=180).find_map(|min| {
            zone.from_local_datetime(&(midnight + chrono::Duration::minutes(min)))
                .earliest()
                .map(|t| Ts(t.timestamp_micros()))
        }),
    }
}

impl Period {
    /// Reads `2026-10`.
    ///
    /// # Errors
    /// [`BadMonth`] when it is not of that form or outside the calendar.
    pub fn month(text: &str, zone: Tz) -> Result<Self, BadMonth> {
        let bad = || BadMonth(text.to_owned());
        let (y, m) = text.split_once('-').ok_or_else(bad)?;
        if y.len() != 4 || m.len() != 2 {
            return Err(bad());
        }
        Self::of(
            y.parse().map_err(|_| bad())?,
            m.parse().map_err(|_| bad())?,
            zone,
        )
        .ok_or_else(bad)
    }

    /// The month that holds `t`.
    #[must_use]
    pub fn containing(t: Ts, zone: Tz) -> Option<Self> {
        use chrono::Datelike as _;
        let d = t.to_utc()?.with_timezone(&zone);
        Self::of(d.year(), d.month(), zone)
    }

    fn of(year: i32, month: u32, zone: Tz) -> Option<Self> {
        let start = |y: i32, m: u32| midnight(NaiveDate::from_ymd_opt(y, m, 1)?, zone);
        let from = start(year, month)?;
        let to = if month == 12 {
            start(year + 1, 1)?
        } else {
            start(year, month + 1)?
        };
        Some(Self {
            year,
            month,
            zone,
            from,
            to,
        })
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.to.second() - self.from.second()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}
