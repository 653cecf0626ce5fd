//! Folds what was counted: many readings of one stretch are one amount, and what one event told counts once.

use super::{Told, counter};
use crate::domain::{Amount, Evidence, Ts, fact::amount};
use std::collections::BTreeMap;

/// Amounts of one resource, and the facts that an event's other version contradicts.
///
/// A counter's stretch may be read while it still grows: of readings that differ in nothing but the quantity, the greatest counts. An event's id
/// stands for one content: of two that differ, the one with the smaller id counts, whatever came first, and the other is reported.
pub(super) fn fold(told: &[Told<'_>]) -> (Vec<Amount>, Vec<u64>) {
    // What may still grow, or begin anew, is told by readings in a row.
    let (readings, mut told): (Vec<&Told<'_>>, Vec<&Told<'_>>) =
        told.iter().partition(|f| f.evidence == Evidence::Sighting);
    told.sort_unstable_by_key(|f| f.id);
    let mut amounts: BTreeMap<(Ts, Ts, &BTreeMap<String, String>), Amount> = BTreeMap::new();
    let mut events: BTreeMap<&str, u64> = BTreeMap::new();
    let mut contradicted = Vec::new();
    for (fact, known) in told.iter().filter_map(|f| Some((f, f.value.known()?))) {
        let id = fact.id;
        if let Some(event) = known.attrs.get(amount::EVENT)
            && *events.entry(event).or_insert(id) != id
        {
            contradicted.push(id);
            continue;
        }
        let (start, end) = (
            Ts::from_second(fact.from.second()),
            Ts::from_second(fact.at.second()),
        );
        if end <= start {
            continue;
        }
        let kept = amounts
            .entry((start, end, &known.attrs))
            .or_insert_with(|| Amount {
                start,
                end,
                quantities: BTreeMap::new(),
                gap: "",
                attrs: known.attrs.clone(),
                because: Vec::new(),
            });
        for (meter, quantity) in &known.levels {
            let most = kept.quantities.entry(meter.clone()).or_insert(*quantity);
            *most = (*most).max(*quantity);
        }
        kept.because.push(id);
    }
    let mut amounts: Vec<Amount> = amounts.into_values().collect();
    amounts.extend(counter::fold(&readings));
    amounts.sort_by(|a, b| (a.start, a.end, &a.attrs).cmp(&(b.start, b.end, &b.attrs)));
    (amounts, contradicted)
}
