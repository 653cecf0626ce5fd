//! Arguments -> app.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll::app::main(plimsoll::cli::Args::parse())
}
