//! A million random usages under random books: lines make the invoice, and neither cutting nor mixing changes anything.

use super::{month, with};
use plimsoll::{
    domain::{
        PriceBook, UsageRow,
        bill::{Metered, Rated, Stretch},
        money::{Rational, exact_sum, round_to_units},
        price::RoundPer,
        usage::Usage,
    },
    rating,
};
use std::collections::BTreeMap;

/// Usages of the three tests of whole books, each; they are rated twice in two of them.
const USAGES: usize = 100_000;
/// Usages of the test of plain amounts. All together: a million.
const PLAIN: usize = 700_000;
/// Rows rated at once.
const ROWS: usize = 10_000;

/// Numbers that look random and are the same on every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn second(&mut self, n: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(n).unwrap())).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = usize::try_from(self.below(i as u64 + 1)).unwrap();
            items.swap(i, j);
        }
    }
}

/// A book with every kind of price, at random amounts.
fn book(dice: &mut Dice) -> PriceBook {
    let mut money = || format!("{}.{:04}", dice.below(500), dice.below(10_000));
    let [a, b, c, d, e, f, g, h] = [(); 8].map(|()| money());
    let per = ["line", "invoice"][usize::try_from(dice.below(2)).unwrap()];
    let mode = ["half_up", "half_even"][usize::try_from(dice.below(2)).unwrap()];
    let step = ["", ", total_to: 1"][usize::try_from(dice.below(2)).unwrap()];
    let (decimals, day, percent) = (dice.below(5), 1 + dice.below(28), 1 + dice.below(40));
    with(&format!(
        "rounding: {{per: {per}, mode: {mode}, decimals: {decimals}{step}}}
meters: {{store: {{unit: By.s, dimensions: [class]}}}}
prices:
  - {{sku: ANY, name: any, meter: compute.instance, amount: {a}, unit: instance, period: 30d}}
  - {{sku: F0, name: f0, meter: compute.instance, match: {{flavor: f0}}, amount: {b}, per: 7, unit: instance, period: month, to: 2026-10-{day:02}}}
  - {{sku: F0, name: f0, meter: compute.instance, match: {{flavor: f0}}, amount: {c}, unit: instance, period: hour, from: 2026-10-{day:02}}}
  - {{sku: F1, name: f1, meter: compute.instance, match: {{flavor: f1}}, amount: {d}, unit: instance, period: hour, count: started_hours}}
  - {{sku: G, name: g, meter: store, match: {{class: c0}}, unit: GB, period: month, included: 3, tiers: [{{up_to: 40, amount: {e}}}, {{amount: {f}}}]}}
  - {{sku: V, name: v, meter: store, match: {{class: c1}}, unit: GiB, period: 30d, scheme: volume, tiers: [{{up_to: 90, amount: {f}}}, {{amount: {e}}}]}}
  - {{sku: P, name: p, meter: store, match: {{class: c2}}, amount: {g}, per: 10, unit: GB, period: month, scheme: package}}
  - {{sku: PK, name: pk, meter: compute.gpu, amount: {h}, unit: GPU, period: month, quantity: peak}}
  - {{sku: SU, name: su, service_unit: [{{meter: compute.vcpu, unit: vCPU}}, {{meter: compute.memory, per: 4, unit: GiB}}], amount: {g}, unit: service unit, period: day}}
fees: [{{sku: FEE, name: fee, amount: {a}, period: month, charged: every_contract}}]
percentages: [{{sku: SUP, name: sup, percent: {percent}, minimum: 10, charged: every_contract}}]
contracts:
  - {{contract: C0, from: 2026-10-{day:02}, amounts: {{ANY: {h}}}, rebates: [{{sku: REB, name: reb, percent: {percent}, of: [ANY, F*]}}]}}
"
    ))
}

const KINDS: [(&str, &str, &str); 8] = [
    ("compute.instance", "s", "flavor"),
    ("compute.instance", "s", "flavor"),
    ("compute.instance", "s", "flavor"),
    ("compute.instance", "s", "flavor"),
    ("store", "By.s", "class"),
    ("compute.gpu", "{gpu}.s", "flavor"),
    ("compute.vcpu", "{vcpu}.s", "flavor"),
    ("compute.memory", "By.s", "flavor"),
];

/// Random usages, each with one to three stretches, of five contracts.
fn metered(dice: &mut Dice, rows: usize) -> Metered {
    let period = month("2026-10");
    let mut all = Vec::with_capacity(rows);
    for n in 0..rows {
        let (meter, unit, key) = KINDS[usize::try_from(dice.below(8)).unwrap()];
        let mut at = period.from.second();
        let mut stretches = Vec::new();
        let level = match unit {
            "By.s" => dice.second(1 << 42),
            "s" => 1,
            _ => 1 + dice.second(32),
        };
        for _ in 0..=dice.below(3) {
            let start = at + dice.second(400_000);
            let end = start + 1 + dice.second(490_000);
            at = end;
            stretches.push(Stretch {
                start,
                end,
                level,
                observed: true,
                lasts_to: end,
            });
        }
        let value = format!("{}{}", &key[..1], dice.below(3));
        let contract = format!("C{}", dice.below(5));
        let mut row = UsageRow {
            id: String::new(),
            tenant: format!("tenant of {contract}").into(),
            contract: contract.into(),
            scope: "p".into(),
            scope_name: "d/p".into(),
            source: "s".into(),
            kind: "k".into(),
            // vCPUs and memory of some servers meet.
            resource: format!("r{}", n / 4).into(),
            resource_name: "".into(),
            meter: meter.into(),
            unit: unit.into(),
            dimensions: BTreeMap::from([(key.to_owned(), value)]).into(),
            quantity: stretches.iter().map(Stretch::quantity).sum(),
            observed_s: stretches.iter().map(|s| s.end - s.start).sum(),
            expected_s: stretches.iter().map(|s| s.end - s.start).sum(),
        };
        row.id = format!("{n}");
        all.push((row, stretches));
    }
    all.sort_by(|(a, _), (b, _)| (&a.tenant, &a.resource).cmp(&(&b.tenant, &b.resource)));
    let (rows, stretches) = all.into_iter().unzip();
    let usage = Usage {
        month: "2026-10".into(),
        time_zone: "Europe/Stockholm".into(),
        as_of: period.to,
        rows,
    };
    Metered { usage, stretches }
}

fn rated(metered: &Metered, book: &PriceBook) -> Rated {
    rating::rate(metered, book, &month("2026-10"), &BTreeMap::new())
        .unwrap_or_else(|u| panic!("{}", u[0]))
}

/// Runs a check on random usages and books; the dice's start is told where it fails.
fn each(seed: u64, check: impl Fn(&mut Dice, &PriceBook, &Metered)) {
    for n in 0..(USAGES / ROWS) as u64 {
        let start = seed * 1_000_000 + n;
        let dice = &mut Dice(start);
        let (book, metered) = (book(dice), metered(dice, ROWS));
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(dice, &book, &metered);
        }));
        assert!(told.is_ok(), "with the dice that start at {start}");
    }
}

#[test]
fn lines_sum_to_the_invoice() {
    each(1, |_, book, metered| {
        let rated = rated(metered, book);
        let mut seen = vec![false; metered.usage.rows.len()];
        for bill in &rated.bills {
            let shown: i128 = bill.lines.iter().map(|l| l.amount).sum();
            assert_eq!(shown + bill.rounding, bill.total);
            let rows = bill.lines.iter().flat_map(|l| l.rows.all());
            rows.for_each(|i| seen[*i] = true);
            for line in &bill.lines {
                let units = round_to_units(&line.exact.to_rational(), book.decimals, book.rounding);
                assert_eq!(units, line.amount.into());
            }
            match (book.round, book.total_step) {
                (RoundPer::Line, None) => assert_eq!(bill.rounding, 0),
                (RoundPer::Invoice, None) => {
                    let exact = exact_sum(bill.lines.iter().map(|l| &l.exact));
                    let units = round_to_units(&exact, book.decimals, book.rounding);
                    assert_eq!(units, bill.total.into());
                }
                (_, Some(step)) => assert_eq!(bill.total % step, 0),
            }
        }
        assert!(seen.into_iter().all(|s| s), "every usage is on a line");
    });
}

#[test]
fn cutting_stretches_anywhere_changes_nothing() {
    each(2, |dice, book, whole| {
        let mut cut = whole.clone();
        for stretches in &mut cut.stretches {
            let mut parts = Vec::new();
            for s in stretches.iter() {
                let at = s.start + dice.second(s.end - s.start + 1);
                let beyond = at.min(s.end);
                parts.extend(s.clipped(s.start, beyond));
                parts.extend(s.clipped(beyond, s.end));
            }
            dice.shuffle(&mut parts);
            *stretches = parts;
        }
        assert_eq!(rated(whole, book), rated(&cut, book));
    });
}

#[test]
fn the_order_of_usages_changes_nothing() {
    each(3, |dice, book, metered| {
        let rows = metered.usage.rows.iter().cloned();
        let mut mixed: Vec<_> = rows.zip(metered.stretches.iter().cloned()).collect();
        dice.shuffle(&mut mixed);
        let mut other = metered.clone();
        (other.usage.rows, other.stretches) = mixed.into_iter().unzip();
        // Lines by what they are, with the ids of the rows they stand on.
        let by_id = |metered: &Metered| {
            let rated = rated(metered, book);
            let row = |i: &usize| metered.usage.rows[*i].id.clone();
            let bills = rated.bills.iter().map(|b| {
                let mut lines: Vec<_> = b
                    .lines
                    .iter()
                    .map(|l| {
                        let mut rows: Vec<String> = l.rows.all().iter().map(row).collect();
                        rows.sort();
                        (l.item, l.from, l.part, rows, l.amount)
                    })
                    .collect();
                lines.sort();
                (b.contract.clone(), lines, b.rounding, b.total)
            });
            bills.collect::<Vec<_>>()
        };
        assert_eq!(by_id(metered), by_id(&other));
    });
}

#[test]
fn plain_amounts_are_those_of_plain_integers() {
    let mut dice = Dice(4);
    for _ in 0..PLAIN / ROWS {
        let cents = i128::from(dice.below(1_000_000));
        let book = with(&format!(
            "prices: [{{sku: A, name: a, meter: compute.instance, amount: {}.{:02}, unit: instance, period: 30d}}]\n",
            cents / 100,
            cents % 100
        ));
        let mut metered = metered(&mut dice, ROWS);
        for row in &mut metered.usage.rows {
            (row.meter, row.unit) = ("compute.instance".into(), "s".into());
        }
        let rated = rated(&metered, &book);
        let mut exact = Rational::default();
        for line in rated.bills.iter().flat_map(|b| &b.lines) {
            let seconds = metered.usage.rows[line.rows.all()[0]].quantity;
            // Halves up: (2 x s x cents + 2,592,000) / (2 x 2,592,000).
            let units = (2 * seconds * cents + 2_592_000) / (2 * 2_592_000);
            assert_eq!(line.amount, units);
        }
        let lines = rated.bills.iter().flat_map(|b| &b.lines);
        exact += exact_sum(lines.map(|l| &l.exact));
        let seconds: i128 = metered.usage.rows.iter().map(|r| r.quantity).sum();
        let whole = Rational::new((seconds * cents).into(), (100_i128 * 2_592_000).into());
        assert_eq!(exact, whole, "nothing is lost before rounding");
    }
}
