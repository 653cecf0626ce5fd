//! Integration tests: one crate, one module a subject.
#![cfg(test)]

mod dashboards;
mod engine;
mod grafana;
mod harness;
mod month;
mod one_way_law;
mod openstack;
mod order_free;
mod pages;
mod simulate;
mod store;
mod truth;
