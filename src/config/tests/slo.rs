//! OpenSLO files: what is taken, and what is refused with which hint.

use super::*;
use crate::slo::{Counter, Sli, Target, Unit, Window};

/// A configuration with one OpenSLO file of this text, judged: the configuration or the problems.
fn with(openslo: &str, more: &str) -> Result<Config, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), openslo).unwrap();
    let text = format!("{SOUND}slo:\n  files: [a.yaml]\n{more}");
    let file = dir.path().join("c.yaml");
    let clean = |p: Problem| {
        p.to_string()
            .replace(&format!("{}/", dir.path().display()), "")
    };
    judge(&file, &text, &Overrides::default(), &env)
        .map_err(|all| all.into_iter().map(clean).collect())
}

const GOOD: &str = r#"apiVersion: openslo/v1
kind: Service
metadata: {name: web}
spec: {description: The web.}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: web
  annotations: {plimsoll/per-tenant: "true", plimsoll/tenant-label: ns, plimsoll/target.acme: "0.9995", plimsoll/alpha: "0.001", other.example/x: y}
spec:
  service: web
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: prometheus, spec: {query: 'http_total{code!~"5.."}'}}}
        total: {metricSource: {type: Prometheus, spec: {query: http_total}}}
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Stockholm}}]
  budgetingMethod: Occurrences
  objectives: [{displayName: most, target: 0.999}]
"#;

#[test]
fn what_is_clear_is_taken() {
    let config = with(GOOD, "").unwrap();
    let [slo] = config.slo.slos.as_slice() else {
        panic!("{:?}", config.slo)
    };
    let target = |t: &str| Target::parse(t).unwrap();
    assert_eq!(
        (slo.objective.of(None), slo.objective.of(Some("acme"))),
        (target("0.999"), target("0.9995"))
    );
    assert_eq!(
        slo.window,
        Window::Calendar(Unit::Month, chrono_tz::Europe::Stockholm)
    );
    assert_eq!(slo.alpha.parts(), (1, 1000));
    let counters = Sli::Counters {
        part: Counter::Good("http_total{code!~\"5..\"}".into()),
        total: "http_total".into(),
        tenant: Some("ns".into()),
    };
    assert_eq!(slo.sli, counters);

    let config = load_with(
        Some(FilePath::new("deploy/quickstart.yaml")),
        &Overrides::default(),
        &|_| None,
    )
    .unwrap();
    assert_eq!(
        config.slo.slos[0].sli,
        Sli::ServerBoot {
            within_s: Some(600)
        }
    );
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_a_hint() {
    for (was, is, place, says) in [
        (
            "kind: SLO",
            "kind: AlertPolicy",
            "a.yaml:7:7: kind:",
            "`AlertPolicy` is not taken; SLO, SLI or Service",
        ),
        (
            "openslo/v1",
            "openslo/v2",
            "a.yaml:1:13: apiVersion:",
            "`openslo/v2` is not known",
        ),
        (
            "service: web",
            "service: wbe",
            "a.yaml:12:12: spec.service:",
            "there is no Service `wbe`; did you mean `web`?",
        ),
        (
            "indicator:",
            "indicatr:",
            "a.yaml:13:3: spec.indicatr:",
            "did you mean `indicator`?",
        ),
        (
            "counter: true",
            "counter: false",
            "spec.indicator.spec.ratioMetric.counter:",
            "counters that only grow",
        ),
        (
            "counter: true",
            "raw: {metricSource: {type: prometheus}}",
            "ratioMetric.raw:",
            "averages of ratios are no ratio",
        ),
        (
            "query: http_total}",
            "query: 'rate(http_total[5m])'}",
            "total.metricSource.spec.query:",
            "is not a plain selector",
        ),
        (
            "type: Prometheus",
            "type: plimsoll",
            "ratioMetric.good:",
            "is of another type than `total`",
        ),
        (
            "type: Prometheus",
            "type: graphite",
            "metricSource.type:",
            "`graphite` is not known",
        ),
        (
            "isRolling: false, ",
            "isRolling: true, ",
            "timeWindow[0].calendar:",
            "stands in a rolling window",
        ),
        (
            "2026-01-01 00:00:00",
            "2026-01-15 00:00:00",
            "calendar.startTime:",
            "is not where one begins",
        ),
        (
            "duration: 1M",
            "duration: 2M",
            "timeWindow[0].duration:",
            "is no unit of the calendar",
        ),
        (
            "duration: 1M",
            "duration: month",
            "timeWindow[0].duration:",
            "does not match",
        ),
        (
            "duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Stockholm}",
            "duration: 0d, isRolling: true",
            "timeWindow[0].duration:",
            "0d is out of bounds",
        ),
        (
            "Europe/Stockholm",
            "Europe/Stokholm",
            "calendar.timeZone:",
            "Stokholm",
        ),
        (
            "Occurrences",
            "Timeslices",
            "spec.budgetingMethod:",
            "a minute at night weighs as much",
        ),
        (
            "target: 0.999",
            "target: 99.9",
            "objectives[0].target:",
            "`99.9` is no target",
        ),
        (
            "target: 0.999",
            "targetPercent: 99.9",
            "objectives[0].targetPercent:",
            "write target: 0.999",
        ),
        (
            "{displayName: most, target: 0.999}",
            "{target: 0.9}, {target: 0.99}",
            "spec.objectives:",
            "another target is another SLO",
        ),
        (
            "plimsoll/per-tenant: \"true\", ",
            "",
            "metadata.annotations:",
            "stand without `plimsoll/per-tenant`",
        ),
        (
            "plimsoll/tenant-label: ns, ",
            "",
            "plimsoll/per-tenant:",
            "do not say whose they are",
        ),
        (
            "plimsoll/tenant-label: ns, ",
            "plimsoll/tenant-label: 'n\"s', ",
            "plimsoll/tenant-label:",
            "is no label",
        ),
        (
            "plimsoll/alpha: \"0.001\"",
            "plimsoll/alhpa: \"0.001\"",
            "plimsoll/alhpa:",
            "did you mean `alpha`?",
        ),
        (
            "plimsoll/alpha: \"0.001\"",
            "plimsoll/alpha: \"0.5\"",
            "plimsoll/alpha:",
            "at most 0.1",
        ),
        (
            "---\napi",
            "---\nkind: Service\napi",
            "kind:",
            "is there twice",
        ),
    ] {
        assert!(GOOD.contains(was), "{was}");
        let problems = with(&GOOD.replace(was, is), "").expect_err(is);
        let found = problems
            .iter()
            .any(|p| p.contains(place) && p.contains(says));
        assert!(found, "{is}: {problems:#?}");
    }
}

#[test]
fn all_errors_of_all_files_show_at_once() {
    let twice = format!(
        "{GOOD}---\n{}",
        GOOD.split_once("---\n")
            .unwrap()
            .1
            .replace("0.999}", "1.5}")
    );
    let more = "  exclusions:\n    - {slos: [wbe], from: 2026-10-02, to: 2026-10-01, who: anna, why: upgrade, decided: 2026-09-01}\n";
    let problems = with(&twice, more).unwrap_err().join("\n");
    for says in [
        "metadata.name: is the name of another SLO, at a.yaml:9",
        "slo.exclusions[0].slos[0]: there is no SLO `wbe`; did you mean `web`?",
        "slo.exclusions[0].to: is not after `from`",
    ] {
        assert!(problems.contains(says), "{says}\n{problems}");
    }
    let ok = "  exclusions:\n    - {from: 2026-10-01, to: 2026-10-01T02:00:00Z, who: anna, why: upgrade, decided: 2026-09-01}\n";
    let config = with(GOOD, ok).unwrap();
    assert!(config.slo.exclusions[0].was_announced() && config.slo.exclusions[0].concerns("web"));
    assert!(with("", "").is_ok_and(|c| c.slo.slos.is_empty()));
    let missing = judged(&format!("{SOUND}slo: {{files: [none.yaml]}}\n")).unwrap_err();
    assert!(
        missing[0]
            .to_string()
            .contains("slo.files[0]: deploy/none.yaml is not there"),
        "{missing:?}"
    );
}

/// An objective from facts, and what more there is in the section.
fn told(more: &str) -> Result<Config, Vec<String>> {
    let facts = fs::read_to_string("deploy/slo/compute.yaml").unwrap();
    with(&facts, more)
}

#[test]
fn alertmanagers_are_told_as_they_are_to_be() {
    let none = told("").unwrap().slo.alertmanagers;
    assert!(none.all.is_empty() && none.every_s == 60, "{none:?}");
    let some = told(
        "  alert_every: 30s\n  alertmanagers:\n    - {url: http://127.0.0.1:9093}\n    - {url: https://am.example/am/, username: u, password: {env: OS_PASSWORD}, timeout: 3s}\n",
    )
    .unwrap();
    assert_eq!(some.warnings, []);
    let some = some.slo.alertmanagers;
    let names: Vec<String> = some.all.iter().map(Alertmanager::name).collect();
    assert_eq!(names, ["127.0.0.1:9093", "am.example:443/am"]);
    assert_eq!(
        (some.every_s, some.all[0].timeout_s, some.all[1].timeout_s),
        (30, 10, 3)
    );
    assert!(
        matches!(&some.all[1].login, Some(HttpLogin::Basic { username, .. }) if username == "u")
    );
    assert!(!format!("{some:?}").contains("hunter2"));
}

#[test]
fn alertmanagers_that_cannot_be_told_are_refused() {
    for (more, wanted) in [
        (
            "  alert_every: 5m\n",
            "c.yaml:4:16: slo.alert_every: 5m is out of bounds; from 1s to 3m",
        ),
        (
            "  alertmanagers: [{url: http://a/?x=1}]\n",
            "slo.alertmanagers[0].url: has a query; give what stands before /api/v2/alerts",
        ),
        (
            "  alertmanagers: [{url: http://a}, {url: http://a:80/}]\n",
            "slo.alertmanagers[1].url: a:80 stands there twice; keep one of them",
        ),
        (
            "  alertmanagers: [{url: https://a, timeout: 2m}]\n",
            "slo.alertmanagers[0].timeout: 2m is out of bounds",
        ),
        (
            "  alertmanagers: [{url: https://a, username: u}]\n",
            "slo.alertmanagers[0].password: is missing; `username` and `password` belong together",
        ),
        (
            "  alertmanagers: [{url: 'https://u:p@a'}]\n",
            "slo.alertmanagers[0].url",
        ),
        (
            "  alertmanagers: [{uri: https://a}]\n",
            "did you mean `url`?",
        ),
    ] {
        let got = told(more).expect_err(more).join("\n");
        assert!(got.contains(wanted), "{more}\n{got}");
    }
    // Taken, with a word of warning.
    let clear =
        told("  alertmanagers: [{url: http://am.example, bearer_token: {env: OS_PASSWORD}}]\n")
            .unwrap();
    assert!(
        clear.warnings[0].to_string().contains("in the clear"),
        "{:?}",
        clear.warnings
    );
    let idle = with(GOOD, "  alertmanagers: [{url: http://a}]\n").unwrap();
    assert!(
        idle.warnings[0]
            .to_string()
            .contains("no SLO is counted from facts"),
        "{:?}",
        idle.warnings
    );
}
