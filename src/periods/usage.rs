//! Usage of a period: the store's facts, folded, attributed, measured.

use super::{
    differences::Differences,
    nodes::{self, Unmarked},
};
use crate::{
    attribute::Attribution,
    config::{Config, MeterRules},
    domain::{
        Aspect, Life, Meters, Owner, OwnerSpan, Period, Timeline, Ts, UsageRow,
        digest::Fields,
        fact::{amount, kind},
        invariant::Invariant,
        ownership::{Scope, Scopes, UNATTRIBUTED},
        tenancy::{Tenancy, attr},
        usage::{ResourcePieces, Usage},
    },
    fold::{
        self, measure,
        nodes::Day,
        sums::{Summing, Sums, Totals},
    },
    store::{FactQuery, Store, StoreError},
};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// What a computation found beside the usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// The usage.
    pub usage: Usage,
    /// Sightings that no event explains: where events and inventory disagree.
    pub differences: Differences,
    /// Seconds of usage lines up to the watermark that nobody observed, by source: gaps.
    pub unobserved: BTreeMap<String, i64>,
    /// Scopes with usage in the period that nobody owns: (source, scope id) -> why, in words that name the project.
    pub unattributed: Unattributed,
    /// SHA-256 (hex, 16 bytes) over the ids of all facts that were folded: the same facts, the same hash.
    pub facts: String,
    /// Projects that carry nodes of clusters and are not marked.
    pub unmarked: Vec<Unmarked>,
    /// Invariants found broken; always empty, or there is a bug to report.
    pub violations: BTreeSet<Invariant>,
}

/// A month's usage in total: what a table shows and gauges tell.
#[derive(Debug)]
pub struct Summary {
    /// `2026-10`.
    pub month: String,
    /// IANA name of the period's time zone.
    pub time_zone: String,
    /// As of when.
    pub as_of: Ts,
    /// Usage by tenant, contract and meter.
    pub totals: Totals,
    /// See [`Computed::differences`].
    pub differences: Differences,
    /// See [`Computed::unobserved`].
    pub unobserved: BTreeMap<String, i64>,
    /// See [`Computed::unattributed`].
    pub unattributed: Unattributed,
    /// See [`Computed::unmarked`].
    pub unmarked: Vec<Unmarked>,
    /// See [`Computed::violations`].
    pub violations: BTreeSet<Invariant>,
}

/// Scopes that nobody owns: (source, scope id) -> why.
pub type Unattributed = BTreeMap<(String, String), BTreeSet<String>>;

/// Why usage could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration holds rules or meters that cannot be applied.
    #[error("{0}")]
    Rules(String),
    /// A sum left 128 bits.
    #[error(
        "the usage of {0} does not fit 128 bits: a level in the facts must be wrong; nothing was computed"
    )]
    Overflow(String),
}

/// What decides usage besides facts.
#[derive(Debug)]
pub struct Rules {
    /// Who owns a scope.
    pub attribution: Attribution,
    /// What counts.
    pub meters: Meters,
}

impl Rules {
    /// The kinds of resources that are metered.
    #[must_use]
    pub fn kinds(&self) -> Vec<String> {
        self.meters.kinds().into_iter().map(str::to_owned).collect()
    }

    /// Compiles the rules of a configuration.
    ///
    /// # Errors
    /// [`UsageError::Rules`]; a configuration that was validated gives none.
    pub fn of(config: &Config) -> Result<Self, UsageError> {
        let meters = config
            .meters()
            .map_err(|e| UsageError::Rules(e.to_string()))?;
        Self::new(&config.tenancy, meters)
    }

    /// The rules that were in force at a time, as the store kept them; those of the configuration where it kept none so early.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn as_of(store: &Store, config: &Config, t: Ts) -> Result<Self, UsageError> {
        let kept = |kind: &'static str, e: serde_json::Error| {
            UsageError::Rules(format!(
                "the {kind} in force at {t} were kept by another version of plimsoll, which can read them: {e}"
            ))
        };
        let tenancy: Tenancy = match store.definition("tenancy", t).await? {
            Some((_, body, _)) => {
                serde_json::from_str(&body).map_err(|e| kept("tenancy rules", e))?
            }
            None => config.tenancy.clone(),
        };
        let meters = match store.definition("meters", t).await? {
            Some((_, body, _)) => {
                serde_json::from_str::<MeterRules>(&body)
                    .map_err(|e| kept("meters", e))?
                    .meters
            }
            None => config
                .meters()
                .map_err(|e| UsageError::Rules(e.to_string()))?,
        };
        Self::new(&tenancy, meters)
    }

    fn new(tenancy: &Tenancy, meters: Meters) -> Result<Self, UsageError> {
        let attribution =
            Attribution::new(tenancy).map_err(|e| UsageError::Rules(e.to_string()))?;
        Ok(Self {
            attribution,
            meters,
        })
    }
}

/// The time zone of months as it was at a time, where the store kept it.
///
/// # Errors
/// When the store fails.
pub async fn zone_as_of(store: &Store, config: &Config, t: Ts) -> Result<Tz, UsageError> {
    let kept = store.definition("meters", t).await?;
    let zone = kept.and_then(|(_, body, _)| {
        serde_json::from_str::<MeterRules>(&body)
            .ok()?
            .time_zone
            .parse()
            .ok()
    });
    Ok(zone.unwrap_or(config.meters.time_zone))
}

/// Everything known of resources, one after another.
pub async fn each_timeline(
    store: &Store,
    query: &FactQuery,
    mut visit: impl FnMut(Timeline),
) -> Result<(), UsageError> {
    let mut stream = store.resources(query).await?;
    while let Some((key, facts)) = stream.next().await? {
        visit(fold::fold(&key, facts.into_iter().map(|f| f.fact)));
    }
    Ok(())
}

/// All scopes as of a time: names and owners over all time.
///
/// # Errors
/// When the store fails.
pub async fn scopes(store: &Store, rules: &Rules, as_of: Ts) -> Result<Scopes, UsageError> {
    let query = FactQuery {
        kinds: kind::SCOPES.map(str::to_owned).to_vec(),
        ..FactQuery::all(as_of)
    };
    let mut scopes = Scopes::default();
    each_timeline(store, &query, |t| {
        let spans = t.spans(Aspect::Attributes);
        let owners =
            rules
                .attribution
                .owners(&t.key.cloud, &t.key.resource, spans, Ts::MIN, Ts::MAX);
        let name = spans
            .iter()
            .rev()
            .find_map(|s| s.value.as_ref())
            .map_or_else(
                || t.key.resource.clone(),
                |k| match k
                    .attrs
                    .get(attr::DOMAIN)
                    .or_else(|| k.attrs.get(attr::DOMAIN_ID))
                {
                    Some(domain) => format!("{domain}/{}", k.label),
                    None => k.label.clone(),
                },
            );
        scopes.0.insert(
            (t.key.cloud.clone(), t.key.resource.clone()),
            Scope { name, owners },
        );
    })
    .await?;
    for contract in store.named_contracts(as_of).await? {
        let owner = OwnerSpan {
            start: Ts::MIN,
            end: Ts::MAX,
            owner: rules.attribution.contract(&contract),
        };
        let scope = Scope {
            name: contract.clone(),
            owners: vec![owner],
        };
        let id = format!("{}{contract}", amount::CONTRACT);
        scopes.0.insert((String::new(), id), scope);
    }
    Ok(scopes)
}

/// The name people gave a resource, as last seen; empty where it has none.
#[must_use]
pub fn name_of<'a>(life: &Life<'a>) -> &'a str {
    life.spans(Aspect::Name)
        .iter()
        .rev()
        .find_map(|s| s.value)
        .map_or("", |k| &k.label)
}

/// All usage of `period` as of `as_of`.
///
/// # Memory usage
/// That of its rows: about 700 bytes each, some ten or twenty rows a server.
///
/// # Errors
/// [`UsageError`].
pub async fn compute(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
) -> Result<Computed, UsageError> {
    compute_each(store, rules, period, as_of, |_| {}).await
}

/// What is shown on the way.
#[derive(Clone, Copy)]
pub enum Seen<'s> {
    /// A resource as it is measured.
    Life(&'s Life<'s>, &'s Scopes, &'s measure::Window),
    /// A row that is a share of a node, and its days.
    Share(&'s UsageRow, &'s [Day]),
}

/// The same, showing each resource and share as it is measured.
///
/// # Errors
/// [`UsageError`].
pub async fn compute_each(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
    each: impl FnMut(Seen<'_>),
) -> Result<Computed, UsageError> {
    let sums = Sums::new(&period.to_string());
    let walked = walk(store, rules, period, as_of, sums, each).await?;
    let rows = walked.sums.into_rows();
    let nobodys = rows
        .iter()
        .filter(|r| r.tenant == UNATTRIBUTED)
        .map(|r| (r.source.to_string(), r.scope.to_string()))
        .collect();
    let usage = Usage {
        month: period.to_string(),
        time_zone: period.zone.name().to_owned(),
        as_of,
        rows,
    };
    Ok(Computed {
        usage,
        differences: walked.differences,
        unobserved: walked.unobserved,
        unattributed: reasons(nobodys, &walked.scopes, period),
        facts: walked.facts.id(),
        unmarked: walked.unmarked,
        violations: walked.violations,
    })
}

/// The same in total.
///
/// # Memory usage
/// That of the scopes and of one resource, however many there are.
///
/// # Errors
/// [`UsageError`].
pub async fn summarise(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
) -> Result<Summary, UsageError> {
    let mut walked = walk(store, rules, period, as_of, Totals::default(), |_| {}).await?;
    let nobodys = std::mem::take(&mut walked.sums.unattributed);
    Ok(Summary {
        month: period.to_string(),
        time_zone: period.zone.name().to_owned(),
        as_of,
        totals: walked.sums,
        differences: walked.differences,
        unobserved: walked.unobserved,
        unattributed: reasons(nobodys, &walked.scopes, period),
        unmarked: walked.unmarked,
        violations: walked.violations,
    })
}

/// What was found on the way through all resources of a period.
struct Walked<S> {
    sums: S,
    unobserved: BTreeMap<String, i64>,
    scopes: Scopes,
    differences: Differences,
    facts: Fields,
    unmarked: Vec<Unmarked>,
    violations: BTreeSet<Invariant>,
}

/// Folds and sums one resource after another.
async fn walk<S: Summing>(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
    mut sums: S,
    mut each: impl FnMut(Seen<'_>),
) -> Result<Walked<S>, UsageError> {
    let scopes = scopes(store, rules, as_of).await?;
    let watermarks = store.watermarks(as_of).await?;
    let query = FactQuery {
        kinds: rules.kinds(),
        not_gone_before: period.from,
        ..FactQuery::all(as_of).readings_of(period)
    };
    let mut differences = Differences::default();
    let mut violations = BTreeSet::new();
    let mut facts = Fields::default();
    let mut clusters = nodes::Clusters::of(rules);
    let mut stream = store.told(&query)?;
    while let Some((key, mut told)) = stream.next().await? {
        let mut ids: Vec<u64> = told.iter().map(|f| f.id).collect();
        ids.sort_unstable();
        facts = ids
            .into_iter()
            .fold(facts, |f, id| f.number(id.cast_signed()));
        let life = fold::life(key, &mut told);
        if let Err(broken) = fold::check_life(&life) {
            tracing::error!(resource = %key.resource, %broken, "invariant 4 is broken: please report this");
            violations.insert(Invariant::SpansDisjoint);
        }
        differences.add(&life, name_of(&life), &told);
        let list = (key.cloud.clone(), kind::list_of(&key.kind).to_owned());
        let window = measure::Window {
            from: period.from,
            to: period.to,
            watermark: watermarks.get(&list).copied().unwrap_or(Ts::MIN),
            as_of,
        };
        sums.add(&life, name_of(&life), &rules.meters, &scopes, &window);
        clusters.add(&life, name_of(&life), &scopes);
        each(Seen::Life(&life, &scopes, &window));
    }
    let asked = nodes::Asked {
        rules,
        period,
        as_of,
        scopes: &scopes,
        watermarks: &watermarks,
    };
    clusters.share(&asked, &mut sums, |row, days| each(Seen::Share(row, days)));
    if sums.ledger().overflowed {
        return Err(UsageError::Overflow(period.to_string()));
    }
    if !sums.ledger().conserved() {
        tracing::error!(month = %period, "invariant 3 is broken: please report this");
        violations.insert(Invariant::Conserved);
    }
    Ok(Walked {
        unobserved: sums.ledger().unobserved.clone(),
        sums,
        unmarked: clusters.unmarked(&scopes),
        scopes,
        differences,
        facts,
        violations,
    })
}

/// Why scopes with usage are nobody's.
fn reasons(nobodys: BTreeSet<(String, String)>, scopes: &Scopes, period: &Period) -> Unattributed {
    let why = |(source, scope): &(String, String)| {
        if scope.is_empty() && !scopes.0.contains_key(&(source.clone(), String::new())) {
            return BTreeSet::from([format!(
                "something of {source} has no owner: of what is scraped or queried, `scope`, `contract` or `contract_label` says whose it is"
            )]);
        }
        // A contract that an imported event names is of no cloud.
        let cloud = if scope.starts_with(amount::CONTRACT) {
            ""
        } else {
            source
        };
        // A gateway's users may be projects of another source; ids of projects are nobody else's.
        let found = scopes.get(cloud, scope).or_else(|| {
            let mut all = scopes.0.iter();
            all.find_map(|((_, id), s)| (id == scope).then_some(s))
        });
        let told: BTreeSet<String> = found
            .into_iter()
            .flat_map(|s| &s.owners)
            .filter(|o| o.start < period.to && o.end > period.from)
            .filter_map(|o| match &o.owner {
                Owner::Unattributed { reason } => Some(reason.clone()),
                Owner::Tenant { .. } | Owner::Platform => None,
            })
            .collect();
        if told.is_empty() {
            return BTreeSet::from([format!(
                "scope {scope} of {source} is in no list of projects or namespaces: `plimsoll check --online` says whether they can be read"
            )]);
        }
        told
    };
    nobodys
        .into_iter()
        .map(|n| {
            let reasons = why(&n);
            (n, reasons)
        })
        .collect()
}

/// The cached pieces of resources for the SQL views: of those named, or of all.
///
/// # Errors
/// [`UsageError`].
pub async fn rebuild_pieces(
    store: &Store,
    rules: &Rules,
    query: &FactQuery,
) -> Result<usize, UsageError> {
    const AT_ONCE: usize = 2_000;
    let scopes = scopes(store, rules, query.as_of).await?;
    let generation = store.now().await?.0;
    let mut ready = Vec::new();
    let mut written = 0;
    let mut stream = store.told(query)?;
    while let Some((key, mut told)) = stream.next().await? {
        let life = fold::life(key, &mut told);
        let mut pieces = measure::pieces_of(&life, &rules.meters, &scopes);
        pieces.sort_by(|a, b| (&a.meter, a.start).cmp(&(&b.meter, b.start)));
        let name = name_of(&life).to_owned();
        let list = kind::list_of(&key.kind).to_owned();
        ready.push(ResourcePieces {
            key: key.clone(),
            name,
            list,
            generation,
            pieces,
        });
        if ready.len() >= AT_ONCE {
            written += ready.len();
            store.replace_pieces(&std::mem::take(&mut ready)).await?;
        }
    }
    written += ready.len();
    store.replace_pieces(&ready).await?;
    Ok(written)
}
