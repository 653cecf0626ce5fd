//! Against real servers: one crate of integration tests.

mod harness;
mod store;
