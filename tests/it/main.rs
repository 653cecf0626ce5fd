//! Integration tests: one crate, one module a subject.

mod one_way_law;
