//! `check --online`: everything that collecting needs, tried once, with the way out of what fails.

use super::{
    super::{Finding, Verdict},
    Kubernetes,
};
use crate::net::Tally;
use serde::Deserialize;
use serde_json::json;

/// Skew beyond which a clock is wrong, microseconds.
const SKEW_MAX_US: i64 = 5_000_000;
/// What an account that only reads must not be able to do.
const TOO_MUCH: [(&str, &str, &str); 2] = [("create", "pods", "exec"), ("get", "secrets", "")];

fn finding(verdict: Verdict, what: String, hint: &str) -> Finding {
    Finding {
        verdict,
        what,
        hint: hint.to_owned(),
    }
}

#[derive(Deserialize)]
struct Review {
    status: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    allowed: bool,
}

/// Tries the list of this reader; that of the namespaces also what all share.
pub(super) async fn online(reader: &mut Kubernetes) -> Vec<Finding> {
    let tally = Tally::default();
    let mut findings = Vec::new();
    let list = reader.what.list;
    if list == "namespaces" {
        match reader.cluster_uid(&tally).await {
            Ok(uid) => findings.push(finding(
                Verdict::Ok,
                format!(
                    "{} answers to {}, cluster {uid}",
                    reader.session.url(),
                    reader.session.who()
                ),
                "",
            )),
            Err(e) => {
                return vec![finding(
                    Verdict::Error,
                    e.to_string(),
                    "until this works nothing can be read",
                )];
            }
        }
    }
    match reader.fresh(&tally).await {
        Ok((version, date)) => {
            findings.push(finding(
                Verdict::Ok,
                format!("list of {list}, at version {version}"),
                "",
            ));
            if date.skew_us.abs() > SKEW_MAX_US {
                let what = format!(
                    "the API server's clock and ours differ by {} s",
                    date.skew_us / 1_000_000
                );
                findings.push(finding(
                    Verdict::Warning,
                    what,
                    "let both follow a time server",
                ));
            }
        }
        Err(e) if e.status() == Some(404) && reader.what.optional => {
            findings.push(finding(
                Verdict::Ok,
                format!("this cluster has no {list}"),
                "",
            ));
            return findings;
        }
        Err(e) => {
            findings.push(finding(
                Verdict::Error,
                e.to_string(),
                &format!("without it {list} are not metered"),
            ));
            return findings;
        }
    }
    for verb in ["watch", "get"] {
        findings.extend(right(reader, verb, &tally).await);
    }
    if list == "namespaces" {
        for (verb, resource, subresource) in TOO_MUCH {
            if may(reader, verb, "", resource, subresource, &tally).await == Ok(true) {
                let what = format!("the account may {verb} {resource} {subresource}")
                    .trim()
                    .to_owned();
                findings.push(finding(
                    Verdict::Warning,
                    what,
                    "it needs no more than deploy/kubernetes/rbac.yaml gives",
                ));
            }
        }
    }
    findings
}

/// Whether the account has a right on the reader's list.
async fn right(reader: &Kubernetes, verb: &str, tally: &Tally) -> Option<Finding> {
    let what = reader.what;
    match may(reader, verb, what.group, what.list, "", tally).await {
        Ok(true) => None,
        Ok(false) => Some(finding(
            Verdict::Error,
            format!("the account may not {verb} {}", what.list),
            "bind the ClusterRole of deploy/kubernetes/rbac.yaml to it",
        )),
        Err(why) => Some(finding(
            Verdict::Warning,
            format!(
                "whether the account may {verb} {} is not known: {why}",
                what.list
            ),
            "let it make SelfSubjectAccessReviews (system:basic-user has it)",
        )),
    }
}

/// Asks the API server whether we may.
async fn may(
    reader: &Kubernetes,
    verb: &str,
    group: &str,
    resource: &str,
    subresource: &str,
    tally: &Tally,
) -> Result<bool, String> {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": resource, "subresource": subresource}},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let reply = reader
        .session
        .post(path, &body, tally)
        .await
        .map_err(|e| e.to_string())?;
    let review: Review = reply.json("a review").map_err(|e| e.to_string())?;
    Ok(review.status.allowed)
}
