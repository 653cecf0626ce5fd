//! The first page's content as plain values: a month's usage by tenant, and how far every list reaches.

use super::{
    beside::{self, Beside, ThingRow},
    board::Figures,
    costs::Costs,
    nodes::{self, NodeRow},
    reach::{self, ListRow},
    warnings,
};
use crate::{
    config::{Config, Source},
    domain::{
        Period, Tenancy, Ts, UsageRow, fact::kind, money::Rational, ownership::UNATTRIBUTED,
        tenancy::Rule,
    },
    fold::measure::UNOBSERVED,
    periods::differences::Difference,
    store::ListStatus,
};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// Resources shown per tenant; the rest is counted.
const TOP: usize = 10;

/// All the first page shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The month shown.
    pub month: Month,
    /// As of when the usage was computed; ages of lists are measured from here.
    pub as_of: Ts,
    /// How money is written; `None` while no price book is configured.
    pub money: Option<Money>,
    /// Usage by (tenant, contract), sorted; `unattributed` is apart.
    pub tenants: Vec<TenantRow>,
    /// What nobody pays for yet; `None` when everything has an owner.
    pub unattributed: Option<Unattributed>,
    /// Everything together: tenants and unattributed.
    pub total: Sums,
    /// Lists of configured sources and of sources that were read before, sorted by source, then service by service.
    pub lists: Vec<ListRow>,
    /// Configured sources none of whose lists was ever read.
    pub unread: Vec<String>,
    /// True when the configuration names no source at all.
    pub no_source: bool,
    /// The configuration's path, for texts that tell what to do.
    pub config_path: String,
    /// Where lists and events disagree, the latest first.
    pub differences: Vec<Difference>,
    /// How many of them there are, kept one by one or not.
    pub differing: u64,
    /// Nodes of clusters that are shared out, by source and name.
    pub nodes: Vec<NodeRow>,
    /// What a person should look at, worst first.
    pub warnings: Vec<String>,
}

/// The month of a page, and the months beside it.
#[derive(Debug, Clone)]
pub struct Month {
    /// `2026-10`.
    pub name: String,
    /// `October 2026`.
    pub title: String,
    /// The provider's time zone.
    pub zone: Tz,
    /// The month before.
    pub previous: Option<String>,
    /// The month after, once it has begun.
    pub next: Option<String>,
    /// True while the month is not over: figures will grow.
    pub running: bool,
}

/// How money is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Decimals of every amount.
    pub decimals: u32,
    /// Name of the price book.
    pub book: String,
}

/// Sums over some usage rows. Quantities are in base units times seconds, exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// Servers that were there at any time in the month.
    pub servers: usize,
    /// Virtual CPU seconds.
    pub vcpu_s: i128,
    /// Byte seconds of memory.
    pub memory_byte_s: i128,
    /// GPU seconds.
    pub gpu_s: i128,
    /// Everything beside servers.
    pub beside: Beside,
    /// Of a tenant, its bill; of a resource, the lines that are of it alone.
    pub cost: Rational,
    /// Seconds of servers that were observed: once a server and second, not once a meter.
    pub observed_s: i128,
    /// Seconds of servers that should have been observed.
    pub expected_s: i128,
    /// Of those not observed: seconds of servers whose flavor nobody saw.
    pub flavorless_s: i128,
}

/// A tenant under one contract.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// Customer.
    pub tenant: String,
    /// Terms; may be empty.
    pub contract: String,
    /// What it used.
    pub sums: Sums,
    /// Its largest servers: by cost, then vCPU time.
    pub top: Vec<ResourceRow>,
    /// How many more there are.
    pub more: usize,
    /// Its largest things beside servers.
    pub things: Vec<ThingRow>,
    /// How many more there are.
    pub more_things: usize,
}

/// One server of a tenant.
#[derive(Debug, Clone)]
pub struct ResourceRow {
    /// Name for people; may be empty.
    pub name: String,
    /// The cloud's id.
    pub id: String,
    /// Project, by name if it has one.
    pub scope: String,
    /// Flavors it had in the month.
    pub flavors: BTreeSet<String>,
    /// What it used.
    pub sums: Sums,
}

/// Usage whose owner is missing or ambiguous.
#[derive(Debug, Clone)]
pub struct Unattributed {
    /// All of it.
    pub sums: Sums,
    /// By scope.
    pub scopes: Vec<ScopeRow>,
    /// What a person can do about it.
    pub way_out: String,
    /// A command that does it, where there is one.
    pub command: Option<String>,
}

/// A scope that nobody pays for.
#[derive(Debug, Clone)]
pub struct ScopeRow {
    /// Source.
    pub source: String,
    /// The cloud's id.
    pub id: String,
    /// Name for people; may be empty.
    pub name: String,
    /// Why, in the words of the attribution.
    pub reasons: BTreeSet<String>,
    /// What it used.
    pub sums: Sums,
}

/// Why scopes are unattributed: (source, scope) -> reasons.
pub type Reasons = BTreeMap<(String, String), BTreeSet<String>>;

impl Overview {
    /// Sums up a month's figures and the lists' state.
    #[must_use]
    pub fn build(
        config: &Config,
        period: &Period,
        figures: Figures,
        lists: Vec<ListStatus>,
    ) -> Self {
        let Figures {
            usage,
            rated,
            unpriced,
            reasons,
            differences,
            unmarked,
        } = figures;
        let book = config.prices.as_ref();
        let costs = rated
            .as_ref()
            .zip(book)
            .map(|(rated, book)| Costs::of(rated, book, &usage.rows))
            .unwrap_or_default();
        let (nobodys, owned): (Vec<_>, Vec<_>) =
            usage.rows.iter().partition(|r| r.tenant == UNATTRIBUTED);
        let lists = reach::list_rows(config, lists, usage.as_of);
        let read: BTreeSet<&str> = lists.iter().map(|l| l.status.cloud.as_str()).collect();
        let mut unattributed = unattributed(config, &nobodys, &costs.rows, &reasons);
        if let Some(u) = &mut unattributed {
            u.sums.cost = costs.bill(UNATTRIBUTED, "");
        }
        let mut total = Sums::of(usage.rows.iter(), &costs.rows);
        total.cost = costs.bills.values().sum();
        Self {
            month: Month::of(period, usage.as_of),
            differing: differences.counts.values().sum(),
            differences: differences.latest(),
            as_of: usage.as_of,
            money: config
                .prices
                .as_ref()
                .filter(|_| rated.is_some())
                .map(|b| Money {
                    currency: b.currency.clone(),
                    decimals: b.decimals,
                    book: b.name.clone(),
                }),
            tenants: tenants(&owned, &costs),
            nodes: nodes::nodes(&usage.rows),
            unread: config
                .sources
                .iter()
                .map(Source::name)
                .filter(|n| !read.contains(n))
                .map(str::to_owned)
                .collect(),
            no_source: config.sources.is_empty(),
            config_path: config.path.display().to_string(),
            warnings: warnings::warnings(
                &lists,
                unattributed.as_ref(),
                &unpriced,
                (&total, &unmarked),
            ),
            total,
            unattributed,
            lists,
        }
    }

    /// True when any GPU time was counted: then there is a column for it.
    #[must_use]
    pub fn has_gpu(&self) -> bool {
        self.total.gpu_s != 0
    }
}

impl Month {
    fn of(period: &Period, as_of: Ts) -> Self {
        let beside = |t: Ts| Period::containing(t, period.zone);
        // A day into the neighbour: clock changes move a month's edge by hours, never by a day.
        let next = beside(period.to.plus_seconds(86_400)).filter(|n| n.from <= as_of);
        Self {
            name: period.to_string(),
            title: chrono::NaiveDate::from_ymd_opt(period.year, period.month, 1)
                .map_or_else(|| period.to_string(), |d| d.format("%B %Y").to_string()),
            zone: period.zone,
            previous: beside(period.from.plus_seconds(-86_400)).map(|p| p.to_string()),
            next: next.map(|p| p.to_string()),
            running: as_of < period.to,
        }
    }
}

impl Sums {
    fn of<'a>(
        rows: impl Iterator<Item = &'a UsageRow>,
        amounts: &BTreeMap<&str, Rational>,
    ) -> Self {
        let mut servers = BTreeSet::new();
        let mut sums = Self::default();
        for row in rows {
            if row.kind == kind::SERVER {
                servers.insert((&row.source, &row.resource));
            }
            match row.meter.as_str() {
                "compute.instance" => {
                    sums.observed_s += i128::from(row.observed_s);
                    sums.expected_s += i128::from(row.expected_s);
                    if row
                        .dimensions
                        .get("flavor")
                        .is_some_and(|f| f == UNOBSERVED)
                    {
                        sums.flavorless_s += i128::from(row.expected_s - row.observed_s);
                    }
                }
                "compute.vcpu" => sums.vcpu_s += row.quantity,
                "compute.memory" => sums.memory_byte_s += row.quantity,
                "compute.gpu" => sums.gpu_s += row.quantity,
                _ => {}
            }
            sums.beside.add(row);
            if let Some(amount) = amounts.get(row.id.as_str()) {
                sums.cost += amount;
            }
        }
        sums.servers = servers.len();
        sums
    }
}

fn grouped<'a, K: Ord>(
    rows: &[&'a UsageRow],
    key: impl Fn(&'a UsageRow) -> K,
) -> BTreeMap<K, Vec<&'a UsageRow>> {
    let mut groups: BTreeMap<K, Vec<&UsageRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups
}

/// Who used something, or owes something all the same.
fn tenants(rows: &[&UsageRow], costs: &Costs<'_>) -> Vec<TenantRow> {
    let mut all = grouped(rows, |r| (r.tenant.as_str(), r.contract.as_str()));
    for (tenant, contract) in costs.bills.keys().filter(|(t, _)| *t != UNATTRIBUTED) {
        all.entry((tenant, contract)).or_default();
    }
    all.into_iter()
        .map(|((tenant, contract), rows)| {
            let mut top = resources(&rows, &costs.rows);
            let more = top.len().saturating_sub(TOP);
            top.truncate(TOP);
            let mut things = beside::things(&rows, &costs.rows);
            let more_things = things.len().saturating_sub(TOP);
            things.truncate(TOP);
            let mut sums = Sums::of(rows.into_iter(), &costs.rows);
            sums.cost = costs.bill(tenant, contract);
            TenantRow {
                tenant: tenant.to_owned(),
                contract: contract.to_owned(),
                sums,
                top,
                more,
                things,
                more_things,
            }
        })
        .collect()
}

/// The largest first; equal ones by id, so that a reload shows the same.
fn resources(rows: &[&UsageRow], amounts: &BTreeMap<&str, Rational>) -> Vec<ResourceRow> {
    let servers: Vec<&UsageRow> = rows
        .iter()
        .copied()
        .filter(|r| r.kind == kind::SERVER)
        .collect();
    let mut all: Vec<ResourceRow> = grouped(&servers, |r| (&r.source, &r.resource))
        .into_values()
        .filter_map(|rows| {
            let last = *rows.last()?;
            Some(ResourceRow {
                name: last.resource_name.to_string(),
                id: last.resource.to_string(),
                scope: named(&last.scope_name, &last.scope).to_owned(),
                flavors: rows
                    .iter()
                    .filter_map(|r| r.dimensions.get("flavor").cloned())
                    .collect(),
                sums: Sums::of(rows.into_iter(), amounts),
            })
        })
        .collect();
    all.sort_by(|a, b| {
        (&b.sums.cost, b.sums.vcpu_s)
            .cmp(&(&a.sums.cost, a.sums.vcpu_s))
            .then_with(|| a.id.cmp(&b.id))
    });
    all
}

fn unattributed(
    config: &Config,
    rows: &[&UsageRow],
    amounts: &BTreeMap<&str, Rational>,
    reasons: &Reasons,
) -> Option<Unattributed> {
    if rows.is_empty() {
        return None;
    }
    let scopes: Vec<ScopeRow> = grouped(rows, |r| (&r.source, &r.scope))
        .into_iter()
        .map(|((source, id), rows)| ScopeRow {
            source: source.to_string(),
            id: id.to_string(),
            name: rows
                .iter()
                .rev()
                .map(|r| r.scope_name.to_string())
                .find(|n| !n.is_empty())
                .unwrap_or_default(),
            reasons: reasons
                .get(&(source.to_string(), id.to_string()))
                .cloned()
                .unwrap_or_default(),
            sums: Sums::of(rows.into_iter(), amounts),
        })
        .collect();
    let (way_out, command) = way_out(&config.tenancy, &config.path.display().to_string(), &scopes);
    Some(Unattributed {
        sums: Sums::of(rows.iter().copied(), amounts),
        scopes,
        way_out,
        command,
    })
}

/// What a person can do: the shortest way that the configured rules allow.
fn way_out(tenancy: &Tenancy, path: &str, scopes: &[ScopeRow]) -> (String, Option<String>) {
    let prefix = tenancy.rules.iter().find_map(|r| match r {
        Rule::ProjectTag { prefix } => Some(prefix),
        _ => None,
    });
    // One more tag helps where there is none; elsewhere it would only add to the contradiction.
    let untagged = scopes
        .iter()
        .find(|s| s.reasons.iter().all(|r| r.starts_with("no rule")));
    match (prefix, untagged) {
        (Some(prefix), untagged) => (
            format!(
                "Give each project exactly one tag {prefix}CONTRACT, or add a rule under tenancy in {path}.{}",
                untagged.map_or_else(String::new, |s| format!(" For {}:", named(&s.name, &s.id)))
            ),
            untagged.map(|s| format!("openstack project set --tag {prefix}CONTRACT {}", s.id)),
        ),
        (None, _) => (
            format!(
                "Add a rule under tenancy in {path} that names the project's domain, name or id."
            ),
            None,
        ),
    }
}

/// A name if there is one, else the id.
#[must_use]
pub fn named<'a>(name: &'a str, id: &'a str) -> &'a str {
    if name.is_empty() { id } else { name }
}
