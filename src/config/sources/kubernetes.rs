//! Judges Kubernetes clusters: how they are reached, and as whom.

use crate::config::{
    checker::Checker,
    kubeconfig,
    leaf::WebUrl,
    problem::Path,
    raw,
    types::{Account, Ca, KubeletPage, Kubelets, Kubernetes},
};
use std::path::Path as FilePath;
use url::Url;

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

const WAYS: &str = "give `url` and `token_file`, or `kubeconfig`, or `in_cluster: true`";

/// How a cluster is reached.
pub(in crate::config) struct Reach {
    pub(in crate::config) url: Url,
    pub(in crate::config) account: Account,
    pub(in crate::config) ca: Option<Ca>,
}

pub(super) fn kubernetes(
    c: &mut Checker<'_>,
    raw: &raw::Kubernetes,
    path: &Path,
) -> Option<Kubernetes> {
    let lengths = [
        ("interval", &raw.interval, 1, 3_600),
        ("full_interval", &raw.full_interval, 1, 7 * 86_400),
        ("timeout", &raw.timeout, 1, 3_600),
    ];
    for (key, length, min, max) in lengths {
        c.within(&path.key(key), length, min, max);
    }
    super::full_is_rarer(c, &raw.interval, &raw.full_interval, path);
    c.at_least(&path.key("body_max"), &raw.body_max, 64 << 10);
    let kubelets = raw
        .kubelets
        .as_ref()
        .map(|raw| kubelets(c, raw, &path.key("kubelets")));
    let reach = reach(c, raw, path)?;
    Some(Kubernetes {
        name: raw.name.clone(),
        url: reach.url,
        account: reach.account,
        ca: reach.ca,
        interval_s: raw.interval.0,
        full_interval_s: raw.full_interval.0,
        page_size: raw.page_size,
        concurrency: raw.concurrency,
        timeout_s: raw.timeout.0,
        body_max_bytes: raw.body_max.0,
        gpu_resources: raw.gpu_resources.0.clone(),
        kubelets,
    })
}

fn kubelets(c: &mut Checker<'_>, raw: &raw::Kubelets, path: &Path) -> Kubelets {
    let lengths = [
        ("interval", &raw.interval, 10, 3_600),
        ("keep", &raw.keep, raw.interval.0.min(3_600), 3_600),
        ("timeout", &raw.timeout, 1, 60),
    ];
    for (key, length, min, max) in lengths {
        c.within(&path.key(key), length, min, max);
    }
    Kubelets {
        page: match raw.page {
            raw::KubeletPage::Summary => KubeletPage::Summary,
            raw::KubeletPage::Resource => KubeletPage::Resource,
        },
        interval_s: raw.interval.0,
        keep_s: raw.keep.0,
        timeout_s: raw.timeout.0,
        concurrency: raw.concurrency,
        ca_file: c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file")),
    }
}

/// One of the three ways, and one alone.
fn reach(c: &mut Checker<'_>, raw: &raw::Kubernetes, path: &Path) -> Option<Reach> {
    let by_url = [
        ("url", raw.url.is_some()),
        ("token_file", raw.token_file.is_some()),
        ("ca_file", raw.ca_file.is_some()),
    ];
    let other = match (raw.in_cluster, &raw.kubeconfig) {
        (true, _) => Some("in_cluster"),
        (false, Some(_)) => Some("kubeconfig"),
        (false, None) => None,
    };
    if let Some(other) = other {
        let of_kubeconfig = [
            ("kubeconfig", raw.in_cluster && raw.kubeconfig.is_some()),
            ("context", raw.in_cluster && raw.context.is_some()),
        ];
        for (key, _) in by_url
            .iter()
            .chain(&of_kubeconfig)
            .filter(|(_, there)| *there)
        {
            let what = format!("stands beside `{other}`, which already says it");
            c.error(&path.key(key), what, "keep one of them");
        }
    } else if raw.context.is_some() {
        c.error(
            &path.key("context"),
            "needs `kubeconfig`, which has it",
            "add `kubeconfig`",
        );
    }
    if raw.in_cluster {
        return in_cluster(c, path);
    }
    if let Some(file) = &raw.kubeconfig {
        return kubeconfig::reach(c, &c.beside(file), raw.context.as_deref(), path);
    }
    if !by_url.iter().any(|(key, _)| c.root.has(&path.key(key))) {
        c.error(path, "does not say how it is reached", WAYS);
    }
    let token_file = raw.token_file.as_deref().map(|f| c.beside(f));
    match &token_file {
        None => super::missing(c, path, "token_file", WAYS),
        Some(file) => token(c, file, &path.key("token_file")),
    }
    let ca = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    match &raw.url {
        None => super::missing(
            c,
            path,
            "url",
            "the API server, https://api.okd.example:6443",
        ),
        Some(url) => c.in_clear(&url.0, &path.key("url")),
    }
    Some(Reach {
        url: raw.url.as_ref()?.0.clone(),
        account: Account::TokenFile(token_file?),
        ca: ca.map(Ca::File),
    })
}

/// A token's file must be there and hold something; what it holds later is looked at then.
fn token(c: &mut Checker<'_>, file: &FilePath, path: &Path) {
    c.secret_file(path, file);
}

fn in_cluster(c: &mut Checker<'_>, path: &Path) -> Option<Reach> {
    let path = path.key("in_cluster");
    let outside = "leave it out and give `url` and `token_file`, or `kubeconfig`";
    let (Some(host), Some(port)) = (
        (c.env)("KUBERNETES_SERVICE_HOST"),
        (c.env)("KUBERNETES_SERVICE_PORT"),
    ) else {
        c.error(
            &path,
            "is true, and KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of a cluster",
            outside,
        );
        return None;
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let url = match WebUrl::try_from(format!("https://{host}:{port}")) {
        Ok(url) => url.0,
        Err(what) => {
            c.error(
                &path,
                format!("KUBERNETES_SERVICE_HOST and _PORT {what}"),
                outside,
            );
            return None;
        }
    };
    let account = FilePath::new(SERVICE_ACCOUNT);
    token(c, &account.join("token"), &path);
    let ca = c.ca_file(Some(&account.join("ca.crt")), &path)?;
    Some(Reach {
        url,
        account: Account::TokenFile(account.join("token")),
        ca: Some(Ca::File(ca)),
    })
}
