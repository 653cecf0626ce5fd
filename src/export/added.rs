//! What the lines of an exported file come to, read back from its bytes alone: one reader a form.

use super::Manifest;
use crate::domain::{
    money::{Exact, Rational, exact_sum, parse_decimal},
    profile::{Cell, Number, Profile},
};
use num_bigint::BigInt;
use parquet::{
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
    record::Field,
    schema::types::{Type, TypePtr},
};
use serde::Deserialize;
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

/// Exact amounts that wait to be added together.
const WAITING_MAX: usize = 4_096;
/// Longest line of JSON that is read.
const LINE_MAX: u64 = 1 << 20;
/// Columns of amounts: as rounded, and exact.
const LINES: [&str; 2] = ["amount", "exact_amount"];
const FOCUS: [&str; 2] = ["BilledCost", "x_ExactAmount"];
const BOM: [u8; 3] = *b"\xef\xbb\xbf";

/// Lines added up.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// How many lines.
    pub(super) rows: usize,
    /// Sum of the amounts as they were rounded; `None` where the form does not have them.
    pub(super) amount: Option<Rational>,
    /// Sum of the exact amounts; `None` where the form does not have them.
    pub(super) exact: Option<Rational>,
}

/// Sums being made.
#[derive(Default)]
struct Adder {
    rows: usize,
    amount: Rational,
    exact: Rational,
    waiting: Vec<Exact>,
}

impl Adder {
    fn line(&mut self, amount: Option<Rational>, exact: Option<Rational>) {
        self.rows += 1;
        if let Some(amount) = amount {
            self.amount += amount;
        }
        self.waiting.extend(exact.map(Exact::from));
        if self.waiting.len() >= WAITING_MAX {
            self.add();
        }
    }

    fn texts(&mut self, amount: &str, exact: &str) -> Result<(), String> {
        let amount = told(amount, |t| parse_decimal(t).map_err(|e| e.to_string()))?;
        self.line(amount, told(exact, fraction)?);
        Ok(())
    }

    fn add(&mut self) {
        self.exact += exact_sum(&self.waiting);
        self.waiting.clear();
    }

    fn both(mut self) -> Added {
        self.add();
        Added {
            rows: self.rows,
            amount: Some(self.amount),
            exact: Some(self.exact),
        }
    }
}

fn told<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    (!text.is_empty()).then(|| read(text)).transpose()
}

/// A fraction as exports write it: `1691/100`.
pub(super) fn fraction(text: &str) -> Result<Rational, String> {
    let whole = |t: &str| t.parse::<BigInt>().ok();
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    match (whole(above), whole(below)) {
        (Some(a), Some(b)) if b > BigInt::default() => Ok(Rational::new(a, b)),
        _ => Err(format!("`{text}` is no fraction")),
    }
}

/// Adds up the lines of a file of a manifest.
///
/// # Errors
/// Why they cannot be read, in words.
pub(super) fn added(path: &Path, manifest: &Manifest) -> Result<Added, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    match (manifest.format.as_str(), &manifest.profile) {
        (_, Some(profile)) => profiled(file, profile, manifest),
        ("csv", _) => csv(file, LINES),
        ("focus", _) => csv(file, FOCUS),
        ("jsonl", _) => jsonl(file),
        ("parquet", _) => parquet(file, LINES),
        ("focus-parquet", _) => parquet(file, FOCUS),
        (other, None) => Err(format!(
            "is of the form `{other}`, and the manifest does not say what that is: it cannot be added up again"
        )),
    }
}

/// RFC 4180 with a header, by the names of two columns.
fn csv(file: impl Read, [amount, exact]: [&str; 2]) -> Result<Added, String> {
    let told = |e: csv::Error| e.to_string();
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(told)?;
    let place = |name: &str| {
        let place = header.iter().position(|c| c == name);
        place.ok_or_else(|| format!("has no column `{name}`"))
    };
    let (amount, exact) = (place(amount)?, place(exact)?);
    let (mut sums, mut record) = (Adder::default(), csv::StringRecord::new());
    while reader.read_record(&mut record).map_err(told)? {
        let cell = |i: usize| record.get(i).unwrap_or_default();
        sums.texts(cell(amount), cell(exact))?;
    }
    Ok(sums.both())
}

/// One JSON object a line.
fn jsonl(file: impl Read) -> Result<Added, String> {
    #[derive(Deserialize)]
    struct Line {
        amount: Option<String>,
        exact_amount: Option<String>,
    }
    let (mut reader, mut sums, mut line) = (BufReader::new(file), Adder::default(), String::new());
    loop {
        line.clear();
        let part = (&mut reader).take(LINE_MAX).read_line(&mut line);
        if part.map_err(|e| e.to_string())? == 0 {
            return Ok(sums.both());
        }
        let n = sums.rows + 1;
        let read: Line = serde_json::from_str(&line).map_err(|e| format!("line {n}: {e}"))?;
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        sums.texts(&text(&read.amount), &text(&read.exact_amount))?;
    }
}

/// Parquet, by the names of two columns: a decimal, and a text.
fn parquet(file: File, [amount, exact]: [&str; 2]) -> Result<Added, String> {
    let told = |e: ParquetError| e.to_string();
    let reader = SerializedFileReader::new(file).map_err(told)?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted = |t: &&TypePtr| [amount, exact].contains(&t.name());
    let fields: Vec<TypePtr> = schema.get_fields().iter().filter(wanted).cloned().collect();
    if fields.len() != 2 {
        return Err(format!("has no columns `{amount}` and `{exact}`"));
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(told)?;
    let mut sums = Adder::default();
    for row in reader.get_row_iter(Some(projection)).map_err(told)? {
        let (mut money, mut fine) = (None, None);
        for (_, field) in row.map_err(told)?.get_column_iter() {
            match field {
                Field::Decimal(d) => {
                    let units = BigInt::from_signed_bytes_be(d.data());
                    let scale = u32::try_from(d.scale()).map_err(|e| e.to_string())?;
                    money = Some(Rational::new(units, BigInt::from(10).pow(scale)));
                }
                Field::Str(text) => fine = Some(fraction(text)?),
                Field::Null => {}
                other => return Err(format!("has {other} where an amount should be")),
            }
        }
        sums.line(money, fine);
    }
    Ok(sums.both())
}

/// CSV as a profile has it. Its amounts are the bill's where they are not rounded once more.
fn profiled(file: impl Read, profile: &Profile, manifest: &Manifest) -> Result<Added, String> {
    let told = |e: csv::Error| e.to_string();
    let mut file = BufReader::new(file);
    let begins = file.fill_buf().map_err(|e| e.to_string())?;
    if profile.bom {
        if !begins.starts_with(&BOM) {
            return Err("does not begin with a byte order mark".to_owned());
        }
        file.consume(BOM.len());
    }
    let decimals = manifest.book.as_ref().map_or(0, |b| b.decimals);
    let whole = |cell: &Cell| match cell {
        Cell::Number(Number::Amount, shown) => shown.is_none_or(|d| d >= decimals),
        _ => false,
    };
    let amount = profile.columns.iter().position(|c| whole(&c.cell));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(profile.header)
        .delimiter(profile.separator)
        .from_reader(file);
    let (mut sums, mut record) = (Adder::default(), csv::StringRecord::new());
    while reader.read_record(&mut record).map_err(told)? {
        if record.len() != profile.columns.len() {
            let (n, all) = (record.len(), profile.columns.len());
            return Err(format!("line {} has {n} cells of {all}", sums.rows + 1));
        }
        let cell = amount.and_then(|i| record.get(i)).unwrap_or_default();
        sums.texts(&cell.replace(profile.decimal, "."), "")?;
    }
    Ok(Added {
        amount: amount.map(|_| sums.amount),
        exact: None,
        rows: sums.rows,
    })
}

/// Takes any bytes as a manifest, as lines of JSON and as CSV; true if one of them was accepted. For fuzzing.
#[must_use]
pub fn fuzzed(bytes: &[u8]) -> bool {
    let manifest = serde_json::from_slice::<Manifest>(bytes);
    if let Ok(m) = &manifest {
        let written = m.bytes().ok();
        let again = written.and_then(|b| serde_json::from_slice::<Manifest>(&b).ok());
        assert_eq!(again.as_ref(), Some(m), "what was written is read again");
    }
    let lines = [jsonl(bytes), csv(bytes, LINES), csv(bytes, FOCUS)];
    manifest.is_ok() || lines.iter().any(Result::is_ok)
}
