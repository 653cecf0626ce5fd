//! Wiring: which command needs which rooms, in which order they start and stop.

mod account;
mod admin;
mod alerts;
mod bill;
pub mod close;
mod collect;
mod corrections;
mod import;
mod kept;
mod month;
mod prices;
mod pump;
mod read;
mod reconcile;
mod refresh;
mod run;
mod slo;

use crate::{
    cli::{
        self, Command,
        args::{Args, Global},
    },
    config::{self, Config},
    store::{self, Store},
    telemetry::logs,
};
use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use std::{io, process::ExitCode};

/// Exit codes of the contract.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Done in part, or refused by a stated rule.
    pub const PART: u8 = 1;
    /// Wrong usage or configuration.
    pub const USAGE: u8 = 2;
    /// Failed.
    pub const FAILED: u8 = 3;
}

/// Runs a command to its end.
#[must_use]
pub fn main(args: Args) -> ExitCode {
    if let Command::Completions { shell } = args.command {
        clap_complete::generate(shell, &mut Args::command(), "plimsoll", &mut io::stdout());
        return ExitCode::from(exit::DONE);
    }
    if let Command::Engine(engine) = &args.command
        && let (Some(dir), Some(library)) = (&engine.dir, &engine.library)
    {
        // The engine's own process: no runtime, no logs but its own.
        store::engine::serve(&store::engine::Serve {
            dir,
            library,
            memory_max_bytes: engine.memory_max_bytes,
            parent: engine.parent,
        });
    }
    store::engine::share_arenas();
    let format = match args.global.log_format {
        cli::args::LogFormat::Text => logs::LogFormat::Text,
        cli::args::LogFormat::Json => logs::LogFormat::Json,
    };
    if let Err(e) = logs::init(&args.global.log_level, format) {
        eprintln!("plimsoll: {e}");
        return ExitCode::from(exit::USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(r) => r,
        Err(e) => {
            eprintln!("plimsoll: the runtime could not start: {e}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let code = runtime.block_on(dispatch(args)).unwrap_or_else(|e| {
        // A closed pipe (`plimsoll usage | head`) is the reader's choice, not a failure.
        if e.chain().any(|c| {
            c.downcast_ref::<io::Error>()
                .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
        }) {
            return exit::DONE;
        }
        eprintln!("plimsoll: {}", told(&e));
        exit::FAILED
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}

/// An error with its causes, each said once: many messages end with their cause already.
fn told(e: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in e.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn dispatch(args: Args) -> Result<u8> {
    let global = args.global;
    match args.command {
        Command::Run => with_config(&global, run::run).await,
        Command::Collect { source, believe } => {
            with_config(&global, async |c| {
                collect::collect(c, &source, &believe).await
            })
            .await
        }
        Command::Import { file } => {
            with_config(&global, async |c| import::import(c, &file).await).await
        }
        Command::Check { online, format } => admin::check(&global, online, format).await,
        Command::Usage {
            month,
            tenant,
            as_of,
            format,
        } => {
            with_config(&global, async |c| {
                read::usage(c, &month, tenant.as_deref(), as_of, format).await
            })
            .await
        }
        Command::Bill {
            month,
            tenant,
            draft,
            as_of,
            format,
        } => {
            let wanted = bill::Wanted {
                month,
                tenant,
                draft,
                as_of,
                format,
            };
            with_config(&global, async |c| bill::bill(c, &wanted).await).await
        }
        Command::Prices(action) => prices::run(action),
        Command::Explain {
            id,
            month,
            as_of,
            raw,
            format,
        } => {
            let asked = read::Explain {
                id,
                month,
                as_of,
                raw,
                format,
            };
            with_config(&global, async |c| read::explain(c, &asked).await).await
        }
        Command::Export {
            month,
            format,
            out,
            as_of,
            corrections,
        } => {
            let asked = read::Export {
                month,
                format,
                out,
                as_of,
                corrections,
            };
            with_config(&global, async |c| read::export(c, &asked).await).await
        }
        Command::Close {
            month,
            status: true,
            ..
        } => with_config(&global, async |c| kept::status(c, &month).await).await,
        Command::Close {
            month,
            contract,
            accept,
            ..
        } => {
            let wanted = close::Wanted {
                month,
                contract,
                accept,
            };
            with_config(&global, async |c| close::close(c, &wanted).await).await
        }
        Command::Verify { dir } => admin::verify(&dir),
        Command::Corrections { command } => {
            with_config(&global, async |c| {
                corrections::corrections(c, &command).await
            })
            .await
        }
        Command::Diff {
            month,
            as_of,
            format,
        } => {
            with_config(&global, async |c| {
                corrections::diff(c, &month, &as_of, format).await
            })
            .await
        }
        Command::Reconcile { as_of, format } => {
            with_config(&global, async |c| {
                reconcile::reconcile(c, as_of, format).await
            })
            .await
        }
        Command::Slo { command } => {
            with_config(&global, async |c| slo::slo(c, &command).await).await
        }
        Command::Rules { out } => with_config(&global, async |c| admin::rules(&c, &out)).await,
        Command::Simulate {
            scenario,
            seed,
            listen,
            month,
            command,
            at,
            until,
            truth,
        } => {
            let asked = month::Simulate {
                scenario,
                seed,
                until,
                truth,
            };
            match (listen, month) {
                // The configuration is needed only for its calendar.
                _ if !command.is_empty() && global.config.is_some() => {
                    with_config(&global, async |c| {
                        month::command(&asked, &command, at, c.meters.time_zone)
                    })
                    .await
                }
                _ if !command.is_empty() => month::command(&asked, &command, at, chrono_tz::UTC),
                (Some(addr), _) if global.config.is_some() => {
                    with_config(&global, async |c| {
                        month::listen(&asked, addr, c.meters.time_zone).await
                    })
                    .await
                }
                (Some(addr), _) => month::listen(&asked, addr, chrono_tz::UTC).await,
                (None, Some(month)) => {
                    with_config(&global, async |c| month::month(c, &asked, &month).await).await
                }
                (None, None) => anyhow::bail!("simulate needs --listen, --month or --command"),
            }
        }
        Command::Engine(_) => with_config(&global, admin::engine).await,
        Command::Migrate => with_config(&global, admin::migrate).await,
        Command::Completions { .. } => Ok(exit::DONE),
    }
}

/// Loads the configuration and goes on with it; prints every problem and stops with 2 when it has any.
async fn with_config(global: &Global, go: impl AsyncFnOnce(Config) -> Result<u8>) -> Result<u8> {
    match config::load(global.config.as_deref(), &overrides(global)) {
        Ok(config) => {
            for w in &config.warnings {
                tracing::warn!("{w}");
            }
            go(config).await
        }
        Err(problems) => {
            for p in &problems {
                eprintln!("{p}");
            }
            Ok(exit::USAGE)
        }
    }
}

fn overrides(global: &Global) -> config::Overrides {
    config::Overrides {
        data_dir: global.data_dir.clone(),
    }
}

fn load_report(global: &Global) -> (config::Report, Option<Config>) {
    config::check(global.config.as_deref(), &overrides(global))
}

/// Names this process in passes: host and process id.
fn collector() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{host}/{}", std::process::id())
}

async fn open_store(config: &Config) -> Result<Store> {
    Store::open(&config.store)
        .await
        .context("opening the store")
}

/// Stops on SIGINT or SIGTERM.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the default action ends the process, which loses nothing: the spool is on disk.
        return std::future::pending().await;
    };
    tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cause_is_told_once() {
        let e = anyhow::anyhow!("no such file");
        assert_eq!(super::told(&e), "no such file");
        let e = e
            .context("cannot read x: no such file")
            .context("exporting");
        assert_eq!(super::told(&e), "exporting: cannot read x: no such file");
    }
}
