//! Tests of rating, with figures computed by hand.

use super::*;
use crate::domain::{Ts, money::Rounding};
use chrono_tz::Europe::Stockholm;
use proptest::prelude::*;

const DAYS_30: i128 = 2_592_000;

fn october() -> Period {
    Period::month("2026-10", Stockholm).unwrap()
}

fn dims(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn row(meter: &str, unit: &str, flavor: &str, quantity: i128) -> UsageRow {
    UsageRow {
        id: format!("{meter}-{flavor}-{quantity}"),
        tenant: "Acme".into(),
        contract: "CO-001".into(),
        scope: "p1".into(),
        scope_name: "Default/alpha".into(),
        source: "cloud1".into(),
        kind: "server".into(),
        resource: "s1".into(),
        resource_name: "web-1".into(),
        meter: meter.into(),
        unit: unit.into(),
        dimensions: dims(&[("flavor", flavor), ("state", "active"), ("az", "nova")]),
        quantity,
        observed_s: 10,
        expected_s: 10,
    }
}

fn price(
    sku: &str,
    meter: &str,
    matches: &[(&str, &str)],
    amount: &str,
    unit: PriceUnit,
    period: PricePeriod,
) -> Price {
    Price {
        sku: sku.into(),
        name: format!("about {sku}"),
        meter: meter.into(),
        matches: dims(matches),
        amount: parse_decimal(amount).unwrap(),
        amount_text: amount.into(),
        per_quantity: Rational::from_integer(1.into()),
        unit,
        period,
    }
}

fn b2(sku: &str, matches: &[(&str, &str)], amount: &str) -> Price {
    price(
        sku,
        "compute.instance",
        matches,
        amount,
        PriceUnit::Instance,
        PricePeriod::Days30,
    )
}

fn book(prices: Vec<Price>) -> PriceBook {
    PriceBook {
        name: "EUR 2026".into(),
        currency: "EUR".into(),
        decimals: 2,
        rounding: Rounding::HalfUp,
        prices,
        hash: "b00c".into(),
        ..PriceBook::default()
    }
}

fn usage(rows: Vec<UsageRow>) -> Usage {
    Usage {
        month: "2026-10".into(),
        time_zone: "Europe/Stockholm".into(),
        as_of: Ts::from_second(0),
        rows,
    }
}

/// (exact, rounded) of one row at one price.
fn rated(row: UsageRow, price: Price) -> (String, String) {
    let charges = rate(&usage(vec![row]), &book(vec![price]), &october()).unwrap();
    (exact_text(&charges[0].exact), charges[0].amount.clone())
}

fn problems(rows: Vec<UsageRow>, prices: Vec<Price>) -> Vec<String> {
    rate(&usage(rows), &book(prices), &october())
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn amounts_as_computed_by_hand() {
    let at = |q| {
        rated(
            row("compute.instance", "s", "b2.c1r2", q),
            b2("B", &[], "16.91"),
        )
    };
    // 16.91 EUR per 30 d: 1691/100; half of it 8.455, halves away from zero; a second is 16.91 / 2,592,000 EUR.
    assert_eq!(at(DAYS_30), ("1691/100".into(), "16.91".into()));
    assert_eq!(at(DAYS_30 / 2), ("1691/200".into(), "8.46".into()));
    assert_eq!(at(1), ("1691/259200000".into(), "0.00".into()));
    // October 2026 in Stockholm: 745 h = 2,682,000 s. 16.91 x 2,682,000 / 2,592,000 = 17.49715277...
    assert_eq!(at(2_682_000), ("251959/14400".into(), "17.50".into()));
    let month = price(
        "M",
        "compute.instance",
        &[],
        "490.00",
        PriceUnit::Instance,
        PricePeriod::Month,
    );
    assert_eq!(
        rated(row("compute.instance", "s", "x", 2_682_000), month),
        ("490".into(), "490.00".into())
    );
    let hour = price(
        "H",
        "compute.vcpu",
        &[],
        "0.02",
        PriceUnit::Vcpu,
        PricePeriod::Hour,
    );
    assert_eq!(
        rated(row("compute.vcpu", "{vcpu}.s", "x", 4 * 3_600), hour),
        ("2/25".into(), "0.08".into())
    );
    let day = price(
        "D",
        "compute.gpu",
        &[],
        "3",
        PriceUnit::Gpu,
        PricePeriod::Day,
    );
    assert_eq!(
        rated(row("compute.gpu", "{gpu}.s", "x", 43_200), day),
        ("3/2".into(), "1.50".into())
    );
}

#[test]
fn a_gigabyte_is_not_a_gibibyte() {
    let at = |unit| {
        let p = price(
            "V",
            "volume.capacity",
            &[],
            "0.1068",
            unit,
            PricePeriod::Days30,
        );
        rated(
            row("volume.capacity", "By.s", "x", 1_000_000_000_000 * DAYS_30),
            p,
        )
        .1
    };
    // 10^12 B: 1,000 GB, 931.322574615... GiB, 1 TB, 0.909494701... TiB.
    assert_eq!(at(PriceUnit::Gb), "106.80");
    assert_eq!(at(PriceUnit::Gib), "99.47");
    assert_eq!(at(PriceUnit::Tb), "0.11");
    assert_eq!(at(PriceUnit::Tib), "0.10");
    // 4 TB for October overflows Int64 byte-seconds; money does not.
    let p = price(
        "V",
        "volume.capacity",
        &[],
        "0.1068",
        PriceUnit::Gb,
        PricePeriod::Month,
    );
    assert_eq!(
        rated(
            row(
                "volume.capacity",
                "By.s",
                "x",
                4_000_000_000_000 * 2_682_000
            ),
            p
        )
        .1,
        "427.20"
    );
}

#[test]
fn a_price_may_be_per_many_and_an_amount_has_no_period() {
    let mut p = price(
        "OUT",
        "network.bytes_out",
        &[],
        "5",
        PriceUnit::Gb,
        PricePeriod::Once,
    );
    p.per_quantity = Rational::from_integer(1_000.into());
    assert_eq!(unit_price(&p, "EUR"), "5 EUR per 1000 GB");
    assert_eq!(
        rated(row("network.bytes_out", "By", "x", 250_000_000_000), p),
        ("5/4".into(), "1.25".into())
    );
    assert_eq!(
        unit_price(&b2("B", &[], "16.91"), "EUR"),
        "16.91 EUR per 1 instance per 30d"
    );
}

#[test]
fn the_most_specific_price_wins() {
    let prices = vec![
        b2("STOPPED", &[("flavor", "b2"), ("state", "stopped")], "1"),
        b2("ANY", &[], "2"),
        b2("B2-ACTIVE", &[("flavor", "b2"), ("state", "active")], "3"),
        b2("B2", &[("flavor", "b2")], "4"),
    ];
    let rows = vec![
        row("compute.instance", "s", "b2", 1),
        row("compute.instance", "s", "l2", 1),
    ];
    let skus = |prices: Vec<Price>| -> Vec<String> {
        let charges = rate(&usage(rows.clone()), &book(prices), &october()).unwrap();
        charges.into_iter().map(|c| c.price.unwrap().sku).collect()
    };
    assert_eq!(skus(prices.clone()), ["B2-ACTIVE", "ANY"]);
    assert_eq!(
        skus(prices.into_iter().rev().collect()),
        ["B2-ACTIVE", "ANY"],
        "their order says nothing"
    );
}

#[test]
fn everything_without_a_price_is_named_with_the_way_out() {
    let flavors = ["z9", "b2", "a1"].map(|f| row("compute.instance", "s", f, 5));
    let found = problems(flavors.to_vec(), vec![b2("B2", &[("flavor", "b2")], "4")]);
    assert_eq!(found.len(), 2);
    insta::assert_snapshot!(found[0], @"price book `EUR 2026` has no price for compute.instance az=nova flavor=a1 state=active, used by web-1 (s1) in project Default/alpha of tenant Acme: add one that matches it, or one for all of compute.instance");
    assert!(found[1].contains("flavor=z9"));
}

#[test]
fn a_tie_names_both_whatever_their_order() {
    let tied = vec![
        b2("S", &[("state", "active")], "1"),
        b2("F", &[("flavor", "b2")], "4"),
        b2("ANY", &[], "2"),
    ];
    let found = problems(vec![row("compute.instance", "s", "b2", 5)], tied.clone());
    insta::assert_snapshot!(found[0], @"price book `EUR 2026` has two prices for compute.instance az=nova flavor=b2 state=active, `F` and `S`, used by web-1 (s1) in project Default/alpha of tenant Acme: let one of them match more, or remove it");
    assert_eq!(
        found,
        problems(
            vec![row("compute.instance", "s", "b2", 5)],
            tied.into_iter().rev().collect()
        )
    );
}

#[test]
fn a_price_in_another_unit_is_refused_not_applied() {
    let gb = price(
        "GB",
        "compute.vcpu",
        &[],
        "1",
        PriceUnit::Gb,
        PricePeriod::Hour,
    );
    insta::assert_snapshot!(problems(vec![row("compute.vcpu", "{vcpu}.s", "b2", 5)], vec![gb])[0], @"price book `EUR 2026` has `GB` per 1 GB per hour, but compute.vcpu is counted in {vcpu}.s, used by web-1 (s1) in project Default/alpha of tenant Acme: correct the price's unit or period");
    let mut nothing = b2("ZERO", &[], "1");
    nothing.per_quantity = Rational::zero();
    assert!(
        problems(vec![row("compute.instance", "s", "b2", 5)], vec![nothing])[0]
            .contains("`ZERO` per 0 units")
    );

    let fits = |unit: &str, per, period| fits_unit(unit, &price("x", "m", &[], "1", per, period));
    use PricePeriod::{Days30, Once};
    use PriceUnit::{Gb, Instance, Vcpu};
    for (unit, per, period) in [
        ("s", Instance, Days30),
        ("{address}.s", Instance, Days30),
        ("{request}", Instance, Once),
        ("By", Gb, Once),
    ] {
        assert!(fits(unit, per, period), "{unit}");
    }
    for (unit, per, period) in [
        ("s", Instance, Once),
        ("{vcpu}.s", Instance, Days30),
        ("By.s", Instance, Days30),
        ("By", Gb, Days30),
        ("By.s", Gb, Once),
        ("s", Vcpu, Days30),
        ("ns", Instance, Days30),
    ] {
        assert!(!fits(unit, per, period), "{unit}");
    }
}

#[test]
fn what_is_not_sold_or_not_used_needs_no_price() {
    let rows = vec![
        row("compute.memory", "By.s", "b2", 7),
        row("compute.instance", "s", "odd", 0),
        row("compute.instance", "s", "b2", 0),
    ];
    let charges = rate(
        &usage(rows),
        &book(vec![b2("B2", &[("flavor", "b2")], "4")]),
        &october(),
    )
    .unwrap();
    let got: Vec<_> = charges
        .iter()
        .map(|c| (c.price.as_ref().map(|p| p.sku.as_str()), c.amount.as_str()))
        .collect();
    assert_eq!(got, [(None, ""), (None, ""), (Some("B2"), "0.00")]);
}

#[test]
fn totals_sum_rounded_lines_and_tell_what_rounding_did() {
    // Three lines of 0.005 EUR: each rounds to 0.01; their exact sum would round to 0.02.
    let mut rows = vec![row("compute.instance", "s", "b2", DAYS_30); 3];
    rows.push(UsageRow {
        tenant: "unattributed".into(),
        contract: String::new(),
        ..rows[0].clone()
    });
    let book = book(vec![b2("B2", &[], "0.005")]);
    let charges = rate(&usage(rows), &book, &october()).unwrap();
    let totals = totals(&charges, &book).unwrap();
    let acme = &totals[&("Acme".to_owned(), "CO-001".to_owned())];
    assert_eq!((acme.lines, acme.amount.as_str()), (3, "0.03"));
    assert_eq!(
        (exact_text(&acme.exact), exact_text(&acme.rounding)),
        ("3/200".into(), "3/200".into())
    );
    assert_eq!(
        totals[&("unattributed".to_owned(), String::new())].amount,
        "0.01"
    );
}

fn exact_sum(rows: Vec<UsageRow>, book: &PriceBook) -> Rational {
    rate(&usage(rows), book, &october())
        .unwrap()
        .iter()
        .map(|c| &c.exact)
        .sum()
}

proptest! {
    #[test]
    fn splitting_a_row_changes_no_exact_sum(a in any::<i64>(), b in any::<i64>(), cents in 0_u64..10_000_000, per in 1_u64..2_000, month in any::<bool>()) {
        let period = if month { PricePeriod::Month } else { PricePeriod::Days30 };
        let mut p = price("V", "volume.capacity", &[], &format!("{}.{:04}", cents / 10_000, cents % 10_000), PriceUnit::Gib, period);
        p.per_quantity = Rational::from_integer(per.into());
        let book = book(vec![p]);
        let of = |q: i128| row("volume.capacity", "By.s", "x", q);
        let (a, b) = (i128::from(a) << 30, i128::from(b));
        prop_assert_eq!(exact_sum(vec![of(a + b)], &book), exact_sum(vec![of(a), of(b)], &book));
    }

    #[test]
    fn the_order_of_rows_and_prices_is_irrelevant(flavors in prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 0_i128..99), 0..8)) {
        let rows: Vec<_> = flavors.into_iter().map(|(f, q)| row("compute.instance", "s", f, q)).collect();
        let prices = vec![b2("A", &[("flavor", "a")], "1"), b2("A2", &[("flavor", "a"), ("state", "active")], "2"), b2("B", &[("flavor", "b")], "3")];
        let there = rate(&usage(rows.clone()), &book(prices.clone()), &october());
        let back = rate(&usage(rows.into_iter().rev().collect()), &book(prices.into_iter().rev().collect()), &october());
        prop_assert_eq!(there, back.map(|mut charges| { charges.reverse(); charges }));
    }
}
