//! What lists showed and no event told of.

use super::{
    super::{number::group, overview::Overview},
    time,
};
use crate::periods::differences::Difference;
use maud::{Markup, html};

const COLUMNS: [&str; 6] = [
    "Seen",
    "Source",
    "Resource",
    "Of it",
    "Told before",
    "A list showed",
];

/// The line on the first page that leads there.
pub(super) fn link(o: &Overview) -> Markup {
    html! {
        @if o.differing > 0 {
            p {
                @if o.differing == 1 { "Once a list showed what no event had told of: " } @else { (group(&o.differing.to_string())) " times a list showed what no event had told of: " }
                a href={ "/differences?month=" (o.month.name) } { "where lists and events disagree" } "."
            }
        }
    }
}

pub(super) fn section(o: &Overview) -> Markup {
    html! {
        section aria-labelledby="differences" {
            h2 #differences { "Where lists and events disagree" }
            @if o.differences.is_empty() {
                p { "Nowhere in " (o.month.title) ": whatever a list showed of what is metered, an event had told of it." }
            } @else {
                p {
                    "Each line is something that a list showed and no event had told of: a message that was lost, or a change made behind the service's back. "
                    "What the list showed counts, from the record's last update on. " code { "plimsoll explain" } ", given the id of a usage line of the resource, shows the facts of both sides."
                }
                div.scroll {
                    table.stack role="table" {
                        caption {
                            (group(&o.differing.to_string())) " in all"
                            @if u64::try_from(o.differences.len()).is_ok_and(|n| n < o.differing) { "; the latest " (group(&o.differences.len().to_string())) }
                        }
                        thead role="rowgroup" { tr role="row" { @for name in COLUMNS { th role="columnheader" scope="col" { (name) } } } }
                        tbody role="rowgroup" { @for d in &o.differences { (row(o, d)) } }
                    }
                }
            }
        }
    }
}

fn row(o: &Overview, d: &Difference) -> Markup {
    let word =
        |label: &str| html! { @if label.is_empty() { span.soft { "nothing" } } @else { (label) } };
    html! {
        tr role="row" {
            th.word role="rowheader" scope="row" { (time(d.seen, o.month.zone)) }
            td.word role="cell" data-label=(COLUMNS[1]) { (d.key.cloud) }
            td.word role="cell" data-label=(COLUMNS[2]) {
                (d.key.kind.replace('_', " ")) " " (d.name)
                div.id { (d.key.resource) }
            }
            td.word role="cell" data-label=(COLUMNS[3]) { (d.aspect.as_str()) }
            td.word role="cell" data-label=(COLUMNS[4]) { (word(&d.told)) }
            td.word role="cell" data-label=(COLUMNS[5]) { (word(&d.shown)) }
        }
    }
}
