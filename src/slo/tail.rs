//! The tail of the binomial distribution against a bound: is so much bad luck believable?

use num_bigint::BigUint;

/// Trials from which on Cantelli's inequality decides: beyond it the products below would not fit, and it costs next to nothing.
const TRIALS_MAX: u64 = 1 << 36;
/// Largest denominator of a probability that is used as it is; larger ones are rounded up to this one.
const DENOMINATOR_MAX: u64 = 1 << 24;
/// The most probable count's weight; the others are relative to it.
const MODE: u128 = 1 << 64;

/// True if `P(X >= bad | n, p) < alpha` is proven, X being the number of bad events among `n` if each is bad with probability `p`.
///
/// Proven, for a bound is compared and not an estimate: counts around the most probable one are weighed in 64-bit fixed point, those of the tail rounded
/// up and all others down. With up to 2^36 events that bound is within 2^-20 of the exact tail; beyond that it is Cantelli's, which is wider. So the
/// answer is never `true` where the exact one is `false`. `p` and `alpha` are fractions (numerator, denominator); alpha's denominator is at most 10^9, alpha
/// less than a half.
///
/// ```
/// use plimsoll::slo::tail_below;
/// // 60 requests in an hour, of which 1.44 % may fail: 6 failures may be bad luck once in 10,000 hours, 7 may not.
/// assert!(!tail_below(6, 60, (9, 625), (1, 10_000)));
/// assert!(tail_below(7, 60, (9, 625), (1, 10_000)));
/// ```
#[must_use]
pub fn tail_below(bad: u64, n: u64, p: (u64, u64), alpha: (u64, u64)) -> bool {
    let (p, of) = coarse(p);
    let (bad_w, n_w) = (u128::from(bad), u128::from(n));
    // At or below the mean the tail holds half of all cases or more.
    if p >= of || bad_w * u128::from(of) <= n_w * u128::from(p) {
        return false;
    }
    if bad > n {
        return true;
    }
    if n > TRIALS_MAX {
        return cantelli(bad, n, (p, of), alpha);
    }
    let (tail, rest) = weights(bad_w, n_w, u128::from(p), u128::from(of - p));
    // tail < 2^84 (at most 2^18 standard deviations, 2^64 each, and 2^36 of rounding), alpha's parts < 2^30.
    tail * u128::from(alpha.1) < u128::from(alpha.0) * (tail + rest)
}

/// The fraction itself, or one above it with a denominator that fits.
fn coarse((p, of): (u64, u64)) -> (u64, u64) {
    if of <= DENOMINATOR_MAX {
        return (p, of);
    }
    let up = (u128::from(p) * u128::from(DENOMINATOR_MAX)).div_ceil(u128::from(of));
    (
        u64::try_from(up).unwrap_or(DENOMINATOR_MAX),
        DENOMINATOR_MAX,
    )
}

/// The weight of the tail, rounded up, and that of all other counts, rounded down. `p : q` are the odds of a bad event.
///
/// No product leaves 128 bits: a weight is at most 2^64, a count at most 2^36, `p` and `q` at most 2^24.
fn weights(bad: u128, n: u128, p: u128, q: u128) -> (u128, u128) {
    let mode = ((n + 1) * p / (p + q)).min(bad);
    let (mut tail, mut rest) = (0, 0);
    let mut weight = MODE;
    for k in (1..=mode).rev() {
        weight = weight * (k * q) / ((n - k + 1) * p);
        if weight == 0 {
            break;
        }
        rest += weight;
    }
    weight = MODE;
    for k in mode..bad {
        rest += weight;
        weight = weight * ((n - k) * p) / ((k + 1) * q);
        if weight == 0 {
            break;
        }
    }
    weight = MODE;
    for k in mode..=n {
        if weight == 1 {
            // Weights fall from the mode on: none of those to come is larger.
            tail += n - k.max(bad) + 1;
            break;
        }
        if k >= bad {
            tail += weight;
        }
        weight = (weight * ((n - k) * p)).div_ceil((k + 1) * q);
    }
    (tail, rest)
}

/// P(X - np >= t) <= v / (v + t^2), v being the variance npq.
fn cantelli(bad: u64, n: u64, (p, of): (u64, u64), alpha: (u64, u64)) -> bool {
    let big = BigUint::from;
    // Both sides by of^2.
    let over = big(bad) * of - big(n) * p;
    big(n) * p * (of - p) * (alpha.1 - alpha.0) < big(alpha.0) * &over * &over
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The exact tails from 0 to n + 1, times `p.1^n`, with numbers as long as it takes.
    fn tails(n: u64, (p, of): (u64, u64)) -> Vec<BigUint> {
        let mut powers = vec![BigUint::from(1u8)];
        for k in 0..n {
            powers.push(&powers[usize::try_from(k).unwrap()] * (of - p));
        }
        let (mut term, mut all) = (BigUint::from(1u8), Vec::new());
        for k in 0..=n {
            all.push(&term * &powers[usize::try_from(n - k).unwrap()]);
            term = term * p * (n - k) / (k + 1);
        }
        let mut sum = BigUint::ZERO;
        let mut tails = vec![BigUint::ZERO];
        for weight in all.into_iter().rev() {
            sum += weight;
            tails.push(sum.clone());
        }
        tails.reverse();
        tails
    }

    fn below(tail: &BigUint, n: u64, of: u64, alpha: (u64, u64)) -> bool {
        tail * alpha.1 < BigUint::from(of).pow(u32::try_from(n).unwrap()) * alpha.0
    }

    #[test]
    fn the_least_number_is_the_exact_one() {
        for p in [(9, 625), (6, 1000), (3, 1000), (1, 1000), (1, 3), (72, 500)] {
            for n in [1, 2, 7, 10, 60, 240] {
                let tails = tails(n, p);
                for alpha in [(1, 10_000), (1, 100), (1, 1_000_000_000)] {
                    let ours = (0..=n + 1).find(|b| tail_below(*b, n, p, alpha));
                    let exact = (0u64..).zip(&tails).find(|(_, t)| below(t, n, p.1, alpha));
                    assert_eq!(ours, exact.map(|(b, _)| b), "{n} {p:?} {alpha:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_exact_answer(n in 1u64..200, bad in 0u64..201, p in 1u64..1000, alpha in 1u64..50_000) {
            let (p, alpha) = ((p, 1000), (alpha, 100_000));
            // Within a hair's breadth of alpha it may say no.
            let bad = bad.min(n + 1);
            let tail = &tails(n, p)[usize::try_from(bad).unwrap()];
            let (ours, lower) = (tail_below(bad, n, p, alpha), below(tail, n, p.1, (alpha.0 * 9_999, alpha.1 * 10_000)));
            prop_assert!(!ours || below(tail, n, p.1, alpha), "proven, though it is not so");
            prop_assert!(ours || !lower, "not proven, though it is well below");
        }

        #[test]
        fn more_bad_events_are_never_less_proof(n in 1u64..2_000_000, p in 1u64..(1 << 24), share in 0u64..1000) {
            let (p, alpha) = ((p, (1 << 24) + 1), (1, 10_000));
            let bad = n / 1000 * share;
            prop_assert!(!tail_below(bad, n, p, alpha) || tail_below(bad + 1, n, p, alpha));
        }
    }

    #[test]
    fn many_events_and_few() {
        let alpha = (1, 10_000);
        // A million requests: 14,400 expected; 3.72 standard deviations of 119 above it is the line.
        let line = (14_400..16_000)
            .find(|b| tail_below(*b, 1_000_000, (9, 625), alpha))
            .unwrap();
        assert!((14_840..14_855).contains(&line), "{line}");
        // Beyond 2^36 of them Cantelli decides, at 100 standard deviations.
        let n = 1 << 40;
        let mean = n / 625 * 9;
        let sd = 124_900;
        assert!(!tail_below(mean + 90 * sd, n, (9, 625), alpha));
        assert!(tail_below(mean + 101 * sd, n, (9, 625), alpha));
        assert!(!tail_below(0, 0, (9, 625), alpha) && !tail_below(5, 5, (1, 1), alpha));
        // A denominator that is too long is rounded up: never more proof than there is.
        assert!(tail_below(7, 60, (14_400_001, 1_000_000_001), alpha));
        assert!(!tail_below(6, 60, (14_400_001, 1_000_000_001), alpha));
    }
}
