//! How charges become the bytes of a file: one sink a form.

use super::{
    ExportError,
    files::FileWriter,
    row::{COLUMNS, Row},
};
use crate::domain::Charge;
use std::io;

/// A file being written in some form.
pub(super) trait Sink {
    /// Writes charges of one payer; how many lines they made.
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError>;
    /// Writes what stands at the end.
    fn finish(self: Box<Self>) -> Result<FileWriter, ExportError>;
}

/// RFC 4180.
pub(super) struct Csv(csv::Writer<FileWriter>);

impl Csv {
    pub(super) fn new(file: FileWriter) -> Result<Self, ExportError> {
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(file);
        csv.write_record(COLUMNS).map_err(csv_error)?;
        Ok(Self(csv))
    }
}

impl Sink for Csv {
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError> {
        for charge in charges {
            let row = Row::new(charge);
            let cells = row.csv();
            self.0
                .write_record(cells.iter().map(|c| c.as_bytes()))
                .map_err(csv_error)?;
        }
        Ok(charges.len())
    }

    fn finish(self: Box<Self>) -> Result<FileWriter, ExportError> {
        csv_end(self.0)
    }
}

/// What the file has been given, once all of it is out of the CSV writer.
pub(super) fn csv_end(csv: csv::Writer<FileWriter>) -> Result<FileWriter, ExportError> {
    csv.into_inner()
        .map_err(|e| ExportError::Write(io::Error::other(e.to_string())))
}

pub(super) fn csv_error(e: csv::Error) -> ExportError {
    ExportError::Write(e.into())
}

/// One JSON object a line.
pub(super) struct Jsonl(pub(super) FileWriter);

impl Sink for Jsonl {
    fn lines(&mut self, charges: &[Charge]) -> Result<usize, ExportError> {
        for charge in charges {
            self.0
                .all(serde_json::to_string(&Row::new(charge))?.as_bytes())?;
            self.0.all(b"\n")?;
        }
        Ok(charges.len())
    }

    fn finish(self: Box<Self>) -> Result<FileWriter, ExportError> {
        Ok(self.0)
    }
}
