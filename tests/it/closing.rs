//! Closed months, through the real commands: refused with blockers, closed once, exported for ever, and killed at every point on the way.

mod contracts;
mod killed;

use crate::harness::{self, Plimsoll, json};
use plimsoll::domain::digest::sha256_hex;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MONTH: &str = "2026-10";

/// A plimsoll whose October is simulated by a scenario of deploy/scenarios.
fn simulated(scenario: &str, delivery: &str) -> Plimsoll {
    let p = Plimsoll::with_config(std::path::PathBuf::new());
    let config = p.dir().join("plimsoll.yaml");
    let list = fs::read_to_string(format!("{ROOT}/deploy/prices/nordic-2026.yaml")).unwrap();
    let calls = "prices:\n  - {sku: CALLS, name: Calls, meter: licence.calls, amount: \"0.01\", unit: instance, period: none}";
    let list = list.replace("prices:", calls).replace(
        "meters:\n",
        "meters:\n  licence.calls: {unit: \"{call}\"}\n",
    );
    fs::write(p.dir().join("book.yaml"), list).unwrap();
    let text = format!(
        "sources: []
tenancy:
  contracts: {{CO-001: norrland-kommun, CO-002: fjord-bank, CO-003: aurora-health, CO-004: tundra-games}}
  rules: [{{project_tag: \"contract:\"}}]
meters:
  time_zone: Europe/Stockholm
  declared: [{{name: licence.calls, description: Calls, unit: \"{{call}}\", kind: amount}}]
prices: {{book: book.yaml}}
delivery: {delivery}
"
    );
    fs::write(&config, text).unwrap();
    let p = p.configured(config);
    // What has no price in the book is another test's business.
    let text = fs::read_to_string(format!("{ROOT}/deploy/scenarios/{scenario}.yaml"))
        .unwrap()
        .replace(", x9-unpriced]", "]")
        .replace("[x9.unpriced, ", "[");
    let scenario = p.dir().join("scenario.yaml");
    fs::write(&scenario, text).unwrap();
    p.ok(&[
        "simulate",
        "--scenario",
        scenario.to_str().unwrap(),
        "--seed",
        "1",
        "--month",
        MONTH,
    ]);
    p
}

/// All files of a directory.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|e| {
            (
                e.file_name().into_string().unwrap(),
                fs::read(e.path()).unwrap(),
            )
        })
        .collect()
}

fn exported(p: &Plimsoll, form: &str, more: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().to_str().unwrap();
    let args = ["export", "--month", MONTH, "--format", form, "--out", dir];
    p.ok(&[&args[..], more].concat());
    files(out.path())
}

fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Value {
    json(std::str::from_utf8(&files["manifest.json"]).unwrap())
}

/// Imports calls of the closed month for a contract, at a cent each: a fact that came late.
fn late(p: &Plimsoll, id: &str, contract: &str, calls: u32) {
    late_on(p, id, contract, calls, "2026-10-20");
}

fn late_on(p: &Plimsoll, id: &str, contract: &str, calls: u32, day: &str) {
    let event = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "licences.example", "type": "plimsoll.usage.v1", "subject": "gateway",
        "data": {
            "meter": "licence.calls", "quantity": calls, "contract": contract,
            "from": format!("{day}T00:00:00Z"), "to": format!("{day}T01:00:00Z"),
        },
    });
    let file = p.dir().join("late.jsonl");
    fs::write(&file, format!("{event}\n")).unwrap();
    p.ok(&["import", file.to_str().unwrap()]);
}

#[test]
fn a_closed_month_stays_as_it_was() {
    let p = simulated(
        "small",
        "{provider: Nordic, close: {coverage: 90, keep: [csv, contracts]}}",
    );
    let open = exported(&p, "csv", &[]);
    assert!(manifest(&open)["closed"].is_null());
    let told = p.ok(&["close", "--month", MONTH]);
    assert!(
        told.contains("2026-10 was closed") && told.contains("4 contracts"),
        "{told}"
    );
    let closed = exported(&p, "csv", &[]);
    for (name, bytes) in open.iter().filter(|(n, _)| *n != "manifest.json") {
        assert!(
            closed[name] == *bytes,
            "{name}: the lines are those of before"
        );
    }
    let m = manifest(&closed);
    assert_eq!(m["closed"]["accepted"], "", "{m}");
    for kind in ["tenancy", "meters", "prices"] {
        assert_eq!(m["definitions"][kind].as_str().unwrap().len(), 64, "{kind}");
    }
    // Closing it again is done at once, and says the same.
    assert_eq!(p.ok(&["close", "--month", MONTH]), told);
    // A form that was not kept is rendered from the lines that were: the same sums, and the same lines as before.
    let fresh = exported(&p, "jsonl", &["--as-of", m["as_of"].as_str().unwrap()]);
    let rendered = exported(&p, "jsonl", &[]);
    for (name, bytes) in fresh.iter().filter(|(n, _)| *n != "manifest.json") {
        assert!(rendered[name] == *bytes, "{name}");
    }
    let (a, b) = (manifest(&fresh), manifest(&rendered));
    for key in [
        "files",
        "meters",
        "rows",
        "facts",
        "definitions",
        "book",
        "as_of",
    ] {
        assert_eq!(a[key], b[key], "{key}");
    }
    assert_eq!(b["closed"], m["closed"]);
    // Another book, and another profile of that name: nothing of it shows.
    let focus = exported(&p, "focus-parquet", &[]);
    fs::write(
        p.dir().join("book.yaml"),
        fs::read_to_string(p.dir().join("book.yaml"))
            .unwrap()
            .replace("16.91", "99.99")
            .split("\nexamples:")
            .next()
            .unwrap()
            .to_owned()
            + "\n",
    )
    .unwrap();
    assert!(exported(&p, "csv", &[]) == closed);
    assert!(exported(&p, "jsonl", &[]) == rendered);
    assert!(exported(&p, "focus-parquet", &[]) == focus);
    assert!(exported(&p, "contracts", &[]).contains_key("2026-10_CO-004.csv"));
    late(&p, "1", "CO-002", 500);
    assert!(
        exported(&p, "csv", &[]) == closed,
        "facts that came late change nothing"
    );
    let (code, _, err) = p.run(&["close", "--month", "2026-13"]);
    assert!(code == 2 && err.contains("2026-13"), "{err}");
}

/// Everything that stands against it is named with its size; a reason is kept with the month.
#[test]
fn a_month_with_nobodys_usage_is_refused() {
    let p = simulated("awkward", "{close: {coverage: 100}}");
    let args = ["close", "--month", MONTH];
    let (code, out, err) = p.run(&args);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    for what in [
        "the month stays open",
        "ownership: ",
        "is nobody's",
        "nobody pays for",
        "--accept REASON",
    ] {
        assert!(err.contains(what), "{what}: {err}");
    }
    let (code, _, err) = p.run(&["close", "--month", MONTH, "--accept", ""]);
    assert_eq!(code, 2, "{err}");
    let told = p.ok(&[&args[..], &["--accept", "gaps are credited, Anna"]].concat());
    assert!(told.contains("accepted: gaps are credited, Anna"), "{told}");
    let m = manifest(&exported(&p, "csv", &[]));
    assert_eq!(m["closed"]["accepted"], "gaps are credited, Anna");
    assert!(!m["closed"]["blockers"].as_array().unwrap().is_empty());
    // The month that still runs cannot be closed, whatever the reason.
    let now = json(&p.ok(&["usage", "--month", MONTH, "--format", "json"]))["as_of"].clone();
    let month = &now.as_str().unwrap()[..7];
    let (code, _, err) = p.run(&["close", "--month", month, "--accept", "now"]);
    assert!(code == 1 && err.contains("ends at"), "{err}");
    // Usage without a price cannot be accepted either: there would be no bill.
    let p = simulated("small", "{}");
    let book = p.dir().join("book.yaml");
    let text = fs::read_to_string(&book).unwrap();
    fs::write(&book, text.replace("flavor: b2.c8r16}", "flavor: other}")).unwrap();
    let (code, _, err) = p.run(&[&args[..], &["--accept", "x"]].concat());
    assert!(code == 1 && err.contains("flavor=b2.c8r16"), "{err}");
}

/// Facts that come late are proposals, decided by name; the closed month stays what it was.
#[test]
fn what_comes_late_is_proposed_and_decided() {
    let p = simulated("small", "{close: {coverage: 90}}");
    let list = |more: &[&str]| -> Vec<Value> {
        let args = ["corrections", "list", "--month", MONTH, "--format", "json"];
        let told = json(&p.ok(&[&args[..], more].concat()));
        told["lines"].as_array().unwrap().clone()
    };
    let decide = |word: &str, more: &[&str]| {
        let args = ["corrections", word, "--month", MONTH, "--by", "anna.berg"];
        p.run(&[&args[..], more].concat())
    };
    let (code, _, err) = p.run(&["corrections", "list", "--month", MONTH]);
    assert!(code == 1 && err.contains("is not closed"), "{err}");
    p.ok(&["close", "--month", MONTH]);
    let closed = exported(&p, "csv", &[]);
    let then = manifest(&closed)["as_of"].as_str().unwrap().to_owned();
    assert!(list(&[]).is_empty(), "nothing has come");

    late(&p, "1", "CO-002", 500);
    let [line] = &list(&[])[..] else {
        panic!("{:?}", list(&[]))
    };
    assert_eq!(
        (&line["before"], &line["amount"]),
        (&"0.00".into(), &"5.00".into()),
        "{line}"
    );
    assert_eq!(
        (&line["contract"], &line["sku"]),
        (&"CO-002".into(), &"CALLS".into())
    );
    let id = line["id"].as_str().unwrap();
    assert_eq!(decide("decline", &[id]).0, 2, "a reason is asked for");
    let (code, out, err) = decide("decline", &["--reason", "paid already", id]);
    assert!(
        code == 0 && out.contains("1 corrections of 2026-10 declined by anna.berg"),
        "{out}{err}"
    );
    assert!(
        list(&[]).is_empty(),
        "not proposed again for the same facts"
    );
    assert_eq!(list(&["--all"]).len(), 1);
    let (code, _, err) = decide("approve", &[id]);
    assert!(code == 1 && err.contains("no open correction"), "{err}");

    // More becomes known of the same line: all of it is proposed.
    late(&p, "2", "CO-002", 100);
    late(&p, "3", "CO-001", 7);
    let amounts: Vec<Value> = list(&[]).iter().map(|l| l["amount"].clone()).collect();
    // By tenant.
    assert_eq!(amounts, ["6.00", "0.07"]);
    assert_eq!(decide("approve", &["--contract", "CO-002"]).0, 0);
    let left = list(&[]);
    assert_eq!((left.len(), &left[0]["contract"]), (1, &"CO-001".into()));
    assert!(
        exported(&p, "csv", &[]) == closed,
        "the past is never changed"
    );
    let corrections = exported(&p, "csv", &["--corrections"]);
    let text = String::from_utf8(corrections["2026-10_CO-002.csv"].clone()).unwrap();
    assert!(
        text.contains(",600,{call},") && text.contains(",6.00,EUR,"),
        "{text}"
    );
    assert_eq!(
        manifest(&corrections)["files"][0]["money"]["amount"],
        "6.00"
    );

    // And less than was approved: part of it is taken back.
    late(&p, "4", "CO-002", 1);
    let of_line: Vec<Value> = list(&[])
        .into_iter()
        .filter(|l| l["contract"] == "CO-002")
        .collect();
    assert_eq!(
        (&of_line[0]["before"], &of_line[0]["now"]),
        (&"6.00".into(), &"6.01".into())
    );
    let now = json(&p.ok(&["usage", "--month", MONTH, "--format", "json"]))["as_of"].clone();
    let diff = [
        "diff",
        "--month",
        MONTH,
        "--as-of",
        &then,
        "--as-of",
        now.as_str().unwrap(),
    ];
    let told = p.ok(&diff);
    assert!(
        told.contains("2 lines of 2 contracts differ") && told.contains("6.01"),
        "{told}"
    );
    assert_eq!(p.run(&diff[..5]).0, 2);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = harness::open(&p.data()).await;
        let sums = "SELECT toString(sumIf(amount, corrects = '')) AS closed, toString(sumIf(amount, corrects != '')) AS corrected FROM v_charge";
        let sums = store.json(sums).await.unwrap();
        let total = |v: &Value| v.as_str().unwrap().parse::<f64>().unwrap();
        let of_files: f64 = manifest(&closed)["files"].as_array().unwrap().iter().map(|f| total(&f["money"]["amount"])).sum();
        assert!((total(&sums[0]["closed"]) - of_files).abs() < 0.001, "{sums:?} {of_files}");
        assert!((total(&sums[0]["corrected"]) - 6.0).abs() < 0.001, "{sums:?}");
        store.close().await.unwrap();
    });
}

/// Whoever has the directory can tell that nothing was changed, without us.
#[test]
fn an_export_is_verified_offline() {
    let p = simulated("small", "{}");
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().to_str().unwrap();
    p.ok(&["export", "--month", MONTH, "--format", "csv", "--out", dir]);
    let nowhere = Plimsoll::with_config("nowhere.yaml".into());
    let told = nowhere.ok(&["verify", dir]);
    let own = sha256_hex(&fs::read(out.path().join("manifest.json")).unwrap());
    assert!(
        told.contains("all as the manifest says") && told.contains(&own),
        "{told}"
    );
    let wrong = |what: &str| {
        let (code, told, _) = nowhere.run(&["verify", dir]);
        assert!(code == 1 && told.contains(what), "{what}: {told}");
    };
    let file = out.path().join("2026-10_CO-001.csv");
    let text = fs::read(&file).unwrap();
    let mut other = text.clone();
    let last = other.len() - 3;
    other[last] ^= 1;
    fs::write(&file, &other).unwrap();
    wrong("2026-10_CO-001.csv: was changed");
    fs::write(&file, &text[1..]).unwrap();
    wrong("the manifest says");
    fs::remove_file(&file).unwrap();
    wrong("2026-10_CO-001.csv: No such file");
    fs::write(&file, &text).unwrap();
    fs::write(out.path().join("2026-10_CO-999.csv"), "x").unwrap();
    assert!(
        nowhere
            .ok(&["verify", dir])
            .contains("2026-10_CO-999.csv: the manifest does not name it")
    );
    let manifest = out.path().join("manifest.json");
    let m = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        m.replacen("\"amount\": \"", "\"amount\": \"1", 1),
    )
    .unwrap();
    wrong("sum to");
    fs::write(
        &manifest,
        m.replace("2026-10_CO-001.csv", "../../etc/passwd"),
    )
    .unwrap();
    wrong("is no name of a file here");
    fs::write(&manifest, "{}").unwrap();
    wrong("is not a manifest");
}
