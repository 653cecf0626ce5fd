//! `plimsoll corrections`, `plimsoll diff`, and exports of approved corrections: what became known after a close.

use super::{
    account::Account,
    close::{self, Sealed},
    exit,
    read::{self, Asked},
};
use crate::{
    cli::{
        self,
        args::{self, CorrectionsCommand},
    },
    config::Config,
    domain::{Charge, Ts},
    export::{self, Format, Lot, Payer, Writer},
    periods::usage::Rules,
    rating::{self, Proposal},
    store::{Decision, Step, Store},
};
use anyhow::{Context as _, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::Path,
};

/// `plimsoll corrections ...`.
pub(super) async fn corrections(config: Config, command: &CorrectionsCommand) -> Result<u8> {
    let month = command.month();
    if let Err(code) = read::parse_month(month, config.meters.time_zone) {
        return Ok(code);
    }
    let store = super::open_store(&config).await?;
    let code = run(&config, &store, command).await;
    store.close().await?;
    code
}

async fn run(config: &Config, store: &Store, command: &CorrectionsCommand) -> Result<u8> {
    let month = command.month();
    let Some(sealed) = close::sealed(store, month).await? else {
        eprintln!(
            "plimsoll: {month} is not closed: there is nothing to correct yet (`plimsoll bill` shows it as it stands)"
        );
        return Ok(exit::PART);
    };
    let found = Found::of(config, store, month, &sealed).await?;
    match command {
        CorrectionsCommand::List { format, all, .. } => {
            let shown: Vec<&Proposal> = found
                .proposals
                .iter()
                .filter(|p| *all || !found.is_declined(p))
                .collect();
            let title = format!(
                "Corrections proposed to {month}, closed as of {}, as of {}",
                sealed.1.begun.as_of, found.as_of
            );
            let mut out = io::BufWriter::new(io::stdout().lock());
            cli::corrections::print(&title, month, &shown, *format, &mut out)?;
            out.flush()?;
            Ok(exit::DONE)
        }
        CorrectionsCommand::Approve { which, reason, .. } => {
            let reason = reason.clone().unwrap_or_default();
            decide(store, &found, which, true, &reason).await
        }
        CorrectionsCommand::Decline { which, reason, .. } => {
            decide(store, &found, which, false, reason).await
        }
    }
}

/// What is proposed, and what was decided.
struct Found {
    as_of: Ts,
    proposals: Vec<Proposal>,
    decisions: Vec<Decision>,
}

impl Found {
    async fn of(
        config: &Config,
        store: &Store,
        month: &str,
        (step, sealed): &(Step, Sealed),
    ) -> Result<Self> {
        // Meters and prices of the closing; owners and facts of now.
        let then = sealed.begun.as_of;
        let mut asked = Asked::of(store.clone(), config, Some(then)).await?;
        asked.as_of = store.now().await?;
        asked.rules.attribution = Rules::of(config)?.attribution;
        let account = match Account::of(&asked, config, month, Some(then)).await? {
            Ok(account) => account,
            Err(refusal) => {
                refusal.tell("no correction can be computed", month);
                bail!("{month} cannot be computed again");
            }
        };
        let decisions = store.decisions(month).await?;
        let mut billed = vec![step.id.clone()];
        billed.extend(approved(&decisions));
        let billed = store.charges(month, &billed, None).await?;
        Ok(Self {
            proposals: rating::corrections(&billed, &account.charges()?),
            as_of: asked.as_of,
            decisions,
        })
    }

    fn is_declined(&self, p: &Proposal) -> bool {
        self.decisions
            .iter()
            .any(|d| !d.approved && d.proposal == p.id)
    }
}

fn approved(decisions: &[Decision]) -> impl Iterator<Item = String> + '_ {
    decisions
        .iter()
        .filter(|d| d.approved)
        .map(|d| d.proposal.clone())
}

async fn decide(
    store: &Store,
    found: &Found,
    which: &args::Which,
    approve: bool,
    reason: &str,
) -> Result<u8> {
    let open: Vec<&Proposal> = found
        .proposals
        .iter()
        .filter(|p| !found.is_declined(p))
        .collect();
    let unknown: Vec<&String> = which
        .ids
        .iter()
        .filter(|id| !open.iter().any(|p| p.id == **id))
        .collect();
    if !unknown.is_empty() {
        for id in unknown {
            eprintln!(
                "plimsoll: no open correction of {} has the id {id}: `plimsoll corrections list` shows them as they stand now",
                which.month
            );
        }
        return Ok(exit::PART);
    }
    let chosen: Vec<&&Proposal> = open
        .iter()
        .filter(|p| {
            which.all
                || which.ids.contains(&p.id)
                || which.contract.as_ref() == Some(&p.charge.contract)
        })
        .collect();
    let decision = |p: &&&Proposal| Decision {
        month: which.month.clone(),
        proposal: p.id.clone(),
        approved: approve,
        line: p.charge.corrects.clone(),
        who: which.by.clone(),
        reason: reason.to_owned(),
    };
    if approve {
        // Before the decision, which is what makes them count.
        for p in &chosen {
            let charge = std::slice::from_ref(&p.charge);
            store.put_charges(&p.id, 0, charge).await?;
        }
    }
    let decisions: Vec<Decision> = chosen.iter().map(decision).collect();
    store.put_decisions(&decisions).await?;
    let word = if approve { "approved" } else { "declined" };
    println!(
        "{} corrections of {} {word} by {}",
        decisions.len(),
        which.month,
        which.by
    );
    Ok(exit::DONE)
}

/// Exports the approved corrections of a closed month; `None` once it is said why there are none.
pub(super) async fn export(
    config: &Config,
    store: &Store,
    (month, format): (&str, &Format),
    out: &Path,
) -> Result<Option<export::Written>> {
    let Some((_, sealed)) = close::sealed(store, month).await? else {
        eprintln!("plimsoll: {month} is not closed: it has no corrections");
        return Ok(None);
    };
    let approved: Vec<String> = approved(&store.decisions(month).await?).collect();
    let charges = store.charges(month, &approved, None).await?;
    let mut by_payer: BTreeMap<Payer, Vec<Charge>> = BTreeMap::new();
    for c in charges {
        let payer = (c.tenant.clone(), c.contract.clone());
        by_payer.entry(payer).or_default().push(c);
    }
    let payers: Vec<Payer> = by_payer.keys().cloned().collect();
    let kept = sealed
        .manifests
        .first()
        .context("the closing kept no manifest")?;
    let period = crate::domain::Period::month(month, config.meters.time_zone)?;
    let mut writer = Writer::new(out, &period, format, &payers)?;
    for (payer, charges) in &by_payer {
        writer.lot(&Lot {
            payer,
            meters: export::sums_of_charges(charges)?,
            charges,
            currency: kept
                .book
                .as_ref()
                .map(|b| (b.currency.as_str(), b.decimals)),
        })?;
    }
    Ok(Some(writer.finish(kept.about())?))
}

/// `plimsoll diff`.
pub(super) async fn diff(
    config: Config,
    month: &str,
    times: &[Ts],
    format: args::BillFormat,
) -> Result<u8> {
    if let Err(code) = read::parse_month(month, config.meters.time_zone) {
        return Ok(code);
    }
    let &[then, now] = times else {
        eprintln!("plimsoll: diff compares two times: give --as-of twice, the earlier one first");
        return Ok(exit::USAGE);
    };
    let store = super::open_store(&config).await?;
    let charges = async |t: Ts| {
        let asked = Asked::of(store.clone(), &config, Some(t)).await?;
        match Account::of(&asked, &config, month, Some(t)).await? {
            Ok(account) => Ok(Some(account.charges()?)),
            Err(refusal) => {
                refusal.tell("there is nothing to compare", month);
                Ok::<_, anyhow::Error>(None)
            }
        }
    };
    let both = (charges(then).await?, charges(now).await?);
    store.close().await?;
    let (Some(before), Some(after)) = both else {
        return Ok(exit::PART);
    };
    let changed = rating::corrections(&before, &after);
    let changed: Vec<&Proposal> = changed.iter().collect();
    let contracts: BTreeSet<&str> = changed.iter().map(|p| p.charge.contract.as_str()).collect();
    let title = format!(
        "{month} as of {then} against {now}: {} lines of {} contracts differ",
        changed.len(),
        contracts.len()
    );
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::corrections::print(&title, month, &changed, format, &mut out)?;
    out.flush()?;
    Ok(exit::DONE)
}
