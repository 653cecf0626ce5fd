//! How the program reaches the world: the clock, the one HTTP client.

pub mod client;
pub mod clock;
mod error;
mod redact;
pub mod tls;

pub use client::{Client, Dated, Options, Reply, Request, Tally};
pub use clock::Clock;
pub use error::NetError;
pub use redact::{excerpt, shown_url};

#[cfg(test)]
mod tests;
