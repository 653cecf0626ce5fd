//! Three made-up months, from the wire to the exported file, against what truly was.

use crate::{
    harness::{Plimsoll, json},
    truth::{Exact, integrate},
};
use plimsoll::{
    config::Overrides,
    domain::Period,
    http::{Board as _, StoreBoard, overview::Overview},
};
use std::{collections::BTreeMap, sync::Arc};

/// October 2026 in Stockholm: 30 September 22:00 to 31 October 23:00 UTC.
const FROM: i64 = 1_790_805_600;
const TO: i64 = FROM + 745 * 3600;

fn simulated(seed: u64) -> (Plimsoll, Exact) {
    let p = Plimsoll::quickstart();
    let truth = p.dir().join("truth.json");
    let seed = seed.to_string();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/scenarios/small.yaml");
    p.ok(&[
        "simulate",
        "--scenario",
        scenario,
        "--seed",
        &seed,
        "--month",
        "2026-10",
        "--truth",
        truth.to_str().unwrap(),
    ]);
    let truth = json(&std::fs::read_to_string(truth).unwrap());
    (p, integrate(&truth, FROM, TO))
}

/// Of which flavor, type, network or class a line is.
fn size_of(dimensions: &serde_json::Value) -> String {
    let words = ["flavor", "type", "network", "class"];
    let found = words.iter().find_map(|w| dimensions[*w].as_str());
    found.unwrap_or_default().to_owned()
}

pub(crate) fn of_usage(usage: &serde_json::Value) -> Exact {
    let mut sums = Exact::new();
    for r in usage["rows"].as_array().unwrap() {
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        let (d, q) = (
            &r["dimensions"],
            text(&r["quantity"]).parse::<i128>().unwrap(),
        );
        assert_eq!(
            r["observed_s"], r["expected_s"],
            "a closed made-up month is observed wholly: {r}"
        );
        let key = (
            text(&r["tenant"]),
            text(&r["resource"]),
            size_of(d),
            d["state"].as_str().unwrap_or_default().to_owned(),
            text(&r["meter"]),
        );
        *sums.entry(key).or_default() += q;
    }
    sums.retain(|_, q| *q != 0);
    sums
}

fn differences(truth: &Exact, got: &Exact) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = truth.keys().chain(got.keys()).collect();
    keys.into_iter()
        .filter(|k| truth.get(*k) != got.get(*k))
        .map(|k| format!("{k:?}: truth {:?}, got {:?}", truth.get(k), got.get(k)))
        .collect()
}

fn check_seed(seed: u64) {
    let (p, truth) = simulated(seed);
    assert!(
        truth.len() > 100,
        "the truth of a whole month has more than {} entries",
        truth.len()
    );
    let usage = json(&p.ok(&["usage", "--month", "2026-10", "--format", "json"]));
    let differing = differences(&truth, &of_usage(&usage));
    assert!(
        differing.is_empty(),
        "seed {seed}: {} differ:\n{}",
        differing.len(),
        differing[..differing.len().min(12)].join("\n")
    );

    let out = p.dir().join("export");
    p.ok(&[
        "export",
        "--month",
        "2026-10",
        "--format",
        "csv",
        "--out",
        out.to_str().unwrap(),
    ]);
    p.ok(&[
        "export",
        "--month",
        "2026-10",
        "--format",
        "jsonl",
        "--out",
        out.to_str().unwrap(),
    ]);
    check_export(&truth, &out);
    check_page(&truth, &p);
}

/// The first page's figures of each tenant are the truth's.
fn check_page(truth: &Exact, p: &Plimsoll) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/quickstart.yaml");
    let config = plimsoll::config::load(Some(path.as_ref()), &Overrides::default()).unwrap();
    let (config, period) = (
        Arc::new(config),
        Period::month("2026-10", chrono_tz::Europe::Stockholm).unwrap(),
    );
    let overview = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = crate::harness::open(&p.dir().join("data")).await;
        let board = StoreBoard::new(store.clone(), config.clone());
        let figures = board.month(period).await.unwrap();
        let lists = board.lists().await.unwrap();
        store.close().await.unwrap();
        Overview::build(&config, &period, figures, lists)
    });
    assert!(overview.unattributed.is_none() && overview.tenants.len() == 4);
    for t in &overview.tenants {
        let of = |meter: &str| -> i128 {
            let mine = truth
                .iter()
                .filter(|(k, _)| k.0 == t.tenant && k.4 == meter);
            mine.map(|(_, q)| q).sum()
        };
        let s = &t.sums;
        let beside = [
            of("volume.capacity"),
            of("snapshot.capacity") + of("backup.capacity"),
            of("image.capacity"),
            of("share.capacity"),
            of("object.capacity"),
            of("network.public_ipv4"),
            of("loadbalancer"),
        ];
        assert_eq!(s.beside.quantities, beside, "{}", t.tenant);
        assert_eq!(s.beside.observed_s, s.beside.expected_s, "{}", t.tenant);
        assert_eq!(
            (
                s.vcpu_s,
                s.memory_byte_s,
                s.gpu_s,
                s.observed_s,
                s.expected_s
            ),
            (
                of("compute.vcpu"),
                of("compute.memory"),
                of("compute.gpu"),
                of("compute.instance"),
                of("compute.instance")
            ),
            "{}",
            t.tenant
        );
    }
}

/// Every exported line's quantity is the truth's, and its amount the price list's, worked out here by plain integers.
fn check_export(truth: &Exact, out: &std::path::Path) {
    let prices = list_prices();
    let mut sums = Exact::new();
    for file in std::fs::read_dir(out)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
    {
        for line in std::fs::read_to_string(file).unwrap().lines().map(json) {
            let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
            let quantity: i128 = text(&line["quantity"]).parse().unwrap();
            let flavor = size_of(&line["dimensions"]);
            if line["meter"] == "compute.instance" {
                // EUR cents per 30 days: quantity s x cents / 2,592,000 s, halves up.
                let cents = (quantity * prices[&flavor] * 2 + 2_592_000) / (2 * 2_592_000);
                assert_eq!(
                    text(&line["amount"]),
                    format!("{}.{:02}", cents / 100, cents % 100),
                    "{line}"
                );
            }
            let key = (
                text(&line["tenant"]),
                text(&line["resource"]),
                flavor,
                line["dimensions"]["state"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                text(&line["meter"]),
            );
            *sums.entry(key).or_default() += quantity;
        }
    }
    sums.retain(|_, q| *q != 0);
    assert_eq!(differences(truth, &sums), Vec::<String>::new());
}

/// Flavor -> EUR cents per 30 days, from the published list itself.
fn list_prices() -> BTreeMap<String, i128> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/prices/price-list-eur.csv"
    ))
    .unwrap();
    text.lines()
        .filter_map(|l| l.strip_prefix("FLAVOR-"))
        .map(|l| {
            let cells: Vec<&str> = l.split(',').collect();
            (
                cells[0].to_owned(),
                cells[6].replace('.', "").parse().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_made_up_month_equals_the_truth_seed_1() {
    check_seed(1);
}

#[test]
fn a_made_up_month_equals_the_truth_seed_2() {
    check_seed(2);
}

#[test]
fn a_made_up_month_equals_the_truth_seed_3() {
    check_seed(3);
}

#[test]
fn a_line_explains_itself_down_to_the_raw_object() {
    let (p, _) = simulated(4);
    let usage = json(&p.ok(&["usage", "--month", "2026-10", "--format", "json"]));
    let row = usage["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["meter"] == "compute.vcpu")
        .unwrap();
    let id = row["id"].as_str().unwrap();
    let e = json(&p.ok(&[
        "explain", id, "--month", "2026-10", "--raw", "--format", "json",
    ]));
    assert_eq!(e["row"], *row);
    let sum: i128 = e["pieces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|piece| piece["level"].as_str().unwrap().parse::<i128>().unwrap())
        .sum();
    assert!(sum > 0);
    let facts = e["facts"].as_array().unwrap();
    assert!(facts.len() >= 5 && e["passes"].as_array().is_some_and(|p| !p.is_empty()));
    for f in facts {
        let hash = f["raw"].as_str().unwrap();
        assert!(
            e["raws"][hash]
                .as_str()
                .unwrap()
                .contains(row["resource"].as_str().unwrap()),
            "the object behind the fact names the server"
        );
    }
    let text = p.ok(&["explain", id, "--month", "2026-10"]);
    assert!(
        text.contains("What counts") && text.contains("sha256"),
        "{text}"
    );
    let (code, _, err) = p.run(&["explain", "0000", "--month", "2026-10"]);
    assert!(
        code == 1 && err.contains("no line has the id 0000"),
        "{code} {err}"
    );
}
