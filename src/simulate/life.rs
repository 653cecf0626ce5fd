//! What befalls a server: what each action writes into Nova's record and instance actions, and what is true then.
//!
//! Which action runs which events, and what they write into the record, is as recorded from a real Nova (`tests/captures/openstack`) and as
//! `nova/compute/manager.py` and `nova/conductor/manager.py` have it. All times are whole seconds since 1970: Nova's own clock.

use super::{
    dice::Dice,
    server::{Action, Became, Event, Record, Server},
};

/// Availability zones of every made-up cloud; hypervisors alternate between them.
pub(super) const ZONES: u32 = 2;

/// A server whose life is being made up.
pub(super) struct Life<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) server: Server,
    /// When what happened last was over.
    pub(super) at: i64,
    hosts: u32,
}

impl<'a> Life<'a> {
    /// A server is asked for.
    pub(super) fn begin(
        dice: &'a mut Dice,
        (project, name): (usize, String),
        created: i64,
        flavor: usize,
        hosts: u32,
    ) -> Self {
        let first = Record {
            at: created,
            updated: Some(created),
            vm: "building",
            task: Some("scheduling"),
            power: 0,
            flavor,
            launched: None,
            terminated: None,
            host: None,
            deleted: false,
            fault: None,
        };
        let server = Server {
            id: dice.uuid(),
            name,
            project,
            created,
            zone: u32::try_from(dice.below(u64::from(ZONES))).unwrap_or(0),
            reservation: format!("r-{}", dice.hex(4)),
            records: vec![first],
            actions: Vec::new(),
            truth: vec![
                (created, Became::Flavor(flavor)),
                (created, Became::State("building")),
            ],
            forgotten: None,
        };
        Self {
            dice,
            server,
            at: created,
            hosts,
        }
    }

    pub(super) fn now(&self) -> &Record {
        &self.server.records[self.server.records.len() - 1]
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, least: i64, most: i64) {
        self.at += self.dice.between(least, most);
    }

    /// Writes the record.
    fn write(&mut self, at: i64, change: impl FnOnce(&mut Record)) {
        let mut next = Record {
            at,
            updated: Some(at),
            ..self.now().clone()
        };
        change(&mut next);
        if self.now().at == at {
            self.server.records.pop();
        }
        self.server.records.push(next);
    }

    /// The truth: the state from `at` on. What stays as it was (a rebuilt server is active) is no change.
    fn is(&mut self, at: i64, state: &'static str) {
        let last = self
            .server
            .truth
            .iter()
            .rev()
            .find(|(_, b)| matches!(b, Became::State(_)));
        if last.is_none_or(|(_, b)| *b != Became::State(state)) {
            self.server.truth.push((at, Became::State(state)));
        }
    }

    fn some_host(&mut self) -> u32 {
        let n = u64::from(self.hosts / ZONES);
        u32::try_from(self.dice.below(n)).unwrap_or(0) * ZONES + self.server.zone
    }

    /// Nova saves `launched_at` before the event is over: at times in the second before.
    fn just_before(&mut self, finish: i64) -> Option<i64> {
        Some(finish - i64::from(self.dice.percent(20)))
    }

    /// Begins an action now, whose events run one after the other; gives the time when the last is over.
    fn act(
        &mut self,
        name: &'static str,
        task: Option<&'static str>,
        events: &[(&'static str, i64, i64)],
    ) -> i64 {
        let start = self.at;
        self.write(start, |r| r.task = task);
        let mut at = start;
        let host = self.now().host;
        let mut ran = Vec::with_capacity(events.len());
        for &(event, least, most) in events {
            let begun = at + self.dice.between(0, 1);
            at = begun + self.dice.between(least, most);
            ran.push(Event {
                name: event,
                start: begun,
                finish: at,
                failed: false,
                host,
            });
        }
        let request = format!("req-{}", self.dice.uuid());
        self.server.actions.push(Action {
            name,
            request,
            start,
            events: ran,
        });
        self.at = at;
        at
    }

    /// An action of one event that leads to one state.
    fn plain(
        &mut self,
        action: &'static str,
        task: &'static str,
        (event, most): (&'static str, i64),
        (vm, power): (&'static str, u8),
    ) {
        let finish = self.act(action, Some(task), &[(event, 1, most)]);
        self.write(finish, |r| (r.vm, r.task, r.power) = (vm, None, power));
        self.is(finish, vm);
    }

    /// The build succeeds, some 5 to 40 s after the request.
    pub(super) fn build(&mut self) {
        let finish = self.act(
            "create",
            Some("scheduling"),
            &[("compute__do_build_and_run_instance", 5, 39)],
        );
        let host = self.some_host();
        let spawning = self.server.actions[0].events[0].start + 1;
        self.write(spawning, |r| {
            (r.task, r.host) = (Some("spawning"), Some(host))
        });
        self.server.actions[0].events[0].host = Some(host);
        self.run(finish);
    }

    /// It runs from `finish` on, newly launched.
    fn run(&mut self, finish: i64) {
        let launched = self.just_before(finish);
        self.write(finish, |r| {
            (r.vm, r.task, r.power, r.launched) = ("active", None, 1, launched)
        });
        self.is(finish, "active");
    }

    /// The scheduler finds no host: the server is buried in cell 0.
    pub(super) fn fail_to_build(&mut self) {
        let finish = self.act(
            "create",
            Some("scheduling"),
            &[("conductor_schedule_and_build_instances", 1, 4)],
        );
        self.server.actions[0].events[0].failed = true;
        self.write(finish, |r| {
            (r.vm, r.task, r.fault) = ("error", None, Some((finish, "No valid host was found. ")))
        });
        self.is(finish, "build_error");
    }

    /// Deleted while the scheduler still looks for a host. Nova keeps a row that was never updated, or nothing at all; and no action.
    pub(super) fn cancel(&mut self) {
        self.server.records[0].updated = None;
        self.wait(1, 3);
        let at = self.at;
        self.write(at, |r| (r.updated, r.deleted) = (None, true));
        self.is(at, "deleted");
        if self.dice.percent(50) {
            self.server.forgotten = Some(at);
        }
    }

    pub(super) fn stop(&mut self) {
        self.plain(
            "stop",
            "powering-off",
            ("compute_stop_instance", 20),
            ("stopped", 4),
        );
    }

    pub(super) fn start(&mut self) {
        self.plain(
            "start",
            "powering-on",
            ("compute_start_instance", 10),
            ("active", 1),
        );
    }

    pub(super) fn pause(&mut self) {
        self.plain(
            "pause",
            "pausing",
            ("compute_pause_instance", 3),
            ("paused", 3),
        );
    }

    pub(super) fn unpause(&mut self) {
        self.plain(
            "unpause",
            "unpausing",
            ("compute_unpause_instance", 3),
            ("active", 1),
        );
    }

    pub(super) fn suspend(&mut self) {
        self.plain(
            "suspend",
            "suspending",
            ("compute_suspend_instance", 15),
            ("suspended", 4),
        );
    }

    pub(super) fn resume(&mut self) {
        self.plain(
            "resume",
            "resuming",
            ("compute_resume_instance", 10),
            ("active", 1),
        );
    }

    /// With an offload time of 0, Nova offloads within the event `compute_shelve_instance`: no event tells of it. Else the offload comes later, as an event of
    /// its own in the action that was last.
    pub(super) fn shelve(&mut self, offload_s: i64) {
        let offloaded =
            |r: &mut Record| (r.vm, r.task, r.power, r.host) = ("shelved_offloaded", None, 4, None);
        let finish = self.act(
            "shelve",
            Some("shelving"),
            &[("compute_shelve_instance", 5, 40)],
        );
        if offload_s == 0 {
            self.write(finish, offloaded);
            self.is(finish, "shelved_offloaded");
            return;
        }
        self.write(finish, |r| (r.vm, r.task, r.power) = ("shelved", None, 4));
        self.is(finish, "shelved");
        let start = finish + offload_s;
        let over = start + self.dice.between(1, 9);
        let host = self.now().host;
        self.write(start, |r| r.task = Some("shelving_offloading"));
        self.write(over, offloaded);
        self.is(over, "shelved_offloaded");
        if let Some(action) = self.server.actions.last_mut() {
            action.events.push(Event {
                name: "compute_shelve_offload_instance",
                start,
                finish: over,
                failed: false,
                host,
            });
        }
        self.at = over;
    }

    /// Rewrites `launched_at`.
    pub(super) fn unshelve(&mut self) {
        let finish = self.act(
            "unshelve",
            Some("spawning"),
            &[("compute_unshelve_instance", 5, 30)],
        );
        let host = self.some_host();
        self.write(finish, |r| r.host = Some(host));
        self.run(finish);
    }

    /// Rewrites `launched_at`.
    pub(super) fn rebuild(&mut self) {
        let finish = self.act(
            "rebuild",
            Some("rebuilding"),
            &[("compute_rebuild_instance", 4, 25)],
        );
        self.run(finish);
    }

    /// A resize, or a cold migration (`flavor` as before), up to VERIFY_RESIZE. Rewrites `launched_at`.
    pub(super) fn resize(&mut self, flavor: usize) {
        let action = if flavor == self.now().flavor {
            "migrate"
        } else {
            "resize"
        };
        let (from, to) = (self.now().host, self.some_host());
        let start = self.at;
        let events = [
            ("compute_prep_resize", 1, 3),
            ("compute_resize_instance", 3, 8),
            ("compute_finish_resize", 3, 12),
        ];
        let finish = self.act(action, Some("resize_prep"), &events);
        if let Some(ran) = self.server.actions.last_mut().map(|a| &mut a.events) {
            let prepared = ran[0].finish;
            let conductor = |name| Event {
                name,
                start,
                finish: prepared,
                failed: false,
                host: None,
            };
            ran.splice(
                0..0,
                [
                    conductor("conductor_migrate_server"),
                    conductor("cold_migrate"),
                ],
            );
            (ran[2].host, ran[3].host, ran[4].host) = (Some(to), from, Some(to));
            let (moving, landing) = (ran[3].start, ran[4].start);
            self.write(moving, |r| r.task = Some("resize_migrating"));
            self.write(landing, |r| r.task = Some("resize_finish"));
        }
        let launched = self.just_before(finish);
        self.write(finish, |r| {
            (r.vm, r.task, r.flavor, r.launched, r.host) =
                ("resized", None, flavor, launched, Some(to))
        });
        if action == "resize" {
            self.server.truth.push((finish, Became::Flavor(flavor)));
        }
        self.is(finish, "resized");
    }

    /// A server that was stopped is stopped again, though the event is the same.
    pub(super) fn confirm(&mut self) {
        let finish = self.act("confirmResize", None, &[("compute_confirm_resize", 2, 12)]);
        let vm = if self.now().power == 4 {
            "stopped"
        } else {
            "active"
        };
        self.write(finish, |r| r.vm = vm);
        self.is(finish, vm);
    }

    /// Back to the flavor before. Rewrites `launched_at`.
    pub(super) fn revert(&mut self, flavor: usize) {
        let events = [
            ("compute_revert_resize", 2, 8),
            ("compute_finish_revert_resize", 2, 8),
        ];
        let finish = self.act("revertResize", Some("resize_reverting"), &events);
        self.write(finish, |r| r.flavor = flavor);
        self.server.truth.push((finish, Became::Flavor(flavor)));
        self.run(finish);
    }

    /// ERROR, by itself: no action, no event.
    pub(super) fn crash(&mut self) {
        let at = self.at;
        self.write(at, |r| {
            (r.vm, r.task, r.power, r.fault) = (
                "error",
                None,
                0,
                Some((at, "Hypervisor lost the instance.")),
            )
        });
        self.is(at, "error");
    }

    pub(super) fn soft_delete(&mut self) {
        let finish = self.act(
            "delete",
            Some("soft-deleting"),
            &[("compute_soft_delete_instance", 1, 6)],
        );
        self.write(finish, |r| {
            (r.vm, r.task, r.power) = ("soft-delete", None, 4)
        });
        self.is(finish, "soft-delete");
    }

    pub(super) fn restore(&mut self) {
        self.plain(
            "restore",
            "restoring",
            ("compute_restore_instance", 6),
            ("active", 1),
        );
    }

    /// Deleted. One that is on no hypervisor (buried, offloaded), or is reclaimed after a soft delete, goes at once and leaves no action; a buried one not even
    /// a `terminated_at`. Some are updated again minutes later, when the hypervisor has cleaned up.
    pub(super) fn delete(&mut self) {
        let buried = self.now().launched.is_none();
        let at_once = self.now().host.is_none() || self.now().vm == "soft-delete";
        let finish = if at_once {
            self.at
        } else {
            self.act(
                "delete",
                Some("deleting"),
                &[("compute_terminate_instance", 2, 8)],
            )
        };
        let terminated = if at_once {
            finish
        } else {
            finish - self.dice.between(0, 2)
        };
        self.write(finish, |r| {
            (r.task, r.power, r.deleted) = (None, 0, true);
            if !buried {
                (r.vm, r.terminated) = ("deleted", Some(terminated));
            }
        });
        self.is(finish, "deleted");
        if !buried && self.dice.percent(60) {
            let again = finish + self.dice.between(20, 260);
            self.write(again, |_| ());
        }
    }
}
