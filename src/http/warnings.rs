//! What the first page calls attention to, worst first.

use super::{
    number,
    overview::{Sums, Unattributed},
    reach::ListRow,
};
use crate::{domain::Outcome, periods::nodes::Unmarked};

/// (source, what is wrong, the error).
type Trouble<'a> = (&'a str, &'a str, &'a str);

/// What is wrong with a list.
fn trouble(row: &ListRow) -> Option<Trouble<'_>> {
    let last = &row.status.last;
    let what = match last.outcome {
        Outcome::Suspect => "the last pass is not believed and ended nothing",
        Outcome::Failed if row.stale => "passes fail, and usage stands still",
        _ if row.stale => "no complete pass for three intervals; is plimsoll run running?",
        _ => return None,
    };
    Some((row.status.cloud.as_str(), what, last.error.as_str()))
}

/// What a person should look at: standing sources first, then money without a price or an owner, then clocks.
pub(super) fn warnings(
    lists: &[ListRow],
    nobodys: Option<&Unattributed>,
    unpriced: &[String],
    (total, unmarked): (&Sums, &[Unmarked]),
) -> Vec<String> {
    // One trouble of a source stops several lists: it is told once.
    let mut troubles: Vec<(Trouble<'_>, Vec<&str>)> = Vec::new();
    for row in lists {
        let Some(trouble) = trouble(row) else {
            continue;
        };
        match troubles.iter_mut().find(|(t, _)| *t == trouble) {
            Some((_, names)) => names.push(&row.status.list),
            None => troubles.push((trouble, vec![&row.status.list])),
        }
    }
    let mut out: Vec<String> = troubles
        .into_iter()
        .map(|((cloud, what, error), names)| {
            let colon = if error.is_empty() { "" } else { ": " };
            format!("{cloud}, {}: {what}{colon}{error}", names.join(", "))
        })
        .collect();
    if let Some(first) = unpriced.first() {
        let n = unpriced.len();
        out.push(format!(
            "The price book does not price {n} usage rows, so no cost is shown. The first: {first}"
        ));
    }
    match nobodys.map(|u| u.scopes.len()) {
        None => {}
        Some(1) => {
            out.push("1 project has no owner: its usage is kept under unattributed.".to_owned())
        }
        Some(n) => out.push(format!(
            "{n} projects have no owner: their usage is kept under unattributed."
        )),
    }
    out.extend(unmarked.iter().map(|u| format!("{u}.")));
    if total.flavorless_s > 0 {
        let hours = number::tenths(total.flavorless_s, 3600);
        out.push(format!(
            "{hours} server-hours count for nothing yet, because nobody saw their flavor: the cloud does not tell what a server was before a resize that plimsoll did not witness. Coverage says how much was observed."
        ));
    }
    out.extend(lists.iter().filter(|r| r.skewed).map(|row| {
        let by = number::skew(row.status.last.skew_us);
        let (cloud, list) = (&row.status.cloud, &row.status.list);
        format!("{cloud}, {list}: the cloud's clock is {by} from ours. Check NTP on both; usage keeps the cloud's times.")
    }));
    out
}
