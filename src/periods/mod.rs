//! Usage of a period, from the store through the fold.

pub mod differences;
pub mod metered;
pub mod slo;
pub mod usage;
