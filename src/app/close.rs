//! `plimsoll close`: freezes a month. Decide as of a time, keep the decision, keep lines and files, and last of all the row that makes it closed.
//!
//! Whatever a killed close left is shown to nobody, and the next one goes on with the decision that was kept: the same time, so the same bytes.

use super::{
    account::{Account, Refusal},
    exit,
    kept::{self, Sealed},
    read::{self, Asked},
};
use crate::{
    config::Config,
    domain::{Charge, Ts, digest::Fields},
    export::{self, Format, Lot, Manifest, Payer, Writer},
    periods::{
        close::Judged,
        closings::{self, Begun, Whose},
    },
    store::{FilePart, PART_BYTES, StepKind, Store},
};
use anyhow::{Context as _, Result, bail};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

/// Lines that wait to be written together.
const LINES_MAX: usize = 20_000;
/// Bytes of files that wait to be written together.
const WAITING_BYTES: usize = 16 << 20;
/// How often a decision is made anew because somebody closed a contract meanwhile.
const DECISIONS_MAX: usize = 5;

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
    /// Only this contract; `None`: everyone who is not closed yet.
    pub contract: Option<String>,
    /// Why it is closed although something stands against it.
    pub accept: Option<String>,
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
    if let Some(closing) = kept::closing(store, wanted).await? {
        println!("{}", closing.told(month));
        return Ok(exit::DONE);
    }
    at(POINTS[1]);
    read::keep_definitions(store, config).await?;
    at(POINTS[2]);
    let Some((begun, account)) = chosen(config, store, wanted, at).await? else {
        return Ok(exit::PART);
    };
    at(POINTS[8]);
    let account = match account {
        Some(account) => account,
        None => {
            let asked = (month.as_str(), begun.as_of, begun.whose());
            match computed(config, store, asked, &|_| ()).await? {
                Ok(account) => account,
                Err(refusal) => {
                    refusal.tell("the month stays open", month);
                    return Ok(exit::PART);
                }
            }
        }
    };
    let id = id(&account, &begun)?;
    let contract = begun.contract.clone().unwrap_or_default();
    let seal = Seal {
        store,
        account: &account,
        dir: &config.store.data_dir.join("closing").join(&id),
        id,
        at,
    };
    let body = seal.keep(&begun).await?;
    store
        .put_step((month, &contract), StepKind::Closed, &seal.id, &body)
        .await?;
    at(POINTS[18]);
    let _ = fs::remove_dir_all(seal.dir);
    // Empty, unless another closing is under way.
    let _ = seal.dir.parent().map(fs::remove_dir);
    at(POINTS[19]);
    // Of two that closed at once, the first one's is the closing.
    let closing = kept::closing(store, wanted)
        .await?
        .context("the closing is not to be found again")?;
    println!("{}", closing.told(month));
    Ok(exit::DONE)
}

type Decided = (Begun<Format>, Option<Account>);

/// The decision that holds, with its account where it is known; `None` once it is said why there is none.
async fn chosen(
    config: &Config,
    store: &Store,
    wanted: &Wanted,
    at: &dyn Fn(&'static str),
) -> Result<Option<Decided>> {
    let month = wanted.month.as_str();
    let mut held = decisions(store, month).await?;
    for _ in 0..DECISIONS_MAX {
        if let Some(begun) = kept::meant(held, wanted) {
            return Ok(Some((begun, None)));
        }
        let before = closings::alone(&decisions(store, month).await?);
        let whose = match &wanted.contract {
            Some(one) => Whose::one(one),
            None => Whose::AllBut(before),
        };
        let as_of = store.now().await?;
        at(POINTS[3]);
        let account = match computed(config, store, (month, as_of, whose), at).await? {
            Ok(account) => account,
            Err(refusal) => {
                refusal.tell("the month stays open", month);
                return Ok(None);
            }
        };
        let Some(decision) = decide(config, store, wanted, as_of, &account).await? else {
            return Ok(None);
        };
        at(POINTS[5]);
        read::settle(store, as_of, config).await?;
        at(POINTS[6]);
        let body = serde_json::to_string(&decision)?;
        let contract = decision.contract.as_deref().unwrap_or_default();
        store
            .put_step((month, contract), StepKind::Begun, "", &body)
            .await?;
        at(POINTS[7]);
        // Whoever decided at the same time is seen by now; the first one holds.
        read::settle(store, store.now().await?, config).await?;
        held = decisions(store, month).await?;
        if held.contains(&decision) {
            // What others were storing while it was computed counts too.
            let known = store.is_alone().then_some(account);
            return Ok(Some((decision, known)));
        }
    }
    bail!("others are closing contracts of {month} all the while: try again when they are done")
}

/// The decisions on a month that hold.
async fn decisions(store: &Store, month: &str) -> Result<Vec<Begun<Format>>> {
    let mut all = Vec::new();
    for step in store.steps(month, StepKind::Begun).await? {
        let begun = serde_json::from_str(&step.body).with_context(|| {
            format!("another version of plimsoll has begun to close {month}: let it finish")
        })?;
        all.push(begun);
    }
    Ok(closings::holding(all))
}

async fn computed(
    config: &Config,
    store: &Store,
    (month, as_of, whose): (&str, Ts, Whose),
    at: &dyn Fn(&'static str),
) -> Result<Result<Account, Refusal>> {
    let asked = Asked::of(store.clone(), config, Some(as_of)).await?;
    let account = Account::of(&asked, config, (month, &whose), Some(as_of)).await?;
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
    if let Some(contract) = &wanted.contract
        && !config.tenancy.contracts.contains_key(contract)
        && !account.lines().shares()?.keys().any(|(_, c)| c == contract)
    {
        eprintln!(
            "plimsoll: there is no contract `{contract}`: it has no line in {month}, and tenancy.contracts does not name it"
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
        whose: &account.whose,
        foreign: &account.foreign,
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
    let before = match &account.whose {
        Whose::AllBut(before) => before.clone(),
        Whose::Only(_) => BTreeSet::new(),
    };
    Ok(Some(Begun {
        as_of,
        accepted,
        blockers,
        forms,
        contract: wanted.contract.clone(),
        before,
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
            writers.push(Writer::passing(&dir, &self.account.period, form, &payers)?);
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
        let (mut waiting, mut bytes) = (Vec::new(), 0);
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
                    bytes += body.len();
                    waiting.push(FilePart {
                        form: manifest.format.clone(),
                        name: name.to_owned(),
                        part,
                        body,
                    });
                    if bytes >= WAITING_BYTES || first {
                        self.store.put_file_parts(&self.id, &waiting).await?;
                        waiting.clear();
                        bytes = 0;
                        self.first(std::mem::take(&mut first), POINTS[16]);
                    }
                }
            }
        }
        self.store.put_file_parts(&self.id, &waiting).await?;
        Ok(())
    }
}
