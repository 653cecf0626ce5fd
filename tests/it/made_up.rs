//! A made-up cloud that the test itself serves, so that it outlives every plimsoll that reads it; its clock moves when the test says so.

use crate::harness::Plimsoll;
use axum::{Router, extract::Request, middleware};
use plimsoll::{
    domain::{Period, Ts},
    net::Clock,
    simulate::{self, Scenario, World},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// The month it lives in.
pub(crate) const MONTH: &str = "2026-10";

pub(crate) struct MadeUp {
    pub(crate) period: Period,
    pub(crate) cloud: String,
    clock: Clock,
    address: std::net::SocketAddr,
    requests: Arc<AtomicU64>,
    /// Milliseconds after `born`.
    last: Arc<AtomicU64>,
    born: Instant,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl MadeUp {
    /// Serves the small scenario at the beginning of October 2026.
    pub(crate) async fn serve(seed: u64) -> Self {
        let scenario = Scenario::load(
            concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/scenarios/small.yaml").as_ref(),
        )
        .unwrap();
        let period = Period::month(MONTH, chrono_tz::Europe::Stockholm).unwrap();
        let world = Arc::new(World::generate(&scenario, seed, period.from, period.to).unwrap());
        let cloud = world.cloud().to_owned();
        let clock = Clock::standing_at(period.from);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, last, born) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
            Instant::now(),
        );
        let count = {
            let (requests, last) = (requests.clone(), last.clone());
            move |request: Request, next: middleware::Next| {
                requests.fetch_add(1, Ordering::SeqCst);
                last.store(
                    u64::try_from(born.elapsed().as_millis()).unwrap(),
                    Ordering::SeqCst,
                );
                next.run(request)
            }
        };
        let router: Router =
            simulate::router(world, clock.clone()).layer(middleware::from_fn(count));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            period,
            cloud,
            clock,
            address,
            requests,
            last,
            born,
            server,
        }
    }

    /// A plimsoll with an empty store of its own, configured to read this cloud.
    pub(crate) fn reader(&self) -> Plimsoll {
        self.reader_with("")
    }

    /// The same, with more lines of `store`.
    pub(crate) fn reader_with(&self, store: &str) -> Plimsoll {
        let p = Plimsoll::with_config(std::path::PathBuf::new());
        let config = p.dir().join("plimsoll.yaml");
        std::fs::write(p.dir().join("sim-password"), simulate::PASSWORD).unwrap();
        let book = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/deploy/prices/nordic-2026.yaml"
        );
        let source = self.source("admin");
        std::fs::write(
            &config,
            format!(
                "store: {{data_dir: data{store}}}
sources:
{source}tenancy:
  contracts: {{CO-001: norrland-kommun, CO-002: fjord-bank, CO-003: aurora-health, CO-004: tundra-games}}
  rules: [{{project_tag: \"contract:\"}}]
meters: {{time_zone: Europe/Stockholm}}
prices: {{book: {book}}}
"
            ),
        )
        .unwrap();
        p.configured(config)
    }

    /// How it is read with a scope of this project: an entry of `sources`, which finds the password beside the configuration.
    pub(crate) fn source(&self, project: &str) -> String {
        let (address, cloud, user) = (self.address, &self.cloud, simulate::USER);
        format!(
            "  - kind: openstack
    name: {cloud}
    auth_url: http://{address}/identity/v3
    username: {user}
    project: {project}
    password: {{file: sim-password}}
"
        )
    }

    /// Moves its clock.
    pub(crate) fn set(&self, t: Ts) {
        self.clock.set(t);
    }

    /// How many requests it has answered.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// How long ago the last one came, ms.
    pub(crate) fn quiet_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap() - self.last.load(Ordering::SeqCst)
    }
}
