//! A price book as it is written. These types are its schema: their comments are its descriptions.

use crate::{
    config::{
        leaf::{Day, Decimal, Moment, Seconds, Zone},
        raw::Part,
    },
    domain::price::{Count, PricePeriod, PriceUnit, Quantity},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A price book: what each meter costs. Every change is a new book or a new date, never an edit of what was billed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Book {
    /// Its name, shown on bills and exports.
    pub(super) name: Part<String>,
    /// ISO 4217: EUR. One book, one currency; a contract in another currency has a book of its own.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"), example = &"EUR")]
    pub(super) currency: Part<String>,
    /// The calendar of its dates and examples. Must be that of the configuration. Default: the configuration's; UTC where there is none.
    pub(super) time_zone: Option<Part<Zone>>,
    /// The first day it may price, in the provider's time zone. A month that begins before is refused.
    pub(super) valid_from: Part<Day>,
    /// The first day that it may price no more. A month that ends after it is refused. Default: none.
    pub(super) valid_to: Option<Part<Day>>,
    /// The one declared rounding. Default: each line, 2 decimals, half_up.
    #[serde(default)]
    pub(super) rounding: Part<Round>,
    /// Meters of usage that comes from elsewhere (backups, licences), by name, so that their prices can be checked.
    #[serde(default)]
    pub(super) meters: BTreeMap<String, Part<Foreign>>,
    /// The prices of usage. A meter without any is measured, not sold.
    pub(super) prices: Vec<Part<Line>>,
    /// Fixed fees.
    #[serde(default)]
    pub(super) fees: Vec<Part<Fee>>,
    /// Percentages of other lines, such as support.
    #[serde(default)]
    pub(super) percentages: Vec<Part<Percentage>>,
    /// What single contracts have agreed.
    #[serde(default)]
    pub(super) contracts: Vec<Part<Contract>>,
    /// Worked examples: usage, and what it must come to by hand. `plimsoll prices check` works them.
    #[serde(default)]
    pub(super) examples: Vec<Part<Example>>,
}

/// How amounts are rounded, once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Round {
    /// line: each line, and the total is their sum. invoice: the exact sum; what the shown lines differ by is a line of its own.
    pub(super) per: Per,
    /// Decimals of an amount.
    #[schemars(range(min = 0, max = 9))]
    pub(super) decimals: u32,
    /// half_up: halves away from zero. half_even: halves to the even neighbour.
    pub(super) mode: Mode,
    /// Totals are rounded to multiples of this, with a line of its own: 1 for whole kronor. Default: not at all.
    pub(super) total_to: Option<Decimal>,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            per: Per::Line,
            decimals: 2,
            mode: Mode::HalfUp,
            total_to: None,
        }
    }
}

/// What is rounded.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Per {
    /// Each line.
    Line,
    /// The invoice.
    Invoice,
}

/// How halves are rounded.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Away from zero.
    HalfUp,
    /// To the even neighbour.
    HalfEven,
}

/// A meter of usage that comes from elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Foreign {
    /// Its UCUM unit: By.s, s, {vcpu}.s for levels over time; By, {request} for amounts.
    #[schemars(regex(pattern = r"^(s|By|By\.s|\{[a-z_]+\}(\.s)?)$"), example = &"By.s")]
    pub(super) unit: String,
    /// What may be priced apart. Default: nothing.
    #[serde(default)]
    pub(super) dimensions: Vec<String>,
}

/// A price: `amount` per `per` `unit` per `period`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// Its key on bills; once in a book, but for versions that follow one another in time.
    #[schemars(example = &"FLAVOR-b2.c1r2")]
    pub(super) sku: String,
    /// Its name on bills.
    pub(super) name: String,
    /// The meter it prices. This or `service_unit`.
    #[schemars(example = &"compute.instance")]
    pub(super) meter: Option<String>,
    /// Prices the greatest of some meters of the same resource in place of one: max(vCPU, RAM / 4 GiB). Its `unit` is `service unit`.
    pub(super) service_unit: Option<Vec<Part<Share>>>,
    /// Dimensions of the meter, `source` or `project`, that must be equal; the price that matches most wins. Default: any.
    #[serde(default, rename = "match")]
    pub(super) matches: BTreeMap<String, String>,
    /// Money, exactly as written; never read through a float. This or `tiers`.
    pub(super) amount: Option<Part<Decimal>>,
    /// Per how many units. Default: 1.
    #[serde(default = "one")]
    pub(super) per: Decimal,
    /// Of what: instance, cluster, loadbalancer, address, vCPU, CPU (of Kubernetes), GPU, request, object, service unit, GB (10^9), GiB (2^30), TB, TiB.
    pub(super) unit: Part<Unit>,
    /// Per how long: hour, day, 30d (2,592,000 s), month (the calendar month at hand), none (amounts, not levels over time).
    pub(super) period: Part<Span>,
    /// Which seconds count: exact, or each unbroken stretch in started_minutes or started_hours. Default: exact.
    #[serde(default)]
    pub(super) count: Part<Counted>,
    /// What of a level counts: total (level x time), or peak (the most that the contract had at once, all month). Default: total.
    #[serde(default)]
    pub(super) quantity: Part<Charged>,
    /// So many units, held all month (of an amount: used in the month), cost the contract nothing. Default: 0.
    #[serde(default = "zero")]
    pub(super) included: Decimal,
    /// How the amount depends on the contract's total of the month. Default: flat, or graduated where there are tiers.
    pub(super) scheme: Option<How>,
    /// Tiers, from the lowest. The last one has no `up_to`.
    #[serde(default)]
    pub(super) tiers: Vec<Part<Tier>>,
    /// From this time on. Default: ever since.
    pub(super) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(super) to: Option<Moment>,
}

fn one() -> Decimal {
    Decimal("1".to_owned())
}

fn zero() -> Decimal {
    Decimal("0".to_owned())
}

/// How an amount depends on the month's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// Not at all.
    Flat,
    /// Each tier's part costs its own amount.
    Graduated,
    /// All of it costs the amount of the tier that the total is in.
    Volume,
    /// Each started package of `per` units costs `amount`.
    Package,
}

/// A tier.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    /// Up to so many units, held all month (of an amount: used in the month), beyond what is included. Default: without end.
    pub(super) up_to: Option<Decimal>,
    /// Money.
    pub(super) amount: Decimal,
}

/// A part of a service unit: so much of a meter makes one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Share {
    /// The meter.
    pub(super) meter: String,
    /// How many units of it make one service unit. Default: 1.
    #[serde(default = "one")]
    pub(super) per: Decimal,
    /// Of what.
    pub(super) unit: Unit,
}

/// A fixed fee.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fee {
    /// Its key on bills; once in a book, but for versions that follow one another in time.
    pub(super) sku: String,
    /// Its name on bills.
    pub(super) name: String,
    /// Money.
    pub(super) amount: Decimal,
    /// Per how long: hour, day, 30d, month. For part of a period, its part.
    pub(super) period: Part<Span>,
    /// Who pays: subscribed (contracts whose `subscriptions` name it) or every_contract. Default: subscribed.
    #[serde(default)]
    pub(super) charged: Who,
    /// From this time on. Default: ever since.
    pub(super) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(super) to: Option<Moment>,
}

/// A percentage of other lines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Percentage {
    /// Its key on bills; once in a book, but for versions that follow one another in time.
    pub(super) sku: String,
    /// Its name on bills.
    pub(super) name: String,
    /// How many hundredths.
    pub(super) percent: Decimal,
    /// Of the lines with these SKUs; `*` at the end stands for anything. Default: of all lines but percentages; rebates are taken off first.
    #[serde(default)]
    pub(super) of: Vec<String>,
    /// At least so much a month.
    pub(super) minimum: Option<Decimal>,
    /// Who pays: subscribed (contracts whose `subscriptions` name it) or every_contract. Default: subscribed.
    #[serde(default)]
    pub(super) charged: Who,
    /// From this time on. Default: ever since.
    pub(super) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(super) to: Option<Moment>,
}

/// Who is charged.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Who {
    /// Contracts that subscribed.
    #[default]
    Subscribed,
    /// Every contract.
    EveryContract,
}

/// What a contract has agreed, for a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Contract {
    /// The contract. It may stand again for another time.
    #[schemars(example = &"CO-001")]
    pub(super) contract: String,
    /// Fees and percentages it pays: SKU, and how many of it.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 1_000_000)))]
    pub(super) subscriptions: BTreeMap<String, u32>,
    /// Other amounts for flat prices of the list, by SKU.
    #[serde(default)]
    pub(super) amounts: BTreeMap<String, Decimal>,
    /// Prices of its own. They come before the list's, whatever those match.
    #[serde(default)]
    pub(super) prices: Vec<Part<Line>>,
    /// Rebates.
    #[serde(default)]
    pub(super) rebates: Vec<Part<Rebate>>,
    /// From this time on. Default: ever since.
    pub(super) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(super) to: Option<Moment>,
}

/// A rebate, which is a line of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rebate {
    /// Its key on bills.
    pub(super) sku: String,
    /// Its name on bills.
    pub(super) name: String,
    /// How many hundredths are taken off, up to 100.
    pub(super) percent: Decimal,
    /// Off the lines with these SKUs; `*` at the end stands for anything. Default: off all lines but percentages.
    #[serde(default)]
    pub(super) of: Vec<String>,
}

/// A worked example.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    /// What it shows.
    pub(super) name: String,
    /// The month.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}$"), example = &"2026-10")]
    pub(super) month: String,
    /// Whose terms hold. Default: the list alone.
    pub(super) contract: Option<String>,
    /// Fees and percentages taken besides.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 1_000_000)))]
    pub(super) subscriptions: BTreeMap<String, u32>,
    /// What is used.
    #[serde(default)]
    pub(super) usage: Vec<Part<Use>>,
    /// Amounts by SKU. If given, there are no others.
    #[serde(default)]
    #[schemars(inner(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$")))]
    pub(super) lines: BTreeMap<String, String>,
    /// What it comes to, worked out by hand.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"), example = &"17.50")]
    pub(super) total: String,
}

/// A described usage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Use {
    /// The meter.
    pub(super) meter: String,
    /// Its dimensions.
    #[serde(default)]
    pub(super) dimensions: BTreeMap<String, String>,
    /// How many units. Default: 1.
    #[serde(default = "one")]
    pub(super) quantity: Decimal,
    /// Of what.
    pub(super) unit: Part<Unit>,
    /// Uses with one name are of one resource. Default: a resource of its own.
    #[serde(default)]
    pub(super) resource: Option<String>,
    /// From this time on. Default: the month's beginning.
    pub(super) from: Option<Moment>,
    /// For so long. Default: to the month's end.
    pub(super) r#for: Option<Seconds>,
}

/// Declares an enumeration by the words that the domain knows, so that there is one list of them.
macro_rules! words {
    ($name:ident, $of:ty, $words:literal) => {
        #[doc = $words]
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(try_from = "String")]
        pub(in crate::config) struct $name(pub(super) $of);

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(word: String) -> Result<Self, String> {
                <$of>::ALL.iter().find(|(_, w)| *w == word).map(|(v, _)| Self(*v)).ok_or(word)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = <$of>::ALL.iter().map(|(_, w)| *w).collect();
                schemars::json_schema!({ "type": "string", "description": $words, "enum": words })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.0.as_str())
            }
        }
    };
}

words!(Unit, PriceUnit, "Units that prices are quoted in.");
words!(Span, PricePeriod, "Periods that prices are quoted for.");
words!(Counted, Count, "Which seconds count.");
words!(Charged, Quantity, "What of a level counts.");

impl Default for Counted {
    fn default() -> Self {
        Self(Count::Exact)
    }
}

impl Default for Charged {
    fn default() -> Self {
        Self(Quantity::Total)
    }
}
