//! How the program reaches the world: the clock, the one HTTP client.

pub mod client;
pub mod clock;
mod error;
mod redact;
mod request;
mod stream;
pub mod tls;

pub use client::{Client, Dated, Options, Reply, Tally};
pub use clock::Clock;
pub use error::NetError;
pub use redact::{excerpt, shown_url};
pub use request::{Identity, Request};
pub use stream::{Next, Opened, Stream};

#[cfg(test)]
mod tests;
