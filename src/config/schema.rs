//! JSON Schemas, made from the types.

use super::{book, credits, raw};
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Value, json};

/// The JSON Schema (2020-12) of the configuration: `schemas/config.schema.json`.
#[must_use]
pub fn schema() -> Value {
    of::<raw::Plimsoll>("plimsoll configuration")
}

/// The JSON Schema (2020-12) of price books: `schemas/prices.schema.json`.
#[must_use]
pub fn price_book_schema() -> Value {
    of::<book::Book>("plimsoll price book")
}

/// The JSON Schema (2020-12) of files of outages and credits: `schemas/credits.schema.json`.
#[must_use]
pub fn credits_schema() -> Value {
    of::<credits::Credits>("plimsoll outages and credits")
}

pub(super) fn of<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(no_null as fn(&mut Schema));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// An absent key has its default; an empty one is a mistake. So what may be left out is still never null.
fn no_null(schema: &mut Schema) {
    let mut inner = None;
    if let Some(object) = schema.as_object_mut() {
        if let Some(Value::Array(kinds)) = object.get_mut("type") {
            kinds.retain(|k| k != "null");
            if let [only] = kinds.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(any)) = object.get_mut("anyOf") {
            any.retain(|s| *s != json!({"type": "null"}));
            if let [only] = any.as_slice() {
                inner = only.as_object().cloned();
            }
        }
        if let Some(inner) = inner {
            object.remove("anyOf");
            for (key, value) in inner {
                object.entry(key).or_insert(value);
            }
        }
        if object.get("default") == Some(&Value::Null) {
            object.remove("default");
        }
    }
    transform_subschemas(&mut no_null, schema);
}
