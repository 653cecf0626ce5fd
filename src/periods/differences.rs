//! Where lists and events disagree: what a list showed, and nothing told of its coming about.

use crate::{
    domain::{Aspect, Life, ResourceKey, Ts},
    fold::Told,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most of them that are kept one by one: the latest. All are counted.
const KEPT_MAX: usize = 200;

/// A sighting that contradicts the events before it. The order is that of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// When the list showed it, by the cloud's clock.
    pub seen: Ts,
    /// Of what.
    pub key: ResourceKey,
    /// The name people gave it; empty where it has none.
    pub name: String,
    /// Which side of it.
    pub aspect: Aspect,
    /// What was told before; empty where nothing was, or it was a quantity.
    pub told: String,
    /// What the list showed.
    pub shown: String,
    /// The fact's id.
    pub fact: u64,
}

/// Those of many resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// How many, by source.
    pub counts: BTreeMap<String, u64>,
    latest: BTreeSet<Difference>,
}

impl Differences {
    /// Those of a life that was folded from `told`.
    pub(super) fn add(&mut self, life: &Life<'_>, name: &str, told: &[Told<'_>]) {
        *self.counts.entry(life.key.cloud.clone()).or_insert(0) += life.unexplained.len() as u64;
        for id in &life.unexplained {
            let Some(fact) = told.iter().find(|f| f.id == *id) else {
                continue;
            };
            self.latest.insert(Difference {
                seen: fact.seen,
                key: life.key.clone(),
                name: name.to_owned(),
                aspect: fact.aspect,
                told: before(life, fact),
                shown: fact
                    .value
                    .known()
                    .map(|k| k.label.clone())
                    .unwrap_or_default(),
                fact: *id,
            });
            if self.latest.len() > KEPT_MAX {
                self.latest.pop_first();
            }
        }
    }

    /// The latest ones, the last first.
    #[must_use]
    pub fn latest(&self) -> Vec<Difference> {
        self.latest.iter().rev().cloned().collect()
    }
}

/// What held until the sighting's value began.
fn before(life: &Life<'_>, fact: &Told<'_>) -> String {
    let spans = life.spans(fact.aspect);
    let own = spans
        .iter()
        .rposition(|s| s.start <= fact.seen && s.value == fact.value.known());
    own.and_then(|i| spans.get(i.checked_sub(1)?)?.value)
        .map(|k| k.label.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Evidence, Value},
        fold,
    };

    #[test]
    fn the_latest_are_kept_with_both_sides_and_all_are_counted() {
        let values = [Value::label("active"), Value::label("stopped")];
        let told = |id, evidence, at, value| Told {
            id,
            aspect: Aspect::State,
            evidence,
            at: Ts::from_second(at),
            from: Ts::from_second(at),
            seen: Ts::from_second(at),
            value,
        };
        let mut all = Differences::default();
        for n in 0..KEPT_MAX + 50 {
            let key = ResourceKey {
                cloud: "lab".into(),
                kind: "server".into(),
                resource: n.to_string(),
            };
            let at = 1_000 + 100 * i64::try_from(n).unwrap();
            let mut facts = [
                told(1, Evidence::Event, 100, &values[0]),
                told(2, Evidence::Sighting, at, &values[1]),
            ];
            let life = fold::life(&key, &mut facts);
            all.add(&life, "web", &facts);
        }
        assert_eq!(all.counts["lab"], 250);
        let latest = all.latest();
        assert_eq!(latest.len(), KEPT_MAX);
        assert!(latest.is_sorted_by(|a, b| a.seen > b.seen));
        let last = &latest[0];
        assert_eq!(
            (
                last.key.resource.as_str(),
                last.told.as_str(),
                last.shown.as_str(),
                last.fact
            ),
            ("249", "active", "stopped", 2)
        );
    }
}
