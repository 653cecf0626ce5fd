//! A month's account as charges: what was measured and what it costs, line by line, by who pays.

use crate::domain::{
    Charge, Period, PriceBook, UsageRow,
    bill::{Bill, Granted, Line, Metered, Part, Rated, Rows},
    charge::{Class, Priced},
    money::Rational,
    ownership::UNATTRIBUTED,
    price::{Item, ItemKind, Price, PricePeriod, Quantity, Scheme},
    shared::{Dimensions, Shared},
};
use num_traits::Zero as _;
use std::collections::BTreeMap;

/// Who pays: (tenant, contract).
pub type Payer = (String, String);

/// A month's usage with what it costs.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The usage.
    pub metered: &'a Metered,
    /// The month.
    pub period: &'a Period,
    /// The bills of the same usage, with their book; `None` where no book is configured.
    pub priced: Option<(&'a Rated, &'a PriceBook)>,
}

/// Bills that are not those of the usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the bills are not those of this usage (they differ at row {row}): rate the same usage again"
)]
pub struct OtherBills {
    /// The first row that differs, from 0.
    pub row: usize,
}

/// A line to be.
#[derive(Debug, Clone, Copy)]
enum Entry<'a> {
    /// Usage that is measured, not sold; by its row.
    Usage(usize),
    /// A line of a bill.
    Line(&'a Bill, &'a Line),
    /// What rounding added to a bill.
    Rounding(&'a Bill),
    /// A credit on a bill.
    Credit(&'a Bill, &'a Granted),
    /// A correction of an earlier month, on the bill that has it.
    Correction(&'a Charge),
}

/// What one payer has.
#[derive(Debug, Default)]
pub struct Share<'a> {
    entries: Vec<Entry<'a>>,
    /// The rows of the usage in it.
    pub rows: Vec<usize>,
    /// The bill, where there is one.
    pub bill: Option<&'a Bill>,
}

impl<'a> Account<'a> {
    /// The account by payer.
    ///
    /// # Errors
    /// [`OtherBills`].
    pub fn shares(&self) -> Result<BTreeMap<Payer, Share<'a>>, OtherBills> {
        self.check()?;
        let rows = &self.metered.usage.rows;
        let mut shares: BTreeMap<Payer, Share<'a>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            shares.entry(payer_of(row)).or_default().rows.push(i);
        }
        let Some((rated, _)) = self.priced else {
            for share in shares.values_mut() {
                share.entries = share.rows.iter().map(|i| Entry::Usage(*i)).collect();
            }
            return Ok(shares);
        };
        for &i in &rated.unsold {
            let share = shares.entry(payer_of(&rows[i])).or_default();
            share.entries.push(Entry::Usage(i));
        }
        for bill in &rated.bills {
            let payer = (bill.tenant.clone(), bill.contract.clone());
            let share = shares.entry(payer).or_default();
            share.bill = Some(bill);
            let lines = bill.lines.iter().map(|l| Entry::Line(bill, l));
            share.entries.extend(lines);
            if bill.rounding != 0 {
                share.entries.push(Entry::Rounding(bill));
            }
            let credits = bill.credits.iter().map(|g| Entry::Credit(bill, g));
            share.entries.extend(credits);
            let corrections = bill.corrections.iter().map(Entry::Correction);
            share.entries.extend(corrections);
        }
        for share in shares.values_mut() {
            share.entries.sort_by_key(place);
        }
        Ok(shares)
    }

    /// The charges of one payer: what is of one row in the order of rows, then what is of many or of none.
    pub fn charges<'s>(&'s self, share: &'s Share<'a>) -> impl Iterator<Item = Charge> + 's {
        share.entries.iter().map(|e| self.charge(e))
    }

    /// The charge of that id which is no line of a price: a rounding or a credit.
    #[must_use]
    pub fn of_no_line(&self, id: &str) -> Option<Charge> {
        let (rated, _) = self.priced?;
        let entries = rated.bills.iter().flat_map(|bill| {
            let rounding = (bill.rounding != 0).then_some(Entry::Rounding(bill));
            let credits = bill.credits.iter().map(move |g| Entry::Credit(bill, g));
            rounding.into_iter().chain(credits)
        });
        entries.map(|e| self.charge(&e)).find(|c| c.id == id)
    }

    /// Each row is on one bill, that of its payer, or not sold.
    fn check(&self) -> Result<(), OtherBills> {
        let Some((rated, _)) = self.priced else {
            return Ok(());
        };
        let rows = &self.metered.usage.rows;
        let mut seen = vec![false; rows.len()];
        let mut see = |i: usize, bill: Option<&Bill>| match rows.get(i) {
            Some(row) => {
                let payer = payer_of(row);
                seen[i] = bill.is_none_or(|b| b.tenant == payer.0 && b.contract == payer.1);
                seen[i]
            }
            None => false,
        };
        let lines = rated
            .bills
            .iter()
            .flat_map(|b| b.lines.iter().map(move |l| (b, l)));
        let billed = lines.flat_map(|(b, l)| l.rows.all().iter().map(move |i| (*i, Some(b))));
        for (row, bill) in billed.chain(rated.unsold.iter().map(|i| (*i, None))) {
            if !see(row, bill) {
                return Err(OtherBills { row });
            }
        }
        match seen.iter().position(|s| !s) {
            Some(row) => Err(OtherBills { row }),
            None => Ok(()),
        }
    }

    fn charge(&self, entry: &Entry<'a>) -> Charge {
        match (entry, self.priced) {
            (Entry::Line(bill, line), Some((_, book))) => self.line(bill, line, book),
            (Entry::Rounding(bill), Some((_, book))) => Charge {
                id: super::rounding_id(&self.metered.usage.month, bill),
                class: Class::Rounding,
                sku: super::ROUNDING.to_owned(),
                name: "Rounding".to_owned(),
                exact: Rational::zero(),
                amount: bill.rounding,
                ..self.of_nothing(bill, Some(book))
            },
            (Entry::Usage(i), _) => self.usage(&self.metered.usage.rows[*i], None),
            (Entry::Correction(charge), _) => (*charge).clone(),
            (Entry::Credit(bill, granted), book) => Charge {
                id: super::credit_id(&self.metered.usage.month, bill, granted),
                class: Class::Credit,
                sku: granted.name.clone(),
                name: granted.reason.clone(),
                price: format!("credit, approved by {}", granted.approved_by),
                exact: granted.exact.to_rational(),
                amount: granted.amount,
                ..self.of_nothing(bill, book.map(|(_, b)| b))
            },
            (Entry::Line(bill, _) | Entry::Rounding(bill), None) => self.of_nothing(bill, None),
        }
    }

    fn usage(&self, row: &UsageRow, book: Option<&PriceBook>) -> Charge {
        Charge {
            id: row.id.clone(),
            class: Class::Measured,
            corrects: String::new(),
            month: self.metered.usage.month.clone(),
            from: self.period.from,
            to: self.period.to,
            tenant: row.tenant.to_string(),
            contract: row.contract.to_string(),
            scope: row.scope.to_string(),
            scope_name: row.scope_name.to_string(),
            source: row.source.to_string(),
            kind: row.kind.to_string(),
            resource: row.resource.to_string(),
            resource_name: row.resource_name.to_string(),
            meter: row.meter.to_string(),
            dimensions: BTreeMap::clone(&row.dimensions),
            sku: String::new(),
            name: String::new(),
            quantity: row.quantity,
            unit: row.unit.to_string(),
            price: String::new(),
            priced: Priced::default(),
            exact: Rational::zero(),
            amount: 0,
            decimals: book.map_or(0, |b| b.decimals),
            currency: book.map(|b| b.currency.clone()).unwrap_or_default(),
            observed_s: row.observed_s,
            expected_s: row.expected_s,
        }
    }

    /// What is of a bill, and of no resource.
    fn of_nothing(&self, bill: &Bill, book: Option<&PriceBook>) -> Charge {
        let nothing = UsageRow {
            id: String::new(),
            tenant: bill.tenant.as_str().into(),
            contract: bill.contract.as_str().into(),
            scope: Shared::default(),
            scope_name: Shared::default(),
            source: Shared::default(),
            kind: Shared::default(),
            resource: Shared::default(),
            resource_name: Shared::default(),
            meter: Shared::default(),
            unit: "1".into(),
            dimensions: Dimensions::default(),
            quantity: 1,
            observed_s: 0,
            expected_s: 0,
        };
        self.usage(&nothing, book)
    }

    fn line(&self, bill: &Bill, line: &Line, book: &PriceBook) -> Charge {
        let item = &book.items[line.item];
        let mut charge = match super::one_resource(line, book) {
            Some(i) => self.usage(&self.metered.usage.rows[i], Some(book)),
            None => self.of_nothing(bill, Some(book)),
        };
        if let ItemKind::Usage(price) = &item.kind
            && !matches!(line.rows, Rows::One(_))
        {
            charge.meter = price.of.meters().join(" ");
            charge.dimensions.clone_from(&price.matches);
        }
        charge.class = match &item.kind {
            ItemKind::Usage(_) => Class::Usage,
            ItemKind::Fee(_) => Class::Fee,
            ItemKind::Percent(p) if p.is_rebate() => Class::Rebate,
            ItemKind::Percent(_) => Class::Percentage,
        };
        let (quantity, unit) = super::quantity_text(line, book, self.metered);
        charge.exact = line.exact.to_rational();
        Charge {
            id: super::id(line, bill, book, self.metered),
            from: line.from,
            to: line.to,
            sku: item.sku.clone(),
            name: item.name.clone(),
            quantity: quantity.parse().unwrap_or(i128::MAX),
            unit,
            price: super::unit_price(line, book),
            priced: self.priced_as(line, item, book),
            amount: line.amount,
            observed_s: line.observed_s,
            expected_s: line.expected_s,
            ..charge
        }
    }

    /// The quantity in units of the price.
    fn priced_as(&self, line: &Line, item: &Item, book: &PriceBook) -> Priced {
        let exact = line.exact.to_rational();
        let month_s = self.period.seconds();
        let (quantity, unit, period, quoted, list) = match &item.kind {
            ItemKind::Usage(price) => {
                let seconds = Rational::from_integer(price.period_s(month_s).into());
                let mut quantity =
                    line.quantity.to_rational() / Rational::from_integer(price.unit.base());
                if price.quantity == Quantity::Peak {
                    let window_s = line.to.second() - line.from.second();
                    quantity *= Rational::from_integer(window_s.into());
                }
                let period = match price.period {
                    PricePeriod::Once => "",
                    other => other.as_str(),
                };
                let list = list_of(line, item, price, book);
                let quoted = quoted(price, line.part);
                (
                    quantity / seconds,
                    price.unit.as_str(),
                    period,
                    quoted,
                    list,
                )
            }
            ItemKind::Fee(fee) => {
                let seconds = Rational::from_integer(fee.period.seconds(month_s).into());
                let quantity = line.quantity.to_rational() / seconds;
                (quantity, "", fee.period.as_str(), fee.amount.clone(), None)
            }
            ItemKind::Percent(_) => {
                let one = Rational::from_integer(1.into());
                (one, "", "", exact.clone(), None)
            }
        };
        let amount = if quantity.is_zero() {
            quoted
        } else {
            exact / &quantity
        };
        Priced {
            unit: unit.to_owned(),
            period: period.to_owned(),
            list: list.unwrap_or_else(|| amount.clone()),
            quantity,
            amount,
        }
    }
}

/// Money for one unit as the price quotes it.
fn quoted(price: &Price, part: Part) -> Rational {
    let amount = match (&price.scheme, part) {
        (_, Part::Included) => return Rational::zero(),
        (Scheme::Graduated(tiers) | Scheme::Volume(tiers), Part::Tier(i)) => &tiers[i].amount,
        _ => &price.amount,
    };
    amount / &price.per_quantity
}

/// What the list asks for one, where a contract has a price of its own for the same SKU.
fn list_of(line: &Line, item: &Item, price: &Price, book: &PriceBook) -> Option<Rational> {
    item.terms?;
    book.prices()
        .filter(|(i, _)| i.terms.is_none() && i.sku == item.sku && i.covers(line.from, line.to))
        .find(|(_, p)| p.scheme == Scheme::Flat && p.unit == price.unit && p.period == price.period)
        .map(|(_, p)| quoted(p, Part::Whole))
}

/// Who pays for a row; what nobody owns is together.
fn payer_of(row: &UsageRow) -> Payer {
    if row.tenant == UNATTRIBUTED {
        (UNATTRIBUTED.to_owned(), String::new())
    } else {
        (row.tenant.to_string(), row.contract.to_string())
    }
}

fn place(entry: &Entry<'_>) -> usize {
    match entry {
        Entry::Usage(i) => *i,
        Entry::Line(_, line) => match line.rows {
            Rows::One(i) => i,
            Rows::Many(_) => usize::MAX,
        },
        Entry::Rounding(_) | Entry::Credit(..) | Entry::Correction(_) => usize::MAX,
    }
}
