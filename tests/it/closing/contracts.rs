//! One contract closed by itself, and corrections in the next bill of their contract.

use super::{MONTH, exported, files, late, late_on, manifest, simulated};
use crate::harness::{self, Plimsoll, json};
use serde_json::Value;

/// What stands against others holds one contract not up; what was closed stays, and is closed once.
#[test]
fn one_contract_is_closed_by_itself() {
    let p = simulated(
        "awkward",
        "{close: {coverage: 100, keep: [csv, contracts]}}",
    );
    let close = |more: &[&str]| p.run(&[&["close", "--month", MONTH], more].concat());
    let (code, _, err) = close(&[]);
    assert!(code == 1 && err.contains("is nobody's"), "{err}");
    let (code, _, err) = close(&["--contract", "CO-999"]);
    assert!(
        code == 1 && err.contains("there is no contract `CO-999`"),
        "{err}"
    );
    let (code, told, err) = close(&["--contract", "CO-001"]);
    assert!(
        code == 0 && told.contains("contract CO-001, files as csv, contracts"),
        "{told}{err}"
    );
    assert!(!err.contains("nobody"), "{err}");
    assert_eq!(close(&["--contract", "CO-001"]).1, told, "closed once");
    let status = p.ok(&["close", "--month", MONTH, "--status"]);
    assert!(
        status.contains("CO-001: closed at") && status.contains("CO-002: open"),
        "{status}"
    );
    assert!(status.contains("everyone else: open"), "{status}");

    let written = |form: &str| {
        let out = tempfile::tempdir().unwrap();
        let dir = out.path().to_str().unwrap();
        p.ok(&["export", "--month", MONTH, "--format", form, "--out", dir]);
        let own = out.path().join("CO-001");
        for dir in [out.path(), &own] {
            p.ok(&["verify", dir.to_str().unwrap()]);
        }
        let own = files(&own);
        std::fs::remove_dir_all(out.path().join("CO-001")).unwrap();
        (own, files(out.path()))
    };
    let (alone, rest) = written("csv");
    assert!(alone.contains_key("2026-10_CO-001.csv") && alone.len() == 2);
    assert!(!rest.contains_key("2026-10_CO-001.csv") && rest.contains_key("2026-10_CO-002.csv"));
    assert_eq!(
        manifest(&alone)["closed"]["accepted"],
        "",
        "nothing stood against it"
    );
    assert!(manifest(&rest)["closed"].is_null());
    // A form that was not kept is made of the lines that were.
    assert_eq!(
        manifest(&written("jsonl").0)["closed"],
        manifest(&alone)["closed"]
    );

    // What comes late is a correction of the one, and simply counts for the others.
    late(&p, "1", "CO-001", 500);
    late(&p, "2", "CO-002", 300);
    let lines = |p: &Plimsoll| -> Vec<Value> {
        let args = ["corrections", "list", "--month", MONTH, "--format", "json"];
        json(&p.ok(&args))["lines"].as_array().unwrap().clone()
    };
    let [line] = &lines(&p)[..] else {
        panic!("{:?}", lines(&p))
    };
    assert_eq!(
        (&line["contract"], &line["amount"]),
        (&"CO-001".into(), &"5.00".into())
    );
    let (again, rest) = written("csv");
    assert!(again == alone, "the past is never changed");
    let text = String::from_utf8(rest["2026-10_CO-002.csv"].clone()).unwrap();
    assert!(text.contains(",3.00,EUR,"), "{text}");

    let (code, told, err) = close(&["--accept", "looked into, Anna"]);
    assert!(code == 0 && told.contains("the other"), "{told}{err}");
    assert_eq!(
        close(&["--contract", "CO-002"]).1,
        told,
        "closed with the others"
    );
    let (again, closed) = written("csv");
    assert!(again == alone);
    for (name, bytes) in rest.iter().filter(|(n, _)| *n != "manifest.json") {
        assert!(closed[name] == *bytes, "{name}");
    }
    assert_eq!(lines(&p).len(), 1, "the same correction, and no other");
    let status = p.ok(&["close", "--month", MONTH, "--status"]);
    assert!(!status.contains("open"), "{status}");

    // The view has each line once.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = harness::open(&p.data()).await;
        let sums = "SELECT count() AS n, uniqExact(tenant, contract, id) AS ids FROM v_charge";
        let sums = store.json(sums).await.unwrap();
        assert_eq!(sums[0]["n"], sums[0]["ids"]);
        let rows = [&alone, &closed].map(|f| manifest(f)["rows"].as_u64().unwrap());
        assert_eq!(sums[0]["n"], (rows[0] + rows[1]).to_string());
        store.close().await.unwrap();
    });
}

/// What was approved of a closed month is billed once: in the first bill of the contract that was open then.
#[test]
fn an_approved_correction_stands_in_the_next_bill() {
    let p = simulated("small", "{provider: Nordic, close: {coverage: 0}}");
    let september =
        |id: &str, contract: &str, calls: u32| late_on(&p, id, contract, calls, "2026-09-20");
    september("1", "CO-001", 100);
    september("2", "CO-002", 100);
    p.ok(&["close", "--month", "2026-09"]);
    let bill = |month: &str, contract: &str| -> (f64, Vec<Value>) {
        let told = json(&p.ok(&["bill", "--month", month, "--format", "json"]));
        let bills = told["bills"].as_array().unwrap().clone();
        let bill = bills.into_iter().find(|b| b["contract"] == contract);
        bill.map_or((0.0, Vec::new()), |b| {
            let total = b["total"].as_str().unwrap().parse().unwrap();
            (total, b["corrections"].as_array().unwrap().clone())
        })
    };
    let (before, none) = bill(MONTH, "CO-002");
    assert!(none.is_empty());
    september("3", "CO-002", 250);
    september("4", "CO-001", 7);
    let decide = |word: &str, contract: &str| {
        let args = [
            "corrections",
            word,
            "--month",
            "2026-09",
            "--by",
            "anna.berg",
            "--reason",
            "late",
            "--contract",
            contract,
        ];
        p.ok(&args)
    };
    decide("decline", "CO-001");
    decide("approve", "CO-002");
    let (after, corrections) = bill(MONTH, "CO-002");
    assert!((after - before - 2.5).abs() < 1e-9, "{before} {after}");
    let [one] = &corrections[..] else {
        panic!("{corrections:?}")
    };
    assert_eq!(one["amount"], "2.50");
    assert_eq!(
        one["reason"],
        "correction of 2026-09, approved by anna.berg"
    );
    assert!(
        bill(MONTH, "CO-001").1.is_empty(),
        "what was declined is not billed"
    );
    assert!(bill("2026-09", "CO-002").1.is_empty());
    let told = p.ok(&["explain", one["id"].as_str().unwrap()]);
    for what in [
        "2026-09",
        "anna.berg",
        "late",
        one["line"].as_str().unwrap(),
    ] {
        assert!(told.contains(what), "{what}: {told}");
    }

    p.ok(&["close", "--month", MONTH]);
    let closed = exported(&p, "csv", &[]);
    let text = String::from_utf8(closed["2026-10_CO-002.csv"].clone()).unwrap();
    let line = text
        .lines()
        .find(|l| l.contains("correction of 2026-09"))
        .unwrap();
    assert!(
        line.starts_with("2026-10,CO-002,") && line.contains(",2.50,EUR,"),
        "{line}"
    );
    assert!(
        line.contains(one["line"].as_str().unwrap()),
        "it names the line it corrects: {line}"
    );
    let focus = exported(&p, "focus", &[]);
    let text = String::from_utf8(focus["2026-10_CO-002.focus.csv"].clone()).unwrap();
    assert_eq!(text.matches(",Correction,").count(), 1, "{text}");
    // Nothing of it is a correction of October, and September's is not proposed again.
    for month in [MONTH, "2026-09"] {
        let list = p.ok(&["corrections", "list", "--month", month]);
        assert!(list.contains("Nothing."), "{list}");
    }
    // Approved once October is closed, it is November's.
    september("5", "CO-002", 100);
    decide("approve", "CO-002");
    assert!(exported(&p, "csv", &[]) == closed);
    assert_eq!(bill(MONTH, "CO-002").1.len(), 1);
    let (total, corrections) = bill("2026-11", "CO-002");
    assert_eq!(corrections.len(), 1);
    assert!(total >= 1.0);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = harness::open(&p.data()).await;
        let sums = "SELECT billed_in, toString(sum(amount)) AS amount FROM v_charge WHERE corrects != '' GROUP BY billed_in ORDER BY billed_in";
        let sums = store.json(sums).await.unwrap();
        let told: Vec<(&str, &str)> = sums.iter().map(|r| (r["billed_in"].as_str().unwrap(), r["amount"].as_str().unwrap())).collect();
        assert_eq!(told, [("", "1"), ("2026-10", "2.5")]);
        store.close().await.unwrap();
    });
}
