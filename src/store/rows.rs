//! Rows as the tables have them, and the words of their enums.

use super::StoreError;
use crate::domain::{
    Aspect, Evidence, Fact, Known, Outcome, Pass, PassMode, Raw, ResourceKey, StoredFact, Ts,
    Value,
    usage::{Basis, Piece, ResourcePieces},
};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A fact on its way in. Times are microseconds, enums the numbers of `0001_facts.sql` and `0003_readings.sql`.
#[derive(Debug, Row, Serialize)]
pub(super) struct FactIn<'a> {
    cloud: &'a str,
    kind: &'a str,
    resource: &'a str,
    aspect: i8,
    at: i64,
    id: u64,
    evidence: i8,
    from: i64,
    seen: i64,
    value: i8,
    label: &'a str,
    levels: Vec<(&'a str, i64)>,
    attrs: Vec<(&'a str, &'a str)>,
    observed_at: i64,
    pass: u64,
    raw: &'a str,
}

impl<'a> From<&'a Fact> for FactIn<'a> {
    fn from(f: &'a Fact) -> Self {
        let (value, known) = match &f.value {
            Value::Known(k) => (KNOWN, Some(k)),
            Value::Unknown => (UNKNOWN, None),
            Value::Gone => (GONE, None),
        };
        Self {
            cloud: &f.key.cloud,
            kind: &f.key.kind,
            resource: &f.key.resource,
            aspect: aspect_number(f.aspect),
            at: f.at.0,
            id: f.id(),
            evidence: evidence_number(f.evidence),
            from: f.from.0,
            seen: f.seen.0,
            value,
            label: known.map_or("", |k| &k.label),
            levels: known
                .map(|k| k.levels.iter().map(|(n, v)| (n.as_str(), *v)).collect())
                .unwrap_or_default(),
            attrs: known
                .map(|k| {
                    k.attrs
                        .iter()
                        .map(|(n, v)| (n.as_str(), v.as_str()))
                        .collect()
                })
                .unwrap_or_default(),
            observed_at: f.observed_at.0,
            pass: f.pass,
            raw: &f.raw,
        }
    }
}

/// A fact on its way out.
#[derive(Debug, Row, Deserialize)]
pub(super) struct FactOut {
    cloud: String,
    kind: String,
    resource: String,
    aspect: i8,
    at: i64,
    id: u64,
    evidence: i8,
    from: i64,
    seen: i64,
    value: i8,
    label: String,
    levels: Vec<(String, i64)>,
    attrs: Vec<(String, String)>,
    observed_at: i64,
    pass: u64,
    raw: String,
    stored_at: i64,
}

impl FactOut {
    /// The fact with its id.
    pub(super) fn fact(self, doing: &'static str) -> Result<(u64, StoredFact), StoreError> {
        let unknown = |what: &str, n: i8| StoreError::Unknown {
            doing,
            what: format!("{what} {n} of {} {}", self.kind, self.resource),
        };
        let aspect = aspect_of(self.aspect).ok_or_else(|| unknown("aspect", self.aspect))?;
        let evidence =
            evidence_of(self.evidence).ok_or_else(|| unknown("evidence", self.evidence))?;
        let value = value_of(self.value, self.label, self.levels, self.attrs).ok_or_else(|| {
            StoreError::Unknown {
                doing,
                what: format!("value {}", self.value),
            }
        })?;
        let key = ResourceKey {
            cloud: self.cloud,
            kind: self.kind,
            resource: self.resource,
        };
        let fact = Fact {
            key,
            aspect,
            evidence,
            at: Ts(self.at),
            from: Ts(self.from),
            seen: Ts(self.seen),
            value,
            observed_at: Ts(self.observed_at),
            pass: self.pass,
            raw: self.raw,
        };
        Ok((
            self.id,
            StoredFact {
                fact,
                stored_at: Ts(self.stored_at),
            },
        ))
    }
}

/// A fact on its way to the fold: no more of it than is folded. Texts lie in the answer itself.
#[derive(Debug, Row, Deserialize)]
pub(super) struct ToldOut<'a> {
    pub(super) cloud: &'a str,
    pub(super) kind: &'a str,
    pub(super) resource: &'a str,
    aspect: i8,
    pub(super) at: i64,
    pub(super) id: u64,
    evidence: i8,
    pub(super) from: i64,
    pub(super) seen: i64,
    pub(super) value: i8,
    pub(super) label: &'a str,
    pub(super) levels: Vec<(&'a str, i64)>,
    pub(super) attrs: Vec<(&'a str, &'a str)>,
    pub(super) stored_at: i64,
}

impl ToldOut<'_> {
    /// Its aspect and evidence.
    pub(super) fn sort(&self, doing: &'static str) -> Result<(Aspect, Evidence), StoreError> {
        let unknown = |what: &str, n: i8| StoreError::Unknown {
            doing,
            what: format!("{what} {n} of {} {}", self.kind, self.resource),
        };
        let aspect = aspect_of(self.aspect).ok_or_else(|| unknown("aspect", self.aspect))?;
        let evidence =
            evidence_of(self.evidence).ok_or_else(|| unknown("evidence", self.evidence))?;
        Ok((aspect, evidence))
    }

    /// Its value, owned.
    pub(super) fn owned(&self, doing: &'static str) -> Result<Value, StoreError> {
        let own = |v: &[(&str, &str)]| {
            v.iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect()
        };
        value_of(
            self.value,
            self.label.to_owned(),
            self.levels
                .iter()
                .map(|(n, v)| ((*n).to_owned(), *v))
                .collect(),
            own(&self.attrs),
        )
        .ok_or_else(|| StoreError::Unknown {
            doing,
            what: format!("value {}", self.value),
        })
    }

    /// True when its value is that one.
    pub(super) fn is(&self, value: &Value) -> bool {
        match value {
            Value::Gone => self.value == GONE,
            Value::Unknown => self.value == UNKNOWN,
            Value::Known(k) => {
                self.value == KNOWN
                    && k.label == self.label
                    && k.levels.len() == self.levels.len()
                    && k.attrs.len() == self.attrs.len()
                    && self.levels.iter().all(|(n, v)| k.levels.get(*n) == Some(v))
                    && self
                        .attrs
                        .iter()
                        .all(|(n, v)| k.attrs.get(*n).is_some_and(|a| a == v))
            }
        }
    }
}

/// The latest sighting of one aspect of one resource.
#[derive(Debug, Row, Deserialize)]
pub(super) struct SightedOut {
    pub(super) kind: String,
    pub(super) resource: String,
    pub(super) aspect: i8,
    pub(super) value: i8,
    pub(super) label: String,
    pub(super) levels: Vec<(String, i64)>,
    pub(super) attrs: Vec<(String, String)>,
    pub(super) at: i64,
    pub(super) seen: i64,
}

/// A pass, in and out (`stored_at` is the store's own).
#[derive(Debug, Row, Serialize, Deserialize)]
pub(super) struct PassRow {
    cloud: String,
    list: String,
    started: i64,
    id: u64,
    service: String,
    region: String,
    mode: i8,
    finished: i64,
    watermark: i64,
    skew_us: i64,
    outcome: i8,
    items: u64,
    facts: u64,
    requests: u64,
    bytes: u64,
    error: String,
    collector: String,
    cursor: String,
}

impl From<&Pass> for PassRow {
    fn from(p: &Pass) -> Self {
        Self {
            cloud: p.cloud.clone(),
            list: p.list.clone(),
            started: p.started.0,
            id: p.id,
            service: p.service.clone(),
            region: p.region.clone(),
            mode: match p.mode {
                PassMode::Full => 1,
                PassMode::Changes => 2,
                PassMode::Deleted => 3,
                PassMode::Events => 4,
            },
            finished: p.finished.0,
            watermark: p.watermark.0,
            skew_us: p.skew_us,
            outcome: match p.outcome {
                Outcome::Complete => 1,
                Outcome::Failed => 2,
                Outcome::Suspect => 3,
            },
            items: p.items,
            facts: p.facts,
            requests: p.requests,
            bytes: p.bytes,
            error: p.error.clone(),
            collector: p.collector.clone(),
            cursor: p.cursor.clone(),
        }
    }
}

impl PassRow {
    /// The pass.
    pub(super) fn pass(self, doing: &'static str) -> Result<Pass, StoreError> {
        let unknown = |what: &str, n: i8| StoreError::Unknown {
            doing,
            what: format!("{what} {n} of pass {}", self.id),
        };
        let mode = match self.mode {
            1 => PassMode::Full,
            2 => PassMode::Changes,
            3 => PassMode::Deleted,
            4 => PassMode::Events,
            n => return Err(unknown("mode", n)),
        };
        let outcome = match self.outcome {
            1 => Outcome::Complete,
            2 => Outcome::Failed,
            3 => Outcome::Suspect,
            n => return Err(unknown("outcome", n)),
        };
        Ok(Pass {
            id: self.id,
            cloud: self.cloud,
            service: self.service,
            region: self.region,
            list: self.list,
            mode,
            started: Ts(self.started),
            finished: Ts(self.finished),
            watermark: Ts(self.watermark),
            skew_us: self.skew_us,
            outcome,
            items: self.items,
            facts: self.facts,
            requests: self.requests,
            bytes: self.bytes,
            error: self.error,
            collector: self.collector,
            cursor: self.cursor,
        })
    }
}

/// An object.
#[derive(Debug, Row, Serialize)]
pub(super) struct RawIn<'a> {
    hash: &'a str,
    body: &'a str,
}

impl<'a> From<&'a Raw> for RawIn<'a> {
    fn from(r: &'a Raw) -> Self {
        Self {
            hash: &r.hash,
            body: &r.body,
        }
    }
}

/// A definition on its way in.
#[derive(Debug, Row, Serialize)]
pub(super) struct DefinitionIn<'a> {
    pub(super) kind: &'a str,
    pub(super) hash: &'a str,
    pub(super) body: &'a str,
}

/// A definition on its way out.
#[derive(Debug, Row, Deserialize)]
pub(super) struct DefinitionOut {
    pub(super) hash: String,
    pub(super) body: String,
    pub(super) stored_at: i64,
}

/// All pieces of one resource: parallel arrays, times in seconds.
#[derive(Debug, Row, Serialize)]
pub(super) struct PiecesIn<'a> {
    cloud: &'a str,
    kind: &'a str,
    resource: &'a str,
    generation: i64,
    name: &'a str,
    list: &'a str,
    meter: Vec<&'a str>,
    unit: Vec<&'a str>,
    tenant: Vec<&'a str>,
    contract: Vec<&'a str>,
    scope: Vec<&'a str>,
    scope_name: Vec<&'a str>,
    dimensions: Vec<Vec<(&'a str, &'a str)>>,
    start: Vec<i64>,
    end: Vec<Option<i64>>,
    level: Vec<i64>,
    observed: Vec<bool>,
    basis: Vec<i8>,
}

impl<'a> From<&'a ResourcePieces> for PiecesIn<'a> {
    fn from(r: &'a ResourcePieces) -> Self {
        fn all<'a, T>(r: &'a ResourcePieces, f: impl Fn(&'a Piece) -> T) -> Vec<T> {
            r.pieces.iter().map(f).collect()
        }
        Self {
            cloud: &r.key.cloud,
            kind: &r.key.kind,
            resource: &r.key.resource,
            generation: r.generation,
            name: &r.name,
            list: &r.list,
            meter: all(r, |p| p.meter.as_str()),
            unit: all(r, |p| p.unit.as_str()),
            tenant: all(r, |p| p.tenant.as_str()),
            contract: all(r, |p| p.contract.as_str()),
            scope: all(r, |p| p.scope.as_str()),
            scope_name: all(r, |p| p.scope_name.as_str()),
            dimensions: all(r, |p| {
                p.dimensions
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str()))
                    .collect()
            }),
            start: all(r, |p| p.start.second()),
            end: all(r, |p| p.end.map(Ts::second)),
            level: all(r, |p| p.level),
            observed: all(r, |p| p.observed),
            basis: all(r, |p| match p.basis {
                Basis::Held => 1,
                Basis::Told => 2,
                Basis::Amount => 3,
            }),
        }
    }
}

const KNOWN: i8 = 1;
const UNKNOWN: i8 = 2;
const GONE: i8 = 3;

const fn aspect_number(aspect: Aspect) -> i8 {
    match aspect {
        Aspect::State => 1,
        Aspect::Flavor => 2,
        Aspect::Owner => 3,
        Aspect::Zone => 4,
        Aspect::Name => 5,
        Aspect::Attributes => 6,
        Aspect::Amount => 7,
        Aspect::Reading => 8,
    }
}

/// The aspect of that number.
pub(super) fn aspect_of(number: i8) -> Option<Aspect> {
    Aspect::ALL
        .into_iter()
        .find(|a| aspect_number(*a) == number)
}

const fn evidence_number(evidence: Evidence) -> i8 {
    match evidence {
        Evidence::Event => 1,
        Evidence::Record => 2,
        Evidence::Sighting => 3,
        Evidence::Missing => 4,
    }
}

/// The evidence of that number.
fn evidence_of(number: i8) -> Option<Evidence> {
    Evidence::ALL
        .into_iter()
        .find(|e| evidence_number(*e) == number)
}

/// The value of these columns; `None` for a number of a later version.
pub(super) fn value_of(
    number: i8,
    label: String,
    levels: Vec<(String, i64)>,
    attrs: Vec<(String, String)>,
) -> Option<Value> {
    match number {
        KNOWN => Some(Value::Known(Known {
            label,
            levels: levels.into_iter().collect(),
            attrs: attrs.into_iter().collect(),
        })),
        UNKNOWN => Some(Value::Unknown),
        GONE => Some(Value::Gone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_words_and_numbers_of_the_domain() {
        let schema = concat!(
            include_str!("../../schemas/clickhouse/0001_facts.sql"),
            include_str!("../../schemas/clickhouse/0003_readings.sql")
        );
        let has = |word: &str, number: i8| schema.contains(&format!("'{word}' = {number}"));
        for aspect in Aspect::ALL {
            let number = aspect_number(aspect);
            assert!(has(aspect.as_str(), number), "{aspect:?}");
            assert_eq!(aspect_of(number), Some(aspect));
        }
        for evidence in Evidence::ALL {
            let number = evidence_number(evidence);
            assert!(has(evidence.as_str(), number), "{evidence:?}");
            assert_eq!(evidence_of(number), Some(evidence));
        }
    }
}
