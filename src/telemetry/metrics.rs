//! The program's own metrics: every name once, in OpenMetrics text. The names are a contract with dashboards and alerts.

mod objectives;
mod plain;

pub use plain::{PLAIN_TYPE, plain};

use super::ghosts::Ghosts;
use crate::domain::{Fact, Outcome, Pass, Ts, invariant::Invariant};
use objectives::Objectives;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

/// `Content-Type` of what [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of pass durations, seconds: from one page of a small cloud to a full list of a large one.
const PASS_SECONDS: [f64; 10] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0];

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfList {
    source: String,
    list: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    source: String,
    list: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUse {
    source: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    source: String,
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfInvariant {
    invariant: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    route: &'static str,
    status: u16,
}

/// All own metrics. Shared behind an `Arc`; every method takes `&self`.
///
/// **Memory usage**: one series a source and list; routes, kinds and invariants are closed sets. No name from a cloud's user is ever a label.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    source_up: Family<OfSource, Gauge>,
    source_requests: Family<OfSource, Counter>,
    clock_skew: Family<OfSource, Seconds>,
    pass_duration: Family<OfList, Histogram, fn() -> Histogram>,
    pass_watermark: Family<OfList, Seconds>,
    pass_suspect: Family<OfList, Counter>,
    passes: Family<OfOutcome, Counter>,
    facts: Family<OfKind, Counter>,
    notifications: Family<OfUse, Counter>,
    samples: Family<OfUse, Counter>,
    gateway_restarts: Family<OfSource, Counter>,
    usage_log_trims: Family<OfSource, Counter>,
    usage_unexplained: Family<OfSource, Gauge>,
    usage_unobserved: Family<OfSource, Gauge>,
    spool_bytes: Gauge,
    spool_batches: Gauge,
    unattributed_scopes: Gauge,
    invariant_violations: Family<OfInvariant, Counter>,
    http_requests: Family<OfRequest, Counter>,
    objectives: Objectives,
    /// Images that are no volume's.
    pub ghosts: Ghosts,
    /// By source and list: how the latest pass ended, and the latest watermark.
    latest: Mutex<BTreeMap<String, BTreeMap<String, Latest>>>,
}

#[derive(Debug, Default)]
struct Latest {
    complete: bool,
    watermark: Option<Ts>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero where zero is true from the start.
    #[must_use]
    pub fn new() -> Self {
        let pass_duration: fn() -> Histogram = || Histogram::new(PASS_SECONDS);
        let metrics = Self {
            registry: Registry::with_prefix("plimsoll"),
            source_up: Family::default(),
            source_requests: Family::default(),
            clock_skew: Family::default(),
            pass_duration: Family::new_with_constructor(pass_duration),
            pass_watermark: Family::default(),
            pass_suspect: Family::default(),
            passes: Family::default(),
            facts: Family::default(),
            notifications: Family::default(),
            samples: Family::default(),
            gateway_restarts: Family::default(),
            usage_log_trims: Family::default(),
            usage_unexplained: Family::default(),
            usage_unobserved: Family::default(),
            spool_bytes: Gauge::default(),
            spool_batches: Gauge::default(),
            unattributed_scopes: Gauge::default(),
            invariant_violations: Family::default(),
            http_requests: Family::default(),
            objectives: Objectives::default(),
            ghosts: Ghosts::default(),
            latest: Mutex::default(),
        };
        for invariant in Invariant::ALL {
            let of = OfInvariant {
                invariant: invariant.label(),
            };
            drop(metrics.invariant_violations.get_or_create(&of));
        }
        let mut metrics = metrics.named_sources().named_program();
        metrics.objectives.register(&mut metrics.registry);
        metrics
    }

    /// Names what is about sources. The client appends `_total` to counters, `_info` to infos, and units.
    fn named_sources(mut self) -> Self {
        let r = &mut self.registry;
        r.register(
            "source_up",
            "1 if the latest pass over every list of the source was complete",
            self.source_up.clone(),
        );
        r.register(
            "source_requests",
            "Requests sent to the source, retries included",
            self.source_requests.clone(),
        );
        let help = "The source's clock less ours, by the latest pass";
        r.register_with_unit("clock_skew", help, Unit::Seconds, self.clock_skew.clone());
        r.register_with_unit(
            "pass_duration",
            "How long passes took",
            Unit::Seconds,
            self.pass_duration.clone(),
        );
        let help =
            "The source's own time up to which the list is known: of its latest complete pass";
        r.register_with_unit(
            "pass_watermark_timestamp",
            help,
            Unit::Seconds,
            self.pass_watermark.clone(),
        );
        let help = "Passes that were not believed: they would have ended too much at once";
        r.register("pass_suspect", help, self.pass_suspect.clone());
        r.register("passes", "Passes by how they ended", self.passes.clone());
        r.register(
            "facts",
            "Facts read, by kind of resource",
            self.facts.clone(),
        );
        let help = "Messages read from the source's brokers: of use, of none, or set aside because they could not be read";
        r.register("notifications", help, self.notifications.clone());
        let help = "Samples of metered metrics on pages and in answers: read, or unread because they tell no value";
        r.register("samples", help, self.samples.clone());
        let help = "Object gateways that were started anew: one that was killed may have lost requests of that hour";
        r.register("gateway_restarts", help, self.gateway_restarts.clone());
        let help = "Hours of the usage log of which something was trimmed while they were read";
        r.register("usage_log_trims", help, self.usage_log_trims.clone());
        let help = "Sightings in the current month that no event explains: where events and inventory differ";
        r.register("usage_unexplained", help, self.usage_unexplained.clone());
        let help = "Seconds of the current month's usage lines that should have been observed and were not: gaps";
        r.register_with_unit(
            "usage_unobserved",
            help,
            Unit::Seconds,
            self.usage_unobserved.clone(),
        );
        self
    }

    /// Names what is about the program itself.
    fn named_program(mut self) -> Self {
        let r = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Version of the program", version);
        let help = "Bytes on disk that the store has not acknowledged";
        r.register_with_unit("spool", help, Unit::Bytes, self.spool_bytes.clone());
        r.register(
            "spool_batches",
            "Batches on disk that the store has not acknowledged",
            self.spool_batches.clone(),
        );
        r.register(
            "unattributed_scopes",
            "Scopes with usage that nobody owns",
            self.unattributed_scopes.clone(),
        );
        let help = "Broken promises, by number: any but 0 is a defect of this program";
        r.register(
            "invariant_violations",
            help,
            self.invariant_violations.clone(),
        );
        r.register(
            "http_requests",
            "Requests answered, by route and status",
            self.http_requests.clone(),
        );
        self.ghosts.register(r);
        self
    }

    /// Makes a configured source known, so that one which was never reached shows as down.
    pub fn source(&self, source: &str) {
        let of = OfSource {
            source: source.to_owned(),
        };
        drop(self.source_up.get_or_create(&of));
        drop(self.source_requests.get_or_create(&of));
    }

    /// A pass ended, however it did.
    pub fn pass(&self, pass: &Pass) {
        let of_source = OfSource {
            source: pass.cloud.clone(),
        };
        let of_list = OfList {
            source: pass.cloud.clone(),
            list: pass.list.clone(),
        };
        self.source_requests
            .get_or_create(&of_source)
            .inc_by(pass.requests);
        self.pass_duration
            .get_or_create(&of_list)
            .observe(seconds(pass.finished.0.saturating_sub(pass.started.0)));
        self.pass_suspect
            .get_or_create(&of_list)
            .inc_by(u64::from(pass.outcome == Outcome::Suspect));
        for outcome in [Outcome::Complete, Outcome::Failed, Outcome::Suspect] {
            let of = OfOutcome {
                source: pass.cloud.clone(),
                list: pass.list.clone(),
                outcome: word(outcome),
            };
            self.passes
                .get_or_create(&of)
                .inc_by(u64::from(pass.outcome == outcome));
        }
        self.remember(pass, &of_source, &of_list);
    }

    /// What depends on passes before: whether the source is up, and how far the list is known.
    fn remember(&self, pass: &Pass, of_source: &OfSource, of_list: &OfList) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let lists = latest.entry(pass.cloud.clone()).or_default();
        let list = lists.entry(pass.list.clone()).or_default();
        list.complete = pass.outcome == Outcome::Complete;
        if list.complete {
            // A pass that took long may end after a later one: a watermark never goes back.
            let watermark = list
                .watermark
                .map_or(pass.watermark, |w| w.max(pass.watermark));
            list.watermark = Some(watermark);
            self.pass_watermark
                .get_or_create(of_list)
                .set(seconds(watermark.0));
        }
        let up = lists.values().all(|l| l.complete);
        self.source_up.get_or_create(of_source).set(i64::from(up));
        if pass.outcome != Outcome::Failed {
            // A pass that failed may never have learnt what time it is there.
            self.clock_skew
                .get_or_create(of_source)
                .set(seconds(pass.skew_us));
        }
    }

    /// Facts were read.
    pub fn facts(&self, facts: &[Fact]) {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for fact in facts {
            *counts.entry((&fact.key.cloud, &fact.key.kind)).or_default() += 1;
        }
        for ((source, kind), n) in counts {
            let of = OfKind {
                source: source.to_owned(),
                kind: kind.to_owned(),
            };
            self.facts.get_or_create(&of).inc_by(n);
        }
    }

    /// Messages were read: of use, of none, and not to be read at all.
    pub fn notifications(&self, source: &str, used: u64, ignored: u64, poison: u64) {
        for (outcome, n) in [("used", used), ("ignored", ignored), ("poison", poison)] {
            let of = OfUse {
                source: source.to_owned(),
                outcome,
            };
            self.notifications.get_or_create(&of).inc_by(n);
        }
    }

    /// Samples of metrics that are metered: read, and not to be read.
    pub fn samples(&self, source: &str, read: u64, unread: u64) {
        for (outcome, n) in [("read", read), ("unread", unread)] {
            let of = OfUse {
                source: source.to_owned(),
                outcome,
            };
            self.samples.get_or_create(&of).inc_by(n);
        }
    }

    /// What befell the object gateways of a source: those started anew, and hours of their log that were trimmed.
    pub fn gateways(&self, source: &str, restarts: u64, trims: u64) {
        let of = OfSource {
            source: source.to_owned(),
        };
        self.gateway_restarts.get_or_create(&of).inc_by(restarts);
        self.usage_log_trims.get_or_create(&of).inc_by(trims);
    }

    /// How many sightings of a source's resources no event explains.
    pub fn unexplained(&self, source: &str, sightings: usize) {
        self.usage_unexplained
            .get_or_create(&OfSource {
                source: source.to_owned(),
            })
            .set(level(sightings));
    }

    /// How much of a source's usage was not observed.
    pub fn unobserved(&self, source: &str, seconds: i64) {
        self.usage_unobserved
            .get_or_create(&OfSource {
                source: source.to_owned(),
            })
            .set(seconds);
    }

    /// What the spool holds.
    pub fn spool(&self, bytes: u64, batches: usize) {
        self.spool_bytes.set(level(bytes));
        self.spool_batches.set(level(batches));
    }

    /// How many scopes with usage nobody owns.
    pub fn unattributed_scopes(&self, scopes: usize) {
        self.unattributed_scopes.set(level(scopes));
    }

    /// A promise was broken.
    pub fn violation(&self, invariant: Invariant) {
        self.invariant_violations
            .get_or_create(&OfInvariant {
                invariant: invariant.label(),
            })
            .inc();
    }

    /// A request was answered. `route` is the pattern (`/api/v1/usage/{month}`), never the path that was asked for.
    pub fn http_request(&self, route: &'static str, status: u16) {
        self.http_requests
            .get_or_create(&OfRequest { route, status })
            .inc();
    }

    /// All metrics as OpenMetrics text 1.0.0 ([`CONTENT_TYPE`]).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing into a String does not fail; were it to, `# EOF` would be missing and a scraper refuses the page.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Failed => "failed",
        Outcome::Suspect => "suspect",
    }
}

/// Microseconds as seconds: for gauges of time only, where a float is what the format has. Usage and money never pass here.
fn seconds(micros: i64) -> f64 {
    let magnitude = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
    if micros < 0 {
        magnitude.copysign(-1.0)
    } else {
        magnitude
    }
}

fn level<N: TryInto<i64>>(n: N) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
