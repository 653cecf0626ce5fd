//! Who was away: a collector that was stopped amid the changes, and one that first came when all was over. What Nova's own clock proves is the same for
//! them; a size that came and went unseen is a gap, as long as it was; nothing is ever counted wrongly.

use crate::{
    lab::{self, Plimsoll},
    truth::{self, Life},
};
use plimsoll::{
    domain::{Aspect, Evidence, Fact, Timeline, Ts, UsageRow, ownership::Scopes},
    fold::{
        measure::{UNOBSERVED, Window},
        sums::{Summing as _, Sums},
    },
    periods::usage::{self, Rules},
};
use std::collections::BTreeMap;

/// What one store says.
struct Said {
    servers: BTreeMap<String, Timeline>,
    scopes: Scopes,
    rules: Rules,
    reaches: Ts,
}

impl Said {
    async fn by(plimsoll: &Plimsoll) -> Self {
        let store = plimsoll.store().await;
        let rules = Rules::of(&plimsoll.config()).unwrap();
        let said = Self {
            servers: lab::servers(&store).await,
            scopes: usage::scopes(&store, &rules, Ts::MAX).await.unwrap(),
            reaches: lab::reaches(&store).await,
            rules,
        };
        store.close().await.unwrap();
        said
    }

    /// Usage up to a time.
    fn rows(&self, until: Ts) -> Vec<UsageRow> {
        let window = Window {
            from: Ts::MIN,
            to: until,
            watermark: until,
            as_of: until,
        };
        let mut sums = Sums::new("lab");
        for t in self.servers.values() {
            sums.add(
                &t.life(),
                usage::name_of(&t.life()),
                &self.rules.meters,
                &self.scopes,
                &window,
            );
        }
        assert!(sums.ledger.conserved() && !sums.ledger.overflowed);
        sums.into_rows()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_was_away_amid_the_changes() {
    // Who was there all the time and had no notifications either.
    let one = Said::by(&Plimsoll::of("blind")).await;
    let away = Said::by(&Plimsoll::of("away")).await;
    let gaps = compare(&one, &away);
    assert!(gaps > 0, "sizes came and went while it was away");
    println!("stopped amid the changes: {gaps} gaps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_came_when_all_was_over() {
    // Who was there all the time and had no notifications either.
    let one = Said::by(&Plimsoll::of("blind")).await;
    let late = Plimsoll::empty();
    println!("{}", late.ok(&["collect"]));
    let late = Said::by(&late).await;
    let gaps = compare(&one, &late);
    let lives = truth::lives();
    let sizes = lives.values().filter(|l| l.resized()).count();
    assert!(gaps >= sizes, "nobody saw the sizes before each resize");
    println!("came afterwards: {gaps} gaps");

    // It never met the server that lived for seconds: events and the list of deleted ones are all there is, and enough.
    let (id, _) = lives
        .iter()
        .find(|(_, l)| l.name == "short-active")
        .unwrap();
    let t = &late.servers[id];
    let end = t.spans(Aspect::State).last().unwrap().end.unwrap();
    assert!(t.facts.values().all(|f| f.observed_at > end));
    let seen_alive = |f: &Fact| f.evidence == Evidence::Sighting && f.aspect == Aspect::State;
    assert!(!t.facts.values().any(seen_alive));
    assert!(t.facts.values().all(|f| f.evidence != Evidence::Missing));
    for aspect in Aspect::ALL {
        assert_eq!(lab::plain(t, aspect), lab::plain(&one.servers[id], aspect));
    }
}

/// Holds `other` against `one`, who saw everything; returns the number of gaps in `other`.
fn compare(one: &Said, other: &Said) -> usize {
    let lives = truth::lives();
    let mut gaps = 0;
    // Of one that was deleted before it was scheduled nobody knows when the cloud forgot it; that none of it is counted, the rows show.
    for (id, life) in lives.iter().filter(|(_, l)| !l.unscheduled()) {
        let (Some(a), Some(b)) = (one.servers.get(id), other.servers.get(id)) else {
            panic!("{} is lost", life.name);
        };
        for aspect in [Aspect::State, Aspect::Owner, Aspect::Name] {
            assert_eq!(
                lab::plain(a, aspect),
                lab::plain(b, aspect),
                "{}: {aspect:?}\n{}\nand\n{}",
                life.name,
                lab::story(a),
                lab::story(b)
            );
        }
        gaps += sizes(life, a, b);
    }
    let until = one.reaches.min(other.reaches);
    rows(&lives, &one.rows(until), &other.rows(until));
    gaps
}

/// The sizes of one server: the same, or a gap where it was resized; returns the number of gaps.
fn sizes(life: &Life, a: &Timeline, b: &Timeline) -> usize {
    let fail = || {
        panic!(
            "{}: sizes differ\n{}\nand\n{}",
            life.name,
            lab::story(a),
            lab::story(b)
        )
    };
    let (known, told) = (lab::plain(a, Aspect::Flavor), lab::plain(b, Aspect::Flavor));
    if !life.resized() {
        if known != told {
            fail();
        }
        return 0;
    }
    let ends = |spans: &[(Ts, Option<Ts>, Option<String>)]| {
        (spans.first().map(|s| s.0), spans.last().map(|s| s.1))
    };
    let joined = told.windows(2).all(|w| w[0].1 == Some(w[1].0));
    if ends(&known) != ends(&told) || !joined {
        fail();
    }
    let mut gaps = 0;
    for (start, end, label) in &told {
        let Some(label) = label else {
            println!("{:<22} gap {start} .. {end:?}", life.name);
            gaps += 1;
            continue;
        };
        // Two unseen sizes next to each other are one gap; a size that was seen has both its ends from events.
        if !known.contains(&(*start, *end, Some(label.clone()))) {
            fail();
        }
    }
    gaps
}

/// Usage: the same rows, but that of a resized server less may be counted, and as much more shown as not observed.
fn rows(lives: &BTreeMap<String, Life>, one: &[UsageRow], other: &[UsageRow]) {
    let resized = |r: &UsageRow| lives.get(r.resource.as_str()).is_some_and(Life::resized);
    let offloaded = |r: &UsageRow| lives.get(r.resource.as_str()).is_some_and(Life::offloaded);
    // Of one that was deleted before it was scheduled, a list may have caught a glimpse: then its end is a gap, in which nothing is counted.
    let scheduled = |rows: &[UsageRow]| -> Vec<UsageRow> {
        let blind = |r: &&UsageRow| {
            lives
                .get(r.resource.as_str())
                .is_some_and(Life::unscheduled)
        };
        assert!(rows.iter().filter(blind).all(|r| r.quantity == 0));
        rows.iter().filter(|r| !blind(r)).cloned().collect()
    };
    let (one, other) = (scheduled(one), scheduled(other));
    let (all, told) = (by_name(&one), by_name(&other));
    let mut short = 0;
    for (name, r) in &told {
        if !lives.contains_key(r.resource.as_str()) {
            // Of an earlier seed: nobody saw more of it than the other.
            assert_eq!(Some(r), all.get(name));
            continue;
        }
        if r.dimensions["flavor"] == UNOBSERVED {
            assert!(resized(r), "{r:?}");
            assert_eq!((r.quantity, r.observed_s), (0, 0), "{r:?}");
            assert!(r.expected_s > 0, "{r:?}");
            continue;
        }
        let known = all.get(name);
        let known = known.unwrap_or_else(|| panic!("nobody else knows of {r:?}"));
        assert_eq!(r.observed_s, r.expected_s, "{r:?}");
        // An offloaded server is in no zone, and nothing tells in which one it was.
        let zone = &r.dimensions["az"];
        let same_zone = *zone == known.dimensions["az"];
        assert!(same_zone || (zone.is_empty() && offloaded(r)), "{r:?}");
        if (r.quantity, r.expected_s) != (known.quantity, known.expected_s) {
            assert!(resized(r), "{r:?}\nand\n{known:?}");
            assert!(r.quantity < known.quantity && r.observed_s < known.observed_s);
            short += 1;
        }
    }
    let missed: Vec<_> = all
        .keys()
        .filter(|name| !told.contains_key(*name))
        .collect();
    for name in &missed {
        assert!(resized(all[*name]), "{name:?} is not there");
    }
    // What was not counted was expected: to the second, in every state of every server.
    let expected = |rows: &BTreeMap<Name<'_>, &UsageRow>| {
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        for r in rows.values().filter(|r| r.meter == "compute.instance") {
            let state = r.dimensions["state"].clone();
            *sums.entry((r.resource.to_string(), state)).or_default() += r.expected_s;
        }
        sums
    };
    assert_eq!(expected(&all), expected(&told));
    println!(
        "of {} rows {} are the same, {short} count less, {} are not there; {} rows of gaps",
        all.len(),
        all.len() - short - missed.len(),
        missed.len(),
        told.len() + missed.len() - all.len()
    );
}

/// Tenant, resource, meter, flavor, state: what names a row, but for its zone.
type Name<'a> = [&'a str; 5];

fn by_name(rows: &[UsageRow]) -> BTreeMap<Name<'_>, &UsageRow> {
    let mut all = BTreeMap::new();
    for r in rows {
        let name = [
            r.tenant.as_str(),
            r.resource.as_str(),
            r.meter.as_str(),
            r.dimensions["flavor"].as_str(),
            r.dimensions["state"].as_str(),
        ];
        let other = all.insert(name, r);
        assert_eq!(other, None, "in two zones: {r:?}");
    }
    all
}
