//! The engine's process as its parent holds it.

use super::EngineError;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{
    os::fd::OwnedFd,
    process::{Command, ExitStatus},
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// How long an engine may take to end before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A child, held by a thread of its own: the kernel ends the engine when the *thread* that started it ends, and a worker of the runtime may end any time.
#[derive(Debug)]
pub(super) struct Keeper {
    id: u32,
    handle: OwnedFd,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Keeper {
    /// Starts it.
    pub(super) async fn start(mut command: Command) -> Result<Self, EngineError> {
        let (started, start) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let spawn_failed = |e: &std::io::Error| EngineError::Spawn { why: e.to_string() };
        std::thread::Builder::new()
            .name("engine-keeper".to_owned())
            .spawn(move || match command.spawn() {
                Err(e) => drop(started.send(Err(e))),
                Ok(mut child) => {
                    // Before the child is waited for, its id cannot be another's.
                    let handle = i32::try_from(child.id())
                        .ok()
                        .and_then(Pid::from_raw)
                        .ok_or_else(|| std::io::Error::other("no process id"))
                        .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?));
                    if handle.is_err() {
                        drop(child.kill());
                    }
                    drop(started.send(handle.map(|h| (child.id(), h))));
                    let status = child.wait();
                    end.send_replace(status.ok());
                }
            })
            .map_err(|e| spawn_failed(&e))?;
        match start.await {
            Ok(Ok((id, handle))) => Ok(Self { id, handle, ended }),
            Ok(Err(e)) => Err(spawn_failed(&e)),
            Err(_) => Err(EngineError::Spawn {
                why: "its keeper ended".to_owned(),
            }),
        }
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// How it ended; `None` while it lives.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Asks it to end, waits, and kills it if it takes too long.
    pub(super) async fn stop(mut self) {
        for signal in [Signal::TERM, Signal::KILL] {
            // An error means that it has ended already.
            let _ = pidfd_send_signal(&self.handle, signal);
            // The sender is gone once the child has been waited for.
            let end = async { while self.ended.changed().await.is_ok() {} };
            if tokio::time::timeout(STOP_TIMEOUT, end).await.is_ok() {
                return;
            }
            tracing::warn!(
                pid = self.id,
                ?signal,
                "the engine has not ended in {} s",
                STOP_TIMEOUT.as_secs()
            );
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Nobody is left to use it; the kernel would end it with us, this does so at once.
        let _ = pidfd_send_signal(&self.handle, Signal::TERM);
    }
}
