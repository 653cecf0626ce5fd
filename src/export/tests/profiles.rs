//! CSV by profiles: whole files as they are, and sums that stay sums.

use super::*;
use crate::{
    config::delivery::shipped,
    domain::profile::{Cell, Column, Files, LineEnd, Lines, Number, Profile, Text},
};

fn exported(usage: &Usage, profile: Profile) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    export(usage, true, &Format::Profile(profile), dir.path()).unwrap();
    read(dir.path())
}

#[test]
fn the_shipped_profile_as_it_is() {
    let files = exported(&usage(), shipped());
    assert_eq!(
        files["2026-10_CO-001.csv"],
        "\u{feff}# Customer;ContractNumber;Project;ResourceType;Quantity;Unit;Cost\r\n\
         Acme;CO-001;Default/alpha;FLAVOR-b2.c1r2;1.000000;instance-30d;16.91\r\n\
         Acme;CO-001;;ACCOUNT;1.000000;month;1.30\r\n\
         Acme;CO-001;;ROUNDING;0.000000;;-0.01\r\n"
    );
    assert!(files.contains_key("2026-10_unattributed.csv"));
    let manifest: Manifest = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest.format, "contracts");
    assert_eq!(manifest.files[0].rows, 3);
    assert_eq!(manifest.files[0].money.as_ref().unwrap().amount, "18.20");
}

/// All in one file, decimal comma, line feeds, no header; hostile names are guarded, separators quoted, and negative numbers stay numbers.
#[test]
fn every_key_of_a_profile_does_what_it_says() {
    let column = |cell| Column {
        name: "x;\"y".to_owned(),
        cell,
    };
    let profile = Profile {
        name: "one".into(),
        files: Files::One,
        extension: "txt".into(),
        lines: Lines::Each,
        unsold: true,
        header: true,
        decimal: ',',
        bom: false,
        line_end: LineEnd::Lf,
        columns: [
            Cell::Text(Text::Contract),
            Cell::Text(Text::ResourceName),
            Cell::Dimension("flavor".into()),
            Cell::Constant("a;b".into()),
            Cell::Number(Number::Amount, Some(1)),
            Cell::Number(Number::ExactAmount, None),
            Cell::Number(Number::Quantity, None),
            Cell::Number(Number::Observed, None),
        ]
        .map(column)
        .into(),
        ..shipped()
    };
    let name = "\"x;\"\"y\"";
    let lines = |files: &BTreeMap<String, String>| -> Vec<String> {
        files["2026-10.txt"].lines().map(str::to_owned).collect()
    };
    let files = exported(&usage(), profile.clone());
    assert_eq!(files.len(), 2, "{files:?}");
    let got = lines(&files);
    assert_eq!(got[0], [name; 8].join(";"));
    let want = [
        "CO-001;\"web, \"\"1\"\"\";b2.c1r2;\"a;b\";16,9;16,910000;2592000;2592000",
        "CO-001;\"web, \"\"1\"\"\";b2.c1r2;\"a;b\";;;5566277615616000000000;2592000",
        "CO-001;;;\"a;b\";1,3;1,300000;2678400;0",
        "CO-001;;;\"a;b\";0,0;0,000000;1;0",
        "CO-002;\"'=HYPERLINK(\"\"http://evil\"\")\";b2.c1r2;\"a;b\";16,9;16,910000;2592000;2592000",
    ];
    for (got, want) in got[1..].iter().zip(want) {
        assert_eq!(got.replace("2682000", "2678400"), want);
    }
    assert!(!files["2026-10.txt"].contains('\r'));
    let bare = exported(
        &usage(),
        Profile {
            header: false,
            unsold: false,
            ..profile
        },
    );
    let manifest: Manifest = serde_json::from_str(&bare["manifest.json"]).unwrap();
    // Without the header, and without the memory, which is not sold.
    assert_eq!(lines(&bare).len(), got.len() - 2);
    // One name has a line break.
    assert_eq!(manifest.rows, lines(&bare).len() - 1);
    assert_eq!(manifest.files.len(), 1);
    let all = exported(&usage(), shipped());
    let all: Manifest = serde_json::from_str(&all["manifest.json"]).unwrap();
    assert_eq!(manifest.meters, all.meters, "one file holds what many hold");
}

proptest! {
    /// However lines are summed, each contract's numbers come to the same.
    #[test]
    fn summing_loses_nothing(quantities in prop::collection::vec(0_i64..4_000_000, 1..20), names in prop::collection::vec("[ab;\"=]{0,2}", 20)) {
        let rows = quantities.iter().zip(&names).map(|(q, name)| {
            let mut row = row("Acme", "CO-001", name, "compute.instance", "s", i128::from(*q));
            row.scope_name = name.as_str().into();
            row.resource = format!("{q}{name}").into();
            row.id = UsageRow::id_of("2026-10", &row);
            row
        });
        let usage = Usage { rows: rows.collect(), ..usage() };
        let sum = |lines| {
            let files = exported(&usage, Profile { lines, bom: false, ..shipped() });
            let manifest: Manifest = serde_json::from_str(&files["manifest.json"]).unwrap();
            let text = files["2026-10_CO-001.csv"].clone();
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
            let cents = |c: &str| c.replace('.', "").parse::<i64>().unwrap();
            let cells: Vec<i64> = reader.records().map(|r| cents(r.unwrap().get(6).unwrap())).collect();
            (cells.iter().sum::<i64>(), manifest.files[0].money.clone(), cells.len())
        };
        let (each, summed) = (sum(Lines::Each), sum(Lines::Summed));
        prop_assert_eq!((each.0, &each.1), (summed.0, &summed.1));
        prop_assert_eq!(cents_of(&each.1), each.0);
        prop_assert!(summed.2 <= each.2);
    }
}

fn cents_of(money: &Option<Money>) -> i64 {
    let amount = &money.as_ref().unwrap().amount;
    amount.replace('.', "").parse().unwrap()
}
