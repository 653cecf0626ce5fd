//! Every dashboard: its structure, and every query of it on a real store.

mod billing;
mod ceph;
mod collector;
mod form;
mod kubernetes;
mod openstack;
mod told;

use crate::{
    grafana::{Scope, Selected},
    harness,
};
use plimsoll::{
    domain::{
        Batch, Outcome, Pass, PassMode, ResourceKey, Ts,
        usage::{Basis, Piece, ResourcePieces},
    },
    store::Store,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

const SOURCE: &str = "grafana-clickhouse-datasource";
/// That of the dashboards of our own metrics.
const PROMETHEUS: &str = "prometheus";

/// All dashboards by file name.
fn all_dashboards() -> Vec<(String, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    assert!(!files.is_empty());
    let read = |f: &Path| {
        serde_json::from_str(&std::fs::read_to_string(f).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", f.display()))
    };
    files
        .iter()
        .map(|f| {
            (
                f.file_name().unwrap().to_string_lossy().into_owned(),
                read(f),
            )
        })
        .collect()
}

/// Those of what the store holds.
fn dashboards() -> Vec<(String, Value)> {
    let mut all = all_dashboards();
    all.retain(|(_, d)| source(d) == SOURCE);
    all
}

/// Where its figures come from.
fn source(d: &Value) -> &str {
    let variables = list(&d["templating"], "list");
    let chosen = variables.iter().find(|v| text(v, "name") == "datasource");
    chosen.map_or("", |v| text(v, "query"))
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

fn list<'a>(v: &'a Value, key: &str) -> &'a [Value] {
    v[key].as_array().map_or(&[], Vec::as_slice)
}

/// Every query of a dashboard: (where it stands, SQL as written).
fn queries(d: &Value) -> Vec<(String, String)> {
    let of_panels = list(d, "panels").iter().flat_map(|p| {
        list(p, "targets").iter().map(|t| {
            (
                format!("panel `{}` {}", text(p, "title"), text(t, "refId")),
                text(t, "rawSql").to_owned(),
            )
        })
    });
    let of_variables = list(&d["templating"], "list")
        .iter()
        .filter(|v| text(v, "type") == "query")
        .map(|v| {
            (
                format!("variable `{}`", text(v, "name")),
                text(v, "query").to_owned(),
            )
        });
    of_panels.chain(of_variables).collect()
}

/// First second of 2026-10-05, UTC.
const MIDNIGHT: i64 = 1_791_158_400;

/// Hours of 2026-10-05 with one tenant or all selected.
fn scope(d: &Value, tenant: Option<&str>, hours: std::ops::Range<i64>) -> Scope {
    let all = || vec!["acme".to_owned(), "unattributed".to_owned()];
    let select = || {
        tenant.map_or_else(
            || Selected::All(all()),
            |t| Selected::These(vec![t.to_owned()]),
        )
    };
    let names = list(&d["templating"], "list")
        .iter()
        .filter(|v| text(v, "type") == "query")
        .map(|v| text(v, "name").to_owned());
    Scope {
        from_ms: (MIDNIGHT + hours.start * 3600) * 1000,
        to_ms: (MIDNIGHT + hours.end * 3600) * 1000,
        interval_s: 600,
        variables: names.map(|n| (n, select())).collect::<BTreeMap<_, _>>(),
    }
}

#[test]
fn every_query_expands() {
    for (file, d) in dashboards() {
        for (place, sql) in queries(&d) {
            for tenant in [None, Some("it's")] {
                let expanded = scope(&d, tenant, 0..24).expand(&sql);
                assert!(
                    expanded.as_ref().is_ok_and(|s| !s.contains("$__")),
                    "{file}: {place}: {expanded:?}"
                );
            }
        }
    }
}

/// Servers in stretches of (tenant, state, from hour, to hour, vCPUs); no vCPUs: nobody saw it.
type Stretch = (&'static str, &'static str, i64, Option<i64>, i64);

fn server(name: &str, stretches: &[Stretch]) -> ResourcePieces {
    let hour = |h: i64| Ts::from_second(MIDNIGHT + h * 3600);
    let piece =
        |meter: &str, unit: &str, level: i64, &(tenant, state, from, to, vcpus): &Stretch| Piece {
            meter: meter.into(),
            unit: unit.into(),
            tenant: tenant.into(),
            contract: if tenant == "unattributed" {
                String::new()
            } else {
                "CO-1".into()
            },
            scope: format!("id-{tenant}"),
            scope_name: format!("default/{tenant}"),
            dimensions: BTreeMap::from([("state".to_owned(), state.to_owned())]),
            start: hour(from),
            end: to.map(hour),
            level,
            observed: vcpus > 0,
            basis: Basis::Held,
        };
    let meters = stretches.iter().flat_map(|s| {
        let seen = i64::from(s.4 > 0);
        [
            piece("compute.instance", "s", seen, s),
            piece("compute.memory", "By.s", seen << 42, s),
            piece("compute.vcpu", "{vcpu}.s", s.4, s),
        ]
    });
    let mut pieces: Vec<Piece> = meters.collect();
    pieces.sort_by(|a, b| (&a.meter, a.start).cmp(&(&b.meter, b.start)));
    ResourcePieces {
        key: ResourceKey {
            cloud: "sim".into(),
            kind: "server".into(),
            resource: name.into(),
        },
        name: name.into(),
        list: "servers".into(),
        generation: 1,
        pieces,
    }
}

/// A day with a server that runs from the day before, one that stops and is lost for an hour, one that nobody owns. Read until 20:00.
async fn seed(store: &Store) {
    let read = |outcome, hour: i64| {
        let started = Ts::from_second(MIDNIGHT + hour * 3600);
        Pass {
            id: Pass::id_of("sim", "servers", PassMode::Full, started, "test"),
            cloud: "sim".into(),
            service: "compute".into(),
            region: String::new(),
            list: "servers".into(),
            mode: PassMode::Full,
            started,
            finished: started.plus_seconds(1),
            watermark: started,
            skew_us: 0,
            outcome,
            items: 3,
            facts: 3,
            requests: 1,
            bytes: 100,
            error: String::new(),
            collector: "test".into(),
            cursor: String::new(),
        }
    };
    let passes = vec![read(Outcome::Complete, 20), read(Outcome::Failed, 21)];
    store
        .write(&Batch {
            passes,
            ..Batch::default()
        })
        .await
        .unwrap();
    let servers = [
        server("a", &[("acme", "active", -24, None, 4)]),
        server(
            "b",
            &[
                ("it's", "active", 1, Some(2), 8),
                ("it's", "stopped", 2, Some(3), 8),
                ("it's", "", 3, Some(4), 0),
            ],
        ),
        server("c", &[("unattributed", "active", 5, None, 2)]),
    ];
    store.replace_pieces(&servers).await.unwrap();
}

fn row<'a>(rows: &'a [Value], tenant: &str, meter: &str) -> &'a Value {
    rows.iter()
        .find(|r| text(r, "tenant") == tenant && text(r, "meter") == meter)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_the_store_and_shows_what_was_seeded() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed(&store).await;
    openstack::seed_things(&store).await;
    billing::seed_charges(&store).await;
    ceph::seed_cluster(&store).await;
    kubernetes::seed_cluster(&store).await;
    for (file, d) in dashboards() {
        for (place, sql) in queries(&d) {
            for tenant in [None, Some("it's")] {
                let sent = scope(&d, tenant, 0..24).expand(&sql).unwrap();
                let rows = store
                    .json(&sent)
                    .await
                    .unwrap_or_else(|e| panic!("{file}: {place}: {e}\n{sent}"));
                assert!(
                    !rows.is_empty() || tenant.is_some(),
                    "{file}: {place} shows nothing of what was seeded\n{sent}"
                );
            }
        }
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_exact_and_ranges_that_touch_count_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = harness::open(dir.path()).await;
    seed(&store).await;
    let (_, d) = dashboards()
        .into_iter()
        .find(|(f, _)| f == "usage.json")
        .unwrap();
    let ask = async |title: &str, tenant: Option<&str>, hours: std::ops::Range<i64>| {
        let sql = queries(&d)
            .into_iter()
            .find(|(place, _)| place.contains(title))
            .unwrap()
            .1;
        store
            .json(&scope(&d, tenant, hours).expand(&sql).unwrap())
            .await
            .unwrap()
    };
    let usage = "Usage by tenant and meter";
    let day = ask(usage, None, 0..24).await;
    assert_eq!(day.len(), 9, "three tenants, three meters");
    // It began the day before and was read until 20:00.
    let bytes = 20 * 3600 * (1_i128 << 42);
    assert!(bytes > 1 << 53, "past what a float holds");
    assert_eq!(
        text(row(&day, "acme", "compute.memory"), "quantity"),
        bytes.to_string()
    );
    assert_eq!(
        text(row(&day, "it's", "compute.vcpu"), "quantity"),
        (2 * 3600 * 8).to_string()
    );
    assert_eq!(
        text(row(&day, "unattributed", "compute.instance"), "quantity"),
        (15 * 3600).to_string()
    );
    let (before, after) = (ask(usage, None, 0..2).await, ask(usage, None, 2..24).await);
    let number = |v: &Value| text(v, "quantity").parse::<i128>().unwrap();
    for r in &day {
        let of = |rows: &[Value]| {
            rows.iter()
                .filter(|o| o["tenant"] == r["tenant"] && o["meter"] == r["meter"])
                .map(number)
                .sum::<i128>()
        };
        assert_eq!(of(&before) + of(&after), number(r), "{r}");
    }
    assert_eq!(
        ask(usage, Some("it's"), 0..24).await.len(),
        3,
        "a tenant with a quote in its name"
    );
    // The last second that was read is 19:59:59: two servers with six vCPUs; at 02:30 another held eight.
    let shown = |rows: Vec<Value>, key: &str| {
        rows[0][key]
            .as_str()
            .map_or_else(|| rows[0][key].to_string(), str::to_owned)
    };
    assert_eq!(shown(ask("vCPUs now`", None, 0..24).await, "vcpus"), "6");
    assert_eq!(shown(ask("Servers now", None, 0..24).await, "servers"), "2");
    assert_eq!(shown(ask("vCPUs now`", None, 0..3).await, "vcpus"), "12");
    // Three hours of one server, of which one nobody saw; 38 hours of all.
    assert_eq!(
        shown(ask("Coverage`", Some("it's"), 0..24).await, "coverage"),
        "66.6"
    );
    assert_eq!(
        shown(ask("Coverage`", None, 0..24).await, "coverage"),
        "97.3"
    );
    store.close().await.unwrap();
}
