//! The way to one API server: its address, our token, and what its refusals mean.

use super::super::SourceError;
use crate::{
    config::{self, Account, Ca, KubeletPage},
    net::{Client, Clock, Identity, NetError, Opened, Options, Reply, Request, Tally},
};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// The way to one API server.
#[derive(Debug)]
pub(super) struct Session {
    http: Client,
    /// The way to kubelets, where they are read.
    kubelets: Option<Client>,
    source: String,
    url: Url,
    account: Account,
}

/// What the API says of a refusal (`Status`).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) code: u16,
    #[serde(default)]
    pub(super) message: String,
}

/// A list's items without what they hold: all that is wanted where only the list's version is.
pub(super) const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const JSON: &str = "application/json";

/// Asks an API server whether it is ready, again and again; nothing is repeated within a try.
#[derive(Debug)]
pub(in crate::sources) struct Readiness(Session);

impl Readiness {
    /// Nothing is contacted.
    pub(in crate::sources) fn new(
        cluster: &config::Kubernetes,
        timeout_s: u32,
        clock: &Clock,
    ) -> Result<Self, SourceError> {
        let options = Options {
            retries_max: 0,
            idle_max: Some(0),
            ..options(cluster, timeout_s)
        };
        Session::with(cluster, clock.clone(), options).map(Self)
    }

    /// One try.
    pub(in crate::sources) async fn once(&self, tally: &Tally) -> Result<(), SourceError> {
        self.0.get("/readyz", &[], tally).await.map(drop)
    }
}

impl Session {
    pub(super) fn new(conf: &config::Kubernetes, clock: Clock) -> Result<Self, SourceError> {
        Self::with(conf, clock, options(conf, conf.timeout_s))
    }

    fn with(
        conf: &config::Kubernetes,
        clock: Clock,
        options: Options,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            http: Client::new(options, clock)?,
            kubelets: None,
            source: conf.name.clone(),
            url: conf.url.clone(),
            account: conf.account.clone(),
        })
    }

    /// That to its kubelets beside it.
    pub(super) fn with_kubelets(
        conf: &config::Kubernetes,
        kubelets: &config::Kubelets,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let mut options = options(conf, kubelets.timeout_s);
        if let Some(file) = &kubelets.ca_file {
            (options.ca_file, options.ca_pem) = (Some(file.clone()), None);
        }
        // The next reading is soon; and connections to thousands of nodes are not kept for it.
        options.retries_max = 0;
        options.idle_max = Some(0);
        Ok(Self {
            kubelets: Some(Client::new(options, clock.clone())?),
            ..Self::new(conf, clock)?
        })
    }

    /// For people.
    pub(super) fn who(&self) -> String {
        match &self.account {
            Account::TokenFile(file) => format!("the token in {}", file.display()),
            Account::Token(_) => "a token".to_owned(),
            Account::Certificate(_) => "a client's certificate".to_owned(),
        }
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Signs a request. A token's file is read each time: whoever rotates it need not tell us.
    async fn signed(&self, request: Request) -> Result<Request, SourceError> {
        let token = match &self.account {
            Account::TokenFile(file) => tokio::fs::read_to_string(file).await.map_err(|e| SourceError::Config {
                source_name: self.source.clone(),
                why: format!("the token's file {} cannot be read: {e}; is it still mounted, and may we read it?", file.display()),
            })?,
            Account::Token(token) => token.expose().to_owned(),
            Account::Certificate(_) => return Ok(request),
        };
        let token = token.trim();
        Ok(request
            .secret_header("authorization", &format!("Bearer {token}"))?
            .hiding(token))
    }

    /// A GET, whatever its status.
    pub(super) async fn ask(
        &self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let request = Request::get(self.at(path, query)).header("accept", accept)?;
        let request = self.signed(request).await?;
        Ok(self.http.send(&request, tally).await?)
    }

    /// A GET that has to be answered.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let reply = self.ask(path, query, JSON, tally).await?;
        answered(reply, path)
    }

    /// A kubelet's page. `address` is host and port.
    pub(super) async fn kubelet(
        &self,
        address: &str,
        page: KubeletPage,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let wrong = |why: String| SourceError::Config {
            source_name: self.source.clone(),
            why,
        };
        let url = format!("https://{address}{}", page.path());
        let url = Url::parse(&url)
            .map_err(|e| wrong(format!("a kubelet's address {address} cannot be used: {e}")))?;
        let http = self
            .kubelets
            .as_ref()
            .ok_or_else(|| wrong("its kubelets are not read".to_owned()))?;
        let accept = match page {
            KubeletPage::Summary => JSON,
            KubeletPage::Resource => "text/plain;version=0.0.4",
        };
        let request = Request::get(url).header("accept", accept)?;
        let reply = http.send(&self.signed(request).await?, tally).await.map_err(|e| match e {
            NetError::Transport { .. } if e.to_string().contains("certificate") => wrong(format!(
                "{e}; does `kubelets: ca_file` name the CA that signs what kubelets show? One that signed its own certificate is not trusted with a token"
            )),
            e => e.into(),
        })?;
        if reply.is_ok() {
            return Ok(reply);
        }
        let hint = match reply.status {
            401 => "the kubelet does not take our token: does it ask the API server (authentication.webhook), and is the token of this cluster?".to_owned(),
            403 => format!(
                "the account may not get nodes/{}: bind the ClusterRole plimsoll-kubelets of deploy/kubernetes/rbac.yaml to it",
                page.right()
            ),
            404 => "the kubelet has no such page: try the other `page`".to_owned(),
            _ => "see the kubelet's log".to_owned(),
        };
        Err(reply.error(&hint).into())
    }

    /// A POST that has to be answered.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let request = Request::post_json(self.at(path, &[]), body).header("accept", JSON)?;
        let reply = self.http.send(&self.signed(request).await?, tally).await?;
        answered(reply, path)
    }

    /// A GET whose answer lasts.
    pub(super) async fn open(
        &self,
        path: &str,
        query: &[(&str, &str)],
        tally: &Tally,
        within: Duration,
    ) -> Result<Opened, SourceError> {
        let request = Request::get(self.at(path, query)).header("accept", JSON)?;
        let request = self.signed(request).await?;
        Ok(self.http.open(&request, tally, within).await?)
    }
}

/// Limits and trust for the cluster, and who we are there.
fn options(conf: &config::Kubernetes, timeout_s: u32) -> Options {
    let timeout = Duration::from_secs(timeout_s.into());
    let mut options = Options::new(timeout, conf.body_max_bytes);
    match &conf.ca {
        Some(Ca::File(file)) => options.ca_file = Some(file.clone()),
        Some(Ca::Pem(pem)) => options.ca_pem = Some(pem.clone()),
        None => {}
    }
    if let Account::Certificate(pem) = &conf.account {
        options.identity = Some(Identity(pem.expose().as_bytes().to_vec()));
    }
    options
}

/// The answer, or the error that it is.
pub(super) fn answered(reply: Reply, path: &str) -> Result<Reply, SourceError> {
    if reply.is_ok() {
        return Ok(reply);
    }
    Err(refused(&reply, path))
}

/// The error that an answer is.
pub(super) fn refused(reply: &Reply, path: &str) -> SourceError {
    reply.error(&hint(reply.status, path)).into()
}

/// What a person can do about it.
fn hint(status: u16, path: &str) -> String {
    match status {
        401 => "the token is not accepted: has it expired, or is it another cluster's?".to_owned(),
        403 => "the account may not read this: bind the ClusterRole of deploy/kubernetes/rbac.yaml to it".to_owned(),
        404 => format!("the API server knows nothing of {path}: does `url` name an API server?"),
        429 => "the API server limits our rate; raise `interval`, or see its flow schemas".to_owned(),
        500..=599 => "the API server is in trouble; see its log".to_owned(),
        _ => "see the API server's log".to_owned(),
    }
}
