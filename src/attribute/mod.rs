//! Who pays for a scope, and when: tenancy rules applied to what is known of a project.
//!
//! Rules are tried in order and the first that applies decides. A rule that gives two answers, or none that can be used, decides too: nobody
//! owns the scope until a person has resolved it, and the reason says how. Nothing is guessed.

mod rules;

use crate::domain::{
    Known, Owner, OwnerSpan, Span, Tenancy, Ts,
    fact::attr::UID,
    tenancy::{Platform, attr},
};
use rules::Compiled;
use std::collections::{BTreeMap, BTreeSet};

pub use rules::BadTenancy;

/// Tenancy rules, ready to be applied: patterns compiled, lists indexed.
#[derive(Debug, Clone)]
pub struct Attribution {
    rules: Vec<Compiled>,
    contracts: BTreeMap<String, String>,
    platforms: Vec<Platform>,
}

/// A scope as it is at one moment.
struct Scope<'a> {
    cloud: &'a str,
    id: &'a str,
    known: Option<&'a Known>,
}

impl<'a> Scope<'a> {
    fn attr(&self, name: &str) -> Option<&'a str> {
        self.known?
            .attrs
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// The names rules may give its domain: name and id.
    fn domains(&self) -> impl Iterator<Item = &'a str> {
        [self.attr(attr::DOMAIN), self.attr(attr::DOMAIN_ID)]
            .into_iter()
            .flatten()
    }

    fn in_domain(&self, domain: &str) -> bool {
        self.domains().any(|d| d == domain)
    }

    /// What a list may call it: its id, and its domain (by name or id) with its name. A domain with a slash in its name goes by its id alone, or
    /// `a/b/c` could be two projects.
    fn names(&self) -> Vec<String> {
        let by_name = self
            .domains()
            .filter(|d| !d.contains('/'))
            .filter_map(|d| Some(format!("{d}/{}", self.known?.label)));
        std::iter::once(self.id.to_owned()).chain(by_name).collect()
    }

    fn tags(&self) -> impl Iterator<Item = &'a str> {
        self.attr(attr::TAGS).unwrap_or_default().lines()
    }

    /// True of a Kubernetes namespace, which alone has a UID beside its id: that is its name.
    fn is_namespace(&self) -> bool {
        self.attr(UID).is_some()
    }

    /// For people, with its kind.
    fn called(&self) -> String {
        if self.is_namespace() {
            format!("namespace {}", self.id)
        } else {
            format!("project {}", self.title())
        }
    }

    /// For people: `domain/name (id)`.
    fn title(&self) -> String {
        match self.known {
            Some(_) if self.is_namespace() => self.called(),
            Some(k) => format!(
                "{}/{} ({})",
                self.domains().next().unwrap_or("?"),
                k.label,
                self.id
            ),
            None => format!("{} (never seen in a list of projects)", self.id),
        }
    }
}

impl Attribution {
    /// Compiles the rules.
    ///
    /// # Errors
    /// [`BadTenancy`] for a pattern that is no regular expression, or an answer that names a group the pattern does not have.
    pub fn new(tenancy: &Tenancy) -> Result<Self, BadTenancy> {
        let rules = tenancy
            .rules
            .iter()
            .enumerate()
            .map(|(i, r)| Compiled::new(i + 1, r))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            rules,
            contracts: tenancy.contracts.clone(),
            platforms: tenancy.platforms.clone(),
        })
    }

    /// The clusters whose nodes are shared out.
    #[must_use]
    pub fn platforms(&self) -> &[Platform] {
        &self.platforms
    }

    /// Who has a contract, where something names it itself.
    #[must_use]
    pub fn contract(&self, contract: &str) -> Owner {
        if !self.contracts.is_empty() && !self.contracts.contains_key(contract) {
            return Owner::Unattributed {
                reason: format!(
                    "contract `{contract}` is named, which is not under `contracts`: add it there"
                ),
            };
        }
        Owner::Tenant {
            tenant: rules::tenant_of(contract, &self.contracts),
            contract: contract.to_owned(),
        }
    }

    /// The owners of one scope over `[from, to)`: covering it exactly, sorted, equal neighbours merged. Splits where the scope's attributes change and
    /// where a dated entry begins or ends.
    ///
    /// `attributes` are the spans of [`crate::domain::Aspect::Attributes`] of the project, in any order, or none if no list ever showed it. What is known
    /// holds until something else is; what was seen first holds backwards too, for a tag is usually older than our first look at it.
    #[must_use]
    pub fn owners(
        &self,
        cloud: &str,
        scope_id: &str,
        attributes: &[Span],
        from: Ts,
        to: Ts,
    ) -> Vec<OwnerSpan> {
        let mut known: Vec<(Ts, &Known)> = attributes
            .iter()
            .filter_map(|s| Some((s.start, s.value.as_ref()?)))
            .collect();
        known.sort_unstable();
        let mut spans: Vec<OwnerSpan> = Vec::new();
        for window in self.cuts(cloud, scope_id, &known, from, to).windows(2) {
            let &[start, end] = window else { continue };
            let now = known
                .iter()
                .rev()
                .find(|(t, _)| *t <= start)
                .or(known.first())
                .map(|(_, k)| *k);
            let owner = self.owner(
                &Scope {
                    cloud,
                    id: scope_id,
                    known: now,
                },
                start,
            );
            match spans.last_mut() {
                Some(last) if last.owner == owner => last.end = end,
                _ => spans.push(OwnerSpan { start, end, owner }),
            }
        }
        spans
    }

    /// All moments in `[from, to]` at which the answer may change, both ends included.
    fn cuts(&self, cloud: &str, id: &str, known: &[(Ts, &Known)], from: Ts, to: Ts) -> Vec<Ts> {
        if from >= to {
            return Vec::new();
        }
        let states = known.iter().map(|(_, k)| Some(*k)).chain([None]);
        let names: BTreeSet<String> = states
            .flat_map(|known| Scope { cloud, id, known }.names())
            .collect();
        let dated = self.rules.iter().flat_map(|r| r.dates(&names));
        let mut cuts: BTreeSet<Ts> = known
            .iter()
            .map(|(t, _)| *t)
            .chain(dated)
            .filter(|t| from < *t && *t < to)
            .collect();
        cuts.extend([from, to]);
        cuts.into_iter().collect()
    }

    fn is_platform(&self, scope: &Scope<'_>) -> bool {
        let of = |p: &&Platform| p.cloud.as_deref().is_none_or(|c| c == scope.cloud);
        let mut all = self.platforms.iter().filter(of).peekable();
        if all.peek().is_none() || scope.is_namespace() {
            return false;
        }
        let names = scope.names();
        all.any(|p| p.projects.iter().any(|named| names.contains(named)))
    }

    fn owner(&self, scope: &Scope<'_>, at: Ts) -> Owner {
        if self.is_platform(scope) {
            return Owner::Platform;
        }
        let decided = self.rules.iter().find_map(|rule| {
            let answers = rule.answers(scope, at, &self.contracts);
            (!answers.is_empty()).then(|| rule.decide(scope, &answers, &self.contracts))
        });
        decided.unwrap_or_else(|| Owner::Unattributed {
            reason: format!(
                "no rule applies to {}: give the {}, or add a rule or a list entry for it under `tenancy`",
                scope.title(),
                if scope.is_namespace() {
                    "namespace a label"
                } else {
                    "project a tag"
                }
            ),
        })
    }
}

#[cfg(test)]
mod tests;
