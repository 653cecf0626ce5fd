//! Tests of attribution.

mod platforms;

use super::*;
use crate::domain::tenancy::{Listed, Mark, Meaning, Rule};
use proptest::prelude::*;

fn at(s: i64) -> Ts {
    Ts::from_second(s)
}

fn project(start: i64, name: &str, tags: &[&str]) -> Span {
    let attrs = [
        (attr::DOMAIN_ID, "default"),
        (attr::DOMAIN, "Default"),
        (attr::TAGS, &tags.join("\n")),
        (attr::ENABLED, "true"),
    ];
    let attrs = attrs
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let known = Known {
        label: name.to_owned(),
        attrs,
        ..Known::default()
    };
    Span {
        start: at(start),
        end: None,
        value: Some(known),
        gap: "",
        because: vec![],
    }
}

fn tag() -> Rule {
    Rule::ProjectTag {
        prefix: "contract:".into(),
    }
}

fn name(pattern: &str, tenant: &str, contract: &str) -> Rule {
    Rule::ProjectName {
        pattern: pattern.into(),
        domain: None,
        tenant: tenant.into(),
        contract: contract.into(),
    }
}

fn listed(scope: &str, contract: &str, from: Option<i64>, to: Option<i64>) -> Listed {
    Listed {
        scope: scope.into(),
        cloud: None,
        tenant: format!("t-{contract}"),
        contract: contract.into(),
        from: from.map(at),
        to: to.map(at),
    }
}

fn contracts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(c, t)| ((*c).to_owned(), (*t).to_owned()))
        .collect()
}

/// Owners of project `p1` of `cloud1` over [0, 100), as `start..end tenant/contract` or `start..end ! reason`.
fn owners(rules: Vec<Rule>, table: &[(&str, &str)], spans: &[Span]) -> Vec<String> {
    let tenancy = Tenancy {
        rules,
        contracts: contracts(table),
        platforms: Vec::new(),
    };
    let found = Attribution::new(&tenancy)
        .unwrap()
        .owners("cloud1", "p1", spans, at(0), at(100));
    let show = |s: &OwnerSpan| match &s.owner {
        Owner::Tenant { tenant, contract } => format!(
            "{}..{} {tenant}/{contract}",
            s.start.second(),
            s.end.second()
        ),
        Owner::Unattributed { reason } => {
            format!("{}..{} ! {reason}", s.start.second(), s.end.second())
        }
        Owner::Platform => panic!("no platform is marked"),
    };
    found.iter().map(show).collect()
}

#[test]
fn a_tag_is_the_contract_and_the_table_its_tenant() {
    let p = [project(0, "alpha", &["contract:CO-001", "web"])];
    assert_eq!(owners(vec![tag()], &[], &p), ["0..100 CO-001/CO-001"]);
    assert_eq!(
        owners(vec![tag()], &[("CO-001", "Acme")], &p),
        ["0..100 Acme/CO-001"]
    );
    let p = [project(
        0,
        "alpha",
        &["contract: CO-001", "contract:CO-001"],
    )];
    assert_eq!(
        owners(vec![tag()], &[], &p),
        ["0..100 CO-001/CO-001"],
        "the same answer twice is one answer"
    );
}

#[test]
fn what_cannot_be_decided_says_why_and_how_to_decide_it() {
    let two = [project(0, "alpha", &["contract:CO-001", "contract:CO-002"])];
    insta::assert_snapshot!(owners(vec![tag(), name(".*", "x", "x")], &[], &two)[0],
        @"0..100 ! rule 1 (project tag `contract:`) gives different answers: contract `CO-001` and contract `CO-002`; leave one of the tags on the project (project Default/alpha (p1))");
    let empty = [project(0, "alpha", &["contract: "])];
    insta::assert_snapshot!(owners(vec![tag()], &[], &empty)[0],
        @"0..100 ! rule 1 (project tag `contract:`) names no contract: write it after the prefix, or into the rule (project Default/alpha (p1))");
    let odd = [project(0, "alpha", &["contract:CO-9"])];
    insta::assert_snapshot!(owners(vec![tag()], &[("CO-1", "Acme")], &odd)[0],
        @"0..100 ! rule 1 (project tag `contract:`) names contract `CO-9`, which is not under `contracts`: add it there, or correct it (project Default/alpha (p1))");
    insta::assert_snapshot!(owners(vec![name("alpha", "Beta", "CO-1")], &[("CO-1", "Acme")], &odd)[0],
        @"0..100 ! rule 1 (project name `alpha`) names tenant `Beta` for contract `CO-1`, which `contracts` gives to `Acme`: correct one of them (project Default/alpha (p1))");
    insta::assert_snapshot!(owners(vec![name("alpha", "unattributed", "CO-1")], &[], &odd)[0],
        @"0..100 ! rule 1 (project name `alpha`) names a tenant `unattributed`, which means that nobody pays: give the tenant another name (project Default/alpha (p1))");
    insta::assert_snapshot!(owners(vec![name("alpha", "", "CO-1")], &[], &odd)[0],
        @"0..100 ! rule 1 (project name `alpha`) names no tenant for contract `CO-1`: write one (project Default/alpha (p1))");
    insta::assert_snapshot!(owners(vec![tag()], &[], &[project(0, "alpha", &[])])[0],
        @"0..100 ! no rule applies to Default/alpha (p1): give the project a tag, or add a rule or a list entry for it under `tenancy`");
    insta::assert_snapshot!(owners(vec![tag(), name(".*", "x", "x")], &[], &[])[0],
        @"0..100 ! no rule applies to p1 (never seen in a list of projects): give the project a tag, or add a rule or a list entry for it under `tenancy`");
}

#[test]
fn the_first_rule_that_applies_decides() {
    let p = [project(0, "alpha", &["contract:CO-1"])];
    let domain = |d: &str| Rule::Domain {
        domain: d.into(),
        tenant: "D".into(),
        contract: "CO-D".into(),
    };
    assert_eq!(
        owners(vec![domain("Default"), tag()], &[], &p),
        ["0..100 D/CO-D"]
    );
    assert_eq!(
        owners(vec![domain("default"), tag()], &[], &p),
        ["0..100 D/CO-D"],
        "a domain's id does too"
    );
    assert_eq!(
        owners(vec![domain("other"), tag()], &[], &p),
        ["0..100 CO-1/CO-1"]
    );
}

#[test]
fn name_patterns_match_whole_names_and_fill_in_groups() {
    let p = [project(0, "acme-prod", &[])];
    assert_eq!(
        owners(
            vec![name("([a-z]+)-(prod|dev)", "$1", "CO-$1x-$2$")],
            &[],
            &p
        ),
        ["0..100 acme/CO-acmex-prod$"]
    );
    for part in ["acme", "prod", "acme|dev", "^acme", "xacme-prod"] {
        assert!(
            owners(vec![name(part, "t", "c")], &[], &p)[0].contains("no rule applies"),
            "{part}"
        );
    }
    let here = |d: &str| Rule::ProjectName {
        pattern: ".*".into(),
        domain: Some(d.into()),
        tenant: "t".into(),
        contract: "c".into(),
    };
    assert_eq!(owners(vec![here("Default")], &[], &p), ["0..100 t/c"]);
    assert!(owners(vec![here("Elsewhere")], &[], &p)[0].contains("no rule applies"));
}

#[test]
fn rules_that_cannot_be_applied_are_refused_by_number() {
    let refused = |rule: Rule| {
        Attribution::new(&Tenancy {
            rules: vec![tag(), rule],
            ..Tenancy::default()
        })
        .unwrap_err()
        .to_string()
    };
    let e = refused(name("a)|(b", "t", "c"));
    assert!(
        e.starts_with("tenancy rule 2: `a)|(b` is not a regular expression"),
        "{e}"
    );
    assert_eq!(
        refused(name("(a)b", "t", "c-$2")),
        "tenancy rule 2: `c-$2` names group $2, but `(a)b` has 1: add a group in parentheses, or name another"
    );
}

#[test]
fn owners_change_when_tags_do_and_the_first_seen_hold_backwards() {
    let spans = [
        project(60, "alpha", &["contract:B"]),
        project(20, "alpha", &["contract:A"]),
        project(30, "alpha", &["contract:A", "x"]),
    ];
    assert_eq!(
        owners(vec![tag()], &[], &spans),
        ["0..60 A/A", "60..100 B/B"]
    );
    let mut gone = project(20, "alpha", &["contract:A"]);
    gone.end = Some(at(40));
    let gap = Span {
        start: at(40),
        end: None,
        value: None,
        gap: "not listed",
        because: vec![],
    };
    assert_eq!(
        owners(vec![tag()], &[], &[gone, gap]),
        ["0..100 A/A"],
        "what was known last holds"
    );
}

#[test]
fn list_entries_hold_from_until_and_differing_ones_hold_for_nobody() {
    let p = [project(0, "alpha", &[])];
    let list = |entries: &[Listed]| vec![Rule::List(entries.to_vec()), name("alpha", "rest", "R")];
    let two = list(&[
        listed("p1", "A", None, Some(40)),
        listed("Default/alpha", "B", Some(30), None),
    ]);
    let got = owners(two, &[], &p);
    assert_eq!(
        (got[0].as_str(), got[2].as_str()),
        ("0..30 t-A/A", "40..100 t-B/B")
    );
    insta::assert_snapshot!(got[1], @"30..40 ! rule 1 (list) gives different answers: tenant `t-A` under contract `A` and tenant `t-B` under contract `B`; let one of the entries end before the other begins (project Default/alpha (p1))");

    let same = list(&[
        listed("p1", "A", Some(10), Some(40)),
        listed("default/alpha", "A", Some(20), Some(50)),
    ]);
    assert_eq!(
        owners(same, &[], &p),
        ["0..10 rest/R", "10..50 t-A/A", "50..100 rest/R"]
    );
    let elsewhere = Listed {
        cloud: Some("cloud2".into()),
        ..listed("p1", "A", None, None)
    };
    assert_eq!(owners(list(&[elsewhere]), &[], &p), ["0..100 rest/R"]);
    assert_eq!(
        owners(list(&[listed("p1", "A", None, None)]), &[], &[]),
        ["0..100 t-A/A"],
        "an id needs no name"
    );
    assert_eq!(
        owners(list(&[listed("p1", "A", Some(50), Some(50))]), &[], &p),
        ["0..100 rest/R"],
        "an empty span"
    );
}

#[test]
fn a_domain_with_a_slash_is_not_listed_by_name() {
    let mut p = project(0, "c", &[]);
    if let Some(k) = &mut p.value {
        k.attrs.insert(attr::DOMAIN.to_owned(), "a/b".to_owned());
    }
    let list = |scope| vec![Rule::List(vec![listed(scope, "A", None, None)])];
    assert!(owners(list("a/b/c"), &[], std::slice::from_ref(&p))[0].contains("no rule applies"));
    assert_eq!(owners(list("default/c"), &[], &[p]), ["0..100 t-A/A"]);
}

fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    let tags = prop::sample::subsequence(vec!["contract:A", "contract:B", "contract:", "x"], 0..3);
    let one = (
        -20_i64..120,
        prop::sample::select(vec!["alpha", "beta-1"]),
        tags,
        any::<bool>(),
    );
    // One span a start, as the fold gives them.
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let by_start: BTreeMap<i64, Span> = all
            .into_iter()
            .map(|(start, name, tags, known)| {
                let span = project(start, name, &tags);
                (
                    start,
                    if known {
                        span
                    } else {
                        Span {
                            value: None,
                            gap: "not listed",
                            ..span
                        }
                    },
                )
            })
            .collect();
        by_start.into_values().collect()
    })
}

fn any_tenancy() -> impl Strategy<Value = Tenancy> {
    let date = || prop::option::of(-10_i64..110);
    let scope = prop::sample::select(vec!["p1", "Default/alpha", "default/beta-1", "p2"]);
    let entry = (
        scope,
        prop::sample::select(vec!["A", "B", "C"]),
        date(),
        date(),
    )
        .prop_map(|(s, c, f, t)| listed(s, c, f, t));
    let list = prop::collection::vec(entry, 0..4).prop_map(Rule::List);
    let rule = prop_oneof![Just(tag()), list, Just(name("(beta)-.", "$1", "N"))];
    let table = prop_oneof![Just(vec![]), Just(vec![("A", "t-A"), ("N", "beta")])];
    (prop::collection::vec(rule, 0..4), table).prop_map(|(rules, table)| Tenancy {
        rules,
        contracts: contracts(&table),
        platforms: Vec::new(),
    })
}

proptest! {
    #[test]
    fn covers_exactly_whatever_the_order(tenancy in any_tenancy(), spans in any_spans(), from in -30_i64..130, len in 0_i64..90) {
        let rules = Attribution::new(&tenancy).unwrap();
        let (from, to) = (at(from), at(from + len));
        let got = rules.owners("cloud1", "p1", &spans, from, to);
        if from == to {
            prop_assert!(got.is_empty());
        } else {
            prop_assert_eq!(got[0].start, from);
            prop_assert_eq!(got[got.len() - 1].end, to);
        }
        prop_assert!(got.iter().all(|s| s.start < s.end));
        prop_assert!(got.windows(2).all(|w| w[0].end == w[1].start && w[0].owner != w[1].owner));
        let reversed: Vec<Span> = spans.iter().rev().cloned().collect();
        prop_assert_eq!(got, rules.owners("cloud1", "p1", &reversed, from, to));
    }

    /// Every second by itself says what the whole says: where a window is cut changes nothing.
    #[test]
    fn seconds_and_windows_agree(tenancy in any_tenancy(), spans in any_spans(), from in -30_i64..130, len in 1_i64..60) {
        let rules = Attribution::new(&tenancy).unwrap();
        for span in rules.owners("cloud1", "p1", &spans, at(from), at(from + len)) {
            for s in span.start.second()..span.end.second() {
                let one = rules.owners("cloud1", "p1", &spans, at(s), at(s + 1));
                prop_assert_eq!(&one[..], &[OwnerSpan { start: at(s), end: at(s + 1), owner: span.owner.clone() }][..]);
            }
        }
    }
}

fn namespace(start: i64, name: &str, labels: &[(&str, &str)], requester: &str) -> Span {
    let marks = labels
        .iter()
        .map(|(n, v)| (format!("{}{n}", attr::LABEL), (*v).to_owned()));
    let requester = (
        format!("{}openshift.io/requester", attr::ANNOTATION),
        requester.to_owned(),
    );
    let known = Known {
        label: name.to_owned(),
        attrs: marks
            .chain([requester, (UID.to_owned(), format!("uid-{start}"))])
            .collect(),
        ..Known::default()
    };
    Span {
        value: Some(known),
        ..project(start, name, &[])
    }
}

#[test]
fn namespaces_find_their_owners_by_labels_annotations_and_names() {
    let meaning = |pattern: &str, tenant: &str, contract: &str| Meaning {
        pattern: pattern.into(),
        tenant: tenant.into(),
        contract: contract.into(),
    };
    let rules = vec![
        Rule::NamespaceMark {
            mark: Mark::Label,
            name: "example.com/contract".into(),
            value: None,
        },
        Rule::NamespaceMark {
            mark: Mark::Label,
            name: "tenant".into(),
            value: Some(meaning("(acme|globex)", "$1-ab", "CO-$1")),
        },
        Rule::NamespaceMark {
            mark: Mark::Annotation,
            name: "openshift.io/requester".into(),
            value: Some(meaning(r".*@fjord\.example", "fjord", "CO-fjord")),
        },
        // It is about projects alone, though the pattern matches.
        name("kube-.*", "wrong", "wrong"),
        Rule::NamespaceName(meaning("(kube|openshift)-.*", "platform", "CO-0")),
    ];
    let rules = Attribution::new(&Tenancy {
        rules,
        ..Tenancy::default()
    })
    .unwrap();
    let owner = |span: &Span| {
        let id = span.value.as_ref().unwrap().label.clone();
        let owners = rules.owners("okd", &id, std::slice::from_ref(span), at(0), at(10));
        match &owners[0].owner {
            Owner::Tenant { tenant, contract } => format!("{tenant} {contract}"),
            Owner::Unattributed { reason } => format!("! {reason}"),
            Owner::Platform => panic!("no platform is marked"),
        }
    };
    assert_eq!(
        owner(&namespace(
            0,
            "a",
            &[("example.com/contract", "CO-7"), ("tenant", "acme")],
            ""
        )),
        "CO-7 CO-7"
    );
    assert_eq!(
        owner(&namespace(
            0,
            "a",
            &[("tenant", "acme")],
            "bo@fjord.example"
        )),
        "acme-ab CO-acme"
    );
    assert_eq!(
        owner(&namespace(
            0,
            "a",
            &[("tenant", "other")],
            "bo@fjord.example"
        )),
        "fjord CO-fjord"
    );
    assert_eq!(
        owner(&namespace(0, "kube-system", &[], "")),
        "platform CO-0"
    );
    assert_eq!(
        owner(&namespace(0, "default", &[], "")),
        "! no rule applies to namespace default: give the namespace a label, or add a rule or a list entry for it under `tenancy`"
    );
    let no_contract = namespace(0, "a", &[("example.com/contract", " ")], "");
    assert_eq!(
        owner(&no_contract),
        "! rule 1 (namespace label `example.com/contract`) names no contract: write it after the prefix, or into the rule (namespace a)"
    );
    // Made anew under the same name, by another tenant: from then on it is theirs.
    let spans = [
        namespace(0, "a", &[("tenant", "acme")], ""),
        namespace(5, "a", &[("tenant", "globex")], ""),
    ];
    let owners = rules.owners("okd", "a", &spans, at(0), at(10));
    let told: Vec<_> = owners
        .iter()
        .map(|o| (o.start, o.owner.contract().to_owned()))
        .collect();
    assert_eq!(
        told,
        [
            (at(0), "CO-acme".to_owned()),
            (at(5), "CO-globex".to_owned())
        ]
    );
}
