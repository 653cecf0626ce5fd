//! Servers that were asked for, and what became of them: from facts.

use crate::domain::{Aspect, Evidence, Fact, Timeline, Ts, Value};

/// The state of a server being built, and of one whose build failed.
const BUILDING: &str = "building";
const BUILD_ERROR: &str = "build_error";
/// Two of the cloud's clocks may differ by so much.
const CLOSE_S: i64 = 5;

/// A server that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// When.
    pub asked: Ts,
    /// When it was ready or had failed, and whether it was ready; `None` while neither is known.
    pub ended: Option<(Ts, bool)>,
    /// When it was gone.
    pub gone: Option<Ts>,
    /// The scope that owned it.
    pub scope: Option<String>,
}

impl Boot {
    /// When the outcome was decided, and whether it was good: built without an error and, if there is a limit, within it. What takes longer is bad when
    /// the limit has passed, whatever comes later. `None` while nothing is decided at `settled`, and for what its owner deleted before that.
    #[must_use]
    pub fn outcome(&self, within_s: Option<u32>, settled: Ts) -> Option<(Ts, bool)> {
        let limit = within_s.map(|s| self.asked.plus_seconds(i64::from(s)));
        let decided = match (self.ended, limit) {
            (Some((at, good)), None) => (at, good),
            (Some((at, good)), Some(limit)) if at <= limit => (at, good),
            (_, Some(limit)) => (limit, false),
            (None, None) => return None,
        };
        let deleted_before = self.gone.is_some_and(|gone| gone < decided.0);
        (decided.0 < settled && !deleted_before).then_some(decided)
    }
}

/// The boot of a server; `None` where the facts do not tell when it was asked for, or show it running before any of its events: then the one that built it
/// is no longer known.
#[must_use]
pub fn boot(t: &Timeline) -> Option<Boot> {
    let states = || t.facts.values().filter(|f| f.aspect == Aspect::State);
    let is = |f: &Fact, word: &str| matches!(&f.value, Value::Known(k) if k.label == word);
    let asked = states()
        .filter(|f| f.evidence == Evidence::Record && is(f, BUILDING))
        .map(|f| f.at)
        .min()?;
    let first = |evidence, word: &str| {
        states()
            .filter(|f| f.evidence == evidence && is(f, word))
            .map(|f| f.at)
            .min()
    };
    let failed =
        first(Evidence::Event, BUILD_ERROR).or_else(|| first(Evidence::Sighting, BUILD_ERROR));
    // The record's own time of launch is rewritten later, and is taken where no event tells.
    let ready = first(Evidence::Event, "active").or_else(|| first(Evidence::Record, "active"));
    let ended = match (ready, failed) {
        (Some(at), Some(failed)) if failed < at => Some((failed, false)),
        (Some(at), _) => Some((at, true)),
        (None, failed) => failed.map(|at| (at, false)),
    };
    let was_there = |end: Ts| {
        states().any(|f| {
            f.evidence == Evidence::Sighting
                && matches!(&f.value, Value::Known(k) if k.label != BUILDING && k.label != BUILD_ERROR)
                && f.seen < end.plus_seconds(-CLOSE_S)
        })
    };
    if ended.is_some_and(|(at, _)| was_there(at)) {
        return None;
    }
    let gone = states()
        .filter(|f| matches!(f.value, Value::Gone) && f.evidence != Evidence::Missing)
        .map(|f| f.at)
        .min();
    let owned = t.spans(Aspect::Owner).iter().find_map(|s| s.value.as_ref());
    Some(Boot {
        asked,
        ended,
        gone,
        scope: owned.map(|k| k.label.clone()),
    })
}
