//! The pure fold: the union of a resource's facts, in any order and however often each was written, becomes its spans.
//!
//! Exact beats inferred. Events set the frame; the record's own times fill in where no event tells; sightings confirm, name what an event left
//! unsaid (a resize's event names no flavor), or correct; absence ends only what nothing else ended. See `ARCHITECTURE.md`, "The fold".

mod amount;
mod aspect;
mod billed;
mod check;
mod counter;
pub mod measure;
pub mod nodes;
mod reading;
pub mod sums;
#[cfg(test)]
mod tests;

pub use check::{Broken, check, check_life};
pub use reading::JOINED_S;

use crate::domain::{
    Aspect, Evidence, Fact, Known, Life, ResourceKey, Span, Timeline, Ts, Value, fact::kind,
};
use std::collections::BTreeMap;

/// Seconds by which a cloud's own clocks may disagree: Nova floors to the second, the API's `Date` and the compute host's event are two machines'
/// clocks, and an event's finish is written after the record it tells of. A sighting this close to a change proves neither side of it.
pub const TOLERANCE_S: i64 = 5;

/// What a fact tells: all of it that the fold reads.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// [`Fact::id`].
    pub id: u64,
    /// Which side of the resource.
    pub aspect: Aspect,
    /// How good.
    pub evidence: Evidence,
    /// See [`Fact::at`].
    pub at: Ts,
    /// See [`Fact::from`].
    pub from: Ts,
    /// See [`Fact::seen`].
    pub seen: Ts,
    /// What it became.
    pub value: &'a Value,
}

impl<'a> Told<'a> {
    fn of((id, fact): (&u64, &'a Fact)) -> Self {
        Self {
            id: *id,
            aspect: fact.aspect,
            evidence: fact.evidence,
            at: fact.at,
            from: fact.from,
            seen: fact.seen,
            value: &fact.value,
        }
    }
}

/// Folds all facts of one resource. Facts of other resources are ignored.
#[must_use]
pub fn fold(key: &ResourceKey, facts: impl IntoIterator<Item = Fact>) -> Timeline {
    let mut by_id: BTreeMap<u64, Fact> = BTreeMap::new();
    for fact in facts.into_iter().filter(|f| f.key == *key) {
        by_id
            .entry(fact.id())
            .and_modify(|kept| {
                // Versions of one id differ only in our circumstances; the earliest is kept, by a rule that no order of arrival can change.
                if (fact.observed_at, fact.pass, &fact.raw)
                    < (kept.observed_at, kept.pass, &kept.raw)
                {
                    *kept = fact.clone();
                }
            })
            .or_insert(fact);
    }
    let mut told: Vec<_> = by_id.iter().map(Told::of).collect();
    let life = life(key, &mut told);
    let owned =
        |spans: &Vec<Span<&Known>>| spans.iter().map(|s| s.with(s.value.cloned())).collect();
    Timeline {
        key: key.clone(),
        aspects: life
            .aspects
            .iter()
            .map(|(a, spans)| (*a, owned(spans)))
            .collect(),
        amounts: life.amounts,
        unexplained: life.unexplained,
        facts: by_id,
    }
}

/// Folds what the facts of one resource tell: each id once, in any order. Sorts them by aspect.
#[must_use]
pub fn life<'a>(key: &'a ResourceKey, told: &mut [Told<'a>]) -> Life<'a> {
    told.sort_by_key(|f| f.aspect);
    let mut aspects = BTreeMap::new();
    let (mut amounts, mut unexplained) = (Vec::new(), Vec::new());
    let ended = told
        .iter()
        .filter(|f| f.aspect == Aspect::State && is_exact(f.evidence) && *f.value == Value::Gone)
        .map(|f| f.from.min(f.at))
        .min();
    for of_aspect in told.chunk_by(|a, b| a.aspect == b.aspect) {
        let aspect = of_aspect[0].aspect;
        if aspect == Aspect::Amount {
            let contradicted;
            (amounts, contradicted) = amount::fold(of_aspect);
            unexplained.extend(contradicted);
            continue;
        }
        if aspect == Aspect::Reading {
            amounts.extend(reading::fold(of_aspect));
            continue;
        }
        let folded = aspect::fold(aspect, of_aspect, ended);
        // Only where events are told can one be missing.
        if tells_changes(&key.kind, aspect)
            && of_aspect.iter().any(|f| f.evidence == Evidence::Event)
        {
            unexplained.extend(folded.unexplained);
        }
        aspects.insert(aspect, folded.spans);
    }
    let existence = aspects.get(&Aspect::State).map(|spans: &Vec<Span<_>>| {
        let (first, last) = (spans.first()?, spans.last()?);
        Some((first.start, last.end))
    });
    if let Some(existence) = existence {
        for (aspect, spans) in &mut aspects {
            if *aspect != Aspect::State {
                clip(spans, existence);
            }
        }
    }
    amounts.sort_by(|a, b| {
        (a.start, a.end, &a.attrs, &a.because).cmp(&(b.start, b.end, &b.attrs, &b.because))
    });
    Life {
        key,
        aspects,
        amounts,
        unexplained,
    }
}

/// False where a cloud notifies of beginnings and ends, but not of every change between: Neutron's agents set a status without a word.
fn tells_changes(kind: &str, aspect: Aspect) -> bool {
    aspect != Aspect::State || ![kind::FLOATING_IP, kind::PORT, kind::ROUTER].contains(&kind)
}

/// Leaves the parts of `spans` while the resource existed (from the first state's start to the last one's end).
fn clip<K>(spans: &mut Vec<Span<K>>, existence: Option<(Ts, Option<Ts>)>) {
    let Some((first, last)) = existence else {
        return spans.clear();
    };
    spans.retain_mut(|s| {
        s.start = s.start.max(first);
        s.end = match (s.end, last) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) => one,
            (None, one) => one,
        };
        s.end.is_none_or(|e| s.start < e)
    });
}

/// True for evidence that carries the cloud's own time of the change.
const fn is_exact(e: Evidence) -> bool {
    matches!(e, Evidence::Event | Evidence::Record)
}
