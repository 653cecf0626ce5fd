//! Metrics in the formats of Prometheus: counters and gauges of whatever publishes them, each of which feeds a declared meter.
//!
//! A page that is scraped is a list with a reader of its own ([`Scraper`]), and so is what is asked of a server ([`Querier`]). What is read become facts of [`crate::domain::Aspect::Reading`]; which of them
//! are kept, `keep` says; what they amount to, the fold.

mod answer;
mod check;
#[doc(hidden)]
pub mod fuzzed;
mod keep;
mod page;
mod query;
mod series;

pub use query::Querier;

use super::{
    Out, Source, SourceError,
    run::{Draft, Fault, Run},
};
use crate::{
    config::{self, HttpLogin, MetricsFrom},
    domain::{Aspect, Evidence, Known, Memory, Outcome, Pass, PassMode, Ts, Value, fact::kind},
    exposition::{ACCEPT, Format},
    net::{Client, Clock, NetError, Options, Reply, Request, Tally},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keep::Keeper;
use page::Page;
use reqwest::header::CONTENT_TYPE;
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

/// Reads one page.
#[derive(Debug)]
pub struct Scraper {
    shared: Arc<Shared>,
    target: config::Target,
    offset: Duration,
    keeper: Keeper,
    recorded: Recorded,
    samples: Samples,
}

/// What became of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Samples {
    /// They are readings.
    pub read: u64,
    /// They tell no value.
    pub unread: u64,
}

impl Samples {
    /// And so many readings more, and those that a pass could not read.
    fn add(&mut self, read: usize, remarks: &Remarks) {
        self.read += u64::try_from(read).unwrap_or(u64::MAX);
        self.unread += remarks.count();
    }
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
    Ok(match &conf.from {
        MetricsFrom::Targets(targets) => (0..)
            .zip(targets)
            .map(|(i, target)| {
                Source::Scraper(Box::new(Scraper {
                    shared: Arc::clone(&shared),
                    target: target.clone(),
                    offset: shared.offset(i, targets.len()),
                    keeper: Keeper::default(),
                    recorded: Recorded::default(),
                    samples: Samples::default(),
                }))
            })
            .collect(),
        MetricsFrom::Server(server) => (0..shared.feeds.len())
            .map(|feed| {
                let list = list_of(&shared.feeds, feed);
                let reached = memory.watermarks.get(&list).copied();
                let querier = Querier::new(&shared, server, feed, list, reached);
                Source::Querier(Box::new(querier))
            })
            .collect(),
    })
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
    /// When the reader of this place among so many begins.
    fn offset(&self, place: u32, of: usize) -> Duration {
        let interval = Duration::from_secs(self.conf.interval_s.into());
        interval * place / u32::try_from(of).unwrap_or(u32::MAX).max(1)
    }

    /// A GET with what logs us in.
    fn request(&self, url: Url) -> Result<Request, NetError> {
        let request = Request::get(url);
        match &self.conf.login {
            None => Ok(request),
            Some(HttpLogin::Bearer(token)) => request
                .secret_header("authorization", &format!("Bearer {}", token.expose()))
                .map(|r| r.hiding(token.expose())),
            Some(HttpLogin::Basic { username, password }) => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                request
                    .secret_header("authorization", &format!("Basic {pair}"))
                    .map(|r| r.hiding(password.expose()))
            }
        }
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
            let draft = Draft {
                aspect: Aspect::Reading,
                evidence: if r.born {
                    Evidence::Record
                } else {
                    Evidence::Sighting
                },
                at: r.at,
                from: r.from.unwrap_or(r.at),
                seen: r.at,
                value: Value::Known(Known {
                    label: r.series,
                    levels: self.feeds[r.feed].levels(r.value),
                    attrs: r.attrs,
                }),
            };
            run.add(kind::MEASURED, &r.resource, [draft], None);
        }
    }

    /// Ends a pass. One that found nothing new is not recorded, if it is like the one before and that is not long ago.
    async fn end(
        &self,
        mut run: Run<'_>,
        recorded: &mut Recorded,
        result: Result<Remarks, SourceError>,
    ) -> Pass {
        let text = result.as_ref().map(Remarks::text).unwrap_or_default();
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

impl Scraper {
    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.conf.name
    }

    /// Between two scrapes.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.shared.conf.interval_s.into())
    }

    /// Before the first scrape: targets are spread over the interval.
    #[must_use]
    pub const fn offset(&self) -> Duration {
        self.offset
    }

    /// What became of samples since this was last asked.
    pub fn samples(&mut self) -> Samples {
        std::mem::take(&mut self.samples)
    }

    /// Reads the page once.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let shared = Arc::clone(&self.shared);
        let mut run = shared.run(&self.target.name, out);
        let result = match self.scrape(&run.tally).await {
            Ok((reply, mut page)) => {
                run.answered(reply.date, page.samples);
                let readings = std::mem::take(&mut page.readings);
                let read = readings.len();
                let remarks = &mut page.remarks;
                let kept = self
                    .keeper
                    .page(&shared.feeds, readings, reply.date.since, |r| {
                        remarks.add(&r.series, "its time went back");
                    });
                shared.add(&mut run, kept);
                self.samples.add(read, &page.remarks);
                Ok(page.remarks)
            }
            Err(e) => {
                let last = self.keeper.lost();
                shared.add(&mut run, last);
                Err(e)
            }
        };
        vec![shared.end(run, &mut self.recorded, result).await]
    }

    /// Asks for the page and reads it.
    async fn scrape(&self, tally: &Tally) -> Result<(Reply, Page), SourceError> {
        let url = &self.target.url;
        let request = self.shared.request(url.clone())?.header("accept", ACCEPT)?;
        let reply = self.shared.client.send(&request, tally).await?;
        if !reply.is_ok() {
            return Err(reply.error(hint(reply.status)).into());
        }
        let metrics = |why: String| SourceError::Metrics {
            url: url.to_string(),
            why,
        };
        let content_type = reply
            .headers
            .get(CONTENT_TYPE)
            .and_then(|t| t.to_str().ok())
            .unwrap_or("text/plain");
        let format = Format::of_content_type(content_type).map_err(|e| metrics(e.to_string()))?;
        let page = page::read(
            &reply.body,
            format,
            &self.shared.feeds,
            &self.target.labels,
            reply.date.since,
        )
        .map_err(|e| metrics(e.to_string()))?;
        Ok((reply, page))
    }
}

/// The way out of an answer that is an error.
const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "give `bearer_token`, or `username` and `password`, of one who may read it",
        404 => "is the path right? Most exporters publish at /metrics",
        503 => "the exporter says that it cannot: a standby, or one that is starting",
        _ => "see the exporter's log",
    }
}

#[cfg(test)]
mod tests;
