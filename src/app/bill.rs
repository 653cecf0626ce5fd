//! `plimsoll bill`, and what a line of a bill stands on.

use super::{
    exit, kept,
    read::{self, Asked, Explain},
};
use crate::{
    cli::{self, args, bill::Shown},
    config::{self, Config},
    domain::{
        Charge, Period, PriceBook, Ts,
        bill::{Metered, Rated},
        ownership::UNATTRIBUTED,
    },
    periods::{
        closings,
        metered::{self, Dated},
    },
    rating,
};
use anyhow::Result;
use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// What `bill` was asked.
pub(super) struct Wanted {
    pub(super) month: String,
    pub(super) tenant: Option<String>,
    pub(super) draft: Option<PathBuf>,
    pub(super) as_of: Option<Ts>,
    pub(super) format: args::BillFormat,
}

/// A month under a book.
struct Month<'a> {
    period: &'a Period,
    metered: &'a Metered,
    config: &'a Config,
    tenant: Option<&'a str>,
    /// Approved corrections of earlier months that its bills have.
    corrections: &'a [Charge],
}

/// `plimsoll bill`.
pub(super) async fn bill(config: Config, wanted: &Wanted) -> Result<u8> {
    if let Err(code) = read::parse_month(&wanted.month, config.meters.time_zone) {
        return Ok(code);
    }
    let store = super::open_store(&config).await?;
    let as_of = match wanted.as_of {
        Some(t) => Some(t),
        None => kept::as_of(&store, &wanted.month).await?,
    };
    let asked = Asked::of(store, &config, as_of).await?;
    let period = Period::month(&wanted.month, asked.zone)?;
    let book = read::book_of(&asked, &config, as_of).await?;
    let Dated {
        mut metered,
        mut computed,
    } = metered::compute(&asked.store, &asked.rules, &period, asked.as_of).await?;
    let corrections = closings::carried(&asked.store, &period, asked.as_of).await?;
    asked.store.close().await?;
    let Some(book) = book else {
        eprintln!("plimsoll: no price book is configured: name one by prices.book");
        return Ok(exit::USAGE);
    };
    if let Some(objection) = book.objection(&period) {
        eprintln!("plimsoll: {objection}");
        return Ok(exit::PART);
    }
    let tenant = wanted.tenant.as_deref();
    if let Some(t) = tenant {
        let known: BTreeSet<&str> = metered
            .usage
            .rows
            .iter()
            .map(|r| r.tenant.as_str())
            .collect();
        if !known.contains(t) && !config.tenancy.contracts.values().any(|c| c == t) {
            let known = read::listed(&known);
            eprintln!("plimsoll: there is no tenant `{t}` in {period}: {known}");
            return Ok(exit::PART);
        }
        metered.retain(|r| r.tenant == t);
        if t != UNATTRIBUTED {
            computed.unattributed.clear();
            computed.unmarked.clear();
        }
    }
    read::tell_unattributed(&computed);
    let month = Month {
        period: &period,
        metered: &metered,
        config: &config,
        tenant,
        corrections: &corrections,
    };
    let Some(rated) = month.rated(&metered, &book) else {
        return Ok(exit::PART);
    };
    let future = (metered.usage.as_of < period.to).then(|| rating::projected(&metered, &period));
    let projected = future.as_ref().and_then(|f| month.rated(f, &book));
    let shown = Shown {
        period: &period,
        metered: &metered,
        book: &book,
        rated: &rated,
        projected: projected.as_ref(),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(draft) = &wanted.draft {
        let code = month.draft(draft, asked.zone, &shown, wanted.format, &mut out)?;
        out.flush()?;
        return Ok(code);
    }
    cli::bill::print(&shown, wanted.format, &mut out)?;
    out.flush()?;
    Ok(exit::DONE)
}

impl Month<'_> {
    /// The bills; `None` once it is said what has no price.
    fn rated(&self, metered: &Metered, book: &PriceBook) -> Option<Rated> {
        match rating::rate(metered, book, self.period, &self.config.tenancy.contracts) {
            Ok(mut rated) => {
                let foreign = rating::carry(&mut rated, self.corrections.to_vec(), book);
                for c in foreign {
                    let (id, money) = (&c.id, &c.currency);
                    eprintln!(
                        "plimsoll: correction {id} is in {money} and stands in no bill: settle it by `export --corrections`"
                    );
                }
                rated
                    .bills
                    .retain(|b| self.tenant.is_none_or(|t| b.tenant == t));
                Some(rated)
            }
            Err(unpriced) => {
                read::tell_unpriced("there is no bill", &self.period.to_string(), &unpriced);
                None
            }
        }
    }

    /// Compares with a draft.
    fn draft(
        &self,
        file: &Path,
        zone: chrono_tz::Tz,
        now: &Shown<'_>,
        format: args::BillFormat,
        out: &mut impl io::Write,
    ) -> Result<u8> {
        let draft = match config::book::read(file, Some(zone)) {
            Ok(draft) => draft,
            Err(problems) => {
                for p in problems {
                    eprintln!("{p}");
                }
                return Ok(exit::USAGE);
            }
        };
        if draft.currency != now.book.currency {
            let (ours, theirs) = (&now.book.currency, &draft.currency);
            eprintln!(
                "plimsoll: the draft is in {theirs}, the book in {ours}: they cannot be compared"
            );
            return Ok(exit::USAGE);
        }
        let Some(rated) = self.rated(self.metered, &draft) else {
            return Ok(exit::PART);
        };
        let draft = Shown {
            book: &draft,
            rated: &rated,
            projected: None,
            ..*now
        };
        cli::bill::print_draft(now, &draft, format, out)?;
        Ok(exit::DONE)
    }
}

/// Explains a line of a bill; false if no month has it.
pub(super) async fn explain(
    asked: &Asked,
    config: &Config,
    book: &PriceBook,
    months: &[Period],
    wanted: &Explain,
) -> Result<bool> {
    for period in months.iter().filter(|p| book.objection(p).is_none()) {
        let Dated { metered, .. } =
            metered::compute(&asked.store, &asked.rules, period, asked.as_of).await?;
        // A month that cannot be rated has no lines.
        let Ok(rated) = rating::rate(&metered, book, period, &config.tenancy.contracts) else {
            continue;
        };
        let lines = rated
            .bills
            .iter()
            .flat_map(|b| b.lines.iter().map(move |l| (b, l)));
        let whole = rating::Account {
            metered: &metered,
            period,
            priced: Some((&rated, book)),
        };
        if let Some(charge) = whole.of_no_line(&wanted.id) {
            let mut out = io::BufWriter::new(io::stdout().lock());
            cli::explain::print_charge(&charge, None, wanted.format, &mut out)?;
            out.flush()?;
            return Ok(true);
        }
        for (bill, line) in lines {
            if rating::id(line, bill, book, &metered) != wanted.id {
                continue;
            }
            let shown = Shown {
                period,
                metered: &metered,
                book,
                rated: &rated,
                projected: None,
            };
            let mut out = io::BufWriter::new(io::stdout().lock());
            cli::explain::print_line(&shown, bill, line, wanted.format, &mut out)?;
            // A line of one row goes on as that row.
            if let [row] = line.rows.all() {
                let id = &metered.usage.rows[*row].id;
                let one = std::slice::from_ref(period);
                let found = cli::explain::find(&asked.store, &asked.rules, id, one, asked.as_of);
                if let (Some(e), args::TextFormat::Text) = (found.await?, wanted.format) {
                    writeln!(out)?;
                    cli::explain::print(&e, wanted.raw, wanted.format, &mut out)?;
                }
            }
            out.flush()?;
            return Ok(true);
        }
    }
    Ok(false)
}
