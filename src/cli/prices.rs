//! `plimsoll prices`: a price list for people.

use super::bill::trimmed;
use crate::{
    domain::{
        PriceBook, Ts,
        price::{Item, ItemKind, Percent, RoundPer},
    },
    rating,
};
use chrono_tz::Tz;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use std::io::{self, Write};

/// Prints the list; with a contract, what that has agreed too.
///
/// # Errors
/// When `out` cannot be written.
pub fn page(book: &PriceBook, contract: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let zone = book.zone.unwrap_or(chrono_tz::UTC);
    let until = book
        .valid_to
        .map_or_else(String::new, |d| format!(" to {d}"));
    writeln!(
        out,
        "Price list {}, {}, valid from {}{until}",
        book.name, book.currency, book.valid_from
    )?;
    let title_of = |i: &Item| match i.kind {
        ItemKind::Usage(_) => "Usage",
        ItemKind::Fee(_) => "Fees",
        ItemKind::Percent(_) => "Percentages",
    };
    for title in ["Usage", "Fees", "Percentages"] {
        let listed = book.items.iter();
        let listed = listed.filter(|i| i.terms.is_none() && title_of(i) == title);
        section(book, title, listed, zone, out)?;
    }
    if let Some(contract) = contract {
        for (n, terms) in book.terms_of(contract) {
            let title = format!("Contract {contract}{}", holds(terms.from, terms.to, zone));
            let own = book.items.iter().filter(|i| i.terms == Some(n));
            section(book, &title, own, zone, out)?;
            for (sku, times) in &terms.subscriptions {
                writeln!(out, "  subscribes to {times} x {sku}")?;
            }
        }
        if book.terms_of(contract).next().is_none() {
            writeln!(
                out,
                "\nContract {contract} has agreed nothing else: the list holds."
            )?;
        }
    }
    let what = match book.round {
        RoundPer::Line => "Each line is",
        RoundPer::Invoice => "The invoice is",
    };
    writeln!(out, "\n{what} rounded once, to {} decimals.", book.decimals)
}

fn section<'a>(
    book: &PriceBook,
    title: &str,
    items: impl Iterator<Item = &'a Item>,
    zone: Tz,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let mut empty = true;
    for item in items {
        empty = false;
        let charged = match &item.kind {
            ItemKind::Percent(Percent { charged, .. }) if item.terms.is_none() => words(*charged),
            ItemKind::Fee(f) => words(f.charged),
            _ => "",
        };
        let price = rating::sku_price(item, book);
        let holds = holds(item.from, item.to, zone);
        table.add_row([&item.sku, &item.name, &format!("{price}{charged}{holds}")]);
    }
    if empty {
        return Ok(());
    }
    writeln!(out, "\n{title}\n{}", trimmed(&table))
}

const fn words(charged: crate::domain::price::Charged) -> &'static str {
    match charged {
        crate::domain::price::Charged::EveryContract => "",
        crate::domain::price::Charged::Subscribed => ", if subscribed to",
    }
}

fn holds(from: Option<Ts>, to: Option<Ts>, zone: Tz) -> String {
    let shown = |t: Ts| {
        t.to_utc().map_or_else(
            || t.to_string(),
            |d| d.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
        )
    };
    let part =
        |word: &str, t: Option<Ts>| t.map_or_else(String::new, |t| format!(" {word} {}", shown(t)));
    match (from, to) {
        (None, None) => String::new(),
        _ => format!(
            " ({})",
            format!("{}{}", part("from", from), part("to", to)).trim_start()
        ),
    }
}
