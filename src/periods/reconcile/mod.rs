//! What different lists say of the same storage, held against each other.

pub mod compare;
