//! The file of outages and credits: what is taken, and mistakes that are named.

use super::*;
use crate::{config::credits, domain::PriceBook};

fn judge(text: &str, book: &mut PriceBook) -> String {
    let contracts = BTreeMap::from([("CO-001".to_owned(), "acme".to_owned())]);
    let zone = chrono_tz::Europe::Stockholm;
    let problems = credits::judge(FilePath::new("c.yaml"), text, zone, book, &contracts);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn decisions_are_read_with_their_days_where_the_provider_is() {
    let mut book = PriceBook {
        decimals: 2,
        ..PriceBook::default()
    };
    let text = r#"outages: [{name: I, from: 2026-10-12, to: 2026-10-12T05:30:00Z, reason: r, approved_by: a}]
credits: [{name: C, contract: CO-001, month: 2026-10, amount: 0.05, reason: r, approved_by: a}]
"#;
    assert_eq!(judge(text, &mut book), "");
    assert_eq!(book.outages[0].from.to_string(), "2026-10-11T22:00:00Z");
    assert_eq!(book.credits[0].amount.to_string(), "1/20");
    // As it was kept; also where there was none.
    let mut again = PriceBook {
        decimals: 2,
        ..PriceBook::default()
    };
    credits::from_text("x", "", chrono_tz::UTC, &mut again).unwrap();
    assert!(again.outages.is_empty());
    credits::from_text("x", text, chrono_tz::Europe::Stockholm, &mut again).unwrap();
    assert_eq!(again, book);
    assert!(credits::from_text("x", "credits: 1", chrono_tz::UTC, &mut again).is_err());
}

#[test]
fn mistakes_of_decisions_are_named() {
    let text = r#"outages:
  - {name: I, from: 2026-10-12, to: 2026-10-12, contracts: [CO-01], reason: r, approved_by: a}
  - {name: J, from: 2026-10-12, reson: r}
credits:
  - {name: I, contract: CO-002, month: 2026-13, amount: 0.001, reason: r, approved_by: a}
  - {name: K, contract: CO-001, month: 2026-1, amount: -5, reason: r, approved_by: a}
  - {name: L, contract: CO-001, month: 2026-10, amount: 0, reason: r, approved_by: ""}
"#;
    let mut book = PriceBook {
        decimals: 2,
        ..PriceBook::default()
    };
    insta::assert_snapshot!(judge(text, &mut book));
}
