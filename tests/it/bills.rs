//! Bills of a made-up month, through the real commands: a project that changes hands on the 10th, a price that changes at noon on the 15th.

use crate::harness::{Plimsoll, json};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The shipped list with other lines for one flavor.
fn book(flavor: &str, lines: &str) -> String {
    let list = fs::read_to_string(format!("{ROOT}/deploy/prices/nordic-2026.yaml")).unwrap();
    let sku = format!("{{sku: FLAVOR-{flavor},");
    let kept: Vec<&str> = list.lines().filter(|l| !l.contains(&sku)).collect();
    kept.join("\n")
        .replace("prices:\n", &format!("prices:\n{lines}"))
        + "\n"
}

/// A plimsoll whose month is simulated, with a book of its own; fjord's project passes to other terms on the 10th.
fn simulated(book: &str) -> Plimsoll {
    let p = Plimsoll::with_config(std::path::PathBuf::new());
    fs::write(p.dir().join("book.yaml"), book).unwrap();
    let config = p.dir().join("plimsoll.yaml");
    fs::write(
        &config,
        "sources: []
tenancy:
  contracts: {CO-001: norrland-kommun, CO-002: fjord-bank, CO-003: aurora-health, CO-004: tundra-games, CO-009: fjord-holding}
  rules:
    - list: [{scope: fjord/core, tenant: fjord-holding, contract: CO-009, from: 2026-10-10}]
    - {project_tag: \"contract:\"}
meters: {time_zone: Europe/Stockholm}
prices: {book: book.yaml}
",
    )
    .unwrap();
    let p = p.configured(config);
    let scenario = format!("{ROOT}/deploy/scenarios/small.yaml");
    p.ok(&[
        "simulate",
        "--scenario",
        &scenario,
        "--seed",
        "1",
        "--month",
        "2026-10",
    ]);
    p
}

fn cents(text: &Value) -> i128 {
    text.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn bill<'a>(bills: &'a Value, contract: &str) -> &'a Value {
    let mut all = list(&bills["bills"]).iter();
    all.find(|b| b["contract"] == contract)
        .unwrap_or_else(|| panic!("{bills}"))
}

#[test]
fn a_month_with_a_change_of_price_and_of_hands() {
    let changing = "  - {sku: FLAVOR-l2.c16r64.500, name: old, meter: compute.instance, match: {flavor: l2.c16r64.500}, amount: 471.70, unit: instance, period: 30d, to: 2026-10-15T12:00:00+02:00}
  - {sku: FLAVOR-l2.c16r64.500, name: new, meter: compute.instance, match: {flavor: l2.c16r64.500}, amount: 500, unit: instance, period: 30d, from: 2026-10-15T12:00:00+02:00}
";
    let p = simulated(&book("l2.c16r64.500", changing));
    let bills = json(&p.ok(&["bill", "--month", "2026-10", "--format", "json"]));
    for b in list(&bills["bills"]) {
        let sum: i128 = list(&b["lines"]).iter().map(|l| cents(&l["amount"])).sum();
        assert_eq!(sum + cents(&b["rounding"]), cents(&b["total"]), "{b}");
        assert!(b["projected"].is_null(), "the month is over");
    }
    let usage = json(&p.ok(&["usage", "--month", "2026-10", "--format", "json"]));
    conserved(&bills, &usage);
    a_server_all_month(&bills, &usage);
    for_people(&p, &bills);
    explained(&p, bill(&bills, "CO-009"));
    drafts(&p, &bills);
}

/// The seconds on bills are those of the usage, contract by contract, though lines were cut.
fn conserved(bills: &Value, usage: &Value) {
    let quantity = |v: &Value| v["quantity"].as_str().unwrap().parse::<i128>().unwrap();
    let mut used: BTreeMap<String, i128> = BTreeMap::new();
    for r in list(&usage["rows"]) {
        if r["meter"] == "compute.instance" {
            let contract = r["contract"].as_str().unwrap().to_owned();
            *used.entry(contract).or_default() += quantity(r);
        }
    }
    let mut billed: BTreeMap<String, i128> = BTreeMap::new();
    for b in list(&bills["bills"]) {
        let contract = b["contract"].as_str().unwrap().to_owned();
        let lines = list(&b["lines"]).iter();
        let servers = lines.filter(|l| l["sku"].as_str().unwrap().starts_with("FLAVOR-"));
        billed.insert(contract, servers.map(quantity).sum());
    }
    assert_eq!(used, billed);
    assert_eq!(billed.len(), 5, "{billed:?}");
}

/// A server that was there all month: under CO-002 to the 10th, then under CO-009; at the new price from noon on the 15th.
fn a_server_all_month(bills: &Value, usage: &Value) {
    let flavor = "l2.c16r64.500";
    let rows = list(&usage["rows"]).iter();
    let steady = rows
        .filter(|r| r["meter"] == "compute.instance" && r["dimensions"]["flavor"] == flavor)
        .filter(|r| r["contract"] == "CO-002" && r["quantity"] == "777600")
        .map(|r| r["resource"].clone());
    let steady: Vec<Value> = steady.collect();
    assert!(!steady.is_empty(), "the scenario has such servers");
    for server in &steady {
        let of = |contract: &str| -> Vec<(String, String)> {
            let lines = list(&bill(bills, contract)["lines"]).iter();
            let mine = lines.filter(|l| l["resource"] == *server);
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            mine.map(|l| (text(&l["quantity"]), text(&l["amount"])))
                .collect()
        };
        let pair = |q: &str, a: &str| (q.to_owned(), a.to_owned());
        // Nine days: 777,600 s x 471.70 / 2,592,000 s = 141.51.
        assert_eq!(of("CO-002"), [pair("777600", "141.51")]);
        // Five and a half days at the old price: 475,200 s x 471.70 / 2,592,000 s = 86.47833...
        // The rest of October's 2,682,000 s, 1,429,200 s x 500 / 2,592,000 s = 275.69444...
        let after = [pair("475200", "86.48"), pair("1429200", "275.69")];
        assert_eq!(of("CO-009"), after);
    }
}

fn for_people(p: &Plimsoll, bills: &Value) {
    let shown = p.ok(&["bill", "--month", "2026-10", "--tenant", "fjord-holding"]);
    let total = bill(bills, "CO-009")["total"].as_str().unwrap();
    assert!(shown.contains("fjord-holding · CO-009"), "{shown}");
    assert!(shown.contains(total), "{shown}");
    assert!(!shown.contains("CO-002"), "{shown}");
    assert!(!shown.contains("If nothing changes"), "{shown}");
    let (code, _, err) = p.run(&["bill", "--month", "2026-10", "--tenant", "nobody"]);
    assert!(
        code == 1 && err.contains("there is no tenant `nobody`"),
        "{err}"
    );
}

/// From a line of a bill to its usage row, and on to the facts.
fn explained(p: &Plimsoll, bill: &Value) {
    let line = &list(&bill["lines"])[0];
    let id = line["id"].as_str().unwrap();
    let e = json(&p.ok(&["explain", id, "--month", "2026-10", "--format", "json"]));
    assert_eq!(e["line"]["amount"], line["amount"]);
    assert_eq!(e["usage"][0]["resource"], line["resource"]);
    let text = p.ok(&["explain", id, "--month", "2026-10"]);
    for part in [
        "price book nordic-2026",
        "rounded to 2 decimals",
        "What counts",
        "Facts",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A draft in which one flavor costs half: who has it wins, the others stay.
fn drafts(p: &Plimsoll, bills: &Value) {
    let half = "  - {sku: FLAVOR-l2.c16r64.500, name: half, meter: compute.instance, match: {flavor: l2.c16r64.500}, amount: 235.85, unit: instance, period: 30d}\n";
    let draft = p.dir().join("draft.yaml");
    // A book of next year may be tried on this year's usage.
    let text =
        book("l2.c16r64.500", half).replace("valid_from: 2026-01-01", "valid_from: 2027-01-01");
    let text = text.split("\nexamples:").next().unwrap().to_owned() + "\n";
    fs::write(&draft, &text).unwrap();
    let file = draft.to_str().unwrap();
    let asked = [
        "bill", "--month", "2026-10", "--draft", file, "--format", "json",
    ];
    let compared = json(&p.ok(&asked));
    for c in list(&compared["contracts"]) {
        let contract = c["contract"].as_str().unwrap();
        assert_eq!(c["book"], bill(bills, contract)["total"], "{c}");
        assert_eq!(
            cents(&c["draft"]) - cents(&c["book"]),
            cents(&c["difference"])
        );
        let fjord = ["CO-002", "CO-009"].contains(&contract);
        assert_eq!(cents(&c["difference"]) < 0, fjord, "{c}");
    }
    let shown = p.ok(&asked[..5]);
    assert!(
        shown.contains("wins") && !shown.contains("loses"),
        "{shown}"
    );

    // What the draft does not price is named, with its project.
    fs::write(&draft, text.replace("flavor: b2.c8r16}", "flavor: other}")).unwrap();
    let (code, _, err) = p.run(&asked);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("flavor=b2.c8r16") && err.contains("in project fjord/core"),
        "{err}"
    );
    fs::write(&draft, text.replace("currency: EUR", "currency: SEK")).unwrap();
    let (code, _, err) = p.run(&asked);
    assert!(code == 2 && err.contains("cannot be compared"), "{err}");
}

/// A book alone: compiled, printed, quoted; without configuration or store.
#[test]
fn a_book_by_the_commands() {
    let p = Plimsoll::with_config(std::path::PathBuf::from("nowhere.yaml"));
    let file = format!("{ROOT}/deploy/prices/nordic-2026.yaml");
    let told = p.ok(&["prices", "check", &file]);
    assert!(told.contains("accepted: 46 price(s), 2 fee(s)"), "{told}");
    let page = p.ok(&["prices", "page", &file]);
    assert!(page.contains("FLAVOR-b2.c1r2") && page.contains("0.3204 EUR per 1 GB per 30d"));
    // 33.82 x 149/144 = 34.99430...: three of them, 3 lines in one row of the list.
    let quote = ["prices", "quote", &file, "--month", "2026-10", "--use"];
    let of = |uses: &str| json(&p.ok(&[&quote[..], &[uses, "--format", "json"]].concat()));
    let one = of("compute.instance flavor=b2.c2r4");
    assert_eq!(one["bills"][0]["total"], "34.99");
    let keys = [
        "id",
        "sku",
        "name",
        "quantity",
        "unit",
        "unit_price",
        "amount",
        "dimensions",
        "observed_s",
        "expected_s",
    ];
    let line = one["bills"][0]["lines"][0].as_object().unwrap();
    assert!(keys.iter().all(|k| line.contains_key(*k)), "{line:?}");
    let (code, _, err) = p.run(&[&quote[..], &["compute.instance flavor=b9.c2r4"]].concat());
    assert!(code == 1 && err.contains("flavor=b9.c2r4"), "{err}");
    let (code, _, err) = p.run(&[&quote[..], &["compute.instnce"]].concat());
    assert!(code == 2 && err.contains("did you mean"), "{err}");

    // A wrong example is refused at its place.
    let wrong = p.dir().join("wrong.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &wrong,
        text.replace("total: \"139.98\"", "total: \"139.97\""),
    )
    .unwrap();
    let (code, out, _) = p.run(&["prices", "check", wrong.to_str().unwrap()]);
    let told =
        "examples[0]: two servers in October: the total comes to 139.98, the example says 139.97";
    assert!(
        code == 2 && out.contains(told) && out.contains("refused, 1 error(s)"),
        "{out}"
    );
}
