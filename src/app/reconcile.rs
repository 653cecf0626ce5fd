//! `plimsoll reconcile`, and the gauges of what it finds.

use super::{
    exit,
    read::{Asked, book_of},
    run::Parts,
};
use crate::{
    cli::{self, args::BillFormat},
    config::Config,
    domain::Ts,
    periods::{
        reconcile::{Linked, Watermarks, reconcile as compare},
        usage::UsageError,
    },
};
use anyhow::Result;
use std::io::{self, Write as _};

/// `plimsoll reconcile`.
pub(super) async fn reconcile(config: Config, as_of: Option<Ts>, format: BillFormat) -> Result<u8> {
    let linked = Linked::of(&config);
    let asked = Asked::open(&config, as_of).await?;
    let book = book_of(&asked, &config, as_of).await?;
    let report = compare(
        &asked.store,
        &linked,
        book.as_ref(),
        asked.as_of,
        asked.zone,
    )
    .await?;
    asked.store.close().await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::reconcile::print(&report, format, &mut out)?;
    out.flush()?;
    if report.is_unlinked {
        eprintln!("plimsoll: {}", cli::reconcile::UNLINKED);
    }
    let whole = report.unread.is_empty() && !report.is_unlinked;
    Ok(if whole { exit::DONE } else { exit::PART })
}

/// What the gauges stand on: they change only where a list was read since.
#[derive(Debug, Default)]
pub(super) struct Watched {
    known: Watermarks,
}

impl Watched {
    /// Sets the gauges, where there is news.
    pub(super) async fn compare(&mut self, parts: &Parts, now: Ts) -> Result<(), UsageError> {
        let linked = Linked::of(&parts.config);
        if linked.clouds.is_empty() {
            return Ok(());
        }
        let known = linked.volumes_and_images(parts.store.watermarks(now).await?);
        if known == self.known {
            return Ok(());
        }
        let zone = parts.config.meters.time_zone;
        let linked = linked.without_pools();
        let report = compare(&parts.store, &linked, None, now, zone).await?;
        // Nothing is said before all lists were read: that there are none would not be known.
        for cloud in report.clouds.iter().filter(|c| c.reach.is_whole()) {
            for ((source, cause), sum) in cloud.ghosts() {
                let (count, bytes) = (sum.count, sum.provisioned_bytes);
                parts
                    .metrics
                    .ghosts
                    .set(source, cause.as_str(), count, bytes);
            }
        }
        self.known = known;
        Ok(())
    }
}
