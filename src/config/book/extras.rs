//! Fees, percentages, and what single contracts have agreed.

use super::{judge::Judge, prices, raw};
use crate::{
    config::{leaf::Decimal, problem::Path, raw::Part, shape},
    domain::{
        money::Rational,
        price::{
            Charged, Fee, Item, ItemKind, Percent, Price, PricePeriod, Scheme, Terms, sku_matches,
        },
    },
};
use std::collections::{BTreeMap, BTreeSet};

const fn charged(who: raw::Who) -> Charged {
    match who {
        raw::Who::Subscribed => Charged::Subscribed,
        raw::Who::EveryContract => Charged::EveryContract,
    }
}

pub(super) fn fees(j: &mut Judge<'_, '_>, fees: Vec<Part<raw::Fee>>, path: &Path) {
    for (i, part) in fees.into_iter().enumerate() {
        let path = path.index(i);
        let Some(fee) = j.c.part(part, &path) else {
            continue;
        };
        let (from, to) = j.validity(fee.from, fee.to, &path);
        let Some(period) = j.c.part(fee.period, &path.key("period")).map(|p| p.0) else {
            continue;
        };
        if period == PricePeriod::Once {
            let hint = "give hour, day, 30d or month";
            j.error(&path.key("period"), "a fee is by time", hint);
        }
        let item = Item {
            sku: fee.sku,
            name: fee.name,
            from,
            to,
            terms: None,
            kind: ItemKind::Fee(Fee {
                amount: Judge::decimal(&fee.amount.0),
                amount_text: fee.amount.0,
                period,
                charged: charged(fee.charged),
            }),
        };
        j.keep(item, &path);
    }
}

pub(super) fn percentages(
    j: &mut Judge<'_, '_>,
    percentages: Vec<Part<raw::Percentage>>,
    path: &Path,
) {
    for (i, part) in percentages.into_iter().enumerate() {
        let path = path.index(i);
        let Some(p) = j.c.part(part, &path) else {
            continue;
        };
        let (from, to) = j.validity(p.from, p.to, &path);
        known_skus(j, &p.of, &path.key("of"));
        let item = Item {
            sku: p.sku,
            name: p.name,
            from,
            to,
            terms: None,
            kind: ItemKind::Percent(Percent {
                percent: Judge::decimal(&p.percent.0),
                text: p.percent.0,
                of: p.of,
                minimum: p.minimum.map(|m| Judge::decimal(&m.0)),
                charged: charged(p.charged),
            }),
        };
        j.keep(item, &path);
    }
}

/// Patterns of SKUs must name something: usage or fees.
fn known_skus(j: &mut Judge<'_, '_>, patterns: &[String], path: &Path) {
    let names = |i: &&Item| !matches!(i.kind, ItemKind::Percent(_));
    let skus: BTreeSet<String> = j
        .items
        .iter()
        .filter(names)
        .map(|i| i.sku.clone())
        .collect();
    for (i, pattern) in patterns.iter().enumerate() {
        if !skus.iter().any(|s| sku_matches(pattern, s)) {
            let hint = shape::unknown_hint(pattern, skus.iter().map(String::as_str));
            let what = format!("`{pattern}` is no SKU of a price or fee");
            j.error(&path.index(i), what, hint);
        }
    }
}

/// Subscriptions must name fees or percentages.
pub(super) fn subscriptions(
    j: &mut Judge<'_, '_>,
    subscriptions: &BTreeMap<String, u32>,
    path: &Path,
) {
    let names = |i: &&Item| !matches!(i.kind, ItemKind::Usage(_)) && i.terms.is_none();
    let skus: BTreeSet<String> = j
        .items
        .iter()
        .filter(names)
        .map(|i| i.sku.clone())
        .collect();
    for sku in subscriptions.keys().filter(|s| !skus.contains(*s)) {
        let hint = shape::unknown_hint(sku, skus.iter().map(String::as_str));
        let what = "is no SKU of a fee or a percentage";
        j.error(&path.key(sku), what, hint);
    }
}

pub(super) fn contracts(
    j: &mut Judge<'_, '_>,
    contracts: Vec<Part<raw::Contract>>,
    path: &Path,
) -> Vec<Terms> {
    let (mut terms, mut places): (Vec<Terms>, Vec<Path>) = (Vec::new(), Vec::new());
    for (i, part) in contracts.into_iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = j.c.part(part, &path) else {
            continue;
        };
        let index = terms.len();
        let (from, to) = j.validity(raw.from, raw.to, &path);
        subscriptions(j, &raw.subscriptions, &path.key("subscriptions"));
        amounts(j, raw.amounts, &path.key("amounts"), index);
        for (n, part) in raw.prices.into_iter().enumerate() {
            prices::price(j, part, &path.key("prices").index(n), Some(index));
        }
        for (n, part) in raw.rebates.into_iter().enumerate() {
            rebate(j, part, &path.key("rebates").index(n), index);
        }
        let new = Terms {
            contract: raw.contract,
            from,
            to,
            subscriptions: raw.subscriptions,
        };
        let meets = |t: &Terms| {
            t.contract == new.contract
                && t.from.is_none_or(|f| to.is_none_or(|to| f < to))
                && from.is_none_or(|f| t.to.is_none_or(|to| f < to))
        };
        if let Some(other) = terms.iter().position(meets) {
            let what = format!(
                "{} has terms at the same time in {}",
                new.contract, places[other]
            );
            let hint = "divide them by `from` and `to`, or write them as one";
            j.error(&path.key("contract"), what, hint);
        }
        terms.push(new);
        places.push(path);
    }
    terms
}

/// Prices of the list with other amounts.
fn amounts(j: &mut Judge<'_, '_>, amounts: BTreeMap<String, Decimal>, path: &Path, terms: usize) {
    for (sku, amount) in amounts {
        let path = path.key(&sku);
        let flat = |p: &Price| matches!(p.scheme, Scheme::Flat | Scheme::Package);
        let of_list: Vec<Item> = j
            .items
            .iter()
            .filter(|i| i.terms.is_none() && i.sku == sku)
            .filter(|i| matches!(&i.kind, ItemKind::Usage(p) if flat(p)))
            .cloned()
            .collect();
        if of_list.is_empty() {
            let skus = j.items.iter().filter(|i| i.terms.is_none());
            let skus = skus.filter(|i| matches!(&i.kind, ItemKind::Usage(p) if flat(p)));
            let skus = skus.map(|i| i.sku.as_str());
            let hint = shape::unknown_hint(&sku, skus.collect::<BTreeSet<_>>().into_iter());
            let what = "is no SKU of a flat price of the list; tiers are agreed by `prices`";
            j.error(&path, what, hint);
        }
        for mut item in of_list {
            if let ItemKind::Usage(p) = &mut item.kind {
                p.amount = Judge::decimal(&amount.0);
                p.amount_text.clone_from(&amount.0);
            }
            item.terms = Some(terms);
            j.keep(item, &path);
        }
    }
}

fn rebate(j: &mut Judge<'_, '_>, part: Part<raw::Rebate>, path: &Path, terms: usize) {
    let Some(rebate) = j.c.part(part, path) else {
        return;
    };
    known_skus(j, &rebate.of, &path.key("of"));
    let percent = Judge::decimal(&rebate.percent.0);
    let whole = Rational::from_integer(100.into());
    if percent > whole || percent == Rational::default() {
        let what = "is not above 0 and up to 100";
        j.error(&path.key("percent"), what, "5 takes a twentieth off");
    }
    let item = Item {
        sku: rebate.sku,
        name: rebate.name,
        from: None,
        to: None,
        terms: Some(terms),
        kind: ItemKind::Percent(Percent {
            percent: -percent,
            text: rebate.percent.0,
            of: rebate.of,
            minimum: None,
            charged: Charged::EveryContract,
        }),
    };
    j.keep(item, path);
}
