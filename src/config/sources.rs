//! Judges sources, a file a kind.

mod ceph;
pub(super) mod kubernetes;
pub(super) mod openstack;
mod probes;
mod prometheus;
mod rgw;

pub(super) use prometheus::Known;

use super::{checker::Checker, leaf::Seconds, problem::Path, raw, types::Source};
use std::collections::BTreeMap;

/// Judges all sources. Those that cannot be used are left out; the problems say why.
pub(super) fn sources(
    c: &mut Checker<'_>,
    raw: Vec<raw::Part<raw::Source>>,
    known: Known<'_>,
) -> Vec<Source> {
    let path = Path::default().key("sources");
    if raw.is_empty() && c.sound(&path) {
        c.warn(
            &path,
            "is empty, so nothing is collected",
            "deploy/plimsoll.yaml shows a source",
        );
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut sources: Vec<(Path, Source)> = Vec::new();
    let mut probing = Vec::new();
    for (i, part) in raw.into_iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = c.part(part, &path) else {
            continue;
        };
        if let Some(first) = names.get(raw.name()) {
            let what = format!("`{}` is already the name of sources[{first}]", raw.name());
            c.error(
                &path.key("name"),
                what,
                "names are unique: facts are told apart by them",
            );
        }
        names.entry(raw.name().to_owned()).or_insert(i);
        let judged = match &raw {
            raw::Source::OpenStack(raw) => {
                openstack::open_stack(c, raw, &path).map(Source::OpenStack)
            }
            raw::Source::Ceph(raw) => ceph::ceph(c, raw, &path).map(Source::Ceph),
            raw::Source::Kubernetes(raw) => {
                kubernetes::kubernetes(c, raw, &path).map(Source::Kubernetes)
            }
            raw::Source::Rgw(raw) => rgw::rgw(c, raw, &path).map(Source::Rgw),
            raw::Source::Prometheus(raw) => {
                prometheus::prometheus(c, raw, known, &path).map(Source::Prometheus)
            }
            raw::Source::Probes(_) => None,
        };
        sources.extend(judged.map(|s| (path.clone(), s)));
        if let raw::Source::Probes(raw) = raw {
            probing.push((path, raw));
        }
    }
    // Last: they may borrow of any other.
    for (path, raw) in probing {
        let judged = probes::probes(c, &raw, &sources, &path);
        sources.push((path, Source::Probes(judged)));
    }
    ceph::counted_elsewhere(c, &sources);
    rgw::apart(c, &sources);
    sources.into_iter().map(|(_, s)| s).collect()
}

/// Says that a key is missing, unless it is there and was refused, which is known then.
fn missing(c: &mut Checker<'_>, path: &Path, key: &str, hint: &str) {
    if !c.root.has(&path.key(key)) {
        c.error(&path.key(key), "is missing", hint);
    }
}

/// Full lists are asked for no more often than changes.
fn full_is_rarer(c: &mut Checker<'_>, changes: &Seconds, full: &Seconds, path: &Path) {
    if full.0 < changes.0 {
        c.error(
            &path.key("full_interval"),
            format!("{full} is shorter than `interval` ({changes})"),
            "full lists are the rarer ones",
        );
    }
}
