//! The mapping of actions, on recorded and made-up ones.

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
    serde_json::from_value(
        serde_json::from_str::<serde_json::Value>(text).unwrap()["instanceAction"].clone(),
    )
    .unwrap()
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
    let resized = list(include_str!(
        "../../../../tests/captures/openstack/nova/instance-actions/resized-list.json"
    ));
    let names: Vec<&str> = resized.iter().map(|a| a.action.as_str()).collect();
    assert_eq!(names, ["confirmResize", "resize", "create"]);
    for (text, count, deleted) in [
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/deleted-while-stopped-list.json"
            ),
            3,
            Some("08:48:01"),
        ),
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/no-valid-host-list.json"
            ),
            1,
            None,
        ),
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/rebuilt-list.json"
            ),
            2,
            None,
        ),
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/resized-twice-deleted-list.json"
            ),
            6,
            Some("08:47:23"),
        ),
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/shelve-unshelve-list.json"
            ),
            3,
            None,
        ),
        (
            include_str!(
                "../../../../tests/captures/openstack/nova/instance-actions/stop-start-list.json"
            ),
            3,
            None,
        ),
    ] {
        let all = list(text);
        assert_eq!(all.len(), count);
        assert_eq!(delete_asked(&all), deleted.map(ts));
        assert!(
            all.iter()
                .all(|a| a.updated_at.is_some_and(|u| u >= a.start_time))
        );
        // Lists carry no events, so nothing may be concluded from them but a build that failed.
        let failed: Vec<Draft> = all.iter().flat_map(|a| a.facts(&all, false)).collect();
        assert_eq!(
            failed.iter().map(label).collect::<Vec<_>>(),
            if count == 1 {
                vec!["build_error"]
            } else {
                vec![]
            }
        );
    }
}

#[test]
fn a_recorded_resize_is_a_state_and_a_boundary_of_size() {
    let all = list(include_str!(
        "../../../../tests/captures/openstack/nova/instance-actions/resized-list.json"
    ));
    let resize = shown(include_str!(
        "../../../../tests/captures/openstack/nova/instance-actions/resized-show-resize.json"
    ));
    let facts = resize.facts(&all, true);
    assert_eq!(facts.len(), 2);
    assert_eq!(
        (label(&facts[0]), facts[0].at, facts[0].from),
        ("resized", ts("08:46:27"), ts("08:46:16"))
    );
    assert_eq!(
        (facts[1].aspect, &facts[1].value, facts[1].at),
        (Aspect::Flavor, &Value::Unknown, ts("08:46:27"))
    );
    let confirm = shown(include_str!(
        "../../../../tests/captures/openstack/nova/instance-actions/resized-show-confirmResize.json"
    ));
    let facts = confirm.facts(&all, true);
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (label(&facts[0]), facts[0].at, facts[0].seen),
        ("active", ts("08:46:42"), ts("08:46:42"))
    );
    assert!(!confirm.is_open(ts("08:46:42")));
}

#[test]
fn a_migration_changes_no_size_and_its_revert_neither() {
    let migrate = made(
        "migrate",
        &[("compute_finish_resize", "08:10:00", "08:10:05", "Success")],
    );
    let revert = made(
        "revertResize",
        &[(
            "compute_finish_revert_resize",
            "08:11:00",
            "08:11:05",
            "Success",
        )],
    );
    let resize = made(
        "resize",
        &[("compute_finish_resize", "08:05:00", "08:05:05", "Success")],
    );
    let all = [revert.clone(), migrate.clone(), resize.clone()];
    assert_eq!(migrate.facts(&all, true).len(), 1);
    assert_eq!(revert.facts(&all, true).len(), 1);
    assert_eq!(revert.facts(&[revert.clone(), resize], true).len(), 2);
}

#[test]
fn what_was_stopped_before_a_resize_is_stopped_after_it() {
    let create = made(
        "create",
        &[(
            "compute__do_build_and_run_instance",
            "08:00:00",
            "08:00:09",
            "Success",
        )],
    );
    let stop = made(
        "stop",
        &[("compute_stop_instance", "08:01:00", "08:01:02", "Success")],
    );
    let confirm = made(
        "confirmResize",
        &[("compute_confirm_resize", "08:03:00", "08:03:05", "Success")],
    );
    let all = [confirm.clone(), stop.clone(), create.clone()];
    assert_eq!(label(&confirm.facts(&all, true)[0]), "stopped");
    let failed = Action {
        message: Some("Error".to_owned()),
        ..stop
    };
    assert_eq!(
        label(&confirm.facts(&[confirm.clone(), failed, create], true)[0]),
        "active"
    );
}

#[test]
fn a_build_counts_only_when_the_server_was_launched_and_then_the_last() {
    let build = "compute__do_build_and_run_instance";
    let create = made(
        "create",
        &[
            (build, "08:00:20", "08:00:31", "Success"),
            (build, "08:00:00", "08:00:19", "Success"),
        ],
    );
    let facts = create.facts(std::slice::from_ref(&create), true);
    assert_eq!(facts.len(), 1);
    assert_eq!((label(&facts[0]), facts[0].at), ("active", ts("08:00:31")));
    assert_eq!(create.facts(std::slice::from_ref(&create), false), []);
    let failed = Action {
        message: Some("Error".to_owned()),
        ..made("create", &[(build, "08:00:00", "08:00:19", "Error")])
    };
    let facts = failed.facts(std::slice::from_ref(&failed), false);
    assert_eq!(
        (label(&facts[0]), facts[0].at),
        ("build_error", ts("08:00:19"))
    );
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
        // Or offloaded at once: the event does not tell.
        ("compute_shelve_instance", "-"),
        ("compute_shelve_offload_instance", "shelved_offloaded"),
        ("compute_unshelve_instance", "active"),
        ("compute_rebuild_instance", "active"),
        ("compute_soft_delete_instance", "soft-delete"),
        ("compute_restore_instance", "active"),
    ] {
        let action = made("x", &[(event, "08:00:00", "08:00:01", "Success")]);
        let facts = action.facts(&[], true);
        assert_eq!(
            facts.iter().map(label).collect::<Vec<_>>(),
            [state],
            "{event}"
        );
        assert_eq!(
            made("x", &[(event, "08:00:00", "08:00:01", "Error")]).facts(&[], true),
            []
        );
    }
    let end = made(
        "delete",
        &[(
            "compute_terminate_instance",
            "08:00:00",
            "08:00:01",
            "Success",
        )],
    )
    .facts(&[], true);
    assert_eq!(end[0].value, Value::Gone);
}

#[test]
fn what_a_shelve_led_to_is_told_by_what_came_after() {
    let shelve = |more: &[(&str, &str, &str, &str)]| {
        let first = ("compute_shelve_instance", "08:00:00", "08:00:20", "Success");
        made("shelve", &[&[first], more].concat())
    };
    let offload = (
        "compute_shelve_offload_instance",
        "09:00:20",
        "09:00:25",
        "Success",
    );
    let facts = shelve(&[offload]).facts(&[], true);
    assert_eq!(
        facts.iter().map(label).collect::<Vec<_>>(),
        ["shelved", "shelved_offloaded"]
    );
    for (event, before) in [
        ("compute_unshelve_instance", "shelved_offloaded"),
        ("compute_start_instance", "shelved"),
    ] {
        let unshelve = made("unshelve", &[(event, "10:00:00", "10:00:09", "Success")]);
        let all = [
            unshelve.clone(),
            Action {
                updated_at: Some(ts("08:00:20")),
                ..shelve(&[])
            },
        ];
        let facts = unshelve.facts(&all, true);
        assert_eq!(
            facts.iter().map(|d| (label(d), d.at)).collect::<Vec<_>>(),
            [("active", ts("10:00:09")), (before, ts("08:00:20"))]
        );
        // Before 2.58 actions do not say when they were over: then nobody guesses.
        assert_eq!(
            unshelve.facts(&[unshelve.clone(), shelve(&[])], true).len(),
            1
        );
    }
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
