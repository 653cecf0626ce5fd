//! Judges a zone of Ceph's object gateways, and that nothing is read twice through several sources.

use crate::config::{
    checker::Checker,
    problem::Path,
    raw,
    types::{OpenStack, Rgw, Secret, Source},
};
use url::Url;

/// Judges a zone.
pub(super) fn rgw(c: &mut Checker<'_>, raw: &raw::Rgw, path: &Path) -> Option<Rgw> {
    for (key, length, min, max) in [
        ("interval", &raw.interval, 1, 3_600),
        ("bucket_interval", &raw.bucket_interval, 1, 86_400),
        ("backfill", &raw.backfill, 3_600, 400 * 86_400),
        ("flush", &raw.flush, 10, 3_600),
        ("timeout", &raw.timeout, 1, 3_600),
    ] {
        c.within(&path.key(key), length, min, max);
    }
    c.at_least(&path.key("body_max"), &raw.body_max, 64 << 10);
    let endpoints = endpoints(c, raw, path);
    let access_key = secret(c, &raw.access_key, &path.key("access_key"));
    let secret_key = secret(c, &raw.secret_key, &path.key("secret_key"));
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    Some(Rgw {
        name: raw.name.clone(),
        endpoints: endpoints?,
        access_key: access_key?,
        secret_key: secret_key?,
        region: raw.region.clone(),
        zone: raw.zone.clone(),
        openstack: raw.openstack.clone(),
        ceph: raw.ceph.clone(),
        interval_s: raw.interval.0,
        bucket_interval_s: raw.bucket_interval.0,
        backfill_s: raw.backfill.0,
        flush_s: raw.flush.0,
        concurrency: raw.concurrency,
        page_size: raw.page_size,
        timeout_s: raw.timeout.0,
        body_max_bytes: raw.body_max.0,
        ca_file,
    })
}

impl Rgw {
    /// A zone with every default, for programs that need no file: the simulator's month.
    #[must_use]
    pub fn with_defaults(
        name: &str,
        endpoint: Url,
        access_key: Secret,
        secret_key: Secret,
    ) -> Self {
        Self {
            name: name.to_owned(),
            endpoints: vec![endpoint],
            access_key,
            secret_key,
            region: raw::Rgw::region(),
            zone: None,
            openstack: None,
            ceph: None,
            interval_s: raw::Rgw::interval().0,
            bucket_interval_s: raw::Rgw::bucket_interval().0,
            backfill_s: raw::Rgw::backfill().0,
            flush_s: raw::Rgw::flush().0,
            concurrency: raw::Rgw::concurrency(),
            page_size: raw::Rgw::page_size(),
            timeout_s: raw::Rgw::timeout().0,
            body_max_bytes: raw::Rgw::body_max().0,
            ca_file: None,
        }
    }
}

pub(super) fn secret(
    c: &mut Checker<'_>,
    raw: &raw::Part<raw::SecretRef>,
    path: &Path,
) -> Option<Secret> {
    let raw = c.part(raw.clone(), path)?;
    c.secret(&raw, path)
}

fn endpoints(c: &mut Checker<'_>, raw: &raw::Rgw, path: &Path) -> Option<Vec<Url>> {
    let path = path.key("endpoints");
    let mut all: Vec<Url> = Vec::new();
    for (i, part) in raw.endpoints.iter().enumerate() {
        let path = path.index(i);
        let Some(url) = c.part(part.clone(), &path) else {
            continue;
        };
        let url = url.0;
        if url.query().is_some() {
            c.error(&path, "has a query", "give scheme, host and port alone");
        }
        c.in_clear(&url, &path);
        if all.contains(&url) {
            c.error(&path, "is there already", "each gateway once");
        }
        all.push(url);
    }
    if raw.endpoints.is_empty() {
        c.error(
            &path,
            "names no gateway",
            "give one at least: [https://rgw.example:7480]",
        );
    }
    (!all.is_empty()).then_some(all)
}

/// What is counted by one source is not counted by another: no gateway twice, and no bucket both here and as a part of a Swift account.
pub(super) fn apart(c: &mut Checker<'_>, sources: &[(Path, Source)]) {
    let zones = || {
        sources.iter().filter_map(|(path, s)| match s {
            Source::Rgw(r) => Some((path, r)),
            _ => None,
        })
    };
    for (i, (path, zone)) in zones().enumerate() {
        for (_, other) in zones().take(i) {
            if let Some(e) = zone.endpoints.iter().find(|e| other.endpoints.contains(e)) {
                c.error(
                    &path.key("endpoints"),
                    format!("{e} is a gateway of `{}` too", other.name),
                    "the gateways of one zone are one source: all would be counted twice",
                );
            }
        }
        if let Some(cloud) = &zone.openstack {
            projects_of(c, path, cloud, sources);
        }
        if let Some(cluster) = &zone.ceph {
            pools_of(c, path, cluster, sources);
        }
    }
}

/// What is held against a cluster's pools needs them.
fn pools_of(c: &mut Checker<'_>, path: &Path, cluster: &str, sources: &[(Path, Source)]) {
    let path = path.key("ceph");
    let found = sources.iter().find_map(|(_, s)| match s {
        Source::Ceph(ceph) if ceph.name == cluster => Some(ceph),
        _ => None,
    });
    match found {
        Some(ceph) if ceph.parts.contains("cluster") => {}
        Some(_) => c.error(
            &path,
            format!("`{cluster}` does not read its pools, so there is nothing to compare with"),
            "add `cluster` to its `parts`, or leave `ceph` out here",
        ),
        None => c.error(
            &path,
            format!("`{cluster}` is no source of kind ceph"),
            "name the one in whose pools this zone keeps its objects, or leave it out",
        ),
    }
}

fn projects_of(c: &mut Checker<'_>, path: &Path, cloud: &str, sources: &[(Path, Source)]) {
    const HINT: &str = "where its catalogue leads to these gateways, every bucket would be counted twice: list `services` of that source, with object-store only if that is another store than these gateways";
    let path = path.key("openstack");
    let found = sources.iter().find_map(|(_, s)| match s {
        Source::OpenStack(o) if o.name == cloud => Some(o),
        _ => None,
    });
    match found {
        None => c.error(
            &path,
            format!("`{cloud}` is no source of kind openstack"),
            "name the source whose Keystone the gateways ask, or leave it out",
        ),
        Some(OpenStack { services: None, .. }) => c.error(
            &path,
            format!("`{cloud}` reads object-store if its catalogue has it"),
            HINT,
        ),
        Some(o) if o.reads("object-store") => {
            c.warn(&path, format!("`{cloud}` reads object-store too"), HINT)
        }
        Some(_) => {}
    }
}
