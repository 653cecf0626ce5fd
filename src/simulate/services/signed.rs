//! Signatures of requests to the object gateways: AWS version 4, in the address or in a header.
//!
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. Shared with nobody who signs.

use super::gateway::refusal;
use crate::{
    domain::digest,
    simulate::wire::{Ask, PASSWORD, Refused},
};
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What a signature leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// A clock may be so far off, in seconds.
const SKEW_MAX_S: i64 = 900;

/// What a request says of its signature.
struct Signature {
    credential: String,
    date: String,
    /// For so many seconds it holds, if it is in the address.
    expires: Option<i64>,
    headers: String,
    payload: String,
    signature: String,
}

impl Signature {
    fn of(ask: &Ask) -> Option<Self> {
        if ask.param("X-Amz-Algorithm").is_some_and(|a| a == ALGORITHM) {
            let param = |name: &str| ask.param(name).map(str::to_owned);
            return Some(Self {
                credential: param("X-Amz-Credential")?,
                date: param("X-Amz-Date")?,
                expires: Some(ask.param("X-Amz-Expires")?.parse().ok()?),
                headers: param("X-Amz-SignedHeaders")?,
                payload: "UNSIGNED-PAYLOAD".to_owned(),
                signature: param("X-Amz-Signature")?,
            });
        }
        let parts = ask.header("authorization")?.strip_prefix(ALGORITHM)?;
        let parts: BTreeMap<&str, &str> = parts
            .split(',')
            .filter_map(|p| p.trim().split_once('='))
            .collect();
        let part = |name: &str| parts.get(name).map(|v| (*v).to_owned());
        Some(Self {
            credential: part("Credential")?,
            date: ask.header("x-amz-date")?.to_owned(),
            expires: None,
            headers: part("SignedHeaders")?,
            payload: ask.header("x-amz-content-sha256")?.to_owned(),
            signature: part("Signature")?,
        })
    }

    /// What it should be; `None` where the credential is none.
    fn expected(&self, ask: &Ask) -> Option<String> {
        let (_, scope) = self.credential.split_once('/')?;
        let mut query: Vec<(String, String)> = ask
            .query()
            .iter()
            .filter(|(k, _)| k != "X-Amz-Signature")
            .map(|(k, v)| (encoded(k), encoded(v)))
            .collect();
        query.sort();
        let query: Vec<String> = query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let headers: String = self
            .headers
            .split(';')
            .map(|name| format!("{name}:{}\n", ask.header(name).unwrap_or_default().trim()))
            .collect();
        let request = [
            &ask.method,
            &ask.path,
            &query.join("&"),
            &headers,
            &self.headers,
            &self.payload,
        ];
        let request = request.map(String::as_str).join("\n");
        let hash = digest::hex(&Sha256::digest(request));
        let text = [ALGORITHM, &self.date, scope, &hash].join("\n");
        let mut key = format!("AWS4{PASSWORD}").into_bytes();
        for part in scope.split('/').chain([text.as_str()]) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
            mac.update(part.as_bytes());
            key = mac.finalize().into_bytes().to_vec();
        }
        Some(digest::hex(&key))
    }

    /// Whether it holds at a second; or the word of the refusal.
    fn holds(&self, now: i64) -> Result<(), &'static str> {
        let made = chrono::NaiveDateTime::parse_from_str(&self.date, "%Y%m%dT%H%M%SZ");
        let made = made.map_err(|_| "AccessDenied")?.and_utc().timestamp();
        match self.expires {
            Some(s) if now >= made.saturating_add(s) => Err("AccessDenied"),
            None if now - made > SKEW_MAX_S => Err("RequestTimeTooSkewed"),
            _ if made - now > SKEW_MAX_S => Err("RequestTimeTooSkewed"),
            _ => Ok(()),
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// `Ok` if a request is signed with the one key that there is: access key and secret key are both [`PASSWORD`].
///
/// # Errors
/// The refusal, in S3's words.
pub(super) fn signed(ask: &Ask) -> Result<(), Refused> {
    let refused = |word: &str| Err(refusal(StatusCode::FORBIDDEN, word));
    let Some(said) = Signature::of(ask) else {
        return refused("AccessDenied");
    };
    if said.credential.split('/').next() != Some(PASSWORD) {
        return refused("InvalidAccessKeyId");
    }
    if let Err(word) = said.holds(ask.second()) {
        return refused(word);
    }
    if said.expected(ask).is_none_or(|e| e != said.signature) {
        return refused("SignatureDoesNotMatch");
    }
    Ok(())
}
