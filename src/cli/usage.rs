//! `plimsoll usage`: a month's usage as a table, CSV or JSON.

use super::args::TableFormat;
use crate::{
    domain::usage::{Usage, UsageRowJson, coverage, readable},
    periods::usage::Computed,
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
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

fn csv(usage: &Usage, out: &mut impl Write) -> io::Result<()> {
    let mut w = csv::Writer::from_writer(out);
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
    ])?;
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
        ])?;
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
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "Tenant",
        "Contract",
        "Meter",
        "Quantity",
        "Unit",
        "Coverage %",
    ]);
    for ([tenant, contract, meter, unit], (quantity, observed, expected)) in totals {
        let (number, unit) = readable(quantity, unit);
        table.add_row([
            tenant,
            contract,
            meter,
            &number,
            &unit,
            &coverage(observed, expected),
        ]);
    }
    for column in [3, 5] {
        if let Some(c) = table.column_mut(column) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{table}")?;
    for ((source, _), reasons) in &computed.unattributed {
        for reason in reasons {
            writeln!(out, "unattributed in {source}: {reason}")?;
        }
    }
    Ok(())
}
