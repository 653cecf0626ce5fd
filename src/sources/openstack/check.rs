//! `check --online`: everything that collecting needs, tried once, with the way out of what fails.

use super::{
    super::{Finding, SourceError, Verdict},
    FLAVOR_EMBEDDED,
    service::Service,
    session::{Login, Session},
};
use crate::{
    config,
    domain::Ts,
    net::{Reply, Tally},
};
use serde::Deserialize;
use serde_json::Value;

/// Skew beyond which a clock is wrong, microseconds.
const SKEW_MAX_US: i64 = 5_000_000;

fn ok(what: String) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        what,
        hint: String::new(),
    }
}

fn bad(verdict: Verdict, what: String, hint: &str) -> Finding {
    Finding {
        verdict,
        what,
        hint: hint.to_owned(),
    }
}

/// Tries all of it.
pub(super) async fn online(session: &Session, conf: &config::OpenStack) -> Vec<Finding> {
    let tally = Tally::default();
    let login = match session.login(&tally).await {
        Ok(login) => login,
        Err(e) => {
            return vec![bad(
                Verdict::Error,
                e.to_string(),
                "until this works nothing can be read",
            )];
        }
    };
    let mut findings = vec![ok(format!(
        "logged in as {} with the roles {}",
        session.who(),
        login.roles.join(", ")
    ))];
    for service in [Service::Compute, Service::Identity] {
        findings.push(match login.endpoint(service) {
            Ok(url) => ok(format!(
                "{} endpoint {url} ({} in region {})",
                service.word(),
                conf.interface,
                login.region
            )),
            Err(e) => bad(
                Verdict::Error,
                e.to_string(),
                "see `openstack catalog list`",
            ),
        });
    }
    findings.extend(skew(&login));
    identity(session, &tally, &mut findings).await;
    if login.endpoint(Service::Compute).is_ok() {
        compute(session, &tally, &mut findings).await;
    }
    findings
}

/// Our clock against the cloud's: by the `Date` of the log-in's answer, or the token's own time where there is none.
fn skew(login: &Login) -> Option<Finding> {
    let (issued, date) = login.issued?;
    let (by, skew_us) = if date.by_server {
        ("Date", date.skew_us)
    } else {
        (
            "token",
            issued.0.saturating_add(500_000).saturating_sub(date.at.0),
        )
    };
    let shown = format!(
        "the cloud's clock (by its {by}) is {} s {} ours",
        (skew_us / 1_000_000).abs(),
        if skew_us < 0 { "behind" } else { "ahead of" }
    );
    Some(if skew_us.abs() > SKEW_MAX_US {
        bad(
            Verdict::Warning,
            shown,
            "run NTP or chrony on both sides; the cloud's times are taken as they are and never shifted",
        )
    } else {
        ok(shown)
    })
}

/// Tries one list: its answer, or a finding.
async fn list(
    session: &Session,
    service: Service,
    path: &str,
    name: &str,
    tally: &Tally,
    findings: &mut Vec<Finding>,
) -> Option<Reply> {
    match session.get(service, path, tally).await {
        Ok(reply) => {
            findings.push(ok(format!("{name} can be read")));
            Some(reply)
        }
        Err(e) => {
            findings.push(failed(name, &e));
            None
        }
    }
}

fn failed(name: &str, e: &SourceError) -> Finding {
    bad(
        Verdict::Error,
        format!("{name} cannot be read: {e}"),
        "passes of this list fail until that is mended",
    )
}

async fn identity(session: &Session, tally: &Tally, findings: &mut Vec<Finding>) {
    list(
        session,
        Service::Identity,
        "/projects?limit=1",
        "projects",
        tally,
        findings,
    )
    .await;
    match session
        .get(Service::Identity, "/domains?limit=1", tally)
        .await
    {
        Ok(_) => findings.push(ok("domains can be read".to_owned())),
        Err(e) if e.status() == Some(403) => findings.push(bad(
            Verdict::Warning,
            "domains cannot be read: their names stay unknown".to_owned(),
            "name domains by id in the tenancy rules, or grant identity:list_domains",
        )),
        Err(e) => findings.push(failed("domains", &e)),
    }
}

async fn compute(session: &Session, tally: &Tally, findings: &mut Vec<Finding>) {
    let version = match session.microversion(true, tally).await {
        Ok(version) => version,
        Err(e) => {
            return findings.push(bad(
                Verdict::Error,
                e.to_string(),
                "Nova of 2017 (Pike) or newer is needed for exact sizes",
            ));
        }
    };
    findings.push(if version < FLAVOR_EMBEDDED {
        let what = format!("Nova offers microversion {version} only: servers name their flavor by id, and one that has been deleted has no size");
        bad(Verdict::Warning, what, "upgrade Nova (2.47 came in 2017), or never delete a flavor that is in use")
    } else {
        ok(format!("Nova speaks microversion {version}"))
    });
    let since = format!(
        "/servers/detail?all_tenants=1&limit=1&changes-since={}",
        Ts::from_second(session.now().second())
    );
    let servers = list(
        session,
        Service::Compute,
        "/servers/detail?all_tenants=1&limit=1",
        "servers of all projects",
        tally,
        findings,
    )
    .await;
    list(
        session,
        Service::Compute,
        "/servers/detail?all_tenants=1&deleted=true&limit=1",
        "deleted servers",
        tally,
        findings,
    )
    .await;
    list(
        session,
        Service::Compute,
        &since,
        "changed servers",
        tally,
        findings,
    )
    .await;
    if let Some(reply) = list(
        session,
        Service::Compute,
        "/flavors/detail?is_public=None&limit=1",
        "flavors",
        tally,
        findings,
    )
    .await
    {
        extra_specs(&reply, findings);
    }
    let first = servers.and_then(|r| first(&r, "servers"));
    if let Some(id) = first
        .as_ref()
        .and_then(|s| s.get("id"))
        .and_then(Value::as_str)
    {
        list(
            session,
            Service::Compute,
            &format!("/servers/{id}/os-instance-actions"),
            "instance actions",
            tally,
            findings,
        )
        .await;
    }
    findings.push(visibility(
        session
            .get(Service::Compute, "/os-hypervisors?limit=1", tally)
            .await,
        first.is_some(),
    ));
}

/// Silent partial visibility: a list may be empty because it may not be seen.
fn visibility(hypervisors: Result<Reply, SourceError>, any_server: bool) -> Finding {
    const HINT: &str = "give the account the role admin, or the metering policy";
    match (hypervisors, any_server) {
        (Ok(_), true) => ok("servers and hypervisors are visible".to_owned()),
        (Ok(_), false) => ok(
            "no server is listed, but hypervisors are visible: the cloud is taken to be empty"
                .to_owned(),
        ),
        (Err(e), false) => bad(
            Verdict::Error,
            format!("no server is listed, and hypervisors are not visible either: {e}"),
            HINT,
        ),
        (Err(e), true) => bad(
            Verdict::Warning,
            format!(
                "hypervisors are not visible, so an empty list could not be told from a hidden one: {e}"
            ),
            HINT,
        ),
    }
}

fn extra_specs(reply: &Reply, findings: &mut Vec<Finding>) {
    if first(reply, "flavors").is_some_and(|f| f.get("extra_specs").is_none()) {
        findings.push(bad(
            Verdict::Warning,
            "flavors do not show their extra specs: GPUs cannot be counted".to_owned(),
            "Nova from 2.61 shows them to accounts with the policy rule os_compute_api:os-flavor-extra-specs:index",
        ));
    }
}

/// The first item of a list.
fn first(reply: &Reply, key: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct Any(serde_json::Map<String, Value>);
    let Any(map) = reply.json("a list").ok()?;
    map.get(key)?.as_array()?.first().cloned()
}
