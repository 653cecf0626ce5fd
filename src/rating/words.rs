//! A line in words: its price, its quantity, its id.

use super::scheme;
use crate::domain::{
    PriceBook,
    bill::{Bill, Granted, Line, Metered, Part},
    digest::Fields,
    money::{Exact, exact_text, round_to_text},
    price::{Count, Fee, Item, ItemKind, Measured, Percent, Price, PricePeriod, Quantity, Scheme},
};

/// The price of a line in words, as the book has it: `16.91 EUR per 1 instance per 30d`.
#[must_use]
pub fn unit_price(line: &Line, book: &PriceBook) -> String {
    let currency = &book.currency;
    match &book.items[line.item].kind {
        ItemKind::Usage(p) => {
            let amount = match (&p.scheme, line.part) {
                (_, Part::Included) => "0",
                (Scheme::Graduated(tiers) | Scheme::Volume(tiers), Part::Tier(i)) => {
                    &tiers[i].amount_text
                }
                _ => &p.amount_text,
            };
            format!("{amount} {currency} per {}", quoted(p))
        }
        ItemKind::Fee(f) => fee(f, currency),
        ItemKind::Percent(p) => {
            let base = round_to_text(&line.quantity.to_rational(), book.decimals, book.rounding);
            percent(p, currency, &format!("{base} {currency}"))
        }
    }
}

fn fee(f: &Fee, currency: &str) -> String {
    format!("{} {currency} per {}", f.amount_text, f.period.as_str())
}

fn percent(p: &Percent, currency: &str, of: &str) -> String {
    let sign = if p.is_rebate() { "-" } else { "" };
    let minimum = match &p.minimum {
        Some(m) => format!(", at least {} {currency} a month", decimal_text(m)),
        None => String::new(),
    };
    format!("{sign}{} % of {of}{minimum}", p.text)
}

/// A decimal as short as it can be written.
fn decimal_text(value: &crate::domain::money::Rational) -> String {
    let exactly = |d: &u32| {
        let text = round_to_text(value, *d, crate::domain::money::Rounding::HalfUp);
        crate::domain::money::parse_decimal(&text).is_ok_and(|v| v == *value)
    };
    let decimals = (0..40).find(exactly).unwrap_or(40);
    let decimals = if decimals == 1 { 2 } else { decimals };
    round_to_text(value, decimals, crate::domain::money::Rounding::HalfUp)
}

/// Per what a price is: `1 instance per 30d`.
pub(super) fn quoted(price: &Price) -> String {
    let quantity = decimal(&price.per_quantity);
    let unit = price.unit.as_str();
    let started = if price.scheme == Scheme::Package {
        "started "
    } else {
        ""
    };
    let mut text = format!("{started}{quantity} {unit}");
    if price.quantity == Quantity::Peak {
        text.push_str(" at the peak");
    }
    if price.period != PricePeriod::Once {
        text = format!("{text} per {}", price.period.as_str());
    }
    match price.count {
        Count::Exact => text,
        Count::Minutes => format!("{text}, in started minutes"),
        Count::Hours => format!("{text}, in started hours"),
    }
}

fn decimal(value: &crate::domain::money::Rational) -> String {
    if value.is_integer() {
        exact_text(value)
    } else {
        decimal_text(value)
    }
}

/// The price of an item of the list in words, with all its tiers.
#[must_use]
pub fn sku_price(item: &Item, book: &PriceBook) -> String {
    let currency = &book.currency;
    match &item.kind {
        ItemKind::Usage(p) => {
            let mut text = match &p.scheme {
                Scheme::Flat | Scheme::Package => {
                    format!("{} {currency} per {}", p.amount_text, quoted(p))
                }
                Scheme::Graduated(tiers) | Scheme::Volume(tiers) => {
                    let all = matches!(p.scheme, Scheme::Volume(_));
                    let tiers: Vec<String> = tiers
                        .iter()
                        .map(|t| match &t.up_to {
                            Some(_) => format!("{} up to {}", t.amount_text, t.up_to_text),
                            None => format!("{} beyond", t.amount_text),
                        })
                        .collect();
                    let how = if all {
                        "all at the tier reached"
                    } else {
                        "each part at its tier"
                    };
                    format!("{} {currency} per {} ({how})", tiers.join(", "), quoted(p))
                }
            };
            if let Measured::ServiceUnit(shares) = &p.of {
                let shares: Vec<&str> = shares.iter().map(|s| s.text.as_str()).collect();
                text = format!(
                    "{text}; a service unit is the most of {}",
                    shares.join(" and ")
                );
            }
            if p.included != crate::domain::money::Rational::default() {
                text = format!(
                    "{text}; {} {} included",
                    decimal(&p.included),
                    p.unit.as_str()
                );
            }
            text
        }
        ItemKind::Fee(f) => fee(f, currency),
        ItemKind::Percent(p) => {
            let of = if p.of.is_empty() {
                "all other lines".to_owned()
            } else {
                p.of.join(", ")
            };
            percent(p, currency, &of)
        }
    }
}

/// A line's quantity and its UCUM unit. Service units and tiers may fall between whole base units; what is shown is floored, what is charged is not.
#[must_use]
pub fn quantity_text(line: &Line, book: &PriceBook, metered: &Metered) -> (String, String) {
    let floored = |q: &Exact| match q {
        Exact::Small(n, d) => n.div_euclid(*d).to_string(),
        Exact::Big(r) => r.floor().to_integer().to_string(),
    };
    match &book.items[line.item].kind {
        ItemKind::Usage(price) => {
            let rows = line.rows.all();
            let unit = rows.first().map(|i| metered.usage.rows[*i].unit.as_str());
            (floored(&line.quantity), scheme::unit_of(price, unit))
        }
        ItemKind::Fee(_) => (floored(&line.quantity), "s".to_owned()),
        ItemKind::Percent(_) => ("1".to_owned(), "1".to_owned()),
    }
}

/// A line's id, of everything that names it: the same whenever and wherever it is computed.
#[must_use]
pub fn id(line: &Line, bill: &Bill, book: &PriceBook, metered: &Metered) -> String {
    let item = &book.items[line.item];
    let mut f = Fields::default()
        .text("bill line")
        .text(&metered.usage.month)
        .text(&bill.tenant)
        .text(&bill.contract)
        .text(&item.sku)
        .text(if item.terms.is_some() {
            "terms"
        } else {
            "list"
        })
        .number(line.from.0)
        .text(&match line.part {
            Part::Whole => String::new(),
            Part::Included => "included".to_owned(),
            Part::Tier(i) => format!("tier {i}"),
        });
    if let ItemKind::Usage(price) = &item.kind {
        f = f.text(&price.of.meters().join(" "));
        f = price.matches.iter().fold(f, |f, (k, v)| f.text(k).text(v));
        if let Some(first) = line.rows.all().first()
            && by_resource(price)
        {
            let row = &metered.usage.rows[*first];
            f = match line.rows {
                crate::domain::bill::Rows::One(_) => f.text(&row.id),
                crate::domain::bill::Rows::Many(_) => f
                    .text(&row.scope)
                    .text(&row.source)
                    .text(&row.kind)
                    .text(&row.resource),
            };
        }
    }
    f.id()
}

/// SKU of the line that rounding makes.
pub const ROUNDING: &str = "ROUNDING";

/// The id of the line of rounding.
#[must_use]
pub fn rounding_id(month: &str, bill: &Bill) -> String {
    Fields::default()
        .text("bill rounding")
        .text(month)
        .text(&bill.tenant)
        .text(&bill.contract)
        .id()
}

/// The id of a credit's line.
#[must_use]
pub fn credit_id(month: &str, bill: &Bill, credit: &Granted) -> String {
    Fields::default()
        .text("credit")
        .text(month)
        .text(&bill.contract)
        .text(&credit.name)
        .id()
}

/// A row of the one resource that a line is of; `None` for what is of many or of none.
#[must_use]
pub fn one_resource(line: &Line, book: &PriceBook) -> Option<usize> {
    match &book.items[line.item].kind {
        ItemKind::Usage(price) if by_resource(price) => line.rows.all().first().copied(),
        _ => None,
    }
}

/// True if the lines of a price are of single resources.
fn by_resource(price: &Price) -> bool {
    price.scheme == Scheme::Flat
        && price.quantity == Quantity::Total
        && price.included == crate::domain::money::Rational::default()
}
