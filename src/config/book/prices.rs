//! Prices of usage: do unit and dimensions fit the meter, do their parts agree, can every tier be reached.

use super::{
    judge::{Judge, KnownMeter},
    raw::{self, How},
};
use crate::{
    config::{problem::Path, raw::Part},
    domain::{
        money::Rational,
        price::{
            Count, Item, ItemKind, Measured, Price, PricePeriod, PriceUnit, Quantity, Scheme,
            Share, Tier, fits, what_of,
        },
    },
};
use num_traits::Zero as _;
use std::collections::BTreeSet;

/// Keys that a price may match beside the meter's dimensions.
const OF_THE_ROW: [&str; 2] = ["source", "project"];

/// Judges a price, of the list or of some terms.
pub(super) fn price(
    j: &mut Judge<'_, '_>,
    part: Part<raw::Line>,
    path: &Path,
    terms: Option<usize>,
) {
    let Some(line) = j.c.part(part, path) else {
        return;
    };
    let Some((of, known)) = measured(j, &line, path) else {
        return;
    };
    let keys: BTreeSet<&str> = known
        .dimensions
        .iter()
        .map(String::as_str)
        .chain(OF_THE_ROW)
        .collect();
    let name = of.meters().join(", ");
    j.dimensions(line.matches.keys(), &keys, &name, &path.key("match"));
    let unit = j.c.part(line.unit, &path.key("unit")).map(|u| u.0);
    let period = j.c.part(line.period, &path.key("period")).map(|p| p.0);
    fitting(j, &known.unit, &name, unit, period, path);
    let per_quantity = Judge::decimal(&line.per.0);
    if per_quantity.is_zero() {
        j.error(&path.key("per"), "is zero", "per 1, 10, 1000 units");
    }
    let tiers = tiers(j, line.tiers, &path.key("tiers"));
    let amount = line.amount.and_then(|a| j.c.part(a, &path.key("amount")));
    // A price that is refused already is still held against the others.
    let (scheme, amount_text) = scheme(j, line.scheme, tiers, amount.map(|a| a.0), path)
        .unwrap_or_else(|| (Scheme::Flat, "0".to_owned()));
    let (from, to) = j.validity(line.from, line.to, path);
    let count = j.c.part(line.count, &path.key("count"));
    let quantity = j.c.part(line.quantity, &path.key("quantity"));
    let (Some(unit), Some(period), Some(count), Some(quantity)) = (unit, period, count, quantity)
    else {
        return;
    };
    let price = Price {
        of,
        matches: line.matches,
        amount: Judge::decimal(&amount_text),
        amount_text,
        per_quantity,
        unit,
        period,
        count: count.0,
        quantity: quantity.0,
        included: Judge::decimal(&line.included.0),
        scheme,
    };
    agreeing(j, &price, path);
    let item = Item {
        sku: line.sku,
        name: line.name,
        from,
        to,
        terms,
        kind: ItemKind::Usage(price),
    };
    j.keep(item, path);
}

/// What the price prices, and the meter as prices see it.
fn measured(
    j: &mut Judge<'_, '_>,
    line: &raw::Line,
    path: &Path,
) -> Option<(Measured, KnownMeter)> {
    match (&line.meter, &line.service_unit) {
        (Some(meter), None) => {
            let known = j.meter(meter, &path.key("meter"))?;
            Some((Measured::Meter(meter.clone()), known))
        }
        (None, Some(shares)) => service_unit(j, shares, &path.key("service_unit")),
        (Some(_), Some(_)) => {
            let hint = "name one meter, or the meters of a service unit";
            j.error(&path.key("service_unit"), "stands beside `meter`", hint);
            None
        }
        (None, None) => {
            let hint = "add it: the meter it prices, or `service_unit`";
            j.error(&path.key("meter"), "is missing", hint);
            None
        }
    }
}

fn service_unit(
    j: &mut Judge<'_, '_>,
    parts: &[Part<raw::Share>],
    path: &Path,
) -> Option<(Measured, KnownMeter)> {
    let (mut shares, mut dimensions): (Vec<Share>, Option<Vec<String>>) = (Vec::new(), None);
    let mut sound = true;
    for (i, part) in parts.iter().enumerate() {
        let path = path.index(i);
        let share = part.0.as_ref();
        let known = share.and_then(|s| j.meter(&s.meter, &path.key("meter")));
        let (Some(share), Some(known)) = (share, known) else {
            sound = false;
            continue;
        };
        let unit = share.unit.0;
        let per = Judge::decimal(&share.per.0);
        if per.is_zero() {
            j.error(
                &path.key("per"),
                "is zero",
                "so many units make one service unit",
            );
            sound = false;
        }
        if !fits(&known.unit, unit, PricePeriod::Hour) {
            sound = false;
            fitting(
                j,
                &known.unit,
                &share.meter,
                Some(unit),
                Some(PricePeriod::Hour),
                &path,
            );
        }
        if shares.iter().any(|s| s.meter == share.meter) {
            j.error(&path.key("meter"), "is named twice", "each meter once");
            sound = false;
        }
        dimensions = Some(match dimensions {
            None => known.dimensions,
            Some(d) => d
                .into_iter()
                .filter(|d| known.dimensions.contains(d))
                .collect(),
        });
        shares.push(Share {
            meter: share.meter.clone(),
            base: per * Rational::from_integer(unit.base()),
            text: format!("{} {}", share.per.0, unit.as_str()),
        });
    }
    if shares.len() < 2 && sound {
        let hint = "name two or more meters; a single one needs no service unit";
        j.error(path, "has fewer than two meters", hint);
        return None;
    }
    shares.sort();
    let known = KnownMeter {
        unit: format!("{}.s", PriceUnit::ServiceUnit.dimension()),
        dimensions: dimensions.unwrap_or_default(),
    };
    sound.then_some((Measured::ServiceUnit(shares), known))
}

/// Holds unit and period against the unit of the meter.
pub(super) fn fitting(
    j: &mut Judge<'_, '_>,
    meter_unit: &str,
    name: &str,
    unit: Option<PriceUnit>,
    period: Option<PricePeriod>,
    path: &Path,
) {
    let (what, level) = what_of(meter_unit);
    if let Some(given) = unit.filter(|u| !u.counts(what)) {
        let all = PriceUnit::ALL.iter().filter(|(u, _)| u.counts(what));
        let words: Vec<&str> = all.map(|(_, w)| *w).collect();
        let given = given.as_str();
        j.error(
            &path.key("unit"),
            format!("{given} does not fit {name}, which is measured in {meter_unit}"),
            format!("fitting are {}", words.join(", ")),
        );
    }
    if let Some(given) = period.filter(|p| level == (*p == PricePeriod::Once)) {
        let hint = if level {
            "give hour, day, 30d or month"
        } else {
            "give none"
        };
        let given = given.as_str();
        let what = format!("{given} does not fit {name}, which is measured in {meter_unit}");
        j.error(&path.key("period"), what, hint);
    }
}

fn tiers(j: &mut Judge<'_, '_>, parts: Vec<Part<raw::Tier>>, path: &Path) -> Vec<Tier> {
    let (mut tiers, last): (Vec<Tier>, usize) = (Vec::new(), parts.len().saturating_sub(1));
    for (i, part) in parts.into_iter().enumerate() {
        let path = path.index(i);
        let Some(tier) = j.c.part(part, &path) else {
            continue;
        };
        let up_to = tier.up_to.as_ref().map(|d| Judge::decimal(&d.0));
        let below = tiers.last().and_then(|t: &Tier| t.up_to.clone());
        match &up_to {
            None if i < last => {
                let hint =
                    "only the last tier has no end: give it an `up_to`, or remove what follows";
                j.error(
                    &path,
                    "has no end, so that no later tier can be reached",
                    hint,
                );
            }
            Some(bound) if i == last => {
                let what = "ends, so that nothing prices what lies beyond it";
                let hint = format!("remove `up_to` of the last tier, or add one after {bound}");
                j.error(&path.key("up_to"), what, hint);
            }
            Some(bound) if *bound <= below.clone().unwrap_or_else(Rational::zero) => {
                let what = "is not above the tier before it: it can never be reached";
                j.error(&path.key("up_to"), what, "sort tiers by `up_to`");
            }
            _ => {}
        }
        tiers.push(Tier {
            up_to,
            up_to_text: tier.up_to.map_or_else(String::new, |d| d.0),
            amount: Judge::decimal(&tier.amount.0),
            amount_text: tier.amount.0,
        });
    }
    tiers
}

/// The scheme, and the text of the amount, of its first tier where there are tiers.
fn scheme(
    j: &mut Judge<'_, '_>,
    how: Option<How>,
    tiers: Vec<Tier>,
    amount: Option<String>,
    path: &Path,
) -> Option<(Scheme, String)> {
    let tiered = !tiers.is_empty();
    let how = how.unwrap_or(if tiered { How::Graduated } else { How::Flat });
    let wants_tiers = matches!(how, How::Graduated | How::Volume);
    if wants_tiers != tiered {
        let (what, hint) = if tiered {
            (
                "has tiers, and a scheme that has none",
                "graduated or volume; or remove `tiers`",
            )
        } else {
            (
                "needs tiers",
                "add `tiers: [{up_to: 10, amount: 2}, {amount: 1}]`",
            )
        };
        j.error(&path.key("scheme"), what, hint);
        return None;
    }
    match (amount, tiers.first()) {
        (Some(_), Some(_)) => {
            j.error(
                &path.key("amount"),
                "stands beside `tiers`",
                "each tier has an amount",
            );
            None
        }
        (None, None) => {
            if j.c.sound(&path.key("amount")) {
                j.error(
                    &path.key("amount"),
                    "is missing",
                    "add it: money, as `16.91`",
                );
            }
            None
        }
        (Some(amount), None) if how == How::Package => Some((Scheme::Package, amount)),
        (Some(amount), None) => Some((Scheme::Flat, amount)),
        (None, Some(first)) => {
            let amount = first.amount_text.clone();
            let of = if how == How::Volume {
                Scheme::Volume
            } else {
                Scheme::Graduated
            };
            Some((of(tiers), amount))
        }
    }
}

/// Parts of a price that do not go together.
fn agreeing(j: &mut Judge<'_, '_>, price: &Price, path: &Path) {
    let level = price.period != PricePeriod::Once;
    let peak = price.quantity == Quantity::Peak;
    let started = price.count != Count::Exact;
    let service_unit = matches!(price.of, Measured::ServiceUnit(_));
    if peak && !level {
        j.error(&path.key("quantity"), "an amount has no peak", "total");
    }
    if started && (!level || peak || service_unit) {
        let what =
            "only seconds of a level can be started: not an amount, a peak or a service unit";
        j.error(&path.key("count"), what, "exact");
    }
    if peak && service_unit {
        j.error(&path.key("quantity"), "a service unit has no peak", "total");
    }
    if price.scheme == Scheme::Package
        && !matches!(price.period, PricePeriod::Month | PricePeriod::Once)
    {
        let what = "packages are counted by the month's total";
        j.error(&path.key("period"), what, "give month, or none for amounts");
    }
}
