//! `plimsoll usage`: a month's usage as a table, CSV or JSON.

use crate::{
    domain::{
        ownership::UNATTRIBUTED,
        usage::{Usage, UsageRowJson, coverage, readable},
    },
    fold::{measure::UNOBSERVED, sums::Total},
    periods::usage::Summary,
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

/// Prints a month's totals to `out`; of one tenant, if one is named.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(summary: &Summary, tenant: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Usage of {} ({}), as of {}",
        summary.month, summary.time_zone, summary.as_of
    )?;
    let wanted = |(key, _): &(&[String; 4], &Total)| tenant.is_none_or(|t| key[0] == t);
    let totals: BTreeMap<&[String; 4], &Total> = summary.totals.by.iter().filter(wanted).collect();
    if totals.is_empty() {
        let whose = tenant.map_or_else(String::new, |t| format!(" of tenant {t}"));
        return writeln!(
            out,
            "No usage{whose}. `plimsoll collect` reads the sources; `plimsoll check --online` says whether they can be read."
        );
    }
    let flavorless: i64 = totals
        .iter()
        .filter(|(key, _)| key[2] == "compute.instance")
        .map(|(_, total)| total.flavorless_s)
        .sum();
    writeln!(out, "\n{}", lines(totals))?;
    if flavorless > 0 {
        let (hours, _) = readable(i128::from(flavorless), "s");
        writeln!(
            out,
            "\n{hours} server-hours count for nothing, because nobody saw their flavor (rows with flavor={UNOBSERVED} in csv and json)"
        )?;
    }
    if tenant.is_some_and(|t| t != UNATTRIBUTED) {
        return Ok(());
    }
    for unmarked in &summary.unmarked {
        writeln!(out, "\n{unmarked}")?;
    }
    if summary.unattributed.values().any(|r| !r.is_empty()) {
        writeln!(out)?;
    }
    for ((source, _), reasons) in &summary.unattributed {
        for reason in reasons {
            writeln!(out, "unattributed in {source}: {reason}")?;
        }
    }
    Ok(())
}

/// Prints usage to `out` as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(usage: &Usage, out: &mut impl Write) -> io::Result<()> {
    let json = Json {
        month: &usage.month,
        time_zone: &usage.time_zone,
        as_of: usage.as_of.to_string(),
        rows: usage.rows.iter().map(UsageRowJson::from).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

/// The error beneath, as it is, so that a closed pipe is known for one.
pub(super) fn csv_error(e: csv::Error) -> io::Error {
    match e.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Prints usage to `out` as CSV.
///
/// # Errors
/// When `out` cannot be written.
pub fn csv(usage: &Usage, out: &mut impl Write) -> io::Result<()> {
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
        let dimensions = serde_json::to_string(&*r.dimensions)?;
        let (quantity, observed, expected) = (
            r.quantity.to_string(),
            r.observed_s.to_string(),
            r.expected_s.to_string(),
        );
        w.write_record([
            r.id.as_str(),
            usage.month.as_str(),
            r.tenant.as_str(),
            r.contract.as_str(),
            r.scope.as_str(),
            r.scope_name.as_str(),
            r.source.as_str(),
            r.kind.as_str(),
            r.resource.as_str(),
            r.resource_name.as_str(),
            r.meter.as_str(),
            dimensions.as_str(),
            quantity.as_str(),
            r.unit.as_str(),
            observed.as_str(),
            expected.as_str(),
        ])
        .map_err(io)?;
    }
    w.flush()
}

/// The table: one line a meter, a blank line between tenants, names only where they change.
fn lines(totals: BTreeMap<&[String; 4], &Total>) -> String {
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
    for ([tenant, contract, meter, unit], total) in totals {
        let same = above == Some((tenant, contract));
        if above.is_some() && !same {
            table.add_row([""; 6]);
        }
        above = Some((tenant, contract));
        let (tenant, contract) = if same {
            ("", "")
        } else {
            (tenant.as_str(), contract.as_str())
        };
        let (number, unit) = readable(total.quantity, unit);
        let coverage = coverage(total.observed_s, total.expected_s);
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
