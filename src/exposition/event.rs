//! What a page says, line by line; every text is borrowed from it.

use super::{Kind, Labels, Lexeme, Timestamp, label::unescaped};
use std::borrow::Cow;

/// One line of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// `# TYPE`
    Type {
        /// The family's name.
        family: &'a str,
        /// What its samples are.
        kind: Kind,
    },
    /// `# HELP`
    Help {
        /// The family's name.
        family: &'a str,
        /// What it is about.
        help: Help<'a>,
    },
    /// `# UNIT`, in OpenMetrics alone.
    Unit {
        /// The family's name.
        family: &'a str,
        /// Its unit, which may be empty.
        unit: &'a str,
    },
    /// A value.
    Sample(Sample<'a>),
}

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The name on the line: the family's with the suffix of what this value is.
    pub name: &'a str,
    /// The labels on the line.
    pub labels: Labels<'a>,
    /// The value's text.
    pub value: Lexeme<'a>,
    /// The sample's own time, if it has one.
    pub timestamp: Option<Timestamp<'a>>,
    /// Something outside that belongs to the value, in OpenMetrics alone.
    pub exemplar: Option<Exemplar<'a>>,
}

/// A reference from a sample to one of the things it counted, such as a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exemplar<'a> {
    /// Which thing.
    pub labels: Labels<'a>,
    /// Its value.
    pub value: Lexeme<'a>,
    /// When it was counted.
    pub timestamp: Option<Timestamp<'a>>,
}

/// The text of a `HELP` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Help<'a> {
    raw: &'a str,
    quotes: bool,
}

impl<'a> Help<'a> {
    /// `quotes`: whether the format escapes them too.
    pub(super) const fn of(raw: &'a str, quotes: bool) -> Self {
        Self { raw, quotes }
    }

    /// The text, borrowed from the page unless an escape is in it.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        unescaped(self.raw, self.quotes)
    }
}
