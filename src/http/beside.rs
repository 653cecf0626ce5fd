//! What tenants use beside servers: volumes, images, addresses, balancers, shares, objects; as the first page shows it.

use crate::domain::{UsageRow, fact::kind, money::Rational};
use num_traits::Zero as _;
use std::collections::BTreeMap;

const HOUR_S: i128 = 3600;
const GIB_HOUR: i128 = HOUR_S << 30;

/// A column: what it is called, which meters it sums up, in which unit.
#[derive(Debug)]
pub struct Column {
    /// Its head.
    pub name: &'static str,
    /// For people.
    pub unit: &'static str,
    /// Base units times seconds in one of that unit.
    pub per: i128,
    meters: &'static [&'static str],
}

const fn column(
    name: &'static str,
    (unit, per): (&'static str, i128),
    meters: &'static [&'static str],
) -> Column {
    Column {
        name,
        unit,
        per,
        meters,
    }
}

const GIB: (&str, i128) = ("GiB-h", GIB_HOUR);

/// All of them, in the order of the page.
pub const COLUMNS: [Column; 7] = [
    column("Volumes", GIB, &["volume.capacity"]),
    column(
        "Snapshots, backups",
        GIB,
        &["snapshot.capacity", "backup.capacity"],
    ),
    column("Images", GIB, &["image.capacity"]),
    column("Shares", GIB, &["share.capacity"]),
    column("Objects", GIB, &["object.capacity"]),
    column(
        "Public addresses",
        ("address-h", HOUR_S),
        &["network.public_ipv4"],
    ),
    column("Load balancers", ("balancer-h", HOUR_S), &["loadbalancer"]),
];

/// The column that a meter is summed up in.
fn column_of(meter: &str) -> Option<usize> {
    COLUMNS.iter().position(|c| c.meters.contains(&meter))
}

/// Sums over the rows of everything beside servers, exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// By column of [`COLUMNS`].
    pub quantities: [i128; COLUMNS.len()],
    /// Seconds that were observed, once a resource and meter.
    pub observed_s: i128,
    /// Seconds that should have been.
    pub expected_s: i128,
}

impl Beside {
    /// Adds a row; one of a server is passed over.
    pub(super) fn add(&mut self, row: &UsageRow) {
        if let Some(at) = column_of(&row.meter) {
            self.quantities[at] += row.quantity;
            self.observed_s += i128::from(row.observed_s);
            self.expected_s += i128::from(row.expected_s);
        }
    }

    /// True when there is nothing to show.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.expected_s == 0
    }
}

/// One thing of a tenant.
#[derive(Debug, Clone)]
pub struct ThingRow {
    /// What it is: `volume`, `floating IP`.
    pub kind: String,
    /// Name for people; may be empty.
    pub name: String,
    /// The cloud's id.
    pub id: String,
    /// Project, by name if it has one.
    pub scope: String,
    /// Its types in the month: of volumes, networks, storage classes.
    pub types: Vec<String>,
    /// Base units times seconds.
    pub quantity: i128,
    /// Place in [`COLUMNS`].
    pub column: usize,
    /// What it costs.
    pub cost: Rational,
}

/// A tenant's things: those that cost most first, then by column and quantity.
pub(super) fn things(rows: &[&UsageRow], amounts: &BTreeMap<&str, Rational>) -> Vec<ThingRow> {
    let mut all: BTreeMap<(&str, &str, &str), ThingRow> = BTreeMap::new();
    for row in rows {
        let Some(column) = column_of(&row.meter) else {
            continue;
        };
        let thing = all
            .entry((&row.source, &row.kind, &row.resource))
            .or_insert_with(|| ThingRow {
                kind: kind_word(&row.kind).to_owned(),
                name: String::new(),
                id: row.resource.to_string(),
                scope: String::new(),
                types: Vec::new(),
                quantity: 0,
                column,
                cost: Rational::zero(),
            });
        thing.name = row.resource_name.to_string();
        thing.scope = super::overview::named(&row.scope_name, &row.scope).to_owned();
        thing.quantity += row.quantity;
        let words = ["type", "network", "class", "pool", "flavor"];
        let label = words.iter().find_map(|d| row.dimensions.get(*d));
        if let Some(label) = label.filter(|l| !l.is_empty() && !thing.types.contains(l)) {
            thing.types.push(label.clone());
        }
        if let Some(amount) = amounts.get(row.id.as_str()) {
            thing.cost += amount;
        }
    }
    let mut all: Vec<ThingRow> = all.into_values().collect();
    all.sort_by(|a, b| {
        (&b.cost, a.column, b.quantity, &a.id).cmp(&(&a.cost, b.column, a.quantity, &b.id))
    });
    all
}

/// A kind as people call it.
fn kind_word(word: &str) -> &str {
    match word {
        kind::FLOATING_IP => "floating IP",
        kind::ROUTER => "router's gateway",
        kind::LOAD_BALANCER => "load balancer",
        kind::ACCOUNT => "object account",
        other => other,
    }
}
