//! The one port: metrics, health and the first page. Reads only; nothing here changes anything.

mod assets;
pub mod beside;
mod board;
mod costs;
mod guard;
mod health;
pub mod nodes;
pub mod number;
pub mod overview;
pub mod page;
pub mod reach;
mod warnings;

pub use board::{Board, Figures, StoreBoard};

use crate::{
    config::Config,
    domain::Period,
    net::Clock,
    periods::reconcile::Report,
    telemetry::metrics::{self, Metrics},
};
use axum::{
    Router,
    extract::{Query, RawQuery, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use board::{Kept, Trouble};
use maud::Markup;
use overview::Overview;
use serde::Deserialize;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot};

/// How long a request under way may go on once shutdown has begun.
const GRACE: Duration = Duration::from_secs(10);

/// What the answers are made from. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    board: Arc<dyn Board>,
    config: Arc<Config>,
    clock: Clock,
    metrics: Arc<Metrics>,
    measure: Arc<dyn Fn(&Metrics) + Send + Sync>,
    started: crate::domain::Ts,
    kept: Arc<Kept<Overview>>,
    reconciled: Arc<Kept<Report>>,
}

impl AppState {
    /// `metrics` are the program's own; `measure` brings those up to date that are looked up when somebody asks. The first interval of every source,
    /// for `/readyz`, is counted from now.
    pub fn new(
        board: Arc<dyn Board>,
        config: Arc<Config>,
        clock: Clock,
        metrics: Arc<Metrics>,
        measure: Arc<dyn Fn(&Metrics) + Send + Sync>,
    ) -> Self {
        let started = clock.now();
        Self {
            board,
            config,
            clock,
            metrics,
            measure,
            started,
            kept: Arc::default(),
            reconciled: Arc::default(),
        }
    }

    /// The page's content, at most a few seconds old.
    async fn overview(&self, period: Period) -> Result<Arc<Overview>, Trouble> {
        let (board, config) = (self.board.clone(), self.config.clone());
        let is_empty = |o: &Overview| o.tenants.is_empty() && o.unattributed.is_none();
        Kept::get(&self.kept, period.to_string(), is_empty, async move {
            let figures = board.month(period).await?;
            let lists = board.lists().await?;
            Ok(Overview::build(&config, &period, figures, lists))
        })
        .await
    }

    /// What different lists say of the same storage, at most a few seconds old.
    async fn report(&self) -> Result<Arc<Report>, Trouble> {
        let board = self.board.clone();
        let is_empty = |r: &Report| !r.unread.is_empty();
        Kept::get(
            &self.reconciled,
            "reconciliation".to_owned(),
            is_empty,
            async move { board.reconciliation().await },
        )
        .await
    }
}

/// All routes, with their guards.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(first_page))
        .route("/differences", get(differences))
        .route("/nodes", get(nodes_page))
        .route("/reconciliation", get(reconciliation))
        .route("/metrics", get(own_metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route(
            assets::STYLE.path(),
            get(|h: HeaderMap, RawQuery(q): RawQuery| async move {
                assets::STYLE.answer(&h, q.as_deref())
            }),
        )
        .route(
            assets::ICON.path(),
            get(|h: HeaderMap, RawQuery(q): RawQuery| async move {
                assets::ICON.answer(&h, q.as_deref())
            }),
        )
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(
            state.metrics.clone(),
            guard::guard,
        ))
        .with_state(state)
}

/// Serves until `shutdown` resolves; then accepts nothing new and lets requests under way finish, for at most ten seconds.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_within(listener, state, shutdown, GRACE).await
}

async fn serve_within(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    let (told, begun) = oneshot::channel::<()>();
    let stop = async move {
        shutdown.await;
        let _ = told.send(());
    };
    let serving = axum::serve(listener, router(state)).with_graceful_shutdown(stop);
    let out_of_patience = async move {
        if begun.await.is_err() {
            // Serving ended without being told to: its own result counts.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        done = serving => done,
        () = out_of_patience => {
            tracing::warn!("requests still under way after {} s were cut off", grace.as_secs());
            Ok(())
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    month: Option<String>,
}

type AskedOrNot = Result<Query<Asked>, axum::extract::rejection::QueryRejection>;

async fn first_page(State(state): State<AppState>, asked: AskedOrNot) -> Response {
    of_month(state, asked, "/", page::overview).await
}

async fn differences(State(state): State<AppState>, asked: AskedOrNot) -> Response {
    of_month(state, asked, "/differences", page::differences).await
}

async fn nodes_page(State(state): State<AppState>, asked: AskedOrNot) -> Response {
    of_month(state, asked, "/nodes", page::nodes).await
}

/// A page about a month.
async fn of_month(
    state: AppState,
    asked: AskedOrNot,
    path: &str,
    show: fn(&Overview) -> Markup,
) -> Response {
    let way = format!("Write it as {path}?month=2026-10.");
    let zone = state.config.meters.time_zone;
    let now = state.clock.now();
    let Ok(Query(Asked { month })) = asked else {
        return notice(
            StatusCode::BAD_REQUEST,
            "Which month?",
            "The address could not be read.",
            &way,
        );
    };
    let period = match &month {
        Some(text) => Period::month(text, zone).map_err(|e| e.to_string()),
        None => Period::containing(now, zone)
            .ok_or_else(|| format!("this machine's clock says {now}, which no calendar has")),
    };
    let period = match period {
        Ok(p) => p,
        Err(what) => {
            return notice(StatusCode::BAD_REQUEST, "Which month?", &what, &way);
        }
    };
    if period.from > now {
        let text = format!("{period} has not begun in {}.", zone.name());
        return notice(
            StatusCode::NOT_FOUND,
            "A month to come",
            &text,
            "Usage is shown once there is some.",
        );
    }
    match state.overview(period).await {
        Ok(o) => html(StatusCode::OK, &show(&o)),
        Err(trouble) => without(&trouble, &period.to_string()),
    }
}

/// Storage as different lists tell it, now.
async fn reconciliation(State(state): State<AppState>) -> Response {
    let zone = state.config.meters.time_zone;
    match state.report().await {
        Ok(report) => html(StatusCode::OK, &page::reconciliation(&report, zone)),
        Err(trouble) => without(&trouble, "the reconciliation"),
    }
}

/// The answer where a page could not be made.
fn without(trouble: &Trouble, what: &str) -> Response {
    match trouble {
        Trouble::Busy => {
            let page = page::notice(
                "One moment",
                "Other pages are being computed.",
                "Reload in a few seconds.",
            );
            (
                [(header::RETRY_AFTER, "3")],
                html(StatusCode::SERVICE_UNAVAILABLE, &page),
            )
                .into_response()
        }
        Trouble::Failed(why) => {
            tracing::error!(page = %what, "a page could not be computed: {why}");
            notice(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store did not answer",
                why,
                "Collected facts wait in the spool and are not lost. /readyz tells more; so does the log.",
            )
        }
    }
}

/// OpenMetrics for whoever names it, as Prometheus does; its older form for browsers and everybody else.
async fn own_metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    (state.measure)(&state.metrics);
    let page = state.metrics.encode();
    let newer = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|a| a.to_str().is_ok_and(|a| a.contains("openmetrics-text")));
    let (kind, page) = if newer {
        (metrics::CONTENT_TYPE, page)
    } else {
        (metrics::PLAIN_TYPE, metrics::plain(&page))
    };
    (
        [(header::CONTENT_TYPE, kind), (header::VARY, "accept")],
        page,
    )
        .into_response()
}

async fn ready(State(state): State<AppState>) -> Response {
    let (ready, body) = health::readiness(
        &*state.board,
        &state.config,
        state.started,
        state.clock.now(),
    )
    .await;
    (
        if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        body,
    )
        .into_response()
}

async fn not_found(uri: Uri) -> Response {
    let text = format!("There is nothing at {}.", uri.path());
    notice(
        StatusCode::NOT_FOUND,
        "Not found",
        &text,
        "There are / (usage of a month), /differences, /reconciliation, /metrics, /livez and /readyz.",
    )
}

fn html(status: StatusCode, page: &Markup) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        page.0.clone(),
    )
        .into_response()
}

fn notice(status: StatusCode, title: &str, text: &str, way_out: &str) -> Response {
    html(status, &page::notice(title, text, way_out))
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
