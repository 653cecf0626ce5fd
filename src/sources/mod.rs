//! The clouds we read, behind one closed set of variants.

pub mod ceph;
pub mod events;
mod item;
pub mod kubernetes;
pub mod openstack;
pub mod probes;
pub mod prometheus;
pub mod rgw;
mod run;
mod whole;

use crate::{
    config,
    domain::{Batch, Memory, Pass, PassMode},
    net::{Clock, NetError, Request},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::{mpsc, oneshot};
use url::Url;

/// A batch on its way to the spool.
#[derive(Debug)]
pub struct Parcel {
    /// What was read.
    pub batch: Batch,
    /// Told once the batch is safe on disk: a queue may then be told to forget it.
    pub kept: Option<oneshot::Sender<()>>,
}

impl From<Batch> for Parcel {
    fn from(batch: Batch) -> Self {
        Self { batch, kept: None }
    }
}

/// Takes what a source reads. Waits while the spool is full.
pub type Out = mpsc::Sender<Parcel>;

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
    /// A page of metrics, or an answer about them, cannot be used.
    #[error("{url}: {why}")]
    Metrics {
        /// Where.
        url: String,
        /// What is wrong, and the way out.
        why: String,
    },
    /// A message broker did not do what it was asked.
    #[error("broker {address}: {why}")]
    Broker {
        /// Host, port and virtual host.
        address: String,
        /// What happened, and the way out.
        why: String,
    },
    /// A command did not do what it was run for.
    #[error("`{command}` {why}")]
    Command {
        /// The program with its arguments.
        command: String,
        /// What it ended with; `None`: it did not run to its end, or its answer was rubbish.
        code: Option<i32>,
        /// What happened, and the way out.
        why: String,
    },
    /// Whoever takes the facts is gone.
    #[error("the facts were not taken: the program is stopping, or its spool is full")]
    NotTaken,
}

impl SourceError {
    /// A secret of a source cannot be read any more.
    fn secret(source_name: &str, gone: &config::SecretGone) -> Self {
        Self::Config {
            source_name: source_name.to_owned(),
            why: gone.to_string(),
        }
    }

    /// The HTTP status, where the cause was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Net(e) => e.status(),
            _ => None,
        }
    }
}

/// A GET with what logs us in, as it is now.
async fn logged_in(
    url: &Url,
    login: Option<&config::HttpLogin>,
    source_name: &str,
) -> Result<Request, SourceError> {
    let request = Request::get(url.clone());
    let Some(login) = login else {
        return Ok(request);
    };
    let secret = login.secret().current().await;
    let secret = secret.map_err(|gone| SourceError::secret(source_name, &gone))?;
    Ok(request.login(login.username(), &secret)?)
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

/// What reads one share of a source, by itself: a cloud's volume service that hangs delays neither its servers nor another cloud. The set is closed:
/// `match` finds every place to extend.
#[derive(Debug)]
pub enum Source {
    /// An OpenStack region's projects and servers.
    OpenStack(Box<openstack::OpenStack>),
    /// Another service of an OpenStack region, read by whole lists.
    Inventory(Box<openstack::Inventory>),
    /// What an OpenStack region's services notify of, through one broker.
    Notifications(Box<openstack::Notifications>),
    /// A part of a Ceph cluster.
    Ceph(Box<ceph::Ceph>),
    /// One list of a Kubernetes cluster, and the watch of it.
    Kubernetes(Box<kubernetes::Kubernetes>),
    /// The kubelets of a Kubernetes cluster.
    Kubelets(Box<kubernetes::Kubelets>),
    /// The usage log of a zone of Ceph's object gateways.
    RgwLog(Box<rgw::UsageLog>),
    /// What the buckets of such a zone hold.
    RgwBuckets(Box<rgw::Buckets>),
    /// One page of metrics, or what is asked of a server that keeps them.
    Metrics(Box<prometheus::Reader>),
    /// Probes of services.
    Probes(Box<probes::Prober>),
}

/// What became of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Facts came of them.
    pub used: u64,
    /// They tell of nothing that is metered.
    pub ignored: u64,
    /// They could not be read, and were set aside.
    pub poison: u64,
}

impl Told {
    /// And these.
    pub fn add(&mut self, other: Self) {
        self.used += other.used;
        self.ignored += other.ignored;
        self.poison += other.poison;
    }
}

impl Source {
    /// Makes what reads a configured source: a reader for each share of it. Nothing is contacted. `memory` is what the store knows of it.
    ///
    /// # Errors
    /// [`SourceError`] when the configuration cannot work (a CA file, a pattern).
    pub fn open(
        config: &config::Source,
        clock: &Clock,
        memory: &Memory,
        collector: &str,
    ) -> Result<Vec<Self>, SourceError> {
        match config {
            config::Source::OpenStack(c) => openstack::open(c, clock, memory, collector),
            config::Source::Ceph(c) => ceph::open(c, clock, memory, collector),
            config::Source::Kubernetes(c) => kubernetes::open(c, clock, memory, collector),
            config::Source::Rgw(c) => rgw::open(c, clock, memory, collector),
            config::Source::Prometheus(c) => prometheus::open(c, clock, memory, collector),
            config::Source::Probes(c) => {
                let prober = probes::Prober::new(c, clock, collector)?;
                Ok(vec![Self::Probes(Box::new(prober))])
            }
        }
    }

    /// The source's name: the `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::OpenStack(o) => o.name(),
            Self::Inventory(i) => i.name(),
            Self::Notifications(n) => n.name(),
            Self::Ceph(c) => c.name(),
            Self::Kubernetes(k) => k.name(),
            Self::Kubelets(k) => k.name(),
            Self::RgwLog(r) => r.name(),
            Self::RgwBuckets(r) => r.name(),
            Self::Metrics(m) => m.name(),
            Self::Probes(p) => p.name(),
        }
    }

    /// Between passes for changes.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self {
            Self::OpenStack(o) => o.interval(),
            Self::Inventory(i) => i.interval(),
            Self::Notifications(n) => n.interval(),
            Self::Ceph(c) => c.interval(),
            Self::Kubernetes(k) => k.interval(),
            Self::Kubelets(k) => k.interval(),
            Self::RgwLog(r) => r.interval(),
            Self::RgwBuckets(r) => r.interval(),
            Self::Metrics(m) => m.interval(),
            Self::Probes(p) => p.interval(),
        }
    }

    /// Between full lists.
    #[must_use]
    pub fn full_interval(&self) -> Duration {
        match self {
            Self::OpenStack(o) => o.full_interval(),
            Self::Inventory(i) => i.interval(),
            Self::Metrics(m) => m.interval(),
            Self::Ceph(c) => c.interval(),
            Self::Probes(p) => p.interval(),
            // One reading after another: there are no two kinds of them.
            Self::Notifications(_) | Self::RgwLog(_) | Self::Kubelets(_) => {
                Duration::from_secs(365 * 86_400)
            }
            Self::RgwBuckets(r) => r.interval(),
            Self::Kubernetes(k) => k.full_interval(),
        }
    }

    /// What became of messages since this was last asked.
    pub fn told(&mut self) -> Option<Told> {
        match self {
            Self::Notifications(n) => Some(n.told()),
            _ => None,
        }
    }

    /// What became of samples since this was last asked.
    pub fn samples(&mut self) -> Option<prometheus::Samples> {
        match self {
            Self::Metrics(m) => Some(m.samples()),
            Self::Kubelets(k) => Some(k.samples()),
            _ => None,
        }
    }

    /// What befell object gateways and their log since this was last asked.
    pub fn noticed(&mut self) -> Option<rgw::Noticed> {
        match self {
            Self::RgwLog(r) => Some(r.noticed()),
            _ => None,
        }
    }

    /// Before the first pass: readers of many like lists spread over the interval.
    #[must_use]
    pub fn offset(&self) -> Duration {
        match self {
            Self::Metrics(m) => m.offset(),
            Self::Probes(p) => p.offset(),
            _ => Duration::ZERO,
        }
    }

    /// From the end of a pass to the next; `took`: how long the pass did.
    #[must_use]
    pub fn pause(&self, took: Duration) -> Duration {
        match self {
            Self::Probes(p) => p.pause(),
            _ => self.interval().saturating_sub(took),
        }
    }

    /// What came of probes since this was last asked.
    pub fn probed(&mut self) -> Vec<probes::Found> {
        match self {
            Self::Probes(p) => p.found(),
            _ => Vec::new(),
        }
    }

    /// Takes the store's memory in place of its own: what another collector, or a person, has found since.
    pub fn remember(&mut self, memory: &Memory) {
        match self {
            Self::OpenStack(o) => o.remember(memory),
            Self::Inventory(i) => i.remember(memory),
            Self::Notifications(n) => n.remember(memory),
            Self::Ceph(c) => c.remember(memory),
            Self::Kubernetes(k) => k.remember(memory),
            Self::RgwLog(r) => r.remember(memory),
            Self::RgwBuckets(r) => r.remember(memory),
            // What it reads needs nothing of what was.
            Self::Metrics(_) | Self::Kubelets(_) | Self::Probes(_) => {}
        }
    }

    /// A person vouches for these lists: what they no longer show has ended, however much it is.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        match self {
            Self::OpenStack(o) => o.believe(lists),
            Self::Inventory(i) => i.believe(lists),
            Self::Ceph(c) => c.believe(lists),
            Self::RgwBuckets(r) => r.believe(lists),
            // Nothing is missing from a queue or from a log, nor does a page end anything.
            Self::Notifications(_)
            | Self::RgwLog(_)
            | Self::Metrics(_)
            | Self::Kubelets(_)
            | Self::Probes(_) => {}
            Self::Kubernetes(k) => k.believe(lists),
        }
    }

    /// Reads every list once and hands the facts on as they come. One pass per list, also in the last batch of that list; faults are data.
    pub async fn collect(&mut self, mode: PassMode, out: &Out) -> Vec<Pass> {
        match self {
            Self::OpenStack(o) => o.collect(mode, out).await,
            Self::Inventory(i) => i.collect(out).await,
            Self::Notifications(n) => n.collect(mode, out).await,
            Self::Ceph(c) => c.collect(out).await,
            Self::Kubernetes(k) => k.collect(mode, out).await,
            Self::Kubelets(k) => k.collect(mode, out).await,
            Self::RgwLog(r) => r.collect(out).await,
            Self::RgwBuckets(r) => r.collect(out).await,
            Self::Metrics(m) => m.collect(out).await,
            Self::Probes(p) => p.collect(out).await,
        }
    }

    /// Tries everything that collecting needs, and changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        match self {
            Self::OpenStack(o) => o.check_online().await,
            Self::Inventory(i) => i.check_online().await,
            Self::Notifications(n) => n.check_online().await,
            Self::Ceph(c) => c.check_online().await,
            Self::Kubernetes(k) => k.check_online().await,
            Self::Kubelets(k) => k.check_online().await,
            Self::RgwLog(r) => r.check_online().await,
            Self::RgwBuckets(r) => r.check_online().await,
            Self::Metrics(m) => m.check_online().await,
            Self::Probes(p) => p.check_online().await,
        }
    }
}
