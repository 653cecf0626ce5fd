//! Judges probes: each is one thing, by a name of its own, and what it borrows of another source is there.

use super::rgw::secret;
use crate::config::{
    checker::Checker,
    login,
    problem::Path,
    raw, shape,
    types::{Probe, ProbeOf, ProbedService, Probes, Source},
};
use rustls::pki_types::ServerName;
use std::collections::BTreeSet;

/// Judges a source of probes. `sources`: all others, of which they may borrow an account, and other probes.
pub(super) fn probes(
    c: &mut Checker<'_>,
    raw: &raw::Probes,
    sources: &[(Path, Source)],
    path: &Path,
) -> Probes {
    c.within(&path.key("interval"), &raw.interval, 5, 60);
    let interval_s = raw.interval.0;
    if (5..=60).contains(&interval_s) && !60_u32.is_multiple_of(interval_s) {
        c.error(
            &path.key("interval"),
            format!("{} is no whole part of a minute", raw.interval),
            "5s, 6s, 10s, 12s, 15s, 20s, 30s or 1m: so each minute is probed alike",
        );
    }
    c.within(&path.key("timeout"), &raw.timeout, 1, interval_s.max(1));
    if raw.probes.is_empty() {
        c.error(&path.key("probes"), "is empty", "name what is tried");
    }
    let others = sources.iter().flat_map(|(_, s)| match s {
        Source::Probes(p) => p.probes.as_slice(),
        _ => &[],
    });
    let mut names: BTreeSet<String> = others.map(|p| p.name.clone()).collect();
    let mut probes: Vec<Probe> = Vec::new();
    for (i, part) in raw.probes.iter().enumerate() {
        let path = path.key("probes").index(i);
        let Some(raw) = c.part(part.clone(), &path) else {
            continue;
        };
        if !names.insert(raw.name.clone()) {
            c.error(
                &path.key("name"),
                format!("`{}` is the name of another probe", raw.name),
                "objectives know probes by their names: give each its own",
            );
        }
        if let Some(of) = probe(c, &raw, sources, &path) {
            probes.push(Probe { name: raw.name, of });
        }
    }
    Probes {
        name: raw.name.clone(),
        interval_s,
        timeout_s: raw.timeout.0,
        probes,
    }
}

fn probe(
    c: &mut Checker<'_>,
    raw: &raw::Probe,
    sources: &[(Path, Source)],
    path: &Path,
) -> Option<ProbeOf> {
    const KEYS: &str = "http, tcp, dns, tls, openstack, s3 or kubernetes";
    let there = [
        raw.http.is_some(),
        raw.tcp.is_some(),
        raw.dns.is_some(),
        raw.tls.is_some(),
        raw.openstack.is_some(),
        raw.s3.is_some(),
        raw.kubernetes.is_some(),
    ];
    if there.into_iter().filter(|t| *t).count() != 1 {
        c.error(path, "a probe is one thing", format!("give one of {KEYS}"));
        return None;
    }
    if let Some(part) = &raw.http {
        let raw = c.part(part.clone(), &path.key("http"))?;
        return http(c, raw, &path.key("http"));
    }
    if let Some(part) = &raw.tcp {
        let tcp = c.part(part.clone(), &path.key("tcp"))?;
        let path = path.key("tcp").key("address");
        host(c, &tcp.address, &path)?;
        let address = tcp.address;
        return Some(ProbeOf::Tcp { address });
    }
    if let Some(part) = &raw.dns {
        let dns = c.part(part.clone(), &path.key("dns"))?;
        return Some(ProbeOf::Dns { name: dns.name });
    }
    if let Some(part) = &raw.tls {
        let raw = c.part(part.clone(), &path.key("tls"))?;
        return tls(c, raw, &path.key("tls"));
    }
    if let Some(part) = &raw.openstack {
        let path = path.key("openstack");
        let it = c.part(part.clone(), &path)?;
        let regions = sources.iter().filter_map(|(_, s)| match s {
            Source::OpenStack(o) => Some((o.name.as_str(), o)),
            _ => None,
        });
        let region = borrowed(c, &it.source, "openstack", regions, &path.key("source"))?;
        return Some(ProbeOf::OpenStack {
            region: Box::new(region),
            service: service(it.service),
        });
    }
    if let Some(part) = &raw.s3 {
        let raw = c.part(part.clone(), &path.key("s3"))?;
        return s3(c, raw, &path.key("s3"));
    }
    let path = path.key("kubernetes");
    let it = c.part(raw.kubernetes.clone()?, &path)?;
    let clusters = sources.iter().filter_map(|(_, s)| match s {
        Source::Kubernetes(k) => Some((k.name.as_str(), k)),
        _ => None,
    });
    let cluster = borrowed(c, &it.source, "kubernetes", clusters, &path.key("source"))?;
    Some(ProbeOf::Kubernetes(Box::new(cluster)))
}

/// What another source says of where it is and who we are there.
fn borrowed<'s, T: Clone + 's>(
    c: &mut Checker<'_>,
    name: &str,
    kind: &str,
    all: impl Iterator<Item = (&'s str, &'s T)>,
    path: &Path,
) -> Option<T> {
    let all: Vec<(&str, &T)> = all.collect();
    if let Some((_, found)) = all.iter().find(|(n, _)| *n == name) {
        return Some((*found).clone());
    }
    let hint = if all.is_empty() {
        format!("add one, or mend it: the probe goes by the account of a source of kind `{kind}`")
    } else {
        shape::unknown_hint(name, all.iter().map(|(n, _)| *n))
    };
    c.error(
        path,
        format!("there is no source `{name}` of kind `{kind}`"),
        hint,
    );
    None
}

const fn service(raw: raw::ProbedService) -> ProbedService {
    match raw {
        raw::ProbedService::Identity => ProbedService::Identity,
        raw::ProbedService::Compute => ProbedService::Compute,
        raw::ProbedService::Volume => ProbedService::Volume,
        raw::ProbedService::Network => ProbedService::Network,
        raw::ProbedService::Image => ProbedService::Image,
    }
}

fn http(c: &mut Checker<'_>, raw: raw::HttpProbe, path: &Path) -> Option<ProbeOf> {
    let login = login::login(c, &raw.bearer_token, &raw.username, &raw.password, path);
    let url = c.part(raw.url, &path.key("url"))?.0;
    if login.is_some() {
        c.in_clear(&url, &path.key("url"));
    }
    if raw.contains.as_deref() == Some("") {
        c.error(
            &path.key("contains"),
            "is empty",
            "leave it out: then any page is good",
        );
    }
    Some(ProbeOf::Http {
        url,
        status: raw
            .status
            .into_iter()
            .filter_map(|s| u16::try_from(s).ok())
            .collect(),
        contains: raw.contains,
        login,
        ca_file: c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file")),
    })
}

fn tls(c: &mut Checker<'_>, raw: raw::TlsProbe, path: &Path) -> Option<ProbeOf> {
    c.within(&path.key("valid_for"), &raw.valid_for, 0, 366 * 86_400);
    let host = host(c, &raw.address, &path.key("address"))?;
    let server_name = raw.server_name.unwrap_or(host);
    if ServerName::try_from(server_name.as_str()).is_err() {
        c.error(
            &path.key("server_name"),
            format!("`{server_name}` is no name that a certificate is for"),
            "a host's name or address",
        );
    }
    Some(ProbeOf::Tls {
        address: raw.address,
        server_name,
        valid_for_s: raw.valid_for.0,
        ca_file: c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file")),
    })
}

fn s3(c: &mut Checker<'_>, raw: raw::S3Probe, path: &Path) -> Option<ProbeOf> {
    let endpoint = c.part(raw.endpoint, &path.key("endpoint"));
    let access_key = secret(c, &raw.access_key, &path.key("access_key"));
    let secret_key = secret(c, &raw.secret_key, &path.key("secret_key"));
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    let endpoint = endpoint?.0;
    if endpoint.query().is_some() || endpoint.fragment().is_some() {
        c.error(
            &path.key("endpoint"),
            "has a query",
            "give scheme, host and port alone",
        );
    }
    c.in_clear(&endpoint, &path.key("endpoint"));
    Some(ProbeOf::S3 {
        endpoint,
        bucket: raw.bucket,
        region: raw.region,
        access_key: access_key?,
        secret_key: secret_key?,
        ca_file,
    })
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host(c: &mut Checker<'_>, address: &str, path: &Path) -> Option<String> {
    let parts = address.rsplit_once(':').filter(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let whole = !host.contains(':') || bracketed;
        !host.is_empty() && whole && port.parse::<u16>().is_ok_and(|p| p > 0)
    });
    let Some((host, _)) = parts else {
        c.error(
            path,
            format!("`{address}` is not host and port"),
            "host.example:443, or [2001:db8::1]:443",
        );
        return None;
    };
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    Some(host.to_owned())
}
