//! plimsoll meters a cloud.
//!
//! One road leads through the house, and a fact travels it one way, never edited:
//!
//! ```text
//! clouds -> sources -> facts -> spool -> store -> fold, rating -> periods -> export, http -> people and Grafana
//! ```
//!
//! Who may name whom is data in `tests/it/one_way_law.rs`; a forbidden import fails that test. `ARCHITECTURE.md`
//! says why each room is as it is.

pub mod app;
pub mod attribute;
pub mod cli;
pub mod config;
pub mod domain;
pub mod export;
pub mod exposition;
pub mod fold;
pub mod http;
pub mod net;
pub mod periods;
pub mod rating;
pub mod simulate;
pub mod slo;
pub mod sources;
pub mod spool;
pub mod store;
pub mod telemetry;
