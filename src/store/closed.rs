//! Closed months: their lines, their files, and what was decided about them.

use super::{QUERY_TIMEOUT, Store, StoreError};
use crate::domain::{
    Charge, Ts,
    charge::{Class, Priced},
    money::{Rational, exact_text},
};
use clickhouse::{Row, query::RowCursor};
use serde::{Deserialize, Serialize};

/// Rows of an insert.
const ROWS_MAX: usize = 20_000;

/// A step of a closing, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The one contract that is closed; empty: everyone who was not.
    pub contract: String,
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

/// A correction that was approved.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Approved {
    /// The closed month that it corrects.
    pub month: String,
    /// Its id, and that of its line.
    pub proposal: String,
    /// When it was stored, microseconds since 1970.
    pub stored_at: i64,
    /// Who approved it.
    pub who: String,
}

/// What a closing says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ClosedAs {
    /// The month.
    pub month: String,
    /// The one contract that is closed; empty: everyone but those of `before`.
    pub contract: String,
    /// Contracts that had been closed by themselves.
    pub before: Vec<String>,
    /// As of when, microseconds since 1970.
    pub as_of: i64,
}

#[derive(Debug, Row, Serialize)]
struct StepIn<'a> {
    month: &'a str,
    step: i8,
    contract: &'a str,
    id: &'a str,
    body: &'a str,
}

#[derive(Debug, Row, Deserialize)]
struct StepOut {
    contract: String,
    id: String,
    body: String,
    stored_at: i64,
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

const DOING: &str = "read charges";

/// Lines one after another.
pub struct ChargeStream {
    store: Store,
    rows: RowCursor<ChargeRow>,
}

impl ChargeStream {
    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the store fails. The stream cannot be resumed then.
    pub async fn next(&mut self) -> Result<Option<Charge>, StoreError> {
        let row = self.rows.next();
        let row = self.store.within(DOING, QUERY_TIMEOUT, row).await?;
        row.map(|r| r.charge(DOING)).transpose()
    }
}

impl Store {
    /// The steps of a kind that a month has, in the order in which they were stored.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn steps(&self, month: &str, kind: StepKind) -> Result<Vec<Step>, StoreError> {
        let query = self
            .query("SELECT contract, id, body, stored_at FROM closings WHERE month = ? AND step = ? ORDER BY stored_at, contract, id, body")
            .bind(month)
            .bind(kind.number());
        let found = self.all::<StepOut>("read closings", query).await?;
        let step = |s: StepOut| Step {
            contract: s.contract,
            id: s.id,
            body: s.body,
            stored_at: Ts(s.stored_at),
        };
        Ok(found.into_iter().map(step).collect())
    }

    /// What the closings of later months than `month` that were stored by then say of themselves.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn closed_since(&self, month: &str, as_of: Ts) -> Result<Vec<ClosedAs>, StoreError> {
        let query = self
            .query(
                "SELECT month, contract, JSONExtract(body, 'begun', 'before', 'Array(String)') AS before, JSONExtractInt(body, 'begun', 'as_of') AS as_of
                FROM closings WHERE step = 'closed' AND month > ? AND stored_at <= fromUnixTimestamp64Micro(?) ORDER BY stored_at, id LIMIT 1 BY month, contract",
            )
            .bind(month)
            .bind(as_of.0);
        self.all::<ClosedAs>("read closings", query).await
    }

    /// The corrections of months before `month` that were approved by then: the first decision on each counts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn approved(&self, month: &str, as_of: Ts) -> Result<Vec<Approved>, StoreError> {
        let query = self
            .query(
                "SELECT month, proposal, at AS stored_at, who FROM (
                    SELECT month, proposal, toUnixTimestamp64Micro(stored_at) AS at, who, approved FROM decisions
                    WHERE month < ? AND stored_at <= fromUnixTimestamp64Micro(?) ORDER BY month, proposal, stored_at LIMIT 1 BY month, proposal
                ) WHERE approved ORDER BY month, proposal",
            )
            .bind(month)
            .bind(as_of.0);
        self.all::<Approved>("read decisions", query).await
    }

    /// Keeps a step of a closing; `contract` is the one that is closed, or empty.
    ///
    /// # Errors
    /// When the store fails; then it may or may not be there.
    pub async fn put_step(
        &self,
        (month, contract): (&str, &str),
        kind: StepKind,
        id: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let step = kind.number();
        let row = StepIn {
            month,
            step,
            contract,
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

    /// The lines of closings, or of decisions, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn charges(
        &self,
        month: &str,
        closings: &[String],
    ) -> Result<Vec<Charge>, StoreError> {
        let query = self
            .query(
                "SELECT ?fields FROM charges FINAL WHERE month = ? AND closing IN ? ORDER BY closing, n",
            )
            .bind(month)
            .bind(closings);
        if closings.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.all::<ChargeRow>(DOING, query).await?;
        rows.into_iter().map(|r| r.charge(DOING)).collect()
    }

    /// The lines of that id in closed months and among approved corrections, by month.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn charges_of_id(&self, id: &str) -> Result<Vec<Charge>, StoreError> {
        let query = self
            .query(
                "SELECT ?fields FROM charges FINAL WHERE id = ? AND ((month, closing) IN (SELECT month, id FROM closings WHERE step = 'closed')
                    OR (month, closing) IN (SELECT month, proposal FROM decisions GROUP BY month, proposal HAVING argMin(approved, stored_at)))
                ORDER BY month, closing, n LIMIT 100",
            )
            .bind(id);
        let rows = self.all::<ChargeRow>(DOING, query).await?;
        rows.into_iter().map(|r| r.charge(DOING)).collect()
    }

    /// All lines of a closing, in the order in which they were kept, as they come.
    ///
    /// # Errors
    /// When the store fails.
    pub fn charges_of(&self, month: &str, closing: &str) -> Result<ChargeStream, StoreError> {
        let query = self
            .query("SELECT ?fields FROM charges FINAL WHERE month = ? AND closing = ? ORDER BY n")
            .bind(month)
            .bind(closing);
        let query = query.with_setting("wait_end_of_query", "0");
        let rows = query.fetch::<ChargeRow>();
        let rows = rows.map_err(|e| self.sorted(DOING, &e))?;
        let store = self.clone();
        Ok(ChargeStream { store, rows })
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
