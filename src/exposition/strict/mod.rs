//! OpenMetrics held to every rule of the standard: families, metrics and points, over the events of a page.

mod metric;
mod point;
mod values;

use super::{
    Error, Event, Events, Format, Kind, Part, Sample,
    error::{Fault, Problem},
};
use metric::Metrics;
use std::{borrow::Cow, collections::HashMap};

/// Reads an OpenMetrics page as [`Events`] does, and ends with an error at the first line that breaks a rule: of metadata, suffixes, order, grouping,
/// times, labels or values.
///
/// What belongs to a family as a whole, such as its last bucket, is known when the family ends; the error then stands at the line that ended it.
///
/// **Memory usage:** the names of all families, and the labels of the present family's metrics.
#[derive(Debug)]
pub struct Strict<'a> {
    events: Events<'a>,
    /// Every name that is taken: true for families, false for what their samples may be called.
    names: HashMap<Cow<'a, str>, bool>,
    family: Option<Family<'a>>,
    metrics: Metrics<'a>,
    ended: bool,
}

/// The family whose lines are being read.
#[derive(Debug)]
struct Family<'a> {
    name: &'a str,
    kind: Option<Kind>,
    unit: Option<&'a str>,
    helped: bool,
    sampled: bool,
}

/// What is wrong, and at which part of the line; without one, at its beginning.
#[derive(Debug)]
struct Wrong<'a> {
    part: Option<&'a str>,
    problem: Problem,
}

type Verdict<'a> = Result<(), Wrong<'a>>;

impl Problem {
    const fn with(self, part: &str) -> Wrong<'_> {
        Wrong {
            part: Some(part),
            problem: self,
        }
    }

    const fn above<'a>(self) -> Wrong<'a> {
        Wrong {
            part: None,
            problem: self,
        }
    }
}

impl<'a> Strict<'a> {
    /// Of a whole page.
    #[must_use]
    pub fn new(page: &'a [u8]) -> Self {
        Self {
            events: Events::new(page, Format::OpenMetrics),
            names: HashMap::new(),
            family: None,
            metrics: Metrics::default(),
            ended: false,
        }
    }

    /// The line of the last event, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.events.line()
    }

    fn judge(&mut self, event: &Event<'a>) -> Verdict<'a> {
        match event {
            Event::Type { family, kind } => {
                let current = self.described(family)?;
                once(current.kind.replace(*kind).is_some(), "TYPE", family)
            }
            Event::Unit { family, unit } => {
                let current = self.described(family)?;
                once(current.unit.replace(unit).is_some(), "UNIT", family)
            }
            Event::Help { family, .. } => {
                let current = self.described(family)?;
                once(std::mem::replace(&mut current.helped, true), "HELP", family)
            }
            Event::Sample(sample) => return self.sample(sample),
        }?;
        self.family.as_ref().map_or(Ok(()), Family::unit_fits)
    }

    /// The family that a line of metadata is about.
    fn described(&mut self, name: &'a str) -> Result<&mut Family<'a>, Wrong<'a>> {
        let current = self.family.as_ref().filter(|f| f.name == name);
        match current {
            Some(family) if family.sampled => {
                return Err(Problem::MetadataLate(name.to_owned()).with(name));
            }
            Some(_) => {}
            None => self.open(name)?,
        }
        Ok(self.family.get_or_insert_with(|| Family::new(name)))
    }

    /// Ends the family before, and begins another.
    fn open(&mut self, name: &'a str) -> Verdict<'a> {
        self.close()?;
        match self.names.get(name) {
            Some(true) => return Err(Problem::FamilyTwice(name.to_owned()).with(name)),
            Some(false) => {
                let (family, kind) = (name.to_owned(), Kind::Unknown);
                return Err(Problem::NameClash {
                    name: family.clone(),
                    family,
                    kind,
                }
                .with(name));
            }
            None => {}
        }
        self.family = Some(Family::new(name));
        Ok(())
    }

    fn close(&mut self) -> Verdict<'a> {
        let Some(family) = self.family.take() else {
            return Ok(());
        };
        if !family.sampled {
            family.claim(&mut self.names).map_err(Problem::above)?;
        }
        self.metrics.end(&family).map_err(Problem::above)
    }

    fn sample(&mut self, sample: &Sample<'a>) -> Verdict<'a> {
        let part = self
            .family
            .as_ref()
            .and_then(|f| f.kind().part(f.name, sample.name));
        let part = match (part, &self.family) {
            (Some(part), _) => part,
            (None, Some(family)) if family.name == sample.name => {
                return Err(family.misnamed(sample));
            }
            (None, _) => {
                self.open(sample.name)?;
                Part::Value
            }
        };
        let Some(family) = &mut self.family else {
            return Ok(());
        };
        if !family.sampled {
            family.sampled = true;
            family
                .claim(&mut self.names)
                .map_err(|p| p.with(sample.name))?;
        }
        self.metrics.add(family, part, sample)
    }
}

fn once<'a>(again: bool, what: &'static str, family: &'a str) -> Verdict<'a> {
    if again {
        let name = family.to_owned();
        return Err(Problem::MetadataTwice { what, family: name }.with(family));
    }
    Ok(())
}

impl<'a> Family<'a> {
    const fn new(name: &'a str) -> Self {
        Self {
            name,
            kind: None,
            unit: None,
            helped: false,
            sampled: false,
        }
    }

    fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Unknown)
    }

    /// The unit ends the name, and is not of a type that has none.
    fn unit_fits(&self) -> Verdict<'a> {
        let Some(unit) = self.unit.filter(|u| !u.is_empty()) else {
            return Ok(());
        };
        let family = self.name.to_owned();
        let kind = self.kind();
        if matches!(kind, Kind::Info | Kind::StateSet) {
            return Err(Problem::UnitOfType { family, kind }.above());
        }
        let stem = self.name.strip_suffix(unit);
        if stem.is_none_or(|s| !s.ends_with('_')) {
            let unit = unit.to_owned();
            return Err(Problem::UnitSuffix { family, unit }.above());
        }
        Ok(())
    }

    /// Takes the family's name and those of its samples.
    fn claim(&self, names: &mut HashMap<Cow<'a, str>, bool>) -> Result<(), Problem> {
        names.insert(Cow::Borrowed(self.name), true);
        let suffixes = self.kind().suffixes().iter().map(|(suffix, _)| suffix);
        for suffix in suffixes.filter(|s| !s.is_empty()) {
            let name = format!("{}{suffix}", self.name);
            if names.contains_key(name.as_str()) {
                let (family, kind) = (self.name.to_owned(), self.kind());
                return Err(Problem::NameClash { family, kind, name });
            }
            names.insert(Cow::Owned(name), false);
        }
        Ok(())
    }

    /// A sample of the family's name, which its type does not have.
    fn misnamed(&self, sample: &Sample<'a>) -> Wrong<'a> {
        let suffixes: Vec<_> = self
            .kind()
            .suffixes()
            .iter()
            .map(|(suffix, _)| *suffix)
            .collect();
        let (family, kind, suffixes) = (self.name.to_owned(), self.kind(), suffixes.join(", "));
        Problem::SuffixMissing {
            family,
            kind,
            suffixes,
        }
        .with(sample.name)
    }
}

impl<'a> Iterator for Strict<'a> {
    type Item = Result<Event<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.events.next();
        let (verdict, told) = match event {
            Some(Ok(event)) => (self.judge(&event), Some(Ok(event))),
            Some(Err(error)) => (Ok(()), Some(Err(error))),
            None => (self.close(), None),
        };
        let told = match verdict {
            Ok(()) => told,
            Err(Wrong { part, problem }) => {
                let at = part.map_or(0, |p| self.events.place(p));
                Some(Err(self.events.error(Fault { at, problem })))
            }
        };
        self.ended = !matches!(told, Some(Ok(_)));
        told
    }
}

impl std::iter::FusedIterator for Strict<'_> {}
