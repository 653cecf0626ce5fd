//! `plimsoll prices`: compiles a book, prints it, quotes by it. Reads no configuration and no store.

use super::exit;
use crate::{
    cli::{
        self,
        args::{self, Prices},
        bill::Shown,
    },
    config::{self, Problem, book},
    domain::{Period, PriceBook, price::ItemKind},
    net::Clock,
    rating,
};
use anyhow::{Context as _, Result};
use chrono_tz::Tz;
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

pub(super) fn run(action: Prices) -> Result<u8> {
    match action {
        Prices::Check { book, format } => check(&book, format),
        Prices::Page { book, contract } => with_book(&book, |book| {
            let mut out = io::BufWriter::new(io::stdout().lock());
            cli::prices::page(book, contract.as_deref(), &mut out)?;
            out.flush()?;
            Ok(exit::DONE)
        }),
        Prices::Quote {
            book,
            uses,
            month,
            contract,
            subscribe,
            format,
        } => with_book(&book, |book| {
            let wanted = Quote {
                uses: &uses,
                month: month.as_deref(),
                contract: contract.as_deref().unwrap_or_default(),
                subscriptions: subscribe.into_iter().collect(),
                format,
            };
            quote(book, &wanted)
        }),
    }
}

fn with_book(file: &Path, go: impl FnOnce(&PriceBook) -> Result<u8>) -> Result<u8> {
    match book::read(file, None) {
        Ok(book) => go(&book),
        Err(problems) => {
            for p in &problems {
                eprintln!("{p}");
            }
            Ok(exit::USAGE)
        }
    }
}

/// The calendar of a book that is read alone.
fn zone_of(book: &PriceBook) -> Tz {
    book.zone.unwrap_or(chrono_tz::UTC)
}

/// What a book's own examples say of it.
pub(super) fn worked(file: &Path, book: &PriceBook, zone: Tz) -> Vec<Problem> {
    rating::check_examples(book, zone)
        .into_iter()
        .map(|(example, what)| {
            let what = format!("{}: {what}", example.name);
            book::example_problem(file, example, what)
        })
        .collect()
}

fn check(file: &Path, format: args::TextFormat) -> Result<u8> {
    let (book, mut problems) = book::judge(file, None);
    if let Some(book) = &book {
        problems.extend(worked(file, book, zone_of(book)));
    }
    let ok = !problems.iter().any(Problem::is_error);
    let mut out = io::stdout().lock();
    match format {
        args::TextFormat::Json => {
            let json = serde_json::json!({"file": file, "ok": ok, "problems": problems});
            serde_json::to_writer_pretty(&mut out, &json)?;
            writeln!(out)?;
        }
        args::TextFormat::Text => {
            for p in &problems {
                writeln!(out, "{p}")?;
            }
            match (&book, ok) {
                (Some(book), true) => writeln!(out, "{}: {}", file.display(), accepted(book))?,
                _ => {
                    let errors = problems.iter().filter(|p| p.is_error()).count();
                    writeln!(out, "{}: refused, {errors} error(s)", file.display())?;
                }
            }
        }
    }
    Ok(if ok { exit::DONE } else { exit::USAGE })
}

fn accepted(book: &PriceBook) -> String {
    let count = |of: fn(&ItemKind) -> bool| book.items.iter().filter(|i| of(&i.kind)).count();
    format!(
        "accepted: {} price(s), {} fee(s), {} percentage(s) and rebate(s), {} contract term(s); {} worked example(s) come out",
        count(|k| matches!(k, ItemKind::Usage(_))),
        count(|k| matches!(k, ItemKind::Fee(_))),
        count(|k| matches!(k, ItemKind::Percent(_))),
        book.terms.len(),
        book.examples.len()
    )
}

struct Quote<'a> {
    uses: &'a [String],
    month: Option<&'a str>,
    contract: &'a str,
    subscriptions: BTreeMap<String, u32>,
    format: args::BillFormat,
}

fn quote(book: &PriceBook, wanted: &Quote<'_>) -> Result<u8> {
    let zone = zone_of(book);
    let period = match wanted.month {
        Some(m) => match super::read::parse_month(m, zone) {
            Ok(period) => period,
            Err(code) => return Ok(code),
        },
        None => Period::containing(Clock::System.now(), zone)
            .context("the clock is outside the calendar")?,
    };
    let mut wrong: Vec<String> = wanted
        .subscriptions
        .keys()
        .filter(|sku| {
            !book
                .items
                .iter()
                .any(|i| i.sku == **sku && !matches!(i.kind, ItemKind::Usage(_)))
        })
        .map(|sku| {
            format!("{sku} is no SKU of a fee or a percentage: `plimsoll prices page` lists them")
        })
        .collect();
    let mut uses = Vec::new();
    for text in wanted.uses {
        match config::book::parse_use(text, book) {
            Ok(u) => uses.push(u),
            Err(e) => wrong.push(e),
        }
    }
    wrong.extend(book.objection(&period));
    if !wrong.is_empty() {
        for w in wrong {
            eprintln!("plimsoll: {w}");
        }
        return Ok(exit::USAGE);
    }
    match rating::quote(&uses, book, &period, wanted.contract, &wanted.subscriptions) {
        Ok((metered, book, rated)) => {
            let shown = Shown {
                period: &period,
                metered: &metered,
                book: &book,
                rated: &rated,
                projected: None,
            };
            let mut out = io::BufWriter::new(io::stdout().lock());
            cli::bill::print(&shown, wanted.format, &mut out)?;
            out.flush()?;
            Ok(exit::DONE)
        }
        Err(e) => {
            eprintln!("plimsoll: {e}");
            Ok(exit::PART)
        }
    }
}
