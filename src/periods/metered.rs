//! Usage of a period with the times behind it: what rating needs.

use super::usage::{self, Computed, Rules, Seen, UsageError};
use crate::{
    domain::{
        Period, ResourceKey, Ts, UsageRow,
        bill::{Metered, Stretch},
        usage::{Basis, Piece},
    },
    fold::measure,
    store::Store,
};
use std::collections::BTreeMap;

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
    let mut by_row: BTreeMap<String, Vec<Stretch>> = BTreeMap::new();
    let mut computed = usage::compute_each(store, rules, period, as_of, |seen| match seen {
        Seen::Life(life, scopes, window) => {
            for piece in measure::pieces_of(life, &rules.meters, scopes) {
                let stretches = stretches(&piece, window);
                if !stretches.is_empty() {
                    let id = UsageRow::id_of(&month, &row_of(life.key, piece));
                    by_row.entry(id).or_default().extend(stretches);
                }
            }
        }
        Seen::Share(row, days) => {
            let stretches = days.iter().flat_map(|d| d.stretches(to)).collect();
            by_row.insert(row.id.clone(), stretches);
        }
    })
    .await?;
    let rows = std::mem::take(&mut computed.usage.rows);
    let stretches = rows
        .iter()
        .map(|r| by_row.remove(&r.id).unwrap_or_default())
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

/// The fields that name a piece's row.
fn row_of(key: &ResourceKey, piece: Piece) -> UsageRow {
    UsageRow {
        id: String::new(),
        tenant: piece.tenant,
        contract: piece.contract,
        scope: piece.scope,
        scope_name: String::new(),
        source: key.cloud.clone(),
        kind: key.kind.clone(),
        resource: key.resource.clone(),
        resource_name: String::new(),
        meter: piece.meter,
        unit: piece.unit,
        dimensions: piece.dimensions,
        quantity: 0,
        observed_s: 0,
        expected_s: 0,
    }
}
