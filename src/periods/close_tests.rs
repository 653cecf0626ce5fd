//! What stands against closing, and against closing one contract.

use super::*;
use crate::{
    domain::{Pass, bill::Metered, usage::Usage},
    periods::{differences::Differences, usage::Computed},
};

fn october() -> Period {
    Period::month("2026-10", chrono_tz::UTC).unwrap()
}

fn row(contract: &str, resource: &str, observed_s: i64, expected_s: i64) -> UsageRow {
    UsageRow {
        id: resource.into(),
        tenant: "acme".into(),
        contract: contract.into(),
        scope: "p".into(),
        scope_name: "d/p".into(),
        source: "nordic-1".into(),
        kind: "server".into(),
        resource: resource.into(),
        resource_name: "".into(),
        meter: "compute.instance".into(),
        unit: "s".into(),
        dimensions: BTreeMap::<String, String>::new().into(),
        quantity: observed_s.into(),
        observed_s,
        expected_s,
    }
}

fn dated(rows: Vec<UsageRow>) -> Dated {
    let usage = Usage {
        month: "2026-10".into(),
        time_zone: "UTC".into(),
        as_of: october().to,
        rows,
    };
    let computed = Computed {
        usage: Usage {
            rows: Vec::new(),
            ..usage.clone()
        },
        differences: Differences::default(),
        unobserved: BTreeMap::new(),
        unattributed: BTreeMap::new(),
        facts: String::new(),
        unmarked: Vec::new(),
        violations: BTreeSet::new(),
    };
    Dated {
        metered: Metered::undated(usage),
        computed,
    }
}

fn list(name: &str, mode: PassMode, outcome: Outcome, watermark: Option<Ts>) -> ListStatus {
    let started = october().to;
    ListStatus {
        cloud: "nordic-1".into(),
        list: name.into(),
        watermark,
        suspect: 3,
        failed: 0,
        last: Pass {
            id: 1,
            cloud: "nordic-1".into(),
            service: String::new(),
            region: String::new(),
            list: name.into(),
            mode,
            started,
            finished: started,
            watermark: started,
            skew_us: 0,
            outcome,
            items: 0,
            facts: 0,
            requests: 0,
            bytes: 0,
            error: "it shows nothing".into(),
            cursor: String::new(),
            collector: String::new(),
        },
    }
}

fn judged(dated: &Dated, lists: &[ListStatus], coverage: i64, sources: &[&str]) -> Vec<String> {
    let judged = Judged {
        period: &october(),
        dated,
        priced: None,
        lists,
        sources: sources.iter().copied().collect(),
        coverage: &Rational::from_integer(coverage.into()),
        whose: &Whose::all(),
        foreign: &[],
    };
    judged.blockers().iter().map(ToString::to_string).collect()
}

#[test]
fn lists_block_until_they_were_read_to_the_end() {
    let end = october().to;
    let (full, done) = (PassMode::Full, Outcome::Complete);
    let lists = [
        list("servers", full, done, Some(end)),
        list(
            "volumes",
            PassMode::Changes,
            done,
            Some(end.plus_seconds(-5_400)),
        ),
        list("images", full, Outcome::Failed, None),
        list("routers", full, Outcome::Suspect, Some(end)),
        // Neither a queue nor what was deleted bounds usage.
        list("notifications", PassMode::Events, done, None),
        list("servers.deleted", PassMode::Deleted, done, None),
    ];
    let told = judged(&dated(Vec::new()), &lists, 99, &["nordic-1"]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("volumes of nordic-1") && told[0].contains("1.50 h short"));
    assert!(told[1].contains("images of nordic-1 was never read") && told[1].contains("744.00 h"));
    assert!(told[2].contains("routers of nordic-1 is suspect (3 passes so far): it shows nothing"));
    // A source that is neither configured nor has usage in the month is not asked for.
    assert!(judged(&dated(Vec::new()), &lists, 99, &[]).is_empty());
    assert_eq!(
        judged(&dated(vec![row("C", "a", 1, 1)]), &lists, 99, &[]).len(),
        3
    );
}

/// Another's untagged project does not hold up one contract; a project that may be its own does.
#[test]
fn one_contract_is_held_up_by_what_may_be_its_own() {
    let mut of = dated(vec![row("", "a", 1, 1)]);
    of.metered.usage.rows[0].tenant = UNATTRIBUTED.into();
    let scope = ("nordic-1".to_owned(), "p".to_owned());
    let stands = |of: &Dated, whose: &Whose| {
        let judged = Judged {
            period: &october(),
            dated: of,
            priced: None,
            lists: &[],
            sources: BTreeSet::new(),
            coverage: &Rational::default(),
            whose,
            foreign: &[],
        };
        judged.blockers().len()
    };
    for (reason, named) in [
        ("gives different answers: CO-1 and CO-2", true),
        ("gives different answers: CO-12 and XCO-1", false),
        ("has no tag", false),
        ("`CO-1`", true),
    ] {
        let reasons = BTreeSet::from([reason.to_owned()]);
        of.computed.unattributed = BTreeMap::from([(scope.clone(), reasons)]);
        assert_eq!(stands(&of, &Whose::all()), 1, "{reason}");
        assert_eq!(
            stands(&of, &Whose::one("CO-1")),
            usize::from(named),
            "{reason}"
        );
    }
}

#[test]
fn coverage_is_that_of_each_contract_and_meter() {
    let rows = vec![
        row("CO-1", "whole", 99_000, 99_000),
        row("CO-1", "gap", 0, 1_000),
        row("CO-2", "worse", 980, 1_000),
    ];
    let of = dated(rows);
    // 99 of 100: at the threshold is not below it.
    let told = judged(&of, &[], 99, &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    let [one] = &told[..] else { panic!() };
    assert!(
        one.contains("compute.instance of contract CO-2 was observed for 98.00 %"),
        "{one}"
    );
    assert!(one.contains("most of them of worse"), "{one}");
    let told = judged(&of, &[], 100, &[]);
    assert!(
        told[0].contains("CO-1 was observed for 99.00 %") && told[0].contains("of gap"),
        "{told:?}"
    );
    assert!(judged(&of, &[], 0, &[]).is_empty());
}
