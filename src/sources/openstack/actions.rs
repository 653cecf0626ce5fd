//! Instance actions: Nova's own log of what was done to a server, which outlives the server. The mapping to facts is pure.
//!
//! API: <https://docs.openstack.org/api-ref/compute/#servers-actions-servers-os-instance-actions>. Times are whole seconds.

use super::{
    super::SourceError,
    pages::Pager,
    record::{BUILD_ERROR, maybe_time, time},
    run::Draft,
    service::Service,
    session::Session,
};
use crate::{
    domain::{Aspect, Evidence, Ts, Value},
    net::Tally,
};
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use std::collections::HashMap;

/// Actions that change neither state nor size: their events are not asked for.
const WITHOUT_EFFECT: [&str; 14] = [
    "attach_volume",
    "detach_volume",
    "swap_volume",
    "attach_interface",
    "detach_interface",
    "createImage",
    "createBackup",
    "changePassword",
    "addFixedIp",
    "removeFixedIp",
    "lock",
    "unlock",
    "trigger_crash_dump",
    "live-migration",
];

/// An event that has not finished is asked for again so long.
const OPEN_FOR_S: i64 = 24 * 3600;

/// An action that has no event yet, so long: some never get one.
const EVENTLESS_FOR_S: i64 = 600;

/// An action, with its events where they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Action {
    pub(super) action: String,
    pub(super) request_id: String,
    #[serde(deserialize_with = "time")]
    pub(super) start_time: Ts,
    /// `Error` when an event failed.
    #[serde(default)]
    pub(super) message: Option<String>,
    /// From 2.58: when an event last began or finished.
    #[serde(default, deserialize_with = "maybe_time")]
    pub(super) updated_at: Option<Ts>,
    /// Absent in lists, and where the policy hides them.
    #[serde(default)]
    events: Option<Vec<Event>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Event {
    event: String,
    #[serde(deserialize_with = "time")]
    start_time: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    finish_time: Option<Ts>,
    #[serde(default)]
    result: Option<String>,
}

impl Event {
    /// The finish of one that succeeded.
    fn success(&self) -> Option<Ts> {
        self.finish_time
            .filter(|_| self.result.as_deref() == Some("Success"))
    }
}

impl Action {
    fn failed(&self) -> bool {
        self.message.as_deref() == Some("Error")
    }

    /// True where no part of it was done by a host: deleting a server that has none is the API's own work, and has no event.
    pub(super) fn has_no_event(&self) -> bool {
        self.events.as_ref().is_none_or(Vec::is_empty)
    }

    /// True while more is to be expected of it, as of `now` on the cloud's clock.
    pub(super) fn is_open(&self, now: Ts) -> bool {
        match self.events.as_deref() {
            None | Some([]) => now < self.start_time.plus_seconds(EVENTLESS_FOR_S),
            Some(events) => events
                .iter()
                .any(|e| e.finish_time.is_none() && now < e.start_time.plus_seconds(OPEN_FOR_S)),
        }
    }

    /// What it changed. `all` are the server's actions (events are not needed); `launched`: its record says that it was.
    ///
    /// Nova calls the event of a build `Success` also when the build failed or moved on to another host. So a build counts only if the server was
    /// launched, and of several the last.
    pub(super) fn facts(&self, all: &[Self], launched: bool) -> Vec<Draft> {
        let events = self.events.as_deref().unwrap_or_default();
        let builds = || {
            events
                .iter()
                .filter(|e| e.event == "compute__do_build_and_run_instance")
        };
        let mut drafts: Vec<Draft> = Vec::new();
        if let Some((event, at)) = builds()
            .filter_map(|e| Some((e, e.success()?)))
            .max_by_key(|(_, at)| *at)
            .filter(|_| launched)
        {
            drafts.push(draft(
                Aspect::State,
                at,
                event.start_time,
                Value::label("active"),
            ));
        }
        if self.action == "create"
            && self.failed()
            && !launched
            && events.iter().all(|e| e.finish_time.is_some())
        {
            let end = self
                .updated_at
                .or_else(|| events.iter().filter_map(|e| e.finish_time).max());
            drafts.extend(end.map(|at| {
                draft(
                    Aspect::State,
                    at,
                    self.start_time,
                    Value::label(BUILD_ERROR),
                )
            }));
        }
        for event in events {
            let Some(at) = event.success() else { continue };
            let change = |aspect, value| draft(aspect, at, event.start_time, value);
            if let Some(state) = self.state_after(&event.event, all) {
                drafts.push(change(Aspect::State, state));
            }
            if self.action == "unshelve"
                && let Some((state, since)) = shelved_before(&event.event, all, self.start_time)
            {
                drafts.push(draft(Aspect::State, since, since, Value::label(state)));
            }
            if self.changes_flavor(&event.event, all) {
                drafts.push(change(Aspect::Flavor, Value::Unknown));
            }
        }
        drafts
    }

    fn state_after(&self, event: &str, all: &[Self]) -> Option<Value> {
        let state = match event {
            "compute_terminate_instance" => return Some(Value::Gone),
            "compute_stop_instance" => "stopped",
            "compute_start_instance"
            | "compute_unpause_instance"
            | "compute_resume_instance"
            | "compute_unrescue_instance"
            | "compute_unshelve_instance"
            | "compute_restore_instance" => "active",
            "compute_pause_instance" => "paused",
            "compute_suspend_instance" => "suspended",
            "compute_rescue_instance" => "rescued",
            // With an offload time of 0 Nova offloads within this event, and nothing tells of it but what comes later: an offload's own event, an unshelve,
            // a sighting.
            "compute_shelve_instance" if !self.offloaded_later() => return Some(Value::Unknown),
            "compute_shelve_instance" => "shelved",
            "compute_shelve_offload_instance" => "shelved_offloaded",
            "compute_finish_resize" => "resized",
            "compute_soft_delete_instance" => "soft-delete",
            // These give back the power state of before.
            "compute_confirm_resize"
            | "compute_finish_revert_resize"
            | "compute_rebuild_instance" => power_before(all, self.start_time),
            _ => return None,
        };
        Some(Value::label(state))
    }

    fn offloaded_later(&self) -> bool {
        let is_offload = |e: &Event| e.event == "compute_shelve_offload_instance";
        self.events
            .iter()
            .flatten()
            .any(|e| is_offload(e) && e.success().is_some())
    }

    /// True where the event is a boundary between two sizes; it names neither.
    fn changes_flavor(&self, event: &str, all: &[Self]) -> bool {
        match event {
            "compute_finish_resize" => self.action == "resize",
            "compute_finish_revert_resize" => all
                .iter()
                .filter(|a| {
                    a.start_time <= self.start_time
                        && matches!(a.action.as_str(), "resize" | "migrate")
                })
                .max_by_key(|a| a.start_time)
                .is_none_or(|a| a.action == "resize"),
            _ => false,
        }
    }
}

/// Whether a server was running or stopped, by what was last asked of it before `t`.
fn power_before(all: &[Action], t: Ts) -> &'static str {
    let last = all
        .iter()
        .filter(|a| {
            a.start_time < t
                && !a.failed()
                && matches!(
                    a.action.as_str(),
                    "create" | "start" | "stop" | "reboot" | "unshelve" | "restore"
                )
        })
        .max_by_key(|a| a.start_time);
    if last.is_some_and(|a| a.action == "stop") {
        "stopped"
    } else {
        "active"
    }
}

/// What an unshelved server was, and since when: one that was on its host still is started there, one that was offloaded is scheduled anew
/// (`nova/conductor/manager.py`, `unshelve_instance`). The action that shelved it was last updated when it had become so.
fn shelved_before(event: &str, all: &[Action], t: Ts) -> Option<(&'static str, Ts)> {
    let state = match event {
        "compute_unshelve_instance" => "shelved_offloaded",
        "compute_start_instance" => "shelved",
        _ => return None,
    };
    let shelve = all
        .iter()
        .filter(|a| a.action.starts_with("shelve") && !a.failed() && a.start_time < t)
        .max_by_key(|a| a.start_time)?;
    Some((state, shelve.updated_at.filter(|since| *since <= t)?))
}

fn draft(aspect: Aspect, at: Ts, from: Ts, value: Value) -> Draft {
    Draft {
        aspect,
        evidence: Evidence::Event,
        at,
        from: from.min(at),
        seen: at,
        value,
    }
}

/// Since when deletion was asked for, by the latest such action.
pub(super) fn delete_asked(all: &[Action]) -> Option<Ts> {
    all.iter()
        .filter(|a| a.action == "delete")
        .map(|a| a.start_time)
        .max()
}

/// True if one of the actions that change a flavor began or ended at `since` or later.
pub(super) fn may_have_resized(all: &[Action], since: Ts) -> bool {
    all.iter().any(|a| {
        matches!(
            a.action.as_str(),
            "resize" | "confirmResize" | "revertResize"
        ) && a.updated_at.unwrap_or(a.start_time).max(a.start_time) >= since
    })
}

/// The actions of one server.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// All of them, without events.
    pub(super) all: Vec<Action>,
    /// Those that had news, with events, and as sent.
    pub(super) news: Vec<(Action, String)>,
    /// The cloud's clock at the list's answer; `None` if Nova knows of no actions.
    pub(super) seen: Option<Ts>,
}

/// After so many servers whose actions cannot be read, the rest is not asked for.
pub(super) const FAULTS_MAX: u64 = 20;

/// Logs by server id.
pub(super) type Logs = HashMap<String, Result<Log, SourceError>>;

/// The actions of some servers (each with what is known of them, as for [`read`]), several at once. After a 403, or too many other errors, the rest is
/// not asked for: it would fare the same.
pub(super) async fn read_all(
    session: &Session,
    asked: Vec<(String, HashMap<String, Ts>)>,
    at_once: u32,
    tally: &Tally,
) -> Logs {
    let ids: Vec<String> = asked.iter().map(|(id, _)| id.clone()).collect();
    let at_once = usize::try_from(at_once.max(1)).unwrap_or(1);
    // All is owned on the way: with borrowed ids the compiler cannot see that the future may be sent between threads.
    let mut answers = stream::iter(asked)
        .map(|(id, known)| async move {
            let log = read(session, &id, &known, tally).await;
            (id, log)
        })
        .buffer_unordered(at_once);
    let (mut logs, mut failed, mut stop) = (Logs::new(), 0, None);
    while let Some((id, log)) = answers.next().await {
        if let Err(e) = &log {
            failed += 1;
            stop = (e.status() == Some(403) || failed >= FAULTS_MAX).then(|| e.clone());
        }
        logs.insert(id, log);
        if stop.is_some() {
            break;
        }
    }
    if let Some(e) = stop {
        for id in ids {
            logs.entry(id).or_insert_with(|| Err(e.clone()));
        }
    }
    logs
}

/// Reads the actions of a server. Those whose `updated_at` is as in `known` are listed, but not read again. No actions (404) is an answer too: so it is of a
/// server that was deleted before it was scheduled.
pub(super) async fn read(
    session: &Session,
    server: &str,
    known: &HashMap<String, Ts>,
    tally: &Tally,
) -> Result<Log, SourceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown {
        instance_action: Action,
    }
    let path = format!("/servers/{server}/os-instance-actions");
    let mut log = Log::default();
    let mut pager = Pager::new(
        Service::Compute,
        path.clone(),
        "instanceActions",
        "request_id",
    );
    loop {
        let page = match pager.next(session, tally).await {
            Err(e) if e.status() == Some(404) => return Ok(log),
            other => other?,
        };
        let Some(page) = page else { break };
        log.seen.get_or_insert(page.reply.date.at);
        for item in &page.items {
            let action = serde_json::from_str(&item.body).map_err(|e| {
                page.reply
                    .shape("an instance action as documented", &e.to_string())
            })?;
            log.all.push(action);
        }
    }
    for action in &log.all {
        let is_known = action.updated_at.is_some()
            && action.updated_at == known.get(&action.request_id).copied();
        if is_known || WITHOUT_EFFECT.contains(&action.action.as_str()) {
            continue;
        }
        let reply = match session
            .get(
                Service::Compute,
                &format!("{path}/{}", action.request_id),
                tally,
            )
            .await
        {
            Err(e) if e.status() == Some(404) => continue,
            other => other?,
        };
        let shown: Shown = reply.json("an instance action")?;
        if shown.instance_action.events.is_none() {
            let why = "it has no events; before microversion 2.51 the account needs the policy rule os_compute_api:os-instance-actions:events";
            return Err(reply
                .shape("an instance action with its events", why)
                .into());
        }
        log.news.push((
            shown.instance_action,
            String::from_utf8_lossy(&reply.body).into_owned(),
        ));
    }
    Ok(log)
}

#[cfg(test)]
mod tests;
