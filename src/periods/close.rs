//! Closing a month: what stands against it, each with its size.

use super::{closings::Whose, metered::Dated};
use crate::{
    domain::{
        Charge, Outcome, PassMode, Period, Ts, UsageRow,
        bill::Rated,
        money::{Rational, units_to_text},
        ownership::UNATTRIBUTED,
        price::PriceBook,
        usage::{coverage, readable},
    },
    store::ListStatus,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Something that stands against closing a month. Each can be accepted by a person, with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// A list was not read to the month's end.
    Unread {
        /// Source and list.
        list: (String, String),
        /// How far it was read; `None`: never completely.
        watermark: Option<Ts>,
        /// Seconds missing.
        short_s: i64,
    },
    /// A list's latest pass is not believed.
    Suspect {
        /// Source and list.
        list: (String, String),
        /// Suspect passes so far.
        passes: u64,
        /// What it said.
        why: String,
    },
    /// Too little of a contract's meter was observed.
    Coverage {
        /// Terms.
        contract: String,
        /// Meter.
        meter: String,
        /// Seconds observed.
        observed_s: i64,
        /// Seconds expected.
        expected_s: i64,
        /// The resource with most seconds missing.
        worst: String,
    },
    /// Usage that nobody owns.
    Unattributed {
        /// Source.
        source: String,
        /// Project, for people.
        scope: String,
        /// Rows of usage.
        rows: usize,
        /// Its largest quantity: number, unit, meter.
        largest: String,
        /// Why.
        reasons: Vec<String>,
    },
    /// An approved correction that is in other money than the bill.
    Correction {
        /// Terms.
        contract: String,
        /// Amount with its currency.
        amount: String,
        /// The correction's id.
        id: String,
    },
    /// What unattributed usage would cost.
    UnattributedMoney {
        /// Lines.
        lines: usize,
        /// Amount with its currency.
        amount: String,
    },
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread {
                list: (source, list),
                watermark,
                short_s,
            } => {
                let short = readable(i128::from(*short_s), "s").0;
                match watermark {
                    Some(t) => write!(
                        f,
                        "sources: {list} of {source} was read to {t}, {short} h short of the month's end: `plimsoll collect` reads on"
                    ),
                    None => write!(
                        f,
                        "sources: {list} of {source} was never read completely, {short} h are missing: `plimsoll check --online` says why"
                    ),
                }
            }
            Self::Suspect {
                list: (source, list),
                passes,
                why,
            } => write!(
                f,
                "sources: {list} of {source} is suspect ({passes} passes so far): {why}"
            ),
            Self::Coverage {
                contract,
                meter,
                observed_s,
                expected_s,
                worst,
            } => {
                let missing = readable(i128::from(expected_s - observed_s), "s").0;
                write!(
                    f,
                    "coverage: {meter} of contract {contract} was observed for {} %, {missing} h are not observed, most of them of {worst}",
                    coverage(*observed_s, *expected_s)
                )
            }
            Self::Unattributed {
                source,
                scope,
                rows,
                largest,
                reasons,
            } => write!(
                f,
                "ownership: {scope} in {source} is nobody's: {rows} rows, {largest}; {}",
                reasons.join("; ")
            ),
            Self::Correction {
                contract,
                amount,
                id,
            } => write!(
                f,
                "corrections: {id} of contract {contract} over {amount} is not in the price book's money, and stands in no bill: settle it by `export --corrections`"
            ),
            Self::UnattributedMoney { lines, amount } => write!(
                f,
                "ownership: nobody pays for {lines} lines, {amount} in all"
            ),
        }
    }
}

/// False for lists that no usage ends with: what was deleted is read once, and what flavors there are stands in each server too.
fn bounds_usage(list: &ListStatus) -> bool {
    list.last.mode != PassMode::Deleted && list.list != "flavors"
}

/// Everything that stands against closing, and what it was found in.
pub struct Judged<'a> {
    /// The month.
    pub period: &'a Period,
    /// Its usage.
    pub dated: &'a Dated,
    /// Its bills, with their book.
    pub priced: Option<(&'a Rated, &'a PriceBook)>,
    /// How far lists reach.
    pub lists: &'a [ListStatus],
    /// Sources that are configured; others count where they have usage.
    pub sources: BTreeSet<&'a str>,
    /// Least coverage, in per cent.
    pub coverage: &'a Rational,
    /// Who is to be closed.
    pub whose: &'a Whose,
    /// Approved corrections of earlier months that the bills cannot have: they are in other money.
    pub foreign: &'a [Charge],
}

impl Judged<'_> {
    /// The blockers, by kind.
    #[must_use]
    pub fn blockers(&self) -> Vec<Blocker> {
        let mut all = self.unread();
        all.extend(self.uncovered());
        all.extend(self.unattributed());
        all.extend(self.foreign.iter().map(|c| Blocker::Correction {
            contract: c.contract.clone(),
            amount: format!("{} {}", units_to_text(c.amount, c.decimals), c.currency),
            id: c.id.clone(),
        }));
        all
    }

    fn rows(&self) -> &[UsageRow] {
        &self.dated.metered.usage.rows
    }

    /// Lists that were not read to the month's end, and those whose latest pass is suspect.
    fn unread(&self) -> Vec<Blocker> {
        let mut sources = self.sources.clone();
        sources.extend(self.rows().iter().map(|r| r.source.as_str()));
        let mut all = Vec::new();
        for l in self
            .lists
            .iter()
            .filter(|l| sources.contains(l.cloud.as_str()) && bounds_usage(l))
        {
            let list = (l.cloud.clone(), l.list.clone());
            // Nothing open reaches to the watermark of a queue.
            let lasting = l.watermark.is_some() || l.last.mode != PassMode::Events;
            if lasting && l.watermark.is_none_or(|w| w < self.period.to) {
                let from = l.watermark.unwrap_or(self.period.from);
                all.push(Blocker::Unread {
                    list: list.clone(),
                    watermark: l.watermark,
                    short_s: self.period.to.second() - from.max(self.period.from).second(),
                });
            }
            if l.last.outcome == Outcome::Suspect {
                all.push(Blocker::Suspect {
                    list,
                    passes: l.suspect,
                    why: l.last.error.clone(),
                });
            }
        }
        all
    }

    /// Contracts' meters below the threshold.
    fn uncovered(&self) -> Vec<Blocker> {
        type Seen<'a> = (i64, i64, (i64, &'a UsageRow));
        let mut seen: BTreeMap<(&str, &str), Seen<'_>> = BTreeMap::new();
        for row in self.rows().iter().filter(|r| r.tenant != UNATTRIBUTED) {
            let missing = row.expected_s - row.observed_s;
            let key = (row.contract.as_str(), row.meter.as_str());
            let (observed, expected, worst) = seen.entry(key).or_insert((0, 0, (i64::MIN, row)));
            *observed += row.observed_s;
            *expected += row.expected_s;
            if missing > worst.0 {
                *worst = (missing, row);
            }
        }
        let hundred = Rational::from_integer(100.into());
        let below = |(_, (observed, expected, _)): &(_, Seen<'_>)| {
            let covered = Rational::from_integer((*observed).into()) * &hundred;
            covered < self.coverage * Rational::from_integer((*expected).into())
        };
        seen.into_iter()
            .filter(below)
            .map(
                |((contract, meter), (observed_s, expected_s, (_, row)))| Blocker::Coverage {
                    contract: contract.to_owned(),
                    meter: meter.to_owned(),
                    observed_s,
                    expected_s,
                    worst: named(&row.resource_name, &row.resource),
                },
            )
            .collect()
    }

    /// What nobody owns stands against everyone's closing; against one contract's only where the reason names it, for then it may be that contract's.
    fn may_be_meant(&self, reason: &str) -> bool {
        let Whose::Only(contracts) = self.whose else {
            return true;
        };
        let ends =
            |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
        contracts.iter().any(|contract| {
            reason.match_indices(contract.as_str()).any(|(i, _)| {
                let after = i + contract.len();
                ends(reason[..i].chars().next_back()) && ends(reason[after..].chars().next())
            })
        })
    }

    /// Projects with usage that nobody owns, and what it would cost.
    fn unattributed(&self) -> Vec<Blocker> {
        let mut all = Vec::new();
        for ((source, scope), reasons) in &self.dated.computed.unattributed {
            if !reasons.iter().any(|r| self.may_be_meant(r)) {
                continue;
            }
            let rows: Vec<&UsageRow> = self
                .rows()
                .iter()
                .filter(|r| r.tenant == UNATTRIBUTED && r.source == *source && r.scope == *scope)
                .collect();
            let largest = rows.iter().max_by_key(|r| (r.expected_s, r.quantity));
            let name = rows.first().map_or("", |r| r.scope_name.as_str());
            all.push(Blocker::Unattributed {
                source: source.clone(),
                scope: named(name, scope),
                rows: rows.len(),
                largest: largest.map_or_else(String::new, |r| {
                    let (number, unit) = readable(r.quantity, &r.unit);
                    format!("{number} {unit} of {}", r.meter)
                }),
                reasons: reasons.iter().cloned().collect(),
            });
        }
        if let Some((rated, book)) = self.priced {
            let nobodys = rated.bills.iter().filter(|b| b.tenant == UNATTRIBUTED);
            all.extend(nobodys.map(|b| Blocker::UnattributedMoney {
                lines: b.lines.len(),
                amount: format!(
                    "{} {}",
                    units_to_text(b.total, book.decimals),
                    book.currency
                ),
            }));
        }
        all
    }
}

fn named(name: &str, id: &str) -> String {
    if name.is_empty() {
        id.to_owned()
    } else {
        format!("{name} ({id})")
    }
}

#[cfg(test)]
#[path = "close_tests.rs"]
mod tests;
