//! An Alertmanager that is posted to, as it is written.

use super::{Part, SecretRef};
use crate::config::leaf::{Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// An Alertmanager with API v2 (0.16 or newer).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Alertmanager {
    /// Where it is: what stands before `/api/v2/alerts`.
    pub(in crate::config) url: Part<WebUrl>,
    /// A bearer token that is sent along.
    pub(in crate::config) bearer_token: Option<Part<SecretRef>>,
    /// Or a user, with `password`.
    pub(in crate::config) username: Option<String>,
    /// Password of `username`.
    pub(in crate::config) password: Option<Part<SecretRef>>,
    /// Time for one post. 1s to 1m.
    #[serde(default = "Alertmanager::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl Alertmanager {
    pub(in crate::config) fn timeout() -> Seconds {
        Seconds(10)
    }
}
