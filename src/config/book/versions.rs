//! All items together: what stands twice, what overlaps, what leaves a gap in time, what ties, what never holds.

use super::judge::Judge;
use crate::{
    config::problem::Path,
    domain::{
        Ts,
        price::{Item, ItemKind, Measured, Price},
    },
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// Most ties that are reported: one mistake makes many.
const TIES_MAX: usize = 20;
/// Most pairs of prices that are held against one another.
const PAIRS_MAX: usize = 2_000_000;

/// Looks at all items, and at the days between which the book may price.
pub(super) fn check(
    j: &mut Judge<'_, '_>,
    items: &[Item],
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
) {
    once(j, items);
    targets(j, items);
    ties(j, items);
    never(j, items, valid_from, valid_to);
}

fn overlap(a: &Item, b: &Item) -> bool {
    let before = |to: Option<Ts>, from: Option<Ts>| to.zip(from).is_some_and(|(t, f)| t <= f);
    !before(a.to, b.from) && !before(b.to, a.from)
}

fn also(j: &Judge<'_, '_>, other: usize, key: &str) -> String {
    let place = &j.places[other];
    let line = j.c.root.locate(&place.key(key)).line;
    format!("of {place} at line {line} too")
}

/// A SKU stands once, at any time: in the list, and in each contract's terms.
fn once(j: &mut Judge<'_, '_>, items: &[Item]) {
    let mut seen: BTreeMap<(&str, Option<usize>), Vec<usize>> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        let same = seen.entry((&item.sku, item.terms)).or_default();
        if let Some(other) = same.iter().find(|o| overlap(&items[**o], item)) {
            let what = format!("is the SKU {}", also(j, *other, "sku"));
            let hint = "a SKU stands once in a book at a time: versions follow one another by `from` and `to`";
            j.error(&j.places[i].key("sku"), what, hint);
        }
        same.push(i);
    }
}

type Target<'b> = (&'b Measured, &'b BTreeMap<String, String>, Option<usize>);

/// Two prices of the same usage may follow one another, without a gap.
fn targets(j: &mut Judge<'_, '_>, items: &[Item]) {
    let mut targets: BTreeMap<Target<'_>, Vec<usize>> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        if let ItemKind::Usage(p) = &item.kind {
            let target = (&p.of, &p.matches, item.terms);
            targets.entry(target).or_default().push(i);
        }
    }
    let start = |i: &usize| items[*i].from.unwrap_or(Ts::MIN);
    for mut versions in targets.into_values() {
        versions.sort_by_key(start);
        for pair in versions.windows(2) {
            let (first, second) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let (a, b) = (&items[pair[0]], &items[pair[1]]);
            if overlap(a, b) {
                let what = format!("matches the same usage {}", also(j, first, "match"));
                let hint = "one usage has one price at a time: tell them apart by `match`, or by `from` and `to`";
                j.error(&j.places[second].key("match"), what, hint);
            } else if let (Some(end), Some(next)) = (a.to, b.from)
                && end < next
            {
                let what = format!("leaves a gap: nothing prices this usage from {end} to {next}");
                let hint = format!("let it begin when {} ends", j.places[pair[0]]);
                j.error(&j.places[pair[1]].key("from"), what, hint);
            }
        }
    }
}

/// Prices by what they price and whose they are.
type Layers<'b> = BTreeMap<(&'b Measured, Option<usize>), Vec<(usize, &'b Item, &'b Price)>>;

/// Two prices that match as many keys, but other ones, tie wherever both fit; unless a price that matches all of these keys decides.
fn ties(j: &mut Judge<'_, '_>, items: &[Item]) {
    let mut layers: Layers<'_> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        if let ItemKind::Usage(p) = &item.kind {
            layers
                .entry((&p.of, item.terms))
                .or_default()
                .push((i, item, p));
        }
    }
    let (mut found, mut pairs) = (0, 0);
    for of_layer in layers.values() {
        // Prices that match on the same keys are equal, which is known by now, or differ in a value.
        let mut sets: BTreeMap<Vec<&String>, Vec<&(usize, &Item, &Price)>> = BTreeMap::new();
        for entry in of_layer {
            sets.entry(entry.2.matches.keys().collect())
                .or_default()
                .push(entry);
        }
        let sets: Vec<_> = sets.into_iter().collect();
        for (n, (keys, ones)) in sets.iter().enumerate() {
            for (_, others) in sets[n + 1..].iter().filter(|(k, _)| k.len() == keys.len()) {
                for (one, other) in ones.iter().flat_map(|a| others.iter().map(move |b| (a, b))) {
                    pairs += 1;
                    if pairs > PAIRS_MAX {
                        let hint = "match on the same keys where prices are many";
                        let path = Path::default().key("prices");
                        j.error(
                            &path,
                            "has too many prices that match on different keys",
                            hint,
                        );
                        return;
                    }
                    if overlap(one.1, other.1) && tie(one.2, other.2, one.1, of_layer) {
                        found += 1;
                        if found <= TIES_MAX {
                            report_tie(j, one.0, other.0, one.2, other.2);
                        }
                    }
                }
            }
        }
    }
}

fn union<'p>(one: &'p Price, other: &'p Price) -> BTreeMap<&'p String, &'p String> {
    one.matches.iter().chain(&other.matches).collect()
}

fn tie(one: &Price, other: &Price, during: &Item, of_layer: &[(usize, &Item, &Price)]) -> bool {
    let fits = |key: &String, value: &String| other.matches.get(key).is_none_or(|v| v == value);
    if !one.matches.iter().all(|(k, v)| fits(k, v)) {
        return false;
    }
    let both = union(one, other);
    let decides = |p: &Price| {
        p.matches.len() > one.matches.len()
            && p.matches.iter().all(|(k, v)| both.get(k) == Some(&v))
    };
    let holds = |i: &Item| {
        during.from.is_none_or(|f| i.from.is_none_or(|g| g <= f))
            && (i.to.is_none() || during.to.is_some_and(|t| i.to.is_some_and(|u| u >= t)))
    };
    !of_layer.iter().any(|(_, i, p)| decides(p) && holds(i))
}

fn report_tie(j: &mut Judge<'_, '_>, a: usize, b: usize, one: &Price, other: &Price) {
    let (first, second) = (a.min(b), a.max(b));
    let both: Vec<String> = union(one, other)
        .into_iter()
        .map(|(k, v)| format!("{k}: {v}"))
        .collect();
    let both = both.join(", ");
    let what = format!(
        "ties with {}: usage with {both} fits both alike",
        j.places[first]
    );
    let hint = format!("add a price that matches {{{both}}}, or let one of them match more");
    j.error(&j.places[second].key("match"), what, hint);
}

/// What holds only outside the book's own validity can never be charged.
fn never(
    j: &mut Judge<'_, '_>,
    items: &[Item],
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
) {
    let instant = |d: NaiveDate| crate::config::leaf::When::Day(d).in_zone(j.zone);
    let from = valid_from.and_then(instant);
    let to = valid_to.and_then(instant);
    let outside: BTreeSet<usize> = items
        .iter()
        .enumerate()
        .filter(|(_, i)| !i.meets(from.unwrap_or(Ts::MIN), to.unwrap_or(Ts::MAX)))
        .map(|(n, _)| n)
        .collect();
    for i in outside {
        let what = "never holds while the book is valid";
        let hint = "see valid_from and valid_to, or remove it";
        j.error(&j.places[i].clone(), what, hint);
    }
}
