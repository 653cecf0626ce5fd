//! The book as a whole: its head, its meters, and what every section needs.

use super::{examples, extras, prices, raw, versions};
use crate::{
    config::{checker::Checker, leaf::Moment, problem::Path, raw::Part, shape},
    domain::{
        Meters, PriceBook, Ts,
        digest::sha256_hex,
        money::{Rational, Rounding, parse_decimal},
        price::{Item, RoundPer},
    },
};
use chrono_tz::Tz;
use num_traits::{ToPrimitive as _, Zero as _};
use std::collections::{BTreeMap, BTreeSet};

/// A meter as prices see it.
#[derive(Debug, Clone)]
pub(super) struct KnownMeter {
    pub(super) unit: String,
    pub(super) dimensions: Vec<String>,
}

/// A book under judgement.
pub(super) struct Judge<'c, 'e> {
    pub(super) c: &'c mut Checker<'e>,
    pub(super) zone: Tz,
    pub(super) meters: BTreeMap<String, KnownMeter>,
    pub(super) items: Vec<Item>,
    /// Where each item stands.
    pub(super) places: Vec<Path>,
}

pub(super) fn book(
    c: &mut Checker<'_>,
    raw: raw::Book,
    text: &str,
    configured: Option<Tz>,
) -> Option<PriceBook> {
    let top = Path::default();
    let own = raw
        .time_zone
        .and_then(|z| c.part(z, &top.key("time_zone")))
        .map(|z| z.0);
    if let (Some(own), Some(configured)) = (own, configured)
        && own != configured
    {
        let what = format!("{own} is not the calendar of the configuration, {configured}");
        let hint = "months are those of meters.time_zone: write the book for it";
        c.error(&top.key("time_zone"), what, hint);
    }
    let named: Vec<String> = raw.meters.keys().cloned().collect();
    let meters = known_meters(c, raw.meters)?;
    let mut j = Judge {
        c,
        zone: own.or(configured).unwrap_or(chrono_tz::UTC),
        meters,
        items: Vec::new(),
        places: Vec::new(),
    };
    let path = top.key("prices");
    for (i, part) in raw.prices.into_iter().enumerate() {
        prices::price(&mut j, part, &path.index(i), None);
    }
    extras::fees(&mut j, raw.fees, &top.key("fees"));
    extras::percentages(&mut j, raw.percentages, &top.key("percentages"));
    let terms = extras::contracts(&mut j, raw.contracts, &top.key("contracts"));
    let examples = examples::examples(&mut j, raw.examples, &top.key("examples"));
    let valid_from =
        j.c.part(raw.valid_from, &top.key("valid_from"))
            .map(|d| d.0);
    let valid_to = raw.valid_to.and_then(|d| j.c.part(d, &top.key("valid_to")));
    let valid_to = valid_to.map(|d| d.0);
    let items = std::mem::take(&mut j.items);
    versions::check(&mut j, &items, valid_from, valid_to);
    let c = &mut *j.c;
    let rounding = c.part(raw.rounding, &top.key("rounding"));
    let total_step = rounding.as_ref().and_then(|r| total_step(c, r));
    if valid_to.is_some_and(|to| valid_from.is_some_and(|from| to <= from)) {
        c.error(
            &top.key("valid_to"),
            "is not after valid_from",
            "give the first day on which the book holds no more",
        );
    }
    let name = c.part(raw.name, &top.key("name"));
    let currency = c.part(raw.currency, &top.key("currency"));
    let rounding = rounding?;
    Some(PriceBook {
        outages: Vec::new(),
        credits: Vec::new(),
        credits_text: String::new(),
        name: name?,
        currency: currency?,
        zone: own,
        valid_from: valid_from?,
        valid_to,
        round: match rounding.per {
            raw::Per::Line => RoundPer::Line,
            raw::Per::Invoice => RoundPer::Invoice,
        },
        decimals: rounding.decimals,
        rounding: match rounding.mode {
            raw::Mode::HalfUp => Rounding::HalfUp,
            raw::Mode::HalfEven => Rounding::HalfEven,
        },
        total_step,
        items,
        terms,
        meters: named
            .into_iter()
            .filter_map(|n| j.meters.get(&n).map(|m| (n, m.unit.clone())))
            .collect(),
        examples,
        hash: sha256_hex(text.as_bytes()),
        text: text.to_owned(),
    })
}

/// The shipped meters, and those the book declares.
fn known_meters(
    c: &mut Checker<'_>,
    foreign: BTreeMap<String, Part<raw::Foreign>>,
) -> Option<BTreeMap<String, KnownMeter>> {
    let shipped = match Meters::shipped("existence", &BTreeMap::new()) {
        Ok(meters) => meters,
        Err(e) => {
            c.error(&Path::default(), e.to_string(), "");
            return None;
        }
    };
    let known = |m: crate::domain::Meter| KnownMeter {
        unit: m.unit,
        dimensions: m.dimensions,
    };
    let mut meters: BTreeMap<String, KnownMeter> = shipped
        .by_name
        .into_iter()
        .map(|(name, m)| (name, known(m)))
        .collect();
    for (name, part) in foreign {
        let path = Path::default().key("meters").key(&name);
        let Some(meter) = c.part(part, &path) else {
            continue;
        };
        let Some(own) = meters.get(&name) else {
            let (unit, dimensions) = (meter.unit, meter.dimensions);
            meters.insert(name, KnownMeter { unit, dimensions });
            continue;
        };
        if own.unit == meter.unit {
            let what = format!(
                "{name} is a meter of plimsoll's own, with {}",
                own.dimensions.join(", ")
            );
            c.warn(&path, what, "remove it here");
        } else {
            let what = format!("{name} is a meter of plimsoll's own, in {}", own.unit);
            c.error(&path.key("unit"), what, "remove it here");
        }
    }
    Some(meters)
}

/// The step of totals, in units of the last decimal.
fn total_step(c: &mut Checker<'_>, round: &raw::Round) -> Option<i128> {
    let path = Path::default().key("rounding").key("total_to");
    let step = parse_decimal(&round.total_to.as_ref()?.0).ok()?;
    let units = step * Rational::from_integer(num_bigint::BigInt::from(10).pow(round.decimals));
    if units.is_zero() || !units.is_integer() {
        let what = format!("is no multiple of an amount of {} decimals", round.decimals);
        c.error(&path, what, "1 for whole kronor, 0.05 for five centimes");
        return None;
    }
    units.to_integer().to_i128()
}

impl Judge<'_, '_> {
    /// The time of a validity, which must not be empty.
    pub(super) fn validity(
        &mut self,
        from: Option<Moment>,
        to: Option<Moment>,
        path: &Path,
    ) -> (Option<Ts>, Option<Ts>) {
        let at = |m: Option<Moment>| m.and_then(|m| m.0.in_zone(self.zone));
        let (from, to) = (at(from), at(to));
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            let hint = "`to` is the first instant at which it holds no more";
            self.c
                .error(&path.key("to"), "is not after `from`: it never holds", hint);
        }
        (from, to)
    }

    pub(super) fn error(&mut self, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        self.c.error(path, what, hint);
    }

    /// Takes an item in, with its place.
    pub(super) fn keep(&mut self, item: Item, path: &Path) {
        self.items.push(item);
        self.places.push(path.clone());
    }

    pub(super) fn meter(&mut self, name: &str, path: &Path) -> Option<KnownMeter> {
        let meter = self.meters.get(name).cloned();
        if meter.is_none() {
            let hint = shape::unknown_hint(name, self.meters.keys().map(String::as_str));
            self.error(path, format!("there is no meter `{name}`"), hint);
        }
        meter
    }

    /// Reports keys that a meter does not have.
    pub(super) fn dimensions<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k String>,
        known: &BTreeSet<&str>,
        of: &str,
        path: &Path,
    ) {
        for key in keys.filter(|k| !known.contains(k.as_str())) {
            let hint = shape::unknown_hint(key, known.iter().copied());
            self.error(&path.key(key), format!("is no dimension of {of}"), hint);
        }
    }

    /// A decimal that the schema has accepted.
    pub(super) fn decimal(text: &str) -> Rational {
        parse_decimal(text).unwrap_or_else(|_| Rational::zero())
    }
}
