//! The one HTTP client: TLS, timeouts, body cap, retries, counts. Every request of the program to a cloud goes through it.

use super::{
    Clock, Identity, NetError, Request, redact,
    stream::{Opened, Stream},
};
use crate::domain::Ts;
use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::{
    Method,
    header::{DATE, HeaderMap, LOCATION, RETRY_AFTER},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

/// Limits of a client. Everything is bounded.
#[derive(Debug, Clone)]
pub struct Options {
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// For one request, from connecting to the body's last byte.
    pub timeout: Duration,
    /// Largest body, counted after unpacking.
    pub body_max_bytes: u64,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
    /// A CA bundle (PEM) itself, where it stands in no file of its own.
    pub ca_pem: Option<String>,
    /// Who we are: a certificate and its key.
    pub identity: Option<Identity>,
    /// How many connections to one host are kept for the next request; `None`: as many as there were.
    pub idle_max: Option<usize>,
    /// How often a GET is sent again.
    pub retries_max: usize,
    /// Delay before the first retry; it doubles, with jitter.
    pub backoff_min: Duration,
    /// Longest wait, whatever `Retry-After` says.
    pub retry_after_max: Duration,
}

impl Options {
    /// The usual limits around these two.
    #[must_use]
    pub fn new(timeout: Duration, body_max_bytes: u64) -> Self {
        Self {
            connect_timeout: timeout.min(Duration::from_secs(10)),
            timeout,
            body_max_bytes,
            ca_file: None,
            ca_pem: None,
            identity: None,
            idle_max: None,
            retries_max: 3,
            backoff_min: Duration::from_millis(250),
            retry_after_max: Duration::from_secs(60),
        }
    }
}

/// Counts of one pass.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn received(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests sent, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Those of them that were sent again.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received, unpacked.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// And these.
    pub fn add(&self, other: &Self) {
        self.requests.fetch_add(other.requests(), Ordering::Relaxed);
        self.retries.fetch_add(other.retries(), Ordering::Relaxed);
        self.bytes.fetch_add(other.bytes(), Ordering::Relaxed);
    }
}

/// A time, and whose clock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The answer's `Date`; without one, our clock when the answer had come.
    pub at: Ts,
    /// A time at which the answer was surely not yet made: its `Date`; without one, our clock when the request was sent.
    pub since: Ts,
    /// The server's clock less ours in microseconds; 0 without a `Date`. A `Date` is cut to the second: half of one is added, so that the error is
    /// half a second either way.
    pub skew_us: i64,
    /// False: there was no `Date` (uWSGI alone sends none), the times are ours.
    pub by_server: bool,
}

/// An answer with any status.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, unpacked.
    pub body: Bytes,
    /// When it was made.
    pub date: Dated,
    method: String,
    url: String,
    secrets: Vec<String>,
}

impl Reply {
    /// True for 2xx.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The error this answer is, with the way out.
    #[must_use]
    pub fn error(&self, hint: &str) -> NetError {
        let location = self
            .headers
            .get(LOCATION)
            .and_then(|l| l.to_str().ok())
            .filter(|_| matches!(self.status, 300..=399));
        let hint = location.map_or_else(
            || hint.to_owned(),
            // Followed blindly, a redirect would carry the token to another host.
            |to| {
                format!(
                    "redirects are not followed; configure the address it leads to ({})",
                    redact::hide(to, &self.secrets)
                )
            },
        );
        NetError::Status {
            method: self.method.clone(),
            url: self.url.clone(),
            status: self.status,
            excerpt: self.excerpt(),
            hint,
        }
    }

    /// Reads the body as JSON; `what` names what was expected.
    ///
    /// # Errors
    /// [`NetError::Shape`] with URL, place and beginning of the body.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self, what: &str) -> Result<T, NetError> {
        serde_json::from_slice(&self.body).map_err(|e| self.shape(what, &e.to_string()))
    }

    /// An error about the body's shape.
    #[must_use]
    pub fn shape(&self, what: &str, why: &str) -> NetError {
        NetError::Shape {
            method: self.method.clone(),
            url: self.url.clone(),
            what: format!("expected {what}"),
            why: redact::hide(why, &self.secrets),
            excerpt: self.excerpt(),
        }
    }

    fn excerpt(&self) -> String {
        redact::excerpt(&self.body, &self.secrets)
    }
}

/// The client. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    options: Options,
    clock: Clock,
}

/// Why one sending is to be repeated, or not.
enum Attempt {
    Answer(Reply),
    Broken { why: String, again: bool },
    Final(NetError),
}

impl Client {
    /// Makes a client: rustls with ring, the system's roots and `ca_file`, gzip, no redirects.
    ///
    /// # Errors
    /// [`NetError::CaFile`], [`NetError::Setup`].
    pub fn new(options: Options, clock: Clock) -> Result<Self, NetError> {
        // Another part of the program may have installed it already; there is only this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .gzip(true);
        if let Some(most) = options.idle_max {
            builder = builder.pool_max_idle_per_host(most);
        }
        if let Some(path) = &options.ca_file {
            builder = builder.tls_certs_merge(ca_bundle(path)?);
        }
        if let Some(pem) = &options.ca_pem {
            builder = builder.tls_certs_merge(certificates(pem.as_bytes()).map_err(|why| {
                NetError::Setup {
                    why: format!("the CA bundle: {why}"),
                }
            })?);
        }
        if let Some(Identity(pem)) = &options.identity {
            let identity = reqwest::Identity::from_pem(pem).map_err(|e| NetError::Setup {
                why: format!("the client's certificate and key: {}", chain(e)),
            })?;
            builder = builder.identity(identity);
        }
        let http = builder
            .build()
            .map_err(|e| NetError::Setup { why: chain(e) })?;
        Ok(Self {
            http,
            options,
            clock,
        })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`NetError::Transport`], [`NetError::Timeout`], [`NetError::TooLarge`].
    pub async fn send(&self, request: &Request, tally: &Tally) -> Result<Reply, NetError> {
        let repeatable = matches!(request.method, Method::GET | Method::HEAD);
        let attempts = AtomicU32::new(0);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.options.backoff_min)
            .with_max_delay(self.options.retry_after_max)
            .with_max_times(self.options.retries_max)
            .with_jitter();
        let once = || async {
            if attempts.fetch_add(1, Ordering::Relaxed) > 0 {
                tally.retries.fetch_add(1, Ordering::Relaxed);
            }
            match self.once(request, tally).await {
                Ok(reply) if repeatable && matches!(reply.status, 429 | 500 | 502 | 503 | 504) => {
                    Err(Attempt::Answer(reply))
                }
                other => other,
            }
        };
        let result = once
            .retry(backoff)
            .when(|e| match e {
                Attempt::Answer(_) => true,
                Attempt::Broken { again, .. } => repeatable && *again,
                Attempt::Final(_) => false,
            })
            .adjust(|e, delay| match e {
                Attempt::Answer(reply) => delay.map(|d| {
                    retry_after(reply).map_or(d, |wait| wait.min(self.options.retry_after_max))
                }),
                _ => delay,
            })
            .await;
        result.or_else(|e| match e {
            Attempt::Answer(reply) => Ok(reply),
            Attempt::Final(e) => Err(e),
            Attempt::Broken { why, .. } => {
                Err(transport(request, &why, attempts.load(Ordering::Relaxed)))
            }
        })
    }

    async fn once(&self, request: &Request, tally: &Tally) -> Result<Reply, Attempt> {
        let (response, sent, received) = self.sent(request, tally, None).await?;
        let date = dated(response.headers(), sent, received);
        self.rest(request, response, date, tally).await
    }

    /// Sends it once; when it was sent, and when the head of its answer came.
    async fn sent(
        &self,
        request: &Request,
        tally: &Tally,
        within: Option<Duration>,
    ) -> Result<(reqwest::Response, Ts, Ts), Attempt> {
        tally.requests.fetch_add(1, Ordering::Relaxed);
        let sent = self.clock.now();
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone());
        if let Some(within) = within {
            builder = builder.timeout(within);
        }
        let response = builder.send().await.map_err(|e| self.broken(request, e))?;
        Ok((response, sent, self.clock.now()))
    }

    /// Reads the rest of an answer.
    async fn rest(
        &self,
        request: &Request,
        response: reqwest::Response,
        date: Dated,
        tally: &Tally,
    ) -> Result<Reply, Attempt> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.body(request, response, tally).await?;
        Ok(Reply {
            status,
            date,
            headers,
            body,
            method: request.method.to_string(),
            url: redact::shown_url(&request.url),
            secrets: request.secrets.clone(),
        })
    }

    /// Sends a request once and reads its answer as it comes. `within`: from connecting to the last byte.
    ///
    /// # Errors
    /// [`NetError::Transport`], [`NetError::Timeout`], [`NetError::TooLarge`].
    pub async fn open(
        &self,
        request: &Request,
        tally: &Tally,
        within: Duration,
    ) -> Result<Opened, NetError> {
        let failed = |e| match e {
            Attempt::Final(e) => e,
            Attempt::Broken { why, .. } => transport(request, &why, 1),
            Attempt::Answer(reply) => reply.error(""),
        };
        let (response, sent, received) = self
            .sent(request, tally, Some(within))
            .await
            .map_err(failed)?;
        let date = dated(response.headers(), sent, received);
        if response.status().is_success() {
            let cap = self.options.body_max_bytes;
            let (method, url) = (request.method.to_string(), redact::shown_url(&request.url));
            let stream = Stream::new(response, date, method, url, request.secrets.clone(), cap);
            return Ok(Opened::Stream(stream));
        }
        let reply = self.rest(request, response, date, tally).await;
        reply.map(Opened::Refused).map_err(failed)
    }

    /// Reads the body piece by piece: neither a false length nor a small body that unpacks to a huge one gets past the cap.
    async fn body(
        &self,
        request: &Request,
        mut response: reqwest::Response,
        tally: &Tally,
    ) -> Result<Bytes, Attempt> {
        let cap = self.options.body_max_bytes;
        let too_large = || {
            Attempt::Final(NetError::TooLarge {
                method: request.method.to_string(),
                url: redact::shown_url(&request.url),
                cap,
            })
        };
        if response.content_length().is_some_and(|n| n > cap) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|e| self.broken(request, e))?
        {
            tally.received(piece.len());
            if u64::try_from(body.len() + piece.len()).unwrap_or(u64::MAX) > cap {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }

    fn broken(&self, request: &Request, e: reqwest::Error) -> Attempt {
        // A whole request that ran out of time is not sent again: it would hold up everything behind it for as long once more.
        if e.is_timeout() && !e.is_connect() {
            return Attempt::Final(NetError::Timeout {
                method: request.method.to_string(),
                url: redact::shown_url(&request.url),
                seconds: self.options.timeout.as_secs(),
            });
        }
        Attempt::Broken {
            again: !e.is_builder(),
            why: chain(e),
        }
    }
}

fn transport(request: &Request, why: &str, attempts: u32) -> NetError {
    NetError::Transport {
        method: request.method.to_string(),
        url: redact::shown_url(&request.url),
        why: redact::hide(why, &request.secrets),
        attempts,
    }
}

fn ca_bundle(path: &Path) -> Result<Vec<reqwest::Certificate>, NetError> {
    let fail = |why: String| NetError::CaFile {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    certificates(&pem).map_err(fail)
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, String> {
    let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(chain)?;
    if certificates.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(certificates)
}

/// An error with its causes, without the URL (which may hold a secret).
fn chain(e: reqwest::Error) -> String {
    let e = e.without_url();
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(&e);
    while let Some(c) = cause {
        let next = c.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = c.source();
    }
    text
}

fn dated(headers: &HeaderMap, sent: Ts, received: Ts) -> Dated {
    match date_header(headers) {
        Some(at) => Dated {
            at,
            since: at,
            skew_us: at.0.saturating_add(500_000).saturating_sub(received.0),
            by_server: true,
        },
        None => Dated {
            at: received,
            since: sent,
            skew_us: 0,
            by_server: false,
        },
    }
}

fn date_header(headers: &HeaderMap) -> Option<Ts> {
    headers
        .get(DATE)
        .and_then(|d| d.to_str().ok())
        .and_then(|d| Ts::parse(d).ok())
}

/// Seconds, or a date by the server's own clock (RFC 9110, 10.2.3).
fn retry_after(reply: &Reply) -> Option<Duration> {
    let text = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = Ts::parse(text).ok()?.0.saturating_sub(reply.date.at.0);
    Some(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
}
