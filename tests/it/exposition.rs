//! Pages that the standards accept and refuse, pages of real servers, and pages made up from a model.

mod captured;
mod made_up;

use plimsoll::exposition::{Error, Event, Events, Format, Strict};
use std::{fmt::Write as _, fs, path::Path};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The cases of a file: what their header says, and their page. Characters that one cannot see have their pictures, and ␄ leaves out the last line feed.
fn cases(file: &str) -> Vec<(String, String)> {
    let text = read(&format!("tests/exposition/{file}"));
    let mut all: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("## ") {
            Some(head) => all.push((head.to_owned(), String::new())),
            None => writeln!(all.last_mut().unwrap().1, "{line}").unwrap(),
        }
    }
    for (_, page) in &mut all {
        for (picture, character) in [
            ("␠", " "),
            ("␉", "\t"),
            ("␍", "\r"),
            ("␀", "\0"),
            ("␄\n", ""),
        ] {
            *page = page.replace(picture, character);
        }
    }
    all
}

/// All events of a page, or its error.
fn events(page: &[u8], format: Format) -> Result<Vec<Event<'_>>, Error> {
    Events::new(page, format).collect()
}

fn strict(page: &[u8]) -> Result<Vec<Event<'_>>, Error> {
    Strict::new(page).collect()
}

#[test]
fn what_the_standard_allows_is_accepted() {
    let cases = cases("accept.txt");
    assert!(cases.len() > 40);
    for (name, page) in &cases {
        let told = strict(page.as_bytes());
        assert!(told.is_ok(), "{name}: {}\n{page}", told.unwrap_err());
        assert_eq!(told, events(page.as_bytes(), Format::OpenMetrics), "{name}");
    }
}

/// Every case of a file is refused, at the place and for the reason that its header gives: `NAME => LINE:COLUMN some of the message`.
fn refused(file: &str, read: impl Fn(&[u8]) -> Result<(), Error>) -> usize {
    let cases = cases(file);
    let mut wrong = String::new();
    for (head, page) in &cases {
        let (name, want) = head.split_once(" => ").unwrap();
        let (place, reason) = want.split_once(' ').unwrap_or((want, ""));
        match read(page.as_bytes()) {
            Err(e)
                if format!("{}:{}", e.line, e.column) == place
                    && e.to_string().contains(reason) => {}
            other => writeln!(wrong, "{name} => {other:?}, wanted {want}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    cases.len()
}

#[test]
fn what_the_grammar_of_openmetrics_forbids_is_refused() {
    let syntax = |page: &[u8]| {
        assert!(strict(page).is_err());
        events(page, Format::OpenMetrics).map(drop)
    };
    assert!(refused("reject-syntax.txt", syntax) > 100);
}

#[test]
fn what_the_rules_of_openmetrics_forbid_is_refused() {
    let rules = |page: &[u8]| {
        // The grammar has nothing against it: the rules are what is tested.
        assert!(
            events(page, Format::OpenMetrics).is_ok(),
            "{}",
            String::from_utf8_lossy(page)
        );
        strict(page).map(drop)
    };
    assert!(refused("reject-rules.txt", rules) > 100);
}

#[test]
fn what_text_0_0_4_forbids_is_refused() {
    assert!(
        refused("reject-text.txt", |page| events(page, Format::Text)
            .map(drop))
            > 25
    );
}
