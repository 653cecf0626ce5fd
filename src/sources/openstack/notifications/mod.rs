//! Notifications: what a cloud's services tell of as it happens, read from a queue of our own.
//!
//! A reading takes what the queue holds in batches: mapped to facts, handed on, and only once they are safe on disk acknowledged. What comes twice is the same
//! facts. What cannot be read is set aside: kept, counted, acknowledged. What the cloud has to be asked for first (names of types and networks) may fail; then
//! the reading fails, nothing of it is acknowledged, and it comes again.

mod broker;
mod cinder;
mod facts;
mod glance;
mod lookup;
mod message;
mod neutron;
mod nova;
#[cfg(test)]
mod tests;

use super::{
    super::{Finding, Out, SourceError, Told, Verdict},
    finish,
    inventory::{Ended, told::Context},
    run::{Fault, Run},
    session::Session,
};
use crate::{
    config,
    domain::{Memory, Pass, PassMode, Raw, Ts, fact::kind},
    net::Clock,
};
use broker::{Broker, Delivery, Link};
use lookup::Lookup;
use message::Message;
use regex::Regex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Name of the list in passes.
const LIST: &str = "notifications";
/// Messages of one batch.
const BATCH_MAX: usize = 200;
/// The queue counts as quiet when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(500);
/// Exchanges that are missing are looked for, and the queue's depth asked for, after so long without a message.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest wait before a broker is tried again that failed.
const RETRY_MAX_S: u64 = 60;

/// Reads what one broker holds for us.
#[derive(Debug)]
pub struct Notifications {
    conf: config::OpenStack,
    broker: config::Notifications,
    list: String,
    clock: Clock,
    collector: String,
    session: Arc<Session>,
    ended: Ended,
    gpu_alias: Regex,
    memory: Memory,
    lookup: Lookup,
    link: Option<Link>,
    /// Readings in a row that failed.
    failures: u32,
    /// Nova sends versioned ones: then the others are its second account of the same.
    versioned: bool,
    told: Told,
}

/// What a reading set aside.
#[derive(Debug, Default)]
struct Poison {
    count: u64,
    first: String,
}

impl Notifications {
    /// Makes the reader; nothing is contacted.
    #[expect(
        clippy::too_many_arguments,
        reason = "what the readers of a region share, once"
    )]
    pub(super) fn new(
        conf: &config::OpenStack,
        broker: &config::Notifications,
        clock: &Clock,
        memory: &Memory,
        collector: &str,
        session: &Arc<Session>,
        ended: &Ended,
        settings: &Context,
        gpu_alias: &Regex,
    ) -> Self {
        let list = if conf.notifications.len() > 1 {
            format!("{LIST}.{}", broker.address())
        } else {
            LIST.to_owned()
        };
        let mut reader = Self {
            conf: conf.clone(),
            broker: broker.clone(),
            list,
            clock: clock.clone(),
            collector: collector.to_owned(),
            session: Arc::clone(session),
            ended: ended.clone(),
            gpu_alias: gpu_alias.clone(),
            memory: Memory::default(),
            lookup: Lookup::new(settings),
            link: None,
            failures: 0,
            versioned: false,
            told: Told::default(),
        };
        reader.remember(memory);
        reader
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// Between two readings: next to nothing, unless the broker is away.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            n => Duration::from_secs((1 << n.min(6)).min(RETRY_MAX_S)),
        }
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.lookup.note(&memory.share(&[kind::VOLUME], &[]));
        self.memory = memory.share(&[], &[&self.list]);
    }

    /// What became of messages since this was last asked.
    pub fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// Reads for the source's interval; all that waits now, where a full reading is asked for. One pass.
    pub async fn collect(&mut self, mode: PassMode, out: &Out) -> Vec<Pass> {
        let mut run = Run::start(
            &self.conf.name,
            LIST,
            &self.list,
            PassMode::Events,
            &self.collector,
            &self.clock,
            out,
        );
        let before = self.memory.watermarks.get(&self.list).copied();
        let mut poison = Poison::default();
        let result = self.read(mode, before, &mut poison, &mut run).await;
        if result.is_err() {
            // What was read and not acknowledged comes again with the next connection.
            self.link = None;
            self.failures = self.failures.saturating_add(1);
        } else {
            self.failures = 0;
        }
        if poison.count > 0 {
            let (n, first) = (poison.count, &poison.first);
            run.remark(format!(
                "{n} messages could not be read and were set aside, first: {first}"
            ));
        }
        vec![finish(&mut self.memory, run, result).await]
    }

    async fn read(
        &mut self,
        mode: PassMode,
        before: Option<Ts>,
        poison: &mut Poison,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => {
                Broker::connect(&self.broker, &self.conf.name)
                    .await?
                    .consume()
                    .await?
            }
        };
        let mut reached = before;
        let drain = mode == PassMode::Full;
        let until = Instant::now() + Duration::from_secs(self.conf.interval_s.into());
        let mut backlog = Backlog::look(&link, self.clock.now()).await?;
        loop {
            let asked = self.clock.now();
            let batch = link.take(BATCH_MAX, QUIET).await?;
            let (taken, quiet) = (batch.len(), batch.is_empty());
            if !quiet {
                let oldest = self.batch(&link, batch, poison, run).await?;
                reached = reached.or(oldest);
            }
            if backlog.done(taken) {
                reached = reached.max(Some(backlog.since));
            }
            let over = !drain && Instant::now() >= until;
            if quiet && (drain || over || backlog.is_old()) || backlog.left == 0 {
                link.bind_missing().await?;
                backlog = Backlog::look(&link, asked).await?;
                if quiet && backlog.waiting == 0 {
                    reached = reached.max(Some(asked));
                }
            }
            if over || drain && reached.is_some_and(|t| t >= run.started()) {
                break;
            }
        }
        if let Some(t) = reached {
            run.reaches(t);
        }
        self.link = Some(link);
        Ok(())
    }

    /// Takes in a batch, and acknowledges it once its facts are safe. Returns when its oldest message was sent.
    async fn batch(
        &mut self,
        link: &Link,
        batch: Vec<Delivery>,
        poison: &mut Poison,
        run: &mut Run<'_>,
    ) -> Result<Option<Ts>, SourceError> {
        let messages: Vec<Result<Message, String>> =
            batch.iter().map(|d| Message::read(&d.body)).collect();
        self.versioned |= messages.iter().flatten().any(nova::is_versioned);
        let (mut told, mut lives) = (Told::default(), Vec::new());
        for (delivery, message) in batch.iter().zip(&messages) {
            let found = match message {
                Err(why) => Err(why.clone()),
                Ok(m) if !self.is_wanted(m) => Ok(None),
                Ok(m) => {
                    let now = self.clock.now();
                    self.lookup
                        .prepare(m, now, &self.session, &run.tally)
                        .await?;
                    facts::told(m, &self.lookup, &self.gpu_alias).map(|t| t.map(|t| (t, m)))
                }
            };
            match found {
                Ok(None) => told.ignored += 1,
                Ok(Some((found, message))) => {
                    told.used += 1;
                    lives.push((found.kind, found.id.clone(), found.ends()));
                    run.add(found.kind, &found.id, found.drafts, Some(&message.kept()));
                }
                Err(why) => {
                    told.poison += 1;
                    let kept = message::kept_of_poison(&delivery.body);
                    poison.note(&why, &kept);
                    run.set_aside(&kept);
                }
            }
        }
        run.read(batch.len(), batch.iter().map(|d| d.body.len()).sum());
        run.hand_on_safely().await?;
        if let Some(last) = batch.last() {
            link.acknowledge(last.tag).await?;
        }
        for (kind, id, ends) in lives {
            if ends {
                self.ended.tell(kind, &id);
            } else {
                self.ended.tell_alive(kind, &id);
            }
        }
        self.told.add(told);
        Ok(messages.iter().flatten().map(|m| m.timestamp).min())
    }

    /// False of a message of a service that is not to be read, and of Nova's second account of the same.
    fn is_wanted(&self, message: &Message) -> bool {
        facts::service_of(message).is_none_or(|s| self.conf.reads(s))
            && !(self.versioned && nova::is_unversioned(message))
    }

    /// Tries the broker; changes nothing there.
    pub async fn check_online(&mut self) -> Vec<Finding> {
        let broker = match Broker::connect(&self.broker, &self.conf.name).await {
            Ok(broker) => broker,
            Err(e) => {
                return vec![finding(
                    Verdict::Error,
                    e.to_string(),
                    "without it nothing is lost for a while: the queue keeps what is sent",
                )];
            }
        };
        let (address, queue) = (self.broker.address(), &self.broker.queue);
        let mut findings = vec![finding(
            Verdict::Ok,
            format!("broker {address}: logged in as {}", self.broker.username),
            "",
        )];
        findings.push(match broker.depth().await {
            Ok(Some(n)) => finding(Verdict::Ok, format!("queue {queue}: {n} messages wait"), ""),
            Ok(None) => finding(Verdict::Ok, format!("queue {queue} will be made"), ""),
            Err(e) => finding(
                Verdict::Error,
                e.to_string(),
                "the user needs the rights that docs/notifications.md lists",
            ),
        });
        let mut there = 0;
        for exchange in &self.broker.exchanges {
            match broker.has_exchange(exchange).await {
                Ok(true) => there += 1,
                Ok(false) => findings.push(finding(
                    Verdict::Warning,
                    format!("there is no exchange {exchange}: its service does not notify through this broker"),
                    "set the service's [oslo_messaging_notifications] driver = messagingv2, or leave it out of `exchanges`",
                )),
                Err(e) => findings.push(finding(Verdict::Error, e.to_string(), "see docs/notifications.md")),
            }
        }
        if there == 0 {
            findings.push(finding(
                Verdict::Error,
                "none of the exchanges is there".to_owned(),
                "no service notifies through this broker and virtual host",
            ));
        }
        findings
    }
}

fn finding(verdict: Verdict, what: String, hint: &str) -> Finding {
    Finding {
        verdict,
        what,
        hint: hint.to_owned(),
    }
}

impl Poison {
    fn note(&mut self, why: &str, kept: &str) {
        let hash = Raw::new(kept).hash;
        tracing::warn!(why, raw = hash, "a message cannot be read; it is set aside");
        if self.count == 0 {
            self.first = format!("{why} (raw {hash})");
        }
        self.count += 1;
    }
}

/// What waited in the queue at a time. Once so many have been read, all that was sent until then has been.
#[derive(Debug)]
struct Backlog {
    since: Ts,
    looked: Instant,
    /// Messages that the broker had not yet sent us.
    waiting: u32,
    left: u32,
}

impl Backlog {
    async fn look(link: &Link, since: Ts) -> Result<Self, SourceError> {
        let waiting = link.depth().await?;
        Ok(Self {
            since,
            looked: Instant::now(),
            waiting,
            left: waiting.saturating_add(broker::PREFETCH.into()),
        })
    }

    /// So many more have been read; true once that is all.
    fn done(&mut self, taken: usize) -> bool {
        self.left = self
            .left
            .saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
        self.left == 0
    }

    fn is_old(&self) -> bool {
        self.looked.elapsed() >= LOOK_AGAIN
    }
}

/// See [`super::fuzzed::notification`].
pub(super) fn fuzzed(bytes: &[u8], gpu_alias: Option<&Regex>) -> bool {
    let kept = message::kept_of_poison(bytes);
    assert!(
        !kept.contains(message::TOKEN),
        "the sender's token is kept: {kept}"
    );
    let (Ok(message), Some(alias)) = (Message::read(bytes), gpu_alias) else {
        return false;
    };
    let kept: serde_json::Value = serde_json::from_str(&message.kept()).unwrap_or_default();
    assert!(kept.is_object(), "what is kept is JSON");
    let Ok(Some(told)) = facts::told(&message, &Lookup::default(), alias) else {
        return true;
    };
    for d in &told.drafts {
        assert!(d.from <= d.at && d.at <= d.seen, "{d:?}");
    }
    true
}
