//! Why the store could not do it, and whether it is worth trying again.

use super::engine::EngineError;
use std::time::Duration;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing answered, or not in time. Worth trying again.
    #[error("{doing}: the store at {place} does not answer: {why}")]
    Away {
        /// What was tried.
        doing: &'static str,
        /// Address, without credentials.
        place: String,
        /// In the words of the network.
        why: String,
    },
    /// It did not answer in time. Worth trying again.
    #[error("{doing}: the store at {place} gave no answer within {} s", limit.as_secs())]
    Slow {
        /// What was tried.
        doing: &'static str,
        /// Address, without credentials.
        place: String,
        /// How long we waited.
        limit: Duration,
    },
    /// It answered that it cannot do it now. Worth trying again.
    #[error("{doing}: the store at {place} cannot now: {message}")]
    Busy {
        /// What was tried.
        doing: &'static str,
        /// Address, without credentials.
        place: String,
        /// The store's words.
        message: String,
    },
    /// It refused, and will refuse again until a person changes something.
    #[error("{doing}: the store at {place} refuses: {message}; {way_out}")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// Address, without credentials.
        place: String,
        /// The store's words.
        message: String,
        /// What to do.
        way_out: &'static str,
    },
    /// The embedded engine did not come up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store's schema is not one this program may work with.
    #[error("the store's schema: {0}")]
    Schema(String),
    /// The store holds something this program cannot read.
    #[error(
        "{doing}: {what} is in the store, and this program does not know it; use the version of plimsoll that wrote it"
    )]
    Unknown {
        /// What was tried.
        doing: &'static str,
        /// What was found.
        what: String,
    },
    /// The configuration of a remote store cannot be used.
    #[error("store: {0}")]
    Config(String),
}

impl StoreError {
    /// True when the same attempt may succeed later without anyone's doing.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Slow { .. } | Self::Busy { .. } => true,
            Self::Engine(e) => e.is_transient(),
            Self::Refused { .. } | Self::Schema(_) | Self::Unknown { .. } | Self::Config(_) => {
                false
            }
        }
    }

    /// True when nothing was there to answer, or it was too slow to: the engine may have gone.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Slow { .. })
    }

    /// Sorts what the client crate says.
    pub(super) fn of(
        doing: &'static str,
        place: &str,
        limit: Duration,
        error: &clickhouse::error::Error,
    ) -> Self {
        use clickhouse::error::Error as E;
        let place = place.to_owned();
        match error {
            E::TimedOut => Self::Slow {
                doing,
                place,
                limit,
            },
            E::BadResponse(message) => Self::of_answer(doing, place, message),
            // An answer that breaks off (the engine was killed) shows as any of these.
            E::Network(_) | E::Decompression(_) | E::NotEnoughData | E::Other(_) => Self::Away {
                doing,
                place,
                why: chain(error),
            },
            other => Self::Refused {
                doing,
                place,
                message: chain(other),
                way_out: "the store's tables do not fit this program: run `plimsoll migrate`, or report it as a bug",
            },
        }
    }

    fn of_answer(doing: &'static str, place: String, message: &str) -> Self {
        let message = first_line(message);
        match code(&message) {
            Some(code) if PASSING.contains(&code) => Self::Busy {
                doing,
                place,
                message,
            },
            Some(code) => Self::Refused {
                doing,
                place,
                message,
                way_out: way_out(code),
            },
            // No code of ClickHouse's: a proxy, or one that is starting.
            None if message.starts_with('5') || message.starts_with("429") => Self::Busy {
                doing,
                place,
                message,
            },
            None => Self::Refused {
                doing,
                place,
                message,
                way_out: "that is no answer of ClickHouse's: check `store.url` and what stands in between",
            },
        }
    }
}

/// ClickHouse's error codes that pass by themselves (src/Common/ErrorCodes.cpp): timeouts, limits of the moment, lost replicas, full disks.
const PASSING: [u32; 26] = [
    74, 75, 76, 159, 160, 198, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286,
    289, 319, 373, 394, 425, 439, 999,
];

fn way_out(code: u32) -> &'static str {
    match code {
        60 | 81 | 16 | 47 => "its schema does not fit: run `plimsoll migrate`",
        192 | 193 | 194 | 516 => "check `store.user` and `store.password`",
        497 | 164 => {
            "grant the user SELECT, INSERT, CREATE and ALTER on the database, and do not make it read-only"
        }
        452 => {
            "a constraint of the user's settings profile forbids a setting we depend on: lift it"
        }
        _ => "a person has to look: the message is ClickHouse's own",
    }
}

/// The number in `Code: 241. DB::Exception: ...`.
fn code(message: &str) -> Option<u32> {
    let digits = message.split_once("Code: ")?.1;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Long answers quote whole queries and stacks; the first line says what is wrong.
fn first_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(600)
        .collect()
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        let more = c.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = c.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use clickhouse::error::Error as E;

    fn sorted(answer: &str) -> StoreError {
        StoreError::of(
            "insert",
            "127.0.0.1:1",
            Duration::from_secs(1),
            &E::BadResponse(answer.to_owned()),
        )
    }

    #[test]
    fn limits_of_the_moment_pass_and_refusals_do_not() {
        assert!(sorted("Code: 241. DB::Exception: Memory limit exceeded").is_transient());
        assert!(sorted("Code: 243").is_transient());
        assert!(sorted("502 Bad Gateway").is_transient());
        let refused = sorted("Code: 516. DB::Exception: app: Authentication failed");
        assert!(!refused.is_transient());
        assert!(refused.to_string().contains("store.password"), "{refused}");
        assert!(!sorted("404 Not Found").is_transient());
        assert!(StoreError::of("x", "p", Duration::ZERO, &E::TimedOut).is_silence());
    }
}
