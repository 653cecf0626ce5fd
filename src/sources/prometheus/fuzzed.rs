//! The parsers of this room on any bytes: for `fuzz/targets.rs`.

use super::{answer, keep::Keeper, page, series::Feed};
use crate::{
    config::{Metric, MetricOwner, SeriesOf},
    domain::Ts,
    exposition::Format,
};
use std::collections::BTreeMap;

/// What is metered of the recorded pages.
fn feeds() -> Vec<Feed> {
    let feed = |name: &str, is_gauge: bool, resource: &str, start: Option<&str>| {
        let metric = Metric {
            of: SeriesOf::Name(name.to_owned()),
            matches: BTreeMap::new(),
            meter: "a.b".to_owned(),
            is_gauge,
            scale: "1e9".to_owned(),
            resource: vec![resource.to_owned()],
            owner: MetricOwner::ContractLabel("namespace".to_owned()),
            dimensions: BTreeMap::new(),
            start: start.map(str::to_owned),
            keep_s: 3_600,
            holds_s: 7_200,
        };
        Feed::new("fuzzed", &metric)
    };
    let start = Some("container_start_time_seconds");
    [
        feed("container_cpu_usage_seconds_total", false, "pod", start),
        feed("container_memory_working_set_bytes", true, "pod", None),
        feed("a_s_total", false, "b", None),
        feed(
            "ipmi_dcmi_power_consumption_current_watts",
            true,
            "instance",
            None,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A page of either format: what is kept of it has a resource and times in order.
#[must_use]
pub fn page(bytes: &[u8]) -> bool {
    let feeds = feeds();
    let own = BTreeMap::from([("instance".to_owned(), "a:1".to_owned())]);
    let now = Ts::from_second(1_795_424_073);
    let read = |format| page::read(bytes, format, &feeds, &own, now);
    let pages = [Format::Text, Format::OpenMetrics].map(read);
    let accepted = pages.iter().any(Result::is_ok);
    for page in pages.into_iter().flatten() {
        let (mut keeper, all) = (Keeper::default(), page.readings.len());
        let kept = keeper.page(&feeds, page.readings, now, |_| {});
        assert!(kept.len() <= all, "no more is kept than is read");
        assert!(
            kept.iter()
                .all(|r| !r.resource.is_empty() && r.from.is_none_or(|from| from <= r.at)),
            "a reading is of something, and counts from before it was read"
        );
    }
    accepted
}

/// An answer about series: its readings lie at the times that it names.
#[must_use]
pub fn answer(bytes: &[u8]) -> bool {
    let feeds = feeds();
    let clock = answer::clock(bytes);
    match answer::series(bytes, &feeds, 0) {
        Ok(told) => {
            assert!(
                told.at
                    .iter()
                    .all(|(at, all)| all.iter().all(|r| r.at == *at && r.value >= 0)),
                "a counter's readings, each at its time"
            );
            true
        }
        Err(why) => {
            assert!(!why.is_empty(), "who refuses says why");
            clock.is_ok()
        }
    }
}
