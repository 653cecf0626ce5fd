//! YAML 1.2 as a tree that knows where everything was written. Limits on everything, so that no file can hang or overflow us.
//!
//! Scalars stay the text they were written as: what is wanted there decides whether `7` is a number or a name, so
//! `no`, `1e3`, `007` and `1.10` never turn into something else on the way.

use super::problem::{At, Path, Problem, Step};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path as FilePath};

/// Largest file read, in bytes.
const BYTES_MAX: u64 = 4 << 20;
/// Deepest nesting.
const DEPTH_MAX: usize = 32;
/// Most values in a file, aliases counted in full.
const NODES_MAX: usize = 200_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// First character.
    pub(super) at: At,
    /// What it is.
    pub(super) data: Data,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// A scalar, as written.
    Text {
        /// Without its quotes.
        text: String,
        /// True when it was not quoted, so that it may be a number or nothing.
        plain: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file, without repeated keys.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where it stands.
    pub(super) at: At,
    /// Its value.
    pub(super) value: Node,
}

impl Node {
    /// True for what YAML calls null: nothing, `~`, `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.data, Data::Text { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The scalar's text; `None` for anything else and for null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    /// Where the deepest part of the path that is there was written.
    pub(super) fn locate(&self, path: &Path) -> At {
        self.deepest(path).0.at
    }

    /// True when the path is there.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.deepest(path).1 == path.steps().len()
    }

    /// The deepest value on the path, and how many steps led to it.
    fn deepest(&self, path: &Path) -> (&Self, usize) {
        let mut node = self;
        for (n, step) in path.steps().iter().enumerate() {
            let next = match (&node.data, step) {
                (Data::Map(_), Step::Key(k)) => node.get(k),
                (Data::Seq(items), Step::Index(i)) => items.get(*i),
                _ => None,
            };
            match next {
                Some(deeper) => node = deeper,
                None => return (node, n),
            }
        }
        (node, path.steps().len())
    }

    /// As JSON, by YAML's core schema: unquoted integers, `true`, `false` and nothing are what they look like, all else is text. No floats.
    fn plain(&self) -> serde_json::Value {
        match &self.data {
            _ if self.is_null() => serde_json::Value::Null,
            Data::Text { text, plain } => match (plain, text.as_str()) {
                (true, "true") => true.into(),
                (true, "false") => false.into(),
                (true, t) => t.parse::<i64>().map_or_else(|_| t.into(), Into::into),
                (false, t) => t.into(),
            },
            Data::Seq(items) => items.iter().map(Self::plain).collect::<Vec<_>>().into(),
            Data::Map(entries) => {
                let fields = entries.iter().map(|e| (e.key.clone(), e.value.plain()));
                serde_json::Value::Object(fields.collect())
            }
        }
    }

    fn count(&self) -> usize {
        1 + match &self.data {
            Data::Text { .. } => 0,
            Data::Seq(items) => items.iter().map(Self::count).sum(),
            Data::Map(entries) => entries.iter().map(|e| 1 + e.value.count()).sum(),
        }
    }
}

/// Reads a file as text: UTF-8, no larger than the limit, without a byte order mark.
///
/// # Errors
/// The one problem that kept it from being read.
pub(super) fn read_text(file: &FilePath) -> Result<String, Problem> {
    let fail =
        |at, what: String, hint: &str| Problem::error(file, at, &Path::default(), what, hint);
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|f| f.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|e| {
            fail(
                At::NOWHERE,
                format!("cannot be read: {e}"),
                "check the path and who may read it",
            )
        })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(fail(
            At::NOWHERE,
            format!("is larger than {} MiB", BYTES_MAX >> 20),
            "is this the right file?",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let good =
            String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]).into_owned();
        let line = good.matches('\n').count() + 1;
        let col = good.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        fail(
            At { line, col },
            "is not UTF-8".to_owned(),
            "save the file as UTF-8",
        )
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}

/// Reads a YAML text that has no schema of its own, as JSON: for scenarios.
///
/// # Errors
/// Every problem at once, located.
pub fn plain(file: &FilePath, text: &str) -> Result<serde_json::Value, Vec<Problem>> {
    let mut problems = Vec::new();
    match parse(file, text, &mut problems) {
        Some(root) if problems.is_empty() => Ok(root.plain()),
        _ => Err(problems),
    }
}

/// Reads the one document of a YAML text. `None` when it cannot be read at all; what is wrong goes to `problems`.
pub(super) fn parse(file: &FilePath, text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut builder = Builder::new(file, problems);
    match builder.run(text, false) {
        Ok(()) if builder.root.as_ref().is_none_or(Node::is_null) => {
            let at = At { line: 1, col: 1 };
            problems.push(Problem::error(
                file,
                at,
                &Path::default(),
                "is empty",
                "deploy/plimsoll.yaml shows every key",
            ));
            None
        }
        Ok(()) => builder.root,
        Err((at, what, hint)) => {
            problems.push(Problem::error(file, at, &Path::default(), what, hint));
            None
        }
    }
}

/// Reads all documents of a YAML text; empty ones are left out. What is wrong goes to `problems`.
pub(super) fn parse_all(file: &FilePath, text: &str, problems: &mut Vec<Problem>) -> Vec<Node> {
    let mut builder = Builder::new(file, problems);
    if let Err((at, what, hint)) = builder.run(text, true) {
        problems.push(Problem::error(file, at, &Path::default(), what, hint));
        return Vec::new();
    }
    let roots = builder.done.into_iter().chain(builder.root);
    roots.filter(|root| !root.is_null()).collect()
}

/// Why reading stopped: where, what, the way out.
type Stop = (At, String, &'static str);

/// A collection that is still being read.
struct Open {
    at: At,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    Seq(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        lines: BTreeMap<String, usize>,
        key: Option<(String, At)>,
    },
}

struct Builder<'a> {
    file: &'a FilePath,
    problems: &'a mut Vec<Problem>,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    /// Documents before the present one.
    done: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(file: &'a FilePath, problems: &'a mut Vec<Problem>) -> Self {
        Self {
            file,
            problems,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            root: None,
            done: Vec::new(),
        }
    }

    fn run(&mut self, text: &str, many: bool) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|e| scan_stop(&e, text))?;
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                self.done.extend(self.root.take().filter(|_| many));
                self.anchors.clear();
                if documents > 1 && !many {
                    return Err((
                        at(span),
                        "begins a second document".to_owned(),
                        "one file holds one document: remove `---`",
                    ));
                }
            }
            self.event(event, at(span))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, at: At) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                no_tag(tag.is_some(), at)?;
                let data = Data::Text {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.add(Node { at, data }, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.is_some(), at)?;
                self.open(Open {
                    at,
                    anchor,
                    kind: Kind::Seq(Vec::new()),
                })
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.is_some(), at)?;
                self.open(Open {
                    at,
                    anchor,
                    kind: Kind::Map {
                        entries: Vec::new(),
                        lines: BTreeMap::new(),
                        key: None,
                    },
                })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open {
                    at,
                    anchor,
                    kind: Kind::Seq(items),
                }) => self.add(
                    Node {
                        at,
                        data: Data::Seq(items),
                    },
                    anchor,
                    1,
                ),
                Some(Open {
                    at,
                    anchor,
                    kind: Kind::Map { entries, .. },
                }) => self.add(
                    Node {
                        at,
                        data: Data::Map(entries),
                    },
                    anchor,
                    1,
                ),
                None => Ok(()),
            },
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned().ok_or_else(|| {
                    (
                        at,
                        "is an alias of something it stands in".to_owned(),
                        "write the value out instead of `*name`",
                    )
                })?;
                let count = node.count();
                self.add(node, 0, count)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), Stop> {
        if self.stack.len() >= DEPTH_MAX {
            return Err((
                open.at,
                format!("is nested deeper than {DEPTH_MAX} levels"),
                "is this the right file?",
            ));
        }
        self.stack.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize, count: usize) -> Result<(), Stop> {
        // An anchored value is kept twice.
        self.nodes += if anchor > 0 {
            count + node.count()
        } else {
            count
        };
        if self.nodes > NODES_MAX {
            return Err((
                node.at,
                format!("is one of more than {NODES_MAX} values"),
                "is this the right file? Aliases count in full",
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if let Some(problem) = self.repeated() {
            self.problems.push(problem);
        }
        match self.stack.last_mut().map(|o| &mut o.kind) {
            None => self.root = Some(node),
            Some(Kind::Seq(items)) => items.push(node),
            Some(Kind::Map {
                key: key @ None, ..
            }) => match node.data {
                Data::Text { text, .. } => *key = Some((text, node.at)),
                _ => {
                    return Err((
                        node.at,
                        "is a list or mapping used as a key".to_owned(),
                        "a key is a word",
                    ));
                }
            },
            Some(Kind::Map {
                entries,
                lines,
                key,
            }) => {
                let Some((key, at)) = key.take() else {
                    return Ok(());
                };
                if !lines.contains_key(&key) {
                    lines.insert(key.clone(), at.line);
                    entries.push(Entry {
                        key,
                        at,
                        value: node,
                    });
                }
            }
        }
        Ok(())
    }

    /// The problem that the key whose value is at hand was there before.
    fn repeated(&self) -> Option<Problem> {
        let Some(Open {
            kind:
                Kind::Map {
                    lines,
                    key: Some((key, at)),
                    ..
                },
            ..
        }) = self.stack.last()
        else {
            return None;
        };
        let what = format!("is there twice: the first is at line {}", lines.get(key)?);
        Some(Problem::error(
            self.file,
            *at,
            &self.path(),
            what,
            "keep one of them",
        ))
    }

    /// Where we are.
    fn path(&self) -> Path {
        self.stack
            .iter()
            .fold(Path::default(), |path, open| match &open.kind {
                Kind::Seq(items) => path.index(items.len()),
                Kind::Map {
                    key: Some((key, _)),
                    ..
                } => path.key(key),
                Kind::Map { .. } => path,
            })
    }
}

fn at(span: Span) -> At {
    At {
        line: span.start.line().max(1),
        col: span.start.col() + 1,
    }
}

fn no_tag(tagged: bool, at: At) -> Result<(), Stop> {
    if tagged {
        return Err((
            at,
            "has a tag (`!...`)".to_owned(),
            "tags have no meaning here: remove it",
        ));
    }
    Ok(())
}

fn scan_stop(e: &ScanError, text: &str) -> Stop {
    let m = e.marker();
    let line = text.lines().nth(m.line().saturating_sub(1)).unwrap_or("");
    let hint = if line.trim_start_matches(' ').starts_with('\t') {
        "YAML is indented by spaces: replace the tab"
    } else {
        "look at the quotes, brackets and indentation here and on the line before"
    };
    (
        At {
            line: m.line().max(1),
            col: m.col() + 1,
        },
        format!("is not YAML: {}", e.info()),
        hint,
    )
}
