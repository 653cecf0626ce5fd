//! What a collector remembers of one cloud between passes, and gets back from the store when it starts.

use super::{Aspect, Ts, Value};
use std::{collections::BTreeMap, sync::Arc};

/// The latest sighting of one aspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighted {
    /// What it was.
    pub value: Value,
    /// `at` of that sighting (the record's last update).
    pub at: Ts,
    /// When the cloud said so.
    pub seen: Ts,
}

/// One resource that is, as far as is known, still there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The latest sighting of each aspect.
    pub sighted: BTreeMap<Aspect, Sighted>,
}

/// All that is remembered of one cloud. It decides only what need not be written again and what is missing; never what is true.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// By kind, then by resource id: those not known to be gone. Readers that share them take no room twice, until one of them learns more.
    pub open: BTreeMap<String, Arc<BTreeMap<String, Remembered>>>,
    /// By list: the latest watermark of a complete pass (full or changes; of `servers.deleted`: deleted).
    pub watermarks: BTreeMap<String, Ts>,
    /// By list: the latest watermark of a complete *full* pass.
    pub full_watermarks: BTreeMap<String, Ts>,
    /// By list: where its latest complete pass says that the next one goes on ([`super::Pass::cursor`]).
    pub cursors: BTreeMap<String, String>,
}

impl Memory {
    /// Resources of a kind, to be changed.
    pub fn open_mut(&mut self, kind: &str) -> &mut BTreeMap<String, Remembered> {
        Arc::make_mut(self.open.entry(kind.to_owned()).or_default())
    }

    /// The share of a reader: resources of these kinds, and how far their lists, and the other lists named, reach.
    #[must_use]
    pub fn share(&self, kinds: &[&str], lists: &[&str]) -> Self {
        let is_ours = |list: &str| {
            lists.contains(&list) || kinds.iter().any(|k| super::fact::kind::list_of(k) == list)
        };
        let reach = |of: &BTreeMap<String, Ts>| {
            of.iter()
                .filter(|(list, _)| is_ours(list))
                .map(|(list, t)| (list.clone(), *t))
                .collect()
        };
        Self {
            open: self
                .open
                .iter()
                .filter(|(kind, _)| kinds.contains(&kind.as_str()))
                .map(|(kind, open)| (kind.clone(), Arc::clone(open)))
                .collect(),
            watermarks: reach(&self.watermarks),
            full_watermarks: reach(&self.full_watermarks),
            cursors: (self.cursors.iter())
                .filter(|(list, _)| is_ours(list))
                .map(|(list, cursor)| (list.clone(), cursor.clone()))
                .collect(),
        }
    }
}
