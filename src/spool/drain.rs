//! From the spool into the store: oldest first, the same bytes again and again, until the store has acknowledged them.

use super::{Shared, Spool, SpoolError, file};
use crate::domain::Batch;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use std::{
    io::ErrorKind,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// Between the first two attempts; doubled from then on, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Between any two attempts, at most. Also the pause after a refusal.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the lanes of processes that died meanwhile are looked for.
const ADOPT_EVERY: Duration = Duration::from_secs(10);
/// Batches that wait are written together up to so many bytes of their files: a store's insert costs nearly the same for one row as for thousands.
const GROUP_BYTES_MAX: u64 = 8 << 20;
/// From the beginning of one write to that of the next, at least; unless a whole group waits, or somebody waits in [`Spool::drained`]. ClickHouse wants few
/// large inserts: each one is a part to sync and to merge.
const PACE: Duration = Duration::from_millis(500);

/// The store did not acknowledge a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStored {
    /// True when it will not either next time, unless a person changes something.
    pub refused: bool,
    /// In the store's words.
    pub why: String,
}

impl Spool {
    /// Hands batches over until `shutdown` resolves; what is left then stays for the next process. One drainer a spool: a second waits for the first.
    ///
    /// Batches that wait are handed over as one: those of the oldest that fit together, in their order. `write` returns when the store has acknowledged it. It is
    /// called with the same content until it does so, and only then with what comes next: the order is what makes a watermark true (a batch is written raws,
    /// facts, passes; so is what is put together of several). What the store *refuses* is treated the same, with long pauses and a counter to alert on
    /// ([`super::Depth::refusals`]): what a store refuses for good (a missing grant, a foreign schema) it refuses for all batches alike, so skipping one would help
    /// none and lose its order. A batch that cannot be *read* is set aside and holds up nothing.
    ///
    /// # Errors
    /// When the disk fails. Nothing is lost; the drainer may be run again.
    pub async fn run<W, F>(
        &self,
        write: W,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), SpoolError>
    where
        W: Fn(Arc<Batch>) -> F,
        F: Future<Output = Result<(), NotStored>>,
    {
        let mut shutdown = pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => Ok(()),
            done = self.hand_over(write) => done,
        }
    }

    async fn hand_over<W, F>(&self, write: W) -> Result<(), SpoolError>
    where
        W: Fn(Arc<Batch>) -> F,
        F: Future<Output = Result<(), NotStored>>,
    {
        let _one = self.shared.draining.lock().await;
        let mut changed = self.shared.depth.subscribe();
        let group_bytes = GROUP_BYTES_MAX.min(self.shared.bytes_max / 2);
        let mut next = Instant::now();
        loop {
            let more = changed.wait_for(|d| d.batches > 0);
            if tokio::time::timeout(ADOPT_EVERY, more).await.is_err() {
                self.adopt().await?;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.shared.hurry.notified() => {}
                _ = changed.wait_for(|d| d.bytes >= group_bytes) => {}
            }
            next = Instant::now() + PACE;
            let group = self.shared.oldest(group_bytes);
            let Some(&first) = group.first() else {
                continue;
            };
            let (batch, whole) = self.blocking(move |s| s.read(group)).await?;
            if whole.is_empty() {
                continue;
            }
            self.deliver(&write, first, &Arc::new(batch)).await;
            self.blocking(move |s| s.remove(&whole)).await?;
        }
    }

    /// Returns once the batch is acknowledged.
    async fn deliver<W, F>(&self, write: &W, sequence: u64, batch: &Arc<Batch>)
    where
        W: Fn(Arc<Batch>) -> F,
        F: Future<Output = Result<(), NotStored>>,
    {
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times();
        let mut pauses = pauses.build();
        while let Err(NotStored { refused, why }) = write(Arc::clone(batch)).await {
            let pause = if refused {
                LONGEST_PAUSE
            } else {
                pauses.next().unwrap_or(LONGEST_PAUSE)
            };
            let (file, pause_s) = (self.shared.lane.path(sequence), pause.as_secs());
            if refused {
                self.shared.depth.send_modify(|d| d.refusals += 1);
                tracing::error!(file = %file.display(), why, pause_s, "the store refuses a batch; nothing behind it is written until a person acts");
            } else {
                tracing::warn!(file = %file.display(), why, pause_s, "a batch is not stored yet");
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes over the batches of processes that died. [`Spool::run`] does so too, from time to time.
    async fn adopt(&self) -> Result<(), SpoolError> {
        self.blocking(|s| s.adopt()).await
    }
}

impl Shared {
    /// Those batches as one, and which of them are in it: what cannot be read is set aside.
    fn read(&self, group: Vec<u64>) -> Result<(Batch, Vec<u64>), SpoolError> {
        let (mut together, mut whole) = (Batch::default(), Vec::new());
        for sequence in group {
            if let Some(batch) = self.read_one(sequence)? {
                together.append(batch);
                whole.push(sequence);
            }
        }
        Ok((together, whole))
    }

    fn read_one(&self, sequence: u64) -> Result<Option<Batch>, SpoolError> {
        let path = self.lane.path(sequence);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                tracing::error!(file = %path.display(), "a batch was taken away from the spool by someone else: it is not stored");
                self.forget(&[sequence]);
                return Ok(None);
            }
            Err(e) => return Err(SpoolError::disk("read", &path, &e)),
        };
        match file::decode(&bytes) {
            Ok(batch) => Ok(Some(batch)),
            Err(why) => {
                self.lane.set_aside(sequence, &why)?;
                self.forget(&[sequence]);
                self.count_broken();
                Ok(None)
            }
        }
    }

    fn remove(&self, group: &[u64]) -> Result<(), SpoolError> {
        // The oldest first: killed in between, what is left is the end of the line, and is written once more.
        for sequence in group {
            let path = self.lane.path(*sequence);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(SpoolError::disk("remove", &path, &e));
                }
                _ => {}
            }
        }
        // Without this sync a power cut could bring files back; they would be written once more, which does no harm. But a full disk should see the room at once.
        file::sync(self.lane.dir()).map_err(|e| SpoolError::disk("sync", self.lane.dir(), &e))?;
        self.delivered
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        self.forget(group);
        Ok(())
    }
}
