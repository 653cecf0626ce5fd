//! The only place that asks the time.

use crate::domain::Ts;

/// The clock a process goes by: the machine's, or one that a simulation moves. The only place that may ask the time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's own.
    #[default]
    System,
    /// Moved by hand, shared by those that hold it.
    Virtual(std::sync::Arc<std::sync::atomic::AtomicI64>),
}

impl Clock {
    /// A clock that stands at `t` until it is set.
    #[must_use]
    pub fn standing_at(t: Ts) -> Self {
        Self::Virtual(std::sync::Arc::new(std::sync::atomic::AtomicI64::new(t.0)))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Ts {
        match self {
            Self::System => Ts(std::time::UNIX_EPOCH
                .elapsed()
                .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))),
            Self::Virtual(t) => Ts(t.load(std::sync::atomic::Ordering::SeqCst)),
        }
    }

    /// Moves a virtual clock; the machine's own is not ours to move and stays.
    pub fn set(&self, t: Ts) {
        if let Self::Virtual(cell) = self {
            cell.store(t.0, std::sync::atomic::Ordering::SeqCst);
        }
    }
}
