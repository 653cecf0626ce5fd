//! Folds counters of a stretch that were read while they grew: each reading shows the most so far, and one that was trimmed counts anew.

use super::Told;
use crate::domain::{Amount, Known, Ts};
use std::collections::BTreeMap;

type Levels = BTreeMap<String, i64>;

/// What a reading showed, and its id.
type Shown<'a> = (&'a Levels, u64);

/// The stretch, and which of its counters.
type Counter<'a> = (Ts, Ts, &'a str);

/// Amounts of counters, from all their readings in any order.
///
/// In the order in which the cloud said so, a counter grows. Where two readings after one another show less than the most so far, it began anew before the
/// first of them: what it showed until then is a *generation*, and the amount is the sum of all. One reading alone proves nothing: two gateways' clocks, or
/// an answer that was long under way, can put one before another that is newer. A level that did not grow is no less than it was: generations are told
/// apart by all levels together. What is said of the counter besides is what was said of it last.
pub(super) fn fold(readings: &[&Told<'_>]) -> Vec<Amount> {
    let mut counters: BTreeMap<Counter<'_>, Vec<(&Told<'_>, &Known)>> = BTreeMap::new();
    for told in readings {
        let second = |t: Ts| Ts::from_second(t.second());
        let (start, end) = (second(told.from), second(told.at));
        if let Some(known) = told.value.known()
            && start < end
        {
            let of = counters.entry((start, end, &known.label)).or_default();
            of.push((told, known));
        }
    }
    counters.into_iter().filter_map(amount).collect()
}

fn amount(
    ((start, end, _), mut readings): (Counter<'_>, Vec<(&Told<'_>, &Known)>),
) -> Option<Amount> {
    // What the cloud said within one second came in the order of growth.
    readings.sort_by(|(a, x), (b, y)| (a.seen, &x.levels, a.id).cmp(&(b.seen, &y.levels, b.id)));
    let (_, latest) = *readings.last()?;
    let mut generations: Vec<Shown<'_>> = Vec::new();
    let (mut most, mut below): (Option<Shown<'_>>, Option<Shown<'_>>) = (None, None);
    for reading in readings.iter().map(|(t, k)| (&k.levels, t.id)) {
        let is_below = |most: Option<Shown<'_>>| most.is_some_and(|(m, _)| less(reading.0, m));
        if is_below(most) && below.is_some() {
            generations.extend(most);
            most = below.take();
        }
        if is_below(most) {
            below = Some(reading);
        } else {
            // Of equal ones the first is kept: it is the earliest that proves it.
            if most.is_none_or(|(m, _)| m != reading.0) {
                most = Some(reading);
            }
            below = None;
        }
    }
    generations.extend(most);
    let mut quantities = Levels::new();
    for (name, level) in generations.iter().flat_map(|(levels, _)| *levels) {
        let sum = quantities.entry(name.clone()).or_insert(0);
        // Beyond 64 bits nothing was ever counted; the most there is stays the most.
        *sum = sum.saturating_add(*level);
    }
    Some(Amount {
        start,
        end,
        quantities,
        gap: "",
        attrs: latest.attrs.clone(),
        because: generations.into_iter().map(|(_, id)| id).collect(),
    })
}

/// True where a reading shows less of anything than another one.
fn less(reading: &Levels, than: &Levels) -> bool {
    than.iter()
        .any(|(name, level)| reading.get(name).copied().unwrap_or(0) < *level)
}

#[cfg(test)]
mod tests {
    use super::super::fold as fold_all;
    use crate::domain::{Aspect, Evidence, Fact, Known, ResourceKey, Ts, Value};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const HOUR: i64 = 7_200;

    fn key() -> ResourceKey {
        ResourceKey {
            cloud: "zone".into(),
            kind: "bucket_log".into(),
            resource: "u/b".into(),
        }
    }

    /// What a counter showed at a second, as `[requests, bytes]`.
    fn reading(seen: i64, label: &str, shown: [i64; 2]) -> Fact {
        let levels = [("object.requests", shown[0]), ("object.bytes_in", shown[1])];
        Fact {
            key: key(),
            aspect: Aspect::Amount,
            evidence: Evidence::Sighting,
            from: Ts::from_second(HOUR),
            at: Ts::from_second(HOUR + 3_600),
            seen: Ts::from_second(seen),
            value: Value::Known(Known {
                label: label.into(),
                levels: levels.map(|(k, v)| (k.to_owned(), v)).into(),
                attrs: BTreeMap::from([("class".into(), label.into())]),
            }),
            observed_at: Ts::from_second(seen),
            pass: 1,
            raw: String::new(),
        }
    }

    /// Requests and bytes of the one counter that there is.
    fn sum(facts: Vec<Fact>) -> [i64; 2] {
        let amounts = fold_all(&key(), facts).amounts;
        assert_eq!(amounts.len(), 1);
        let of = |name: &str| amounts[0].quantities[name];
        [of("object.requests"), of("object.bytes_in")]
    }

    fn of(shown: &[[i64; 2]]) -> [i64; 2] {
        let facts = (0..).zip(shown);
        sum(facts
            .map(|(i, s)| reading(HOUR + i, "get_obj", *s))
            .collect())
    }

    #[test]
    fn a_counter_that_grows_is_what_it_showed_last() {
        assert_eq!(of(&[[1, 10], [3, 10], [9, 40]]), [9, 40]);
    }

    #[test]
    fn what_shows_less_twice_began_anew_and_both_count() {
        assert_eq!(of(&[[9, 40], [1, 5], [2, 7]]), [11, 47]);
        assert_eq!(
            of(&[[9, 40], [1, 5], [1, 5], [9, 40], [2, 4], [2, 4]]),
            [20, 84]
        );
        // Trimmed again before the first was seen twice: the second reading proves both.
        assert_eq!(of(&[[9, 0], [5, 0], [2, 0], [3, 0]]), [17, 0]);
        // Fewer bytes alone show it too.
        assert_eq!(of(&[[2, 40], [2, 5], [3, 5]]), [5, 45]);
    }

    #[test]
    fn what_shows_less_once_proves_nothing() {
        assert_eq!(of(&[[9, 40], [1, 5]]), [9, 40]);
        assert_eq!(of(&[[9, 40], [1, 5], [9, 40], [10, 40]]), [10, 40]);
    }

    #[test]
    fn counters_of_one_hour_are_told_apart_by_their_names_and_said_to_be_what_was_said_last() {
        let mut late = reading(HOUR + 9, "put_obj", [2, 2]);
        if let Value::Known(known) = &mut late.value {
            known.attrs.insert("class".into(), "write".into());
        }
        let facts = vec![
            reading(HOUR, "put_obj", [1, 1]),
            reading(HOUR, "get_obj", [5, 0]),
            late,
        ];
        let amounts = fold_all(&key(), facts).amounts;
        let told: Vec<_> = amounts
            .iter()
            .map(|a| (a.attrs["class"].as_str(), a.quantities["object.requests"]))
            .collect();
        assert_eq!(told, [("get_obj", 5), ("write", 2)]);
    }

    /// What a counter shows after each of some steps: it grows, or is trimmed and begins at zero.
    fn life() -> impl Strategy<Value = Vec<[i64; 2]>> {
        let step = (any::<bool>(), 0_i64..5, 0_i64..100);
        proptest::collection::vec(step, 1..12).prop_map(|steps| {
            let mut shown = [0_i64; 2];
            steps
                .into_iter()
                .map(|(trimmed, requests, bytes)| {
                    if trimmed && requests == 0 {
                        shown = [0; 2];
                    }
                    shown = [shown[0] + requests, shown[1] + bytes];
                    shown
                })
                .collect()
        })
    }

    proptest! {
        /// Invariant 2: two collectors read the same counter, each at times of its own; however their facts come, it is one sum.
        #[test]
        fn generations_are_of_the_union_in_any_order(
            life in life(),
            picks in proptest::collection::vec((any::<bool>(), any::<bool>()), 12),
            order in proptest::collection::vec(any::<u32>(), 48),
        ) {
            let mut facts = Vec::new();
            for (i, (shown, (a, b))) in life.iter().zip(&picks).enumerate() {
                let at = HOUR + 10 * i64::try_from(i).unwrap();
                // Each is seen twice, as readings in a row are, by either or by both.
                let seen = [(true, at), (*a, at + 2), (*b, at + 3), (true, at + 5)];
                facts.extend(seen.iter().filter(|(read, _)| *read).map(|(_, t)| reading(*t, "get_obj", *shown)));
            }
            let whole = fold_all(&key(), facts.clone());
            let mut shuffled: Vec<(u32, Fact)> = order.iter().copied().cycle().zip(facts.iter().chain(&facts).cloned()).collect();
            shuffled.sort_by_key(|(n, _)| *n);
            let shuffled = fold_all(&key(), shuffled.into_iter().map(|(_, f)| f));
            prop_assert_eq!(&whole.amounts, &shuffled.amounts);
            // And it is what was counted: the peaks before each fall, and the last value.
            let falls = |i: usize| life.get(i + 1).is_none_or(|next| next[0] < life[i][0] || next[1] < life[i][1]);
            let peaks = life.iter().enumerate().filter(|(i, _)| falls(*i)).map(|(_, s)| *s);
            let want = peaks.fold([0_i64; 2], |sum, s| [sum[0] + s[0], sum[1] + s[1]]);
            let of = |name: &str| whole.amounts[0].quantities[name];
            prop_assert_eq!([of("object.requests"), of("object.bytes_in")], want);
        }

        /// A single low reading between two that grow changes nothing, wherever it lies.
        #[test]
        fn one_stray_reading_changes_nothing(shown in 1_i64..100, stray in 0_i64..100, at in 0_i64..30) {
            let mut facts: Vec<Fact> = (0..3).map(|i| reading(HOUR + 10 * i, "get_obj", [shown + i, 0])).collect();
            let want = sum(facts.clone());
            facts.push(reading(HOUR + at, "get_obj", [stray.min(shown), 0]));
            prop_assert_eq!(sum(facts), want);
        }
    }
}
