//! Which price a row of usage has: the most specific one that fits it, found without looking at the others.

use crate::domain::{
    Ts, UsageRow,
    price::{ItemKind, Measured, Price, PriceBook},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasherDefault, Hasher},
};

/// By short words of the book. What is looked up comes from elsewhere and is never put in: nobody can fill a table with words that meet.
type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Words>>;

/// A hash of short words, several times as fast as the standard one.
#[derive(Default)]
struct Words(u64);

impl Words {
    fn add(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<8>();
        for part in whole {
            self.add(u64::from_le_bytes(*part));
        }
        let rest = rest.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        self.add(rest);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

/// Keys that a price may match beside the meter's dimensions.
const OF_THE_ROW: [&str; 2] = ["source", "project"];

/// All prices that a contract can have in a window of time.
pub(super) struct Index<'b> {
    book: &'b PriceBook,
    /// By meter.
    meters: HashMap<&'b str, Vec<Family<'b>>>,
}

/// Prices of the same thing: a meter, or a service unit.
struct Family<'b> {
    of: &'b Measured,
    /// Stretches of time in which the same prices hold, in order, without gaps.
    times: Vec<Time<'b>>,
}

struct Time<'b> {
    from: Ts,
    to: Ts,
    /// The contract's own prices, then the list's.
    layers: Vec<Vec<KeySet<'b>>>,
}

/// Prices that match on the same keys, by the values.
struct KeySet<'b> {
    keys: Vec<&'b str>,
    by_values: Values<'b>,
}

/// Items by the values of their keys. Most prices match on one key, which needs no list.
enum Values<'b> {
    None(Option<usize>),
    One(HashMap<&'b str, usize>),
    Many(HashMap<Vec<&'b str>, usize>),
}

impl<'b> Values<'b> {
    fn of(keys: usize, by_values: HashMap<Vec<&'b str>, usize>) -> Self {
        match keys {
            0 => Self::None(by_values.into_values().next()),
            1 => Self::One(by_values.into_iter().map(|(v, i)| (v[0], i)).collect()),
            _ => Self::Many(by_values),
        }
    }
}

impl KeySet<'_> {
    /// The item that a row's values name.
    fn item(&self, row: &UsageRow) -> Option<usize> {
        match &self.by_values {
            Values::None(item) => *item,
            Values::One(items) => items.get(value(row, self.keys[0])?).copied(),
            Values::Many(items) => {
                let values: Option<Vec<&str>> = self.keys.iter().map(|k| value(row, k)).collect();
                items.get(values?.as_slice()).copied()
            }
        }
    }
}

/// What one family says of a row in a stretch of time.
pub(super) struct Found<'b> {
    pub(super) of: &'b Measured,
    pub(super) from: Ts,
    pub(super) to: Ts,
    pub(super) item: Choice,
}

/// Which item a row takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    One(usize),
    Tie(usize, usize),
    None,
}

impl<'b> Index<'b> {
    /// The prices of the list, and of the terms, in `[from, to)`. Before its first price a meter is measured, not sold.
    pub(super) fn new(book: &'b PriceBook, terms: Option<usize>, from: Ts, to: Ts) -> Self {
        let mut families: BTreeMap<&Measured, Vec<usize>> = BTreeMap::new();
        for (i, item) in book.items.iter().enumerate() {
            if let ItemKind::Usage(p) = &item.kind
                && (item.terms.is_none() || item.terms == terms)
                // One that has ended still says that this is sold: usage after it has no price, which is an error, not a gift.
                && item.from.is_none_or(|begins| begins < to)
            {
                families.entry(&p.of).or_default().push(i);
            }
        }
        let mut meters: HashMap<&str, Vec<Family<'b>>> = HashMap::default();
        for (of, items) in families {
            for meter in of.meters() {
                let times = times(book, &items, from, to);
                meters.entry(meter).or_default().push(Family { of, times });
            }
        }
        Self { book, meters }
    }

    /// What the book says of a row, in order of time; empty if it does not sell the row's meter.
    pub(super) fn find(&self, row: &UsageRow, found: &mut Vec<Found<'b>>) {
        found.clear();
        for family in self.meters.get(row.meter.as_str()).into_iter().flatten() {
            for time in &family.times {
                let item = self.choose(row, time);
                match found.last_mut() {
                    // A boundary that does not concern this row does not cut its line.
                    Some(last) if last.item == item && std::ptr::eq(last.of, family.of) => {
                        last.to = time.to;
                    }
                    _ => found.push(Found {
                        of: family.of,
                        from: time.from,
                        to: time.to,
                        item,
                    }),
                }
            }
        }
    }

    fn choose(&self, row: &UsageRow, time: &Time<'b>) -> Choice {
        for layer in &time.layers {
            let (mut best, mut size) = (Choice::None, 0);
            for set in layer {
                // Most keys come first: fewer cannot win any more.
                if best != Choice::None && set.keys.len() < size {
                    break;
                }
                if let Some(item) = set.item(row) {
                    best = match best {
                        Choice::One(other) => self.tie(other, item),
                        Choice::Tie(..) => best,
                        Choice::None => Choice::One(item),
                    };
                    size = set.keys.len();
                }
            }
            if best != Choice::None {
                return best;
            }
        }
        Choice::None
    }

    fn tie(&self, one: usize, other: usize) -> Choice {
        let sku = |i: usize| &self.book.items[i].sku;
        if sku(one) <= sku(other) {
            Choice::Tie(one, other)
        } else {
            Choice::Tie(other, one)
        }
    }
}

fn times<'b>(book: &'b PriceBook, items: &[usize], from: Ts, to: Ts) -> Vec<Time<'b>> {
    let edges = items.iter().flat_map(|i| {
        let item = &book.items[*i];
        [item.from, item.to]
    });
    let mut cuts: BTreeSet<Ts> = edges.flatten().filter(|t| *t > from && *t < to).collect();
    cuts.extend([from, to]);
    let cuts: Vec<Ts> = cuts.into_iter().collect();
    let first = items.iter().map(|i| book.items[*i].from.unwrap_or(Ts::MIN));
    let first = first.min().unwrap_or(Ts::MIN);
    cuts.windows(2)
        .filter(|w| w[0] >= first)
        .map(|w| Time {
            from: w[0],
            to: w[1],
            layers: [true, false]
                .map(|own| layer(book, items, own, w[0], w[1]))
                .into(),
        })
        .collect()
}

fn layer<'b>(book: &'b PriceBook, items: &[usize], own: bool, from: Ts, to: Ts) -> Vec<KeySet<'b>> {
    let mut sets: BTreeMap<Vec<&str>, HashMap<Vec<&str>, usize>> = BTreeMap::new();
    for i in items {
        let item = &book.items[*i];
        if let ItemKind::Usage(Price { matches, .. }) = &item.kind
            && item.terms.is_some() == own
            && item.covers(from, to)
        {
            let keys = matches.keys().map(String::as_str).collect();
            let values = matches.values().map(String::as_str).collect();
            sets.entry(keys).or_default().insert(values, *i);
        }
    }
    let mut sets: Vec<KeySet<'b>> = sets
        .into_iter()
        .map(|(keys, by_values)| KeySet {
            by_values: Values::of(keys.len(), by_values),
            keys,
        })
        .collect();
    sets.sort_by_key(|s| std::cmp::Reverse(s.keys.len()));
    sets
}

/// The value that a price of that key is held against.
pub(super) fn value<'r>(row: &'r UsageRow, key: &str) -> Option<&'r str> {
    match row.dimensions.get(key) {
        Some(v) => Some(v),
        None if key == OF_THE_ROW[0] => Some(&row.source),
        None if key == OF_THE_ROW[1] => Some(&row.scope_name),
        None => None,
    }
}
