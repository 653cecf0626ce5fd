//! One question to a service, as its users would ask it: for probes.

use super::{Service, SourceError, session::Session};
use crate::{
    config::{self, ProbedService},
    net::{Clock, Tally},
    sources::probes,
};

/// Asks a service again and again; nothing is repeated within a try.
#[derive(Debug)]
pub(in crate::sources) struct Knock {
    session: Session,
    service: Service,
    /// What lists one thing; `None`: a token is the thing.
    path: Option<&'static str>,
}

impl Knock {
    /// Nothing is contacted.
    pub(in crate::sources) fn new(
        region: &config::OpenStack,
        service: ProbedService,
        timeout_s: u32,
        clock: &Clock,
    ) -> Result<Self, SourceError> {
        let options = probes::once(timeout_s, region.body_max_bytes);
        let (service, path) = match service {
            ProbedService::Identity => (Service::Identity, None),
            ProbedService::Compute => (Service::Compute, Some("/servers/detail?limit=1")),
            ProbedService::Volume => (Service::Volume, Some("/volumes/detail?limit=1")),
            ProbedService::Network => (Service::Network, Some("/networks?fields=id&limit=1")),
            ProbedService::Image => (Service::Image, Some("/images?limit=1")),
        };
        Ok(Self {
            session: Session::with(region, clock.clone(), options)?,
            service,
            path,
        })
    }

    /// One try. Keystone issues a token each time it is Keystone that is tried.
    pub(in crate::sources) async fn once(&self, tally: &Tally) -> Result<(), SourceError> {
        match self.path {
            Some(path) => self.session.get(self.service, path, tally).await.map(drop),
            None => self.session.log_in_anew(tally).await.map(drop),
        }
    }
}
