//! `check --online` of one service that is read by whole lists.

use super::{
    super::{
        super::{Finding, SourceError, Verdict},
        keystone,
        pages::Pager,
    },
    Inventory, List, Origin, Pages, Probe, hypervisor,
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
        let (found, own_project) = match self.session.login(&tally).await {
            // The first reader tells of it.
            Err(_) => return Vec::new(),
            Ok(login) => (login.endpoint(service).cloned(), login.project.clone()),
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
        context.own_project = own_project;
        match self.names(&mut context, &tally).await {
            Ok(()) => {
                for list in self.offer.lists {
                    let (finding, sees_all) = self.check_list(list, &context, &tally).await;
                    findings.push(finding);
                    context.sees_all |= sees_all;
                }
            }
            Err(e) => findings.push(finding(
                Verdict::Error,
                format!("names cannot be read: {e}"),
                "passes of this service fail until that is mended",
            )),
        }
        if !matches!(self.offer.probe, Probe::None) {
            let proof = match context.sees_all {
                true => Ok(()),
                false => self.proof(&tally).await,
            };
            findings.push(match proof {
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

    /// Tries one list. True if it shows what is hidden from others.
    async fn check_list(&self, list: &List, context: &Context, tally: &Tally) -> (Finding, bool) {
        let tried = match &list.origin {
            Origin::Pages(pages) => {
                let paths = (pages.paths)(context, self.conf.page_size);
                let Some(path) = paths.into_iter().next() else {
                    let none = finding(
                        Verdict::Warning,
                        format!("there is nothing of which {} could be", list.name),
                        "no network is external, or shared with a name that `public_networks` matches: then nothing of it is metered",
                    );
                    return (none, false);
                };
                self.first_page(pages, path, context, tally).await
            }
            Origin::Accounts => keystone::ids(&self.session, tally).await.map(|_| false),
            Origin::Hypervisors => hypervisor::all(&self.session, tally).await.map(|_| false),
        };
        match tried {
            Ok(sees_all) => {
                let readable = format!("{} can be read", list.name);
                (finding(Verdict::Ok, readable, ""), sees_all)
            }
            Err(e) => {
                let failed = finding(
                    Verdict::Error,
                    format!("{} cannot be read: {e}", list.name),
                    "passes of this list fail until that is mended",
                );
                (failed, false)
            }
        }
    }

    async fn first_page(
        &self,
        pages: &Pages,
        path: String,
        context: &Context,
        tally: &Tally,
    ) -> Result<bool, SourceError> {
        let mut pager = Pager::new(self.offer.service, path, pages.key, "id").turning(pages.turn);
        let page = pager.next(&self.session, tally).await?;
        let sent = page.into_iter().flat_map(|p| p.items);
        let mut items = sent.filter_map(|i| (pages.read)(&i.body, context).ok().flatten());
        Ok(items.any(|i| (pages.hidden)(&i, &context.own_project)))
    }
}
