//! Durable hand-over to the store: until the store has acknowledged a batch, it lives in an immutable file.
//!
//! A batch is accepted once it is on the disk, and leaves once the store has it: killed at any instruction, nothing accepted is lost, and what was about to
//! leave is written once more, which changes nothing. Each process has a lane (a directory with a lock) of its own, so that `collect` beside `run` gets into
//! nobody's way; the lanes of dead processes are taken over, oldest first.

mod drain;
mod file;
mod lane;

pub use drain::NotStored;

/// Entry for fuzzing: reads any bytes as a file of the spool; panics where it should not.
#[doc(hidden)]
#[must_use]
pub fn fuzzed(bytes: &[u8]) -> bool {
    file::fuzzed(bytes)
}

use crate::domain::Batch;
use lane::Lane;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{Notify, watch};

/// Why the spool could not do it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk failed. What was accepted before is not touched by it.
    #[error("spool: cannot {doing} {}: {why}{}", path.display(), if *full { "; free some room on that disk: what was accepted before is safe, this was not accepted" } else { "" })]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// In the system's words.
        why: String,
        /// True when there is no room left.
        full: bool,
    },
    /// A batch that cannot be written as JSON.
    #[error("spool: a batch is no JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The task that did the disk's work ended.
    #[error("spool: its task ended: {0}")]
    Task(String),
}

impl SpoolError {
    fn disk(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        Self::Disk {
            doing,
            path: path.to_owned(),
            why: error.to_string(),
            full,
        }
    }
}

/// How much waits, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Batches that the store has not acknowledged.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files set aside below `broken/`, until somebody removes them there.
    pub broken: u64,
    /// How often the store refused a batch, since the start. Alert when it grows: nothing is written until a person acts.
    pub refusals: u64,
}

/// The spool. Clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lane: Lane,
    bytes_max: u64,
    queue: Mutex<Queue>,
    depth: watch::Sender<Depth>,
    delivered: AtomicU64,
    draining: tokio::sync::Mutex<()>,
    /// Somebody waits for the spool to be empty: the next write need not wait for more.
    hurry: Notify,
}

/// Numbers grow with arrival; what is in `waiting` is whole on the disk.
#[derive(Debug, Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, u64>,
    /// Bytes that are being written.
    arriving: u64,
}

impl Spool {
    /// Makes this process's lane below `dir`, and takes over the batches of processes that died.
    ///
    /// `bytes_max` bounds this process's lane. It is no bound for what is taken over: that is there already.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        let lane = Lane::create(dir)?;
        let depth = watch::Sender::new(Depth {
            broken: lane.broken(),
            ..Depth::default()
        });
        let (queue, draining, delivered) = (
            Mutex::default(),
            tokio::sync::Mutex::default(),
            AtomicU64::new(0),
        );
        let shared = Shared {
            lane,
            bytes_max,
            queue,
            depth,
            delivered,
            draining,
            hurry: Notify::new(),
        };
        shared.adopt()?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Accepts a batch: when this returns, it is on the disk. Waits while the spool is full; a batch larger than the whole spool is accepted into an empty one.
    ///
    /// Batches put one after the other leave in that order. Two put at once leave in either.
    ///
    /// # Errors
    /// When the disk fails or is full: then this batch was not accepted (or, if only the last sync failed, may have been: put it again, twice does no harm).
    pub async fn put(&self, batch: &Batch) -> Result<(), SpoolError> {
        let bytes = file::encode(batch)?;
        let size = bytes.len() as u64;
        let mut depth = self.shared.depth.subscribe();
        let mut said = false;
        let sequence = loop {
            depth.mark_unchanged();
            if let Some(sequence) = self.shared.reserve(size) {
                break sequence;
            }
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    bytes_max = self.shared.bytes_max,
                    "the spool is full: collection waits until the store has taken some of it"
                );
            }
            // The sender is ours: it cannot be gone.
            let _ = depth.changed().await;
        };
        // To its end even if nobody waits for it any more.
        self.blocking(move |s| s.accept(sequence, &bytes)).await
    }

    /// How much waits.
    #[must_use]
    pub fn depth(&self) -> Depth {
        *self.shared.depth.borrow()
    }

    /// How many batches the store has acknowledged since the start.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.shared.delivered.load(Ordering::Relaxed)
    }

    /// Returns once nothing waits. Some [`Spool::run`] has to run meanwhile.
    pub async fn drained(&self) {
        self.shared.hurry.notify_one();
        // The sender is ours: it cannot be gone.
        let _ = self
            .shared
            .depth
            .subscribe()
            .wait_for(|d| d.batches == 0)
            .await;
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .map_err(|e| SpoolError::Task(e.to_string()))?
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a batch of that size; `None` when there is no room.
    fn reserve(&self, size: u64) -> Option<u64> {
        let mut queue = self.queue();
        let held = queue.waiting.values().sum::<u64>() + queue.arriving;
        if held > 0 && held + size > self.bytes_max {
            return None;
        }
        queue.arriving += size;
        queue.next += 1;
        Some(queue.next - 1)
    }

    fn accept(&self, sequence: u64, bytes: &[u8]) -> Result<(), SpoolError> {
        let written = file::write(self.lane.dir(), &lane::batch_name(sequence), bytes);
        let there = written.is_ok() || self.lane.path(sequence).exists();
        let size = bytes.len() as u64;
        let mut queue = self.queue();
        queue.arriving -= size;
        if there {
            queue.waiting.insert(sequence, size);
        }
        self.tell(&queue);
        drop(queue);
        written.map_err(|e| SpoolError::disk("write", &self.lane.path(sequence), &e))
    }

    fn adopt(&self) -> Result<(), SpoolError> {
        let adopted = self.lane.adopt(|n| {
            let mut queue = self.queue();
            queue.next += n;
            queue.next - n
        })?;
        if !adopted.is_empty() {
            tracing::info!(
                batches = adopted.len(),
                "batches of a process that died are taken over"
            );
        }
        let mut queue = self.queue();
        queue.waiting.extend(adopted);
        self.tell(&queue);
        drop(queue);
        self.count_broken();
        Ok(())
    }

    /// The oldest batches that come to no more than so many bytes together; one at least, if any waits.
    fn oldest(&self, bytes_max: u64) -> Vec<u64> {
        let mut sum = 0;
        let fits = |(sequence, bytes): (&u64, &u64)| {
            sum += bytes;
            (sum <= bytes_max || sum == *bytes).then_some(*sequence)
        };
        self.queue().waiting.iter().map_while(fits).collect()
    }

    fn forget(&self, group: &[u64]) {
        let mut queue = self.queue();
        for sequence in group {
            queue.waiting.remove(sequence);
        }
        self.tell(&queue);
    }

    fn count_broken(&self) {
        let broken = self.lane.broken();
        self.depth.send_modify(|d| d.broken = broken);
    }

    /// Also wakes those who wait for room when bytes that were arriving never came.
    fn tell(&self, queue: &Queue) {
        self.depth.send_modify(|d| {
            d.batches = queue.waiting.len() as u64;
            d.bytes = queue.waiting.values().sum();
        });
    }
}

#[cfg(test)]
mod tests;
