//! One binary a target: its own name says which.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::run(env!("CARGO_BIN_NAME"), bytes);
});
