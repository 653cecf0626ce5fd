//! Price books: dated YAML -> [`PriceBook`], with the same care and the same kind of errors as the configuration.
//!
//! `raw` is the book as it is written; `judge` reads it into the domain's types; `prices`, `extras` and `examples` judge their sections; `versions` then looks
//! at all of them together: what overlaps, what leaves a gap, what can never be reached.

mod examples;
mod extras;
mod judge;
mod prices;
mod raw;
mod versions;

pub use examples::parse_use;
pub(super) use raw::Book;

use super::{
    checker::Checker,
    problem::{At, Path, Problem},
    raw::Part,
    schema, shape, yaml,
};
use crate::domain::{PriceBook, price::Example};
use chrono_tz::Tz;
use std::path::Path as FilePath;

/// Reads a price book. Its dates are of `zone` where it names none; where it names another, that is an error. Without a zone it is read by its own, or UTC.
///
/// # Errors
/// All problems at once.
pub fn read(file: &FilePath, zone: Option<Tz>) -> Result<PriceBook, Vec<Problem>> {
    sound(judge(file, zone))
}

/// Reads a book from its stored text, which was accepted once: [`PriceBook::text`].
///
/// # Errors
/// All problems at once, with `name` in place of a file.
pub fn from_text(name: &str, text: &str, zone: Option<Tz>) -> Result<PriceBook, Vec<Problem>> {
    sound(judge_text(FilePath::new(name), text, zone))
}

fn sound(judged: (Option<PriceBook>, Vec<Problem>)) -> Result<PriceBook, Vec<Problem>> {
    match judged {
        (Some(book), _) => Ok(book),
        (None, problems) => Err(problems),
    }
}

/// The book, if it is sound, and what is wrong with it, warnings included.
#[must_use]
pub fn judge(file: &FilePath, zone: Option<Tz>) -> (Option<PriceBook>, Vec<Problem>) {
    match yaml::read_text(file) {
        Ok(text) => judge_text(file, &text, zone),
        Err(problem) => (None, vec![problem]),
    }
}

pub(super) fn judge_text(
    file: &FilePath,
    text: &str,
    zone: Option<Tz>,
) -> (Option<PriceBook>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(root) = yaml::parse(file, text, &mut problems) else {
        return (None, problems);
    };
    let shaped = shape::check(file, &root, &schema::price_book_schema(), &mut problems);
    let mut c = Checker {
        file: file.to_owned(),
        root,
        problems,
        env: &|_| None,
    };
    let part = Part(shaped.and_then(|v| serde_json::from_value::<Book>(v).ok()));
    let book = c
        .part(part, &Path::default())
        .and_then(|b| judge::book(&mut c, b, text, zone));
    let book = book.filter(|_| !c.problems.iter().any(Problem::is_error));
    (book, c.problems)
}

/// What is wrong with a worked example, at its place in the file.
#[must_use]
pub fn example_problem(file: &FilePath, example: &Example, what: String) -> Problem {
    let (line, col, key) = &example.at;
    let at = At {
        line: *line,
        col: *col,
    };
    Problem {
        key: key.clone(),
        ..Problem::error(
            file,
            at,
            &Path::default(),
            what,
            "correct the price, or the example",
        )
    }
}
