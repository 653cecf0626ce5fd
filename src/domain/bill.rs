//! Bills as data: usage with its times goes in, lines come out.

use super::{
    Charge, Ts,
    money::Exact,
    usage::{Usage, UsageRow},
};

/// A stretch of a usage row: a level over `[start, end)`, in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// First second.
    pub start: i64,
    /// First second after.
    pub end: i64,
    /// Level in the meter's base unit; 0 where nothing was observed.
    pub level: i64,
    /// False: expected, but not observed.
    pub observed: bool,
    /// As things stand it lasts until here: its end, or that of the month.
    pub lasts_to: i64,
}

impl Stretch {
    /// Level x seconds: at most 2^126.
    #[must_use]
    pub fn quantity(&self) -> i128 {
        i128::from(self.level) * i128::from(self.end - self.start)
    }

    /// Its part inside `[from, to)`.
    #[must_use]
    pub fn clipped(&self, from: i64, to: i64) -> Option<Self> {
        let (start, end) = (self.start.max(from), self.end.min(to));
        (start < end).then_some(Self {
            start,
            end,
            ..*self
        })
    }
}

/// Usage of a period with the times behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// The usage.
    pub usage: Usage,
    /// The stretches of each row, in the order of the rows; none for an amount, which has no level.
    pub stretches: Vec<Vec<Stretch>>,
}

impl Metered {
    /// Usage without times: each row can be priced whole, and not be cut.
    #[must_use]
    pub fn undated(usage: Usage) -> Self {
        Self {
            stretches: vec![Vec::new(); usage.rows.len()],
            usage,
        }
    }

    /// Keeps some rows, with their times.
    pub fn retain(&mut self, keep: impl Fn(&UsageRow) -> bool) {
        if self.usage.rows.iter().all(&keep) {
            return;
        }
        let rows = std::mem::take(&mut self.usage.rows);
        let stretches = std::mem::take(&mut self.stretches);
        let kept = rows.into_iter().zip(stretches).filter(|(row, _)| keep(row));
        (self.usage.rows, self.stretches) = kept.unzip();
    }
}

/// What a month's usage costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rated {
    /// By (tenant, contract), sorted; what nobody owns is under `unattributed` and an empty contract.
    pub bills: Vec<Bill>,
    /// Rows that the book does not sell: measured only.
    pub unsold: Vec<usize>,
}

/// A contract's month. Amounts are in units of the book's last decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Customer, or `unattributed`.
    pub tenant: String,
    /// Terms, or empty.
    pub contract: String,
    /// The lines: usage in the order of its rows, then sums over many rows, fees, rebates, percentages.
    pub lines: Vec<Line>,
    /// What rounding the total added to the lines.
    pub rounding: i128,
    /// What was granted, taken off after everything else.
    pub credits: Vec<Granted>,
    /// Approved corrections of earlier months.
    pub corrections: Vec<Charge>,
    /// The total: lines, rounding, credits and corrections.
    pub total: i128,
}

impl Rated {
    /// Puts the bills in their order.
    pub fn sort(&mut self) {
        self.bills
            .sort_by(|a, b| (&a.tenant, &a.contract).cmp(&(&b.tenant, &b.contract)));
    }
}

impl Bill {
    /// A bill with nothing on it.
    #[must_use]
    pub fn of(tenant: &str, contract: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            contract: contract.to_owned(),
            lines: Vec::new(),
            rounding: 0,
            credits: Vec::new(),
            corrections: Vec::new(),
            total: 0,
        }
    }
}

/// A credit on a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub approved_by: String,
    /// The amount, below 0.
    pub exact: Exact,
    /// The amount in units of the book's last decimal.
    pub amount: i128,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which item of the book, by its index.
    pub item: usize,
    /// Which rows of the usage.
    pub rows: Rows,
    /// First instant the price held for this line.
    pub from: Ts,
    /// First instant after.
    pub to: Ts,
    /// Which part of a price that has parts.
    pub part: Part,
    /// In base units of what is charged; of a percentage, the amount it is of.
    pub quantity: Exact,
    /// The amount before rounding.
    pub exact: Exact,
    /// The amount.
    pub amount: i128,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
}

/// The rows of the usage behind a line, by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// One row.
    One(usize),
    /// Several, or none.
    Many(Vec<usize>),
}

impl Rows {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[usize] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }
}

/// A part of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    /// What is included.
    Included,
    /// A tier, from 0.
    Tier(usize),
}
