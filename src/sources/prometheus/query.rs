//! Series of a server with the HTTP API of Prometheus, read step by step up to a little behind its clock.
//!
//! Every reading lies on the grid of steps, so two collectors read the same; and after an outage what was missed is read then.

use super::{
    Recorded, Samples, Shared,
    answer::{self, Told},
    keep::Keeper,
    series::{Feed, Remarks},
};
use crate::{
    config::MetricsServer,
    domain::{Pass, Ts},
    net::{Dated, Reply, Request, Tally},
    sources::{Finding, Out, SourceError, Verdict, run::Run},
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// Steps asked for at once. Servers refuse more than 11,000; fewer keep answers small.
const STEPS_MAX: i64 = 240;

/// Reads one entry of the configuration from a server.
#[derive(Debug)]
pub struct Querier {
    shared: Arc<Shared>,
    server: MetricsServer,
    /// Place of its feed.
    feed: usize,
    list: String,
    keeper: Keeper,
    /// The last step that was read.
    reached: Option<Ts>,
    offset: Duration,
    recorded: Recorded,
    samples: Samples,
}

impl Querier {
    pub(super) fn new(
        shared: &Arc<Shared>,
        server: &MetricsServer,
        feed: usize,
        list: String,
        reached: Option<Ts>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            server: server.clone(),
            feed,
            list,
            keeper: Keeper::default(),
            reached,
            offset: shared.offset(u32::try_from(feed).unwrap_or(0), shared.feeds.len()),
            recorded: Recorded::default(),
            samples: Samples::default(),
        }
    }

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

    /// Before the first reading: entries are spread over the interval.
    #[must_use]
    pub const fn offset(&self) -> Duration {
        self.offset
    }

    /// What became of samples since this was last asked.
    pub fn samples(&mut self) -> Samples {
        std::mem::take(&mut self.samples)
    }

    fn feed(&self) -> &Feed {
        &self.shared.feeds[self.feed]
    }

    /// Reads what there is since it was read last.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let shared = Arc::clone(&self.shared);
        let mut run = shared.run(&self.list, out);
        let result = self.read(&shared, &mut run).await;
        if result.is_err() {
            let last = self.keeper.lost();
            shared.add(&mut run, last);
        }
        vec![shared.end(run, &mut self.recorded, result).await]
    }

    async fn read(&mut self, shared: &Shared, run: &mut Run<'_>) -> Result<Remarks, SourceError> {
        let step = i64::from(shared.conf.interval_s);
        let on_grid = |t: i64| t.div_euclid(step) * step;
        let (now, skew_us) = self.clock(&run.tally).await?;
        let last = on_grid(now.second() - i64::from(self.server.delay_s));
        let earliest = on_grid(last - i64::from(self.server.catch_up_s));
        let reached = self.reached.map_or(last, |t| on_grid(t.second()));
        let mut from = reached.clamp(earliest, last.max(earliest));
        let mut remarks = Remarks::default();
        let mut series = 0;
        loop {
            let to = last.min(from + (STEPS_MAX - 1) * step);
            let told = self.range(from, to, step, &run.tally).await?;
            series = series.max(told.series);
            let read = told.at.values().map(Vec::len).sum();
            self.samples.add(read, &told.remarks);
            remarks.join(told.remarks);
            let mut at = told.at;
            for second in (from..=to).step_by(usize::try_from(step).unwrap_or(1)) {
                let time = Ts::from_second(second);
                let readings = at.remove(&time).unwrap_or_default();
                let kept = self.keeper.page(&shared.feeds, readings, time, |_| {});
                shared.add(run, kept);
            }
            // Whatever comes of the rest.
            self.reached = Some(Ts::from_second(to));
            if to >= last {
                break;
            }
            run.hand_on().await?;
            from = to + step;
        }
        run.answered(
            Dated {
                at: Ts::from_second(last),
                since: Ts::from_second(last),
                skew_us,
                by_server: true,
            },
            series,
        );
        if series == 0 {
            remarks.missing.insert(self.feed().shown().to_owned());
        }
        Ok(remarks)
    }

    /// The server's clock, and how far it is ahead of ours in microseconds.
    async fn clock(&self, tally: &Tally) -> Result<(Ts, i64), SourceError> {
        let (url, reply) = self.ask("query", &[("query", "time()")], tally).await?;
        let now = answer::clock(&reply.body).map_err(|why| metrics(&url, why))?;
        Ok((now, now.0.saturating_sub(self.shared.clock.now().0)))
    }

    async fn range(
        &self,
        from: i64,
        to: i64,
        step: i64,
        tally: &Tally,
    ) -> Result<Told, SourceError> {
        let times = [from, to, step].map(|n| n.to_string());
        let asked = [
            ("query", answer::expression(self.feed())),
            ("start", times[0].clone()),
            ("end", times[1].clone()),
            ("step", times[2].clone()),
        ];
        let asked = asked
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let (url, reply) = self.ask("query_range", &asked, tally).await?;
        answer::series(&reply.body, &self.shared.feeds, self.feed).map_err(|why| metrics(&url, why))
    }

    async fn ask(
        &self,
        what: &str,
        asked: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<(Url, Reply), SourceError> {
        let mut url = self.server.url.clone();
        url.set_path(&format!(
            "{}/api/v1/{what}",
            url.path().trim_end_matches('/')
        ));
        url.query_pairs_mut().extend_pairs(asked);
        let request: Request = self.shared.request(url.clone())?;
        let reply = self.shared.client.send(&request, tally).await?;
        if reply.is_ok() {
            return Ok((url, reply));
        }
        match answer::error(&reply.body) {
            Some(why) => Err(metrics(
                &url,
                format!("the server refused the query: {why}"),
            )),
            None => Err(reply.error(hint(reply.status)).into()),
        }
    }

    /// Asks for the series of now; changes nothing.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let (feed, list) = (self.feed(), &self.list);
        let expression = answer::expression(feed);
        let asked = self.ask("query", &[("query", &expression)], &tally).await;
        let told = asked.and_then(|(url, reply)| {
            answer::series(&reply.body, &self.shared.feeds, self.feed)
                .map_err(|why| metrics(&url, why))
        });
        let (verdict, what, hint) = match told {
            Err(e) => (Verdict::Error, e.to_string(), ""),
            Ok(told) if told.remarks.count() > 0 => (
                Verdict::Warning,
                told.remarks.unread(),
                "what is not read is not metered",
            ),
            Ok(told) if told.series == 0 => (
                Verdict::Warning,
                format!("no series of {expression} for {}", feed.meter),
                "does the server scrape it, and does `match` fit?",
            ),
            Ok(told) => (
                Verdict::Ok,
                format!("{} series of {expression} for {}", told.series, feed.meter),
                "",
            ),
        };
        vec![Finding {
            verdict,
            what: format!("{list}: {what}"),
            hint: hint.to_owned(),
        }]
    }
}

fn metrics(url: &Url, why: String) -> SourceError {
    let mut place = url.clone();
    // It says what was asked, at length.
    place.set_query(None);
    SourceError::Metrics {
        url: place.to_string(),
        why,
    }
}

/// The way out of an answer that is an error, but none of the API's.
const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "give `bearer_token`, or `username` and `password`, of one who may query it",
        404 => "is `url` what stands before /api/v1/query_range?",
        _ => "see the server's log",
    }
}
