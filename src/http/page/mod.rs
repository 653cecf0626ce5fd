//! Pages as pure functions of what they show: no store, no clock, no script.

mod beside;
mod differences;
mod lists;
mod nodes;
mod reconciliation;
mod usage;

pub use reconciliation::reconciliation;

use super::{
    assets,
    number::{local, percent},
    overview::{Month, Overview, Sums},
};
use crate::domain::Ts;
use chrono_tz::Tz;
use maud::{DOCTYPE, Markup, html};

/// The mark: a Plimsoll line, a circle with the load line through it.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 64 64" width="36" height="36" aria-hidden="true" focusable="false" {
            circle cx="32" cy="32" r="19" fill="none" stroke="currentColor" stroke-width="6" {}
            path.waterline d="M3 32h58" fill="none" stroke="currentColor" stroke-width="6" stroke-linecap="round" {}
        }
    }
}

/// The frame every page stands in.
fn frame(title: &str, header: &Markup, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href=(assets::STYLE.href());
                link rel="icon" type="image/svg+xml" href=(assets::ICON.href());
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/" { (mark()) span { "plimsoll" } }
                    (header)
                }
                main #main { (main) }
                footer.foot {
                    p { "Quantities are exact; what is shown here is rounded for reading. Exact ones: " code { "plimsoll usage --format json" } "." }
                    p { a href="/readyz" { "Readiness" } " · " a href="/metrics" { "Metrics" } " · plimsoll " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    }
}

/// Where lists and events disagree.
#[must_use]
pub fn differences(o: &Overview) -> Markup {
    frame(
        &format!("Differences, {} · plimsoll", o.month.title),
        &header(&o.month, o.as_of, "/differences"),
        &differences::section(o),
    )
}

/// How nodes were shared out.
#[must_use]
pub fn nodes(o: &Overview) -> Markup {
    frame(
        &format!("Nodes, {} · plimsoll", o.month.title),
        &header(&o.month, o.as_of, "/nodes"),
        &nodes::section(o),
    )
}

/// A page that says what went wrong and where to go.
#[must_use]
pub fn notice(title: &str, text: &str, way_out: &str) -> Markup {
    frame(
        &format!("{title} · plimsoll"),
        &html! {},
        &html! {
            section.notice {
                h1 { (title) }
                p { (text) }
                p { (way_out) }
                p { a.button href="/" { "To this month's usage" } }
            }
        },
    )
}

/// The first page.
#[must_use]
pub fn overview(o: &Overview) -> Markup {
    let empty = o.tenants.is_empty() && o.unattributed.is_none();
    frame(
        &format!("{} · plimsoll", o.month.title),
        &header(&o.month, o.as_of, "/"),
        &html! {
            @if !o.warnings.is_empty() {
                section.attention aria-labelledby="attention" {
                    h2 #attention { "Needs attention" }
                    ul { @for w in &o.warnings { li { (w) } } }
                }
            }
            @if empty { (nothing(o)) } @else { (figures(o)) (usage::section(o)) }
            (lists::section(o))
        },
    )
}

fn header(m: &Month, as_of: Ts, page: &str) -> Markup {
    let beside = |month: &Option<String>, word: &str, before: bool| {
        html! {
            @if let Some(month) = month {
                a href={ (page) "?month=" (month) } rel=(if before { "prev" } else { "next" }) aria-label={ (word) ", " (month) } {
                    @if before { span aria-hidden="true" { "‹ " } }
                    (month)
                    @if !before { span aria-hidden="true" { " ›" } }
                }
            }
        }
    };
    html! {
        div.month {
            h1 { (m.title) @if m.running { " " span.soft { "so far" } } }
            p.soft { (m.zone.name()) ", as of " (time(as_of, m.zone)) }
        }
        nav.months aria-label="Months" {
            (beside(&m.previous, "Month before", true))
            (beside(&m.next, "Month after", false))
        }
    }
}

fn time(t: Ts, zone: Tz) -> Markup {
    html! { time datetime=(t) { (local(t, zone)) } }
}

/// The month in five numbers.
fn figures(o: &Overview) -> Markup {
    let figure = |name: &str, value: &str, unit: &str| {
        html! { div.figure { dt { (name) } dd { (value) @if !unit.is_empty() { " " span.unit { (unit) } } } } }
    };
    html! {
        dl.figures {
            (figure("Servers", &usage::count(o.total.servers), ""))
            (figure("vCPU", &usage::vcpu(&o.total), "vCPU-h"))
            (figure("Memory", &usage::memory(&o.total), "GiB-h"))
            @if o.has_gpu() { (figure("GPU", &usage::gpu(&o.total), "GPU-h")) }
            @if let Some(money) = &o.money { (figure("Cost", &usage::cost(&o.total, money), &money.currency)) }
            @if let Some(c) = coverage_of(&o.total) { (figure("Coverage", &percent(c), "%")) }
        }
    }
}

fn coverage_of(s: &Sums) -> Option<u16> {
    super::number::per_mille(s.observed_s, s.expected_s)
}

/// The page of a month without usage: what to do depends on why.
fn nothing(o: &Overview) -> Markup {
    let path = &o.config_path;
    html! {
        section.notice {
            @if o.no_source {
                h2 { "No source is configured" }
                p { "plimsoll reads clouds, and " code { (path) } " names none. Add one under " code { "sources" } ", with its credentials as in " code { "deploy/plimsoll.yaml" } ", then restart " code { "plimsoll run" } ":" }
                pre { code { "sources:\n  - kind: openstack\n    name: my-cloud\n    auth_url: https://keystone.example:5000/v3\n" } }
                p { "To look around first: " code { "plimsoll simulate --scenario deploy/scenarios/small.yaml --seed 1 --month " (o.month.name) } " fills a made-up month." }
            } @else if o.month.running && !o.lists.iter().any(|l| l.age_s.is_some()) {
                @if o.lists.is_empty() {
                    h2 { "Nothing has been collected yet" }
                    p { "The first pass over every list is under way: reload in a few seconds. If this stays:" }
                } @else {
                    h2 { "No list could be read yet" }
                    p { "So nothing is known of this month. What stands in the way is told above; once it is mended, the next pass shows usage." }
                }
                ol {
                    li { code { "plimsoll check --online --config " (path) } " tells whether every source and the store can be reached." }
                    li { code { "plimsoll collect --config " (path) } " reads every list once and prints what came of it." }
                    li { "The log on stderr names each failed pass and its reason." }
                }
            } @else {
                h2 { "No usage in " (o.month.title) }
                p { "No server that a meter counts is known to have been there in this month." }
                @if !o.month.running { p { a.button href="/" { "To this month's usage" } } }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod compared;
#[cfg(test)]
mod tests;
