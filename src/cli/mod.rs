//! The command line: arguments, and what each command prints. One file a subcommand.

pub mod args;
pub mod bill;
pub mod check;
pub mod corrections;
pub mod explain;
pub mod prices;
pub mod progress;
pub mod reconcile;
pub mod slo;
pub mod usage;

pub use args::{Args, Command, Global};
