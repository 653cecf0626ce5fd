//! Alerts on metering itself, from the program's own metrics. Each stands here with the test that shows when it fires and when not.

mod around;

use super::{Alert, Expected, Group, RUNBOOKS, Rule, Test, owned};
use crate::{
    config::{Config, Source},
    slo::Severity,
};

/// Lists that every pass reads, and queues of notifications.
const IN_EVERY_PASS: &str = "servers|projects|notifications.*";
/// Lists that come with full passes only; the others are read as a whole, in a rhythm of their own.
const IN_FULL_PASSES: &str = "flavors";
/// A list is stale after so many intervals without a complete pass, and never before so many seconds.
const INTERVALS: u32 = 3;
const STALE_S_MIN: u32 = 900;

/// What a test shows of an alert: series, minutes at which it fires and at which not, labels and value where it does.
struct Shown<'a> {
    name: &'a str,
    series: &'a [(&'a str, &'a str)],
    fires_at: &'a [u32],
    quiet_at: &'a [u32],
    labels: &'a [(&'a str, &'a str)],
    value: &'a str,
}

struct Made {
    rules: Vec<Rule>,
    tests: Vec<Test>,
}

impl Made {
    fn alert(
        &mut self,
        name: &str,
        severity: Severity,
        for_min: u32,
        expr: &str,
        told: [&str; 2],
        shown: &[Shown<'_>],
    ) -> Alert {
        let runbook = format!("{RUNBOOKS}#{}", name.to_lowercase());
        let alert = Alert {
            name: name.to_owned(),
            expr: expr.to_owned(),
            for_min,
            labels: owned(&[("severity", severity.as_str())]),
            annotations: owned(&[
                ("summary", told[0]),
                ("description", told[1]),
                ("runbook_url", &runbook),
            ]),
        };
        shown.iter().for_each(|s| self.show(&alert, s));
        self.rules.push(Rule::Alert(alert.clone()));
        alert
    }

    fn show(&mut self, alert: &Alert, s: &Shown<'_>) {
        let expected = |at: &u32, fires: bool| Expected {
            at_min: *at,
            alert: alert.name.clone(),
            fired: fires
                .then(|| alert.fired(s.labels, s.value))
                .into_iter()
                .collect(),
        };
        let mut alerts: Vec<Expected> = s.fires_at.iter().map(|at| expected(at, true)).collect();
        alerts.extend(s.quiet_at.iter().map(|at| expected(at, false)));
        alerts.sort_by_key(|e| e.at_min);
        let pair = |(series, values): &(&str, &str)| ((*series).to_owned(), (*values).to_owned());
        self.tests.push(Test {
            name: format!("{}: {}", alert.name, s.name),
            series: s.series.iter().map(pair).collect(),
            alerts,
            seen: Vec::new(),
        });
    }
}

/// The group, and its tests.
pub(super) fn rules(config: &Config) -> (Group, Vec<Test>) {
    let mut made = Made {
        rules: Vec::new(),
        tests: Vec::new(),
    };
    program(&mut made);
    sources(&mut made);
    stale(&mut made, config);
    usage(&mut made);
    around::posts(&mut made);
    around::storage(&mut made);
    around::gateways(&mut made);
    let group = Group {
        name: "plimsoll-metering".to_owned(),
        rules: made.rules,
    };
    (group, made.tests)
}

/// Whether it runs, can store, and keeps its promises.
fn program(made: &mut Made) {
    made.alert(
        "PlimsollDown",
        Severity::Page,
        5,
        "absent(plimsoll_build_info)",
        [
            "plimsoll is not scraped",
            "No plimsoll answers Prometheus. Clouds keep their own history, so little is lost yet; the longer it lasts, the more gaps there may be.",
        ],
        &[Shown {
            name: "it stops at 10 m",
            series: &[("plimsoll_build_info{version=\"1\"}", "1x10 _x20")],
            fires_at: &[21],
            quiet_at: &[5, 12],
            labels: &[],
            value: "",
        }],
    );
    made.alert(
        "PlimsollSpoolGrowing",
        Severity::Page,
        0,
        "min_over_time(plimsoll_spool_batches[15m]) > 0 and count_over_time(plimsoll_spool_batches[15m]) > 10",
        [
            "The store takes no batches",
            "For 15 minutes the spool was never empty: {{ $value }} batches or more wait for the store. Past store.spool_max collection pauses.",
        ],
        &[Shown {
            name: "it is not empty from 3 m to 29 m",
            series: &[("plimsoll_spool_batches", "0 2 0 3x26 0x20")],
            fires_at: &[20, 29],
            quiet_at: &[2, 10, 31],
            labels: &[],
            value: "3",
        }],
    );
    made.alert(
        "PlimsollInvariantViolated",
        Severity::Page,
        0,
        "plimsoll_invariant_violations_total > 0",
        [
            "A promise of plimsoll is broken: {{ $labels.invariant }}",
            "It was found broken {{ $value }} times since the start. This is a defect of plimsoll: bill nothing from it before it is understood.",
        ],
        &[Shown {
            name: "one is broken at 3 m",
            series: &[
                ("plimsoll_invariant_violations_total{invariant=\"3_conserved\"}", "0x2 2x10"),
                ("plimsoll_invariant_violations_total{invariant=\"4_spans_disjoint\"}", "0x12"),
            ],
            fires_at: &[3, 10],
            quiet_at: &[2],
            labels: &[("invariant", "3_conserved")],
            value: "2",
        }],
    );
}

/// Whether clouds are read, and believed.
fn sources(made: &mut Made) {
    made.alert(
        "PlimsollSourceDown",
        Severity::Page,
        5,
        "plimsoll_source_up == 0",
        [
            "{{ $labels.source }} cannot be read",
            "The latest pass over one of its lists was not complete, for 5 minutes and more. Usage of that list stops at its watermark.",
        ],
        &[Shown {
            name: "one of two is down from 3 m to 12 m",
            series: &[
                ("plimsoll_source_up{source=\"a\"}", "1x2 0x9 1x10"),
                ("plimsoll_source_up{source=\"b\"}", "1x22"),
            ],
            fires_at: &[8, 12],
            quiet_at: &[2, 7, 13],
            labels: &[("source", "a")],
            value: "",
        }],
    );
    made.alert(
        "PlimsollPassSuspect",
        Severity::Ticket,
        0,
        "increase(plimsoll_pass_suspect_total[1h]) > 0\nor (plimsoll_pass_suspect_total > 0 unless plimsoll_pass_suspect_total offset 1h)",
        [
            "A pass over {{ $labels.list }} of {{ $labels.source }} is not believed",
            "It would have ended too many resources at once without evidence, so it ended none. A lost role looks just like that.",
        ],
        &[
            Shown {
                name: "one at 10 m; an hour later it is over",
                series: &[("plimsoll_pass_suspect_total{source=\"a\",list=\"servers\"}", "0x9 1x80")],
                fires_at: &[11, 60],
                quiet_at: &[9, 75],
                labels: &[("source", "a"), ("list", "servers")],
                value: "",
            },
            Shown {
                name: "the first pass of a process",
                series: &[("plimsoll_pass_suspect_total{source=\"a\",list=\"servers\"}", "1x80")],
                fires_at: &[0, 59],
                quiet_at: &[61],
                labels: &[("source", "a"), ("list", "servers")],
                value: "",
            },
        ],
    );
    made.alert(
        "PlimsollSamplesUnread",
        Severity::Ticket,
        0,
        "increase(plimsoll_samples_total{outcome=\"unread\"}[1h]) > 0\nor (plimsoll_samples_total{outcome=\"unread\"} > 0 unless plimsoll_samples_total offset 1h)",
        [
            "Samples of {{ $labels.source }} tell no value",
            "Within an hour samples of metrics that are metered could not be read. What they would have counted is missing until they can.",
        ],
        &[
            Shown {
                name: "some at 10 m; an hour later it is over",
                series: &[
                    ("plimsoll_samples_total{source=\"a\",outcome=\"unread\"}", "0x9 2x80"),
                    ("plimsoll_samples_total{source=\"a\",outcome=\"read\"}", "0+9x89"),
                    ("plimsoll_samples_total{source=\"b\",outcome=\"unread\"}", "0x89"),
                ],
                fires_at: &[11, 60],
                quiet_at: &[9, 75],
                labels: &[("source", "a"), ("outcome", "unread")],
                value: "",
            },
            Shown {
                name: "the first pass of a process",
                series: &[("plimsoll_samples_total{source=\"a\",outcome=\"unread\"}", "2x80")],
                fires_at: &[0, 59],
                quiet_at: &[61],
                labels: &[("source", "a"), ("outcome", "unread")],
                value: "",
            },
        ],
    );
    made.alert(
        "PlimsollClockSkew",
        Severity::Ticket,
        10,
        "abs(plimsoll_clock_skew_seconds) > 5",
        [
            "The clock of {{ $labels.source }} is off",
            "It differs from ours by {{ $value }} s. Usage stands on the cloud's own times, so nothing is shifted; one of the two clocks is wrong.",
        ],
        &[Shown {
            name: "one is 7 s behind from 2 m on",
            series: &[
                ("plimsoll_clock_skew_seconds{source=\"a\"}", "0x1 -7x30"),
                ("plimsoll_clock_skew_seconds{source=\"b\"}", "5x32"),
            ],
            fires_at: &[12, 20],
            quiet_at: &[1, 11],
            labels: &[("source", "a")],
            value: "7",
        }],
    );
}

/// Whether every list is known up to a short while ago.
fn stale(made: &mut Made, config: &Config) {
    let longest = |of: fn(&Source) -> u32| {
        let most = config.sources.iter().map(of).max().unwrap_or(0);
        most.saturating_mul(INTERVALS).max(STALE_S_MIN)
    };
    let often = longest(Source::interval_s);
    let whole = longest(Source::inventory_interval_s);
    let seldom = longest(Source::full_interval_s);
    let age =
        |lists: String| format!("time() - plimsoll_pass_watermark_timestamp_seconds{{{lists}}}");
    // What was deleted before the first pass is listed once.
    let expr = format!(
        "{} > {often}\nor\n{} > {seldom}\nor\n{} > {whole}",
        age(format!("list=~\"{IN_EVERY_PASS}\"")),
        age(format!("list=~\"{IN_FULL_PASSES}\"")),
        age(format!(
            "list!~\"{IN_EVERY_PASS}|{IN_FULL_PASSES}|.+[.]deleted\""
        )),
    );
    let alert = made.alert(
        "PlimsollListStale",
        Severity::Page,
        0,
        &expr,
        [
            "{{ $labels.list }} of {{ $labels.source }} are not read",
            "The list is known up to {{ $value | humanizeDuration }} ago. Usage stops there: nothing is charged beyond it, and nothing is guessed.",
        ],
        &[],
    );
    for (list, name, limit_s) in [
        ("servers", "a list that changes are read of", often),
        ("flavors", "a list that comes with full passes", seldom),
        ("volumes", "a list that is read as a whole", whole),
    ] {
        let at = limit_s.div_ceil(60) + 1;
        let of = |source: &str, list: &str| {
            format!(
                "plimsoll_pass_watermark_timestamp_seconds{{source=\"{source}\",list=\"{list}\"}}"
            )
        };
        let (fresh, held) = (format!("0+60x{at}"), format!("0x{at}"));
        made.show(
            &alert,
            &Shown {
                name,
                series: &[
                    (&of("a", list), &held),
                    (&of("b", list), &fresh),
                    (&of("a", "servers.deleted"), &held),
                ],
                fires_at: &[at],
                quiet_at: &[at - 1],
                labels: &[("source", "a"), ("list", list)],
                value: &humanized(u64::from(at) * 60),
            },
        );
    }
}

/// As Prometheus' `humanizeDuration` writes whole seconds.
fn humanized(s: u64) -> String {
    let (d, h, m, s) = (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, _) => format!("{m}m {s}s"),
        (0, ..) => format!("{h}h {m}m {s}s"),
        _ => format!("{d}d {h}h {m}m {s}s"),
    }
}

/// Whether what was read can be billed.
fn usage(made: &mut Made) {
    made.alert(
        "PlimsollUnattributedScope",
        Severity::Ticket,
        15,
        "plimsoll_unattributed_scopes > 0",
        [
            "{{ $value }} scopes with usage have no tenant",
            "Their usage of this month is kept and shown as unattributed; nobody pays for it until a rule or a tag says who.",
        ],
        &[Shown {
            name: "two from 3 m on",
            series: &[("plimsoll_unattributed_scopes", "0x2 2x30")],
            fires_at: &[18, 30],
            quiet_at: &[2, 17],
            labels: &[],
            value: "2",
        }],
    );
    made.alert(
        "PlimsollGap",
        Severity::Ticket,
        0,
        "plimsoll_usage_unobserved_seconds - (plimsoll_usage_unobserved_seconds offset 1h or plimsoll_usage_unobserved_seconds * 0) > 0",
        [
            "Usage of {{ $labels.source }} has a new gap",
            "{{ $value | humanizeDuration }} of resources' time became unobserved within an hour: expected, not seen, and not charged.",
        ],
        &[
            Shown {
                name: "ten minutes are lost at 10 m; an hour later they are no news",
                series: &[("plimsoll_usage_unobserved_seconds{source=\"a\"}", "0x9 600x80")],
                fires_at: &[10, 60],
                quiet_at: &[9, 71],
                labels: &[("source", "a")],
                value: "10m 0s",
            },
            Shown {
                name: "a new month begins with none",
                series: &[("plimsoll_usage_unobserved_seconds{source=\"a\"}", "600x64 0x20")],
                fires_at: &[1],
                quiet_at: &[62, 70],
                labels: &[("source", "a")],
                value: "10m 0s",
            },
        ],
    );
    made.alert(
        "PlimsollEventsDisagree",
        Severity::Ticket,
        15,
        "plimsoll_usage_unexplained > 0",
        [
            "Events and lists of {{ $labels.source }} disagree",
            "{{ $value }} sightings of this month are explained by no event of the cloud's.",
        ],
        &[Shown {
            name: "one from 3 m on",
            series: &[
                ("plimsoll_usage_unexplained{source=\"a\"}", "0x2 1x30"),
                ("plimsoll_usage_unexplained{source=\"b\"}", "0x32"),
            ],
            fires_at: &[18],
            quiet_at: &[17],
            labels: &[("source", "a")],
            value: "1",
        }],
    );
}
