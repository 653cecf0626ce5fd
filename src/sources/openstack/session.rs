//! Keystone v3: log in, keep the token fresh, find the endpoints; every request to the cloud goes through here.
//!
//! API: <https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management>.

use super::{super::SourceError, hint};
use crate::{
    config::{self, Credentials, Secret},
    domain::Ts,
    net::{Client, Clock, Dated, Options, Reply, Request, Tally, shown_url},
};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use url::Url;

/// Newest Nova microversion asked for; what comes after it has not been read by this program.
const NEWEST: Microversion = Microversion(2, 96);

/// A Nova microversion, `2.96`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Microversion(pub(super) u32, pub(super) u32);

impl Microversion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for Microversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The services of the catalogue that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Compute,
    Identity,
}

impl Service {
    /// Its type in the catalogue.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Identity => "identity",
        }
    }
}

/// What a log-in brought.
#[derive(Debug)]
pub(super) struct Login {
    token: Secret,
    /// On our clock.
    renew_at: Ts,
    compute: Result<Url, SourceError>,
    identity: Result<Url, SourceError>,
    pub(super) region: String,
    pub(super) roles: Vec<String>,
    /// When Keystone says it issued the token, and when that answer came.
    pub(super) issued: Option<(Ts, Dated)>,
}

impl Login {
    pub(super) fn endpoint(&self, service: Service) -> Result<&Url, SourceError> {
        match service {
            Service::Compute => self.compute.as_ref(),
            Service::Identity => self.identity.as_ref(),
        }
        .map_err(Clone::clone)
    }
}

/// The way to one cloud.
#[derive(Debug)]
pub(super) struct Session {
    http: Client,
    clock: Clock,
    auth_url: Url,
    credentials: Credentials,
    region: Option<String>,
    interface: String,
    login: Mutex<Option<Arc<Login>>>,
    version: Mutex<Option<Microversion>>,
}

impl Session {
    pub(super) fn new(conf: &config::OpenStack, clock: Clock) -> Result<Self, SourceError> {
        let mut options = Options::new(Duration::from_secs(conf.timeout_s.into()), conf.body_max_bytes);
        options.ca_file.clone_from(&conf.ca_file);
        Ok(Self {
            http: Client::new(options, clock.clone())?,
            clock,
            auth_url: at_version(&conf.auth_url, "v3"),
            credentials: conf.credentials.clone(),
            region: conf.region.clone(),
            interface: conf.interface.clone(),
            login: Mutex::new(None),
            version: Mutex::new(None),
        })
    }

    /// The present log-in; logs in if there is none or it is about to expire.
    pub(super) async fn login(&self, tally: &Tally) -> Result<Arc<Login>, SourceError> {
        // Held while logging in, so that requests at once make one log-in.
        let mut held = self.login.lock().await;
        if let Some(login) = held.as_ref().filter(|l| self.clock.now() < l.renew_at) {
            return Ok(Arc::clone(login));
        }
        let login = Arc::new(self.authenticate(tally).await?);
        *held = Some(Arc::clone(&login));
        Ok(login)
    }

    /// Forgets a log-in that the cloud no longer accepts, unless it has been replaced already.
    async fn forget(&self, refused: &Arc<Login>) {
        let mut held = self.login.lock().await;
        if held.as_ref().is_some_and(|l| Arc::ptr_eq(l, refused)) {
            *held = None;
        }
    }

    /// GETs `path` (with its query) of a service; any answer but 2xx is an error. A 401 logs in once more.
    pub(super) async fn get(&self, service: Service, path: &str, tally: &Tally) -> Result<Reply, SourceError> {
        let login = self.login(tally).await?;
        let mut reply = self.send(&login, service, path, tally).await?;
        if reply.status == 401 {
            self.forget(&login).await;
            let login = self.login(tally).await?;
            reply = self.send(&login, service, path, tally).await?;
        }
        if reply.is_ok() { Ok(reply) } else { Err(reply.error(&hint::of(service, path, reply.status)).into()) }
    }

    async fn send(&self, login: &Login, service: Service, path: &str, tally: &Tally) -> Result<Reply, SourceError> {
        let mut request = Request::get(join(login.endpoint(service)?, path)?)
            .header("accept", "application/json")?
            .secret_header("x-auth-token", login.token.expose())?;
        if service == Service::Compute
            && let Some(version) = *self.version.lock().await
        {
            request = request
                .header("openstack-api-version", &format!("compute {version}"))?
                .header("x-openstack-nova-api-version", &version.to_string())?;
        }
        Ok(self.http.send(&request, tally).await?)
    }

    /// The microversion in use, negotiated anew if `fresh` or never done: the newest that both sides know.
    pub(super) async fn microversion(&self, fresh: bool, tally: &Tally) -> Result<Microversion, SourceError> {
        #[derive(Deserialize)]
        struct Answer {
            version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            version: String,
        }
        if let Some(known) = self.version.lock().await.filter(|_| !fresh) {
            return Ok(known);
        }
        let reply = self.get(Service::Compute, "/", tally).await?;
        let answer: Answer = reply.json("Nova's version document")?;
        let offered = Microversion::parse(&answer.version.version).ok_or_else(|| SourceError::Version {
            url: "Nova".to_owned(),
            why: format!("its version document offers `{}`; microversions (2.1 or newer) are needed", answer.version.version),
        })?;
        let version = offered.min(NEWEST);
        if version < Microversion(2, 1) {
            let why = format!("it offers {offered}; 2.1 or newer is needed");
            return Err(SourceError::Version { url: "Nova".to_owned(), why });
        }
        *self.version.lock().await = Some(version);
        Ok(version)
    }

    async fn authenticate(&self, tally: &Tally) -> Result<Login, SourceError> {
        let url = join(&self.auth_url, "/auth/tokens")?;
        let request = Request::post_json(url.clone(), &self.body()).hiding(self.secret()).header("accept", "application/json")?;
        let refused = |why: String| SourceError::Login { url: shown_url(&url), who: self.who(), why };
        let reply = self.http.send(&request, tally).await.map_err(|e| refused(e.to_string()))?;
        if !reply.is_ok() {
            let way_out = match reply.status {
                401 => "check user, password (or application credential), domains and project; a locked or expired account answers the same",
                403 => "the account may not use this project",
                404 => "`auth_url` must lead to Keystone v3, as in https://keystone.example:5000/v3",
                _ => "see Keystone's log",
            };
            return Err(refused(reply.error(way_out).to_string()));
        }
        let token = reply
            .headers
            .get("x-subject-token")
            .and_then(|t| t.to_str().ok())
            .ok_or_else(|| refused("the answer has no X-Subject-Token header; is this Keystone?".to_owned()))?;
        let answer: AuthAnswer = reply.json("a Keystone v3 token")?;
        Ok(self.log_in(token, answer.token, reply.date))
    }

    fn log_in(&self, token: &str, body: Token, date: Dated) -> Login {
        let issued = body.issued_at.as_deref().and_then(|t| Ts::parse(t).ok());
        let expires = body.expires_at.as_deref().and_then(|t| Ts::parse(t).ok());
        // The lifetime by the cloud's clock, counted on ours: so skew does not matter. A tenth is left for long lists.
        let lifetime_us = match (issued, expires) {
            (Some(from), Some(to)) => to.0.saturating_sub(from.0).max(0),
            _ => 3_600_000_000,
        };
        let renew_at = Ts(self.clock.now().0.saturating_add(lifetime_us / 10 * 9));
        let find = |service: Service, version: &str| {
            find_endpoint(&body.catalog, service.word(), self.region.as_deref(), &self.interface).map(|(url, r)| (at_version(&url, version), r))
        };
        let (compute, identity) = (find(Service::Compute, "v2.1"), find(Service::Identity, "v3"));
        let region = [&compute, &identity].into_iter().find_map(|e| e.as_ref().ok().map(|(_, r)| r.clone())).unwrap_or_default();
        Login {
            token: Secret::new(token),
            renew_at,
            compute: compute.map(|(u, _)| u),
            identity: identity.map(|(u, _)| u),
            region,
            roles: body.roles.into_iter().map(|r| r.name).collect(),
            issued: issued.map(|i| (i, date)),
        }
    }

    fn body(&self) -> serde_json::Value {
        match &self.credentials {
            Credentials::Password { username, user_domain, project, project_domain, password } => json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": {
                    "name": username, "domain": {"name": user_domain}, "password": password.expose()}}},
                "scope": {"project": {"name": project, "domain": {"name": project_domain}}}}}),
            Credentials::ApplicationCredential { id, secret } => json!({"auth": {
                "identity": {"methods": ["application_credential"], "application_credential": {"id": id, "secret": secret.expose()}}}}),
        }
    }

    fn secret(&self) -> &str {
        match &self.credentials {
            Credentials::Password { password, .. } => password.expose(),
            Credentials::ApplicationCredential { secret, .. } => secret.expose(),
        }
    }

    /// Our clock.
    pub(super) fn now(&self) -> Ts {
        self.clock.now()
    }

    /// Who we are, for people.
    pub(super) fn who(&self) -> String {
        match &self.credentials {
            Credentials::Password { username, user_domain, project, project_domain, .. } => {
                format!("user {username} (domain {user_domain}) in project {project} (domain {project_domain})")
            }
            Credentials::ApplicationCredential { id, .. } => format!("application credential {id}"),
        }
    }
}

#[derive(Deserialize)]
struct AuthAnswer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    issued_at: Option<String>,
    expires_at: Option<String>,
    #[serde(default)]
    catalog: Vec<Entry>,
    #[serde(default)]
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region: Option<String>,
    url: String,
}

/// The one endpoint of a service type in a region, with its region.
fn find_endpoint(catalogue: &[Entry], service: &'static str, region: Option<&str>, interface: &str) -> Result<(Url, String), SourceError> {
    let all: Vec<&Endpoint> = catalogue.iter().filter(|e| e.kind == service).flat_map(|e| &e.endpoints).collect();
    let fitting: Vec<&Endpoint> = all
        .iter()
        .copied()
        .filter(|e| e.interface == interface && region.is_none_or(|r| e.region.as_deref() == Some(r)))
        .collect();
    let regions: BTreeSet<&str> = fitting.iter().filter_map(|e| e.region.as_deref()).collect();
    let fail = |there: String| SourceError::Catalogue {
        service,
        wanted: format!("in region {} with interface {interface}", region.unwrap_or("(any)")),
        there,
    };
    let Some(first) = fitting.first() else {
        let there: BTreeSet<String> = if all.is_empty() {
            catalogue.iter().map(|e| e.kind.clone()).collect()
        } else {
            all.iter().map(|e| format!("{} {}", e.region.as_deref().unwrap_or("(no region)"), e.interface)).collect()
        };
        let list = there.into_iter().collect::<Vec<_>>().join(", ");
        return Err(fail(match (all.is_empty(), list.is_empty()) {
            (_, true) => "nothing (is the account scoped to a project?)".to_owned(),
            (true, _) => format!("the services {list}"),
            (false, _) => list,
        }));
    };
    if regions.len() > 1 {
        let list = regions.into_iter().collect::<Vec<_>>().join(", ");
        return Err(fail(format!("the regions {list}, of which one must be chosen")));
    }
    let url = Url::parse(&first.url).map_err(|e| fail(format!("`{}`, which is no URL ({e})", first.url)))?;
    Ok((url, first.region.clone().unwrap_or_default()))
}

/// The root of one API version below an endpoint, without a slash at its end. Catalogues name it with the version, with another one, with a project
/// behind it, or without.
fn at_version(endpoint: &Url, version: &str) -> Url {
    let path = endpoint.path().trim_end_matches('/').to_owned();
    let is_version = |s: &str| s.strip_prefix('v').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    let root: Vec<&str> = path.split('/').take_while(|s| !is_version(s)).collect();
    let mut url = endpoint.clone();
    url.set_path(&format!("{}/{version}", root.join("/").trim_end_matches('/')));
    url.set_query(None);
    url
}

fn join(base: &Url, path: &str) -> Result<Url, SourceError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|e| SourceError::Paging { url: shown_url(base), why: format!("the address of the next page is no URL ({e})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<Entry> {
        #[derive(Deserialize)]
        struct Catalogue {
            catalog: Vec<Entry>,
        }
        let text = include_str!("../../../tests/captures/openstack/keystone/catalog.json");
        serde_json::from_str::<Catalogue>(text).unwrap().catalog
    }

    #[test]
    fn finds_the_endpoints_of_a_real_catalogue() {
        let (url, region) = find_endpoint(&catalogue(), "compute", None, "public").unwrap();
        assert_eq!((url.as_str(), region.as_str()), ("http://127.0.0.1:18774/v2.1", "RegionOne"));
        let (url, _) = find_endpoint(&catalogue(), "identity", Some("RegionOne"), "internal").unwrap();
        assert_eq!(at_version(&url, "v3").as_str(), "http://127.0.0.1:15000/v3");
    }

    #[test]
    fn says_what_the_catalogue_has_instead() {
        let e = find_endpoint(&catalogue(), "compute", Some("Mars"), "public").unwrap_err().to_string();
        assert!(e.contains("region Mars with interface public") && e.contains("RegionOne public"), "{e}");
        let e = find_endpoint(&catalogue(), "object-store", None, "public").unwrap_err().to_string();
        assert!(e.contains("the services block-storage, compute, identity"), "{e}");
        let e = find_endpoint(&[], "compute", None, "public").unwrap_err().to_string();
        assert!(e.contains("scoped to a project"), "{e}");
    }

    #[test]
    fn two_regions_need_a_choice() {
        let two = |r: &str| Endpoint { interface: "public".into(), region: Some(r.into()), url: "http://x/v2.1".into() };
        let catalogue = [Entry { kind: "compute".into(), endpoints: vec![two("north"), two("south")] }];
        let e = find_endpoint(&catalogue, "compute", None, "public").unwrap_err().to_string();
        assert!(e.contains("north, south"), "{e}");
        assert_eq!(find_endpoint(&catalogue, "compute", Some("south"), "public").unwrap().1, "south");
    }

    #[test]
    fn endpoints_come_in_many_shapes() {
        for (given, version, want) in [
            ("http://h:8774/v2.1", "v2.1", "http://h:8774/v2.1"),
            ("http://h:8774/v2.1/", "v2.1", "http://h:8774/v2.1"),
            ("http://h:8774/v2/abc123", "v2.1", "http://h:8774/v2.1"),
            ("https://h/compute/v2.1/0f0f", "v2.1", "https://h/compute/v2.1"),
            ("https://h/compute/", "v2.1", "https://h/compute/v2.1"),
            ("http://h:5000", "v3", "http://h:5000/v3"),
            ("http://h:5000/v2.0/", "v3", "http://h:5000/v3"),
            ("https://h/vault/identity", "v3", "https://h/vault/identity/v3"),
        ] {
            assert_eq!(at_version(&Url::parse(given).unwrap(), version).as_str(), want, "{given}");
        }
    }

    #[test]
    fn microversions_compare_as_numbers() {
        assert!(Microversion::parse("2.104").unwrap() > Microversion::parse("2.96").unwrap());
        assert_eq!(Microversion::parse(""), None);
    }
}
