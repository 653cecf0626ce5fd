//! FOCUS 1.2: every rule of the columns file, the conditional rules of the specification, and the same in CSV and Parquet.

use super::*;
use crate::{
    domain::{
        charge::{Class, Priced},
        money::exact_text,
    },
    export::{
        focus::{COLUMNS, Focus},
        table::{Kind, SCALE, Table as _, Value},
        writer::Lot,
    },
};
use num_bigint::BigInt;
use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::Field,
};
use std::fs::File;

/// A rule of the columns file.
struct Rule {
    name: String,
    data_type: String,
    level: String,
    nullable: bool,
    allowed: Vec<String>,
}

fn rules() -> Vec<Rule> {
    let text = include_str!("../../../tests/captures/focus/columns-1.2.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    let rules = rows.map(|row| {
        let row = row.unwrap();
        // Subcategories are written with the category they belong to.
        let word = |w: &str| w.split_once('>').map_or(w, |(_, w)| w).to_owned();
        Rule {
            name: row["column"].clone(),
            data_type: row["data_type"].clone(),
            level: row["feature_level"].clone(),
            nullable: row["allows_nulls"] == "True",
            allowed: row["allowed_values"]
                .split('|')
                .filter(|w| !w.is_empty())
                .map(word)
                .collect(),
        }
    });
    rules.collect()
}

fn rational(text: &str) -> Rational {
    text.parse().unwrap()
}

/// A line of each class; usage by a tier of a third of a cent, and one that corrects another.
fn charges() -> Vec<Charge> {
    let (period, metered) = (october(), Metered::undated(usage()));
    let (book, rated) = (book(), rated(&metered));
    let account = crate::rating::Account {
        metered: &metered,
        period: &period,
        priced: Some((&rated, &book)),
    };
    let shares = account.shares().unwrap();
    let mut charges: Vec<Charge> = shares.values().flat_map(|s| account.charges(s)).collect();
    let like = |class: Class, priced: Priced, exact: &str, amount: i128| Charge {
        class,
        id: class.as_str().to_owned(),
        sku: class.as_str().to_uppercase(),
        priced,
        exact: rational(exact),
        amount,
        ..charges[0].clone()
    };
    let thirds = Priced {
        quantity: rational("1000001/3"),
        unit: "GB".into(),
        period: "hour".into(),
        amount: rational("1/300"),
        list: rational("1/150"),
    };
    let of_nothing = Priced::default();
    let more = vec![
        like(Class::Usage, thirds, "1000001/900", 111_111),
        like(Class::Rebate, of_nothing.clone(), "-1/3", -33),
        like(
            Class::Percentage,
            Priced {
                quantity: rational("1"),
                amount: rational("7/3"),
                list: rational("7/3"),
                ..of_nothing.clone()
            },
            "7/3",
            233,
        ),
        like(Class::Credit, of_nothing, "-5", -500),
        Charge {
            corrects: "x".into(),
            amount: -3,
            ..charges[0].clone()
        },
    ];
    charges.extend(more);
    charges
}

/// The lines of a table by column.
fn lines() -> Vec<(Charge, BTreeMap<&'static str, Value>)> {
    let period = october();
    let focus = Focus {
        provider: "Nordic",
        period: &period,
    };
    let line = |c: Charge| {
        let values = focus.line(&c)?;
        assert_eq!(values.len(), COLUMNS.len());
        Some((c, COLUMNS.iter().map(|c| c.name).zip(values).collect()))
    };
    charges().into_iter().filter_map(line).collect()
}

#[test]
fn columns_types_nulls_and_values_are_those_of_the_specification() {
    let rules = rules();
    assert!(rules.len() > 50, "{}", rules.len());
    let lines = lines();
    for rule in &rules {
        let Some(column) = COLUMNS.iter().find(|c| c.name == rule.name) else {
            assert_ne!(rule.level, "Mandatory", "{} is missing", rule.name);
            continue;
        };
        let kind = match rule.data_type.as_str() {
            "String" | "JSON" => column.kind == Kind::Text,
            "Decimal" => matches!(column.kind, Kind::Decimal(_)),
            "Date/Time" => column.kind == Kind::Time,
            other => panic!("{other}"),
        };
        assert!(kind, "{}: {:?}", rule.name, column.kind);
        assert_eq!(column.required, !rule.nullable, "{}", rule.name);
        for (_, line) in &lines {
            let value = &line[rule.name.as_str()];
            assert!(rule.nullable || *value != Value::Null, "{}", rule.name);
            if let (Value::Text(t), false) = (value, rule.allowed.is_empty()) {
                assert!(rule.allowed.contains(t), "{}: {t}", rule.name);
            }
        }
    }
    for column in COLUMNS {
        let known = rules.iter().any(|r| r.name == column.name);
        assert_ne!(known, column.name.starts_with("x_"), "{}", column.name);
    }
    let mandatory = rules.iter().filter(|r| r.level == "Mandatory").count();
    assert_eq!(mandatory, 21);
}

/// The rules of the specification that join columns: each is named by the column whose requirements state it.
#[test]
fn conditional_rules_hold_for_every_class_of_line() {
    let (mut classes, mut categories) = (Vec::new(), Vec::new());
    for (charge, line) in lines() {
        let null = |c: &str| line[c] == Value::Null;
        let text = |c: &str| match &line[c] {
            Value::Text(t) => t.clone(),
            other => panic!("{c}: {other:?}"),
        };
        let number = |c: &str| match &line[c] {
            Value::Decimal(n) => *n,
            other => panic!("{c}: {other:?}"),
        };
        let category = text("ChargeCategory");
        let correction = !null("ChargeClass");
        assert_eq!(correction, !charge.corrects.is_empty());
        let sold = ["Usage", "Purchase"].contains(&category.as_str()) && !correction;
        for c in [
            "PricingQuantity",
            "ListUnitPrice",
            "ContractedUnitPrice",
            "PricingCategory",
            "SkuId",
            "SkuPriceId",
        ] {
            assert!(!sold || !null(c), "{c} of {:?}", charge.class);
        }
        assert_eq!(null("PricingUnit"), null("PricingQuantity"));
        assert_eq!(null("ConsumedUnit"), null("ConsumedQuantity"));
        assert!(
            category == "Usage" || null("ConsumedQuantity"),
            "ConsumedQuantity"
        );
        assert!(
            category != "Usage" || correction || !null("ConsumedQuantity"),
            "ConsumedQuantity"
        );
        assert_eq!(null("SkuMeter"), null("SkuId"));
        assert!(
            null("SkuPriceDetails") || !null("SkuPriceId"),
            "SkuPriceDetails"
        );
        if !null("SkuPriceDetails") {
            let details: BTreeMap<String, String> =
                serde_json::from_str(&text("SkuPriceDetails")).unwrap();
            assert!(!details.is_empty() && details.keys().all(|k| k.starts_with("x_")));
        }
        assert_eq!(
            null("SkuPriceDetails"),
            !matches!(charge.class, Class::Usage | Class::Fee) || correction,
            "SkuPriceDetails of {:?}",
            charge.class
        );
        assert_eq!(null("SubAccountType"), null("SubAccountId"));
        assert!(
            category != "Purchase" || text("ChargeFrequency") != "Usage-Based",
            "ChargeFrequency"
        );
        for (price, cost) in [
            ("ContractedUnitPrice", "ContractedCost"),
            ("ListUnitPrice", "ListCost"),
        ] {
            if null(price) {
                assert_eq!(
                    number(cost),
                    number("BilledCost"),
                    "{cost}: unrelated to other charges"
                );
                continue;
            }
            let (q, p) = (number("PricingQuantity"), number(price));
            assert!(p >= 0, "{price}");
            let scale = BigInt::from(10).pow(SCALE);
            let product = Rational::new(BigInt::from(q) * BigInt::from(p), &scale * &scale);
            let off = product - Rational::new(number(cost).into(), scale.clone());
            let half = Rational::new(1.into(), scale * 2);
            assert!(
                off <= half && -off <= half.clone(),
                "{cost} of {:?}",
                charge.class
            );
        }
        assert_eq!(number("EffectiveCost"), number("BilledCost"));
        classes.push(charge.class);
        categories.push(category);
    }
    for (class, _) in Class::ALL
        .into_iter()
        .filter(|(c, _)| *c != Class::Measured)
    {
        assert!(classes.contains(&class), "{class:?}");
    }
    for category in ["Usage", "Purchase", "Credit", "Adjustment"] {
        assert!(categories.iter().any(|c| c == category), "{category}");
    }
}

#[test]
fn units_are_written_as_the_specification_writes_them() {
    let units = |unit: &str, period: &str| {
        let (unit, period) = (unit.to_owned(), period.to_owned());
        crate::export::focus::pricing_unit(&Priced {
            unit,
            period,
            ..Priced::default()
        })
    };
    for (unit, period, want) in [
        ("GB", "30d", "GB/30 Days"),
        ("instance", "hour", "Instance-Hours"),
        ("address", "month", "Address-Months"),
        ("address", "30d", "Addresses/30 Days"),
        ("request", "", "Requests"),
        ("", "month", "Months"),
        ("", "", "Units"),
    ] {
        assert_eq!(units(unit, period), want);
    }
    for (quantity, unit, want) in [
        (3_600 << 31, "By.s", ("2", "GiB-Hours")),
        (5_400, "s", ("3/2", "Hours")),
        (7_200, "{vcpu}.s", ("2", "vCPU-Hours")),
        (3_600_000_000_000, "{cpu-n}.s", ("1", "CPU-Hours")),
        (1_500_000_000, "ns", ("3/2", "Seconds")),
        (1 << 29, "By", ("1/2", "GiB")),
        (7, "{request}", ("7", "Requests")),
        (3_600, "{address}.s", ("1", "Address-Hours")),
    ] {
        let (number, word) = crate::export::focus::consumed(quantity, unit);
        assert_eq!((exact_text(&number).as_str(), word.as_str()), want);
    }
}

/// Writes charges of one payer.
fn written(format: &Format, charges: &[Charge]) -> (tempfile::TempDir, Manifest) {
    let dir = tempfile::tempdir().unwrap();
    let period = october();
    let payer = ("Acme".to_owned(), "CO-001".to_owned());
    let mut writer =
        Writer::new(dir.path(), &period, format, std::slice::from_ref(&payer)).unwrap();
    let lot = Lot {
        payer: &payer,
        meters: Vec::new(),
        charges,
        currency: Some(("EUR", 2)),
    };
    writer.lot(&lot).unwrap();
    let about = About {
        time_zone: "Europe/Stockholm".into(),
        from: period.from.to_string(),
        to: period.to.to_string(),
        as_of: period.to.to_string(),
        facts: String::new(),
        definitions: BTreeMap::new(),
        book: None,
        closed: None,
    };
    let manifest = writer.finish(about).unwrap().manifest;
    (dir, manifest)
}

/// A cell of Parquet as text.
fn shown(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(s) => s.clone(),
        Field::Long(n) => n.to_string(),
        Field::TimestampMicros(t) => Ts(*t).to_string(),
        Field::Decimal(d) => {
            let units = BigInt::from_signed_bytes_be(d.data());
            let scale = u32::try_from(d.scale()).unwrap();
            exact_text(&Rational::new(units, BigInt::from(10).pow(scale)))
        }
        other => panic!("{other:?}"),
    }
}

fn parquet_rows(file: &Path) -> Vec<BTreeMap<String, String>> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| {
        let cells = row.get_column_iter();
        cells
            .map(|(name, field)| (name.clone(), shown(field)))
            .collect()
    })
    .collect()
}

/// One reader of CSV, another of Parquet: the same values. More rows than a row group has.
#[test]
fn csv_and_parquet_say_the_same() {
    let few = charges();
    let many: Vec<Charge> = std::iter::repeat_n(few, 400).flatten().collect();
    let (dir, manifest) = written(&Format::Focus("Nordic".into()), &many);
    assert_eq!(manifest.files[0].name, "2026-10_CO-001.focus.csv");
    let numbers: Vec<&str> = COLUMNS
        .iter()
        .filter(|c| matches!(c.kind, Kind::Decimal(_)))
        .map(|c| c.name)
        .collect();
    let mut reader = csv::Reader::from_path(dir.path().join(&manifest.files[0].name)).unwrap();
    let csv: Vec<BTreeMap<String, String>> = reader
        .deserialize::<BTreeMap<String, String>>()
        .map(|row| {
            let mut row = row.unwrap();
            for (name, cell) in &mut row {
                if numbers.contains(&name.as_str()) && !cell.is_empty() {
                    *cell = exact_text(&parse_decimal(cell).unwrap());
                } else {
                    *cell = unguarded(cell).to_owned();
                }
            }
            row
        })
        .collect();
    let (dir, manifest) = written(&Format::FocusParquet("Nordic".into()), &many);
    assert_eq!(manifest.files[0].name, "2026-10_CO-001.focus.parquet");
    let parquet = parquet_rows(&dir.path().join(&manifest.files[0].name));
    assert!(
        csv.len() > 4_000 && csv.len() == manifest.rows,
        "{}",
        csv.len()
    );
    assert_eq!(csv.len(), parquet.len());
    assert!(csv == parquet);
    let billed: Rational = csv.iter().map(|r| rational(&r["BilledCost"])).sum();
    let money = manifest.files[0].money.as_ref().unwrap();
    assert_eq!(billed, parse_decimal(&money.amount).unwrap(), "the bill");
    // The same bytes again.
    let again = written(&Format::FocusParquet("Nordic".into()), &many);
    assert_eq!(again.1, manifest);
}

#[test]
fn parquet_has_what_json_lines_have() {
    let charges = charges();
    let (dir, manifest) = written(&Format::Parquet, &charges);
    let parquet = parquet_rows(&dir.path().join(&manifest.files[0].name));
    let (dir, manifest) = written(&Format::Jsonl, &charges);
    let text = fs::read_to_string(dir.path().join(&manifest.files[0].name)).unwrap();
    assert_eq!(parquet.len(), charges.len());
    for (row, line) in parquet.iter().zip(text.lines()) {
        let line: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        for (key, value) in line {
            let told = match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(s) if key == "amount" => {
                    exact_text(&parse_decimal(&s).unwrap())
                }
                serde_json::Value::String(s) => s,
                other => other.to_string(),
            };
            assert_eq!(row[&key], told, "{key}");
        }
    }
}
