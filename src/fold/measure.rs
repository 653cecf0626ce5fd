//! Measures lives: which seconds count, for whom, at which level.

use super::billed::{Billed, billed};
use crate::domain::{
    Amount, Aspect, Known, Life, Meter, Meters, Owner, OwnerSpan, Span, Timeline, Ts,
    fact::amount,
    meter::Kind,
    ownership::{Scope, Scopes},
    usage::{Basis, Piece},
};
use std::collections::BTreeMap;

/// The word shown in a dimension whose value was not observed.
pub const UNOBSERVED: &str = "unobserved";

/// Values that hold over one elementary interval.
pub(super) struct Moment<'a> {
    pub(super) start: Ts,
    pub(super) end: Option<Ts>,
    pub(super) state: Option<&'a Known>,
    pub(super) flavor: Option<&'a Known>,
    zone: Option<&'a Known>,
    pub(super) scope: &'a str,
    /// The source whose scope it is, where that is another one.
    cloud: Option<&'a str>,
    kind: &'a str,
}

impl<'a> Moment<'a> {
    /// The value of one of a meter's dimensions.
    pub(super) fn dimension(&self, name: &str) -> &'a str {
        let word = |k: Option<&'a Known>, none: &'static str| k.map_or(none, |k| &k.label);
        match name {
            size if is_of_size(size) => word(self.flavor, UNOBSERVED),
            "use" => self.kind,
            "state" => word(self.state, UNOBSERVED),
            "az" => word(self.zone, ""),
            _ => "",
        }
    }

    /// True when meters can tell the two apart by nothing but time.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let label = |k: Option<&'a Known>| k.map(|k| &k.label);
        label(self.state) == label(other.state)
            && match (self.flavor, other.flavor) {
                // The same object, most of the time.
                (Some(a), Some(b)) => std::ptr::eq(a, b) || a == b,
                (a, b) => a.is_none() && b.is_none(),
            }
            && label(self.zone) == label(other.zone)
            && self.scope == other.scope
            && self.cloud == other.cloud
    }
}

/// The pieces of a resource's whole life: per meter, sorted by start, never overlapping, equal neighbours merged.
#[must_use]
pub fn pieces(timeline: &Timeline, meters: &Meters, scopes: &Scopes) -> Vec<Piece> {
    pieces_of(&timeline.life(), meters, scopes)
}

/// The same of a borrowed life.
#[must_use]
pub fn pieces_of(life: &Life<'_>, meters: &Meters, scopes: &Scopes) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let moments = moments(life);
    let mut dealer = Dealer::new(&life.key.cloud, scopes);
    for meter in meters.of_kind(&life.key.kind) {
        let first = out.len();
        if let Some(how) = meter.billed.as_ref().and_then(|b| b.by) {
            let billed = billed((meter, how), life, &moments, meters, scopes);
            out.extend(billed.iter().map(|b| piece_of(meter, b)));
            continue;
        }
        for moment in &moments {
            if let Some((level, observed)) = level(meter, moment) {
                dealer.deal(moment, |start, end, scope_name, owner| {
                    push_merged(
                        &mut out,
                        first,
                        Piece {
                            meter: meter.name.clone(),
                            unit: meter.unit.clone(),
                            tenant: owner.tenant().to_owned(),
                            contract: owner.contract().to_owned(),
                            scope: moment.scope.to_owned(),
                            scope_name: scope_name.to_owned(),
                            dimensions: dimensions(meter, moment),
                            start,
                            end,
                            level,
                            observed,
                            basis: Basis::Held,
                        },
                    );
                });
            }
        }
        out.extend(counted(life, meter, scopes).map(|c| Piece {
            meter: meter.name.clone(),
            unit: meter.unit.clone(),
            tenant: c.owner.tenant().to_owned(),
            contract: c.owner.contract().to_owned(),
            scope: c.scope.to_owned(),
            scope_name: c.scope_name.to_owned(),
            dimensions: c.dimensions(meter),
            start: c.amount.start,
            end: Some(c.amount.end),
            level: c.quantity,
            observed: c.amount.gap.is_empty(),
            basis: match meter.kind {
                Kind::Level => Basis::Told,
                Kind::Amount => Basis::Amount,
            },
        }));
    }
    out
}

fn piece_of(meter: &Meter, b: &Billed<'_>) -> Piece {
    Piece {
        meter: meter.name.clone(),
        unit: meter.unit.clone(),
        tenant: b.owner.tenant().to_owned(),
        contract: b.owner.contract().to_owned(),
        scope: b.scope.to_owned(),
        scope_name: b.scope_name.to_owned(),
        dimensions: b.dimensions(meter),
        start: b.start,
        end: b.end,
        level: b.level,
        observed: b.observed,
        basis: Basis::Held,
    }
}

/// What a meter counted in one amount: whole, for whoever owned its scope when it began.
pub(super) struct Counted<'a> {
    pub(super) amount: &'a Amount,
    pub(super) quantity: i64,
    pub(super) scope: &'a str,
    pub(super) scope_name: &'a str,
    pub(super) owner: &'a Owner,
}

impl Counted<'_> {
    /// The value of one of a meter's dimensions.
    pub(super) fn dimension(&self, name: &str) -> &str {
        self.amount.attrs.get(name).map_or("", String::as_str)
    }

    /// What may be priced apart.
    pub(super) fn dimensions(&self, meter: &Meter) -> BTreeMap<String, String> {
        let value = |d: &String| (d.clone(), self.dimension(d).to_owned());
        meter.dimensions.iter().map(value).collect()
    }
}

/// What was counted by a meter, amount by amount.
pub(super) fn counted<'a>(
    life: &'a Life<'_>,
    meter: &'a Meter,
    scopes: &'a Scopes,
) -> impl Iterator<Item = Counted<'a>> {
    life.amounts.iter().filter_map(move |a| {
        let attr = |name: &str| a.attrs.get(name).map(String::as_str);
        let scope = attr(amount::SCOPE).unwrap_or_default();
        let found = scopes.get(attr(amount::CLOUD).unwrap_or(&life.key.cloud), scope);
        let held = |o: &&OwnerSpan| o.start <= a.start && a.start < o.end;
        Some(Counted {
            amount: a,
            quantity: *a.quantities.get(&meter.name)?,
            scope,
            scope_name: found.map_or(scope, |s| &s.name),
            owner: found
                .and_then(|s| s.owners.iter().find(held))
                .map_or(NOBODY, |o| &o.owner),
        })
    })
}

/// Who owns a scope that was never listed.
const NOBODY: &Owner = &Owner::Unattributed {
    reason: String::new(),
};

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
pub(super) fn moments<'a>(life: &'a Life<'a>) -> Vec<Moment<'a>> {
    let mut out = Vec::new();
    for state in life.spans(Aspect::State) {
        let mut start = state.start;
        while state.end.is_none_or(|e| start < e) {
            let value = |aspect: Aspect| {
                let at = life.spans(aspect).iter().find(|s| holds(s, start));
                at.and_then(|s| s.value)
            };
            let next = [Aspect::Flavor, Aspect::Zone, Aspect::Owner]
                .iter()
                .filter_map(|a| boundary_after(life.spans(*a), start))
                .chain(state.end)
                .min();
            let owner = value(Aspect::Owner);
            out.push(Moment {
                start,
                end: next,
                state: state.value,
                flavor: value(Aspect::Flavor),
                zone: value(Aspect::Zone),
                scope: owner.map_or("", |k| &k.label),
                cloud: owner
                    .and_then(|k| k.attrs.get(amount::CLOUD))
                    .map(String::as_str),
                kind: &life.key.kind,
            });
            match next {
                Some(n) => start = n,
                None => break,
            }
        }
    }
    out
}

/// Dimensions that are the label of the aspect `flavor`, by the word that is right for the kind.
fn is_of_size(dimension: &str) -> bool {
    matches!(
        dimension,
        "flavor" | "type" | "class" | "network" | "device" | "pool"
    )
}

fn holds<K>(span: &Span<K>, t: Ts) -> bool {
    span.start <= t && span.end.is_none_or(|e| t < e)
}

fn boundary_after<K>(spans: &[Span<K>], t: Ts) -> Option<Ts> {
    spans
        .iter()
        .flat_map(|s| [Some(s.start), s.end])
        .flatten()
        .filter(|b| *b > t)
        .min()
}

/// The level that counts, or that something should count but was not observed; `None`: this moment does not count.
pub(super) fn level(meter: &Meter, moment: &Moment<'_>) -> Option<(i64, bool)> {
    if meter.read || meter.billed.is_some() {
        return None;
    }
    let Some(state) = moment.state else {
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

/// What may be priced apart, at a moment.
pub(super) fn dimensions(meter: &Meter, moment: &Moment<'_>) -> BTreeMap<String, String> {
    meter
        .dimensions
        .iter()
        .map(|d| (d.clone(), moment.dimension(d).to_owned()))
        .collect()
}

/// Deals moments out to whoever owned the scope.
pub(super) struct Dealer<'a> {
    cloud: &'a str,
    scopes: &'a Scopes,
    /// The scope looked up last, and of which source it is: a resource seldom changes hands.
    last: Option<((&'a str, &'a str), Option<&'a Scope>)>,
}

impl<'a> Dealer<'a> {
    pub(super) const fn new(cloud: &'a str, scopes: &'a Scopes) -> Self {
        Self {
            cloud,
            scopes,
            last: None,
        }
    }

    /// Gives `take` each part of a moment: start, end, the scope's name for people, and its owner then.
    pub(super) fn deal(
        &mut self,
        moment: &Moment<'a>,
        mut take: impl FnMut(Ts, Option<Ts>, &'a str, &'a Owner),
    ) {
        let of = (moment.cloud.unwrap_or(self.cloud), moment.scope);
        let scope = match self.last {
            Some((last, scope)) if last == of => scope,
            _ => self.scopes.get(of.0, of.1),
        };
        self.last = Some((of, scope));
        let Some(Scope { name, owners }) = scope else {
            return take(moment.start, moment.end, moment.scope, NOBODY);
        };
        let theirs =
            |o: &&OwnerSpan| o.end > moment.start && moment.end.is_none_or(|e| o.start < e);
        for o in owners.iter().filter(theirs) {
            // An owner to the end of time keeps an open piece open.
            let end = if o.end >= Ts::MAX {
                moment.end
            } else {
                Some(moment.end.map_or(o.end, |e| e.min(o.end)))
            };
            take(moment.start.max(o.start), end, name, &o.owner);
        }
    }
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
    /// True of what begins in the period; an amount belongs to it whole.
    pub(super) fn begins_inside(&self, start: Ts) -> bool {
        self.from <= start && start < self.to
    }

    /// Whole seconds of `[start, end)` inside the window and no later than `limit`.
    pub(super) fn seconds(&self, start: Ts, end: Option<Ts>, limit: Ts) -> i64 {
        let end = end.unwrap_or(Ts::MAX).min(self.to).min(limit);
        (end.second() - start.max(self.from).second()).max(0)
    }
}
