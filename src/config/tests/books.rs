//! What the compiler of price books refuses, and how it is said.

use super::*;
use crate::config::book;

/// All problems of a book of these sections.
fn of(sections: &str) -> String {
    let text = format!("name: x\ncurrency: EUR\nvalid_from: 2026-01-01\n{sections}");
    let (_, problems) = book::judge_text(FilePath::new("b.yaml"), &text, None);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn units_dimensions_and_schemes() {
    insta::assert_snapshot!(of(r#"meters:
  backup.stored: {unit: By.s, dimensions: [plan]}
  compute.gpu: {unit: s}
  lost: {unit: hours}
prices:
  - {sku: A, name: a, meter: backup.stored, match: {plan: a, source: s, project: p}, amount: 1, unit: GB, period: none}
  - {sku: B, name: b, meter: backup.stored, match: {paln: a}, amount: 1, unit: vCPU, period: 30d}
  - {sku: C, name: c, meter: compute.instance, unit: instance, period: month, scheme: volume}
  - {sku: D, name: d, meter: compute.vcpu, unit: vCPU, period: month, amount: 1, tiers: [{up_to: 5, amount: 1}]}
  - {sku: E, name: e, meter: compute.memory, unit: GiB, period: 30d, tiers: [{up_to: 5, amount: 1}, {up_to: 5, amount: 2}, {amount: 3}, {amount: 4}]}
  - {sku: F, name: f, meter: compute.local_disk, unit: GB, period: 30d, amount: 1, scheme: package, count: started_hours, quantity: peak}
  - {sku: G, name: g, service_unit: [{meter: compute.vcpu, unit: GB}], amount: 1, unit: service unit, period: 30d}
  - {sku: H, name: h, amount: 1, unit: GB, period: 30d, from: 2026-02-01, to: 2026-02-01}
"#));
}

#[test]
fn overlaps_gaps_ties_and_what_never_holds() {
    insta::assert_snapshot!(of(r#"valid_to: 2027-01-01
prices:
  - {sku: A, name: a, meter: compute.instance, match: {flavor: x}, amount: 1, unit: instance, period: 30d, to: 2026-03-01}
  - {sku: A, name: a, meter: compute.instance, match: {flavor: x}, amount: 1, unit: instance, period: 30d, from: 2026-03-02, to: 2026-06-01}
  - {sku: B, name: b, meter: compute.instance, match: {flavor: x}, amount: 1, unit: instance, period: 30d, from: 2026-05-01}
  - {sku: C, name: c, meter: compute.instance, match: {state: stopped}, amount: 1, unit: instance, period: 30d}
  - {sku: D, name: d, meter: compute.vcpu, match: {flavor: x}, amount: 1, unit: vCPU, period: 30d}
  - {sku: E, name: e, meter: compute.vcpu, match: {state: stopped}, amount: 1, unit: vCPU, period: 30d}
  - {sku: F, name: f, meter: compute.vcpu, match: {flavor: x, state: stopped}, amount: 1, unit: vCPU, period: 30d}
  - {sku: G, name: g, meter: compute.gpu, amount: 1, unit: GPU, period: 30d, from: 2028-01-01}
"#));
}

#[test]
fn fees_contracts_and_examples() {
    insta::assert_snapshot!(of(r#"rounding: {decimals: 0, total_to: 0.5}
prices:
  - {sku: A, name: a, meter: compute.instance, amount: 1, unit: instance, period: 30d}
  - {sku: T, name: t, meter: compute.vcpu, unit: vCPU, period: 30d, tiers: [{amount: 1}]}
fees: [{sku: FEE, name: fee, amount: 1, period: none}]
percentages: [{sku: SUP, name: sup, percent: 3, of: [A, FEEE, X*]}]
contracts:
  - {contract: C, subscriptions: {SUPP: 1, A: 1}, amounts: {T: 1, B: 2}, to: 2026-06-01}
  - {contract: C, rebates: [{sku: R, name: r, percent: 101}], prices: [{sku: P, name: p, meter: nope, amount: 1, unit: GB, period: hour}]}
examples:
  - {name: e, month: 2026-1, total: "1"}
  - {name: f, month: 2026-10, usage: [{meter: compute.instance, dimensions: {flavr: x}, quantity: 0.5, unit: instance}], lines: {AA: "1"}, total: "1"}
"#));
}

#[test]
fn a_calendar_that_is_not_the_configurations_is_refused() {
    let text =
        "name: x\ncurrency: EUR\ntime_zone: Europe/Oslo\nvalid_from: 2026-01-01\nprices: []\n";
    let zone = Some(chrono_tz::Europe::Stockholm);
    let (none, problems) = book::judge_text(FilePath::new("b.yaml"), text, zone);
    assert!(none.is_none());
    assert!(
        problems[0]
            .to_string()
            .contains("time_zone: Europe/Oslo is not the calendar of the configuration"),
        "{problems:?}"
    );
}
