//! Against real servers: one crate of integration tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod engine;
mod harness;
mod order_free;
mod store;
