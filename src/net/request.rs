//! What is sent, and what of it nobody may see.

use super::NetError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

/// What to send. Values given to [`Request::secret_header`] and [`Request::hiding`] appear in no message about it.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) secrets: Vec<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, super::shown_url(&self.url))
    }
}

impl Request {
    /// A GET. Sent again after a broken connection and after 429, 500, 502, 503 and 504.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            secrets: Vec::new(),
        }
    }

    /// A HEAD: the headers of a GET alone. Sent again like one.
    #[must_use]
    pub fn head(url: Url) -> Self {
        Self {
            method: Method::HEAD,
            ..Self::get(url)
        }
    }

    /// A PUT of bytes. Never sent again.
    #[must_use]
    pub fn put(url: Url, body: Bytes) -> Self {
        Self {
            method: Method::PUT,
            body,
            ..Self::get(url)
        }
    }

    /// A DELETE. Never sent again.
    #[must_use]
    pub fn delete(url: Url) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::get(url)
        }
    }

    /// A POST of JSON. Never sent again.
    #[must_use]
    pub fn post_json(url: Url, body: &serde_json::Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Self {
            method: Method::POST,
            url,
            headers,
            body: Bytes::from(body.to_string()),
            secrets: Vec::new(),
        }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`NetError::Header`] when the value cannot be sent.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self, NetError> {
        let value = HeaderValue::from_str(value).map_err(|_| NetError::Header { name })?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// Adds a header that nobody may see.
    ///
    /// # Errors
    /// [`NetError::Header`] when the value cannot be sent.
    pub fn secret_header(mut self, name: &'static str, value: &str) -> Result<Self, NetError> {
        let mut header = HeaderValue::from_str(value).map_err(|_| NetError::Header { name })?;
        header.set_sensitive(true);
        self.headers.insert(HeaderName::from_static(name), header);
        Ok(self.hiding(value))
    }

    /// Logs in by a bearer token.
    ///
    /// # Errors
    /// [`NetError::Header`] when the token cannot be sent.
    fn bearer(self, token: &str) -> Result<Self, NetError> {
        let request = self.secret_header("authorization", &format!("Bearer {token}"))?;
        Ok(request.hiding(token))
    }

    /// Logs in by user and password.
    ///
    /// # Errors
    /// [`NetError::Header`], which the encoded pair never is.
    fn basic(self, username: &str, password: &str) -> Result<Self, NetError> {
        let pair = STANDARD.encode(format!("{username}:{password}"));
        let request = self.secret_header("authorization", &format!("Basic {pair}"))?;
        Ok(request.hiding(password))
    }

    /// Logs in by user and password, or without a user by a bearer token.
    ///
    /// # Errors
    /// [`NetError::Header`] when the token cannot be sent.
    pub fn login(self, username: Option<&str>, secret: &str) -> Result<Self, NetError> {
        match username {
            Some(username) => self.basic(username, secret),
            None => self.bearer(secret),
        }
    }

    /// Keeps a part of the body out of every message, also when the server sends it back.
    #[must_use]
    pub fn hiding(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }
}

/// A client's certificate and its key (PEM), which no format string prints.
#[derive(Clone)]
pub struct Identity(pub Vec<u8>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[identity]")
    }
}
