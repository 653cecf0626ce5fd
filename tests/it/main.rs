//! Tests against real servers and recorded answers: one crate, a module a room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod simulate;
