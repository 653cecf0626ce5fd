//! Price books from their text to amounts: everything here is worked out by hand beside the test.

mod list;
mod random;
mod schemes;

use plimsoll::{
    config::book,
    domain::{Period, PriceBook, bill::Rated, money::units_to_text, price::Use},
    rating::{self, NotQuoted},
};
use std::collections::BTreeMap;

/// A book that must be sound.
pub(crate) fn compiled(text: &str) -> PriceBook {
    book::from_text("book.yaml", text, None).unwrap_or_else(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n"))
    })
}

/// A book of these sections, in Stockholm's calendar.
pub(crate) fn with(sections: &str) -> PriceBook {
    compiled(&format!(
        "name: test\ncurrency: SEK\ntime_zone: Europe/Stockholm\nvalid_from: 2020-01-01\n{sections}"
    ))
}

pub(crate) fn month(name: &str) -> Period {
    Period::month(name, chrono_tz::Europe::Stockholm).unwrap()
}

pub(crate) fn uses(texts: &[&str], book: &PriceBook) -> Vec<Use> {
    texts
        .iter()
        .map(|t| book::parse_use(t, book).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

/// What uses in words cost: (SKU, amount) of each line, and the total.
pub(crate) fn quoted(
    book: &PriceBook,
    name: &str,
    texts: &[&str],
    contract: &str,
    subscriptions: &[&str],
) -> (Vec<(String, String)>, String) {
    let taken = subscriptions.iter().map(|s| ((*s).to_owned(), 1)).collect();
    let quote = rating::quote(&uses(texts, book), book, &month(name), contract, &taken);
    let (_, book, rated) = quote.unwrap_or_else(|e| panic!("{e}"));
    shown(&rated, &book)
}

pub(crate) fn shown(rated: &Rated, book: &PriceBook) -> (Vec<(String, String)>, String) {
    let money = |units| units_to_text(units, book.decimals);
    let [bill] = rated.bills.as_slice() else {
        panic!("{rated:?}")
    };
    let lines = bill.lines.iter();
    let lines = lines.map(|l| (book.items[l.item].sku.clone(), money(l.amount)));
    (lines.collect(), money(bill.total))
}

/// The total alone, by the list.
pub(crate) fn total(book: &PriceBook, name: &str, texts: &[&str]) -> String {
    quoted(book, name, texts, "", &[]).1
}

/// Why uses cannot be priced.
pub(crate) fn refused(book: &PriceBook, name: &str, texts: &[&str]) -> String {
    let none = BTreeMap::new();
    match rating::quote(&uses(texts, book), book, &month(name), "", &none) {
        Err(e @ NotQuoted::Unpriced(_)) => e.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Lines as pairs of text.
pub(crate) fn lines(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    pairs.iter().map(own).collect()
}
