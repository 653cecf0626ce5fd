//! Ceph's object gateways: the Admin Ops API, as far as metering needs it, with the oddities of real ones.
//!
//! API: <https://docs.ceph.com/en/latest/radosgw/adminops/>; forms as recorded in `tests/captures/ceph`. Users are Keystone's projects. Whatever would show secret keys
//! is refused, as it is to a user without the capability.

use super::{Answer, known, signed::signed, zulu};
use crate::simulate::{
    requests::{Counts, HOUR_S, Logged, hour_of},
    scenario::{Service, stock::Kind},
    stock::{Shown, Thing},
    wire::{Ask, Cloud, Refused},
    world::World,
};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// All-user queries without an end double the users whose names sort below this one: RGW takes the end of time for a user's name.
const END_OF_TIME: &str = "18446744073709551615";
/// Rows on a page of RGW's own log: where one ends, a user begins anew.
const PAGE: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/admin/usage", any(usage))
        .route("/admin/bucket", any(buckets))
        .route("/admin/metadata/user", any(users))
        .route("/admin/metadata/bucket", any(names))
        .route("/admin/{*other}", any(refused))
}

/// A refusal in S3's words.
pub(super) fn refusal(code: StatusCode, word: &str) -> Refused {
    super::refuse(code, &json!({"Code": word, "Message": ""}))
}

fn denied() -> Refused {
    refusal(StatusCode::FORBIDDEN, "AccessDenied")
}

/// Answers one who signed well and has not lost the capability.
fn answer(ask: &Ask, body: impl FnOnce() -> Answer) -> Response {
    let made = signed(ask)
        .and_then(|()| super::of_admin(ask, Service::ObjectGateway, denied))
        .and_then(|()| body());
    let kind = [(header::CONTENT_TYPE, "application/json")];
    made.map_or_else(
        |refused| *refused,
        |v| (kind, v.to_string()).into_response(),
    )
}

/// What the metering user may not do.
async fn refused(ask: Ask) -> Response {
    answer(&ask, || Err(denied()))
}

/// A time of a query, on its second. One that cannot be read is as none: the answer is then about everything.
fn time(ask: &Ask, name: &str) -> Option<i64> {
    let text = ask.param(name)?;
    let day = || {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        day.and_hms_opt(0, 0, 0)
    };
    let read = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    Some(read.or_else(day)?.and_utc().timestamp())
}

async fn usage(ask: Ask) -> Response {
    answer(&ask, || {
        let world = &ask.cloud.world;
        let (start, end) = (time(&ask, "start"), time(&ask, "end"));
        let now = ask.second();
        let from = start.unwrap_or(i64::MIN).max(hour_of(world.start));
        let to = end.unwrap_or(i64::MAX).min(now + 1).min(world.end);
        // An hour counts by its beginning: a query that begins amid one drops it.
        let first = hour_of(from + HOUR_S - 1);
        let mut rows = Logged::new();
        let mut epoch = None;
        for hour in (first..to).step_by(3_600) {
            let logged = world.logged(hour, now);
            if !logged.is_empty() {
                epoch.get_or_insert(hour);
            }
            // Several hours become one row with the first one's time.
            for (whose, categories) in logged {
                let row = rows.entry(whose).or_default();
                for (category, counts) in categories {
                    row.entry(category).or_default().add(counts);
                }
            }
        }
        let uid = ask.param("uid");
        rows.retain(|(user, _), _| uid.is_none_or(|u| u == user));
        let twice = |user: &str| end.is_none() && uid.is_none() && user < END_OF_TIME;
        let wants = |what: &str| ask.param(what).is_none_or(|w| w != "false");
        let mut told = json!({});
        if wants("show-entries") {
            told["entries"] = entries(&rows, epoch.unwrap_or(first), twice);
        }
        if wants("show-summary") {
            told["summary"] = summary(&rows, twice);
        }
        Ok(told)
    })
}

fn category(name: &str, c: Counts) -> Value {
    json!({"category": name, "bytes_sent": c.bytes_out, "bytes_received": c.bytes_in, "ops": c.requests, "successful_ops": c.successful})
}

fn entries(rows: &Logged, epoch: i64, twice: impl Fn(&str) -> bool) -> Value {
    let mut entries: Vec<(&str, Vec<Value>)> = Vec::new();
    // Those that come twice do so at the end, after everybody else.
    let again = rows.iter().filter(|((user, _), _)| twice(user));
    for (n, ((user, bucket), categories)) in rows.iter().chain(again).enumerate() {
        let categories: Vec<Value> = categories.iter().map(|(k, c)| category(k, *c)).collect();
        let time = zulu(epoch).replace('Z', ".000000Z");
        let row = json!({"bucket": bucket, "time": time, "epoch": epoch, "owner": user, "categories": categories});
        match entries.last_mut() {
            Some((of, rows)) if of == user && n % PAGE != 0 => rows.push(row),
            _ => entries.push((user, vec![row])),
        }
    }
    let entries = entries.into_iter();
    entries
        .map(|(user, buckets)| json!({"user": user, "buckets": buckets}))
        .collect()
}

fn summary(rows: &Logged, twice: impl Fn(&str) -> bool) -> Value {
    let mut users: BTreeMap<&str, BTreeMap<&str, Counts>> = BTreeMap::new();
    for ((user, _), categories) in rows {
        for (name, counts) in categories {
            let times = if twice(user) { 2 } else { 1 };
            for _ in 0..times {
                users
                    .entry(user)
                    .or_default()
                    .entry(name)
                    .or_default()
                    .add(*counts);
            }
        }
    }
    let users = users.iter().map(|(user, categories)| {
        let mut total = Counts::default();
        categories.values().for_each(|c| total.add(*c));
        let mut total = category("", total);
        if let Some(total) = total.as_object_mut() {
            total.remove("category");
        }
        let categories: Vec<Value> = categories.iter().map(|(k, c)| category(k, *c)).collect();
        json!({"user": user, "categories": categories, "total": total})
    });
    users.collect()
}

async fn buckets(ask: Ask) -> Response {
    answer(&ask, || {
        let world = &ask.cloud.world;
        if let Some(name) = ask.param("bucket") {
            let found = living(&ask).find(|(x, _)| world.bucket_name(x) == name);
            let (x, r) = found.ok_or_else(|| refusal(StatusCode::NOT_FOUND, "NoSuchBucket"))?;
            return Ok(stats(world, x, r));
        }
        let owner = |r: &Shown| &world.projects[r.project].id;
        let whose = |r: &Shown| ask.param("uid").is_none_or(|u| u == owner(r));
        let with_stats = ask.param("stats").is_some_and(|s| s != "false");
        let shown = living(&ask).filter(|(_, r)| whose(r));
        let shown = shown.map(|(x, r)| match with_stats {
            true => stats(world, x, r),
            false => json!(world.bucket_name(x)),
        });
        Ok(shown.collect())
    })
}

fn living(ask: &Ask) -> impl Iterator<Item = (&Thing, &Shown)> {
    ask.cloud.world.stock.of(Kind::Bucket, ask.now)
}

/// A bucket as the zone keeps it. Sizes are rounded up in blocks besides.
fn stats(world: &World, x: &Thing, r: &Shown) -> Value {
    let owner = &world.projects[r.project].id;
    let actual = r.size + r.objects * 2_048;
    let kib = |bytes: i64| bytes / 1_024 + i64::from(bytes % 1_024 > 0);
    let time = |t: i64| zulu(t).replace('Z', ".000000Z");
    json!({
        "bucket": world.bucket_name(x), "num_shards": 11, "tenant": "", "zonegroup": known(world, &["zonegroup"]),
        "placement_rule": format!("default-placement/{}", r.label),
        "explicit_placement": {"data_pool": "", "data_extra_pool": "", "index_pool": ""},
        "id": x.id, "marker": x.id, "index_type": "Normal", "owner": owner, "ver": "0#1", "master_ver": "0#0",
        "mtime": time(x.born), "creation_time": time(x.born), "max_marker": "0#",
        "usage": {"rgw.main": {
            "size": r.size, "size_actual": actual, "size_utilized": r.size,
            "size_kb": kib(r.size), "size_kb_actual": kib(actual), "size_kb_utilized": kib(r.size), "num_objects": r.objects,
        }},
        "bucket_quota": {"enabled": false, "check_on_raw": false, "max_size": -1, "max_size_kb": 0, "max_objects": -1},
    })
}

/// Names of users: those who ever had a bucket stay.
async fn users(ask: Ask) -> Response {
    answer(&ask, || {
        let world = &ask.cloud.world;
        let begun = world
            .buckets()
            .flat_map(|x| &x.records)
            .filter(|r| r.at < ask.second());
        Ok(page(
            &ask,
            begun
                .map(|r| world.projects[r.project].id.clone())
                .collect(),
        ))
    })
}

async fn names(ask: Ask) -> Response {
    answer(&ask, || {
        let names = living(&ask).map(|(x, _)| ask.cloud.world.bucket_name(x));
        Ok(page(&ask, names.collect()))
    })
}

/// A page of names, as 16 writes it: `truncated` is a word; all of them are a bare list.
fn page(ask: &Ask, names: BTreeSet<String>) -> Value {
    let Some(size) = ask
        .param("max-entries")
        .and_then(|n| n.parse::<usize>().ok())
    else {
        return json!(names);
    };
    let after = ask.param("marker").unwrap_or_default();
    let left: Vec<String> = names.into_iter().filter(|n| n.as_str() > after).collect();
    let keys = &left[..size.min(left.len())];
    let more = left.len() > size;
    let mut page = json!({"keys": keys, "truncated": more.to_string(), "count": keys.len()});
    if more {
        page["marker"] = json!(keys.last());
    }
    page
}
