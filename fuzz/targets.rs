//! What is fuzzed: every parser of bytes that others wrote. Each target takes any bytes and says whether they were accepted; it panics where a promise is
//! broken. Driven by `cargo fuzz` (see `fuzz/README.md`) and, on every run of the tests, by `tests/it/fuzzed.rs`.

use plimsoll::{
    config::{self, book},
    domain::{Decimal, Ts, money},
    exposition::{Event, Events, Format, Strict},
    simulate::Scenario,
    slo::{Counter, Selector, Sli, is_label},
    sources::{
        ceph::fuzzed as ceph, events, kubernetes::fuzzed as kubernetes,
        openstack::fuzzed as openstack, prometheus::fuzzed as prometheus, rgw::fuzzed as rgw,
    },
    spool,
};
use std::path::Path;

/// Takes any bytes; true if they were accepted.
type Target = fn(&[u8]) -> bool;

/// All targets, by the name of their binary.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("server", openstack::server),
    ("action", openstack::action),
    ("flavor", openstack::flavor),
    ("page", openstack::page),
    ("project", openstack::project),
    ("token", openstack::token),
    ("notification", openstack::notification),
    ("usage_event", events::fuzzed),
    ("volume", |bytes| openstack::item("volumes", bytes)),
    ("snapshot", |bytes| openstack::item("snapshots", bytes)),
    ("backup", |bytes| openstack::item("backups", bytes)),
    ("image", |bytes| openstack::item("images", bytes)),
    ("floating_ip", |bytes| {
        openstack::item("floating_ips", bytes)
    }),
    ("port", |bytes| openstack::item("ports", bytes)),
    ("router", |bytes| openstack::item("routers", bytes)),
    ("load_balancer", |bytes| {
        openstack::item("load_balancers", bytes)
    }),
    ("share", |bytes| openstack::item("shares", bytes)),
    ("account", openstack::account),
    ("inventories", openstack::inventories),
    ("rgw_usage", rgw::usage),
    ("rgw_bucket", rgw::bucket),
    ("rgw_names", rgw::names),
    ("ceph_images", ceph::images),
    ("ceph_subvolume", ceph::subvolume),
    ("ceph_cluster", ceph::cluster),
    ("k8s_quantity", kubernetes::quantity),
    ("k8s_pod", |bytes| kubernetes::object("pods", bytes)),
    ("k8s_namespace", |bytes| {
        kubernetes::object("namespaces", bytes)
    }),
    ("k8s_node", |bytes| kubernetes::object("nodes", bytes)),
    ("k8s_claim", |bytes| {
        kubernetes::object("persistentvolumeclaims", bytes)
    }),
    ("k8s_volume", |bytes| {
        kubernetes::object("persistentvolumes", bytes)
    }),
    ("k8s_service", |bytes| kubernetes::object("services", bytes)),
    ("k8s_kubelet", kubernetes::kubelet),
    ("spool_file", spool::fuzzed),
    ("time", time),
    ("decimal", decimal),
    ("yaml", yaml),
    ("price_book", price_book),
    ("credits", config::credits::fuzzed),
    ("exported", plimsoll::export::fuzzed),
    ("scenario", scenario),
    ("exposition", exposition),
    ("metrics_page", prometheus::page),
    ("metrics_answer", prometheus::answer),
    ("number", number),
    ("selector", selector),
    ("openslo", openslo),
];

/// Runs one target.
pub(crate) fn run(name: &str, bytes: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(n, _)| *n == name);
    found.is_some_and(|(_, target)| target(bytes))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A time that was read is read the same again from what we show.
fn time(bytes: &[u8]) -> bool {
    let Some(Ok(t)) = text(bytes).map(Ts::parse) else {
        return false;
    };
    assert_eq!(Ts::parse(&t.to_string()), Ok(t));
    true
}

/// Rounded to as many decimals as were written, a number is itself.
fn decimal(bytes: &[u8]) -> bool {
    let Some((text, Ok(n))) = text(bytes).map(|t| (t, money::parse_decimal(t))) else {
        return false;
    };
    let decimals = text.split_once('.').map_or(0, |(_, part)| part.len());
    let Ok(decimals) = u32::try_from(decimals) else {
        return true;
    };
    let shown = money::round_to_text(&n, decimals, money::Rounding::HalfEven);
    assert_eq!(money::parse_decimal(&shown).ok(), Some(n));
    true
}

/// Whatever is wrong with a file, somebody is told what; what is right is JSON.
fn yaml(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    match config::plain_yaml(Path::new("fuzzed.yaml"), text) {
        Ok(value) => serde_json::to_string(&value).is_ok(),
        Err(problems) => {
            assert!(problems.iter().all(|p| !p.to_string().is_empty()) && !problems.is_empty());
            false
        }
    }
}

/// An accepted book keeps its text, and is accepted again from it.
fn price_book(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    match book::from_text("fuzzed.yaml", text, None) {
        Ok(book) => {
            assert_eq!(book.text, text);
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            false
        }
    }
}

fn scenario(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|t| Scenario::parse("fuzzed.yaml", t).is_ok())
}

/// A page of either format: its numbers and labels can be asked for, and the rules accept what the grammar accepts, or less.
fn exposition(bytes: &[u8]) -> bool {
    let read = |format| Events::new(bytes, format).collect::<Result<Vec<_>, _>>();
    let (plain, exact) = (read(Format::Text), read(Format::OpenMetrics));
    let samples = plain.iter().chain(&exact).flatten();
    for event in samples {
        if let Event::Sample(s) = event {
            assert!(s.value.decimal().is_some() || s.value.is_nan() || s.value.infinite() != 0);
            assert!(
                s.labels
                    .iter()
                    .all(|l| s.labels.get(l.name) == Some(l.value()))
            );
            assert!(s.timestamp.is_none_or(|t| t.ts().is_ok()
                || t.nanoseconds().is_err()
                || t.as_str().len() > 12));
        }
    }
    match Strict::new(bytes).collect::<Result<Vec<_>, _>>() {
        Ok(events) => assert_eq!(Ok(events), exact),
        Err(e) => assert!(e.line > 0 && e.column > 0),
    }
    plain.is_ok() || exact.is_ok()
}

/// What is a decimal to us is one to the standard library, and its whole part is between its neighbours.
fn number(bytes: &[u8]) -> bool {
    let Some((text, Ok(n))) = text(bytes).map(|t| (t, Decimal::parse(t))) else {
        return text(bytes).is_some_and(|t| {
            t.parse::<f64>().is_ok_and(f64::is_finite) && panic!("{t} is a number")
        });
    };
    assert!(text.parse::<f64>().is_ok());
    if let Ok(whole) = n.floor(0) {
        let shown = whole.to_string();
        let floor = Decimal::parse(&shown).expect("digits are a number");
        assert!(floor <= n && n.is_whole() == (floor == n) && n.scaled(0).is_ok() == n.is_whole());
    }
    true
}

/// What was understood of a selector is one line of PromQL that is understood again; a series made up for it is text of one line too.
fn selector(bytes: &[u8]) -> bool {
    let Some(Ok(read)) = text(bytes).map(Selector::parse) else {
        return false;
    };
    let shown = read.to_string();
    let again = Selector::parse(&shown).expect("what is shown is a selector");
    assert_eq!(again.to_string(), shown);
    assert!(again.is_of_the_metric_of(&read));
    let series = read.series(None, &[("tenant", "acme")]);
    assert_eq!(series, again.series(None, &[("tenant", "acme")]));
    assert!(!(shown + &series.unwrap_or_default()).contains(char::is_control));
    true
}

/// What is accepted can be alerted on, for every tenant, and counted by selectors; what is not, somebody is told why.
fn openslo(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let slos = match config::slos_from_text("fuzzed.yaml", text) {
        Ok(slos) => slos,
        Err(problems) => {
            assert!(problems.iter().all(|p| !p.to_string().is_empty()) && !problems.is_empty());
            return false;
        }
    };
    for slo in &slos {
        let tenants = slo.objective.tenants.keys().map(String::as_str);
        for tenant in tenants.map(Some).chain([None]) {
            let pairs = slo.pairs(tenant);
            let longest = slo.window.nominal_s();
            assert!(!pairs.is_empty() && pairs.iter().all(|p| p.long_s <= longest));
        }
        assert!(slo.objective.per_tenant || slo.objective.tenants.is_empty());
        let Sli::Counters {
            part: Counter::Good(part) | Counter::Bad(part),
            total,
            tenant,
        } = &slo.sli
        else {
            continue;
        };
        for query in [part, total] {
            let read = Selector::parse(query).map(|s| s.to_string());
            assert_eq!(read.as_ref(), Ok(query));
        }
        assert!(tenant.as_deref().is_none_or(is_label));
        assert!(tenant.is_some() || !slo.objective.per_tenant);
    }
    !slos.is_empty()
}
