//! Selectors of PromQL: `name{label="value"}`. Nothing else can be counted without guessing what was meant.

use regex::Regex;
use std::{collections::BTreeMap, fmt};

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Is,
    IsNot,
    Like,
    NotLike,
}

impl Op {
    const ALL: [(&'static str, Self); 4] = [
        ("=~", Self::Like),
        ("!~", Self::NotLike),
        ("!=", Self::IsNot),
        ("=", Self::Is),
    ];
}

#[derive(Debug, Clone)]
struct Matcher {
    label: String,
    op: Op,
    value: String,
    /// The whole value, where it is a pattern.
    pattern: Option<Regex>,
}

impl Matcher {
    fn accepts(&self, value: &str) -> bool {
        let like = || self.pattern.as_ref().is_some_and(|p| p.is_match(value));
        match self.op {
            Op::Is => value == self.value,
            Op::IsNot => value != self.value,
            Op::Like => like(),
            Op::NotLike => !like(),
        }
    }

    /// A value that it accepts, or one that it does not; `None` if none is found.
    fn example(&self, accepted: bool) -> Option<String> {
        let mut tried = vec![self.value.clone()];
        for part in self.value.trim_matches(['(', ')']).split('|') {
            tried.extend([
                part.to_owned(),
                part.replace(".+", "x")
                    .replace(".*", "")
                    .replace('.', "0")
                    .replace('\\', ""),
            ]);
        }
        tried.extend(["x", "200", "500", "1", ""].map(str::to_owned));
        tried.into_iter().find(|v| self.accepts(v) == accepted)
    }
}

/// A selector that was understood.
#[derive(Debug, Clone)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

/// A text that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a plain selector: {why}")]
pub struct BadSelector {
    text: String,
    why: String,
}

/// True for the name of a metric.
fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// True for the name of a label.
#[must_use]
pub fn is_label(text: &str) -> bool {
    is_name(text) && !text.contains(':')
}

/// Words that stand for something else where the name of a metric might.
const TAKEN: [&str; 9] = [
    "atan2",
    "bool",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "on",
    "without",
];

impl Selector {
    /// Reads `name{label="value", other=~"a|b"}`.
    ///
    /// # Errors
    /// [`BadSelector`] for any other expression: ranges, functions, operators.
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        let bad = |why: &str| BadSelector {
            text: text.trim().to_owned(),
            why: why.to_owned(),
        };
        let (name, rest) = match text.trim().split_once('{') {
            Some((name, rest)) => (
                name,
                rest.trim_end()
                    .strip_suffix('}')
                    .ok_or_else(|| bad("it has no `}` at its end"))?,
            ),
            None => (text.trim(), ""),
        };
        if !is_name(name.trim()) {
            return Err(bad(
                "it has to be name{label=\"value\"}, without ranges, functions and operators",
            ));
        }
        if TAKEN.contains(&name.trim().to_ascii_lowercase().as_str()) {
            return Err(bad("its name is a word of PromQL"));
        }
        let mut matchers = Vec::new();
        let mut rest = rest.trim();
        while !rest.is_empty() {
            let (matcher, after) = matcher(rest).map_err(|why| bad(&why))?;
            matchers.push(matcher);
            rest = after;
        }
        Ok(Self {
            name: name.trim().to_owned(),
            matchers,
        })
    }

    /// True if a label is compared.
    #[must_use]
    pub fn names(&self, label: &str) -> bool {
        self.matchers.iter().any(|m| m.label == label)
    }

    /// Labels of a series that it selects, which `other` does not, if one is given; `None` if none is found.
    fn example(&self, not: Option<&Self>) -> Option<BTreeMap<String, String>> {
        let mut labels = BTreeMap::new();
        for m in &self.matchers {
            labels.insert(m.label.clone(), m.example(true)?);
        }
        let selects = |s: &Self, labels: &BTreeMap<String, String>| {
            s.matchers
                .iter()
                .all(|m| m.accepts(labels.get(&m.label).map_or("", String::as_str)))
        };
        let Some(not) = not.filter(|n| n.name == self.name && selects(n, &labels)) else {
            return selects(self, &labels).then_some(labels);
        };
        not.matchers.iter().find_map(|m| {
            let mut labels = labels.clone();
            labels.insert(m.label.clone(), m.example(false)?);
            (selects(self, &labels) && !selects(not, &labels)).then_some(labels)
        })
    }

    /// A series that it selects, which `not` does not, with more labels; `None` if none is found.
    #[must_use]
    pub fn series(&self, not: Option<&Self>, more: &[(&str, &str)]) -> Option<String> {
        let mut labels = self.example(not)?;
        labels.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let labels: Vec<String> = labels
            .iter()
            .map(|(k, v)| format!("{k}={}", serde_json::Value::from(v.as_str())))
            .collect();
        Some(format!("{}{{{}}}", self.name, labels.join(",")))
    }

    /// True if both select series of one metric.
    #[must_use]
    pub fn is_of_the_metric_of(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn matcher(text: &str) -> Result<(Matcher, &str), String> {
    let end = text.find(['=', '!']).ok_or("a label has no comparison")?;
    let (label, rest) = text.split_at(end);
    let label = label.trim();
    if !is_label(label) {
        return Err(format!("`{label}` is no label"));
    }
    if label == "__name__" {
        return Err("the name stands before `{` alone".to_owned());
    }
    let (word, op) = Op::ALL
        .iter()
        .find(|(w, _)| rest.starts_with(w))
        .ok_or("a comparison is one of = != =~ !~")?;
    let rest = rest[word.len()..].trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|c| ['"', '\''].contains(c))
        .ok_or("a value stands in quotes")?;
    let inner = &rest[1..];
    let close = inner.find(quote).ok_or("a value has no closing quote")?;
    let value = &inner[..close];
    if value.contains(['\\', '"']) {
        return Err(
            "a value has an escape or a quote: write a pattern without, `[.]` for a dot".to_owned(),
        );
    }
    if value.contains(char::is_control) {
        return Err("a value has a line's end or a tab in it".to_owned());
    }
    let pattern = match op {
        // By itself first: `a)|(b` is one only within the parentheses.
        Op::Like | Op::NotLike => Some(
            Regex::new(value)
                .and_then(|_| Regex::new(&format!("^(?:{value})$")))
                .map_err(|e| format!("`{value}` is no pattern: {e}"))?,
        ),
        Op::Is | Op::IsNot => None,
    };
    let after = inner[close + 1..].trim_start();
    let after = match after.strip_prefix(',') {
        Some(more) => more.trim_start(),
        None if after.is_empty() => after,
        None => return Err("there is no comma between two labels".to_owned()),
    };
    Ok((
        Matcher {
            label: label.to_owned(),
            op: *op,
            value: value.to_owned(),
            pattern,
        },
        after,
    ))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        let word = |op| {
            Op::ALL
                .iter()
                .find(|(_, o)| *o == op)
                .map_or("=", |(w, _)| w)
        };
        let all: Vec<String> = self
            .matchers
            .iter()
            .map(|m| format!("{}{}\"{}\"", m.label, word(m.op), m.value))
            .collect();
        write!(f, "{{{}}}", all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_others_refused() {
        let s = Selector::parse(" http_requests_total { job = 'api' , code!~\"5..\", } ").unwrap();
        assert_eq!(
            s.to_string(),
            "http_requests_total{job=\"api\",code!~\"5..\"}"
        );
        let all = Selector::parse("http_requests_total{job=\"api\"}").unwrap();
        assert!(s.names("code") && !all.names("code"));
        assert_eq!(
            all.series(Some(&s), &[("t", "a")]).unwrap(),
            "http_requests_total{code=\"5..\",job=\"api\",t=\"a\"}"
        );
        assert_eq!(
            Selector::parse("up").unwrap().series(None, &[]).unwrap(),
            "up{}"
        );
        for bad in [
            "",
            "rate(x[5m])",
            "x[5m]",
            "x{",
            "x{a}",
            "x{a=1}",
            "x{a=\"1\" b=\"2\"}",
            "a + b",
            "x{a=\"1\"} + y",
            "x{a=~\"(\"}",
            "x{a=\"\\n\"}",
            "x{1a=\"\"}",
            "x{a=\"1\n2\"}",
            "x{a=~\"b)|(c\"}",
            "x{__name__=\"y\"}",
            "x{a=\"1\",,}",
            "NaN",
            "ignoring{a=\"1\"}",
        ] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
