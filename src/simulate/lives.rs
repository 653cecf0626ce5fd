//! How servers of each behaviour live.

use super::{life::Life, scenario::Behaviour};

/// The bounds of a life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// First second of the window.
    pub(super) start: i64,
    /// Nothing is begun from here on.
    pub(super) end: i64,
    /// It must be gone soon after the end: its project goes.
    pub(super) dies: bool,
    /// Seconds between actions, least and most.
    pub(super) gap: [i64; 2],
    /// Seconds of a `short` life, least and most.
    pub(super) lives: [i64; 2],
    /// Seconds from a shelve to its offload.
    pub(super) offload: i64,
    /// Indices of the flavors it may have.
    pub(super) flavors: &'a [usize],
}

impl Life<'_> {
    /// Lives from the request to build on.
    pub(super) fn live(&mut self, behaviour: Behaviour, deleted_percent: u64, b: Bounds<'_>) {
        match behaviour {
            Behaviour::Steady | Behaviour::Busy => self.long(behaviour, deleted_percent, b),
            Behaviour::Short => {
                self.build();
                self.wait(b.lives[0], b.lives[1]);
                if self.dice.percent(20) {
                    self.stop();
                    self.wait(5, 60);
                }
                self.delete();
            }
            Behaviour::Blink => {
                self.build();
                self.wait(1, 5);
                self.delete();
            }
            Behaviour::FailedBuild => {
                self.fail_to_build();
                if b.dies || self.dice.percent(50) {
                    self.wait(600, 7_200);
                    self.delete();
                }
            }
            Behaviour::Unscheduled => self.cancel(),
            Behaviour::Crash => {
                self.build();
                self.wait(b.gap[0], b.gap[1]);
                self.crash();
                if b.dies || self.dice.percent(70) {
                    self.wait(b.gap[0], b.gap[1]);
                    self.delete();
                }
            }
            Behaviour::SoftDeleted => self.go_softly(b),
        }
    }

    fn go_softly(&mut self, b: Bounds<'_>) {
        self.build();
        self.wait(b.gap[0], b.gap[1]);
        self.soft_delete();
        self.wait(b.gap[0], b.gap[1]);
        if self.dice.percent(60) {
            self.restore();
            if !b.dies {
                return;
            }
            self.wait(b.gap[0], b.gap[0]);
        }
        self.delete();
    }

    fn long(&mut self, behaviour: Behaviour, deleted_percent: u64, b: Bounds<'_>) {
        self.build();
        if self.at < b.start {
            if self.dice.percent(30) {
                self.at = self.dice.between(self.at + 60, b.start - 3_600);
                self.stop();
            }
            self.at = b.start;
        }
        let dies = b.dies || self.dice.percent(deleted_percent);
        let until = if dies {
            self.dice.between(self.at + b.gap[0], b.end)
        } else {
            b.end
        };
        if behaviour == Behaviour::Busy {
            self.wait(b.gap[0], b.gap[1]);
            while self.at < until {
                self.use_once(until, b);
                self.wait(b.gap[0], b.gap[1]);
            }
        }
        if dies {
            // Not before the last action's gap is over, lest its flavor be never seen.
            self.at = if behaviour == Behaviour::Busy {
                self.at
            } else {
                until
            };
            self.delete();
        }
    }

    fn use_once(&mut self, until: i64, b: Bounds<'_>) {
        let vm = self.now().vm;
        match vm {
            "active" => match self.dice.below(100) {
                0..25 => self.stop(),
                25..35 => self.pause(),
                35..45 => self.suspend(),
                45..58 => self.shelve(b.offload),
                58..82 => self.change_flavor(until, b),
                82..90 => {
                    self.resize(self.now().flavor);
                    self.wait(10, 600);
                    self.confirm();
                }
                _ => self.rebuild(),
            },
            "stopped" if self.dice.percent(20) => self.change_flavor(until, b),
            "stopped" => self.start(),
            "paused" => self.unpause(),
            "suspended" => self.resume(),
            _ => self.unshelve(),
        }
    }

    /// To another flavor; kept, or (by a running server, if time allows) taken back.
    fn change_flavor(&mut self, until: i64, b: Bounds<'_>) {
        let before = self.now().flavor;
        let others: Vec<usize> = b.flavors.iter().copied().filter(|f| *f != before).collect();
        if others.is_empty() {
            return;
        }
        let (flavor, running) = (self.dice.pick(&others), self.now().power == 1);
        self.resize(flavor);
        if running && self.at + b.gap[1] < until && self.dice.percent(30) {
            self.wait(b.gap[0], b.gap[1]);
            self.revert(before);
        } else {
            self.wait(30, 3_600);
            self.confirm();
        }
    }
}
