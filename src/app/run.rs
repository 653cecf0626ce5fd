//! `plimsoll run`: collect, store and serve until stopped.

use super::{alerts, collector, exit, open_store, pump, read::keep_definitions, refresh, stopped};
use crate::{
    config::{self, Config},
    domain::{Batch, Outcome, PassMode},
    http,
    net::Clock,
    sources::Source,
    spool::{NotStored, Spool},
    store::Store,
    telemetry::metrics::Metrics,
};
use anyhow::{Context as _, Result};
use futures::future::join_all;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};

/// How long the parts may take to end once asked to.
const GRACE: Duration = Duration::from_secs(8);
/// How long to wait before asking a store again that failed.
const STORE_RETRY: Duration = Duration::from_secs(5);
/// Passes that may wait for their resources' cached pieces to be rebuilt.
const REFRESHES_MAX: usize = 64;

/// What the parts of a running plimsoll share.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) config: Arc<Config>,
    pub(super) store: Store,
    pub(super) spool: Arc<Spool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

impl Parts {
    /// Opens the store and the spool, and keeps the definitions in force.
    pub(super) async fn open(config: Config, clock: Clock) -> Result<Self> {
        let store = open_store(&config).await?;
        keep_definitions(&store, &config).await?;
        let dir = config.store.data_dir.join("spool");
        let spool = Spool::open(&dir, config.store.spool_max_bytes)
            .with_context(|| format!("opening the spool {}", dir.display()))?;
        Ok(Self {
            config: Arc::new(config),
            store,
            spool: Arc::new(spool),
            metrics: Arc::new(Metrics::new()),
            clock,
        })
    }

    /// Delivers the spool to the store until stopped.
    pub(super) fn drain(
        &self,
        stop: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (store, spool) = (self.store.clone(), self.spool.clone());
        async move {
            loop {
                let mut stopping = stop.clone();
                let stopped = async move {
                    let _ = stopping.wait_for(|s| *s).await;
                };
                match spool
                    .run(|batch| write(store.clone(), batch), stopped)
                    .await
                {
                    Ok(()) => return,
                    Err(e) => {
                        tracing::error!(error = %e, "the spool cannot be delivered; trying again")
                    }
                }
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}

async fn write(store: Store, batch: Arc<Batch>) -> Result<(), NotStored> {
    store.write(&batch).await.map_err(|e| NotStored {
        refused: !e.is_transient(),
        why: e.to_string(),
    })
}

/// `plimsoll run`.
pub(super) async fn run(config: Config) -> Result<u8> {
    let listen = config.http.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("listening on {listen} (http.listen): is another plimsoll running there?")
    })?;
    // As bound: with port 0 the system chooses one.
    let listen = listener.local_addr().unwrap_or(listen);
    let parts = Parts::open(config, Clock::System).await?;
    let (stop, stopping) = watch::channel(false);
    let (touched, touches) = mpsc::channel(REFRESHES_MAX);
    let mut tasks = JoinSet::new();
    // Goes on after the stop, until what was read before it is delivered.
    let (_on, on) = watch::channel(false);
    let drain = tokio::spawn(parts.drain(on));
    tasks.spawn(refresh::refresh(parts.clone(), touches, stopping.clone()));
    tasks.spawn(alerts::alerts(parts.clone(), stopping.clone()));
    for source in parts.config.sources.clone() {
        tasks.spawn(source_loop(
            parts.clone(),
            source,
            touched.clone(),
            stopping.clone(),
        ));
    }
    let server = tokio::spawn(serve(parts.clone(), listener, stopping));
    tracing::info!(
        "plimsoll {} serves http://{listen}/ and reads {} source(s)",
        env!("CARGO_PKG_VERSION"),
        parts.config.sources.len()
    );
    stopped().await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    let ended = tokio::time::timeout(GRACE, async {
        while tasks.join_next().await.is_some() {}
        let served = server.await;
        parts.spool.drained().await;
        served
    })
    .await;
    drain.abort();
    if ended.is_err() {
        tracing::warn!(
            "some parts did not end in time; what was accepted is in the spool and is delivered at the next start"
        );
    }
    drop(tasks);
    parts.store.close().await.context("stopping the engine")?;
    Ok(exit::DONE)
}

async fn serve(parts: Parts, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
    let spool = parts.spool.clone();
    let board = Arc::new(http::StoreBoard::new(parts.store, parts.config.clone()));
    let measure = Arc::new(move |metrics: &Metrics| {
        let depth = spool.depth();
        metrics.spool(
            depth.bytes,
            usize::try_from(depth.batches).unwrap_or(usize::MAX),
        );
    });
    let state = http::AppState::new(board, parts.config, parts.clock, parts.metrics, measure);
    let stop = async move {
        let _ = stopping.wait_for(|s| *s).await;
    };
    if let Err(e) = http::serve(listener, state, stop).await {
        tracing::error!(error = %e, "the web server ended");
    }
}

/// Reads one source for ever: its trouble is its own (invariant 9).
async fn source_loop(
    parts: Parts,
    config: config::Source,
    touched: mpsc::Sender<pump::Touched>,
    mut stopping: watch::Receiver<bool>,
) {
    let work = async {
        let name = config.name();
        // What an earlier run left is delivered first: a list is never remembered to reach further than its facts.
        parts.spool.drained().await;
        let memory = loop {
            match parts.store.memory(name).await {
                Ok(m) => break m,
                Err(e) => {
                    tracing::warn!(source = %name, error = %e, "cannot read what was known; trying again")
                }
            }
            tokio::time::sleep(STORE_RETRY).await;
        };
        parts.metrics.source(name);
        match Source::open(&config, &parts.clock, &memory, &collector()) {
            Ok(readers) => {
                let loops = readers
                    .into_iter()
                    .map(|r| reader_loop(&parts, r, &touched));
                join_all(loops).await;
            }
            Err(e) => tracing::error!(source = %name, error = %e, "cannot be read"),
        }
    };
    tokio::select! {
        () = work => {}
        _ = stopping.wait_for(|s| *s) => {}
    }
}

/// Reads one share of a source for ever, in a rhythm of its own.
async fn reader_loop(parts: &Parts, mut reader: Source, touched: &mpsc::Sender<pump::Touched>) {
    tokio::time::sleep(reader.offset()).await;
    let mut next_full = Instant::now();
    loop {
        let began = Instant::now();
        let mode = if began >= next_full {
            PassMode::Full
        } else {
            PassMode::Changes
        };
        let got = pump::pump(&mut reader, mode, &parts.spool, &parts.metrics).await;
        if mode == PassMode::Full && got.passes.iter().all(|p| p.outcome == Outcome::Complete) {
            next_full = began + reader.full_interval();
        }
        let suspect = got.passes.iter().any(|p| p.outcome == Outcome::Suspect);
        if touched.send(got).await.is_err() {
            return;
        }
        if suspect {
            believe_store(parts, &mut reader).await;
        }
        tokio::time::sleep(reader.pause(began.elapsed())).await;
    }
}

/// A person may have vouched for a suspect list meanwhile (`collect --believe`), by another process: then the store knows what has ended.
async fn believe_store(parts: &Parts, reader: &mut Source) {
    if parts.spool.depth().batches > 0 {
        // The store knows less than the reader until it has all of this.
        return;
    }
    match parts.store.memory(reader.name()).await {
        Ok(memory) => reader.remember(&memory),
        Err(e) => {
            tracing::debug!(source = reader.name(), error = %e, "what the store knows could not be read")
        }
    }
}
