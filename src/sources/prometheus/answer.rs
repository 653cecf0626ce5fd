//! Answers of the HTTP API of Prometheus -> readings. Pure.
//!
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>: values are text there; times are numbers, which are read as the text they are written as.

use super::series::{Feed, Labels, Reading, Remarks};
use crate::{
    config::SeriesOf,
    domain::{Decimal, Ts},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

/// An answer of either kind.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    result_type: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

/// A time and a value.
type Point<'a> = (&'a RawValue, String);

#[derive(Deserialize)]
struct Series<'a> {
    metric: BTreeMap<String, String>,
    #[serde(borrow, default)]
    values: Vec<Point<'a>>,
    #[serde(borrow, default)]
    value: Option<Point<'a>>,
}

/// Readings by their time.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Those of each time at which there are any.
    pub(super) at: BTreeMap<Ts, Vec<Reading>>,
    /// How many series.
    pub(super) series: usize,
    /// What was not read.
    pub(super) remarks: Remarks,
}

/// The expression of a feed.
pub(super) fn expression(feed: &Feed) -> String {
    let quoted = |text: &str| {
        text.replace('\\', r"\\")
            .replace('"', "\\\"")
            .replace('\n', r"\n")
    };
    match &feed.of {
        SeriesOf::Query(query) => query.clone(),
        SeriesOf::Name(name) => {
            let matchers: Vec<String> = feed
                .patterns
                .iter()
                .map(|(label, pattern)| format!("{label}=~\"{}\"", quoted(pattern)))
                .collect();
            format!("{name}{{{}}}", matchers.join(","))
        }
    }
}

/// What an error says, if it is one of the API's.
pub(super) fn error(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Answer<'_>>(body).ok()?.error
}

/// Reads the answer to a query that asked for vectors: at one time, or at several. `feed` is the place of the feed among `feeds`.
///
/// # Errors
/// What it is instead, and the way out.
pub(super) fn series(body: &[u8], feeds: &[Feed], feed: usize) -> Result<Told, String> {
    let answer: Answer<'_> = serde_json::from_slice(body)
        .map_err(|e| format!("the answer is not one of the Prometheus API: {e}"))?;
    let Some(data) = answer.data else {
        let why = answer.error.unwrap_or_else(|| "it says nothing".to_owned());
        return Err(format!("the query failed: {why}"));
    };
    if data.result_type != "matrix" && data.result_type != "vector" {
        return Err(format!(
            "the expression yields a {}: only series, which have labels, can be metered",
            data.result_type
        ));
    }
    let all: Vec<Series<'_>> = serde_json::from_str(data.result.get())
        .map_err(|e| format!("the answer is not one of the Prometheus API: {e}"))?;
    let mut told = Told {
        series: all.len(),
        ..Told::default()
    };
    for one in &all {
        let labels: Labels<'_> = one
            .metric
            .iter()
            .filter(|(name, value)| *name != "__name__" && !value.is_empty())
            .map(|(name, value)| (Cow::from(name), Cow::from(value)))
            .collect();
        if one.values.is_empty() && one.value.is_none() {
            told.remarks.add(
                &feeds[feed].series(&labels),
                "it is a histogram, not a number",
            );
        }
        for (at, value) in one.values.iter().chain(&one.value) {
            let reading =
                time(at.get()).and_then(|at| feeds[feed].reading(feed, &labels, value, at, None));
            match reading {
                Ok(reading) => told.at.entry(reading.at).or_default().push(reading),
                Err(why) => told.remarks.add(&feeds[feed].series(&labels), &why),
            }
        }
    }
    for warning in answer.warnings {
        told.remarks.add("the server warns", &warning);
    }
    Ok(told)
}

/// The server's clock, of the answer to `time()`.
///
/// # Errors
/// What the answer is instead.
pub(super) fn clock(body: &[u8]) -> Result<Ts, String> {
    let not = |e: serde_json::Error| format!("the answer is not one of the Prometheus API: {e}");
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(not)?;
    let data = answer
        .data
        .ok_or_else(|| answer.error.unwrap_or_else(|| "it says nothing".to_owned()))?;
    let (at, _): Point<'_> = serde_json::from_str(data.result.get()).map_err(not)?;
    time(at.get())
}

/// Seconds since 1970, as text.
fn time(text: &str) -> Result<Ts, String> {
    let micros = Decimal::parse(text).and_then(|n| n.floor(6));
    micros
        .ok()
        .and_then(|n| i64::try_from(n).ok())
        .map(Ts)
        .filter(|t| (Ts::MIN..=Ts::MAX).contains(t))
        .ok_or_else(|| format!("its time {text} is none"))
}
