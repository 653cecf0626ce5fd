//! `check --online` of one service that is read by whole lists.

use super::super::keystone;
use super::{
    super::super::{Finding, SourceError, Verdict},
    Inventory, List, Origin, Probe, hypervisor,
    item::Context,
};
use crate::net::Tally;

fn finding(verdict: Verdict, what: String, hint: &str) -> Finding {
    Finding {
        verdict,
        what,
        hint: hint.to_owned(),
    }
}

impl Inventory {
    /// Tries the service; changes nothing. Nothing is said of a service that the cloud does not have and nobody asked for.
    pub async fn check_online(&self) -> Vec<Finding> {
        let tally = Tally::default();
        let service = self.offer.service;
        let found = match self.session.login(&tally).await {
            // The first reader tells of it.
            Err(_) => return Vec::new(),
            Ok(login) => login.endpoint(service).cloned(),
        };
        let mut findings = match found {
            Err(_) if !self.is_wanted() => return Vec::new(),
            Err(e) => {
                return vec![finding(
                    Verdict::Error,
                    e.to_string(),
                    "see `openstack catalog list`, or leave it out of `services`",
                )];
            }
            Ok(url) => vec![finding(
                Verdict::Ok,
                format!("{} endpoint {url}", service.word()),
                "",
            )],
        };
        let mut context = self.settings.clone();
        match self.names(&mut context, &tally).await {
            Ok(()) => {
                for list in self.offer.lists {
                    findings.push(self.check_list(list, &context, &tally).await);
                }
            }
            Err(e) => findings.push(finding(
                Verdict::Error,
                format!("names cannot be read: {e}"),
                "passes of this service fail until that is mended",
            )),
        }
        if !matches!(self.offer.probe, Probe::None) {
            findings.push(match self.proof(&tally).await {
                Ok(()) => finding(
                    Verdict::Ok,
                    format!("{} shows what every project owns", service.word()),
                    "",
                ),
                Err(e) => finding(
                    Verdict::Error,
                    format!("{} may show a part only: {e}", service.word()),
                    "give the account the role admin, or the metering policy",
                ),
            });
        }
        findings
    }

    async fn check_list(&self, list: &List, context: &Context, tally: &Tally) -> Finding {
        let tried = match &list.origin {
            Origin::Pages(pages) => {
                let Some(path) = (pages.paths)(context, 1).into_iter().next() else {
                    return finding(
                        Verdict::Warning,
                        format!("there is nothing of which {} could be", list.name),
                        "no network is external, or shared with a name that `public_networks` matches: then nothing of it is metered",
                    );
                };
                self.session
                    .get(self.offer.service, &path, tally)
                    .await
                    .map(drop)
            }
            Origin::Accounts => keystone::ids(&self.session, tally).await.map(drop),
            Origin::Hypervisors => hypervisor::all(&self.session, tally).await.map(drop),
        };
        let failed = |e: SourceError| {
            finding(
                Verdict::Error,
                format!("{} cannot be read: {e}", list.name),
                "passes of this list fail until that is mended",
            )
        };
        tried.map_or_else(failed, |()| {
            finding(Verdict::Ok, format!("{} can be read", list.name), "")
        })
    }
}
