//! What an objective is: its indicator, target, window; and what is left out of it, by whom and why.

use super::{
    alert::{Alpha, Pair},
    slice::State,
    target::Target,
    window::Window,
};
use crate::domain::{Ts, digest::Fields};
use std::collections::BTreeMap;

/// A promise about one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slo {
    /// Its name: the label `slo`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it promises, in a sentence.
    pub description: String,
    /// The service it is about.
    pub service: String,
    /// What is counted.
    pub sli: Sli,
    /// How much of it shall be good, and for which tenants more or less.
    pub objective: Objective,
    /// Over which time.
    pub window: Window,
    /// How unlikely bad luck has to be.
    pub alpha: Alpha,
}

impl Slo {
    /// The pairs of windows it is alerted by, for a tenant.
    #[must_use]
    pub fn pairs(&self, tenant: Option<&str>) -> Vec<Pair> {
        Pair::of(self.window.nominal_s(), self.objective.of(tenant))
    }
}

/// How much shall be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// Of everybody who has no target of their own.
    pub target: Target,
    /// Whether each tenant has a budget of their own.
    pub per_tenant: bool,
    /// Targets of single tenants; empty unless `per_tenant`.
    pub tenants: BTreeMap<String, Target>,
}

impl Objective {
    /// The target of a tenant, or of all together.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>) -> Target {
        tenant
            .and_then(|t| self.tenants.get(t))
            .copied()
            .unwrap_or(self.target)
    }
}

/// What is counted: good events of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sli {
    /// Servers that were asked for, from facts. Good: built without an error, within a time if one is given.
    ServerBoot {
        /// Seconds from the request to `active`.
        within_s: Option<u32>,
    },
    /// What a probe found, from facts. Good: it was answered as it has to be, within a time if one is given.
    Probe {
        /// Its name.
        probe: String,
        /// Microseconds from the request to the end of the answer.
        within_us: Option<u64>,
    },
    /// Counters that Prometheus scrapes.
    Counters {
        /// The good ones, or the bad ones.
        part: Counter,
        /// All.
        total: String,
        /// The label that names the tenant.
        tenant: Option<String>,
    },
}

/// A counter, as a selector of PromQL without a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counter {
    /// Of good events.
    Good(String),
    /// Of bad events.
    Bad(String),
}

impl Sli {
    /// The generation: made from all that decides what is counted. Slices of different generations are never added up without saying so.
    #[must_use]
    pub fn generation(&self) -> String {
        let f = Fields::default();
        match self {
            Self::ServerBoot { within_s } => {
                f.text("server_boot").number(within_s.map_or(-1, i64::from))
            }
            Self::Probe { probe, within_us } => f
                .text("probe")
                .text(probe)
                .number(within_us.map_or(-1, |us| i64::try_from(us).unwrap_or(i64::MAX))),
            Self::Counters {
                part,
                total,
                tenant,
            } => {
                let (kind, part) = match part {
                    Counter::Good(s) => ("good", s),
                    Counter::Bad(s) => ("bad", s),
                };
                f.text(kind)
                    .text(part)
                    .text(total)
                    .text(tenant.as_deref().unwrap_or(""))
            }
        }
        .id()
    }

    /// True if plimsoll's own facts hold it.
    #[must_use]
    pub const fn is_from_facts(&self) -> bool {
        matches!(self, Self::ServerBoot { .. } | Self::Probe { .. })
    }

    /// What a slice without events is, once it is settled: clouds tell of every event, but where nobody probed nothing is known.
    #[must_use]
    pub const fn unseen(&self) -> State {
        match self {
            Self::ServerBoot { .. } => State::Empty,
            Self::Probe { .. } | Self::Counters { .. } => State::Gap,
        }
    }
}

/// A stretch that does not count: announced maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Of these objectives; empty: of all.
    pub slos: Vec<String>,
    /// From, inclusive.
    pub from: Ts,
    /// Until, exclusive.
    pub to: Ts,
    /// Who decided it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When it was decided: one decided afterwards is shown as such.
    pub decided: Ts,
}

impl Exclusion {
    /// True if it was announced before it began.
    #[must_use]
    pub fn was_announced(&self) -> bool {
        self.decided <= self.from
    }

    /// True if it concerns an objective.
    #[must_use]
    pub fn concerns(&self, slo: &str) -> bool {
        self.slos.is_empty() || self.slos.iter().any(|s| s == slo)
    }

    /// True if it covers a time.
    #[must_use]
    pub fn covers(&self, t: Ts) -> bool {
        self.from <= t && t < self.to
    }
}
