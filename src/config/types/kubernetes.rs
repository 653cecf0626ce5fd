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
    /// How its kubelets are read; `None`: they are not.
    pub kubelets: Option<Kubelets>,
}

/// A page of a kubelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeletPage {
    /// `/stats/summary`.
    Summary,
    /// `/metrics/resource`.
    Resource,
}

impl KubeletPage {
    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Summary => "/stats/summary",
            Self::Resource => "/metrics/resource",
        }
    }

    /// For people.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Summary => "a kubelet's summary",
            Self::Resource => "a kubelet's resource metrics",
        }
    }

    /// What of `nodes` an account needs to `get` for it.
    #[must_use]
    pub const fn right(self) -> &'static str {
        match self {
            Self::Summary => "stats",
            Self::Resource => "metrics",
        }
    }
}

/// How the kubelets of a cluster are read.
#[derive(Debug, Clone)]
pub struct Kubelets {
    /// Which page.
    pub page: KubeletPage,
    /// Seconds between two readings of one.
    pub interval_s: u32,
    /// One reading is kept in each stretch of so many seconds.
    pub keep_s: u32,
    /// Seconds for one.
    pub timeout_s: u32,
    /// So many at once.
    pub concurrency: u32,
    /// CAs of theirs, in place of the API server's.
    pub ca_file: Option<PathBuf>,
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
