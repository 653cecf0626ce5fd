//! One item of a list that is read as a whole -> facts. Pure.

use super::run::Draft;
use crate::domain::{
    Aspect, Evidence, Ts, Value,
    memory::{Remembered, Sighted},
};
use std::collections::BTreeMap;

/// What is read of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: String,
    /// When the record says it was made.
    pub(super) created: Option<Ts>,
    /// The state it is made in.
    pub(super) begins: &'static str,
    /// The record's last change.
    pub(super) updated: Option<Ts>,
    /// What it shows. No state while it is between two.
    pub(super) shown: BTreeMap<Aspect, Value>,
    /// As sent.
    pub(super) raw: String,
}

/// What an item shows of an aspect, if anything.
pub(super) type Shown = Option<(Aspect, Value)>;

impl Item {
    /// One that is made in the state `begins`, with the times that it tells.
    pub(super) fn new(
        id: String,
        created: Option<Ts>,
        updated: Option<Ts>,
        begins: &'static str,
        shown: impl IntoIterator<Item = Shown>,
        raw: &str,
    ) -> Self {
        Self {
            id,
            created,
            begins,
            updated,
            shown: shown.into_iter().flatten().collect(),
            raw: raw.to_owned(),
        }
    }

    /// What is new in it since it was last seen. `listed`: when the last complete list was made, which told of all that is known.
    pub(super) fn drafts(
        &self,
        known: Option<&Remembered>,
        listed: Option<Ts>,
        seen: Ts,
    ) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = self
            .created
            .filter(|_| known.is_none())
            .map(|at| Draft {
                aspect: Aspect::State,
                evidence: Evidence::Record,
                at,
                from: at,
                seen: at,
                value: Value::label(self.begins),
            })
            .into_iter()
            .collect();
        for (aspect, value) in &self.shown {
            let before = known.and_then(|k| k.sighted.get(aspect));
            if before.is_some_and(|b| b.value == *value) {
                continue;
            }
            let (from, at) = self.came_about(*aspect, known, listed, seen);
            let one = BTreeMap::from([(*aspect, value.clone())]);
            drafts.extend(
                sightings(&one, at, seen)
                    .into_iter()
                    .map(|d| Draft { from, ..d }),
            );
        }
        drafts
    }

    /// Since when at the earliest what is seen may have come about, and the best guess at when it did; between the sighting before and this one.
    fn came_about(
        &self,
        aspect: Aspect,
        known: Option<&Remembered>,
        listed: Option<Ts>,
        seen: Ts,
    ) -> (Ts, Ts) {
        // What was seen without this aspect was between two values of it then.
        let before = known.and_then(|k| match k.sighted.get(&aspect) {
            Some(b) => Some(b.seen),
            None => k.sighted.values().map(|s| s.seen).max(),
        });
        // After a restart only the list knows how long the value before was seen.
        let before = before.map(|b| b.max(listed.unwrap_or(Ts::MIN)));
        let at = match before {
            Some(before) => self.updated.unwrap_or(seen).max(after(before)),
            // Nobody looked before: it has been so since it was made, for all that is known. Its last change may be of anything.
            None if aspect == Aspect::State && listed.is_none() => {
                self.created.or(self.updated).unwrap_or(seen)
            }
            None => self.updated.or(self.created).unwrap_or(seen),
        };
        let at = at.min(seen);
        (before.or(self.created).unwrap_or(at).min(at), at)
    }

    /// True if it is another project's than `own`.
    pub(super) fn is_of_others(&self, own: &str) -> bool {
        let owner = self.shown.get(&Aspect::Owner).and_then(Value::known);
        !own.is_empty() && owner.is_some_and(|o| o.label != own)
    }

    /// True if any level of it is more than none.
    pub(super) fn holds(&self) -> bool {
        let known = self.shown.values().filter_map(Value::known);
        known.flat_map(|k| k.levels.values()).any(|l| *l > 0)
    }

    /// Neutron makes a router without a gateway and gives it one within the same request: that one just made has none is not told yet, unless it was
    /// seen with one.
    pub(super) fn wait_for_size(&mut self, known: Option<&Remembered>, seen: Ts) {
        const MADE_WITHIN_S: i64 = 10;
        if known.is_some_and(|k| k.sighted.contains_key(&Aspect::Flavor)) {
            return;
        }
        let young = self
            .created
            .is_some_and(|c| seen < c.plus_seconds(MADE_WITHIN_S));
        if young && !self.holds() {
            self.shown.remove(&Aspect::Flavor);
        }
    }

    /// What every reader promises of what it reads, for fuzzing: no negative level and a name for everything; seen again, it is no news.
    pub(super) fn holds_its_word(&self) {
        for value in self.shown.values() {
            let known = value.known();
            assert!(known.is_some_and(|k| k.levels.values().all(|l| *l >= 0)));
        }
        let (seen, mut open) = (Ts::from_second(1_700_000_000), BTreeMap::new());
        for d in self.drafts(None, None, seen) {
            assert!(d.from <= d.at && d.at <= d.seen);
        }
        self.clone().remember(&mut open, seen);
        let later = self.drafts(open.get(&self.id), Some(seen), seen.plus_seconds(60));
        assert!(later.is_empty(), "it is no news: {later:?}");
    }

    /// Remembers what it showed.
    pub(super) fn remember(self, open: &mut BTreeMap<String, Remembered>, seen: Ts) {
        let known = open.entry(self.id).or_default();
        for (aspect, value) in self.shown {
            let now = Sighted {
                value,
                at: self.updated.unwrap_or(seen),
                seen,
            };
            known.sighted.insert(aspect, now);
        }
    }
}

/// The first moment after one at which another value was seen.
fn after(seen: Ts) -> Ts {
    Ts(seen.0.saturating_add(1))
}

/// A label, unless it is empty.
pub(super) fn label(aspect: Aspect, word: Option<&str>) -> Shown {
    word.filter(|w| !w.is_empty())
        .map(|w| (aspect, Value::label(w)))
}

/// Sightings of what a record shows, as of `at`, seen at `seen`.
pub(super) fn sightings(shown: &BTreeMap<Aspect, Value>, at: Ts, seen: Ts) -> Vec<Draft> {
    // Where the cloud's hosts disagree by a second, an update can seem to lie after the answer that shows it.
    let seen = seen.max(at);
    shown
        .iter()
        .map(|(aspect, value)| Draft {
            aspect: *aspect,
            evidence: Evidence::Sighting,
            at,
            from: at,
            seen,
            value: value.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Known;

    fn ts(s: i64) -> Ts {
        Ts::from_second(s)
    }

    fn item(updated: i64, state: &str) -> Item {
        Item {
            id: "a".into(),
            created: Some(ts(100)),
            begins: "creating",
            updated: Some(ts(updated)),
            shown: BTreeMap::from([(Aspect::State, Value::label(state))]),
            raw: "{}".into(),
        }
    }

    #[test]
    fn what_nobody_saw_before_has_been_so_since_it_was_made() {
        let drafts = item(900, "available").drafts(None, None, ts(1000));
        let told: Vec<_> = drafts.iter().map(|d| (d.evidence, d.at, d.seen)).collect();
        assert_eq!(
            told,
            [
                (Evidence::Record, ts(100), ts(100)),
                (Evidence::Sighting, ts(100), ts(1000))
            ]
        );
    }

    #[test]
    fn what_came_since_the_last_list_came_about_at_its_last_change() {
        let drafts = item(105, "available").drafts(None, Some(ts(90)), ts(1000));
        assert_eq!(drafts[1].at, ts(105));
        let mut open = BTreeMap::new();
        item(105, "available").remember(&mut open, ts(1000));
        assert!(
            item(105, "available")
                .drafts(open.get("a"), Some(ts(1000)), ts(1060))
                .is_empty(),
            "nothing changed"
        );
        let drafts = item(1030, "in-use").drafts(open.get("a"), Some(ts(1000)), ts(1060));
        assert_eq!((drafts.len(), drafts[0].at), (1, ts(1030)));
        // A record that is not updated by what changed: not before it was last seen otherwise.
        let drafts = item(105, "in-use").drafts(open.get("a"), Some(ts(1000)), ts(1060));
        assert_eq!((drafts[0].from, drafts[0].at), (ts(1000), after(ts(1000))));
        // What a restart gave back was seen long ago, but the last list had it too.
        let drafts = item(105, "in-use").drafts(open.get("a"), Some(ts(1300)), ts(1360));
        assert_eq!((drafts[0].from, drafts[0].at), (ts(1300), after(ts(1300))));
    }

    #[test]
    fn what_was_between_two_states_when_last_seen_settled_since() {
        // A share tells no time of its last change; while it was made it had no state that lasts.
        let share = |shown: &[(Aspect, &str)]| Item {
            updated: None,
            shown: shown.iter().map(|(a, v)| (*a, Value::label(*v))).collect(),
            ..item(0, "")
        };
        let mut open = BTreeMap::new();
        share(&[(Aspect::Name, "files")]).remember(&mut open, ts(101));
        let ready = share(&[(Aspect::Name, "files"), (Aspect::State, "available")]);
        let drafts = ready.drafts(open.get("a"), Some(ts(101)), ts(160));
        assert_eq!((drafts.len(), drafts[0].at), (1, ts(160)));
        let mut ready = ready;
        ready.updated = Some(ts(107));
        let drafts = ready.drafts(open.get("a"), Some(ts(101)), ts(160));
        assert_eq!(drafts[0].at, ts(107));
    }

    #[test]
    fn a_router_that_is_being_made_has_no_size_yet() {
        let router = |addresses: i64| Item {
            shown: BTreeMap::from([(
                Aspect::Flavor,
                Value::Known(Known {
                    label: "public".into(),
                    levels: BTreeMap::from([("ipv4_addresses".into(), addresses)]),
                    attrs: BTreeMap::new(),
                }),
            )]),
            ..item(101, "")
        };
        let told = |addresses, known: Option<&Remembered>, seen| {
            let mut router = router(addresses);
            router.wait_for_size(known, ts(seen));
            !router.shown.is_empty()
        };
        // Made at 100.
        assert!(!told(0, None, 102) && told(1, None, 102) && told(0, None, 110));
        // It had a gateway already: it has lost it.
        let mut open = BTreeMap::new();
        router(1).remember(&mut open, ts(102));
        assert!(told(0, open.get("a"), 106));
    }
}
