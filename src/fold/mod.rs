//! The pure fold: the union of a resource's facts, in any order and however often each was written, becomes its spans.
//!
//! Exact beats inferred. Events set the frame; the record's own times fill in where no event tells; sightings confirm, name what an event left
//! unsaid (a resize's event names no flavor), or correct; absence ends only what nothing else ended. See `ARCHITECTURE.md`, "The fold".

mod amount;
mod aspect;
mod check;
pub mod measure;
#[cfg(test)]
mod tests;

pub use check::{Broken, check};

use crate::domain::{Aspect, Evidence, Fact, ResourceKey, Span, Timeline, fact::kind};
use std::collections::BTreeMap;

/// Seconds by which a cloud's own clocks may disagree: Nova floors to the second, the API's `Date` and the compute host's event are two machines'
/// clocks, and an event's finish is written after the record it tells of. A sighting this close to a change proves neither side of it.
pub const TOLERANCE_S: i64 = 5;

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
    let mut aspects = BTreeMap::new();
    let mut unexplained = Vec::new();
    for aspect in Aspect::ALL.into_iter().filter(|a| *a != Aspect::Amount) {
        let of_aspect: Vec<(u64, &Fact)> = by_id
            .iter()
            .filter(|(_, f)| f.aspect == aspect)
            .map(|(id, f)| (*id, f))
            .collect();
        if !of_aspect.is_empty() {
            let folded = aspect::fold(aspect, &of_aspect);
            // Only where events are told can one be missing.
            if tells_changes(&key.kind, aspect)
                && of_aspect.iter().any(|(_, f)| f.evidence == Evidence::Event)
            {
                unexplained.extend(folded.unexplained);
            }
            aspects.insert(aspect, folded.spans);
        }
    }
    if let Some(existence) = aspects.get(&Aspect::State).cloned() {
        for (aspect, spans) in &mut aspects {
            if *aspect != Aspect::State {
                *spans = clip(spans, &existence);
            }
        }
    }
    let (amounts, contradicted) = amount::fold(&by_id);
    unexplained.extend(contradicted);
    Timeline {
        key: key.clone(),
        aspects,
        amounts,
        facts: by_id,
        unexplained,
    }
}

/// False where a cloud notifies of beginnings and ends, but not of every change between: Neutron's agents set a status without a word.
fn tells_changes(kind: &str, aspect: Aspect) -> bool {
    aspect != Aspect::State || ![kind::FLOATING_IP, kind::PORT, kind::ROUTER].contains(&kind)
}

/// The parts of `spans` while the resource existed (from the first state's start to the last one's end).
fn clip(spans: &[Span], existence: &[Span]) -> Vec<Span> {
    let (Some(first), Some(last)) = (existence.first(), existence.last()) else {
        return Vec::new();
    };
    spans
        .iter()
        .filter_map(|s| {
            let start = s.start.max(first.start);
            let end = match (s.end, last.end) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, None) => one,
                (None, one) => one,
            };
            end.is_none_or(|e| start < e).then(|| Span {
                start,
                end,
                ..s.clone()
            })
        })
        .collect()
}

/// True for evidence that carries the cloud's own time of the change.
const fn is_exact(e: Evidence) -> bool {
    matches!(e, Evidence::Event | Evidence::Record)
}
