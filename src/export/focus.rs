//! Lines as FOCUS 1.2 has them (FinOps Open Cost and Usage Specification, dataset CostAndUsage), with columns of our own (`x_`) for coverage and evidence.
//!
//! Usage that is not sold is no charge and has no line. Costs are products of quantity and unit price at twelve decimals, as the specification asks;
//! `BilledCost` is what the price book's rounding makes of a line, so its sum is the bill.

use super::{
    lines::amount,
    table::{Column, Kind, SCALE, Table, Value},
};
use crate::domain::{
    Charge, Period,
    charge::{Class, Priced},
    money::{Rational, Rounding, exact_text, round_to_units},
    ownership::UNATTRIBUTED,
};
use num_bigint::BigInt;
use num_traits::Zero as _;
use std::collections::BTreeMap;

const fn must(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: true,
    }
}

const fn may(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: false,
    }
}

const MONEY: Kind = Kind::Decimal(SCALE);

/// The columns, in the order of their names; then ours.
pub(super) const COLUMNS: [Column; 56] = [
    may("AvailabilityZone", Kind::Text),
    must("BilledCost", MONEY),
    must("BillingAccountId", Kind::Text),
    may("BillingAccountName", Kind::Text),
    must("BillingAccountType", Kind::Text),
    must("BillingCurrency", Kind::Text),
    must("BillingPeriodEnd", Kind::Time),
    must("BillingPeriodStart", Kind::Time),
    must("ChargeCategory", Kind::Text),
    may("ChargeClass", Kind::Text),
    may("ChargeDescription", Kind::Text),
    must("ChargeFrequency", Kind::Text),
    must("ChargePeriodEnd", Kind::Time),
    must("ChargePeriodStart", Kind::Time),
    may("ConsumedQuantity", MONEY),
    may("ConsumedUnit", Kind::Text),
    must("ContractedCost", MONEY),
    may("ContractedUnitPrice", MONEY),
    must("EffectiveCost", MONEY),
    must("InvoiceIssuerName", Kind::Text),
    must("ListCost", MONEY),
    may("ListUnitPrice", MONEY),
    may("PricingCategory", Kind::Text),
    may("PricingQuantity", MONEY),
    may("PricingUnit", Kind::Text),
    must("ProviderName", Kind::Text),
    must("PublisherName", Kind::Text),
    may("RegionId", Kind::Text),
    may("RegionName", Kind::Text),
    may("ResourceId", Kind::Text),
    may("ResourceName", Kind::Text),
    may("ResourceType", Kind::Text),
    must("ServiceCategory", Kind::Text),
    must("ServiceName", Kind::Text),
    must("ServiceSubcategory", Kind::Text),
    may("SkuId", Kind::Text),
    may("SkuMeter", Kind::Text),
    may("SkuPriceDetails", Kind::Text),
    may("SkuPriceId", Kind::Text),
    may("SubAccountId", Kind::Text),
    may("SubAccountName", Kind::Text),
    may("SubAccountType", Kind::Text),
    must("x_Class", Kind::Text),
    may("x_Corrects", Kind::Text),
    must("x_Dimensions", Kind::Text),
    must("x_ExactAmount", Kind::Text),
    must("x_ExpectedSeconds", Kind::Whole),
    must("x_LineId", Kind::Text),
    may("x_Meter", Kind::Text),
    must("x_Month", Kind::Text),
    must("x_ObservedSeconds", Kind::Whole),
    may("x_PriceInWords", Kind::Text),
    may("x_PricedPer", Kind::Text),
    must("x_Quantity", Kind::Decimal(0)),
    must("x_Tenant", Kind::Text),
    must("x_Unit", Kind::Text),
];

/// FOCUS 1.2 of one billing month.
pub(super) struct Focus<'f> {
    /// Who provides, publishes and issues.
    pub(super) provider: &'f str,
    /// The month.
    pub(super) period: &'f Period,
}

impl Table for Focus<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn line(&self, c: &Charge) -> Option<Vec<Value>> {
        if !c.has_money() {
            return None;
        }
        let text = |t: &str| Value::Text(t.to_owned());
        let account = if c.contract.is_empty() {
            UNATTRIBUTED
        } else {
            &c.contract
        };
        let costs = Costs::of(c);
        let [category, subcategory, service] = service(c);
        let consumed = (c.class == Class::Usage).then(|| consumed(c.quantity, &c.unit));
        let dimensions = serde_json::to_string(&c.dimensions).unwrap_or_default();
        let sub_account = !c.scope.is_empty();
        let zone = c.dimensions.get("az").map_or("", String::as_str);
        let provider = text(self.provider);
        Some(vec![
            Value::told(zone),
            Value::decimal(&costs.billed, SCALE),
            text(account),
            Value::told(&c.tenant),
            text("Contract"),
            text(&c.currency),
            Value::Time(self.period.to),
            Value::Time(self.period.from),
            text(charge_category(c.class)),
            Value::told(if c.corrects.is_empty() {
                ""
            } else {
                "Correction"
            }),
            Value::told(&c.name),
            text(frequency(c.class)),
            Value::Time(c.to),
            Value::Time(c.from),
            consumed
                .as_ref()
                .map_or(Value::Null, |(q, _)| Value::decimal(q, SCALE)),
            Value::told(consumed.as_ref().map_or("", |(_, unit)| unit)),
            Value::decimal(&costs.contracted, SCALE),
            costs.price(|p| &p.contracted),
            Value::decimal(&costs.billed, SCALE),
            provider.clone(),
            Value::decimal(&costs.list, SCALE),
            costs.price(|p| &p.list),
            Value::told(if costs.priced.is_some() {
                "Standard"
            } else {
                ""
            }),
            costs.price(|p| &p.quantity),
            Value::told(
                &costs
                    .priced
                    .as_ref()
                    .map_or(String::new(), |_| pricing_unit(&c.priced)),
            ),
            provider.clone(),
            provider,
            Value::told(&c.source),
            Value::told(&c.source),
            Value::told(&c.resource),
            Value::told(&c.resource_name),
            Value::told(&c.kind),
            text(category),
            text(service),
            text(subcategory),
            Value::told(&c.sku),
            Value::told(if c.meter.is_empty() { &c.sku } else { &c.meter }),
            costs.priced.as_ref().map_or(Value::Null, |_| details(c)),
            Value::told(&c.sku),
            Value::told(&c.scope),
            Value::told(&c.scope_name),
            Value::told(if sub_account { "Project" } else { "" }),
            text(c.class.as_str()),
            Value::told(&c.corrects),
            Value::Text(dimensions),
            Value::Text(exact_text(&c.exact)),
            Value::Whole(c.expected_s),
            text(&c.id),
            Value::told(&c.meter),
            text(&c.month),
            Value::Whole(c.observed_s),
            Value::told(&c.price),
            Value::told(&c.priced.words()),
            Value::Decimal(c.quantity),
            text(&c.tenant),
            text(&c.unit),
        ])
    }
}

/// What a line costs by the specification's measures.
struct Costs {
    billed: Rational,
    contracted: Rational,
    list: Rational,
    priced: Option<Prices>,
}

/// Quantity and unit prices, as they are written.
struct Prices {
    quantity: Rational,
    contracted: Rational,
    list: Rational,
}

impl Costs {
    fn of(c: &Charge) -> Self {
        let billed = amount(c);
        // A credit, a rounding and a correction have a cost and no price.
        let has_price = matches!(c.class, Class::Usage | Class::Fee | Class::Percentage);
        if !has_price || !c.corrects.is_empty() {
            return Self {
                contracted: billed.clone(),
                list: billed.clone(),
                billed,
                priced: None,
            };
        }
        let Priced {
            quantity,
            amount,
            list,
            ..
        } = &c.priced;
        let (quantity, contracted, list) = (written(quantity), written(amount), written(list));
        Self {
            billed,
            contracted: &quantity * &contracted,
            list: &quantity * &list,
            priced: Some(Prices {
                quantity,
                contracted,
                list,
            }),
        }
    }

    fn price(&self, of: fn(&Prices) -> &Rational) -> Value {
        self.priced
            .as_ref()
            .map_or(Value::Null, |p| Value::decimal(of(p), SCALE))
    }
}

/// A number as it is written, so that products are of what readers see.
fn written(value: &Rational) -> Rational {
    let units = round_to_units(value, SCALE, Rounding::HalfUp);
    if units.is_zero() {
        return Rational::zero();
    }
    Rational::new(units, BigInt::from(10).pow(SCALE))
}

const fn charge_category(class: Class) -> &'static str {
    match class {
        Class::Measured | Class::Usage => "Usage",
        Class::Fee | Class::Percentage => "Purchase",
        Class::Rebate | Class::Credit => "Credit",
        Class::Rounding => "Adjustment",
    }
}

const fn frequency(class: Class) -> &'static str {
    match class {
        Class::Measured | Class::Usage => "Usage-Based",
        Class::Fee | Class::Percentage | Class::Rebate => "Recurring",
        Class::Rounding | Class::Credit => "One-Time",
    }
}

/// Service category, subcategory and name, by the meter.
fn service(c: &Charge) -> [&'static str; 3] {
    const BY_METER: [(&str, [&str; 3]); 12] = [
        ("compute.", ["Compute", "Virtual Machines", "Servers"]),
        ("volume.", ["Storage", "Block Storage", "Volumes"]),
        ("snapshot.", ["Storage", "Block Storage", "Snapshots"]),
        ("backup.", ["Storage", "Backup Storage", "Backup"]),
        ("image.", ["Storage", "Other (Storage)", "Images"]),
        ("object.", ["Storage", "Object Storage", "Object storage"]),
        ("share.", ["Storage", "File Storage", "File shares"]),
        (
            "network.",
            ["Networking", "Network Connectivity", "Networks"],
        ),
        (
            "loadbalancer",
            ["Networking", "Application Networking", "Load balancers"],
        ),
        ("k8s.", ["Compute", "Containers", "Kubernetes"]),
        ("licence.", ["Other", "Other (Other)", "Licences"]),
        ("", ["Other", "Other (Other)", "Other usage"]),
    ];
    match c.class {
        Class::Measured | Class::Usage => BY_METER
            .iter()
            .find(|(begins, _)| c.meter.starts_with(begins))
            .map_or(BY_METER[11].1, |(_, service)| *service),
        Class::Fee | Class::Rebate | Class::Percentage => {
            ["Other", "Other (Other)", "Fees and agreements"]
        }
        Class::Rounding | Class::Credit => ["Other", "Other (Other)", "Adjustments"],
    }
}

/// A quantity in the units that the specification has, of a size that people read: hours, and GiB of bytes. `x_Quantity` has it exactly.
pub(super) fn consumed(quantity: i128, unit: &str) -> (Rational, String) {
    const HOUR_S: i64 = 3_600;
    const GIB: i64 = 1 << 30;
    const GIGA: i64 = 1_000_000_000;
    let (thing, seconds) = match unit.strip_suffix(".s") {
        Some(thing) => (thing, HOUR_S),
        None if unit == "s" => ("", HOUR_S),
        None => (unit, 1),
    };
    let (thing, base) = match thing {
        "By" => ("GiB".to_owned(), GIB),
        "1" => ("Unit".to_owned(), 1),
        "{vcpu}" => ("vCPU".to_owned(), 1),
        "{gpu}" => ("GPU".to_owned(), 1),
        "{cpu-n}" => ("CPU".to_owned(), GIGA),
        // Of a CPU, by the clock.
        "ns" => ("Second".to_owned(), GIGA),
        other => (capital(other.trim_matches(['{', '}'])), 1),
    };
    let divisor = num_bigint::BigInt::from(base) * seconds;
    let unit = match (seconds, thing.as_str()) {
        (HOUR_S, "") => "Hours".to_owned(),
        (HOUR_S, thing) => format!("{thing}-Hours"),
        (_, thing) => plural(thing),
    };
    (Rational::new(quantity.into(), divisor), unit)
}

/// The unit that a price is per, as the specification writes units: `GB/30 Days`, `Instance-Hours`.
pub(super) fn pricing_unit(priced: &Priced) -> String {
    let thing = match priced.unit.as_str() {
        unit @ ("" | "GB" | "GiB" | "TB" | "TiB" | "vCPU" | "CPU" | "GPU") => unit.to_owned(),
        other => capital(other),
    };
    let time = match priced.period.as_str() {
        "hour" => "Hours",
        "day" => "Days",
        "month" => "Months",
        "30d" if thing.is_empty() => return "30 Days".to_owned(),
        "30d" => return format!("{}/30 Days", plural(&thing)),
        _ if thing.is_empty() => return "Units".to_owned(),
        _ => return plural(&thing),
    };
    if thing.is_empty() {
        time.to_owned()
    } else {
        format!("{thing}-{time}")
    }
}

/// What is the same for all charges of a SKU, by the list or by a contract: unit and period of its price. A percentage has neither.
fn details(c: &Charge) -> Value {
    let known = [
        ("x_PricedPeriod", &c.priced.period),
        ("x_PricedUnit", &c.priced.unit),
    ];
    let known: BTreeMap<&str, &String> = known.into_iter().filter(|(_, v)| !v.is_empty()).collect();
    match serde_json::to_string(&known) {
        Ok(json) if !known.is_empty() => Value::Text(json),
        _ => Value::Null,
    }
}

fn plural(thing: &str) -> String {
    match thing {
        "B" | "GB" | "GiB" | "TB" | "TiB" => thing.to_owned(),
        thing if thing.ends_with('s') => format!("{thing}es"),
        thing => format!("{thing}s"),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
