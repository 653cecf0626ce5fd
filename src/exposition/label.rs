//! Labels, borrowed from the page.

use memchr::{memchr, memchr2};
use std::{borrow::Cow, fmt};

/// The labels of a sample or exemplar. They were checked when the line was read, and are found again as they are asked for; nothing is allocated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Labels<'a> {
    /// What stood between the braces.
    raw: &'a str,
    /// Whether a backslash is in it.
    escaped: bool,
    /// Where names and values are, so that they need not be looked for again.
    spans: Spans,
}

/// The lengths of names and values, where nothing but `="` and `",` is around them. Long and many labels are looked for instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Spans {
    lengths: [(u8, u8); SPANS],
    count: u8,
    /// The lengths tell all.
    known: bool,
}

const SPANS: usize = 8;

impl Spans {
    /// One more label.
    #[inline]
    pub(super) fn push(&mut self, name: usize, value: usize) {
        let slot = self.lengths.get_mut(usize::from(self.count));
        match (slot, u8::try_from(name), u8::try_from(value)) {
            (Some(slot), Ok(name), Ok(value)) => *slot = (name, value),
            _ => return self.count = u8::MAX,
        }
        self.count += 1;
    }

    /// Known if they and the marks between them are all of the text.
    #[inline]
    fn of(mut self, raw: &str) -> Self {
        let all = self
            .lengths
            .get(..usize::from(self.count))
            .unwrap_or_default();
        let sum: usize = all
            .iter()
            .map(|(name, value)| usize::from(*name) + usize::from(*value) + 4)
            .sum();
        self.known = sum == raw.len() + 1;
        self
    }
}

/// A name and its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label<'a> {
    /// Letters, digits and underscores.
    pub name: &'a str,
    raw: &'a str,
    escaped: bool,
}

impl<'a> Labels<'a> {
    /// Of what was found to be labels.
    #[inline]
    pub(super) fn of(raw: &'a str, escaped: bool, spans: Spans) -> Self {
        let spans = spans.of(raw);
        Self {
            raw,
            escaped,
            spans,
        }
    }

    /// In the order of the page.
    #[must_use]
    pub const fn iter(self) -> LabelIter<'a> {
        LabelIter {
            rest: self.raw,
            escaped: self.escaped,
            spans: self.spans,
            next: 0,
        }
    }

    /// The value of a label, if it is there.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|l| l.name == name).map(Label::value)
    }

    /// Without labels.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> IntoIterator for Labels<'a> {
    type Item = Label<'a>;
    type IntoIter = LabelIter<'a>;

    fn into_iter(self) -> LabelIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|l| (l.name, l.value())))
            .finish()
    }
}

impl<'a> Label<'a> {
    /// The value, borrowed from the page unless an escape is in it.
    #[must_use]
    pub fn value(self) -> Cow<'a, str> {
        if self.escaped {
            unescaped(self.raw, true)
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// The value as it stands on the page, with its escapes.
    #[must_use]
    pub const fn raw_value(self) -> &'a str {
        self.raw
    }
}

impl fmt::Debug for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name, self.value())
    }
}

/// Labels one by one.
#[derive(Debug, Clone)]
pub struct LabelIter<'a> {
    rest: &'a str,
    escaped: bool,
    spans: Spans,
    next: u8,
}

impl<'a> Iterator for LabelIter<'a> {
    type Item = Label<'a>;

    #[inline]
    fn next(&mut self) -> Option<Label<'a>> {
        let (name, raw) = if self.spans.known {
            self.known()?
        } else {
            self.found()?
        };
        let escaped = self.escaped && memchr(b'\\', raw.as_bytes()).is_some();
        Some(Label { name, raw, escaped })
    }
}

impl<'a> LabelIter<'a> {
    /// The next label by the lengths.
    #[inline]
    fn known(&mut self) -> Option<(&'a str, &'a str)> {
        if self.next >= self.spans.count {
            return None;
        }
        let (name, value) = *self.spans.lengths.get(usize::from(self.next))?;
        let (name, value) = (usize::from(name), usize::from(value));
        self.next += 1;
        let (label, behind) = (self.rest.get(..name)?, name + 2 + value);
        let raw = self.rest.get(name + 2..behind)?;
        self.rest = self.rest.get(behind + 2..).unwrap_or_default();
        Some((label, raw))
    }

    /// The next label by its marks; the line was checked before.
    fn found(&mut self) -> Option<(&'a str, &'a str)> {
        let bytes = self.rest.as_bytes();
        let first = bytes
            .iter()
            .position(|b| !matches!(b, b',' | b' ' | b'\t'))?;
        let length = bytes[first..]
            .iter()
            .position(|b| matches!(b, b'=' | b' ' | b'\t'))?;
        let name = self.rest.get(first..first + length)?;
        let behind = first + length;
        let value = behind + bytes[behind..].iter().position(|b| *b == b'"')? + 1;
        let end = value + value_end(&bytes[value..], self.escaped)?;
        let raw = self.rest.get(value..end)?;
        self.rest = self.rest.get(end + 1..)?;
        Some((name, raw))
    }
}

/// Where the quote is that closes a value.
#[inline]
fn value_end(value: &[u8], escaped: bool) -> Option<usize> {
    if !escaped {
        return memchr(b'"', value);
    }
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', value.get(at..)?)?;
        if value.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Text without its escapes: `\n`, `\\` and, with `quotes`, `\"`; a backslash before anything else is itself.
pub(super) fn unescaped(raw: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut chars = raw[first..].chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('\\') => text.push('\\'),
            Some('"') if quotes => text.push('"'),
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    Cow::Owned(text)
}
