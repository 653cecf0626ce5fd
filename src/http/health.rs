//! Readiness: the store answers, and every list of every source was read of late.

use super::{
    board::Board,
    number::duration,
    reach::{interval_s, is_stale, reaches_to},
};
use crate::{config::Config, domain::Ts, store::ListStatus};
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
    let running_s = now.second() - started.second();
    let mut checks = Vec::new();
    for source in &config.sources {
        let name = source.name();
        let first = running_s <= i64::from(source.interval_s());
        let mut own: Vec<&ListStatus> = lists.iter().filter(|l| l.cloud == name).collect();
        own.sort_by(|a, b| a.list.cmp(&b.list));
        if own.is_empty() {
            let text = if first {
                "first pass under way"
            } else {
                "no list was read yet"
            };
            checks.push(Check {
                ok: first,
                text: format!("source {name}: {text}"),
            });
        }
        checks.extend(own.into_iter().map(|l| {
            let first = interval_s(config, l).map_or(first, |interval| running_s <= interval);
            list(l, is_stale(config, l, now), first, now)
        }));
    }
    checks
}

/// A list is ready when its last complete pass is no older than three intervals, or we have not run for one interval yet.
fn list(status: &ListStatus, stale: bool, first: bool, now: Ts) -> Check {
    let name = format!("source {}: {}", status.cloud, status.list);
    let text = reaches_to(status).map_or_else(
        || format!("{name}: no complete pass yet"),
        |w| {
            format!(
                "{name}: last complete pass {} ago",
                duration(now.second() - w.second())
            )
        },
    );
    let note = match (stale, first, status.last.error.as_str()) {
        (false, ..) | (true, false, "") => String::new(),
        (true, true, _) => ", first interval".to_owned(),
        (true, false, why) => format!(": {why}"),
    };
    Check {
        ok: !stale || first,
        text: format!("{text}{note}"),
    }
}
