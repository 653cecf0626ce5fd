//! Alerts about objectives for Alertmanager (API v2): what fires, sent again while it does, and told to be over once it is.
//!
//! Labels are those of the rules that `plimsoll rules` makes, so routes and silences hold for both ways; annotations have the evidence.

mod post;

pub use post::Alertmanager;

use super::rules::{
    Labels,
    slo::{BURN, FRESH_S, UNMEASURED, UNMEASURED_TOLD, annotations, labels, short},
};
use crate::{
    domain::Ts,
    periods::slo::Burning,
    slo::{Slo, rarer_than},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// With nothing settled for so many seconds an objective is not measured: the rules take it as unknown after [`FRESH_S`], fire once a tenth of an hour is, and
/// five minutes have passed.
const UNMEASURED_S: i64 = FRESH_S as i64 + 360 + 300;
/// An alert that is not sent again is over after so many seconds, or so many times the time between two sendings: long enough to start plimsoll anew.
const LASTS_S: i64 = 300;
const LASTS: i64 = 4;
/// How long an alert is told to be over, seconds: an Alertmanager that was away hears of it too.
const TOLD_S: i64 = 900;
/// Alerts in one post, of about a kilobyte each: a post has to be taken within its timeout.
const POST_MAX: usize = 500;

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What tells it from others.
    labels: Labels,
    /// What it says.
    annotations: Labels,
    /// Since when.
    from: Ts,
}

impl Alert {
    /// The alert of a pair of windows. `settled`: up to where is known what happened.
    #[must_use]
    pub fn burn(burning: &Burning<'_>, settled: Ts, now: Ts) -> Self {
        let Burning { slo, tenant, burn } = burning;
        let whose = Some(*tenant).filter(|t| !t.is_empty());
        let (pair, long) = (&burn.pair, &burn.evidence.long);
        let (over, brief) = (short(pair.long_s), short(pair.short_s));
        let target = slo.objective.of(whose);
        let p = rarer_than(target, pair, long).unwrap_or(1);
        let breach = match burn.evidence.spent_in_s {
            Some(s) => settled
                .plus_seconds(i64::try_from(s).unwrap_or(i64::MAX / 4_000_000))
                .to_string(),
            None => "now".to_owned(),
        };
        let spent = match burn.evidence.spent_in_s {
            Some(_) => format!("Going on like this, the budget is spent at {breach}."),
            None => "The budget is spent.".to_owned(),
        };
        let description = format!(
            "{} of {} events in {over} were bad: more than {} times what the budget of {target} allows, over {over} and over {brief}. \
             That it is bad luck is less likely than 1 in {p}. {spent}",
            long.bad, long.events, pair.factor
        );
        let of = whose.map_or_else(String::new, |t| format!(" for {t}"));
        let summary = format!("{} burns its error budget{of}", slo.title);
        let mut annotations = annotations(&summary, &description, BURN);
        let mut say = |key: &str, text: String| drop(annotations.insert(key.to_owned(), text));
        say("bad", long.bad.to_string());
        say("total", long.events.to_string());
        say("p", format!("< 1/{p}"));
        say(
            "coverage",
            format!("{} of {} min", long.covered, long.expected),
        );
        say("projected_breach", breach);
        say("as_of", settled.to_string());
        if now > settled.plus_seconds(FRESH_S.into()) {
            say(
                "frozen",
                format!("nothing is known since {settled}: the alert stays as it was"),
            );
        }
        let severity = pair.severity.as_str();
        let mut labels = named(slo, BURN, &[("severity", severity), ("window", &over)]);
        labels.extend(whose.map(|t| ("tenant".to_owned(), t.to_owned())));
        Self {
            labels,
            annotations,
            from: burn.from,
        }
    }

    /// The alert that an objective is not measured; `None` while it is. Where nothing settled ever, it should have since `started`.
    #[must_use]
    pub fn unmeasured(slo: &Slo, settled: Option<Ts>, started: Ts, now: Ts) -> Option<Self> {
        let from = settled.unwrap_or(started).plus_seconds(UNMEASURED_S);
        (now > from).then(|| {
            let summary = format!("{} is not measured", slo.title);
            Self {
                labels: named(slo, UNMEASURED, &[("severity", "ticket")]),
                annotations: annotations(&summary, UNMEASURED_TOLD, UNMEASURED),
                from,
            }
        })
    }

    fn json(&self, ends: Ts) -> Value {
        json!({
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": self.from.to_string(),
            "endsAt": ends.to_string(),
        })
    }
}

fn named(slo: &Slo, name: &str, more: &[(&str, &str)]) -> Labels {
    let mut labels = labels(slo, more);
    labels.insert("alertname".to_owned(), name.to_owned());
    labels
}

/// What Alertmanagers are to know: what fires, and what has ceased to lately.
#[derive(Debug, Default)]
pub struct Told {
    firing: BTreeMap<Labels, Alert>,
    /// With the time at which it was seen to be over.
    over: BTreeMap<Labels, (Alert, Ts)>,
}

impl Told {
    /// All that fires now; what fired before and is not among it is over.
    pub fn turn(&mut self, firing: Vec<Alert>, now: Ts) {
        let firing: BTreeMap<Labels, Alert> =
            firing.into_iter().map(|a| (a.labels.clone(), a)).collect();
        let before = std::mem::replace(&mut self.firing, firing);
        let gone = before
            .into_iter()
            .filter(|(labels, _)| !self.firing.contains_key(labels));
        // An end is after its beginning, or Alertmanager refuses it.
        let ended = gone.map(|(l, a)| (l, (a.clone(), now.max(a.from.plus_seconds(1)))));
        self.over.extend(ended);
        let firing = &self.firing;
        self.over
            .retain(|l, (_, at)| now < at.plus_seconds(TOLD_S) && !firing.contains_key(l));
    }

    /// How many fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.firing.len()
    }

    /// The bodies of posts: one at least, for a post of nothing still shows that the way is open. `every_s`: seconds between two turns.
    #[must_use]
    pub fn bodies(&self, now: Ts, every_s: u32) -> Vec<Value> {
        let lasts = (LASTS * i64::from(every_s)).max(LASTS_S);
        let ends = now.plus_seconds(lasts);
        let firing = self.firing.values().map(|a| a.json(ends));
        let over = self.over.values().map(|(a, ended)| a.json(*ended));
        let all: Vec<Value> = firing.chain(over).collect();
        match all.chunks(POST_MAX).map(Value::from).collect::<Vec<_>>() {
            none if none.is_empty() => vec![json!([])],
            bodies => bodies,
        }
    }
}

#[cfg(test)]
mod tests;
