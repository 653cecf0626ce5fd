//! Writes a month's files, one payer after another.

use super::{
    About, ExportError, FileEntry, Format, Manifest, MeterSum, Money, Payer, Written,
    files::Staging, manifest, names, sink::Sink,
};
use crate::domain::{
    Charge, Period,
    charge::Class,
    money::{Exact, Rational, exact_sum, exact_text, units_to_text},
};
use num_bigint::BigInt;
use std::path::Path;

/// What one payer has.
#[derive(Debug, Clone)]
pub struct Lot<'a> {
    /// Who: (tenant, contract).
    pub payer: &'a Payer,
    /// Sums of the usage, by meter.
    pub meters: Vec<MeterSum>,
    /// The lines.
    pub charges: &'a [Charge],
    /// Currency and decimals, where there is money.
    pub currency: Option<(&'a str, u32)>,
}

/// A month's files being written. Payers come in the order in which they were announced; nothing appears in the directory before [`Writer::finish`].
pub struct Writer<'f> {
    staging: Staging,
    format: &'f Format,
    period: &'f Period,
    names: Vec<String>,
    files: Vec<FileEntry>,
    all: Option<All<'f>>,
}

/// The one file with all payers.
struct All<'f> {
    sink: Box<dyn Sink + 'f>,
    entry: FileEntry,
    sums: Sums,
}

/// Money added up.
#[derive(Default)]
struct Sums {
    lines: u64,
    amount: i128,
    exact: Rational,
    currency: Option<(String, u32)>,
}

impl<'f> Writer<'f> {
    /// Begins in a hidden directory of `out`, which is made if need be.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn new(
        out: &Path,
        period: &'f Period,
        format: &'f Format,
        payers: &[Payer],
    ) -> Result<Self, ExportError> {
        Self::staged(Staging::new(out, true)?, period, format, payers)
    }

    /// The same for files that this process reads again and takes away: nothing is synced to the disk.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn passing(
        out: &Path,
        period: &'f Period,
        format: &'f Format,
        payers: &[Payer],
    ) -> Result<Self, ExportError> {
        Self::staged(Staging::new(out, false)?, period, format, payers)
    }

    fn staged(
        staging: Staging,
        period: &'f Period,
        format: &'f Format,
        payers: &[Payer],
    ) -> Result<Self, ExportError> {
        let mut writer = Self {
            names: names::of(&period.to_string(), payers.iter(), format.extension()),
            files: Vec::with_capacity(payers.len()),
            period,
            all: None,
            staging,
            format,
        };
        if format.in_one() {
            let name = format!("{period}.{}", format.extension());
            writer.all = Some(All {
                sink: format.open(writer.staging.create(&name)?, period)?,
                entry: entry(name, &(String::new(), String::new())),
                sums: Sums::default(),
            });
        }
        Ok(writer)
    }

    /// Writes what a payer has.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn lot(&mut self, lot: &Lot<'_>) -> Result<(), ExportError> {
        if let Some(all) = &mut self.all {
            all.entry.rows += all.sink.lines(lot.charges)?;
            manifest::add(&mut all.entry.meters, &lot.meters)?;
            return all.sums.add(lot);
        }
        let name = self.names[self.files.len()].clone();
        let mut sink = self.format.open(self.staging.create(&name)?, self.period)?;
        let mut sums = Sums::default();
        sums.add(lot)?;
        let rows = sink.lines(lot.charges)?;
        let file = sink.finish()?.finish()?;
        self.files.push(FileEntry {
            rows,
            bytes: file.bytes,
            sha256: file.sha256,
            meters: lot.meters.clone(),
            money: sums.money(),
            ..entry(name, lot.payer)
        });
        Ok(())
    }

    /// Writes the manifest, and lets all files appear.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn finish(mut self, about: About) -> Result<Written, ExportError> {
        if let Some(all) = self.all.take() {
            let file = all.sink.finish()?.finish()?;
            self.files.push(FileEntry {
                bytes: file.bytes,
                sha256: file.sha256,
                money: all.sums.money(),
                ..all.entry
            });
        }
        let manifest = Manifest::new(self.format, &self.period.to_string(), about, self.files)?;
        let mut file = self.staging.create(Manifest::NAME)?;
        file.all(&manifest.bytes()?)?;
        file.finish()?;
        let names = manifest.files.iter().map(|f| f.name.as_str());
        let paths = self.staging.publish(names.chain([Manifest::NAME]))?;
        Ok(Written { paths, manifest })
    }
}

fn entry(name: String, payer: &Payer) -> FileEntry {
    FileEntry {
        name,
        tenant: payer.0.clone(),
        contract: payer.1.clone(),
        rows: 0,
        bytes: 0,
        sha256: String::new(),
        meters: Vec::new(),
        money: None,
    }
}

impl Sums {
    fn add(&mut self, lot: &Lot<'_>) -> Result<(), ExportError> {
        let Some((currency, decimals)) = lot.currency else {
            return Ok(());
        };
        self.currency = Some((currency.to_owned(), decimals));
        let mut exact = Vec::with_capacity(lot.charges.len());
        for charge in lot.charges.iter().filter(|c| c.has_money()) {
            let sum = self.amount.checked_add(charge.amount);
            self.amount = sum.ok_or_else(|| ExportError::Overflow {
                meter: format!("amounts of {}", charge.contract),
            })?;
            if charge.class != Class::Rounding {
                self.lines += 1;
                exact.push(Exact::from(charge.exact.clone()));
            }
        }
        self.exact += exact_sum(&exact);
        Ok(())
    }

    fn money(self) -> Option<Money> {
        let (currency, decimals) = self.currency?;
        let amount = Rational::new(self.amount.into(), BigInt::from(10).pow(decimals));
        Some(Money {
            currency,
            lines: self.lines,
            amount: units_to_text(self.amount, decimals),
            rounding: exact_text(&(amount - &self.exact)),
            exact: exact_text(&self.exact),
        })
    }
}
