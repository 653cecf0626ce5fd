//! Judges a source of metrics: where they come from, and which meters they feed.

use crate::{
    config::{
        checker::Checker,
        login,
        problem::Path,
        raw, shape,
        types::{Metric, MetricOwner, MetricsFrom, MetricsServer, Prometheus, SeriesOf, Target},
    },
    domain::{Meter, meter::Kind},
};
use std::collections::BTreeSet;

/// Longest expression; it travels in an address.
const QUERY_MAX: usize = 2_000;

/// What a source may name.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Known<'a> {
    /// Declared meters; `None` where they could not be judged.
    pub(in crate::config) meters: Option<&'a [Meter]>,
    /// Names of sources.
    pub(in crate::config) sources: &'a BTreeSet<String>,
}

/// Judges a source.
pub(super) fn prometheus(
    c: &mut Checker<'_>,
    raw: &raw::Prometheus,
    known: Known<'_>,
    path: &Path,
) -> Option<Prometheus> {
    c.within(&path.key("interval"), &raw.interval, 1, 3_600);
    c.within(&path.key("timeout"), &raw.timeout, 1, 600);
    c.at_least(&path.key("body_max"), &raw.body_max, 64 << 10);
    let login = login::login(c, &raw.bearer_token, &raw.username, &raw.password, path);
    let from = from(c, raw, path, login.is_some());
    let is_server = raw.server.is_some();
    if raw.metrics.is_empty() {
        c.error(&path.key("metrics"), "is empty", "name what is metered");
    }
    let mut metrics: Vec<Metric> = Vec::new();
    for (i, part) in raw.metrics.iter().enumerate() {
        let path = path.key("metrics").index(i);
        let Some(raw_metric) = c.part(part.clone(), &path) else {
            continue;
        };
        if let Some(metric) = metric(c, &raw_metric, &raw.name, is_server, known, &path) {
            if metrics.contains(&metric) {
                c.error(&path, "is there already", "keep one of them");
            }
            metrics.push(metric);
        }
    }
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    Some(Prometheus {
        name: raw.name.clone(),
        from: from?,
        metrics,
        interval_s: raw.interval.0,
        timeout_s: raw.timeout.0,
        body_max_bytes: raw.body_max.0,
        login,
        ca_file,
    })
}

fn from(
    c: &mut Checker<'_>,
    raw: &raw::Prometheus,
    path: &Path,
    logs_in: bool,
) -> Option<MetricsFrom> {
    match (&raw.server, raw.targets.is_empty()) {
        (Some(_), false) => {
            c.error(
                &path.key("server"),
                "stands beside `targets`",
                "make two sources of it: one is scraped, one is asked",
            );
            None
        }
        (None, true) => {
            c.error(
                &path.key("targets"),
                "is missing or empty",
                "give pages to scrape as `targets`, or a Prometheus as `server`",
            );
            None
        }
        (Some(server), true) => server_of(c, server, &path.key("server"), logs_in),
        (None, false) => Some(MetricsFrom::Targets(targets(
            c,
            &raw.targets,
            &path.key("targets"),
            logs_in,
        ))),
    }
}

fn server_of(
    c: &mut Checker<'_>,
    part: &raw::Part<raw::MetricsServer>,
    path: &Path,
    logs_in: bool,
) -> Option<MetricsFrom> {
    let raw = c.part(part.clone(), path)?;
    c.within(&path.key("delay"), &raw.delay, 0, 3_600);
    c.within(&path.key("catch_up"), &raw.catch_up, 0, 366 * 86_400);
    let url = c.part(raw.url, &path.key("url"))?.0;
    if url.query().is_some() || url.fragment().is_some() {
        c.error(
            &path.key("url"),
            "has a query",
            "give what stands before /api/v1/query_range",
        );
    }
    if logs_in {
        c.in_clear(&url, &path.key("url"));
    }
    Some(MetricsFrom::Server(MetricsServer {
        url,
        delay_s: raw.delay.0,
        catch_up_s: raw.catch_up.0,
    }))
}

fn targets(
    c: &mut Checker<'_>,
    raw: &[raw::Part<raw::Target>],
    path: &Path,
    logs_in: bool,
) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    for (i, part) in raw.iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = c.part(part.clone(), &path) else {
            continue;
        };
        let Some(url) = c.part(raw.url, &path.key("url")).map(|u| u.0) else {
            continue;
        };
        if logs_in {
            c.in_clear(&url, &path.key("url"));
        }
        let instance = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let mut labels = raw.labels;
        for name in labels.keys() {
            label(c, name, &path.key("labels").key(name));
        }
        labels
            .entry("instance".to_owned())
            .or_insert_with(|| instance.clone());
        let name = raw.name.unwrap_or(instance);
        if all.iter().any(|t| t.name == name) {
            c.error(
                &path.key("name"),
                format!("`{name}` is the name of another target"),
                "names are unique: give this one its own",
            );
        }
        all.push(Target { url, name, labels });
    }
    all
}

fn label(c: &mut Checker<'_>, name: &str, path: &Path) {
    let word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !word || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        c.error(
            path,
            format!("`{name}` is not the name of a label"),
            "letters, digits and `_`, not a digit first",
        );
    }
}

fn metric(
    c: &mut Checker<'_>,
    raw: &raw::Metric,
    source: &str,
    is_server: bool,
    known: Known<'_>,
    path: &Path,
) -> Option<Metric> {
    let of = series_of(c, raw, is_server, path);
    let labels = [
        ("scope", &raw.scope),
        ("contract_label", &raw.contract_label),
    ];
    for (key, name) in labels {
        if let Some(name) = name {
            label(c, name, &path.key(key));
        }
    }
    for (i, name) in raw.resource.iter().enumerate() {
        label(c, name, &path.key("resource").index(i));
    }
    if raw.resource.is_empty() {
        c.error(
            &path.key("resource"),
            "is empty",
            "name the labels that tell one thing from another",
        );
    }
    for name in raw.matches.keys() {
        label(c, name, &path.key("match").key(name));
    }
    let owner = owner(c, raw, source, known, path);
    let (keep, day) = (raw.keep.0, 86_400);
    c.within(&path.key("keep"), &raw.keep, 60, day);
    if keep > 0 && !day.is_multiple_of(keep) {
        c.error(
            &path.key("keep"),
            format!("{} is no whole part of a day", raw.keep),
            "1m, 5m, 15m, 1h, 1d: months then begin where a stretch does",
        );
    }
    let meter = meter(c, raw, known, path)?;
    let is_gauge = meter.kind == Kind::Level;
    unfit(c, raw, is_gauge, path);
    if is_server && raw.metric.is_some() && raw.start.is_some() {
        c.error(
            &path.key("start"),
            "is read from pages alone",
            "leave it out: of a server each step is read, and a new beginning shows as a decrease",
        );
    }
    if let Some(holds) = &raw.holds {
        c.within(&path.key("holds"), holds, keep, 7 * day);
    }
    Some(Metric {
        of: of?,
        matches: raw
            .matches
            .iter()
            .map(|(l, p)| (l.clone(), p.0.clone()))
            .collect(),
        meter: raw.meter.clone(),
        is_gauge,
        scale: raw.scale.0.clone(),
        resource: raw.resource.clone(),
        owner: owner?,
        dimensions: raw.dimensions.clone(),
        start: raw.start.clone(),
        keep_s: keep,
        holds_s: raw.holds.as_ref().map_or(2 * keep, |h| h.0),
    })
}

/// Says which keys are for the other kind of series.
fn unfit(c: &mut Checker<'_>, raw: &raw::Metric, is_gauge: bool, path: &Path) {
    if is_gauge && raw.start.is_some() {
        c.error(
            &path.key("start"),
            format!(
                "`{}` is a level, which gauges feed: they have no start",
                raw.meter
            ),
            "leave it out, or declare the meter as an amount",
        );
    }
    if !is_gauge && raw.holds.is_some() {
        c.error(
            &path.key("holds"),
            format!(
                "`{}` is an amount, which counters feed: they hold nothing",
                raw.meter
            ),
            "leave it out, or declare the meter as a level",
        );
    }
}

fn series_of(
    c: &mut Checker<'_>,
    raw: &raw::Metric,
    is_server: bool,
    path: &Path,
) -> Option<SeriesOf> {
    match (&raw.metric, &raw.query) {
        (Some(name), None) => Some(SeriesOf::Name(name.clone())),
        (None, Some(query)) => {
            let path_of_query = path.key("query");
            if !is_server {
                c.error(
                    &path_of_query,
                    "needs a `server` to ask",
                    "of `targets` name a `metric`",
                );
            }
            if query.len() > QUERY_MAX {
                c.error(
                    &path_of_query,
                    format!("is longer than {QUERY_MAX} bytes"),
                    "make a recording rule of it",
                );
            }
            if !raw.matches.is_empty() || raw.start.is_some() {
                let key = if raw.start.is_some() {
                    "start"
                } else {
                    "match"
                };
                c.error(
                    &path.key(key),
                    "stands beside `query`, which says it all",
                    "leave it out",
                );
            }
            Some(SeriesOf::Query(query.trim().to_owned()))
        }
        (Some(_), Some(_)) => {
            c.error(
                &path.key("query"),
                "stands beside `metric`",
                "keep one of them",
            );
            None
        }
        (None, None) => {
            if !c.root.has(&path.key("metric")) && !c.root.has(&path.key("query")) {
                c.error(
                    path,
                    "says not which series",
                    "give `metric`, the name of samples, or `query`",
                );
            }
            None
        }
    }
}

fn owner(
    c: &mut Checker<'_>,
    raw: &raw::Metric,
    source: &str,
    known: Known<'_>,
    path: &Path,
) -> Option<MetricOwner> {
    let ways = [
        ("scope", raw.scope.is_some()),
        ("contract", raw.contract.is_some()),
        ("contract_label", raw.contract_label.is_some()),
    ];
    let mut given = ways.iter().filter(|(_, there)| *there);
    if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
        c.error(
            &path.key(second),
            format!("stands beside `{first}`, which says whose it is too"),
            "keep one of them",
        );
        return None;
    }
    if let Some(cloud) = &raw.cloud {
        let path = path.key("cloud");
        if raw.scope.is_none() {
            c.error(&path, "needs `scope`, a label with scopes of it", "add it");
        }
        if !known.sources.contains(cloud) {
            let hint = shape::unknown_hint(cloud, known.sources.iter().map(String::as_str));
            c.error(&path, format!("`{cloud}` is no source"), hint);
        }
    }
    Some(match (&raw.scope, &raw.contract, &raw.contract_label) {
        (Some(label), ..) => MetricOwner::Scope {
            cloud: raw.cloud.clone().unwrap_or_else(|| source.to_owned()),
            label: label.clone(),
        },
        (_, Some(contract), _) => MetricOwner::Contract(contract.clone()),
        (.., Some(label)) => MetricOwner::ContractLabel(label.clone()),
        (None, None, None) => MetricOwner::Nobody,
    })
}

fn meter<'a>(
    c: &mut Checker<'_>,
    raw: &raw::Metric,
    known: Known<'a>,
    path: &Path,
) -> Option<&'a Meter> {
    let declared = known.meters?;
    let Some(meter) = declared.iter().find(|m| m.name == raw.meter) else {
        let hint = if declared.is_empty() {
            "declare it under `meters: declared:`".to_owned()
        } else {
            shape::unknown_hint(&raw.meter, declared.iter().map(|m| m.name.as_str()))
        };
        c.error(
            &path.key("meter"),
            format!("`{}` is not declared", raw.meter),
            hint,
        );
        return None;
    };
    for (dimension, name) in &raw.dimensions {
        let path = path.key("dimensions").key(dimension);
        label(c, name, &path);
        if !meter.dimensions.contains(dimension) {
            let hint = shape::unknown_hint(dimension, meter.dimensions.iter().map(String::as_str));
            c.error(
                &path,
                format!("`{dimension}` is no dimension of {}", meter.name),
                hint,
            );
        }
    }
    Some(meter)
}
