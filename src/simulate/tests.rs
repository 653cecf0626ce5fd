//! Properties of made-up worlds and of what they show.

use super::{
    Scenario, World,
    server::{Became, Server},
    world::ListQuery,
};
use crate::domain::Ts;
use proptest::prelude::*;
use std::{collections::BTreeSet, path::Path, sync::LazyLock};

const FROM: &str = "2026-10-01T00:00:00Z";
const TO: &str = "2026-11-01T00:00:00Z";

fn window() -> (Ts, Ts) {
    (Ts::parse(FROM).unwrap(), Ts::parse(TO).unwrap())
}

fn scenario(name: &str) -> Scenario {
    Scenario::load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("deploy/scenarios/{name}.yaml")),
    )
    .unwrap()
}

fn world(name: &str, seed: u64) -> World {
    World::generate(&scenario(name), seed, window().0, window().1).unwrap()
}

static AWKWARD: LazyLock<World> = LazyLock::new(|| world("awkward", 1));

fn query() -> ListQuery {
    ListQuery {
        project: None,
        deleted: None,
        changes_since: None,
        changes_before: None,
        limit: usize::MAX,
        marker: None,
    }
}

fn ids(world: &World, t: i64, q: &ListQuery) -> BTreeSet<String> {
    world
        .list(t, q)
        .unwrap()
        .servers
        .iter()
        .map(|(s, _)| s.id.clone())
        .collect()
}

/// Every server's events, records and truth in the order of time, and in agreement.
fn check_life(s: &Server) {
    assert!(
        s.records.windows(2).all(|w| w[0].at < w[1].at),
        "{}: records out of order",
        s.name
    );
    assert!(
        s.truth.windows(2).all(|w| w[0].0 <= w[1].0),
        "{}: truth out of order",
        s.name
    );
    assert!(
        s.actions.windows(2).all(|w| w[0].start <= w[1].start),
        "{}: actions out of order",
        s.name
    );
    for a in &s.actions {
        assert!(
            a.events
                .iter()
                .all(|e| a.start <= e.start && e.start <= e.finish),
            "{}: {}",
            s.name,
            a.name
        );
    }
    // At every second at which something changed, the record says what the truth says.
    for (t, became) in &s.truth {
        let Some(r) = s.at(*t) else {
            assert_eq!((s.forgotten, became), (Some(*t), &Became::State("deleted")));
            continue;
        };
        match became {
            Became::Flavor(f) => assert_eq!(r.flavor, *f),
            Became::State("deleted") => assert!(r.deleted),
            Became::State("build_error") => assert!(r.vm == "error" && r.launched.is_none()),
            Became::State(state) => assert_eq!(r.vm, *state, "{} at {t}", s.name),
        }
        assert!(r.launched.is_none_or(|l| l <= *t) && r.terminated.is_none_or(|l| l <= *t));
    }
    // And never changes but then.
    for w in s.records.windows(2) {
        let changed = (w[0].vm, w[0].flavor, w[0].deleted) != (w[1].vm, w[1].flavor, w[1].deleted);
        assert_eq!(
            changed,
            s.truth.iter().any(|(t, _)| *t == w[1].at),
            "{} at {}",
            s.name,
            w[1].at
        );
    }
}

#[test]
fn lives_agree_with_their_truth() {
    for seed in 0..8 {
        for name in ["small", "awkward"] {
            world(name, seed).servers.iter().for_each(check_life);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world_and_another_is_another() {
    let (a, b) = (world("awkward", 5), world("awkward", 5));
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    assert_ne!(format!("{a:?}"), format!("{:?}", world("awkward", 6)));
    // On any machine, for ever: a change here changes every recorded result.
    let truth = a.truth(window().0, window().1).unwrap();
    let hash = crate::domain::digest::sha256_hex(serde_json::to_string(&truth).unwrap().as_bytes());
    assert_eq!(&hash[..16], "b2c66cf2f7880842");
}

#[test]
fn small_can_be_closed() {
    let prices = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prices/price-list-eur.csv"),
    )
    .unwrap();
    for seed in 1..6 {
        let w = world("small", seed);
        let truth = w.truth(window().0, window().1).unwrap();
        let tenants: BTreeSet<_> = truth.usage.iter().map(|u| u.tenant.as_str()).collect();
        assert_eq!(
            tenants,
            BTreeSet::from([
                "aurora-health",
                "fjord-bank",
                "norrland-kommun",
                "tundra-games"
            ])
        );
        assert!(
            w.flavors
                .iter()
                .all(|f| prices.contains(&format!("\nFLAVOR-{},", f.is.name))),
            "unpriced flavor"
        );
        assert!(
            w.volume_types
                .iter()
                .all(|t| prices.contains(&format!("\nVOLUME-{t},"))),
            "unpriced volume type"
        );
        assert!(
            w.storage_policies
                .iter()
                .chain(&scenario("small").storage_classes)
                .all(|p| prices.contains(&format!("\nS3-{p},"))),
            "unpriced storage"
        );
        assert!(w.faults.is_empty() && w.projects.iter().all(|p| p.deleted.is_none()));
        // From one change of flavor to the next, or to the end of one that lives long, a collector has two hours to look.
        for s in w.servers.iter().filter(|s| s.actions.len() > 3) {
            let changes = s
                .truth
                .iter()
                .filter(|(_, b)| matches!(b, Became::Flavor(_) | Became::State("deleted")));
            let times: Vec<i64> = changes.map(|(t, _)| (*t).max(w.start)).collect();
            assert!(
                times.windows(2).all(|p| p[1] - p[0] > 7_200),
                "{}: {times:?}",
                s.name
            );
        }
    }
}

#[test]
fn awkward_has_all_that_is_awkward() {
    let seen: BTreeSet<&str> = AWKWARD
        .servers
        .iter()
        .flat_map(|s| &s.truth)
        .filter_map(|(_, b)| {
            if let Became::State(s) = b {
                Some(*s)
            } else {
                None
            }
        })
        .collect();
    for state in [
        "building",
        "active",
        "paused",
        "suspended",
        "stopped",
        "resized",
        "shelved",
        "shelved_offloaded",
        "soft-delete",
        "error",
        "build_error",
        "deleted",
    ] {
        assert!(seen.contains(state), "nothing is ever {state}");
    }
    let actions: BTreeSet<&str> = AWKWARD
        .servers
        .iter()
        .flat_map(|s| &s.actions)
        .map(|a| a.name)
        .collect();
    for action in [
        "resize",
        "revertResize",
        "confirmResize",
        "migrate",
        "rebuild",
        "restore",
        "unshelve",
    ] {
        assert!(actions.contains(action), "nobody ever does {action}");
    }
    assert!(
        AWKWARD.servers.iter().any(|s| s.forgotten.is_some())
            && AWKWARD.servers.iter().any(|s| s.created < AWKWARD.start)
    );
    let gone = AWKWARD
        .projects
        .iter()
        .position(|p| p.deleted.is_some())
        .unwrap();
    let last = AWKWARD
        .servers
        .iter()
        .filter(|s| s.project == gone)
        .map(|s| s.truth.last().unwrap());
    assert!(last.clone().count() > 0);
    for (t, b) in last {
        assert!(*b == Became::State("deleted") && *t < AWKWARD.projects[gone].deleted.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_true_to_their_second(after in 0..31 * 86_400_i64, back in 0..86_400_i64) {
        let (w, t) = (&*AWKWARD, AWKWARD.start + after);
        let full = ids(w, t, &query());
        let deleted = ids(w, t, &ListQuery { deleted: Some(true), ..query() });
        prop_assert!(full.is_disjoint(&deleted));
        let known: BTreeSet<String> = w.servers.iter().filter(|s| s.at(t).is_some()).map(|s| s.id.clone()).collect();
        prop_assert_eq!(full.union(&deleted).cloned().collect::<BTreeSet<_>>(), known);
        let since = t - back;
        let changed = ids(w, t, &ListQuery { changes_since: Some(since), ..query() });
        let want = w.servers.iter().filter(|s| s.at(t).and_then(|r| r.updated).is_some_and(|u| u >= since && u <= t));
        prop_assert_eq!(changed, want.map(|s| s.id.clone()).collect::<BTreeSet<_>>());
        for s in &w.servers {
            prop_assert!(s.actions_at(t).all(|a| a.start <= t && a.updated_at(t).is_none_or(|u| u <= t)));
            prop_assert!(s.at(t).is_none_or(|r| r.at <= t));
            prop_assert!(s.created <= t || s.at(t).is_none());
        }
    }

    #[test]
    fn pages_show_every_server_once(after in 0..31 * 86_400_i64, limit in 1..40_usize, deleted in any::<bool>()) {
        let (w, t) = (&*AWKWARD, AWKWARD.start + after);
        let whole = ListQuery { deleted: Some(deleted), ..query() };
        let (mut paged, mut marker) = (Vec::new(), None);
        loop {
            let page = w.list(t, &ListQuery { limit, marker, ..whole.clone() }).unwrap();
            prop_assert!(page.servers.len() <= limit);
            paged.extend(page.servers.iter().map(|(s, _)| s.id.clone()));
            marker = paged.last().cloned();
            if !page.more {
                break;
            }
        }
        prop_assert_eq!(paged.len(), ids(w, t, &whole).len());
        prop_assert_eq!(paged.into_iter().collect::<BTreeSet<_>>(), ids(w, t, &whole));
        let nobody = ListQuery { marker: Some("nobody".into()), ..whole };
        prop_assert!(w.list(t, &nobody).is_err());
    }
}
