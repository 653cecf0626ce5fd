//! The command line: arguments, exit codes, and what each command prints. One file a subcommand.

pub mod args;

pub use args::{Args, Command, Global};
