//! `plimsoll check`: what is wrong, where, and the way out.

use super::args::TextFormat;
use crate::{
    config::Report,
    sources::{Finding, Verdict},
};
use serde_json::json;
use std::io::{self, Write};

const fn word(v: Verdict) -> &'static str {
    match v {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Error => "error",
    }
}

/// Prints the report on the file and what was found online, each with the source's (or store's) name.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    report: &Report,
    findings: &[(String, Finding)],
    format: TextFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        TextFormat::Text => {
            write!(out, "{report}")?;
            for (of, f) in findings {
                let hint = if f.hint.is_empty() {
                    String::new()
                } else {
                    format!("; {}", f.hint)
                };
                writeln!(out, "{:<7} {of}: {}{hint}", word(f.verdict), f.what)?;
            }
            Ok(())
        }
        TextFormat::Json => {
            let online: Vec<_> = findings
                .iter()
                .map(|(of, f)| json!({"of": of, "verdict": word(f.verdict), "what": f.what, "hint": f.hint}))
                .collect();
            serde_json::to_writer_pretty(&mut *out, &json!({"file": report, "online": online}))?;
            writeln!(out)
        }
    }
}
