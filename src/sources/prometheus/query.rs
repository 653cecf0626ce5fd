//! Series of a server with the HTTP API of Prometheus, read step by step up to a little behind its clock.
//!
//! Every reading lies on the grid of steps, so two collectors read the same; and after an outage what was missed is read then.

use super::{
    Read, Shared,
    answer::{self, Told},
    keep::Keeper,
    series::Feed,
};
use crate::{
    config::MetricsServer,
    domain::Ts,
    net::{Dated, Reply, Tally},
    sources::{SourceError, run::Run},
};
use url::Url;

/// Steps asked for at once. Servers refuse more than 11,000; fewer keep answers small.
const STEPS_MAX: i64 = 240;

/// One entry of the configuration, asked of a server.
#[derive(Debug)]
pub(super) struct Asked {
    server: MetricsServer,
    /// Place of its feed.
    feed: usize,
    /// The last step that was read.
    reached: Option<Ts>,
}

impl Asked {
    pub(super) fn new(server: &MetricsServer, feed: usize, reached: Option<Ts>) -> Self {
        Self {
            server: server.clone(),
            feed,
            reached,
        }
    }

    pub(super) fn feed<'a>(&self, shared: &'a Shared) -> &'a Feed {
        &shared.feeds[self.feed]
    }

    /// Reads what there is since it was read last; adds the facts of what is kept of it.
    pub(super) async fn read(
        &mut self,
        shared: &Shared,
        keeper: &mut Keeper,
        run: &mut Run<'_>,
    ) -> Result<Read, SourceError> {
        let step = i64::from(shared.conf.interval_s);
        let on_grid = |t: i64| t.div_euclid(step) * step;
        let (now, skew_us) = self.clock(shared, &run.tally).await?;
        let last = on_grid(now.second() - i64::from(self.server.delay_s));
        let earliest = on_grid(last - i64::from(self.server.catch_up_s));
        let reached = self.reached.map_or(last, |t| on_grid(t.second()));
        let mut from = reached.clamp(earliest, last);
        let (mut read, mut series) = (Read::default(), 0);
        loop {
            let to = last.min(from + (STEPS_MAX - 1) * step);
            let told = self.range(shared, [from, to, step], &run.tally).await?;
            series = series.max(told.series);
            read.readings += told.at.values().map(Vec::len).sum::<usize>();
            read.remarks.join(told.remarks);
            let mut at = told.at;
            for second in (from..=to).step_by(usize::try_from(step).unwrap_or(1)) {
                let time = Ts::from_second(second);
                let readings = at.remove(&time).unwrap_or_default();
                let kept = keeper.page(&shared.feeds, readings, time, |_| {});
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
            let what = self.feed(shared).shown().to_owned();
            read.remarks.missing.insert(what);
        }
        Ok(read)
    }

    /// The server's clock, and how far it is ahead of ours in microseconds.
    async fn clock(&self, shared: &Shared, tally: &Tally) -> Result<(Ts, i64), SourceError> {
        let asked = [("query", "time()")];
        let (url, reply) = self.ask(shared, "query", &asked, tally).await?;
        let now = answer::clock(&reply.body).map_err(|why| metrics(&url, why))?;
        Ok((now, now.0.saturating_sub(shared.clock.now().0)))
    }

    async fn range(
        &self,
        shared: &Shared,
        from_to_step: [i64; 3],
        tally: &Tally,
    ) -> Result<Told, SourceError> {
        let expression = answer::expression(self.feed(shared));
        let [from, to, step] = from_to_step.map(|n| n.to_string());
        let asked = [
            ("query", expression.as_str()),
            ("start", &from),
            ("end", &to),
            ("step", &step),
        ];
        self.series(shared, "query_range", &asked, tally).await
    }

    /// The series of now.
    pub(super) async fn now(&self, shared: &Shared, tally: &Tally) -> Result<Told, SourceError> {
        let expression = answer::expression(self.feed(shared));
        self.series(shared, "query", &[("query", &expression)], tally)
            .await
    }

    async fn series(
        &self,
        shared: &Shared,
        what: &str,
        asked: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<Told, SourceError> {
        let (url, reply) = self.ask(shared, what, asked, tally).await?;
        answer::series(&reply.body, &shared.feeds, self.feed).map_err(|why| metrics(&url, why))
    }

    async fn ask(
        &self,
        shared: &Shared,
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
        let request = shared.request(&url).await?;
        let reply = shared.client.send(&request, tally).await?;
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
