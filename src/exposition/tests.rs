//! Numbers and labels by themselves; whole pages are in `tests/it/exposition`.

use super::*;
use crate::domain::{Ts, decimal::BadNumber};
use std::{borrow::Cow, cmp::Ordering};

fn lexeme(text: &str) -> Lexeme<'_> {
    Lexeme::parse(text).unwrap()
}

#[test]
fn numbers_keep_their_text_and_are_counted_exactly() {
    assert_eq!(lexeme("4.20072246e+06").scaled(6), Ok(4_200_722_460_000));
    assert_eq!(lexeme("0042").as_str(), "0042");
    assert_eq!(lexeme("-.25").floor(1), Ok(-3));
    for word in ["NaN", "+Inf", "-infinity"] {
        assert_eq!(
            lexeme(word).scaled(0),
            Err(BadNumber::Text(word.to_owned()))
        );
        assert_eq!(lexeme(word).floor(0), Err(BadNumber::Text(word.to_owned())));
    }
    for text in ["", " 1", "1 ", "-nan", "infinit", "1e", "."] {
        assert_eq!(Lexeme::parse(text), None, "{text}");
    }
}

#[test]
fn numbers_are_ordered_as_numbers() {
    let ascending = [
        "-Inf", "-1e30", "-2", "-0.5", "0", "1e-30", "0.5", "9", "10", "1e30", "+inf",
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(lexeme(a).order(lexeme(b)), Some(i.cmp(&j)), "{a} {b}");
        }
        assert_eq!(lexeme(a).order(lexeme("nan")), None);
        assert_eq!(lexeme("NaN").order(lexeme(a)), None);
    }
    assert_eq!(lexeme("1.0e0").order(lexeme("+01")), Some(Ordering::Equal));
    assert_eq!(
        lexeme("infinity").order(lexeme("+Inf")),
        Some(Ordering::Equal)
    );
    assert_eq!(
        (
            lexeme("-INF").infinite(),
            lexeme("inf").infinite(),
            lexeme("1").infinite()
        ),
        (-1, 1, 0)
    );
}

#[test]
fn times_are_floored_to_what_facts_carry() {
    let seconds = Timestamp::of("1604676851.123456789", Format::OpenMetrics);
    assert_eq!(seconds.ts(), Ok(Ts(1_604_676_851_123_456)));
    assert_eq!(seconds.nanoseconds(), Ok(1_604_676_851_123_456_789));
    assert_eq!(
        Timestamp::of("-0.0000001", Format::OpenMetrics).ts(),
        Ok(Ts(-1))
    );
    let millis = Timestamp::of("-3982045", Format::Text);
    assert_eq!(
        (millis.ts(), millis.nanoseconds()),
        (Ok(Ts(-3_982_045_000)), Ok(-3_982_045_000_000))
    );
    for text in ["1e30", "9223372036854", "-9223372036854.775808"] {
        let told = Timestamp::of(text, Format::OpenMetrics).ts();
        assert_eq!(told, Err(BadNumber::TooLarge(text.to_owned())));
    }
    assert!(
        Timestamp::of("0.0000000001", Format::OpenMetrics)
            .nanoseconds()
            .is_err()
    );
}

#[test]
fn labels_are_borrowed_where_no_escape_is_in_them() {
    let page = b"a{b=\"plain\",c=\"es\\\\ca\\\"ped\\n\",d=\"\"} 1\n# EOF\n";
    let Some(Ok(Event::Sample(sample))) = Events::new(page, Format::OpenMetrics).next() else {
        panic!("no sample");
    };
    assert!(matches!(
        sample.labels.get("b"),
        Some(Cow::Borrowed("plain"))
    ));
    assert_eq!(sample.labels.get("c").as_deref(), Some("es\\ca\"ped\n"));
    assert_eq!(sample.labels.get("d").as_deref(), Some(""));
    assert_eq!(sample.labels.get("e"), None);
    assert_eq!(
        format!("{:?}", sample.labels),
        r#"{"b": "plain", "c": "es\\ca\"ped\n", "d": ""}"#
    );
    assert_eq!(
        sample
            .labels
            .into_iter()
            .map(|l| l.raw_value())
            .collect::<Vec<_>>(),
        ["plain", "es\\\\ca\\\"ped\\n", ""]
    );
    assert!(!sample.labels.is_empty() && Labels::default().is_empty());
}
