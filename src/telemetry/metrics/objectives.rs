//! Metrics of objectives, and of who is told when their budgets burn.

use super::Metrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::{sync::atomic::AtomicU64, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSlo {
    slo: String,
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSloEvents {
    slo: String,
    tenant: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPosts {
    alertmanager: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProbe {
    source: String,
    probe: String,
}

/// Their families.
#[derive(Debug, Default)]
pub(super) struct Objectives {
    events: Family<OfSloEvents, Counter>,
    objective: Family<OfSlo, Gauge<f64, AtomicU64>>,
    posts: Family<OfPosts, Counter>,
    success: Family<OfProbe, Gauge>,
    took: Family<OfProbe, Gauge<f64, AtomicU64>>,
}

impl Objectives {
    /// Names them.
    pub(super) fn register(&self, r: &mut Registry) {
        let help = "Events of an objective over slices that are settled, by outcome: good or bad";
        r.register("slo_events", help, self.events.clone());
        let help = "The share of an objective's events that shall be good";
        r.register("slo_objective_ratio", help, self.objective.clone());
        let help = "Posts of alerts, by Alertmanager and outcome: ok or failed";
        r.register("alertmanager_posts", help, self.posts.clone());
        let help = "1 if the latest try of a probe was answered as it has to be, else 0";
        r.register("probe_success", help, self.success.clone());
        let help = "How long the latest try of a probe took";
        let (name, unit) = ("probe_duration", Unit::Seconds);
        r.register_with_unit(name, help, unit, self.took.clone());
    }
}

impl Metrics {
    /// Events of an objective and tenant, so many good and bad ones more; with none it makes them known at 0. `tenant` is empty where all share one budget.
    pub fn slo_events(&self, slo: &str, tenant: &str, good: u64, bad: u64) {
        for (outcome, n) in [("good", good), ("bad", bad)] {
            let of = OfSloEvents {
                slo: slo.to_owned(),
                tenant: tenant.to_owned(),
                outcome,
            };
            self.objectives.events.get_or_create(&of).inc_by(n);
        }
    }

    /// So many more posts to an Alertmanager were taken, and so many were not; with none it makes them known at 0.
    pub fn alertmanager_posts(&self, alertmanager: &str, ok: u64, failed: u64) {
        for (outcome, n) in [("ok", ok), ("failed", failed)] {
            let of = OfPosts {
                alertmanager: alertmanager.to_owned(),
                outcome,
            };
            self.objectives.posts.get_or_create(&of).inc_by(n);
        }
    }

    /// What came of the latest try of a probe.
    pub fn probe(&self, source: &str, probe: &str, good: bool, took: Duration) {
        let of = OfProbe {
            source: source.to_owned(),
            probe: probe.to_owned(),
        };
        self.objectives.success.get_or_create(&of).set(good.into());
        self.objectives
            .took
            .get_or_create(&of)
            .set(took.as_secs_f64());
    }

    /// The target of an objective and tenant, as (numerator, denominator).
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_arithmetic,
        reason = "a gauge for people: nothing is compared with it"
    )]
    pub fn slo_objective(&self, slo: &str, tenant: &str, target: (u64, u64)) {
        let of = OfSlo {
            slo: slo.to_owned(),
            tenant: tenant.to_owned(),
        };
        self.objectives
            .objective
            .get_or_create(&of)
            .set(target.0 as f64 / target.1 as f64);
    }
}
