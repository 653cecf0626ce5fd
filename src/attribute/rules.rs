//! One tenancy rule, compiled: what it answers for a scope, and what that comes to.

use super::Scope;
use crate::domain::{
    Owner, Ts,
    ownership::UNATTRIBUTED,
    tenancy::{Listed, Mark, Meaning, Rule},
};
use regex::{Captures, Regex};
use std::collections::{BTreeMap, BTreeSet};

/// Tenancy rules that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTenancy {
    /// A pattern that is no regular expression.
    #[error("tenancy rule {rule}: `{pattern}` is not a regular expression: {what}")]
    Pattern {
        /// Its place among the rules, from 1.
        rule: usize,
        /// As written.
        pattern: String,
        /// The parser's words.
        what: String,
    },
    /// An answer that names a group the pattern does not have.
    #[error(
        "tenancy rule {rule}: `{answer}` names group ${group}, but `{pattern}` has {groups}: add a group in parentheses, or name another"
    )]
    Group {
        /// Its place among the rules, from 1.
        rule: usize,
        /// The tenant or contract as written.
        answer: String,
        /// The group it names.
        group: usize,
        /// The pattern.
        pattern: String,
        /// How many groups that has.
        groups: usize,
    },
}

/// A rule and its place, which reasons name.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    number: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Tag {
        prefix: String,
    },
    Domain {
        domain: String,
        answer: Answer,
    },
    Name {
        pattern: String,
        regex: Regex,
        domain: Option<String>,
        answer: Answer,
    },
    Mark {
        mark: Mark,
        name: String,
        /// Absent: a value is a contract.
        meaning: Option<Matched>,
    },
    Namespace(Matched),
    List(BTreeMap<String, Vec<Listed>>),
}

/// A pattern, and what it answers.
#[derive(Debug, Clone)]
struct Matched {
    pattern: String,
    regex: Regex,
    answer: Answer,
}

impl Matched {
    fn new(number: usize, meaning: &Meaning) -> Result<Self, BadTenancy> {
        let regex = anchored(number, &meaning.pattern)?;
        let answer = Answer {
            tenant: meaning.tenant.clone(),
            contract: meaning.contract.clone(),
        };
        answer.check_groups(number, &meaning.pattern, regex.captures_len() - 1)?;
        Ok(Self {
            pattern: meaning.pattern.clone(),
            regex,
            answer,
        })
    }

    fn answer(&self, word: &str) -> Option<Answer> {
        self.regex
            .captures(word)
            .map(|groups| self.answer.expand(&groups))
    }
}

/// What a rule says: a tenant and a contract, or only the contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    tenant: String,
    contract: String,
}

impl Compiled {
    pub(super) fn new(number: usize, rule: &Rule) -> Result<Self, BadTenancy> {
        let kind = match rule {
            Rule::ProjectTag { prefix } => Kind::Tag {
                prefix: prefix.clone(),
            },
            Rule::Domain {
                domain,
                tenant,
                contract,
            } => Kind::Domain {
                domain: domain.clone(),
                answer: Answer {
                    tenant: tenant.clone(),
                    contract: contract.clone(),
                },
            },
            Rule::ProjectName {
                pattern,
                domain,
                tenant,
                contract,
            } => {
                let regex = anchored(number, pattern)?;
                let answer = Answer {
                    tenant: tenant.clone(),
                    contract: contract.clone(),
                };
                answer.check_groups(number, pattern, regex.captures_len() - 1)?;
                Kind::Name {
                    pattern: pattern.clone(),
                    regex,
                    domain: domain.clone(),
                    answer,
                }
            }
            Rule::NamespaceMark { mark, name, value } => Kind::Mark {
                mark: *mark,
                name: name.clone(),
                meaning: value
                    .as_ref()
                    .map(|m| Matched::new(number, m))
                    .transpose()?,
            },
            Rule::NamespaceName(meaning) => Kind::Namespace(Matched::new(number, meaning)?),
            Rule::List(entries) => {
                let mut by_scope: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
                for entry in entries {
                    by_scope
                        .entry(entry.scope.clone())
                        .or_default()
                        .push(entry.clone());
                }
                Kind::List(by_scope)
            }
        };
        Ok(Self { number, kind })
    }

    /// When entries for any of these names begin and end.
    pub(super) fn dates<'a>(
        &'a self,
        names: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = Ts> + 'a {
        let list = match &self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        };
        let entries = list
            .into_iter()
            .flat_map(|list| names.iter().filter_map(|n| list.get(n)))
            .flatten();
        entries.flat_map(|e| [e.from, e.to]).flatten()
    }

    /// All different answers the rule gives for a scope at a moment; none if it does not apply.
    pub(super) fn answers(
        &self,
        scope: &Scope<'_>,
        at: Ts,
        contracts: &BTreeMap<String, String>,
    ) -> BTreeSet<Answer> {
        match &self.kind {
            Kind::Tag { prefix } => {
                let rests = scope
                    .tags()
                    .filter_map(|t| t.strip_prefix(prefix.as_str()))
                    .map(str::trim);
                rests
                    .map(|contract| Answer {
                        tenant: tenant_of(contract, contracts),
                        contract: contract.to_owned(),
                    })
                    .collect()
            }
            Kind::Domain { domain, answer } => scope
                .in_domain(domain)
                .then(|| answer.clone())
                .into_iter()
                .collect(),
            Kind::Name {
                regex,
                domain,
                answer,
                ..
            } => {
                let here = domain.as_ref().is_none_or(|d| scope.in_domain(d));
                let found = scope
                    .known
                    .filter(|_| here && !scope.is_namespace())
                    .and_then(|k| regex.captures(&k.label));
                found
                    .map(|groups| answer.expand(&groups))
                    .into_iter()
                    .collect()
            }
            Kind::Mark {
                mark,
                name,
                meaning,
            } => {
                let value = scope.attr(&mark.attr(name)).map(str::trim);
                let answer = value.and_then(|value| match meaning {
                    Some(matched) => matched.answer(value),
                    None => Some(Answer {
                        tenant: tenant_of(value, contracts),
                        contract: value.to_owned(),
                    }),
                });
                answer.into_iter().collect()
            }
            Kind::Namespace(matched) => {
                let known = scope.known.filter(|_| scope.is_namespace());
                known
                    .and_then(|k| matched.answer(&k.label))
                    .into_iter()
                    .collect()
            }
            Kind::List(list) => {
                let names = scope.names();
                let entries = names.iter().filter_map(|n| list.get(n)).flatten();
                let holds = |e: &&Listed| {
                    e.cloud.as_ref().is_none_or(|c| c == scope.cloud)
                        && e.from.is_none_or(|t| t <= at)
                        && e.to.is_none_or(|t| at < t)
                };
                entries
                    .filter(holds)
                    .map(|e| Answer {
                        tenant: e.tenant.clone(),
                        contract: e.contract.clone(),
                    })
                    .collect()
            }
        }
    }

    /// What answers come to: an owner only if there is one answer and it can be used.
    pub(super) fn decide(
        &self,
        scope: &Scope<'_>,
        answers: &BTreeSet<Answer>,
        contracts: &BTreeMap<String, String>,
    ) -> Owner {
        let mut all = answers.iter();
        let problem = match (all.next(), all.next()) {
            (Some(answer), None) => match answer.problem(contracts) {
                None => {
                    return Owner::Tenant {
                        tenant: answer.tenant.clone(),
                        contract: answer.contract.clone(),
                    };
                }
                Some(problem) => problem,
            },
            _ => {
                let both: Vec<String> = answers.iter().map(|a| a.title(&self.kind)).collect();
                format!(
                    "gives different answers: {}; {}",
                    both.join(" and "),
                    self.leave_one()
                )
            }
        };
        Owner::Unattributed {
            reason: format!("{} {problem} ({})", self.title(), scope.called()),
        }
    }

    fn title(&self) -> String {
        let n = self.number;
        match &self.kind {
            Kind::Tag { prefix } => format!("rule {n} (project tag `{prefix}`)"),
            Kind::Domain { domain, .. } => format!("rule {n} (domain `{domain}`)"),
            Kind::Name { pattern, .. } => format!("rule {n} (project name `{pattern}`)"),
            Kind::Mark { mark, name, .. } => {
                format!("rule {n} (namespace {} `{name}`)", mark.as_str())
            }
            Kind::Namespace(m) => format!("rule {n} (namespace name `{}`)", m.pattern),
            Kind::List(_) => format!("rule {n} (list)"),
        }
    }

    fn leave_one(&self) -> &'static str {
        match &self.kind {
            Kind::Tag { .. } => "leave one of the tags on the project",
            _ => "let one of the entries end before the other begins",
        }
    }
}

impl Answer {
    /// Why it cannot be used, with the way out.
    fn problem(&self, contracts: &BTreeMap<String, String>) -> Option<String> {
        let Self { tenant, contract } = self;
        if contract.trim().is_empty() {
            return Some(
                "names no contract: write it after the prefix, or into the rule".to_owned(),
            );
        }
        if !contracts.is_empty() {
            match contracts.get(contract) {
                None => {
                    return Some(format!(
                        "names contract `{contract}`, which is not under `contracts`: add it there, or correct it"
                    ));
                }
                Some(t) if t != tenant => {
                    return Some(format!(
                        "names tenant `{tenant}` for contract `{contract}`, which `contracts` gives to `{t}`: correct one of them"
                    ));
                }
                Some(_) => {}
            }
        }
        if tenant.trim().is_empty() {
            return Some(format!(
                "names no tenant for contract `{contract}`: write one"
            ));
        }
        (tenant == UNATTRIBUTED)
            .then(|| format!("names a tenant `{UNATTRIBUTED}`, which means that nobody pays: give the tenant another name"))
    }

    fn title(&self, kind: &Kind) -> String {
        match kind {
            Kind::Tag { .. } => format!("contract `{}`", self.contract),
            _ => format!(
                "tenant `{}` under contract `{}`",
                self.tenant, self.contract
            ),
        }
    }

    fn expand(&self, groups: &Captures<'_>) -> Self {
        let fill = |text: &str| {
            pieces(text).fold(String::new(), |filled, piece| match piece {
                Piece::Text(t) => filled + t,
                Piece::Group(n) => filled + groups.get(n).map_or("", |m| m.as_str()),
            })
        };
        Self {
            tenant: fill(&self.tenant),
            contract: fill(&self.contract),
        }
    }

    fn check_groups(&self, rule: usize, pattern: &str, groups: usize) -> Result<(), BadTenancy> {
        for answer in [&self.tenant, &self.contract] {
            let beyond = pieces(answer).find_map(|p| match p {
                Piece::Group(n) if n > groups => Some(n),
                Piece::Group(_) | Piece::Text(_) => None,
            });
            if let Some(group) = beyond {
                return Err(BadTenancy::Group {
                    rule,
                    answer: answer.clone(),
                    group,
                    pattern: pattern.to_owned(),
                    groups,
                });
            }
        }
        Ok(())
    }
}

pub(super) fn tenant_of(contract: &str, contracts: &BTreeMap<String, String>) -> String {
    contracts
        .get(contract)
        .map_or(contract, String::as_str)
        .to_owned()
}

/// Compiles a pattern to match whole names only. It is compiled by itself first, so that `a)|(b` cannot break out of the anchors.
fn anchored(rule: usize, pattern: &str) -> Result<Regex, BadTenancy> {
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")))
        .map_err(|e| BadTenancy::Pattern {
            rule,
            pattern: pattern.to_owned(),
            what: e.to_string(),
        })
}

enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

/// Splits `acme-$1` into text and groups. The regex crate's own expansion reads `$1x` as a group named `1x`, which is silently nothing; here digits
/// end where they end. A `$` before anything else is itself.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(after) = rest.strip_prefix('$')
            && let Ok(n) = after[..digits(after)].parse()
        {
            rest = &after[digits(after)..];
            return Some(Piece::Group(n));
        }
        let mut chars = rest.char_indices();
        chars.next()?;
        let end = chars
            .find(|(_, c)| *c == '$')
            .map_or(rest.len(), |(i, _)| i);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(piece))
    })
}
