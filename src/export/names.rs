//! Names of export files. Contracts are named by people elsewhere: no name may leave the directory, or meet another's file.

use super::Payer;
use crate::domain::{
    digest::Fields,
    ownership::{PLATFORM, UNATTRIBUTED, is_platform},
};
use std::collections::BTreeMap;

/// Longest part of a contract's name that is kept; file systems allow 255 bytes for the whole.
const KEPT_MAX: usize = 100;

/// One file name for each payer, in their order: `2026-10_CO-001.csv`.
///
/// Letters, digits, `.`, `_` and `-` are kept, anything else becomes `-`. A name that this changes, that another contract here also has (upper and lower
/// case being one, as they are on some disks), or that is `unattributed` or `platform`, ends with `~` and a hash of tenant and contract. No kept name holds a `~`, so
/// they cannot meet.
pub(super) fn of<'a>(
    month: &str,
    payers: impl Iterator<Item = &'a Payer> + Clone,
    ending: &str,
) -> Vec<String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (_, contract) in payers.clone() {
        *taken
            .entry(kept(contract).to_ascii_lowercase())
            .or_default() += 1;
    }
    let name = |payer: &Payer| {
        let (tenant, contract) = payer;
        if tenant == UNATTRIBUTED {
            return format!("{month}_{UNATTRIBUTED}.{ending}");
        }
        if is_platform(tenant, contract) {
            return format!("{month}_{PLATFORM}.{ending}");
        }
        let kept = kept(contract);
        let lower = kept.to_ascii_lowercase();
        let alone = taken.get(&lower) == Some(&1) && lower != UNATTRIBUTED && lower != PLATFORM;
        if alone && !kept.is_empty() && kept == *contract {
            return format!("{month}_{kept}.{ending}");
        }
        let hash = Fields::default().text(tenant).text(contract).id();
        format!("{month}_{kept}~{hash}.{ending}")
    };
    payers.map(name).collect()
}

/// The name of a directory for one contract's files, by the same rules.
#[must_use]
pub fn directory(contract: &str) -> String {
    let kept = kept(contract);
    // A name of dots alone would be another directory.
    if !kept.is_empty() && kept == contract && !kept.starts_with('.') {
        return kept;
    }
    format!("{kept}~{}", Fields::default().text(contract).id())
}

fn kept(contract: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            c
        } else {
            '-'
        }
    };
    contract.chars().map(keep).take(KEPT_MAX).collect()
}
