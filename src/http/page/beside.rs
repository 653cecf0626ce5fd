//! On the first page: what tenants use beside servers.

use super::{
    super::{
        beside::{Beside, COLUMNS, Column, ThingRow},
        number::{group, tenths},
        overview::{Overview, TenantRow, named},
    },
    usage::{coverage, more},
};
use crate::domain::money::{Rounding, round_to_text};
use maud::{Markup, html};

/// The columns that have anything in them.
fn columns(o: &Overview) -> Vec<(usize, &'static Column)> {
    let used = |(n, _): &(usize, &Column)| o.total.beside.quantities[*n] != 0;
    COLUMNS.iter().enumerate().filter(used).collect()
}

fn head_of(c: &Column) -> String {
    format!("{}, {}", c.name, c.unit)
}

/// A table of tenants, one column a kind of thing.
pub(super) fn section(o: &Overview) -> Markup {
    let columns = columns(o);
    html! {
        section aria-labelledby="beside" {
            h2 #beside { "Storage and networks" }
            div.scroll {
                table.stack.beside role="table" {
                    caption { "Volumes, images, shares and objects by their size, addresses and load balancers by their number, times how long they were held" }
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" scope="col" { "Tenant" }
                            @for (_, c) in &columns { th.num role="columnheader" scope="col" { (c.name) div.unit { (c.unit) } } }
                            th.num role="columnheader" scope="col" { "Coverage" }
                        }
                    }
                    tbody role="rowgroup" {
                        @for t in o.tenants.iter().filter(|t| !t.sums.beside.is_empty()) {
                            tr role="row" {
                                th role="rowheader" scope="row" { (t.tenant) @if !t.contract.is_empty() { " " span.soft { (t.contract) } } }
                                (cells(&columns, &t.sums.beside))
                            }
                        }
                        @if let Some(u) = o.unattributed.as_ref().filter(|u| !u.sums.beside.is_empty()) {
                            tr.nobodys role="row" {
                                th role="rowheader" scope="row" { a href="#unattributed" { "unattributed" } }
                                (cells(&columns, &u.sums.beside))
                            }
                        }
                    }
                    tfoot role="rowgroup" {
                        tr role="row" {
                            th role="rowheader" scope="row" { "Total" }
                            (cells(&columns, &o.total.beside))
                        }
                    }
                }
            }
        }
    }
}

fn cells(columns: &[(usize, &Column)], b: &Beside) -> Markup {
    html! {
        @for (n, c) in columns {
            td.num role="cell" data-label=(head_of(c)) {
                @if b.quantities[*n] == 0 { span.soft { "–" } } @else { (tenths(b.quantities[*n], c.per)) }
            }
        }
        td.num.coverage role="cell" data-label="Coverage" { (coverage(b.observed_s, b.expected_s)) }
    }
}

/// A tenant's largest things.
pub(super) fn things(o: &Overview, t: &TenantRow) -> Markup {
    html! {
        div.scroll {
            table.stack role="table" {
                caption.quiet { "Largest volumes, images, addresses and the like of " (t.tenant) " " (t.contract) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for name in ["Resource", "Kind", "Project", "Type"] { th role="columnheader" scope="col" { (name) } }
                        th.num role="columnheader" scope="col" { "Used" }
                        @if let Some(m) = &o.money { th.num role="columnheader" scope="col" { "Cost, " (m.currency) } }
                    }
                }
                tbody role="rowgroup" { @for r in &t.things { (thing(o, r)) } }
            }
        }
        (more(o, t, t.more_things))
    }
}

fn thing(o: &Overview, r: &ThingRow) -> Markup {
    let c = &COLUMNS[r.column];
    html! {
        tr role="row" {
            th role="rowheader" scope="row" {
                (named(&r.name, &r.id))
                @if !r.name.is_empty() { div.id { (r.id) } }
            }
            td role="cell" data-label="Kind" { (r.kind) }
            td role="cell" data-label="Project" { (r.scope) }
            td role="cell" data-label="Type" { @if r.types.is_empty() { span.soft { "–" } } @else { (r.types.join(", ")) } }
            td.num role="cell" data-label="Used" { (tenths(r.quantity, c.per)) " " span.unit { (c.unit) } }
            @if let Some(m) = &o.money {
                td.num role="cell" data-label={ "Cost, " (m.currency) } { (group(&round_to_text(&r.cost, m.decimals, Rounding::HalfUp))) }
            }
        }
    }
}
