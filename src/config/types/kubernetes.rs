//! A Kubernetes cluster, validated.

use super::Secret;
use std::path::PathBuf;
use url::Url;

/// A Kubernetes cluster.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// The `cloud` of its facts. Never changed once facts are kept.
    pub name: String,
    /// Its API server, `https://api.okd.example:6443`.
    pub url: Url,
    /// Who we are there.
    pub account: Account,
    /// CAs beside the system's.
    pub ca: Option<Ca>,
    /// Seconds that one watch lasts, and one pass with it.
    pub interval_s: u32,
    /// Seconds between full lists.
    pub full_interval_s: u32,
    /// Objects a page.
    pub page_size: u32,
    /// Requests at once.
    pub concurrency: u32,
    /// Seconds for one request that is no watch.
    pub timeout_s: u32,
    /// Largest body, and largest event, that is read.
    pub body_max_bytes: u64,
    /// Extended resources (regular expression, whole) that are GPUs.
    pub gpu_resources: String,
}

/// Who we are at an API server.
#[derive(Debug, Clone)]
pub enum Account {
    /// A bearer token in a file, which is read again for each request: whoever rotates it need not tell us.
    TokenFile(PathBuf),
    /// A bearer token.
    Token(Secret),
    /// A client's certificate and its key (PEM).
    Certificate(Secret),
}

/// A CA bundle (PEM).
#[derive(Debug, Clone)]
pub enum Ca {
    /// In a file.
    File(PathBuf),
    /// Itself.
    Pem(String),
}
