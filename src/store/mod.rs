//! Where facts are kept: ClickHouse, embedded as a child process or remote, by one path (the `clickhouse` crate over HTTP).
//!
//! Nothing here depends on being called once: the same batch, written twice, by two writers, in any order, reads back the same, but for `stored_at`, of
//! which the earliest counts. What is read is folded by identity on the way out, for the store folds it only when it merges.

mod closed;
mod connect;
pub mod engine;
mod error;
mod files;
mod migrate;
mod probed;
mod read;
mod resources;
mod rows;
mod told;
mod write;

pub use closed::{Approved, ChargeStream, ClosedAs, Decision, Step, StepKind};
pub use error::StoreError;
pub use files::{FilePart, FileParts, PART_BYTES};
pub use read::ListStatus;
pub use resources::{FactQuery, ResourceStream};
pub use told::ToldStream;

use crate::config;
use clickhouse::{Client, RowOwned, RowRead, query::Query};
use engine::{Engine, Program};
use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// How long an answer may take to begin or to go on.
const QUERY_TIMEOUT: Duration = Duration::from_secs(120);

/// The store. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    client: RwLock<Client>,
    /// Address, for messages: never with credentials.
    place: String,
    insert_timeout: Duration,
    /// The engine, where it is embedded.
    embedded: Option<Embedded>,
}

struct Embedded {
    dir: PathBuf,
    program: Program,
    memory_max_bytes: u64,
    engine: tokio::sync::Mutex<Held>,
}

enum Held {
    /// One that answers, as far as is known.
    Running(Box<Engine>),
    /// It went, and no other could be had yet.
    Lost,
    /// Stopped by ourselves: it stays so.
    Closed,
}

impl Store {
    /// Joins a running engine of the data directory, starts one, or connects to a remote one; then migrates forward.
    ///
    /// # Errors
    /// When there is no engine to be had, the remote does not answer or refuses, or its schema is not one this program may work with.
    pub async fn open(config: &config::Store) -> Result<Self, StoreError> {
        Self::open_with(config, Program::find()).await
    }

    /// The same, with another program as the engine: for tests, whose own binary is not plimsoll.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(config: &config::Store, program: Program) -> Result<Self, StoreError> {
        // An engine ends with the process that started it, also under those that have just joined it.
        match Self::open_once(config, program.clone()).await {
            Err(e) if e.is_silence() => Self::open_once(config, program).await,
            done => done,
        }
    }

    async fn open_once(config: &config::Store, program: Program) -> Result<Self, StoreError> {
        let insert_timeout = Duration::from_secs(u64::from(config.insert_timeout_s));
        let (client, place, database, embedded) = match &config.at {
            config::StoreAt::Embedded { memory_max_bytes } => {
                let dir = config.data_dir.join("engine");
                let engine = Engine::open(&dir, &program, *memory_max_bytes).await?;
                let client = engine.client().clone();
                let place = dir.display().to_string();
                let engine = tokio::sync::Mutex::new(Held::Running(Box::new(engine)));
                let embedded = Embedded {
                    dir,
                    program,
                    memory_max_bytes: *memory_max_bytes,
                    engine,
                };
                (client, place, engine::DATABASE, Some(embedded))
            }
            config::StoreAt::Remote {
                url,
                database,
                user,
                password,
                ca_file,
            } => {
                let client = connect::client(url, user, password.expose(), ca_file.as_deref())?;
                (
                    client,
                    url.origin().ascii_serialization(),
                    database.as_str(),
                    None,
                )
            }
        };
        let store = Self {
            shared: Arc::new(Shared {
                client: RwLock::new(client),
                place,
                insert_timeout,
                embedded,
            }),
        };
        let make = format!(
            "CREATE DATABASE IF NOT EXISTS `{}`",
            database.replace('\\', "\\\\").replace('`', "\\`")
        );
        store.execute("make the database", &make).await?;
        store.set_client(store.client().with_database(database));
        migrate::migrate(&store).await?;
        Ok(store)
    }

    /// Stops the engine, if this process started it. Clones of this store find it silent from then on.
    ///
    /// # Errors
    /// None at present: an engine that does not end is killed.
    pub async fn close(self) -> Result<(), StoreError> {
        if let Some(embedded) = &self.shared.embedded {
            let held = std::mem::replace(&mut *embedded.engine.lock().await, Held::Closed);
            if let Held::Running(engine) = held {
                engine.stop().await;
            }
        }
        Ok(())
    }

    /// True when nobody else can be writing at this moment: this process started the embedded engine, and no other has joined it.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let Some(embedded) = &self.shared.embedded else {
            return false;
        };
        embedded
            .engine
            .try_lock()
            .is_ok_and(|held| matches!(&*held, Held::Running(engine) if engine.is_alone()))
    }

    /// Where the embedded engine listens, and the file with the password of its read-only user `grafana`; `None` for a remote store.
    #[must_use]
    pub fn engine(&self) -> Option<(String, PathBuf)> {
        let dir = &self.shared.embedded.as_ref()?.dir;
        engine::address(dir)
    }

    fn client(&self) -> Client {
        self.shared
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_client(&self, client: Client) {
        *self
            .shared
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Runs a statement without an answer.
    async fn execute(&self, doing: &'static str, sql: &str) -> Result<(), StoreError> {
        let query = self.client().query_raw(sql).execute();
        self.within(doing, QUERY_TIMEOUT, query).await
    }

    /// The one value of a statement.
    async fn one<T: RowOwned + RowRead>(
        &self,
        doing: &'static str,
        sql: &str,
    ) -> Result<T, StoreError> {
        let query = self.client().query_raw(sql).fetch_one::<T>();
        self.within(doing, QUERY_TIMEOUT, query).await
    }

    /// All rows of an answer that fits into memory.
    async fn all<T: RowOwned + RowRead>(
        &self,
        doing: &'static str,
        query: Query,
    ) -> Result<Vec<T>, StoreError> {
        self.within(doing, QUERY_TIMEOUT, query.fetch_all::<T>())
            .await
    }

    /// Waits for the store, sorts its errors, and sees to the engine when nothing answered: so that the next attempt finds one.
    async fn within<T>(
        &self,
        doing: &'static str,
        limit: Duration,
        answer: impl Future<Output = clickhouse::error::Result<T>>,
    ) -> Result<T, StoreError> {
        let place = &self.shared.place;
        let error = match tokio::time::timeout(limit, answer).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(e)) => StoreError::of(doing, place, limit, &e),
            Err(_) => StoreError::Slow {
                doing,
                place: place.clone(),
                limit,
            },
        };
        if error.is_silence() {
            self.revive().await;
        }
        Err(error)
    }

    /// Joins or starts an engine again, if the one we had is gone.
    async fn revive(&self) {
        let Some(embedded) = &self.shared.embedded else {
            return;
        };
        let mut held = embedded.engine.lock().await;
        match std::mem::replace(&mut *held, Held::Lost) {
            Held::Closed => {
                *held = Held::Closed;
                return;
            }
            Held::Running(engine) if engine.answers().await => {
                // Perhaps another task has started it anew since.
                *held = Held::Running(engine);
                return;
            }
            Held::Running(engine) => engine.stop().await,
            Held::Lost => {}
        }
        tracing::warn!(dir = %embedded.dir.display(), "the engine does not answer: looking for another, or starting one");
        match Engine::open(&embedded.dir, &embedded.program, embedded.memory_max_bytes).await {
            Ok(engine) => {
                self.set_client(engine.client().clone().with_database(engine::DATABASE));
                *held = Held::Running(Box::new(engine));
            }
            Err(e) => tracing::error!(error = %e, "no engine"),
        }
    }
}
