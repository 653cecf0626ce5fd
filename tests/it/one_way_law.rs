//! The one-way law as data, and a few habits of the house that a scan of its text can hold.
//!
//! It covers the tests beside the code too.

mod scan;

use scan::{Token, blank, paths, tokens};
use std::{fmt, fs, path::Path};

/// Rooms -> the rooms that each of them may name. A room may always name itself; a room that is not here may not exist.
const LAW: &[(&str, &str)] = &[
    ("domain", ""),
    ("attribute fold rating slo", "domain"),
    // `slo`: what definitions are validated into.
    ("config", "domain slo"),
    ("telemetry net exposition", "domain"),
    ("sources spool store", BELOW_SOURCES),
    ("periods", BELOW_PERIODS),
    ("export http cli", BELOW_PEOPLE),
    // Not `sources` and `exposition`: a made-up cloud that shared code with its reader would share its mistakes.
    (
        "simulate",
        "domain attribute fold rating slo config telemetry net spool store periods",
    ),
    ("app", EVERY_ROOM),
    // Arguments -> app.
    ("main", "app cli"),
];

const BELOW_SOURCES: &str = "domain attribute fold rating slo config telemetry net exposition";
const BELOW_PERIODS: &str =
    "domain attribute fold rating slo config telemetry net exposition sources spool store";
const BELOW_PEOPLE: &str =
    "domain attribute fold rating slo config telemetry net exposition sources spool store periods";
const EVERY_ROOM: &str = "domain attribute fold rating slo config telemetry net exposition sources spool store \
     periods export http cli simulate";

/// What a room may name; `None` for what is no room.
fn law_of(room: &str) -> Option<&'static str> {
    let holds = |(rooms, _): &&(&str, &str)| rooms.split(' ').any(|r| r == room);
    LAW.iter().find(holds).map(|(_, may)| *may)
}

/// Rooms that take values and return values.
const PURE: &[&str] = &["domain", "attribute", "fold", "rating", "slo"];

/// What a pure room may not name, by the beginning of the path.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::time::Instant",
];

/// Most lines of a file.
const LINES_MAX: usize = 500;

/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[];

/// One breach.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// All breaches of one file. `file` is relative to the crate: `src/fold/mod.rs`.
fn breaches(file: &str, text: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut breach = |line, rule: String| {
        found.push(Breach {
            file: file.to_owned(),
            line,
            rule,
        })
    };
    if !text.starts_with("//!") {
        breach(
            1,
            "a file opens with a line `//!` that says what it is for".to_owned(),
        );
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !LONG.iter().any(|(long, _)| *long == file) {
        breach(
            lines,
            format!("more than {LINES_MAX} lines: divide it, or give the reason in LONG"),
        );
    }
    let module = module_of(file);
    let Some(room) = module.first().cloned() else {
        return found;
    };
    let Some(may) = law_of(&room) else {
        breach(
            1,
            format!("`{room}` is no room of the house: tests/it/one_way_law.rs has no law for it"),
        );
        return found;
    };
    let pure = PURE.contains(&room.as_str());
    let tokens = tokens(&blank(text));
    for (line, path) in paths(&tokens, &module) {
        let whole = path.join("::");
        let named = if path[0] == "crate" {
            path.get(1)
        } else {
            None
        };
        if let Some(named) = named.filter(|n| **n != room && !may.split(' ').any(|m| m == *n)) {
            let may = if may.is_empty() { "nothing" } else { may };
            breach(
                line,
                format!("{room} may not name {named} (`{whole}`): it may name {may}"),
            );
        }
        let begins = |what: &&&str| format!("{whole}::").starts_with(&format!("{what}::"));
        if let Some(what) = IMPURE.iter().find(begins).filter(|_| pure) {
            breach(
                line,
                format!("{room} is pure and may not name {what}: no I/O, no clock, no async"),
            );
        }
    }
    let digit = |c: char| c.is_ascii_digit() || c == '_';
    let float = |t: &&Token| ["f32", "f64"].contains(&t.text.trim_start_matches(digit));
    for t in tokens.iter().filter(float).filter(|_| pure) {
        breach(
            t.line,
            format!("{}: no float near money, quantities and times", t.text),
        );
    }
    found
}

/// `src/fold/mod.rs` -> `[fold]`, `src/store/engine.rs` -> `[store, engine]`, `src/lib.rs` -> `[]`.
fn module_of(file: &str) -> Vec<String> {
    let path = file
        .strip_prefix("src/")
        .unwrap_or(file)
        .trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" {
        Vec::new()
    } else {
        path.split('/').map(str::to_owned).collect()
    }
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, out: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path
                    .strip_prefix(env!("CARGO_MANIFEST_DIR"))
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                out.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out.sort();
    out
}

#[test]
fn the_house_keeps_the_law() {
    let files = sources();
    assert!(files.len() > 30, "found only {} files", files.len());
    let mut all: Vec<String> = files
        .iter()
        .flat_map(|(file, text)| breaches(file, text))
        .map(|b| b.to_string())
        .collect();
    for (file, reason) in LONG {
        let long = files
            .iter()
            .any(|(f, text)| f == file && text.lines().count() > LINES_MAX);
        if !long || reason.is_empty() {
            all.push(format!("{file}: in LONG for no reason"));
        }
    }
    assert!(
        all.is_empty(),
        "{} breaches of the house's law:\n{}",
        all.len(),
        all.join("\n")
    );
}

/// What the scan must find: where and why, then the file's code after its first line.
const BAD: &str = r##"
src/fold/mod.rs:2: fold may not name store
    use crate::store::Store;
src/fold/merge.rs:2: fold may not name store
    use super::super::store;
src/fold/merge.rs:2: fold may not name spool
    use super::{span, super::spool::Spool};
src/domain/fact.rs:2: domain may not name net
    fn f() -> crate::net::Clock { g() }
src/store/mod.rs:5: store may not name sources
    use crate::{
        config,
        domain::{Ts, usage::{self, Piece}},
        sources as s,
    };
src/simulate/mod.rs:2: simulate may not name sources
    use crate::{domain::Ts, sources::openstack::{nova}};
src/http/mod.rs:3: http may not name export
    mod page {
        use super::super::export::x;
    }
src/config/mod.rs:2: config may not name *
    use crate::*;
src/net/mod.rs:2: net may not name app
    macro_rules! m { () => { $crate::app::run() } }
src/main.rs:2: main may not name store
    use plimsoll::store::Store;
src/rating/mod.rs:2: rating may not name periods
    let x: Vec<crate::periods::Usage> = f(r#""#, '"', 'a', "\"");
src/billing/mod.rs:1: `billing` is no room
    use std::fmt;
src/fold/mod.rs:2: fold is pure and may not name std::fs
    use std::{collections::BTreeMap, fs::File};
src/fold/mod.rs:2: fold is pure and may not name std::net
    use ::std::net::TcpStream;
src/fold/mod.rs:2: fold is pure and may not name std::time::SystemTime
    fn f() { std::time::SystemTime::now(); }
src/rating/mod.rs:2: rating is pure and may not name tokio
    async fn f() { tokio::spawn(async {}); }
src/domain/money.rs:2: f64: no float
    fn f(x: f64) {}
src/domain/money.rs:2: 1_f32: no float
    const X: bool = 1_f32 > 0;
"##;

/// What the scan must let pass.
const GOOD: &str = r##"
src/fold/mod.rs:
    use crate::domain::{Fact, fact::{self, Value}};
    #[cfg(test)]
    mod tests {
        use super::*;
    }
src/fold/merge.rs:
    use super::super::domain::Fact;
    pub(super) fn f() {}
    pub(crate) fn g() {}
    pub(in crate::fold) fn h() {}
src/fold/mod.rs:
    // crate::store
    /* crate::store /* nested */ crate::net */
    /// See [`crate::store`].
    const A: &str = "crate::store f64 \" crate::net";
    const B: &str = r#"a " crate::store"#;
    const C: &[u8] = br"crate::net";
    const D: char = '"';
    fn f<'a>(x: &'a str) -> char { '\'' }
    const MASK: u32 = 0x0f32;
src/domain/fact.rs:
    use std::{collections::BTreeMap, fmt, time::Duration};
    use super::{Ts, digest::Fields};
src/store/mod.rs:
    let x: f64 = Vec::<u8>::new();
    <T as Default>::default();
    tokio::fs::read(a).await;
    crate::config::load();
src/app.rs:
    use crate::{sources, simulate, http::{self as web, serve}};
src/lib.rs:
    pub mod domain;
"##;

/// Head and code of every sample; a head is not indented.
fn samples(text: &str) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    for line in text.lines().filter(|l| !l.is_empty()) {
        match (line.strip_prefix("    "), out.last_mut()) {
            (Some(code), Some((_, sample))) => *sample += &format!("{code}\n"),
            _ => out.push((line, "//! Sample.\n".to_owned())),
        }
    }
    out
}

#[test]
fn forbidden_names_are_found_wherever_they_hide() {
    for (head, code) in samples(BAD) {
        let file = head.split(':').next().unwrap();
        let got: Vec<String> = breaches(file, &code)
            .iter()
            .map(Breach::to_string)
            .collect();
        assert!(
            got.len() == 1 && got[0].starts_with(head),
            "wanted {head}, got {got:?} of\n{code}"
        );
    }
}

#[test]
fn allowed_names_pass() {
    for (head, code) in samples(GOOD) {
        assert_eq!(breaches(head.trim_end_matches(':'), &code), [], "{code}");
    }
}

#[test]
fn habits_of_a_file() {
    assert!(
        breaches("src/lib.rs", "use a;\n")[0]
            .rule
            .contains("opens with")
    );
    let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
    assert!(
        breaches("src/fold/mod.rs", &long)[0]
            .rule
            .contains("more than 500 lines")
    );
}
