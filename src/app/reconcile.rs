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

/// Where lists are read at very different times, or one is not read at all: what the others show is compared all the same, this often.
const COMPARED_EVERY_S: i64 = 3_600;

/// What the gauges stand on. A comparison reads every image and volume there is.
#[derive(Debug, Default)]
pub(super) struct Watched {
    known: Watermarks,
    compared: Option<Ts>,
}

impl Watched {
    /// Sets the gauges, where there is news: what is missing from one list is proven once the others reach as far.
    pub(super) async fn compare(&mut self, parts: &Parts, now: Ts) -> Result<(), UsageError> {
        let linked = Linked::of(&parts.config);
        if linked.clouds.is_empty() {
            return Ok(());
        }
        let known = linked.volumes_and_images(parts.store.watermarks(now).await?);
        if !self.is_due(&known, now) {
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
        (self.known, self.compared) = (known, Some(now));
        Ok(())
    }

    /// True where every list was read since, or one of them and the last comparison is old.
    fn is_due(&self, known: &Watermarks, now: Ts) -> bool {
        let moved = |(list, t): (&(String, String), &Ts)| self.known.get(list) != Some(t);
        let is_old = (self.compared).is_none_or(|c| c.plus_seconds(COMPARED_EVERY_S) <= now);
        known.iter().any(moved) && (is_old || known.iter().all(moved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_compared_once_all_were_read_anew() {
        let ts = Ts::from_second;
        let lists = |volumes: i64, images: i64| -> Watermarks {
            [
                ("nordic-1", "volumes", volumes),
                ("ceph", "rbd_images", images),
            ]
            .map(|(source, list, t)| ((source.to_owned(), list.to_owned()), ts(t)))
            .into()
        };
        let mut watched = Watched::default();
        assert!(
            !watched.is_due(&Watermarks::new(), ts(0)),
            "nothing was read"
        );
        assert!(watched.is_due(&lists(10, 20), ts(30)));
        (watched.known, watched.compared) = (lists(10, 20), Some(ts(30)));
        for (known, now, due) in [
            (lists(10, 20), 9_999, false),
            (lists(70, 20), 90, false),
            (lists(70, 80), 90, true),
            (lists(3_600, 20), 3_629, false),
            // The other list is not read any more.
            (lists(3_600, 20), 3_630, true),
        ] {
            assert_eq!(watched.is_due(&known, ts(now)), due, "{known:?} at {now}");
        }
        // A list that is read for the first time.
        watched
            .known
            .remove(&("ceph".to_owned(), "rbd_images".to_owned()));
        assert!(!watched.is_due(&lists(10, 20), ts(60)));
        assert!(watched.is_due(&lists(70, 20), ts(60)));
    }
}
