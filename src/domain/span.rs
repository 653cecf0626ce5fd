//! Spans: what the fold makes of facts.

use super::{Aspect, Fact, Known, ResourceKey, Ts};
use serde::Serialize;
use std::collections::BTreeMap;

/// An aspect of a resource over `[start, end)`. `K` is [`Known`], or a borrowed one while a [`Life`] is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span<K = Known> {
    /// First second.
    pub start: Ts,
    /// First second after; `None` while it lasts (then it reaches to its list's watermark).
    pub end: Option<Ts>,
    /// What held; `None` where nothing was observed: a gap.
    pub value: Option<K>,
    /// Why nothing is known; empty for a known value.
    pub gap: &'static str,
    /// Ids of the facts this span stands on: what began it, what it was seen by.
    pub because: Vec<u64>,
}

impl<K> Span<K> {
    /// The same span with its value held in another way.
    pub(crate) fn with<L>(&self, value: Option<L>) -> Span<L> {
        Span {
            start: self.start,
            end: self.end,
            value,
            gap: self.gap,
            because: self.because.clone(),
        }
    }
}

/// What was counted over `[start, end)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// First second.
    pub start: Ts,
    /// First second after.
    pub end: Ts,
    /// By meter, in its base unit.
    pub quantities: BTreeMap<String, i64>,
    /// Why the stretch was not observed whole; empty where it was. The quantity is then what is known of it, often nothing.
    pub gap: &'static str,
    /// Dimensions, and whose it is: see [`super::fact::amount`].
    pub attrs: BTreeMap<String, String>,
    /// Ids of the facts it stands on.
    pub because: Vec<u64>,
}

/// One resource's whole life as far as the facts tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Which.
    pub key: ResourceKey,
    /// Spans by aspect: sorted, never overlapping, whole seconds. Those of [`Aspect::State`] say when the resource existed.
    pub aspects: BTreeMap<Aspect, Vec<Span>>,
    /// What was counted, sorted by (start, end, attributes).
    pub amounts: Vec<Amount>,
    /// The facts it was folded from, deduplicated, by id.
    pub facts: BTreeMap<u64, Fact>,
    /// Where events and inventory disagreed: sightings that no event explains.
    pub unexplained: Vec<u64>,
}

impl Timeline {
    /// The spans of one aspect.
    #[must_use]
    pub fn spans(&self, aspect: Aspect) -> &[Span] {
        self.aspects.get(&aspect).map_or(&[], Vec::as_slice)
    }

    /// The same life, borrowed: what is measured.
    #[must_use]
    pub fn life(&self) -> Life<'_> {
        let mut aspects = BTreeMap::new();
        for (aspect, spans) in &self.aspects {
            let borrowed = spans.iter().map(|s| s.with(s.value.as_ref()));
            aspects.insert(*aspect, borrowed.collect());
        }
        Life {
            key: &self.key,
            aspects,
            amounts: self.amounts.clone(),
            unexplained: self.unexplained.clone(),
        }
    }
}

/// A resource's life without the facts it was folded from; values stay where the facts have them. For whoever folds many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life<'a> {
    /// Which.
    pub key: &'a ResourceKey,
    /// As [`Timeline::aspects`].
    pub aspects: BTreeMap<Aspect, Vec<Span<&'a Known>>>,
    /// As [`Timeline::amounts`].
    pub amounts: Vec<Amount>,
    /// As [`Timeline::unexplained`].
    pub unexplained: Vec<u64>,
}

impl<'a> Life<'a> {
    /// The spans of one aspect.
    #[must_use]
    pub fn spans(&self, aspect: Aspect) -> &[Span<&'a Known>] {
        self.aspects.get(&aspect).map_or(&[], Vec::as_slice)
    }
}
