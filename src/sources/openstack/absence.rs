//! What a complete list no longer shows: ended, hidden from us, or gone without a trace. Nothing ends by absence alone.

use super::{
    super::SourceError,
    actions,
    pages::Pager,
    record::Server,
    run::{Draft, Fault, Run},
    servers::{Listed, OVERLAP_S, Reader, SERVERS},
    service::Service,
    whole::is_suspect,
};
use crate::domain::{Aspect, Evidence, Ts, Value, fact::kind};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap, HashSet};

impl Reader<'_> {
    /// After a complete full list: finds out about every server that it did not show, be it remembered or not.
    pub(super) async fn end_missing(
        &mut self,
        listed: &Listed,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        if listed.ids.is_empty() {
            self.probe_role(run).await?;
        }
        let open = self.open_ids();
        let mut missing: BTreeSet<String> = open
            .iter()
            .filter(|id| !listed.ids.contains(*id))
            .cloned()
            .collect();
        let watermark = self.memory.watermarks.get(SERVERS);
        if missing.is_empty() && watermark.is_none() {
            // The first pass of all: the list of deleted ones is read by itself.
            return Ok(());
        }
        // One request tells of most of them when they ended, and of those that came and went since the last pass: no whole list ever shows these.
        // Soft-deleted ones are here too, alive.
        let since = watermark.map_or(String::new(), |w| {
            format!(
                "&changes-since={}",
                Ts::from_second(w.plus_seconds(-OVERLAP_S).second())
            )
        });
        let path = format!(
            "/servers/detail?all_tenants=1&deleted=true{since}&limit={}",
            self.conf.page_size
        );
        for id in self.list(path, run).await?.ids {
            missing.remove(&id);
        }
        if !self.believed && is_suspect(missing.len(), open.len()) {
            return Err(Fault::Suspect(format!(
                "{} of {} servers are neither listed nor among the deleted ones; that is taken for a lost role or a policy that hides them, and none \
                 is ended; give the account {} and run `plimsoll check --online`; if they are gone indeed, `plimsoll collect --believe servers` ends them",
                missing.len(),
                open.len(),
                "the policy rules os_compute_api:servers:detail and :detail:get_all_tenants (by default the role admin)",
            )));
        }
        for id in missing {
            self.look_up(&id, run).await?;
        }
        Ok(())
    }

    fn open_ids(&self) -> HashSet<String> {
        self.memory
            .open
            .get(kind::SERVER)
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Asks for one server by its id: 200 is a sighting, 404 ends it.
    async fn look_up(&mut self, id: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        #[derive(Deserialize)]
        struct Shown<'a> {
            #[serde(borrow)]
            server: &'a RawValue,
        }
        match self
            .session
            .get(Service::Compute, &format!("/servers/{id}"), &run.tally)
            .await
        {
            Err(e) if e.status() == Some(404) => self.gone(id, run).await,
            Err(e) => Err(e.into()),
            Ok(reply) => {
                let shown: Shown<'_> = reply.json("a server").map_err(SourceError::from)?;
                let server = Server::read(shown.server.get()).map_err(|why| {
                    SourceError::from(reply.shape("a server as documented", &why))
                })?;
                self.single(server, reply.date, run).await
            }
        }
    }

    /// A server that Nova no longer knows. Its actions may still tell when it ended; else it ended after it was last listed.
    async fn gone(&mut self, id: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let log = actions::read(self.session, id, &HashMap::new(), &run.tally).await?;
        let mut told = false;
        for (action, raw) in &log.news {
            let ends: Vec<Draft> = action
                .facts(&log.all, true)
                .into_iter()
                .filter(|d| d.value == Value::Gone)
                .collect();
            told |= !ends.is_empty();
            run.add(kind::SERVER, id, ends, Some(raw));
        }
        if !told {
            let seen = run.watermark();
            let at = self.last_listed(id).min(seen);
            let draft = Draft {
                aspect: Aspect::State,
                evidence: Evidence::Missing,
                at,
                from: at,
                seen,
                value: Value::Gone,
            };
            run.add(kind::SERVER, id, [draft], None);
        }
        run.hand_on().await?;
        self.forget(id);
        Ok(())
    }

    /// The latest time at which it was surely there: the last complete full list (which would have missed it otherwise), or a later sighting.
    fn last_listed(&self, id: &str) -> Ts {
        let sighted = self
            .memory
            .open
            .get(kind::SERVER)
            .and_then(|o| o.get(id))
            .and_then(|r| r.sighted.values().map(|s| s.seen).max());
        let full = self.memory.full_watermarks.get(SERVERS).copied();
        sighted.into_iter().chain(full).max().unwrap_or(Ts::MIN)
    }

    /// An empty full list: is the cloud empty, or are we let in and shown nothing?
    async fn probe_role(&self, run: &Run<'_>) -> Result<(), Fault> {
        match self
            .session
            .get(Service::Compute, "/os-hypervisors?limit=1", &run.tally)
            .await
        {
            Err(e) if e.status() == Some(403) => Err(Fault::Suspect(format!(
                "the list of servers is empty, and the account may not see hypervisors: this is not believed to be an empty cloud ({e})"
            ))),
            Err(e) => Err(e.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Nothing changed, or nothing is shown? Where servers are remembered, one at least must still be listed.
    pub(super) async fn probe_emptiness(&self, run: &Run<'_>) -> Result<(), Fault> {
        let visible = |r: &crate::domain::memory::Remembered| {
            // Plain lists hide soft-deleted servers.
            r.sighted
                .get(&Aspect::State)
                .and_then(|s| s.value.known())
                .is_none_or(|k| k.label != "soft-delete")
        };
        let open = self
            .memory
            .open
            .get(kind::SERVER)
            .map_or(0, |o| o.values().filter(|r| visible(r)).count());
        if open == 0 {
            return Ok(());
        }
        let mut pager = Pager::new(
            Service::Compute,
            "/servers/detail?all_tenants=1&limit=1",
            "servers",
            "id",
        );
        if pager
            .next(self.session, &run.tally)
            .await?
            .is_some_and(|p| !p.items.is_empty())
        {
            return Ok(());
        }
        Err(Fault::Suspect(format!(
            "{open} servers are remembered, and the cloud shows none and no change: that is taken for a lost role or a policy that hides them; give the \
             account the policy rule os_compute_api:servers:detail:get_all_tenants (by default the role admin)"
        )))
    }
}
