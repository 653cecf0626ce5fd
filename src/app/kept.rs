//! Closed months as they were kept: which contracts are closed, and their files.

use super::{close::Wanted, exit, read};
use crate::{
    cli::{self, args},
    config::Config,
    domain::{Period, Ts},
    export::{self, Format, Lot, Manifest, Payer, Writer},
    periods::closings::{self, Begun, Whose},
    store::{Step, StepKind, Store},
};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// What is kept of a closed month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// The decision.
    pub(super) begun: Begun<Format>,
    /// The manifest of each form, in the order of `begun.forms`.
    pub(super) manifests: Vec<Manifest>,
    /// Everyone with lines.
    pub(super) payers: Vec<Payer>,
}

/// A closing that counts.
pub(super) struct Closing {
    pub(super) step: Step,
    pub(super) sealed: Sealed,
}

/// The closings of a month, in the order in which they were stored; none while it is open.
pub(super) async fn closings(store: &Store, month: &str) -> Result<Vec<Closing>> {
    let mut all: Vec<Closing> = Vec::new();
    for step in store.steps(month, StepKind::Closed).await? {
        // Of two that closed the same at once, the first one's is the closing.
        if all.iter().any(|c| c.step.contract == step.contract) {
            continue;
        }
        let sealed = serde_json::from_str(&step.body)
            .with_context(|| format!("{month} was closed by another version of plimsoll"))?;
        all.push(Closing { step, sealed });
    }
    Ok(all)
}

/// The time as of which a month was closed; `None` while it is open, and where contracts were closed as of different times.
pub(super) async fn as_of(store: &Store, month: &str) -> Result<Option<Ts>> {
    let all = closings(store, month).await?;
    Ok(match &all[..] {
        [one] if one.whose().is_all() => Some(one.sealed.begun.as_of),
        [] => None,
        _ => {
            tracing::info!(
                "contracts of {month} were closed by themselves: this is what it comes to now; `export` has what was closed"
            );
            None
        }
    })
}

/// The closing that `close` asks for.
pub(super) async fn closing(store: &Store, wanted: &Wanted) -> Result<Option<Closing>> {
    let mut all = closings(store, &wanted.month).await?.into_iter();
    Ok(all.find(|c| means(&c.sealed.begun, wanted)))
}

/// The decision that `close` asks for, of those that hold.
pub(super) fn meant(held: Vec<Begun<Format>>, wanted: &Wanted) -> Option<Begun<Format>> {
    held.into_iter().find(|b| means(b, wanted))
}

fn means(begun: &Begun<Format>, wanted: &Wanted) -> bool {
    match &wanted.contract {
        None => begun.contract.is_none(),
        Some(one) => begun.whose().covers("", one),
    }
}

impl Closing {
    /// Whom it closed.
    pub(super) fn whose(&self) -> Whose {
        self.sealed.begun.whose()
    }

    /// How it was closed, in words.
    pub(super) fn told(&self, month: &str) -> String {
        let Self { step, sealed } = self;
        let forms: Vec<&str> = sealed.begun.forms.iter().map(Format::as_str).collect();
        let accepted = if sealed.begun.accepted.is_empty() {
            String::new()
        } else {
            format!(", accepted: {}", sealed.begun.accepted)
        };
        let whose = match (&sealed.begun.contract, sealed.begun.before.is_empty()) {
            (Some(one), _) => format!("contract {one}"),
            (None, true) => format!("{} contracts", sealed.payers.len()),
            (None, false) => format!("the other {} contracts", sealed.payers.len()),
        };
        format!(
            "{month} was closed at {} as of {}: {whose}, files as {}, closing {}{accepted}",
            step.stored_at,
            sealed.begun.as_of,
            forms.join(", "),
            step.id
        )
    }

    /// Where its files go: those of a contract that was closed by itself have a manifest of their own, and so a directory.
    fn place(&self, out: &Path) -> PathBuf {
        match &self.sealed.begun.contract {
            Some(one) => out.join(export::directory(one)),
            None => out.to_owned(),
        }
    }
}

/// Exports what is closed of a month: the files that were kept; in another form, files of the lines that were kept.
pub(super) async fn export(
    store: &Store,
    closings: &[Closing],
    format: &Format,
    zone: chrono_tz::Tz,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for closing in closings {
        let begun = &closing.sealed.begun;
        let mut kept = begun.forms.iter().zip(&closing.sealed.manifests);
        let out = closing.place(out);
        let written = match kept.find(|(f, _)| f.as_str() == format.as_str()) {
            Some((_, manifest)) => restore(store, &closing.step.id, manifest, &out).await?,
            None => render(store, closing, format, zone, &out).await?,
        };
        paths.extend(written.paths);
    }
    Ok(paths)
}

async fn restore(
    store: &Store,
    id: &str,
    manifest: &Manifest,
    out: &Path,
) -> Result<export::Written> {
    let mut copy = export::Copy::new(out)?;
    let mut parts = store.file_parts(id, &manifest.format)?;
    let mut writing: Option<(String, export::FileWriter)> = None;
    let names = manifest.files.iter().map(|f| f.name.as_str());
    let mut missing: BTreeSet<&str> = names.chain([Manifest::NAME]).collect();
    while let Some(part) = parts.next().await? {
        if writing.as_ref().is_none_or(|(name, _)| *name != part.name) {
            if let Some((name, file)) = writing.take() {
                copy.end(&name, file, manifest)?;
            }
            missing.remove(part.name.as_str());
            writing = Some((part.name.clone(), copy.begin(&part.name)?));
        }
        if let Some((_, file)) = &mut writing {
            file.write_all(&part.body)?;
        }
    }
    if let Some((name, file)) = writing {
        copy.end(&name, file, manifest)?;
    }
    if let Some(name) = missing.first() {
        bail!(
            "the store has lost {name} of closing {id}: nothing was written; restore it from a backup"
        );
    }
    Ok(copy.publish(manifest)?)
}

async fn render(
    store: &Store,
    Closing { step, sealed }: &Closing,
    format: &Format,
    zone: chrono_tz::Tz,
    out: &Path,
) -> Result<export::Written> {
    let any = sealed
        .manifests
        .first()
        .context("the closing kept no manifest")?;
    let period = Period::month(&any.month, zone)?;
    let mut writer = Writer::new(out, &period, format, &sealed.payers)?;
    let base = sealed
        .manifests
        .iter()
        .find(|m| m.files.len() == sealed.payers.len());
    let sums: BTreeMap<(&str, &str), &export::FileEntry> = base
        .into_iter()
        .flat_map(|m| &m.files)
        .map(|f| ((f.tenant.as_str(), f.contract.as_str()), f))
        .collect();
    let mut lines = store.charges_of(&any.month, &step.id)?;
    let mut ahead = lines.next().await?;
    for payer in &sealed.payers {
        let who = (payer.0.as_str(), payer.1.as_str());
        let mut charges = Vec::new();
        // Kept payer by payer, in this order.
        while let Some(line) = ahead.take_if(|c| (c.tenant.as_str(), c.contract.as_str()) == who) {
            charges.push(line);
            ahead = lines.next().await?;
        }
        writer.lot(&Lot {
            payer,
            meters: sums.get(&who).map_or(Vec::new(), |f| f.meters.clone()),
            charges: &charges,
            currency: any.book.as_ref().map(|b| (b.currency.as_str(), b.decimals)),
        })?;
    }
    if let Some(line) = ahead {
        bail!(
            "line {} of closing {} is of a payer that it does not name: nothing was written",
            line.id,
            step.id
        );
    }
    Ok(writer.finish(any.about())?)
}

/// Explains a line as it was kept: of a closed month, or an approved correction; false if there is none of that id.
pub(super) async fn explain(store: &Store, id: &str, format: args::TextFormat) -> Result<bool> {
    let kept = store.charges_of_id(id).await?;
    let Some(charge) = kept.first() else {
        return Ok(false);
    };
    let decisions = store.decisions(&charge.month).await?;
    let decision = decisions.iter().find(|d| d.proposal == id);
    // In the bill that has it, it stands under that bill's month.
    let billed_in = kept.last().map(|c| c.month.as_str());
    let billed_in = billed_in.filter(|m| *m != charge.month || decision.is_none());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let decided = decision.map(|d| (d, billed_in));
    cli::explain::print_charge(charge, decided, format, &mut out)?;
    out.flush()?;
    Ok(true)
}

/// `plimsoll close --status`: which contracts of a month are closed.
pub(super) async fn status(config: Config, month: &str) -> Result<u8> {
    if let Err(code) = read::parse_month(month, config.meters.time_zone) {
        return Ok(code);
    }
    let store = super::open_store(&config).await?;
    let all = closings(&store, month).await;
    store.close().await?;
    let all = all?;
    let payers = all.iter().flat_map(|c| &c.sealed.payers);
    let alone = closings::alone(all.iter().map(|c| &c.sealed.begun));
    let contracts: BTreeSet<&str> = config
        .tenancy
        .contracts
        .keys()
        .map(String::as_str)
        .chain(
            payers
                .filter(|(_, c)| !c.is_empty())
                .map(|(_, c)| c.as_str()),
        )
        .chain(alone.iter().map(String::as_str))
        .collect();
    let mut out = io::stdout().lock();
    let told = |closing: Option<&Closing>| match closing {
        Some(c) => format!(
            "closed at {} as of {}, closing {}",
            c.step.stored_at, c.sealed.begun.as_of, c.step.id
        ),
        None => "open".to_owned(),
    };
    for contract in contracts {
        let closing = all.iter().find(|c| c.whose().covers("", contract));
        writeln!(out, "{month} {contract}: {}", told(closing))?;
    }
    let whole = all.iter().find(|c| c.sealed.begun.contract.is_none());
    writeln!(out, "{month} everyone else: {}", told(whole))?;
    Ok(exit::DONE)
}
