//! What a complete list no longer shows: nothing ends by that alone.

use super::{
    super::{
        super::SourceError,
        absence::is_suspect,
        run::{Draft, Fault, Run},
    },
    Faults, Inventory, List,
    item::Context,
    read::{ASKED_AT_ONCE, Answer},
};
use crate::domain::{Aspect, Evidence, Ts, Value};
use std::collections::HashSet;

impl Inventory {
    /// Finds out about everything remembered that a complete list did not show: what is unknown by its id too, or is nothing that is metered any more,
    /// has ended.
    pub(super) async fn end_missing(
        &mut self,
        list: &'static List,
        listed: &HashSet<String>,
        context: &Context,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let open = self.memory.open.entry(list.kind.to_owned()).or_default();
        // What came after the list before, and went before this one, is known from events alone.
        for id in self.ended.take_alive(list.kind) {
            open.entry(id).or_default();
        }
        let of = open.len();
        // An event told of its end: that is a fact already.
        open.retain(|id, _| listed.contains(id) || !self.ended.take(list.kind, id));
        let missing: Vec<String> = open
            .keys()
            .filter(|id| !listed.contains(*id))
            .cloned()
            .collect();
        if !self.believed.contains(list.name) && is_suspect(missing.len(), of) {
            return Err(Fault::Suspect(format!(
                "{} of {of} {} are no longer listed, and no event told of their end; that is taken for a lost role or a policy that hides them, and none is \
                 ended: run `plimsoll check --online`; if they are gone indeed, `plimsoll collect --believe {}` ends them",
                missing.len(),
                list.name,
                list.name,
            )));
        }
        let mut faults = Faults::default();
        for some in missing.chunks(ASKED_AT_ONCE) {
            let answers = self.ask_each(list, some, context, &mut faults, &run.tally);
            for (id, answer) in answers.await? {
                let mut there = false;
                if let Answer::Shown(items, date) = answer {
                    there = items.iter().any(|i| i.id == id);
                    self.take(list, items, date, run).await?;
                }
                if !there {
                    self.gone(list, &id, run).await?;
                }
            }
        }
        faults.outcome(list.name)
    }

    /// It ended after it was last listed, and before this list.
    async fn gone(
        &mut self,
        list: &'static List,
        id: &str,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let seen = run.watermark();
        let open = self.memory.open.get(list.kind);
        let sighted = open
            .and_then(|o| o.get(id))
            .and_then(|r| r.sighted.values().map(|s| s.seen).max());
        let complete = self.memory.full_watermarks.get(list.name).copied();
        let at = sighted
            .into_iter()
            .chain(complete)
            .max()
            .unwrap_or(Ts::MIN)
            .min(seen);
        let draft = Draft {
            aspect: Aspect::State,
            evidence: Evidence::Missing,
            at,
            from: at,
            seen,
            value: Value::Gone,
        };
        run.add(list.kind, id, [draft], None);
        run.hand_on().await?;
        if let Some(open) = self.memory.open.get_mut(list.kind) {
            open.remove(id);
        }
        Ok(())
    }
}
