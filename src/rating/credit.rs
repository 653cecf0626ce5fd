//! What is not charged: usage in outages, and credits.

use super::times;
use crate::domain::{
    Period, PriceBook,
    bill::{Bill, Granted, Metered, Rated, Stretch},
    credit::Outage,
    money::Exact,
    ownership::UNATTRIBUTED,
};
use std::collections::BTreeMap;

/// The usage without what lies in outages; `None` where no outage concerns any of it. An amount has no time within the month, so outages do not concern it.
pub(super) fn excluded(metered: &Metered, book: &PriceBook, period: &Period) -> Option<Metered> {
    let meets = |o: &&Outage| o.from < period.to && o.to > period.from;
    let outages: Vec<&Outage> = book.outages.iter().filter(meets).collect();
    let mut changed: Option<Metered> = None;
    for (i, row) in metered.usage.rows.iter().enumerate() {
        for outage in outages.iter().filter(|o| o.concerns(row)) {
            let times = (outage.from.second(), outage.to.second());
            let all = changed.get_or_insert_with(|| metered.clone());
            let stretches = std::mem::take(&mut all.stretches[i]);
            // Of what is too large for 128 bits nothing is taken, and rating then says so.
            if let Some((quantity, observed_s, expected_s)) =
                times::total(&stretches, times.0, times.1)
            {
                let row = &mut all.usage.rows[i];
                row.quantity -= quantity;
                row.observed_s -= observed_s;
                row.expected_s -= expected_s;
            }
            all.stretches[i] = stretches.iter().flat_map(|s| outside(s, times)).collect();
        }
    }
    changed
}

/// The parts of a stretch that lie outside a time.
fn outside(s: &Stretch, (from, to): (i64, i64)) -> impl Iterator<Item = Stretch> {
    [s.clipped(i64::MIN, from), s.clipped(to, i64::MAX)]
        .into_iter()
        .flatten()
}

/// Takes the month's credits off its bills. One larger than its bill leaves a negative total: the contract is owed money.
pub(super) fn grant(
    rated: &mut Rated,
    book: &PriceBook,
    period: &Period,
    tenants: &BTreeMap<String, String>,
) {
    let month = period.to_string();
    for credit in book.credits.iter().filter(|c| c.month == month) {
        let exact = Exact::from(-credit.amount.clone());
        let Some(amount) = exact.round(book.decimals, book.rounding) else {
            continue;
        };
        let of = |b: &Bill| b.contract == credit.contract && b.tenant != UNATTRIBUTED;
        let place = rated.bills.iter().position(of).unwrap_or_else(|| {
            let tenant = tenants.get(&credit.contract).unwrap_or(&credit.contract);
            rated.bills.push(Bill::of(tenant, &credit.contract));
            rated.bills.len() - 1
        });
        let bill = &mut rated.bills[place];
        bill.total += amount;
        bill.credits.push(Granted {
            name: credit.name.clone(),
            reason: credit.reason.clone(),
            approved_by: credit.approved_by.clone(),
            exact,
            amount,
        });
    }
    rated.sort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Ts, UsageRow,
            charge::Class,
            credit::Credit,
            money::{Rational, Rounding, parse_decimal},
            price::{
                Count, Item, ItemKind, Measured, Price, PricePeriod, PriceUnit, Quantity, Scheme,
            },
            usage::Usage,
        },
        rating::{Account, rate},
    };
    use proptest::prelude::*;

    fn october() -> Period {
        Period::month("2026-10", chrono_tz::UTC).unwrap()
    }

    /// Servers of one contract each, there for a stretch of the month.
    fn metered(stretches: &[(i64, i64)]) -> Metered {
        let start = october().from.second();
        let row = |(n, (from, to)): (usize, &(i64, i64))| UsageRow {
            id: format!("row-{n}"),
            tenant: "acme".into(),
            contract: format!("CO-{n}").into(),
            scope: "p".into(),
            scope_name: "".into(),
            source: "nordic-1".into(),
            kind: "server".into(),
            resource: format!("s{n}").into(),
            resource_name: "".into(),
            meter: "compute.instance".into(),
            unit: "s".into(),
            dimensions: BTreeMap::<String, String>::new().into(),
            quantity: i128::from(to - from),
            observed_s: to - from,
            expected_s: to - from,
        };
        let stretch = |(from, to): &(i64, i64)| Stretch {
            start: start + from,
            end: start + to,
            level: 1,
            observed: true,
            lasts_to: start + to,
        };
        Metered {
            usage: Usage {
                month: "2026-10".into(),
                time_zone: "UTC".into(),
                as_of: october().to,
                rows: stretches.iter().enumerate().map(row).collect(),
            },
            stretches: stretches.iter().map(|s| vec![stretch(s)]).collect(),
        }
    }

    /// 36 EUR an hour: a cent a second.
    fn book() -> PriceBook {
        let price = Price {
            of: Measured::Meter("compute.instance".into()),
            matches: BTreeMap::new(),
            amount: parse_decimal("36").unwrap(),
            amount_text: "36".into(),
            per_quantity: Rational::from_integer(1.into()),
            unit: PriceUnit::Instance,
            period: PricePeriod::Hour,
            count: Count::Exact,
            quantity: Quantity::Total,
            included: Rational::default(),
            scheme: Scheme::Flat,
        };
        PriceBook {
            currency: "EUR".into(),
            decimals: 2,
            rounding: Rounding::HalfUp,
            items: vec![Item {
                sku: "SERVER".into(),
                name: "Server".into(),
                from: None,
                to: None,
                terms: None,
                kind: ItemKind::Usage(price),
            }],
            ..PriceBook::default()
        }
    }

    fn outage(from: i64, to: i64) -> Outage {
        let at = |s: i64| Ts::from_second(october().from.second() + s);
        Outage {
            name: format!("I-{from}-{to}"),
            from: at(from),
            to: at(to),
            sources: Vec::new(),
            meters: Vec::new(),
            contracts: Vec::new(),
            reason: "r".into(),
            approved_by: "a".into(),
        }
    }

    fn totals(metered: &Metered, book: &PriceBook) -> Vec<(String, i128)> {
        let tenants = BTreeMap::from([("CO-9".to_owned(), "later".to_owned())]);
        let rated = rate(metered, book, &october(), &tenants).unwrap();
        let bills = rated.bills.iter();
        bills.map(|b| (b.contract.clone(), b.total)).collect()
    }

    #[test]
    fn an_outage_is_not_charged_where_it_says() {
        let usage = metered(&[(0, 1_000), (900, 2_000)]);
        let with = |outages: Vec<Outage>| {
            let book = PriceBook { outages, ..book() };
            totals(&usage, &book)
                .into_iter()
                .map(|t| t.1)
                .collect::<Vec<_>>()
        };
        assert_eq!(with(vec![]), [1_000, 1_100]);
        // 100 s of the first, 200 s of the second; over one another they count once.
        assert_eq!(with(vec![outage(900, 1_100)]), [900, 900]);
        assert_eq!(
            with(vec![outage(900, 1_000), outage(950, 1_100)]),
            [900, 900]
        );
        assert_eq!(with(vec![outage(-50, 10_000_000)]), [0, 0]);
        assert_eq!(with(vec![outage(5_000, 6_000)]), [1_000, 1_100]);
        let only = |o: Outage| with(vec![o]);
        let all = outage(900, 1_100);
        let names = |n: &str| vec![n.to_owned()];
        assert_eq!(
            only(Outage {
                contracts: names("CO-1"),
                ..all.clone()
            }),
            [1_000, 900]
        );
        assert_eq!(
            only(Outage {
                sources: names("other"),
                ..all.clone()
            }),
            [1_000, 1_100]
        );
        assert_eq!(
            only(Outage {
                meters: names("compute.*"),
                ..all.clone()
            }),
            [900, 900]
        );
        assert_eq!(
            only(Outage {
                meters: names("volume.*"),
                ..all
            }),
            [1_000, 1_100]
        );
    }

    #[test]
    fn a_credit_is_a_line_of_its_own_after_everything_else() {
        let usage = metered(&[(0, 1_000)]);
        let credit = |name: &str, contract: &str, month: &str, amount: &str| Credit {
            name: name.into(),
            contract: contract.into(),
            month: month.into(),
            amount: parse_decimal(amount).unwrap(),
            reason: "slow".into(),
            approved_by: "anna".into(),
        };
        let book = PriceBook {
            credits: vec![
                credit("CR-1", "CO-0", "2026-10", "2.50"),
                credit("CR-2", "CO-9", "2026-10", "1"),
                credit("CR-3", "CO-0", "2026-11", "3"),
            ],
            ..book()
        };
        let got = totals(&usage, &book);
        assert_eq!(got, [("CO-0".to_owned(), 750), ("CO-9".to_owned(), -100)]);
        let tenants = BTreeMap::from([("CO-9".to_owned(), "later".to_owned())]);
        let rated = rate(&usage, &book, &october(), &tenants).unwrap();
        let period = october();
        let account = Account {
            metered: &usage,
            period: &period,
            priced: Some((&rated, &book)),
        };
        let shares = account.shares().unwrap();
        let charges: Vec<_> = shares.values().flat_map(|s| account.charges(s)).collect();
        let credits: Vec<_> = charges
            .iter()
            .filter(|c| c.class == Class::Credit)
            .collect();
        assert_eq!((credits[0].amount, credits[0].sku.as_str()), (-250, "CR-1"));
        assert!(credits[0].price.contains("anna"), "{}", credits[0].price);
        assert_eq!(credits[1].tenant, "later");
        assert_ne!(credits[0].id, credits[1].id);
        assert_eq!(charges.iter().map(|c| c.amount).sum::<i128>(), 650);
    }

    proptest! {
        /// What is charged is what lies outside of all outages, second by second, in whatever order they stand.
        #[test]
        fn outages_take_each_second_once(stretches in prop::collection::vec((0_i64..500, 1_i64..300), 1..5), outages in prop::collection::vec((0_i64..700, 1_i64..200), 0..5)) {
            let stretches: Vec<(i64, i64)> = stretches.into_iter().map(|(s, n)| (s, s + n)).collect();
            let outages: Vec<(i64, i64)> = outages.into_iter().map(|(s, n)| (s, s + n)).collect();
            let usage = metered(&stretches);
            let book_of = |outages: Vec<(i64, i64)>| PriceBook { outages: outages.into_iter().map(|(f, t)| outage(f, t)).collect(), ..book() };
            let got = totals(&usage, &book_of(outages.clone()));
            for ((from, to), (_, total)) in stretches.iter().zip(&got) {
                let charged = (*from..*to).filter(|s| !outages.iter().any(|(f, t)| (f..t).contains(&s))).count();
                prop_assert_eq!(i128::try_from(charged).unwrap(), *total);
            }
            let mut reversed = outages;
            reversed.reverse();
            prop_assert_eq!(totals(&usage, &book_of(reversed)), got);
        }
    }
}
