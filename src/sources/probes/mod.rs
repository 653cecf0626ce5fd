//! Probes: services are tried as their users would, on a steady beat, and what came of it becomes facts.
//!
//! A fact is one try: how long it took and whether the answer was good. None is repeated: what would hide a failure from people may not hide it here. Where no
//! try was made nothing is known, so a minute without one is a gap, and no minute of an outage is lost among good ones. Tries begin in the middle of each beat,
//! by the wall clock, so that every minute has as many.

mod bucket;
mod port;

use super::{
    Finding, Out, SourceError, Verdict,
    kubernetes::Readiness,
    openstack::Knock,
    run::{Draft, Run},
};
use crate::{
    config::{self, HttpLogin, ProbeOf},
    domain::{
        Aspect, Evidence, Known, Pass, PassMode, Ts, Value,
        fact::{kind, probe},
    },
    net::{Client, Clock, Options, Tally},
};
use bucket::Bucket;
use futures::future::join_all;
use port::Certificate;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};
use url::Url;

/// Most of a page that is read.
const BODY_MAX: u64 = 16 << 20;
/// Most of a reason that is kept.
const WHY_MAX: usize = 300;
/// What came of a good try.
const OK: &str = "ok";

/// What came of a try, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The probe.
    pub probe: String,
    /// It was answered as it has to be.
    pub good: bool,
    /// From the request to the end of the answer.
    pub took: Duration,
}

/// The probes of one source.
#[derive(Debug)]
pub struct Prober {
    conf: config::Probes,
    clock: Clock,
    collector: String,
    probes: Vec<(String, Way)>,
    found: Vec<Found>,
    /// Those whose latest try was bad: said once, when it begins and when it ends.
    failing: BTreeSet<String>,
}

/// How a probe tries.
#[derive(Debug)]
enum Way {
    Page(Box<Page>),
    Port(String),
    Name(String),
    Certificate(Box<Certificate>),
    OpenStack(Box<Knock>),
    Bucket(Box<Bucket>),
    Kubernetes(Box<Readiness>),
}

/// A page, and what it has to be like.
#[derive(Debug)]
struct Page {
    client: Client,
    url: Url,
    login: Option<HttpLogin>,
    /// Whose login it is.
    source: String,
    status: Vec<u16>,
    contains: Option<String>,
}

/// One try.
struct Try {
    began: Ts,
    took: Duration,
    /// What was wrong.
    came: Result<(), String>,
}

impl Prober {
    /// Makes what tries. Nothing is contacted.
    ///
    /// # Errors
    /// When a CA file or a header cannot be used.
    pub fn new(conf: &config::Probes, clock: &Clock, collector: &str) -> Result<Self, SourceError> {
        let probes = conf.probes.iter().map(|p| {
            let way = Way::new(&p.of, conf, clock, collector)?;
            Ok((p.name.clone(), way))
        });
        Ok(Self {
            probes: probes.collect::<Result<_, SourceError>>()?,
            conf: conf.clone(),
            clock: clock.clone(),
            collector: collector.to_owned(),
            found: Vec::new(),
            failing: BTreeSet::new(),
        })
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.conf.name
    }

    /// From one try to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.conf.interval_s.into())
    }

    /// Until the middle of a beat of the wall clock.
    #[must_use]
    pub fn offset(&self) -> Duration {
        let beat_us = i64::from(self.conf.interval_s) * 1_000_000;
        let wait_us = (beat_us / 2 - self.clock.now().0).rem_euclid(beat_us.max(1));
        Duration::from_micros(wait_us.unsigned_abs())
    }

    /// Until the next try: in the middle of the next beat, not of this one once more.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let wait = self.offset();
        if wait < self.interval() / 4 {
            wait + self.interval()
        } else {
            wait
        }
    }

    /// What came of tries since this was last asked.
    pub fn found(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.found)
    }

    /// Tries everything once, all at the same time.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let mut run = Run::start(
            &self.conf.name,
            kind::PROBES,
            kind::PROBES,
            PassMode::Full,
            &self.collector,
            &self.clock,
            out,
        );
        let tally = Tally::default();
        let tries = join_all(self.probes.iter().map(|(_, way)| self.once(way, &tally))).await;
        run.tally.add(&tally);
        run.reaches(run.started());
        run.read(tries.len(), 0);
        let mut bad = Vec::new();
        for ((name, _), found) in self.probes.iter().zip(&tries) {
            run.add(kind::PROBE, name, [found.draft(&self.collector)], None);
            match &found.came {
                Ok(()) if self.failing.remove(name) => {
                    tracing::info!(
                        source = self.conf.name,
                        probe = name,
                        "a probe is good again"
                    );
                }
                Ok(()) => {}
                Err(why) => {
                    if self.failing.insert(name.clone()) {
                        tracing::warn!(source = self.conf.name, probe = name, why, "a probe fails");
                    }
                    bad.push(format!("{name}: {why}"));
                }
            }
            self.found.push(Found {
                probe: name.clone(),
                good: found.came.is_ok(),
                took: found.took,
            });
        }
        if !bad.is_empty() {
            run.remark(format!(
                "{} of {} failed: {}",
                bad.len(),
                tries.len(),
                bad.join("; ")
            ));
        }
        vec![run.end(Ok(())).await]
    }

    async fn once(&self, way: &Way, tally: &Tally) -> Try {
        let (began, clock) = (self.clock.now(), Instant::now());
        let within = Duration::from_secs(self.conf.timeout_s.into());
        let came = match tokio::time::timeout(within, way.go(tally, began)).await {
            Ok(came) => came,
            Err(_) => Err(format!("no answer within {} s", self.conf.timeout_s)),
        };
        Try {
            began,
            took: clock.elapsed(),
            came: came.map_err(|why| short(&why)),
        }
    }

    /// Tries everything once, and says what came of it.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let tries = join_all(self.probes.iter().map(|(_, way)| self.once(way, &tally))).await;
        let finding = |((name, _), found): (&(String, Way), Try)| {
            match found.came {
            Ok(()) => Finding {
                verdict: Verdict::Ok,
                what: format!("probe {name}: good after {} ms", found.took.as_millis()),
                hint: String::new(),
            },
            Err(why) => Finding {
                verdict: Verdict::Warning,
                what: format!("probe {name}: {why}"),
                hint: "the service fails, or the probe asks for what it does not give: both count as bad events".to_owned(),
            },
        }
        };
        self.probes.iter().zip(tries).map(finding).collect()
    }
}

impl Try {
    fn draft(&self, collector: &str) -> Draft {
        let took_us = i64::try_from(self.took.as_micros()).unwrap_or(i64::MAX);
        let ended = Ts(self.began.0.saturating_add(took_us));
        let levels = [
            (probe::GOOD, i64::from(self.came.is_ok())),
            (probe::TOOK_US, took_us),
        ];
        let attrs = [(probe::COLLECTOR.to_owned(), collector.to_owned())];
        Draft {
            aspect: Aspect::Amount,
            evidence: Evidence::Event,
            at: ended,
            from: self.began,
            seen: ended,
            value: Value::Known(Known {
                label: self.came.clone().err().unwrap_or_else(|| OK.to_owned()),
                levels: levels.map(|(name, n)| (name.to_owned(), n)).into(),
                attrs: BTreeMap::from(attrs),
            }),
        }
    }
}

impl Way {
    fn new(
        of: &ProbeOf,
        conf: &config::Probes,
        clock: &Clock,
        collector: &str,
    ) -> Result<Self, SourceError> {
        let timeout_s = conf.timeout_s;
        Ok(match of {
            ProbeOf::Http {
                url,
                status,
                contains,
                login,
                ca_file,
            } => Self::Page(Box::new(Page {
                client: client(timeout_s, ca_file.as_deref(), clock)?,
                url: url.clone(),
                login: login.clone(),
                source: conf.name.clone(),
                status: status.clone(),
                contains: contains.clone(),
            })),
            ProbeOf::Tcp { address } => Self::Port(address.clone()),
            ProbeOf::Dns { name } => Self::Name(name.clone()),
            ProbeOf::Tls {
                address,
                server_name,
                valid_for_s,
                ca_file,
            } => Self::Certificate(Box::new(
                Certificate::new(address, server_name, *valid_for_s, ca_file.as_deref()).map_err(
                    |why| SourceError::Config {
                        source_name: conf.name.clone(),
                        why,
                    },
                )?,
            )),
            ProbeOf::OpenStack { region, service } => {
                Self::OpenStack(Box::new(Knock::new(region, *service, timeout_s, clock)?))
            }
            ProbeOf::S3 { ca_file, .. } => {
                let client = client(timeout_s, ca_file.as_deref(), clock)?;
                Self::Bucket(Box::new(Bucket::new(of, client, collector)))
            }
            ProbeOf::Kubernetes(cluster) => {
                Self::Kubernetes(Box::new(Readiness::new(cluster, timeout_s, clock)?))
            }
        })
    }

    /// One try; else what is wrong.
    async fn go(&self, tally: &Tally, now: Ts) -> Result<(), String> {
        match self {
            Self::Page(page) => page.get(tally).await,
            Self::Port(address) => port::connect(address).await.map(drop),
            Self::Name(name) => port::look_up(name).await,
            Self::Certificate(certificate) => certificate.look().await,
            Self::OpenStack(knock) => knock.once(tally).await.map_err(|e| e.to_string()),
            Self::Bucket(bucket) => bucket.there_and_back(tally, now).await,
            Self::Kubernetes(ready) => ready.once(tally).await.map_err(|e| e.to_string()),
        }
    }
}

impl Page {
    async fn get(&self, tally: &Tally) -> Result<(), String> {
        let request = super::logged_in(&self.url, self.login.as_ref(), &self.source).await;
        let request = request.map_err(|e| e.to_string())?;
        let sent = self.client.send(&request, tally).await;
        let reply = sent.map_err(|e| e.to_string())?;
        let good = if self.status.is_empty() {
            reply.is_ok()
        } else {
            self.status.contains(&reply.status)
        };
        if !good {
            return Err(format!("status {}", reply.status));
        }
        let wanted = self.contains.as_deref().unwrap_or_default();
        if memchr::memmem::find(&reply.body, wanted.as_bytes()).is_none() {
            return Err(format!("the page does not contain `{wanted}`"));
        }
        Ok(())
    }
}

/// A client that asks once.
fn client(timeout_s: u32, ca_file: Option<&Path>, clock: &Clock) -> Result<Client, SourceError> {
    let options = Options {
        ca_file: ca_file.map(Path::to_path_buf),
        ..once(timeout_s, BODY_MAX)
    };
    Ok(Client::new(options, clock.clone())?)
}

/// Limits of one who asks once, over a connection of its own: as whoever comes anew.
pub(super) fn once(timeout_s: u32, body_max: u64) -> Options {
    Options {
        retries_max: 0,
        idle_max: Some(0),
        ..Options::new(Duration::from_secs(timeout_s.into()), body_max)
    }
}

/// As much of a reason as is kept.
fn short(why: &str) -> String {
    match why.char_indices().nth(WHY_MAX) {
        Some((end, _)) => format!("{}...", &why[..end]),
        None => why.to_owned(),
    }
}
