//! Usage on the first page: tenants, what nobody owns, the largest resources.

use super::{
    super::{
        number::{group, per_mille, percent, tenths},
        overview::{Money, Overview, ResourceRow, Sums, TenantRow, Unattributed, named},
    },
    beside,
};
use crate::domain::money::{Rounding, round_to_text};
use maud::{Markup, html};

const HOUR_S: i128 = 3600;
const GIB_HOUR: i128 = HOUR_S << 30;

pub(super) fn count(n: usize) -> String {
    group(&n.to_string())
}

pub(super) fn vcpu(s: &Sums) -> String {
    tenths(s.vcpu_s, HOUR_S)
}

pub(super) fn memory(s: &Sums) -> String {
    tenths(s.memory_byte_s, GIB_HOUR)
}

pub(super) fn gpu(s: &Sums) -> String {
    tenths(s.gpu_s, HOUR_S)
}

/// A sum of amounts that were rounded to the book's decimals already: writing it rounds nothing.
pub(super) fn cost(s: &Sums, money: &Money) -> String {
    group(&round_to_text(&s.cost, money.decimals, Rounding::HalfUp))
}

pub(super) fn section(o: &Overview) -> Markup {
    html! {
        section aria-labelledby="tenants" {
            h2 #tenants { "Tenants" }
            div.scroll {
                table.stack role="table" {
                    caption { "Usage of " (o.month.title) " by tenant and contract" @if let Some(m) = &o.money { ", priced by " (m.book) } }
                    thead role="rowgroup" { (head(o, &["Tenant", "Contract"], true)) }
                    tbody role="rowgroup" {
                        @for t in &o.tenants { (tenant(o, t)) }
                        @if let Some(u) = &o.unattributed { (nobodys_row(o, u)) }
                    }
                    tfoot role="rowgroup" {
                        tr role="row" {
                            th role="rowheader" scope="row" { "Total" }
                            td.blank role="cell" {}
                            (cells(o, &o.total, true))
                        }
                    }
                }
            }
        }
        @if !o.total.beside.is_empty() { (beside::section(o)) }
        @if let Some(u) = &o.unattributed { (nobodys(o, u)) }
        @if !o.tenants.is_empty() { (largest(o)) }
    }
}

/// A table's head: names of things, then the columns of sums.
fn head(o: &Overview, names: &[&str], with_servers: bool) -> Markup {
    let number = |text: &str| html! { th.num role="columnheader" scope="col" { (text) } };
    html! {
        tr role="row" {
            @for name in names { th role="columnheader" scope="col" { (name) } }
            @if with_servers { (number("Servers")) }
            (number("vCPU-hours"))
            (number("Memory GiB-hours"))
            @if o.has_gpu() { (number("GPU-hours")) }
            @if let Some(m) = &o.money { (number(&format!("Cost, {}", m.currency))) }
            (number("Coverage"))
        }
    }
}

/// The columns of sums. `data-label` names a cell where a narrow screen drops the table's head.
fn cells(o: &Overview, s: &Sums, with_servers: bool) -> Markup {
    let number =
        |label: &str, text: &str| html! { td.num role="cell" data-label=(label) { (text) } };
    html! {
        @if with_servers { (number("Servers", &count(s.servers))) }
        (number("vCPU-hours", &vcpu(s)))
        (number("Memory GiB-hours", &memory(s)))
        @if o.has_gpu() { (number("GPU-hours", &gpu(s))) }
        @if let Some(m) = &o.money { (number(&format!("Cost, {}", m.currency), &cost(s, m))) }
        td.num.coverage role="cell" data-label="Coverage" { (coverage(s.observed_s, s.expected_s)) }
    }
}

/// Share of the expected seconds that were observed, in figures and as a bar.
pub(super) fn coverage(observed_s: i128, expected_s: i128) -> Markup {
    html! {
        @match per_mille(observed_s, expected_s) {
            Some(c) => span.cover.full[c == 1000].low[c < 900] {
                (percent(c)) " %"
                svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                    rect.track width="1000" height="10" {}
                    rect.fill width=(c) height="10" {}
                }
            },
            None => span.soft { "–" },
        }
    }
}

fn tenant(o: &Overview, t: &TenantRow) -> Markup {
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { (t.tenant) }
            td role="cell" data-label="Contract" { @if t.contract.is_empty() { span.soft { "–" } } @else { (t.contract) } }
            (cells(o, &t.sums, true))
        }
    }
}

fn nobodys_row(o: &Overview, u: &Unattributed) -> Markup {
    html! {
        tr.nobodys role="row" {
            th role="rowheader" scope="row" { a href="#unattributed" { "unattributed" } }
            td role="cell" data-label="Contract" { span.soft { "none" } }
            (cells(o, &u.sums, true))
        }
    }
}

fn nobodys(o: &Overview, u: &Unattributed) -> Markup {
    html! {
        section.nobodys aria-labelledby="unattributed" {
            h2 #unattributed { "Unattributed" }
            p { (u.way_out) }
            @if let Some(command) = &u.command { pre { code { (command) } } }
            div.scroll {
                table.stack role="table" {
                    caption { "Projects that nobody pays for yet. Their usage is kept, and goes to its tenant once there is one." }
                    thead role="rowgroup" { (head(o, &["Project", "Source", "Why"], true)) }
                    tbody role="rowgroup" {
                        @for s in &u.scopes {
                            tr role="row" {
                                th role="rowheader" scope="row" {
                                    (named(&s.name, &s.id))
                                    @if !s.name.is_empty() { div.id { (s.id) } }
                                }
                                td.word role="cell" data-label="Source" { (s.source) }
                                td.why role="cell" data-label="Why" {
                                    @if s.reasons.is_empty() { "no rule gives it exactly one owner" }
                                    @for r in &s.reasons { div { (r) } }
                                }
                                (cells(o, &s.sums, true))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn largest(o: &Overview) -> Markup {
    html! {
        section aria-labelledby="resources" {
            h2 #resources { "Largest resources" }
            @for t in &o.tenants {
                details.tenant {
                    summary {
                        span.who { (t.tenant) @if !t.contract.is_empty() { " " span.soft { (t.contract) } } }
                        span.soft.word { (counted(t)) }
                    }
                    @if !t.top.is_empty() { (resources(o, t)) }
                    @if !t.things.is_empty() { (beside::things(o, t)) }
                }
            }
        }
    }
}

/// `3 servers, 12 others`.
fn counted(t: &TenantRow) -> String {
    let servers = match t.sums.servers {
        1 => "1 server".to_owned(),
        n => format!("{} servers", count(n)),
    };
    match t.things.len() + t.more_things {
        0 => servers,
        1 => format!("{servers}, 1 other"),
        n => format!("{servers}, {} others", count(n)),
    }
}

fn resources(o: &Overview, t: &TenantRow) -> Markup {
    html! {
        div.scroll {
            table.stack role="table" {
                caption.quiet { "Largest servers of " (t.tenant) " " (t.contract) }
                thead role="rowgroup" { (head(o, &["Server", "Project", "Flavor"], false)) }
                tbody role="rowgroup" { @for r in &t.top { (resource(o, r)) } }
            }
        }
        (more(o, t, t.more))
    }
}

/// Where the rest is found.
pub(super) fn more(o: &Overview, t: &TenantRow, n: usize) -> Markup {
    html! {
        @if n > 0 {
            p.soft {
                "and " (count(n)) " more: "
                code { "plimsoll usage --month " (o.month.name) " --tenant " (quoted(&t.tenant)) }
            }
        }
    }
}

/// A word as a shell takes it, so that a copied command means what it shows.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn resource(o: &Overview, r: &ResourceRow) -> Markup {
    html! {
        tr role="row" {
            th role="rowheader" scope="row" {
                (named(&r.name, &r.id))
                @if !r.name.is_empty() { div.id { (r.id) } }
            }
            td role="cell" data-label="Project" { (r.scope) }
            td role="cell" data-label="Flavor" {
                @for (i, f) in r.flavors.iter().enumerate() { @if i > 0 { ", " } (f) }
            }
            (cells(o, &r.sums, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_copied_command_means_what_it_shows() {
        assert_eq!(quoted("acme-1"), "acme-1");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted(""), "''");
    }
}
