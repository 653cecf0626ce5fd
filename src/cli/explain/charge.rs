//! Lines of a bill: what each is made of, and what a person decided of it.

use super::super::{
    args::TextFormat,
    bill::{Shown, line_json},
};
use crate::{
    domain::{
        Charge,
        bill::{Bill, Line},
        money::{exact_text, units_to_text},
        usage::{UsageRowJson, readable},
    },
    rating,
    store::Decision,
};
use serde_json::json;
use std::io::{self, Write};

/// Prints what a line of a bill is made of: its price, its arithmetic, and the usage rows behind it.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_line(
    shown: &Shown<'_>,
    bill: &Bill,
    line: &Line,
    format: TextFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    let rows = line
        .rows
        .all()
        .iter()
        .map(|i| &shown.metered.usage.rows[*i]);
    let json = line_json(shown, bill, line);
    let exact = exact_text(&line.exact.to_rational());
    let book = shown.book;
    let item = &book.items[line.item];
    if format == TextFormat::Json {
        let rows: Vec<UsageRowJson<'_>> = rows.map(UsageRowJson::from).collect();
        let doc = json!({
            "month": shown.period.to_string(), "as_of": shown.metered.usage.as_of.to_string(), "book": book.name, "book_sha256": book.hash,
            "tenant": bill.tenant, "contract": bill.contract, "line": json, "exact_amount": exact, "usage": rows,
        });
        serde_json::to_writer_pretty(&mut *out, &doc)?;
        return writeln!(out);
    }
    let (quantity, unit) = rating::quantity_text(line, book, shown.metered);
    writeln!(out, "{} in {}: {}", item.sku, shown.period, item.name)?;
    writeln!(out, "  tenant {} · contract {}", bill.tenant, bill.contract)?;
    writeln!(out, "  price book {} (sha256 {})", book.name, book.hash)?;
    writeln!(out, "  {} .. {}", line.from, line.to)?;
    let price = rating::unit_price(line, book);
    writeln!(out, "  {quantity} {unit} at {price} = {exact}")?;
    let amount = units_to_text(line.amount, book.decimals);
    writeln!(
        out,
        "  rounded to {} decimals: {amount} {}",
        book.decimals, book.currency
    )?;
    writeln!(out, "\nUsage rows (plimsoll explain ID)")?;
    for r in rows {
        let (q, unit) = readable(r.quantity, &r.unit);
        let dimensions: Vec<String> = r
            .dimensions
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        writeln!(
            out,
            "  {}  {} {} ({}) {}  {q} {unit}",
            r.id,
            r.meter,
            r.resource,
            r.resource_name,
            dimensions.join(" ")
        )?;
    }
    if line.rows.all().is_empty() {
        writeln!(out, "  none: it is charged by time, or of other lines")?;
    }
    Ok(())
}

/// Prints a line that no price made: a rounding, a credit; or one that was kept, with what a person decided and the month whose bill has it.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_charge(
    c: &Charge,
    decided: Option<(&Decision, Option<&str>)>,
    format: TextFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    let amount = units_to_text(c.amount, c.decimals);
    if format == TextFormat::Json {
        let decision = decided.map(|(d, billed_in)| {
            json!({"approved": d.approved, "who": d.who, "reason": d.reason, "billed_in": billed_in})
        });
        let doc = json!({
            "month": c.month, "id": c.id, "class": c.class.as_str(), "corrects": c.corrects, "tenant": c.tenant, "contract": c.contract, "sku": c.sku,
            "name": c.name, "quantity": c.quantity.to_string(), "unit": c.unit, "unit_price": c.price, "exact_amount": exact_text(&c.exact),
            "amount": amount, "currency": c.currency, "decision": decision,
        });
        serde_json::to_writer_pretty(&mut *out, &doc)?;
        return writeln!(out);
    }
    writeln!(out, "{} in {}: {}", c.sku, c.month, c.name)?;
    writeln!(out, "  tenant {} · contract {}", c.tenant, c.contract)?;
    if !c.resource.is_empty() {
        writeln!(
            out,
            "  {} {} ({}) of {}",
            c.kind, c.resource, c.resource_name, c.source
        )?;
    }
    writeln!(out, "  {} .. {}", c.from, c.to)?;
    if !c.price.is_empty() {
        writeln!(out, "  {}", c.price)?;
    }
    let exact = exact_text(&c.exact);
    writeln!(out, "  {amount} {} ({exact} before rounding)", c.currency)?;
    if !c.corrects.is_empty() {
        let (line, month) = (&c.corrects, &c.month);
        writeln!(
            out,
            "  corrects line {line}: plimsoll explain {line} --month {month}"
        )?;
    }
    if let Some((d, billed_in)) = decided {
        let word = if d.approved { "approved" } else { "declined" };
        let reason = if d.reason.is_empty() { "" } else { ": " };
        writeln!(out, "  {word} by {}{reason}{}", d.who, d.reason)?;
        writeln!(
            out,
            "  billed in {}",
            billed_in.unwrap_or("no closed month yet")
        )?;
    }
    Ok(())
}
