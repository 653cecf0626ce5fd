//! `check --online` of pages and of what is asked of a server.

use super::{Shared, answer, query::Asked, scrape, series::Feed};
use crate::{
    config::Target,
    net::Tally,
    sources::{Finding, Verdict},
};
use std::collections::BTreeMap;

const UNREAD: &str = "what is not read is not metered";

fn finding(verdict: Verdict, what: String, hint: &str) -> Finding {
    Finding {
        verdict,
        what,
        hint: hint.to_owned(),
    }
}

/// Reads a page once.
pub(super) async fn page(shared: &Shared, target: &Target) -> Vec<Finding> {
    let list = &target.name;
    let page = match scrape::ask(shared, target, &Tally::default()).await {
        Ok((_, page)) => page,
        Err(e) => return vec![finding(Verdict::Error, format!("{list}: {e}"), "")],
    };
    let mut by_feed: BTreeMap<usize, usize> = BTreeMap::new();
    for reading in &page.readings {
        *by_feed.entry(reading.feed).or_default() += 1;
    }
    let found = |(i, feed)| {
        let series = by_feed.get(&i).copied().unwrap_or(0);
        let hint = "is the name right, as the page's lines begin, and does `match` fit?";
        found(list, feed, feed.shown(), series, hint)
    };
    let mut findings: Vec<Finding> = (0..).zip(&shared.feeds).map(found).collect();
    if page.remarks.count() > 0 {
        let what = format!("{list}: {}", page.remarks.unread());
        findings.push(finding(Verdict::Warning, what, UNREAD));
    }
    findings
}

/// Asks once.
pub(super) async fn asked(shared: &Shared, asked: &Asked, list: &str) -> Finding {
    let feed = asked.feed(shared);
    match asked.now(shared, &Tally::default()).await {
        Err(e) => finding(Verdict::Error, format!("{list}: {e}"), ""),
        Ok(told) if told.remarks.count() > 0 => {
            let what = format!("{list}: {}", told.remarks.unread());
            finding(Verdict::Warning, what, UNREAD)
        }
        Ok(told) => {
            let hint = "does the server scrape it, and does `match` fit?";
            found(list, feed, &answer::expression(feed), told.series, hint)
        }
    }
}

fn found(list: &str, feed: &Feed, what: &str, series: usize, hint: &str) -> Finding {
    let meter = &feed.meter;
    if series == 0 {
        let what = format!("{list}: no series of {what} for {meter}");
        return finding(Verdict::Warning, what, hint);
    }
    let what = format!("{list}: {series} series of {what} for {meter}");
    finding(Verdict::Ok, what, "")
}
