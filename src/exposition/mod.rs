//! The pages on which others publish their metrics: Prometheus text 0.0.4 and OpenMetrics 1.0, without a copy and without a float.
//!
//! - [`Format::of_content_type`] says which of the two an answer is in; [`ACCEPT`] is what to ask for.
//! - [`Events`] reads a page line by line: metadata and samples, borrowed from it. Values and times keep their text ([`Lexeme`], [`Timestamp`]) and
//!   become integers in a unit of the caller's choice, exactly or not at all.
//! - [`Strict`] does the same for OpenMetrics and holds the page to all of the standard's rules.
//!
//! An error names line, column and what to do. It condemns the page: what stands before it may be the half of something.
//!
//! Sources: "OpenMetrics 1.0" (November 2020) and "Exposition formats", both of the Prometheus documentation. Where the standard's text and grammar leave
//! a choice, this is what we chose:
//! - names that begin with `_`, which exposers should not use, are read;
//! - a label without a value counts as a label that is not there, so `a{b=""}` is the same metric as `a`;
//! - a family's own name is taken too, not only those of its samples: a counter `a` and a gauge `a` clash, and so do a histogram `a` and a counter
//!   `a_count`;
//! - the labels of an info's metric and of its value cannot be told apart, so its metrics may be in any order.

mod error;
mod event;
mod events;
mod format;
mod kind;
mod label;
mod line;
mod number;
mod strict;

pub use error::{Error, Problem};
pub use event::{Event, Exemplar, Help, Sample};
pub use events::Events;
pub use format::{ACCEPT, Format, UnknownFormat};
pub use kind::{Kind, Part};
pub use label::{Label, LabelIter, Labels};
pub use number::{Lexeme, Timestamp};
pub use strict::Strict;

#[cfg(test)]
mod tests;
