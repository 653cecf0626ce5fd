//! Progress of long work: a bar on a terminal, now and then a plain line otherwise.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    cell::Cell,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress on stderr.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    done: Cell<u64>,
    said: Cell<Instant>,
}

impl Progress {
    /// Of so many steps.
    #[must_use]
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} {eta}");
            ProgressBar::new(total)
                .with_prefix(what)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            bar,
            what,
            total,
            done: Cell::new(0),
            said: Cell::new(Instant::now()),
        }
    }

    /// One step is done.
    pub fn step(&self, at: &str) {
        self.done.set(self.done.get() + 1);
        match &self.bar {
            Some(bar) => {
                bar.set_message(at.to_owned());
                bar.inc(1);
            }
            None if self.said.get().elapsed() >= LINE_EVERY => {
                self.said.set(Instant::now());
                eprintln!(
                    "{}: {} of {} ({at})",
                    self.what,
                    self.done.get(),
                    self.total
                );
            }
            None => {}
        }
    }

    /// All is done.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
