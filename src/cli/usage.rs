//! `plimsoll usage`: a month's usage as a table, CSV or JSON.

use super::args::TableFormat;
use crate::{
    domain::usage::{Usage, UsageRowJson, coverage, readable},
    fold::measure::UNOBSERVED,
    periods::usage::Computed,
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

#[derive(Serialize)]
struct Json<'a> {
    month: &'a str,
    time_zone: &'a str,
    as_of: String,
    rows: Vec<UsageRowJson<'a>>,
}

/// Prints usage to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    computed: &Computed,
    tenant: Option<&str>,
    format: TableFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        TableFormat::Table => table(computed, tenant, out),
        TableFormat::Csv => csv(&computed.usage, out),
        TableFormat::Json => {
            let usage = &computed.usage;
            let json = Json {
                month: &usage.month,
                time_zone: &usage.time_zone,
                as_of: usage.as_of.to_string(),
                rows: usage.rows.iter().map(UsageRowJson::from).collect(),
            };
            serde_json::to_writer_pretty(&mut *out, &json)?;
            writeln!(out)
        }
    }
}

/// The error beneath, as it is, so that a closed pipe is known for one.
pub(super) fn csv_error(e: csv::Error) -> io::Error {
    match e.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn csv(usage: &Usage, out: &mut impl Write) -> io::Result<()> {
    let mut w = csv::Writer::from_writer(out);
    let io = csv_error;
    w.write_record([
        "id",
        "month",
        "tenant",
        "contract",
        "scope",
        "scope_name",
        "source",
        "kind",
        "resource",
        "resource_name",
        "meter",
        "dimensions",
        "quantity",
        "unit",
        "observed_s",
        "expected_s",
    ])
    .map_err(io)?;
    for r in &usage.rows {
        let dimensions = serde_json::to_string(&r.dimensions)?;
        let (quantity, observed, expected) = (
            r.quantity.to_string(),
            r.observed_s.to_string(),
            r.expected_s.to_string(),
        );
        w.write_record([
            &r.id,
            &usage.month,
            &r.tenant,
            &r.contract,
            &r.scope,
            &r.scope_name,
            &r.source,
            &r.kind,
            &r.resource,
            &r.resource_name,
            &r.meter,
            &dimensions,
            &quantity,
            &r.unit,
            &observed,
            &expected,
        ])
        .map_err(io)?;
    }
    w.flush()
}

fn table(computed: &Computed, tenant: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let usage = &computed.usage;
    let mut totals: BTreeMap<[&str; 4], (i128, i64, i64)> = BTreeMap::new();
    for r in &usage.rows {
        let t = totals
            .entry([&r.tenant, &r.contract, &r.meter, &r.unit])
            .or_default();
        t.0 += r.quantity;
        t.1 += r.observed_s;
        t.2 += r.expected_s;
    }
    writeln!(
        out,
        "Usage of {} ({}), as of {}",
        usage.month, usage.time_zone, usage.as_of
    )?;
    if totals.is_empty() {
        let whose = tenant.map_or_else(String::new, |t| format!(" of tenant {t}"));
        return writeln!(
            out,
            "No usage{whose}. `plimsoll collect` reads the sources; `plimsoll check --online` says whether they can be read."
        );
    }
    writeln!(out, "\n{}", lines(totals))?;
    let flavorless: i64 = usage
        .rows
        .iter()
        .filter(|r| r.meter == "compute.instance")
        .filter(|r| r.dimensions.get("flavor").is_some_and(|f| f == UNOBSERVED))
        .map(|r| r.expected_s - r.observed_s)
        .sum();
    if flavorless > 0 {
        let (hours, _) = readable(i128::from(flavorless), "s");
        writeln!(
            out,
            "\n{hours} server-hours count for nothing, because nobody saw their flavor (rows with flavor={UNOBSERVED} in csv and json)"
        )?;
    }
    if computed.unattributed.values().any(|r| !r.is_empty()) {
        writeln!(out)?;
    }
    for ((source, _), reasons) in &computed.unattributed {
        for reason in reasons {
            writeln!(out, "unattributed in {source}: {reason}")?;
        }
    }
    Ok(())
}

/// The table: one line a meter, a blank line between tenants, names only where they change.
fn lines(totals: BTreeMap<[&str; 4], (i128, i64, i64)>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "Tenant",
            "Contract",
            "Meter",
            "Quantity",
            "Unit",
            "Coverage %",
        ]);
    let mut above = None;
    for ([tenant, contract, meter, unit], (quantity, observed, expected)) in totals {
        let same = above == Some((tenant, contract));
        if above.is_some() && !same {
            table.add_row([""; 6]);
        }
        above = Some((tenant, contract));
        let (tenant, contract) = if same { ("", "") } else { (tenant, contract) };
        let (number, unit) = readable(quantity, unit);
        let coverage = coverage(observed, expected);
        table.add_row([tenant, contract, meter, &number, &unit, &coverage]);
    }
    for column in [3, 5] {
        if let Some(c) = table.column_mut(column) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    trimmed.join("\n")
}
