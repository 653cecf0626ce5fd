//! Tests of exports: whole files as they are, and what foreign names may not do.

mod focus;
mod profiles;
mod verified;

use super::*;
use crate::domain::{
    Ts, UsageRow,
    digest::sha256_hex,
    money::{Rational, Rounding, parse_decimal},
    price::{
        Charged, Count, Fee, Item, ItemKind, Measured, Price, PricePeriod, PriceUnit, Quantity,
        Scheme,
    },
};
use crate::rating;
use chrono_tz::Europe::Stockholm;
use proptest::prelude::*;
use std::fs;

fn row(
    tenant: &str,
    contract: &str,
    name: &str,
    meter: &str,
    unit: &str,
    quantity: i128,
) -> UsageRow {
    let dimensions = [("flavor", "b2.c1r2"), ("state", "active"), ("az", "nova")];
    let mut row = UsageRow {
        id: String::new(),
        tenant: tenant.into(),
        contract: contract.into(),
        scope: "7fb1f0".into(),
        scope_name: "Default/alpha".into(),
        source: "lab".into(),
        kind: "server".into(),
        resource: "9a1c".into(),
        resource_name: name.into(),
        meter: meter.into(),
        unit: unit.into(),
        dimensions: dimensions.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        quantity,
        observed_s: 2_592_000,
        expected_s: 2_592_060,
    };
    row.id = UsageRow::id_of("2026-10", &row);
    row
}

/// Acme's server, a hostile name, and one that nobody owns.
fn usage() -> Usage {
    let server =
        |tenant, contract, name| row(tenant, contract, name, "compute.instance", "s", 2_592_000);
    let rows = vec![
        server("Acme", "CO-001", "web, \"1\""),
        row(
            "Acme",
            "CO-001",
            "web, \"1\"",
            "compute.memory",
            "By.s",
            5_566_277_615_616_000_000_000,
        ),
        server("Beta", "CO-002", "=HYPERLINK(\"http://evil\")"),
        server("unattributed", "", "-x\ny"),
    ];
    Usage {
        month: "2026-10".into(),
        time_zone: "Europe/Stockholm".into(),
        as_of: Ts::from_second(1_793_500_000),
        rows,
    }
}

fn book() -> PriceBook {
    let price = Price {
        of: Measured::Meter("compute.instance".into()),
        matches: BTreeMap::from([("flavor".to_owned(), "b2.c1r2".to_owned())]),
        amount: parse_decimal("16.91").unwrap(),
        amount_text: "16.91".into(),
        per_quantity: Rational::from_integer(1.into()),
        unit: PriceUnit::Instance,
        period: PricePeriod::Days30,
        count: Count::Exact,
        quantity: Quantity::Total,
        included: Rational::from_integer(0.into()),
        scheme: Scheme::Flat,
    };
    let fee = Fee {
        amount: parse_decimal("1.30").unwrap(),
        amount_text: "1.30".into(),
        period: PricePeriod::Month,
        charged: Charged::EveryContract,
    };
    let item = |sku: &str, name: &str, kind| Item {
        sku: sku.into(),
        name: name.into(),
        from: None,
        to: None,
        terms: None,
        kind,
    };
    PriceBook {
        name: "EUR 2026".into(),
        currency: "EUR".into(),
        decimals: 2,
        rounding: Rounding::HalfUp,
        total_step: Some(10),
        items: vec![
            item("FLAVOR-b2.c1r2", "boot from volume", ItemKind::Usage(price)),
            item("ACCOUNT", "account", ItemKind::Fee(fee)),
        ],
        hash: "b00c".into(),
        ..PriceBook::default()
    }
}

fn october() -> Period {
    Period::month("2026-10", Stockholm).unwrap()
}

fn rated(metered: &Metered) -> Rated {
    rating::rate(metered, &book(), &october(), &BTreeMap::new()).unwrap()
}

fn export(
    usage: &Usage,
    priced: bool,
    format: &Format,
    out: &Path,
) -> Result<Written, ExportError> {
    let (book, period) = (book(), october());
    let metered = Metered::undated(usage.clone());
    let rated = rated(&metered);
    let definitions = BTreeMap::from([
        ("meters".to_owned(), "3e7e".to_owned()),
        ("tenancy".to_owned(), "7e2a".to_owned()),
    ]);
    let priced = priced.then_some(Priced {
        rated: &rated,
        book: &book,
    });
    write(
        &Export {
            metered: &metered,
            period: &period,
            priced,
            definitions: &definitions,
            facts: "fac7",
        },
        format,
        out,
    )
}

/// All files of a directory, hidden ones too.
fn read(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|e| {
            (
                e.file_name().into_string().unwrap(),
                fs::read_to_string(e.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn csv_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    export(&usage(), true, &Format::Csv, dir.path()).unwrap();
    let files = read(dir.path());
    let names: Vec<_> = files.keys().collect();
    assert_eq!(
        names,
        [
            "2026-10_CO-001.csv",
            "2026-10_CO-002.csv",
            "2026-10_unattributed.csv",
            "manifest.json"
        ]
    );
    let line_ends_shown = |name: &str| files[name].replace("\r\n", "␍\n");
    insta::assert_snapshot!("csv_of_a_contract", line_ends_shown("2026-10_CO-001.csv"));
    insta::assert_snapshot!(
        "csv_with_a_hostile_name",
        line_ends_shown("2026-10_CO-002.csv")
    );
    insta::assert_snapshot!("csv_of_nobody", line_ends_shown("2026-10_unattributed.csv"));
    let version = concat!("plimsoll ", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(
        "manifest_of_csv",
        files["manifest.json"].replace(version, "plimsoll VERSION")
    );
}

#[test]
fn jsonl_as_it_is_and_as_its_schema_says() {
    let schema: serde_json::Value = serde_json::from_str(&schema_text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for priced in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        export(&usage(), priced, &Format::Jsonl, dir.path()).unwrap();
        let files = read(dir.path());
        if priced {
            insta::assert_snapshot!("jsonl_of_a_contract", files["2026-10_CO-001.jsonl"]);
        }
        for line in files
            .iter()
            .filter(|(n, _)| n.ends_with(".jsonl"))
            .flat_map(|(_, text)| text.lines())
        {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let faults: Vec<String> = validator
                .iter_errors(&value)
                .map(|e| e.to_string())
                .collect();
            assert!(faults.is_empty(), "{faults:?} in {line}");
            let keys: std::collections::BTreeSet<&str> = value
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(keys, COLUMNS.into(), "one set of columns in both formats");
            let mut wrong = value.clone();
            wrong["quantity"] = 1.5.into();
            assert!(!validator.is_valid(&wrong), "the schema refuses something");
        }
    }
}

fn schema_text() -> String {
    let generator = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    format!(
        "{}\n",
        serde_json::to_string_pretty(&generator.into_root_schema_for::<Row<'_>>()).unwrap()
    )
}

#[test]
fn the_schema_is_made_from_the_type() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/export/usage-row.schema.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, schema_text()).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(
        kept,
        schema_text(),
        "run the tests with UPDATE_SCHEMAS=1 to write it anew"
    );
}

#[test]
fn the_manifest_proves_the_files() {
    for (priced, format) in [(true, Format::Csv), (false, Format::Jsonl)] {
        let dir = tempfile::tempdir().unwrap();
        let written = export(&usage(), priced, &format, dir.path()).unwrap();
        let files = read(dir.path());
        let manifest: Manifest = serde_json::from_str(&files["manifest.json"]).unwrap();
        assert_eq!(manifest, written.manifest);
        assert_eq!(written.paths.len(), files.len());
        for f in &manifest.files {
            let text = &files[&f.name];
            assert_eq!(
                (f.sha256.clone(), f.bytes),
                (sha256_hex(text.as_bytes()), text.len() as u64)
            );
            assert_eq!(f.money.is_some(), priced);
        }
        assert_eq!(
            manifest.files.iter().map(|f| f.rows).sum::<usize>(),
            manifest.rows
        );
        for total in &manifest.meters {
            let parts = manifest
                .files
                .iter()
                .flat_map(|f| &f.meters)
                .filter(|m| m.meter == total.meter);
            let sum: i128 = parts.map(|m| m.quantity.parse::<i128>().unwrap()).sum();
            assert_eq!(
                sum.to_string(),
                total.quantity,
                "{}: tenants and nobody make the whole",
                total.meter
            );
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_replaces_no_other_file() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    export(&usage(), true, &Format::Csv, one.path()).unwrap();
    fs::write(two.path().join("notes.txt"), "mine").unwrap();
    fs::write(two.path().join("2026-10_CO-001.csv"), "old").unwrap();
    export(&usage(), true, &Format::Csv, &two.path().join(".")).unwrap();
    let mut again = read(two.path());
    assert_eq!(again.remove("notes.txt").as_deref(), Some("mine"));
    assert_eq!(read(one.path()), again);
}

#[test]
fn without_unattributed_usage_there_is_no_file_for_it() {
    let mut usage = usage();
    usage.rows.retain(|r| r.tenant != "unattributed");
    let dir = tempfile::tempdir().unwrap();
    export(&usage, true, &Format::Csv, dir.path()).unwrap();
    assert!(!read(dir.path()).contains_key("2026-10_unattributed.csv"));
    usage.rows.clear();
    let empty = tempfile::tempdir().unwrap();
    export(&usage, true, &Format::Csv, empty.path()).unwrap();
    assert_eq!(
        read(empty.path()).keys().collect::<Vec<_>>(),
        ["manifest.json"]
    );
}

#[test]
fn a_run_that_breaks_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("2026-10_CO-001.csv"), "old").unwrap();
    let in_the_way = dir.path().join("2026-10_CO-002.csv");
    fs::create_dir(&in_the_way).unwrap();
    let e = export(&usage(), true, &Format::Csv, dir.path())
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("cannot replace") && e.contains("2026-10_CO-002.csv"),
        "{e}"
    );
    fs::remove_dir(in_the_way).unwrap();
    assert_eq!(
        read(dir.path()),
        BTreeMap::from([("2026-10_CO-001.csv".to_owned(), "old".to_owned())])
    );

    let (mut huge, before) = (usage(), read(dir.path()));
    huge.rows[0].quantity = i128::MAX;
    assert!(matches!(
        export(&huge, true, &Format::Csv, dir.path()),
        Err(ExportError::Overflow { .. })
    ));
    assert_eq!(read(dir.path()), before);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (metered, book, period) = (Metered::undated(usage()), book(), october());
    let good = rated(&metered);
    let definitions = BTreeMap::new();
    let dir = tempfile::tempdir().unwrap();
    let try_with = |rated: &Rated, period: &Period| {
        let priced = Some(Priced { rated, book: &book });
        write(
            &Export {
                metered: &metered,
                period,
                priced,
                definitions: &definitions,
                facts: "",
            },
            &Format::Csv,
            dir.path(),
        )
    };
    let september = Period::month("2026-09", Stockholm).unwrap();
    assert!(matches!(
        try_with(&good, &september),
        Err(ExportError::Month { .. })
    ));
    let refused = |rated: &Rated| match try_with(rated, &period) {
        Err(ExportError::OtherBills(e)) => e.row,
        other => panic!("{other:?}"),
    };
    let mut less = good.clone();
    less.bills.pop();
    assert_eq!(refused(&less), 3, "a row without a bill");
    let mut swapped = good.clone();
    swapped.bills[0].contract = "CO-009".into();
    assert_eq!(refused(&swapped), 0, "a row on another's bill");
    let mut more = good.clone();
    more.unsold.push(9);
    assert_eq!(refused(&more), 9, "a row that is not there");
    assert!(read(dir.path()).is_empty());
    assert!(try_with(&good, &period).is_ok());
}

fn file_names(payers: &[(&str, &str)]) -> Vec<String> {
    let payers: Vec<Payer> = payers
        .iter()
        .map(|(t, c)| ((*t).to_owned(), (*c).to_owned()))
        .collect();
    names::of("2026-10", payers.iter(), "csv")
}

#[test]
fn file_names_stay_in_their_directory_and_apart() {
    let names = file_names(&[
        ("a", "CO-001"),
        ("b", "../../etc/passwd"),
        ("c", "x/y"),
        ("d", "x-y"),
        ("e", "ÅÄÖ"),
        ("f", "Co-7"),
        ("g", "cO-7"),
        ("h", "shared"),
        ("i", "shared"),
        ("j", "Unattributed"),
        ("k", ""),
        ("l", &"z".repeat(300)),
        ("unattributed", ""),
    ]);
    assert_eq!(names[0], "2026-10_CO-001.csv");
    assert_eq!(names[12], "2026-10_unattributed.csv");
    assert!(
        names[1].starts_with("2026-10_..-..-etc-passwd~"),
        "{}",
        names[1]
    );
    assert!(names[1..12].iter().all(|n| n.contains('~')), "{names:?}");
    assert!(names.iter().all(|n| n.len() < 160));
}

/// Takes a text cell's guard away, as `schemas/export/README.md` tells readers to.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

fn undimensioned(text: &str) -> BTreeMap<String, String> {
    let (mut found, mut key, mut part, mut chars) =
        (BTreeMap::new(), None, String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => part.extend(chars.next()),
            '=' => key = Some(std::mem::take(&mut part)),
            ';' => drop(found.insert(key.take().unwrap(), std::mem::take(&mut part))),
            c => part.push(c),
        }
    }
    found.extend(key.map(|k| (k, part)));
    found
}

proptest! {
    #[test]
    fn file_names_are_distinct_and_plain(contracts in prop::collection::btree_set("[aAbB./\\\\ ~ü-]{0,4}", 0..20)) {
        let payers: Vec<(&str, &str)> = contracts.iter().map(|c| ("t", c.as_str())).collect();
        let names = file_names(&payers);
        let distinct: std::collections::BTreeSet<String> = names.iter().map(|n| n.to_lowercase()).collect();
        prop_assert_eq!(distinct.len(), names.len());
        for n in &names {
            prop_assert!(n.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~".contains(&b)), "{}", n);
        }
    }

    /// A name no spreadsheet runs, and that a reader gets back to the byte.
    #[test]
    fn csv_loses_nothing_and_runs_nothing(name in "[-=+@'\t\r\n ,;\"＝a\u{1F4A3}]{0,6}", value in "[;=\\\\ a'-]{0,6}") {
        let mut usage = usage();
        usage.rows.truncate(1);
        usage.rows[0].resource_name = name.as_str().into();
        usage.rows[0].dimensions = BTreeMap::from([("flavor".to_owned(), "b2.c1r2".to_owned()), (value.clone(), value)]).into();
        let dir = tempfile::tempdir().unwrap();
        export(&usage, true, &Format::Csv, dir.path()).unwrap();
        let mut reader = csv::Reader::from_path(dir.path().join("2026-10_CO-001.csv")).unwrap();
        let cells = reader.records().next().unwrap().unwrap();
        prop_assert_eq!(unguarded(&cells[8]), &name);
        prop_assert!(!cells[8].trim_start().starts_with(['=', '+', '-', '@', '＝']), "{:?}", &cells[8]);
        prop_assert_eq!(undimensioned(unguarded(&cells[10])), BTreeMap::clone(&usage.rows[0].dimensions));
    }
}
