//! A program of its own that adds up the truth's events: it shares no code with the fold, the meters or the simulator.
//!
//! It walks the events of each server once, second by second boundaries only, and counts by the preset `existence`.

use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds since 1970 of `2026-10-05T10:15:18Z`, by the civil calendar, without a time library.
fn seconds(text: &str) -> i64 {
    let n = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    assert!(text.ends_with('Z') && text.len() >= 20, "{text}");
    let (year, month, day) = (n(0..4), n(5..7), n(8..10));
    // Days from civil (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = era * 146_097 + doe - 719_468;
    days * 86_400 + n(11..13) * 3600 + n(14..16) * 60 + n(17..19)
}

#[derive(Default, Clone)]
struct Now {
    state: String,
    flavor: String,
    levels: BTreeMap<String, i64>,
    tenant: String,
    since: i64,
}

/// What one server used in one state and flavor: (tenant, resource, flavor, state, meter) -> quantity.
pub(crate) type Exact = BTreeMap<(String, String, String, String, String), i128>;

/// Adds up all events over `[from, to)` (seconds since 1970).
pub(crate) fn integrate(truth: &Value, from: i64, to: i64) -> Exact {
    let mut servers: BTreeMap<String, Now> = BTreeMap::new();
    let mut sums = Exact::new();
    for e in truth["events"].as_array().unwrap() {
        let t = seconds(e["t"].as_str().unwrap());
        let text = |k: &str| e[k].as_str().unwrap().to_owned();
        let id = text("resource");
        let now = servers.entry(id.clone()).or_default();
        count(&mut sums, &id, now, t.clamp(from, to), from);
        now.since = t;
        now.tenant = text("tenant");
        match e["aspect"].as_str().unwrap() {
            "state" => now.state = text("state"),
            "flavor" => {
                now.flavor = text("state");
                now.levels = e["levels"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, v)| (k.clone(), v.as_i64().unwrap()))
                    .collect();
            }
            "owner" => {}
            other => panic!("an aspect nobody knows: {other}"),
        }
    }
    for (id, now) in &servers {
        count(&mut sums, id, now, to, from);
    }
    sums
}

fn count(sums: &mut Exact, id: &str, now: &Now, until: i64, from: i64) {
    // Written out here on purpose: what `existence` means, in words of its own.
    let exists = matches!(
        now.state.as_str(),
        "active"
            | "paused"
            | "suspended"
            | "stopped"
            | "rescued"
            | "resized"
            | "shelved"
            | "shelved_offloaded"
            | "soft-delete"
            | "error"
    );
    let lasted = until - now.since.max(from);
    if !exists || lasted <= 0 {
        return;
    }
    let meters = [
        ("compute.instance", 1),
        (
            "compute.vcpu",
            now.levels.get("vcpus").copied().unwrap_or(0),
        ),
        (
            "compute.memory",
            now.levels.get("memory_bytes").copied().unwrap_or(0),
        ),
        (
            "compute.local_disk",
            now.levels.get("local_disk_bytes").copied().unwrap_or(0),
        ),
        ("compute.gpu", now.levels.get("gpus").copied().unwrap_or(0)),
    ];
    for (meter, level) in meters.into_iter().filter(|(_, l)| *l != 0) {
        let key = (
            now.tenant.clone(),
            id.to_owned(),
            now.flavor.clone(),
            now.state.clone(),
            meter.to_owned(),
        );
        *sums.entry(key).or_default() += i128::from(level) * i128::from(lasted);
    }
}

#[test]
fn the_calendar_of_this_program_is_right() {
    assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
    assert_eq!(seconds("2026-11-23T08:51:58Z"), 1_795_423_918);
    assert_eq!(seconds("2024-02-29T23:59:59Z"), 1_709_251_199);
}
