//! Service level objectives: slices, budgets, burn rates, statements. Pure: counts in, verdicts out.
//!
//! Time is cut into *slices* of 60 s. A slice holds how many events were good and bad, as integers, and whether it was
//! measured, empty or a gap. Everything else is sums of slices and comparisons of products, in 128 bits whose bound is
//! stated where they are multiplied: no ratio is ever averaged, rounded or compared as a decimal.

mod alert;
mod boots;
mod definition;
mod rings;
mod selector;
mod slice;
mod statement;
mod tail;
mod target;
mod watch;
mod window;

pub use alert::{
    Alarm, Alpha, Evidence, Pair, Reading, Severity, Verdict, judge, outage, rarer_than,
};
pub use boots::{Boot, boot};
pub use definition::{Counter, Exclusion, Objective, Sli, Slo};
pub use rings::{Rings, Span};
pub use selector::{BadSelector, Selector, is_label};
pub use slice::{Count, Run, SLICE_S, Slice, State, Tally, number, runs};
pub use statement::{Bounds, Figure, Statement, statement};
pub use tail::tail_below;
pub use target::{BadTarget, Factor, Target};
pub use watch::{Burn, Watch};
pub use window::{Unit, Window};

#[cfg(test)]
mod tests;
