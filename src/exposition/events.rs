//! A page's lines in order, each read as it is asked for.

use super::{
    Event, Format, Help, Kind,
    error::{Error, Fault, Problem},
    line::Line,
};
use memchr::memchr;

/// Reads a page: an iterator over its lines that says something, which ends at the first error.
///
/// The grammar is held to the letter, and no label may be there twice. What lines mean together is not looked at: [`super::Strict`] does.
///
/// **Memory usage:** everything is borrowed from the page; what is kept is the names of one line's labels, to find one that is there twice. No
/// allocation per sample.
///
/// ```
/// use plimsoll::exposition::{Event, Events, Format};
/// let page = b"# TYPE joules counter\njoules{zone=\"package-0\"} 4200.125 1795424073532\n";
/// let mut events = Events::new(page, Format::Text).skip(1);
/// let Some(Ok(Event::Sample(sample))) = events.next() else { panic!() };
/// assert_eq!(sample.labels.get("zone").unwrap(), "package-0");
/// assert_eq!(sample.value.scaled(6), Ok(4_200_125_000));
/// ```
#[derive(Debug, Clone)]
pub struct Events<'a> {
    text: &'a str,
    format: Format,
    /// Where the next line begins, and where the present one did.
    at: usize,
    began: usize,
    /// The present line, from 1.
    line: usize,
    /// Nothing more will come.
    ended: bool,
    /// What was wrong from the start.
    refused: Option<Error>,
    names: Vec<&'a str>,
}

const TYPES: &str = "unknown, gauge, counter, stateset, info, histogram, gaugehistogram, summary";
const TEXT_TYPES: &str = "counter, gauge, histogram, summary, untyped";

impl<'a> Events<'a> {
    /// Of a whole page.
    #[must_use]
    pub fn new(page: &'a [u8], format: Format) -> Self {
        let (text, refused) = match std::str::from_utf8(page) {
            Ok(text) => (text, None),
            Err(e) => {
                let valid = page.get(..e.valid_up_to()).unwrap_or_default();
                let valid = std::str::from_utf8(valid).unwrap_or_default();
                let (line, column) = position(valid);
                (
                    valid,
                    Some(Error {
                        line,
                        column,
                        problem: Problem::Utf8,
                    }),
                )
            }
        };
        Self {
            text,
            format,
            at: 0,
            began: 0,
            line: 0,
            ended: false,
            refused,
            names: Vec::new(),
        }
    }

    /// The line of the last event, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// An error at a byte of the present line.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let before = self
            .text
            .get(self.began..self.began + fault.at)
            .unwrap_or_default();
        Error {
            line: self.line.max(1),
            column: before.chars().count() + 1,
            problem: fault.problem,
        }
    }

    /// Where in the present line a text lies that was borrowed from it.
    pub(super) fn place(&self, part: &str) -> usize {
        let line = self.text.as_ptr().addr() + self.began;
        part.as_ptr().addr().saturating_sub(line)
    }

    /// The next line; `None` at the end of the page.
    fn advance(&mut self) -> Result<Option<&'a str>, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.began = self.at;
        self.line += 1;
        let open = self.format == Format::OpenMetrics;
        match memchr(b'\n', rest.as_bytes()) {
            Some(end) => {
                self.at += end + 1;
                Ok(rest.get(..end))
            }
            None if open && rest == "# EOF" => {
                self.at = self.text.len();
                Ok(Some(rest))
            }
            None if open => Err(Problem::NoEof.at(rest.len())),
            None if rest.is_empty() => Ok(None),
            None => Err(Problem::CutShort.at(rest.len())),
        }
    }

    fn step(&mut self) -> Result<Option<Event<'a>>, Fault> {
        while let Some(line) = self.advance()? {
            let event = match self.format {
                Format::OpenMetrics if line == "# EOF" => {
                    return self.finish();
                }
                Format::OpenMetrics => Some(self.exact(line)?),
                Format::Text => self.lax(line)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// At the end mark: nothing more may be there.
    fn finish(&mut self) -> Result<Option<Event<'a>>, Fault> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        self.began = self.at;
        self.line += 1;
        Err(Problem::AfterEof.at(0))
    }

    fn exact(&mut self, line: &'a str) -> Result<Event<'a>, Fault> {
        let at_first = |problem: Problem| Err(problem.at(0));
        match line.as_bytes() {
            [] => return at_first(Problem::BlankLine),
            [.., b'\r'] => return Err(Problem::CarriageReturn.at(line.len() - 1)),
            [b'#', ..] => {}
            _ => {
                return Line::new(line, self.format)
                    .sample(&mut self.names)
                    .map(Event::Sample);
            }
        }
        let Some((keyword, rest)) = line
            .get(2..)
            .filter(|_| line.starts_with("# "))
            .and_then(|l| l.split_once(' '))
        else {
            return at_first(Problem::Comment);
        };
        let mut cursor = Line::new(line, self.format);
        cursor.jump(line.len() - rest.len());
        match keyword {
            "TYPE" => self.typed(&mut cursor),
            "HELP" => {
                let family = cursor.name()?;
                cursor.gap()?;
                Ok(Event::Help {
                    family,
                    help: Help::of(cursor.escaped()?, true),
                })
            }
            "UNIT" => {
                let family = cursor.name()?;
                cursor.gap()?;
                Ok(Event::Unit {
                    family,
                    unit: cursor.unit()?,
                })
            }
            _ => at_first(Problem::Comment),
        }
    }

    fn lax(&mut self, line: &'a str) -> Result<Option<Event<'a>>, Fault> {
        let mut cursor = Line::new(line.trim_end_matches([' ', '\t']), self.format);
        cursor.blanks();
        match cursor.rest().as_bytes() {
            [] => return Ok(None),
            [b'#', ..] => {}
            _ => {
                return cursor
                    .sample(&mut self.names)
                    .map(|s| Some(Event::Sample(s)));
            }
        }
        cursor.jump(cursor.at() + 1);
        cursor.blanks();
        let rest = cursor.rest();
        let keyword = rest.split([' ', '\t']).next().unwrap_or_default();
        if keyword != "TYPE" && keyword != "HELP" {
            return Ok(None);
        }
        cursor.jump(cursor.at() + keyword.len());
        cursor.blanks();
        if keyword == "TYPE" {
            return self.typed(&mut cursor).map(Some);
        }
        let family = cursor.name()?;
        let help = if cursor.rest().is_empty() {
            ""
        } else {
            cursor.gap()?;
            cursor.rest()
        };
        Ok(Some(Event::Help {
            family,
            help: Help::of(help, false),
        }))
    }

    /// `family type`, and the end of the line.
    fn typed(&self, cursor: &mut Line<'a>) -> Result<Event<'a>, Fault> {
        let family = cursor.name()?;
        cursor.gap()?;
        let word = cursor.rest();
        match Kind::parse(word, self.format) {
            Some(kind) => Ok(Event::Type { family, kind }),
            None => Err(Problem::UnknownType {
                found: word.chars().take(40).collect(),
                known: if self.format == Format::Text {
                    TEXT_TYPES
                } else {
                    TYPES
                },
            }
            .at(cursor.at())),
        }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(error) = self.refused.take() {
            self.ended = true;
            return Some(Err(error));
        }
        match self.step() {
            Ok(Some(event)) => Some(Ok(event)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(fault) => {
                self.ended = true;
                Some(Err(self.error(fault)))
            }
        }
    }
}

impl std::iter::FusedIterator for Events<'_> {}

/// Line and column of what follows a text.
fn position(before: &str) -> (usize, usize) {
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() + 1)
}
