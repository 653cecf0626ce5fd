//! What became known after a month was closed: recomputed lines less what was billed, line by line.

use crate::domain::{Charge, charge::Priced, digest::Fields, money::exact_text};
use std::collections::BTreeMap;

/// A correction that is proposed: the line, with the difference as its quantity and amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Made from the line, from what was billed for it and from what it comes to now: the same as long as none of them changes.
    pub id: String,
    /// The line of the correction; its `corrects` is the id of the line that it corrects.
    pub charge: Charge,
    /// The amount billed so far, corrections included.
    pub billed: i128,
    /// What it comes to now.
    pub now: i128,
}

/// What a line comes to.
#[derive(Clone, Default)]
struct Sum<'a> {
    like: Option<&'a Charge>,
    quantity: i128,
    amount: i128,
    exact: crate::domain::money::Rational,
    priced: crate::domain::money::Rational,
    observed_s: i64,
    expected_s: i64,
}

impl<'a> Sum<'a> {
    fn add(&mut self, c: &'a Charge) {
        self.like = self.like.or(Some(c));
        self.quantity += c.quantity;
        self.amount += c.amount;
        self.exact += &c.exact;
        self.priced += &c.priced.quantity;
        self.observed_s += c.observed_s;
        self.expected_s += c.expected_s;
    }

    /// Everything that a reader would see changed.
    fn told(&self, fields: Fields) -> Fields {
        fields
            .text(&self.quantity.to_string())
            .text(&self.amount.to_string())
            .text(&exact_text(&self.exact))
    }
}

/// The corrections of a closed month: recomputed less (closed and approved corrections), of every line for which that is not nothing.
///
/// `billed` holds the closing's lines and approved corrections to them. Lines are known by their ids. Where only what was observed has changed, and neither
/// quantity nor money, there is nothing to correct. Ordered by (tenant, contract, line).
#[must_use]
pub fn corrections(billed: &[Charge], recomputed: &[Charge]) -> Vec<Proposal> {
    let mut lines: BTreeMap<(&str, &str, &str), (Sum<'_>, Sum<'_>)> = BTreeMap::new();
    for c in billed {
        lines.entry(key(c)).or_default().0.add(c);
    }
    for c in recomputed {
        lines.entry(key(c)).or_default().1.add(c);
    }
    let proposal = |((_, _, line), (was, is)): ((&str, &str, &str), (Sum<'_>, Sum<'_>))| {
        let like = is.like.or(was.like)?;
        let same = was.quantity == is.quantity && was.amount == is.amount && was.exact == is.exact;
        if same {
            return None;
        }
        let fields = Fields::default()
            .text("correction")
            .text(&like.month)
            .text(line);
        let id = is.told(was.told(fields)).id();
        Some(Proposal {
            charge: Charge {
                id: id.clone(),
                corrects: line.to_owned(),
                quantity: is.quantity - was.quantity,
                amount: is.amount - was.amount,
                exact: &is.exact - &was.exact,
                priced: Priced {
                    quantity: &is.priced - &was.priced,
                    ..like.priced.clone()
                },
                observed_s: is.observed_s - was.observed_s,
                expected_s: is.expected_s - was.expected_s,
                ..like.clone()
            },
            id,
            billed: was.amount,
            now: is.amount,
        })
    };
    lines.into_iter().filter_map(proposal).collect()
}

/// What is of the same line.
fn key(c: &Charge) -> (&str, &str, &str) {
    let line = if c.corrects.is_empty() {
        &c.id
    } else {
        &c.corrects
    };
    (&c.tenant, &c.contract, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Ts, charge::Class, money::Rational};
    use proptest::prelude::*;

    fn line(id: u8, amount: i64) -> Charge {
        Charge {
            id: format!("line-{id}"),
            class: Class::Usage,
            corrects: String::new(),
            month: "2026-10".into(),
            from: Ts(0),
            to: Ts(1),
            tenant: "t".into(),
            contract: format!("c-{}", id % 3),
            scope: String::new(),
            scope_name: String::new(),
            source: String::new(),
            kind: String::new(),
            resource: String::new(),
            resource_name: String::new(),
            meter: String::new(),
            dimensions: BTreeMap::new(),
            sku: "S".into(),
            name: String::new(),
            quantity: i128::from(amount) * 7,
            unit: "s".into(),
            price: String::new(),
            priced: Priced::default(),
            exact: Rational::new(amount.into(), 100.into()),
            amount: i128::from(amount),
            decimals: 2,
            currency: "EUR".into(),
            observed_s: 1,
            expected_s: 1,
        }
    }

    fn month() -> impl Strategy<Value = Vec<Charge>> {
        prop::collection::btree_map(0_u8..12, -50_i64..50, 0..10)
            .prop_map(|lines| lines.into_iter().map(|(id, a)| line(id, a)).collect())
    }

    fn total(charges: &[Charge]) -> (i128, i128, Rational) {
        charges
            .iter()
            .fold((0, 0, Rational::default()), |(q, a, e), c| {
                (q + c.quantity, a + c.amount, e + &c.exact)
            })
    }

    proptest! {
        /// Invariant 7: whatever is approved of whatever is proposed, in however many rounds, what is left is proposed; with all approved the month is what
        /// it was recomputed to be, and nothing is proposed any more.
        #[test]
        fn closed_and_corrections_make_the_recomputed(months in prop::collection::vec(month(), 2..5), picks in prop::collection::vec(any::<bool>(), 60)) {
            let mut picks = picks.into_iter().cycle();
            let mut billed = months[0].clone();
            for now in &months[1..] {
                let proposed = corrections(&billed, now);
                for p in &proposed {
                    prop_assert_eq!(p.now - p.billed, p.charge.amount);
                    // What is declined is known again, for as long as nothing about it changes.
                    let again = corrections(&billed, now);
                    prop_assert!(again.iter().any(|q| q.id == p.id));
                }
                let approved = proposed.into_iter().filter(|_| picks.next().unwrap_or(true));
                billed.extend(approved.map(|p| p.charge));
            }
            let now = &months[months.len() - 1];
            let rest = corrections(&billed, now);
            let of_rest: Vec<Charge> = rest.into_iter().map(|p| p.charge).collect();
            billed.extend(of_rest);
            prop_assert_eq!(total(&billed), total(now));
            prop_assert!(corrections(&billed, now).is_empty());
        }

        /// The order of lines is irrelevant, and one line's proposal knows nothing of another's.
        #[test]
        fn each_line_stands_alone(was in month(), is in month(), id in 0_u8..12) {
            let all = corrections(&was, &is);
            let (mut a, mut b) = (was.clone(), is.clone());
            a.reverse();
            b.reverse();
            prop_assert_eq!(&corrections(&a, &b), &all);
            let one = |lines: &[Charge]| -> Vec<Charge> {
                lines.iter().filter(|c| c.id == format!("line-{id}")).cloned().collect()
            };
            let alone = corrections(&one(&was), &one(&is));
            let of_all: Vec<Proposal> = all.into_iter().filter(|p| p.charge.corrects == format!("line-{id}")).collect();
            prop_assert_eq!(alone, of_all);
        }
    }
}
