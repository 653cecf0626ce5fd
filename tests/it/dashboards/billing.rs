//! The billing dashboard: closed months and corrections, and nothing of what was never closed.

use super::{dashboards, queries, scope, text};
use crate::harness;
use plimsoll::{
    domain::{
        Charge, Ts,
        charge::{Class, Priced},
        money::Rational,
    },
    store::{Decision, StepKind, Store},
};
use std::collections::BTreeMap;

fn charge(tenant: &str, sku: &str, corrects: &str, cents: i128) -> Charge {
    let from = Ts::from_second(super::MIDNIGHT + 3_600);
    Charge {
        id: format!("{tenant}/{sku}/{corrects}"),
        class: Class::Usage,
        corrects: corrects.into(),
        month: "2026-10".into(),
        from,
        to: from.plus_seconds(86_400),
        tenant: tenant.into(),
        contract: "CO-1".into(),
        scope: "p".into(),
        scope_name: "default/p".into(),
        source: "sim".into(),
        kind: "server".into(),
        resource: "a".into(),
        resource_name: "a".into(),
        meter: "compute.instance".into(),
        dimensions: BTreeMap::new(),
        sku: sku.into(),
        name: sku.into(),
        quantity: 86_400,
        unit: "s".into(),
        price: String::new(),
        priced: Priced::default(),
        exact: Rational::new(cents.into(), 100.into()),
        amount: cents,
        decimals: 2,
        currency: "EUR".into(),
        observed_s: 86_000,
        expected_s: 86_400,
    }
}

/// A closed month with an approved correction; beside it what a killed close, a second close and a declined correction left.
pub(super) async fn seed_charges(store: &Store) {
    let lines = [
        charge("acme", "A", "", 1_000),
        charge("it's", "B", "", 250),
        charge("unattributed", "A", "", 75),
    ];
    store.put_charges("first", 0, &lines).await.unwrap();
    // Repeated, as by a close that was killed.
    store.put_charges("first", 0, &lines).await.unwrap();
    store.put_charges("never", 0, &lines).await.unwrap();
    store.put_charges("second", 0, &lines).await.unwrap();
    for id in ["first", "second"] {
        store
            .put_step(("2026-10", ""), StepKind::Closed, id, "{}")
            .await
            .unwrap();
    }
    let decision = |proposal: &str, approved| Decision {
        month: "2026-10".into(),
        proposal: proposal.into(),
        approved,
        line: "x".into(),
        who: "anna".into(),
        reason: String::new(),
    };
    for tenant in ["acme", "it's"] {
        let line = charge(tenant, "A", "x", -30);
        store.put_charges(tenant, 0, &[line]).await.unwrap();
        let decided = [decision(tenant, true)];
        store.put_decisions(&decided).await.unwrap();
    }
    let line = charge("acme", "A", "x", 7);
    store.put_charges("declined", 0, &[line]).await.unwrap();
    let decided = [decision("declined", false)];
    store.put_decisions(&decided).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_and_approved_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed_charges(&store).await;
    let (_, d) = dashboards()
        .into_iter()
        .find(|(f, _)| f == "billing.json")
        .unwrap();
    let ask = async |title: &str, tenant: Option<&str>, hours: std::ops::Range<i64>| {
        let wanted = format!("panel `{title}`");
        let found = queries(&d)
            .into_iter()
            .find(|(p, _)| p.starts_with(&wanted));
        let sql = scope(&d, tenant, hours).expand(&found.unwrap().1).unwrap();
        store.json(&sql).await.unwrap()
    };
    let number = |v: &serde_json::Value| v.to_string().trim_matches('"').to_owned();
    assert_eq!(
        number(&ask("Billed", None, 0..24).await[0]["billed"]),
        "11.9"
    );
    assert_eq!(
        number(&ask("Billed", Some("it's"), 0..24).await[0]["billed"]),
        "2.2"
    );
    assert_eq!(
        number(&ask("Corrections", None, 0..24).await[0]["corrections"]),
        "-0.6"
    );
    assert_eq!(
        number(&ask("Nobody's", None, 0..24).await[0]["nobodys"]),
        "0.75"
    );
    assert_eq!(
        number(&ask("Coverage", None, 0..24).await[0]["coverage"]),
        "99.5"
    );
    // A line belongs where it begins: of two ranges that touch, to one.
    assert_eq!(number(&ask("Billed", None, 0..1).await[0]["billed"]), "0");
    assert_eq!(
        number(&ask("Billed", None, 1..2).await[0]["billed"]),
        "11.9"
    );
    let contracts = ask("By contract", None, 0..24).await;
    assert_eq!(contracts.len(), 3);
    assert_eq!(text(&contracts[0], "tenant"), "acme");
    assert_eq!(number(&contracts[0]["closed"]), "10");
    assert_eq!(number(&contracts[0]["total"]), "9.7");
    store.close().await.unwrap();
}
