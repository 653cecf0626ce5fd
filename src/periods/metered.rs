//! Usage of a period with the times behind it: what rating needs.

use super::usage::{self, Computed, Rules, Seen, UsageError};
use crate::{
    domain::{
        Period, Ts, UsageRow,
        bill::{Metered, Stretch},
        usage::{Basis, Piece},
    },
    fold::measure,
    store::Store,
};
use std::collections::HashMap;

/// A computation whose usage has its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The usage with its times.
    pub metered: Metered,
    /// What the computation found beside it; its own usage is empty.
    pub computed: Computed,
}

/// All usage of `period` as of `as_of`, with its times. **Memory usage**: about 100 bytes a row and 48 a stretch beside the rows.
///
/// # Errors
/// [`UsageError`].
pub async fn compute(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
) -> Result<Dated, UsageError> {
    let month = period.to_string();
    let to = period.to.second();
    let mut by_row: HashMap<u128, Vec<Stretch>> = HashMap::new();
    let mut computed = usage::compute_each(store, rules, period, as_of, |seen| match seen {
        Seen::Life(life, scopes, window) => {
            for piece in measure::pieces_of(life, &rules.meters, scopes) {
                let stretches = stretches(&piece, window);
                if !stretches.is_empty() {
                    let id = UsageRow::id_of_piece(&month, life.key, &piece);
                    by_row.entry(number(&id)).or_default().extend(stretches);
                }
            }
        }
        Seen::Share(row, days) => {
            let stretches = days.iter().flat_map(|d| d.stretches(to)).collect();
            by_row.insert(number(&row.id), stretches);
        }
    })
    .await?;
    let rows = std::mem::take(&mut computed.usage.rows);
    let stretches = rows
        .iter()
        .map(|r| {
            let mut stretches = by_row.remove(&number(&r.id)).unwrap_or_default();
            stretches.shrink_to_fit();
            stretches
        })
        .collect();
    let usage = crate::domain::usage::Usage {
        rows,
        ..computed.usage.clone()
    };
    Ok(Dated {
        metered: Metered { usage, stretches },
        computed,
    })
}

/// An id, which is 32 digits of a hash, as the number that it is.
fn number(id: &str) -> u128 {
    u128::from_str_radix(id, 16).unwrap_or_default()
}

/// The part of a piece inside the window: what was observed, and what still should be.
fn stretches(piece: &Piece, window: &measure::Window) -> Vec<Stretch> {
    if piece.basis == Basis::Amount {
        // It is a number, and lasts no time.
        return Vec::new();
    }
    let (from, to) = (window.from.second(), window.to.second());
    let end = piece.end.map_or(to, Ts::second).min(to);
    let start = piece.start.second().max(from);
    let watermark = match piece.basis {
        Basis::Told => to,
        Basis::Held | Basis::Amount => window.watermark.second(),
    };
    let expected = end.min(window.as_of.second().max(watermark));
    let observed = if piece.observed {
        end.min(watermark).max(start)
    } else {
        start
    };
    let stretch = |start: i64, end: i64, observed: bool| Stretch {
        start,
        end,
        level: if observed { piece.level } else { 0 },
        observed,
        lasts_to: if piece.observed { to } else { end },
    };
    let mut parts = Vec::new();
    if start < observed {
        // It goes on past what was read, as far as is known.
        parts.push(Stretch {
            lasts_to: end,
            ..stretch(start, observed, true)
        });
    }
    if observed < expected {
        parts.push(stretch(observed, expected, false));
    }
    parts
}
