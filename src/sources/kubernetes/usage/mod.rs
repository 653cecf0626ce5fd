//! What pods really use, by their kubelets: each is asked directly, one after the other through the interval, and none waits for another.
//!
//! Kubelets are asked at the addresses that nodes have in the API, and which pods they tell of is known from the API too. Readings that are kept become
//! facts of [`crate::domain::Aspect::Reading`] of the pods.

mod check;
#[doc(hidden)]
pub(super) mod fuzzed;
mod keep;
pub(super) mod summary;
#[cfg(test)]
mod tests;

use super::{
    super::{
        Finding, Out, SourceError,
        prometheus::Samples,
        run::{Draft, Fault, Run},
        whole::finish,
    },
    directory::{Directory, Pod},
    session::Session,
};
use crate::{
    config::{self, KubeletPage},
    domain::{
        Known, Memory, Pass, PassMode, Ts,
        fact::{amount, kind, reading},
    },
    net::{Clock, Reply, Tally},
};
use futures::{StreamExt as _, stream};
use keep::{Keeper, Kept, Of, Rule};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use summary::Page;
use tokio::time::Instant;

/// Its name in passes.
const LIST: &str = "kubelets";
/// Kubelets are asked over so much of the interval, in hundredths: the rest is for those that are slow.
const SPREAD: u32 = 80;

/// Reads the kubelets of a cluster.
#[derive(Debug)]
pub struct Kubelets {
    cluster: String,
    conf: config::Kubelets,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    directory: Arc<Directory>,
    /// For how long nodes and pods are waited for.
    patience: Duration,
    keepers: HashMap<String, Keeper>,
    memory: Memory,
    samples: Samples,
}

/// What became of a pass.
#[derive(Debug, Default)]
struct Read {
    answered: usize,
    silent: usize,
    /// The first that did not answer, and why.
    first_silent: Option<(String, SourceError)>,
    unread: u64,
    first_unread: String,
}

impl Kubelets {
    pub(super) fn new(
        conf: &config::Kubernetes,
        kubelets: &config::Kubelets,
        clock: &Clock,
        collector: &str,
        directory: Arc<Directory>,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            cluster: conf.name.clone(),
            conf: kubelets.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            session: Arc::new(Session::with_kubelets(conf, kubelets, clock.clone())?),
            directory,
            patience: Duration::from_secs(conf.timeout_s.into()),
            keepers: HashMap::new(),
            memory: Memory::default(),
            samples: Samples::default(),
        })
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cluster
    }

    /// Between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.conf.interval_s.into())
    }

    /// Figures that were read and that could not be, kubelets that did not answer among these, since this was last asked.
    pub fn samples(&mut self) -> Samples {
        std::mem::take(&mut self.samples)
    }

    /// Asks every kubelet once: spread over the interval, but for the first time and where somebody waits.
    pub async fn collect(&mut self, mode: PassMode, out: &Out) -> Vec<Pass> {
        let mut run = Run::start(
            &self.cluster,
            "kubelet",
            LIST,
            PassMode::Full,
            &self.collector,
            &self.clock,
            out,
        );
        let result = self.pass(mode, &mut run).await;
        vec![finish(&mut self.memory, run, result).await]
    }

    /// Tries what reading kubelets needs, on some of them, and changes nothing.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        check::online(self).await
    }

    fn rule(&self) -> Rule {
        let (keep, interval) = (i64::from(self.conf.keep_s), i64::from(self.conf.interval_s));
        Rule {
            keep,
            holds: keep + 2 * interval,
        }
    }

    async fn pass(&mut self, mode: PassMode, run: &mut Run<'_>) -> Result<(), Fault> {
        if !self.directory.ready(self.patience).await {
            return Err(SourceError::Config {
                source_name: self.cluster.clone(),
                why: format!(
                    "its nodes and pods were not listed within {} s, so its kubelets cannot be asked: see the passes of `nodes` and `pods`",
                    self.patience.as_secs()
                ),
            }
            .into());
        }
        let kubelets = self.directory.kubelets();
        self.keepers.retain(|node, _| kubelets.contains_key(node));
        let spread = match mode {
            PassMode::Full => Duration::ZERO,
            _ => self.interval() * SPREAD / 100,
        };
        let read = self.ask_all(kubelets, spread, run).await?;
        self.samples.unread += read.unread + u64::try_from(read.silent).unwrap_or(u64::MAX);
        if read.answered == 0
            && let Some((_, e)) = read.first_silent
        {
            return Err(e.into());
        }
        run.remark(read.remark());
        Ok(())
    }

    /// Asks each kubelet in its turn; takes in the answers as they come.
    async fn ask_all(
        &mut self,
        kubelets: BTreeMap<String, Option<String>>,
        spread: Duration,
        run: &mut Run<'_>,
    ) -> Result<Read, SourceError> {
        let of = u32::try_from(kubelets.len().max(1)).unwrap_or(u32::MAX);
        let at_once = usize::try_from(self.conf.concurrency.max(1)).unwrap_or(1);
        let (session, page, begun) = (Arc::clone(&self.session), self.conf.page, Instant::now());
        let tally = Arc::new(Tally::default());
        let asking = Arc::clone(&tally);
        let mut answers = stream::iter((0_u32..).zip(kubelets))
            .map(move |(i, (node, address))| {
                let (session, tally) = (Arc::clone(&session), Arc::clone(&asking));
                async move {
                    tokio::time::sleep_until(begun + spread * i / of).await;
                    let reply = ask(&session, page, &node, address, &tally).await;
                    (node, reply)
                }
            })
            .buffer_unordered(at_once);
        let mut read = Read::default();
        while let Some((node, reply)) = answers.next().await {
            match reply.and_then(|reply| Ok((understood(page, &reply)?, reply))) {
                Ok((page, reply)) => {
                    run.answered(reply.date, page.samples.len());
                    read.answered += 1;
                    self.take(&node, page, reply.date.since, &mut read, run);
                }
                Err(e) => {
                    tracing::debug!(source = self.cluster, node, error = %e, "a kubelet was not read");
                    let kept = self.keepers.entry(node.clone()).or_default().lost();
                    add(kept, self.rule(), run);
                    read.silent += 1;
                    read.first_silent.get_or_insert((node, e));
                }
            }
            if run.waiting() >= super::WAITING_MAX {
                run.hand_on().await?;
            }
        }
        run.tally.add(&tally);
        Ok(read)
    }

    fn take(&mut self, node: &str, page: Page, date: Ts, read: &mut Read, run: &mut Run<'_>) {
        if page.unread > 0 && read.unread == 0 {
            read.first_unread = format!("{node}: {}", page.first);
        }
        read.unread += page.unread;
        let figures = page.samples.iter().flat_map(|s| s.points.iter().flatten());
        self.samples.read += u64::try_from(figures.count()).unwrap_or(u64::MAX);
        let rule = self.rule();
        let directory = Arc::clone(&self.directory);
        let find = |namespace: &str, name: &str| -> Option<Pod> { directory.pod(namespace, name) };
        let keeper = self.keepers.entry(node.to_owned()).or_default();
        let mut samples = page.samples;
        for sample in samples.iter_mut().filter(|s| s.since.is_none()) {
            sample.since = find(&sample.namespace, &sample.name).and_then(|p| p.begins);
        }
        add(keeper.page(samples, date, rule, find), rule, run);
    }
}

impl Read {
    /// In words, what did not answer and what was not read; empty where all was.
    fn remark(&self) -> String {
        let mut words = Vec::new();
        if let Some((_, e)) = &self.first_silent {
            let of = self.silent + self.answered;
            words.push(format!(
                "{} of {of} kubelets were not read, first: {e}",
                self.silent
            ));
        }
        if self.unread > 0 {
            words.push(format!(
                "{} figures were not read, first: {}",
                self.unread, self.first_unread
            ));
        }
        words.join("; ")
    }
}

/// Asks one kubelet for its page.
async fn ask(
    session: &Session,
    page: KubeletPage,
    node: &str,
    address: Option<String>,
    tally: &Tally,
) -> Result<Reply, SourceError> {
    let address = address.ok_or_else(|| SourceError::Metrics {
        url: format!("node {node}"),
        why: "it has no address in the API".to_owned(),
    })?;
    session.kubelet(&address, page, tally).await
}

/// What a page tells.
fn understood(page: KubeletPage, reply: &Reply) -> Result<Page, SourceError> {
    let date = reply.date.since;
    let read = match page {
        KubeletPage::Summary => summary::summary(&reply.body, date),
        KubeletPage::Resource => summary::resource(&reply.body, date),
    };
    read.map_err(|why| reply.shape(page.what(), &why).into())
}

/// Adds the facts of readings.
fn add(kept: Vec<Kept>, rule: Rule, run: &mut Run<'_>) {
    for k in kept {
        run.add(kind::POD, &k.pod, [draft(&k, rule)], None);
    }
}

/// A reading as the pod's.
fn draft(k: &Kept, rule: Rule) -> Draft {
    let [a, b] = k.point.values;
    let (series, levels) = match k.of {
        Of::Cpu => ("cpu", vec![("k8s.cpu.usage", a)]),
        Of::Memory => (
            "memory",
            vec![("k8s.memory.usage", a), (reading::HOLDS, rule.holds)],
        ),
        Of::Network => (
            "network",
            vec![("k8s.network.bytes_in", a), ("k8s.network.bytes_out", b)],
        ),
    };
    let shown = Known {
        label: series.to_owned(),
        levels: levels
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        attrs: BTreeMap::from([(amount::SCOPE.to_owned(), k.namespace.clone())]),
    };
    Draft::reading(k.point.at, k.from, k.born, shown)
}
