//! Integration tests: one crate, one module a subject.
#![cfg(test)]

mod dashboards;
mod durability;
mod engine;
mod fuzzed;
mod grafana;
mod harness;
mod made_up;
mod month;
mod one_way_law;
mod openstack;
mod order_free;
mod outage;
mod pages;
mod rules;
mod simulate;
mod slo;
mod store;
mod truth;
