//! How the program reaches the world: the clock, the one HTTP client.

pub mod clock;

pub use clock::Clock;
