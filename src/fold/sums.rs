//! The exact sums of a period: what each resource used, row by row or in total, and a check that what was dealt out is what there was.

use super::billed::{Billed, billed};
use super::measure::{
    Counted, Dealer, Moment, UNOBSERVED, Window, counted, dimensions, level, moments,
};
use super::nodes::dimension;
use crate::domain::{
    Life, Meter, Meters, Owner, Shared, Sharing, Ts, UsageRow,
    meter::Kind,
    ownership::{Scopes, UNATTRIBUTED},
};
use std::collections::{BTreeMap, BTreeSet};

/// What one meter counts of one resource, for one owner, with one set of dimensions.
pub struct Row<'a> {
    /// Which meter.
    pub meter: &'a Meter,
    /// Who pays.
    pub owner: &'a Owner,
    /// The cloud's own owner.
    pub scope: &'a str,
    /// Its name for people.
    pub scope_name: &'a str,
    /// Level x seconds: exact.
    pub quantity: i128,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
    of: Of<'a>,
}

/// What a row's dimensions are taken from.
#[derive(Clone, Copy)]
enum Of<'a> {
    Moment(&'a Moment<'a>),
    Amount(&'a Counted<'a>),
    Billed(&'a Billed<'a>),
}

impl Row<'_> {
    fn dimension(&self, name: &str) -> &str {
        match self.of {
            Of::Moment(m) => m.dimension(name),
            Of::Amount(c) => c.dimension(name),
            Of::Billed(b) => b.dimension(name),
        }
    }

    /// True when the meter has that dimension, with that value.
    #[must_use]
    pub fn has(&self, dimension: &str, value: &str) -> bool {
        self.meter.dimensions.iter().any(|d| d == dimension) && self.dimension(dimension) == value
    }

    /// What may be priced apart.
    #[must_use]
    pub fn dimensions(&self) -> BTreeMap<String, String> {
        match self.of {
            Of::Moment(m) => dimensions(self.meter, m),
            Of::Amount(c) => c.dimensions(self.meter),
            Of::Billed(b) => b.dimensions(self.meter),
        }
    }

    /// True where both are one row: a meter need not tell apart what the moments do.
    fn is_same(&self, other: &Self) -> bool {
        let same = |d: &String| self.dimension(d) == other.dimension(d);
        self.owner.tenant() == other.owner.tenant()
            && self.owner.contract() == other.owner.contract()
            && self.scope == other.scope
            && self.meter.dimensions.iter().all(same)
    }
}

/// One owner's share of like moments.
struct Share<'a> {
    scope_name: &'a str,
    owner: &'a Owner,
    observed_s: i64,
    expected_s: i64,
}

/// Moments that differ in nothing but time, added up.
struct Alike<'a> {
    moment: &'a Moment<'a>,
    /// Seconds observed, whoever owns them.
    observed_s: i64,
    shares: Vec<Share<'a>>,
}

/// By meter: what there was, and what was dealt out to owners.
#[derive(Debug, Default)]
pub struct Ledger {
    by_meter: BTreeMap<String, [i128; 2]>,
    /// By source: seconds up to the watermark that nobody observed, each meter's counted.
    pub unobserved: BTreeMap<String, i64>,
    /// True once a sum left 128 bits: then the result is not to be used.
    pub overflowed: bool,
}

impl Ledger {
    /// Adds one resource, and gives `take` its rows: by meter, then by when they first count.
    pub fn measure(
        &mut self,
        life: &Life<'_>,
        meters: &Meters,
        scopes: &Scopes,
        window: &Window,
        mut take: impl FnMut(&Row<'_>),
    ) {
        let moments = moments(life);
        let mut unobserved_s = 0;
        let alike = alike(&moments, &life.key.cloud, scopes, window);
        for meter in meters.of_kind(&life.key.kind) {
            let (mut there, mut dealt) = (0_i128, 0_i128);
            let counted: Vec<Counted<'_>> = counted(life, meter, scopes).collect();
            let how = meter.billed.as_ref().and_then(|b| b.by);
            let chosen = how.map_or_else(Vec::new, |how| {
                billed((meter, how), life, &moments, meters, scopes)
            });
            let mut rows: Vec<Row<'_>> = Vec::new();
            for a in &alike {
                let Some((level, observed)) = level(meter, a.moment) else {
                    continue;
                };
                let level = i128::from(level);
                there = self.sum(there, level * i128::from(a.observed_s));
                for share in a.shares.iter().filter(|s| s.expected_s > 0) {
                    let observed_s = if observed { share.observed_s } else { 0 };
                    unobserved_s += share.observed_s - observed_s;
                    let quantity = level * i128::from(observed_s);
                    dealt = self.sum(dealt, quantity);
                    let row = Row {
                        meter,
                        owner: share.owner,
                        scope: a.moment.scope,
                        scope_name: share.scope_name,
                        quantity,
                        observed_s,
                        expected_s: share.expected_s,
                        of: Of::Moment(a.moment),
                    };
                    self.join(&mut rows, row);
                }
            }
            for c in &counted {
                let (start, end) = (c.amount.start, Some(c.amount.end));
                let seconds = window.seconds(start, end, Ts::MAX);
                let times = match meter.kind {
                    Kind::Level => seconds,
                    Kind::Amount => i64::from(window.begins_inside(start)),
                };
                let observed = c.amount.gap.is_empty();
                // What was counted belongs to one period; what was not observed is missing in each that it touches.
                if seconds == 0 || observed && times == 0 {
                    continue;
                }
                let observed_s = if observed { seconds } else { 0 };
                unobserved_s += seconds - observed_s;
                let quantity = i128::from(c.quantity) * i128::from(times);
                there = self.sum(there, quantity);
                dealt = self.sum(dealt, quantity);
                let row = Row {
                    meter,
                    owner: c.owner,
                    scope: c.scope,
                    scope_name: c.scope_name,
                    quantity,
                    observed_s,
                    expected_s: seconds,
                    of: Of::Amount(c),
                };
                self.join(&mut rows, row);
            }
            for b in &chosen {
                let observed_to = if b.observed {
                    window.watermark
                } else {
                    Ts::MIN
                };
                let observed_s = window.seconds(b.start, b.end, observed_to);
                let expected_s = window.seconds(b.start, b.end, window.as_of.max(window.watermark));
                if expected_s == 0 {
                    continue;
                }
                unobserved_s += window.seconds(b.start, b.end, window.watermark) - observed_s;
                let quantity = i128::from(b.level) * i128::from(observed_s);
                there = self.sum(there, quantity);
                dealt = self.sum(dealt, quantity);
                let row = Row {
                    meter,
                    owner: b.owner,
                    scope: b.scope,
                    scope_name: b.scope_name,
                    quantity,
                    observed_s,
                    expected_s,
                    of: Of::Billed(b),
                };
                self.join(&mut rows, row);
            }
            rows.iter().for_each(&mut take);
            self.enter(&meter.name, there, dealt);
        }
        match self.unobserved.get_mut(&life.key.cloud) {
            Some(seconds) => *seconds += unobserved_s,
            None => {
                let source = life.key.cloud.clone();
                self.unobserved.insert(source, unobserved_s);
            }
        }
    }

    /// Adds a row to the one that is the same, if there is one.
    fn join<'a>(&mut self, rows: &mut Vec<Row<'a>>, row: Row<'a>) {
        match rows.iter_mut().find(|r| r.is_same(&row)) {
            Some(same) => {
                same.quantity = self.sum(same.quantity, row.quantity);
                same.observed_s += row.observed_s;
                same.expected_s += row.expected_s;
            }
            None => rows.push(row),
        }
    }

    /// Enters what there was of a meter's quantity, and what of it was dealt out.
    pub fn enter(&mut self, meter: &str, there: i128, dealt: i128) {
        if !self.by_meter.contains_key(meter) {
            self.by_meter.insert(meter.to_owned(), [0; 2]);
        }
        let [a, b] = self.by_meter[meter];
        let sums = [self.sum(a, there), self.sum(b, dealt)];
        if let Some(kept) = self.by_meter.get_mut(meter) {
            *kept = sums;
        }
    }

    /// A sum that may be too large: then the first part, and it is noted.
    fn sum(&mut self, a: i128, b: i128) -> i128 {
        a.checked_add(b).unwrap_or_else(|| {
            self.overflowed = true;
            a
        })
    }

    /// Invariant 3: the rows of each meter sum to what was measured before it was dealt out to owners.
    #[must_use]
    pub fn conserved(&self) -> bool {
        self.by_meter.values().all(|[there, dealt]| there == dealt)
    }
}

/// Adds up what is alike: a life goes through few states and sizes, again and again.
fn alike<'a>(
    moments: &'a [Moment<'a>],
    cloud: &'a str,
    scopes: &'a Scopes,
    window: &Window,
) -> Vec<Alike<'a>> {
    let expected_to = window.as_of.max(window.watermark);
    let mut dealer = Dealer::new(cloud, scopes);
    let mut all: Vec<Alike<'_>> = Vec::new();
    for moment in moments {
        let i = all
            .iter()
            .position(|a| a.moment.is_like(moment))
            .unwrap_or_else(|| {
                all.push(Alike {
                    moment,
                    observed_s: 0,
                    shares: Vec::new(),
                });
                all.len() - 1
            });
        let like = &mut all[i];
        like.observed_s += window.seconds(moment.start, moment.end, window.watermark);
        dealer.deal(moment, |start, end, scope_name, owner| {
            let observed_s = window.seconds(start, end, window.watermark);
            let expected_s = window.seconds(start, end, expected_to);
            match like.shares.iter_mut().find(|s| s.owner == owner) {
                Some(share) => {
                    share.observed_s += observed_s;
                    share.expected_s += expected_s;
                }
                None => like.shares.push(Share {
                    scope_name,
                    owner,
                    observed_s,
                    expected_s,
                }),
            }
        });
    }
    all
}

/// What rows of several resources have in common, in the order of usage: tenant, contract, scope, source, kind.
type Group = [Shared; 5];

/// The rows of many resources, sorted.
#[derive(Debug)]
pub struct Sums {
    month: String,
    groups: BTreeMap<Group, Vec<UsageRow>>,
    sharing: Sharing,
    /// What was added.
    pub ledger: Ledger,
}

impl Sums {
    /// Nothing yet, of this month.
    #[must_use]
    pub fn new(month: &str) -> Self {
        Self {
            month: month.to_owned(),
            groups: BTreeMap::new(),
            sharing: Sharing::default(),
            ledger: Ledger::default(),
        }
    }

    /// The rows, sorted.
    #[must_use]
    pub fn into_rows(self) -> Vec<UsageRow> {
        let mut rows = Vec::with_capacity(self.groups.values().map(Vec::len).sum());
        for mut group in self.groups.into_values() {
            // Nearly sorted already: resources come in the order of their ids, and each one's rows by meter.
            group.sort_by(|a, b| {
                (&a.resource, &a.meter, &a.dimensions).cmp(&(&b.resource, &b.meter, &b.dimensions))
            });
            rows.append(&mut group);
        }
        rows
    }
}

impl Summing for Sums {
    fn add(
        &mut self,
        life: &Life<'_>,
        name: &str,
        meters: &Meters,
        scopes: &Scopes,
        window: &Window,
    ) {
        let (key, sharing) = (life.key, &mut self.sharing);
        let (resource, name) = (Shared::from(key.resource.as_str()), Shared::from(name));
        let mut rows = Vec::new();
        self.ledger.measure(life, meters, scopes, window, |r| {
            rows.push(UsageRow {
                id: String::new(),
                tenant: sharing.text(r.owner.tenant()),
                contract: sharing.text(r.owner.contract()),
                scope: sharing.text(r.scope),
                scope_name: sharing.text(r.scope_name),
                source: sharing.text(&key.cloud),
                kind: sharing.text(&key.kind),
                resource: resource.clone(),
                resource_name: name.clone(),
                meter: sharing.text(&r.meter.name),
                unit: sharing.text(&r.meter.unit),
                dimensions: sharing.map(r.dimensions()),
                quantity: r.quantity,
                observed_s: r.observed_s,
                expected_s: r.expected_s,
            });
        });
        for mut row in rows {
            row.id = UsageRow::id_of(&self.month, &row);
            self.add_row(row);
        }
    }

    fn add_row(&mut self, row: UsageRow) {
        let group = [
            &row.tenant,
            &row.contract,
            &row.scope,
            &row.source,
            &row.kind,
        ];
        self.groups
            .entry(group.map(Clone::clone))
            .or_default()
            .push(row);
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }
}

/// What can be summed up from lives.
pub trait Summing {
    /// Adds one resource.
    fn add(
        &mut self,
        life: &Life<'_>,
        name: &str,
        meters: &Meters,
        scopes: &Scopes,
        window: &Window,
    );

    /// Adds a row that is of several resources together: of its meter and what it is a part of. It is entered in the ledger already.
    fn add_row(&mut self, row: UsageRow);

    /// What was added.
    fn ledger(&self) -> &Ledger;

    /// Where what was there and what was dealt out is entered.
    fn ledger_mut(&mut self) -> &mut Ledger;
}

/// The sum of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// Level x seconds: exact.
    pub quantity: i128,
    /// Seconds observed.
    pub observed_s: i64,
    /// Seconds that should have been observed.
    pub expected_s: i64,
    /// Of the seconds expected and not observed, those of rows without a flavor: nobody saw which it was.
    pub flavorless_s: i64,
}

/// The rows of many resources, by tenant, contract, meter and unit: as little memory as there are tenants, however many resources.
#[derive(Debug, Default)]
pub struct Totals {
    /// (tenant, contract, meter, unit) -> sum.
    pub by: BTreeMap<[String; 4], Total>,
    /// (source, scope id) of usage that nobody owns.
    pub unattributed: BTreeSet<(String, String)>,
    /// What was added.
    pub ledger: Ledger,
}

impl Summing for Totals {
    fn add(&mut self, life: &Life<'_>, _: &str, meters: &Meters, scopes: &Scopes, window: &Window) {
        let mut overflowed = false;
        let (by, unattributed) = (&mut self.by, &mut self.unattributed);
        self.ledger.measure(life, meters, scopes, window, |r| {
            let (tenant, contract) = (r.owner.tenant(), r.owner.contract());
            let key = [tenant, contract, &r.meter.name, &r.meter.unit].map(str::to_owned);
            let total = by.entry(key).or_default();
            match total.quantity.checked_add(r.quantity) {
                Some(quantity) => total.quantity = quantity,
                None => overflowed = true,
            }
            total.observed_s += r.observed_s;
            total.expected_s += r.expected_s;
            if r.has("flavor", UNOBSERVED) {
                total.flavorless_s += r.expected_s - r.observed_s;
            }
            if matches!(r.owner, Owner::Unattributed { .. }) {
                unattributed.insert((life.key.cloud.clone(), r.scope.to_owned()));
            }
        });
        self.ledger.overflowed |= overflowed;
    }

    fn add_row(&mut self, row: UsageRow) {
        let part = row.dimensions.get(dimension::PART);
        let meter = part.map_or_else(|| row.meter.to_string(), |p| format!("{} ({p})", row.meter));
        if row.tenant == UNATTRIBUTED {
            self.unattributed
                .insert((row.source.to_string(), row.scope.to_string()));
        }
        let total = self
            .by
            .entry([
                row.tenant.to_string(),
                row.contract.to_string(),
                meter,
                row.unit.to_string(),
            ])
            .or_default();
        match total.quantity.checked_add(row.quantity) {
            Some(quantity) => total.quantity = quantity,
            None => self.ledger.overflowed = true,
        }
        total.observed_s += row.observed_s;
        total.expected_s += row.expected_s;
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }
}
