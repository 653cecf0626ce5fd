//! Nodes of clusters, shared out over what they carry.

use super::super::{
    nodes::{NodeRow, Parts},
    number::{group, tenths},
    overview::Overview,
};
use maud::{Markup, html};

/// What a column of numbers is called, its unit, and how many base units times seconds are one.
const RESOURCES: [(&str, &str, i128); 3] = [
    ("CPU", "CPU-h", 3_600_000_000_000),
    ("Memory", "GiB-h", 3_600 << 30),
    ("GPU", "GPU-h", 3_600),
];

type Part = (&'static str, fn(&Parts) -> i128);

const PARTS: [Part; 6] = [
    ("Node", Parts::whole),
    ("Requested", |p| p.requested),
    ("Idle, shared", |p| p.shared),
    ("Unrequested", |p| p.unrequested),
    ("System", |p| p.system),
    ("Unobserved", |p| p.unobserved),
];

/// The line on the first page that leads there.
pub(super) fn link(o: &Overview) -> Markup {
    html! {
        @if !o.nodes.is_empty() {
            p { a href={ "/nodes?month=" (o.month.name) } { "What each node of a cluster carried" } "." }
        }
    }
}

pub(super) fn section(o: &Overview) -> Markup {
    let used: Vec<usize> = (0..RESOURCES.len())
        .filter(|r| o.nodes.iter().any(|n| n.parts[*r].whole() > 0))
        .collect();
    html! {
        @if o.nodes.is_empty() {
            section.notice {
                h2 { "No node is shared out" }
                p { "Nodes of the clusters under " code { "tenancy.platforms" } " are, once their pods and nodes have been read: see docs/metering-kubernetes.md, “What it stands on”." }
            }
        }
        @for r in used { (table(o, r)) }
    }
}

/// The nodes by one resource, and all together.
fn table(o: &Overview, resource: usize) -> Markup {
    let (name, unit, per) = RESOURCES[resource];
    let id = name.to_lowercase();
    let with: Vec<&NodeRow> = o
        .nodes
        .iter()
        .filter(|n| n.parts[resource].whole() > 0)
        .collect();
    let cells = |of: &dyn Fn(fn(&Parts) -> i128) -> i128| {
        html! {
            @for (head, part) in PARTS {
                td.num role="cell" data-label={ (head) ", " (unit) } {
                    @match of(part) { 0 => span.soft { "–" }, quantity => (tenths(quantity, per)) }
                }
            }
        }
    };
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (name) " of nodes" }
            div.scroll {
                table.stack role="table" {
                    caption { "The parts of each node sum to the node exactly. Requested and shared parts are the pods', at their tenants; the others are the platform's." }
                    thead role="rowgroup" {
                        tr role="row" {
                            @for head in ["Node", "Server", "Project"] { th role="columnheader" scope="col" { (head) } }
                            th.num role="columnheader" scope="col" { "Pods" }
                            @for (head, _) in PARTS { th.num role="columnheader" scope="col" { (head) div.unit { (unit) } } }
                        }
                    }
                    tbody role="rowgroup" {
                        @for n in &with {
                            tr role="row" {
                                th role="rowheader" scope="row" { (n.name) div.id { (n.cluster) } }
                                td role="cell" data-label="Server" { @if n.server.is_empty() { span.soft { "unknown" } } @else { span.id { (n.server) } } }
                                td role="cell" data-label="Project" { @if n.project.is_empty() { span.soft { "unknown" } } @else { (n.project) } }
                                td.num role="cell" data-label="Pods" { (group(&n.pods.to_string())) }
                                (cells(&|part| part(&n.parts[resource])))
                            }
                        }
                    }
                    tfoot role="rowgroup" {
                        tr role="row" {
                            th role="rowheader" scope="row" { "Total" }
                            td role="cell" {} td role="cell" {} td role="cell" {}
                            (cells(&|part| with.iter().map(|n| part(&n.parts[resource])).sum()))
                        }
                    }
                }
            }
        }
    }
}
