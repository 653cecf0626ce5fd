//! `check --online` of a page.

use super::{Scraper, series::Feed};
use crate::{
    net::Tally,
    sources::{Finding, Verdict},
};
use std::collections::BTreeMap;

impl Scraper {
    /// Reads the page once; changes nothing.
    pub async fn check_online(&self) -> Vec<Finding> {
        let list = &self.target.name;
        match self.scrape(&Tally::default()).await {
            Err(e) => vec![Finding {
                verdict: Verdict::Error,
                what: format!("{list}: {e}"),
                hint: String::new(),
            }],
            Ok((_, page)) => {
                let mut by_feed: BTreeMap<usize, usize> = BTreeMap::new();
                for reading in &page.readings {
                    *by_feed.entry(reading.feed).or_default() += 1;
                }
                let mut findings: Vec<Finding> = (0..)
                    .zip(&self.shared.feeds)
                    .map(|(i, feed)| found(list, feed, by_feed.get(&i).copied().unwrap_or(0)))
                    .collect();
                if page.remarks.count() > 0 {
                    findings.push(Finding {
                        verdict: Verdict::Warning,
                        what: format!("{list}: {}", page.remarks.unread()),
                        hint: "what is not read is not metered".to_owned(),
                    });
                }
                findings
            }
        }
    }
}

fn found(list: &str, feed: &Feed, series: usize) -> Finding {
    let (meter, what) = (&feed.meter, feed.shown());
    if series == 0 {
        return Finding {
            verdict: Verdict::Warning,
            what: format!("{list}: no series of {what} for {meter}"),
            hint: "is the name right, as the page's lines begin, and does `match` fit?".to_owned(),
        };
    }
    Finding {
        verdict: Verdict::Ok,
        what: format!("{list}: {series} series of {what} for {meter}"),
        hint: String::new(),
    }
}
