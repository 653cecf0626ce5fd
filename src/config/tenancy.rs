//! Judges tenancy rules.

use super::{
    checker::Checker,
    leaf::{Moment, Pattern, anchored},
    problem::Path,
    raw,
    shape::unknown_hint,
};
use crate::domain::{
    Tenancy, Ts,
    tenancy::{Idle, Listed, Mark, Meaning, Platform, Rule, attr::KEPT_ANNOTATIONS},
};
use chrono_tz::Tz;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What rules refer to.
struct Context<'a> {
    contracts: &'a BTreeMap<String, String>,
    sources: &'a BTreeSet<String>,
    zone: Tz,
}

/// Judges all rules. `sources` are the names of all sources, `clusters` of those of the kind kubernetes; `zone` is the provider's.
pub(super) fn tenancy(
    c: &mut Checker<'_>,
    raw: raw::Tenancy,
    sources: &BTreeSet<String>,
    clusters: &BTreeSet<String>,
    zone: Tz,
) -> Tenancy {
    let path = Path::default().key("tenancy").key("rules");
    let mut rules = Vec::new();
    if raw.rules.is_empty() {
        c.warn(
            &path,
            "is empty, so all usage is unattributed",
            "write `- project_tag: \"contract:\"`",
        );
    }
    let context = Context {
        contracts: &raw.contracts,
        sources,
        zone,
    };
    for (i, part) in raw.rules.into_iter().enumerate() {
        let path = path.index(i);
        if let Some(raw) = c.part(part, &path) {
            rules.push(rule(c, raw, &context, &path));
        }
    }
    let path = Path::default().key("tenancy").key("platforms");
    let mut platforms: Vec<Platform> = Vec::new();
    for (i, part) in raw.platforms.into_iter().enumerate() {
        let path = path.index(i);
        if let Some(raw) = c.part(part, &path) {
            let again = platforms.iter().any(|p| p.cluster == raw.cluster);
            platforms.push(platform(c, raw, again, (sources, clusters), &path));
        }
    }
    Tenancy {
        rules,
        contracts: raw.contracts,
        platforms,
    }
}

/// What a cluster stands on.
fn platform(
    c: &mut Checker<'_>,
    raw: raw::Platform,
    again: bool,
    (sources, clusters): (&BTreeSet<String>, &BTreeSet<String>),
    path: &Path,
) -> Platform {
    if again {
        c.error(
            &path.key("cluster"),
            format!("`{}` has an entry already", raw.cluster),
            "name all its projects in one",
        );
    }
    if !clusters.contains(&raw.cluster) {
        let hint = unknown_hint(&raw.cluster, clusters.iter().map(String::as_str));
        c.error(
            &path.key("cluster"),
            format!(
                "there is no source `{}` of the kind kubernetes",
                raw.cluster
            ),
            hint,
        );
    }
    if let Some(source) = raw.source.as_ref().filter(|s| !sources.contains(*s)) {
        no_source(c, source, sources, path);
    }
    if raw.projects.is_empty() {
        c.warn(
            &path.key("projects"),
            "is empty, so what the cluster stands on is billed as if it stood for itself",
            "name the projects of its nodes and volumes, by id or `domain name/project name`",
        );
    }
    Platform {
        cluster: raw.cluster,
        projects: raw.projects,
        cloud: raw.source,
        idle: match raw.idle {
            raw::Idle::Provider => Idle::Provider,
            raw::Idle::ByRequest => Idle::ByRequest,
        },
    }
}

fn no_source(c: &mut Checker<'_>, source: &str, sources: &BTreeSet<String>, path: &Path) {
    let hint = unknown_hint(source, sources.iter().map(String::as_str));
    c.error(
        &path.key("source"),
        format!("there is no source `{source}`"),
        hint,
    );
}

fn rule(c: &mut Checker<'_>, raw: raw::Rule, context: &Context<'_>, path: &Path) -> Rule {
    match raw {
        raw::Rule::ProjectTag(r) => Rule::ProjectTag {
            prefix: r.project_tag,
        },
        raw::Rule::Domain(r) => {
            agrees(c, &r.tenant, &r.contract, context, path);
            Rule::Domain {
                domain: r.domain,
                tenant: r.tenant,
                contract: r.contract,
            }
        }
        raw::Rule::ProjectName(r) => {
            let m = meaning(
                c,
                "project_name",
                r.project_name,
                (r.tenant, r.contract),
                context,
                path,
            );
            Rule::ProjectName {
                pattern: m.pattern,
                domain: r.domain,
                tenant: m.tenant,
                contract: m.contract,
            }
        }
        raw::Rule::NamespaceLabel(r) => {
            let value = values(c, r.value, (r.tenant, r.contract), context, path);
            Rule::NamespaceMark {
                mark: Mark::Label,
                name: r.namespace_label,
                value,
            }
        }
        raw::Rule::NamespaceAnnotation(r) => {
            let name = r.namespace_annotation;
            if !name.starts_with(KEPT_ANNOTATIONS) {
                let what = format!("`{name}` is not kept of namespaces");
                let hint = format!(
                    "annotations that begin with {KEPT_ANNOTATIONS} are; use a label for others"
                );
                c.error(&path.key("namespace_annotation"), what, hint);
            }
            Rule::NamespaceMark {
                mark: Mark::Annotation,
                name,
                value: values(c, r.value, (r.tenant, r.contract), context, path),
            }
        }
        raw::Rule::NamespaceName(r) => Rule::NamespaceName(meaning(
            c,
            "namespace_name",
            r.namespace_name,
            (r.tenant, r.contract),
            context,
            path,
        )),
        raw::Rule::List(r) => {
            let path = path.key("list");
            let mut entries = Vec::new();
            for (i, part) in r.list.into_iter().enumerate() {
                let path = path.index(i);
                if let Some(raw) = c.part(part, &path) {
                    entries.push((i, listed(c, raw, context, &path)));
                }
            }
            contradictions(c, &entries, &path);
            Rule::List(entries.into_iter().map(|(_, entry)| entry).collect())
        }
    }
}

/// What the words that a pattern of a key matches stand for.
fn meaning(
    c: &mut Checker<'_>,
    key: &str,
    pattern: Pattern,
    (tenant, contract): (String, String),
    context: &Context<'_>,
    path: &Path,
) -> Meaning {
    if let Ok(regex) = Regex::new(&anchored(&pattern.0)) {
        references(c, key, &regex, &tenant, &path.key("tenant"));
        references(c, key, &regex, &contract, &path.key("contract"));
    }
    if !tenant.contains('$') && !contract.contains('$') {
        agrees(c, &tenant, &contract, context, path);
    }
    Meaning {
        pattern: pattern.0,
        tenant,
        contract,
    }
}

/// What the values of a mark stand for: all three keys, or none of them.
fn values(
    c: &mut Checker<'_>,
    value: Option<Pattern>,
    (tenant, contract): (Option<String>, Option<String>),
    context: &Context<'_>,
    path: &Path,
) -> Option<Meaning> {
    match (value, tenant, contract) {
        (None, None, None) => None,
        (Some(value), Some(tenant), Some(contract)) => Some(meaning(
            c,
            "value",
            value,
            (tenant, contract),
            context,
            path,
        )),
        _ => {
            c.error(
                path,
                "has one of `value`, `tenant` and `contract` without the others",
                "give all three, or none: then the value is the contract",
            );
            None
        }
    }
}

/// A rule that names tenant and contract must not contradict `contracts`.
fn agrees(c: &mut Checker<'_>, tenant: &str, contract: &str, context: &Context<'_>, path: &Path) {
    match context.contracts.get(contract) {
        Some(known) if known != tenant => {
            let what = format!(
                "`{tenant}` is not the tenant of `{contract}`: tenancy.contracts says `{known}`"
            );
            c.error(&path.key("tenant"), what, "make both say the same");
        }
        None if !context.contracts.is_empty() => {
            let hint = unknown_hint(
                contract,
                context.contracts.keys().map(String::as_str).take(20),
            );
            c.error(
                &path.key("contract"),
                format!("`{contract}` is not in tenancy.contracts"),
                hint,
            );
        }
        _ => {}
    }
}

/// Every `$1`, `$name` and `${name}` of a template must be a group of the expression.
fn references(c: &mut Checker<'_>, key: &str, regex: &Regex, template: &str, path: &Path) {
    let names: BTreeSet<&str> = regex.capture_names().flatten().collect();
    for reference in referenced(template) {
        let there = match reference.parse::<usize>() {
            Ok(n) => n < regex.captures_len(),
            Err(_) => names.contains(reference),
        };
        if !there {
            let what = format!(
                "`${reference}` is no group of {key}, which has {}",
                regex.captures_len() - 1
            );
            c.error(path, what, "groups are `(...)`, counted from 1; write `${1}` before a letter or digit, `$$` for a dollar");
        }
    }
}

/// The references of a template, by the rule of `regex::Captures::expand`: braces, or the longest run of letters, digits and `_`.
fn referenced(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        if let Some((name, after)) = after.strip_prefix('{').and_then(|a| a.split_once('}')) {
            found.push(name);
            rest = after;
            continue;
        }
        let end = after
            .find(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_')
            .unwrap_or(after.len());
        if end > 0 {
            found.push(&after[..end]);
        }
        rest = &after[end..];
    }
    found
}

fn listed(c: &mut Checker<'_>, raw: raw::Listed, context: &Context<'_>, path: &Path) -> Listed {
    agrees(c, &raw.tenant, &raw.contract, context, path);
    if let Some(source) = raw
        .source
        .as_ref()
        .filter(|s| !context.sources.contains(*s))
    {
        no_source(c, source, context.sources, path);
    }
    let mut time = |key: &str, moment: Option<Moment>| -> Option<Ts> {
        let moment = moment?;
        let t = moment.0.in_zone(context.zone);
        if t.is_none() {
            c.error(
                &path.key(key),
                "is outside the calendar",
                "write it as 2026-10-01",
            );
        }
        t
    };
    let (from, to) = (time("from", raw.from), time("to", raw.to));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        c.error(
            &path.key("to"),
            format!("{to} is not after `from` ({from})"),
            "`to` is exclusive: the first instant that no longer counts",
        );
    }
    Listed {
        scope: raw.scope,
        cloud: raw.source,
        tenant: raw.tenant,
        contract: raw.contract,
        from,
        to,
    }
}

/// Warns of entries (with their places in the list) that hold at once with different answers.
fn contradictions(c: &mut Checker<'_>, entries: &[(usize, Listed)], path: &Path) {
    let mut by_scope: BTreeMap<&str, Vec<&(usize, Listed)>> = BTreeMap::new();
    for entry in entries {
        let others = by_scope.entry(&entry.1.scope).or_default();
        if let Some((other, _)) = others.iter().find(|o| contradict(&entry.1, &o.1)) {
            let what = format!(
                "contradicts entry {other} while both hold: then nobody owns `{}`",
                entry.1.scope
            );
            c.warn(
                &path.index(entry.0),
                what,
                "let one end (`to`) where the other begins (`from`)",
            );
        }
        others.push(entry);
    }
}

fn contradict(a: &Listed, b: &Listed) -> bool {
    let same_cloud = a.cloud.is_none() || b.cloud.is_none() || a.cloud == b.cloud;
    let starts_before_end =
        |x: &Listed, y: &Listed| x.from.unwrap_or(Ts::MIN) < y.to.unwrap_or(Ts::MAX);
    let at_once = starts_before_end(a, b) && starts_before_end(b, a);
    same_cloud && at_once && (&a.tenant, &a.contract) != (&b.tenant, &b.contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_that_expand_sees() {
        assert_eq!(referenced("$1-x"), ["1"]);
        assert_eq!(referenced("$1x ${1}x $$2 a$ $who."), ["1x", "1", "who"]);
        assert!(
            referenced("plain").is_empty()
                && referenced("$").is_empty()
                && referenced("${open").len() <= 1
        );
    }
}
