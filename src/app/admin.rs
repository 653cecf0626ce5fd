//! Commands about the installation itself: `check`, `engine`, `migrate`, `rules`.

use super::{exit, load_report, open_store, stopped};
use crate::{
    attribute::Attribution,
    cli::{self, args},
    config::Config,
    domain::Memory,
    export,
    net::Clock,
    sources::{Finding, Source, Verdict},
    store::Store,
};
use anyhow::Result;
use std::{
    io::{self, Write as _},
    path::Path,
};

/// `plimsoll check`.
pub(super) async fn check(
    global: &args::Global,
    online: bool,
    format: args::TextFormat,
) -> Result<u8> {
    let (mut report, config) = load_report(global);
    let mut findings = Vec::new();
    if let Some(config) = &config {
        if let Some(book) = &config.prices {
            let name = format!("price book {}", book.name);
            let wrong = super::prices::worked(name.as_ref(), book, config.meters.time_zone);
            report.ok &= wrong.is_empty();
            report.problems.extend(wrong);
        }
        if let Err(e) = Attribution::new(&config.tenancy) {
            findings.push((
                "tenancy".to_owned(),
                finding(Verdict::Error, e.to_string(), "mend the rule"),
            ));
        }
        if online {
            for source in &config.sources {
                findings.extend(
                    check_source(source)
                        .await
                        .into_iter()
                        .map(|f| (source.name().to_owned(), f)),
                );
            }
            findings.push(("store".to_owned(), check_store(config).await));
        }
    }
    let mut out = io::stdout().lock();
    cli::check::print(&report, &findings, format, &mut out)?;
    out.flush()?;
    Ok(if !report.ok {
        exit::USAGE
    } else if findings.iter().any(|(_, f)| f.verdict == Verdict::Error) {
        exit::PART
    } else {
        exit::DONE
    })
}

fn finding(verdict: Verdict, what: impl Into<String>, hint: &str) -> Finding {
    Finding {
        verdict,
        what: what.into(),
        hint: hint.to_owned(),
    }
}

async fn check_source(config: &crate::config::Source) -> Vec<Finding> {
    match Source::open(
        config,
        &Clock::System,
        &Memory::default(),
        &super::collector(),
    ) {
        Ok(readers) => {
            let mut findings = Vec::new();
            for mut reader in readers {
                findings.extend(reader.check_online().await);
            }
            findings
        }
        Err(e) => vec![finding(Verdict::Error, e.to_string(), "")],
    }
}

async fn check_store(config: &Config) -> Finding {
    let tried = async {
        let store = Store::open(&config.store).await?;
        let now = store.now().await?;
        store.close().await?;
        Ok::<_, crate::store::StoreError>(now)
    };
    match tried.await {
        Ok(now) => finding(
            Verdict::Ok,
            format!("answers, its schema is up to date, its clock says {now}"),
            "",
        ),
        Err(e) => finding(Verdict::Error, e.to_string(), ""),
    }
}

/// `plimsoll rules`.
pub(super) fn rules(config: &Config, out: &Path) -> Result<u8> {
    let written = export::rules::write(config, &config.slo.slos, out)?;
    let mut stdout = io::stdout().lock();
    for path in written {
        writeln!(stdout, "{}", path.display())?;
    }
    Ok(exit::DONE)
}

/// `plimsoll verify`: an export against its manifest. Reads the directory alone.
pub(super) fn verify(dir: &Path) -> Result<u8> {
    let verdict = export::verify(dir);
    let mut out = io::stdout().lock();
    for fault in &verdict.faults {
        writeln!(out, "{fault}")?;
    }
    for stranger in &verdict.strangers {
        writeln!(out, "{stranger}: the manifest does not name it")?;
    }
    let dir = dir.display();
    let Some(manifest) = verdict.manifest.filter(|_| verdict.faults.is_empty()) else {
        writeln!(out, "{dir}: is not what was exported")?;
        return Ok(exit::PART);
    };
    let closed = match &manifest.closed {
        Some(closed) => format!("closing {}", closed.id),
        None => "not closed".to_owned(),
    };
    writeln!(
        out,
        "{dir}: {} as {}, {} files, {} lines, as of {}, {closed}; all as the manifest says, whose SHA-256 is {}",
        manifest.month,
        manifest.format,
        manifest.files.len(),
        manifest.rows,
        manifest.as_of,
        verdict.sha256
    )?;
    Ok(exit::DONE)
}

/// `plimsoll engine`: the embedded engine in the foreground.
pub(super) async fn engine(config: Config) -> Result<u8> {
    let store = open_store(&config).await?;
    let Some((at, password)) = store.engine() else {
        eprintln!(
            "plimsoll: the store is a remote ClickHouse (store.remote); there is no engine to start"
        );
        return Ok(exit::PART);
    };
    println!(
        "ClickHouse answers at {at} (user grafana, read-only; password in {})",
        password.display()
    );
    if store.is_alone() {
        println!("Ctrl-C ends it.");
        stopped().await;
    } else {
        println!("Another plimsoll runs it.");
    }
    store.close().await?;
    Ok(exit::DONE)
}

/// `plimsoll migrate`.
pub(super) async fn migrate(config: Config) -> Result<u8> {
    let store = open_store(&config).await?;
    let applied = store
        .json("SELECT version, name, applied_at FROM schema_migrations ORDER BY version")
        .await?;
    store.close().await?;
    for row in &applied {
        let text = |k: &str| {
            row.get(k)
                .map(|v| v.to_string().trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        println!(
            "{} {} applied {}",
            text("version"),
            text("name"),
            text("applied_at")
        );
    }
    Ok(exit::DONE)
}
