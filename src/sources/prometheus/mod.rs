//! Metrics in the formats of Prometheus: counters and gauges of whatever publishes them, each of which feeds a declared meter.
//!
//! A page that is scraped is a list with a [`Reader`] of its own, and so is each entry that is asked of a server. What is read become facts of [`crate::domain::Aspect::Reading`]; which of them
//! are kept, `keep` says; what they amount to, the fold.

mod answer;
mod check;
#[doc(hidden)]
pub mod fuzzed;
mod keep;
mod page;
mod query;
mod scrape;
mod series;

use super::{
    Finding, Out, Source, SourceError,
    run::{Draft, Fault, Run},
};
use crate::{
    config::{self, MetricsFrom},
    domain::{Known, Memory, Outcome, Pass, PassMode, Ts, fact::kind},
    net::{Client, Clock, Options, Request},
};
use keep::Keeper;
use query::Asked;
use series::{Feed, Reading, Remarks};
use std::{sync::Arc, time::Duration};
use url::Url;

/// The service in passes.
const SERVICE: &str = "prometheus";

/// What the readers of one source share.
#[derive(Debug)]
struct Shared {
    conf: config::Prometheus,
    clock: Clock,
    collector: String,
    client: Client,
    feeds: Vec<Feed>,
}

/// Reads one list: a page, or what is asked of a server.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    list: String,
    offset: Duration,
    from: From,
    keeper: Keeper,
    recorded: Recorded,
    samples: Samples,
}

/// Where a list is read.
#[derive(Debug)]
enum From {
    Page(config::Target),
    Server(Asked),
}

/// What a pass read.
#[derive(Debug, Default)]
struct Read {
    readings: usize,
    remarks: Remarks,
}

/// What became of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Samples {
    /// They are readings.
    pub read: u64,
    /// They tell no value.
    pub unread: u64,
}

/// The last pass that was recorded: its end, how it came out, what it said.
#[derive(Debug, Default)]
struct Recorded(Option<(Ts, Outcome, String)>);

/// What reads a source: a reader for each page, or for each entry that is asked of a server. `memory` says how far those were read.
///
/// # Errors
/// When the CA file or a pattern cannot be used.
pub fn open(
    conf: &config::Prometheus,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
) -> Result<Vec<Source>, SourceError> {
    let options = Options {
        ca_file: conf.ca_file.clone(),
        // The next scrape is soon.
        retries_max: 1,
        ..Options::new(
            Duration::from_secs(conf.timeout_s.into()),
            conf.body_max_bytes,
        )
    };
    let shared = Arc::new(Shared {
        conf: conf.clone(),
        clock: clock.clone(),
        collector: collector.to_owned(),
        client: Client::new(options, clock.clone())?,
        feeds: series::feeds(conf)?,
    });
    let lists: Vec<(String, From)> = match &conf.from {
        MetricsFrom::Targets(targets) => targets
            .iter()
            .map(|t| (t.name.clone(), From::Page(t.clone())))
            .collect(),
        MetricsFrom::Server(server) => (0..shared.feeds.len())
            .map(|feed| {
                let list = list_of(&shared.feeds, feed);
                let reached = memory.watermarks.get(&list).copied();
                (list, From::Server(Asked::new(server, feed, reached)))
            })
            .collect(),
    };
    let of = u32::try_from(lists.len()).unwrap_or(u32::MAX);
    let interval = Duration::from_secs(conf.interval_s.into());
    Ok((0..)
        .zip(lists)
        .map(|(place, (list, from))| {
            Source::Metrics(Box::new(Reader {
                shared: Arc::clone(&shared),
                list,
                offset: interval * place / of,
                from,
                keeper: Keeper::default(),
                recorded: Recorded::default(),
                samples: Samples::default(),
            }))
        })
        .collect())
}

/// The list of what is asked of a server: its meter, and which of those that feed it.
fn list_of(feeds: &[Feed], feed: usize) -> String {
    let meter = &feeds[feed].meter;
    let before = feeds[..feed].iter().filter(|f| f.meter == *meter).count();
    match before {
        0 => meter.clone(),
        n => format!("{meter}/{}", n + 1),
    }
}

impl Shared {
    /// A GET with what logs us in.
    async fn request(&self, url: &Url) -> Result<Request, SourceError> {
        super::logged_in(url, self.conf.login.as_ref(), &self.conf.name).await
    }

    fn run<'a>(&self, list: &str, out: &'a Out) -> Run<'a> {
        Run::start(
            &self.conf.name,
            SERVICE,
            list,
            PassMode::Full,
            &self.collector,
            &self.clock,
            out,
        )
    }

    /// Adds facts of readings.
    fn add(&self, run: &mut Run<'_>, readings: Vec<Reading>) {
        for r in readings {
            let shown = Known {
                label: r.series,
                levels: self.feeds[r.feed].levels(r.value),
                attrs: r.attrs,
            };
            let draft = Draft::reading(r.at, r.from, r.born, shown);
            run.add(kind::MEASURED, &r.resource, [draft], None);
        }
    }

    /// Ends a pass. One that found nothing new is not recorded, if it is like the one before and that is not long ago.
    async fn end(
        &self,
        mut run: Run<'_>,
        recorded: &mut Recorded,
        result: Result<Read, SourceError>,
    ) -> Pass {
        let text = result
            .as_ref()
            .map(|r| r.remarks.text())
            .unwrap_or_default();
        let alike = recorded.0.as_ref().is_some_and(|(at, outcome, said)| {
            let age = run.started().second() - at.second();
            *outcome == Outcome::Complete
                && *said == text
                && age < i64::from(self.conf.recorded_every_s())
        });
        if result.is_ok() {
            run.remark(text.clone());
        }
        if result.is_ok() && alike && !run.has_facts() {
            return run.end_unrecorded();
        }
        let pass = run.end(result.map(drop).map_err(Fault::from)).await;
        if pass.outcome == Outcome::Complete {
            tracing::debug!(
                source = pass.cloud,
                list = pass.list,
                items = pass.items,
                facts = pass.facts,
                "pass complete"
            );
        } else {
            tracing::warn!(source = pass.cloud, list = pass.list, outcome = ?pass.outcome, error = pass.error, "pass does not count");
        }
        recorded.0 = Some((pass.started, pass.outcome, text));
        pass
    }
}

impl Reader {
    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.conf.name
    }

    /// Between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.shared.conf.interval_s.into())
    }

    /// Before the first: the lists of a source are spread over the interval.
    #[must_use]
    pub const fn offset(&self) -> Duration {
        self.offset
    }

    /// What became of samples since this was last asked.
    pub fn samples(&mut self) -> Samples {
        std::mem::take(&mut self.samples)
    }

    /// Reads the list once.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let shared = Arc::clone(&self.shared);
        let mut run = shared.run(&self.list, out);
        let keeper = &mut self.keeper;
        let result = match &mut self.from {
            From::Page(target) => scrape::read(&shared, target, keeper, &mut run).await,
            From::Server(asked) => asked.read(&shared, keeper, &mut run).await,
        };
        match &result {
            Ok(read) => {
                self.samples.read += u64::try_from(read.readings).unwrap_or(u64::MAX);
                self.samples.unread += read.remarks.count();
            }
            Err(_) => {
                let last = self.keeper.lost();
                shared.add(&mut run, last);
            }
        }
        vec![shared.end(run, &mut self.recorded, result).await]
    }

    /// Reads it once; changes nothing.
    pub async fn check_online(&self) -> Vec<Finding> {
        match &self.from {
            From::Page(target) => check::page(&self.shared, target).await,
            From::Server(asked) => vec![check::asked(&self.shared, asked, &self.list).await],
        }
    }
}

#[cfg(test)]
mod tests;
