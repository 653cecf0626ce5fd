//! Readiness: the store answers, and every list of every source was read of late.

use super::{
    board::Board,
    number::duration,
    overview::{interval_s, reaches_to},
};
use crate::{
    config::{Config, Source},
    domain::Ts,
    store::ListStatus,
};
use std::{fmt::Write as _, time::Duration};

/// The store has this long to answer a probe.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    ok: bool,
    text: String,
}

/// Runs every check: (ready, a line for each).
pub(super) async fn readiness(
    board: &dyn Board,
    config: &Config,
    started: Ts,
    now: Ts,
) -> (bool, String) {
    let asked = async {
        board.now().await?;
        board.lists().await
    };
    let checks = match tokio::time::timeout(STORE_TIMEOUT, asked).await {
        Ok(Ok(lists)) => {
            let store = Check {
                ok: true,
                text: "store ok".to_owned(),
            };
            std::iter::once(store)
                .chain(sources(config, &lists, started, now))
                .collect()
        }
        Ok(Err(why)) => vec![Check {
            ok: false,
            text: format!("store: {why}"),
        }],
        Err(_) => vec![Check {
            ok: false,
            text: format!("store: no answer in {} s", STORE_TIMEOUT.as_secs()),
        }],
    };
    let ready = checks.iter().all(|c| c.ok);
    let mut body = String::new();
    for c in &checks {
        let _ = writeln!(
            body,
            "[{}]{}",
            if c.ok { '+' } else { '-' },
            c.text.replace('\n', " ")
        );
    }
    let _ = writeln!(body, "{}", if ready { "ready" } else { "not ready" });
    (ready, body)
}

fn sources(config: &Config, lists: &[ListStatus], started: Ts, now: Ts) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in config.sources.iter().map(Source::name) {
        let mut own: Vec<&ListStatus> = lists.iter().filter(|l| l.cloud == name).collect();
        own.sort_by(|a, b| a.list.cmp(&b.list));
        if own.is_empty() {
            let within = now.second() - started.second() <= interval_s(config, name, "servers");
            let text = if within {
                "first pass under way"
            } else {
                "no list was read yet"
            };
            checks.push(Check {
                ok: within,
                text: format!("source {name}: {text}"),
            });
        }
        checks.extend(own.into_iter().map(|l| list(config, l, started, now)));
    }
    checks
}

/// A list is ready when its last complete pass is no older than three intervals, or we have not run for one interval yet.
fn list(config: &Config, status: &ListStatus, started: Ts, now: Ts) -> Check {
    let interval = interval_s(config, &status.cloud, &status.list);
    let first = now.second() - started.second() <= interval;
    let name = format!("source {}: {}", status.cloud, status.list);
    let (recent, text) = match reaches_to(status).map(|w| now.second() - w.second()) {
        Some(age) => (
            age <= 3 * interval,
            format!("{name}: last complete pass {} ago", duration(age)),
        ),
        None => (false, format!("{name}: no complete pass yet")),
    };
    let note = match (recent, first) {
        (true, _) => "",
        (false, true) => ", first interval",
        (false, false) if status.last.error.is_empty() => "",
        (false, false) => {
            return Check {
                ok: false,
                text: format!("{text}: {}", status.last.error),
            };
        }
    };
    Check {
        ok: recent || first,
        text: format!("{text}{note}"),
    }
}
