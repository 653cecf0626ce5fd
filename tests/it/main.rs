//! Tests against real servers and real files: one crate, one file a subject.

mod dashboards;
mod grafana;
