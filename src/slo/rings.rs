//! Sums over windows that move on slice by slice: for thousands of objectives and tenants at once.
//!
//! # Memory
//! 20 bytes a bucket. The shortest windows are kept in single slices (360 for 6 hours), longer ones coarser (288 for three days, 360 for thirty): 20 KB
//! an objective and tenant with the standard windows.

use super::alert::Reading;

/// A window: how many slices, and in buckets of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its length.
    pub slices: u32,
    /// Slices a bucket. A window of more than one begins at the beginning of a bucket: it is up to a bucket longer.
    pub every: u16,
}

impl Span {
    /// A window of so many seconds: of single slices up to 6 hours, of quarters of an hour up to three days, of two hours beyond.
    #[must_use]
    pub fn seconds(seconds: u32) -> Self {
        let slices = seconds.div_ceil(60);
        let every = match slices {
            0..=360 => 1,
            361..=4_320 => 15,
            _ => 120,
        };
        Self { slices, every }
    }
}

/// How many there were from the first slice on, as of the end of each bucket: what lies between two buckets is their difference. Counts wrap.
#[derive(Debug)]
struct Ring {
    every: i64,
    good: Box<[u64]>,
    bad: Box<[u64]>,
    covered: Box<[u32]>,
}

#[derive(Debug)]
struct Window {
    ring: usize,
    /// Full buckets before the present one.
    buckets: i64,
}

/// The sums of one objective and tenant over some windows.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Ring>,
    windows: Vec<Window>,
    good: u64,
    bad: u64,
    covered: u32,
    /// The first slice ever, and the last.
    reach: Option<(i64, i64)>,
}

impl Rings {
    /// Empty sums over these windows.
    #[must_use]
    pub fn new(spans: &[Span]) -> Self {
        let mut sizes: Vec<(u16, i64)> = Vec::new();
        let mut windows = Vec::with_capacity(spans.len());
        for span in spans {
            let every = span.every.max(1);
            let full = i64::from(span.slices.div_ceil(u32::from(every)));
            // A window of single slices ends with the present one, which is full.
            let buckets = if every == 1 { full - 1 } else { full };
            let ring = sizes
                .iter()
                .position(|(e, _)| *e == every)
                .unwrap_or_else(|| {
                    sizes.push((every, 0));
                    sizes.len() - 1
                });
            // The present one, and the one before the window.
            sizes[ring].1 = sizes[ring].1.max(buckets + 2);
            windows.push(Window { ring, buckets });
        }
        let rings = sizes.into_iter().map(|(every, buckets)| {
            let size = usize::try_from(buckets).unwrap_or(2);
            Ring {
                every: i64::from(every),
                good: vec![0; size].into(),
                bad: vec![0; size].into(),
                covered: vec![0; size].into(),
            }
        });
        Self {
            rings: rings.collect(),
            windows,
            good: 0,
            bad: 0,
            covered: 0,
            reach: None,
        }
    }

    /// Adds a slice that is known; the ones left out before it are gaps. Slices come in order: an earlier one than the last is refused (`false`), and so
    /// are counts that would not fit 63 bits.
    pub fn push(&mut self, number: i64, good: u64, bad: u64) -> bool {
        if self.is_past(number) || good.max(bad) > 1 << 40 {
            return false;
        }
        self.empty(number, number);
        self.good = self.good.wrapping_add(good);
        self.bad = self.bad.wrapping_add(bad);
        for ring in &mut self.rings {
            let at = ring.place(number.div_euclid(ring.every));
            (ring.good[at], ring.bad[at]) = (self.good, self.bad);
        }
        true
    }

    /// Adds the slices from one through another, known to hold nothing; the ones left out before them are gaps. What is past is left as it is.
    pub fn empty(&mut self, from: i64, through: i64) {
        if from <= through && !self.is_past(through) {
            self.advance(from - 1, false);
            self.advance(through, true);
        }
    }

    /// Lets time go on to this slice without knowing it.
    pub fn gap(&mut self, number: i64) {
        if self.reach.is_none() {
            self.advance(number - 1, false);
        }
        self.advance(number, false);
    }

    fn is_past(&self, number: i64) -> bool {
        self.reach.is_some_and(|(_, last)| number <= last)
    }

    /// Goes on through a slice; those after the last are all known, or none is.
    fn advance(&mut self, through: i64, known: bool) {
        let (first, last) = self.reach.unwrap_or((through + 1, through));
        self.reach = Some((first, last.max(through)));
        if through <= last {
            return;
        }
        for ring in &mut self.rings {
            let (old, new) = (last.div_euclid(ring.every), through.div_euclid(ring.every));
            let size = i64::try_from(ring.good.len()).unwrap_or(i64::MAX);
            let from = old.max(new - size + 1);
            let mut at = ring.place(from);
            for bucket in from..=new {
                let ends = (bucket + 1) * ring.every - 1;
                let more = if known { ends.min(through) - last } else { 0 };
                (ring.good[at], ring.bad[at]) = (self.good, self.bad);
                ring.covered[at] = self.covered.wrapping_add(wrapped(more));
                at = if at + 1 == ring.good.len() { 0 } else { at + 1 };
            }
        }
        if known {
            self.covered = self.covered.wrapping_add(wrapped(through - last));
        }
    }

    /// A window's sums, by its place in what [`Rings::new`] was given. What lies before the first slice is not expected.
    #[must_use]
    pub fn reading(&self, window: usize) -> Reading {
        let (Some(window), Some((first, last))) = (self.windows.get(window), self.reach) else {
            return Reading::default();
        };
        let ring = &self.rings[window.ring];
        let begins = last.div_euclid(ring.every) - window.buckets;
        let before = ring.place(begins - 1);
        let bad = self.bad.wrapping_sub(ring.bad[before]);
        Reading {
            bad,
            events: self.good.wrapping_sub(ring.good[before]) + bad,
            covered: u64::from(self.covered.wrapping_sub(ring.covered[before])),
            expected: u64::try_from(last + 1 - (begins * ring.every).max(first)).unwrap_or(0),
        }
    }
}

/// Its last 32 bits: no window has more slices.
fn wrapped(slices: i64) -> u32 {
    u32::try_from(slices & i64::from(u32::MAX)).unwrap_or(0)
}

impl Ring {
    fn place(&self, bucket: i64) -> usize {
        let size = i64::try_from(self.good.len()).unwrap_or(i64::MAX);
        usize::try_from(bucket.rem_euclid(size)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever comes, with whatever gaps and however many slices at once: the sums are those of the slices inside the window.
        #[test]
        fn sums_are_those_of_the_slices(
            steps in prop::collection::vec((1i64..40, 0u64..5, 0u64..5, 0u8..10), 1..200),
            start in -1000i64..1000,
        ) {
            let spans = [Span { slices: 5, every: 1 }, Span { slices: 1, every: 1 }, Span { slices: 30, every: 5 }, Span { slices: 200, every: 10 }];
            let mut rings = Rings::new(&spans);
            let (mut all, mut number): (Vec<(i64, u64, u64)>, i64) = (Vec::new(), start);
            let mut first = None;
            for (step, good, bad, what) in steps {
                number += step;
                match what {
                    0 | 1 => rings.gap(number),
                    2..5 => {
                        let from = number - step / 2;
                        rings.empty(from, number);
                        first.get_or_insert(from);
                        all.extend((from..=number).map(|n| (n, 0, 0)));
                    }
                    _ => {
                        prop_assert!(rings.push(number, good, bad));
                        all.push((number, good, bad));
                    }
                }
                first.get_or_insert(number);
                rings.empty(number - 3, number);
                prop_assert!(!rings.push(number, 1, 1) && !rings.push(number - 1, 1, 1), "no slice twice, none late");
                for (i, span) in spans.iter().enumerate() {
                    let (len, every) = (i64::from(span.slices), i64::from(span.every));
                    let begins = if every == 1 { number + 1 - len } else { (number.div_euclid(every) - len / every) * every };
                    let inside: Vec<_> = all.iter().filter(|(n, ..)| *n >= begins).collect();
                    let got = rings.reading(i);
                    let bad: u64 = inside.iter().map(|(_, _, b)| b).sum();
                    let events: u64 = inside.iter().map(|(_, g, b)| g + b).sum();
                    prop_assert_eq!((got.bad, got.events, got.covered), (bad, events, inside.len() as u64));
                    prop_assert_eq!(got.expected, u64::try_from(number + 1 - begins.max(first.unwrap())).unwrap());
                }
            }
        }
    }
}
