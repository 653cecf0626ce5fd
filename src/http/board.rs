//! Where pages get their figures, and how they are kept for a moment so that reloads do not fold anew.

use super::overview::Reasons;
use crate::{
    config::Config,
    domain::{Period, Ts, bill::Rated, usage::Usage},
    periods::{
        closings,
        differences::Differences,
        metered::{self, Dated},
        nodes::Unmarked,
        reconcile::{self, Linked, Report},
        usage::{Rules, UsageError},
    },
    rating,
    store::{ListStatus, Store},
};
use futures::future::BoxFuture;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, Semaphore};

/// Figures younger than this are shown as they are.
const KEEP: Duration = Duration::from_secs(5);
/// The same for a month without usage: whoever has just started plimsoll reloads to see its first.
const KEEP_EMPTY: Duration = Duration::from_millis(500);
/// Months, or others of a kind, kept at once.
const PAGES_MAX: usize = 12;
/// Requests that may wait for a computation; more are told to come back.
const WAITING_MAX: usize = 32;

/// Where answers get their figures from.
pub trait Board: Send + Sync + 'static {
    /// The store's clock: it answers, or it is not ready.
    fn now(&self) -> BoxFuture<'_, Result<Ts, String>>;
    /// How far every list reaches.
    fn lists(&self) -> BoxFuture<'_, Result<Vec<ListStatus>, String>>;
    /// A month's usage, as of now.
    fn month(&self, period: Period) -> BoxFuture<'_, Result<Figures, String>>;
    /// What different lists say of the same storage, as of now.
    fn reconciliation(&self) -> BoxFuture<'_, Result<Report, String>>;
}

/// What a month's page is made from.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Usage.
    pub usage: Usage,
    /// Its prices; `None` while no price book is configured.
    pub rated: Option<Rated>,
    /// Why usage could not be priced, in words; then there are no charges.
    pub unpriced: Vec<String>,
    /// Why scopes are nobody's.
    pub reasons: Reasons,
    /// Where lists and events disagree.
    pub differences: Differences,
    /// Projects that carry nodes of clusters and are not marked.
    pub unmarked: Vec<Unmarked>,
}

/// The board of a real store.
pub struct StoreBoard {
    store: Store,
    config: Arc<Config>,
}

impl StoreBoard {
    /// Reads from `store` by what `config` says of meters, tenancy and prices.
    #[must_use]
    pub fn new(store: Store, config: Arc<Config>) -> Self {
        Self { store, config }
    }
}

impl StoreBoard {
    async fn computed(&self, period: &Period, as_of: Ts) -> Result<Dated, UsageError> {
        metered::compute(&self.store, &Rules::of(&self.config)?, period, as_of).await
    }
}

impl Board for StoreBoard {
    fn now(&self) -> BoxFuture<'_, Result<Ts, String>> {
        Box::pin(async { self.store.now().await.map_err(|e| e.to_string()) })
    }

    fn lists(&self) -> BoxFuture<'_, Result<Vec<ListStatus>, String>> {
        Box::pin(async { self.store.lists().await.map_err(|e| e.to_string()) })
    }

    fn month(&self, period: Period) -> BoxFuture<'_, Result<Figures, String>> {
        Box::pin(async move {
            let as_of = self.now().await?;
            let Dated { metered, computed } = self
                .computed(&period, as_of)
                .await
                .map_err(|e| e.to_string())?;
            let book = self.config.prices.as_ref();
            let tenants = &self.config.tenancy.contracts;
            let mut rated = book
                .map(|b| rating::rate(&metered, b, &period, tenants))
                .transpose();
            let carried = closings::carried(&self.store, &period, as_of);
            let carried = carried.await.map_err(|e| e.to_string())?;
            if let (Ok(Some(rated)), Some(book)) = (&mut rated, book) {
                // What is in other money stands in no bill.
                rating::carry(rated, carried, book);
            }
            let (rated, unpriced) = match (book.and_then(|b| b.objection(&period)), rated) {
                (Some(objection), _) => (None, vec![objection]),
                (None, Ok(rated)) => (rated, Vec::new()),
                (None, Err(unpriced)) => (None, unpriced.iter().map(ToString::to_string).collect()),
            };
            Ok(Figures {
                usage: metered.usage,
                rated,
                unpriced,
                reasons: computed.unattributed,
                differences: computed.differences,
                unmarked: computed.unmarked,
            })
        })
    }

    fn reconciliation(&self) -> BoxFuture<'_, Result<Report, String>> {
        Box::pin(async move {
            let as_of = self.now().await?;
            let (linked, book) = (Linked::of(&self.config), self.config.prices.as_ref());
            let zone = self.config.meters.time_zone;
            reconcile::reconcile(&self.store, &linked, book, as_of, zone)
                .await
                .map_err(|e| e.to_string())
        })
    }
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Too many wait already.
    Busy,
    /// The store's words.
    Failed(String),
}

/// What pages show, by what was asked for, computed one at a time.
pub(super) struct Kept<T> {
    pages: std::sync::Mutex<BTreeMap<String, Page<T>>>,
    one: Mutex<()>,
    waiting: Arc<Semaphore>,
}

struct Page<T> {
    content: Arc<T>,
    made: Instant,
    keep: Duration,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            pages: std::sync::Mutex::default(),
            one: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// What was asked for: the one kept, if it is young enough, else computed. The computation is a task of its own: a request that gives up does not undo
    /// it, and the next one finds it done. `is_empty`: whether it is kept for a moment only.
    pub(super) async fn get(
        kept: &Arc<Self>,
        asked: String,
        is_empty: fn(&T) -> bool,
        compute: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<Arc<T>, Trouble> {
        if let Some(page) = kept.young(&asked) {
            return Ok(page);
        }
        let place = kept
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|_| Trouble::Busy)?;
        let (kept, what) = (kept.clone(), asked.clone());
        let task = tokio::spawn(async move {
            let _place = place;
            let _one = kept.one.lock().await;
            if let Some(page) = kept.young(&asked) {
                return Ok(page);
            }
            let begun = Instant::now();
            let content = Arc::new(compute.await.map_err(Trouble::Failed)?);
            let least = if is_empty(&content) { KEEP_EMPTY } else { KEEP };
            kept.keep(asked, content.clone(), least, begun.elapsed());
            Ok(content)
        });
        task.await
            .unwrap_or_else(|e| Err(Trouble::Failed(format!("computing {what} broke off: {e}"))))
    }

    fn young(&self, asked: &str) -> Option<Arc<T>> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages
            .get(asked)
            .filter(|p| p.made.elapsed() < p.keep)
            .map(|p| p.content.clone())
    }

    fn keep(&self, asked: String, content: Arc<T>, least: Duration, took: Duration) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|_, p| p.made.elapsed() < p.keep);
        if pages.len() >= PAGES_MAX {
            pages.pop_first();
        }
        // What is dear to compute is kept longer, so that pages never take more than a fifth of a core.
        let page = Page {
            content,
            made: Instant::now(),
            keep: least + took * 4,
        };
        pages.insert(asked, page);
    }
}
