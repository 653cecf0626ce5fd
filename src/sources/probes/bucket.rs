//! An object's way into a bucket and back, by presigned requests (SigV4).

use crate::{
    config::{ProbeOf, Secret, SecretGone},
    domain::{Ts, digest},
    net::{Client, Reply, Request, Tally},
};
use bytes::Bytes;
use rusty_s3::Method;
use url::Url;

/// For how long a signature holds.
const SIGNED_S: u64 = 120;

/// A bucket in which an object comes and goes.
#[derive(Debug)]
pub(super) struct Bucket {
    client: Client,
    /// Of the bucket, with a slash at the end.
    url: Url,
    region: String,
    access_key: Secret,
    secret_key: Secret,
    /// Of two collectors each has objects of its own.
    whose: String,
}

impl Bucket {
    /// `of` is a probe of S3.
    pub(super) fn new(of: &ProbeOf, client: Client, collector: &str) -> Self {
        let ProbeOf::S3 {
            endpoint,
            bucket,
            region,
            access_key,
            secret_key,
            ..
        } = of
        else {
            unreachable!("it is made of a probe of S3")
        };
        let mut url = endpoint.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{bucket}/"));
        Self {
            client,
            url,
            region: region.clone(),
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            whose: digest::sha256_hex(collector.as_bytes())[..8].to_owned(),
        }
    }

    /// Puts an object, gets it and deletes it; it has to be the same.
    pub(super) async fn there_and_back(&self, tally: &Tally, now: Ts) -> Result<(), String> {
        let key = format!("plimsoll-probe-{}-{}", self.whose, now.0);
        let body = Bytes::from(format!("put by a probe of plimsoll at {now}\n"));
        let put = Request::put(self.signed(Method::Put, &key, now).await?, body.clone());
        self.send("put", put, tally).await?;
        let got = self.get(&key, &body, tally, now).await;
        let deleted = self.delete(&key, tally, now).await;
        got.and(deleted)
    }

    async fn get(&self, key: &str, put: &Bytes, tally: &Tally, now: Ts) -> Result<(), String> {
        let get = Request::get(self.signed(Method::Get, key, now).await?);
        let reply = self.send("get", get, tally).await?;
        if reply.body != put {
            return Err("get: what came back is not what was put".to_owned());
        }
        Ok(())
    }

    async fn delete(&self, key: &str, tally: &Tally, now: Ts) -> Result<(), String> {
        let delete = Request::delete(self.signed(Method::Delete, key, now).await?);
        self.send("delete", delete, tally).await.map(drop)
    }

    async fn send(&self, what: &str, request: Request, tally: &Tally) -> Result<Reply, String> {
        let sent = self.client.send(&request, tally).await;
        let reply = sent.map_err(|e| format!("{what}: {e}"))?;
        if reply.is_ok() {
            return Ok(reply);
        }
        Err(format!("{what}: {}", reply.error("")))
    }

    /// Signed by the keys as they are now.
    async fn signed(&self, method: Method, key: &str, now: Ts) -> Result<Url, String> {
        let date = jiff::Timestamp::from_second(now.second())
            .map_err(|e| format!("no request can be signed at {now}: {e}"))?;
        let url = self.url.join(key).map_err(|e| e.to_string())?;
        let gone = |e: SecretGone| e.to_string();
        let access_key = self.access_key.current().await.map_err(gone)?;
        let secret_key = self.secret_key.current().await.map_err(gone)?;
        Ok(rusty_s3::signing::sign(
            &date,
            method,
            url,
            &access_key,
            &secret_key,
            None,
            &self.region,
            SIGNED_S,
            std::iter::empty(),
            std::iter::empty(),
        ))
    }
}
