//! Made-up months for the tests of pages and routes.

use super::{Board, Figures, overview::Reasons};
use crate::periods::{differences::Differences, reconcile::Report};
use crate::{
    config::{Config, Credentials, Http, Metering, OpenStack, Secret, Source, Store, StoreAt},
    domain::{
        Outcome, Pass, PassMode, Period, PriceBook, Tenancy, Ts, UsageRow,
        bill::{Metered, Rated},
        money::{Rounding, parse_decimal},
        ownership::UNATTRIBUTED,
        price::{Count, Item, ItemKind, Measured, Price, PricePeriod, PriceUnit, Quantity, Scheme},
        tenancy::Rule,
        usage::Usage,
    },
    rating,
    store::ListStatus,
};
use futures::future::BoxFuture;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

/// 2026-10-14 12:00:05 UTC.
pub(super) const NOW: Ts = Ts::from_second(1_791_979_205);

pub(super) fn october() -> Period {
    Period::month("2026-10", chrono_tz::Europe::Stockholm).unwrap()
}

pub(super) fn config(sources: &[&str], priced: bool) -> Config {
    let source = |name: &&str| {
        Source::OpenStack(OpenStack {
            name: (*name).to_owned(),
            auth_url: "http://127.0.0.1:5000/v3".parse().unwrap(),
            credentials: Credentials::ApplicationCredential {
                id: "id".into(),
                secret: Secret::new("s"),
            },
            region: None,
            interface: "public".into(),
            interval_s: 60,
            full_interval_s: 3600,
            inventory_interval_s: 300,
            services: None,
            concurrency: 1,
            page_size: 100,
            timeout_s: 10,
            body_max_bytes: 1 << 20,
            ca_file: None,
            gpu_alias: ".*gpu.*".into(),
            notifications: Vec::new(),
            public_networks: None,
        })
    };
    let book = PriceBook {
        name: "Standard 2026".into(),
        currency: "EUR".into(),
        decimals: 2,
        rounding: Rounding::HalfUp,
        items: prices(),
        hash: String::new(),
        ..PriceBook::default()
    };
    Config {
        warnings: Vec::new(),
        path: PathBuf::from("/etc/plimsoll/plimsoll.yaml"),
        store: Store {
            data_dir: PathBuf::from("data"),
            at: StoreAt::Embedded {
                memory_max_bytes: 1 << 30,
            },
            insert_timeout_s: 30,
            spool_max_bytes: 1 << 30,
        },
        sources: sources.iter().map(source).collect(),
        tenancy: Tenancy {
            rules: vec![Rule::ProjectTag {
                prefix: "contract:".into(),
            }],
            contracts: BTreeMap::new(),
            platforms: Vec::new(),
        },
        meters: Metering {
            billed: BTreeMap::new(),
            declared: Vec::new(),
            time_zone: chrono_tz::Europe::Stockholm,
            preset: "existence".into(),
            exceptions: BTreeMap::new(),
        },
        prices: priced.then_some(book),
        delivery: crate::config::Delivery::default(),
        slo: crate::config::Slos::default(),
        http: Http {
            listen: "127.0.0.1:0".parse().unwrap(),
        },
    }
}

/// A server with its three or four meters over so many seconds, of which `unseen` were not observed.
pub(super) struct Server<'a> {
    pub(super) tenant: &'a str,
    pub(super) contract: &'a str,
    pub(super) scope: &'a str,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) flavor: (&'a str, i64, i64, i64),
    pub(super) seconds: i64,
    pub(super) unseen: i64,
}

impl Server<'_> {
    pub(super) fn rows(&self) -> Vec<UsageRow> {
        let (flavor, vcpus, gib, gpus) = self.flavor;
        let meters = [
            ("compute.instance", "s", 1),
            ("compute.vcpu", "{vcpu}.s", vcpus),
            ("compute.memory", "By.s", gib << 30),
            ("compute.gpu", "{gpu}.s", gpus),
        ];
        let seen = self.seconds - self.unseen;
        let row = |(meter, unit, level): (&str, &str, i64)| {
            let mut row = UsageRow {
                id: String::new(),
                tenant: self.tenant.into(),
                contract: self.contract.into(),
                scope: format!("{:0>32}", self.scope.len()).into(),
                scope_name: self.scope.into(),
                source: "north-1".into(),
                kind: "server".into(),
                resource: self.id.into(),
                resource_name: self.name.into(),
                meter: meter.into(),
                unit: unit.into(),
                dimensions: BTreeMap::from([
                    ("flavor".into(), flavor.into()),
                    ("state".into(), "active".into()),
                ])
                .into(),
                quantity: i128::from(level) * i128::from(seen),
                observed_s: seen,
                expected_s: self.seconds,
            };
            row.id = UsageRow::id_of("2026-10", &row);
            row
        };
        meters
            .into_iter()
            .filter(|(_, _, level)| *level > 0)
            .map(row)
            .collect()
    }
}

pub(super) fn usage(servers: &[Server<'_>]) -> Usage {
    let mut rows: Vec<UsageRow> = servers.iter().flat_map(Server::rows).collect();
    rows.sort_by(|a, b| {
        (&a.tenant, &a.contract, &a.resource, &a.meter).cmp(&(
            &b.tenant,
            &b.contract,
            &b.resource,
            &b.meter,
        ))
    });
    Usage {
        month: "2026-10".into(),
        time_zone: "Europe/Stockholm".into(),
        as_of: NOW,
        rows,
    }
}

/// Every vCPU hour at 0.0123 EUR; nothing else is sold.
fn prices() -> Vec<Item> {
    let amount = parse_decimal("0.0123").unwrap();
    let price = Price {
        of: Measured::Meter("compute.vcpu".into()),
        matches: BTreeMap::new(),
        amount,
        amount_text: "0.0123".into(),
        per_quantity: parse_decimal("1").unwrap(),
        unit: PriceUnit::Vcpu,
        period: PricePeriod::Hour,
        count: Count::Exact,
        quantity: Quantity::Total,
        included: parse_decimal("0").unwrap(),
        scheme: Scheme::Flat,
    };
    vec![Item {
        sku: "VCPU".into(),
        name: "vCPU".into(),
        from: None,
        to: None,
        terms: None,
        kind: ItemKind::Usage(price),
    }]
}

fn rated(usage: &Usage) -> Rated {
    let book = config(&[], true).prices.unwrap();
    let metered = Metered::undated(usage.clone());
    rating::rate(&metered, &book, &october(), &BTreeMap::new()).unwrap()
}

pub(super) fn status(list: &str, mode: PassMode, outcome: Outcome, age_s: i64) -> ListStatus {
    let complete = NOW.plus_seconds(-age_s);
    let began = if outcome == Outcome::Complete {
        complete
    } else {
        NOW.plus_seconds(-20)
    };
    ListStatus {
        cloud: "north-1".into(),
        list: list.into(),
        watermark: (mode != PassMode::Deleted).then_some(complete),
        last: Pass {
            id: 1,
            cloud: "north-1".into(),
            service: "compute".into(),
            region: "north".into(),
            list: list.into(),
            mode,
            started: began,
            finished: began.plus_seconds(2),
            watermark: began,
            skew_us: 340_000,
            outcome,
            items: 1342,
            facts: 17,
            requests: 3,
            bytes: 40_000,
            error: String::new(),
            collector: "host-1".into(),
            cursor: String::new(),
        },
        suspect: 0,
        failed: 0,
    }
}

pub(super) fn fresh() -> Vec<ListStatus> {
    vec![
        status("servers", PassMode::Changes, Outcome::Complete, 12),
        status("servers.deleted", PassMode::Deleted, Outcome::Complete, 41),
        status("projects", PassMode::Full, Outcome::Complete, 43),
        status("flavors", PassMode::Full, Outcome::Complete, 1261),
    ]
}

const DAY: i64 = 86_400;

pub(super) fn four_tenants() -> Vec<Server<'static>> {
    let s = |tenant, contract, scope, name, id, flavor, seconds, unseen| Server {
        tenant,
        contract,
        scope,
        name,
        id,
        flavor,
        seconds,
        unseen,
    };
    let big = ("b2.c16r64", 16, 64, 0);
    let small = ("b2.c1r2", 1, 2, 0);
    let gpu = ("g1.c24r200", 24, 200, 2);
    vec![
        s(
            "Acme Shipping AB",
            "CO-001",
            "acme/prod",
            "web-1",
            "0b5c8a30-1f5d-4bb2-8c2b-4a1f0a9f0001",
            big,
            13 * DAY,
            0,
        ),
        s(
            "Acme Shipping AB",
            "CO-001",
            "acme/prod",
            "web-2",
            "0b5c8a30-1f5d-4bb2-8c2b-4a1f0a9f0002",
            big,
            13 * DAY,
            0,
        ),
        s(
            "Acme Shipping AB",
            "CO-001",
            "acme/prod",
            "db-1",
            "0b5c8a30-1f5d-4bb2-8c2b-4a1f0a9f0003",
            ("m2.c8r128", 8, 128, 0),
            13 * DAY,
            600,
        ),
        s(
            "Acme Shipping AB",
            "CO-014",
            "acme/lab",
            "",
            "0b5c8a30-1f5d-4bb2-8c2b-4a1f0a9f0004",
            small,
            5,
            0,
        ),
        s(
            "Fjord Analytics",
            "CO-002",
            "fjord/train",
            "a100-train-7",
            "7d1e88aa-90c4-4f3c-b5bb-6d5b7c0f1001",
            gpu,
            9 * DAY + 4321,
            0,
        ),
        s(
            "Fjord Analytics",
            "CO-002",
            "fjord/web",
            "portal",
            "7d1e88aa-90c4-4f3c-b5bb-6d5b7c0f1002",
            small,
            13 * DAY,
            3 * DAY,
        ),
        s(
            "Göteborgs <b>Hamn</b> & Co",
            "CO-003",
            "hamn/kaj",
            "kran-övervakning",
            "91f4c2d0-aaaa-4bbb-8ccc-0123456789ab",
            big,
            13 * DAY,
            0,
        ),
        s(
            "Zenith",
            "",
            "zenith/all",
            "z",
            "aa000000-0000-4000-8000-000000000001",
            small,
            2 * DAY,
            0,
        ),
    ]
}

pub(super) fn figures(servers: &[Server<'_>], priced: bool) -> Figures {
    let usage = usage(servers);
    Figures {
        rated: priced.then(|| rated(&usage)),
        usage,
        unpriced: vec![],
        reasons: Reasons::new(),
        differences: Differences::default(),
        unmarked: Vec::new(),
    }
}

/// With a scope that has two contract tags, and a source that fails.
pub(super) fn trouble() -> (Figures, Vec<ListStatus>) {
    let mut servers = four_tenants();
    servers.push(Server {
        tenant: UNATTRIBUTED,
        contract: "",
        scope: "default/skunkworks",
        name: "jumpbox",
        id: "ffee0000-0000-4000-8000-00000000abcd",
        flavor: ("b2.c4r8", 4, 8, 0),
        seconds: 6 * DAY,
        unseen: 0,
    });
    let mut figures = figures(&servers, true);
    let scope = figures
        .usage
        .rows
        .iter()
        .find(|r| r.tenant == UNATTRIBUTED)
        .unwrap()
        .scope
        .clone();
    let why = "two tags answer: contract:CO-001 and contract:CO-002".to_owned();
    figures
        .reasons
        .insert(("north-1".into(), scope.to_string()), BTreeSet::from([why]));
    let mut lists = fresh();
    let mut failed = status("servers", PassMode::Changes, Outcome::Failed, 720);
    failed.last.error = "GET https://nova.example:8774/v2.1/servers/detail: 503 Service Unavailable after 4 tries; the next pass tries again".into();
    failed.failed = 12;
    lists[0] = failed;
    lists[2].last.outcome = Outcome::Suspect;
    lists[2].last.error =
        "it would have ended 210 of 240 projects: does the role still reach all of them?".into();
    lists[2].suspect = 1;
    lists[3].last.skew_us = -12_400_000;
    (figures, lists)
}

/// A board that says what it was given, slowly, and counts how often it was asked for a month.
pub(super) struct Told {
    pub(super) figures: Result<Figures, String>,
    pub(super) lists: Result<Vec<ListStatus>, String>,
    pub(super) asked: AtomicUsize,
}

impl Told {
    pub(super) fn new(figures: Figures, lists: Vec<ListStatus>) -> Self {
        Self {
            figures: Ok(figures),
            lists: Ok(lists),
            asked: AtomicUsize::new(0),
        }
    }
}

impl Board for Told {
    fn now(&self) -> BoxFuture<'_, Result<Ts, String>> {
        Box::pin(async { Ok(NOW) })
    }

    fn lists(&self) -> BoxFuture<'_, Result<Vec<ListStatus>, String>> {
        Box::pin(async { self.lists.clone() })
    }

    fn month(&self, _: Period) -> BoxFuture<'_, Result<Figures, String>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            self.figures.clone()
        })
    }

    fn reconciliation(&self) -> BoxFuture<'_, Result<Report, String>> {
        Box::pin(async { Ok(super::page::compared::report()) })
    }
}
