//! Against real servers: one crate of integration tests.

mod dashboards;
mod grafana;
mod harness;
mod store;
