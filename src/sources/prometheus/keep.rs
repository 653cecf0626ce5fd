//! Which readings are kept: of each series one in each stretch of a fixed grid, and those that tell of more. Pure.
//!
//! A counter's readings between two others add nothing to what passed between these, so what is kept grows with hours, not with scrapes. Kept beside the
//! first of each stretch: the last before a counter began anew and the first after; the last before a gauge fell silent; the last of a series that is no
//! longer shown, or whose page can no longer be read. The stretches are those of UTC, so that two collectors keep readings of the same ones.
//!
//! # Memory usage
//! The last reading of each series: about 500 bytes.

use super::series::{Feed, Reading};
use crate::domain::Ts;
use std::collections::HashMap;

/// What is known of the series of one page or answer.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    series: HashMap<(usize, String), Known>,
    /// Counts pages.
    page: u64,
    /// The time of the last page that was read.
    watched: Option<Ts>,
}

#[derive(Debug)]
struct Known {
    last: Reading,
    /// When the last one was that is kept.
    kept: Ts,
    /// The page that showed it last.
    page: u64,
}

impl Known {
    /// The last reading, unless it is kept already.
    fn unkept(&mut self) -> Option<Reading> {
        let unkept = self.kept != self.last.at;
        self.kept = self.last.at;
        unkept.then(|| self.last.clone())
    }
}

impl Keeper {
    /// Takes all that a page of time `at` showed, and gives what is to be kept. `back` is told of each reading that is older than one before.
    pub(super) fn page(
        &mut self,
        feeds: &[Feed],
        readings: Vec<Reading>,
        at: Ts,
        mut back: impl FnMut(&Reading),
    ) -> Vec<Reading> {
        self.page += 1;
        let mut kept = Vec::new();
        for reading in readings {
            self.take(&feeds[reading.feed], reading, &mut kept, &mut back);
        }
        // A series that is no longer shown has ended, as far as can be told.
        let page = self.page;
        self.series.retain(|_, known| {
            let there = known.page == page;
            if !there {
                kept.extend(known.unkept());
            }
            there
        });
        self.watched = Some(at);
        kept
    }

    /// The page could not be read: what was read last may have been the last.
    pub(super) fn lost(&mut self) -> Vec<Reading> {
        let mut kept: Vec<Reading> = self.series.values_mut().filter_map(Known::unkept).collect();
        kept.sort_by(|a, b| (a.feed, &a.series).cmp(&(b.feed, &b.series)));
        kept
    }

    fn take(
        &mut self,
        feed: &Feed,
        mut reading: Reading,
        kept: &mut Vec<Reading>,
        back: &mut impl FnMut(&Reading),
    ) {
        let key = (reading.feed, reading.series.clone());
        let Some(known) = self.series.get_mut(&key) else {
            // One that began after the page was read last has counted nothing that was not watched.
            reading.born = feed.holds_s.is_none()
                && reading.from.zip(self.watched).is_some_and(|(f, w)| f > w);
            kept.push(reading.clone());
            let known = Known {
                kept: reading.at,
                last: reading,
                page: self.page,
            };
            self.series.insert(key, known);
            return;
        };
        known.page = self.page;
        let (before, now) = (known.last.at.second(), reading.at.second());
        if now <= before {
            if now < before {
                back(&reading);
            }
            return;
        }
        let is_break = match feed.holds_s {
            Some(holds) => now - before > holds,
            None => {
                reading.value < known.last.value
                    || reading.from.is_some_and(|from| from.second() > before)
            }
        };
        let slot = |t: Ts| t.second().div_euclid(feed.keep_s);
        if is_break {
            kept.extend(known.unkept());
        }
        if is_break || slot(reading.at) != slot(known.kept) {
            known.kept = reading.at;
            kept.push(reading.clone());
        }
        known.last = reading;
    }
}
