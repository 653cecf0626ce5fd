//! Integration tests: one crate, one module a subject.
#![cfg(test)]

mod alertmanager;
mod bills;
mod closing;
mod dashboards;
mod durability;
mod engine;
mod exposition;
mod fuzzed;
mod grafana;
mod harness;
mod import;
mod inventory;
mod kubernetes;
mod made_up;
mod month;
mod notifications;
mod one_way_law;
mod openstack;
mod order_free;
mod outage;
mod pages;
mod prices;
mod probes;
mod prometheus;
mod rgw;
mod rules;
mod simulate;
mod slo;
mod store;
mod tls;
mod truth;
