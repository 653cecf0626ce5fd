//! Times in a scenario.

use crate::domain::Ts;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A time in a scenario: `+3d12h` after its start, or RFC 3339.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum When {
    At(Ts),
    After(i64),
}

impl When {
    /// In whole seconds since 1970.
    pub(in super::super) const fn second(self, start: i64) -> i64 {
        match self {
            Self::At(t) => t.second(),
            Self::After(s) => start + s,
        }
    }

    /// False if it is not before the other for sure; two of different kinds cannot be compared without a start.
    pub(super) const fn before(self, other: Self) -> bool {
        match (self, other) {
            (Self::At(a), Self::At(b)) => a.second() < b.second(),
            (Self::After(a), Self::After(b)) => a < b,
            _ => true,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some(mut rest) = text.strip_prefix('+') else {
            return Ts::parse(text).ok().map(Self::At);
        };
        let mut seconds = 0_u32;
        while !rest.is_empty() {
            let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let (unit, left) = after.split_at_checked(1)?;
            let unit = match unit {
                "d" => 86_400,
                "h" => 3_600,
                "m" => 60,
                "s" => 1,
                _ => return None,
            };
            seconds = seconds.checked_add(digits.parse::<u32>().ok()?.checked_mul(unit)?)?;
            rest = left;
        }
        Some(Self::After(seconds.into()))
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no time: expected `+3d12h` after the start, or RFC 3339"
            ))
        })
    }
}
