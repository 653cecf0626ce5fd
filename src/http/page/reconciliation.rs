//! Storage as different lists tell it: images that are no volume's, volumes without an image, what pools store and nobody counts.

use super::{
    super::{
        number::{group, tenths},
        overview::Overview,
    },
    frame, time,
};
use crate::{
    domain::{Ts, fact::kind, money::units_to_text},
    periods::reconcile::{
        Cloud, Money, Report,
        compare::{Ghost, ImageSide, Sum, Volume, VolumeSide},
        cost::Cost,
        pools::{Counted, Stored},
    },
};
use chrono_tz::Tz;
use maud::{Markup, html};

/// Rows of a table; more are in the command's answer.
const ROWS_MAX: usize = 200;
const GIB: i128 = 1 << 30;

/// The line on the first page that leads there, where a Ceph is read.
pub(super) fn link(o: &Overview) -> Markup {
    let kinds = [kind::RBD_IMAGE, kind::CEPH_POOL];
    let is_ceph = |list: &str| kinds.iter().any(|k| kind::list_of(k) == list);
    html! {
        @if o.lists.iter().any(|l| is_ceph(&l.status.list)) {
            p { "Images that are no volume's, and what pools store beside what is counted: " a href="/reconciliation" { "Ceph against what is known of it" } "." }
        }
    }
}

/// The page.
#[must_use]
pub fn reconciliation(report: &Report, zone: Tz) -> Markup {
    let header = html! {
        div.month {
            h1 { "Ceph against what is known of it" }
            p.soft { (zone.name()) ", as of " (time(report.as_of, zone)) }
        }
    };
    let main = html! {
        @if !report.unread.is_empty() { (unread(report)) }
        @if report.is_unlinked { (unlinked()) }
        @for cloud in &report.clouds { (volumes(report, cloud, zone)) }
        @if !report.pools.is_empty() { (pools(&report.pools, zone)) }
    };
    frame("Reconciliation · plimsoll", &header, &main)
}

fn unread(report: &Report) -> Markup {
    html! {
        section.attention aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            ul {
                @for (source, list) in &report.unread {
                    li { code { (list) } " of " (source) " were never read completely: nothing is told that needs them. " a href="/" { "The lists" } " say why." }
                }
            }
        }
    }
}

fn unlinked() -> Markup {
    html! {
        section.notice {
            h2 { "Nothing to compare" }
            p {
                "Name the " code { "openstack" } " of a source of kind " code { "ceph" } ", whose volumes are images there, or the " code { "ceph" }
                " of a source of kind " code { "rgw" } ", which keeps its objects there."
            }
        }
    }
}

fn bytes(n: i128) -> String {
    tenths(n, GIB)
}

fn maybe(n: Option<i128>) -> Markup {
    html! { @match n { Some(n) => (bytes(n)), None => span.soft { "unknown" } } }
}

fn reached(t: Option<Ts>, zone: Tz) -> Markup {
    html! { @match t { Some(t) => (time(t, zone)), None => "never" } }
}

fn head(names: &[(&str, bool)]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" {
                @for (name, is_number) in names {
                    th.num[*is_number] role="columnheader" scope="col" { (name) }
                }
            }
        }
    }
}

fn volumes(report: &Report, cloud: &Cloud, zone: Tz) -> Markup {
    let c = &cloud.compared;
    html! {
        section aria-label={ "Volumes of " (cloud.openstack) } {
            h2 { "Volumes of " (cloud.openstack) }
            p {
                "Volumes read to " (reached(cloud.reach.volumes, zone))
                @for (cluster, to) in &cloud.reach.images { "; images of " (cluster) " to " (reached(*to, zone)) }
                ". What a list may not have told yet counts as not known yet."
            }
            div.scroll {
                table.stack role="table" {
                    (head(&[("", false), ("Number", true), ("Provisioned, GiB", true), ("Used, GiB", true)]))
                    tbody role="rowgroup" {
                        @for side in ImageSide::ALL { (sum(side.words(), c.images_of(side), true)) }
                        @for side in VolumeSide::ALL { (sum(side.words(), c.volumes_of(side), false)) }
                    }
                }
            }
            @if !c.ghosts.is_empty() { (ghosts(report, cloud, zone)) }
            @if !c.missing.is_empty() { (missing(&c.missing, zone)) }
        }
    }
}

fn sum(words: &str, s: Sum, is_used: bool) -> Markup {
    let used = (is_used && s.unknown_used < s.count).then_some(s.used_bytes);
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (words) }
            td.num role="cell" data-label="Number" { (group(&s.count.to_string())) }
            td.num role="cell" data-label="Provisioned, GiB" { (bytes(s.provisioned_bytes)) }
            td.num role="cell" data-label="Used, GiB" {
                @if let Some(n) = used { (bytes(n)) } @else { span.soft { "–" } }
                @if used.is_some() && s.unknown_used > 0 { div.unit { (s.unknown_used) " unknown" } }
            }
        }
    }
}

fn more(all: usize) -> Markup {
    html! {
        @if all > ROWS_MAX {
            p.soft { "The largest " (ROWS_MAX) " of " (group(&all.to_string())) ". All: " code { "plimsoll reconcile --format json" } "." }
        }
    }
}

fn ghosts(report: &Report, cloud: &Cloud, zone: Tz) -> Markup {
    let all = &cloud.compared.ghosts;
    let total = cloud.cost().zip(report.money.as_ref());
    html! {
        h3 { "Images that are no volume's" }
        p {
            "They hold space, and nobody pays for it. Look at each before you remove it: " code { ".deleted" } " are kept while a clone stands on them, and where a volume is being moved to looks like one until it has arrived."
        }
        div.scroll {
            table.stack role="table" {
                @if let Some((amount, m)) = total {
                    caption { "As volumes of their size they would cost " (amount_of(amount, m)) " " (m.currency) " in " (report.month) ", by the list of " (m.book) }
                }
                thead role="rowgroup" {
                    tr role="row" {
                        @for name in ["Image", "Why", "Since"] { th role="columnheader" scope="col" { (name) } }
                        th.num role="columnheader" scope="col" { "Size, GiB" }
                        th.num role="columnheader" scope="col" { "Used, GiB" }
                        @if let Some(m) = &report.money { th.num role="columnheader" scope="col" { "Cost, " (m.currency) } }
                    }
                }
                tbody role="rowgroup" {
                    @for (g, cost) in all.iter().zip(&cloud.costs).take(ROWS_MAX) { (ghost(report.money.as_ref(), g, cost, zone)) }
                }
            }
        }
        (more(all.len()))
    }
}

fn amount_of(amount: i128, money: &Money) -> String {
    group(&units_to_text(amount, money.decimals))
}

fn ghost(money: Option<&Money>, g: &Ghost, cost: &Cost, zone: Tz) -> Markup {
    let i = &g.image;
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (i.name) div.id { (i.source) " " (i.resource) } }
            td.why role="cell" data-label="Why" {
                (g.cause.words()) @if i.trash { ", in the trash" }
                @if let Some(v) = g.volume.as_ref().filter(|v| !v.name.is_empty()) { div.soft { (v.name) } }
                @if !cost.why.is_empty() { div.unit { "no price: " (cost.why) } }
            }
            td role="cell" data-label="Since" { (time(g.since, zone)) }
            td.num role="cell" data-label="Size, GiB" { (maybe(i.provisioned_bytes.map(i128::from))) }
            td.num role="cell" data-label="Used, GiB" { (maybe(i.used_bytes.map(i128::from))) }
            @if let Some(m) = money {
                td.num role="cell" data-label={ "Cost, " (m.currency) } {
                    @match cost.amount {
                        Some(amount) => { (amount_of(amount, m)) div.unit { (cost.volume_type) } }
                        None => span.soft { "–" }
                    }
                }
            }
        }
    }
}

fn missing(all: &[Volume], zone: Tz) -> Markup {
    html! {
        h3 { "Volumes without an image" }
        p { "They are billed by what Cinder says of them, and no image of theirs is there." }
        div.scroll {
            table.stack role="table" {
                (head(&[("Volume", false), ("Type", false), ("Since", false), ("Size, GiB", true)]))
                tbody role="rowgroup" {
                    @for v in all.iter().take(ROWS_MAX) {
                        tr role="row" {
                            th.word role="rowheader" scope="row" { (v.name) div.id { (v.id) } }
                            td role="cell" data-label="Type" { (v.volume_type) }
                            td role="cell" data-label="Since" { (time(v.since, zone)) }
                            td.num role="cell" data-label="Size, GiB" { (maybe(v.bytes.map(i128::from))) }
                        }
                    }
                }
            }
        }
        (more(all.len()))
    }
}

fn pools(all: &[Stored], zone: Tz) -> Markup {
    let columns = [
        ("Pools", false),
        ("Counted", false),
        ("Stored, GiB", true),
        ("Counted, GiB", true),
        ("Difference, GiB", true),
    ];
    html! {
        section aria-labelledby="pools" {
            h2 #pools { "Pools against what is counted in them" }
            p { "Stored is before replication. What is stored and not counted may be lost; it may also be one of the things below the table." }
            div.scroll {
                table.stack role="table" {
                    (head(&columns))
                    tbody role="rowgroup" { @for p in all { (pool(p, zone)) } }
                }
            }
            @for counted in [Counted::Images, Counted::Buckets] {
                @if all.iter().any(|p| p.counted == counted) {
                    h3 { "Between pools and " (counted.as_str()) " there may also be" }
                    ul { @for words in counted.may_hold() { li { (words) } } }
                }
            }
        }
    }
}

fn pool(p: &Stored, zone: Tz) -> Markup {
    let names: Vec<&str> = p.pools.iter().map(String::as_str).collect();
    let by: Vec<&str> = p.by.iter().map(String::as_str).collect();
    html! {
        tr role="row" {
            th.word role="rowheader" scope="row" {
                @if names.is_empty() { span.soft { "none is named *.rgw.*.data" } } @else { (names.join(", ")) }
                div.id { (p.source) ", read to " (time(p.pools_read_to, zone)) }
            }
            td role="cell" data-label="Counted" {
                (p.counted.as_str())
                @if p.counted == Counted::Buckets { " of " (by.join(", ")) }
                ": " (group(&p.sum.count.to_string()))
                div.id { "read to " (time(p.counted_read_to, zone)) }
            }
            td.num role="cell" data-label="Stored, GiB" { (maybe(p.stored_bytes)) }
            td.num role="cell" data-label="Counted, GiB" {
                (bytes(p.sum.used_bytes))
                @if p.sum.unknown_used > 0 { div.unit { (p.sum.unknown_used) " unknown" } }
            }
            td.num role="cell" data-label="Difference, GiB" { (maybe(p.difference())) }
        }
    }
}
