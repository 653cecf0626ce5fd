//! Ceph's object gateways (RGW): the usage log hour by hour, and the buckets of a zone by their owners.
//!
//! Two readers, each with a rhythm of its own: [`UsageLog`] for requests and bytes, [`Buckets`] for what is stored. API:
//! <https://docs.ceph.com/en/latest/radosgw/adminops/>. Nothing is asked that answers with secret keys (`/admin/user`, `/admin/metadata/user?key=`).

mod bucket;
mod buckets;
mod check;
#[doc(hidden)]
pub mod fuzzed;
mod log;
mod names;
mod scope;
mod session;
mod usage;

pub use buckets::Buckets;
pub use log::{Noticed, UsageLog};

use super::{Out, Source, SourceError, run::Run, whole};
use crate::{
    config,
    domain::{Memory, PassMode, Ts},
    net::Clock,
};
use scope::Scopes;
use session::Session;
use std::sync::Arc;

/// A zone, as both of its readers know it.
#[derive(Debug, Clone)]
struct Zone {
    conf: config::Rgw,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    scopes: Scopes,
}

/// What reads a zone.
///
/// # Errors
/// When the CA file cannot be used.
pub fn open(
    conf: &config::Rgw,
    clock: &Clock,
    memory: &Memory,
    collector: &str,
) -> Result<Vec<Source>, SourceError> {
    let zone = Zone {
        session: Arc::new(Session::new(conf, clock.clone())?),
        scopes: Scopes {
            openstack: conf.openstack.clone(),
        },
        conf: conf.clone(),
        clock: clock.clone(),
        collector: collector.to_owned(),
    };
    let log = UsageLog::new(zone.clone(), memory);
    let buckets = Buckets::new(zone, memory);
    Ok(vec![
        Source::RgwLog(Box::new(log)),
        Source::RgwBuckets(Box::new(buckets)),
    ])
}

impl Zone {
    /// A pass of a list begins.
    fn run<'a>(&self, list: &str, mode: PassMode, out: &'a Out) -> Run<'a> {
        let (name, collector) = (&self.conf.name, &self.collector);
        Run::start(
            name,
            "object-store",
            list,
            mode,
            collector,
            &self.clock,
            out,
        )
    }

    /// Tells of an owner that is a scope of our own, unless that is known: rules find it by its name, and by its tenant as the domain.
    fn take_scope(&self, memory: &mut Memory, owner: &str, seen: Ts, run: &mut Run<'_>) {
        let scope = self.scopes.of(owner);
        if scope.cloud.is_none() {
            whole::take_scope(memory, &scope.id, scope::known(owner), seen, run);
        }
    }
}
