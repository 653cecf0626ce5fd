//! Closed months: their lines, their files, and what was decided about them.

use super::{Store, StoreError};
use crate::domain::{
    Charge, Ts,
    charge::{Class, Priced},
    money::{Rational, exact_text},
};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// Bytes of a part of a file.
pub const PART_BYTES: usize = 1 << 20;
/// Rows of an insert.
const ROWS_MAX: usize = 20_000;

/// A step of a closing, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The closing's id.
    pub id: String,
    /// What the step says, JSON.
    pub body: String,
    /// When it was stored.
    pub stored_at: Ts,
}

/// Which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// It was decided to close the month, as of a time.
    Begun,
    /// Everything is there: the month is closed.
    Closed,
}

impl StepKind {
    const fn number(self) -> i8 {
        match self {
            Self::Begun => 1,
            Self::Closed => 2,
        }
    }
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The form of the files: `csv`.
    pub form: String,
    /// Its name.
    pub name: String,
    /// From 0.
    pub part: u32,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What a person decided on a proposed correction.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Decision {
    /// The closed month.
    pub month: String,
    /// The proposal's id.
    pub proposal: String,
    /// Approved, or declined.
    pub approved: bool,
    /// The id of the line that it corrects.
    pub line: String,
    /// Who decided.
    pub who: String,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Row, Serialize)]
struct StepIn<'a> {
    month: &'a str,
    step: i8,
    id: &'a str,
    body: &'a str,
}

#[derive(Debug, Row, Deserialize)]
struct StepOut {
    id: String,
    body: String,
    stored_at: i64,
}

#[derive(Debug, Row, Serialize)]
struct PartIn<'a> {
    closing: &'a str,
    form: &'a str,
    name: &'a str,
    part: u32,
    #[serde(with = "serde_bytes_of")]
    body: &'a [u8],
}

/// Bytes as the store has strings.
mod serde_bytes_of {
    pub(super) fn serialize<S: serde::Serializer>(bytes: &&[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }
}

/// A line as the store has it.
#[derive(Debug, Row, Serialize, Deserialize)]
struct ChargeRow {
    month: String,
    tenant: String,
    contract: String,
    closing: String,
    n: u64,
    id: String,
    class: String,
    corrects: String,
    from: i64,
    to: i64,
    scope: String,
    scope_name: String,
    source: String,
    kind: String,
    resource: String,
    resource_name: String,
    meter: String,
    dimensions: Vec<(String, String)>,
    sku: String,
    name: String,
    quantity: i128,
    unit: String,
    price: String,
    priced_quantity: String,
    priced_unit: String,
    priced_period: String,
    priced_amount: String,
    priced_list: String,
    exact: String,
    amount: i128,
    decimals: u32,
    currency: String,
    observed_s: i64,
    expected_s: i64,
}

impl ChargeRow {
    fn new(closing: &str, n: u64, c: &Charge) -> Self {
        let c = c.clone();
        Self {
            month: c.month,
            tenant: c.tenant,
            contract: c.contract,
            closing: closing.to_owned(),
            n,
            id: c.id,
            class: c.class.as_str().to_owned(),
            corrects: c.corrects,
            from: c.from.0,
            to: c.to.0,
            scope: c.scope,
            scope_name: c.scope_name,
            source: c.source,
            kind: c.kind,
            resource: c.resource,
            resource_name: c.resource_name,
            meter: c.meter,
            dimensions: c.dimensions.into_iter().collect(),
            sku: c.sku,
            name: c.name,
            quantity: c.quantity,
            unit: c.unit,
            price: c.price,
            priced_quantity: exact_text(&c.priced.quantity),
            priced_unit: c.priced.unit,
            priced_period: c.priced.period,
            priced_amount: exact_text(&c.priced.amount),
            priced_list: exact_text(&c.priced.list),
            exact: exact_text(&c.exact),
            amount: c.amount,
            decimals: c.decimals,
            currency: c.currency,
            observed_s: c.observed_s,
            expected_s: c.expected_s,
        }
    }

    fn charge(self, doing: &'static str) -> Result<Charge, StoreError> {
        let unknown = |what: &str, word: &str| StoreError::Unknown {
            doing,
            what: format!("{what} `{word}` of line {}", self.id),
        };
        let fraction = |what: &str, text: &str| -> Result<Rational, StoreError> {
            text.parse().map_err(|_| unknown(what, text))
        };
        let class = Class::parse(&self.class).ok_or_else(|| unknown("class", &self.class))?;
        let priced = Priced {
            quantity: fraction("quantity", &self.priced_quantity)?,
            amount: fraction("amount", &self.priced_amount)?,
            list: fraction("list amount", &self.priced_list)?,
            unit: self.priced_unit.clone(),
            period: self.priced_period.clone(),
        };
        Ok(Charge {
            exact: fraction("exact amount", &self.exact)?,
            priced,
            class,
            id: self.id,
            corrects: self.corrects,
            month: self.month,
            from: Ts(self.from),
            to: Ts(self.to),
            tenant: self.tenant,
            contract: self.contract,
            scope: self.scope,
            scope_name: self.scope_name,
            source: self.source,
            kind: self.kind,
            resource: self.resource,
            resource_name: self.resource_name,
            meter: self.meter,
            dimensions: self.dimensions.into_iter().collect(),
            sku: self.sku,
            name: self.name,
            quantity: self.quantity,
            unit: self.unit,
            price: self.price,
            amount: self.amount,
            decimals: self.decimals,
            currency: self.currency,
            observed_s: self.observed_s,
            expected_s: self.expected_s,
        })
    }
}

impl Store {
    /// The first step of a kind that a month has; `None` where it has none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_step(
        &self,
        month: &str,
        kind: StepKind,
    ) -> Result<Option<Step>, StoreError> {
        let query = self
            .query("SELECT id, body, stored_at FROM closings WHERE month = ? AND step = ? ORDER BY stored_at, id LIMIT 1")
            .bind(month)
            .bind(kind.number());
        let found = self.all::<StepOut>("read closings", query).await?;
        Ok(found.into_iter().next().map(|s| Step {
            id: s.id,
            body: s.body,
            stored_at: Ts(s.stored_at),
        }))
    }

    /// Keeps a step of a closing.
    ///
    /// # Errors
    /// When the store fails; then it may or may not be there.
    pub async fn put_step(
        &self,
        month: &str,
        kind: StepKind,
        id: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let step = kind.number();
        let row = StepIn {
            month,
            step,
            id,
            body,
        };
        self.insert::<StepIn<'_>>("write a closing", "closings", vec![row])
            .await
    }

    /// Keeps lines of a closing, numbered from `first`. May be repeated with the same lines at will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_charges(
        &self,
        closing: &str,
        first: u64,
        charges: &[Charge],
    ) -> Result<(), StoreError> {
        let mut n = first;
        for some in charges.chunks(ROWS_MAX) {
            let row = |(n, c): (u64, &Charge)| ChargeRow::new(closing, n, c);
            let rows = (n..).zip(some).map(row).collect();
            self.insert::<ChargeRow>("write charges", "charges", rows)
                .await?;
            n += some.len() as u64;
        }
        Ok(())
    }

    /// The lines of a closing, or of some decisions, of one contract or of all, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn charges(
        &self,
        month: &str,
        closings: &[String],
        payer: Option<(&str, &str)>,
    ) -> Result<Vec<Charge>, StoreError> {
        const DOING: &str = "read charges";
        let (tenant, contract) = payer.unwrap_or_default();
        let query = self
            .query(
                "SELECT ?fields FROM charges FINAL WHERE month = ? AND closing IN ? AND (? OR tenant = ? AND contract = ?) ORDER BY closing, n",
            )
            .bind(month)
            .bind(closings)
            .bind(payer.is_none())
            .bind(tenant)
            .bind(contract);
        if closings.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.all::<ChargeRow>(DOING, query).await?;
        rows.into_iter().map(|r| r.charge(DOING)).collect()
    }

    /// Keeps parts of files. May be repeated with the same parts at will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_file_parts(
        &self,
        closing: &str,
        parts: &[FilePart],
    ) -> Result<(), StoreError> {
        let rows = parts.iter().map(|p| PartIn {
            closing,
            form: &p.form,
            name: &p.name,
            part: p.part,
            body: &p.body,
        });
        let rows: Vec<PartIn<'_>> = rows.collect();
        self.insert::<PartIn<'_>>("write files of a closing", "closed_files", rows)
            .await
    }

    /// A part of a file; `None` past its end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn file_part(
        &self,
        closing: &str,
        form: &str,
        name: &str,
        part: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let query = self
            .query("SELECT hex(body) FROM closed_files WHERE closing = ? AND form = ? AND name = ? AND part = ? LIMIT 1")
            .bind(closing)
            .bind(form)
            .bind(name)
            .bind(part);
        let found = self
            .all::<String>("read a file of a closing", query)
            .await?;
        let unhex = |hex: String| -> Option<Vec<u8>> {
            let pairs = hex.as_bytes().chunks(2);
            pairs
                .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
                .collect()
        };
        Ok(found.into_iter().next().and_then(unhex))
    }

    /// Keeps what a person decided.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_decisions(&self, decisions: &[Decision]) -> Result<(), StoreError> {
        let rows = decisions.to_vec();
        self.insert::<Decision>("write decisions", "decisions", rows)
            .await
    }

    /// What was decided on proposals of a month: the first decision on each.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn decisions(&self, month: &str) -> Result<Vec<Decision>, StoreError> {
        let query = self
            .query("SELECT ?fields FROM decisions WHERE month = ? ORDER BY proposal, stored_at LIMIT 1 BY proposal")
            .bind(month);
        self.all::<Decision>("read decisions", query).await
    }
}
