//! Lines as a typed table, for Parquet: the fields of [`super::Row`], money and quantities as decimals.

use super::table::{Column, Kind, SCALE, Table, Value};
use crate::domain::{Charge, charge::Class, money::exact_text};
use num_bigint::BigInt;

const fn column(name: &'static str, kind: Kind, required: bool) -> Column {
    Column {
        name,
        kind,
        required,
    }
}

/// The columns: those of CSV, with the quantity as the price counts it beside.
const COLUMNS: [Column; 28] = [
    column("month", Kind::Text, true),
    column("contract", Kind::Text, true),
    column("tenant", Kind::Text, true),
    column("scope", Kind::Text, true),
    column("scope_name", Kind::Text, true),
    column("source", Kind::Text, true),
    column("kind", Kind::Text, true),
    column("resource", Kind::Text, true),
    column("resource_name", Kind::Text, true),
    column("meter", Kind::Text, true),
    column("dimensions", Kind::Text, true),
    column("class", Kind::Text, true),
    column("sku", Kind::Text, false),
    column("description", Kind::Text, false),
    column("from", Kind::Time, true),
    column("to", Kind::Time, true),
    column("quantity", Kind::Decimal(0), true),
    column("unit", Kind::Text, true),
    column("priced_quantity", Kind::Decimal(SCALE), false),
    column("priced_unit", Kind::Text, false),
    column("unit_price", Kind::Text, false),
    column("exact_amount", Kind::Text, false),
    column("amount", Kind::Decimal(SCALE), false),
    column("currency", Kind::Text, false),
    column("observed_s", Kind::Whole, true),
    column("expected_s", Kind::Whole, true),
    column("corrects", Kind::Text, false),
    column("id", Kind::Text, true),
];

/// All lines.
pub(super) struct AllLines;

impl Table for AllLines {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn line(&self, c: &Charge) -> Option<Vec<Value>> {
        let text = |t: &String| Value::Text(t.clone());
        let priced = |value: Value| if c.has_money() { value } else { Value::Null };
        let dimensions = serde_json::to_string(&c.dimensions).unwrap_or_default();
        let exact = if c.class == Class::Rounding {
            Value::Null
        } else {
            Value::Text(exact_text(&c.exact))
        };
        Some(vec![
            text(&c.month),
            text(&c.contract),
            text(&c.tenant),
            text(&c.scope),
            text(&c.scope_name),
            text(&c.source),
            text(&c.kind),
            text(&c.resource),
            text(&c.resource_name),
            text(&c.meter),
            Value::Text(dimensions),
            Value::Text(c.class.as_str().to_owned()),
            Value::told(&c.sku),
            priced(text(&c.name)),
            Value::Time(c.from),
            Value::Time(c.to),
            Value::Decimal(c.quantity),
            text(&c.unit),
            priced(Value::decimal(&c.priced.quantity, SCALE)),
            Value::told(&c.priced.words()),
            Value::told(&c.price),
            priced(exact),
            priced(Value::decimal(&amount(c), SCALE)),
            Value::told(&c.currency),
            Value::Whole(c.observed_s),
            Value::Whole(c.expected_s),
            Value::told(&c.corrects),
            text(&c.id),
        ])
    }
}

/// The amount as a number of money.
pub(super) fn amount(c: &Charge) -> crate::domain::money::Rational {
    crate::domain::money::Rational::new(c.amount.into(), BigInt::from(10).pow(c.decimals))
}
