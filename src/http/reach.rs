//! How far every list reaches, and whether that is far enough.

use crate::{
    config::{Config, Source},
    domain::{Outcome, PassMode, Ts},
    store::ListStatus,
};

/// A clock further off than this is called out (`design.md`: skew alerts above 5 s).
const SKEW_MAX_US: i64 = 5_000_000;

/// One list of one source.
#[derive(Debug, Clone)]
pub struct ListRow {
    /// Where it stands.
    pub status: ListStatus,
    /// Seconds from the watermark to `as_of`; `None` before the first complete pass.
    pub age_s: Option<i64>,
    /// True when it reaches less far than three of its intervals back.
    pub stale: bool,
    /// True when the cloud's clock and ours differ by more than 5 s.
    pub skewed: bool,
}

/// Seconds between passes of a list: projects and servers come each time, flavors with the full lists, other services in a rhythm of their own. `None` for a list that has no next pass to wait
/// for: of a source that is no longer configured, or of what the cloud still knows of the deleted, which is read once at the start.
#[must_use]
pub fn interval_s(config: &Config, status: &ListStatus) -> Option<i64> {
    let source = config.sources.iter().find(|s| s.name() == status.cloud)?;
    if let Source::Prometheus(p) = source {
        return Some(i64::from(p.recorded_every_s()));
    }
    let each = match status.list.as_str() {
        "flavors" => source.full_interval_s(),
        "projects" | "servers" | "usage_log" => source.interval_s(),
        _ if status.last.mode == PassMode::Events => source.interval_s(),
        _ => source.inventory_interval_s(),
    };
    (status.last.mode != PassMode::Deleted).then_some(i64::from(each))
}

/// True when a list reaches less far than three of its intervals back from `now`; one without intervals, when it never was read completely.
#[must_use]
pub fn is_stale(config: &Config, status: &ListStatus, now: Ts) -> bool {
    match (reaches_to(status), interval_s(config, status)) {
        (Some(t), Some(interval)) => now.second() - t.second() > 3 * interval,
        (None, _) => config.sources.iter().any(|s| s.name() == status.cloud),
        (Some(_), None) => false,
    }
}

/// The time up to which a list was read completely: its watermark, or for a list that keeps none its last pass, if that was complete.
#[must_use]
pub fn reaches_to(status: &ListStatus) -> Option<Ts> {
    let last = (status.last.outcome == Outcome::Complete).then_some(status.last.watermark);
    status.watermark.max(last)
}

/// Place of a service on the page: projects and servers first, then what they use.
fn service_rank(word: &str) -> (usize, String) {
    const ORDER: [&str; 9] = [
        "identity",
        "compute",
        "placement",
        "volume",
        "image",
        "share",
        "object-store",
        "network",
        "load-balancer",
    ];
    let place = ORDER.iter().position(|s| *s == word);
    (place.unwrap_or(ORDER.len()), word.to_owned())
}

/// Rows of the page: by source, then service by service.
pub(super) fn list_rows(config: &Config, mut lists: Vec<ListStatus>, as_of: Ts) -> Vec<ListRow> {
    lists.sort_by_cached_key(|l| {
        (
            l.cloud.clone(),
            service_rank(&l.last.service),
            l.list.clone(),
        )
    });
    lists
        .into_iter()
        .map(|status| ListRow {
            age_s: reaches_to(&status).map(|w| (as_of.second() - w.second()).max(0)),
            stale: is_stale(config, &status, as_of),
            skewed: status.last.skew_us.saturating_abs() > SKEW_MAX_US,
            status,
        })
        .collect()
}
