//! Reads RBD images: pool by pool, namespace by namespace, the trash with them.
//!
//! What an image uses is asked for more rarely: `rbd du` reads an object map of each, and looks at every object where an image has none.

use super::{
    Ceph, FAULTS_MAX,
    command::{self, Commands},
    image::{self, Image, Space, Used},
    shape,
};
use crate::{
    domain::{Aspect, Ts, fact::kind},
    net::Dated,
    sources::{
        SourceError,
        item::Item,
        run::{Fault, Run},
        whole::{Faults, List},
    },
};
use futures::{StreamExt as _, stream};
use regex::Regex;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// The list of images.
pub(super) const IMAGES: List = List {
    name: "rbd_images",
    kind: kind::RBD_IMAGE,
};

/// What one namespace holds.
struct Held {
    images: Vec<Image>,
    bad: Vec<String>,
    /// `None`: it was not asked for. An error: it could not be read.
    used: Option<Result<HashMap<String, Used>, String>>,
    bytes: usize,
}

impl Ceph {
    /// Reads every image once.
    pub(super) async fn images(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let since = self.clock.now();
        let (spaces, bytes) = spaces(&self.commands, self.pools.as_ref()).await?;
        run.read(0, bytes);
        run.answered(self.dated(since), 0);
        let stretch = self.stretch(since);
        let with_used = self.used != Some(stretch);
        let open = self.memory.open.get(IMAGES.kind);
        let known: Arc<HashSet<String>> =
            Arc::new(open.into_iter().flat_map(|o| o.keys()).cloned().collect());
        let at_once = usize::try_from(self.conf.concurrency.max(1)).unwrap_or(1);
        let is_first = !self.memory.full_watermarks.contains_key(IMAGES.name);
        let commands = Arc::clone(&self.commands);
        // All is owned on the way: with borrows the compiler cannot see that the future may be sent between threads.
        let mut answers = stream::iter(spaces)
            .map(|space| {
                let (commands, known) = (Arc::clone(&commands), Arc::clone(&known));
                async move {
                    let held = hold(&commands, &space, &known, is_first, with_used).await;
                    (space, held)
                }
            })
            .buffer_unordered(at_once);
        let (mut listed, mut faults, mut unused) = (HashSet::new(), Faults::default(), Vec::new());
        while let Some((space, held)) = answers.next().await {
            match held {
                Ok(held) => {
                    held.bad
                        .iter()
                        .for_each(|why| faults.add(&space.scope(), why));
                    run.read(0, held.bytes);
                    let date = self.dated(since);
                    self.take_images(&space, held, &mut unused, date, &mut listed, run)
                        .await?;
                }
                Err(e) => faults.add(&space.scope(), &e.to_string()),
            }
            if faults.count >= FAULTS_MAX {
                break;
            }
        }
        drop(answers);
        faults.outcome(IMAGES.name)?;
        if unused.is_empty() {
            self.used = Some(stretch);
        } else {
            run.remark(format!(
                "what the images of {} use could not be read ({}); what was known holds on",
                unused.len(),
                unused.join("; ")
            ));
        }
        self.end_images(&listed, since, run).await
    }

    async fn take_images(
        &mut self,
        space: &Space,
        held: Held,
        unused: &mut Vec<String>,
        date: Dated,
        listed: &mut HashSet<String>,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let used = match held.used {
            None => HashMap::new(),
            Some(Ok(used)) => used,
            Some(Err(why)) => {
                unused.push(format!("{}: {why}", space.scope()));
                HashMap::new()
            }
        };
        let items: Vec<Item> = held
            .images
            .into_iter()
            .map(|image| {
                let now = used.get(&image.id).copied();
                self.item_of(image, space, now)
            })
            .collect();
        listed.extend(items.iter().map(|i| i.id.clone()));
        run.answered(date, items.len());
        self.take(IMAGES, items, date, run).await
    }

    /// An image with what it uses: as read now, or as known.
    fn item_of(&self, image: Image, space: &Space, used: Option<Used>) -> Item {
        let open = self.memory.open.get(IMAGES.kind);
        let known = open.and_then(|o| o.get(&space.resource(&image.id)));
        let size = known.and_then(|k| k.sighted.get(&Aspect::Flavor));
        let before = size.and_then(|s| s.value.known()).map(|k| &k.levels);
        image.item(space, self.conf.openstack.is_some(), used, before)
    }

    /// Finds out about every image that is remembered and was not listed: unknown by its id, it has ended.
    async fn end_images(
        &mut self,
        listed: &HashSet<String>,
        since: Ts,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        for id in self.missing(IMAGES, listed)? {
            let Some((space, image)) = Space::of(&id) else {
                continue;
            };
            match info(&self.commands, &space, image, false).await {
                Ok(found) => {
                    let item = self.item_of(found, &space, None);
                    let date = self.dated(since);
                    self.take(IMAGES, vec![item], date, run).await?;
                }
                Err(e) if command::is_unknown(&e) => {
                    IMAGES.gone(&mut self.memory, &id, run).await?;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

/// What one namespace holds. Where a list came before, an image that is not known is asked when it was made.
async fn hold(
    commands: &Commands,
    space: &Space,
    known: &HashSet<String>,
    is_first: bool,
    with_used: bool,
) -> Result<Held, SourceError> {
    let is_new = |image: &Image| !known.contains(&space.resource(&image.id));
    let args = arguments(&["ls", "--long"], space);
    let text = commands.rbd(&args).await?;
    let mut bytes = text.len();
    let (mut images, bad) = image::listed(&text).map_err(|why| shape("rbd", &args, &why))?;
    for image in images.iter_mut().filter(|i| !is_first && is_new(i)) {
        match info(commands, space, &image.id, false).await {
            Ok(told) => image.created = told.created,
            // Gone since it was listed: the next list finds out.
            Err(e) if command::is_unknown(&e) => {}
            Err(e) => return Err(e),
        }
    }
    let args = arguments(&["trash", "ls", "--all"], space);
    let text = commands.rbd(&args).await?;
    bytes += text.len();
    for trashed in image::trashed(&text).map_err(|why| shape("rbd", &args, &why))? {
        // Its size is asked for once: in the trash it does not change.
        if !is_new(&trashed) {
            images.push(trashed);
            continue;
        }
        match info(commands, space, &trashed.id, true).await {
            Ok(told) => images.push(told),
            Err(e) if command::is_unknown(&e) => {}
            Err(e) => return Err(e),
        }
    }
    let used = if with_used {
        let text = commands.rbd(&arguments(&["du"], space)).await;
        Some(text.map_err(|e| e.to_string()).and_then(|text| {
            bytes += text.len();
            image::used(&text)
        }))
    } else {
        None
    };
    Ok(Held {
        images,
        bad,
        used,
        bytes,
    })
}

fn arguments(verb: &[&str], space: &Space) -> Vec<String> {
    let mut all: Vec<String> = verb.iter().map(|w| (*w).to_owned()).collect();
    all.push(format!("--pool={}", space.pool));
    if !space.namespace.is_empty() {
        all.push(format!("--namespace={}", space.namespace));
    }
    all
}

/// Asks about one image by its id.
async fn info(
    commands: &Commands,
    space: &Space,
    id: &str,
    trash: bool,
) -> Result<Image, SourceError> {
    let mut args = arguments(&["info"], space);
    let id = command::word(id).map_err(|why| shape("rbd", &args, &why))?;
    args.push(format!("--image-id={id}"));
    let text = commands.rbd(&args).await?;
    image::info(&text, trash).map_err(|why| shape("rbd", &args, &why))
}

/// Names of pools that RBD may use, of `ceph osd pool ls detail`.
fn pools(text: &str) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Pool {
        pool_name: String,
        #[serde(default)]
        application_metadata: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let all: Vec<Pool> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let of_rbd = |p: &Pool| p.application_metadata.contains_key("rbd");
    Ok(all
        .into_iter()
        .filter(of_rbd)
        .map(|p| p.pool_name)
        .collect())
}

/// Pools for RBD, each with its namespaces, and the bytes of the lists.
pub(super) async fn spaces(
    commands: &Commands,
    wanted: Option<&Regex>,
) -> Result<(Vec<Space>, usize), SourceError> {
    let args = ["osd", "pool", "ls", "detail"];
    let text = commands.ceph(&args).await?;
    let mut bytes = text.len();
    let pools = pools(&text).map_err(|why| shape("ceph", &args, &why))?;
    let mut spaces = Vec::new();
    for pool in pools {
        if wanted.is_some_and(|w| !w.is_match(&pool)) {
            continue;
        }
        command::word(&pool).map_err(|why| shape("ceph", &args, &why))?;
        let mut space = Space {
            pool,
            namespace: String::new(),
        };
        let args = arguments(&["namespace", "ls"], &space);
        let text = commands.rbd(&args).await?;
        bytes += text.len();
        let names = image::namespaces(&text).map_err(|why| shape("rbd", &args, &why))?;
        spaces.push(space.clone());
        for name in names {
            command::word(&name).map_err(|why| shape("rbd", &args, &why))?;
            space.namespace = name;
            spaces.push(space.clone());
        }
    }
    Ok((spaces, bytes))
}

/// How many images a namespace has.
pub(super) async fn count(commands: &Commands, space: &Space) -> Result<usize, SourceError> {
    let args = arguments(&["ls"], space);
    let text = commands.rbd(&args).await?;
    let names: Vec<serde::de::IgnoredAny> =
        serde_json::from_str(&text).map_err(|e| shape("rbd", &args, &e.to_string()))?;
    Ok(names.len())
}
