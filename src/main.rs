//! Arguments -> app.

use plimsoll::store::engine::{Serve, serve};
use std::{ffi::OsString, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let after = |name: &str| {
        arguments
            .iter()
            .position(|a| a == name)
            .and_then(|i| arguments.get(i + 1))
    };
    let number = |name: &str| after(name).and_then(|v| v.to_str());
    if let (Some("engine"), Some(dir), Some(library)) = (
        arguments.first().and_then(|a| a.to_str()),
        after("--dir"),
        after("--library"),
    ) {
        serve(&Serve {
            dir: Path::new(dir),
            library: Path::new(library),
            memory_max_bytes: number("--memory-max-bytes")
                .and_then(|v| v.parse().ok())
                .unwrap_or(2 << 30),
            parent: number("--parent").and_then(|v| v.parse().ok()),
        });
    }
    eprintln!(
        "usage: plimsoll engine --dir DIR --library FILE [--memory-max-bytes N] [--parent PID]"
    );
    ExitCode::from(2)
}
