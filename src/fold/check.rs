//! Invariant 4, checked on what the fold made: in tests, and counted in production.

use crate::domain::{Aspect, Life, Span, Timeline};
use std::collections::BTreeMap;

/// What is broken about a timeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A span that ends before it starts, or is empty.
    #[error("{0:?}: a span is empty or ends before it starts")]
    Empty(Aspect),
    /// Two spans at one second.
    #[error("{0:?}: two spans overlap")]
    Overlap(Aspect),
    /// Neither a value nor a recorded gap between two spans.
    #[error("{0:?}: a hole between two spans that is not recorded as a gap")]
    Hole(Aspect),
    /// Known and a gap at once, or neither.
    #[error("{0:?}: a span is neither known nor a gap, or both")]
    Unclear(Aspect),
}

/// Checks invariant 4: spans of one aspect never overlap, and between them the state is known or a gap is recorded.
///
/// # Errors
/// The first thing that is [`Broken`].
pub fn check(timeline: &Timeline) -> Result<(), Broken> {
    check_all(&timeline.aspects)
}

/// The same of a borrowed life.
///
/// # Errors
/// As [`check`].
pub fn check_life(life: &Life<'_>) -> Result<(), Broken> {
    check_all(&life.aspects)
}

fn check_all<K>(aspects: &BTreeMap<Aspect, Vec<Span<K>>>) -> Result<(), Broken> {
    aspects
        .iter()
        .try_for_each(|(aspect, spans)| check_aspect(*aspect, spans))
}

fn check_aspect<K>(aspect: Aspect, spans: &[Span<K>]) -> Result<(), Broken> {
    for s in spans {
        if s.end.is_some_and(|e| e <= s.start) {
            return Err(Broken::Empty(aspect));
        }
        if s.value.is_some() != s.gap.is_empty() {
            return Err(Broken::Unclear(aspect));
        }
    }
    for pair in spans.windows(2) {
        match pair[0].end {
            Some(end) if end == pair[1].start => {}
            Some(end) if end < pair[1].start => return Err(Broken::Hole(aspect)),
            _ => return Err(Broken::Overlap(aspect)),
        }
    }
    Ok(())
}
