//! A month's account as of a time: usage, book, bills, and the hashes of what decided them. What is exported, closed, compared and corrected.

use super::read::{self, Asked};
use crate::{
    config::Config,
    domain::{Charge, Period, PriceBook, Tenancy, Ts, bill::Rated},
    export,
    periods::{
        closings::{self, Whose},
        metered::{self, Dated},
    },
    rating::{self, Unpriced},
    store::Store,
};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;

/// A month's account.
pub(super) struct Account {
    pub(super) period: Period,
    pub(super) dated: Dated,
    pub(super) book: Option<PriceBook>,
    pub(super) rated: Option<Rated>,
    pub(super) definitions: BTreeMap<String, String>,
    /// Whose it is.
    pub(super) whose: Whose,
    /// Approved corrections of earlier months that are in other money, and stand on no bill.
    pub(super) foreign: Vec<Charge>,
}

/// Why there is no account.
pub(super) enum Refusal {
    /// The book does not hold for the month.
    Book(String),
    /// Usage has no price.
    Unpriced(Vec<Unpriced>),
}

impl Refusal {
    /// Says it.
    pub(super) fn tell(&self, so: &str, month: &str) {
        match self {
            Self::Book(objection) => eprintln!("plimsoll: {so}: {objection}"),
            Self::Unpriced(unpriced) => read::tell_unpriced(so, month, unpriced),
        }
    }
}

impl Account {
    /// The account of some as of a time, by the rules and the book that were kept then; of now, by those of the configuration.
    pub(super) async fn of(
        asked: &Asked,
        config: &Config,
        (month, whose): (&str, &Whose),
        as_of: Option<Ts>,
    ) -> Result<Result<Self, Refusal>> {
        let period = Period::month(month, asked.zone)?;
        let book = read::book_of(asked, config, as_of).await?;
        if let Some(objection) = book.as_ref().and_then(|b| b.objection(&period)) {
            return Ok(Err(Refusal::Book(objection)));
        }
        let mut contracts = contracts(&asked.store, config, as_of).await?;
        contracts.retain(|contract, tenant| whose.covers(tenant, contract));
        let mut dated = metered::compute(&asked.store, &asked.rules, &period, asked.as_of).await?;
        dated
            .metered
            .retain(|row| whose.covers(&row.tenant, &row.contract));
        let rate = |book| rating::rate(&dated.metered, book, &period, &contracts);
        let mut rated = match book.as_ref().map(rate).transpose() {
            Ok(rated) => rated,
            Err(unpriced) => return Ok(Err(Refusal::Unpriced(unpriced))),
        };
        let mut foreign = Vec::new();
        if let (Some(rated), Some(book)) = (&mut rated, &book) {
            let carried = closings::carried(&asked.store, &period, asked.as_of).await?;
            foreign = rating::carry(rated, carried, book);
            let bills = &mut rated.bills;
            bills.retain(|b| whose.covers(&b.tenant, &b.contract));
            foreign.retain(|c| whose.covers(&c.tenant, &c.contract));
        }
        Ok(Ok(Self {
            definitions: read::definition_hashes(&asked.store, asked.as_of).await?,
            period,
            dated,
            book,
            rated,
            whose: whose.clone(),
            foreign,
        }))
    }

    /// The bills with their book.
    pub(super) fn priced(&self) -> Option<(&Rated, &PriceBook)> {
        self.rated.as_ref().zip(self.book.as_ref())
    }

    /// Its lines, by payer.
    pub(super) fn lines(&self) -> rating::Account<'_> {
        rating::Account {
            metered: &self.dated.metered,
            period: &self.period,
            priced: self.priced(),
        }
    }

    /// All its lines.
    pub(super) fn charges(&self) -> Result<Vec<Charge>> {
        let lines = self.lines();
        let shares = lines.shares()?;
        Ok(shares.values().flat_map(|s| lines.charges(s)).collect())
    }

    /// Its money: currency and decimals.
    pub(super) fn currency(&self) -> Option<(&str, u32)> {
        let book = self.book.as_ref()?;
        Some((&book.currency, book.decimals))
    }

    /// As the export room has it.
    pub(super) fn export(&self) -> export::Export<'_> {
        export::Export {
            metered: &self.dated.metered,
            period: &self.period,
            priced: self
                .priced()
                .map(|(rated, book)| export::Priced { rated, book }),
            definitions: &self.definitions,
            facts: &self.dated.computed.facts,
        }
    }
}

/// The contracts that there were, with their tenants.
async fn contracts(
    store: &Store,
    config: &Config,
    as_of: Option<Ts>,
) -> Result<BTreeMap<String, String>> {
    let kept = match as_of {
        Some(t) => store.definition("tenancy", t).await?,
        None => None,
    };
    let Some((_, body, _)) = kept else {
        return Ok(config.tenancy.contracts.clone());
    };
    let tenancy: Tenancy = serde_json::from_str(&body)
        .context("the tenancy rules in force then were kept by another version of plimsoll")?;
    Ok(tenancy.contracts)
}
