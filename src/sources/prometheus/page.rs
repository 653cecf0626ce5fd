//! A page of metrics -> readings. Pure.

use super::series::{Feed, Labels, Reading, Remarks};
use crate::{
    domain::{Decimal, Ts},
    exposition::{Error, Event, Events, Format, Kind, Sample},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// A sample's own time may be so far ahead of its page's; clocks of one machine differ by less.
const AHEAD_S: i64 = 60;
/// And so far behind: what is older tells of nothing that is there.
const BEHIND_S: i64 = 86_400;

/// What a page says of what is metered.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// In the order of the page.
    pub(super) readings: Vec<Reading>,
    /// Samples of all kinds.
    pub(super) samples: usize,
    /// What was not read.
    pub(super) remarks: Remarks,
}

/// Why a page is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPage {
    /// It breaks the rules of its format.
    #[error("the page cannot be read: {0}")]
    Format(#[from] Error),
    /// The configuration says otherwise.
    #[error(
        "`{metric}` is a counter, says the page, and feeds `{meter}`, which is a level: declare the meter as an amount"
    )]
    Counter {
        /// Of which.
        metric: String,
        /// The meter.
        meter: String,
    },
}

/// Reads a page that was made at `date`. `own` are its target's labels.
///
/// # Errors
/// [`BadPage`]: then nothing of it is read, for what stands before an error may be the half of something.
pub(super) fn read(
    body: &[u8],
    format: Format,
    feeds: &[Feed],
    own: &BTreeMap<String, String>,
    date: Ts,
) -> Result<Page, BadPage> {
    let wanted = Wanted::of(feeds);
    let mut page = Page::default();
    let (mut samples, mut starts) = (Vec::new(), Starts::default());
    let mut family = ("", Kind::Unknown);
    for event in Events::new(body, format) {
        match event? {
            Event::Type { family: name, kind } => family = (name, kind),
            Event::Sample(sample) => {
                page.samples += 1;
                if wanted.starts.contains(sample.name) {
                    starts.note(&sample);
                }
                let Some(fed) = wanted.feeds.get(sample.name) else {
                    continue;
                };
                let is_counter = family.1 == Kind::Counter
                    && sample.name.strip_suffix("_total").unwrap_or(sample.name)
                        == family.0.strip_suffix("_total").unwrap_or(family.0);
                if is_counter && let Some(gauge) = fed.iter().find(|i| feeds[**i].holds_s.is_some())
                {
                    return Err(BadPage::Counter {
                        metric: sample.name.to_owned(),
                        meter: feeds[*gauge].meter.clone(),
                    });
                }
                samples.push((sample, fed.as_slice()));
            }
            Event::Help { .. } | Event::Unit { .. } => {}
        }
    }
    let mut met = BTreeSet::new();
    for (sample, fed) in samples {
        let labels = labels(&sample, own);
        for feed in fed.iter().filter(|i| feeds[**i].wants(&labels)) {
            met.insert(*feed);
            let one = &feeds[*feed];
            let read = time(&sample, date).and_then(|at| {
                let from = starts.of(one, &sample);
                one.reading(*feed, &labels, sample.value.as_str(), at, from)
            });
            match read {
                Ok(reading) => page.readings.push(reading),
                Err(why) => page.remarks.add(&one.series(&labels), &why),
            }
        }
    }
    let unmet = feeds.iter().enumerate().filter(|(i, _)| !met.contains(i));
    page.remarks
        .missing
        .extend(unmet.map(|(_, f)| f.name().to_owned()));
    page.drop_contradictions();
    Ok(page)
}

impl Page {
    /// A series that shows two values at one time shows none.
    pub(super) fn drop_contradictions(&mut self) {
        let all = &mut self.readings;
        all.sort_by(|a, b| (a.feed, &a.series, a.at).cmp(&(b.feed, &b.series, b.at)));
        let mut sound = Vec::with_capacity(all.len());
        for alike in all.chunk_by(|a, b| (a.feed, &a.series, a.at) == (b.feed, &b.series, b.at)) {
            if alike.iter().all(|r| r.value == alike[0].value) {
                sound.push(alike[0].clone());
            } else {
                self.remarks
                    .add(&alike[0].series, "it is there twice, with different values");
            }
        }
        *all = sound;
    }
}

/// The names that matter, so that the others cost nothing.
struct Wanted<'a> {
    feeds: HashMap<&'a str, Vec<usize>>,
    starts: BTreeSet<Cow<'a, str>>,
}

impl<'a> Wanted<'a> {
    fn of(feeds: &'a [Feed]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, feed) in feeds.iter().enumerate() {
            by_name.entry(feed.name()).or_default().push(i);
        }
        Self {
            feeds: by_name,
            starts: feeds.iter().filter_map(start_of).collect(),
        }
    }
}

/// The metric that tells since when a counter counts.
fn start_of(feed: &Feed) -> Option<Cow<'_, str>> {
    if let Some(name) = &feed.start {
        return Some(name.into());
    }
    let family = feed.name().strip_suffix("_total")?;
    feed.holds_s
        .is_none()
        .then(|| format!("{family}_created").into())
}

/// Labels in the order of their names.
type Sorted<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Times since when counters count, by metric and labels.
#[derive(Default)]
struct Starts<'a>(HashMap<(&'a str, Sorted<'a>), Ts>);

impl<'a> Starts<'a> {
    fn note(&mut self, sample: &Sample<'a>) {
        let micros = Decimal::parse(sample.value.as_str()).and_then(|n| n.floor(6));
        let time = micros.ok().and_then(|n| i64::try_from(n).ok());
        // Zero is what those say that do not know.
        if let Some(t) = time.filter(|t| *t > 0) {
            self.0.insert((sample.name, sorted(sample)), Ts(t));
        }
    }

    /// With the same labels, or with none.
    fn of(&self, feed: &Feed, sample: &Sample<'_>) -> Option<Ts> {
        let name = start_of(feed)?;
        [sorted(sample), Vec::new()]
            .into_iter()
            .find_map(|labels| self.0.get(&(name.as_ref(), labels)))
            .copied()
    }
}

fn sorted<'a>(sample: &Sample<'a>) -> Sorted<'a> {
    let mut labels: Sorted<'a> = sample.labels.iter().map(|l| (l.name, l.value())).collect();
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    labels
}

/// The sample's labels and its target's; its own of the same name are `exported_`, as a Prometheus has them.
fn labels<'a>(sample: &Sample<'a>, own: &'a BTreeMap<String, String>) -> Labels<'a> {
    let renamed = |name: &'a str| match own.contains_key(name) {
        true => Cow::Owned(format!("exported_{name}")),
        false => Cow::Borrowed(name),
    };
    let theirs = sample.labels.iter().map(|l| (renamed(l.name), l.value()));
    let ours = own
        .iter()
        .map(|(name, value)| (Cow::from(name), Cow::from(value)));
    theirs
        .chain(ours)
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The sample's own time; without one, the page's.
fn time(sample: &Sample<'_>, date: Ts) -> Result<Ts, String> {
    let Some(stamp) = sample.timestamp else {
        return Ok(date);
    };
    let told = |what: &str| {
        format!(
            "its time {} is {what} the page's, {date}: is a clock wrong there?",
            stamp.as_str()
        )
    };
    let at = stamp.ts().map_err(|e| e.to_string())?;
    if at > date.plus_seconds(AHEAD_S) {
        return Err(told("more than a minute ahead of"));
    }
    if at < date.plus_seconds(-BEHIND_S) {
        return Err(told("more than a day behind"));
    }
    Ok(at)
}
