//! Judges an OpenStack region: who we are there, and how hard we may ask.

use crate::config::{
    checker::Checker,
    clouds,
    problem::Path,
    raw,
    types::{Credentials, Notifications, OpenStack, Secret},
};
use percent_encoding::percent_decode_str;

/// Judges a region.
pub(super) fn open_stack(
    c: &mut Checker<'_>,
    raw: &raw::OpenStack,
    path: &Path,
) -> Option<OpenStack> {
    bounds(c, raw, path);
    let login = login(c, raw, path);
    let notifications = notifications(c, raw, path);
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    let login = login?;
    let interface = raw.interface.map(|i| i.as_str().to_owned());
    Some(OpenStack {
        name: raw.name.clone(),
        auth_url: login.auth_url,
        credentials: login.credentials,
        region: raw.region.clone().or(login.region),
        interface: interface
            .or(login.interface)
            .unwrap_or_else(|| "public".to_owned()),
        interval_s: raw.interval.0,
        full_interval_s: raw.full_interval.0,
        inventory_interval_s: raw.inventory_interval.0,
        services: raw
            .services
            .as_ref()
            .map(|all| all.iter().map(|s| s.as_str().to_owned()).collect()),
        concurrency: raw.concurrency,
        page_size: raw.page_size,
        timeout_s: raw.timeout.0,
        body_max_bytes: raw.body_max.0,
        ca_file: ca_file.or(login.ca_file),
        gpu_alias: raw.gpu_alias.0.clone(),
        notifications,
        public_networks: raw.public_networks.as_ref().map(|p| p.0.clone()),
    })
}

impl OpenStack {
    /// A region with every default, for programs that need no file: the simulator's month.
    #[must_use]
    pub fn with_defaults(name: &str, auth_url: url::Url, credentials: Credentials) -> Self {
        Self {
            name: name.to_owned(),
            auth_url,
            credentials,
            region: None,
            interface: "public".to_owned(),
            interval_s: raw::OpenStack::interval().0,
            full_interval_s: raw::OpenStack::full_interval().0,
            inventory_interval_s: raw::OpenStack::inventory_interval().0,
            services: None,
            concurrency: raw::OpenStack::concurrency(),
            page_size: raw::OpenStack::page_size(),
            timeout_s: raw::OpenStack::timeout().0,
            body_max_bytes: raw::OpenStack::body_max().0,
            ca_file: None,
            gpu_alias: raw::OpenStack::gpu_alias().0,
            notifications: Vec::new(),
            public_networks: None,
        }
    }
}

/// Judges the brokers. Those that cannot be used are left out; the problems say why.
fn notifications(c: &mut Checker<'_>, raw: &raw::OpenStack, path: &Path) -> Vec<Notifications> {
    let path = path.key("notifications");
    let mut all: Vec<Notifications> = Vec::new();
    for (i, part) in raw.notifications.iter().enumerate() {
        let path = path.index(i);
        let Some(broker) = c.part(part.clone(), &path) else {
            continue;
        };
        let Some(broker) = broker_of(c, &broker, &raw.name, &path) else {
            continue;
        };
        if all.iter().any(|b| b.address() == broker.address()) {
            c.error(
                &path.key("url"),
                format!("{} is there already", broker.address()),
                "one entry for each broker and virtual host",
            );
        }
        all.push(broker);
    }
    all
}

fn broker_of(
    c: &mut Checker<'_>,
    raw: &raw::Notifications,
    source: &str,
    path: &Path,
) -> Option<Notifications> {
    c.at_least(&path.key("queue_max"), &raw.queue_max, 1 << 20);
    for (key, words) in [("exchanges", &raw.exchanges), ("topics", &raw.topics)] {
        if words.is_empty() || words.iter().any(|w| w.is_empty() || w.len() > 200) {
            c.error(
                &path.key(key),
                "names nothing, or nothing that can be there",
                "leave the key out to have its default",
            );
        }
    }
    let queue = raw
        .queue
        .clone()
        .unwrap_or_else(|| format!("plimsoll.{source}"));
    // What oslo.messaging makes for whoever reads them; two readers of one queue each get half.
    if raw
        .topics
        .iter()
        .any(|t| queue == *t || queue.starts_with(&format!("{t}.")))
    {
        c.error(
            &path.key("queue"),
            format!(
                "`{queue}` is a queue that others read: each message would reach only one of you"
            ),
            "leave it out, or name a queue of plimsoll's own",
        );
    }
    let password = c
        .part(raw.password.clone(), &path.key("password"))
        .and_then(|s| c.secret(&s, &path.key("password")));
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    let url = c.part(raw.url.clone(), &path.key("url"))?.0;
    c.in_clear(&url, &path.key("url"));
    let tls = url.scheme() == "amqps";
    let vhost = percent_decode_str(url.path().trim_start_matches('/')).decode_utf8_lossy();
    Some(Notifications {
        host: url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned(),
        port: url.port().unwrap_or(if tls { 5671 } else { 5672 }),
        vhost: if vhost.is_empty() {
            "/".to_owned()
        } else {
            vhost.into_owned()
        },
        tls,
        username: raw.username.clone(),
        password: password?,
        queue,
        queue_max_bytes: raw.queue_max.0,
        exchanges: raw.exchanges.clone(),
        topics: raw.topics.clone(),
        ca_file,
    })
}

fn bounds(c: &mut Checker<'_>, raw: &raw::OpenStack, path: &Path) {
    let lengths = [
        ("interval", &raw.interval, 1, 86_400),
        ("full_interval", &raw.full_interval, 1, 7 * 86_400),
        ("inventory_interval", &raw.inventory_interval, 1, 86_400),
        ("timeout", &raw.timeout, 1, 3_600),
    ];
    for (key, length, min, max) in lengths {
        c.within(&path.key(key), length, min, max);
    }
    super::full_is_rarer(c, &raw.interval, &raw.full_interval, path);
    c.at_least(&path.key("body_max"), &raw.body_max, 64 << 10);
}

/// What it takes to log in, and what a clouds.yaml may add.
pub(in crate::config) struct Login {
    pub(in crate::config) auth_url: url::Url,
    pub(in crate::config) credentials: Credentials,
    pub(in crate::config) region: Option<String>,
    pub(in crate::config) interface: Option<String>,
    pub(in crate::config) ca_file: Option<std::path::PathBuf>,
}

const WAYS: &str =
    "give `username`, `project` and `password`, or `application_credential`, or `cloud`";

fn login(c: &mut Checker<'_>, raw: &raw::OpenStack, path: &Path) -> Option<Login> {
    let of_user = [
        ("username", raw.username.is_some()),
        ("user_domain", raw.user_domain.is_some()),
        ("project", raw.project.is_some()),
        ("project_domain", raw.project_domain.is_some()),
        ("password", raw.password.is_some()),
    ];
    let first_of_user = of_user
        .iter()
        .find(|(_, there)| *there)
        .map(|(key, _)| *key);
    // Secrets are looked for even where something else is wrong, so that all problems show at once.
    let app = raw
        .application_credential
        .as_ref()
        .map(|a| application(c, a, &path.key("application_credential")));
    let secret = raw
        .password
        .as_ref()
        .and_then(|p| c.secret(p, &path.key("password")));
    if let Some(cloud) = &raw.cloud {
        let others = [
            ("auth_url", raw.auth_url.is_some()),
            (
                "application_credential",
                raw.application_credential.is_some(),
            ),
        ];
        for (key, _) in others.iter().chain(&of_user).filter(|(_, there)| *there) {
            c.error(
                &path.key(key),
                "stands beside `cloud`, which already says it",
                "keep one of them",
            );
        }
        return clouds::login(c, cloud, raw.clouds_yaml.as_deref(), path);
    }
    if raw.clouds_yaml.is_some() {
        c.error(
            &path.key("clouds_yaml"),
            "needs `cloud`, the name of a cloud in it",
            "add `cloud`",
        );
    }
    let credentials = match (app, first_of_user) {
        (Some(_), Some(key)) => {
            c.error(
                &path.key(key),
                "stands beside `application_credential`",
                "keep one of them",
            );
            None
        }
        (Some(app), None) => app,
        (None, Some(_)) => password(c, raw, secret, path),
        (None, None) => {
            if !["application_credential", "password", "username"]
                .iter()
                .any(|k| c.root.has(&path.key(k)))
            {
                c.error(path, "says nobody to log in as", WAYS);
            }
            None
        }
    };
    match &raw.auth_url {
        None => super::missing(
            c,
            path,
            "auth_url",
            "the URL of Keystone, https://cloud.example:5000/v3",
        ),
        Some(url) => c.in_clear(&url.0, &path.key("auth_url")),
    }
    Some(Login {
        auth_url: raw.auth_url.as_ref()?.0.clone(),
        credentials: credentials?,
        region: None,
        interface: None,
        ca_file: None,
    })
}

fn application(
    c: &mut Checker<'_>,
    raw: &raw::Part<raw::ApplicationCredential>,
    path: &Path,
) -> Option<Credentials> {
    let raw = c.part(raw.clone(), path)?;
    let secret = c
        .part(raw.secret, &path.key("secret"))
        .and_then(|s| c.secret(&s, &path.key("secret")));
    Some(Credentials::ApplicationCredential {
        id: c.part(raw.id, &path.key("id"))?,
        secret: secret?,
    })
}

fn password(
    c: &mut Checker<'_>,
    raw: &raw::OpenStack,
    password: Option<Secret>,
    path: &Path,
) -> Option<Credentials> {
    let parts = [
        ("username", raw.username.is_some()),
        ("project", raw.project.is_some()),
        ("password", raw.password.is_some()),
    ];
    for (key, _) in parts.iter().filter(|(_, there)| !there) {
        super::missing(c, path, key, WAYS);
    }
    let domain = |d: &Option<String>| d.clone().unwrap_or_else(|| "Default".to_owned());
    Some(Credentials::Password {
        username: raw.username.clone()?,
        user_domain: domain(&raw.user_domain),
        project: raw.project.clone()?,
        project_domain: domain(&raw.project_domain),
        password: password?,
    })
}
