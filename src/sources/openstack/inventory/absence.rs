//! What a complete list no longer shows: nothing ends by that alone.

use super::{
    super::{
        run::{Fault, Run},
        whole::{Faults, is_suspect, suspicion},
    },
    Inventory, List,
    item::Context,
    read::{ASKED_AT_ONCE, Answer},
};
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
        let open = self.memory.open_mut(list.kind);
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
            return Err(suspicion(
                list.name,
                missing.len(),
                of,
                ", and no event told of their end",
            ));
        }
        let mut faults = Faults::default();
        for some in missing.chunks(ASKED_AT_ONCE) {
            let answers = self.ask_each(list, some, context, &mut faults, &run.tally);
            for (id, answer) in answers.await? {
                let mut there = false;
                if let Answer::Shown(items, date) = answer {
                    there = items.iter().any(|i| i.id == id);
                    list.whole()
                        .take(&mut self.memory, items, date, run)
                        .await?;
                }
                if !there {
                    list.whole().gone(&mut self.memory, &id, run).await?;
                }
            }
        }
        faults.outcome(list.name)
    }
}
