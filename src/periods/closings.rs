//! Which contracts of a month are closed, by which decision; and in which month's bill an approved correction stands.

use crate::{
    domain::{Charge, Period, Ts, ownership::UNATTRIBUTED},
    store::{Approved, Store, StoreError},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whose lines of a month are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those of these contracts.
    Only(BTreeSet<String>),
    /// Everyone's but of these contracts; what nobody owns is among them.
    AllBut(BTreeSet<String>),
}

impl Whose {
    /// Everyone's.
    #[must_use]
    pub const fn all() -> Self {
        Self::AllBut(BTreeSet::new())
    }

    /// One contract's.
    #[must_use]
    pub fn one(contract: &str) -> Self {
        Self::Only(BTreeSet::from([contract.to_owned()]))
    }

    /// These and those.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a | b),
            (Self::AllBut(a), Self::AllBut(b)) => Self::AllBut(a & b),
            (Self::AllBut(but), Self::Only(only)) | (Self::Only(only), Self::AllBut(but)) => {
                Self::AllBut(but - only)
            }
        }
    }

    /// True if the lines of this payer are meant.
    #[must_use]
    pub fn covers(&self, tenant: &str, contract: &str) -> bool {
        match self {
            Self::Only(only) => tenant != UNATTRIBUTED && only.contains(contract),
            Self::AllBut(but) => tenant == UNATTRIBUTED || !but.contains(contract),
        }
    }

    /// True if nobody is left out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }
}

/// That a month, or one contract's month, is to be closed, as it was decided: what the rest follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun<F> {
    /// Facts stored no later than this count.
    pub as_of: Ts,
    /// Why it is closed all the same; empty where nothing stands against it.
    pub accepted: String,
    /// What stands against it, in words.
    pub blockers: Vec<String>,
    /// The forms of files that are kept.
    pub forms: Vec<F>,
    /// The one contract that is closed; `None`: everyone who was not by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Of a decision on everyone: the contracts that had been closed by themselves.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub before: BTreeSet<String>,
}

impl<F> Begun<F> {
    /// Whom it closes.
    #[must_use]
    pub fn whose(&self) -> Whose {
        match &self.contract {
            Some(one) => Whose::one(one),
            None => Whose::AllBut(self.before.clone()),
        }
    }
}

/// The contracts that decisions close by themselves.
pub fn alone<'a, F: 'a>(decisions: impl IntoIterator<Item = &'a Begun<F>>) -> BTreeSet<String> {
    let contracts = decisions.into_iter().map(|b| b.contract.clone());
    contracts.flatten().collect()
}

/// The decisions on a month that hold, of all that were stored, in the order in which they were.
///
/// A contract is closed by the first decision that means it. One on everyone holds only if it knew of all that had been closed before it: otherwise it is made
/// anew. So no line is closed twice, whoever closes what at the same time.
#[must_use]
pub fn holding<F>(stored: Vec<Begun<F>>) -> Vec<Begun<F>> {
    let mut held: Vec<Begun<F>> = Vec::new();
    for decision in stored {
        let open = held.iter().all(|h| h.contract.is_some());
        let alone = alone(&held);
        let holds = match &decision.contract {
            Some(one) => !alone.contains(one),
            None => alone == decision.before,
        };
        if open && holds {
            held.push(decision);
        }
    }
    held
}

/// A closing of a later month, as far as it says where corrections stand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Later {
    whose: Whose,
    as_of: Ts,
}

/// The month whose bill has a correction: the first after the month it corrects that was still open, for this payer, when it was approved.
fn billed_in(
    c: &Charge,
    approved_at: Ts,
    closings: &BTreeMap<String, Vec<Later>>,
    zone: Tz,
) -> Option<String> {
    let mut month = Period::month(&c.month, zone).ok()?;
    loop {
        month = Period::containing(month.to, zone)?;
        let name = month.to_string();
        let closing = closings.get(&name).into_iter().flatten();
        let of_payer = closing.filter(|l| l.whose.covers(&c.tenant, &c.contract));
        // One that was taken as of an earlier time does not have it.
        if of_payer.into_iter().all(|l| l.as_of >= approved_at) {
            return Some(name);
        }
    }
}

/// The approved corrections of earlier months that the bills of `period` have, as of a time: lines of it, each naming the one that it corrects.
///
/// # Errors
/// When the store fails.
pub async fn carried(store: &Store, period: &Period, as_of: Ts) -> Result<Vec<Charge>, StoreError> {
    let month = period.to_string();
    let mut by_month: BTreeMap<String, Vec<Approved>> = BTreeMap::new();
    for a in store.approved(&month, as_of).await? {
        by_month.entry(a.month.clone()).or_default().push(a);
    }
    let Some(first) = by_month.keys().next() else {
        return Ok(Vec::new());
    };
    let mut closings: BTreeMap<String, Vec<Later>> = BTreeMap::new();
    for told in store.closed_since(first, as_of).await? {
        let later = Later {
            whose: if told.contract.is_empty() {
                Whose::AllBut(told.before.into_iter().collect())
            } else {
                Whose::one(&told.contract)
            },
            as_of: Ts(told.as_of),
        };
        closings.entry(told.month).or_default().push(later);
    }
    let mut all = Vec::new();
    for (of, approved) in by_month {
        let ids: Vec<String> = approved.iter().map(|a| a.proposal.clone()).collect();
        let by_id: BTreeMap<&str, &Approved> =
            approved.iter().map(|a| (a.proposal.as_str(), a)).collect();
        for c in store.charges(&of, &ids).await? {
            let Some(a) = by_id.get(c.id.as_str()) else {
                continue;
            };
            if billed_in(&c, Ts(a.stored_at), &closings, period.zone).as_ref() == Some(&month) {
                all.push(Charge {
                    month: month.clone(),
                    price: format!("correction of {of}, approved by {}", a.who),
                    ..c
                });
            }
        }
    }
    all.sort_by(|a, b| {
        let key = |c: &Charge| (c.tenant.clone(), c.contract.clone(), c.from, c.id.clone());
        key(a).cmp(&key(b))
    });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn begun(contract: Option<&str>, before: &[&str]) -> Begun<()> {
        Begun {
            as_of: Ts(0),
            accepted: String::new(),
            blockers: Vec::new(),
            forms: Vec::new(),
            contract: contract.map(str::to_owned),
            before: before.iter().map(|c| (*c).to_owned()).collect(),
        }
    }

    #[test]
    fn a_decision_of_an_earlier_version_is_one_on_everyone() {
        let old = r#"{"as_of":7,"accepted":"","blockers":[],"forms":[]}"#;
        let read: Begun<()> = serde_json::from_str(old).unwrap();
        assert!(read.whose().is_all());
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }

    proptest! {
        /// Whatever is decided by whom in whatever order: no contract is closed twice; and once everyone is closed, everybody is.
        #[test]
        fn nothing_is_closed_twice(decisions in prop::collection::vec((0_u8..5, prop::collection::btree_set(1_u8..5, 0..4)), 0..12)) {
            let name = |n: &u8| format!("CO-{n}");
            let stored: Vec<Begun<()>> = decisions.iter().map(|(n, before)| Begun {
                before: if *n == 0 { before.iter().map(name).collect() } else { BTreeSet::new() },
                ..begun((*n > 0).then(|| name(n)).as_deref(), &[])
            }).collect();
            let held = holding(stored.clone());
            let whole = held.iter().any(|h| h.contract.is_none());
            for n in 1_u8..6 {
                let by = held.iter().filter(|h| h.whose().covers("t", &name(&n))).count();
                prop_assert!(by <= 1);
                prop_assert!(!whole || by == 1);
            }
            let nobodys = held.iter().filter(|h| h.whose().covers(UNATTRIBUTED, "CO-1")).count();
            prop_assert_eq!(nobodys, usize::from(whole));
            let first = stored.iter().find(|s| s.contract.is_some() || s.before.is_empty());
            prop_assert_eq!(held.first(), first);
        }
    }

    #[test]
    fn whose_lines_are_meant_adds_up() {
        let but = |c: &[&str]| Whose::AllBut(c.iter().map(|c| (*c).to_owned()).collect());
        let some = [
            Whose::one("A"),
            Whose::one("B"),
            but(&["A", "C"]),
            but(&["B"]),
            Whose::all(),
        ];
        for (a, b) in some.iter().flat_map(|a| some.iter().map(move |b| (a, b))) {
            for payer in [
                ("t", "A"),
                ("t", "B"),
                ("t", "C"),
                ("t", "D"),
                (UNATTRIBUTED, "A"),
            ] {
                let either = a.covers(payer.0, payer.1) || b.covers(payer.0, payer.1);
                assert_eq!(
                    a.and(b).covers(payer.0, payer.1),
                    either,
                    "{a:?} {b:?} {payer:?}"
                );
            }
        }
    }

    #[test]
    fn a_correction_stands_in_the_first_bill_that_was_open() {
        let zone = chrono_tz::Europe::Stockholm;
        let of = |contract: &str| Charge {
            tenant: "t".into(),
            contract: contract.into(),
            month: "2026-10".into(),
            ..Charge::default()
        };
        let later = |whose: Whose, as_of: i64| Later {
            whose,
            as_of: Ts(as_of),
        };
        let but = |c: &str| Whose::AllBut(BTreeSet::from([c.to_owned()]));
        let closings = BTreeMap::from([
            (
                "2026-11".to_owned(),
                vec![later(Whose::one("CO-1"), 10), later(but("CO-1"), 20)],
            ),
            ("2026-12".to_owned(), vec![later(Whose::all(), 30)]),
        ]);
        let stands =
            |contract: &str, at: i64| billed_in(&of(contract), Ts(at), &closings, zone).unwrap();
        for (contract, at, month) in [
            ("CO-1", 5, "2026-11"),
            ("CO-1", 10, "2026-11"),
            ("CO-1", 15, "2026-12"),
            ("CO-2", 15, "2026-11"),
            ("CO-2", 25, "2026-12"),
            ("CO-2", 31, "2027-01"),
        ] {
            assert_eq!(stands(contract, at), month, "{contract} at {at}");
        }
    }
}
