//! The whole program in a benchmark: its commands, and the store that they find.

use plimsoll::{
    config,
    store::{Store, engine::Program},
};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The binary.
pub(crate) const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// Opens the embedded store below `dir`.
pub(crate) async fn open(dir: &Path) -> Store {
    let config = config::Store {
        data_dir: dir.to_owned(),
        at: config::StoreAt::Embedded {
            memory_max_bytes: 1 << 30,
        },
        insert_timeout_s: 120,
        spool_max_bytes: 64 << 20,
    };
    let program = Program {
        binary: PLIMSOLL.into(),
        library: None,
    };
    Store::open_with(&config, program).await.unwrap()
}

/// Milliseconds of a command that has to succeed, and the most memory it held itself, kB: an engine that it starts is a process of its own.
pub(crate) fn run(mut command: Command) -> [f64; 2] {
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let held = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let held = held.and_then(|l| l.split_whitespace().next()?.parse().ok());
        most = most.max(held.unwrap_or_default());
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{ended}");
            return [began.elapsed().as_secs_f64() * 1e3, most];
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
