//! What is wrong with a file, where, and the way out.

use serde::Serialize;
use std::{
    fmt,
    path::{Path as FilePath, PathBuf},
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is accepted, but somebody should look.
    Warning,
}

/// One thing wrong with a file. Shown as `file:line:col: key.path: what is wrong; hint`. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Which file.
    pub file: PathBuf,
    /// Line from 1; 0 where it concerns the file as such.
    pub line: usize,
    /// Column from 1, in characters; 0 likewise.
    pub col: usize,
    /// `sources[0].auth_url`; empty where it concerns the file as such.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// The way out.
    pub hint: String,
}

impl Problem {
    pub(super) fn error(
        file: &FilePath,
        at: At,
        key: &Path,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: at.line,
            col: at.col,
            key: key.to_string(),
            what: clipped(what.into()),
            hint: clipped(hint.into()),
        }
    }

    /// True when it refuses the configuration.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.col)?;
        }
        f.write_str(": ")?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// Text short enough for a line, whatever a file holds.
fn clipped(text: String) -> String {
    const CHARS_MAX: usize = 600;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) col: usize,
}

impl At {
    /// The file as such.
    pub(super) const NOWHERE: Self = Self { line: 0, col: 0 };
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A path of keys: `sources[0].auth_url`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// One key deeper.
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// One item deeper.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(k) if n == 0 => f.write_str(k)?,
                Step::Key(k) => write!(f, ".{k}")?,
                Step::Index(i) => write!(f, "[{i}]")?,
            }
        }
        Ok(())
    }
}
