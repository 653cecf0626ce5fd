//! Makes all things of a scenario, project by project.

use super::{
    super::{
        dice::Dice,
        scenario::{
            Project, Scenario,
            stock::{Kind, Stock},
        },
        server::Server,
        world::World,
    },
    Thing, account_id,
    life::{Life, Limits},
};

/// The oldest are so much older than the window.
const OLDER_S: i64 = 200 * 86_400;

impl World {
    /// Makes a project's things; its servers are there already, and so are the projects that may be given something.
    pub(in super::super) fn make_stock(
        &self,
        scenario: &Scenario,
        (n, p): (usize, &Project),
        heirs: &[usize],
    ) -> Vec<Thing> {
        let mut all: Vec<Thing> = Vec::new();
        let servers = self.long_lived(n);
        for kind in Kind::ALL {
            for group in p.stock(kind) {
                for i in 0..group.count {
                    let names = [kind.word(), &p.domain, &p.name, &group.name, &i.to_string()];
                    let mut dice = Dice::new(self.seed, &names);
                    let made = self.make(
                        scenario,
                        (n, p),
                        (kind, group, i),
                        (&all, heirs, &servers),
                        &mut dice,
                    );
                    all.extend(made);
                }
            }
        }
        all
    }

    fn make(
        &self,
        scenario: &Scenario,
        (n, p): (usize, &Project),
        (kind, group, i): (Kind, &Stock, u32),
        (made, heirs, servers): (&[Thing], &[usize], &[(i64, String)]),
        dice: &mut Dice,
    ) -> Option<Thing> {
        let goes = self.projects[n].deleted;
        let gap = scenario.gap_s;
        let mut end = goes
            .map_or(self.end, |d| d - 2 * gap[1] - group.lives_s[1] - 10_800)
            .max(self.start + 1);
        let mut start = if i < group.older {
            self.start - OLDER_S
        } else {
            self.start
        };
        let source = match kind {
            Kind::Snapshot | Kind::Backup => Some(self.volume_of(p, group, made, start, dice)?),
            _ => None,
        };
        if let Some(volume) = source {
            // After the volume, and gone before it.
            start = start.max(volume.born + 600);
            end = end.min(volume.end().unwrap_or(i64::MAX) - gap[1] - group.lives_s[1] - 10_800);
        }
        let last = if i < group.older { self.start } else { end };
        if start >= last {
            return None;
        }
        let born = if i < group.older {
            dice.between(start, last - 3_600.min(last - start))
        } else if group.deleted_percent > 0 {
            dice.between(start, start + (last - start) * 3 / 4)
        } else {
            dice.between(start, last - 1)
        };
        let types = if group.types.is_empty() {
            scenario.types(kind)
        } else {
            &group.types
        };
        let limits = Limits {
            start: self.start,
            end,
            dies: goes.is_some() || source.is_some_and(|v| v.end().is_some()),
            gap,
            types,
            heirs: if p.is_source(&group.name) { &[] } else { heirs },
            servers,
        };
        let from = match (kind, &group.of) {
            (Kind::Image, Some(of)) => Some(self.server_of(n, of, born)?),
            _ => source.map(|v| v.id.clone()),
        };
        let mut life = Life::begin(dice, (kind, group, i), (n, born), &limits);
        life.thing.of = from;
        if kind == Kind::Account {
            life.thing.id = account_id(&self.projects[n].id, life.label());
        }
        if let Some(volume) = source {
            life.copies(volume);
        }
        life.live(group, &limits);
        Some(life.thing)
    }

    /// A volume of the group that a snapshot or a backup is made from.
    fn volume_of<'a>(
        &self,
        p: &Project,
        group: &Stock,
        made: &'a [Thing],
        start: i64,
        dice: &mut Dice,
    ) -> Option<&'a Thing> {
        let of = p
            .stock(Kind::Volume)
            .iter()
            .find(|v| Some(&v.name) == group.of.as_ref())?;
        // Only what can be used, and was there in time.
        let fits: Vec<&Thing> = made
            .iter()
            .filter(|t| {
                t.kind == Kind::Volume && t.name.rsplit_once('-').is_some_and(|(g, _)| g == of.name)
            })
            .filter(|t| t.records.iter().all(|r| r.state != "error"))
            .filter(|t| start >= self.start || t.born + 86_400 < self.start)
            .collect();
        (!fits.is_empty()).then(|| dice.pick(&fits))
    }

    /// Servers of a project that were there before the window, or early in it, and stay: since when, and which.
    fn long_lived(&self, project: usize) -> Vec<(i64, String)> {
        let stays = |s: &&Server| {
            s.project == project
                && !s.is_deleted()
                && s.actions
                    .first()
                    .is_some_and(|a| a.events.iter().all(|e| !e.failed))
        };
        let all = self.servers.iter().filter(stays);
        all.map(|s| (s.created + 3_600, s.id.clone())).collect()
    }

    /// A server of a group that was there by then: an image is made from it.
    fn server_of(&self, project: usize, group: &str, born: i64) -> Option<String> {
        let fits = |s: &&Server| {
            s.project == project
                && s.name.rsplit_once('-').is_some_and(|(g, _)| g == group)
                && s.created + 600 < born
        };
        self.servers.iter().find(fits).map(|s| s.id.clone())
    }
}
