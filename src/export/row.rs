//! One line of an export, and how a cell of CSV is written so that no spreadsheet runs it.

use crate::domain::{
    Charge,
    charge::Class,
    money::{exact_text, units_to_text},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::{borrow::Cow, collections::BTreeMap};

/// The columns of CSV, in order: the fields of [`Row`].
pub const COLUMNS: [&str; 26] = [
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
    "class",
    "sku",
    "description",
    "from",
    "to",
    "quantity",
    "unit",
    "unit_price",
    "exact_amount",
    "amount",
    "currency",
    "observed_s",
    "expected_s",
    "corrects",
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
    pub meter: &'a str,
    /// What may be priced apart.
    pub dimensions: &'a BTreeMap<String, String>,
    /// `measured`, `usage`, `fee`, `rebate`, `percentage`, `rounding` or `credit`.
    pub class: &'a str,
    /// SKU of the price.
    pub sku: Option<&'a str>,
    /// The price's name for people.
    pub description: Option<&'a str>,
    /// First instant that the line is of, UTC.
    pub from: String,
    /// First instant after, UTC.
    pub to: String,
    /// Level x seconds, or an amount, in `unit`: a whole number, exact.
    #[schemars(regex(pattern = r"^-?[0-9]+$"))]
    pub quantity: String,
    /// UCUM unit of the quantity: `s`, `By.s`.
    pub unit: &'a str,
    /// `16.91 EUR per 1 instance per 30d`.
    pub unit_price: Option<&'a str>,
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
    /// The id of the line that this one corrects; null for all others.
    pub corrects: Option<&'a str>,
    /// The line's id, the same wherever and whenever it is computed: `plimsoll explain ID`.
    pub id: &'a str,
}

impl<'a> Row<'a> {
    /// The line of a charge.
    #[must_use]
    pub fn new(c: &'a Charge) -> Self {
        let told = |s: &'a String| Some(s.as_str()).filter(|s| !s.is_empty());
        Self {
            month: &c.month,
            contract: &c.contract,
            tenant: &c.tenant,
            scope: &c.scope,
            scope_name: &c.scope_name,
            source: &c.source,
            kind: &c.kind,
            resource: &c.resource,
            resource_name: &c.resource_name,
            meter: &c.meter,
            dimensions: &c.dimensions,
            class: c.class.as_str(),
            sku: told(&c.sku),
            description: c.has_money().then_some(&c.name),
            from: c.from.to_string(),
            to: c.to.to_string(),
            quantity: c.quantity.to_string(),
            unit: &c.unit,
            unit_price: told(&c.price),
            exact_amount: (c.has_money() && c.class != Class::Rounding)
                .then(|| exact_text(&c.exact)),
            amount: c.has_money().then(|| units_to_text(c.amount, c.decimals)),
            currency: told(&c.currency).filter(|_| c.has_money()),
            observed_s: c.observed_s,
            expected_s: c.expected_s,
            corrects: told(&c.corrects),
            id: &c.id,
        }
    }

    /// The cells of its CSV line, as [`COLUMNS`] names them. Numbers are bare; all else is [`text`].
    pub(super) fn csv(&self) -> [Cow<'_, str>; COLUMNS.len()] {
        let number = |s: &'_ Option<String>| Cow::Owned(s.clone().unwrap_or_default());
        let told = |s: Option<&'a str>| text(s.unwrap_or_default());
        [
            text(self.month),
            text(self.contract),
            text(self.tenant),
            text(self.scope),
            text(self.scope_name),
            text(self.source),
            text(self.kind),
            text(self.resource),
            text(self.resource_name),
            text(self.meter),
            Cow::Owned(text(&dimensions(self.dimensions)).into_owned()),
            text(self.class),
            told(self.sku),
            told(self.description),
            text(&self.from),
            text(&self.to),
            Cow::Borrowed(&self.quantity),
            text(self.unit),
            told(self.unit_price),
            number(&self.exact_amount),
            number(&self.amount),
            told(self.currency),
            Cow::Owned(self.observed_s.to_string()),
            Cow::Owned(self.expected_s.to_string()),
            told(self.corrects),
            text(self.id),
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
