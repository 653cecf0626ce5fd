//! What scenarios are refused, and that those shipped are not.

use super::*;

const LEAST: &str =
    "name: n\ncloud: sim\nregion: R\ndomains: []\nflavors: []\nprojects: []\ngap_s: [60, 90]\n";

#[test]
fn odd_times_are_refused() {
    assert!(matches!(
        When::parse("+1d2h3m4s"),
        Some(When::After(93_784))
    ));
    for odd in [
        "+1é",
        "+1",
        "+d",
        "+99999999999s",
        "+4294967295s1s",
        "+49711d",
    ] {
        assert!(When::parse(odd).is_none(), "{odd}");
    }
}

#[test]
fn errors_name_what_is_wrong() {
    assert!(Scenario::parse("x", LEAST).is_ok());
    let e = Scenario::parse("x.yaml", &format!("{LEAST}fautls: []\n"))
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("x.yaml") && e.contains("fautls") && e.contains("faults"),
        "{e}"
    );
    let project = "{name: p, domain: d, tags: [{tags: []}], owners: [{}], servers: [{name: g, behaviour: steady, count: 1, flavors: [f], older: 2}]}";
    let e = Scenario::parse(
        "x",
        &LEAST.replace("projects: []", &format!("projects: [{project}]")),
    )
    .unwrap_err()
    .to_string();
    for part in [
        "d/p: no such domain",
        "no such flavor: f",
        "`older` is more",
    ] {
        assert!(e.contains(part), "{part} in {e}");
    }
    assert!(
        Scenario::parse("x", &LEAST.replace("60", "1.5"))
            .unwrap_err()
            .to_string()
            .contains("1.5")
    );
}

#[test]
fn times_after_the_start() {
    assert!(matches!(
        When::parse("+1d2h3m4s"),
        Some(When::After(93_784))
    ));
    assert!(matches!(
        When::parse("2026-10-01T00:00:00Z"),
        Some(When::At(_))
    ));
    for bad in ["+1", "+d", "+1w", "soon"] {
        assert!(When::parse(bad).is_none(), "{bad}");
    }
}
