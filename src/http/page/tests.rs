//! The first page of made-up months: what it says, and that it says nothing it must not.

use super::{
    super::{
        Figures,
        overview::{Overview, Reasons},
        samples::{Server, config, figures, four_tenants, fresh, october, status, trouble, usage},
    },
    differences, nodes, overview as page_of,
};
use crate::{
    domain::{Aspect, Outcome, PassMode, ResourceKey, UsageRow, money::exact_text},
    periods::differences::{Difference, Differences},
    store::ListStatus,
};

fn overview(f: Figures, lists: Vec<ListStatus>) -> Overview {
    Overview::build(
        &config(&["north-1"], f.rated.is_some()),
        &october(),
        f,
        lists,
    )
}

#[test]
fn sums_are_those_of_the_rows_whoever_owns_them() {
    let (f, lists) = trouble();
    let total: i128 = f
        .usage
        .rows
        .iter()
        .filter(|r| r.meter == "compute.vcpu")
        .map(|r| r.quantity)
        .sum();
    let o = overview(f, lists);
    let parts: i128 = o.tenants.iter().map(|t| t.sums.vcpu_s).sum::<i128>()
        + o.unattributed.as_ref().unwrap().sums.vcpu_s;
    assert_eq!((o.total.vcpu_s, parts), (total, total));
    assert_eq!(
        o.tenants.len(),
        5,
        "two contracts of one tenant are two rows"
    );
    let acme = &o.tenants[0].sums;
    assert_eq!(
        (acme.servers, acme.vcpu_s),
        (3, (16 * 2 * 13 * 86_400) + 8 * (13 * 86_400 - 600))
    );
    // 2 x 4992 h x 0.0123 = 61.4016, rounded by line; 8 x 311.8333 h x 0.0123 = 30.6844.
    assert_eq!(exact_text(&acme.cost), "3837/25");
    let cost = o
        .tenants
        .iter()
        .map(|t| t.sums.cost.clone())
        .sum::<num_rational::BigRational>()
        + &o.unattributed.unwrap().sums.cost;
    assert_eq!(cost, o.total.cost);
}

#[test]
fn largest_resources_come_first_and_the_rest_is_counted() {
    let ids: Vec<String> = (0..13).map(|i| format!("id-{i:02}")).collect();
    let servers: Vec<Server<'_>> = ids
        .iter()
        .zip(1..)
        .map(|(id, n)| Server {
            tenant: "a",
            contract: "c",
            scope: "s",
            name: "",
            id,
            flavor: ("f", n, 1, 0),
            seconds: 3600,
            unseen: 0,
        })
        .collect();
    let o = overview(figures(&servers, false), fresh());
    let t = &o.tenants[0];
    assert_eq!(
        (
            t.top.len(),
            t.more,
            t.top[0].id.as_str(),
            t.top[9].id.as_str()
        ),
        (10, 3, "id-12", "id-03")
    );
    assert!(
        page_of(&o)
            .0
            .contains("plimsoll usage --month 2026-10 --tenant a<")
    );
}

#[test]
fn the_page_escapes_and_has_no_script_and_no_inline_style() {
    let (f, lists) = trouble();
    let html = page_of(&overview(f, lists)).0;
    assert!(html.contains("Göteborgs &lt;b&gt;Hamn&lt;/b&gt; &amp; Co"));
    for never in [
        "<b>",
        "<script",
        " style=",
        "<style",
        "onclick",
        "http-equiv",
    ] {
        assert!(!html.contains(never), "{never}");
    }
    for must in [
        "lang=\"en\"",
        "<caption>",
        "scope=\"col\"",
        "scope=\"row\"",
        "two tags answer",
        "12 min ago",
    ] {
        assert!(html.contains(must), "{must}");
    }
    assert_eq!(
        html.matches("<table").count(),
        html.matches("<caption").count(),
        "every table says what it shows"
    );
}

#[test]
fn numbers_on_the_page() {
    let html = page_of(&overview(figures(&four_tenants(), true), fresh())).0;
    for must in [
        "12\u{202f}478.7",
        "Cost, EUR",
        "153.48",
        "99.9 %",
        "100.0 %",
        "<span class=\"age\">12 s ago",
        "October 2026",
        "as of <time datetime=\"2026-10-14T12:00:05Z\">2026-10-14 14:00:05 CEST",
    ] {
        assert!(html.contains(must), "{must}");
    }
    let unpriced = page_of(&overview(figures(&four_tenants(), false), fresh())).0;
    assert!(!unpriced.contains("Cost"), "no book, no money");
    assert!(
        html.contains("href=\"/?month=2026-09\"") && !html.contains("2026-11"),
        "November has not begun"
    );
}

#[test]
fn an_empty_month_says_why_and_what_to_do() {
    let none = || figures(&[], false);
    let shown = |sources: &[&str], lists| {
        page_of(&Overview::build(
            &config(sources, false),
            &october(),
            none(),
            lists,
        ))
        .0
    };
    assert!(shown(&[], vec![]).contains("No source is configured"));
    let waiting = shown(&["north-1"], vec![]);
    assert!(
        waiting.contains("Nothing has been collected yet")
            && waiting.contains("plimsoll check --online")
    );
    assert!(shown(&["north-1"], fresh()).contains("No usage in October 2026"));
}

#[test]
fn what_cannot_be_priced_is_said_and_no_cost_is_shown() {
    let f = Figures {
        unpriced: vec!["flavor x has no price".into()],
        usage: usage(&four_tenants()),
        rated: None,
        reasons: Reasons::new(),
        differences: Differences::default(),
        unmarked: Vec::new(),
    };
    let html = page_of(&Overview::build(
        &config(&["north-1"], true),
        &october(),
        f,
        fresh(),
    ))
    .0;
    assert!(html.contains("flavor x has no price") && !html.contains("Cost, EUR"));
}

#[test]
fn a_tag_is_proposed_where_none_answers_and_not_where_two_do() {
    let (f, lists) = trouble();
    let html = page_of(&overview(f.clone(), lists.clone())).0;
    assert!(html.contains("two tags answer") && !html.contains("openstack project set"));
    let untagged = Figures {
        reasons: f
            .reasons
            .into_keys()
            .map(|k| (k, ["no rule applies to it".to_owned()].into()))
            .collect(),
        ..f
    };
    let html = page_of(&overview(untagged, lists)).0;
    assert!(html.contains("openstack project set --tag contract:CONTRACT "));
}

#[test]
fn one_trouble_of_a_source_is_told_once_and_an_unread_month_says_so() {
    let lists: Vec<ListStatus> = ["projects", "servers"]
        .map(|list| {
            let mut s = status(list, PassMode::Full, Outcome::Failed, 5);
            s.watermark = None;
            s.last.error = "cannot log in".into();
            s
        })
        .into();
    let o = overview(figures(&[], false), lists);
    assert_eq!(
        o.warnings,
        ["north-1, projects, servers: passes fail, and usage stands still: cannot log in"]
    );
    assert!(page_of(&o).0.contains("No list could be read yet"));
}

#[test]
fn time_without_a_flavor_is_told_and_coverage_counts_servers_once() {
    let mut f = figures(&four_tenants(), false);
    let row = f
        .usage
        .rows
        .iter_mut()
        .find(|r| r.meter == "compute.instance")
        .unwrap();
    let mut dimensions = std::collections::BTreeMap::clone(&row.dimensions);
    dimensions.insert("flavor".into(), "unobserved".into());
    row.dimensions = dimensions.into();
    row.observed_s = 0;
    row.expected_s = 7200;
    let seconds = |f: &Figures| -> i64 {
        let rows = f.usage.rows.iter();
        rows.filter(|r| r.meter == "compute.instance")
            .map(|r| r.expected_s)
            .sum()
    };
    let expected = i128::from(seconds(&f));
    let o = overview(f, fresh());
    assert_eq!((o.total.flavorless_s, o.total.expected_s), (7200, expected));
    assert!(
        o.warnings[0].starts_with("2.0 server-hours"),
        "{:?}",
        o.warnings
    );
}

/// A row of something beside a server.
fn held(
    kind: &str,
    id: &str,
    meter: &str,
    dimension: (&str, &str),
    quantity: i128,
    unseen: i64,
) -> crate::domain::UsageRow {
    let of = four_tenants().remove(0);
    let mut row = of.rows().remove(0);
    row.kind = kind.into();
    row.resource = id.into();
    row.resource_name = format!("{id}-name").into();
    row.meter = meter.into();
    row.dimensions = [(dimension.0.to_owned(), dimension.1.to_owned())].into();
    row.quantity = quantity;
    (row.observed_s, row.expected_s) = (7_200 - unseen, 7_200);
    row.id = crate::domain::UsageRow::id_of("2026-10", &row);
    row
}

#[test]
fn storage_and_networks_have_a_table_of_their_own() {
    let mut f = figures(&four_tenants(), false);
    let before = page_of(&overview(f.clone(), fresh())).0;
    assert!(!before.contains("Storage and networks"), "nothing to show");
    f.usage.rows.extend([
        held(
            "volume",
            "v1",
            "volume.capacity",
            ("type", "fast"),
            7_200 * (100 << 30),
            0,
        ),
        held(
            "floating_ip",
            "f1",
            "network.public_ipv4",
            ("network", "public"),
            3_600,
            3_600,
        ),
    ]);
    let o = overview(f, fresh());
    let acme = &o.tenants[0];
    assert_eq!(
        (acme.things.len(), acme.more_things, acme.top.len()),
        (2, 0, 3)
    );
    assert_eq!(
        (acme.sums.beside.observed_s, acme.sums.beside.expected_s),
        (10_800, 14_400)
    );
    assert_eq!(acme.sums.servers, 3, "a volume is no server");
    let html = page_of(&o).0;
    for must in [
        "Storage and networks",
        "Volumes<div class=\"unit\">GiB-h</div>",
        "data-label=\"Volumes, GiB-h\">200.0<",
        "data-label=\"Public addresses, address-h\">1.0<",
        "75.0 %",
        "floating IP",
        "3 servers, 2 others",
        "v1-name",
    ] {
        assert!(html.contains(must), "{must}");
    }
    assert!(
        !html.contains("Load balancers<"),
        "a column that nobody uses is not there"
    );
    assert_eq!(
        html.matches("<table").count(),
        html.matches("<caption").count(),
        "every table says what it shows"
    );
}

#[test]
fn lists_stand_service_by_service() {
    let mut lists = fresh();
    for (list, service) in [
        ("volumes", "volume"),
        ("backups", "volume"),
        ("routers", "network"),
    ] {
        let mut one = status(list, PassMode::Full, Outcome::Complete, 12);
        one.last.service = service.into();
        lists.push(one);
    }
    let o = overview(figures(&four_tenants(), false), lists);
    let html = page_of(&o).0;
    let place = |what: &str| html.find(what).unwrap_or_else(|| panic!("{what}"));
    assert!(place("Servers of north-1") < place("Block storage of north-1"));
    assert!(place("Block storage of north-1") < place(">backups<"));
    assert!(place(">backups<") < place(">volumes<"));
    assert!(place(">volumes<") < place("Networks of north-1"));
    assert_eq!(html.matches("Block storage of north-1").count(), 1);
}

#[test]
fn where_lists_and_events_disagree_is_told_line_by_line() {
    let none = overview(figures(&four_tenants(), true), fresh());
    assert!(!page_of(&none).0.contains("/differences"));
    assert!(differences(&none).0.contains("Nowhere in October 2026"));
    let one = Difference {
        seen: october().from.plus_seconds(3_600),
        key: ResourceKey {
            cloud: "north-1".into(),
            kind: "load_balancer".into(),
            resource: "c3a1".into(),
        },
        name: "<front>".into(),
        aspect: Aspect::State,
        told: String::new(),
        shown: "stopped".into(),
        fact: 7,
    };
    let some = Overview {
        differences: vec![one],
        differing: 1_250,
        ..none
    };
    let first = page_of(&some).0;
    assert!(first.contains("times a list showed") && first.contains("/differences?month=2026-10"));
    let page = differences(&some).0;
    for told in [
        "in all; the latest 1",
        "load balancer &lt;front&gt;",
        "c3a1",
        "nothing",
        "stopped",
        "2026-10-01",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[test]
fn each_node_is_shown_with_parts_that_sum_to_it() {
    let none = overview(figures(&four_tenants(), true), fresh());
    assert!(
        !page_of(&none).0.contains("/nodes") && nodes(&none).0.contains("No node is shared out")
    );
    let mut f = figures(&four_tenants(), true);
    let hour = 3_600_000_000_000_i128;
    let share = |kind: &str, id: &str, part: &str, quantity: i128| UsageRow {
        id: format!("{id}-{part}"),
        tenant: if kind == "pod" { "Acme" } else { "platform" }.into(),
        scope: "p1".into(),
        scope_name: if kind == "pod" { "ns" } else { "Default/okd-1" }.into(),
        source: "okd-1".into(),
        kind: kind.into(),
        resource: id.into(),
        meter: "k8s.node.cpu".into(),
        unit: "{cpu-n}.s".into(),
        dimensions: [("node", "<n1>"), ("server", "s1"), ("part", part)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        quantity,
        ..f.usage.rows[0].clone()
    };
    let rows = [
        share("node", "u", "system", hour),
        share("node", "u", "unrequested", 2 * hour),
        share("pod", "a", "requested", 30 * hour),
        share("pod", "b", "requested", 10 * hour),
        share("pod", "b", "unrequested", 5 * hour),
        share("node", "u", "unobserved", hour / 2),
    ];
    f.usage.rows.extend(rows);
    let o = overview(f, fresh());
    let [node] = &o.nodes[..] else {
        panic!("{:?}", o.nodes)
    };
    assert_eq!(
        (node.pods, node.parts[0].whole()),
        (2, 48 * hour + hour / 2)
    );
    assert!(page_of(&o).0.contains("/nodes?month=2026-10"));
    let html = nodes(&o).0;
    for told in [
        "&lt;n1&gt;",
        "okd-1",
        "Default/okd-1",
        "48.5",
        "40.0",
        "CPU of nodes",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    assert!(!html.contains("Memory of nodes"), "there is none to show");
}
