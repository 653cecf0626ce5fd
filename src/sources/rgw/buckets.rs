//! Reads what the buckets of a zone hold.
//!
//! The names of all buckets are read first, for they cost little. Few buckets are then asked for at once, many by their owners, several at a time: one answer
//! about ten thousand buckets takes a gateway the better part of a minute, and nothing comes before its end. What of the names no answer showed is
//! asked for by name: buckets of accounts, or of an owner who has too many for one answer.
//!
//! # Memory usage
//! About a kilobyte for each bucket that lives, and the answers of as many owners as are asked at once.

use super::{
    Zone,
    bucket::{self, Bucket},
    names,
    session::Session,
};
use crate::{
    domain::{Aspect, Memory, Pass, PassMode, Value, fact::kind},
    net::{NetError, Reply, Tally},
    sources::{
        Out, SourceError,
        run::{Fault, Run},
        whole::{Faults, List, finish, is_suspect, suspicion},
    },
};
use futures::{StreamExt as _, stream};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

/// The list of buckets.
pub(super) const BUCKETS: List = List {
    name: "buckets",
    kind: kind::BUCKET,
};

/// So many buckets are asked for at once, whoever owns them: at 5 ms each that is 5 s.
const AT_ONCE_MAX: usize = 1_000;

/// Faults after which the rest is not asked for: it would fare the same.
const FAULTS_MAX: u64 = 20;

/// Reads a zone's buckets.
#[derive(Debug)]
pub struct Buckets {
    pub(super) zone: Zone,
    memory: Memory,
    believed: BTreeSet<String>,
    at_once_max: usize,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// All buckets.
    All,
    /// Those of one owner.
    Owner(String),
    /// One, by its name.
    Name(String),
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all buckets"),
            Self::Owner(owner) => write!(f, "buckets of {owner}"),
            Self::Name(name) => write!(f, "bucket {name}"),
        }
    }
}

/// What a pass has seen so far.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    names: HashSet<String>,
    broken: Vec<String>,
    faults: Faults,
}

impl Buckets {
    pub(super) fn new(zone: Zone, memory: &Memory) -> Self {
        Self {
            zone,
            memory: share(memory),
            believed: BTreeSet::new(),
            at_once_max: AT_ONCE_MAX,
        }
    }

    /// The `cloud` of its facts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.zone.conf.name
    }

    /// Between two lists.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.zone.conf.bucket_interval_s.into())
    }

    /// Takes the store's memory in place of its own.
    pub fn remember(&mut self, memory: &Memory) {
        self.memory = share(memory);
    }

    /// A person vouches for these lists.
    pub fn believe(&mut self, lists: &BTreeSet<String>) {
        self.believed.clone_from(lists);
    }

    /// From so many buckets on they are asked for by their owners: for measurements of either way.
    pub const fn by_owner_above(&mut self, buckets: usize) {
        self.at_once_max = buckets;
    }

    /// Reads every bucket once.
    pub async fn collect(&mut self, out: &Out) -> Vec<Pass> {
        let mut run = self.zone.run(BUCKETS.name, PassMode::Full, out);
        let result = self.pass(&mut run).await;
        run.region(&self.zone.session.zone().unwrap_or_default());
        vec![finish(&mut self.memory, run, result).await]
    }

    async fn pass(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let (names, date) = names::all(
            &self.zone.session,
            "bucket",
            self.zone.conf.page_size,
            &run.tally,
        )
        .await?;
        run.answered(date, 0);
        let asks = if names.len() <= self.at_once_max {
            vec![Ask::All]
        } else {
            let (users, _) = names::all(
                &self.zone.session,
                "user",
                self.zone.conf.page_size,
                &run.tally,
            )
            .await?;
            users.into_iter().map(Ask::Owner).collect()
        };
        let mut seen = Seen::default();
        self.ask_each(asks, &mut seen, run).await?;
        let unseen = names.into_iter().filter(|n| !seen.names.contains(n));
        let unseen = unseen.map(Ask::Name).collect();
        self.ask_each(unseen, &mut seen, run).await?;
        if !seen.broken.is_empty() {
            let (count, first) = (seen.broken.len(), &seen.broken[0]);
            run.remark(format!(
                "{count} buckets show sizes below zero, first: {first}; what they held before holds on; `radosgw-admin bucket check --fix` mends them"
            ));
        }
        std::mem::take(&mut seen.faults).outcome(BUCKETS.name)?;
        self.end_missing(&seen, run).await
    }

    /// Asks, several at once, and takes what is shown as it comes. Where one answer about an owner is too large or takes too long, its buckets are asked
    /// for by name after the others.
    async fn ask_each(
        &mut self,
        asks: Vec<Ask>,
        seen: &mut Seen,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let at_once = usize::try_from(self.zone.conf.concurrency.max(1)).unwrap_or(1);
        let (session, tally) = (Arc::clone(&self.zone.session), Arc::new(Tally::default()));
        // All is owned on the way: with borrows the compiler cannot see that the future may be sent between threads.
        let answers = stream::iter(asks).map(|ask| {
            let (session, tally) = (Arc::clone(&session), Arc::clone(&tally));
            async move {
                let answer = ask_one(&session, &ask, &tally).await;
                (ask, answer)
            }
        });
        let mut answers = answers.buffer_unordered(at_once);
        let mut result = Ok(());
        while let Some((ask, answer)) = answers.next().await {
            result = self.judge(&ask, answer, seen, run).await;
            if result.is_err() || seen.faults.count >= FAULTS_MAX {
                break;
            }
        }
        run.tally.add(&tally);
        result
    }

    async fn judge(
        &mut self,
        ask: &Ask,
        answer: Result<Reply, SourceError>,
        seen: &mut Seen,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let too_much = |e: &SourceError| {
            matches!(
                e,
                SourceError::Net(NetError::Timeout { .. } | NetError::TooLarge { .. })
            )
        };
        match answer {
            Ok(reply) => self.take(ask, &reply, seen, run).await?,
            // Gone since its name was listed.
            Err(e) if e.status() == Some(404) => {}
            Err(e) if too_much(&e) && !matches!(ask, Ask::Name(_)) => {
                tracing::debug!(source = self.zone.conf.name, error = %e, "its buckets are asked for by name");
            }
            Err(e) if e.status() == Some(403) => return Err(e.into()),
            Err(e) => seen.faults.add(&ask.to_string(), &e.to_string()),
        }
        Ok(())
    }

    async fn take(
        &mut self,
        ask: &Ask,
        reply: &Reply,
        seen: &mut Seen,
        run: &mut Run<'_>,
    ) -> Result<(), SourceError> {
        let shown: Vec<&RawValue> = match ask {
            Ask::Name(_) => vec![reply.json("a bucket")?],
            Ask::All | Ask::Owner(_) => reply.json("a list of buckets")?,
        };
        let listed = self.memory.full_watermarks.get(BUCKETS.name).copied();
        let mut items = Vec::with_capacity(shown.len());
        for raw in shown {
            match bucket::read(raw.get(), &self.zone.scopes, listed) {
                Ok(Bucket {
                    name,
                    owner,
                    item,
                    broken,
                }) => {
                    let seen_at = reply.date.at;
                    self.zone.take_scope(&mut self.memory, &owner, seen_at, run);
                    seen.ids.insert(item.id.clone());
                    if broken {
                        seen.broken.push(name.clone());
                    }
                    seen.names.insert(name);
                    items.push(item);
                }
                Err(why) => seen.faults.add(&ask.to_string(), &why),
            }
        }
        run.answered(reply.date, items.len());
        BUCKETS.take(&mut self.memory, items, reply.date, run).await
    }

    /// Finds out about every bucket that is remembered and was not shown. It has ended where its name is unknown now, or is that of a bucket made since.
    async fn end_missing(&mut self, seen: &Seen, run: &mut Run<'_>) -> Result<(), Fault> {
        let open = self.memory.open_mut(kind::BUCKET);
        let missing: Vec<(String, Option<String>)> = open
            .iter()
            .filter(|(id, _)| !seen.ids.contains(*id))
            .map(|(id, known)| {
                let name = known.sighted.get(&Aspect::Name).map(|s| &s.value);
                let name = name.and_then(Value::known).map(|k| k.label.clone());
                (id.clone(), name)
            })
            .collect();
        let of = open.len();
        // A name that is shown with another id is proof.
        let unproven = missing
            .iter()
            .filter(|(_, name)| name.as_ref().is_none_or(|n| !seen.names.contains(n)))
            .count();
        if !self.believed.contains(BUCKETS.name) && is_suspect(unproven, of) {
            return Err(suspicion(BUCKETS.name, unproven, of, ""));
        }
        let asks = missing
            .iter()
            .filter_map(|(_, name)| name.clone())
            .filter(|n| !seen.names.contains(n))
            .map(Ask::Name)
            .collect();
        let mut found = Seen::default();
        self.ask_each(asks, &mut found, run).await?;
        found.faults.outcome(BUCKETS.name)?;
        for (id, _) in missing.iter().filter(|(id, _)| !found.ids.contains(id)) {
            BUCKETS.gone(&mut self.memory, id, run).await?;
        }
        Ok(())
    }
}

pub(super) async fn ask_one(
    session: &Session,
    ask: &Ask,
    tally: &Tally,
) -> Result<Reply, SourceError> {
    let of = match ask {
        Ask::All => None,
        Ask::Owner(owner) => Some(("uid", owner.as_str())),
        Ask::Name(name) => Some(("bucket", name.as_str())),
    };
    let mut query: Vec<(&str, &str)> = of.into_iter().collect();
    query.extend([("format", "json"), ("stats", "true")]);
    query.sort_unstable();
    session.get("/bucket", &query, tally).await
}

fn share(memory: &Memory) -> Memory {
    memory.share(&[kind::PROJECT, kind::BUCKET], &[])
}
