//! Folds one aspect of one resource: exact changes first, then each sighting in the order in which the cloud said so, then absence.

use super::{TOLERANCE_S, Told, is_exact};
use crate::domain::{Aspect, Evidence, Known, Span, Ts, Value};

/// A notification is sent while the action it is of is under way; its end is noted no earlier, and cut to the second.
const NAMED_WITHIN_S: i64 = 1;

/// A change of value at a time.
#[derive(Debug, Clone)]
struct Point<'a> {
    /// When it took effect.
    at: Ts,
    /// The earliest it may have: an event's start.
    from: Ts,
    value: Held<'a>,
    /// How its time is known.
    timed: Timed,
    because: Vec<u64>,
}

/// How well the time of a change is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// By the change itself.
    Exactly,
    /// By the last update of a record that was shown at once: as a message shows it.
    ByRecord,
    /// It lies between two sightings; the latter's time.
    Between(Ts),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held<'a> {
    Known(&'a Known),
    /// Changed, and nothing told to what.
    Untold,
    /// Not observed: it went missing between two passes.
    Missing,
    Gone,
}

/// Spans of one aspect, and the sightings that no event explains.
pub(super) struct Folded<'a> {
    pub(super) spans: Vec<Span<&'a Known>>,
    pub(super) unexplained: Vec<u64>,
}

/// Folds the facts of one aspect (deduplicated; in any order). `ended`: when the resource began to end, where the cloud itself tells that.
pub(super) fn fold<'a>(aspect: Aspect, facts: &[Told<'a>], ended: Option<Ts>) -> Folded<'a> {
    let mut points = exact_points(aspect, facts);
    let mut unexplained = Vec::new();
    let mut sightings: Vec<(bool, Told<'_>)> = facts
        .iter()
        .filter(|f| f.evidence == Evidence::Sighting)
        .map(|f| (is_ambiguous(&points, f.seen), *f))
        .collect();
    // Those near a change that an event left untold could lie on either side of it: they speak last, and only to confirm or to fill in.
    sightings.sort_by_key(|(ambiguous, f)| (*ambiguous, f.seen, f.at, f.id));
    for (ambiguous, sighting) in &sightings {
        if let Value::Known(value) = sighting.value
            && !apply(&mut points, sighting, value, *ambiguous, ended)
        {
            unexplained.push(sighting.id);
        }
    }
    apply_missing(&mut points, facts);
    Folded {
        spans: spans(points),
        unexplained,
    }
}

/// What events and records say, sorted; nothing after the first end.
fn exact_points<'a>(aspect: Aspect, facts: &[Told<'a>]) -> Vec<Point<'a>> {
    let events = || facts.iter().filter(|f| f.evidence == Evidence::Event);
    let first_event = events().min_by_key(|f| (f.at, f.id));
    let ended_by_event = events().any(|f| *f.value == Value::Gone);
    // What was read later of a change, or a notification of it, may name what it led to; then it is not untold.
    let is_named = |change: &Told<'a>| {
        let within = change.from.min(change.at)..=change.at.plus_seconds(NAMED_WITHIN_S);
        events().any(|f| {
            f.value.known().is_some()
                && (f.at == change.at || within.contains(&f.at) && f.at > change.from)
        })
    };
    let created = facts
        .iter()
        .filter(|f| f.evidence == Evidence::Record)
        .map(|f| f.at)
        .min();
    let mut exact: Vec<&Told<'a>> = facts
        .iter()
        .filter(|f| match (f.evidence, f.value) {
            (Evidence::Event, Value::Unknown) => !is_named(f),
            (Evidence::Record, Value::Gone) => !ended_by_event,
            (Evidence::Record, value) => first_event.is_none_or(|e| {
                f.at.plus_seconds(TOLERANCE_S) < e.at
                    // A build of a few seconds: how it began is no other account of how it ended.
                    || (Some(f.at) == created && f.at < e.at && value != e.value)
            }),
            (evidence, _) => is_exact(evidence),
        })
        .collect();
    // At one second the change that began earlier came first, and an end comes last.
    exact.sort_by_key(|f| (f.at, *f.value == Value::Gone, f.from, f.id));
    let mut points: Vec<Point<'a>> = Vec::with_capacity(exact.len() + 1);
    if aspect != Aspect::State {
        // What a sighting shows held from the beginning, or from the last change an event tells of.
        points.push(Point {
            at: Ts::MIN,
            from: Ts::MIN,
            value: Held::Untold,
            timed: Timed::Exactly,
            because: Vec::new(),
        });
    }
    for f in exact {
        let value = match f.value {
            Value::Known(k) => Held::Known(k),
            Value::Unknown => Held::Untold,
            Value::Gone => Held::Gone,
        };
        let ends = value == Held::Gone;
        points.push(Point {
            at: f.at,
            from: f.from.min(f.at),
            value,
            timed: Timed::Exactly,
            because: vec![f.id],
        });
        if ends {
            break;
        }
    }
    points
}

/// True when what was seen then may be either side of a change that nothing told the value of.
fn is_ambiguous(points: &[Point<'_>], seen: Ts) -> bool {
    points.iter().skip(1).any(|p| {
        p.value == Held::Untold
            && p.from.plus_seconds(-TOLERANCE_S) <= seen
            && seen <= p.at.plus_seconds(TOLERANCE_S)
    })
}

/// Applies one sighting. False when it contradicts what the exact changes say, and nothing near it explains why.
fn apply<'a>(
    points: &mut Vec<Point<'a>>,
    sighting: &Told<'a>,
    value: &'a Known,
    ambiguous: bool,
    ended: Option<Ts>,
) -> bool {
    let (id, seen) = (sighting.id, sighting.seen);
    let (low, high) = (
        seen.plus_seconds(-TOLERANCE_S),
        seen.plus_seconds(TOLERANCE_S),
    );
    let by_record = sighting.from == sighting.at;
    // Points that may have been in force when the cloud said so. The cloud's clocks disagree, but a record's updates are of one clock: what one shows that
    // was written after the next change is not what was before that.
    let in_force = |points: &[Point<'_>], i: usize| {
        points[i].from <= high
            && points.get(i + 1).is_none_or(|next| {
                let later = by_record && next.timed == Timed::ByRecord && next.at < sighting.at;
                next.at >= low && !later
            })
    };
    let mut all = 0..points.len();
    let known = Held::Known(value);
    if let Some(i) = (all.clone()).find(|&i| in_force(points, i) && points[i].value == known) {
        if by_record {
            sharpen(points, i, sighting);
        }
        confirm(&mut points[i], id);
        return true;
    }
    if (all.clone()).any(|i| in_force(points, i) && points[i].value == Held::Gone) {
        // The cloud's own record of the end is final: a list read at that moment may still show it.
        return true;
    }
    let untold = |p: &Point<'_>| p.value == Held::Untold && p.at <= seen;
    if let Some(i) = all.rfind(|&i| untold(&points[i]) && in_force(points, i)) {
        // While the change was under way the value may be the old one or the new one: nobody guesses.
        if points
            .get(i + 1)
            .is_none_or(|next| next.value != Held::Untold || seen < next.from)
        {
            points[i].value = Held::Known(value);
            confirm(&mut points[i], id);
        }
        return true;
    }
    let timed = if by_record {
        Timed::ByRecord
    } else {
        Timed::Between(seen)
    };
    if ambiguous || ended.is_some_and(|end| end <= high) {
        // A thing that is being deleted is taken apart first: that is no change of what was held.
        return true;
    }
    let Some(i) = points.iter().rposition(|p| p.at <= seen) else {
        // Nothing told of it before: known from here on.
        points.insert(
            0,
            Point {
                at: seen,
                from: seen,
                value: Held::Known(value),
                timed,
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
            value: Held::Known(value),
            timed,
            because: vec![id],
        },
    );
    explained
}

/// A list read while a request is under way may show what a record written before its end says; the message that follows tells when it was done.
fn sharpen(points: &mut [Point<'_>], i: usize, message: &Told<'_>) {
    let Timed::Between(seen) = points[i].timed else {
        return;
    };
    let next = points.get(i + 1).map_or(Ts::MAX, |p| p.at);
    let of_it = points[i].at..=seen.plus_seconds(TOLERANCE_S);
    if of_it.contains(&message.at) && message.at < next {
        points[i].at = message.at;
        points[i].from = message.at;
        points[i].timed = Timed::ByRecord;
    }
}

/// Remembers the first and the latest sighting that confirmed a point: enough to explain it, and bounded.
fn confirm(point: &mut Point<'_>, id: u64) {
    const KEPT: usize = 3;
    if point.because.len() >= KEPT {
        point.because.pop();
    }
    point.because.push(id);
}

/// Ends what a complete list no longer shows, unless anything later showed it or something exact told of its end.
fn apply_missing(points: &mut Vec<Point<'_>>, facts: &[Told<'_>]) {
    if points.last().is_none_or(|p| p.value == Held::Gone) {
        return;
    }
    let last_alive = facts
        .iter()
        .filter(|f| f.evidence != Evidence::Missing && *f.value != Value::Gone)
        .map(|f| f.seen)
        .max()
        .unwrap_or(Ts::MIN);
    let missing = || {
        facts
            .iter()
            .filter(|f| f.evidence == Evidence::Missing && f.seen > last_alive)
    };
    let Some(gone) = missing().map(|f| f.seen).min() else {
        return;
    };
    let Some(last_listed) = missing()
        .filter(|f| f.seen <= gone || f.at < gone)
        .map(|f| f.at)
        .max()
    else {
        return;
    };
    let last_listed = last_listed.max(last_alive.min(gone)).min(gone);
    let mut because: Vec<u64> = missing().map(|f| f.id).collect();
    because.sort_unstable();
    because.truncate(2);
    points.retain(|p| p.at <= last_listed);
    points.push(Point {
        at: last_listed,
        from: last_listed,
        value: Held::Missing,
        timed: Timed::Exactly,
        because: because.clone(),
    });
    points.push(Point {
        at: gone,
        from: gone,
        value: Held::Gone,
        timed: Timed::Exactly,
        because,
    });
}

/// Points become spans of whole seconds: floored each by itself, empty ones dropped, equal neighbours merged.
fn spans(points: Vec<Point<'_>>) -> Vec<Span<&Known>> {
    let second = |p: &Point<'_>| Ts::from_second(p.at.second());
    let mut out: Vec<Span<&Known>> = Vec::with_capacity(points.len());
    let mut points = points.into_iter().peekable();
    while let Some(p) = points.next() {
        let start = if p.at == Ts::MIN { Ts::MIN } else { second(&p) };
        let end = points.peek().map(second);
        let (value, gap) = match p.value {
            Held::Gone => break,
            Held::Known(k) => (Some(k), ""),
            Held::Untold => (None, "changed, and nothing tells to what"),
            Held::Missing => (None, "not listed any more; it ended somewhere in here"),
        };
        if end.is_some_and(|e| e <= start) {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.value == value && last.gap == gap && last.end == Some(start) => {
                last.end = end;
                last.because.extend(p.because);
            }
            _ => out.push(Span {
                start,
                end,
                value,
                gap,
                because: p.because,
            }),
        }
    }
    out
}
