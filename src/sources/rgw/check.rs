//! `check --online` of a zone: who answers, what the metering user may read, and whether there is a usage log at all.

use super::{
    Buckets, UsageLog,
    buckets::{Ask, ask_one},
    log::asked,
    names,
    usage::{HOUR_S, hour_of},
};
use crate::{
    domain::Ts,
    net::Tally,
    sources::{Finding, SourceError, Verdict},
};
use serde::Deserialize;

/// Skew above this is called out, as that of other clouds is.
const SKEW_MAX_US: i64 = 5_000_000;

/// So far back a usage log should have something in it.
const QUIET_S: i64 = 86_400;

fn finding(verdict: Verdict, what: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding {
        verdict,
        what: what.into(),
        hint: hint.into(),
    }
}

/// A summary of the usage log: here it only matters whether there is anyone in it.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    summary: Vec<serde::de::IgnoredAny>,
}

impl UsageLog {
    /// Tries every gateway and the usage log; changes nothing.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let mut findings = Vec::new();
        let mut answers = false;
        for (i, endpoint) in self.zone.conf.endpoints.iter().enumerate() {
            let hour = hour_of(self.zone.session.now());
            let query = asked(hour, hour.plus_seconds(HOUR_S), "true");
            match self
                .zone
                .session
                .at(i, "/usage", &query.each(), &tally)
                .await
            {
                Ok(reply) => {
                    answers = true;
                    let zone = self
                        .zone
                        .session
                        .zone()
                        .unwrap_or_else(|| "(it does not say)".to_owned());
                    let what = format!("gateway {endpoint} answers, zone {zone}");
                    findings.push(finding(Verdict::Ok, what, ""));
                    findings.extend(skew(endpoint.as_str(), reply.date.skew_us));
                }
                Err(e) => findings.push(finding(
                    Verdict::Error,
                    format!("gateway {endpoint}: {e}"),
                    "",
                )),
            }
        }
        if answers {
            findings.push(match self.is_logging(&tally).await {
                Ok(true) => finding(Verdict::Ok, "the usage log can be read, and has entries of the last day", ""),
                Ok(false) => finding(
                    Verdict::Warning,
                    "the usage log has nothing of the last day",
                    "unless nobody sent a request, it is off: `ceph config set client.rgw rgw_enable_usage_log true`, and restart the gateways",
                ),
                Err(e) => finding(Verdict::Error, format!("the usage log cannot be read: {e}"), ""),
            });
        }
        findings
    }

    async fn is_logging(&self, tally: &Tally) -> Result<bool, SourceError> {
        let end = hour_of(self.zone.session.now()).plus_seconds(HOUR_S);
        let query = asked(end.plus_seconds(-QUIET_S), end, "false");
        let reply = self
            .zone
            .session
            .get("/usage", &query.each(), tally)
            .await?;
        let summary: Summary = reply.json("a summary of the usage log")?;
        Ok(!summary.summary.is_empty())
    }
}

fn skew(of: &str, skew_us: i64) -> Option<Finding> {
    let off = Ts(skew_us.saturating_abs());
    (off.0 > SKEW_MAX_US).then(|| {
        finding(
            Verdict::Warning,
            format!("the clock of {of} and ours differ by {} s", off.second()),
            "let both follow one time server: hours of the usage log are the gateways'",
        )
    })
}

impl Buckets {
    /// Tries what the list of buckets takes; changes nothing.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let mut findings = Vec::new();
        let mut owner = None;
        for section in ["user", "bucket"] {
            let page = names::page(&self.zone.session, section, 1, "", &tally).await;
            let told =
                page.and_then(|reply| Ok(reply.json::<names::Page>("a list of names")?.parts().0));
            findings.push(match told {
                Ok(keys) => {
                    owner = owner.or_else(|| keys.into_iter().next());
                    finding(Verdict::Ok, format!("names of {section}s can be read"), "")
                }
                Err(e) => finding(
                    Verdict::Error,
                    format!("names of {section}s cannot be read: {e}"),
                    "",
                ),
            });
        }
        let ask = Ask::Owner(owner.unwrap_or_else(|| "nobody".to_owned()));
        findings.push(match ask_one(&self.zone.session, &ask, &tally).await {
            Err(e) if e.status() != Some(404) => finding(
                Verdict::Error,
                format!("what buckets hold cannot be read: {e}"),
                "",
            ),
            _ => finding(Verdict::Ok, "what buckets hold can be read", ""),
        });
        findings
    }
}
