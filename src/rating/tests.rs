//! Tests of rating, with figures computed by hand.

use super::*;
use crate::domain::{
    money::{Rounding, exact_text, parse_decimal, units_to_text},
    price::{Count, PriceUnit, Quantity, Scheme},
    usage::Usage,
};
use chrono_tz::Europe::Stockholm;
use num_traits::Zero as _;
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
        dimensions: dims(&[("flavor", flavor), ("state", "active"), ("az", "nova")]).into(),
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
) -> Item {
    let price = Price {
        of: Measured::Meter(meter.into()),
        matches: dims(matches),
        amount: parse_decimal(amount).unwrap(),
        amount_text: amount.into(),
        per_quantity: Rational::from_integer(1.into()),
        unit,
        period,
        count: Count::Exact,
        quantity: Quantity::Total,
        included: Rational::zero(),
        scheme: Scheme::Flat,
    };
    Item {
        sku: sku.into(),
        name: format!("about {sku}"),
        from: None,
        to: None,
        terms: None,
        kind: ItemKind::Usage(price),
    }
}

/// Per so many units.
fn per(mut item: Item, quantity: i64) -> Item {
    if let ItemKind::Usage(p) = &mut item.kind {
        p.per_quantity = Rational::from_integer(quantity.into());
    }
    item
}

fn b2(sku: &str, matches: &[(&str, &str)], amount: &str) -> Item {
    price(
        sku,
        "compute.instance",
        matches,
        amount,
        PriceUnit::Instance,
        PricePeriod::Days30,
    )
}

fn book(items: Vec<Item>) -> PriceBook {
    PriceBook {
        name: "EUR 2026".into(),
        currency: "EUR".into(),
        decimals: 2,
        rounding: Rounding::HalfUp,
        items,
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

fn rate_rows(rows: Vec<UsageRow>, book: &PriceBook) -> Result<Rated, Vec<Unpriced>> {
    rate(
        &Metered::undated(usage(rows)),
        book,
        &october(),
        &BTreeMap::new(),
    )
}

/// (exact, rounded) of one row at one price.
fn rated(row: UsageRow, price: Item) -> (String, String) {
    let rated = rate_rows(vec![row], &book(vec![price])).unwrap();
    let line = &rated.bills[0].lines[0];
    let exact = exact_text(&line.exact.to_rational());
    (exact, units_to_text(line.amount, 2))
}

fn problems(rows: Vec<UsageRow>, prices: Vec<Item>) -> Vec<String> {
    rate_rows(rows, &book(prices))
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
    let p = per(
        price(
            "OUT",
            "network.bytes_out",
            &[],
            "5",
            PriceUnit::Gb,
            PricePeriod::Once,
        ),
        1_000,
    );
    let shown = |p: &Item| sku_price(p, &book(vec![]));
    assert_eq!(shown(&p), "5 EUR per 1000 GB");
    assert_eq!(
        rated(row("network.bytes_out", "By", "x", 250_000_000_000), p),
        ("5/4".into(), "1.25".into())
    );
    assert_eq!(
        shown(&b2("B", &[], "16.91")),
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
    let skus = |prices: Vec<Item>| -> Vec<String> {
        let book = book(prices);
        let rated = rate_rows(rows.clone(), &book).unwrap();
        let lines = rated.bills[0].lines.iter();
        lines.map(|l| book.items[l.item].sku.clone()).collect()
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
    use PricePeriod::{Days30, Once};
    use PriceUnit::{Gb, Instance, Vcpu};
    for (unit, per, period) in [
        ("s", Instance, Days30),
        ("{snapshot}.s", Instance, Days30),
        ("{message}", Instance, Once),
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
    let rated = rate_rows(rows, &book(vec![b2("B2", &[("flavor", "b2")], "4")])).unwrap();
    assert_eq!(rated.unsold, [0, 1]);
    let lines = &rated.bills[0].lines;
    assert_eq!((lines.len(), lines[0].rows.all()), (1, &[2][..]));
    assert_eq!(lines[0].amount, 0);
}

#[test]
fn what_a_platform_is_made_of_is_measured_and_never_billed() {
    let mut made_of = row("compute.instance", "s", "b2", 7_200);
    made_of.tenant = "platform".into();
    made_of.contract = "".into();
    // A customer who is called so pays.
    let mut customer = row("compute.instance", "s", "b2", 3_600);
    customer.tenant = "platform".into();
    let book = book(vec![b2("B2", &[], "4")]);
    let rows = vec![made_of, customer];
    let rated = rate_rows(rows.clone(), &book).unwrap();
    assert_eq!(rated.unsold, [0]);
    let [bill] = &rated.bills[..] else {
        panic!("{:?}", rated.bills)
    };
    assert_eq!((bill.contract.as_str(), bill.lines.len()), ("CO-001", 1));
    // It is in the account all the same, under nobody's contract.
    let metered = Metered::undated(usage(rows));
    let account = Account {
        metered: &metered,
        period: &october(),
        priced: Some((&rated, &book)),
    };
    let shares = account.shares().unwrap();
    let payer = ("platform".to_owned(), String::new());
    let charges: Vec<_> = account.charges(&shares[&payer]).collect();
    assert!(charges.len() == 1 && !charges[0].has_money());
}

#[test]
fn the_total_is_that_of_the_lines_or_of_the_invoice() {
    // Three lines of 0.005 EUR: each rounds to 0.01; their exact sum is 0.015, which rounds to 0.02.
    let mut rows = vec![row("compute.instance", "s", "b2", DAYS_30); 3];
    rows.push(UsageRow {
        tenant: "unattributed".into(),
        ..rows[0].clone()
    });
    let mut book = book(vec![b2("B2", &[], "0.005")]);
    let bills = |book: &PriceBook| -> Vec<_> {
        let rated = rate_rows(rows.clone(), book).unwrap();
        let bills = rated.bills.into_iter();
        bills
            .map(|b| (b.contract, b.lines.len(), b.rounding, b.total))
            .collect()
    };
    let nobody = (String::new(), 1, 0, 1);
    assert_eq!(bills(&book), [("CO-001".into(), 3, 0, 3), nobody.clone()]);
    book.round = RoundPer::Invoice;
    assert_eq!(bills(&book), [("CO-001".into(), 3, -1, 2), nobody]);
    // To whole euros, with a line of its own.
    book.total_step = Some(100);
    assert_eq!(bills(&book)[0], ("CO-001".into(), 3, -3, 0));
}

#[test]
fn amounts_and_totals_that_leave_128_bits_are_refused() {
    let dear = b2("DEAR", &[], "999999999999999999999999999999999999");
    let found = problems(
        vec![row("compute.instance", "s", "b2", DAYS_30 * 99_999)],
        vec![dear],
    );
    assert!(
        found[0].contains("`DEAR`, whose amount") && found[0].contains("128 bits"),
        "{found:?}"
    );
}

fn exact_sum_of(rows: Vec<UsageRow>, book: &PriceBook) -> Rational {
    let rated = rate_rows(rows, book).unwrap();
    let lines = rated.bills.iter().flat_map(|b| &b.lines);
    exact_sum(lines.map(|l| &l.exact))
}

proptest! {
    #[test]
    fn splitting_a_row_changes_no_exact_sum(a in any::<i64>(), b in any::<i64>(), cents in 0_u64..10_000_000, per in 1_i64..2_000, month in any::<bool>()) {
        let period = if month { PricePeriod::Month } else { PricePeriod::Days30 };
        let p = price("V", "volume.capacity", &[], &format!("{}.{:04}", cents / 10_000, cents % 10_000), PriceUnit::Gib, period);
        let book = book(vec![self::per(p, per)]);
        let of = |q: i128| row("volume.capacity", "By.s", "x", q);
        let (a, b) = (i128::from(a) << 30, i128::from(b));
        prop_assert_eq!(exact_sum_of(vec![of(a + b)], &book), exact_sum_of(vec![of(a), of(b)], &book));
    }

    #[test]
    fn the_order_of_rows_and_prices_is_irrelevant(flavors in prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 0_i128..99), 0..8)) {
        let rows: Vec<_> = flavors.into_iter().map(|(f, q)| row("compute.instance", "s", f, q)).collect();
        let prices = vec![b2("A", &[("flavor", "a")], "1"), b2("A2", &[("flavor", "a"), ("state", "active")], "2"), b2("B", &[("flavor", "b")], "3")];
        let of = |rows: Vec<UsageRow>, prices: Vec<Item>| -> Result<Vec<(String, i128)>, Vec<Unpriced>> {
            let book = book(prices);
            rate_rows(rows.clone(), &book).map(|rated| {
                let lines = rated.bills.iter().flat_map(|b| &b.lines);
                let mut all: Vec<_> = lines.map(|l| (rows[l.rows.all()[0]].id.clone(), l.amount)).collect();
                all.sort();
                all
            })
        };
        let there = of(rows.clone(), prices.clone());
        prop_assert_eq!(there, of(rows.into_iter().rev().collect(), prices.into_iter().rev().collect()));
    }
}
