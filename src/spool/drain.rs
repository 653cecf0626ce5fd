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

/// Between the first two attempts; doubled from then on, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Between any two attempts, at most. Also the pause after a refusal.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the lanes of processes that died meanwhile are looked for.
const ADOPT_EVERY: Duration = Duration::from_secs(10);

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
    /// `write` returns when the store has acknowledged the batch. It is called with the oldest batch until it does so, and only then with the next: the
    /// order is what makes a watermark true. A batch that the store *refuses* is treated the same, with long pauses and a counter to alert on
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
        loop {
            let Some((sequence, _)) = self.shared.oldest() else {
                let more = changed.wait_for(|d| d.batches > 0);
                if tokio::time::timeout(ADOPT_EVERY, more).await.is_err() {
                    self.adopt().await?;
                }
                continue;
            };
            let Some(batch) = self.blocking(move |s| s.read(sequence)).await? else {
                continue;
            };
            self.deliver(&write, sequence, &Arc::new(batch)).await;
            self.blocking(move |s| s.remove(sequence)).await?;
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
    /// The batch of that number; `None` when it had to be set aside.
    fn read(&self, sequence: u64) -> Result<Option<Batch>, SpoolError> {
        let path = self.lane.path(sequence);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                tracing::error!(file = %path.display(), "a batch was taken away from the spool by someone else: it is not stored");
                self.forget(sequence);
                return Ok(None);
            }
            Err(e) => return Err(SpoolError::disk("read", &path, &e)),
        };
        match file::decode(&bytes) {
            Ok(batch) => Ok(Some(batch)),
            Err(why) => {
                self.lane.set_aside(sequence, &why)?;
                self.forget(sequence);
                self.count_broken();
                Ok(None)
            }
        }
    }

    fn remove(&self, sequence: u64) -> Result<(), SpoolError> {
        let path = self.lane.path(sequence);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(SpoolError::disk("remove", &path, &e));
            }
            _ => {}
        }
        // Without this sync a power cut could bring the file back; the batch would be written once more, which does no harm. But a full disk should see the
        // room at once.
        file::sync(self.lane.dir()).map_err(|e| SpoolError::disk("sync", self.lane.dir(), &e))?;
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.forget(sequence);
        Ok(())
    }
}
