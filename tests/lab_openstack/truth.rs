//! What the seed did and saw, as the changes that it must have brought about, each with the time between its request and the first sight of its result.

use crate::lab;
use plimsoll::domain::Ts;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a server becomes when it ends.
pub(crate) const GONE: &str = "(gone)";

/// A line of `truth.jsonl` about a server.
#[derive(Debug, Deserialize)]
struct Line {
    at: String,
    began: Option<String>,
    what: String,
    project: String,
    id: String,
    name: Option<String>,
    flavor: Option<String>,
}

impl Line {
    fn at(&self) -> Ts {
        Ts::parse(&self.at).unwrap()
    }

    fn began(&self) -> Ts {
        let began = self.began.as_deref();
        Ts::parse(began.unwrap_or_else(|| panic!("no `began`: {self:?}"))).unwrap()
    }

    fn action(&self) -> &str {
        self.what.strip_prefix("server.").unwrap()
    }

    fn seen(&self) -> Option<&str> {
        self.action().strip_prefix("seen_")
    }
}

/// A change that must have happened between two times.
#[derive(Debug)]
pub(crate) struct Change {
    /// To what: a state, a flavor's name, or [`GONE`].
    pub(crate) to: String,
    /// True if it may have lasted for less than a second, or be left out by Nova.
    pub(crate) fleeting: bool,
    /// Just before it was asked for.
    pub(crate) asked: Ts,
    /// When its result was first seen.
    pub(crate) seen: Ts,
}

/// All that the seed did to one server.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: String,
    /// `domain/project`.
    pub(crate) project: String,
    lines: Vec<Line>,
}

/// Every server of this run's seed, by id.
pub(crate) fn lives() -> BTreeMap<String, Life> {
    let text = std::fs::read_to_string(lab::env("PLIMSOLL_LAB_TRUTH")).unwrap();
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    for line in text.lines().filter(|l| l.contains("\"server.")) {
        let line: Line = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        lives
            .entry(line.id.clone())
            .or_insert_with(|| Life {
                name: line.name.clone().unwrap(),
                project: line.project.clone(),
                lines: Vec::new(),
            })
            .lines
            .push(line);
    }
    assert!(lives.len() >= 28, "the seed made {} servers", lives.len());
    lives
}

impl Life {
    /// True if it was ever asked for another flavor.
    pub(crate) fn resized(&self) -> bool {
        self.lines.iter().any(|l| l.action() == "resize")
    }

    /// True if it was ever taken off its host.
    pub(crate) fn offloaded(&self) -> bool {
        self.lines.iter().any(|l| l.action() == "shelve")
    }

    /// True if anybody saw it run: only then it is to be paid for.
    pub(crate) fn ran(&self) -> bool {
        self.lines.iter().any(|l| l.seen() == Some("active"))
    }

    /// True if no host ever heard of it: it was deleted before it was scheduled.
    pub(crate) fn unscheduled(&self) -> bool {
        !self.ran() && !self.lines.iter().any(|l| l.seen() == Some("error"))
    }

    /// Its states, in order.
    pub(crate) fn states(&self) -> Vec<Change> {
        self.changes(|line, seen| {
            let become_ = match (line.action(), seen) {
                ("create", Some("active")) => vec!["building", "active"],
                ("create", Some("error")) => vec!["building", "build_error"],
                ("create", _) => vec!["building"],
                ("os-stop", _) => vec!["stopped"],
                ("os-start" | "unshelve" | "confirmResize" | "revertResize", _) => vec!["active"],
                ("resize", _) => vec!["resized"],
                // Nova offloads at once, and a server that boots from a volume without shelving it before.
                ("shelve", _) => vec!["shelved", "shelved_offloaded"],
                ("suspend", _) => vec!["suspended"],
                ("pause", _) => vec!["paused"],
                ("delete", _) => vec![GONE],
                ("rebuild" | "createImage", _) => vec![],
                (other, _) => panic!("what does the action {other} change? {line:?}"),
            };
            become_.into_iter().map(str::to_owned).collect()
        })
    }

    /// Its flavors, in order.
    pub(crate) fn flavors(&self) -> Vec<Change> {
        let mut held: Vec<String> = Vec::new();
        self.changes(|line, _| {
            let to = match line.action() {
                "create" | "resize" => line.flavor.clone().unwrap(),
                "revertResize" => held[held.len() - 2].clone(),
                "delete" => GONE.to_owned(),
                _ => return Vec::new(),
            };
            held.push(to.clone());
            vec![to]
        })
    }

    /// Every action's changes, between its request and the first sight of its result.
    fn changes(&self, mut of: impl FnMut(&Line, Option<&str>) -> Vec<String>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (i, line) in self.lines.iter().enumerate() {
            if line.seen().is_some() {
                continue;
            }
            let next = self.lines.get(i + 1).filter(|l| l.seen().is_some());
            for (n, to) in of(line, next.and_then(Line::seen)).into_iter().enumerate() {
                // The record is made while the request waits.
                let by_the_answer = line.action() == "create" && n == 0;
                changes.push(Change {
                    fleeting: to == "shelved",
                    to,
                    asked: line.began(),
                    seen: match next {
                        Some(next) if !by_the_answer => next.at(),
                        _ => line.at(),
                    },
                });
            }
        }
        changes
    }
}
