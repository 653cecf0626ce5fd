//! `plimsoll corrections` and `plimsoll diff`: lines that changed, and by how much.

use super::{args::BillFormat, bill::trimmed};
use crate::{
    domain::{Charge, charge::Class, money::units_to_text},
    rating::Proposal,
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// A changed line as JSON has it.
#[derive(Serialize)]
struct Json<'a> {
    id: &'a str,
    line: &'a str,
    tenant: &'a str,
    contract: &'a str,
    class: &'a str,
    sku: &'a str,
    meter: &'a str,
    resource: &'a str,
    resource_name: &'a str,
    scope_name: &'a str,
    quantity: String,
    unit: &'a str,
    before: Option<String>,
    now: Option<String>,
    amount: Option<String>,
    currency: &'a str,
}

impl<'a> Json<'a> {
    fn new(p: &'a Proposal) -> Self {
        let c = &p.charge;
        let money = |units: i128| c.has_money().then(|| units_to_text(units, c.decimals));
        Self {
            id: &p.id,
            line: &c.corrects,
            tenant: &c.tenant,
            contract: &c.contract,
            class: c.class.as_str(),
            sku: &c.sku,
            meter: &c.meter,
            resource: &c.resource,
            resource_name: &c.resource_name,
            scope_name: &c.scope_name,
            quantity: c.quantity.to_string(),
            unit: &c.unit,
            before: money(p.billed),
            now: money(p.now),
            amount: money(c.amount),
            currency: &c.currency,
        }
    }
}

/// Prints changed lines under a title, with what they come to for each contract. Lines that move no money are counted in a table, and shown in JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    title: &str,
    month: &str,
    changed: &[&Proposal],
    format: BillFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    if format == BillFormat::Json {
        let lines: Vec<Json<'_>> = changed.iter().map(|p| Json::new(p)).collect();
        let json = serde_json::json!({"month": month, "title": title, "lines": lines});
        serde_json::to_writer_pretty(&mut *out, &json)?;
        return writeln!(out);
    }
    writeln!(out, "{title}")?;
    if changed.is_empty() {
        return writeln!(out, "Nothing.");
    }
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "Contract",
            "SKU",
            "Resource",
            "Before",
            "Now",
            "Difference",
            "Id",
        ]);
    let money = |c: &Charge, units: i128| units_to_text(units, c.decimals);
    let mut totals: BTreeMap<(&str, &str), (i128, &Charge)> = BTreeMap::new();
    let mut silent = 0;
    for p in changed {
        let c = &p.charge;
        if c.class == Class::Measured || c.amount == 0 {
            silent += 1;
            continue;
        }
        totals.entry((&c.tenant, &c.contract)).or_insert((0, c)).0 += c.amount;
        let resource = if c.resource_name.is_empty() {
            &c.resource
        } else {
            &c.resource_name
        };
        let (before, now) = (money(c, p.billed), money(c, p.now));
        let difference = money(c, c.amount);
        table.add_row([
            &c.contract,
            &c.sku,
            resource,
            &before,
            &now,
            &difference,
            &p.id,
        ]);
    }
    for column in [3, 4, 5] {
        if let Some(c) = table.column_mut(column) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    if !totals.is_empty() {
        writeln!(out, "\n{}\n", trimmed(&table))?;
    }
    for ((tenant, contract), (sum, like)) in totals {
        let sum = money(like, sum);
        writeln!(out, "{tenant} · {contract}: {sum} {}", like.currency)?;
    }
    if silent > 0 {
        writeln!(out, "{silent} lines change without money: --format json")?;
    }
    Ok(())
}
