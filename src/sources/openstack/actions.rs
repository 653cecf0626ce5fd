//! Instance actions: Nova's own log of what was done to a server, which outlives the server. The mapping to facts is pure.
//!
//! API: <https://docs.openstack.org/api-ref/compute/#servers-actions-servers-os-instance-actions>. Times are whole seconds.

use super::{
    super::SourceError,
    pages::Pager,
    record::{BUILD_ERROR, maybe_time, time},
    run::Draft,
    session::{Service, Session},
};
use crate::{
    domain::{Aspect, Evidence, Ts, Value},
    net::Tally,
};
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
        self.finish_time.filter(|_| self.result.as_deref() == Some("Success"))
    }
}

impl Action {
    fn failed(&self) -> bool {
        self.message.as_deref() == Some("Error")
    }

    /// True while more is to be expected of it, as of `now` on the cloud's clock.
    pub(super) fn is_open(&self, now: Ts) -> bool {
        match self.events.as_deref() {
            None | Some([]) => now < self.start_time.plus_seconds(EVENTLESS_FOR_S),
            Some(events) => events.iter().any(|e| e.finish_time.is_none() && now < e.start_time.plus_seconds(OPEN_FOR_S)),
        }
    }

    /// What it changed. `all` are the server's actions (events are not needed); `launched`: its record says that it was.
    ///
    /// Nova calls the event of a build `Success` also when the build failed or moved on to another host. So a build counts only if the server was
    /// launched, and of several the last.
    pub(super) fn facts(&self, all: &[Self], launched: bool) -> Vec<Draft> {
        let events = self.events.as_deref().unwrap_or_default();
        let builds = || events.iter().filter(|e| e.event == "compute__do_build_and_run_instance");
        let mut drafts: Vec<Draft> = Vec::new();
        if let Some((event, at)) = builds().filter_map(|e| Some((e, e.success()?))).max_by_key(|(_, at)| *at).filter(|_| launched) {
            drafts.push(draft(Aspect::State, at, event.start_time, Value::label("active")));
        }
        if self.action == "create" && self.failed() && !launched && events.iter().all(|e| e.finish_time.is_some()) {
            let end = self.updated_at.or_else(|| events.iter().filter_map(|e| e.finish_time).max());
            drafts.extend(end.map(|at| draft(Aspect::State, at, self.start_time, Value::label(BUILD_ERROR))));
        }
        for event in events {
            let Some(at) = event.success() else { continue };
            let change = |aspect, value| draft(aspect, at, event.start_time, value);
            if let Some(state) = self.state_after(&event.event, all) {
                drafts.push(change(Aspect::State, state));
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
            "compute_shelve_instance" => "shelved",
            "compute_shelve_offload_instance" => "shelved_offloaded",
            "compute_finish_resize" => "resized",
            "compute_soft_delete_instance" => "soft-delete",
            // These give back the power state of before.
            "compute_confirm_resize" | "compute_finish_revert_resize" | "compute_rebuild_instance" => power_before(all, self.start_time),
            _ => return None,
        };
        Some(Value::label(state))
    }

    /// True where the event is a boundary between two sizes; it names neither.
    fn changes_flavor(&self, event: &str, all: &[Self]) -> bool {
        match event {
            "compute_finish_resize" => self.action == "resize",
            "compute_finish_revert_resize" => all
                .iter()
                .filter(|a| a.start_time <= self.start_time && matches!(a.action.as_str(), "resize" | "migrate"))
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
        .filter(|a| a.start_time < t && !a.failed() && matches!(a.action.as_str(), "create" | "start" | "stop" | "reboot" | "unshelve" | "restore"))
        .max_by_key(|a| a.start_time);
    if last.is_some_and(|a| a.action == "stop") { "stopped" } else { "active" }
}

fn draft(aspect: Aspect, at: Ts, from: Ts, value: Value) -> Draft {
    Draft { aspect, evidence: Evidence::Event, at, from: from.min(at), seen: at, value }
}

/// Since when deletion was asked for, by the latest such action.
pub(super) fn delete_asked(all: &[Action]) -> Option<Ts> {
    all.iter().filter(|a| a.action == "delete").map(|a| a.start_time).max()
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

/// Reads the actions of a server. Those whose `updated_at` is as in `known` are listed, but not read again. No actions (404) is an answer too: so it is of a
/// server that was deleted before it was scheduled.
pub(super) async fn read(session: &Session, server: &str, known: &HashMap<String, Ts>, tally: &Tally) -> Result<Log, SourceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown {
        instance_action: Action,
    }
    let path = format!("/servers/{server}/os-instance-actions");
    let mut log = Log::default();
    let mut pager = Pager::new(path.clone(), "instanceActions", "request_id");
    loop {
        let page = match pager.next(session, tally).await {
            Err(e) if e.status() == Some(404) => return Ok(log),
            other => other?,
        };
        let Some(page) = page else { break };
        log.seen.get_or_insert(page.reply.date.at);
        for item in &page.items {
            let action = serde_json::from_str(&item.body).map_err(|e| page.reply.shape("an instance action as documented", &e.to_string()))?;
            log.all.push(action);
        }
    }
    for action in &log.all {
        let is_known = action.updated_at.is_some() && action.updated_at == known.get(&action.request_id).copied();
        if is_known || WITHOUT_EFFECT.contains(&action.action.as_str()) {
            continue;
        }
        let reply = match session.get(Service::Compute, &format!("{path}/{}", action.request_id), tally).await {
            Err(e) if e.status() == Some(404) => continue,
            other => other?,
        };
        let shown: Shown = reply.json("an instance action")?;
        if shown.instance_action.events.is_none() {
            let why = "it has no events; before microversion 2.51 the account needs the policy rule os_compute_api:os-instance-actions:events";
            return Err(reply.shape("an instance action with its events", why).into());
        }
        log.news.push((shown.instance_action, String::from_utf8_lossy(&reply.body).into_owned()));
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Ts {
        Ts::parse(&format!("2026-11-23T{text}Z")).unwrap()
    }

    fn list(text: &str) -> Vec<Action> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct List {
            instance_actions: Vec<Action>,
        }
        serde_json::from_str::<List>(text).unwrap().instance_actions
    }

    fn shown(text: &str) -> Action {
        serde_json::from_value(serde_json::from_str::<serde_json::Value>(text).unwrap()["instanceAction"].clone()).unwrap()
    }

    /// An action with one event, `start finish result`.
    fn made(action: &str, events: &[(&str, &str, &str, &str)]) -> Action {
        Action {
            action: action.to_owned(),
            request_id: format!("req-{action}"),
            start_time: ts(events.first().map_or("08:00:00", |e| e.1)),
            message: None,
            updated_at: None,
            events: Some(
                events
                    .iter()
                    .map(|(event, start, finish, result)| Event {
                        event: (*event).to_owned(),
                        start_time: ts(start),
                        finish_time: (!finish.is_empty()).then(|| ts(finish)),
                        result: (!result.is_empty()).then(|| (*result).to_owned()),
                    })
                    .collect(),
            ),
        }
    }

    fn label(d: &Draft) -> &str {
        d.value.known().map_or("-", |k| k.label.as_str())
    }

    #[test]
    fn every_recorded_list_is_read() {
        let resized = list(include_str!("../../../tests/captures/openstack/nova/instance-actions/resized-list.json"));
        let names: Vec<&str> = resized.iter().map(|a| a.action.as_str()).collect();
        assert_eq!(names, ["confirmResize", "resize", "create"]);
        for (text, count, deleted) in [
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/deleted-while-stopped-list.json"), 3, Some("08:48:01")),
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/no-valid-host-list.json"), 1, None),
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/rebuilt-list.json"), 2, None),
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/resized-twice-deleted-list.json"), 6, Some("08:47:23")),
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/shelve-unshelve-list.json"), 3, None),
            (include_str!("../../../tests/captures/openstack/nova/instance-actions/stop-start-list.json"), 3, None),
        ] {
            let all = list(text);
            assert_eq!(all.len(), count);
            assert_eq!(delete_asked(&all), deleted.map(ts));
            assert!(all.iter().all(|a| a.updated_at.is_some_and(|u| u >= a.start_time)));
            // Lists carry no events, so nothing may be concluded from them but a build that failed.
            let failed: Vec<Draft> = all.iter().flat_map(|a| a.facts(&all, false)).collect();
            assert_eq!(failed.iter().map(label).collect::<Vec<_>>(), if count == 1 { vec!["build_error"] } else { vec![] });
        }
    }

    #[test]
    fn a_recorded_resize_is_a_state_and_a_boundary_of_size() {
        let all = list(include_str!("../../../tests/captures/openstack/nova/instance-actions/resized-list.json"));
        let resize = shown(include_str!("../../../tests/captures/openstack/nova/instance-actions/resized-show-resize.json"));
        let facts = resize.facts(&all, true);
        assert_eq!(facts.len(), 2);
        assert_eq!((label(&facts[0]), facts[0].at, facts[0].from), ("resized", ts("08:46:27"), ts("08:46:16")));
        assert_eq!((facts[1].aspect, &facts[1].value, facts[1].at), (Aspect::Flavor, &Value::Unknown, ts("08:46:27")));
        let confirm = shown(include_str!("../../../tests/captures/openstack/nova/instance-actions/resized-show-confirmResize.json"));
        let facts = confirm.facts(&all, true);
        assert_eq!(facts.len(), 1);
        assert_eq!((label(&facts[0]), facts[0].at, facts[0].seen), ("active", ts("08:46:42"), ts("08:46:42")));
        assert!(!confirm.is_open(ts("08:46:42")));
    }

    #[test]
    fn a_migration_changes_no_size_and_its_revert_neither() {
        let migrate = made("migrate", &[("compute_finish_resize", "08:10:00", "08:10:05", "Success")]);
        let revert = made("revertResize", &[("compute_finish_revert_resize", "08:11:00", "08:11:05", "Success")]);
        let resize = made("resize", &[("compute_finish_resize", "08:05:00", "08:05:05", "Success")]);
        let all = [revert.clone(), migrate.clone(), resize.clone()];
        assert_eq!(migrate.facts(&all, true).len(), 1);
        assert_eq!(revert.facts(&all, true).len(), 1);
        assert_eq!(revert.facts(&[revert.clone(), resize], true).len(), 2);
    }

    #[test]
    fn what_was_stopped_before_a_resize_is_stopped_after_it() {
        let create = made("create", &[("compute__do_build_and_run_instance", "08:00:00", "08:00:09", "Success")]);
        let stop = made("stop", &[("compute_stop_instance", "08:01:00", "08:01:02", "Success")]);
        let confirm = made("confirmResize", &[("compute_confirm_resize", "08:03:00", "08:03:05", "Success")]);
        let all = [confirm.clone(), stop.clone(), create.clone()];
        assert_eq!(label(&confirm.facts(&all, true)[0]), "stopped");
        let failed = Action { message: Some("Error".to_owned()), ..stop };
        assert_eq!(label(&confirm.facts(&[confirm.clone(), failed, create], true)[0]), "active");
    }

    #[test]
    fn a_build_counts_only_when_the_server_was_launched_and_then_the_last() {
        let build = "compute__do_build_and_run_instance";
        let create = made("create", &[(build, "08:00:20", "08:00:31", "Success"), (build, "08:00:00", "08:00:19", "Success")]);
        let facts = create.facts(std::slice::from_ref(&create), true);
        assert_eq!(facts.len(), 1);
        assert_eq!((label(&facts[0]), facts[0].at), ("active", ts("08:00:31")));
        assert_eq!(create.facts(std::slice::from_ref(&create), false), []);
        let failed = Action { message: Some("Error".to_owned()), ..made("create", &[(build, "08:00:00", "08:00:19", "Error")]) };
        let facts = failed.facts(std::slice::from_ref(&failed), false);
        assert_eq!((label(&facts[0]), facts[0].at), ("build_error", ts("08:00:19")));
        assert_eq!(failed.facts(std::slice::from_ref(&failed), true), []);
    }

    #[test]
    fn every_event_that_counts_has_its_state_and_failures_have_none() {
        for (event, state) in [
            ("compute_stop_instance", "stopped"),
            ("compute_start_instance", "active"),
            ("compute_pause_instance", "paused"),
            ("compute_unpause_instance", "active"),
            ("compute_suspend_instance", "suspended"),
            ("compute_resume_instance", "active"),
            ("compute_rescue_instance", "rescued"),
            ("compute_unrescue_instance", "active"),
            ("compute_shelve_instance", "shelved"),
            ("compute_shelve_offload_instance", "shelved_offloaded"),
            ("compute_unshelve_instance", "active"),
            ("compute_rebuild_instance", "active"),
            ("compute_soft_delete_instance", "soft-delete"),
            ("compute_restore_instance", "active"),
        ] {
            let action = made("x", &[(event, "08:00:00", "08:00:01", "Success")]);
            let facts = action.facts(&[], true);
            assert_eq!(facts.iter().map(label).collect::<Vec<_>>(), [state], "{event}");
            assert_eq!(made("x", &[(event, "08:00:00", "08:00:01", "Error")]).facts(&[], true), []);
        }
        let end = made("delete", &[("compute_terminate_instance", "08:00:00", "08:00:01", "Success")]).facts(&[], true);
        assert_eq!(end[0].value, Value::Gone);
    }

    #[test]
    fn an_unfinished_event_is_no_fact_yet_and_keeps_the_action_open_for_a_day() {
        let action = made("stop", &[("compute_stop_instance", "08:00:00", "", "")]);
        assert_eq!(action.facts(&[], true), []);
        assert!(action.is_open(ts("20:00:00")));
        assert!(!action.is_open(ts("08:00:00").plus_seconds(OPEN_FOR_S)));
        let empty = made("delete", &[]);
        assert!(empty.is_open(ts("08:09:59")) && !empty.is_open(ts("08:10:00")));
    }
}
