//! The first page of made-up months: what it says, and that it says nothing it must not.

use super::{
    super::{
        Figures,
        overview::{Overview, Reasons},
        samples::{Server, config, figures, four_tenants, fresh, october, trouble, usage},
    },
    notice, overview as page_of,
};
use crate::{domain::money::exact_text, store::ListStatus};

fn overview(f: Figures, lists: Vec<ListStatus>) -> Overview {
    Overview::build(
        &config(&["north-1"], f.charges.is_some()),
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
        "--tag contract:CONTRACT",
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
        charges: None,
        reasons: Reasons::new(),
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

/// Writes sample pages to look at: `PAGES_DIR=/somewhere cargo test --lib http::page::tests::write_pages -- --ignored`.
#[test]
#[ignore = "writes pages to PAGES_DIR, for eyes"]
fn write_pages() {
    let dir = std::path::PathBuf::from(std::env::var("PAGES_DIR").unwrap());
    let write = |name: &str, html: &str| {
        let local = html.split("?v=").next().unwrap().len();
        assert!(local > 0);
        std::fs::write(
            dir.join(name),
            html.replace("/assets/", "assets/")
                .replace(".css?v=", ".css#")
                .replace(".svg?v=", ".svg#"),
        )
        .unwrap();
    };
    std::fs::create_dir_all(dir.join("assets")).unwrap();
    for asset in ["plimsoll.css", "plimsoll.svg"] {
        std::fs::copy(
            format!("{}/src/http/assets/{asset}", env!("CARGO_MANIFEST_DIR")),
            dir.join("assets").join(asset),
        )
        .unwrap();
    }
    let empty = |sources: &[&str], lists| {
        Overview::build(
            &config(sources, false),
            &october(),
            figures(&[], false),
            lists,
        )
    };
    write("no-source.html", &page_of(&empty(&[], vec![])).0);
    write("empty.html", &page_of(&empty(&["north-1"], vec![])).0);
    write(
        "four.html",
        &page_of(&overview(figures(&four_tenants(), true), fresh())).0,
    );
    write(
        "open.html",
        &page_of(&overview(figures(&four_tenants(), true), fresh()))
            .0
            .replace(
                "<details class=\"tenant\">",
                "<details class=\"tenant\" open>",
            ),
    );
    let (f, lists) = trouble();
    write("trouble.html", &page_of(&overview(f, lists)).0);
    write(
        "notfound.html",
        &notice(
            "Not found",
            "There is nothing at /nowhere.",
            "There are / (usage of a month), /metrics, /livez and /readyz.",
        )
        .0,
    );
    let names: Vec<(String, String, String)> = (0..200)
        .map(|i| {
            (
                format!("tenant-{i:03}"),
                format!("CO-{i:03}"),
                format!("{i:08}-0000-4000-8000-000000000000"),
            )
        })
        .collect();
    let many: Vec<Server<'_>> = names
        .iter()
        .zip(1..)
        .map(|((t, c, id), n)| Server {
            tenant: t,
            contract: c,
            scope: "s",
            name: "vm",
            id,
            flavor: ("b2.c4r8", n % 33 + 1, 8, 0),
            seconds: 86_400 * 13 - n * 997,
            unseen: n % 7,
        })
        .collect();
    write(
        "many.html",
        &page_of(&overview(figures(&many, true), fresh())).0,
    );
}
