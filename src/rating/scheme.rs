//! Prices that look at many rows together: tiers over the month's total, included quantities, peaks, started hours, service units.

use super::{Problem, Rater, times};
use crate::domain::{
    Ts, UsageRow,
    bill::{Line, Part, Rows, Stretch},
    money::{Exact, Rational},
    price::{Count, Measured, Price, PricePeriod, PriceUnit, Quantity, Scheme},
};
use num_bigint::BigInt;
use num_traits::Zero as _;
use std::collections::BTreeMap;

/// Rows that are charged together: of one price over one time, and of one resource where lines are by resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group<'a> {
    item: usize,
    from: Ts,
    to: Ts,
    resource: Option<ResourceOf<'a>>,
}

/// (scope, source, kind, resource): a resource in the hands of one owner.
type ResourceOf<'a> = (&'a str, &'a str, &'a str, &'a str);

fn resource_of(row: &UsageRow) -> ResourceOf<'_> {
    (&row.scope, &row.source, &row.kind, &row.resource)
}

impl<'a> Group<'a> {
    pub(super) fn of(item: usize, from: Ts, to: Ts, price: &Price, row: &'a UsageRow) -> Self {
        let alone = price.scheme == Scheme::Flat
            && price.included.is_zero()
            && price.quantity == Quantity::Total;
        Self {
            item,
            from,
            to,
            resource: alone.then(|| resource_of(row)),
        }
    }
}

/// True if a month's sum is enough to apply the price.
pub(super) fn needs_no_times(price: &Price) -> bool {
    price.count == Count::Exact
        && price.quantity == Quantity::Total
        && matches!(price.of, Measured::Meter(_))
}

/// Money per base unit (and second, of a level) at some amount of a price.
pub(super) fn rate_of(price: &Price, amount: &Rational, month_s: i64) -> Rational {
    let base = price.unit.base() * price.period_s(month_s);
    amount / (&price.per_quantity * Rational::from_integer(base))
}

/// What turns units of a price into base units over a window.
struct Scale<'p> {
    price: &'p Price,
    month_s: i64,
    window_s: i64,
}

impl Scale<'_> {
    /// So many units, held all through the window (of an amount: their part of the month's), in base units.
    fn base(&self, units: &Rational) -> Rational {
        let base = units * Rational::from_integer(self.price.unit.base());
        match (self.price.quantity, self.price.period) {
            (Quantity::Peak, _) => base,
            (Quantity::Total, PricePeriod::Once) => base * self.of_month(),
            (Quantity::Total, _) => base * Rational::from_integer(self.window_s.into()),
        }
    }

    fn of_month(&self) -> Rational {
        Rational::new(self.window_s.into(), self.month_s.into())
    }

    /// Money for a quantity at an amount.
    fn money(&self, quantity: &Rational, amount: &Rational) -> Rational {
        let money = quantity * rate_of(self.price, amount, self.month_s);
        match self.price.quantity {
            Quantity::Peak => money * Rational::from_integer(self.window_s.into()),
            Quantity::Total => money,
        }
    }

    /// The parts of a quantity, each with its amount of money.
    fn parts(&self, quantity: &Rational) -> Vec<(Part, Rational, Rational)> {
        let zero = Rational::zero();
        let included = self.base(&self.price.included);
        let free = included.clone().min(quantity.clone());
        let rest = quantity - &free;
        let mut parts = Vec::new();
        if !included.is_zero() {
            parts.push((Part::Included, free, zero.clone()));
        }
        match &self.price.scheme {
            Scheme::Flat => {
                let money = self.money(&rest, &self.price.amount);
                parts.push((Part::Whole, rest, money));
            }
            Scheme::Package => {
                let per = self.base(&self.price.per_quantity);
                let packages = (&rest / per).ceil();
                let money = packages * &self.price.amount;
                let money = match self.price.period {
                    PricePeriod::Once => money,
                    _ => money * self.of_month(),
                };
                parts.push((Part::Whole, rest, money));
            }
            Scheme::Volume(tiers) => {
                let bound = |t: &Rational| self.base(t);
                let within = |b: &Option<Rational>| b.as_ref().is_none_or(|b| rest <= bound(b));
                let tier = tiers.iter().position(|t| within(&t.up_to)).unwrap_or(0);
                let money = self.money(&rest, &tiers[tier].amount);
                parts.push((Part::Tier(tier), rest, money));
            }
            Scheme::Graduated(tiers) => {
                let mut below = zero;
                for (i, tier) in tiers.iter().enumerate() {
                    let end = tier.up_to.as_ref().map(|b| self.base(b));
                    let top = end.map_or(rest.clone(), |e| e.min(rest.clone()));
                    let part = &top - &below;
                    if part > Rational::zero() || i == 0 {
                        let money = self.money(&part, &tier.amount);
                        parts.push((Part::Tier(i), part, money));
                    }
                    below = below.max(top);
                }
            }
        }
        parts
    }
}

impl<'a> Rater<'a> {
    /// The lines of all groups, in the order of the book.
    pub(super) fn groups(
        &self,
        groups: BTreeMap<Group<'a>, Vec<usize>>,
        lines: &mut Vec<Line>,
        problems: &mut Vec<(usize, Problem)>,
    ) {
        for (group, mut rows) in groups {
            rows.sort_unstable();
            let first = rows[0];
            if let Err(problem) = self.group(&group, rows, lines) {
                problems.push((first, problem));
            }
        }
    }

    fn group(
        &self,
        group: &Group<'_>,
        rows: Vec<usize>,
        lines: &mut Vec<Line>,
    ) -> Result<(), Problem> {
        let Group { item, from, to, .. } = *group;
        let crate::domain::price::ItemKind::Usage(price) = &self.book.items[item].kind else {
            return Ok(());
        };
        let (quantity, observed_s, expected_s) = self
            .quantity(price, &rows, from, to)
            .ok_or_else(|| self.too_large(item))?;
        let scale = Scale {
            price,
            month_s: self.period.seconds(),
            window_s: to.second() - from.second(),
        };
        for (part, quantity, money) in scale.parts(&quantity) {
            let exact = Exact::from(money);
            lines.push(Line {
                item,
                rows: Rows::Many(rows.clone()),
                from,
                to,
                part,
                quantity: Exact::from(quantity),
                amount: self.round(item, &exact)?,
                exact,
                observed_s,
                expected_s,
            });
        }
        Ok(())
    }

    /// What rows come to at a price: (quantity in base units, seconds observed, seconds expected).
    fn quantity(
        &self,
        price: &Price,
        rows: &[usize],
        from: Ts,
        to: Ts,
    ) -> Option<(Rational, i64, i64)> {
        let (from, to) = (from.second(), to.second());
        let whole = from <= self.period.from.second() && to >= self.period.to.second();
        let (mut sum, mut observed, mut expected) = (0_i128, 0, 0);
        for &i in rows {
            let row = &self.metered.usage.rows[i];
            let (q, o, e) = if whole {
                (row.quantity, row.observed_s, row.expected_s)
            } else {
                times::total(&self.metered.stretches[i], from, to)?
            };
            sum = sum.checked_add(q)?;
            observed += o;
            expected += e;
        }
        let clipped = |i: &usize| {
            let all = self.metered.stretches[*i].iter();
            all.filter_map(|s| s.clipped(from, to)).collect::<Vec<_>>()
        };
        let quantity: Rational = match (&price.of, price.quantity) {
            (Measured::ServiceUnit(shares), _) => self
                .by_resource(rows)
                .values()
                .map(|rows| {
                    let parts: Vec<(Vec<Stretch>, &Rational)> = shares
                        .iter()
                        .map(|share| {
                            let of_meter = rows
                                .iter()
                                .filter(|i| self.metered.usage.rows[**i].meter == share.meter);
                            (of_meter.flat_map(clipped).collect(), &share.base)
                        })
                        .collect();
                    times::greatest(&parts)
                })
                .sum(),
            (Measured::Meter(_), Quantity::Peak) => {
                let all: Vec<Stretch> = rows.iter().flat_map(clipped).collect();
                whole_number(times::peak(&all))
            }
            (Measured::Meter(_), Quantity::Total) if price.count != Count::Exact => {
                let mut sum = 0_i128;
                for rows in self.by_resource(rows).values() {
                    let all: Vec<Stretch> = rows.iter().flat_map(clipped).collect();
                    sum = sum.checked_add(times::started(&all, price.count.step_s())?)?;
                }
                whole_number(sum)
            }
            (Measured::Meter(_), Quantity::Total) => whole_number(sum),
        };
        Some((quantity, observed, expected))
    }

    fn by_resource(&self, rows: &[usize]) -> BTreeMap<ResourceOf<'_>, Vec<usize>> {
        let mut resources: BTreeMap<ResourceOf<'_>, Vec<usize>> = BTreeMap::new();
        for &i in rows {
            let row = &self.metered.usage.rows[i];
            resources.entry(resource_of(row)).or_default().push(i);
        }
        resources
    }
}

fn whole_number(n: i128) -> Rational {
    Rational::from_integer(BigInt::from(n))
}

/// The unit in which a line's quantity is counted, from the unit of its rows.
pub(super) fn unit_of(price: &Price, row_unit: Option<&str>) -> String {
    let what = || {
        crate::domain::price::what_of(row_unit.unwrap_or("1"))
            .0
            .to_owned()
    };
    match (&price.of, price.quantity) {
        (_, Quantity::Peak) => what(),
        (Measured::ServiceUnit(_), _) => format!("{}.s", PriceUnit::ServiceUnit.dimension()),
        (Measured::Meter(_), _) => row_unit.unwrap_or("1").to_owned(),
    }
}
