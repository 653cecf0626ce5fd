//! Months: their usage, from the store through the fold; what was promised; how they are closed.

pub mod beneath;
pub mod close;
pub mod closings;
pub mod differences;
pub mod metered;
pub mod nodes;
pub mod reconcile;
pub mod slo;
pub mod usage;
