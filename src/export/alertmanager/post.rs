//! Posts to one Alertmanager.

use crate::{
    config,
    net::{Client, Clock, NetError, Options, Request, Tally},
};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Largest answer that is read: it says nothing, or what was wrong.
const ANSWER_MAX: u64 = 64 << 10;

/// An Alertmanager, and the way to it.
#[derive(Debug)]
pub struct Alertmanager {
    conf: config::Alertmanager,
    url: Url,
    client: Client,
}

impl Alertmanager {
    /// Makes ready to post to it; asks it nothing yet.
    ///
    /// # Errors
    /// [`NetError`] when its CA bundle cannot be used.
    pub fn new(conf: &config::Alertmanager, clock: &Clock) -> Result<Self, NetError> {
        let timeout = Duration::from_secs(conf.timeout_s.into());
        let options = Options {
            ca_file: conf.ca_file.clone(),
            ..Options::new(timeout, ANSWER_MAX)
        };
        let mut url = conf.url.clone();
        url.set_path(&format!(
            "{}/api/v2/alerts",
            conf.url.path().trim_end_matches('/')
        ));
        Ok(Self {
            conf: conf.clone(),
            url,
            client: Client::new(options, clock.clone())?,
        })
    }

    /// Its name in metrics and logs: host and port, and the path before the API's if it has one.
    #[must_use]
    pub fn name(&self) -> String {
        self.conf.name()
    }

    /// Posts alerts. Not sent again: the next post says the same, or something newer.
    ///
    /// # Errors
    /// [`NetError`] when it cannot be reached, or refuses them.
    pub async fn post(&self, body: &Value) -> Result<(), NetError> {
        let request = Request::post_json(self.url.clone(), body);
        let request = match &self.conf.login {
            None => request,
            Some(login) => {
                let secret = login.secret().current().await;
                let secret = secret.map_err(|gone| NetError::Secret {
                    why: gone.to_string(),
                })?;
                request.login(login.username(), &secret)?
            }
        };
        let reply = self.client.send(&request, &Tally::default()).await?;
        if reply.is_ok() {
            return Ok(());
        }
        Err(reply.error(match reply.status {
            401 | 403 => {
                "give `bearer_token`, or `username` and `password`, of one who may post to it"
            }
            404 => "is `url` what stands before /api/v2/alerts? Alertmanager has that since 0.16",
            _ => "see its log",
        }))
    }
}
