//! Described usage: for quotes, and for the worked examples of a book.

use super::{Unpriced, rate};
use crate::domain::{
    Period, PriceBook, Shared, UsageRow,
    bill::{Metered, Rated, Stretch},
    money::{Rational, exact_text, round_to_text, units_to_text},
    price::{Example, Terms, Use, what_of},
    usage::Usage,
};
use chrono_tz::Tz;
use num_traits::ToPrimitive as _;
use std::collections::{BTreeMap, BTreeSet};

/// The tenant of a quote, and its contract where it names none.
pub const QUOTED: &str = "quote";

/// Why a described usage could not be priced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotQuoted {
    /// The description makes no sense.
    #[error("{0}")]
    Use(String),
    /// The book has no price for it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unpriced(Vec<Unpriced>),
}

/// Prices a described usage under a contract's terms; of an empty contract, the list's. The subscriptions come on top of the contract's own.
///
/// # Errors
/// [`NotQuoted`].
pub fn quote(
    uses: &[Use],
    book: &PriceBook,
    period: &Period,
    contract: &str,
    subscriptions: &BTreeMap<String, u32>,
) -> Result<(Metered, PriceBook, Rated), NotQuoted> {
    let contract = if contract.is_empty() {
        QUOTED
    } else {
        contract
    };
    let mut book = book.clone();
    subscribe(&mut book, contract, subscriptions);
    let metered = metered(uses, contract, period)?;
    // A contract may owe fees without any usage.
    let tenants = BTreeMap::from([(contract.to_owned(), QUOTED.to_owned())]);
    let mut rated = rate(&metered, &book, period, &tenants).map_err(NotQuoted::Unpriced)?;
    rated.bills.retain(|b| b.contract == contract);
    Ok((metered, book, rated))
}

fn subscribe(book: &mut PriceBook, contract: &str, subscriptions: &BTreeMap<String, u32>) {
    if subscriptions.is_empty() {
        return;
    }
    if book.terms_of(contract).next().is_none() {
        book.terms.push(Terms {
            contract: contract.to_owned(),
            from: None,
            to: None,
            subscriptions: BTreeMap::new(),
        });
    }
    for terms in book.terms.iter_mut().filter(|t| t.contract == contract) {
        terms.subscriptions.extend(subscriptions.clone());
    }
}

/// The usage that a description means.
fn metered(uses: &[Use], contract: &str, period: &Period) -> Result<Metered, NotQuoted> {
    let mut rows: Vec<(UsageRow, Vec<Stretch>)> = Vec::new();
    for (n, u) in uses.iter().enumerate() {
        let (row, stretch) = row(n, u, contract, period)?;
        match rows.iter_mut().find(|(r, _)| r.id == row.id) {
            Some((same, stretches)) => {
                same.quantity += row.quantity;
                same.observed_s += row.observed_s;
                same.expected_s += row.expected_s;
                stretches.extend(stretch);
            }
            None => rows.push((row, stretch.into_iter().collect())),
        }
    }
    let (rows, stretches) = rows.into_iter().unzip();
    Ok(Metered {
        usage: Usage {
            month: period.to_string(),
            time_zone: period.zone.name().to_owned(),
            as_of: period.to,
            rows,
        },
        stretches,
    })
}

fn row(
    n: usize,
    u: &Use,
    contract: &str,
    period: &Period,
) -> Result<(UsageRow, Option<Stretch>), NotQuoted> {
    let bad = |what: String| NotQuoted::Use(format!("{}: {what}", u.meter));
    let start = u.from.unwrap_or(period.from).max(period.from).second();
    let to = period.to.second();
    let end = u.seconds.map_or(to, |s| (start + i64::from(s)).min(to));
    if start >= end {
        return Err(bad(format!("lies outside {period}")));
    }
    let resource: Shared = if u.resource.is_empty() {
        format!("#{}", n + 1).into()
    } else {
        u.resource.as_str().into()
    };
    let mut row = UsageRow {
        id: String::new(),
        tenant: QUOTED.into(),
        contract: contract.into(),
        scope: QUOTED.into(),
        scope_name: QUOTED.into(),
        source: QUOTED.into(),
        kind: QUOTED.into(),
        resource_name: resource.clone(),
        resource,
        meter: u.meter.as_str().into(),
        unit: u.meter_unit.as_str().into(),
        dimensions: u.dimensions.clone().into(),
        quantity: 0,
        observed_s: end - start,
        expected_s: end - start,
    };
    row.id = UsageRow::id_of(&period.to_string(), &row);
    if !what_of(&u.meter_unit).1 {
        let large = || bad("is more than 128 bits hold".to_owned());
        row.quantity = u.level.to_i128().ok_or_else(large)?;
        (row.observed_s, row.expected_s) = (0, 0);
        return Ok((row, None));
    }
    let level = u
        .level
        .to_i64()
        .ok_or_else(|| bad("is more than 64 bits hold".to_owned()))?;
    let stretch = Stretch {
        start,
        end,
        level,
        observed: true,
        lasts_to: end,
    };
    row.quantity = stretch.quantity();
    Ok((row, Some(stretch)))
}

/// Works a book's examples: what does not come out as the book says, each with the example it is of.
#[must_use]
pub fn check_examples(book: &PriceBook, zone: Tz) -> Vec<(&Example, String)> {
    let mut wrong = Vec::new();
    for example in &book.examples {
        let Ok(period) = Period::month(&example.month, zone) else {
            wrong.push((example, format!("`{}` is not a month", example.month)));
            continue;
        };
        if let Some(objection) = book.objection(&period) {
            wrong.push((example, objection));
            continue;
        }
        let (contract, more) = (&example.contract, &example.subscriptions);
        match quote(&example.uses, book, &period, contract, more) {
            Ok((_, book, rated)) => {
                let faults = faults(example, &book, &rated);
                wrong.extend(faults.into_iter().map(|f| (example, f)));
            }
            Err(e) => wrong.push((example, e.to_string())),
        }
    }
    wrong
}

fn faults(example: &Example, book: &PriceBook, rated: &Rated) -> Vec<String> {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for line in rated.bills.iter().flat_map(|b| &b.lines) {
        *sums.entry(&book.items[line.item].sku).or_default() += line.amount;
    }
    let total: i128 = rated.bills.iter().map(|b| b.total).sum();
    let mut faults = Vec::new();
    let mut compare = |what: String, said: Option<&Rational>, worked: Option<i128>| {
        let text = worked.map(|w| units_to_text(w, book.decimals));
        let exact = worked
            .map(|w| Rational::new(w.into(), num_bigint::BigInt::from(10).pow(book.decimals)));
        if exact.as_ref() != said {
            let said = said.map_or("nothing".to_owned(), |s| money(s, book));
            let worked = text.unwrap_or_else(|| "nothing".to_owned());
            faults.push(format!("{what} comes to {worked}, the example says {said}"));
        }
    };
    if !example.lines.is_empty() {
        let said = example.lines.keys().map(String::as_str);
        let skus: BTreeSet<&str> = said.chain(sums.keys().copied()).collect();
        for sku in skus {
            let worked = sums.get(sku).copied();
            compare(sku.to_owned(), example.lines.get(sku), worked);
        }
    }
    compare("the total".to_owned(), Some(&example.total), Some(total));
    faults
}

fn money(value: &Rational, book: &PriceBook) -> String {
    let text = round_to_text(value, book.decimals, book.rounding);
    match crate::domain::money::parse_decimal(&text) {
        Ok(same) if same == *value => text,
        _ => exact_text(value),
    }
}
