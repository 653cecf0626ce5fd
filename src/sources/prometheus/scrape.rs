//! A page is asked for and read.

use super::{
    Read, Shared,
    keep::Keeper,
    page::{self, Page},
};
use crate::{
    config::Target,
    exposition::{ACCEPT, Format},
    net::{Reply, Tally},
    sources::{SourceError, run::Run},
};
use reqwest::header::CONTENT_TYPE;

/// Reads a page once; adds the facts of what is kept of it.
pub(super) async fn read(
    shared: &Shared,
    target: &Target,
    keeper: &mut Keeper,
    run: &mut Run<'_>,
) -> Result<Read, SourceError> {
    let (reply, page) = ask(shared, target, &run.tally).await?;
    run.answered(reply.date, page.samples);
    let mut read = Read {
        readings: page.readings.len(),
        remarks: page.remarks,
    };
    let kept = keeper.page(&shared.feeds, page.readings, reply.date.since, |r| {
        read.remarks.add(&r.series, "its time went back");
    });
    shared.add(run, kept);
    Ok(read)
}

/// Asks for the page.
pub(super) async fn ask(
    shared: &Shared,
    target: &Target,
    tally: &Tally,
) -> Result<(Reply, Page), SourceError> {
    let request = shared
        .request(&target.url)
        .await?
        .header("accept", ACCEPT)?;
    let reply = shared.client.send(&request, tally).await?;
    if !reply.is_ok() {
        return Err(reply.error(hint(reply.status)).into());
    }
    let metrics = |why: String| SourceError::Metrics {
        url: target.url.to_string(),
        why,
    };
    let content_type = reply
        .headers
        .get(CONTENT_TYPE)
        .and_then(|t| t.to_str().ok())
        .unwrap_or("text/plain");
    let format = Format::of_content_type(content_type).map_err(|e| metrics(e.to_string()))?;
    let (labels, date) = (&target.labels, reply.date.since);
    let page = page::read(&reply.body, format, &shared.feeds, labels, date)
        .map_err(|e| metrics(e.to_string()))?;
    Ok((reply, page))
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
