//! Folds readings: what counters showed becomes amounts between them, what gauges showed becomes levels that hold for a while.

use super::Told;
use crate::domain::{Amount, Evidence, Ts, fact::reading};
use std::collections::BTreeMap;

/// Readings further apart than this are not joined: what passed between them belongs to no one month. The store is asked for readings this far around a
/// period, and no further.
pub const JOINED_S: i64 = 32 * 86_400;

/// What was not read at all, or not soon enough.
const UNREAD: &str = "not read in time";
/// A counter began anew; what it counted between its last reading and then is lost.
const RESET: &str = "the counter began anew";

/// What one series showed at one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    at: i64,
    value: i64,
    /// Since when it counts, if that is known.
    from: Option<i64>,
    /// Seconds for which a gauge's value holds; a counter has none.
    holds: Option<i64>,
    /// It is known to have begun at `from`, with nothing before.
    born: bool,
    id: u64,
}

/// What tells one series of a resource from another: its name, its attributes, its meter.
type Series<'a> = (&'a str, &'a BTreeMap<String, String>, &'a str);

/// Amounts and levels of one resource, series by series, each sorted by time.
///
/// At one second the greatest value counts: two collectors' clocks are cut to it, and a counter grows meanwhile. A counter is never below zero; what says
/// so is no reading of one.
pub(super) fn fold(told: &[Told<'_>]) -> Vec<Amount> {
    let mut all: BTreeMap<Series<'_>, Vec<Point>> = BTreeMap::new();
    for (fact, known) in told.iter().filter_map(|f| Some((f, f.value.known()?))) {
        let holds = known.levels.get(reading::HOLDS).copied();
        let values = known
            .levels
            .iter()
            .filter(|(name, value)| *name != reading::HOLDS && (holds.is_some() || **value >= 0));
        for (meter, value) in values {
            all.entry((&known.label, &known.attrs, meter))
                .or_default()
                .push(Point {
                    at: fact.at.second(),
                    value: *value,
                    from: (fact.from < fact.at).then(|| fact.from.second()),
                    holds,
                    born: fact.evidence == Evidence::Record,
                    id: fact.id,
                });
        }
    }
    let mut out = Vec::new();
    for (series, mut points) in all {
        points.sort_unstable();
        let born = points.iter().any(|p| p.born);
        points.dedup_by(|next, kept| {
            let same = next.at == kept.at;
            if same {
                *kept = *next;
            }
            same
        });
        let mut take = |start: i64, end: i64, quantity: i64, gap: &'static str, by: &[u64]| {
            if start < end {
                out.push(stretch(series, start, end, quantity, gap, by));
            }
        };
        if born && let Some((first, from)) = first_of_its_life(&points) {
            take(from, first.at, first.value, "", &[first.id]);
        }
        for pair in points.windows(2) {
            between(&pair[0], &pair[1], &mut take);
        }
    }
    out
}

/// The first reading, where it and all it counted since it began were watched.
fn first_of_its_life(points: &[Point]) -> Option<(&Point, i64)> {
    let first = points.first()?;
    let run = points
        .windows(2)
        .take_while(|pair| !begins_anew(&pair[0], &pair[1]))
        .count();
    let born = points[..=run].iter().any(|p| p.born);
    born.then_some((first, first.from?.min(first.at - 1)))
}

/// When a counter began again between two readings, by its own word.
fn begun_between(a: &Point, b: &Point) -> Option<i64> {
    b.from.filter(|from| *from > a.at)
}

/// True where a counter began again between two readings: by its own word, or because it shows less.
fn begins_anew(a: &Point, b: &Point) -> bool {
    begun_between(a, b).is_some() || b.value < a.value
}

/// What is known of the time from one reading to the next.
fn between(a: &Point, b: &Point, take: &mut impl FnMut(i64, i64, i64, &'static str, &[u64])) {
    let by = [a.id, b.id];
    if let Some(holds) = a.holds {
        let end = a.at.saturating_add(holds.max(0)).min(b.at);
        take(a.at, end, a.value, "", &by[..1]);
        take(end, b.at, 0, UNREAD, &by);
    } else if b.at - a.at > JOINED_S {
        take(a.at, b.at, 0, UNREAD, &by);
    } else if let Some(begun) = begun_between(a, b) {
        // Its last second at least is its own, or there would be no stretch to count in.
        let start = begun.min(b.at - 1);
        take(a.at, start, 0, RESET, &by);
        take(start, b.at, b.value, "", &by[1..]);
    } else if b.value < a.value {
        take(a.at, b.at, b.value, RESET, &by);
    } else {
        take(a.at, b.at, b.value - a.value, "", &by);
    }
}

fn stretch(
    (_, attrs, meter): Series<'_>,
    start: i64,
    end: i64,
    quantity: i64,
    gap: &'static str,
    because: &[u64],
) -> Amount {
    Amount {
        start: Ts::from_second(start),
        end: Ts::from_second(end),
        quantities: BTreeMap::from([(meter.to_owned(), quantity)]),
        gap,
        attrs: attrs.clone(),
        because: because.to_vec(),
    }
}

#[cfg(test)]
mod tests;
