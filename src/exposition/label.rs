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
    pub(super) const fn of(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// In the order of the page.
    #[must_use]
    pub const fn iter(self) -> LabelIter<'a> {
        LabelIter {
            rest: self.raw,
            escaped: self.escaped,
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
}

impl<'a> Iterator for LabelIter<'a> {
    type Item = Label<'a>;

    fn next(&mut self) -> Option<Label<'a>> {
        let named = self.rest.trim_start_matches([' ', '\t', ',']);
        let (name, rest) = named.split_once('=')?;
        let (_, value) = rest.split_once('"')?;
        let end = value_end(value.as_bytes(), self.escaped)?;
        let (raw, rest) = value.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        let escaped = self.escaped && memchr(b'\\', raw.as_bytes()).is_some();
        Some(Label {
            name: name.trim_end_matches([' ', '\t']),
            raw,
            escaped,
        })
    }
}

/// Where the quote is that closes a value.
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
