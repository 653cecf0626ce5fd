//! What is wrong with a page, where, and what to do about it.

use super::Kind;

/// The first thing that is wrong with a page. Nothing of such a page should be used: what was cut or garbled may be anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong: with the text itself (either format), or by the rules of OpenMetrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not UTF-8.
    #[error("this is not UTF-8: send the page in UTF-8")]
    Utf8,
    /// Text 0.0.4 without a last line feed.
    #[error(
        "the page ends within a line, so it was cut short: read it again, and end the last line with a line feed"
    )]
    CutShort,
    /// OpenMetrics without an end mark.
    #[error(
        "the page ends without `# EOF`, so it was cut short: read it again, and end it with `# EOF`"
    )]
    NoEof,
    /// Something behind the end mark.
    #[error("nothing may come after `# EOF`")]
    AfterEof,
    /// A blank line in OpenMetrics.
    #[error("a blank line: OpenMetrics has none; remove it")]
    BlankLine,
    /// A line that ends in carriage return and line feed.
    #[error("a carriage return at the end of the line: end lines with a line feed alone")]
    CarriageReturn,
    /// A line that begins with `#` and means nothing.
    #[error(
        "a line that begins with # must be `# TYPE`, `# UNIT`, `# HELP` or `# EOF`, with single spaces; OpenMetrics has no comments"
    )]
    Comment,
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should be here.
        expected: &'static str,
        /// What is here.
        found: String,
    },
    /// No such type.
    #[error("`{found}` is no type: write one of {known}")]
    UnknownType {
        /// What is here.
        found: String,
        /// All types of the format.
        known: &'static str,
    },
    /// One label name twice.
    #[error("the label `{0}` is there twice: give each label once")]
    LabelTwice(String),
    /// One line of metadata twice.
    #[error("a second `# {what}` for `{family}`: give it once")]
    MetadataTwice {
        /// The keyword.
        what: &'static str,
        /// The family.
        family: String,
    },
    /// Metadata behind a sample of its family.
    #[error("metadata of `{0}` behind its samples: put TYPE, UNIT and HELP before them")]
    MetadataLate(String),
    /// A family that was left and comes again.
    #[error(
        "`{0}` was there before: put all lines of a family together, and give each family once"
    )]
    FamilyTwice(String),
    /// Two families that would have samples of one name.
    #[error(
        "`{family}` of type {kind} would clash with another family over the name `{name}`: rename one of them"
    )]
    NameClash {
        /// The family.
        family: String,
        /// Its type.
        kind: Kind,
        /// The name that both use.
        name: String,
    },
    /// A sample that is named as its family, but its type wants a suffix.
    #[error(
        "`{family}` is of type {kind}: a sample's name must be the family's with one of {suffixes}"
    )]
    SuffixMissing {
        /// The family.
        family: String,
        /// Its type.
        kind: Kind,
        /// Those of the type.
        suffixes: String,
    },
    /// A name that does not end in the unit.
    #[error(
        "the unit `{unit}` is not the end of the name `{family}`: name it `{family}_{unit}`, or remove the unit"
    )]
    UnitSuffix {
        /// The family.
        family: String,
        /// Its unit.
        unit: String,
    },
    /// A unit where there can be none.
    #[error("`{family}` is of type {kind}, which has no unit: remove the unit")]
    UnitOfType {
        /// The family.
        family: String,
        /// Its type.
        kind: Kind,
    },
    /// A metric that was left and comes again.
    #[error("samples with these labels were there before: put all samples of a metric together")]
    MetricTwice,
    /// One sample twice.
    #[error("this sample was there before: give each once, or each with a later time")]
    SampleTwice,
    /// Some samples of a metric have a time, and some not.
    #[error("samples of one metric with and without a time: give all of them one, or none")]
    SomeTimes,
    /// Times that fall.
    #[error("the time is before that of the metric's sample above: order them by time")]
    TimeBackwards,
    /// A label that says which value this is, missing.
    #[error("the label `{0}` is missing: it says which of the metric's values this is")]
    LabelMissing(String),
    /// The same label where it means something else.
    #[error("the label `{0}` may not be here: it is kept for this family's values")]
    LabelReserved(String),
    /// A bucket's bound that is none.
    #[error("`{0}` is not the bound of a bucket: write a number, and infinity as `+Inf`")]
    Bound(String),
    /// Buckets out of order.
    #[error(
        "the bound is not above that of the bucket before: order buckets by `le`, and give each once"
    )]
    BoundOrder,
    /// A quantile that is none.
    #[error("`{0}` is not a quantile: write a number from 0 to 1")]
    Quantile(String),
    /// A value that such a sample cannot have.
    #[error("`{found}` cannot be the value: it must be {must}")]
    ValueOf {
        /// The value.
        found: String,
        /// What it must be.
        must: &'static str,
    },
    /// Buckets that shrink.
    #[error("the bucket holds less than the one before: buckets are cumulative")]
    BucketShrinks,
    /// A count beside the buckets that they do not confirm.
    #[error("the count is {count}, but the bucket `+Inf` holds {bucket}: they must be equal")]
    CountDiffers {
        /// The count.
        count: String,
        /// The last bucket.
        bucket: String,
    },
    /// A metric that lacks something.
    #[error("the metric of `{family}` above is not complete: {what}")]
    Incomplete {
        /// The family.
        family: String,
        /// What is missing or too much.
        what: &'static str,
    },
    /// An exemplar where there can be none.
    #[error("an exemplar may be on a counter's `_total` and on a `_bucket` alone: remove it")]
    ExemplarPlace,
    /// An exemplar that is too long.
    #[error(
        "the exemplar's label names and values are {0} characters long: at most 128 are allowed"
    )]
    ExemplarLong(usize),
    /// An exemplar of another bucket.
    #[error("the exemplar's value is above the bucket's bound: put it on a bucket that holds it")]
    ExemplarBound,
    /// A number beyond a float's range.
    #[error("`{0}` is beyond the range of a 64-bit float, which OpenMetrics does not allow")]
    Range(String),
}

/// A problem and the byte of the line where it is.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: Problem,
}

impl Problem {
    pub(super) const fn at(self, at: usize) -> Fault {
        Fault { at, problem: self }
    }
}
