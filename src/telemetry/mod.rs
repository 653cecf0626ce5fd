//! What the program says of itself: logs on stderr, and its own metrics, every name once.

pub mod ghosts;
pub mod logs;
pub mod metrics;

pub use logs::{BadLogs, LogFormat};
pub use metrics::Metrics;
