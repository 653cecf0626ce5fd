//! What befalls things beside servers: each step as the service writes it into its record, and what is true then.
//!
//! Statuses and their order are those of the recorded answers (`tests/captures/openstack`) and of the services' documents; how long a step takes is made up.

use super::{
    super::{
        dice::Dice,
        scenario::stock::{Kind, Living, Stock},
    },
    Shown, Thing,
};

const GIB: i64 = 1 << 30;

/// The bounds of a life.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    /// First second of the window.
    pub(super) start: i64,
    /// Nothing is begun from here on.
    pub(super) end: i64,
    /// It must be gone by then: its project goes, or what it is made from.
    pub(super) dies: bool,
    /// Seconds between two uses, least and most.
    pub(super) gap: [i64; 2],
    /// Types it may have.
    pub(super) types: &'a [String],
    /// Projects that it may be given to.
    pub(super) heirs: &'a [usize],
    /// Servers that it may be led to, and from when on.
    pub(super) servers: &'a [(i64, String)],
}

/// A thing whose life is being made up.
pub(super) struct Life<'a> {
    dice: &'a mut Dice,
    pub(super) thing: Thing,
    /// When what happened last was over.
    at: i64,
    may_move: bool,
}

impl<'a> Life<'a> {
    /// It is asked for.
    pub(super) fn begin(
        dice: &'a mut Dice,
        (kind, group, i): (Kind, &Stock, u32),
        (project, born): (usize, i64),
        limits: &Limits<'_>,
    ) -> Self {
        let [least, most] = group.size_gib.unwrap_or([10, 100]);
        let gib = dice.between(least, most);
        let label = if limits.types.is_empty() {
            String::new()
        } else {
            let n = dice.below(u64::try_from(limits.types.len()).unwrap_or(1));
            limits.types[usize::try_from(n).unwrap_or(0)].clone()
        };
        let (status, state) = match kind {
            Kind::Volume | Kind::Snapshot | Kind::Backup | Kind::Share => ("creating", "creating"),
            Kind::Image => ("queued", "queued"),
            Kind::FloatingIp | Kind::Port => ("DOWN", "down"),
            Kind::Router => ("ACTIVE", "active"),
            Kind::LoadBalancer => ("PENDING_CREATE", "pending_create"),
            Kind::Account | Kind::Bucket => ("present", "present"),
        };
        let size = match kind {
            Kind::Volume | Kind::Share => gib * GIB,
            // Objects have any size.
            Kind::Account | Kind::Bucket => gib * GIB + dice.between(0, GIB - 1),
            Kind::FloatingIp | Kind::Port | Kind::Router => 1,
            // Known once it is stored.
            _ => 0,
        };
        let first = Shown {
            at: born,
            status,
            state,
            project,
            size,
            objects: if matches!(kind, Kind::Account | Kind::Bucket) {
                gib * 37 + 1
            } else {
                0
            },
            label,
            server: None,
        };
        let thing = Thing {
            kind,
            id: dice.uuid(),
            name: format!("{}-{i}", group.name),
            born,
            of: None,
            records: vec![first],
            requests_hour: group.requests_hour.unwrap_or_default(),
        };
        Self {
            dice,
            thing,
            at: born,
            may_move: !limits.heirs.is_empty(),
        }
    }

    /// A snapshot or a backup is as large as its volume was then, and of its type.
    pub(super) fn copies(&mut self, volume: &Thing) {
        let born = self.thing.born;
        let then = volume.records.iter().rfind(|r| r.at <= born);
        if let Some(r) = then {
            let first = &mut self.thing.records[0];
            first.size = r.size;
            if self.thing.kind == Kind::Snapshot {
                first.label.clone_from(&r.label);
            }
        }
    }

    /// The type that it begins as.
    pub(super) fn label(&self) -> &str {
        &self.thing.records[0].label
    }

    fn now(&self) -> &Shown {
        &self.thing.records[self.thing.records.len() - 1]
    }

    fn wait(&mut self, least: i64, most: i64) {
        self.at += self.dice.between(least, most);
    }

    /// Writes the record, now.
    fn write(&mut self, status: &'static str, change: impl FnOnce(&mut Shown)) {
        let mut next = Shown {
            at: self.at,
            status,
            ..self.now().clone()
        };
        change(&mut next);
        if self.now().at == self.at {
            self.thing.records.pop();
        }
        self.thing.records.push(next);
    }

    /// Something under way: the record says so, nothing that counts has changed yet.
    fn under_way(&mut self, status: &'static str, least: i64, most: i64) {
        self.write(status, |_| ());
        self.wait(least, most);
    }

    /// Lives from the request on.
    pub(super) fn live(&mut self, group: &Stock, limits: &Limits<'_>) {
        match group.behaviour {
            Living::Steady | Living::Busy => self.long(group, limits),
            Living::Short => {
                self.make();
                self.wait(group.lives_s[0], group.lives_s[1]);
                self.unmake();
            }
            Living::Blink => {
                self.make();
                self.wait(1, 5);
                self.unmake();
            }
            Living::Failed => {
                self.fail();
                if limits.dies || self.dice.percent(50) {
                    self.wait(600, 7_200);
                    self.unmake();
                }
            }
        }
    }

    fn long(&mut self, group: &Stock, limits: &Limits<'_>) {
        self.make();
        self.at = self.at.max(limits.start);
        let dies = limits.dies || self.dice.percent(group.deleted_percent);
        let [least, most] = limits.gap;
        let until = if dies {
            self.dice
                .between(self.at + least, limits.end.max(self.at + least))
        } else {
            limits.end
        };
        if group.behaviour == Living::Busy {
            self.wait(least, most);
            while self.at < until {
                self.use_once(limits);
                self.wait(least, most);
            }
        } else {
            self.at = until;
        }
        if dies {
            if self.now().server.is_some() && self.thing.kind == Kind::Volume {
                self.detach();
                self.wait(least, least);
            }
            self.unmake();
        }
    }

    /// It comes to be what was asked for.
    fn make(&mut self) {
        let size = self.now().size;
        match self.thing.kind {
            Kind::Volume | Kind::Share => {
                self.wait(1, 12);
                self.write("available", |r| r.state = "available");
            }
            Kind::Snapshot => {
                self.wait(1, 5);
                self.write("available", |r| r.state = "available");
            }
            Kind::Backup => {
                self.wait(10, 120);
                self.write("available", |r| r.state = "available");
            }
            Kind::Image => {
                self.wait(1, 3);
                self.under_way("saving", 5, 60);
                // Any size: images are not whole gibibytes.
                let bytes = self.dice.between(GIB / 4, 40 * GIB).max(size);
                self.write("active", |r| (r.state, r.size) = ("active", bytes));
            }
            Kind::Port => {
                self.wait(2, 10);
                self.write("ACTIVE", |r| r.state = "active");
            }
            Kind::LoadBalancer => {
                self.wait(20, 90);
                self.write("ACTIVE", |r| r.state = "active");
            }
            Kind::FloatingIp | Kind::Router | Kind::Account | Kind::Bucket => {}
        }
    }

    /// It falls to error while it is made; what cannot fail is merely left unused.
    fn fail(&mut self) {
        self.wait(2, 30);
        match self.thing.kind {
            Kind::Volume | Kind::Snapshot | Kind::Backup | Kind::Share => {
                self.write("error", |r| r.state = "error");
            }
            Kind::Image => self.write("killed", |r| r.state = "error"),
            Kind::LoadBalancer => self.write("ERROR", |r| r.state = "build_error"),
            Kind::FloatingIp | Kind::Port | Kind::Router | Kind::Account | Kind::Bucket => {}
        }
    }

    /// It is deleted; nothing remembers it.
    fn unmake(&mut self) {
        match self.thing.kind {
            Kind::Volume | Kind::Snapshot | Kind::Backup | Kind::Share => {
                self.under_way("deleting", 1, 8);
            }
            Kind::LoadBalancer => self.under_way("PENDING_DELETE", 5, 30),
            _ => {}
        }
        self.write("deleted", |r| r.state = "deleted");
    }

    fn use_once(&mut self, limits: &Limits<'_>) {
        match self.thing.kind {
            Kind::Volume => self.use_volume(limits),
            Kind::Share => self.resize_share(),
            Kind::Backup => {
                self.under_way("restoring", 20, 200);
                self.write("available", |_| ());
            }
            // Nothing is done to a snapshot but deleting it.
            Kind::Snapshot => {}
            Kind::Image if self.now().state == "active" => {
                self.write("deactivated", |r| r.state = "deactivated");
            }
            Kind::Image => self.write("active", |r| r.state = "active"),
            Kind::FloatingIp => self.lead(limits),
            Kind::Port if self.now().state == "active" => {
                self.write("DOWN", |r| r.state = "down");
            }
            Kind::Port => self.write("ACTIVE", |r| r.state = "active"),
            Kind::Router => {
                let held = 1 - self.now().size;
                self.write("ACTIVE", |r| r.size = held);
            }
            Kind::LoadBalancer => self.use_balancer(),
            Kind::Account => self.fill(),
            Kind::Bucket if self.may_move && self.dice.percent(5) => {
                let heir = self.dice.pick(limits.heirs);
                self.write("present", |r| r.project = heir);
            }
            Kind::Bucket => self.fill(),
        }
    }

    fn use_volume(&mut self, limits: &Limits<'_>) {
        if self.now().state == "in-use" {
            return self.detach();
        }
        if self.now().state == "error" {
            // An administrator resets it.
            return self.write("available", |r| r.state = "available");
        }
        let at = self.at;
        let servers: Vec<usize> = (0..limits.servers.len())
            .filter(|n| limits.servers[*n].0 < at)
            .collect();
        match self.dice.below(100) {
            0..40 if !servers.is_empty() && self.is_at_home() => {
                let server = limits.servers[self.dice.pick(&servers)].1.clone();
                self.under_way("reserved", 1, 2);
                self.under_way("attaching", 1, 5);
                self.write("in-use", |r| {
                    (r.state, r.server) = ("in-use", Some(server));
                });
            }
            0..75 => {
                let more = self.dice.between(1, 100) * GIB;
                self.under_way("extending", 1, 6);
                self.write("available", |r| r.size += more);
            }
            75..85 if self.may_move && limits.types.len() > 1 => {
                let now = self.now().label.clone();
                let others: Vec<&String> = limits.types.iter().filter(|t| **t != now).collect();
                let next = self.dice.pick(&others).clone();
                self.under_way("retyping", 2, 40);
                self.write("available", |r| r.label = next);
            }
            75..95 if self.may_move => {
                let heir = self.dice.pick(limits.heirs);
                self.under_way("awaiting-transfer", 60, 900);
                self.write("available", |r| r.project = heir);
            }
            _ => {
                self.under_way("extending", 1, 6);
                self.write("error_extending", |r| r.state = "error");
            }
        }
    }

    /// True while it is where it was made: only there the servers are its project's.
    fn is_at_home(&self) -> bool {
        self.now().project == self.thing.records[0].project
    }

    fn detach(&mut self) {
        self.under_way("detaching", 1, 5);
        self.write("available", |r| (r.state, r.server) = ("available", None));
    }

    fn resize_share(&mut self) {
        let by = self.dice.between(1, 20) * GIB;
        if self.now().size > 2 * by && self.dice.percent(25) {
            self.under_way("shrinking", 2, 20);
            self.write("available", |r| r.size -= by);
        } else {
            self.under_way("extending", 2, 20);
            self.write("available", |r| r.size += by);
        }
    }

    /// An address is led to a server, or to none any more.
    fn lead(&mut self, limits: &Limits<'_>) {
        if self.now().state == "active" {
            return self.write("DOWN", |r| (r.state, r.server) = ("down", None));
        }
        let at = self.at;
        let servers = limits.servers.iter().filter(|s| s.0 < at);
        let servers: Vec<&String> = servers.map(|s| &s.1).collect();
        let server = (!servers.is_empty()).then(|| self.dice.pick(&servers).clone());
        self.write("ACTIVE", |r| (r.state, r.server) = ("active", server));
    }

    fn use_balancer(&mut self) {
        if self.now().state == "error" || self.dice.percent(80) {
            self.under_way("PENDING_UPDATE", 2, 20);
            self.write("ACTIVE", |r| r.state = "active");
        } else {
            self.under_way("PENDING_UPDATE", 2, 20);
            self.write("ERROR", |r| r.state = "error");
        }
    }

    /// Objects come and go.
    fn fill(&mut self) {
        let now = self.now().size;
        let (bytes, objects) = (
            self.dice.between(-now / 10, now / 4 + GIB),
            self.dice.between(-20, 400),
        );
        self.write("present", |r| {
            r.size = (r.size + bytes).max(1);
            r.objects = (r.objects + objects).max(1);
        });
    }
}
