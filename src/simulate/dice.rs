//! Chance from a seed: the same on every machine, apart for every server, without floats.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use sha2::{Digest as _, Sha256};

/// A stream of choices that depends on the seed and on the name of what it is for, and on nothing else: one more server
/// in a scenario leaves all others as they were.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream for one thing.
    pub(super) fn new(seed: u64, what: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        for part in what {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// One of 0..n; 0 for n = 0. (Modulo: the bias at n far below 2^64 is of no matter here.)
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// A whole number of `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        low + i64::try_from(self.below(width + 1)).unwrap_or(0)
    }

    /// True in so many of a hundred.
    pub(super) fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }

    /// One of them; the lists are never empty.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let n = self.below(u64::try_from(of.len()).unwrap_or(1));
        of[usize::try_from(n).unwrap_or(0)]
    }

    /// Lower-case hex of so many bytes: Keystone's ids have 16.
    pub(super) fn hex(&mut self, bytes: usize) -> String {
        let mut raw = vec![0; bytes];
        self.0.fill_bytes(&mut raw);
        crate::domain::digest::hex(&raw)
    }

    /// A random UUID (RFC 9562, version 4).
    pub(super) fn uuid(&mut self) -> String {
        let h = self.hex(16);
        let variant = self.pick(&['8', '9', 'a', 'b']);
        format!(
            "{}-{}-4{}-{variant}{}-{}",
            &h[..8],
            &h[8..12],
            &h[13..16],
            &h[17..20],
            &h[20..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_ever() {
        let mut d = Dice::new(7, &["web", "0"]);
        assert_eq!(d.uuid(), "e742473f-8f65-412f-9a52-d400e5ab9024");
        assert_ne!(
            Dice::new(7, &["we", "b0"]).hex(16),
            Dice::new(7, &["web", "0"]).hex(16)
        );
        for _ in 0..1000 {
            assert!((3..=5).contains(&d.between(3, 5)));
        }
    }
}
