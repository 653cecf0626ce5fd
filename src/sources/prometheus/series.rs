//! What is metered of a page or an answer: which samples, of which resource, by which meter. Pure.

use super::super::SourceError;
use crate::{
    config::{self, MetricOwner, SeriesOf},
    domain::{
        Decimal, Ts,
        decimal::BadNumber,
        fact::{amount, reading},
    },
};
use regex::Regex;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Longest name of a resource, and of a series, that is kept.
const RESOURCE_MAX: usize = 256;
const SERIES_MAX: usize = 4_096;

/// Labels of a sample, those of its target among them. Empty ones are left out, as they say nothing.
pub(super) type Labels<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// An entry of the configuration, ready to be applied.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    /// Name of the samples, or the expression.
    pub(super) of: SeriesOf,
    matches: Vec<(String, Regex)>,
    /// The same as they are written.
    pub(super) patterns: BTreeMap<String, String>,
    /// The meter that it feeds.
    pub(super) meter: String,
    /// For how many seconds a gauge's value holds; a counter has none.
    pub(super) holds_s: Option<i64>,
    scale: String,
    resource: Vec<String>,
    owner: MetricOwner,
    dimensions: BTreeMap<String, String>,
    /// The metric that tells since when it counts.
    pub(super) start: Option<String>,
    /// Seconds in which one reading is kept.
    pub(super) keep_s: i64,
}

/// What one series showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Place of its feed.
    pub(super) feed: usize,
    /// The resource's id.
    pub(super) resource: String,
    /// What tells it from all others of its source.
    pub(super) series: String,
    /// Dimensions, and whose it is.
    pub(super) attrs: BTreeMap<String, String>,
    /// Its own time.
    pub(super) at: Ts,
    /// Since when it counts, if it says so; no later than `at`.
    pub(super) from: Option<Ts>,
    /// In the meter's base unit.
    pub(super) value: i64,
    /// It is known to have begun at `from`, while its page was watched.
    pub(super) born: bool,
}

/// A pattern that matches whole texts only.
fn whole(source: &str, text: &str) -> Result<Regex, SourceError> {
    Regex::new(&format!("^(?:{text})$")).map_err(|e| SourceError::Config {
        source_name: source.to_owned(),
        why: format!("`match` is no regular expression: {e}"),
    })
}

/// The feeds of a source.
///
/// # Errors
/// When a pattern cannot be used.
pub(super) fn feeds(conf: &config::Prometheus) -> Result<Vec<Feed>, SourceError> {
    let feed = |m| Feed::new(&conf.name, m);
    conf.metrics.iter().map(feed).collect()
}

impl Feed {
    /// Of an entry of that source.
    ///
    /// # Errors
    /// When a pattern cannot be used.
    pub(super) fn new(source: &str, metric: &config::Metric) -> Result<Self, SourceError> {
        let pattern = |(label, text): (&String, &String)| {
            whole(source, text).map(|pattern| (label.clone(), pattern))
        };
        let matches = metric.matches.iter().map(pattern);
        Ok(Self {
            of: metric.of.clone(),
            matches: matches.collect::<Result<_, _>>()?,
            patterns: metric.matches.clone(),
            meter: metric.meter.clone(),
            holds_s: metric.is_gauge.then_some(i64::from(metric.holds_s)),
            scale: metric.scale.clone(),
            resource: metric.resource.clone(),
            owner: metric.owner.clone(),
            dimensions: metric.dimensions.clone(),
            start: metric.start.clone(),
            keep_s: i64::from(metric.keep_s),
        })
    }

    /// The metric's name; empty for an expression.
    pub(super) fn name(&self) -> &str {
        match &self.of {
            SeriesOf::Name(name) => name,
            SeriesOf::Query(_) => "",
        }
    }

    /// The series that it is of, for people.
    pub(super) fn shown(&self) -> &str {
        match &self.of {
            SeriesOf::Name(of) | SeriesOf::Query(of) => of,
        }
    }

    /// True of labels that the configuration asks for.
    pub(super) fn wants(&self, labels: &Labels<'_>) -> bool {
        self.matches.iter().all(|(label, pattern)| {
            pattern.is_match(labels.get(label.as_str()).map_or("", AsRef::as_ref))
        })
    }

    /// What a series showed; `feed` is this feed's place.
    ///
    /// # Errors
    /// Why it is no reading, in words that follow on the series.
    pub(super) fn reading(
        &self,
        feed: usize,
        labels: &Labels<'_>,
        value: &str,
        at: Ts,
        from: Option<Ts>,
    ) -> Result<Reading, String> {
        let mut resource = String::new();
        for label in &self.resource {
            let Some(word) = labels.get(label.as_str()) else {
                return Err(format!("has no label `{label}`, which names its resource"));
            };
            if !resource.is_empty() {
                resource.push('/');
            }
            resource.push_str(word);
        }
        let series = self.series(labels);
        let is_odd = resource.chars().any(char::is_control);
        if resource.len() > RESOURCE_MAX || series.len() > SERIES_MAX || is_odd {
            return Err(format!(
                "its resource is longer than {RESOURCE_MAX} bytes or has control characters, or its labels are longer than {SERIES_MAX}"
            ));
        }
        Ok(Reading {
            feed,
            resource,
            series,
            attrs: self.attrs(labels),
            at,
            from: from.map(|t| t.min(at)),
            value: self.scaled(value)?,
            born: false,
        })
    }

    /// The series by name: what it is of, all of its labels, and its scale, for in another scale it is another series.
    pub(super) fn series(&self, labels: &Labels<'_>) -> String {
        let mut text = format!("{}{{", self.shown());
        for (i, (name, value)) in labels.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{name}={value:?}");
        }
        text.push('}');
        if self.scale != "1" {
            let _ = write!(text, " x {}", self.scale);
        }
        text
    }

    fn attrs(&self, labels: &Labels<'_>) -> BTreeMap<String, String> {
        let value = |label: &String| {
            labels
                .get(label.as_str())
                .map(|v| v.clone().into_owned())
                .unwrap_or_default()
        };
        let mut attrs: BTreeMap<String, String> = self
            .dimensions
            .iter()
            .map(|(dimension, label)| (dimension.clone(), value(label)))
            .collect();
        let owner = match &self.owner {
            MetricOwner::Scope { cloud, label } => Some((cloud.clone(), value(label))),
            MetricOwner::Contract(contract) => {
                Some((String::new(), format!("{}{contract}", amount::CONTRACT)))
            }
            MetricOwner::ContractLabel(label) => Some(value(label))
                .filter(|contract| !contract.is_empty())
                .map(|contract| (String::new(), format!("{}{contract}", amount::CONTRACT))),
            MetricOwner::Nobody => None,
        };
        if let Some((cloud, scope)) = owner {
            attrs.insert(amount::CLOUD.to_owned(), cloud);
            attrs.insert(amount::SCOPE.to_owned(), scope);
        }
        attrs
    }

    /// A value in the meter's base unit, floored.
    fn scaled(&self, value: &str) -> Result<i64, String> {
        let number = Decimal::parse(value).map_err(|_| format!("{value} is no number"))?;
        if self.holds_s.is_none() && number.is_negative() {
            return Err(format!("{value} is below zero, which no counter is"));
        }
        Decimal::parse(&self.scale)
            .and_then(|scale| number.times(&scale))
            .and_then(|n| i64::try_from(n).map_err(|_| BadNumber::TooLarge(value.to_owned())))
            .map_err(|_| {
                format!(
                    "{value} x {} is beyond 64 bits: choose a smaller scale, and a larger unit of {}",
                    self.scale, self.meter
                )
            })
    }

    /// The levels of a fact with that value.
    pub(super) fn levels(&self, value: i64) -> BTreeMap<String, i64> {
        let holds = self.holds_s.map(|s| (reading::HOLDS.to_owned(), s));
        std::iter::once((self.meter.clone(), value))
            .chain(holds)
            .collect()
    }
}

/// What was not read of a page or an answer, though the rest was.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    count: u64,
    first: String,
    /// Metrics of the configuration that are not there.
    pub(super) missing: BTreeSet<String>,
}

impl Remarks {
    /// One more that was not read.
    pub(super) fn add(&mut self, series: &str, why: &str) {
        if self.count == 0 {
            let shown: String = series.chars().take(300).collect();
            self.first = format!("{shown}: {why}");
        }
        self.count += 1;
    }

    /// And these.
    pub(super) fn join(&mut self, other: Self) {
        if self.count == 0 {
            self.first = other.first;
        }
        self.count += other.count;
        self.missing.extend(other.missing);
    }

    /// How many were not read.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// What was not read, in words; empty where all was.
    pub(super) fn unread(&self) -> String {
        match self.count {
            0 => String::new(),
            1 => format!("1 sample was not read: {}", self.first),
            n => format!("{n} samples were not read, first: {}", self.first),
        }
    }

    /// What was not read and what is not there, in words; empty where there is nothing to say.
    pub(super) fn text(&self) -> String {
        let mut text = self.unread();
        if !self.missing.is_empty() {
            if !text.is_empty() {
                text.push_str("; ");
            }
            let names: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            let _ = write!(text, "there is no sample of {}", names.join(", "));
        }
        text
    }
}
