//! Judges who is told of alerts.

use crate::{
    config::{
        checker::Checker,
        leaf::Seconds,
        login::login,
        problem::Path,
        raw::{self, Part},
        types::{Alertmanager, Alertmanagers},
    },
    slo::Slo,
};

/// Time between two posts.
const EVERY: Seconds = Seconds(60);

/// Judges the Alertmanagers of the section `slo`, which is at `path`.
pub(super) fn alertmanagers(
    c: &mut Checker<'_>,
    raw: Vec<Part<raw::Alertmanager>>,
    every: Option<Seconds>,
    slos: &[Slo],
    path: &Path,
) -> Alertmanagers {
    let every = every.unwrap_or(EVERY);
    c.within(&path.key("alert_every"), &every, 1, 180);
    let path = path.key("alertmanagers");
    let mut all: Vec<Alertmanager> = Vec::new();
    for (i, part) in raw.into_iter().enumerate() {
        let path = path.index(i);
        let Some(one) = c.part(part, &path).and_then(|raw| judge(c, raw, &path)) else {
            continue;
        };
        if all.iter().any(|a| a.name() == one.name()) {
            let what = format!("{} stands there twice", one.name());
            c.error(&path.key("url"), what, "keep one of them");
        }
        all.push(one);
    }
    if !all.is_empty()
        && !slos.iter().any(|s| s.sli.is_from_facts())
        && c.sound(&Path::default().key("slo"))
    {
        c.warn(
            &path,
            "would be told nothing: no SLO is counted from facts",
            "deploy/slo/compute.yaml has one; what Prometheus counts, Prometheus alerts about (`plimsoll rules`)",
        );
    }
    Alertmanagers {
        all,
        every_s: every.0,
    }
}

fn judge(c: &mut Checker<'_>, raw: raw::Alertmanager, path: &Path) -> Option<Alertmanager> {
    c.within(&path.key("timeout"), &raw.timeout, 1, 60);
    let login = login(c, &raw.bearer_token, &raw.username, &raw.password, path);
    let ca_file = c.ca_file(raw.ca_file.as_deref(), &path.key("ca_file"));
    let url = c.part(raw.url, &path.key("url"))?.0;
    if url.query().is_some() || url.fragment().is_some() {
        let hint = "give what stands before /api/v2/alerts";
        c.error(&path.key("url"), "has a query", hint);
    }
    if login.is_some() {
        c.in_clear(&url, &path.key("url"));
    }
    Some(Alertmanager {
        url,
        login,
        timeout_s: raw.timeout.0,
        ca_file,
    })
}
