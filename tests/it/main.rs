//! Integration tests: one crate, one module a subject.
#![cfg(test)]

mod one_way_law;
