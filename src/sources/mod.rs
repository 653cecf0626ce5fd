//! The clouds we read, behind one closed set of variants.

pub mod openstack;

use crate::{
    config,
    domain::{Batch, Memory, Pass, PassMode},
    net::{Clock, NetError},
};
use tokio::sync::mpsc::Sender;

/// Why a source could not be read. Every message names the operation, the thing and the way out; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The exchange itself failed, or the answer was an error or rubbish.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The configuration cannot work.
    #[error("source {source_name}: {why}")]
    Config {
        /// Name of the source.
        source_name: String,
        /// What is wrong, and the way out.
        why: String,
    },
    /// Keystone did not let us in.
    #[error("cannot log in at {url} as {who}: {why}")]
    Login {
        /// Where.
        url: String,
        /// User or application credential, and its scope.
        who: String,
        /// What Keystone said, and the way out.
        why: String,
    },
    /// The catalogue lacks an endpoint.
    #[error(
        "the catalogue has no {service} endpoint {wanted}; it has: {there}; set `region` or `interface`, or add the endpoint in Keystone"
    )]
    Catalogue {
        /// Service type.
        service: &'static str,
        /// Region and interface asked for.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// The API is too old or speaks another language.
    #[error("{url}: {why}")]
    Version {
        /// The endpoint.
        url: String,
        /// What it offers, and what is needed.
        why: String,
    },
    /// Paging went wrong.
    #[error("list {url}: {why}")]
    Paging {
        /// The list.
        url: String,
        /// What happened.
        why: String,
    },
    /// Items of a list could not be read; the others were.
    #[error("{count} of the {list} could not be read, first: {first}")]
    Items {
        /// The list.
        list: &'static str,
        /// How many.
        count: u64,
        /// The first one's error.
        first: String,
    },
    /// Whoever takes the facts is gone.
    #[error("the facts were not taken: the program is stopping, or its spool is full")]
    NotTaken,
}

impl SourceError {
    /// The HTTP status, where the cause was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Net(e) => e.status(),
            _ => None,
        }
    }
}

/// How one check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Metering works, with less than it could.
    Warning,
    /// Metering does not work.
    Error,
}

/// One thing that `check --online` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it came out.
    pub verdict: Verdict,
    /// What was looked at and what was seen.
    pub what: String,
    /// The way out; empty when all is well.
    pub hint: String,
}

/// One source. The set is closed: `match` finds every place to extend.
#[derive(Debug)]
pub enum Source {
    /// An OpenStack region.
    OpenStack(Box<openstack::OpenStack>),
}

impl Source {
    /// Makes the source that the configuration describes. Nothing is contacted.
    ///
    /// # Errors
    /// [`SourceError`] when the configuration cannot work (a CA file, a pattern).
    pub fn new(
        config: config::Source,
        clock: Clock,
        memory: Memory,
        collector: String,
    ) -> Result<Self, SourceError> {
        match config {
            config::Source::OpenStack(c) => openstack::OpenStack::new(c, clock, memory, collector)
                .map(|o| Self::OpenStack(Box::new(o))),
        }
    }

    /// Its name: the `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::OpenStack(o) => o.name(),
        }
    }

    /// Reads every list once and hands the facts on as they come. One pass per list, also in the last batch of that list; faults are data.
    pub async fn collect(&mut self, mode: PassMode, out: &Sender<Batch>) -> Vec<Pass> {
        match self {
            Self::OpenStack(o) => o.collect(mode, out).await,
        }
    }

    /// Tries everything that collecting needs, and changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        match self {
            Self::OpenStack(o) => o.check_online().await,
        }
    }
}
