//! Approved corrections of earlier months, on the bills that have them.

use crate::domain::{
    Charge, PriceBook,
    bill::{Bill, Rated},
};

/// Puts corrections on the bills of their payers, after everything else: percentages and rounding do not see them, for what they change of those is a
/// correction of its own. Gives back those that are in other money than the book's, and can stand in no bill of it.
pub fn carry(rated: &mut Rated, corrections: Vec<Charge>, book: &PriceBook) -> Vec<Charge> {
    let mut foreign = Vec::new();
    for correction in corrections {
        let Some(c) = in_money_of(book, &correction) else {
            foreign.push(correction);
            continue;
        };
        let of = |b: &Bill| b.contract == c.contract && b.tenant == c.tenant;
        let place = rated.bills.iter().position(of).unwrap_or_else(|| {
            rated.bills.push(Bill::of(&c.tenant, &c.contract));
            rated.bills.len() - 1
        });
        let bill = &mut rated.bills[place];
        bill.total += c.amount;
        bill.corrections.push(c);
    }
    rated.sort();
    foreign
}

/// The correction with the decimals of the book; `None` where its money is another's, or finer.
fn in_money_of(book: &PriceBook, c: &Charge) -> Option<Charge> {
    if !c.has_money() {
        return Some(c.clone());
    }
    let more = book.decimals.checked_sub(c.decimals)?;
    let amount = c.amount.checked_mul(10_i128.checked_pow(more)?)?;
    (c.currency == book.currency).then(|| Charge {
        amount,
        decimals: book.decimals,
        ..c.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::charge::Class;

    fn book() -> PriceBook {
        PriceBook {
            currency: "EUR".into(),
            decimals: 2,
            ..PriceBook::default()
        }
    }

    fn correction(contract: &str, amount: i128, decimals: u32, currency: &str) -> Charge {
        Charge {
            class: Class::Usage,
            tenant: "t".into(),
            contract: contract.into(),
            amount,
            decimals,
            currency: currency.into(),
            ..Charge::default()
        }
    }

    #[test]
    fn each_stands_on_its_payers_bill() {
        let mut rated = Rated::default();
        rated.bills.push(Bill {
            total: 100,
            ..Bill::of("t", "CO-2")
        });
        let all = vec![
            correction("CO-2", -30, 2, "EUR"),
            correction("CO-1", 5, 1, "EUR"),
            correction("CO-2", 7, 2, "SEK"),
            correction("CO-2", 7, 3, "EUR"),
            correction("CO-2", i128::MAX / 2, 0, "EUR"),
        ];
        let foreign = carry(&mut rated, all, &book());
        assert_eq!(foreign.len(), 3, "{foreign:?}");
        let totals: Vec<(&str, i128)> = rated
            .bills
            .iter()
            .map(|b| (b.contract.as_str(), b.total))
            .collect();
        assert_eq!(totals, [("CO-1", 50), ("CO-2", 70)]);
        let unsold = Charge {
            class: Class::Measured,
            ..correction("CO-2", 0, 0, "")
        };
        assert!(carry(&mut rated, vec![unsold], &book()).is_empty());
        assert_eq!(rated.bills[1].corrections.len(), 2);
    }
}
