//! The section `delivery` as it is written.

use super::Part;
use crate::config::leaf::Decimal as Percent;
use schemars::JsonSchema;
use serde::Deserialize;

/// What files look like that others are given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Delivery {
    /// Your name, as FOCUS exports have it: who provides, publishes and issues. Default: none, and then there are no FOCUS exports.
    pub(in crate::config) provider: Option<String>,
    /// Forms of CSV of your own, for `plimsoll export --format NAME`. The profile `contracts` ships; one of that name replaces it. Default: none.
    pub(in crate::config) profiles: Vec<Part<RawProfile>>,
    /// What `plimsoll close` asks for, and what it keeps.
    pub(in crate::config) close: Part<Close>,
}

/// What `plimsoll close` asks for, and what it keeps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Close {
    /// Least coverage, in per cent: what of each contract's meters must have been observed. Default: 99.
    pub(in crate::config) coverage: Percent,
    /// Forms whose files are rendered and kept: words of `--format`. Default: csv.
    pub(in crate::config) keep: Vec<String>,
}

impl Default for Close {
    fn default() -> Self {
        Self {
            coverage: Percent("99".to_owned()),
            keep: vec!["csv".to_owned()],
        }
    }
}

/// A form of CSV.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub(in crate::config) struct RawProfile {
    /// The word of `--format`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,62}$"), example = &"portal")]
    pub(in crate::config) name: String,
    /// A file for each `contract`, or `one` in all. Default: contract.
    #[serde(default)]
    pub(in crate::config) files: Files,
    /// What follows the dot in file names. Default: csv.
    #[serde(default = "RawProfile::extension")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9]{1,10}$"))]
    pub(in crate::config) extension: String,
    /// `each` charge, or charges of one contract whose texts are the same in all columns `summed`. Default: each.
    #[serde(default)]
    pub(in crate::config) lines: Lines,
    /// Usage that is measured and not sold has lines too. Default: false.
    #[serde(default)]
    pub(in crate::config) unsold: bool,
    /// A first line with the names of the columns. Default: true.
    #[serde(default = "RawProfile::yes")]
    pub(in crate::config) header: bool,
    /// Between cells: one ASCII character. Default: a comma.
    #[serde(default = "RawProfile::separator")]
    pub(in crate::config) separator: String,
    /// The sign before decimals: `.` or `,`. Default: a point.
    #[serde(default)]
    pub(in crate::config) decimal: Decimal,
    /// A byte order mark at the front, which some spreadsheets need to see UTF-8. Default: false.
    #[serde(default)]
    pub(in crate::config) bom: bool,
    /// What ends a line: `crlf` or `lf`. Default: crlf.
    #[serde(default)]
    pub(in crate::config) line_end: LineEnd,
    /// How halves go where a column has less decimals than its number. Default: half_up.
    #[serde(default)]
    pub(in crate::config) rounding: Halves,
    /// The columns, in order.
    pub(in crate::config) columns: Vec<Part<RawColumn>>,
}

impl RawProfile {
    fn extension() -> String {
        "csv".to_owned()
    }
    const fn yes() -> bool {
        true
    }
    fn separator() -> String {
        ",".to_owned()
    }
}

/// A column: a `field` of the lines, a `dimension`, or a constant `text`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Column")]
pub(in crate::config) struct RawColumn {
    /// Its name in the header.
    pub(in crate::config) name: String,
    /// A text or number of the line: docs/exports.md lists them.
    pub(in crate::config) field: Option<String>,
    /// A dimension of the line, empty where it has none of that name.
    pub(in crate::config) dimension: Option<String>,
    /// The same text in each line.
    pub(in crate::config) text: Option<String>,
    /// Decimals of a number. Default: none for whole numbers, the price book's for `amount`, 6 for the others.
    #[schemars(range(min = 0, max = 30))]
    pub(in crate::config) decimals: Option<u32>,
}

/// How many files.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProfileFiles")]
pub(in crate::config) enum Files {
    /// One for each contract.
    #[default]
    Contract,
    /// One in all.
    One,
}

/// What becomes a line.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProfileLines")]
pub(in crate::config) enum Lines {
    /// Each charge.
    #[default]
    Each,
    /// Charges of the same texts together.
    Summed,
}

/// The sign before decimals.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(rename = "DecimalSign")]
pub(in crate::config) enum Decimal {
    /// A point.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// A line feed.
    Lf,
}

/// How halves go.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Halves {
    /// Away from zero.
    #[default]
    HalfUp,
    /// To the even neighbour.
    HalfEven,
}
