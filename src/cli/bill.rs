//! `plimsoll bill`: a month's bills as a table or JSON, and what a draft of a price book would change.

use super::args::BillFormat;
use crate::{
    domain::{
        Period, PriceBook,
        bill::{Bill, Line, Metered, Rated},
        money::{Exact, Rational, Rounding, round_to_text, units_to_text},
        ownership::UNATTRIBUTED,
        price::{ItemKind, Price},
        usage::{coverage, readable},
    },
    rating,
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use num_traits::ToPrimitive as _;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// Bills with what they are of.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The month.
    pub period: &'a Period,
    /// The usage.
    pub metered: &'a Metered,
    /// The book.
    pub book: &'a PriceBook,
    /// The bills.
    pub rated: &'a Rated,
    /// The same month as it will be if nothing changes; `None` once it is over.
    pub projected: Option<&'a Rated>,
}

#[derive(Serialize)]
struct Json<'a> {
    month: &'a str,
    as_of: String,
    book: &'a str,
    book_sha256: &'a str,
    bills: Vec<BillJson<'a>>,
}

#[derive(Serialize)]
struct BillJson<'a> {
    tenant: &'a str,
    contract: &'a str,
    currency: &'a str,
    lines: Vec<LineJson<'a>>,
    rounding: String,
    credits: Vec<CreditJson<'a>>,
    /// Approved corrections of earlier months.
    corrections: Vec<CorrectionJson<'a>>,
    total: String,
    /// Null once the month is over.
    projected: Option<String>,
}

#[derive(Serialize)]
struct CreditJson<'a> {
    name: &'a str,
    reason: &'a str,
    approved_by: &'a str,
    amount: String,
}

#[derive(Serialize)]
struct CorrectionJson<'a> {
    id: &'a str,
    /// The line that it corrects.
    line: &'a str,
    sku: &'a str,
    name: &'a str,
    /// Which month, and who approved it.
    reason: &'a str,
    quantity: String,
    unit: &'a str,
    resource: &'a str,
    amount: String,
}

/// A line as JSON has it.
#[derive(Debug, Serialize)]
pub struct LineJson<'a> {
    id: String,
    sku: &'a str,
    name: &'a str,
    quantity: String,
    unit: String,
    unit_price: String,
    amount: String,
    dimensions: &'a BTreeMap<String, String>,
    observed_s: i64,
    expected_s: i64,
    resource: Option<&'a str>,
    from: String,
    to: String,
}

static NONE: BTreeMap<String, String> = BTreeMap::new();

/// A line as JSON has it.
#[must_use]
pub fn line_json<'a>(shown: &Shown<'a>, bill: &Bill, line: &'a Line) -> LineJson<'a> {
    let Shown { book, metered, .. } = *shown;
    let item = &book.items[line.item];
    let row = rating::one_resource(line, book).map(|i| &metered.usage.rows[i]);
    let (quantity, unit) = rating::quantity_text(line, book, metered);
    let dimensions = match (&line.rows, row, &item.kind) {
        (crate::domain::bill::Rows::One(_), Some(row), _) => &row.dimensions,
        (_, _, ItemKind::Usage(price)) => &price.matches,
        _ => &NONE,
    };
    LineJson {
        id: rating::id(line, bill, book, metered),
        sku: &item.sku,
        name: &item.name,
        quantity,
        unit,
        unit_price: rating::unit_price(line, book),
        amount: units_to_text(line.amount, book.decimals),
        dimensions,
        observed_s: line.observed_s,
        expected_s: line.expected_s,
        resource: row.map(|r| r.resource.as_str()),
        from: line.from.to_string(),
        to: line.to.to_string(),
    }
}

/// Prints bills to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(shown: &Shown<'_>, format: BillFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        BillFormat::Table => table(shown, out),
        BillFormat::Json => {
            let json = Json {
                month: &shown.metered.usage.month,
                as_of: shown.metered.usage.as_of.to_string(),
                book: &shown.book.name,
                book_sha256: &shown.book.hash,
                bills: shown
                    .rated
                    .bills
                    .iter()
                    .map(|b| bill_json(shown, b))
                    .collect(),
            };
            serde_json::to_writer_pretty(&mut *out, &json)?;
            writeln!(out)
        }
    }
}

fn bill_json<'a>(shown: &Shown<'a>, bill: &'a Bill) -> BillJson<'a> {
    let money = |units| units_to_text(units, shown.book.decimals);
    let lines = bill.lines.iter();
    BillJson {
        tenant: &bill.tenant,
        contract: &bill.contract,
        currency: &shown.book.currency,
        lines: lines.map(|l| line_json(shown, bill, l)).collect(),
        rounding: money(bill.rounding),
        credits: bill
            .credits
            .iter()
            .map(|g| CreditJson {
                name: &g.name,
                reason: &g.reason,
                approved_by: &g.approved_by,
                amount: money(g.amount),
            })
            .collect(),
        corrections: bill
            .corrections
            .iter()
            .map(|c| CorrectionJson {
                id: &c.id,
                line: &c.corrects,
                sku: &c.sku,
                name: &c.name,
                reason: &c.price,
                quantity: c.quantity.to_string(),
                unit: &c.unit,
                resource: &c.resource,
                amount: money(c.amount),
            })
            .collect(),
        total: money(bill.total),
        projected: projected(shown, bill).map(money),
    }
}

/// The total that a bill will have if nothing changes.
fn projected(shown: &Shown<'_>, bill: &Bill) -> Option<i128> {
    let same = |b: &&Bill| b.tenant == bill.tenant && b.contract == bill.contract;
    Some(shown.projected?.bills.iter().find(same)?.total)
}

/// What lines of one price and part come to together.
#[derive(Default)]
struct Sum {
    amount: i128,
    quantity: i128,
    unit: String,
    observed_s: i64,
    expected_s: i64,
}

fn table(shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
    let Shown { metered, book, .. } = shown;
    let usage = &metered.usage;
    let what = if shown.projected.is_some() {
        "so far"
    } else {
        "of"
    };
    let first = shown.rated.bills.first();
    if first.is_some_and(|b| b.tenant == rating::QUOTED) {
        let (month, zone) = (&usage.month, &usage.time_zone);
        writeln!(
            out,
            "Quote for {month} ({zone}), by price book {}",
            book.name
        )?;
    } else {
        writeln!(
            out,
            "Bills {what} {} ({}), as of {}, by price book {}",
            usage.month, usage.time_zone, usage.as_of, book.name
        )?;
    }
    if shown.rated.bills.is_empty() {
        return writeln!(
            out,
            "Nothing is to be paid: there is no usage that the book sells."
        );
    }
    for bill in &shown.rated.bills {
        let whose = if bill.tenant == UNATTRIBUTED {
            "unattributed: nobody pays for this".to_owned()
        } else if bill.contract == rating::QUOTED {
            "By the list".to_owned()
        } else if bill.tenant == rating::QUOTED {
            format!("By contract {}", bill.contract)
        } else {
            format!("{} · {}", bill.tenant, bill.contract)
        };
        writeln!(out, "\n{whose}\n{}", lines(shown, bill))?;
        if let Some(projected) = projected(shown, bill) {
            let total = units_to_text(projected, book.decimals);
            writeln!(
                out,
                "If nothing changes, the month comes to {total} {}",
                book.currency
            )?;
        }
    }
    Ok(())
}

/// The lines of a bill for people: those of one price together.
fn lines(shown: &Shown<'_>, bill: &Bill) -> String {
    let Shown { metered, book, .. } = *shown;
    let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
    for line in &bill.lines {
        let place = place(&book.items[line.item].kind);
        let key = (
            place,
            line.item,
            line.from,
            line.part,
            rating::unit_price(line, book),
        );
        let sum = sums.entry(key).or_default();
        sum.amount += line.amount;
        sum.observed_s += line.observed_s;
        sum.expected_s += line.expected_s;
        let (_, unit) = rating::quantity_text(line, book, metered);
        sum.quantity += floored(&line.quantity);
        sum.unit = unit;
    }
    let money = |units| units_to_text(units, book.decimals);
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "SKU",
            "Name",
            "Quantity",
            "Unit",
            "Price",
            "Coverage %",
            "Amount",
        ]);
    for ((_, item, .., price), sum) in sums {
        let item = &book.items[item];
        let usage = matches!(item.kind, ItemKind::Usage(_));
        let (quantity, unit) = match item.kind {
            ItemKind::Percent(_) => (String::new(), String::new()),
            ItemKind::Usage(ref price) => in_unit_of(price, sum.quantity, &sum.unit),
            ItemKind::Fee(_) => readable(sum.quantity, &sum.unit),
        };
        let covered = if usage && sum.expected_s > 0 {
            coverage(sum.observed_s, sum.expected_s)
        } else {
            String::new()
        };
        table.add_row([
            &item.sku,
            &item.name,
            &quantity,
            &unit,
            &price,
            &covered,
            &money(sum.amount),
        ]);
    }
    if bill.rounding != 0 {
        let rounding = money(bill.rounding);
        table.add_row([rating::ROUNDING, "Rounding", "", "", "", "", &rounding]);
    }
    for g in &bill.credits {
        let amount = money(g.amount);
        table.add_row([&g.name, &g.reason, "", "", "", "", &amount]);
    }
    let mut corrections: BTreeMap<(&str, &str, &str), i128> = BTreeMap::new();
    for c in bill.corrections.iter().filter(|c| c.has_money()) {
        *corrections.entry((&c.price, &c.sku, &c.name)).or_default() += c.amount;
    }
    for ((reason, sku, name), amount) in corrections {
        table.add_row([sku, name, "", "", reason, "", &money(amount)]);
    }
    let total = format!("{} {}", money(bill.total), book.currency);
    table.add_row(["", "Total", "", "", "", "", &total]);
    for column in [2, 5, 6] {
        if let Some(c) = table.column_mut(column) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    trimmed(&table)
}

/// A quantity in the unit that is paid for: bytes in GB where a price is per GB.
fn in_unit_of(price: &Price, quantity: i128, unit: &str) -> (String, String) {
    let hour_s = match unit {
        "By.s" => 3_600,
        "By" => 1,
        _ => return readable(quantity, unit),
    };
    let base = Rational::from_integer(price.unit.base() * hour_s);
    let number = round_to_text(
        &(Rational::from_integer(quantity.into()) / base),
        2,
        Rounding::HalfUp,
    );
    let over_time = if hour_s == 1 { "" } else { ".h" };
    (number, format!("{}{over_time}", price.unit.as_str()))
}

/// Usage first, then fees, rebates and percentages, as they are reckoned.
fn place(kind: &ItemKind) -> u8 {
    match kind {
        ItemKind::Usage(_) => 0,
        ItemKind::Fee(_) => 1,
        ItemKind::Percent(p) if p.is_rebate() => 2,
        ItemKind::Percent(_) => 3,
    }
}

fn floored(quantity: &Exact) -> i128 {
    match quantity {
        Exact::Small(n, d) => n.div_euclid(*d),
        Exact::Big(r) => r.floor().to_integer().to_i128().unwrap_or(i128::MAX),
    }
}

/// A table without blanks at the ends of lines.
pub(super) fn trimmed(table: &Table) -> String {
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// A contract under two books.
#[derive(Debug, Serialize)]
struct Change<'a> {
    tenant: &'a str,
    contract: &'a str,
    currency: &'a str,
    book: String,
    draft: String,
    difference: String,
}

/// Prints what each contract pays by the book and would pay by a draft in the same currency: who wins first, then who loses, the most at each end.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_draft(
    now: &Shown<'_>,
    draft: &Shown<'_>,
    format: BillFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    // Both to the finer of the two books' decimals, so that they can be compared.
    let decimals = now.book.decimals.max(draft.book.decimals);
    let scaled =
        |shown: &Shown<'_>, units: i128| units * 10_i128.pow(decimals - shown.book.decimals);
    let mut totals: BTreeMap<(&str, &str), (i128, i128)> = BTreeMap::new();
    for b in &now.rated.bills {
        totals.entry((&b.tenant, &b.contract)).or_default().0 = scaled(now, b.total);
    }
    for b in &draft.rated.bills {
        totals.entry((&b.tenant, &b.contract)).or_default().1 = scaled(draft, b.total);
    }
    let mut all: Vec<_> = totals.into_iter().collect();
    all.sort_by_key(|(_, (old, new))| new - old);
    let money = |units| units_to_text(units, decimals);
    let changes: Vec<Change<'_>> = all
        .iter()
        .map(|((tenant, contract), (old, new))| Change {
            tenant,
            contract,
            currency: &now.book.currency,
            book: money(*old),
            draft: money(*new),
            difference: money(new - old),
        })
        .collect();
    let (month, as_of) = (
        &now.metered.usage.month,
        now.metered.usage.as_of.to_string(),
    );
    if format == BillFormat::Json {
        let json = serde_json::json!({
            "month": month, "as_of": as_of, "book": now.book.name, "draft": draft.book.name, "contracts": changes,
        });
        serde_json::to_writer_pretty(&mut *out, &json)?;
        return writeln!(out);
    }
    let (old, new) = (&now.book.name, &draft.book.name);
    writeln!(
        out,
        "{month} as of {as_of}: price book {old} against the draft {new}, {}\n",
        now.book.currency
    )?;
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["Tenant", "Contract", old, new, "Difference", ""]);
    for (change, (_, (old, new))) in changes.iter().zip(&all) {
        let word = match new.cmp(old) {
            std::cmp::Ordering::Less => "wins",
            std::cmp::Ordering::Equal => "",
            std::cmp::Ordering::Greater => "loses",
        };
        table.add_row([
            change.tenant,
            change.contract,
            &change.book,
            &change.draft,
            &change.difference,
            word,
        ]);
    }
    let (old, new): (i128, i128) = all.iter().fold((0, 0), |s, (_, (o, n))| (s.0 + o, s.1 + n));
    table.add_row(["Total", "", &money(old), &money(new), &money(new - old), ""]);
    for column in [2, 3, 4] {
        if let Some(c) = table.column_mut(column) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", trimmed(&table))
}
