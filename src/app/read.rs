//! Commands that read the store: `usage`, `explain`, `export`.

use super::{
    account::Account,
    corrections, exit,
    kept::{self, Kept},
    open_store,
};
use crate::{
    cli::{self, args},
    config::{self, Config},
    domain::{Period, PriceBook, Ts},
    export,
    periods::{
        closings::{self, Whose},
        usage::{self, Rules},
    },
    rating,
    store::Store,
};
use anyhow::{Context as _, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How many months back `explain` looks for a line.
const MONTHS_BACK: usize = 24;

/// What was asked for, with the rules that were in force then: those of the file for now, those kept in the store for a stated time.
pub(super) struct Asked {
    pub(super) store: Store,
    pub(super) as_of: Ts,
    pub(super) rules: Rules,
    pub(super) zone: chrono_tz::Tz,
}

impl Asked {
    pub(super) async fn open(config: &Config, as_of: Option<Ts>) -> Result<Self> {
        Self::of(open_store(config).await?, config, as_of).await
    }

    pub(super) async fn of(store: Store, config: &Config, as_of: Option<Ts>) -> Result<Self> {
        let now = store.now().await?;
        Ok(match as_of {
            Some(t) => Self {
                as_of: t.min(now),
                rules: Rules::as_of(&store, config, t).await?,
                zone: usage::zone_as_of(&store, config, t).await?,
                store,
            },
            None => Self {
                as_of: now,
                rules: Rules::of(config)?,
                zone: config.meters.time_zone,
                store,
            },
        })
    }
}

/// The month in a zone; says what is wrong and gives the exit code when there is none.
pub(super) fn parse_month(month: &str, zone: chrono_tz::Tz) -> Result<Period, u8> {
    Period::month(month, zone).map_err(|e| {
        eprintln!("plimsoll: {e}");
        exit::USAGE
    })
}

/// `plimsoll usage`.
pub(super) async fn usage(
    config: Config,
    month: &str,
    tenant: Option<&str>,
    as_of: Option<Ts>,
    format: args::TableFormat,
) -> Result<u8> {
    if let Err(code) = parse_month(month, config.meters.time_zone) {
        return Ok(code);
    }
    let asked = Asked::open(&config, as_of).await?;
    let period = Period::month(month, asked.zone)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if matches!(format, args::TableFormat::Table) {
        let summary = usage::summarise(&asked.store, &asked.rules, &period, asked.as_of).await?;
        asked.store.close().await?;
        let known = summary.totals.by.keys().map(|k| k[0].as_str()).collect();
        if tenant.is_some_and(|t| is_nobody(&config, t, &known, &period)) {
            return Ok(exit::PART);
        }
        cli::usage::table(&summary, tenant, &mut out)?;
    } else {
        let computed = usage::compute(&asked.store, &asked.rules, &period, asked.as_of).await?;
        asked.store.close().await?;
        for unmarked in &computed.unmarked {
            eprintln!("plimsoll: {unmarked}");
        }
        let mut usage = computed.usage;
        if let Some(t) = tenant {
            let known = usage.rows.iter().map(|r| r.tenant.as_str()).collect();
            if is_nobody(&config, t, &known, &period) {
                return Ok(exit::PART);
            }
            usage.rows.retain(|r| r.tenant == t);
        }
        match format {
            args::TableFormat::Csv => cli::usage::csv(&usage, &mut out)?,
            args::TableFormat::Json | args::TableFormat::Table => {
                cli::usage::json(&usage, &mut out)?
            }
        }
    }
    out.flush()?;
    Ok(exit::DONE)
}

/// True for a tenant that has no usage and is not configured either; says so.
fn is_nobody(config: &Config, tenant: &str, known: &BTreeSet<&str>, period: &Period) -> bool {
    let configured = config.tenancy.contracts.values().any(|c| c == tenant);
    let nobody = !known.contains(tenant) && !configured;
    if nobody {
        eprintln!(
            "plimsoll: there is no tenant `{tenant}` in {period}: {}",
            listed(known)
        );
    }
    nobody
}

pub(super) fn listed(tenants: &BTreeSet<&str>) -> String {
    if tenants.is_empty() {
        return "it has no usage at all".to_owned();
    }
    let names: Vec<&str> = tenants.iter().copied().collect();
    format!("those with usage are {}", names.join(", "))
}

/// What `explain` was asked.
pub(super) struct Explain {
    pub(super) id: String,
    pub(super) month: Option<String>,
    pub(super) as_of: Option<Ts>,
    pub(super) raw: bool,
    pub(super) format: args::TextFormat,
}

/// `plimsoll explain`.
pub(super) async fn explain(config: Config, wanted: &Explain) -> Result<u8> {
    if let Some(Err(code)) = wanted
        .month
        .as_deref()
        .map(|m| parse_month(m, config.meters.time_zone))
    {
        return Ok(code);
    }
    let asked = Asked::open(&config, wanted.as_of).await?;
    if kept::explain(&asked.store, &wanted.id, Kept::Correction, wanted.format).await? {
        asked.store.close().await?;
        return Ok(exit::DONE);
    }
    let months: Vec<Period> = match &wanted.month {
        Some(m) => vec![Period::month(m, asked.zone)?],
        None => months_back(asked.as_of, asked.zone),
    };
    let found =
        cli::explain::find(&asked.store, &asked.rules, &wanted.id, &months, asked.as_of).await?;
    let line = match (&found, book_of(&asked, &config, wanted.as_of).await?) {
        (None, Some(book)) => super::bill::explain(&asked, &config, &book, &months, wanted).await?,
        _ => false,
    };
    let line = line
        || (found.is_none()
            && kept::explain(&asked.store, &wanted.id, Kept::Any, wanted.format).await?);
    asked.store.close().await?;
    if line {
        return Ok(exit::DONE);
    }
    let Some(explanation) = found else {
        let searched = match (months.last(), months.first()) {
            (Some(from), Some(to)) if from != to => format!("{from} to {to}"),
            (Some(one), _) => one.to_string(),
            _ => "no month".to_owned(),
        };
        eprintln!(
            "plimsoll: no line has the id {} (searched: {searched}); `plimsoll usage --format json` and `plimsoll bill --format json` list ids, and a line of a stated --as-of needs the same one here",
            wanted.id
        );
        return Ok(exit::PART);
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::explain::print(&explanation, wanted.raw, wanted.format, &mut out)?;
    out.flush()?;
    Ok(exit::DONE)
}

fn months_back(now: Ts, zone: chrono_tz::Tz) -> Vec<Period> {
    std::iter::successors(Period::containing(now, zone), |p| {
        Period::containing(p.from.plus_seconds(-1), zone)
    })
    .take(MONTHS_BACK)
    .collect()
}

/// What `export` was asked.
pub(super) struct Export {
    pub(super) month: String,
    pub(super) format: String,
    pub(super) out: PathBuf,
    pub(super) as_of: Option<Ts>,
    /// Not the month, but the approved corrections to it.
    pub(super) corrections: bool,
}

/// `plimsoll export`.
pub(super) async fn export(config: Config, asked: &Export) -> Result<u8> {
    let Export { month, out, .. } = asked;
    if let Err(code) = parse_month(month, config.meters.time_zone) {
        return Ok(code);
    }
    let format = match export::Format::parse(&asked.format, &config.delivery) {
        Ok(format) => format,
        Err(e) => {
            eprintln!("plimsoll: {e}");
            return Ok(exit::USAGE);
        }
    };
    let store = open_store(&config).await?;
    let what = (month.as_str(), &format);
    let written = if asked.corrections {
        corrections::export(&config, &store, what, out).await
    } else {
        exported(&config, &store, what, out, asked.as_of).await
    };
    store.close().await?;
    let Some(written) =
        written.with_context(|| format!("exporting {month} to {}", out.display()))?
    else {
        return Ok(exit::PART);
    };
    let mut stdout = io::stdout().lock();
    for path in &written {
        writeln!(stdout, "{}", path.display())?;
    }
    Ok(exit::DONE)
}

/// The files of what is closed as they were kept, those of what is open as things stand; `None` once it is said why there are none.
async fn exported(
    config: &Config,
    store: &Store,
    (month, format): (&str, &export::Format),
    out: &Path,
    as_of: Option<Ts>,
) -> Result<Option<Vec<PathBuf>>> {
    let (mut closed, mut whose) = (Vec::new(), Whose::all());
    if as_of.is_none() {
        closed = kept::closings(store, month).await?;
        let decisions: Vec<_> = closed.iter().map(|c| &c.sealed.begun).collect();
        if decisions.iter().any(|b| b.contract.is_none()) {
            let zone = config.meters.time_zone;
            let paths = kept::export(store, &closed, format, zone, out).await?;
            return Ok(Some(paths));
        }
        whose = Whose::AllBut(closings::alone(decisions));
        // Kept before the as-of is taken, so that the same export can be asked for again by it.
        keep_definitions(store, config).await?;
    }
    let asked = Asked::of(store.clone(), config, as_of).await?;
    settle(store, asked.as_of, config).await?;
    let account = match Account::of(&asked, config, (month, &whose), as_of).await? {
        Ok(account) => account,
        Err(refusal) => {
            refusal.tell("nothing was written", month);
            return Ok(None);
        }
    };
    tell_unattributed(&account.dated.computed);
    let zone = config.meters.time_zone;
    let mut paths = kept::export(store, &closed, format, zone, out).await?;
    paths.extend(export::write(&account.export(), format, out)?.paths);
    Ok(Some(paths))
}

/// Says which usage has no price.
pub(super) fn tell_unpriced(so: &str, month: &str, unpriced: &[rating::Unpriced]) {
    let n = unpriced.len();
    eprintln!("plimsoll: {so}: {n} lines of {month} have no price:");
    for u in unpriced {
        eprintln!("  {u}");
    }
}

/// Says what nobody owns, and why; and what may be billed twice.
pub(super) fn tell_unattributed(computed: &usage::Computed) {
    for unmarked in &computed.unmarked {
        eprintln!("plimsoll: {unmarked}");
    }
    for ((source, _), reasons) in &computed.unattributed {
        for reason in reasons {
            eprintln!("plimsoll: unattributed in {source}: {reason}");
        }
    }
}

/// Keeps what decides usage besides facts, by hash and with the store's time.
pub(super) async fn keep_definitions(store: &Store, config: &Config) -> Result<()> {
    for (kind, body) in config.definitions()? {
        store
            .put_definition(kind, &body)
            .await
            .with_context(|| format!("keeping the definition of {kind}"))?;
    }
    Ok(())
}

/// Hashes of the definitions in force.
pub(super) async fn definition_hashes(
    store: &Store,
    as_of: Ts,
) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for kind in ["tenancy", "meters", "prices", "credits"] {
        if let Some((hash, _, _)) = store.definition(kind, as_of).await? {
            hashes.insert(kind.to_owned(), hash);
        }
    }
    Ok(hashes)
}

/// The price book: the file's for now, the kept one for a stated time.
pub(super) async fn book_of(
    asked: &Asked,
    config: &Config,
    as_of: Option<Ts>,
) -> Result<Option<PriceBook>> {
    let kept = match as_of {
        Some(t) => asked.store.definition("prices", t).await?,
        None => None,
    };
    let (Some((hash, body, _)), Some(t)) = (kept, as_of) else {
        return Ok(config.prices.clone());
    };
    let read = config::book::from_text(&format!("price book {hash}"), &body, Some(asked.zone));
    let mut book = read.map_err(|p| unreadable("price book", &p))?;
    if let Some((hash, body, _)) = asked.store.definition("credits", t).await? {
        let name = format!("credits {hash}");
        config::credits::from_text(&name, &body, asked.zone, &mut book)
            .map_err(|p| unreadable("file of credits", &p))?;
    }
    Ok(Some(book))
}

fn unreadable(what: &str, problems: &[config::Problem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(
        "the {what} in force then can no longer be read: {}",
        lines.join("; ")
    )
}

/// Waits until no insert that is under way can still change what was stored by the as-of; there is none where nobody else can be writing.
pub(super) async fn settle(store: &Store, as_of: Ts, config: &Config) -> Result<()> {
    let safe_at = as_of.plus_seconds(i64::from(config.store.insert_timeout_s));
    let wait_us = u64::try_from(safe_at.0 - store.now().await?.0).unwrap_or(0);
    if wait_us > 0 && !store.is_alone() {
        let seconds = wait_us.div_ceil(1_000_000);
        tracing::info!(
            seconds,
            "waiting out the insert timeout, so that this export can be made again byte for byte"
        );
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
    }
    Ok(())
}
