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
fn things_that_cannot_be_are_refused() {
    let project = |things: &str| {
        let p =
            format!("{{name: p, domain: Default, tags: [{{tags: []}}], owners: [{{}}], {things}}}");
        let types = "volume_types: [fast]\nshare_types: []\n";
        Scenario::parse(
            "x",
            &format!(
                "{types}{}",
                LEAST.replace("projects: []", &format!("projects: [{p}]"))
            ),
        )
        .map_err(|e| e.to_string())
    };
    let good = "volumes: [{name: v, behaviour: busy, count: 2, older: 1}], snapshots: [{name: s, behaviour: short, count: 1, of: v}]";
    assert!(project(good).is_ok());
    for (things, words) in [
        (
            "volumes: [{name: v, behaviour: busy, count: 1, older: 2}]",
            "volumes Default/p/v: `older` is more",
        ),
        ("volumes: [{name: v, behaviour: lazy, count: 1}]", "lazy"),
        (
            "volumes: [{name: v, behaviour: busy, count: 1, types: [slow]}]",
            "no such type: slow",
        ),
        (
            "volumes: [{name: v, behaviour: busy, count: 1, size_gib: [9, 3]}]",
            "`size_gib` must be",
        ),
        (
            "routers: [{name: r, behaviour: busy, count: 1, size_gib: [1, 3]}]",
            "no size of their own",
        ),
        (
            "routers: [{name: r, behaviour: busy, count: 1, types: [fast]}]",
            "only volumes, shares, accounts and buckets",
        ),
        (
            "shares: [{name: s, behaviour: busy, count: 1}]",
            "names no `volume_types`",
        ),
        (
            "snapshots: [{name: s, behaviour: busy, count: 1}]",
            "`of` must name a group",
        ),
        (
            "backups: [{name: s, behaviour: busy, count: 1, of: nothing}]",
            "`of` must name a group",
        ),
        (
            "ports: [{name: s, behaviour: busy, count: 1, of: v}]",
            "`of` must name a group",
        ),
        (
            "images: [{name: i, behaviour: busy, count: 1}, {name: i, behaviour: busy, count: 1}]",
            "two groups have one name",
        ),
        (
            "accounts: [{name: a, behaviour: busy, count: 2}]",
            "one account at most",
        ),
        (
            "buckets: [{name: b, behaviour: busy, count: 1, requests_hour: [9, 3]}]",
            "`requests_hour` must be",
        ),
        (
            "volumes: [{name: v, behaviour: busy, count: 1, requests_hour: [1, 3]}]",
            "only buckets have them",
        ),
        (
            "volumes: [{name: v, behaviour: busy, count: 1, deleted_percent: 101}]",
            "beyond 100",
        ),
    ] {
        let e = project(things).unwrap_err();
        assert!(e.contains(words), "{things}: {e}");
    }
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
