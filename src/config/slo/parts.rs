//! The parts of an SLO that OpenSLO leaves open: what is counted, over which time, how much of it.

use super::super::{
    checker::Checker,
    leaf::Seconds,
    openslo::{self as o, SourceType, Truth},
    problem::Path,
    shape,
};
use crate::slo::{Counter, Selector, Sli, Target, Unit, Window};
use chrono::{Datelike as _, NaiveDateTime, NaiveTime, Weekday};

pub(super) fn indicator_of(c: &mut Checker<'_>, sli: &o::Sli, path: &Path) -> Option<Sli> {
    if sli.threshold_metric.is_some() {
        let hint = "what is above a threshold is no count of events: count them by a ratioMetric, of a histogram's bucket and its count";
        c.error(&path.key("thresholdMetric"), "is not taken", hint);
    }
    let path = path.key("ratioMetric");
    let Some(ratio) = &sli.ratio_metric else {
        if sli.threshold_metric.is_none() {
            c.error(
                &path,
                "is missing",
                "an indicator is good (or bad) events of total ones",
            );
        }
        return None;
    };
    if ratio.raw.is_some() || ratio.raw_type.is_some() {
        c.error(
            &path.key("raw"),
            "is not taken",
            "a ratio has lost its counts, and averages of ratios are no ratio: give good and total",
        );
        return None;
    }
    if ratio.counter != Some(Truth::True) {
        c.error(
            &path.key("counter"),
            "has to be true",
            "good and total are counters that only grow",
        );
    }
    let Some(total) = &ratio.total else {
        c.error(
            &path.key("total"),
            "is missing",
            "all events, good and bad ones",
        );
        return None;
    };
    let (word, part) = match (&ratio.good, &ratio.bad) {
        (Some(good), None) => ("good", good),
        (None, Some(bad)) => ("bad", bad),
        _ => {
            c.error(
                &path.key("good"),
                "an indicator has good or bad events",
                "give one of the two: the other is what remains",
            );
            return None;
        }
    };
    let kinds = [
        kind(c, total, &path.key("total")),
        kind(c, part, &path.key(word)),
    ];
    match kinds {
        [Some(SourceType::Plimsoll), Some(SourceType::Plimsoll)] => {
            facts(c, total, part, word, &path)
        }
        [Some(a), Some(b)] if a != SourceType::Plimsoll && b != SourceType::Plimsoll => {
            let [total, part] =
                [(total, "total"), (part, word)].map(|(s, word)| query(c, s, &path.key(word)));
            let part = if word == "good" {
                Counter::Good(part?)
            } else {
                Counter::Bad(part?)
            };
            Some(Sli::Counters {
                part,
                total: total?,
                tenant: None,
            })
        }
        [Some(_), Some(_)] => {
            c.error(
                &path.key(word),
                "is of another type than `total`",
                "both are counted at one place",
            );
            None
        }
        _ => None,
    }
}

fn kind(c: &mut Checker<'_>, source: &o::Source, path: &Path) -> Option<SourceType> {
    let path = path.key("metricSource");
    if source.metric_source.metric_source_ref.is_some() {
        c.error(
            &path.key("metricSourceRef"),
            "is not taken",
            "give `type` and `spec` here",
        );
        return None;
    }
    if source.metric_source.kind.is_none() {
        c.error(
            &path.key("type"),
            "is missing",
            "plimsoll (facts) or prometheus (counters that it scrapes)",
        );
    }
    source.metric_source.kind
}

/// A selector of Prometheus.
fn query(c: &mut Checker<'_>, source: &o::Source, path: &Path) -> Option<String> {
    let path = path.key("metricSource").key("spec");
    let spec = &source.metric_source.spec;
    for key in spec.keys().filter(|k| *k != "query") {
        c.error(&path.key(key), "is not a key here", "known is query");
    }
    let Some(query) = spec.get("query") else {
        c.error(
            &path.key("query"),
            "is missing",
            "a counter: `http_requests_total{job=\"api\"}`",
        );
        return None;
    };
    match Selector::parse(query) {
        Ok(selector) => Some(selector.to_string()),
        Err(e) => {
            c.error(
                &path.key("query"),
                e.to_string(),
                "windows are put around it by `plimsoll rules`: `http_requests_total{job=\"api\"}`",
            );
            None
        }
    }
}

/// Events of facts.
fn facts(
    c: &mut Checker<'_>,
    total: &o::Source,
    part: &o::Source,
    word: &str,
    path: &Path,
) -> Option<Sli> {
    if word == "bad" {
        c.error(
            &path.key("bad"),
            "is not taken of facts",
            "give the good ones: `{event: server.boot, within: 10m}`",
        );
    }
    let all = event(c, total, &path.key("total"), false)?;
    let good = event(c, part, &path.key(word), true)?;
    if (&all.event, &all.probe) != (&good.event, &good.probe) {
        c.error(
            &path.key(word),
            "is of another event than `total`",
            "good ones are some of all: name the same event in both",
        );
        return None;
    }
    match all.event {
        Known::ServerBoot => Some(Sli::ServerBoot {
            within_s: good
                .within_us
                .and_then(|us| u32::try_from(us / 1_000_000).ok()),
        }),
        Known::Probe => Some(Sli::Probe {
            probe: all.probe?,
            within_us: good.within_us,
        }),
    }
}

/// Events that facts tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    ServerBoot,
    Probe,
}

/// Which events.
struct Event {
    event: Known,
    probe: Option<String>,
    within_us: Option<u64>,
}

fn event(c: &mut Checker<'_>, source: &o::Source, path: &Path, is_good: bool) -> Option<Event> {
    let path = path.key("metricSource").key("spec");
    let spec = &source.metric_source.spec;
    let event = match spec.get("event").map(String::as_str) {
        Some("server.boot") => Known::ServerBoot,
        Some("probe") => Known::Probe,
        Some(other) => {
            c.error(
                &path.key("event"),
                format!("`{other}` is not known"),
                "known are server.boot and probe",
            );
            return None;
        }
        None => {
            c.error(&path.key("event"), "is missing", "server.boot or probe");
            return None;
        }
    };
    let keys = ["event", "probe", "within"];
    let taken = |key: &str| match key {
        "event" => true,
        "probe" => event == Known::Probe,
        _ => key == "within" && is_good,
    };
    for key in spec.keys().filter(|k| !taken(k)) {
        let known = keys.into_iter().filter(|k| taken(k));
        c.error(
            &path.key(key),
            "is not a key here",
            shape::unknown_hint(key, known),
        );
    }
    let probe = spec.get("probe").filter(|_| event == Known::Probe).cloned();
    if event == Known::Probe && probe.is_none() {
        c.error(
            &path.key("probe"),
            "is missing",
            "the name of a probe, of a source of kind `probes`",
        );
        return None;
    }
    // A boot's times are of whole seconds.
    let (least_us, least, most_us, most) = match event {
        Known::ServerBoot => (1_000_000, "1s", 86_400_000_000, "1d"),
        Known::Probe => (1_000, "1ms", 60_000_000, "1m"),
    };
    let within_us = match spec.get("within").map(|t| micros(t)) {
        Some(Ok(us)) if (least_us..=most_us).contains(&us) && us % least_us == 0 => Some(us),
        Some(Ok(_)) => {
            c.error(
                &path.key("within"),
                format!("`{}` is out of bounds", spec["within"]),
                format!("from {least} to {most}"),
            );
            None
        }
        Some(Err(what)) => {
            c.error(&path.key("within"), what, "write it as 10m, 2s or 500ms");
            None
        }
        None => None,
    };
    Some(Event {
        event,
        probe,
        within_us,
    })
}

/// A length of time, as short as milliseconds.
fn micros(text: &str) -> Result<u64, String> {
    if let Some(ms) = text.strip_suffix("ms") {
        let ms: Result<u32, _> = ms.parse();
        return ms
            .map(|ms| u64::from(ms) * 1_000)
            .map_err(|_| format!("`{text}` is no length of time"));
    }
    let seconds = Seconds::try_from(text.to_owned())?;
    Ok(u64::from(seconds.0) * 1_000_000)
}

pub(super) fn window(c: &mut Checker<'_>, all: &[o::TimeWindow], path: &Path) -> Option<Window> {
    let [one] = all else {
        c.error(
            path,
            "an SLO has one window",
            "give one; another window is another SLO",
        );
        return None;
    };
    let path = path.index(0);
    let (digits, unit) = one.duration.split_at(one.duration.len().saturating_sub(1));
    let n: u32 = digits.parse().unwrap_or(0);
    if one.is_rolling == Some(Truth::True) {
        if one.calendar.is_some() {
            c.error(
                &path.key("calendar"),
                "stands in a rolling window",
                "a window is one or the other",
            );
        }
        let unit_s = match unit {
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => {
                let hint = "months differ: write 30d, or make it a calendar window";
                c.error(
                    &path.key("duration"),
                    format!("{} is no length of time", one.duration),
                    hint,
                );
                return None;
            }
        };
        let seconds = n.saturating_mul(unit_s);
        if !(Window::ROLLING_MIN_S..=Window::ROLLING_MAX_S).contains(&seconds) {
            c.error(
                &path.key("duration"),
                format!("{} is out of bounds", one.duration),
                "from 1h to 366d",
            );
            return None;
        }
        return Some(Window::Rolling(seconds));
    }
    let Some(calendar) = &one.calendar else {
        let hint = "isRolling: true, or calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Stockholm}";
        c.error(
            &path.key("isRolling"),
            "the window is neither rolling nor of the calendar",
            hint,
        );
        return None;
    };
    let unit = match (n, unit) {
        (1, "d") => Unit::Day,
        (1, "w") => Unit::Week,
        (1, "M") => Unit::Month,
        (1, "Q") => Unit::Quarter,
        (1, "Y") => Unit::Year,
        _ => {
            c.error(
                &path.key("duration"),
                format!("{} is no unit of the calendar", one.duration),
                "1d, 1w, 1M, 1Q or 1Y",
            );
            return None;
        }
    };
    let start = NaiveDateTime::parse_from_str(&calendar.start_time, "%Y-%m-%d %H:%M:%S");
    let begins = start.is_ok_and(|t| {
        let first = t.day() == 1;
        t.time() == NaiveTime::MIN
            && match unit {
                Unit::Day => true,
                Unit::Week => t.weekday() == Weekday::Mon,
                Unit::Month => first,
                Unit::Quarter => first && t.month0() % 3 == 0,
                Unit::Year => first && t.month0() == 0,
            }
    });
    if !begins {
        let hint = "midnight of its first day (weeks: a Monday): 2026-01-01 00:00:00";
        c.error(
            &path.key("calendar").key("startTime"),
            format!("`{}` is not where one begins", calendar.start_time),
            hint,
        );
    }
    Some(Window::Calendar(unit, calendar.time_zone.0))
}

pub(super) fn target(c: &mut Checker<'_>, all: &[o::Objective], path: &Path) -> Option<Target> {
    let [one] = all else {
        c.error(
            path,
            "an SLO has one objective",
            "give one; another target is another SLO",
        );
        return None;
    };
    let path = path.index(0);
    let refused = [
        (
            "targetPercent",
            one.target_percent.is_some(),
            "write target: 0.999",
        ),
        (
            "op",
            one.op.is_some(),
            "it belongs to a threshold: count good events",
        ),
        (
            "value",
            one.value.is_some(),
            "it belongs to a threshold: count good events",
        ),
        (
            "timeSliceTarget",
            one.time_slice_target.is_some(),
            "it belongs to time slices: events are counted",
        ),
        (
            "timeSliceWindow",
            one.time_slice_window.is_some(),
            "it belongs to time slices: events are counted",
        ),
    ];
    for (key, _, hint) in refused.iter().filter(|(_, there, _)| *there) {
        c.error(&path.key(key), "is not taken", *hint);
    }
    let path = path.key("target");
    let Some(part) = one.target.clone() else {
        c.error(&path, "is missing", "the share that shall be good: 0.999");
        return None;
    };
    let text = c.part(part, &path)?.0;
    match Target::parse(&text) {
        Ok(target) => Some(target),
        Err(e) => {
            c.error(&path, e.to_string(), "");
            None
        }
    }
}
