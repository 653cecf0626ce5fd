//! Usage of a period: the store's facts, folded, attributed, measured.

use crate::{
    attribute::Attribution,
    config::{Config, MeterRules},
    domain::{
        Aspect, Meters, Owner, Period, Timeline, Ts, UsageRow,
        digest::Fields,
        fact::kind,
        invariant::Invariant,
        ownership::{Scope, Scopes, UNATTRIBUTED},
        tenancy::{Tenancy, attr},
        usage::{ResourcePieces, Usage},
    },
    fold::{self, measure},
    store::{FactQuery, Store, StoreError},
};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// The list whose watermark bounds resources of a kind.
#[must_use]
pub fn list_of(kind_of_resource: &str) -> &'static str {
    match kind_of_resource {
        kind::PROJECT => "projects",
        _ => "servers",
    }
}

/// What a computation found beside the usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// The usage.
    pub usage: Usage,
    /// Sightings that no event explains, by source: where events and inventory disagree.
    pub unexplained: BTreeMap<String, u64>,
    /// Seconds of usage lines up to the watermark that nobody observed, by source: gaps.
    pub unobserved: BTreeMap<String, i64>,
    /// Scopes with usage in the period that nobody owns: (source, scope id) -> why, in words that name the project.
    pub unattributed: BTreeMap<(String, String), BTreeSet<String>>,
    /// SHA-256 (hex, 16 bytes) over the ids of all facts that were folded: the same facts, the same hash.
    pub facts: String,
    /// Invariants found broken; always empty, or there is a bug to report.
    pub violations: BTreeSet<Invariant>,
}

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
        kind: Some(kind::PROJECT.to_owned()),
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
    Ok(scopes)
}

/// The name people gave a resource, as last seen; empty where it has none.
#[must_use]
pub fn name_of(t: &Timeline) -> &str {
    t.spans(Aspect::Name)
        .iter()
        .rev()
        .find_map(|s| s.value.as_ref())
        .map_or("", |k| &k.label)
}

/// All usage of `period` as of `as_of`.
///
/// # Errors
/// [`UsageError`].
pub async fn compute(
    store: &Store,
    rules: &Rules,
    period: &Period,
    as_of: Ts,
) -> Result<Computed, UsageError> {
    let scopes = scopes(store, rules, as_of).await?;
    let watermarks = store.watermarks(as_of).await?;
    let query = FactQuery {
        kind: Some(kind::SERVER.to_owned()),
        not_gone_before: period.from,
        ..FactQuery::all(as_of)
    };
    let mut sums = measure::Sums::default();
    let mut unexplained = BTreeMap::new();
    let mut violations = BTreeSet::new();
    let mut facts = Fields::default();
    each_timeline(store, &query, |t| {
        facts = t.facts.keys().fold(std::mem::take(&mut facts), |f, id| f.number(id.cast_signed()));
        if let Err(broken) = fold::check(&t) {
            tracing::error!(resource = %t.key.resource, %broken, "invariant 4 is broken: please report this");
            violations.insert(Invariant::SpansDisjoint);
        }
        *unexplained.entry(t.key.cloud.clone()).or_insert(0) += t.unexplained.len() as u64;
        let list = (t.key.cloud.clone(), list_of(&t.key.kind).to_owned());
        let window = measure::Window {
            from: period.from,
            to: period.to,
            watermark: watermarks.get(&list).copied().unwrap_or(Ts::MIN),
            as_of,
        };
        sums.add(&t, name_of(&t), &rules.meters, &scopes, &window);
    })
    .await?;
    if sums.overflowed {
        return Err(UsageError::Overflow(period.to_string()));
    }
    if !sums.conserved() {
        tracing::error!(month = %period, "invariant 3 is broken: please report this");
        violations.insert(Invariant::Conserved);
    }
    let unobserved = std::mem::take(&mut sums.unobserved);
    let rows = sums.into_rows(&period.to_string());
    let unattributed = reasons(&rows, &scopes, period);
    let usage = Usage {
        month: period.to_string(),
        time_zone: period.zone.name().to_owned(),
        as_of,
        rows,
    };
    Ok(Computed {
        usage,
        unexplained,
        unobserved,
        unattributed,
        facts: facts.id(),
        violations,
    })
}

/// Why scopes with usage are nobody's.
fn reasons(
    rows: &[UsageRow],
    scopes: &Scopes,
    period: &Period,
) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut all: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for r in rows.iter().filter(|r| r.tenant == UNATTRIBUTED) {
        let told = scopes
            .get(&r.source, &r.scope)
            .into_iter()
            .flat_map(|s| &s.owners)
            .filter(|o| o.start < period.to && o.end > period.from)
            .filter_map(|o| match &o.owner {
                Owner::Unattributed { reason } => Some(reason.clone()),
                Owner::Tenant { .. } => None,
            });
        let of_scope = all.entry((r.source.clone(), r.scope.clone())).or_default();
        of_scope.extend(told);
        if of_scope.is_empty() {
            of_scope.insert(format!(
                "project {} was never listed by Keystone of {}: `plimsoll check --online` says whether projects can be read",
                r.scope, r.source
            ));
        }
    }
    all
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
    let mut stream = store.resources(query).await?;
    while let Some((key, facts)) = stream.next().await? {
        let t = fold::fold(&key, facts.into_iter().map(|f| f.fact));
        let mut pieces = measure::pieces(&t, &rules.meters, &scopes);
        pieces.sort_by(|a, b| (&a.meter, a.start).cmp(&(&b.meter, b.start)));
        let name = name_of(&t).to_owned();
        let list = list_of(&key.kind).to_owned();
        ready.push(ResourcePieces {
            key,
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
