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
pub use log::UsageLog;

use super::{Source, SourceError, run::Run, whole};
use crate::{
    config,
    domain::{Memory, Ts},
    net::Clock,
};
use scope::Scope;
use session::Session;
use std::sync::Arc;

/// Its word in passes.
const SERVICE: &str = "object-store";

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
    let session = Arc::new(Session::new(conf, clock.clone())?);
    let log = UsageLog::new(conf, clock, memory, collector, &session);
    let buckets = Buckets::new(conf, clock, memory, collector, &session);
    Ok(vec![
        Source::RgwLog(Box::new(log)),
        Source::RgwBuckets(Box::new(buckets)),
    ])
}

/// Tells of an owner that is a scope of our own, unless it is known: rules find it by its name, and by its tenant as the domain.
fn take_scope(memory: &mut Memory, scope: &Scope, owner: &str, seen: Ts, run: &mut Run<'_>) {
    if scope.cloud.is_none() {
        whole::take_scope(memory, &scope.id, scope::known(owner), seen, run);
    }
}
