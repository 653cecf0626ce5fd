//! One line of an export, and how a cell of CSV is written so that no spreadsheet runs it.

use super::{Entry, Export};
use crate::{
    domain::{
        UsageRow,
        bill::{Bill, Line},
        money::{exact_text, units_to_text},
        price::ItemKind,
    },
    rating,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::{borrow::Cow, collections::BTreeMap};

/// The columns of CSV, in order: the fields of [`Row`].
pub const COLUMNS: [&str; 22] = [
    "month",
    "contract",
    "tenant",
    "scope",
    "scope_name",
    "source",
    "kind",
    "resource",
    "resource_name",
    "meter",
    "dimensions",
    "sku",
    "description",
    "quantity",
    "unit",
    "unit_price",
    "exact_amount",
    "amount",
    "currency",
    "observed_s",
    "expected_s",
    "id",
];

/// A line: the usage of one meter by one resource, and what it costs. What has no price has null from `sku` to `currency`. What is charged for many
/// resources together, or for none (tiers, fees, percentages, rounding), has nothing from `scope` to `resource_name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "A line of an export of plimsoll")]
pub struct Row<'a> {
    /// Billing month, `2026-10`, in the provider's time zone.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}$"))]
    pub month: &'a str,
    /// Terms; empty where nobody owns the usage.
    pub contract: &'a str,
    /// Customer, or `unattributed`.
    pub tenant: &'a str,
    /// The cloud's own owner (project id).
    pub scope: &'a str,
    /// Its name for people (`domain/project`).
    pub scope_name: &'a str,
    /// Which source: one cloud, one region.
    pub source: &'a str,
    /// Kind of resource: `server`.
    pub kind: &'a str,
    /// The cloud's own id of the resource.
    pub resource: &'a str,
    /// Its name for people.
    pub resource_name: &'a str,
    /// Meter: `compute.vcpu`.
    pub meter: Cow<'a, str>,
    /// What may be priced apart.
    pub dimensions: Cow<'a, BTreeMap<String, String>>,
    /// SKU of the price.
    pub sku: Option<&'a str>,
    /// The price's name for people.
    pub description: Option<&'a str>,
    /// Level x seconds, or an amount, in `unit`: a whole number, exact.
    #[schemars(regex(pattern = r"^-?[0-9]+$"))]
    pub quantity: String,
    /// UCUM unit of the quantity: `s`, `By.s`.
    pub unit: Cow<'a, str>,
    /// `16.91 EUR per 1 instance per 30d`.
    pub unit_price: Option<String>,
    /// The amount before rounding, as a fraction: `1691/100`.
    #[schemars(regex(pattern = r"^-?[0-9]+(/[0-9]+)?$"))]
    pub exact_amount: Option<String>,
    /// The amount as rounded by the book: `16.91`.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub amount: Option<String>,
    /// ISO 4217.
    pub currency: Option<&'a str>,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
    /// The line's id, the same wherever and whenever it is computed: `plimsoll explain ID`.
    pub id: Cow<'a, str>,
}

impl<'a> Row<'a> {
    /// The line of an entry.
    pub(super) fn new(export: &Export<'a>, entry: &Entry<'a>) -> Self {
        let rows = &export.usage().rows;
        match entry {
            Entry::Usage(i) => Self::usage(export, &rows[*i]),
            Entry::Line(bill, line) => Self::line(export, bill, line),
            Entry::Rounding(bill) => {
                let mut row = Self::of_nothing(export, bill);
                row.sku = Some(rating::ROUNDING);
                row.description = Some("Rounding");
                row.price(export, bill.rounding);
                row.id = Cow::Owned(rating::rounding_id(&export.usage().month, bill));
                row
            }
        }
    }

    fn usage(export: &Export<'a>, usage: &'a UsageRow) -> Self {
        Self {
            month: &export.usage().month,
            contract: &usage.contract,
            tenant: &usage.tenant,
            scope: &usage.scope,
            scope_name: &usage.scope_name,
            source: &usage.source,
            kind: &usage.kind,
            resource: &usage.resource,
            resource_name: &usage.resource_name,
            meter: Cow::Borrowed(&usage.meter),
            dimensions: Cow::Borrowed(&usage.dimensions),
            sku: None,
            description: None,
            quantity: usage.quantity.to_string(),
            unit: Cow::Borrowed(&usage.unit),
            unit_price: None,
            exact_amount: None,
            amount: None,
            currency: None,
            observed_s: usage.observed_s,
            expected_s: usage.expected_s,
            id: Cow::Borrowed(&usage.id),
        }
    }

    /// What is of a bill, and of no resource.
    fn of_nothing(export: &Export<'a>, bill: &'a Bill) -> Self {
        Self {
            month: &export.usage().month,
            contract: &bill.contract,
            tenant: &bill.tenant,
            scope: "",
            scope_name: "",
            source: "",
            kind: "",
            resource: "",
            resource_name: "",
            meter: Cow::Borrowed(""),
            dimensions: Cow::Owned(BTreeMap::new()),
            sku: None,
            description: None,
            quantity: "1".to_owned(),
            unit: Cow::Borrowed("1"),
            unit_price: None,
            exact_amount: None,
            amount: None,
            currency: None,
            observed_s: 0,
            expected_s: 0,
            id: Cow::Borrowed(""),
        }
    }

    fn line(export: &Export<'a>, bill: &'a Bill, line: &'a Line) -> Self {
        let rows = &export.usage().rows;
        let Some(priced) = export.priced else {
            return Self::of_nothing(export, bill);
        };
        let item = &priced.book.items[line.item];
        let mut row = match rating::one_resource(line, priced.book) {
            Some(i) => Self::usage(export, &rows[i]),
            None => Self::of_nothing(export, bill),
        };
        if let ItemKind::Usage(price) = &item.kind
            && !matches!(line.rows, crate::domain::bill::Rows::One(_))
        {
            row.meter = Cow::Owned(price.of.meters().join(" "));
            row.dimensions = Cow::Borrowed(&price.matches);
        }
        let (quantity, unit) = rating::quantity_text(line, priced.book, export.metered);
        (row.quantity, row.unit) = (quantity, Cow::Owned(unit));
        row.sku = Some(&item.sku);
        row.description = Some(&item.name);
        row.unit_price = Some(rating::unit_price(line, priced.book));
        row.exact_amount = Some(exact_text(&line.exact.to_rational()));
        row.price(export, line.amount);
        (row.observed_s, row.expected_s) = (line.observed_s, line.expected_s);
        row.id = Cow::Owned(rating::id(line, bill, priced.book, export.metered));
        row
    }

    fn price(&mut self, export: &Export<'a>, amount: i128) {
        if let Some(priced) = export.priced {
            self.amount = Some(units_to_text(amount, priced.book.decimals));
            self.currency = Some(&priced.book.currency);
        }
    }

    /// The cells of its CSV line, as [`COLUMNS`] names them. Numbers are bare; all else is [`text`].
    pub(super) fn csv(&self) -> [String; COLUMNS.len()] {
        let cell = |s: &str| text(s).into_owned();
        let cell_or_empty = |s: Option<&str>| s.map(cell).unwrap_or_default();
        [
            cell(self.month),
            cell(self.contract),
            cell(self.tenant),
            cell(self.scope),
            cell(self.scope_name),
            cell(self.source),
            cell(self.kind),
            cell(self.resource),
            cell(self.resource_name),
            cell(&self.meter),
            cell(&dimensions(&self.dimensions)),
            cell_or_empty(self.sku),
            cell_or_empty(self.description),
            self.quantity.clone(),
            cell(&self.unit),
            cell_or_empty(self.unit_price.as_deref()),
            self.exact_amount.clone().unwrap_or_default(),
            self.amount.clone().unwrap_or_default(),
            cell_or_empty(self.currency),
            self.observed_s.to_string(),
            self.expected_s.to_string(),
            cell(&self.id),
        ]
    }
}

/// A text as a cell. Names are foreign, and a spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` (or their full-width forms; blanks before
/// them do not always help) as a formula: an apostrophe goes before it. One that begins with an apostrophe gets one more, so that taking one away from
/// every text cell that has one gives the text back: nothing is lost. (OWASP, "CSV Injection".)
pub(super) fn text(cell: &str) -> Cow<'_, str> {
    let begins = cell.starts_with(['\'', '\t', '\r', '\n'])
        || cell
            .trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if begins {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Dimensions in one cell: `k=v;k=v`, sorted, with a backslash before any `\`, `;` and `=` in keys and values.
pub(super) fn dimensions(dimensions: &BTreeMap<String, String>) -> String {
    let escaped = |s: &str| {
        s.chars()
            .fold(String::with_capacity(s.len()), |mut text, c| {
                if matches!(c, '\\' | ';' | '=') {
                    text.push('\\');
                }
                text.push(c);
                text
            })
    };
    let pairs: Vec<String> = dimensions
        .iter()
        .map(|(k, v)| format!("{}={}", escaped(k), escaped(v)))
        .collect();
    pairs.join(";")
}
