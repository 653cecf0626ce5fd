//! Budget windows: rolling, or of the calendar in a time zone.

use crate::domain::{Ts, period::midnight};
use chrono::{Datelike as _, Days, Months, NaiveDate};
use chrono_tz::Tz;

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Midnight to midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// From the first of January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

/// Over which time a budget lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last so many seconds, at every moment.
    Rolling(u32),
    /// Units of the calendar, as they begin in a time zone.
    Calendar(Unit, Tz),
}

impl Window {
    /// Shortest rolling window: an hour.
    pub const ROLLING_MIN_S: u32 = 3_600;
    /// Longest: 366 days.
    pub const ROLLING_MAX_S: u32 = 366 * 86_400;

    /// The window that holds `t`: the one that ends with it, or the calendar's. `None` outside the calendar.
    #[must_use]
    pub fn containing(&self, t: Ts) -> Option<(Ts, Ts)> {
        let (unit, zone) = match *self {
            Self::Rolling(s) => return Some((t.plus_seconds(-i64::from(s)), t)),
            Self::Calendar(unit, zone) => (unit, zone),
        };
        let day = t.to_utc()?.with_timezone(&zone).date_naive();
        let first = |month: u32| NaiveDate::from_ymd_opt(day.year(), month, 1);
        let (from, to) = match unit {
            Unit::Day => (day, day.checked_add_days(Days::new(1))?),
            Unit::Week => {
                let monday =
                    day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))?;
                (monday, monday.checked_add_days(Days::new(7))?)
            }
            Unit::Month => (
                first(day.month())?,
                first(day.month())?.checked_add_months(Months::new(1))?,
            ),
            Unit::Quarter => {
                let begins = first(day.month0() / 3 * 3 + 1)?;
                (begins, begins.checked_add_months(Months::new(3))?)
            }
            Unit::Year => (first(1)?, first(1)?.checked_add_months(Months::new(12))?),
        };
        Some((midnight(from, zone)?, midnight(to, zone)?))
    }

    /// Its length for burn rates, seconds: of a month 30 days, of a quarter 90, of a year 365, so that a pair means the same in every month.
    #[must_use]
    pub const fn nominal_s(&self) -> u32 {
        match self {
            Self::Rolling(s) => *s,
            Self::Calendar(Unit::Day, _) => 86_400,
            Self::Calendar(Unit::Week, _) => 7 * 86_400,
            Self::Calendar(Unit::Month, _) => 30 * 86_400,
            Self::Calendar(Unit::Quarter, _) => 90 * 86_400,
            Self::Calendar(Unit::Year, _) => 365 * 86_400,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_windows_begin_at_the_zones_own_midnight() {
        let t = |s: &str| Ts::parse(s).unwrap();
        let zone = chrono_tz::Europe::Stockholm;
        for (unit, from, to) in [
            (Unit::Day, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            (Unit::Week, "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"),
            (Unit::Month, "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            (
                Unit::Quarter,
                "2026-09-30T22:00:00Z",
                "2026-12-31T23:00:00Z",
            ),
            (Unit::Year, "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"),
        ] {
            // The day of 25 hours.
            let window = Window::Calendar(unit, zone).containing(t("2026-10-25T22:59:59Z"));
            assert_eq!(window, Some((t(from), t(to))), "{unit:?}");
        }
        let month = Window::Calendar(Unit::Month, chrono_tz::UTC);
        assert_eq!(
            month.containing(t("2026-02-28T23:59:59Z")),
            Some((t("2026-02-01T00:00:00Z"), t("2026-03-01T00:00:00Z")))
        );
        assert_eq!(month.nominal_s(), 2_592_000);
        let hour = Window::Rolling(3_600).containing(t("2026-02-28T23:59:59Z"));
        assert_eq!(
            hour,
            Some((t("2026-02-28T22:59:59Z"), t("2026-02-28T23:59:59Z")))
        );
        assert_eq!(month.containing(Ts(i64::MAX)), None);
    }
}
