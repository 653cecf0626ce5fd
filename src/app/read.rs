//! Commands that read the store: `usage`, `explain`, `export`.

use super::{exit, open_store};
use crate::{
    cli::{self, args},
    config::Config,
    domain::{Period, Ts},
    export, periods,
    rating::{self, RateError},
    store::Store,
};
use anyhow::{Context as _, Result, anyhow};
use std::{
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

/// How many months back `explain` looks for a line.
const MONTHS_BACK: usize = 24;

fn parse_month(config: &Config, month: &str) -> Result<Period, u8> {
    Period::month(month, config.meters.time_zone).map_err(|e| {
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
    let period = match parse_month(&config, month) {
        Ok(p) => p,
        Err(code) => return Ok(code),
    };
    let store = open_store(&config).await?;
    let as_of = match as_of {
        Some(t) => t,
        None => store.now().await?,
    };
    let mut computed = periods::usage::compute(&store, &config, &period, as_of).await?;
    store.close().await?;
    if let Some(t) = tenant {
        computed.usage.rows.retain(|r| r.tenant == t);
        computed.unattributed.clear();
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::usage::print(&computed, tenant, format, &mut out)?;
    out.flush()?;
    Ok(exit::DONE)
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
pub(super) async fn explain(config: Config, asked: &Explain) -> Result<u8> {
    let given = match asked.month.as_deref().map(|m| parse_month(&config, m)).transpose() {
        Ok(p) => p,
        Err(code) => return Ok(code),
    };
    let store = open_store(&config).await?;
    let as_of = match asked.as_of {
        Some(t) => t,
        None => store.now().await?,
    };
    let months: Vec<Period> = match given {
        Some(p) => vec![p],
        None => months_back(&config, store.now().await?),
    };
    let found = cli::explain::find(&store, &config, &asked.id, &months, as_of).await?;
    store.close().await?;
    let Some(explanation) = found else {
        let searched = months.last().map_or_else(String::new, |m| format!(" (searched back to {m})"));
        eprintln!("plimsoll: no usage line has the id {}{searched}; `plimsoll usage --format json` lists ids, and a line computed as of another time needs that --as-of", asked.id);
        return Ok(exit::PART);
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::explain::print(&explanation, asked.raw, asked.format, &mut out)?;
    out.flush()?;
    Ok(exit::DONE)
}

fn months_back(config: &Config, now: Ts) -> Vec<Period> {
    let zone = config.meters.time_zone;
    std::iter::successors(Period::containing(now, zone), |p| Period::containing(p.from.plus_seconds(-1), zone))
        .take(MONTHS_BACK)
        .collect()
}

/// `plimsoll export`.
pub(super) async fn export(
    config: Config,
    month: &str,
    format: args::ExportFormat,
    out: &Path,
    as_of: Option<Ts>,
) -> Result<u8> {
    let period = match parse_month(&config, month) {
        Ok(p) => p,
        Err(code) => return Ok(code),
    };
    let store = open_store(&config).await?;
    let as_of = settled(&store, &config, as_of).await?;
    let computed = periods::usage::compute(&store, &config, &period, as_of).await?;
    store.close().await?;
    let charges = match config.prices.as_ref().map(|book| rating::rate(&computed.usage, book, &period)).transpose() {
        Ok(c) => c,
        Err(RateError::Unpriced(missing)) => {
            eprintln!("plimsoll: {} has usage without a price; nothing was written:", period);
            for m in &missing {
                eprintln!("  {m}");
            }
            return Ok(exit::PART);
        }
        Err(e) => return Err(anyhow!(e)),
    };
    for ((source, scope), reason) in &computed.unattributed {
        eprintln!("plimsoll: unattributed: {source} {scope}: {reason}");
    }
    let format = match format {
        args::ExportFormat::Csv => export::Format::Csv,
        args::ExportFormat::Jsonl => export::Format::Jsonl,
    };
    let export = export::Export {
        usage: &computed.usage,
        charges: charges.as_deref(),
        book: config.prices.as_ref(),
        period: &period,
        definitions: config.definition_hashes(),
    };
    let written = export::write(&export, format, out).with_context(|| format!("exporting {period} to {}", out.display()))?;
    let mut stdout = io::stdout().lock();
    for file in &written.files {
        writeln!(stdout, "{}", file.display())?;
    }
    Ok(exit::DONE)
}

/// An as-of that no insert under way can still change: waits out the insert timeout where others may be writing.
async fn settled(store: &Store, config: &Config, asked: Option<Ts>) -> Result<Ts> {
    let now = store.now().await?;
    let as_of = asked.unwrap_or(now).min(now);
    let safe_at = as_of.plus_seconds(i64::from(config.store.insert_timeout_s));
    let wait_us = u64::try_from(safe_at.0 - now.0).unwrap_or(0);
    if wait_us > 0 && !store.is_alone() {
        tracing::info!(seconds = wait_us / 1_000_000, "waiting out the insert timeout, so that this export can be made again byte for byte");
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
    }
    Ok(as_of)
}
