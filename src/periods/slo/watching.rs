//! Which alerts fire, kept up with the store's facts slice by slice.

use super::{Events, Settled, target, tenants};
use crate::{
    domain::Ts,
    slo::{Burn, SLICE_S, Slo, Span, Watch, number},
};
use std::collections::{BTreeMap, BTreeSet};

/// Objectives from facts under watch. Slices are judged once they are settled, with no gap among them: while nothing settles every alert stays as it was,
/// and what was missed meanwhile is judged afterwards. A new one that is given the same facts comes to the same alerts, so nothing is to be kept on disk.
///
/// **Memory usage**: see [`crate::slo::Rings`], for each objective and tenant with an event since it began.
#[derive(Debug, Default)]
pub struct Watching {
    /// By objective.
    watched: BTreeMap<String, Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    by_tenant: BTreeMap<String, Watch>,
    /// The first slice that is not judged yet.
    next: Option<i64>,
}

impl Watched {
    /// The first slice to be judged, and the first one after those; `None` while none has settled beyond those that are judged.
    fn to_judge(&self, slo: &Slo, settled: Ts) -> Option<(i64, i64)> {
        let end = number(settled);
        if settled == Ts::MIN || self.next.is_some_and(|next| end <= next) {
            return None;
        }
        let first = end.saturating_sub(slices_of(slo));
        Some((self.next.map_or(first, |next| next.max(first)), end))
    }
}

/// An alert that fires.
#[derive(Debug, Clone, Copy)]
pub struct Burning<'a> {
    /// The objective.
    pub slo: &'a Slo,
    /// Whose; empty where all share one budget.
    pub tenant: &'a str,
    /// Which windows, since when, and why.
    pub burn: Burn,
}

impl Watching {
    /// Facts since this are needed to judge what is settled; `None` while no slice has settled beyond those that are judged.
    #[must_use]
    pub fn since(&self, slos: &[&Slo], settled: &Settled) -> Option<Ts> {
        let none = Watched::default();
        let first = |s: &&Slo| {
            let watched = self.watched.get(&s.name).unwrap_or(&none);
            Some(watched.to_judge(s, settled.of(s))?.0)
        };
        slos.iter().filter_map(first).min().map(begin)
    }

    /// Up to where it has judged an objective; `None` before anything settled.
    #[must_use]
    pub fn reached(&self, slo: &str) -> Option<Ts> {
        self.watched.get(slo)?.next.map(begin)
    }

    /// Judges the slices that have settled meanwhile: at most those that any window reaches, for whatever was settled longer ago tells nothing any more.
    pub fn take(&mut self, slos: &[&Slo], events: &Events) {
        for slo in slos {
            let watched = self.watched.entry(slo.name.clone()).or_default();
            let Some((next, end)) = watched.to_judge(slo, events.settled.of(slo)) else {
                continue;
            };
            let first = end - slices_of(slo);
            // What was seen has left every window.
            if watched.next.is_some_and(|next| next < first) {
                watched.by_tenant.clear();
            }
            let Some(by_tenant) = events.of(slo, begin(next), begin(end)) else {
                continue;
            };
            let all: BTreeSet<String> = tenants(slo, &by_tenant)
                .into_iter()
                .chain(watched.by_tenant.keys().cloned())
                .collect();
            for tenant in all {
                // Of a tenant who had no events before, it is known that there were none.
                let from = if watched.by_tenant.contains_key(&tenant) {
                    next
                } else {
                    first
                };
                let runs = events.runs(slo, by_tenant.get(&tenant), (begin(from), begin(end)));
                let whose = target(slo, &tenant);
                let watch = watched
                    .by_tenant
                    .entry(tenant)
                    .or_insert_with(|| Watch::new(slo, whose));
                runs.for_each(|run| watch.take(&run));
            }
            watched.next = Some(end);
        }
    }

    /// What fires as of the last slice that is settled.
    #[must_use]
    pub fn burning<'a>(&'a self, slos: &[&'a Slo]) -> Vec<Burning<'a>> {
        let of = |slo: &&'a Slo| {
            let slo = *slo;
            let watched = self.watched.get(&slo.name);
            let watches = watched.into_iter().flat_map(|w| &w.by_tenant);
            watches.flat_map(move |(tenant, watch)| {
                watch
                    .burning()
                    .map(move |burn| Burning { slo, tenant, burn })
            })
        };
        slos.iter().flat_map(of).collect()
    }
}

/// Slices that any of its windows may reach back: the longest begin at the beginning of a bucket.
fn slices_of(slo: &Slo) -> i64 {
    let window = Span::seconds(slo.window.nominal_s());
    i64::from(window.slices) + i64::from(window.every)
}

fn begin(number: i64) -> Ts {
    Ts::from_second(number * SLICE_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::{Alpha, Boot, Objective, Sli, Target, Window};
    use proptest::prelude::*;

    fn slo() -> Slo {
        Slo {
            name: "boot".into(),
            title: "Boot".into(),
            description: String::new(),
            service: "compute".into(),
            sli: Sli::ServerBoot { within_s: None },
            objective: Objective {
                target: Target::parse("0.9").unwrap(),
                per_tenant: true,
                tenants: BTreeMap::from([("late".to_owned(), Target::parse("0.99").unwrap())]),
            },
            window: Window::Rolling(12 * 3_600),
            alpha: Alpha::default(),
        }
    }

    fn settled(boots: &[(u8, i64, bool)], settled: Ts) -> Events {
        let boot = |(tenant, at, good): &(u8, i64, bool)| {
            let at = Ts::from_second(*at);
            let boot = Boot {
                asked: at,
                ended: Some((at, *good)),
                gone: None,
                scope: None,
            };
            (
                ["acme", "late", "new"][usize::from(*tenant)].to_owned(),
                boot,
            )
        };
        Events {
            boots: boots.iter().map(boot).collect(),
            probed: BTreeMap::new(),
            settled: Settled::of_servers(settled),
        }
    }

    fn since(w: &Watching, settled: Ts) -> Option<Ts> {
        w.since(&[&slo()], &Settled::of_servers(settled))
    }

    fn events(boots: &[(u8, i64, bool)], until: i64) -> Events {
        settled(boots, Ts::from_second(until))
    }

    /// What fires; since when only where all of its windows were seen ever since.
    fn shown(w: &Watching, slos: &[&Slo]) -> Vec<String> {
        let seen = w
            .reached("boot")
            .unwrap_or(Ts::MIN)
            .plus_seconds(-5 * 3_600);
        let line = |b: &Burning<'_>| {
            let Burn {
                pair,
                from,
                evidence,
            } = b.burn;
            format!(
                "{} {pair:?} {:?} {evidence:?}",
                b.tenant,
                (from > seen).then_some(from)
            )
        };
        w.burning(slos).iter().map(line).collect()
    }

    proptest! {
        /// However often it looked, and whether it was started anew in between: the same facts, the same alerts, since the same time.
        #[test]
        fn alerts_follow_from_the_facts_alone(
            boots in prop::collection::vec((0u8..3, 0i64..24 * 3_600, prop::bool::weighted(0.8)), 0..300),
            looks in prop::collection::btree_set(0i64..30 * 3_600, 1..12),
        ) {
            let (slo, mut kept) = (slo(), Watching::default());
            let slos = [&slo];
            for settled in looks {
                let known: Vec<_> = boots.iter().copied().filter(|(_, at, _)| *at < settled).collect();
                let events = events(&known, settled);
                kept.take(&slos, &events);
                let mut anew = Watching::default();
                anew.take(&slos, &events);
                prop_assert_eq!(kept.reached("boot"), anew.reached("boot"));
                prop_assert_eq!(shown(&kept, &slos), shown(&anew, &slos));
                // Looked at again, nothing is counted twice.
                kept.take(&slos, &events);
                prop_assert_eq!(shown(&kept, &slos), shown(&anew, &slos));
            }
        }
    }

    #[test]
    fn an_outage_fires_stays_while_nothing_settles_and_ends() {
        let slo = slo();
        let slos = [&slo];
        let outage: Vec<(u8, i64, bool)> = (0..60).map(|m| (0, 3_600 + m * 10, false)).collect();
        let mut w = Watching::default();
        let t = Ts::from_second;
        assert_eq!(since(&w, Ts::MIN), None, "nothing ever settled");
        w.take(&slos, &settled(&[], Ts::MIN));
        assert_eq!(w.reached("boot"), None);
        let window = 12 * 3_600 + 15 * 60;
        assert_eq!(since(&w, t(window + 59)), Some(t(0)));
        w.take(&slos, &events(&outage, 3_600 + 660));
        let fires = shown(&w, &slos);
        assert!(
            !fires.is_empty() && fires.iter().all(|f| f.starts_with("acme ")),
            "{fires:?}"
        );
        assert_eq!(
            since(&w, t(3_600 + 719)),
            None,
            "no slice has settled since"
        );
        assert_eq!(since(&w, t(3_600 + 720)), Some(t(3_600 + 660)));
        w.take(&slos, &events(&outage, 3_600 + 660));
        assert_eq!(shown(&w, &slos), fires, "nothing settled");
        w.take(&slos, &events(&outage, 3 * 3_600));
        assert_eq!(shown(&w, &slos), [""; 0]);
    }

    #[test]
    fn no_more_is_judged_than_windows_reach() {
        let slo = slo();
        let slos = [&slo];
        let mut w = Watching::default();
        // Two hundred thousand years apart: were every slice walked, this would not end.
        for s in [-3_000_000_000_000, 0, 3_000_000_000_000] {
            w.take(&slos, &events(&[(0, s - 30, false)], s));
            assert_eq!(w.reached("boot"), Some(Ts::from_second(s)));
            let first = Ts::from_second(s - 12 * 3_600 - 15 * 60);
            assert_eq!(
                since(&w, Ts::from_second(s + 86_400)),
                Some(first.plus_seconds(86_400))
            );
        }
    }
}
