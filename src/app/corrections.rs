//! `plimsoll corrections`, `plimsoll diff`, and exports of approved corrections: what became known after a close.

use super::{
    account::Account,
    exit,
    kept::{self, Closing},
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
    periods::{closings::Whose, usage::Rules},
    rating::{self, Proposal},
    store::{Decision, Store},
};
use anyhow::{Context as _, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::{Path, PathBuf},
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
    let closings = kept::closings(store, month).await?;
    let Some(last) = closings.last() else {
        eprintln!(
            "plimsoll: {month} is not closed: there is nothing to correct yet (`plimsoll bill` shows it as it stands)"
        );
        return Ok(exit::PART);
    };
    let found = Found::of(config, store, month, &closings).await?;
    match command {
        CorrectionsCommand::List { format, all, .. } => {
            let shown: Vec<&Proposal> = found
                .proposals
                .iter()
                .filter(|p| *all || !found.is_declined(p))
                .collect();
            let title = format!(
                "Corrections proposed to {month}, closed as of {}, as of {}",
                last.sealed.begun.as_of, found.as_of
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
    async fn of(config: &Config, store: &Store, month: &str, closings: &[Closing]) -> Result<Self> {
        let mut found = Self {
            as_of: store.now().await?,
            proposals: Vec::new(),
            decisions: store.decisions(month).await?,
        };
        let approved: Vec<String> = approved(&found.decisions).collect();
        let approved = store.charges(month, &approved).await?;
        // Those that were closed by the same definitions are computed together.
        let mut alike: BTreeMap<&BTreeMap<String, String>, Vec<&Closing>> = BTreeMap::new();
        for closing in closings {
            let any = closing.sealed.manifests.first();
            let any = any.context("the closing kept no manifest")?;
            alike.entry(&any.definitions).or_default().push(closing);
        }
        for closings in alike.into_values() {
            let then = closings.iter().map(|c| c.sealed.begun.as_of).max();
            let whose = closings.iter().map(|c| c.whose()).reduce(|a, b| a.and(&b));
            let (Some(then), Some(whose)) = (then, whose) else {
                continue;
            };
            let ids: Vec<String> = closings.iter().map(|c| c.step.id.clone()).collect();
            let closed = store.charges(month, &ids).await?;
            // A correction that stands in this month's bill is of another month.
            let own = closed.into_iter().filter(|c| c.corrects.is_empty());
            let of_these = approved
                .iter()
                .filter(|c| whose.covers(&c.tenant, &c.contract));
            let billed: Vec<Charge> = own.chain(of_these.cloned()).collect();
            let now = found
                .recomputed(config, store, (month, &whose), then)
                .await?;
            found.proposals.extend(rating::corrections(&billed, &now));
        }
        found.proposals.sort_by(|a, b| {
            let key = |p: &Proposal| {
                let c = &p.charge;
                (c.tenant.clone(), c.contract.clone(), c.corrects.clone())
            };
            key(a).cmp(&key(b))
        });
        Ok(found)
    }

    /// The lines of now: by the meters and prices of the closing, and by today's owners and facts.
    async fn recomputed(
        &self,
        config: &Config,
        store: &Store,
        (month, whose): (&str, &Whose),
        then: Ts,
    ) -> Result<Vec<Charge>> {
        let mut asked = Asked::of(store.clone(), config, Some(then)).await?;
        asked.as_of = self.as_of;
        asked.rules.attribution = Rules::of(config)?.attribution;
        match Account::of(&asked, config, (month, whose), Some(then)).await? {
            Ok(account) => {
                let mut charges = account.charges()?;
                charges.retain(|c| c.corrects.is_empty());
                Ok(charges)
            }
            Err(refusal) => {
                refusal.tell("no correction can be computed", month);
                bail!("{month} cannot be computed again");
            }
        }
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
) -> Result<Option<Vec<PathBuf>>> {
    let closings = kept::closings(store, month).await?;
    let Some(last) = closings.last() else {
        eprintln!("plimsoll: {month} is not closed: it has no corrections");
        return Ok(None);
    };
    let approved: Vec<String> = approved(&store.decisions(month).await?).collect();
    let charges = store.charges(month, &approved).await?;
    let mut by_payer: BTreeMap<Payer, Vec<Charge>> = BTreeMap::new();
    for c in charges {
        let payer = (c.tenant.clone(), c.contract.clone());
        by_payer.entry(payer).or_default().push(c);
    }
    let payers: Vec<Payer> = by_payer.keys().cloned().collect();
    let kept = last
        .sealed
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
    Ok(Some(writer.finish(kept.about())?.paths))
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
        match Account::of(&asked, &config, (month, &Whose::all()), Some(t)).await? {
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
