//! Holds a located tree against the schema of a type: every problem at once, each with its place.
//!
//! A validator of its own, because scalars are still text here: the schema decides what each is read as, so no number
//! passes through a float. It knows the keywords that our types produce; a test fails when a type produces another.

use super::{
    leaf,
    problem::{At, Path, Problem},
    yaml::{Data, Entry, Node},
};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::path::Path as FilePath;

/// Judges a tree. What comes back has the types of the schema; what was refused is left out, or `null` where something must
/// stand: keys that are required, and items of lists, so that positions stay.
pub(super) fn check(
    file: &FilePath,
    root: &Node,
    schema: &Value,
    problems: &mut Vec<Problem>,
) -> Option<Value> {
    Shape { file, schema }.value(root, schema, &Path::default(), problems)
}

struct Shape<'a> {
    file: &'a FilePath,
    schema: &'a Value,
}

impl Shape<'_> {
    fn value(
        &self,
        node: &Node,
        schema: &Value,
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        if node.is_null() {
            let what = format!("has no value, expected {}", self.expected(schema));
            self.report(
                out,
                node.at,
                path,
                what,
                &self.hint(schema, "leave the key out to have its default"),
            );
            return None;
        }
        let resolved = self.resolve(schema);
        if let Some(choices) = choices(resolved) {
            return self.choice(node, &choices, path, out);
        }
        if let Some(branches) = branches(resolved) {
            return match self.tagged(branches) {
                Some(kinds) => self.by_kind(node, &kinds, path, out),
                None => self.any_of(node, schema, branches, path, out),
            };
        }
        match (&node.data, kind_fits(resolved, node)) {
            (Data::Map(entries), true) => self.object(node.at, entries, resolved, path, out),
            (Data::Seq(items), true) => {
                let each = |(i, item): (usize, &Node)| {
                    self.value(item, &resolved["items"], &path.index(i), out)
                        .unwrap_or(Value::Null)
                };
                Some(Value::Array(items.iter().enumerate().map(each).collect()))
            }
            (Data::Text { text, plain }, true) => {
                self.scalar(node.at, text, *plain, schema, path, out)
            }
            _ => {
                let what = format!("is {}, expected {}", found(node), self.expected(schema));
                self.report(out, node.at, path, what, &self.hint(schema, ""));
                None
            }
        }
    }

    fn object(
        &self,
        at: At,
        entries: &[Entry],
        schema: &Value,
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        let known = schema["properties"].as_object();
        let mut read = Map::new();
        for entry in entries {
            let inner = path.key(&entry.key);
            let schema = known
                .and_then(|k| k.get(&entry.key))
                .or_else(|| Some(&schema["additionalProperties"]).filter(|s| s.is_object()));
            match schema {
                Some(schema) => {
                    let value = self.value(&entry.value, schema, &inner, out);
                    read.extend(value.map(|v| (entry.key.clone(), v)));
                }
                None => {
                    let names = known.into_iter().flat_map(|k| k.keys().map(String::as_str));
                    self.report(
                        out,
                        entry.at,
                        &inner,
                        "is not a key here",
                        &unknown_hint(&entry.key, names),
                    );
                }
            }
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !entries.iter().any(|e| e.key == name) {
                let inner = &schema["properties"][name];
                self.report(
                    out,
                    at,
                    &path.key(name),
                    "is missing",
                    &self.hint(inner, &self.description(inner)),
                );
            }
            read.entry(name).or_insert(Value::Null);
        }
        Some(Value::Object(read))
    }

    fn scalar(
        &self,
        at: At,
        text: &str,
        plain: bool,
        schema: &Value,
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        let resolved = self.resolve(schema);
        if has_type(resolved, "string") {
            let checked = match resolved["format"].as_str() {
                Some(format) => leaf::check(format, text),
                None if text.is_empty() => Err("is empty".to_owned()),
                None => matches_pattern(resolved, text),
            };
            return match checked {
                Ok(()) => Some(text.into()),
                Err(what) => {
                    self.report(out, at, path, what, &self.hint(schema, ""));
                    None
                }
            };
        }
        if has_type(resolved, "boolean") {
            let word = match text {
                "true" if plain => Some(true),
                "false" if plain => Some(false),
                _ => None,
            };
            if word.is_none() {
                self.report(
                    out,
                    at,
                    path,
                    "is not true or false",
                    "write it without quotes",
                );
            }
            return word.map(Value::Bool);
        }
        let (min, max) = (
            resolved["minimum"].as_i64().unwrap_or(0),
            resolved["maximum"].as_i64().unwrap_or(i64::MAX),
        );
        match text.parse::<i64>().ok().filter(|_| plain) {
            Some(n) if (min..=max).contains(&n) => Some(n.into()),
            _ => {
                self.report(
                    out,
                    at,
                    path,
                    format!("is not a whole number from {min} to {max}"),
                    &self.hint(schema, ""),
                );
                None
            }
        }
    }

    fn choice(
        &self,
        node: &Node,
        choices: &[&str],
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        let text = node.text().unwrap_or("");
        if choices.contains(&text) {
            return Some(text.into());
        }
        let what = if text.is_empty() {
            format!("is {}", found(node))
        } else {
            format!("`{text}` is not known")
        };
        self.report(
            out,
            node.at,
            path,
            what,
            &unknown_hint(text, choices.iter().copied()),
        );
        None
    }

    /// The branches by the word of their key `kind`, if each has one of its own.
    fn tagged<'s>(&'s self, branches: &'s [Value]) -> Option<Vec<(&'s str, &'s Value)>> {
        let word = |b: &'s Value| {
            let kind = self.resolve(b)["properties"].get("kind")?;
            match choices(self.resolve(kind))?.as_slice() {
                [word] => Some((*word, b)),
                _ => None,
            }
        };
        branches.iter().map(word).collect()
    }

    /// The branch that the key `kind` names.
    fn by_kind(
        &self,
        node: &Node,
        kinds: &[(&str, &Value)],
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        let Data::Map(entries) = &node.data else {
            let what = format!("is {}, expected a mapping", found(node));
            self.report(out, node.at, path, what, "");
            return None;
        };
        let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
        let path_of_kind = path.key("kind");
        let Some(kind) = entries.iter().find(|e| e.key == "kind") else {
            let hint = format!("known are {}", words.join(", "));
            self.report(out, node.at, &path_of_kind, "is missing", &hint);
            return None;
        };
        let word = self.choice(&kind.value, &words, &path_of_kind, out)?;
        let (_, branch) = kinds.iter().find(|(w, _)| word == *w)?;
        self.value(node, branch, path, out)
    }

    /// The branch that fits; else the problems of the one that was most likely meant.
    fn any_of(
        &self,
        node: &Node,
        schema: &Value,
        branches: &[Value],
        path: &Path,
        out: &mut Vec<Problem>,
    ) -> Option<Value> {
        let mut best: Option<((usize, usize), Vec<Problem>)> = None;
        for branch in branches.iter().filter(|b| kind_fits(self.resolve(b), node)) {
            let mut found = Vec::new();
            let value = self.value(node, branch, path, &mut found);
            if found.is_empty() {
                return value;
            }
            // Most keys that are at home there, then fewest problems.
            let rank = (usize::MAX - self.keys_at_home(node, branch), found.len());
            if best.as_ref().is_none_or(|(r, _)| rank < *r) {
                best = Some((rank, found));
            }
        }
        match best {
            Some((rank, found)) if rank.0 < usize::MAX || !matches!(node.data, Data::Map(_)) => {
                out.extend(found)
            }
            _ => {
                let what = match node.data {
                    Data::Map(_) => "has none of the keys that it could have".to_owned(),
                    _ => format!("is {}, expected {}", found(node), self.expected(schema)),
                };
                self.report(out, node.at, path, what, &self.hint(schema, ""));
            }
        }
        None
    }

    fn keys_at_home(&self, node: &Node, branch: &Value) -> usize {
        match (&node.data, self.resolve(branch)["properties"].as_object()) {
            (Data::Map(entries), Some(known)) => entries
                .iter()
                .filter(|e| known.contains_key(&e.key))
                .count(),
            _ => 0,
        }
    }

    fn report(
        &self,
        out: &mut Vec<Problem>,
        at: At,
        path: &Path,
        what: impl Into<String>,
        hint: &str,
    ) {
        out.push(Problem::error(self.file, at, path, what, hint));
    }

    /// Follows references to a definition.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let target = schema["$ref"]
            .as_str()
            .and_then(|r| r.strip_prefix('#'))
            .and_then(|r| self.schema.pointer(r));
        target.map_or(schema, |t| self.resolve(t))
    }

    /// What a schema wants, in words.
    fn expected(&self, schema: &Value) -> String {
        let resolved = self.resolve(schema);
        if let Some(choices) = choices(resolved) {
            return format!("one of {}", choices.join(", "));
        }
        if let Some(branches) = branches(resolved) {
            let mut words: Vec<String> = branches.iter().map(|b| self.expected(b)).collect();
            words.dedup();
            return words.join(" or ");
        }
        let word = ["object", "array", "string", "boolean"]
            .into_iter()
            .find(|t| has_type(resolved, t));
        match word {
            Some("object") => "a mapping",
            Some("array") => "a list",
            Some("boolean") => "true or false",
            Some(_) => "text",
            None => "a whole number",
        }
        .to_owned()
    }

    /// How to write it, from the examples of the schema; else other words.
    fn hint(&self, schema: &Value, otherwise: &str) -> String {
        let examples = [schema, self.resolve(schema)]
            .into_iter()
            .find_map(|s| s["examples"].as_array());
        match examples {
            Some(list) => {
                let shown: Vec<String> = list.iter().map(|e| format!("`{}`", flow(e))).collect();
                format!("write it as {}", shown.join(" or "))
            }
            None => otherwise.to_owned(),
        }
    }

    /// A missing key in words: the first sentence of its description.
    fn description(&self, schema: &Value) -> String {
        let text = schema["description"]
            .as_str()
            .or_else(|| self.resolve(schema)["description"].as_str())
            .unwrap_or("");
        let first = text
            .split_once(". ")
            .map_or(text, |(first, _)| first)
            .trim_end_matches('.');
        format!("add it: {first}")
    }
}

/// The words a schema lists.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(Value::as_str).collect();
    }
    if let Some(word) = schema["const"].as_str() {
        return Some(vec![word]);
    }
    let words: Vec<Vec<&str>> = branches(schema)?
        .iter()
        .map(choices)
        .collect::<Option<_>>()?;
    Some(words.concat())
}

fn branches(schema: &Value) -> Option<&Vec<Value>> {
    schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())
}

fn has_type(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(t) => t == kind,
        Value::Array(any) => any.iter().any(|t| t == kind),
        _ => false,
    }
}

/// True when the node is of a kind that the schema speaks of.
fn kind_fits(schema: &Value, node: &Node) -> bool {
    match node.data {
        Data::Map(_) => has_type(schema, "object"),
        Data::Seq(_) => has_type(schema, "array"),
        Data::Text { .. } => ["string", "integer", "boolean"]
            .iter()
            .any(|t| has_type(schema, t)),
    }
}

/// What is there, in words; never the text itself, which may be a secret.
const fn found(node: &Node) -> &'static str {
    match node.data {
        Data::Map(_) => "a mapping",
        Data::Seq(_) => "a list",
        Data::Text { .. } => "plain text",
    }
}

fn matches_pattern(schema: &Value, text: &str) -> Result<(), String> {
    let Some(pattern) = schema["pattern"].as_str() else {
        return Ok(());
    };
    match Regex::new(pattern) {
        Ok(regex) if regex.is_match(text) => Ok(()),
        _ => Err(format!("`{text}` does not match {pattern}")),
    }
}

/// A hint for a word that is not known: the nearest one, or all there are.
pub(super) fn unknown_hint<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    // Comparing takes the product of the lengths: nobody misspells a long text.
    let near = known
        .iter()
        .filter(|_| word.len() <= 64)
        .map(|k| (strsim::damerau_levenshtein(word, k), *k))
        .min();
    match near {
        Some((distance, k)) if distance <= 1 + k.len() / 4 => format!("did you mean `{k}`?"),
        _ if word == "<<" => "merge keys are not part of YAML 1.2: write the keys out".to_owned(),
        _ => format!("known are {}", known.join(", ")),
    }
}

/// A value in YAML's flow style.
fn flow(value: &Value) -> String {
    match value {
        Value::String(s) if s.contains(": ") || s.ends_with(':') => json!(s).to_string(),
        Value::String(s) => s.clone(),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(map) => {
            let inner: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k}: {}", flow(v)))
                .collect();
            format!("{{{}}}", inner.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
