//! Usage that other systems count, as CloudEvents: one JSON object -> one fact. Pure.
//!
//! The envelope is CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>); its `data` is ours, see
//! `docs/import.md` and `schemas/import/usage-event.schema.json`.

use crate::domain::{
    Aspect, Evidence, Fact, Known, Meter, Meters, Period, ResourceKey, Ts, Value,
    fact::{amount, kind},
    meter::Kind,
};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};

/// The `type` of events that are read.
pub const TYPE: &str = "plimsoll.usage.v1";

/// Longest text of an event that is kept as a name.
const NAME_MAX: usize = 256;

/// What is wrong with an event, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {hint}")]
pub struct BadEvent {
    /// Where in it: `data.quantity`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

fn bad(key: &str, what: impl Into<String>, hint: impl Into<String>) -> BadEvent {
    BadEvent {
        key: key.to_owned(),
        what: what.into(),
        hint: hint.into(),
    }
}

#[derive(Deserialize)]
struct Envelope {
    specversion: Option<String>,
    id: Option<String>,
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    datacontenttype: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    meter: String,
    #[serde(deserialize_with = "whole")]
    quantity: i64,
    from: String,
    to: String,
    cloud: Option<String>,
    scope: Option<String>,
    contract: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
}

/// A whole number, as digits or as a JSON number without a fraction.
fn whole<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(d) {
        Ok(Either::Number(n)) => Ok(n),
        Ok(Either::Text(t)) => t.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "quantity: `{t}` is no whole number of 64 bits; give digits, in the meter's base unit"
            ))
        }),
        Err(_) => Err(serde::de::Error::custom(
            "quantity: it must be a whole number or a string of digits, in the meter's base unit",
        )),
    }
}

/// Reads one event. `zone`: the provider's calendar, in which an amount may not lie across two months.
///
/// # Errors
/// [`BadEvent`], which names the key and the remedy.
pub fn read(line: &str, meters: &Meters, zone: Tz, observed_at: Ts) -> Result<Fact, BadEvent> {
    let e: Envelope = serde_json::from_str(line).map_err(|e| {
        bad(
            &format!("column {}", e.column()),
            e.to_string(),
            "each line is one CloudEvent in JSON",
        )
    })?;
    if e.specversion.as_deref() != Some("1.0") {
        return Err(bad(
            "specversion",
            "it is not 1.0",
            "CloudEvents 1.0 is read: \"specversion\": \"1.0\"",
        ));
    }
    let text = |key: &str, value: Option<String>| {
        let value = value
            .filter(|v| !v.is_empty())
            .ok_or_else(|| bad(key, "is missing or empty", "CloudEvents requires it"))?;
        if value.len() > NAME_MAX || value.chars().any(char::is_control) {
            let what = format!("is longer than {NAME_MAX} bytes, or has a control character");
            return Err(bad(key, what, "give a plain, short name"));
        }
        Ok(value)
    };
    let id = text("id", e.id)?;
    let source = text("source", e.source)?;
    let kind_of_event = text("type", e.kind)?;
    if kind_of_event != TYPE {
        return Err(bad(
            "type",
            format!("`{kind_of_event}` is not read"),
            format!("events of usage have the type {TYPE}"),
        ));
    }
    if let Some(other) = e.datacontenttype.filter(|t| t != "application/json") {
        return Err(bad(
            "datacontenttype",
            format!("`{other}` is not read"),
            "give application/json, or leave it out",
        ));
    }
    let data = e
        .data
        .ok_or_else(|| bad("data", "is missing", "see docs/import.md"))?;
    let subject = match e.subject {
        Some(subject) => text("subject", Some(subject))?,
        None => data.meter.clone(),
    };
    fact(data, id, source, subject, meters, zone, observed_at)
}

fn fact(
    data: Data,
    id: String,
    source: String,
    subject: String,
    meters: &Meters,
    zone: Tz,
    observed_at: Ts,
) -> Result<Fact, BadEvent> {
    let imported = || meters.of_kind(kind::IMPORTED).map(|m| m.name.as_str());
    let meter = meters
        .of_kind(kind::IMPORTED)
        .find(|m| m.name == data.meter)
        .ok_or_else(|| {
            let known: Vec<&str> = imported().collect();
            let hint = if known.is_empty() {
                "declare it under `meters: declared:` of the configuration".to_owned()
            } else {
                format!(
                    "declared are {}; add it under `meters: declared:` of the configuration",
                    known.join(", ")
                )
            };
            bad(
                "data.meter",
                format!("`{}` is not declared", data.meter),
                hint,
            )
        })?;
    if data.quantity < 0 {
        return Err(bad(
            "data.quantity",
            "is negative",
            "what was counted too much is corrected in the bill, where it is seen",
        ));
    }
    let time = |key: &str, text: &str| {
        Ts::parse(text).map_err(|e| bad(key, e.to_string(), "give RFC 3339: 2026-10-01T00:00:00Z"))
    };
    let (from, to) = (time("data.from", &data.from)?, time("data.to", &data.to)?);
    if to.second() <= from.second() {
        return Err(bad(
            "data.to",
            "is not later than data.from, by whole seconds",
            "the stretch is [from, to)",
        ));
    }
    if meter.kind == Kind::Amount {
        let last = Ts::from_second(to.second() - 1);
        let months = (
            Period::containing(from, zone),
            Period::containing(last, zone),
        );
        let of = |p: Option<Period>| p.map(|p| (p.year, p.month));
        if of(months.0) != of(months.1) {
            return Err(bad(
                "data.to",
                format!("the amount lies across two months of {}", zone.name()),
                "an amount cannot be divided: send one event for each month",
            ));
        }
    }
    if let Some(unknown) = data
        .dimensions
        .keys()
        .find(|d| !meter.dimensions.contains(d))
    {
        return Err(bad(
            "data.dimensions",
            format!("`{unknown}` is no dimension of {}", meter.name),
            format!("it has: {}", meter.dimensions.join(", ")),
        ));
    }
    let mut attrs = data.dimensions;
    attrs.insert(amount::EVENT.to_owned(), id);
    match (data.contract, data.scope) {
        (Some(contract), None) if data.cloud.is_none() && !contract.is_empty() => {
            attrs.insert(amount::CLOUD.to_owned(), String::new());
            attrs.insert(
                amount::SCOPE.to_owned(),
                format!("{}{contract}", amount::CONTRACT),
            );
        }
        (None, Some(scope)) if !scope.is_empty() => {
            let cloud = data.cloud.filter(|c| !c.is_empty()).ok_or_else(|| {
                bad(
                    "data.cloud",
                    "is missing",
                    "name the source whose project `scope` is",
                )
            })?;
            attrs.insert(amount::CLOUD.to_owned(), cloud);
            attrs.insert(amount::SCOPE.to_owned(), scope);
        }
        _ => {
            return Err(bad(
                "data.contract",
                "the event does not say, in one way, whose it is",
                "give `contract`, or `cloud` and `scope` (a source's name and a project's id)",
            ));
        }
    }
    Ok(Fact {
        key: ResourceKey {
            cloud: source,
            kind: kind::IMPORTED.to_owned(),
            resource: subject,
        },
        aspect: Aspect::Amount,
        evidence: Evidence::Event,
        at: to,
        from,
        seen: to,
        value: Value::Known(Known {
            label: String::new(),
            levels: BTreeMap::from([(meter.name.clone(), data.quantity)]),
            attrs,
        }),
        observed_at,
        pass: 0,
        raw: String::new(),
    })
}

/// Takes any bytes; what is accepted is a stretch with a quantity of no less than nothing, and names its event.
#[doc(hidden)]
#[must_use]
pub fn fuzzed(bytes: &[u8]) -> bool {
    let declared = ["backup.protected", "licence.calls"].map(|name| Meter {
        name: name.to_owned(),
        description: String::new(),
        resources: vec![kind::IMPORTED.to_owned()],
        kind: if name == "licence.calls" {
            Kind::Amount
        } else {
            Kind::Level
        },
        level: None,
        unit: "1".to_owned(),
        dimensions: vec!["product".to_owned()],
        read: false,
        billed: None,
        states: BTreeSet::new(),
    });
    let Ok(meters) = Meters::with("existence", &BTreeMap::new(), &declared) else {
        return false;
    };
    let Some(Ok(fact)) = std::str::from_utf8(bytes)
        .ok()
        .map(|line| read(line, &meters, chrono_tz::Europe::Stockholm, Ts::MIN))
    else {
        return false;
    };
    let known = fact.value.known();
    assert!(
        fact.from.second() < fact.at.second(),
        "a stretch has a length"
    );
    assert!(
        known.is_some_and(
            |k| k.levels.values().all(|q| *q >= 0) && k.attrs.contains_key(amount::EVENT)
        ),
        "a quantity, and the event that told of it"
    );
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meters() -> Meters {
        let meter = |name: &str, kind: Kind, unit: &str| Meter {
            name: name.to_owned(),
            description: String::new(),
            resources: vec![kind::IMPORTED.to_owned()],
            kind,
            level: None,
            unit: unit.to_owned(),
            dimensions: vec!["product".to_owned()],
            read: false,
            billed: None,
            states: BTreeSet::new(),
        };
        let declared = [
            meter("backup.protected", Kind::Level, "By.s"),
            meter("licence.calls", Kind::Amount, "{call}"),
        ];
        Meters::with("existence", &BTreeMap::new(), &declared).unwrap()
    }

    fn line(data: &str) -> String {
        format!(
            r#"{{"specversion":"1.0","type":"plimsoll.usage.v1","source":"backup.example","id":"7","subject":"vault-3","data":{data}}}"#
        )
    }

    fn try_read(data: &str) -> Result<Fact, String> {
        read(
            &line(data),
            &meters(),
            chrono_tz::Europe::Stockholm,
            Ts::from_second(5),
        )
        .map_err(|e| e.to_string())
    }

    #[test]
    fn an_event_is_a_fact_whose_id_is_its_content() {
        let data = r#"{"meter":"backup.protected","quantity":"4000000000000","from":"2026-10-01T00:00:00Z","to":"2026-11-01T00:00:00Z",
            "contract":"CO-001","dimensions":{"product":"gold"}}"#;
        let fact = try_read(data).unwrap();
        assert_eq!(
            (fact.key.cloud.as_str(), fact.key.resource.as_str()),
            ("backup.example", "vault-3")
        );
        let known = fact.value.known().unwrap();
        assert_eq!(known.levels["backup.protected"], 4_000_000_000_000);
        assert_eq!(known.attrs[amount::SCOPE], "contract:CO-001");
        assert_eq!(fact.id(), try_read(data).unwrap().id());
        let number = data.replace("\"4000000000000\"", "4000000000000");
        assert_eq!(fact.id(), try_read(&number).unwrap().id());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key_and_a_way_out() {
        let good = r#"{"meter":"licence.calls","quantity":3,"from":"2026-10-01T00:00:00Z","to":"2026-10-02T00:00:00Z","cloud":"north","scope":"p1"}"#;
        assert!(try_read(good).is_ok());
        for (from, to, words) in [
            ("\"quantity\":3", "\"quantity\":3.5", "whole number"),
            ("\"quantity\":3", "\"quantity\":-3", "negative"),
            ("\"quantity\":3", "\"quantity\":\"1e9\"", "digits"),
            (
                "licence.calls",
                "licence.cals",
                "backup.protected, licence.calls",
            ),
            ("2026-10-02T00:00:00Z", "2026-10-01T00:00:00Z", "not later"),
            ("2026-10-02T00:00:00Z", "2026-11-01T00:00:00Z", "two months"),
            ("2026-10-02T00:00:00Z", "yesterday", "RFC 3339"),
            ("\"cloud\":\"north\",", "", "data.cloud"),
            ("\"scope\":\"p1\"", "\"contract\":\"C\"", "whose it is"),
            ("\"scope\":\"p1\"", "\"scope\":\"p1\",\"scoop\":1", "scoop"),
            (
                "\"scope\":\"p1\"",
                "\"scope\":\"p1\",\"dimensions\":{\"colour\":\"red\"}",
                "product",
            ),
        ] {
            let e = try_read(&good.replace(from, to)).unwrap_err();
            assert!(e.contains(words), "{to}: {e}");
        }
        // The month ends where the provider's does: at 22:00 or 23:00 UTC.
        let across = good.replace("2026-10-01T00", "2026-09-30T21");
        assert!(try_read(&across).unwrap_err().contains("two months"));
    }

    #[test]
    fn envelopes_are_held_to_the_standard() {
        let data = r#"{"meter":"licence.calls","quantity":3,"from":"2026-10-01T00:00:00Z","to":"2026-10-02T00:00:00Z","contract":"C"}"#;
        for (from, to, words) in [
            ("\"1.0\"", "\"0.3\"", "specversion"),
            (
                "plimsoll.usage.v1",
                "com.example.other",
                "plimsoll.usage.v1",
            ),
            ("\"id\":\"7\",", "", "id: is missing"),
            (
                "\"source\":\"backup.example\",",
                "\"source\":\"\",",
                "source: is missing",
            ),
            ("\"data\":", "\"daten\":", "data: is missing"),
            (
                "\"id\"",
                "\"datacontenttype\":\"text/xml\",\"id\"",
                "text/xml",
            ),
            ("{\"specversion\"", "[{\"specversion\"", "column"),
        ] {
            let text = line(data).replacen(from, to, 1);
            let e = read(&text, &meters(), chrono_tz::UTC, Ts::MIN)
                .unwrap_err()
                .to_string();
            assert!(e.contains(words), "{to}: {e}");
        }
    }
}
