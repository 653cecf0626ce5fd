//! Rules of one objective: counts by window, its budget, and the alerts by pairs of windows.
//!
//! Counts are summed over whole windows before they are divided, so that busy hours weigh as much as they should. PromQL cannot sum the tail of a
//! distribution exactly; Chernoff's bound on it (`b ln(b/m) - b + m > ln(1/alpha)`, `b` bad events where `m` are expected) proves the same, a little later.

use super::{Alert, Group, Labels, RUNBOOKS, Rule, Seen, Test, owned};
use crate::{
    domain::fact::kind,
    slo::{Counter, Pair, Selector, Sli, Slo, Target},
};
use std::{collections::BTreeSet, fmt::Write as _};

/// The counters that plimsoll itself exports.
const EVENTS: &str = "plimsoll_slo_events_total";
/// Name of the alerts.
pub(in crate::export) const BURN: &str = "SLOErrorBudgetBurn";
pub(in crate::export) const UNMEASURED: &str = "SLOUnmeasured";
/// What facts tell is known while the list of servers was read within so many seconds: less than the shortest window, so that an alert is frozen before that
/// window runs empty.
pub(in crate::export) const FRESH_S: u32 = 240;
/// What the alert about not knowing says.
pub(in crate::export) const UNMEASURED_TOLD: &str = "Less than nine tenths of the last hour are known. Its other alerts stay as they are, and statements show between which bounds the truth lies.";
/// An hour, in which budgets are summed.
const HOUR_S: u32 = 3_600;
/// Events a minute in tests.
const RATE: u64 = 10_000;

/// A group an objective, and one test for all of them: a total outage pages when it has to and ends soon after, and a gap freezes what fires.
pub(super) fn rules(slos: &[Slo]) -> (Vec<Group>, Option<Test>) {
    let all: Vec<Of<'_>> = slos.iter().map(Of::new).collect();
    let timing = Timing::of(&all);
    let mut test = Test {
        name: "objectives: a total outage, its end, another, and a gap".to_owned(),
        ..Test::default()
    };
    let groups = all.iter().map(Of::group).collect();
    for of in &all {
        if let Some((series, seen)) = of.test(&timing) {
            test.series.extend(series);
            test.seen.extend(seen);
        }
    }
    let lists: BTreeSet<&str> = all.iter().filter_map(|of| list(&of.slo.sli)).collect();
    for list in lists {
        let Timing { lost, last, .. } = timing;
        let watermark = format!("0+60x{lost} {}x{}", lost * 60, last - lost - 1);
        let name = format!("{WATERMARK}{{source=\"a\",list=\"{list}\"}}");
        test.series.push((name, watermark));
    }
    test.seen.sort_by_key(|s| s.at_min);
    (groups, Some(test).filter(|t| !t.seen.is_empty()))
}

/// How far lists reach.
const WATERMARK: &str = "plimsoll_pass_watermark_timestamp_seconds";

/// The list whose passes settle events from facts.
const fn list(sli: &Sli) -> Option<&'static str> {
    match sli {
        Sli::ServerBoot { .. } => Some("servers"),
        Sli::Probe { .. } => Some(kind::PROBES),
        Sli::Counters { .. } => None,
    }
}

/// Series of a test, and their values.
type Inputs = Vec<(String, String)>;

/// When it happens in the test, in minutes; the same for all objectives.
struct Timing {
    /// The outage.
    begins: u32,
    ends: u32,
    /// It is over for every short window.
    over: u32,
    /// Another, in the midst of which nothing is known any more.
    again: u32,
    lost: u32,
    last: u32,
}

impl Timing {
    fn of(all: &[Of<'_>]) -> Self {
        let pairs = || {
            all.iter()
                .filter_map(|of| Some((of.slo, *of.pairs().first()?)))
        };
        let longest = |of: fn(&Pair) -> u32| pairs().map(|(_, p)| of(&p) / 60).max().unwrap_or(0);
        // It burns too fast after that share of the long window; proof takes a little more.
        let after = pairs().filter_map(|(slo, pair)| {
            let (p, of) = slo.objective.target.bad_at(pair.factor)?;
            u32::try_from((u64::from(pair.long_s / 60) * p).div_ceil(of)).ok()
        });
        let begins = longest(|p| p.long_s) + 10;
        let ends = begins + after.max().unwrap_or(0) + 2;
        let over = ends + longest(|p| p.short_s) + 2;
        let again = over + 5;
        let lost = again + ends - begins;
        Self {
            begins,
            ends,
            over,
            again,
            lost,
            last: lost + 70,
        }
    }
}

struct Of<'s> {
    slo: &'s Slo,
    /// All events, and the good or the bad ones.
    total: String,
    part: Counter,
    /// The label of tenants in them; `None` if all share one budget.
    tenant: Option<&'s str>,
}

impl<'s> Of<'s> {
    fn new(slo: &'s Slo) -> Self {
        let (total, part, tenant) = match &slo.sli {
            Sli::ServerBoot { .. } | Sli::Probe { .. } => {
                let of = format!("{EVENTS}{{slo=\"{}\"", slo.name);
                (
                    format!("{of}}}"),
                    Counter::Bad(format!("{of},outcome=\"bad\"}}")),
                    Some("tenant"),
                )
            }
            Sli::Counters {
                part,
                total,
                tenant,
            } => (total.clone(), part.clone(), tenant.as_deref()),
        };
        Self {
            slo,
            total,
            part,
            tenant: tenant.filter(|_| slo.objective.per_tenant),
        }
    }

    fn group(&self) -> Group {
        let pairs = self.pairs();
        let mut rules = self.counts(&pairs);
        rules.push(self.record("plimsoll_slo:budget:ratio", self.budgets()));
        rules.push(self.record("plimsoll_slo:known:bool", self.known()));
        rules.push(self.remaining());
        rules.extend(pairs.iter().map(|p| Rule::Alert(self.burn(p))));
        rules.push(Rule::Alert(self.unmeasured()));
        Group {
            name: format!("plimsoll-slo-{}", self.slo.name),
            rules,
        }
    }

    /// Those of any tenant's target.
    fn pairs(&self) -> Vec<Pair> {
        let targets = self
            .slo
            .objective
            .tenants
            .values()
            .chain([&self.slo.objective.target]);
        // The strictest target has all pairs that any other has.
        targets
            .map(|t| Pair::of(self.slo.window.nominal_s(), *t))
            .max_by_key(Vec::len)
            .unwrap_or_default()
    }

    fn record(&self, name: &str, expr: String) -> Rule {
        Rule::Record {
            name: name.to_owned(),
            expr,
            labels: owned(&[("slo", &self.slo.name)]),
        }
    }

    /// The sum of an instant vector, by tenant where they have budgets of their own.
    fn sum(&self, inner: &str) -> String {
        match self.tenant {
            None => format!("sum({inner})"),
            Some("tenant") => format!("sum by (tenant) ({inner})"),
            Some(label) => format!(
                "sum by (tenant) (label_replace({inner}, \"tenant\", \"$1\", \"{label}\", \"(.*)\"))"
            ),
        }
    }

    fn counts(&self, pairs: &[Pair]) -> Vec<Rule> {
        let windows: BTreeSet<u32> = pairs
            .iter()
            .flat_map(|p| [p.long_s, p.short_s])
            .chain([HOUR_S])
            .collect();
        windows
            .into_iter()
            .flat_map(|s| {
                let window = short(s);
                let increase = |of: &str| self.sum(&format!("increase({of}[{window}])"));
                let events = increase(&self.total);
                // A counter that was never touched is no series yet.
                let bad = match &self.part {
                    Counter::Bad(bad) => format!("{}\nor {events} * 0", increase(bad)),
                    Counter::Good(good) => format!(
                        "clamp_min({events} - ({} or {events} * 0), 0)",
                        increase(good)
                    ),
                };
                [
                    self.record(&format!("plimsoll_slo:events:increase{window}"), events),
                    self.record(&format!("plimsoll_slo:bad:increase{window}"), bad),
                ]
            })
            .collect()
    }

    /// The share that may be bad, of each tenant.
    fn budgets(&self) -> String {
        let all = |t: Target| format!("{} * 0 + {}", self.sum(&self.total), decimal(t.budget()));
        let mut expr = String::new();
        for (tenant, target) in &self.slo.objective.tenants {
            let _ = writeln!(
                expr,
                "({}) and on (tenant) label_replace(vector(1), \"tenant\", {}, \"\", \"\")\nor",
                all(*target),
                serde_json::Value::from(tenant.as_str())
            );
        }
        expr + &all(self.slo.objective.target)
    }

    /// 1 while it is measured, else 0.
    fn known(&self) -> String {
        let known = match list(&self.slo.sli) {
            Some(list) => {
                format!("min({WATERMARK}{{list=\"{list}\"}}) > bool (time() - {FRESH_S})")
            }
            None => format!("count({}) > bool 0", self.total),
        };
        format!("({known}) or vector(0)")
    }

    fn of_slo(&self, name: &str) -> String {
        format!("{name}{{slo=\"{}\"}}", self.slo.name)
    }

    fn covered(&self, pair: &Pair, comparison: &str, join: &str) -> String {
        let known = self.of_slo("plimsoll_slo:known:bool");
        let each = [pair.long_s, pair.short_s]
            .map(|s| format!("avg_over_time({known}[{}]) {comparison} 0.9", short(s)));
        each.join(&format!(" {join} "))
    }

    /// What remains of the budget over its window: hour by hour, so that no event counts twice.
    fn remaining(&self) -> Rule {
        let days = self.slo.window.nominal_s().div_ceil(HOUR_S);
        let sum = |what: &str| {
            format!(
                "sum_over_time({}[{days}h:1h])",
                self.of_slo(&format!("plimsoll_slo:{what}:increase1h"))
            )
        };
        let expr = format!(
            "1 - {} / ({} * ({} > 0))",
            sum("bad"),
            self.of_slo("plimsoll_slo:budget:ratio"),
            sum("events")
        );
        self.record("plimsoll_slo:error_budget_remaining:ratio", expr)
    }

    fn burn(&self, pair: &Pair) -> Alert {
        let (long, brief) = (short(pair.long_s), short(pair.short_s));
        let budget = self.of_slo("plimsoll_slo:budget:ratio");
        let factor = decimal(pair.factor.parts());
        let bad = |w: &str| self.of_slo(&format!("plimsoll_slo:bad:increase{w}"));
        let allowed = |w: &str| {
            format!(
                "{factor} * {budget} * {}",
                self.of_slo(&format!("plimsoll_slo:events:increase{w}"))
            )
        };
        let (bad_long, allowed_long) = (bad(&long), allowed(&long));
        let (alpha, of) = self.slo.alpha.parts();
        let by = if self.tenant.is_some() {
            "slo, tenant"
        } else {
            "slo"
        };
        let expr = format!(
            "(\n  {bad_long} > {allowed_long}\nand\n  {} > {}\nand\n  {bad_long} * ln({bad_long} / ({allowed_long})) - {bad_long} + {allowed_long} > scalar(ln(vector({of} / {alpha})))\nand on (slo)\n  ({})\n)\n\
             or\n# While nothing is known it stays as it was.\n  max by ({by}) (ALERTS{{alertname=\"{BURN}\",alertstate=\"firing\",slo=\"{}\",window=\"{long}\"}})\nand on (slo)\n  ({})",
            bad(&brief),
            allowed(&brief),
            self.covered(pair, ">=", "and"),
            self.slo.name,
            self.covered(pair, "<", "or"),
        );
        let (p, q) = pair.factor.parts();
        let lasts = u64::from(self.slo.window.nominal_s()) * q / p / u64::from(HOUR_S);
        let whose = self.tenant.map_or("", |_| " for {{ $labels.tenant }}");
        let description = format!(
            "{{{{ $value | printf \"%.0f\" }}}} bad events in {long}: more than {factor} times what the budget of {} allows, over {long} and over {brief}. \
             That it is bad luck is less likely than {alpha} in {of}. Going on like this, a whole budget lasts less than {lasts} h.",
            self.slo.objective.target,
        );
        Alert {
            name: BURN.to_owned(),
            expr,
            for_min: 0,
            labels: self.labels(&[("severity", pair.severity.as_str()), ("window", &long)]),
            annotations: annotations(
                &format!("{} burns its error budget{whose}", self.title()),
                &description,
                BURN,
            ),
        }
    }

    fn unmeasured(&self) -> Alert {
        Alert {
            name: UNMEASURED.to_owned(),
            expr: format!(
                "avg_over_time({}[1h]) < 0.9",
                self.of_slo("plimsoll_slo:known:bool")
            ),
            for_min: 5,
            labels: self.labels(&[("severity", "ticket")]),
            annotations: annotations(
                &format!("{} is not measured", self.title()),
                UNMEASURED_TOLD,
                UNMEASURED,
            ),
        }
    }

    /// Its name for people, which Prometheus is not to take for a template.
    fn title(&self) -> String {
        self.slo.title.replace("{{", "{{`{{`}}")
    }

    fn labels(&self, more: &[(&str, &str)]) -> Labels {
        labels(self.slo, more)
    }

    /// What is to be seen of the fastest pair, and of a gap. `None` where no series can be made up that the selectors of the definition tell apart.
    fn test(&self, t: &Timing) -> Option<(Inputs, Vec<Seen>)> {
        let pairs = self.pairs();
        let burn = self.burn(pairs.first()?);
        let tenant = self.tenant.map(|label| (label, "acme"));
        let phases = [
            (t.begins, true),
            (t.ends, false),
            (t.again, true),
            (t.lost, false),
        ];
        let series = self.series(&phases, t.last, tenant.as_slice())?;
        let seen = |at_min, alert: &Alert, fires: bool, tenant: Option<(&str, &str)>| {
            let mut labels = alert.labels.clone();
            labels.extend(owned(&[
                ("alertname", &alert.name),
                ("alertstate", "firing"),
            ]));
            let of = |labels: &Labels| {
                let all: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
                format!("ALERTS{{{}}}", all.join(","))
            };
            let expr = of(&labels);
            labels.extend(tenant.map(|(_, of)| ("tenant".to_owned(), of.to_owned())));
            Seen {
                at_min,
                expr,
                sample: fires.then(|| of(&labels)),
            }
        };
        let unmeasured = self.unmeasured();
        let frozen = t.lost + self.pairs().first()?.short_s / 60 + 30;
        Some((
            series,
            vec![
                seen(t.begins, &burn, false, tenant),
                seen(t.ends, &burn, true, tenant),
                seen(t.over, &burn, false, tenant),
                seen(t.lost, &burn, true, tenant),
                seen(frozen, &burn, true, tenant),
                seen(t.lost, &unmeasured, false, None),
                seen(t.lost + 60, &unmeasured, true, None),
            ],
        ))
    }

    /// Series of good events, then of bad ones, and so on by phases that end at their minute.
    fn series(&self, phases: &[(u32, bool)], last: u32, more: &[(&str, &str)]) -> Option<Inputs> {
        let total = Selector::parse(&self.total).ok()?;
        let (Counter::Good(part) | Counter::Bad(part)) = &self.part;
        let part = Selector::parse(part).ok()?;
        let rest = total.series(Some(&part), more)?;
        // Of another metric, the total counts good and bad ones alike.
        let apart = !part.is_of_the_metric_of(&total);
        let counted = |counts: [bool; 2]| {
            let (mut at, mut value, mut text) = (0, 0, "0".to_owned());
            for (end, is_good) in phases {
                let step = if counts[usize::from(*is_good)] {
                    RATE
                } else {
                    0
                };
                let n = u64::from(end - at);
                let _ = write!(text, " {}+{step}x{}", value + step, n - 1);
                (at, value) = (*end, value + step * n);
            }
            if self.slo.sli.is_from_facts() {
                let _ = write!(text, " {value}x{}", last - at - 1);
            } else {
                text.push_str(" stale");
            }
            text
        };
        let of_part = matches!(self.part, Counter::Good(_));
        Some(vec![
            (part.series(None, more)?, counted([!of_part, of_part])),
            (rest, counted([of_part || apart, !of_part || apart])),
        ])
    }
}

/// What tells an objective's alerts apart, but for their names.
pub(in crate::export) fn labels(slo: &Slo, more: &[(&str, &str)]) -> Labels {
    let mut labels = owned(&[("slo", &slo.name), ("service", &slo.service)]);
    labels.extend(owned(more));
    labels
}

/// What every alert says to people.
pub(in crate::export) fn annotations(summary: &str, description: &str, alert: &str) -> Labels {
    let runbook = format!("{RUNBOOKS}#{}", alert.to_lowercase());
    owned(&[
        ("summary", summary),
        ("description", description),
        ("runbook_url", &runbook),
    ])
}

/// `1h`, `30m`, `3d`.
pub(in crate::export) fn short(s: u32) -> String {
    match s {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s => format!("{}m", s / 60),
    }
}

/// A fraction as PromQL: a decimal where it has a short one, else a quotient.
fn decimal((p, q): (u64, u64)) -> String {
    let scale = (0..=9).find(|e| 10u64.pow(*e) % q == 0);
    let Some((scale, width)) = scale.and_then(|e| Some((e, usize::try_from(e).ok()?))) else {
        return format!("({p} / {q})");
    };
    let digits = format!(
        "{:0>1$}",
        u128::from(p) * u128::from(10u64.pow(scale) / q),
        width + 1
    );
    match digits.split_at(digits.len() - width) {
        (whole, "") => whole.to_owned(),
        (whole, part) => format!("{whole}.{part}"),
    }
}
