//! Freshness on the first page: how far every list of every source reaches.

use super::{
    super::{
        number::{duration, group, skew},
        overview::Overview,
        reach::{ListRow, reaches_to},
    },
    differences, nodes, reconciliation, time,
};
use crate::domain::{Outcome, PassMode};
use maud::{Markup, html};

const COLUMNS: [(&str, bool); 7] = [
    ("Source", false),
    ("List", false),
    ("Last pass", false),
    ("Reaches to", false),
    ("Items", true),
    ("Clock", true),
    ("Not complete so far", true),
];

pub(super) fn section(o: &Overview) -> Markup {
    html! {
        @if !o.lists.is_empty() || !o.unread.is_empty() {
            section aria-labelledby="lists" {
                h2 #lists { "Sources and lists" }
                div.scroll {
                    table.stack role="table" {
                        caption { "How far every list was read, by the cloud's own clock. Usage of what still runs ends there, never at \u{201c}now\u{201d}." }
                        thead role="rowgroup" {
                            tr role="row" {
                                @for (name, number) in COLUMNS { th.num[number] role="columnheader" scope="col" { (name) } }
                            }
                        }
                        @for rows in o.lists.chunk_by(|a, b| group_of(a) == group_of(b)) {
                            tbody role="rowgroup" {
                                tr.group role="row" { th role="rowheader" colspan="7" scope="rowgroup" { (service(&rows[0])) " of " (rows[0].status.cloud) } }
                                @for row in rows { (list(o, row)) }
                            }
                        }
                        @if !o.unread.is_empty() {
                            tbody role="rowgroup" {
                                @for source in &o.unread {
                                    tr role="row" {
                                        th role="rowheader" scope="row" { (source) }
                                        td role="cell" colspan="6" data-label="List" { span.badge.wait { "waiting" } " no list was read yet" }
                                    }
                                }
                            }
                        }
                    }
                }
                (nodes::link(o))
                (differences::link(o))
                (reconciliation::link(o))
            }
        }
    }
}

/// Lists of one service of one source stand together.
fn group_of(row: &ListRow) -> (&str, &str) {
    (&row.status.cloud, &row.status.last.service)
}

/// What a service has, as people call it.
fn service(row: &ListRow) -> &str {
    match row.status.last.service.as_str() {
        "identity" => "Projects",
        "compute" => "Servers",
        "volume" => "Block storage",
        "image" => "Images",
        "network" => "Networks",
        "load-balancer" => "Load balancers",
        "share" => "Shares",
        "object-store" => "Object storage",
        "placement" => "Capacity",
        "rbd" => "RBD images",
        "cephfs" => "CephFS subvolumes",
        "cluster" => "Ceph cluster",
        other => other,
    }
}

fn list(o: &Overview, row: &ListRow) -> Markup {
    let s = &row.status;
    html! {
        tr role="row" .late[row.stale] {
            th.word role="rowheader" scope="row" { (s.cloud) }
            td.word role="cell" data-label="List" { (s.list) }
            td role="cell" data-label="Last pass" {
                (badge(s.last.outcome)) " " (mode(s.last.mode))
                @if !s.last.error.is_empty() { div.error { (s.last.error) } }
            }
            td.word role="cell" data-label="Reaches to" {
                @match (row.age_s, reaches_to(s)) {
                    (Some(age), Some(w)) => {
                        span.age { (duration(age)) " ago" }
                        div.id { (time(w, o.month.zone)) }
                    },
                    _ => span.soft { "no complete pass yet" },
                }
            }
            td.num role="cell" data-label="Items" { (group(&s.last.items.to_string())) }
            td.num.off[row.skewed] role="cell" data-label="Clock" {
                // A pass that failed may never have learnt what time it is there.
                @if s.last.outcome == Outcome::Failed { span.soft { "–" } } @else { (skew(s.last.skew_us)) }
            }
            td.num role="cell" data-label="Not complete so far" { (trouble(s.failed, s.suspect)) }
        }
    }
}

fn badge(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Complete => html! { span.badge.good { "complete" } },
        Outcome::Failed => html! { span.badge.bad { "failed" } },
        Outcome::Suspect => html! { span.badge.doubt { "suspect" } },
    }
}

const fn mode(mode: PassMode) -> &'static str {
    match mode {
        PassMode::Full => "full list",
        PassMode::Changes => "changes",
        PassMode::Deleted => "deleted ones",
        PassMode::Events => "notifications",
    }
}

fn trouble(failed: u64, suspect: u64) -> Markup {
    html! {
        @if failed == 0 && suspect == 0 { span.soft { "none" } }
        @if failed > 0 { (group(&failed.to_string())) " failed" }
        @if failed > 0 && suspect > 0 { ", " }
        @if suspect > 0 { (group(&suspect.to_string())) " suspect" }
    }
}
