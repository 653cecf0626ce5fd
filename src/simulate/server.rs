//! One server as Nova keeps it: its record over time, its instance actions; and, beside them, the truth.

/// The record from `at` on.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) at: i64,
    /// Nova's `updated_at`; a row that was never updated has none, and Nova then says "now".
    pub(super) updated: Option<i64>,
    pub(super) vm: &'static str,
    pub(super) task: Option<&'static str>,
    /// 0 none, 1 running, 3 paused, 4 shut down.
    pub(super) power: u8,
    pub(super) flavor: usize,
    pub(super) launched: Option<i64>,
    pub(super) terminated: Option<i64>,
    /// Number of the hypervisor.
    pub(super) host: Option<u32>,
    pub(super) deleted: bool,
    /// Since when, and what went wrong.
    pub(super) fault: Option<(i64, &'static str)>,
}

/// An instance action.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) name: &'static str,
    pub(super) request: String,
    pub(super) start: i64,
    pub(super) events: Vec<Event>,
}

/// An event of an action.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) start: i64,
    pub(super) finish: i64,
    pub(super) failed: bool,
    pub(super) host: Option<u32>,
}

/// What truly changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    State(&'static str),
    /// Index of the flavor.
    Flavor(usize),
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: String,
    pub(super) name: String,
    /// Index of the project.
    pub(super) project: usize,
    pub(super) created: i64,
    pub(super) zone: u32,
    pub(super) reservation: String,
    /// In the order of their times, no two at one.
    pub(super) records: Vec<Record>,
    /// In the order of their starts.
    pub(super) actions: Vec<Action>,
    /// In the order of their times.
    pub(super) truth: Vec<(i64, Became)>,
    /// Nova forgets it wholly from here on: a build request that was deleted before its row came about.
    pub(super) forgotten: Option<i64>,
}

impl Server {
    /// Its record at `t`; `None` before it was asked for, and once Nova has forgotten it.
    pub(super) fn at(&self, t: i64) -> Option<&Record> {
        if self.forgotten.is_some_and(|f| f <= t) {
            return None;
        }
        self.records[..self.records.partition_point(|r| r.at <= t)].last()
    }

    /// True if it is deleted in the end.
    pub(super) fn is_deleted(&self) -> bool {
        self.truth
            .last()
            .is_some_and(|(_, b)| *b == Became::State("deleted"))
    }

    /// Its actions begun by `t`, the newest first.
    pub(super) fn actions_at(&self, t: i64) -> impl Iterator<Item = &Action> {
        self.actions.iter().rev().filter(move |a| a.start <= t)
    }
}
