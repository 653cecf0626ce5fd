//! The embedded engine: ClickHouse in a child process of ours, from `libchdb.so`, reached over HTTP on loopback like any other.
//!
//! One engine a directory. Whoever needs the store joins the one that runs, or starts one and stops it again. The engine itself holds the lock, so that the
//! lock lives exactly as long as it does, and two that start at one moment settle it between them: one of the children gets the lock, the other ends with
//! status [`BUSY`], and its parent joins.
//!
//! # Time and memory
//! Measured once by `benches/store.rs` (debug build, two busy cores, engine 26.7.3-stable.1): a new store opens in 0.6 s, one that is there in 0.2 s, a
//! running engine is joined in 20 ms. Idle it holds 222 MB resident, 52 MB of it anonymous; after 200,000 facts 321 MB and 143 MB. 51,000 facts/s go in,
//! one fact alone takes 12 ms to be acknowledged (it is synced to the disk); 10,000 servers with 20 facts each come back in 1.7 s. A fact takes 10 bytes
//! in that made-up data, which has regular times and no hashes of raw objects; real facts take more.
//!
//! # Limits
//! The engine's own session must have an empty password, so any process of this machine may log in as `default` and read nothing, but may stop the
//! listener (`SYSTEM STOP LISTEN`). The store then finds its engine silent and starts it anew; nothing is lost.

mod ffi;
mod files;
mod keeper;
mod serve;

pub(super) use files::{APP, DATABASE};
pub use serve::{Serve, serve};

use super::connect;
use files::Files;
use keeper::Keeper;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use url::Url;

/// Lets this process's threads share their room: what many hold at times, each by itself, adds up. To be called before there are any.
pub fn share_arenas() {
    ffi::share_arenas();
}

/// Exit status of an engine that found another in its directory (`EX_TEMPFAIL` of sysexits.h).
pub const BUSY: u8 = 75;
/// How long an engine may take until it answers: seconds on a machine at ease, more when it has a crash to recover from.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library is not there.
    #[error(
        "the embedded store needs the engine's library, libchdb.so, which is in none of {looked}: `make build` fetches it; or set PLIMSOLL_ENGINE_LIBRARY \
         to where it is; or configure a remote ClickHouse (`store: {{url: ...}}`)"
    )]
    NoLibrary {
        /// Where we looked.
        looked: String,
    },
    /// The directory cannot be used.
    #[error("the engine's directory {}: {why}", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// In words.
        why: String,
    },
    /// The child could not be started.
    #[error("the engine's process cannot be started: {why}")]
    Spawn {
        /// In words.
        why: String,
    },
    /// The child ended before it served.
    #[error("the engine ended before it served ({status}): {log} (all of it in {})", file.display())]
    Ended {
        /// How.
        status: String,
        /// Its last words.
        log: String,
        /// Its log.
        file: PathBuf,
    },
    /// Nothing answered in time.
    #[error("the engine in {} does not answer after {} s; its log: {log}; if a process of another session holds it, end that one", dir.display(), START_TIMEOUT.as_secs())]
    Silent {
        /// Which.
        dir: PathBuf,
        /// Its last words.
        log: String,
    },
}

impl EngineError {
    fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Directory {
            dir: path.to_owned(),
            why: format!("cannot {doing} it: {error}"),
        }
    }

    /// True when the same attempt may succeed later without anyone's doing.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Silent { .. } | Self::Ended { .. } | Self::Spawn { .. }
        )
    }
}

/// What is run as the engine.
#[derive(Debug, Clone)]
pub struct Program {
    /// The `plimsoll` binary.
    pub binary: PathBuf,
    /// The engine's library; `None`: looked for when an engine has to be started.
    pub library: Option<PathBuf>,
}

impl Program {
    /// This very program (`PLIMSOLL_BIN` names another, for programs that are not plimsoll but use its store).
    #[must_use]
    pub fn find() -> Self {
        Self {
            binary: std::env::var_os("PLIMSOLL_BIN")
                .map_or_else(|| PathBuf::from("/proc/self/exe"), PathBuf::from),
            library: None,
        }
    }

    /// The library: as given, as `PLIMSOLL_ENGINE_LIBRARY` says, or near the binary.
    ///
    /// # Errors
    /// [`EngineError::NoLibrary`], with all places looked in.
    pub fn library(&self) -> Result<PathBuf, EngineError> {
        let given = self
            .library
            .clone()
            .or_else(|| std::env::var_os("PLIMSOLL_ENGINE_LIBRARY").map(PathBuf::from));
        let places = given.map_or_else(
            || {
                let binary = self
                    .binary
                    .canonicalize()
                    .unwrap_or_else(|_| self.binary.clone());
                let dir = binary.parent().map(Path::to_owned).unwrap_or_default();
                [
                    "libchdb.so",
                    "../lib/plimsoll/libchdb.so",
                    "../engine/libchdb.so",
                    "../../engine/libchdb.so",
                ]
                .map(|p| dir.join(p))
                .to_vec()
            },
            |g| vec![g],
        );
        let looked = places
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        places
            .into_iter()
            .find(|p| p.is_file())
            .ok_or(EngineError::NoLibrary { looked })
    }
}

/// An engine that answers, ours or one we joined.
#[derive(Debug)]
pub(super) struct Engine {
    files: Files,
    clients: File,
    keeper: Option<Keeper>,
    client: clickhouse::Client,
}

impl Engine {
    /// Joins the engine of `dir`, or starts one.
    pub(super) async fn open(
        dir: &Path,
        program: &Program,
        memory_max_bytes: u64,
    ) -> Result<Self, EngineError> {
        let files = Files::open(dir)?;
        let clients = files.lock_file("clients")?;
        clients
            .lock_shared()
            .map_err(|e| EngineError::file("lock", &files.path("clients"), &e))?;
        let began = Instant::now();
        let mut keeper: Option<Keeper> = None;
        while began.elapsed() < START_TIMEOUT {
            let running = files.running()?;
            if let Some(client) = answering(&files, running).await {
                // One that lost the race for the lock is about to end by itself.
                let keeper = keeper.filter(|k| Some(k.id()) == running);
                tracing::info!(dir = %dir.display(), pid = running, ours = keeper.is_some(), ms = began.elapsed().as_millis(), "engine");
                return Ok(Self {
                    files,
                    clients,
                    keeper,
                    client,
                });
            }
            match keeper.as_ref().map(Keeper::ended) {
                None if running.is_none() => {
                    keeper = Some(start(&files, program, memory_max_bytes).await?)
                }
                Some(Some(status)) if status.code() == Some(i32::from(BUSY)) => keeper = None,
                Some(Some(status)) => {
                    return Err(EngineError::Ended {
                        status: status.to_string(),
                        log: files.log_tail(),
                        file: files.path("engine.log"),
                    });
                }
                None | Some(None) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(EngineError::Silent {
            dir: dir.to_owned(),
            log: files.log_tail(),
        })
    }

    /// A client of it.
    pub(super) fn client(&self) -> &clickhouse::Client {
        &self.client
    }

    /// True while it answers.
    pub(super) async fn answers(&self) -> bool {
        self.files.running().is_ok_and(|r| r.is_some()) && ping(&self.client).await
    }

    /// True when this process started it and no other uses it at this moment.
    pub(super) fn is_alone(&self) -> bool {
        let alone = self.keeper.is_some() && self.clients.try_lock().is_ok();
        // Back to shared, so that others may come; also where it failed, for a failed conversion may lose the lock it had (flock(2)).
        self.clients.lock_shared().is_ok() && alone
    }

    /// Ends it, if this process started it.
    pub(super) async fn stop(self) {
        if let Some(keeper) = self.keeper {
            keeper.stop().await;
        }
    }
}

async fn start(
    files: &Files,
    program: &Program,
    memory_max_bytes: u64,
) -> Result<Keeper, EngineError> {
    use std::os::unix::process::CommandExt as _;
    let library = program.library()?;
    let log_file = files.path("engine.log");
    // Nobody writes to it: no engine runs.
    drop(std::fs::remove_file(&log_file));
    let log = File::options()
        .create(true)
        .append(true)
        .open(&log_file)
        .map_err(|e| EngineError::file("open", &log_file, &e))?;
    let mut command = Command::new(&program.binary);
    command
        .arg("engine")
        .arg("--dir")
        .arg(files.path(""))
        .arg("--library")
        .arg(library)
        .arg("--memory-max-bytes")
        .arg(memory_max_bytes.to_string())
        .arg("--parent")
        .arg(std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Its own group: Ctrl-C on a terminal is for us, and we still have to write what we hold.
        .process_group(0);
    Keeper::start(command).await
}

/// A client of the engine that lives here, if it answers. A port that a dead engine left is not spoken to: it may be another's by now.
async fn answering(files: &Files, running: Option<u32>) -> Option<clickhouse::Client> {
    running?;
    let url = Url::parse(&format!("http://127.0.0.1:{}", files.port()?)).ok()?;
    let client = connect::client(&url, APP, &files.password(APP).ok()?, None).ok()?;
    ping(&client).await.then_some(client)
}

/// Where the engine of a directory listens, and its dashboards' password file.
pub(super) fn address(dir: &Path) -> Option<(String, PathBuf)> {
    let files = Files::open(dir).ok()?;
    let url = format!("http://127.0.0.1:{}", files.port()?);
    Some((url, files.path(&format!("{}.password", files::GRAFANA))))
}

async fn ping(client: &clickhouse::Client) -> bool {
    let one = client.query("SELECT 1").fetch_one::<u8>();
    matches!(tokio::time::timeout(PING_TIMEOUT, one).await, Ok(Ok(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_names_the_ways_out() {
        let program = Program {
            binary: "/nowhere/bin/plimsoll".into(),
            library: Some("/nowhere/libchdb.so".into()),
        };
        let words = program.library().unwrap_err().to_string();
        for part in [
            "/nowhere/libchdb.so",
            "make build",
            "PLIMSOLL_ENGINE_LIBRARY",
            "remote ClickHouse",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }
}
