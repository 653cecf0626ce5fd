//! Properties of the lives of things beside servers.

use super::{
    super::{Scenario, World, scenario::stock::Kind},
    Thing,
};
use crate::domain::Ts;
use std::{collections::BTreeSet, path::Path};

fn world(name: &str, seed: u64) -> World {
    let file = format!("deploy/scenarios/{name}.yaml");
    let scenario = Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let time = |t: &str| Ts::parse(t).unwrap();
    let (from, to) = (time("2026-10-01T00:00:00Z"), time("2026-11-01T00:00:00Z"));
    World::generate(&scenario, seed, from, to).unwrap()
}

/// Its records are in the order of time, it is there from its birth to its end and at no other time, and takes effect in the middle of a second.
fn check_life(w: &World, x: &Thing) {
    let name = format!("{} {}", x.kind.word(), x.name);
    assert!(
        x.records.windows(2).all(|p| p[0].at < p[1].at),
        "{name}: {:?}",
        x.records
    );
    assert_eq!(x.records[0].at, x.born, "{name}");
    for (n, r) in x.records.iter().enumerate() {
        let before = n.checked_sub(1).map(|b| &x.records[b]);
        let half = r.at * 1_000_000 + 500_000;
        assert_eq!(x.at(Ts(half - 1)), before, "{name}");
        assert_eq!(
            x.at(Ts(half)),
            Some(r).filter(|r| r.state != "deleted"),
            "{name}"
        );
        assert!(
            r.size >= 0 && (r.state != "deleted" || n + 1 == x.records.len()),
            "{name}"
        );
        // Nothing goes back to what it was within the seconds in which a sighting proves nothing.
        let held = x.records[..n]
            .iter()
            .rfind(|o| o.at + 11 > r.at && o.state != r.state);
        let again = held.is_some_and(|h| {
            x.records
                .iter()
                .any(|o| o.at < h.at && o.state == r.state && o.at + 11 > r.at)
        });
        assert!(!again, "{name} at {}", r.at);
    }
    let goes = w.projects[x.records[x.records.len() - 1].project].deleted;
    assert!(
        goes.is_none_or(|g| x.end().is_some_and(|e| e < g)),
        "{name} outlives its project"
    );
}

#[test]
fn lives_are_sound() {
    for seed in 0..8 {
        for name in ["small", "awkward"] {
            let w = world(name, seed);
            w.stock.all().iter().for_each(|x| check_life(&w, x));
            for x in w
                .stock
                .all()
                .iter()
                .filter(|x| matches!(x.kind, Kind::Snapshot | Kind::Backup))
            {
                let volume = w
                    .stock
                    .all()
                    .iter()
                    .find(|v| Some(&v.id) == x.of.as_ref())
                    .unwrap();
                let outlived = volume
                    .end()
                    .is_none_or(|end| x.end().is_some_and(|e| e < end));
                assert!(
                    volume.born < x.born && outlived,
                    "{}: gone before what it was made from",
                    x.name
                );
            }
        }
    }
}

#[test]
fn everything_happens_to_somebody() {
    let w = world("small", 1);
    let all = w.stock.all();
    let kinds: BTreeSet<Kind> = all.iter().map(|x| x.kind).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), Kind::ALL);
    let seen: BTreeSet<&str> = all
        .iter()
        .flat_map(|x| &x.records)
        .map(|r| r.status)
        .collect();
    for status in [
        "creating",
        "available",
        "in-use",
        "attaching",
        "detaching",
        "extending",
        "error",
        "deleting",
        "queued",
        "saving",
        "active",
        "deactivated",
        "ACTIVE",
        "DOWN",
        "PENDING_CREATE",
        "PENDING_UPDATE",
        "PENDING_DELETE",
        "present",
    ] {
        assert!(seen.contains(status), "nothing is ever {status}");
    }
    let many = (1..6).map(|seed| world("small", seed)).collect::<Vec<_>>();
    let any = |what: fn(&Thing) -> bool| many.iter().flat_map(|w| w.stock.all()).any(what);
    assert!(
        any(|x| x.records.windows(2).any(|p| p[0].project != p[1].project)),
        "no transfer"
    );
    assert!(
        any(|x| x.kind == Kind::Volume && x.records.windows(2).any(|p| p[0].label != p[1].label)),
        "no retype"
    );
    assert!(
        any(|x| x.kind == Kind::Router && x.records.iter().any(|r| r.size == 0)),
        "no gateway cleared"
    );
    assert!(
        any(|x| x.end().is_some_and(|e| e - x.born < 30)),
        "nothing is shorter than an interval"
    );
}

#[test]
fn pages_show_everything_once() {
    let w = world("awkward", 1);
    let t = Ts::from_second(w.start + 11 * 86_400);
    let whole: Vec<&str> = w
        .stock
        .of(Kind::Volume, t)
        .map(|(x, _)| x.id.as_str())
        .collect();
    for limit in 1..whole.len() + 2 {
        let (mut paged, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = w
                .stock
                .page((Kind::Volume, t), |_| true, Some(limit), marker.as_deref())
                .unwrap();
            paged.extend(page.items.iter().map(|(x, _)| x.id.as_str()));
            marker = paged.last().map(|id| (*id).to_owned());
            if !page.full {
                break;
            }
        }
        assert_eq!(paged, whole);
    }
    assert!(
        w.stock
            .page((Kind::Volume, t), |_| true, None, Some("nobody"))
            .is_err()
    );
}
