//! What lists that are read as a whole have in common: what is new is handed on and remembered, and nothing ends by absence alone.

use super::{
    SourceError,
    item::{Item, sightings},
    run::{Draft, Fault, Run},
};
use crate::{
    domain::{
        Aspect, Evidence, Known, Memory, Outcome, Pass, PassMode, Ts, Value,
        fact::kind,
        memory::{Remembered, Sighted, Sightings},
    },
    net::Dated,
};
use std::collections::BTreeMap;

/// The state of what another source counts. It is its name that says so, and no other state comes between two lists.
pub(super) const ELSEWHERE: &str = "elsewhere";

/// A pass may end so many resources without positive evidence, whatever share they are.
const UNPROVEN_MAX: usize = 10;

/// True where so much has vanished, of so much, that the list is not believed.
pub(super) const fn is_suspect(missing: usize, open: usize) -> bool {
    missing > UNPROVEN_MAX && missing * 10 > open
}

/// Why a list that has lost so much is not believed.
pub(super) fn suspicion(list: &str, missing: usize, of: usize, unproven: &str) -> Fault {
    Fault::Suspect(format!(
        "{missing} of {of} {list} are no longer listed{unproven}; that is taken for a lost role or a policy that hides them, and none is ended: run \
         `plimsoll check --online`; if they are gone indeed, `plimsoll collect --believe {list}` ends them"
    ))
}

/// A list: its name in passes, and what its items are.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
}

impl List {
    /// Facts of items as an answer of `date` showed them; remembered once they have been handed on.
    pub(super) async fn take(
        self,
        memory: &mut Memory,
        mut items: Vec<Item>,
        date: Dated,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let listed = memory.full_watermarks.get(self.name).copied();
        let open = memory.open_mut(self.kind);
        if self.kind == kind::ROUTER {
            for item in &mut items {
                item.wait_for_size(open.get(&item.id), date.at);
            }
        }
        for item in &items {
            let drafts = item.drafts(open.get(&item.id), listed, date.at);
            run.add(self.kind, &item.id, drafts, Some(&item.raw));
        }
        run.hand_on().await?;
        for item in items {
            item.remember(open, date.at);
        }
        Ok(())
    }

    /// One of them ended after it was last listed, and before this list.
    pub(super) async fn gone(
        self,
        memory: &mut Memory,
        id: &str,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let seen = run.watermark();
        let open = memory.open.get(self.kind);
        let sighted = open
            .and_then(|o| o.get(id))
            .and_then(|r| r.sighted.values().map(|s| s.seen).max());
        let complete = memory.full_watermarks.get(self.name).copied();
        let last = sighted.into_iter().chain(complete).max();
        let state = open
            .and_then(|o| o.get(id)?.sighted.get(&Aspect::State))
            .and_then(|s| s.value.known());
        // What counts elsewhere has its end there: when it went here is nobody's gap.
        let at = match state {
            Some(state) if state.label == ELSEWHERE => seen,
            _ => last.unwrap_or(Ts::MIN).min(seen),
        };
        let draft = Draft {
            aspect: Aspect::State,
            evidence: Evidence::Missing,
            at,
            from: at,
            seen,
            value: Value::Gone,
        };
        run.add(self.kind, id, [draft], None);
        run.hand_on().await?;
        memory.open_mut(self.kind).remove(id);
        Ok(())
    }
}

/// Tells of a scope and what rules may know of it, unless that is known.
pub(super) fn take_scope(memory: &mut Memory, id: &str, known: Known, seen: Ts, run: &mut Run<'_>) {
    let value = Value::Known(known);
    let open = memory.open_mut(kind::PROJECT);
    let before = open
        .get(id)
        .and_then(|r| r.sighted.get(&Aspect::Attributes));
    if before.is_some_and(|s| s.value == value) {
        return;
    }
    let shown = BTreeMap::from([(Aspect::Attributes, value.clone())]);
    run.add(kind::PROJECT, id, sightings(&shown, seen, seen), None);
    let at = seen;
    let sighted = Sightings::from([(Aspect::Attributes, Sighted { value, at, seen })]);
    open.insert(id.to_owned(), Remembered { sighted });
}

/// Items that could not be read; the others were.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    first: String,
}

impl Faults {
    pub(super) fn add(&mut self, id: &str, why: &str) {
        if self.count == 0 {
            self.first = format!("{id}: {why}");
        }
        self.count += 1;
    }

    pub(super) fn outcome(self, list: &'static str) -> Result<(), Fault> {
        if self.count == 0 {
            return Ok(());
        }
        Err(SourceError::Items {
            list,
            count: self.count,
            first: self.first,
        }
        .into())
    }
}

/// Ends a pass; a complete one moves its list's watermark.
pub(super) async fn finish(memory: &mut Memory, run: Run<'_>, result: Result<(), Fault>) -> Pass {
    let pass = run.end(result).await;
    match pass.outcome {
        Outcome::Complete => {
            memory.watermarks.insert(pass.list.clone(), pass.watermark);
            if pass.mode == PassMode::Full {
                memory
                    .full_watermarks
                    .insert(pass.list.clone(), pass.watermark);
            }
            tracing::debug!(
                source = pass.cloud,
                list = pass.list,
                items = pass.items,
                facts = pass.facts,
                "pass complete"
            );
        }
        Outcome::Failed | Outcome::Suspect => {
            tracing::warn!(source = pass.cloud, list = pass.list, outcome = ?pass.outcome, error = pass.error, "pass does not count");
        }
    }
    pass
}
