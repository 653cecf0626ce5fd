//! Judges a Ceph cluster, and that what OpenStack meters in it is not metered twice.

use crate::config::{
    checker::Checker,
    problem::Path,
    raw,
    types::{Ceph, Source},
};

/// Judges a cluster.
pub(super) fn ceph(c: &mut Checker<'_>, raw: &raw::Ceph, path: &Path) -> Option<Ceph> {
    for (key, length, min, max) in [
        ("interval", &raw.interval, 1, 86_400),
        ("used_interval", &raw.used_interval, 1, 7 * 86_400),
        ("timeout", &raw.timeout, 1, 3_600),
    ] {
        c.within(&path.key(key), length, min, max);
    }
    if raw.used_interval.0 < raw.interval.0 {
        let what = format!(
            "{} is shorter than `interval` ({})",
            raw.used_interval, raw.interval
        );
        c.error(&path.key("used_interval"), what, "it is the rarer one");
    }
    c.at_least(&path.key("output_max"), &raw.output_max, 64 << 10);
    let mut sound = true;
    for (key, argv) in [("command", &raw.command), ("rbd_command", &raw.rbd_command)] {
        let program = argv.first().map_or("", String::as_str);
        if program.is_empty() || argv.iter().any(|w| w.contains('\0')) {
            c.error(
                &path.key(key),
                "names no program",
                "give a list of words: [ceph, --id, plimsoll]",
            );
            sound = false;
        } else if argv.len() == 1 && program.contains(' ') {
            c.error(
                &path.key(key),
                format!("`{program}` is one word, and no shell takes it apart"),
                "give a list of words: [ceph, --id, plimsoll]",
            );
            sound = false;
        }
    }
    if raw.parts.as_ref().is_some_and(Vec::is_empty) {
        c.error(
            &path.key("parts"),
            "names nothing",
            "leave it out to read all of them",
        );
    }
    let reads_pools =
        (raw.parts.as_ref()).is_none_or(|p| p.iter().any(|p| matches!(p, raw::CephPart::Cluster)));
    if raw.object_pools.is_some() && !reads_pools {
        c.error(
            &path.key("object_pools"),
            "is given, and no pools are read",
            "add `cluster` to `parts`, or leave it out",
        );
    }
    let all = [
        raw::CephPart::Cluster,
        raw::CephPart::Rbd,
        raw::CephPart::Cephfs,
    ];
    let parts = raw.parts.as_deref().unwrap_or(&all);
    sound.then(|| Ceph {
        name: raw.name.clone(),
        command: raw.command.clone(),
        rbd_command: raw.rbd_command.clone(),
        parts: parts.iter().map(|p| p.as_str().to_owned()).collect(),
        pools: raw.pools.as_ref().map(|p| p.0.clone()),
        object_pools: raw.object_pools.as_ref().map(|p| p.0.clone()),
        openstack: raw.openstack.clone(),
        interval_s: raw.interval.0,
        used_interval_s: raw.used_interval.0,
        concurrency: raw.concurrency,
        timeout_s: raw.timeout.0,
        output_max_bytes: raw.output_max.0,
    })
}

/// What is counted elsewhere must be counted there.
pub(super) fn counted_elsewhere(c: &mut Checker<'_>, sources: &[(Path, Source)]) {
    for (path, source) in sources {
        let Source::Ceph(ceph) = source else {
            continue;
        };
        let Some(cloud) = &ceph.openstack else {
            continue;
        };
        let path = path.key("openstack");
        let found = sources.iter().find_map(|(_, s)| match s {
            Source::OpenStack(o) if o.name == *cloud => Some(o),
            _ => None,
        });
        match found {
            Some(o) if o.reads("volume") => {}
            Some(_) => c.error(
                &path,
                format!("`{cloud}` does not read volumes, so nobody would count them"),
                "add `volume` to its `services`, or leave `openstack` out here",
            ),
            None => c.error(
                &path,
                format!("`{cloud}` is no source of kind openstack"),
                "name the one whose Cinder, Glance and Nova keep their data in this cluster",
            ),
        }
    }
}
