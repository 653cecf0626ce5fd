//! CSV as a profile has it: other columns, separators, decimal signs and line ends, for the program or the person that expects them.

use super::{
    ExportError,
    files::FileWriter,
    row::{dimensions, text},
    sink::{Sink, csv_end, csv_error},
};
use crate::domain::{
    Charge,
    money::{Rational, round_to_text},
    profile::{Cell, LineEnd, Lines, Number, Profile, Text},
};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Decimals of a number that never ends, where the profile does not say.
const DECIMALS: u32 = 6;

/// A file by a profile.
pub(super) struct Profiled<'p> {
    profile: &'p Profile,
    csv: csv::Writer<FileWriter>,
}

/// A cell before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Number(Option<Rational>, u32),
}

impl<'p> Profiled<'p> {
    pub(super) fn new(profile: &'p Profile, mut file: FileWriter) -> Result<Self, ExportError> {
        if profile.bom {
            file.all("\u{feff}".as_bytes())?;
        }
        let ends = match profile.line_end {
            LineEnd::Lf => csv::Terminator::Any(b'\n'),
            LineEnd::Crlf => csv::Terminator::CRLF,
        };
        let mut csv = csv::WriterBuilder::new()
            .delimiter(profile.separator)
            .terminator(ends)
            .from_writer(file);
        if profile.header {
            let names = profile.columns.iter().map(|c| &c.name);
            csv.write_record(names).map_err(csv_error)?;
        }
        Ok(Self { profile, csv })
    }

    fn write(&mut self, line: &[Content]) -> Result<(), ExportError> {
        let cells = line.iter().map(|c| match c {
            Content::Text(t) => text(t).into_owned(),
            Content::Number(None, _) => String::new(),
            Content::Number(Some(n), decimals) => number_text(self.profile, n, *decimals),
        });
        self.csv.write_record(cells).map_err(csv_error)
    }
}

fn number_text(profile: &Profile, value: &Rational, decimals: u32) -> String {
    let number = round_to_text(value, decimals, profile.rounding);
    match profile.decimal {
        '.' => number,
        sign => number.replace('.', &sign.to_string()),
    }
}

impl Sink for Profiled<'_> {
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError> {
        let unsold = self.profile.unsold;
        let lines = charges
            .iter()
            .filter(|c| unsold || c.has_money())
            .map(|c| contents(self.profile, c));
        let lines: Vec<Vec<Content>> = match self.profile.lines {
            Lines::Each => lines.collect(),
            Lines::Summed => summed(lines),
        };
        for line in &lines {
            self.write(line)?;
        }
        Ok(lines.len())
    }

    fn finish(self: Box<Self>) -> Result<FileWriter, ExportError> {
        csv_end(self.csv)
    }
}

/// Lines of the same texts as one, in the order of their first; numbers are added, with the decimals of the one that has most.
fn summed(lines: impl Iterator<Item = Vec<Content>>) -> Vec<Vec<Content>> {
    let mut places: BTreeMap<Vec<Option<String>>, usize> = BTreeMap::new();
    let mut sums: Vec<Vec<Content>> = Vec::new();
    for line in lines {
        let texts = line.iter().map(|c| match c {
            Content::Text(t) => Some(t.clone()),
            Content::Number(..) => None,
        });
        let place = *places.entry(texts.collect()).or_insert(sums.len());
        match sums.get_mut(place) {
            None => sums.push(line),
            Some(sum) => sum.iter_mut().zip(line).for_each(|(s, c)| add(s, c)),
        }
    }
    sums
}

fn add(sum: &mut Content, more: Content) {
    if let (Content::Number(sum, decimals), Content::Number(more, d)) = (sum, more) {
        *decimals = (*decimals).max(d);
        *sum = match (sum.take(), more) {
            (Some(a), Some(b)) => Some(a + b),
            (one, other) => one.or(other),
        };
    }
}

fn contents(profile: &Profile, charge: &Charge) -> Vec<Content> {
    let cell = |cell: &Cell| match cell {
        Cell::Text(field) => Content::Text(told(charge, *field)),
        Cell::Dimension(name) => {
            Content::Text(charge.dimensions.get(name).cloned().unwrap_or_default())
        }
        Cell::Constant(constant) => Content::Text(constant.clone()),
        Cell::Number(field, decimals) => {
            let (value, own) = number(charge, *field);
            Content::Number(value, decimals.unwrap_or(own))
        }
    };
    profile.columns.iter().map(|c| cell(&c.cell)).collect()
}

fn told(c: &Charge, field: Text) -> String {
    match field {
        Text::Month => c.month.clone(),
        Text::Tenant => c.tenant.clone(),
        Text::Contract => c.contract.clone(),
        Text::Scope => c.scope.clone(),
        Text::Project if c.scope_name.is_empty() => c.scope.clone(),
        Text::Project => c.scope_name.clone(),
        Text::Source => c.source.clone(),
        Text::Kind => c.kind.clone(),
        Text::Resource => c.resource.clone(),
        Text::ResourceName => c.resource_name.clone(),
        Text::Meter => c.meter.clone(),
        Text::Dimensions => dimensions(&c.dimensions),
        Text::Sku => c.sku.clone(),
        Text::Description => c.name.clone(),
        Text::Class => c.class.as_str().to_owned(),
        Text::Unit => c.unit.clone(),
        Text::PricedUnit => c.priced.words(),
        Text::UnitPrice => c.price.clone(),
        Text::Currency => c.currency.clone(),
        Text::From => c.from.to_string(),
        Text::To => c.to.to_string(),
        Text::Corrects => c.corrects.clone(),
        Text::Id => c.id.clone(),
    }
}

/// A number, and with how many decimals it is written where the profile does not say.
fn number(c: &Charge, field: Number) -> (Option<Rational>, u32) {
    let whole = |n: i128| Some(Rational::from_integer(n.into()));
    let money = |r: Rational| c.has_money().then_some(r);
    match field {
        Number::Quantity => (whole(c.quantity), 0),
        Number::PricedQuantity => (money(c.priced.quantity.clone()), DECIMALS),
        Number::Amount => {
            let units = Rational::new(c.amount.into(), BigInt::from(10).pow(c.decimals));
            (money(units), c.decimals)
        }
        Number::ExactAmount => (money(c.exact.clone()), DECIMALS),
        Number::Observed => (whole(c.observed_s.into()), 0),
        Number::Expected => (whole(c.expected_s.into()), 0),
    }
}
