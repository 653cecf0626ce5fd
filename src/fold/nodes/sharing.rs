//! One node's seconds, shared out: each stretch over which nothing changes by itself.

use super::{DAY_S, Day, Has, Held, Named, Node, Part, Place, RESOURCES, Room, Segment};
use crate::{domain::tenancy::Idle, fold::measure::Window};
use std::collections::{BTreeMap, BTreeSet};

/// The nodes of one name under way.
pub(super) struct Sharing<'a> {
    named: &'a Named,
    nodes: &'a [Node],
    idle: Idle,
    from: i64,
    watermark: i64,
    to: i64,
    /// What there was of each resource: capacity x seconds observed.
    pub(super) there: [i128; RESOURCES.len()],
    pub(super) places: BTreeMap<Place<'a>, Vec<Day>>,
}

/// A stretch over which nothing changes.
#[derive(Clone, Copy)]
struct Still {
    start: i64,
    seconds: i64,
    observed: bool,
}

impl Still {
    /// The same, unobserved.
    const fn unseen(self) -> Self {
        Self {
            observed: false,
            ..self
        }
    }
}

impl<'a> Sharing<'a> {
    pub(super) fn of(named: &'a Named, nodes: &'a [Node], idle: Idle, window: &Window) -> Self {
        let (from, to) = (window.from.second(), window.to.second());
        let watermark = window.watermark.second().clamp(from, to);
        Self {
            named,
            nodes,
            idle,
            from,
            watermark,
            to: window.as_of.second().clamp(watermark, to),
            there: [0; RESOURCES.len()],
            places: BTreeMap::new(),
        }
    }

    pub(super) fn run(&mut self) {
        let named = self.named;
        let mut starting: Vec<usize> = (0..named.held.len()).collect();
        starting.sort_by_key(|i| named.held[*i].start);
        let mut starting = starting.into_iter().peekable();
        // By their places in the list, so that what is divided is divided in one order.
        let mut there: BTreeSet<usize> = BTreeSet::new();
        let edges = self.edges();
        for pair in edges.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            while let Some(i) = starting.next_if(|i| named.held[*i].start <= start) {
                there.insert(i);
            }
            there.retain(|i| named.held[*i].end > start);
            let still = Still {
                start,
                seconds: end - start,
                observed: end <= self.watermark,
            };
            self.still(still, &there);
        }
    }

    /// All seconds at which anything may change.
    fn edges(&self) -> Vec<i64> {
        let segments = self.named.segments.iter().map(|s| (s.start, s.end));
        let held = self.named.held.iter().map(|h| (h.start, h.end));
        let days = (self.from.div_euclid(DAY_S)..=self.to.div_euclid(DAY_S)).map(|d| d * DAY_S);
        let mut edges: BTreeSet<i64> = segments
            .chain(held)
            .flat_map(|(start, end)| [start, end])
            .chain(days)
            .filter(|t| self.from < *t && *t < self.to)
            .collect();
        edges.extend([self.from, self.watermark, self.to]);
        edges.into_iter().collect()
    }

    fn still(&mut self, at: Still, there: &BTreeSet<usize>) {
        let named = self.named;
        let holds = |s: &&Segment| s.start <= at.start && at.start < s.end;
        // Of two of one name the later one stands.
        let segment = named
            .segments
            .iter()
            .filter(holds)
            .max_by_key(|s| (s.start, s.node));
        let Some(segment) = segment else {
            return self.unseen(at, "", there);
        };
        let server = &self.nodes[segment.node].server;
        let Some(rooms) = segment.rooms else {
            for resource in 0..RESOURCES.len() {
                let place = (
                    resource,
                    server.as_str(),
                    Has::Node(segment.node),
                    Part::Unobserved,
                );
                self.put(place, at.unseen(), 0);
            }
            return self.unseen(at, server, there);
        };
        for (resource, room) in rooms.iter().enumerate().filter(|(_, r)| r.capacity > 0) {
            self.room(at, (resource, segment.node), *room, there);
        }
    }

    /// Pods whose node nobody saw.
    fn unseen(&mut self, at: Still, server: &'a str, there: &BTreeSet<usize>) {
        let named = self.named;
        for h in there.iter().map(|i| &named.held[*i]) {
            for resource in 0..RESOURCES.len() {
                if h.levels.is_none_or(|l| l[resource] > 0) {
                    let place = (resource, server, Has::Pod(h.pod, h.whose), Part::Requested);
                    self.put(place, at.unseen(), 0);
                }
            }
        }
    }

    /// Shares out one resource of one node.
    fn room(&mut self, at: Still, (r, node): (usize, usize), room: Room, there: &BTreeSet<usize>) {
        let named = self.named;
        let server = self.nodes[node].server.as_str();
        let own = |part| (r, server, Has::Node(node), part);
        let of = |h: &Held, part| (r, server, Has::Pod(h.pod, h.whose), part);
        if at.observed {
            self.there[r] += i128::from(room.capacity) * i128::from(at.seconds);
        }
        self.put_level(own(Part::System), at, room.capacity - room.allocatable);
        let held = || there.iter().map(|i| &named.held[*i]);
        let asked: Vec<(&Held, i64)> = held()
            .filter_map(|h| Some((h, h.levels?[r])))
            .filter(|(_, level)| *level > 0)
            .collect();
        let weights: Vec<i64> = asked.iter().map(|(_, level)| *level).collect();
        let sum: i128 = weights.iter().map(|level| i128::from(*level)).sum();
        // Static pods are not held to what pods may ask for, and a resized one counts twice for a while: then all have less.
        let granted = i64::try_from(sum).unwrap_or(i64::MAX).min(room.allocatable);
        for ((h, _), level) in asked.iter().zip(divided(granted, &weights, sum)) {
            self.put_level(of(h, Part::Requested), at, level);
        }
        let rest = room.allocatable - granted;
        let mut all_seen = true;
        for h in held().filter(|h| h.levels.is_none()) {
            all_seen = false;
            self.put(of(h, Part::Requested), at.unseen(), 0);
        }
        if !all_seen {
            // What they ask for is in it, and nobody knows how much.
            self.put_level(own(Part::Unobserved), at, rest);
        } else if self.idle == Idle::ByRequest && sum > 0 {
            for ((h, _), level) in asked.iter().zip(divided(rest, &weights, sum)) {
                self.put_level(of(h, Part::Unrequested), at, level);
            }
        } else {
            self.put_level(own(Part::Unrequested), at, rest);
        }
    }

    fn put_level(&mut self, place: Place<'a>, at: Still, level: i64) {
        if level > 0 {
            let quantity = if at.observed {
                i128::from(level) * i128::from(at.seconds)
            } else {
                0
            };
            self.put(place, at, quantity);
        }
    }

    fn put(&mut self, place: Place<'a>, at: Still, quantity: i128) {
        let days = self.places.entry(place).or_default();
        let observed_s = if at.observed { at.seconds } else { 0 };
        match days.last_mut() {
            Some(last) if last.start.div_euclid(DAY_S) == at.start.div_euclid(DAY_S) => {
                last.quantity += quantity;
                last.observed_s += observed_s;
                last.expected_s += at.seconds;
            }
            _ => days.push(Day {
                start: at.start,
                quantity,
                observed_s,
                expected_s: at.seconds,
                lasts: false,
            }),
        }
        if at.start + at.seconds == self.to {
            // What is there at the end goes on, at the level of the last day on which it was seen.
            let unseen = days.iter().rev().take_while(|d| d.observed_s == 0).count();
            let from = days.len().saturating_sub(unseen + 1);
            days[from..].iter_mut().for_each(|d| d.lasts = true);
        }
    }
}

/// `whole`, divided by weights whose sum is `sum`: integers, each less than one from its exact part, that add up to it.
fn divided(whole: i64, weights: &[i64], sum: i128) -> impl Iterator<Item = i64> {
    // So that products fit 128 bits, weights no node could have are known less exactly.
    let shift = 65_u32.saturating_sub(sum.leading_zeros());
    let (mut running, mut given) = (0_i128, 0_i64);
    weights.iter().map(move |w| {
        running += i128::from(*w);
        let upto = i128::from(whole) * (running >> shift) / (sum >> shift);
        // No more than `whole`, so it fits.
        let upto = i64::try_from(upto).unwrap_or(whole);
        let part = upto - given;
        given = upto;
        part
    })
}
