//! What a complete list no longer shows: each is asked for by its name, and nothing ends by absence alone.

use super::{
    super::{
        SourceError,
        run::{Fault, Run},
    },
    CLUSTER, Kubernetes,
    book::Missing,
    list::Listed,
    session,
};
use crate::{
    domain::{Aspect, Value, fact::attr},
    net::{Reply, Tally},
};
use futures::{StreamExt as _, stream};
use std::collections::HashSet;

/// Objects whose answers are held at once.
const ASKED_AT_ONCE: usize = 500;

impl Kubernetes {
    /// Finds out about everything that is known and was not listed.
    pub(super) async fn end_missing(
        &mut self,
        listed: &Listed,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let missing = self.book.missing(&listed.ids);
        let known = self.memory.watermarks.get(self.what.list).copied();
        for some in missing.chunks(ASKED_AT_ONCE) {
            let there = self.still_there(some, run).await?;
            for m in some.iter().filter(|m| !there.contains(&m.id)) {
                // Its name is not known, so it cannot be asked for: two complete lists without it are proof as well.
                if m.place.is_none() && !self.book.missed(&m.id) {
                    continue;
                }
                let gone = self.book.gone(&m.id, known, listed.date.since);
                run.add(self.what.kind, &m.id, gone, None);
            }
            run.hand_on().await?;
        }
        Ok(())
    }

    /// Those of them that are there still; what the answers show of them is taken in.
    async fn still_there(
        &mut self,
        missing: &[Missing],
        run: &mut Run<'_>,
    ) -> Result<HashSet<String>, Fault> {
        let asked: Vec<(Missing, String)> = missing
            .iter()
            .filter_map(|m| {
                let (namespace, name) = m.place.as_ref()?;
                Some((m.clone(), self.what.path_of(namespace, name)?))
            })
            .collect();
        let at_once = usize::try_from(self.conf.concurrency.max(1)).unwrap_or(1);
        let (session, tally) = (&self.session, &run.tally);
        // All is owned on the way: with borrowed ids the compiler cannot see that the future may be sent between threads.
        let mut answers = stream::iter(asked)
            .map(|(m, path)| async move {
                let reply = session.ask(&path, &[], "application/json", tally).await;
                (m, path, reply)
            })
            .buffer_unordered(at_once);
        let mut shown = Vec::new();
        while let Some((m, path, reply)) = answers.next().await {
            let reply = reply?;
            if reply.status != 404 {
                shown.push((m, session::answered(reply, &path)?));
            }
        }
        drop(answers);
        let mut there = HashSet::new();
        for (m, reply) in shown {
            let body = std::str::from_utf8(&reply.body)
                .map_err(|e| SourceError::from(reply.shape("an object", &e.to_string())))?;
            // Another of the same name is another.
            if let Some(thing) = self.item(body, run)?.filter(|t| t.uid == m.uid) {
                self.show(&thing, reply.date, run);
                there.insert(m.id);
            }
        }
        self.faults.take(self.what.list)?;
        Ok(there)
    }

    /// Is this the cluster that was read before? Where an address leads to another one, everything would seem to have ended.
    pub(super) async fn same_cluster(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let uid = self.cluster_uid(&run.tally).await?;
        if let Some(known) = self.cluster.as_ref().filter(|k| **k != uid)
            && !self.believed.contains(self.what.list)
        {
            return Err(Fault::Suspect(format!(
                "this is another cluster than before (the UID of {CLUSTER} is {uid}, and was {known}), and nothing of it is believed: give it a source of its \
                 own, with another name; if it was made anew indeed, `plimsoll collect --believe {}` ends what was in the old one",
                self.what.list
            )));
        }
        self.cluster = Some(uid);
        Ok(())
    }

    /// The UID of the cluster's own scope.
    pub(super) async fn cluster_uid(&self, tally: &Tally) -> Result<String, SourceError> {
        let path = format!("/api/v1/namespaces/{CLUSTER}");
        let reply: Reply = self.session.get(&path, &[], tally).await?;
        let body = std::str::from_utf8(&reply.body).unwrap_or_default();
        let thing = super::objects::namespace(body, &self.gpus);
        let uid = thing.ok().flatten().and_then(|t| {
            let known = t.shown.get(&Aspect::Attributes).and_then(Value::known)?;
            known.attrs.get(attr::UID).cloned()
        });
        uid.ok_or_else(|| reply.shape("a namespace", "it has no UID").into())
    }
}
