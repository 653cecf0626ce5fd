//! `plimsoll slo`: objectives, statements and backtests as tables, CSV or JSON. Shares are floored to six decimals: none is shown better than it is.

use super::{args::TableFormat, usage::csv_error};
use crate::{
    domain::{Period, Ts},
    periods::slo::{Fired, Stated},
    slo::{Figure, Sli, Slo, Unit, Window, outage},
};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    io::{self, Write},
};

/// What a month's rows are about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The month.
    pub period: &'a Period,
    /// As of when.
    pub as_of: Ts,
    /// Up to where every event is known.
    pub settled: Ts,
}

impl About<'_> {
    fn json(&self, rows: Vec<Value>) -> Value {
        json!({
            "month": self.period.to_string(),
            "time_zone": self.period.zone.name(),
            "as_of": self.as_of.to_string(),
            "settled": self.settled.to_string(),
            "rows": rows,
        })
    }
}

/// A share as decimal text.
fn share((n, of): (i128, i128)) -> String {
    let millionths = (n * 1_000_000).div_euclid(of.max(1));
    let minus = if millionths < 0 { "-" } else { "" };
    let m = millionths.unsigned_abs();
    format!("{minus}{}.{:06}", m / 1_000_000, m % 1_000_000)
}

fn of_counts((n, of): (u64, u64)) -> String {
    share((i128::from(n), i128::from(of)))
}

const fn word(kept: Option<bool>) -> &'static str {
    match kept {
        Some(true) => "kept",
        Some(false) => "broken",
        None => "open",
    }
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn whose(tenant: &str) -> String {
    if tenant.is_empty() { "all" } else { tenant }.to_owned()
}

fn window(w: &Window) -> String {
    match w {
        Window::Rolling(s) if s % 86_400 == 0 => format!("{}d", s / 86_400),
        Window::Rolling(s) => format!("{}h", s / 3_600),
        Window::Calendar(unit, zone) => {
            let unit = match unit {
                Unit::Day => "day",
                Unit::Week => "week",
                Unit::Month => "month",
                Unit::Quarter => "quarter",
                Unit::Year => "year",
            };
            format!("{unit} ({zone})")
        }
    }
}

/// Fewest events an hour at which a total outage is found within a quarter of the fastest pair's long window; with fewer, the service needs probes.
fn needs(slo: &Slo) -> Option<u64> {
    const TRIED_MAX: u64 = 4_096;
    let pair = *slo.pairs(None).first()?;
    let soon = |s: u64| s <= u64::from(pair.long_s / 4);
    let found = |n: &u64| outage(slo.objective.target, &pair, slo.alpha, *n).is_some_and(soon);
    let in_window = (1..=TRIED_MAX).find(found)?;
    Some((in_window * 3_600).div_ceil(u64::from(pair.long_s)))
}

/// Prints the objectives.
///
/// # Errors
/// When `out` cannot be written.
pub fn list(slos: &[Slo], format: TableFormat, out: &mut impl Write) -> io::Result<()> {
    let columns = [
        "slo",
        "service",
        "target",
        "window",
        "budget of",
        "counted by",
        "generation",
        "events per hour needed",
    ];
    let row = |s: &Slo| {
        let counted = match &s.sli {
            Sli::ServerBoot { .. } => "facts",
            Sli::Probe { .. } => "probes",
            Sli::Counters { .. } => "prometheus",
        };
        let budgets = ["all together", "each tenant"][usize::from(s.objective.per_tenant)];
        vec![
            s.name.clone(),
            s.service.clone(),
            s.objective.target.to_string(),
            window(&s.window),
            budgets.to_owned(),
            counted.to_owned(),
            s.sli.generation(),
            or_none(needs(s).map(|n| n.to_string())),
        ]
    };
    let table = Printed {
        title: format!(
            "{} objectives. With fewer events than needed a total outage is found late, or never: then the service needs probes.",
            slos.len()
        ),
        columns: &columns,
        rows: slos.iter().map(row).collect(),
    };
    let json = || {
        let each = slos.iter().zip(&table.rows).map(|(s, row)| {
            let tenants = s.objective.tenants.iter();
            let tenants: Map<String, Value> = tenants
                .map(|(t, target)| (t.clone(), of_counts(target.parts()).into()))
                .collect();
            json!({
                "slo": s.name,
                "title": s.title,
                "description": s.description,
                "service": s.service,
                "target": of_counts(s.objective.target.parts()),
                "per_tenant": s.objective.per_tenant,
                "tenants": tenants,
                "window": row[3],
                "counted_by": row[5],
                "generation": row[6],
                "events_per_hour_needed": needs(s),
            })
        });
        json!({ "slos": each.collect::<Vec<_>>() })
    };
    table.print(&json, format, out)
}

/// Prints what is said of a month.
///
/// # Errors
/// When `out` cannot be written.
pub fn report(
    about: &About<'_>,
    rows: &[Stated],
    format: TableFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    let columns = [
        "slo",
        "tenant",
        "target",
        "good",
        "bad",
        "attained",
        "at least",
        "at most",
        "budget left",
        "promise",
        "gap minutes",
        "excluded events",
        "attained with excluded",
    ];
    let row = |r: &Stated| {
        let (f, all) = (&r.statement.figure, &r.statement.with_excluded);
        vec![
            r.slo.clone(),
            whose(&r.tenant),
            f.target.to_string(),
            f.tally.good.to_string(),
            f.tally.bad.to_string(),
            or_none(f.attained().map(of_counts)),
            or_none(f.bounds().map(|b| of_counts(b.low))),
            or_none(f.bounds().map(|b| of_counts(b.high))),
            or_none(f.remaining().map(share)),
            word(f.kept()).to_owned(),
            f.tally.gap.to_string(),
            (all.tally.events() - f.tally.events()).to_string(),
            or_none(all.attained().map(of_counts)),
        ]
    };
    let table = Printed {
        title: format!(
            "Objectives in {} ({}), as of {}, known up to {}",
            about.period, about.period.zone, about.as_of, about.settled
        ),
        columns: &columns,
        rows: rows.iter().map(row).collect(),
    };
    table.print(
        &|| about.json(rows.iter().map(stated).collect()),
        format,
        out,
    )?;
    if format != TableFormat::Table {
        return Ok(());
    }
    let exclusions = rows.iter().flat_map(|r| &r.statement.exclusions);
    let told: BTreeSet<String> = exclusions
        .map(|e| {
            let when = ["decided afterwards, on", "announced"][usize::from(e.was_announced())];
            format!(
                "Excluded: {} to {} by {}: {} ({when} {})",
                e.from, e.to, e.who, e.why, e.decided
            )
        })
        .collect();
    told.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn figure(f: &Figure) -> Value {
    json!({
        "good": f.tally.good.to_string(),
        "bad": f.tally.bad.to_string(),
        "attained": f.attained().map(of_counts),
        "at_least": f.bounds().map(|b| of_counts(b.low)),
        "at_most": f.bounds().map(|b| of_counts(b.high)),
        "budget_remaining": f.remaining().map(share),
        "promise": word(f.kept()),
        "slices": { "measured": f.tally.measured, "empty": f.tally.empty, "gap": f.tally.gap },
    })
}

fn stated(r: &Stated) -> Value {
    let s = &r.statement;
    let exclusions = s.exclusions.iter().map(|e| {
        json!({
            "from": e.from.to_string(),
            "to": e.to.to_string(),
            "who": e.who,
            "why": e.why,
            "decided": e.decided.to_string(),
            "announced": e.was_announced(),
        })
    });
    let generations = s
        .generations
        .iter()
        .map(|(g, t)| json!({ "generation": g, "events": t.events().to_string() }));
    json!({
        "slo": r.slo,
        "tenant": whose(&r.tenant),
        "target": of_counts(s.figure.target.parts()),
        "figure": figure(&s.figure),
        "with_excluded": figure(&s.with_excluded),
        "exclusions": exclusions.collect::<Vec<_>>(),
        "generations": generations.collect::<Vec<_>>(),
    })
}

/// Prints what would have been alerted.
///
/// # Errors
/// When `out` cannot be written.
pub fn backtest(
    about: &About<'_>,
    rows: &[Fired],
    format: TableFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    let columns = [
        "slo",
        "tenant",
        "severity",
        "burn",
        "window",
        "from",
        "to",
        "bad",
        "events",
        "budget spent in hours",
    ];
    let row = |f: &Fired| {
        let spent = f.evidence.spent_in_s;
        vec![
            f.slo.clone(),
            whose(&f.tenant),
            f.pair.severity.as_str().to_owned(),
            f.pair.factor.to_string(),
            format!("{}h", f.pair.long_s / 3_600),
            f.from.to_string(),
            or_none(f.to.map(|t| t.to_string())),
            f.evidence.long.bad.to_string(),
            f.evidence.long.events.to_string(),
            spent.map_or_else(|| "0".to_owned(), |s| (s / 3_600).to_string()),
        ]
    };
    let table = Printed {
        title: format!(
            "{} alerts would have fired in {} ({}), by what is known up to {}",
            rows.len(),
            about.period,
            about.period.zone,
            about.settled
        ),
        columns: &columns,
        rows: rows.iter().map(row).collect(),
    };
    let json = || {
        let object = |cells: &Vec<String>| {
            let fields = columns.iter().map(|c| c.replace(' ', "_"));
            let fields = fields.zip(cells.iter().map(|c| Value::from(c.as_str())));
            Value::Object(fields.collect())
        };
        about.json(table.rows.iter().map(object).collect())
    };
    table.print(&json, format, out)
}

/// A table, in whichever form.
struct Printed<'a> {
    title: String,
    columns: &'a [&'a str],
    rows: Vec<Vec<String>>,
}

impl Printed<'_> {
    fn print(
        &self,
        json: &dyn Fn() -> Value,
        format: TableFormat,
        out: &mut impl Write,
    ) -> io::Result<()> {
        match format {
            TableFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &json())?;
                writeln!(out)
            }
            TableFormat::Csv => {
                let mut w = csv::Writer::from_writer(out);
                let names = self.columns.iter().map(|c| c.replace(' ', "_"));
                w.write_record(names).map_err(csv_error)?;
                for row in &self.rows {
                    w.write_record(row).map_err(csv_error)?;
                }
                w.flush()
            }
            TableFormat::Table => {
                writeln!(out, "{}", self.title)?;
                if self.rows.is_empty() {
                    return Ok(());
                }
                let mut table = Table::new();
                table
                    .load_style(NOTHING)
                    .set_content_arrangement(ContentArrangement::Disabled)
                    .set_header(self.columns.to_vec());
                table.add_rows(self.rows.clone());
                writeln!(out, "{table}")
            }
        }
    }
}
