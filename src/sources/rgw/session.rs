//! The way to one zone: its gateways tried in turn, requests signed by the cloud's own clock.
//!
//! API: <https://docs.ceph.com/en/latest/radosgw/adminops/>. A signature is part of the address (a presigned URL): it holds for five minutes, for that one
//! reading, and messages about a request show neither it nor the access key.

use super::super::SourceError;
use crate::{
    config,
    domain::Ts,
    net::{Client, Clock, Options, Reply, Request, Tally},
};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use url::Url;

/// Gateways remembered behind one endpoint: a load balancer's are many.
const INSTANCES_MAX: usize = 64;

/// For how long a signature holds. A gateway measures it by its own clock, which we follow to about a second.
const SIGNED_S: u64 = 300;

/// A clock further off than this may be why a signature was refused.
const SKEW_MAX_US: i64 = 30_000_000;

/// Who answered: the last two parts of a request's id, `tx...-<time>-<instance>-<zone>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gateway {
    /// Another one after each start of the gateway.
    pub(super) instance: String,
    /// Its zone.
    pub(super) zone: String,
}

impl Gateway {
    /// Reads a request's id. A zone's name may have dashes in it, the parts before it have none.
    pub(super) fn of(request_id: &str) -> Option<Self> {
        let mut parts = request_id.splitn(4, '-');
        let (first, _, instance, zone) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (first.starts_with("tx") && !instance.is_empty() && !zone.is_empty()).then(|| Self {
            instance: instance.to_owned(),
            zone: zone.to_owned(),
        })
    }
}

/// The way to one zone.
#[derive(Debug)]
pub(super) struct Session {
    http: Client,
    clock: Clock,
    conf: config::Rgw,
    /// Which endpoint answered last.
    current: AtomicUsize,
    /// The gateways' clock less ours.
    ahead_us: AtomicI64,
    /// By endpoint: who answered there, the latest last.
    gateways: Mutex<BTreeMap<usize, Vec<Gateway>>>,
    /// What has to be said of gateways since it was last asked.
    remarks: Mutex<Vec<String>>,
    /// Gateways that were started anew since it was last asked.
    restarts: AtomicU64,
}

/// What a gateway says of an error.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "Code", default)]
    code: String,
}

impl Session {
    pub(super) fn new(conf: &config::Rgw, clock: Clock) -> Result<Self, SourceError> {
        let timeout = Duration::from_secs(conf.timeout_s.into());
        let mut options = Options::new(timeout, conf.body_max_bytes);
        options.ca_file.clone_from(&conf.ca_file);
        if conf.endpoints.len() > 1 {
            // Rather the next gateway than this one again.
            options.retries_max = 1;
        }
        Ok(Self {
            http: Client::new(options, clock.clone())?,
            clock,
            conf: conf.clone(),
            current: AtomicUsize::new(0),
            ahead_us: AtomicI64::new(0),
            gateways: Mutex::default(),
            remarks: Mutex::default(),
            restarts: AtomicU64::new(0),
        })
    }

    /// The gateways' clock, as far as it is known.
    pub(super) fn now(&self) -> Ts {
        Ts(self.clock.now().0 + self.ahead_us.load(Ordering::Relaxed))
    }

    /// The zone that answered, once one did.
    pub(super) fn zone(&self) -> Option<String> {
        let gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        first(&gateways).map(|g| g.zone.clone())
    }

    /// What has to be said of gateways since this was last asked: who was started anew. A pass that fails has its error to tell and must not ask: what
    /// it took would be lost.
    pub(super) fn remarks(&self) -> Vec<String> {
        std::mem::take(&mut self.remarks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many gateways were started anew since this was last asked.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.swap(0, Ordering::Relaxed)
    }

    /// GETs a path below `/admin`; any answer but 2xx is an error. Parameters are sorted by name. Where a gateway is silent or in trouble the next one is
    /// asked; that one stays the first.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let first = self.current.load(Ordering::Relaxed);
        let of = self.conf.endpoints.len();
        let mut last = None;
        for i in (0..of).map(|i| (first + i) % of) {
            match self.at(i, path, query, tally).await {
                Ok(reply) => {
                    self.current.store(i, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(e) if is_trouble(&e) => last = Some(e),
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| self.wrong("it has no endpoint")))
    }

    /// The same, of one gateway.
    pub(super) async fn at(
        &self,
        endpoint: usize,
        path: &str,
        query: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let signed_at = self.now();
        let mut reply = self.send(endpoint, signed_at, path, query, tally).await?;
        let off = reply.date.at.0.saturating_sub(signed_at.0).saturating_abs();
        if reply.status == 403 && reply.date.by_server && off > SKEW_MAX_US {
            // Their clock is another one, or was set: signed again by it, once.
            let theirs = self.now();
            reply = self.send(endpoint, theirs, path, query, tally).await?;
        }
        self.note(endpoint, &reply)?;
        if reply.is_ok() {
            return Ok(reply);
        }
        let code = serde_json::from_slice::<Refusal>(&reply.body)
            .map_or_else(|_| String::new(), |r| r.code);
        Err(reply.error(&hint(path, reply.status, &code)).into())
    }

    async fn send(
        &self,
        endpoint: usize,
        signed_at: Ts,
        path: &str,
        query: &[(&str, &str)],
        tally: &Tally,
    ) -> Result<Reply, SourceError> {
        let (access_key, secret_key) = self.keys().await?;
        let signer = (&*access_key, &*secret_key);
        let url = self.signed(
            &self.conf.endpoints[endpoint],
            signed_at,
            path,
            query,
            signer,
        )?;
        let request = Request::get(url).header("accept", "application/json")?;
        let reply = self.http.send(&request, tally).await?;
        if reply.date.by_server {
            self.ahead_us.store(reply.date.skew_us, Ordering::Relaxed);
        }
        Ok(reply)
    }

    /// The keys, as they are now.
    async fn keys(&self) -> Result<(Cow<'_, str>, Cow<'_, str>), SourceError> {
        let gone = |gone| SourceError::secret(&self.conf.name, &gone);
        let access_key = self.conf.access_key.current().await.map_err(gone)?;
        Ok((
            access_key,
            self.conf.secret_key.current().await.map_err(gone)?,
        ))
    }

    fn signed(
        &self,
        endpoint: &Url,
        at: Ts,
        path: &str,
        query: &[(&str, &str)],
        (access_key, secret_key): (&str, &str),
    ) -> Result<Url, SourceError> {
        let date = jiff::Timestamp::from_second(at.second())
            .map_err(|e| self.wrong(&format!("no request can be signed at {at}: {e}")))?;
        let mut url = endpoint.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/admin{path}"));
        Ok(rusty_s3::signing::sign(
            &date,
            rusty_s3::Method::Get,
            url,
            access_key,
            secret_key,
            None,
            &self.conf.region,
            SIGNED_S,
            query.iter().copied(),
            std::iter::empty(),
        ))
    }

    /// Holds who answered against who answered before: all of a source are of one zone, and one that was started anew may have lost what it had not
    /// written down.
    fn note(&self, endpoint: usize, reply: &Reply) -> Result<(), SourceError> {
        let id = reply.headers.get("x-amz-request-id");
        let Some(gateway) = id.and_then(|v| v.to_str().ok()).and_then(Gateway::of) else {
            return Ok(());
        };
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.conf.zone.as_ref();
        if let Some(zone) = wanted.or_else(|| first(&gateways).map(|g| &g.zone))
            && *zone != gateway.zone
        {
            return Err(self.wrong(&format!(
                "the gateway at {} is of zone `{}`, not `{zone}`: a source is one zone; give each zone a source of its own",
                self.conf.endpoints[endpoint], gateway.zone
            )));
        }
        let known = gateways.entry(endpoint).or_default();
        if known.contains(&gateway) {
            return Ok(());
        }
        let is_new = !known.is_empty();
        if known.len() == INSTANCES_MAX {
            known.remove(0);
        }
        known.push(gateway);
        if is_new {
            let remark = format!(
                "the gateway at {} was started anew, or another one answers there, before {}: if it was killed, what it had not yet written to its usage \
                 log is lost, and that hour may be short",
                self.conf.endpoints[endpoint], reply.date.at
            );
            tracing::warn!(source = self.conf.name, "{remark}");
            self.restarts.fetch_add(1, Ordering::Relaxed);
            let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
            remarks.push(remark);
        }
        Ok(())
    }

    fn wrong(&self, why: &str) -> SourceError {
        SourceError::Config {
            source_name: self.conf.name.clone(),
            why: why.to_owned(),
        }
    }
}

/// Any gateway that answered.
fn first(gateways: &BTreeMap<usize, Vec<Gateway>>) -> Option<&Gateway> {
    gateways.values().flatten().next()
}

/// True where another gateway may fare better.
fn is_trouble(e: &SourceError) -> bool {
    use crate::net::NetError;
    match e {
        SourceError::Net(NetError::Transport { .. } | NetError::Timeout { .. }) => true,
        other => other.status().is_some_and(|s| s == 429 || s >= 500),
    }
}

/// The way out of a refusal.
fn hint(path: &str, status: u16, code: &str) -> String {
    let cap = match path.split('/').nth(1) {
        Some("usage") => "usage=read",
        Some("bucket") => "buckets=read",
        _ => "metadata=read",
    };
    match (status, code) {
        (403, "InvalidAccessKeyId") => {
            "the zone knows no such access key: see `radosgw-admin user info` of the metering user"
                .to_owned()
        }
        (403, "SignatureDoesNotMatch") => {
            "the secret key is another one, or a proxy changes the host or the path of requests"
                .to_owned()
        }
        (403, _) => format!(
            "the metering user needs the capability {cap}: `radosgw-admin caps add --uid=plimsoll --caps='{cap}'`; and is its clock right?"
        ),
        (404, "NoSuchKey" | "") => {
            "is this the address of a gateway, and is the admin API (rgw_enable_apis) on?"
                .to_owned()
        }
        (405, _) => {
            "the gateway does not have this call: is the admin API (rgw_enable_apis) on?".to_owned()
        }
        (429, _) | (503, _) => {
            "the gateway is overloaded; lower `concurrency` or raise the intervals".to_owned()
        }
        (500..=599, _) => "the gateway is in trouble; see its log".to_owned(),
        _ => "see the gateway's log".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_tells_who_answered() {
        let told = Gateway::of("tx00000bfb330aa9bb66441-006b03f4e9-1032-default").unwrap();
        assert_eq!(
            (told.instance.as_str(), told.zone.as_str()),
            ("1032", "default")
        );
        assert_eq!(
            Gateway::of("tx0-1-2a-eu-north-1").unwrap().zone,
            "eu-north-1"
        );
        assert_eq!(Gateway::of("0f3a9b"), None);
    }
}
