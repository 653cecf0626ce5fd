//! Closing a month: what stands against it, each with its size.

use super::metered::Dated;
use crate::{
    domain::{
        Outcome, PassMode, Period, Ts, UsageRow,
        bill::Rated,
        money::Rational,
        ownership::UNATTRIBUTED,
        price::PriceBook,
        usage::{coverage, readable},
    },
    store::ListStatus,
};
use serde::{Deserialize, Serialize};
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
}

impl Judged<'_> {
    /// The blockers, by kind.
    #[must_use]
    pub fn blockers(&self) -> Vec<Blocker> {
        let mut all = self.unread();
        all.extend(self.uncovered());
        all.extend(self.unattributed());
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

    /// Projects with usage that nobody owns, and what it would cost.
    fn unattributed(&self) -> Vec<Blocker> {
        let mut all = Vec::new();
        for ((source, scope), reasons) in &self.dated.computed.unattributed {
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
                    crate::domain::money::units_to_text(b.total, book.decimals),
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

/// That a month is to be closed, as it was decided: what the rest follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun<F> {
    /// Facts stored no later than this count.
    pub as_of: Ts,
    /// Why it is closed all the same; empty where nothing stands against it.
    pub accepted: String,
    /// What stands against it, in words.
    pub blockers: Vec<String>,
    /// The forms of files that are kept.
    pub forms: Vec<F>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Pass, bill::Metered, usage::Usage},
        periods::{differences::Differences, usage::Computed},
    };

    fn october() -> Period {
        Period::month("2026-10", chrono_tz::UTC).unwrap()
    }

    fn row(contract: &str, resource: &str, observed_s: i64, expected_s: i64) -> UsageRow {
        UsageRow {
            id: resource.into(),
            tenant: "acme".into(),
            contract: contract.into(),
            scope: "p".into(),
            scope_name: "d/p".into(),
            source: "nordic-1".into(),
            kind: "server".into(),
            resource: resource.into(),
            resource_name: String::new(),
            meter: "compute.instance".into(),
            unit: "s".into(),
            dimensions: BTreeMap::new(),
            quantity: observed_s.into(),
            observed_s,
            expected_s,
        }
    }

    fn dated(rows: Vec<UsageRow>) -> Dated {
        let usage = Usage {
            month: "2026-10".into(),
            time_zone: "UTC".into(),
            as_of: october().to,
            rows,
        };
        let computed = Computed {
            usage: Usage {
                rows: Vec::new(),
                ..usage.clone()
            },
            differences: Differences::default(),
            unobserved: BTreeMap::new(),
            unattributed: BTreeMap::new(),
            facts: String::new(),
            unmarked: Vec::new(),
            violations: BTreeSet::new(),
        };
        Dated {
            metered: Metered::undated(usage),
            computed,
        }
    }

    fn list(name: &str, mode: PassMode, outcome: Outcome, watermark: Option<Ts>) -> ListStatus {
        let started = october().to;
        ListStatus {
            cloud: "nordic-1".into(),
            list: name.into(),
            watermark,
            suspect: 3,
            failed: 0,
            last: Pass {
                id: 1,
                cloud: "nordic-1".into(),
                service: String::new(),
                region: String::new(),
                list: name.into(),
                mode,
                started,
                finished: started,
                watermark: started,
                skew_us: 0,
                outcome,
                items: 0,
                facts: 0,
                requests: 0,
                bytes: 0,
                error: "it shows nothing".into(),
                cursor: String::new(),
                collector: String::new(),
            },
        }
    }

    fn judged(dated: &Dated, lists: &[ListStatus], coverage: i64, sources: &[&str]) -> Vec<String> {
        let judged = Judged {
            period: &october(),
            dated,
            priced: None,
            lists,
            sources: sources.iter().copied().collect(),
            coverage: &Rational::from_integer(coverage.into()),
        };
        judged.blockers().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_block_until_they_were_read_to_the_end() {
        let end = october().to;
        let (full, done) = (PassMode::Full, Outcome::Complete);
        let lists = [
            list("servers", full, done, Some(end)),
            list(
                "volumes",
                PassMode::Changes,
                done,
                Some(end.plus_seconds(-5_400)),
            ),
            list("images", full, Outcome::Failed, None),
            list("routers", full, Outcome::Suspect, Some(end)),
            // Neither a queue nor what was deleted bounds usage.
            list("notifications", PassMode::Events, done, None),
            list("servers.deleted", PassMode::Deleted, done, None),
        ];
        let told = judged(&dated(Vec::new()), &lists, 99, &["nordic-1"]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("volumes of nordic-1") && told[0].contains("1.50 h short"));
        assert!(
            told[1].contains("images of nordic-1 was never read") && told[1].contains("744.00 h")
        );
        assert!(
            told[2].contains("routers of nordic-1 is suspect (3 passes so far): it shows nothing")
        );
        // A source that is neither configured nor has usage in the month is not asked for.
        assert!(judged(&dated(Vec::new()), &lists, 99, &[]).is_empty());
        assert_eq!(
            judged(&dated(vec![row("C", "a", 1, 1)]), &lists, 99, &[]).len(),
            3
        );
    }

    #[test]
    fn coverage_is_that_of_each_contract_and_meter() {
        let rows = vec![
            row("CO-1", "whole", 99_000, 99_000),
            row("CO-1", "gap", 0, 1_000),
            row("CO-2", "worse", 980, 1_000),
        ];
        let of = dated(rows);
        // 99 of 100: at the threshold is not below it.
        let told = judged(&of, &[], 99, &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        let [one] = &told[..] else { panic!() };
        assert!(
            one.contains("compute.instance of contract CO-2 was observed for 98.00 %"),
            "{one}"
        );
        assert!(one.contains("most of them of worse"), "{one}");
        let told = judged(&of, &[], 100, &[]);
        assert!(
            told[0].contains("CO-1 was observed for 99.00 %") && told[0].contains("of gap"),
            "{told:?}"
        );
        assert!(judged(&of, &[], 0, &[]).is_empty());
    }
}
