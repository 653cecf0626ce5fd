//! What ghosts cost in a month, by the list's prices of volumes of their size. Pure.

use super::compare::{Compared, Ghost};
use crate::{
    domain::{
        Period, PriceBook,
        price::{ItemKind, Use},
    },
    rating,
};
use std::collections::{BTreeMap, BTreeSet};

/// The meter whose prices they have.
const METER: (&str, &str) = ("volume.capacity", "By.s");
/// Ghosts that are priced at once.
const AT_ONCE: usize = 500;

/// What a ghost costs in a whole month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// Type of the volume as which it is priced; empty where that is not known.
    pub volume_type: String,
    /// In units of the book's last decimal; `None` where it has no price.
    pub amount: Option<i128>,
    /// Why it has none; empty where it has one, and where there is no price book.
    pub why: String,
}

/// Costs of the ghosts, in their order.
#[must_use]
pub fn of(compared: &Compared, book: Option<&PriceBook>, month: Option<&Period>) -> Vec<Cost> {
    let mut costs = vec![Cost::default(); compared.ghosts.len()];
    let (Some(book), Some(month)) = (book, month) else {
        return costs;
    };
    let mut alike: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (n, ghost) in compared.ghosts.iter().enumerate() {
        match (type_of(ghost, compared), ghost.image.provisioned_bytes) {
            (Err(why), _) => costs[n].why = why.to_owned(),
            (Ok(_), None) => costs[n].why = "its size is not known".to_owned(),
            (Ok(of), Some(_)) => alike.entry(of).or_default().push(n),
        }
    }
    let objection = book.objection(month);
    for ((volume_type, zone), which) in alike {
        for some in which.chunks(AT_ONCE) {
            let priced = match &objection {
                Some(why) => Err(why.clone()),
                None => price(&compared.ghosts, some, (&volume_type, &zone), book, month),
            };
            for (k, n) in some.iter().enumerate() {
                costs[*n] = Cost {
                    volume_type: volume_type.clone(),
                    amount: priced.as_ref().ok().map(|amounts| amounts[k]),
                    why: priced.as_ref().err().cloned().unwrap_or_default(),
                };
            }
        }
    }
    costs
}

/// Type and zone as which a ghost is priced: its volume's; of an unknown one that which all volumes of its pool have.
fn type_of(ghost: &Ghost, compared: &Compared) -> Result<(String, String), &'static str> {
    if let Some(v) = &ghost.volume {
        return Ok((v.volume_type.clone(), v.zone.clone()));
    }
    let pool = (ghost.image.source.clone(), ghost.image.pool.clone());
    let kept = compared.kept.get(&pool).into_iter().flatten();
    let (types, zones): (BTreeSet<&String>, BTreeSet<&String>) =
        kept.map(|(of, zone)| (of, zone)).unzip();
    let only = |of: &BTreeSet<&String>| (of.len() == 1).then(|| of.first().map(|s| (*s).clone()));
    match only(&types).flatten() {
        Some(of) => Ok((of, only(&zones).flatten().unwrap_or_default())),
        None if types.is_empty() => Err("no volume in its pool tells of which type it was"),
        None => Err("volumes of several types are in its pool"),
    }
}

fn price(
    ghosts: &[Ghost],
    which: &[usize],
    (volume_type, zone): (&str, &str),
    book: &PriceBook,
    month: &Period,
) -> Result<Vec<i128>, String> {
    let dimensions: BTreeMap<String, String> = [("type", volume_type), ("az", zone)]
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let uses: Vec<Use> = which
        .iter()
        .enumerate()
        .map(|(k, n)| Use {
            meter: METER.0.to_owned(),
            meter_unit: METER.1.to_owned(),
            dimensions: dimensions.clone(),
            resource: k.to_string(),
            level: ghosts[*n].image.provisioned_bytes.unwrap_or(0).into(),
            from: None,
            seconds: None,
        })
        .collect();
    let none = BTreeMap::new();
    let (_, book, rated) =
        rating::quote(&uses, book, month, "", &none).map_err(|e| e.to_string())?;
    if !rated.unsold.is_empty() {
        return Err("the price book does not sell volumes".to_owned());
    }
    let mut amounts = vec![0; uses.len()];
    for line in rated.bills.iter().flat_map(|b| &b.lines) {
        // Fees and percentages are a contract's, and nobody has these.
        let is_usage = matches!(book.items[line.item].kind, ItemKind::Usage(_));
        match rating::one_resource(line, &book) {
            Some(row) => amounts[row] += line.amount,
            None if !is_usage => {}
            None => {
                return Err(
                    "volumes are priced together: by tiers, peaks or with an included quantity"
                        .to_owned(),
                );
            }
        }
    }
    Ok(amounts)
}

#[cfg(test)]
mod tests {
    use super::super::compare::{Cause, Image, Volume};
    use super::*;
    use crate::{config::book, domain::Ts};

    fn ghost(pool: &str, gib: Option<i64>, volume: Option<(&str, &str)>) -> Ghost {
        let volume = volume.map(|(of, zone)| Volume {
            id: "v".into(),
            image_id: "v".into(),
            image_since: Ts::MIN,
            name: String::new(),
            volume_type: of.into(),
            zone: zone.into(),
            bytes: None,
            state: String::new(),
            since: Ts::MIN,
            ended: Some(Ts::MIN),
        });
        Ghost {
            image: Image {
                source: "ceph".into(),
                resource: format!("{pool}/1"),
                pool: pool.into(),
                name: String::new(),
                provisioned_bytes: gib.map(|n| n << 30),
                used_bytes: None,
                snapshots: 0,
                trash: false,
                since: Ts::MIN,
                ended: None,
            },
            cause: Cause::VolumeDeleted,
            since: Ts::MIN,
            volume,
        }
    }

    fn told(ghosts: &[Ghost], prices: &str) -> Vec<Cost> {
        let text = format!("name: x\ncurrency: EUR\nvalid_from: 2026-01-01\nprices:\n{prices}\n");
        let book = book::from_text("b.yaml", &text, None).unwrap();
        let kept = |pool: &str, of: &[(&str, &str)]| {
            let of = of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            (("ceph".to_owned(), pool.to_owned()), of.collect())
        };
        let compared = Compared {
            ghosts: ghosts.to_vec(),
            kept: BTreeMap::from([
                kept("one", &[("fast", "az1"), ("fast", "az2")]),
                kept("two", &[("fast", "az1"), ("large", "az1")]),
            ]),
            ..Compared::default()
        };
        let month = Period::month("2026-11", chrono_tz::UTC).unwrap();
        of(&compared, Some(&book), Some(&month))
    }

    const FAST: &str = "  - {sku: F, name: f, meter: volume.capacity, match: {type: fast}, amount: \"0.10\", per: 1, unit: GiB, period: 30d}\nfees:\n  - {sku: SUPPORT, name: s, amount: \"99.00\", period: month, charged: every_contract}";

    #[test]
    fn a_ghost_costs_what_a_volume_of_its_size_would() {
        let ghosts = [
            ghost("one", Some(100), Some(("fast", ""))),
            ghost("one", Some(50), None),
            ghost("two", Some(100), None),
            ghost("three", Some(100), None),
            ghost("one", None, None),
            ghost("one", Some(1), Some(("slow", "az1"))),
        ];
        let costs = told(&ghosts, FAST);
        let amounts: Vec<Option<i128>> = costs.iter().map(|c| c.amount).collect();
        // Thirty days; fees are nobody's who is none.
        assert_eq!(amounts, [Some(1_000), Some(500), None, None, None, None]);
        assert_eq!(costs[1].volume_type, "fast");
        for (n, word) in [
            (2, "several types"),
            (3, "no volume in its pool"),
            (4, "size is not known"),
            (5, "slow"),
        ] {
            assert!(costs[n].why.contains(word), "{n}: {:?}", costs[n]);
        }
    }

    #[test]
    fn what_has_no_price_of_its_own_says_why() {
        let one = [ghost("one", Some(100), Some(("fast", "")))];
        let tiers = "  - {sku: F, name: f, meter: volume.capacity, tiers: [{up_to: 10, amount: \"0.2\"}, {amount: \"0.1\"}], scheme: graduated, unit: GiB, period: 30d}";
        assert!(told(&one, tiers)[0].why.contains("priced together"));
        let other =
            "  - {sku: C, name: c, meter: compute.vcpu, amount: \"1\", unit: vCPU, period: month}";
        assert!(told(&one, other)[0].why.contains("does not sell volumes"));
        let compared = Compared {
            ghosts: one.to_vec(),
            ..Compared::default()
        };
        assert_eq!(of(&compared, None, None), [Cost::default()]);
    }
}
