//! Alertmanagers that are posted to.

use super::HttpLogin;
use std::path::PathBuf;
use url::Url;

/// Who is told of alerts, and how often.
#[derive(Debug, Clone, Default)]
pub struct Alertmanagers {
    /// Each is told by itself. Their names are unique.
    pub all: Vec<Alertmanager>,
    /// Seconds between two posts.
    pub every_s: u32,
}

/// An Alertmanager.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    /// What stands before `/api/v2/alerts`.
    pub url: Url,
    /// Who we are there.
    pub login: Option<HttpLogin>,
    /// Seconds for one post.
    pub timeout_s: u32,
    /// A CA bundle (PEM) beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Alertmanager {
    /// Its name in metrics and logs: host and port, and its path if it has one.
    #[must_use]
    pub fn name(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        let path = self.url.path().trim_end_matches('/');
        format!("{}:{port}{path}", self.url.host_str().unwrap_or_default())
    }
}
