//! An engine in a directory of its own, ended with the test.

use plimsoll::{
    config,
    store::{Store, engine::Program},
};
use std::path::Path;

/// The plimsoll of this build, and the engine's library. Fails, with the way out, where there is none: a store that is not tested is not green.
pub fn program() -> Program {
    let program = Program {
        binary: env!("CARGO_BIN_EXE_plimsoll").into(),
        library: None,
    };
    program.library().unwrap_or_else(|e| panic!("{e}"));
    program
}

/// An embedded store below `dir`.
pub fn config(dir: &Path) -> config::Store {
    config::Store {
        data_dir: dir.to_owned(),
        at: config::StoreAt::Embedded {
            memory_max_bytes: 1 << 30,
        },
        insert_timeout_s: 20,
        spool_max_bytes: 64 << 20,
    }
}

/// Opens the store below `dir`.
pub async fn open(dir: &Path) -> Store {
    Store::open_with(&config(dir), program())
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}
