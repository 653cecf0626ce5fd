//! Reads CephFS subvolumes: file system by file system, group by group; each is asked for by its name, for lists tell nothing else.

use super::{
    Ceph, FAULTS_MAX,
    command::{self, Commands},
    filesystem::{self, Place},
    shape,
};
use crate::{
    domain::{Aspect, Ts, fact::kind},
    sources::{
        SourceError,
        item::Item,
        run::{Fault, Run},
        whole::{Faults, List},
    },
};
use futures::{StreamExt as _, stream};
use std::{collections::HashSet, sync::Arc};

/// The list of subvolumes.
pub(super) const SUBVOLUMES: List = List {
    name: "subvolumes",
    kind: kind::SUBVOLUME,
};

impl Ceph {
    /// Reads every subvolume once.
    pub(super) async fn subvolumes(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let since = self.clock.now();
        let (places, bytes) = places(&self.commands).await?;
        run.read(0, bytes);
        run.answered(self.dated(since), 0);
        let stretch = self.stretch(since);
        let with_used = self.used != Some(stretch);
        let mut listed: HashSet<String> = places.iter().map(Place::resource).collect();
        let (mut faults, mut gone) = (Faults::default(), Vec::new());
        let commands = Arc::clone(&self.commands);
        let at_once = usize::try_from(self.conf.concurrency.max(1)).unwrap_or(1);
        // All is owned on the way: with borrows the compiler cannot see that the future may be sent between threads.
        let mut answers = stream::iter(places)
            .map(|place| {
                let commands = Arc::clone(&commands);
                async move {
                    let told = info(&commands, &place).await;
                    (place, told)
                }
            })
            .buffer_unordered(at_once);
        while let Some((place, told)) = answers.next().await {
            match self.subvolume(&place, told, with_used) {
                Ok(item) => {
                    let date = self.dated(since);
                    run.answered(date, 1);
                    run.read(0, item.raw.len());
                    self.take(SUBVOLUMES, vec![item], date, run).await?;
                }
                // Gone since it was listed.
                Err(e) if command::is_unknown(&e) => gone.push(place.resource()),
                Err(e) => faults.add(&place.resource(), &e.to_string()),
            }
            if faults.count >= FAULTS_MAX {
                break;
            }
        }
        drop(answers);
        faults.outcome(SUBVOLUMES.name)?;
        self.used = Some(stretch);
        gone.iter().for_each(|id| {
            listed.remove(id);
        });
        self.end_subvolumes(&listed, since, run).await
    }

    fn subvolume(
        &self,
        place: &Place,
        told: Result<String, SourceError>,
        with_used: bool,
    ) -> Result<Item, SourceError> {
        let open = self.memory.open.get(SUBVOLUMES.kind);
        let known = open.and_then(|o| o.get(&place.resource()));
        let size = known.and_then(|k| k.sighted.get(&Aspect::Flavor));
        let before = size
            .and_then(|s| s.value.known())
            .and_then(|k| k.levels.get("used_bytes").copied())
            .filter(|_| !with_used);
        filesystem::read(&told?, place, self.conf.openstack.is_some(), before)
            .map_err(|why| shape("ceph", &["fs", "subvolume", "info"], &why))
    }

    /// Finds out about every subvolume that is remembered and was not listed: unknown by its name, it has ended.
    async fn end_subvolumes(
        &mut self,
        listed: &HashSet<String>,
        since: Ts,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        for id in self.missing(SUBVOLUMES, listed)? {
            let Some(place) = Place::of(&id) else {
                continue;
            };
            let told = info(&self.commands, &place).await;
            match self.subvolume(&place, told, false) {
                Ok(item) => {
                    let date = self.dated(since);
                    self.take(SUBVOLUMES, vec![item], date, run).await?;
                }
                Err(e) if command::is_unknown(&e) => {
                    SUBVOLUMES.gone(&mut self.memory, &id, run).await?;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

/// Where subvolumes are, and the bytes of the lists.
pub(super) async fn places(commands: &Commands) -> Result<(Vec<Place>, usize), SourceError> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    let mut names = async |args: &[&str]| {
        let text = commands.ceph(args).await?;
        bytes += text.len();
        let names = filesystem::names(&text).map_err(|why| shape("ceph", args, &why))?;
        for name in &names {
            command::word(name).map_err(|why| shape("ceph", args, &why))?;
        }
        Ok::<_, SourceError>(names)
    };
    for fs in names(&["fs", "ls"]).await? {
        let groups = names(&["fs", "subvolumegroup", "ls", &fs]).await?;
        for group in std::iter::once(String::new()).chain(groups) {
            let mut args = vec!["fs", "subvolume", "ls", &fs];
            if !group.is_empty() {
                args.extend(["--group_name", &group]);
            }
            all.extend(names(&args).await?.into_iter().map(|name| Place {
                filesystem: fs.clone(),
                group: group.clone(),
                name,
            }));
        }
    }
    Ok((all, bytes))
}

/// Asks about one subvolume.
pub(super) async fn info(commands: &Commands, place: &Place) -> Result<String, SourceError> {
    let mut args = vec!["fs", "subvolume", "info", &place.filesystem, &place.name];
    if !place.group.is_empty() {
        args.extend(["--group_name", &place.group]);
    }
    commands.ceph(&args).await
}
