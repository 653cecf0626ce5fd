//! A program of its own that adds up the truth's events: it shares no code with the fold, the meters or the simulator.
//!
//! It walks the events of each resource once, second by second boundaries only, and counts by the preset `existence`.

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
    kind: String,
    state: String,
    flavor: String,
    levels: BTreeMap<String, i64>,
    tenant: String,
    since: i64,
}

/// What one resource used: (tenant, resource, flavor or type or network, state of a server, meter) -> quantity.
pub(crate) type Exact = BTreeMap<(String, String, String, String, String), i128>;

/// Adds up all events over `[from, to)` (seconds since 1970).
pub(crate) fn integrate(truth: &Value, from: i64, to: i64) -> Exact {
    let mut all: BTreeMap<(String, String), Now> = BTreeMap::new();
    let mut sums = Exact::new();
    for e in truth["events"].as_array().unwrap() {
        let t = seconds(e["t"].as_str().unwrap());
        let text = |k: &str| e[k].as_str().unwrap().to_owned();
        let id = text("resource");
        let now = all.entry((text("kind"), id.clone())).or_default();
        now.kind = text("kind");
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
    for ((_, id), now) in &all {
        count(&mut sums, id, now, to, from);
    }
    for r in truth["requests"].as_array().into_iter().flatten() {
        add_requests(&mut sums, r);
    }
    sums
}

/// Requests are counted whole, in the hour that they are of.
fn add_requests(sums: &mut Exact, of: &Value) {
    let text = |k: &str| of[k].as_str().unwrap().to_owned();
    for (meter, number, class) in [
        ("object.requests", "requests", text("class")),
        ("object.bytes_in", "bytes_in", String::new()),
        ("object.bytes_out", "bytes_out", String::new()),
    ] {
        let n = of[number].as_i64().unwrap();
        if n != 0 {
            let (tenant, resource) = (text("tenant"), text("resource"));
            let key = (tenant, resource, class, String::new(), meter.to_owned());
            *sums.entry(key).or_default() += i128::from(n);
        }
    }
}

fn count(sums: &mut Exact, id: &str, now: &Now, until: i64, from: i64) {
    let lasted = until - now.since.max(from);
    if !exists(&now.kind, &now.state) || lasted <= 0 {
        return;
    }
    let level = |name: &str| now.levels.get(name).copied().unwrap_or(0);
    let meters: &[(&str, i64)] = match now.kind.as_str() {
        "server" => &[
            ("compute.instance", 1),
            ("compute.vcpu", level("vcpus")),
            ("compute.memory", level("memory_bytes")),
            ("compute.local_disk", level("local_disk_bytes")),
            ("compute.gpu", level("gpus")),
        ],
        "volume" => &[("volume.capacity", level("capacity_bytes"))],
        "snapshot" => &[("snapshot.capacity", level("capacity_bytes"))],
        "backup" => &[("backup.capacity", level("capacity_bytes"))],
        "image" => &[("image.capacity", level("capacity_bytes"))],
        "share" => &[("share.capacity", level("capacity_bytes"))],
        "floating_ip" | "port" | "router" => &[("network.public_ipv4", level("ipv4_addresses"))],
        "load_balancer" => &[("loadbalancer", 1)],
        "account" | "bucket" => &[
            ("object.capacity", level("capacity_bytes")),
            ("object.count", level("objects")),
        ],
        other => panic!("a kind nobody knows: {other}"),
    };
    for (meter, level) in meters.iter().filter(|(_, l)| *l != 0) {
        let key = (
            now.tenant.clone(),
            id.to_owned(),
            now.flavor.clone(),
            // Only servers are told apart by their states.
            if now.kind == "server" {
                now.state.clone()
            } else {
                String::new()
            },
            (*meter).to_owned(),
        );
        *sums.entry(key).or_default() += i128::from(*level) * i128::from(lasted);
    }
}

/// Written out here on purpose: what `existence` means, in words of its own.
fn exists(kind: &str, state: &str) -> bool {
    match kind {
        "server" => matches!(
            state,
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
        ),
        "volume" => state == "available" || state == "in-use",
        "snapshot" | "backup" | "share" => state == "available",
        "image" => state == "active" || state == "deactivated",
        "floating_ip" | "port" | "router" => state == "active" || state == "down",
        "load_balancer" => state == "active" || state == "error",
        "account" | "bucket" => state == "present",
        other => panic!("a kind nobody knows: {other}"),
    }
}

#[test]
fn the_calendar_of_this_program_is_right() {
    assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
    assert_eq!(seconds("2026-11-23T08:51:58Z"), 1_795_423_918);
    assert_eq!(seconds("2024-02-29T23:59:59Z"), 1_709_251_199);
}
