//! When an objective's budget burns too fast: two windows each, coverage, and proof.

use super::{
    tail::tail_below,
    target::{Factor, Target},
};
use crate::domain::money::parse_decimal;
use num_traits::ToPrimitive as _;
use std::fmt;

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks on the next working day.
    Ticket,
}

impl Severity {
    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// Two windows that must both burn faster than a factor: the long one for significance, the short one so that it ends soon after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// How many times faster than allowed.
    pub factor: Factor,
    /// The long window, seconds.
    pub long_s: u32,
    /// The short window, seconds.
    pub short_s: u32,
    /// How urgent.
    pub severity: Severity,
}

/// (share of the budget, its long window, its short one, urgency): 2 % in an hour, 5 % in six, 10 % in a day page or ticket; so does 10 % in three days.
const SHARES: [((u64, u64), u32, u32, Severity); 4] = [
    ((2, 100), 3_600, 300, Severity::Page),
    ((5, 100), 6 * 3_600, 1_800, Severity::Page),
    ((10, 100), 86_400, 2 * 3_600, Severity::Ticket),
    ((10, 100), 3 * 86_400, 6 * 3_600, Severity::Ticket),
];

impl Pair {
    /// The pairs of a budget window of so many seconds that can fire at this target. For thirty days 14.4x over 1h/5m and 6x over 6h/30m page, 3x over 1d/2h
    /// and 1x over 3d/6h ticket.
    #[must_use]
    pub fn of(window_s: u32, target: Target) -> Vec<Self> {
        let all = SHARES
            .iter()
            .map(|(share, long_s, short_s, severity)| Self {
                factor: Factor::of_share(*share, u64::from(window_s), u64::from(*long_s)),
                long_s: *long_s,
                short_s: *short_s,
                severity: *severity,
            });
        all.filter(|p| p.long_s <= window_s && p.factor.can_fire(target))
            .collect()
    }
}

/// How unlikely a healthy service's bad luck has to be before it is called an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alpha {
    parts: (u64, u64),
}

impl Default for Alpha {
    /// 0.0001.
    fn default() -> Self {
        Self { parts: (1, 10_000) }
    }
}

impl Alpha {
    /// Reads `0.0001`: above 0, at most 0.1, at most nine decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = parse_decimal(text).ok()?;
        let parts = (value.numer().to_u64()?, value.denom().to_u64()?);
        (parts.0 > 0 && parts.1 <= 1_000_000_000 && parts.0 <= parts.1 / 10)
            .then_some(Self { parts })
    }

    /// Numerator and denominator.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        self.parts
    }
}

impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.parts.0, self.parts.1)
    }
}

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Bad events.
    pub bad: u64,
    /// All events.
    pub events: u64,
    /// Slices that are known.
    pub covered: u64,
    /// Slices that should be.
    pub expected: u64,
}

impl Reading {
    /// True if nine tenths of it are known.
    #[must_use]
    pub const fn is_covered(&self) -> bool {
        self.expected > 0 && self.covered * 10 >= self.expected * 9
    }
}

/// What two windows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One of them burns slowly enough.
    Quiet,
    /// Both burn too fast, but so few events could also be bad luck.
    Unproven,
    /// Too little is known to say.
    Unmeasured,
    /// The budget burns too fast.
    Fires,
}

/// Judges a pair of windows. It fires if and only if both windows burn faster than the factor, the bad events of the long one are proven not to be bad luck
/// at the factor itself, and both windows are covered.
#[must_use]
pub fn judge(
    target: Target,
    pair: &Pair,
    alpha: Alpha,
    long: &Reading,
    short: &Reading,
) -> Verdict {
    if !long.is_covered() || !short.is_covered() {
        return Verdict::Unmeasured;
    }
    let burns = |r: &Reading| target.burns(pair.factor, r.bad, r.events);
    if !burns(short) || !burns(long) {
        return Verdict::Quiet;
    }
    match target.bad_at(pair.factor) {
        Some(p) if tail_below(long.bad, long.events, p, alpha.parts) => Verdict::Fires,
        Some(_) => Verdict::Unproven,
        None => Verdict::Quiet,
    }
}

/// An alert over time: while nothing is known it stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    /// It fires.
    pub firing: bool,
}

impl Alarm {
    /// The next verdict; true if it began or ended to fire.
    pub fn step(&mut self, verdict: Verdict) -> bool {
        let was = self.firing;
        if verdict != Verdict::Unmeasured {
            self.firing = verdict == Verdict::Fires;
        }
        was != self.firing
    }
}

/// Why an alert fires, for its annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// What the long window holds.
    pub long: Reading,
    /// In how many seconds the budget is spent if it goes on as in the long window; `None` if it is spent already.
    pub spent_in_s: Option<u64>,
}

impl Evidence {
    /// From the pair's long window and the budget's own.
    #[must_use]
    pub fn of(target: Target, pair: &Pair, long: Reading, budget: &Reading) -> Self {
        let (share, of) = target.budget();
        let allowed = u128::from(share) * u128::from(budget.events);
        let used = u128::from(of) * u128::from(budget.bad);
        let spent_in_s = allowed
            .checked_sub(used)
            .filter(|left| *left > 0)
            .and_then(|left| {
                // left / of events remain, long.bad came in long_s seconds. Below 2^64 x 2^30 x 2^30.
                let seconds =
                    left * u128::from(pair.long_s) / (u128::from(of) * u128::from(long.bad.max(1)));
                u64::try_from(seconds).ok()
            });
        Self { long, spent_in_s }
    }
}

/// How rare the bad events of the long window would be as mere bad luck at the factor itself: less likely than 1 in this power of ten, the largest one up to
/// 10^9 that is proven; `None` where not even 1 in 10 is.
#[must_use]
pub fn rarer_than(target: Target, pair: &Pair, long: &Reading) -> Option<u64> {
    let p = target.bad_at(pair.factor)?;
    let proven = |of: &u64| tail_below(long.bad, long.events, p, (1, *of));
    (1..=9).map(|e| 10_u64.pow(e)).take_while(proven).last()
}

/// After how many seconds of total outage a pair fires on a service with so many events a long window, whole slices aside; `None` if it never does. Beyond
/// a quarter of the long window the service has too few requests of its own: it needs probes.
#[must_use]
pub fn outage(target: Target, pair: &Pair, alpha: Alpha, events: u64) -> Option<u64> {
    let p = target.bad_at(pair.factor)?;
    let fires =
        |bad| target.burns(pair.factor, bad, events) && tail_below(bad, events, p, alpha.parts);
    if !fires(events) {
        return None;
    }
    // More bad events are never less proof.
    let (mut low, mut high) = (0, events);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fires(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    u64::try_from((u128::from(high) * u128::from(pair.long_s)).div_ceil(u128::from(events))).ok()
}
