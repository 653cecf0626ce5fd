//! Measures timelines: which seconds count, for whom, at which level; and the exact sums of a period.

use crate::domain::{
    Aspect, Known, Meter, Meters, Owner, ResourceKey, Span, Timeline, Ts, UsageRow,
    ownership::{Scope, Scopes},
    usage::Piece,
};
use std::collections::BTreeMap;

/// The word shown in a dimension whose value was not observed.
pub const UNOBSERVED: &str = "unobserved";

/// Values that hold over one elementary interval.
struct Moment<'a> {
    start: Ts,
    end: Option<Ts>,
    state: &'a Span,
    flavor: Option<&'a Known>,
    zone: Option<&'a Known>,
    scope: &'a str,
}

/// The pieces of a resource's whole life: per meter, sorted by start, never overlapping, equal neighbours merged.
#[must_use]
pub fn pieces(timeline: &Timeline, meters: &Meters, scopes: &Scopes) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let moments = moments(timeline);
    for meter in meters.of_kind(&timeline.key.kind) {
        let first = out.len();
        for moment in &moments {
            if let Some((level, observed)) = level(meter, moment) {
                for piece in by_owner(meter, moment, level, observed, &timeline.key.cloud, scopes) {
                    push_merged(&mut out, first, piece);
                }
            }
        }
    }
    out
}

fn push_merged(out: &mut Vec<Piece>, first: usize, piece: Piece) {
    if out.len() > first
        && let Some(last) = out.last_mut()
        && last.end == Some(piece.start)
    {
        let joined = Piece {
            end: piece.end,
            ..last.clone()
        };
        if joined
            == (Piece {
                start: last.start,
                ..piece.clone()
            })
        {
            *last = joined;
            return;
        }
    }
    out.push(piece);
}

/// Cuts the life into intervals over which nothing changes.
fn moments(timeline: &Timeline) -> Vec<Moment<'_>> {
    let mut out = Vec::new();
    for state in timeline.spans(Aspect::State) {
        let mut start = state.start;
        while state.end.is_none_or(|e| start < e) {
            let at = |aspect: Aspect| timeline.spans(aspect).iter().find(|s| holds(s, start));
            let next = [Aspect::Flavor, Aspect::Zone, Aspect::Owner]
                .iter()
                .filter_map(|a| boundary_after(timeline.spans(*a), start))
                .chain(state.end)
                .min();
            let value = |aspect: Aspect| at(aspect).and_then(|s| s.value.as_ref());
            out.push(Moment {
                start,
                end: next,
                state,
                flavor: value(Aspect::Flavor),
                zone: value(Aspect::Zone),
                scope: value(Aspect::Owner).map_or("", |k| &k.label),
            });
            match next {
                Some(n) => start = n,
                None => break,
            }
        }
    }
    out
}

fn holds(span: &Span, t: Ts) -> bool {
    span.start <= t && span.end.is_none_or(|e| t < e)
}

fn boundary_after(spans: &[Span], t: Ts) -> Option<Ts> {
    spans
        .iter()
        .flat_map(|s| [Some(s.start), s.end])
        .flatten()
        .filter(|b| *b > t)
        .min()
}

/// The level that counts, or that something should count but was not observed; `None`: this moment does not count.
fn level(meter: &Meter, moment: &Moment<'_>) -> Option<(i64, bool)> {
    let Some(state) = &moment.state.value else {
        return Some((0, false));
    };
    if !meter.states.contains(&state.label) {
        return None;
    }
    match (&meter.level, moment.flavor) {
        (_, None) => Some((0, false)),
        (None, Some(_)) => Some((1, true)),
        (Some(name), Some(flavor)) => flavor
            .levels
            .get(name)
            .filter(|l| **l != 0)
            .map(|l| (*l, true)),
    }
}

fn by_owner(
    meter: &Meter,
    moment: &Moment<'_>,
    level: i64,
    observed: bool,
    cloud: &str,
    scopes: &Scopes,
) -> Vec<Piece> {
    let word =
        |k: Option<&Known>, none: &str| k.map_or_else(|| none.to_owned(), |k| k.label.clone());
    let dimensions: BTreeMap<String, String> = meter
        .dimensions
        .iter()
        .map(|d| {
            let value = match d.as_str() {
                "flavor" => word(moment.flavor, UNOBSERVED),
                "state" => word(moment.state.value.as_ref(), UNOBSERVED),
                "az" => word(moment.zone, ""),
                _ => String::new(),
            };
            (d.clone(), value)
        })
        .collect();
    let piece = |start: Ts, end: Option<Ts>, name: &str, owner: &Owner| Piece {
        meter: meter.name.clone(),
        unit: meter.unit.clone(),
        tenant: owner.tenant().to_owned(),
        contract: owner.contract().to_owned(),
        scope: moment.scope.to_owned(),
        scope_name: name.to_owned(),
        dimensions: dimensions.clone(),
        start,
        end,
        level,
        observed,
    };
    let Some(Scope { name, owners }) = scopes.get(cloud, moment.scope) else {
        let nobody = Owner::Unattributed {
            reason: format!("project {} was never listed", moment.scope),
        };
        return vec![piece(moment.start, moment.end, moment.scope, &nobody)];
    };
    owners
        .iter()
        .filter(|o| o.end > moment.start && moment.end.is_none_or(|e| o.start < e))
        .map(|o| {
            // An owner to the end of time keeps an open piece open.
            let end = if o.end >= Ts::MAX {
                moment.end
            } else {
                Some(moment.end.map_or(o.end, |e| e.min(o.end)))
            };
            piece(moment.start.max(o.start), end, name, &o.owner)
        })
        .collect()
}

/// The window over which usage is summed.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// First instant.
    pub from: Ts,
    /// First instant after.
    pub to: Ts,
    /// The list's watermark: nothing counts beyond it.
    pub watermark: Ts,
    /// As of when: what lies between the watermark and this was expected and is not yet observed.
    pub as_of: Ts,
}

impl Window {
    /// Whole seconds of `[start, end)` inside the window and no later than `limit`.
    fn seconds(&self, start: Ts, end: Option<Ts>, limit: Ts) -> i64 {
        let end = end.unwrap_or(Ts::MAX).min(self.to).min(limit);
        (end.second() - start.max(self.from).second()).max(0)
    }
}

type RowKey = (
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    BTreeMap<String, String>,
);

/// Sums pieces to rows, exactly, and by meter alone, so that what was dealt out can be compared with what there was.
#[derive(Debug, Default)]
pub struct Sums {
    rows: BTreeMap<RowKey, (i128, i64, i64, String, String, String)>,
    totals: BTreeMap<String, i128>,
    /// By source: seconds up to the watermark that nobody observed, each meter's counted.
    pub unobserved: BTreeMap<String, i64>,
    /// True once a sum left 128 bits: then the result is not to be used.
    pub overflowed: bool,
}

impl Sums {
    /// Adds one resource: its pieces to the rows, and what it used, whoever owns it, to the totals.
    pub fn add(
        &mut self,
        timeline: &Timeline,
        name: &str,
        meters: &Meters,
        scopes: &Scopes,
        window: &Window,
    ) {
        for p in pieces(timeline, meters, scopes) {
            self.add_piece(&timeline.key, name, &p, window);
        }
        for meter in meters.of_kind(&timeline.key.kind) {
            for moment in moments(timeline) {
                if let Some((level, true)) = level(meter, &moment) {
                    let seconds = window.seconds(moment.start, moment.end, window.watermark);
                    let total = self.totals.entry(meter.name.clone()).or_default();
                    match total.checked_add(i128::from(level) * i128::from(seconds)) {
                        Some(t) => *total = t,
                        None => self.overflowed = true,
                    }
                }
            }
        }
    }

    fn add_piece(&mut self, key: &ResourceKey, name: &str, p: &Piece, window: &Window) {
        let expected = window.seconds(p.start, p.end, window.as_of.max(window.watermark));
        if expected == 0 {
            return;
        }
        let known = window.seconds(p.start, p.end, window.watermark);
        let observed = if p.observed { known } else { 0 };
        *self.unobserved.entry(key.cloud.clone()).or_default() += known - observed;
        let row_key = (
            p.tenant.clone(),
            p.contract.clone(),
            p.scope.clone(),
            key.cloud.clone(),
            key.kind.clone(),
            key.resource.clone(),
            p.meter.clone(),
            p.dimensions.clone(),
        );
        let new = || {
            (
                0,
                0,
                0,
                p.unit.clone(),
                p.scope_name.clone(),
                name.to_owned(),
            )
        };
        let row = self.rows.entry(row_key).or_insert_with(new);
        match row
            .0
            .checked_add(i128::from(p.level) * i128::from(observed))
        {
            Some(quantity) => row.0 = quantity,
            None => self.overflowed = true,
        }
        row.1 += observed;
        row.2 += expected;
    }

    /// Invariant 3: the rows of each meter sum to what was measured before it was dealt out to owners.
    #[must_use]
    pub fn conserved(&self) -> bool {
        let mut dealt: BTreeMap<&str, i128> = BTreeMap::new();
        for (key, row) in &self.rows {
            *dealt.entry(&key.6).or_default() += row.0;
        }
        let of = |meter: &str| self.totals.get(meter).copied().unwrap_or_default();
        self.totals
            .keys()
            .all(|m| dealt.contains_key(m.as_str()) || of(m) == 0)
            && dealt.iter().all(|(meter, sum)| of(meter) == *sum)
    }

    /// The rows, sorted, with their ids.
    #[must_use]
    pub fn into_rows(self, month: &str) -> Vec<UsageRow> {
        self.rows
            .into_iter()
            .map(
                |((tenant, contract, scope, source, kind, resource, meter, dimensions), r)| {
                    let (quantity, observed_s, expected_s, unit, scope_name, resource_name) = r;
                    let mut row = UsageRow {
                        id: String::new(),
                        tenant,
                        contract,
                        scope,
                        scope_name,
                        source,
                        kind,
                        resource,
                        resource_name,
                        meter,
                        unit,
                        dimensions,
                        quantity,
                        observed_s,
                        expected_s,
                    };
                    row.id = UsageRow::id_of(month, &row);
                    row
                },
            )
            .collect()
    }
}
