//! Judges the sections store, meters, prices and http.

use super::{
    book,
    checker::Checker,
    credits,
    problem::Path,
    raw,
    types::{Http, Metering, Source, Store, StoreAt},
    yaml,
};
use crate::domain::{
    Meter, Meters, PriceBook,
    fact::kind,
    meter::{BadMeters, Bills, Counts, Kind},
};
use chrono_tz::Tz;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Judges where facts are kept.
pub(super) fn store(
    c: &mut Checker<'_>,
    raw: raw::Store,
    data_dir: Option<PathBuf>,
) -> Option<Store> {
    let path = Path::default().key("store");
    c.within(&path.key("insert_timeout"), &raw.insert_timeout, 1, 600);
    c.at_least(&path.key("spool_max"), &raw.spool_max, 1 << 20);
    if raw.remote.is_some() && raw.embedded.is_some() {
        c.error(
            &path.key("remote"),
            "stands beside `embedded`",
            "facts are kept in one place: keep one of them",
        );
    }
    let embedded = at_embedded(c, raw.embedded, &path.key("embedded"));
    let at = match raw.remote {
        Some(remote) => at_remote(c, remote, &path.key("remote"))?,
        None => embedded?,
    };
    Some(Store {
        data_dir: data_dir.unwrap_or_else(|| c.beside(&raw.data_dir)),
        at,
        insert_timeout_s: raw.insert_timeout.0,
        spool_max_bytes: raw.spool_max.0,
    })
}

fn at_embedded(
    c: &mut Checker<'_>,
    embedded: Option<raw::Part<raw::Embedded>>,
    path: &Path,
) -> Option<StoreAt> {
    let memory_max = match embedded {
        Some(part) => c.part(part, path)?.memory_max,
        None => raw::Embedded::memory_max(),
    };
    c.at_least(&path.key("memory_max"), &memory_max, 512 << 20);
    Some(StoreAt::Embedded {
        memory_max_bytes: memory_max.0,
    })
}

fn at_remote(c: &mut Checker<'_>, remote: raw::Part<raw::Remote>, path: &Path) -> Option<StoreAt> {
    let remote = c.part(remote, path)?;
    let password = c.part(remote.password, &path.key("password"));
    let password = password.and_then(|p| c.secret(&p, &path.key("password")));
    let ca_file = c.ca_file(remote.ca_file.as_deref(), &path.key("ca_file"));
    let url = c.part(remote.url, &path.key("url"))?.0;
    c.in_clear(&url, &path.key("url"));
    Some(StoreAt::Remote {
        url,
        database: remote.database,
        user: remote.user,
        password: password?,
        ca_file,
    })
}

/// Judges what counts.
pub(super) fn meters(c: &mut Checker<'_>, raw: raw::Meters) -> Metering {
    let path = Path::default().key("meters");
    // One at a time, so that all problems show at once.
    if let Err(e) = Meters::shipped(&raw.preset, &BTreeMap::new()) {
        c.error(&path.key("preset"), e.to_string(), "");
    }
    let mut exceptions = BTreeMap::new();
    for (meter, states) in raw.states {
        let path = path.key("states").key(&meter);
        let counts = match states {
            raw::States::Preset(name) => Counts::Preset(name),
            raw::States::These(states) => {
                let known = Meters::states_of(&meter);
                for (i, state) in states
                    .iter()
                    .enumerate()
                    .filter(|(_, s)| !known.is_empty() && !known.contains(*s))
                {
                    let hint = super::shape::unknown_hint(state, known.iter().map(String::as_str));
                    c.error(
                        &path.index(i),
                        format!("`{state}` is no state of what `{meter}` counts"),
                        hint,
                    );
                }
                Counts::States(states.into_iter().collect::<BTreeSet<_>>())
            }
        };
        let one = BTreeMap::from([(meter, counts)]);
        if let Err(e) = Meters::shipped("existence", &one) {
            let hint = if matches!(e, BadMeters::Meter(_)) {
                known_meters(&one)
            } else {
                String::new()
            };
            c.error(&path, e.to_string(), hint);
        }
        exceptions.extend(one);
    }
    let mut billed = BTreeMap::new();
    for (meter, by) in raw.billed {
        let by = match by {
            raw::Bills::Request => Bills::Request,
            raw::Bills::Usage => Bills::Usage,
            raw::Bills::Greater => Bills::Greater,
        };
        let one = BTreeMap::from([(meter, by)]);
        let shipped = Meters::shipped("existence", &BTreeMap::new());
        if let Err(e) = shipped.and_then(|m| m.billed(&one)) {
            let path = path.key("billed");
            let path = one.keys().fold(path, |path, meter| path.key(meter));
            c.error(
                &path,
                e.to_string(),
                "known are k8s.cpu.billed and k8s.memory.billed",
            );
        }
        billed.extend(one);
    }
    Metering {
        time_zone: raw.time_zone.0,
        preset: raw.preset,
        exceptions,
        billed,
        declared: declared(c, raw.declared, &path.key("declared")),
    }
}

/// Judges meters of the provider's own.
fn declared(c: &mut Checker<'_>, raw: Vec<raw::Part<raw::Declared>>, path: &Path) -> Vec<Meter> {
    let mut all: Vec<Meter> = Vec::new();
    for (i, part) in raw.into_iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = c.part(part, &path) else {
            continue;
        };
        let kind = match raw.kind {
            raw::MeterKind::Level => Kind::Level,
            raw::MeterKind::Amount => Kind::Amount,
        };
        let meter = Meter {
            name: raw.name,
            description: raw.description,
            resources: [kind::IMPORTED, kind::MEASURED].map(str::to_owned).into(),
            kind,
            level: None,
            unit: match kind {
                Kind::Level => format!("{}.s", raw.unit),
                Kind::Amount => raw.unit,
            },
            dimensions: raw.dimensions.into_iter().map(|d| d.0).collect(),
            read: false,
            billed: None,
            states: BTreeSet::new(),
        };
        if all.iter().any(|m| m.name == meter.name) {
            let what = format!("`{}` is declared twice", meter.name);
            c.error(&path.key("name"), what, "keep one of them");
            continue;
        }
        if let Err(e) = Meters::with("existence", &BTreeMap::new(), std::slice::from_ref(&meter)) {
            c.error(&path.key("name"), e.to_string(), "");
            continue;
        }
        all.push(meter);
    }
    all
}

fn known_meters(asked: &BTreeMap<String, Counts>) -> String {
    let Ok(known) = Meters::shipped("existence", &BTreeMap::new()) else {
        return String::new();
    };
    let asked = asked.keys().next().map_or("", String::as_str);
    super::shape::unknown_hint(asked, known.by_name.keys().map(String::as_str))
}

/// Judges the price book that is named.
pub(super) fn prices(
    c: &mut Checker<'_>,
    raw: &raw::Prices,
    zone: Tz,
    contracts: &BTreeMap<String, String>,
) -> Option<PriceBook> {
    let path = Path::default().key("prices").key("book");
    let file = c.beside(&raw.book);
    if !file.is_file() {
        c.error(
            &path,
            format!("{} is not there", file.display()),
            "the path is relative to the configuration's directory",
        );
        return None;
    }
    let (mut book, problems) = book::judge(&file, Some(zone));
    c.problems.extend(problems);
    if let (Some(name), Some(book)) = (&raw.credits, &mut book) {
        let file = c.beside(name);
        match yaml::read_text(&file) {
            Ok(text) => {
                let problems = credits::judge(&file, &text, zone, book, contracts);
                c.problems.extend(problems);
                book.credits_text = text;
            }
            Err(problem) => c.problems.push(problem),
        }
    }
    book
}

/// Warns of what is priced or billed and that nothing can come of.
pub(super) fn billed(
    c: &mut Checker<'_>,
    metering: &Metering,
    prices: Option<&PriceBook>,
    sources: &[Source],
) {
    let top = Path::default();
    let is_choice = |m: &str| m.starts_with("k8s.") && m.ends_with(".billed");
    let priced = prices.into_iter().flat_map(PriceBook::prices);
    let mut uncounted: BTreeSet<&str> = priced.flat_map(|(_, p)| p.of.meters()).collect();
    uncounted.retain(|m| is_choice(m) && !metering.billed.contains_key(*m));
    for meter in uncounted {
        c.warn(
            &top.key("prices").key("book"),
            format!("prices `{meter}`, which is not counted"),
            format!("say by what it is billed: meters: {{billed: {{{meter}: greater}}}}"),
        );
    }
    let used = metering
        .billed
        .iter()
        .find(|(_, by)| **by != Bills::Request);
    let clusters = || {
        sources.iter().filter_map(|s| match s {
            Source::Kubernetes(k) => Some(k),
            _ => None,
        })
    };
    if let Some((meter, _)) = used
        && clusters().next().is_some()
        && clusters().all(|k| k.kubelets.is_none())
    {
        c.warn(
            &top.key("meters").key("billed").key(meter),
            "needs what pods use, and no kubelets are read",
            "give the clusters `kubelets: {}`",
        );
    }
}

/// Judges where the program listens.
pub(super) fn http(c: &mut Checker<'_>, raw: &raw::Http) -> Http {
    let listen = raw.listen.0;
    if !listen.ip().is_loopback() {
        let what = format!(
            "{listen} is reachable from elsewhere, and there is no authentication yet: only loopback is allowed"
        );
        c.error(
            &Path::default().key("http").key("listen"),
            what,
            "listen on 127.0.0.1 and put a proxy that authenticates before it",
        );
    }
    Http { listen }
}
