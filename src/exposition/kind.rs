//! The types of metric families, and which of a family's values a sample's name tells.

use super::Format;
use std::fmt;

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nobody said: `unknown`, or `untyped` in text 0.0.4.
    Unknown,
    /// A level.
    Gauge,
    /// A sum that only grows, or begins again.
    Counter,
    /// Booleans, one a state.
    StateSet,
    /// Texts, as labels.
    Info,
    /// How values are distributed since the beginning.
    Histogram,
    /// How values are distributed now.
    GaugeHistogram,
    /// Count, sum and quantiles of values.
    Summary,
}

/// What a sample is within its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The value of a gauge, of a state, of a quantile, or of something unknown: named as the family.
    Value,
    /// `_total`
    Total,
    /// `_created`: when counting began.
    Created,
    /// `_bucket`
    Bucket,
    /// `_count`
    Count,
    /// `_sum`
    Sum,
    /// `_gcount`
    GaugeCount,
    /// `_gsum`
    GaugeSum,
    /// `_info`
    Info,
}

const KINDS: [(&str, Kind); 8] = [
    ("unknown", Kind::Unknown),
    ("gauge", Kind::Gauge),
    ("counter", Kind::Counter),
    ("stateset", Kind::StateSet),
    ("info", Kind::Info),
    ("histogram", Kind::Histogram),
    ("gaugehistogram", Kind::GaugeHistogram),
    ("summary", Kind::Summary),
];

impl Kind {
    /// By its word in a `TYPE` line.
    #[must_use]
    pub fn parse(word: &str, format: Format) -> Option<Self> {
        match format {
            Format::OpenMetrics => KINDS
                .iter()
                .find(|(w, _)| *w == word)
                .map(|(_, kind)| *kind),
            Format::Text => match word {
                "counter" => Some(Self::Counter),
                "gauge" => Some(Self::Gauge),
                "histogram" => Some(Self::Histogram),
                "summary" => Some(Self::Summary),
                "untyped" => Some(Self::Unknown),
                _ => None,
            },
        }
    }

    /// The suffixes that the names of an OpenMetrics family's samples may have, and what they mean.
    #[must_use]
    pub const fn suffixes(self) -> &'static [(&'static str, Part)] {
        match self {
            Self::Unknown | Self::Gauge | Self::StateSet => &[("", Part::Value)],
            Self::Counter => &[("_total", Part::Total), ("_created", Part::Created)],
            Self::Info => &[("_info", Part::Info)],
            Self::Histogram => &[
                ("_bucket", Part::Bucket),
                ("_count", Part::Count),
                ("_sum", Part::Sum),
                ("_created", Part::Created),
            ],
            Self::GaugeHistogram => &[
                ("_bucket", Part::Bucket),
                ("_gcount", Part::GaugeCount),
                ("_gsum", Part::GaugeSum),
            ],
            Self::Summary => &[
                ("", Part::Value),
                ("_count", Part::Count),
                ("_sum", Part::Sum),
                ("_created", Part::Created),
            ],
        }
    }

    /// What a sample of that name is in an OpenMetrics family of this type; `None` if it is of another family.
    #[must_use]
    pub fn part(self, family: &str, sample: &str) -> Option<Part> {
        let suffix = sample.strip_prefix(family)?;
        let all = self.suffixes().iter();
        all.clone()
            .find(|(s, _)| *s == suffix)
            .map(|(_, part)| *part)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KINDS.iter().find(|(_, kind)| kind == self);
        f.write_str(word.map_or("unknown", |(word, _)| word))
    }
}
