//! `plimsoll explain`: from a usage line to spans, facts, passes and the raw objects behind them.

mod charge;

pub use charge::{print_charge, print_line};

use super::args::TextFormat;
use crate::{
    domain::{
        Pass, Period, ResourceKey, Span, StoredFact, Timeline, Ts, UsageRow, Value,
        fact::kind,
        usage::{Basis, Piece, UsageRowJson, readable},
    },
    fold::{self, measure, nodes::Day},
    periods::{
        beneath::{self, Beneath},
        usage::{self, Rules, Seen, UsageError},
    },
    store::{FactQuery, Store},
};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

/// All that stands behind one line.
pub struct Explanation {
    month: Period,
    as_of: Ts,
    watermark: Option<Ts>,
    row: UsageRow,
    pieces: Vec<Piece>,
    /// Of a share of a node.
    days: Vec<Day>,
    beneath: Vec<Beneath>,
    timeline: Timeline,
    facts: Vec<StoredFact>,
    passes: Vec<Pass>,
    raws: BTreeMap<String, String>,
}

/// Finds the line and gathers what it stands on. `None` when no month has such a line.
///
/// # Errors
/// [`UsageError`].
pub async fn find(
    store: &Store,
    rules: &Rules,
    id: &str,
    months: &[Period],
    as_of: Ts,
) -> Result<Option<Explanation>, UsageError> {
    for month in months {
        let mut days = Vec::new();
        let computed = usage::compute_each(store, rules, month, as_of, |seen| match seen {
            Seen::Share(row, of) if row.id == id => days = of.to_vec(),
            _ => {}
        })
        .await?;
        if let Some(row) = computed.usage.rows.into_iter().find(|r| r.id == id) {
            let explanation = gather(store, rules, *month, as_of, row).await?;
            return Ok(Some(Explanation {
                days,
                ..explanation
            }));
        }
    }
    Ok(None)
}

async fn gather(
    store: &Store,
    rules: &Rules,
    month: Period,
    as_of: Ts,
    row: UsageRow,
) -> Result<Explanation, UsageError> {
    let scopes = usage::scopes(store, rules, as_of).await?;
    let key = ResourceKey {
        cloud: row.source.to_string(),
        kind: row.kind.to_string(),
        resource: row.resource.to_string(),
    };
    let query = FactQuery {
        kinds: vec![row.kind.to_string()],
        cloud: Some(row.source.to_string()),
        resources: vec![row.resource.to_string()],
        ..FactQuery::all(as_of).readings_of(&month)
    };
    let mut facts = Vec::new();
    let mut stream = store.resources(&query).await?;
    while let Some((_, of_resource)) = stream.next().await? {
        facts.extend(of_resource);
    }
    let timeline = fold::fold(&key, facts.iter().map(|f| f.fact.clone()));
    let pieces = measure::pieces(&timeline, &rules.meters, &scopes)
        .into_iter()
        .filter(|p| {
            row.meter == p.meter
                && row.tenant == p.tenant
                && row.contract == p.contract
                && row.scope == p.scope
                && row.dimensions == p.dimensions
                && p.start < month.to
                && p.end.is_none_or(|e| e > month.from)
        })
        .collect();
    let passes: BTreeSet<u64> = facts.iter().map(|f| f.fact.pass).collect();
    let passes = store
        .passes(&passes.into_iter().collect::<Vec<_>>())
        .await?;
    let mut raws = BTreeMap::new();
    for hash in facts
        .iter()
        .map(|f| f.fact.raw.as_str())
        .filter(|h| !h.is_empty())
        .collect::<BTreeSet<_>>()
    {
        if let Some(body) = store.raw(hash).await? {
            raws.insert(hash.to_owned(), body);
        }
    }
    let beneath = beneath::beneath(store, &scopes, as_of, &timeline).await?;
    let list = (row.source.to_string(), kind::list_of(&row.kind).to_owned());
    let watermark = store.watermarks(as_of).await?.get(&list).copied();
    Ok(Explanation {
        month,
        as_of,
        watermark,
        row,
        pieces,
        days: Vec::new(),
        beneath,
        timeline,
        facts,
        passes,
        raws,
    })
}

/// Prints an explanation.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    e: &Explanation,
    raw: bool,
    format: TextFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        TextFormat::Json => json_form(e, raw, out),
        TextFormat::Text => text_form(e, raw, out),
    }
}

#[derive(Serialize)]
struct FactJson<'a> {
    id: String,
    #[serde(flatten)]
    fact: &'a StoredFact,
}

fn id_text(id: u64) -> String {
    format!("{id:016x}")
}

fn json_form(e: &Explanation, raw: bool, out: &mut impl Write) -> io::Result<()> {
    let time = |t: Ts| {
        if t == Ts::MIN {
            None
        } else {
            Some(t.to_string())
        }
    };
    let spans: BTreeMap<&str, Vec<serde_json::Value>> = e
        .timeline
        .aspects
        .iter()
        .map(|(aspect, spans)| {
            let shown = |s: &Span| {
                json!({"start": time(s.start), "end": s.end.map(|t| t.to_string()), "value": s.value, "gap": s.gap,
                       "because": s.because.iter().map(|i| id_text(*i)).collect::<Vec<_>>()})
            };
            (aspect.as_str(), spans.iter().map(shown).collect())
        })
        .collect();
    let pieces: Vec<serde_json::Value> = e
        .pieces
        .iter()
        .map(|p| json!({"start": p.start.to_string(), "end": p.end.map(|t| t.to_string()), "level": p.level.to_string(), "observed": p.observed}))
        .collect();
    let facts: Vec<FactJson<'_>> = e
        .facts
        .iter()
        .map(|f| FactJson {
            id: id_text(f.fact.id()),
            fact: f,
        })
        .collect();
    let doc = json!({
        "month": e.month.to_string(),
        "as_of": e.as_of.to_string(),
        "watermark": e.watermark.map(|t| t.to_string()),
        "row": UsageRowJson::from(&e.row),
        "pieces": pieces,
        "days": e.days.iter().map(|d| json!({
            "start": Ts::from_second(d.start).to_string(), "quantity": d.quantity.to_string(), "observed_s": d.observed_s, "expected_s": d.expected_s,
        })).collect::<Vec<_>>(),
        "stands_on": e.beneath,
        "spans": spans,
        "facts": facts,
        "passes": e.passes,
        "raws": if raw { json!(e.raws) } else { json!(e.raws.keys().collect::<Vec<_>>()) },
    });
    serde_json::to_writer_pretty(&mut *out, &doc)?;
    writeln!(out)
}

fn text_form(e: &Explanation, raw: bool, out: &mut impl Write) -> io::Result<()> {
    let r = &e.row;
    let (number, unit) = readable(r.quantity, &r.unit);
    writeln!(
        out,
        "{} in {} of {} {} ({})",
        r.meter, e.month, r.source, r.resource, r.resource_name
    )?;
    writeln!(
        out,
        "  tenant {} · contract {} · scope {} ({})",
        r.tenant, r.contract, r.scope_name, r.scope
    )?;
    let dimensions: Vec<String> = r
        .dimensions
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    writeln!(out, "  {}", dimensions.join(" "))?;
    writeln!(
        out,
        "  {} {} = {number} {unit}; observed {} s of {} s",
        r.quantity, r.unit, r.observed_s, r.expected_s
    )?;
    match e.watermark {
        Some(w) => writeln!(out, "  as of {}; the list reaches to {w}", e.as_of)?,
        None => writeln!(
            out,
            "  as of {}; the list has never been read wholly",
            e.as_of
        )?,
    }
    writeln!(out, "\nWhat counts (clipped to the month)")?;
    for p in &e.pieces {
        counted(p, e, out)?;
    }
    for d in &e.days {
        let day = Ts::from_second(d.start);
        let (quantity, observed_s, expected_s) = (d.quantity, d.observed_s, d.expected_s);
        writeln!(
            out,
            "  from {day}, that day: {quantity}; observed {observed_s} s of {expected_s} s"
        )?;
    }
    if !e.beneath.is_empty() {
        writeln!(out, "\nStands on")?;
    }
    for b in &e.beneath {
        let kind = b.kind.replace('_', " ");
        write!(out, "  {kind} {} ({}) of {}", b.name, b.resource, b.source)?;
        if !b.tenant.is_empty() {
            write!(
                out,
                ", scope {} ({}), tenant {}",
                b.scope_name, b.scope, b.tenant
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nSpans")?;
    for (aspect, spans) in &e.timeline.aspects {
        for s in spans {
            let start = if s.start == Ts::MIN {
                "(ever)".to_owned()
            } else {
                s.start.to_string()
            };
            let end = s
                .end
                .map_or_else(|| "(lasts)".to_owned(), |t| t.to_string());
            let value = s
                .value
                .as_ref()
                .map_or(format!("gap: {}", s.gap), |k| k.label.clone());
            let because: Vec<String> = s.because.iter().map(|i| id_text(*i)).collect();
            writeln!(
                out,
                "  {:<10} {start} .. {end}  {value}  [{}]",
                aspect.as_str(),
                because.join(" ")
            )?;
        }
    }
    writeln!(out, "\nFacts")?;
    for f in &e.facts {
        let label = said(&f.fact.value);
        writeln!(
            out,
            "  {}  {:<10} {:<8} at {} seen {}  {label}  pass {}  raw {}",
            id_text(f.fact.id()),
            f.fact.aspect.as_str(),
            f.fact.evidence.as_str(),
            f.fact.at,
            f.fact.seen,
            id_text(f.fact.pass),
            f.fact.raw.get(..12).unwrap_or("-"),
        )?;
    }
    writeln!(out, "\nPasses")?;
    for p in &e.passes {
        writeln!(
            out,
            "  {}  {} {} {:?}: {:?}, watermark {}, {} items, by {}",
            id_text(p.id),
            p.list,
            p.region,
            p.mode,
            p.outcome,
            p.watermark,
            p.items,
            p.collector
        )?;
    }
    writeln!(
        out,
        "\nRaw objects{}",
        if raw { "" } else { " (--raw prints them)" }
    )?;
    for (hash, body) in &e.raws {
        writeln!(out, "  sha256 {hash}  {} bytes", body.len())?;
        if raw {
            writeln!(out, "{body}")?;
        }
    }
    Ok(())
}

/// One piece: what it adds, and how.
fn counted(p: &Piece, e: &Explanation, out: &mut impl Write) -> io::Result<()> {
    let start = p.start.max(e.month.from);
    let end = p.end.unwrap_or(Ts::MAX).min(match p.basis {
        Basis::Held => e.month.to.min(e.watermark.unwrap_or(Ts::MIN)),
        Basis::Told | Basis::Amount => e.month.to,
    });
    let seconds = (end.second() - start.second()).max(0);
    let gap = if p.observed { "" } else { "not observed: " };
    match p.basis {
        // Whole, in the month in which it begins.
        Basis::Amount if p.start < e.month.from => {
            writeln!(out, "  {start} .. {end}  {gap}counted before")
        }
        Basis::Amount => writeln!(out, "  {start} .. {end}  {gap}counted {}", p.level),
        Basis::Held | Basis::Told if p.observed => {
            let product = i128::from(p.level) * i128::from(seconds);
            writeln!(
                out,
                "  {start} .. {end}  level {} x {seconds} s = {product}",
                p.level
            )
        }
        Basis::Held | Basis::Told => writeln!(
            out,
            "  {start} .. {end}  {gap}expected {seconds} s, counted 0"
        ),
    }
}

/// What a fact says, in a few words.
fn said(value: &Value) -> String {
    match value {
        Value::Known(k) if k.levels.keys().any(|name| name.contains('.')) => {
            let levels: Vec<String> = k.levels.iter().map(|(n, v)| format!("{n}={v}")).collect();
            format!("{} {}", k.label, levels.join(" "))
        }
        Value::Known(k) => k.label.clone(),
        Value::Unknown => "(changed)".to_owned(),
        Value::Gone => "(gone)".to_owned(),
    }
}
