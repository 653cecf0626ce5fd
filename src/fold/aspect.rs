//! Folds one aspect of one resource: exact changes first, then each sighting in the order in which the cloud said so, then absence.

use super::{TOLERANCE_S, is_exact};
use crate::domain::{Aspect, Evidence, Fact, Known, Span, Ts, Value};
use std::collections::BTreeSet;

/// A notification is sent while the action it is of is under way; its end is noted no earlier, and cut to the second.
const NAMED_WITHIN_S: i64 = 1;

/// A change of value at a time.
#[derive(Debug, Clone)]
struct Point {
    /// When it took effect.
    at: Ts,
    /// The earliest it may have: an event's start.
    from: Ts,
    value: Held,
    because: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Known(Known),
    /// Changed, and nothing told to what.
    Untold,
    /// Not observed: it went missing between two passes.
    Missing,
    Gone,
}

/// Spans of one aspect, and the sightings that no event explains.
pub(super) struct Folded {
    pub(super) spans: Vec<Span>,
    pub(super) unexplained: Vec<u64>,
}

/// Folds the facts of one aspect (deduplicated; in any order).
pub(super) fn fold(aspect: Aspect, facts: &[(u64, &Fact)]) -> Folded {
    let mut points = exact_points(aspect, facts);
    let mut unexplained = Vec::new();
    let mut sightings: Vec<(bool, u64, &Fact)> = facts
        .iter()
        .filter(|(_, f)| f.evidence == Evidence::Sighting)
        .map(|(id, f)| (is_ambiguous(&points, f.seen), *id, *f))
        .collect();
    // Those near a change that an event left untold could lie on either side of it: they speak last, and only to confirm or to fill in.
    sightings.sort_by_key(|(ambiguous, id, f)| (*ambiguous, f.seen, f.at, *id));
    for (ambiguous, id, sighting) in &sightings {
        if let Value::Known(value) = &sighting.value
            && !apply(&mut points, *id, sighting, value, *ambiguous)
        {
            unexplained.push(*id);
        }
    }
    apply_missing(&mut points, facts);
    Folded {
        spans: spans(&points),
        unexplained,
    }
}

/// What events and records say, sorted; nothing after the first end.
fn exact_points(aspect: Aspect, facts: &[(u64, &Fact)]) -> Vec<Point> {
    let events = || facts.iter().filter(|(_, f)| f.evidence == Evidence::Event);
    let first_event = events().map(|(_, f)| *f).min_by_key(|f| f.at);
    let ended_by_event = events().any(|(_, f)| f.value == Value::Gone);
    // What was read later of a change, or a notification of it, may name what it led to; then it is not untold.
    let named: BTreeSet<Ts> = events()
        .filter(|(_, f)| f.value.known().is_some())
        .map(|(_, f)| f.at)
        .collect();
    let is_named = |f: &Fact| {
        named.contains(&f.at)
            || named
                .range(f.from.min(f.at)..=f.at.plus_seconds(NAMED_WITHIN_S))
                .any(|t| *t > f.from)
    };
    let created = facts
        .iter()
        .filter(|(_, f)| f.evidence == Evidence::Record)
        .map(|(_, f)| f.at)
        .min();
    let mut exact: Vec<&(u64, &Fact)> = facts
        .iter()
        .filter(|(_, f)| match (f.evidence, &f.value) {
            (Evidence::Event, Value::Unknown) => !is_named(f),
            (Evidence::Record, Value::Gone) => !ended_by_event,
            (Evidence::Record, value) => first_event.is_none_or(|e| {
                f.at.plus_seconds(TOLERANCE_S) < e.at
                    // A build of a few seconds: how it began is no other account of how it ended.
                    || (Some(f.at) == created && f.at < e.at && *value != e.value)
            }),
            (evidence, _) => is_exact(evidence),
        })
        .collect();
    // At one second the change that began earlier came first, and an end comes last.
    exact.sort_by_key(|(id, f)| (f.at, f.value == Value::Gone, f.from, *id));
    let mut points: Vec<Point> = Vec::with_capacity(exact.len() + 1);
    if aspect != Aspect::State {
        // What a sighting shows held from the beginning, or from the last change an event tells of.
        points.push(Point {
            at: Ts::MIN,
            from: Ts::MIN,
            value: Held::Untold,
            because: Vec::new(),
        });
    }
    for (id, f) in exact {
        let value = match &f.value {
            Value::Known(k) => Held::Known(k.clone()),
            Value::Unknown => Held::Untold,
            Value::Gone => Held::Gone,
        };
        let ends = value == Held::Gone;
        points.push(Point {
            at: f.at,
            from: f.from.min(f.at),
            value,
            because: vec![*id],
        });
        if ends {
            break;
        }
    }
    points
}

/// True when what was seen then may be either side of a change that nothing told the value of.
fn is_ambiguous(points: &[Point], seen: Ts) -> bool {
    points.iter().skip(1).any(|p| {
        p.value == Held::Untold
            && p.from.plus_seconds(-TOLERANCE_S) <= seen
            && seen <= p.at.plus_seconds(TOLERANCE_S)
    })
}

/// Applies one sighting. False when it contradicts what the exact changes say, and nothing near it explains why.
fn apply(
    points: &mut Vec<Point>,
    id: u64,
    sighting: &Fact,
    value: &Known,
    ambiguous: bool,
) -> bool {
    let seen = sighting.seen;
    let (low, high) = (
        seen.plus_seconds(-TOLERANCE_S),
        seen.plus_seconds(TOLERANCE_S),
    );
    // Points that may have been in force when the cloud said so.
    let candidates: Vec<usize> = (0..points.len())
        .filter(|&i| points[i].from <= high && points.get(i + 1).is_none_or(|next| next.at >= low))
        .collect();
    if let Some(&i) = candidates
        .iter()
        .find(|&&i| matches!(&points[i].value, Held::Known(k) if k == value))
    {
        confirm(&mut points[i], id);
        return true;
    }
    if candidates.iter().any(|&i| points[i].value == Held::Gone) {
        // The cloud's own record of the end is final: a list read at that moment may still show it.
        return true;
    }
    if let Some(&i) = candidates
        .iter()
        .rfind(|&&i| points[i].value == Held::Untold && points[i].at <= seen)
    {
        // While the change was under way the value may be the old one or the new one: nobody guesses.
        if points
            .get(i + 1)
            .is_none_or(|next| next.value != Held::Untold || seen < next.from)
        {
            points[i].value = Held::Known(value.clone());
            confirm(&mut points[i], id);
        }
        return true;
    }
    if ambiguous {
        return true;
    }
    let Some(i) = points.iter().rposition(|p| p.at <= seen) else {
        // Nothing told of it before: known from here on.
        points.insert(
            0,
            Point {
                at: seen,
                from: seen,
                value: Held::Known(value.clone()),
                because: vec![id],
            },
        );
        return true;
    };
    if sighting.at.plus_seconds(TOLERANCE_S) < points[i].from {
        // Read before the change and told after it: the change itself would have updated the record.
        return true;
    }
    // The record's last update bounds the change from above; it cannot have come before the change that it undoes.
    let at = sighting.at.min(seen).max(points[i].at);
    let explained = at <= points[i].at.plus_seconds(TOLERANCE_S);
    let place = points.iter().rposition(|p| p.at <= at).map_or(0, |i| i + 1);
    points.insert(
        place,
        Point {
            at,
            from: at,
            value: Held::Known(value.clone()),
            because: vec![id],
        },
    );
    explained
}

/// Remembers the first and the latest sighting that confirmed a point: enough to explain it, and bounded.
fn confirm(point: &mut Point, id: u64) {
    const KEPT: usize = 3;
    if point.because.len() >= KEPT {
        point.because.pop();
    }
    point.because.push(id);
}

/// Ends what a complete list no longer shows, unless anything later showed it or something exact told of its end.
fn apply_missing(points: &mut Vec<Point>, facts: &[(u64, &Fact)]) {
    if points.last().is_none_or(|p| p.value == Held::Gone) {
        return;
    }
    let last_alive = facts
        .iter()
        .filter(|(_, f)| f.evidence != Evidence::Missing && f.value != Value::Gone)
        .map(|(_, f)| f.seen)
        .max()
        .unwrap_or(Ts::MIN);
    let missing = || {
        facts
            .iter()
            .filter(|(_, f)| f.evidence == Evidence::Missing && f.seen > last_alive)
    };
    let Some(gone) = missing().map(|(_, f)| f.seen).min() else {
        return;
    };
    let Some(last_listed) = missing()
        .filter(|(_, f)| f.seen <= gone || f.at < gone)
        .map(|(_, f)| f.at)
        .max()
    else {
        return;
    };
    let last_listed = last_listed.max(last_alive.min(gone)).min(gone);
    let because: Vec<u64> = missing().map(|(id, _)| *id).take(2).collect();
    points.retain(|p| p.at <= last_listed);
    points.push(Point {
        at: last_listed,
        from: last_listed,
        value: Held::Missing,
        because: because.clone(),
    });
    points.push(Point {
        at: gone,
        from: gone,
        value: Held::Gone,
        because,
    });
}

/// Points become spans of whole seconds: floored each by itself, empty ones dropped, equal neighbours merged.
fn spans(points: &[Point]) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for (i, p) in points.iter().enumerate() {
        let start = if p.at == Ts::MIN {
            Ts::MIN
        } else {
            Ts::from_second(p.at.second())
        };
        let end = points.get(i + 1).map(|n| Ts::from_second(n.at.second()));
        if p.value == Held::Gone {
            break;
        }
        if end.is_some_and(|e| e <= start) {
            continue;
        }
        let (value, gap) = match &p.value {
            Held::Known(k) => (Some(k.clone()), ""),
            Held::Untold => (None, "changed, and nothing tells to what"),
            Held::Missing | Held::Gone => (None, "not listed any more; it ended somewhere in here"),
        };
        match out.last_mut() {
            Some(last) if last.value == value && last.gap == gap && last.end == Some(start) => {
                last.end = end;
                last.because.extend(p.because.iter().copied());
            }
            _ => out.push(Span {
                start,
                end,
                value,
                gap,
                because: p.because.clone(),
            }),
        }
    }
    out
}
