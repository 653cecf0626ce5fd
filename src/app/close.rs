//! `plimsoll close`: freezes a month. Decide as of a time, keep the decision, keep lines and files, and last of all the row that makes it closed.
//!
//! Whatever a killed close left is shown to nobody, and the next one goes on with the decision that was kept: the same time, so the same bytes.

use super::{
    account::{Account, Refusal},
    exit,
    read::{self, Asked},
};
use crate::{
    config::Config,
    domain::{Charge, Ts, digest::Fields},
    export::{self, Format, Lot, Manifest, Payer, Writer},
    periods::close::{Begun, Judged},
    store::{FilePart, PART_BYTES, Step, StepKind, Store},
};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Write as _},
    path::Path,
};

/// Lines that wait to be written together.
const LINES_MAX: usize = 20_000;
/// Parts of files that wait to be written together.
const PARTS_MAX: usize = 16;

/// Where a close may be broken off: tests kill it at each.
pub const POINTS: [&str; 20] = [
    "store opened",
    "month found open",
    "definitions kept",
    "as-of taken",
    "account computed",
    "blockers judged",
    "as-of settled",
    "decision kept",
    "decision chosen",
    "old staging removed",
    "staging begun",
    "first contract rendered",
    "first lines kept",
    "all contracts rendered",
    "all lines kept",
    "manifests written",
    "first part kept",
    "all parts kept",
    "month closed",
    "staging removed",
];

/// What `close` was asked.
pub struct Wanted {
    /// `2026-10`.
    pub month: String,
    /// Why it is closed although something stands against it.
    pub accept: Option<String>,
}

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

/// How a month was closed; `None` while it is open.
pub(super) async fn sealed(store: &Store, month: &str) -> Result<Option<(Step, Sealed)>> {
    let Some(step) = store.first_step(month, StepKind::Closed).await? else {
        return Ok(None);
    };
    let sealed = serde_json::from_str(&step.body)
        .with_context(|| format!("{month} was closed by another version of plimsoll"))?;
    Ok(Some((step, sealed)))
}

/// `plimsoll close`.
pub(super) async fn close(config: Config, wanted: &Wanted) -> Result<u8> {
    if let Err(code) = read::parse_month(&wanted.month, config.meters.time_zone) {
        return Ok(code);
    }
    let store = super::open_store(&config).await?;
    let code = close_in(&config, &store, wanted, &|point| {
        tracing::debug!(point, "closing");
    })
    .await;
    store.close().await?;
    code
}

/// Closes a month of a store; the exit code. `at` is called at each of [`POINTS`].
///
/// # Errors
/// When the store or a file fails; what was kept by then does no harm.
pub async fn close_in(
    config: &Config,
    store: &Store,
    wanted: &Wanted,
    at: &dyn Fn(&'static str),
) -> Result<u8> {
    at(POINTS[0]);
    let month = &wanted.month;
    if let Some((step, sealed)) = sealed(store, month).await? {
        println!("{}", told(&step, month, &sealed));
        return Ok(exit::DONE);
    }
    at(POINTS[1]);
    read::keep_definitions(store, config).await?;
    at(POINTS[2]);
    let mut chosen = begun(store, month).await?;
    let mut account = None;
    if chosen.is_none() {
        let as_of = store.now().await?;
        at(POINTS[3]);
        let found = match computed(config, store, month, as_of, at).await? {
            Ok(found) => found,
            Err(refusal) => {
                refusal.tell("the month stays open", month);
                return Ok(exit::PART);
            }
        };
        let Some(decision) = decide(config, store, wanted, as_of, &found).await? else {
            return Ok(exit::PART);
        };
        at(POINTS[5]);
        read::settle(store, as_of, config).await?;
        at(POINTS[6]);
        let body = serde_json::to_string(&decision)?;
        store.put_step(month, StepKind::Begun, "", &body).await?;
        at(POINTS[7]);
        // Whoever decided at the same time is seen by now; the first one holds.
        read::settle(store, store.now().await?, config).await?;
        chosen = begun(store, month).await?;
        account = (chosen.as_ref() == Some(&decision)).then_some(found);
    }
    at(POINTS[8]);
    let begun = chosen.context("the decision to close is not to be found again")?;
    let account = match account {
        Some(account) => account,
        None => match computed(config, store, month, begun.as_of, &|_| ()).await? {
            Ok(account) => account,
            Err(refusal) => {
                refusal.tell("the month stays open", month);
                return Ok(exit::PART);
            }
        },
    };
    let seal = Seal {
        store,
        account: &account,
        id: id(&account, &begun)?,
        dir: &config.store.data_dir.join("closing"),
        at,
    };
    let body = seal.keep(&begun).await?;
    store
        .put_step(month, StepKind::Closed, &seal.id, &body)
        .await?;
    at(POINTS[18]);
    let _ = fs::remove_dir_all(seal.dir);
    at(POINTS[19]);
    // Of two that closed at once, the first one's is the closing.
    let (step, sealed) = sealed(store, month)
        .await?
        .context("the closing is not to be found again")?;
    println!("{}", told(&step, month, &sealed));
    Ok(exit::DONE)
}

fn told(step: &Step, month: &str, sealed: &Sealed) -> String {
    let forms: Vec<&str> = sealed.begun.forms.iter().map(Format::as_str).collect();
    let accepted = if sealed.begun.accepted.is_empty() {
        String::new()
    } else {
        format!(", accepted: {}", sealed.begun.accepted)
    };
    format!(
        "{month} was closed at {} as of {}: {} contracts, files as {}, closing {}{accepted}",
        step.stored_at,
        sealed.begun.as_of,
        sealed.payers.len(),
        forms.join(", "),
        step.id
    )
}

async fn begun(store: &Store, month: &str) -> Result<Option<Begun<Format>>> {
    let Some(step) = store.first_step(month, StepKind::Begun).await? else {
        return Ok(None);
    };
    serde_json::from_str(&step.body).map(Some).with_context(|| {
        format!("another version of plimsoll has begun to close {month}: let it finish")
    })
}

async fn computed(
    config: &Config,
    store: &Store,
    month: &str,
    as_of: Ts,
    at: &dyn Fn(&'static str),
) -> Result<Result<Account, Refusal>> {
    let asked = Asked::of(store.clone(), config, Some(as_of)).await?;
    let account = Account::of(&asked, config, month, Some(as_of)).await?;
    at(POINTS[4]);
    Ok(account)
}

/// What stands against closing is said; the decision, if there is one.
async fn decide(
    config: &Config,
    store: &Store,
    wanted: &Wanted,
    as_of: Ts,
    account: &Account,
) -> Result<Option<Begun<Format>>> {
    let month = &wanted.month;
    if as_of < account.period.to {
        let end = account.period.to;
        eprintln!("plimsoll: the month stays open: {month} ends at {end}, and it is {as_of}");
        return Ok(None);
    }
    if account.priced().is_none() {
        eprintln!(
            "plimsoll: the month stays open: no price book is configured: name one by prices.book"
        );
        return Ok(None);
    }
    let lists = store.lists().await?;
    let judged = Judged {
        period: &account.period,
        dated: &account.dated,
        priced: account.priced(),
        lists: &lists,
        sources: config.sources.iter().map(|s| s.name()).collect(),
        coverage: &config.delivery.coverage,
    };
    let blockers: Vec<String> = judged.blockers().iter().map(ToString::to_string).collect();
    let accepted = match (&wanted.accept, blockers.is_empty()) {
        (_, true) => String::new(),
        (Some(reason), false) => reason.clone(),
        (None, false) => {
            eprintln!(
                "plimsoll: the month stays open: {} blockers stand against closing {month}:",
                blockers.len()
            );
            for b in &blockers {
                eprintln!("  {b}");
            }
            eprintln!(
                "Resolve them, or close all the same: --accept REASON is kept with the month"
            );
            return Ok(None);
        }
    };
    let mut forms = Vec::new();
    for word in &config.delivery.keep {
        forms.push(Format::parse(word, &config.delivery).map_err(anyhow::Error::msg)?);
    }
    Ok(Some(Begun {
        as_of,
        accepted,
        blockers,
        forms,
    }))
}

/// The closing's id, of everything that it follows from.
fn id(account: &Account, begun: &Begun<Format>) -> Result<String> {
    let fields = Fields::default()
        .text("closing")
        .text(&account.period.to_string())
        .text(&serde_json::to_string(begun)?)
        .text(&account.dated.computed.facts);
    let fields = account
        .definitions
        .iter()
        .fold(fields, |f, (kind, hash)| f.text(kind).text(hash));
    Ok(fields.id())
}

/// A closing under way.
struct Seal<'a> {
    store: &'a Store,
    account: &'a Account,
    id: String,
    /// Where files are rendered before they are kept.
    dir: &'a Path,
    at: &'a dyn Fn(&'static str),
}

impl Seal<'_> {
    /// Keeps lines and files; returns what the last row is to say.
    async fn keep(&self, begun: &Begun<Format>) -> Result<String> {
        if self.dir.exists() {
            fs::remove_dir_all(self.dir).with_context(|| format!("removing {:?}", self.dir))?;
        }
        (self.at)(POINTS[9]);
        let lines = self.account.lines();
        let shares = lines.shares()?;
        let payers: Vec<Payer> = shares.keys().cloned().collect();
        let mut writers = Vec::new();
        for form in &begun.forms {
            let dir = self.dir.join(form.as_str());
            writers.push(Writer::new(&dir, &self.account.period, form, &payers)?);
        }
        (self.at)(POINTS[10]);
        let mut waiting: Vec<Charge> = Vec::new();
        let mut kept = 0;
        for (payer, share) in &shares {
            let first = waiting.len();
            waiting.extend(lines.charges(share));
            let rows = share
                .rows
                .iter()
                .map(|&i| &self.account.dated.metered.usage.rows[i]);
            let lot = Lot {
                payer,
                meters: export::sums(rows)?,
                charges: &waiting[first..],
                currency: self.account.currency(),
            };
            for writer in &mut writers {
                writer.lot(&lot)?;
            }
            self.first(kept == 0 && first == 0, POINTS[11]);
            if waiting.len() >= LINES_MAX || kept == 0 {
                self.store.put_charges(&self.id, kept, &waiting).await?;
                self.first(kept == 0, POINTS[12]);
                kept += waiting.len() as u64;
                waiting.clear();
            }
        }
        (self.at)(POINTS[13]);
        self.store.put_charges(&self.id, kept, &waiting).await?;
        (self.at)(POINTS[14]);
        let mut about = self.account.export().about();
        about.closed = Some(export::Closed {
            id: self.id.clone(),
            accepted: begun.accepted.clone(),
            blockers: begun.blockers.clone(),
        });
        let mut manifests = Vec::new();
        for writer in writers {
            manifests.push(writer.finish(about.clone())?.manifest);
        }
        (self.at)(POINTS[15]);
        self.keep_files(&manifests).await?;
        (self.at)(POINTS[17]);
        Ok(serde_json::to_string(&Sealed {
            begun: begun.clone(),
            manifests,
            payers,
        })?)
    }

    fn first(&self, is_first: bool, point: &'static str) {
        if is_first {
            (self.at)(point);
        }
    }

    async fn keep_files(&self, manifests: &[Manifest]) -> Result<()> {
        let mut waiting = Vec::new();
        let mut first = true;
        for manifest in manifests {
            let names = manifest.files.iter().map(|f| f.name.as_str());
            for name in names.chain([Manifest::NAME]) {
                let path = self.dir.join(&manifest.format).join(name);
                let mut file = File::open(&path).with_context(|| format!("reading {path:?}"))?;
                for part in 0.. {
                    let mut body = Vec::new();
                    let limit = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
                    (&mut file).take(limit).read_to_end(&mut body)?;
                    // An empty file has one part all the same: it was kept.
                    if body.is_empty() && part > 0 {
                        break;
                    }
                    waiting.push(FilePart {
                        form: manifest.format.clone(),
                        name: name.to_owned(),
                        part,
                        body,
                    });
                    if waiting.len() >= PARTS_MAX || first {
                        self.store.put_file_parts(&self.id, &waiting).await?;
                        waiting.clear();
                        self.first(std::mem::take(&mut first), POINTS[16]);
                    }
                }
            }
        }
        self.store.put_file_parts(&self.id, &waiting).await?;
        Ok(())
    }
}

/// Exports a closed month: the files that were kept; in another form, files of the lines that were kept.
pub(super) async fn export(
    store: &Store,
    (step, sealed): (&Step, &Sealed),
    format: &Format,
    zone: chrono_tz::Tz,
    out: &Path,
) -> Result<export::Written> {
    let kept = sealed
        .begun
        .forms
        .iter()
        .zip(&sealed.manifests)
        .find(|(f, _)| f.as_str() == format.as_str());
    if let Some((_, manifest)) = kept {
        return restore(store, &step.id, manifest, out).await;
    }
    let base = sealed
        .manifests
        .iter()
        .find(|m| m.files.len() == sealed.payers.len());
    render(store, (step, sealed), format, base, zone, out).await
}

async fn restore(
    store: &Store,
    id: &str,
    manifest: &Manifest,
    out: &Path,
) -> Result<export::Written> {
    let mut copy = export::Copy::new(out)?;
    for name in manifest
        .files
        .iter()
        .map(|f| f.name.as_str())
        .chain([Manifest::NAME])
    {
        let mut file = copy.begin(name)?;
        for part in 0.. {
            let Some(body) = store.file_part(id, &manifest.format, name, part).await? else {
                break;
            };
            file.write_all(&body)?;
        }
        copy.end(name, file, manifest)?;
    }
    Ok(copy.publish(manifest)?)
}

async fn render(
    store: &Store,
    (step, sealed): (&Step, &Sealed),
    format: &Format,
    base: Option<&Manifest>,
    zone: chrono_tz::Tz,
    out: &Path,
) -> Result<export::Written> {
    let any = sealed
        .manifests
        .first()
        .context("the closing kept no manifest")?;
    let period = crate::domain::Period::month(&any.month, zone)?;
    let mut writer = Writer::new(out, &period, format, &sealed.payers)?;
    let closing = [step.id.clone()];
    let sums: BTreeMap<(&str, &str), &export::FileEntry> = base
        .into_iter()
        .flat_map(|m| &m.files)
        .map(|f| ((f.tenant.as_str(), f.contract.as_str()), f))
        .collect();
    for payer in &sealed.payers {
        let who = (payer.0.as_str(), payer.1.as_str());
        let charges = store.charges(&any.month, &closing, Some(who)).await?;
        writer.lot(&Lot {
            payer,
            meters: sums.get(&who).map_or(Vec::new(), |f| f.meters.clone()),
            charges: &charges,
            currency: any.book.as_ref().map(|b| (b.currency.as_str(), b.decimals)),
        })?;
    }
    Ok(writer.finish(any.about())?)
}
