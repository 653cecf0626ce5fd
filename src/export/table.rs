//! Tables with typed columns, as CSV and as Parquet: what a column is stands in one place for both.

use super::{
    ExportError,
    files::FileWriter,
    row::text,
    sink::{Sink, csv_end, csv_error},
};
use crate::domain::{
    Charge, Ts,
    money::{Rational, Rounding, round_to_units, units_to_text},
};
use num_traits::ToPrimitive as _;
use parquet::{
    basic::Compression,
    data_type::{
        ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
    },
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use std::{io, sync::Arc};

/// Decimals of amounts, prices and quantities.
pub(super) const SCALE: u32 = 12;
/// Rows of a row group: so many are held in memory.
const GROUP_ROWS: usize = 4_000;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// None.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A decimal, in units of the column's last decimal.
    Decimal(i128),
    /// A time.
    Time(Ts),
}

impl Value {
    /// A text, null where it is empty.
    pub(super) fn told(text: &str) -> Self {
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// An exact number with so many decimals. What 128 bits do not hold was refused when it was rated.
    pub(super) fn decimal(value: &Rational, scale: u32) -> Self {
        let units = round_to_units(value, scale, Rounding::HalfUp).to_i128();
        units.map_or(Self::Null, Self::Decimal)
    }
}

/// Kinds of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8.
    Text,
    /// 64 bits.
    Whole,
    /// 38 digits, so many after the point.
    Decimal(u32),
    /// Microseconds of UTC; in CSV `2026-10-01T00:00:00Z`.
    Time,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Never null.
    pub(super) required: bool,
}

/// A table: its columns, and the values of a charge in their order; `None`: the charge has no line.
pub(super) trait Table {
    fn columns(&self) -> &'static [Column];
    fn line(&self, charge: &Charge) -> Option<Vec<Value>>;
}

/// A table as RFC 4180.
pub(super) struct TableCsv<T> {
    table: T,
    csv: csv::Writer<FileWriter>,
}

impl<T: Table> TableCsv<T> {
    pub(super) fn new(table: T, file: FileWriter) -> Result<Self, ExportError> {
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(file);
        csv.write_record(table.columns().iter().map(|c| c.name))
            .map_err(csv_error)?;
        Ok(Self { table, csv })
    }
}

impl<T: Table> Sink for TableCsv<T> {
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError> {
        let mut written = 0;
        for line in charges.iter().filter_map(|c| self.table.line(c)) {
            let cells = self.table.columns().iter().zip(&line);
            self.csv
                .write_record(cells.map(|(c, v)| cell(c, v)))
                .map_err(csv_error)?;
            written += 1;
        }
        Ok(written)
    }

    fn finish(self: Box<Self>) -> Result<FileWriter, ExportError> {
        csv_end(self.csv)
    }
}

fn cell(column: &Column, value: &Value) -> String {
    match (value, column.kind) {
        (Value::Null, _) => String::new(),
        (Value::Text(t), _) => text(t).into_owned(),
        (Value::Whole(n), _) => n.to_string(),
        (Value::Decimal(n), Kind::Decimal(scale)) => decimal(&units_to_text(*n, scale)),
        (Value::Decimal(n), _) => n.to_string(),
        (Value::Time(t), _) => t.to_string(),
    }
}

/// A decimal without zeros at its end, but for one after the point: readers that tell types by the look of a column see decimals.
fn decimal(number: &str) -> String {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = part.trim_end_matches('0');
    format!("{whole}.{}", if part.is_empty() { "0" } else { part })
}

/// A table as Parquet: Snappy, row groups of 4,000 rows.
pub(super) struct TableParquet<T> {
    table: T,
    file: SerializedFileWriter<FileWriter>,
    rows: Vec<Vec<Value>>,
}

impl<T: Table> TableParquet<T> {
    pub(super) fn new(table: T, file: FileWriter) -> Result<Self, ExportError> {
        let fields: String = table.columns().iter().map(field).collect();
        let schema = parse_message_type(&format!("message line {{ {fields} }}"))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self {
            file: SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?,
            rows: Vec::new(),
            table,
        })
    }

    /// Writes the rows that wait as a row group.
    fn flush(&mut self) -> Result<(), ExportError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        for (i, column) in self.table.columns().iter().enumerate() {
            let values = || rows.iter().map(|r| &r[i]);
            let known: Vec<i16> = values().map(|v| i16::from(*v != Value::Null)).collect();
            let levels = (!column.required).then_some(known.as_slice());
            let mut writer = group
                .next_column()?
                .ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
            match column.kind {
                Kind::Text => {
                    let texts = values().filter_map(|v| match v {
                        Value::Text(t) => Some(ByteArray::from(t.as_str())),
                        _ => None,
                    });
                    let texts: Vec<ByteArray> = texts.collect();
                    let typed = writer.typed::<ByteArrayType>();
                    typed.write_batch(&texts, levels, None)?;
                }
                Kind::Decimal(_) => {
                    let numbers = values().filter_map(|v| match v {
                        Value::Decimal(n) => {
                            Some(FixedLenByteArray::from(n.to_be_bytes().to_vec()))
                        }
                        _ => None,
                    });
                    let numbers: Vec<FixedLenByteArray> = numbers.collect();
                    let typed = writer.typed::<FixedLenByteArrayType>();
                    typed.write_batch(&numbers, levels, None)?;
                }
                Kind::Whole | Kind::Time => {
                    let numbers = values().filter_map(|v| match v {
                        Value::Whole(n) | Value::Time(Ts(n)) => Some(*n),
                        _ => None,
                    });
                    let numbers: Vec<<Int64Type as DataType>::T> = numbers.collect();
                    let typed = writer.typed::<Int64Type>();
                    typed.write_batch(&numbers, levels, None)?;
                }
            }
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

impl<T: Table> Sink for TableParquet<T> {
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError> {
        let mut written = 0;
        for charge in charges {
            let Some(line) = self.table.line(charge) else {
                continue;
            };
            self.rows.push(line);
            written += 1;
            if self.rows.len() >= GROUP_ROWS {
                self.flush()?;
            }
        }
        Ok(written)
    }

    fn finish(mut self: Box<Self>) -> Result<FileWriter, ExportError> {
        self.flush()?;
        Ok(self.file.into_inner()?)
    }
}

fn field(column: &Column) -> String {
    let must = if column.required {
        "REQUIRED"
    } else {
        "OPTIONAL"
    };
    let name = column.name;
    match column.kind {
        Kind::Text => format!("{must} BYTE_ARRAY {name} (UTF8); "),
        Kind::Whole => format!("{must} INT64 {name}; "),
        Kind::Decimal(scale) => {
            format!("{must} FIXED_LEN_BYTE_ARRAY (16) {name} (DECIMAL(38, {scale})); ")
        }
        Kind::Time => format!("{must} INT64 {name} (TIMESTAMP(MICROS, true)); "),
    }
}

impl From<ParquetError> for ExportError {
    fn from(e: ParquetError) -> Self {
        Self::Write(io::Error::other(e))
    }
}
