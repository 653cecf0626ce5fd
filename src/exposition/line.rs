//! One line of a page: tokens, and what lies between them.

use super::{
    Exemplar, Format, Labels, Lexeme, Sample, Timestamp,
    error::{Fault, Problem},
    number::{number_end, real_end, whole_end},
};
use memchr::memchr2;

const NAME: &str = "a metric name (letters, digits, `_` and `:`, not a digit first)";
const LABEL: &str = "a label name (letters, digits and `_`, not a digit first)";
const VALUE: &str = "the value (a number, NaN, +Inf or -Inf)";
const SECONDS: &str = "a time in seconds (a number)";
const MILLISECONDS: &str = "a time in milliseconds (a whole number)";
const EXEMPLAR: &str = "an exemplar (`# {labels} value`, perhaps a time)";

/// A line that is being read.
pub(super) struct Line<'a> {
    text: &'a str,
    at: usize,
    format: Format,
}

impl<'a> Line<'a> {
    pub(super) const fn new(text: &'a str, format: Format) -> Self {
        Self {
            text,
            at: 0,
            format,
        }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn jump(&mut self, at: usize) {
        self.at = at;
    }

    fn lax(&self) -> bool {
        self.format == Format::Text
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn ended(&self) -> bool {
        self.at >= self.text.len()
    }

    /// What was expected here, and what is here instead: the next few characters, or a word.
    fn expected(&self, expected: &'static str) -> Fault {
        let word: String = self.rest().chars().take(24).collect();
        let word = match word.find([' ', '\t']) {
            Some(end) if end > 0 => &word[..end],
            _ => &word,
        };
        let found = if word.is_empty() {
            "the end of the line".to_owned()
        } else {
            format!("{word:?}")
        };
        Problem::Expected { expected, found }.at(self.at)
    }

    /// Takes what reaches to `end`.
    fn take(&mut self, end: usize) -> &'a str {
        let taken = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        taken
    }

    fn skip(&mut self, byte: u8, expected: &'static str) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// Blanks and tabs between tokens, where the format allows them.
    pub(super) fn blanks(&mut self) {
        if self.lax() {
            while let Some(b' ' | b'\t') = self.peek() {
                self.at += 1;
            }
        }
    }

    /// What parts two tokens: one space, or in text 0.0.4 any blanks and tabs, and none behind a brace.
    pub(super) fn gap(&mut self) -> Result<(), Fault> {
        if !self.lax() {
            return self.skip(b' ', "one space");
        }
        self.blanks();
        let before = self
            .at
            .checked_sub(1)
            .and_then(|b| self.text.as_bytes().get(b));
        match before {
            Some(b' ' | b'\t' | b'}') => Ok(()),
            _ => Err(self.expected("a space")),
        }
    }

    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.ended() {
            Ok(())
        } else {
            Err(self.expected("the end of the line"))
        }
    }

    /// A metric's or family's name.
    pub(super) fn name(&mut self) -> Result<&'a str, Fault> {
        self.word(|b| b == b':', NAME)
    }

    fn word(&mut self, also: impl Fn(u8) -> bool, what: &'static str) -> Result<&'a str, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let inner = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || also(*b);
        let length = rest.iter().position(|b| !inner(b)).unwrap_or(rest.len());
        if rest.first().is_none_or(u8::is_ascii_digit) || length == 0 {
            return Err(self.expected(what));
        }
        Ok(self.take(self.at + length))
    }

    /// Any of the characters of names, to the end of the line.
    pub(super) fn unit(&mut self) -> Result<&'a str, Fault> {
        let unit = self.rest();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || [b'_', b':'].contains(b);
        match unit.as_bytes().iter().position(|b| !inner(b)) {
            None => Ok(unit),
            Some(at) => {
                self.at += at;
                Err(self.expected("a unit (letters, digits, `_` and `:`) and the end of the line"))
            }
        }
    }

    /// `name{labels} value time # exemplar`. `names` is scratch.
    pub(super) fn sample(&mut self, names: &mut Vec<&'a str>) -> Result<Sample<'a>, Fault> {
        let name = self.name()?;
        self.blanks();
        let labels = if self.peek() == Some(b'{') {
            self.labels(names)?
        } else {
            Labels::default()
        };
        self.gap()?;
        let value = self.value()?;
        let (mut timestamp, mut exemplar) = (None, None);
        if !self.ended() {
            self.gap()?;
            if self.lax() || self.peek() != Some(b'#') {
                timestamp = Some(self.timestamp()?);
            }
            if !self.ended() && !self.lax() {
                if timestamp.is_some() {
                    self.gap()?;
                }
                exemplar = Some(self.exemplar(names)?);
            }
            self.end()?;
        }
        Ok(Sample {
            name,
            labels,
            value,
            timestamp,
            exemplar,
        })
    }

    fn value(&mut self) -> Result<Lexeme<'a>, Fault> {
        match number_end(self.text.as_bytes(), self.at).filter(|end| self.token_ends(*end)) {
            Some(end) => Ok(Lexeme::of(self.take(end))),
            None => Err(self.expected(VALUE)),
        }
    }

    fn timestamp(&mut self) -> Result<Timestamp<'a>, Fault> {
        let bytes = self.text.as_bytes();
        let (end, what) = match self.format {
            Format::Text => (whole_end(bytes, self.at), MILLISECONDS),
            Format::OpenMetrics => (real_end(bytes, self.at), SECONDS),
        };
        match end.filter(|end| self.token_ends(*end)) {
            Some(end) => Ok(Timestamp::of(self.take(end), self.format)),
            None => Err(self.expected(what)),
        }
    }

    fn token_ends(&self, at: usize) -> bool {
        matches!(self.text.as_bytes().get(at), None | Some(b' ' | b'\t'))
    }

    fn exemplar(&mut self, names: &mut Vec<&'a str>) -> Result<Exemplar<'a>, Fault> {
        self.skip(b'#', EXEMPLAR)?;
        self.gap()?;
        let labels = self.labels(names)?;
        self.gap()?;
        let value = self.value()?;
        let mut timestamp = None;
        if !self.ended() {
            self.gap()?;
            timestamp = Some(self.timestamp()?);
        }
        Ok(Exemplar {
            labels,
            value,
            timestamp,
        })
    }

    /// `{name="value",name="value"}`; text 0.0.4 has blanks wherever it likes, and a comma at the end.
    fn labels(&mut self, names: &mut Vec<&'a str>) -> Result<Labels<'a>, Fault> {
        self.skip(b'{', "labels (`{name=\"value\"}`, or `{}`)")?;
        names.clear();
        let (first, mut escaped) = (self.at, false);
        loop {
            self.blanks();
            if self.peek() == Some(b'}') && (names.is_empty() || self.lax()) {
                break;
            }
            let at = self.at;
            let name = self.word(|_| false, LABEL)?;
            if names.contains(&name) {
                return Err(Problem::LabelTwice(name.to_owned()).at(at));
            }
            names.push(name);
            self.blanks();
            self.skip(b'=', "`=` and the label's value in quotes")?;
            self.blanks();
            escaped |= self.quoted()?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.expected("`,` and another label, or `}`")),
            }
        }
        let labels = Labels::of(self.text.get(first..self.at).unwrap_or_default(), escaped);
        self.at += 1;
        Ok(labels)
    }

    /// A value in quotes; whether an escape is in it.
    fn quoted(&mut self) -> Result<bool, Fault> {
        let open = self.at;
        self.skip(b'"', "the label's value in double quotes")?;
        let (bytes, mut escaped) = (self.text.as_bytes(), false);
        while let Some(next) = bytes
            .get(self.at..)
            .and_then(|rest| memchr2(b'"', b'\\', rest))
        {
            self.at += next;
            if bytes.get(self.at) == Some(&b'"') {
                self.at += 1;
                return Ok(escaped);
            }
            escaped = true;
            self.at += 2;
        }
        self.at = open;
        Err(self.expected("a quote that closes the value before the line ends"))
    }

    /// Everything to the end of the line, which must be a text with OpenMetrics's escapes.
    pub(super) fn escaped(&mut self) -> Result<&'a str, Fault> {
        let text = self.rest();
        let (bytes, mut at) = (text.as_bytes(), 0);
        while let Some(next) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += next;
            let quote = bytes.get(at) == Some(&b'"');
            if quote || at + 1 == bytes.len() {
                self.at += at;
                return Err(self.expected(if quote {
                    "`\\\"` for a quote"
                } else {
                    "`\\\\` for a backslash"
                }));
            }
            at += 2;
        }
        self.at = self.text.len();
        Ok(text)
    }
}
