//! `plimsoll simulate`: a made-up cloud on the wire, or a whole made-up month into the store by the path that real facts take.

use super::{collect, exit, pump, refresh, run::Parts, stopped};
use crate::{
    cli::progress::Progress,
    config::{self, Config},
    domain::{Outcome, PassMode, Period, Ts, fact::kind},
    net::Clock,
    periods::usage::Rules,
    simulate::{self, Scenario, World},
    sources::Source,
};
use anyhow::{Context as _, Result, anyhow};
use chrono_tz::Tz;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::watch};

/// A collector's grid: one pass a minute. Slots at which nothing could have changed are passed over but for one an hour; they would write nothing.
const GRID_S: i64 = 60;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;
/// Every so many hours all lists are read.
const ALL_H: i64 = 6;
/// Within a second, before and after what the made-up cloud lets happen in the middle of it.
const BEFORE_US: i64 = 250_000;
const AFTER_US: i64 = 750_000;

/// What `simulate` was asked.
pub(super) struct Simulate {
    pub(super) scenario: PathBuf,
    pub(super) seed: u64,
    pub(super) truth: Option<PathBuf>,
    /// Only so far into the month.
    pub(super) until: Option<Ts>,
}

fn load(asked: &Simulate) -> Result<Scenario, u8> {
    Scenario::load(&asked.scenario).map_err(|e| {
        eprintln!("plimsoll: {e}");
        exit::USAGE
    })
}

fn write_truth(world: &World, path: &Path, from: Ts, to: Ts) -> Result<()> {
    let truth = world
        .truth(from, to)
        .map_err(|e| anyhow!("the truth of the scenario: {e}"))?;
    std::fs::write(path, serde_json::to_vec_pretty(&truth)?)
        .with_context(|| format!("writing {}", path.display()))
}

/// Serves the cloud of this month at the present time until stopped: the same cloud that `--month` collects. After the month nothing changes in it.
pub(super) async fn listen(asked: &Simulate, addr: SocketAddr, zone: Tz) -> Result<u8> {
    let scenario = match load(asked) {
        Ok(s) => s,
        Err(code) => return Ok(code),
    };
    let clock = Clock::System;
    let month =
        Period::containing(clock.now(), zone).context("the clock is outside the calendar")?;
    let world = Arc::new(World::generate(
        &scenario, asked.seed, month.from, month.to,
    )?);
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("listening on {addr} (--listen)"))?;
    if world.has_buckets() {
        tracing::info!(
            "its object gateways `{}`: http://{addr}, access key and secret key {}",
            world.gateway(),
            simulate::PASSWORD
        );
    }
    tracing::info!(
        "made-up cloud `{}` with {} servers and {} other things in {month}: Keystone at http://{addr}/identity/v3, user {}, password {}",
        world.cloud(),
        world.servers_total(),
        world.things_total(),
        simulate::USER,
        simulate::PASSWORD
    );
    simulate::serve(listener, world.clone(), clock.clone(), stopped()).await?;
    if let Some(path) = &asked.truth {
        write_truth(&world, path, month.from, clock.now().min(month.to))?;
    }
    Ok(exit::DONE)
}

/// Answers one command of its cluster: the cloud is that of the month that holds the time.
pub(super) fn command(
    asked: &Simulate,
    command: &[String],
    at: Option<Ts>,
    zone: Tz,
) -> Result<u8> {
    let scenario = match load(asked) {
        Ok(s) => s,
        Err(code) => return Ok(code),
    };
    let at = at.unwrap_or_else(|| Clock::System.now());
    let month = Period::containing(at, zone).context("the time is outside the calendar")?;
    let world = World::generate(&scenario, asked.seed, month.from, month.to)?;
    let Some((program, args)) = command.split_first() else {
        return Ok(exit::USAGE);
    };
    match world.answer(program, args, at) {
        Ok(answer) => {
            println!("{answer}");
            Ok(exit::DONE)
        }
        Err(failed) => {
            eprintln!("{}", failed.why);
            Ok(failed.code)
        }
    }
}

/// Collects a made-up month into the store, the whole of it or the part before `--until`.
pub(super) async fn month(mut config: Config, asked: &Simulate, month: &str) -> Result<u8> {
    let scenario = match load(asked) {
        Ok(s) => s,
        Err(code) => return Ok(code),
    };
    let period = match Period::month(month, config.meters.time_zone) {
        Ok(p) => p,
        Err(e) => {
            eprintln!("plimsoll: {e}");
            return Ok(exit::USAGE);
        }
    };
    let world = Arc::new(World::generate(
        &scenario,
        asked.seed,
        period.from,
        period.to,
    )?);
    let clock = Clock::standing_at(period.from);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let mut served_until = stopping.clone();
    let server = tokio::spawn(simulate::serve(
        listener,
        world.clone(),
        clock.clone(),
        async move {
            let _ = served_until.wait_for(|s| *s).await;
        },
    ));
    config.sources = sources_of(&world, address)?;
    let parts = Parts::open(config, clock.clone()).await?;
    let drainer = tokio::spawn(parts.drain(stopping));
    let mut readers = Vec::new();
    for source in &parts.config.sources {
        let memory = parts.store.memory(source.name()).await?;
        readers.extend(Source::open(source, &clock, &memory, "simulate")?);
    }
    let end = asked.until.map_or(period.to, |u| u.min(period.to));
    let slots = slots(&world, period.from, end)?;
    let mut shares = vec![BTreeSet::new(); readers.len()];
    let progress = Progress::new("simulating", slots.len() as u64);
    let mut next_full = Ts::MIN;
    let mut troubled = BTreeSet::new();
    for (t, due) in slots {
        clock.set(t);
        let mode = if t >= next_full {
            PassMode::Full
        } else {
            PassMode::Changes
        };
        let mut passes = Vec::new();
        for (n, reader) in readers.iter_mut().enumerate() {
            if !due.wants(n, &shares[n]) {
                continue;
            }
            let got = pump::pump(reader, mode, &parts.spool, &parts.metrics).await;
            shares[n].extend(got.passes.iter().map(|p| p.list.clone()));
            passes.extend(got.passes);
        }
        if mode == PassMode::Full
            && due == Due::All
            && passes.iter().all(|p| p.outcome == Outcome::Complete)
        {
            next_full = t.plus_seconds(DAY_S);
        }
        troubled.extend(
            passes
                .into_iter()
                .filter(|p| p.outcome != Outcome::Complete)
                .map(|p| p.list),
        );
        progress.step(&t.to_string());
    }
    progress.done();
    collect::delivered(&parts.spool).await?;
    refresh::rebuild_all(&parts, &Rules::of(&parts.config)?).await?;
    let _ = stop.send(true);
    drainer.await?;
    server.await??;
    parts.store.close().await?;
    if let Some(path) = &asked.truth {
        write_truth(&world, path, period.from, end)?;
    }
    println!(
        "{period}: {} servers and {} other things of cloud `{}` collected",
        world.servers_total(),
        world.things_total(),
        world.cloud()
    );
    if !troubled.is_empty() {
        println!(
            "passes that were not complete (the scenario's faults): {}",
            troubled.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    Ok(exit::DONE)
}

/// The made-up cloud as sources, read as any other: the object gateways are one of their own, where there are any buckets.
fn sources_of(world: &World, address: SocketAddr) -> Result<Vec<config::Source>> {
    let url = |path: &str| {
        let text = format!("http://{address}{path}");
        text.parse().context("the simulator's address")
    };
    let credentials = config::Credentials::Password {
        username: simulate::USER.to_owned(),
        user_domain: "Default".to_owned(),
        project: "admin".to_owned(),
        project_domain: "Default".to_owned(),
        password: config::Secret::new(simulate::PASSWORD),
    };
    let cloud = config::OpenStack::with_defaults(world.cloud(), url("/identity/v3")?, credentials);
    let mut sources = vec![config::Source::OpenStack(cloud)];
    if world.has_buckets() {
        let key = || config::Secret::new(simulate::PASSWORD);
        let zone = config::Rgw::with_defaults(&world.gateway(), url("/")?, key(), key());
        sources.push(config::Source::Rgw(config::Rgw {
            openstack: Some(world.cloud().to_owned()),
            ..zone
        }));
    }
    Ok(sources)
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    All,
    /// The first reader, of projects and servers, looks often; and who reads one of these lists.
    Some {
        first: bool,
        lists: BTreeSet<&'static str>,
    },
}

impl Due {
    /// True if it is the turn of the nth reader, who was seen to read `share`.
    fn wants(&self, n: usize, share: &BTreeSet<String>) -> bool {
        match self {
            Self::All => true,
            Self::Some { first, lists } => {
                (*first && n == 0) || lists.iter().any(|l| share.contains(*l))
            }
        }
    }

    fn and(&mut self, other: Self) {
        match (&mut *self, other) {
            (
                Self::Some { first, lists },
                Self::Some {
                    first: also,
                    lists: more,
                },
            ) => {
                *first |= also;
                lists.extend(more);
            }
            _ => *self = Self::All,
        }
    }
}

/// When passes happen, and whose turn it is then.
///
/// Servers tell of their past: on the grid, after each change twice (the second time its record has settled), and once an hour. Nothing else does: what is not
/// seen as it happens is never known to the second. So each change of something else is looked at in its own second, after it; and an end before it too, at
/// the last moment at which it was still there. All else would write nothing.
fn slots(world: &World, from: Ts, to: Ts) -> Result<BTreeMap<Ts, Due>> {
    let truth = world
        .truth(from, to)
        .map_err(|e| anyhow!("the truth of the scenario: {e}"))?;
    let mut slots: BTreeMap<Ts, Due> = BTreeMap::new();
    let mut add = |t: Ts, due: Due| {
        if t <= to {
            slots
                .entry(t)
                .and_modify(|d| d.and(due.clone()))
                .or_insert(due);
        }
    };
    let first = || Due::Some {
        first: true,
        lists: BTreeSet::new(),
    };
    for h in 0..=(to.second() - from.second()) / HOUR_S {
        let due = if h % ALL_H == 0 { Due::All } else { first() };
        add(from.plus_seconds(h * HOUR_S), due);
    }
    let on_grid = |s: i64| (s.div_euclid(GRID_S) + 1) * GRID_S;
    for e in truth.events.iter().filter(|e| e.t >= from) {
        let s = e.t.second();
        if e.kind == kind::SERVER {
            add(Ts::from_second(on_grid(s)), first());
            add(Ts::from_second(on_grid(s) + GRID_S), first());
            continue;
        }
        let due = Due::Some {
            first: false,
            lists: BTreeSet::from([kind::list_of(e.kind)]),
        };
        if e.state == "deleted" {
            add(Ts(e.t.0 + BEFORE_US), due.clone());
        }
        add(Ts(e.t.0 + AFTER_US), due);
    }
    // The last ones read what the month's last second left; a month that goes on has none yet.
    if to < world.window().1 {
        slots.insert(to, Due::All);
    } else {
        slots.insert(to.plus_seconds(GRID_S), Due::All);
        slots.insert(to.plus_seconds(2 * GRID_S), Due::All);
    }
    Ok(slots)
}
