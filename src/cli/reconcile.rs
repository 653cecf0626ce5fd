//! `plimsoll reconcile`: comparisons as tables or JSON.

use super::{args::BillFormat, bill::trimmed};
use crate::{
    domain::{Ts, money::units_to_text},
    periods::reconcile::{
        Cloud, Report,
        compare::{Ghost, ImageSide, Sum, Volume, VolumeSide},
        cost::Cost,
        pools::{Counted, Stored},
    },
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What to do where nothing can be compared.
pub const UNLINKED: &str = "nothing to compare: name the `openstack` of a source of kind ceph, or the `ceph` of a source of kind rgw (docs/metering-ceph.md)";

/// Prints all comparisons to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(report: &Report, format: BillFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        BillFormat::Table => tables(report, out),
        BillFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &document(report))?;
            writeln!(out)
        }
    }
}

/// Bytes as GiB with two decimals.
fn gib(bytes: i128) -> String {
    const GIB: i128 = 1 << 30;
    let hundredths = (bytes.saturating_mul(200) + GIB).div_euclid(2 * GIB);
    let minus = if hundredths < 0 { "-" } else { "" };
    let h = hundredths.unsigned_abs();
    format!("{minus}{}.{:02}", h / 100, h % 100)
}

fn maybe_gib(bytes: Option<i64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |b| gib(b.into()))
}

fn read_to(t: Option<Ts>) -> String {
    t.map_or_else(
        || "never read completely".to_owned(),
        |t| format!("read to {t}"),
    )
}

fn money(report: &Report, amount: i128) -> Option<String> {
    let m = report.money.as_ref()?;
    Some(units_to_text(amount, m.decimals))
}

fn tables(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Ceph against what is known of it, as of {}",
        report.as_of
    )?;
    for (source, list) in &report.unread {
        writeln!(
            out,
            "{list} of {source} were never read completely: nothing is told that needs them"
        )?;
    }
    for cloud in &report.clouds {
        cloud_tables(report, cloud, out)?;
    }
    if !report.pools.is_empty() {
        writeln!(
            out,
            "\nPools against what is counted in them, GiB\n{}",
            pool_rows(&report.pools)
        )?;
        for counted in [Counted::Images, Counted::Buckets] {
            if report.pools.iter().any(|p| p.counted == counted) {
                let what = counted.as_str();
                writeln!(out, "\nBetween pools and {what} there may also be:")?;
                for words in counted.may_hold() {
                    writeln!(out, "  - {words}")?;
                }
            }
        }
    }
    Ok(())
}

fn cloud_tables(report: &Report, cloud: &Cloud, out: &mut impl Write) -> io::Result<()> {
    let c = &cloud.compared;
    writeln!(
        out,
        "\nVolumes of {} ({})",
        cloud.openstack,
        read_to(cloud.reach.volumes)
    )?;
    for (cluster, to) in &cloud.reach.images {
        writeln!(out, "Images of {cluster} ({})", read_to(*to))?;
    }
    let mut table = plain(
        &["", "number", "provisioned, GiB", "used, GiB", "use unknown"],
        1,
    );
    for side in ImageSide::ALL {
        let s = c.images_of(side);
        table.add_row([
            side.words().to_owned(),
            s.count.to_string(),
            gib(s.provisioned_bytes),
            gib(s.used_bytes),
            s.unknown_used.to_string(),
        ]);
    }
    for side in VolumeSide::ALL {
        let s = c.volumes_of(side);
        table.add_row([
            side.words(),
            &s.count.to_string(),
            &gib(s.provisioned_bytes),
            "",
            "",
        ]);
    }
    writeln!(out, "{}", trimmed(&table))?;
    if !c.ghosts.is_empty() {
        let rows = ghost_rows(report, cloud);
        writeln!(out, "\nImages that are no volume's\n{rows}")?;
        if let Some(text) = cloud.cost().and_then(|a| money(report, a)) {
            let currency = report.money.as_ref().map_or("", |m| &m.currency);
            let unpriced = cloud.costs.iter().filter(|c| c.amount.is_none()).count();
            let but = match unpriced {
                0 => String::new(),
                n => format!("; {n} of them have no price"),
            };
            writeln!(
                out,
                "As volumes of their size they would cost {text} {currency} in {}, by the price list{but}.",
                report.month
            )?;
        }
    }
    if !c.missing.is_empty() {
        let mut table = plain(&["volume", "name", "type", "since", "size, GiB"], 4);
        for v in &c.missing {
            table.add_row([
                &v.id,
                &v.name,
                &v.volume_type,
                &v.since.to_string(),
                &maybe_gib(v.bytes),
            ]);
        }
        writeln!(out, "\nVolumes without an image\n{}", trimmed(&table))?;
    }
    Ok(())
}

fn ghost_rows(report: &Report, cloud: &Cloud) -> String {
    let mut table = plain(
        &[
            "image",
            "source",
            "why",
            "since",
            "type",
            "size, GiB",
            "used, GiB",
            "cost",
        ],
        5,
    );
    for (g, cost) in cloud.compared.ghosts.iter().zip(&cloud.costs) {
        let i = &g.image;
        let trash = if i.trash { ", in the trash" } else { "" };
        let amount = cost.amount.and_then(|a| money(report, a));
        table.add_row([
            format!("{}/{}", scope(&i.resource), i.name),
            i.source.clone(),
            format!("{}{trash}", g.cause.words()),
            g.since.to_string(),
            cost.volume_type.clone(),
            maybe_gib(i.provisioned_bytes),
            maybe_gib(i.used_bytes),
            amount.unwrap_or_else(|| cost.why.clone()),
        ]);
    }
    trimmed(&table)
}

/// Pool and namespace of an image.
fn scope(resource: &str) -> &str {
    resource
        .rsplit_once('/')
        .map_or(resource, |(scope, _)| scope)
}

fn pool_rows(pools: &[Stored]) -> String {
    let mut table = plain(
        &[
            "source",
            "pools",
            "counted",
            "stored",
            "counted there",
            "difference",
            "use unknown",
        ],
        3,
    );
    for p in pools {
        let names: Vec<&str> = p.pools.iter().map(String::as_str).collect();
        let names = match names.is_empty() {
            true => "none named *.rgw.*.data".to_owned(),
            false => names.join(", "),
        };
        let by: Vec<&str> = p.by.iter().map(String::as_str).collect();
        let of = match p.counted {
            Counted::Images => "images".to_owned(),
            Counted::Buckets => format!("buckets of {}", by.join(", ")),
        };
        let maybe = |n: Option<i128>| n.map_or_else(|| "?".to_owned(), gib);
        table.add_row([
            p.source.clone(),
            names,
            of,
            maybe(p.stored_bytes),
            gib(p.sum.used_bytes),
            maybe(p.difference()),
            p.sum.unknown_used.to_string(),
        ]);
    }
    trimmed(&table)
}

/// A table without lines; columns from `numbers` on are to the right.
fn plain(head: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.to_vec());
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn document(report: &Report) -> Value {
    json!({
        "as_of": report.as_of.to_string(),
        "month": report.month,
        "book": report.money.as_ref().map(|m| &m.book),
        "currency": report.money.as_ref().map(|m| &m.currency),
        "clouds": report.clouds.iter().map(|c| of_cloud(report, c)).collect::<Vec<_>>(),
        "pools": report.pools.iter().map(of_pools).collect::<Vec<_>>(),
        "unread": report.unread.iter().map(|(source, list)| json!({"source": source, "list": list})).collect::<Vec<_>>(),
    })
}

fn of_cloud(report: &Report, cloud: &Cloud) -> Value {
    let c = &cloud.compared;
    let clusters = cloud.reach.images.iter();
    let clusters = clusters
        .map(|(source, to)| json!({"source": source, "read_to": to.map(|t| t.to_string())}));
    let ghosts = c.ghosts.iter().zip(&cloud.costs);
    json!({
        "openstack": cloud.openstack,
        "volumes_read_to": cloud.reach.volumes.map(|t| t.to_string()),
        "clusters": clusters.collect::<Vec<_>>(),
        "images": c.images,
        "volumes": c.volumes.iter().map(|(side, s)| (side.as_str().to_owned(), json!({"count": s.count, "provisioned_bytes": s.provisioned_bytes.to_string()}))).collect::<serde_json::Map<_, _>>(),
        "ghosts": ghosts.map(|(g, cost)| of_ghost(report, g, cost)).collect::<Vec<_>>(),
        "cost": cloud.cost().and_then(|a| money(report, a)),
        "missing": c.missing.iter().map(of_volume).collect::<Vec<_>>(),
    })
}

fn of_ghost(report: &Report, g: &Ghost, cost: &Cost) -> Value {
    let i = &g.image;
    json!({
        "source": i.source,
        "image": i.resource,
        "pool": i.pool,
        "name": i.name,
        "cause": g.cause.as_str(),
        "trash": i.trash,
        "snapshots": i.snapshots,
        "since": g.since.to_string(),
        "provisioned_bytes": i.provisioned_bytes.map(|b| b.to_string()),
        "used_bytes": i.used_bytes.map(|b| b.to_string()),
        "volume": g.volume.as_ref().map(of_volume),
        "priced_as": cost.volume_type,
        "cost": cost.amount.and_then(|a| money(report, a)),
        "no_cost_because": cost.why,
    })
}

fn of_volume(v: &Volume) -> Value {
    json!({
        "id": v.id,
        "image_id": v.image_id,
        "name": v.name,
        "type": v.volume_type,
        "az": v.zone,
        "state": v.state,
        "since": v.since.to_string(),
        "ended": v.ended.map(|t| t.to_string()),
        "provisioned_bytes": v.bytes.map(|b| b.to_string()),
    })
}

fn of_pools(p: &Stored) -> Value {
    let Sum {
        count,
        used_bytes,
        unknown_used,
        ..
    } = p.sum;
    json!({
        "source": p.source,
        "pools": p.pools,
        "counted": p.counted.as_str(),
        "by": p.by,
        "stored_bytes": p.stored_bytes.map(|b| b.to_string()),
        "counted_bytes": used_bytes.to_string(),
        "difference_bytes": p.difference().map(|b| b.to_string()),
        "count": count,
        "unknown": unknown_used,
        "pools_read_to": p.pools_read_to.to_string(),
        "counted_read_to": p.counted_read_to.to_string(),
        "difference_may_hold": p.counted.may_hold(),
    })
}

#[cfg(test)]
mod tests {
    use super::gib;

    #[test]
    fn bytes_are_rounded_to_hundredths_of_a_gib() {
        for (bytes, text) in [
            (0, "0.00"),
            (1 << 30, "1.00"),
            (3 << 29, "1.50"),
            (-(3 << 29), "-1.50"),
            (5_368_710, "0.01"),
            (5_368_709, "0.00"),
        ] {
            assert_eq!(gib(bytes), text, "{bytes}");
        }
    }
}
