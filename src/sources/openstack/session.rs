//! Keystone v3: log in, keep the token fresh, find the endpoints; every request to the cloud goes through here.
//!
//! API: <https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management>.

use super::{
    super::SourceError,
    catalogue::{Entry, at_version, find_endpoint},
    hint,
    service::{Service, account},
};
use crate::{
    config::{self, Credentials, Secret},
    domain::Ts,
    net::{Client, Clock, Dated, Options, Reply, Request, Tally, shown_url},
};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
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

/// What a log-in brought.
#[derive(Debug)]
pub(super) struct Login {
    token: Secret,
    /// On our clock.
    renew_at: Ts,
    endpoints: BTreeMap<Service, Result<Url, SourceError>>,
    pub(super) region: String,
    pub(super) roles: Vec<String>,
    /// The project that we are logged in to; empty if none.
    pub(super) project: String,
    /// What stands before a project's id in the name of its account; `None` where Swift is not there, or the catalogue does not tell.
    pub(super) account_prefix: Option<String>,
    /// When Keystone says it issued the token, and when that answer came.
    pub(super) issued: Option<(Ts, Dated)>,
}

impl Login {
    /// Where a service's API begins.
    pub(super) fn endpoint(&self, service: Service) -> Result<&Url, SourceError> {
        match self.endpoints.get(&service) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => unreachable!("every service is looked for at the log-in"),
        }
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
        let options = Options::new(
            Duration::from_secs(conf.timeout_s.into()),
            conf.body_max_bytes,
        );
        Self::with(conf, clock, options)
    }

    /// One with limits of its own.
    pub(super) fn with(
        conf: &config::OpenStack,
        clock: Clock,
        mut options: Options,
    ) -> Result<Self, SourceError> {
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

    /// Logs in, whether or not we are.
    pub(super) async fn log_in_anew(&self, tally: &Tally) -> Result<Arc<Login>, SourceError> {
        *self.login.lock().await = None;
        self.login(tally).await
    }

    /// Forgets a log-in that the cloud no longer accepts, unless it has been replaced already.
    async fn forget(&self, refused: &Arc<Login>) {
        let mut held = self.login.lock().await;
        if held.as_ref().is_some_and(|l| Arc::ptr_eq(l, refused)) {
            *held = None;
        }
    }

    /// GETs `path` (with its query) of a service; any answer but 2xx is an error. A 401 logs in once more.
    pub(super) async fn get(
        &self,
        service: Service,
        path: &str,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        self.ask(Request::get, service, path, tally).await
    }

    /// The headers of a GET alone.
    pub(super) async fn head(
        &self,
        service: Service,
        path: &str,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        self.ask(Request::head, service, path, tally).await
    }

    async fn ask(
        &self,
        method: fn(Url) -> Request,
        service: Service,
        path: &str,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let login = self.login(tally).await?;
        let mut reply = self.send(&login, method, service, path, tally).await?;
        if reply.status == 401 {
            self.forget(&login).await;
            let login = self.login(tally).await?;
            reply = self.send(&login, method, service, path, tally).await?;
        }
        if reply.status == 406 {
            // The service was set back to an older release.
            *self.version.lock().await = None;
        }
        if reply.is_ok() {
            Ok(reply)
        } else {
            Err(reply.error(&hint::of(service, path, reply.status)).into())
        }
    }

    async fn send(
        &self,
        login: &Login,
        method: fn(Url) -> Request,
        service: Service,
        path: &str,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let mut request = method(join(login.endpoint(service)?, path)?)
            .header("accept", "application/json")?
            .secret_header("x-auth-token", login.token.expose())?;
        if let Some((name, version)) = service.version_header() {
            request = request.header(name, version)?;
        }
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
    pub(super) async fn microversion(
        &self,
        fresh: bool,
        tally: &Tally,
    ) -> Result<Microversion, SourceError> {
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
        let offered =
            Microversion::parse(&answer.version.version).ok_or_else(|| SourceError::Version {
                url: "Nova".to_owned(),
                why: format!(
                    "its version document offers `{}`; microversions (2.1 or newer) are needed",
                    answer.version.version
                ),
            })?;
        let version = offered.min(NEWEST);
        if version < Microversion(2, 1) {
            let why = format!("it offers {offered}; 2.1 or newer is needed");
            return Err(SourceError::Version {
                url: "Nova".to_owned(),
                why,
            });
        }
        *self.version.lock().await = Some(version);
        Ok(version)
    }

    async fn authenticate(&self, tally: &Tally) -> Result<Login, SourceError> {
        let url = join(&self.auth_url, "/auth/tokens")?;
        let request = Request::post_json(url.clone(), &self.body())
            .hiding(self.secret())
            .header("accept", "application/json")?;
        let refused = |why: String| SourceError::Login {
            url: shown_url(&url),
            who: self.who(),
            why,
        };
        let reply = self
            .http
            .send(&request, tally)
            .await
            .map_err(|e| refused(e.to_string()))?;
        if !reply.is_ok() {
            let way_out = match reply.status {
                401 => {
                    "check user, password (or application credential), domains and project; a locked or expired account answers the same"
                }
                403 => "the account may not use this project",
                404 => {
                    "`auth_url` must lead to Keystone v3, as in https://keystone.example:5000/v3"
                }
                _ => "see Keystone's log",
            };
            return Err(refused(reply.error(way_out).to_string()));
        }
        let token = reply
            .headers
            .get("x-subject-token")
            .and_then(|t| t.to_str().ok())
            .ok_or_else(|| {
                refused("the answer has no X-Subject-Token header; is this Keystone?".to_owned())
            })?;
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
        let project = body.project.map(|p| p.id).unwrap_or_default();
        let (mut region, mut account_prefix) = (None, None);
        let endpoints = Service::ALL
            .into_iter()
            .map(|service| {
                let found = find_endpoint(
                    &body.catalog,
                    service.types(),
                    self.region.as_deref(),
                    &self.interface,
                )
                .map(|(url, of)| {
                    // Keystone may serve many regions: where the others are is the region that is read.
                    if region.is_none() || service == Service::Compute {
                        region = Some(of);
                    }
                    if service == Service::ObjectStore {
                        account_prefix = account(&url, &project).map(|(_, prefix)| prefix);
                    }
                    service.root(&url, &project)
                });
                (service, found)
            })
            .collect();
        Login {
            token: Secret::new(token),
            renew_at,
            endpoints,
            region: region.unwrap_or_default(),
            project,
            account_prefix,
            roles: body.roles.into_iter().map(|r| r.name).collect(),
            issued: issued.map(|i| (i, date)),
        }
    }

    fn body(&self) -> serde_json::Value {
        match &self.credentials {
            Credentials::Password {
                username,
                user_domain,
                project,
                project_domain,
                password,
            } => json!({"auth": {
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
            Credentials::Password {
                username,
                user_domain,
                project,
                project_domain,
                ..
            } => {
                format!(
                    "user {username} (domain {user_domain}) in project {project} (domain {project_domain})"
                )
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
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

fn join(base: &Url, path: &str) -> Result<Url, SourceError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|e| SourceError::Paging {
        url: shown_url(base),
        why: format!("the address of the next page is no URL ({e})"),
    })
}

/// See [`super::fuzzed::token`].
pub(super) fn fuzzed(bytes: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<AuthAnswer>(bytes) else {
        return false;
    };
    for interface in ["public", "internal"] {
        if let Ok((url, _)) = find_endpoint(
            &answer.token.catalog,
            Service::Compute.types(),
            None,
            interface,
        ) {
            let root = at_version(&url, "v2.1");
            assert_eq!(
                at_version(&root, "v2.1"),
                root,
                "the root of a root is itself"
            );
        }
    }
    for time in [&answer.token.issued_at, &answer.token.expires_at] {
        let _ = time.as_deref().map(Ts::parse);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microversions_compare_as_numbers() {
        assert!(Microversion::parse("2.104").unwrap() > Microversion::parse("2.96").unwrap());
        assert_eq!(Microversion::parse(""), None);
    }
}
