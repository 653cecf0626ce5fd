//! Every way in which a price can be charged, with figures worked out by hand.

use super::{lines, month, quoted, refused, total, with};
use plimsoll::{
    config::book,
    domain::{
        Ts, UsageRow,
        bill::{Metered, Stretch},
        money::units_to_text,
        usage::Usage,
    },
    rating,
};
use std::collections::BTreeMap;

const STORAGE: &str = "meters: {store: {unit: By.s, dimensions: [class]}, out: {unit: By}, calls: {unit: '{request}'}}\n";

#[test]
fn graduated_tiers_over_the_months_total() {
    let book = with(&format!(
        "{STORAGE}prices: [{{sku: S, name: s, meter: store, unit: GB, period: month, included: 50,
           tiers: [{{up_to: 100, amount: 2}}, {{up_to: 300, amount: 1}}, {{amount: 0.5}}]}}]\n"
    ));
    // 500 GB in three buckets: 50 included, 100 x 2 + 200 x 1 + 150 x 0.5 = 475.
    let used = ["store 200 GB", "store 200 GB", "store class=x 100 GB"];
    let parts = [
        ("S", "0.00"),
        ("S", "200.00"),
        ("S", "200.00"),
        ("S", "75.00"),
    ];
    assert_eq!(
        quoted(&book, "2026-10", &used, "", &[]),
        (lines(&parts), "475.00".into())
    );
    // On the edge of the first tier; and half of October, 372.5 of 745 h: 75 GB all month, 25 beyond what is included, x 2.
    assert_eq!(total(&book, "2026-10", &["store 150 GB"]), "200.00");
    assert_eq!(
        total(&book, "2026-10", &["store 150 GB for 1341000s"]),
        "50.00"
    );
    assert_eq!(total(&book, "2026-10", &["store 10 GB"]), "0.00");
}

#[test]
fn volume_and_package_tiers() {
    let book = with(&format!(
        "{STORAGE}prices:
           - {{sku: V, name: v, meter: store, unit: GB, period: month, scheme: volume, tiers: [{{up_to: 100, amount: 2}}, {{amount: 1}}]}}
           - {{sku: P, name: p, meter: out, amount: 5, per: 100, unit: GB, period: none, scheme: package, included: 10}}
           - {{sku: C, name: c, meter: calls, amount: 0.40, per: 1000, unit: request, period: none}}\n"
    ));
    assert_eq!(total(&book, "2026-02", &["store 100 GB"]), "200.00");
    assert_eq!(
        total(&book, "2026-02", &["store 60 GB", "store 41 GB"]),
        "101.00"
    );
    // 10 GB are included: 110 GB are one package, a byte more is two.
    assert_eq!(total(&book, "2026-10", &["out 10 GB"]), "0.00");
    assert_eq!(total(&book, "2026-10", &["out 110 GB"]), "5.00");
    assert_eq!(
        total(&book, "2026-10", &["out 110 GB", "out 0.000000001 GB"]),
        "10.00"
    );
    // 2,500,001 requests at 0.40 a thousand: 1,000.0004.
    assert_eq!(
        total(&book, "2026-10", &["calls 2500001 request"]),
        "1000.00"
    );
}

#[test]
fn started_hours_and_minutes_of_each_unbroken_stretch() {
    let priced = |count: &str| {
        with(&format!(
            "prices: [{{sku: H, name: h, meter: compute.instance, amount: 1, unit: instance, period: hour, count: {count}}}]\n"
        ))
    };
    // 90 min and 1 s: 1.50027..., 91 started minutes (1.51666...), 2 started hours.
    let used = ["compute.instance flavor=a for 5401s"];
    assert_eq!(total(&priced("exact"), "2026-10", &used), "1.50");
    assert_eq!(total(&priced("started_minutes"), "2026-10", &used), "1.52");
    assert_eq!(total(&priced("started_hours"), "2026-10", &used), "2.00");
    // Each resource by itself: 2 x 2.
    let twice = [used[0], used[0]];
    assert_eq!(total(&priced("started_hours"), "2026-10", &twice), "4.00");
}

/// A usage of one server by (from, to, state), in seconds from October's beginning.
fn server(stretches: &[(i64, i64, &str)]) -> Metered {
    let from = month("2026-10").from.second();
    let mut rows: BTreeMap<String, (UsageRow, Vec<Stretch>)> = BTreeMap::new();
    for (start, end, state) in stretches {
        let dimensions = [("flavor", "a"), ("state", state), ("az", "")];
        let mut row = UsageRow {
            id: String::new(),
            tenant: "t".into(),
            contract: "C".into(),
            scope: "p".into(),
            scope_name: "d/p".into(),
            source: "s".into(),
            kind: "server".into(),
            resource: "r".into(),
            resource_name: "r".into(),
            meter: "compute.instance".into(),
            unit: "s".into(),
            dimensions: dimensions.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            quantity: 0,
            observed_s: 0,
            expected_s: 0,
        };
        row.id = UsageRow::id_of("2026-10", &row);
        let (row, all) = rows.entry((*state).to_owned()).or_insert((row, Vec::new()));
        row.quantity += i128::from(end - start);
        row.observed_s += end - start;
        row.expected_s += end - start;
        all.push(Stretch {
            start: from + start,
            end: from + end,
            level: 1,
            observed: true,
            lasts_to: from + end,
        });
    }
    let (rows, stretches) = rows.into_values().unzip();
    let usage = Usage {
        month: "2026-10".into(),
        time_zone: "Europe/Stockholm".into(),
        as_of: month("2026-10").to,
        rows,
    };
    Metered { usage, stretches }
}

fn totals(metered: &Metered, book: &plimsoll::domain::PriceBook) -> (usize, String) {
    let rated = rating::rate(metered, book, &month("2026-10"), &BTreeMap::new()).unwrap();
    let [bill] = rated.bills.as_slice() else {
        panic!("{rated:?}")
    };
    (bill.lines.len(), units_to_text(bill.total, book.decimals))
}

#[test]
fn a_server_that_stops_for_a_moment_starts_no_new_hour() {
    let book = with(
        "prices: [{sku: H, name: h, meter: compute.instance, amount: 1, unit: instance, period: hour, count: started_hours}]\n",
    );
    // 10:00 to 10:30 active, then stopped until 10:50: one unbroken stretch of 50 min, one hour, one line.
    let unbroken = server(&[(36_000, 37_800, "active"), (37_800, 39_000, "stopped")]);
    assert_eq!(totals(&unbroken, &book), (1, "1.00".into()));
    // With a minute between them they are two.
    let broken = server(&[(36_000, 37_800, "active"), (37_860, 39_000, "stopped")]);
    assert_eq!(totals(&broken, &book), (1, "2.00".into()));
}

#[test]
fn a_service_unit_is_the_most_of_its_parts_at_each_moment() {
    let book = with(
        "prices:
           - sku: SU
             name: service units
             service_unit: [{meter: compute.vcpu, unit: vCPU}, {meter: compute.memory, per: 4, unit: GiB}]
             amount: 10
             unit: service unit
             period: month\n",
    );
    let quote = |uses: Vec<plimsoll::domain::price::Use>| {
        let rated = rating::quote(&uses, &book, &month("2026-10"), "", &BTreeMap::new());
        let (_, book, rated) = rated.unwrap();
        super::shown(&rated, &book)
    };
    let part = |resource: &str, text: &str| plimsoll::domain::price::Use {
        resource: resource.into(),
        ..book::parse_use(text, &book).unwrap()
    };
    // 2 vCPU and 16 GiB: max(2, 16/4) = 4. 8 vCPU and 16 GiB: 8. 1 vCPU and 6 GiB: 1.5.
    let all = vec![
        part("a", "compute.vcpu 2 vCPU"),
        part("a", "compute.memory 16 GiB"),
        part("b", "compute.vcpu 8 vCPU"),
        part("b", "compute.memory 16 GiB"),
        part("c", "compute.vcpu 1 vCPU"),
        part("c", "compute.memory 6 GiB"),
    ];
    let want = lines(&[("SU", "40.00"), ("SU", "80.00"), ("SU", "15.00")]);
    assert_eq!(quote(all), (want, "135.00".into()));
    // The most at each moment, not of the month's sums: 4 vCPU for half of the month, 16 GiB in its other half, 4 all the time.
    let mut memory = part("a", "compute.memory 16 GiB for 1341000s");
    memory.from = Some(month("2026-10").from.plus_seconds(1_341_000));
    let halves = vec![part("a", "compute.vcpu 4 vCPU for 1341000s"), memory];
    assert_eq!(quote(halves).1, "40.00");
}

#[test]
fn a_price_change_at_noon_on_the_15th_splits_the_line() {
    let book = with(
        "prices:
           - {sku: A, name: a, meter: compute.instance, match: {flavor: a}, amount: 72, unit: instance, period: 30d, to: 2026-10-15T12:00:00+02:00}
           - {sku: A, name: a, meter: compute.instance, match: {flavor: a}, amount: 36, unit: instance, period: 30d, from: 2026-10-15T12:00:00+02:00}
           - {sku: B, name: b, meter: compute.instance, match: {flavor: b}, amount: 72, unit: instance, period: 30d}\n",
    );
    // 14.5 days at 72 = 348 h x 0.10 = 34.80; the other 397 h (745 - 348) x 0.05 = 19.85.
    let (shown, sum) = quoted(&book, "2026-10", &["compute.instance flavor=a"], "", &[]);
    assert_eq!(shown, lines(&[("A", "34.80"), ("A", "19.85")]));
    assert_eq!(sum, "54.65");
    // A line that does not change stays one: 745 h x 0.10.
    let (shown, _) = quoted(&book, "2026-10", &["compute.instance flavor=b"], "", &[]);
    assert_eq!(shown, lines(&[("B", "74.50")]));
    // Before and after, one price holds: 744 h of August x 0.10; 720 h of November x 0.05.
    assert_eq!(
        total(&book, "2026-08", &["compute.instance flavor=a"]),
        "74.40"
    );
    assert_eq!(
        total(&book, "2026-11", &["compute.instance flavor=a"]),
        "36.00"
    );
    // Stockholm's March lacks an hour: 743 h x 0.10.
    assert_eq!(
        total(&book, "2026-03", &["compute.instance flavor=a"]),
        "74.30"
    );
}

#[test]
fn what_a_contract_has_agreed_comes_first() {
    let book = with(
        "prices:
           - {sku: A, name: a, meter: compute.instance, match: {flavor: a}, amount: 100, unit: instance, period: month}
           - {sku: ANY, name: any, meter: compute.instance, amount: 50, unit: instance, period: month}
fees: [{sku: FEE, name: fee, amount: 30, period: month}]
percentages: [{sku: SUP, name: support, percent: 10, minimum: 20}]
contracts:
  - {contract: C1, amounts: {A: 80}, subscriptions: {FEE: 2, SUP: 1}, rebates: [{sku: REB, name: rebate, percent: 25, of: [A, ANY]}]}
  - contract: C2
    to: 2026-10-11
    prices: [{sku: ALL, name: all, meter: compute.instance, amount: 10, unit: instance, period: month}]
",
    );
    let used = ["compute.instance flavor=a", "compute.instance flavor=b"];
    let of = |contract: &str| quoted(&book, "2026-11", &used, contract, &[]);
    assert_eq!(of("").1, "150.00");
    // 80 + 50; two fees of 30; a quarter off 130; a tenth of 130 + 60 - 32.50 = 157.50 is 15.75, less than the minimum.
    let want = [
        ("A", "80.00"),
        ("ANY", "50.00"),
        ("FEE", "60.00"),
        ("REB", "-32.50"),
        ("SUP", "20.00"),
    ];
    assert_eq!(of("C1"), (lines(&want), "177.50".into()));
    // A contract's price wins over one of the list that matches more. Its terms end on October 11: 10 days at 10, then the list.
    // 240 h of 745 h: 10 x 240/745 = 3.22147... each; then 100 x 505/745 = 67.78523... and 50 x 505/745 = 33.89261...
    let (shown, sum) = quoted(&book, "2026-10", &used, "C2", &[]);
    let want = [
        ("ALL", "3.22"),
        ("ALL", "3.22"),
        ("A", "67.79"),
        ("ANY", "33.89"),
    ];
    assert_eq!(shown, lines(&want));
    assert_eq!(sum, "108.12");
}

#[test]
fn whole_kronor_have_a_line_of_their_own() {
    let priced = |rounding: &str| {
        with(&format!(
            "rounding: {{{rounding}}}\nprices: [{{sku: A, name: a, meter: compute.instance, amount: 33.335, unit: instance, period: month}}]\n"
        ))
    };
    let used = ["compute.instance"; 3];
    // Each line 33.335 rounds to 33.34: 100.02. Exactly it is 100.005, which is 100.01. To whole kronor both are 100.
    assert_eq!(total(&priced("per: line"), "2026-10", &used), "100.02");
    assert_eq!(total(&priced("per: invoice"), "2026-10", &used), "100.01");
    let even = "per: line, mode: half_even";
    assert_eq!(total(&priced(even), "2026-10", &used), "100.02");
    assert_eq!(
        total(&priced("per: line, total_to: 1"), "2026-10", &used),
        "100.00"
    );
    assert_eq!(total(&priced("decimals: 0"), "2026-10", &used), "99");
    let book = priced("per: line, total_to: 1");
    let none = BTreeMap::new();
    let (_, _, rated) = rating::quote(
        &super::uses(&used, &book),
        &book,
        &month("2026-10"),
        "",
        &none,
    )
    .unwrap();
    let bill = &rated.bills[0];
    assert_eq!((bill.rounding, bill.total), (-2, 10_000));
}

#[test]
fn a_hundred_years_and_an_exbibyte_overflow_nothing() {
    let book = with(&format!(
        "{STORAGE}prices:
           - {{sku: S, name: s, meter: store, match: {{class: a}}, amount: 0.1, unit: GB, period: 30d}}
           - {{sku: H, name: h, meter: store, match: {{class: b}}, amount: 0.1, unit: GB, period: hour, count: started_hours}}
           - {{sku: P, name: p, meter: store, match: {{class: c}}, amount: 0.1, unit: GB, period: month, quantity: peak}}
           - {{sku: T, name: t, meter: store, match: {{class: d}}, unit: TiB, period: month, tiers: [{{up_to: 1, amount: 7}}, {{amount: 6}}]}}
           - {{sku: FREE, name: free, meter: store, match: {{class: e}}, amount: 0, unit: GB, period: month, to: 2026-10-15}}
           - {{sku: V, name: v, meter: store, match: {{class: e}}, amount: 1, unit: GB, period: month, from: 2026-10-15}}\n"
    ));
    let (from, to) = (
        Ts::parse("1976-01-01T00:00:00Z").unwrap(),
        Ts::parse("2076-01-01T00:00:00Z").unwrap(),
    );
    let seconds = to.second() - from.second();
    let mut metered = server(&[(0, 1, "active")]);
    let row = metered.usage.rows.remove(0);
    metered.stretches.clear();
    for class in ["a", "b", "c", "d", "e"] {
        metered.usage.rows.push(UsageRow {
            id: class.into(),
            meter: "store".into(),
            unit: "By.s".into(),
            dimensions: BTreeMap::from([("class".to_owned(), class.to_owned())]).into(),
            quantity: i128::from(1_i64 << 60) * i128::from(seconds),
            ..row.clone()
        });
        metered.stretches.push(vec![Stretch {
            start: from.second(),
            end: to.second(),
            level: 1 << 60,
            observed: true,
            lasts_to: to.second(),
        }]);
    }
    let rated = rating::rate(&metered, &book, &month("2026-10"), &BTreeMap::new()).unwrap();
    let line = |sku: &str| {
        let lines = rated.bills[0].lines.iter();
        let mut of_sku = lines.filter(|l| book.items[l.item].sku == sku);
        units_to_text(of_sku.next_back().unwrap().amount, 2)
    };
    // 1 EiB = 1,152,921,504.606846976 GB. A hundred years are 36,525 days (25 leap days), 1,217.5 times 30 days: x 0.1 x 1,217.5.
    assert_eq!(seconds, 36_525 * 86_400);
    assert_eq!(line("S"), "140368193185.88");
    // Clipped to October, 745 h: x 0.1 x 745. The peak once: x 0.1.
    assert_eq!(line("H"), "85892652093.21");
    assert_eq!(line("P"), "115292150.46");
    // From the 15th on, 409 of 745 h (17 days and the hour that October has more): x 409/745.
    assert_eq!(line("V"), "632946168.30");
    let t = line("T");
    assert!(t.len() > 8, "{t}");
}

#[test]
fn the_first_of_the_month_is_the_providers() {
    // A flavor that costs 1 a second from 1 October 00:00 in Stockholm on; the month has 2,682,000 s.
    let book = with(
        "prices: [{sku: A, name: a, meter: compute.instance, amount: 3600, unit: instance, period: hour, from: 2026-10-01}]\n",
    );
    assert_eq!(total(&book, "2026-10", &["compute.instance"]), "2682000.00");
    // Before its first price a meter is measured, not sold; after its last one the bill fails.
    let none = BTreeMap::new();
    let before = super::uses(&["compute.instance"], &book);
    let quote = rating::quote(&before, &book, &month("2026-09"), "", &none);
    assert!(quote.unwrap().2.bills.is_empty());
    let ended = with(
        "prices: [{sku: A, name: a, meter: compute.instance, amount: 1, unit: instance, period: hour, to: 2026-10-01}]\n",
    );
    let why = refused(&ended, "2026-10", &["compute.instance flavor=f"]);
    assert!(
        why.contains("no price for compute.instance flavor=f"),
        "{why}"
    );
}

#[test]
fn uses_in_words_say_what_is_wrong_with_them() {
    let book = with(&format!("{STORAGE}prices: []\n"));
    let wrong = |text: &str| book::parse_use(text, &book).unwrap_err();
    for (text, part) in [
        ("", "is empty"),
        ("compute.instnce", "did you mean `compute.instance`?"),
        ("store 5", "needs a unit: GB, GiB, TB or TiB"),
        (
            "store 5 vCPU",
            "vCPU does not fit store, which is measured in By.s",
        ),
        ("store 5 Gb", "there is no unit `Gb`"),
        ("compute.instance x", "`x` is not a decimal number"),
        ("compute.instance 1.5", "no whole number of s"),
        ("compute.instance -1", "or negative"),
        ("compute.instance 1 for", "is `for` and a length of time"),
        (
            "compute.instance 1 for ever",
            "`ever` is not a length of time",
        ),
        (
            "compute.instance 1 for 5h more",
            "is `for` and a length of time",
        ),
    ] {
        let told = wrong(text);
        assert!(
            told.contains(part) && told.contains("write it as"),
            "{told}"
        );
    }
    let used = book::parse_use("out 0.5 TB", &book).unwrap();
    assert_eq!(used.level.to_string(), "500000000000");
}

#[test]
fn a_running_month_is_projected_as_it_stands() {
    let book = with(
        "prices: [{sku: A, name: a, meter: compute.instance, amount: 745, unit: instance, period: month}]\n",
    );
    let period = month("2026-10");
    let mut metered = server(&[(0, 36_000, "stopped"), (36_000, 360_000, "active")]);
    metered.usage.as_of = period.from.plus_seconds(360_060);
    // 100 h at 1 an hour. What was stopped for ten hours is over; what is active lasts: 735 h more.
    assert_eq!(totals(&metered, &book), (2, "100.00".into()));
    metered.stretches[0][0].lasts_to = period.to.second();
    let projected = rating::projected(&metered, &period);
    assert_eq!(totals(&projected, &book), (2, "745.00".into()));
    // An amount goes on as it began: 3.6 days of 31.0416... made 1,000,000; rounded down.
    let mut amount = metered.clone();
    amount.stretches[0].clear();
    (amount.usage.as_of, amount.usage.rows[0].quantity) =
        (period.from.plus_seconds(268_200), 1_000_000);
    assert_eq!(
        rating::projected(&amount, &period).usage.rows[0].quantity,
        10_000_000
    );
    // A month that is over is what it was.
    metered.usage.as_of = period.to;
    assert_eq!(rating::projected(&metered, &period), metered);
}
