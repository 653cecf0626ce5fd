//! An export profile: how a CSV file looks that some other program or person expects.

use super::money::Rounding;
use serde::{Deserialize, Serialize};

/// The forms of exports that need no profile.
pub const FORMS: [&str; 5] = ["csv", "jsonl", "parquet", "focus", "focus-parquet"];

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The word of `--format`.
    pub name: String,
    /// A file a contract, or one with all of them.
    pub files: Files,
    /// What follows the dot in file names.
    pub extension: String,
    /// Lines as they are, or those of the same texts summed.
    pub lines: Lines,
    /// Measured usage that is not sold has lines too.
    pub unsold: bool,
    /// A first line with the names of the columns.
    pub header: bool,
    /// Between cells.
    pub separator: u8,
    /// The sign before decimals.
    pub decimal: char,
    /// A byte order mark at the front, which some spreadsheets need to see UTF-8.
    pub bom: bool,
    /// What ends a line.
    pub line_end: LineEnd,
    /// How halves go where a column has less decimals than its number.
    pub rounding: Rounding,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What its cells hold.
    pub cell: Cell,
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// A text of the charge.
    Text(Text),
    /// A dimension of the charge, empty where it has none of that name.
    Dimension(String),
    /// The same text in each line.
    Constant(String),
    /// A number of the charge, with so many decimals; `None`: as many as it has, or the book has.
    Number(Number, Option<u32>),
}

/// Gives an enumeration the words of the configuration and what they mean, in one list.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $count:literal: $($value:ident = $word:literal, $what:literal;)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $(#[doc = $what] $value),+ }

        impl $name {
            /// All, with the word of the configuration.
            pub const ALL: [(Self, &'static str); $count] = [$((Self::$value, $word)),+];
        }
    };
}

words!(
    /// How many files.
    Files, 2:
    Contract = "contract", "One a contract.";
    One = "one", "One in all.";
);

words!(
    /// What becomes a line.
    Lines, 2:
    Each = "each", "Each charge.";
    Summed = "summed", "Charges of one contract whose texts are the same in all columns, numbers summed.";
);

words!(
    /// What ends a line.
    LineEnd, 2:
    Lf = "lf", "A line feed.";
    Crlf = "crlf", "Carriage return and line feed.";
);

words!(
    /// Texts of a charge.
    Text, 22:
    Month = "month", "The month it is billed in.";
    Tenant = "tenant", "Customer.";
    Contract = "contract", "Terms.";
    Scope = "scope", "Project id.";
    Project = "project", "The project's name for people, its id where it has none.";
    Source = "source", "Which source.";
    Kind = "kind", "Kind of resource.";
    Resource = "resource", "The resource's id.";
    ResourceName = "resource_name", "Its name for people.";
    Meter = "meter", "Meter.";
    Dimensions = "dimensions", "All dimensions, `k=v;k=v`.";
    Sku = "sku", "SKU.";
    Description = "description", "The price's name for people.";
    Class = "class", "What kind of line: usage, fee, rebate, ...";
    Unit = "unit", "UCUM unit of `quantity`.";
    PricedUnit = "priced_unit", "Unit of `priced_quantity`: `GB-30d`.";
    UnitPrice = "unit_price", "The price in words.";
    Currency = "currency", "ISO 4217.";
    From = "from", "First instant, UTC.";
    To = "to", "First instant after, UTC.";
    Corrects = "corrects", "The line that it corrects.";
    Id = "id", "The line's id.";
);

words!(
    /// Numbers of a charge.
    Number, 6:
    Quantity = "quantity", "In base units: byte-seconds, seconds.";
    PricedQuantity = "priced_quantity", "As the price counts it: instances held for 30 days.";
    Amount = "amount", "The amount as the book rounds it.";
    ExactAmount = "exact_amount", "The amount before rounding.";
    Observed = "observed_s", "Seconds observed.";
    Expected = "expected_s", "Seconds that should have been observed.";
);
