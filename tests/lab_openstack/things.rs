//! Volumes, snapshots, backups, images, addresses, ports, balancers and shares against the truth: with notifications each change between its request and the
//! first sight of its result; without them within the stated bound, which is two lists.

use crate::lab::{self, Plimsoll};
use plimsoll::{
    domain::{Aspect, Meters, Timeline, Ts, fact::kind, ownership::Scopes, usage::Piece},
    fold::{self, measure},
    periods::usage,
    store::{FactQuery, Store},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The clocks of the seed and of the services are one machine's; some records count whole seconds.
const SLACK_US: i64 = 1_000_000;
/// Cinder notifies of a retype once it has cleaned up behind a move, and shows the new type before.
const MOVED_US: i64 = fold::TOLERANCE_S * 1_000_000;
/// Seconds between two lists of the collectors of `run-tests.sh`, and what a list may take on a busy machine.
const LISTS_US: i64 = 20_000_000;

/// What is metered of each kind: its word in the truth, its kind, its meter, whether notifications tell of it.
const KINDS: [(&str, &str, &str, bool); 8] = [
    ("volume", kind::VOLUME, "volume.capacity", true),
    ("snapshot", kind::SNAPSHOT, "snapshot.capacity", true),
    ("backup", kind::BACKUP, "backup.capacity", true),
    ("image", kind::IMAGE, "image.capacity", true),
    ("floatingip", kind::FLOATING_IP, "network.public_ipv4", true),
    ("port", kind::PORT, "network.public_ipv4", true),
    ("loadbalancer", kind::LOAD_BALANCER, "loadbalancer", false),
    ("share", kind::SHARE, "share.capacity", false),
];

/// What holds from some moment on, between its request and the first sight of it.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    asked: Ts,
    seen: Ts,
    /// Nothing: it is gone.
    held: Option<Held>,
}

#[derive(Debug, Clone, PartialEq)]
struct Held {
    level: i64,
    label: Option<String>,
    project: String,
}

/// Everything that happened to one thing.
#[derive(Debug)]
struct Life {
    name: String,
    steps: Vec<Step>,
}

fn ts(line: &Value, key: &str) -> Ts {
    Ts::parse(
        line[key]
            .as_str()
            .unwrap_or_else(|| panic!("no `{key}`: {line}")),
    )
    .unwrap()
}

fn lines() -> Vec<Value> {
    let text = std::fs::read_to_string(lab::env("PLIMSOLL_LAB_TRUTH")).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .collect()
}

/// Ids of projects by `domain/name`.
fn projects(lines: &[Value]) -> BTreeMap<String, String> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    lines
        .iter()
        .filter(|l| l["what"] == "project")
        .map(|l| (text(&l["project"]), text(&l["id"])))
        .collect()
}

/// The lives of all things of a kind.
fn lives(lines: &[Value], word: &str) -> BTreeMap<String, Life> {
    let ids = projects(lines);
    let mut of: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for line in lines {
        let what = line["what"].as_str().unwrap();
        if what
            .split_once('.')
            .is_some_and(|(w, a)| w == word && a != "seen_target")
        {
            of.entry(line["id"].as_str().unwrap().to_owned())
                .or_default()
                .push(line);
        }
    }
    of.into_iter()
        .map(|(id, lines)| (id, life(word, &lines, &ids)))
        .collect()
}

fn life(word: &str, lines: &[&Value], projects: &BTreeMap<String, String>) -> Life {
    let mut life = Life {
        name: String::new(),
        steps: Vec::new(),
    };
    let mut now = Held {
        level: 1,
        label: None,
        project: String::new(),
    };
    let gib = |v: &Value| v.as_i64().map(|g| g << 30);
    for (i, line) in lines.iter().enumerate() {
        let what = line["what"].as_str().unwrap();
        let action = &what[word.len() + 1..];
        if action.starts_with("seen_") {
            continue;
        }
        let next = lines
            .get(i + 1)
            .filter(|l| l["what"].as_str().unwrap().contains(".seen_"));
        let shown = next.map_or("", |l| &l["what"].as_str().unwrap()[word.len() + 6..]);
        let before = now.clone();
        let mut begins = false;
        let mut ends = false;
        match action {
            "create" | "upload" => {
                if let Some(name) = line["name"].as_str() {
                    name.clone_into(&mut life.name);
                }
                now.project = projects[line["project"].as_str().unwrap()].clone();
                let by_size = next
                    .and_then(|l| gib(&l["size"]))
                    .or_else(|| gib(&line["size"]));
                if word == "image" {
                    // Bytes, and only once they are there.
                    if let Some(bytes) = line["size"]
                        .as_i64()
                        .or(next.and_then(|l| l["size"].as_i64()))
                    {
                        now.level = bytes;
                    }
                } else if let Some(size) = by_size {
                    now.level = size;
                }
                let of_type = ["volume_type", "share_type_name", "share_type"];
                let told = next.into_iter().chain([line]);
                now.label = told
                    .flat_map(|l| of_type.map(|k| l[k].as_str().map(str::to_owned)))
                    .flatten()
                    .next();
                begins = !matches!(shown, "" | "error" | "queued" | "gone");
            }
            "os-extend" => now.level = gib(&line["body"]["new_size"]).unwrap(),
            "extend" | "shrink" => now.level = gib(&line["size"]).unwrap(),
            "os-retype" => now.label = line["body"]["new_type"].as_str().map(str::to_owned),
            "transfer" => now.project = projects[line["to"].as_str().unwrap()].clone(),
            "delete" => ends = true,
            "attach" | "detach" | "transfer-offer" | "associate" | "disassociate" => {}
            other => panic!("what does the action {other} change? {line}"),
        }
        let alive = life.steps.last().is_some_and(|s| s.held.is_some());
        let news = if alive { ends || now != before } else { begins };
        if !news {
            continue;
        }
        let seen = next.map_or_else(|| ts(line, "at"), |l| ts(l, "at"));
        life.steps.push(Step {
            asked: ts(line, "began"),
            seen,
            held: (!ends).then(|| now.clone()),
        });
    }
    life
}

/// The timelines of a kind, by id.
async fn timelines(store: &Store, of_kind: &str) -> BTreeMap<String, Timeline> {
    let query = FactQuery {
        kinds: vec![of_kind.to_owned()],
        ..FactQuery::all(Ts::MAX)
    };
    let mut all = BTreeMap::new();
    usage::each_timeline(store, &query, |t| {
        all.insert(t.key.resource.clone(), t);
    })
    .await
    .unwrap();
    all
}

/// What is counted of a thing by one meter; the first second of what is not, where it ended.
fn counted(t: &Timeline, meter: &str) -> Vec<Piece> {
    let meters = Meters::shipped("existence", &BTreeMap::new()).unwrap();
    let mut pieces = measure::pieces(t, &meters, &Scopes::default());
    pieces.retain(|p| p.meter == meter);
    pieces.sort_by_key(|p| p.start);
    pieces
}

fn label(p: &Piece) -> &str {
    p.dimensions.get("type").map_or("", String::as_str)
}

fn story(life: &Life, t: Option<&Timeline>, pieces: &[Piece]) -> String {
    format!(
        "{}\n  wanted {:#?}\n  counted {pieces:#?}\n{}",
        life.name,
        life.steps,
        t.map_or(String::new(), lab::story)
    )
}

/// Every change of a life, exactly. Returns how many, and the most by which one lies outside.
fn exact(life: &Life, t: &Timeline, meter: &str) -> (usize, i64) {
    let pieces = counted(t, meter);
    let fail = |what: String| -> ! { panic!("{what}: {}", story(life, Some(t), &pieces)) };
    let mut told: Vec<(Ts, Option<&Piece>)> = Vec::new();
    for (i, p) in pieces.iter().enumerate() {
        if !p.observed {
            fail(format!("a gap from {}", p.start));
        }
        told.push((p.start, Some(p)));
        match (p.end, pieces.get(i + 1)) {
            (Some(end), Some(next)) if end == next.start => {}
            (Some(end), None) => told.push((end, None)),
            (None, None) => {}
            _ => fail(format!("a hole or an overlap after {}", p.start)),
        }
    }
    if let ([first, .., last], []) = (life.steps.as_slice(), pieces.as_slice())
        && last.held.is_none()
        && last.asked.0 - first.seen.0 < SLACK_US
        && t.spans(Aspect::State)
            .last()
            .is_none_or(|s| s.end.is_some())
    {
        // It may have begun and ended within one second, and it is known that it did.
        return (life.steps.len(), 0);
    }
    let mut most = 0;
    let is_so = |step: &Step, piece: Option<&Piece>| match (&step.held, piece) {
        (Some(held), Some(p)) => {
            held.level == p.level
                && held.project == p.scope
                && held
                    .label
                    .as_deref()
                    .is_none_or(|l| meter == "share.capacity" || l == label(p))
        }
        (None, None) => true,
        _ => false,
    };
    let mut told = told.into_iter().peekable();
    for (step, next) in life
        .steps
        .iter()
        .zip(life.steps.iter().skip(1).map(Some).chain([None]))
    {
        // What begins and ends within one second takes no time.
        let over = |(at, piece): &(Ts, Option<&Piece>)| {
            !is_so(step, *piece)
                && at.0 <= step.seen.0 + SLACK_US
                && next.is_some_and(|n| is_so(n, *piece))
        };
        if told.peek().is_some_and(over) {
            continue;
        }
        let Some((at, piece)) = told.next() else {
            fail(format!("{step:?} is missing"))
        };
        let same = is_so(step, piece);
        if !same {
            fail(format!("at {at} it is not as {step:?} says"));
        }
        let outside = (step.asked.0 - at.0).max(at.0 - step.seen.0).max(0);
        let moved = pieces
            .iter()
            .zip(pieces.iter().skip(1))
            .any(|(a, b)| b.start == at && label(a) != label(b));
        let slack = if moved { MOVED_US } else { SLACK_US };
        if outside > slack {
            fail(format!("{at} is {} ms outside of {step:?}", outside / 1000));
        }
        most = most.max(outside);
    }
    if let Some((at, _)) = told.next() {
        fail(format!("nobody asked for what changed at {at}"));
    }
    (life.steps.len(), most)
}

/// What lists alone know: nothing is counted outside of what was, and what is left open is no more than two lists.
fn bounded(life: &Life, t: Option<&Timeline>, meter: &str) -> bool {
    let (Some(first), last) = (life.steps.first(), life.steps.last()) else {
        return false;
    };
    let lasted_us = last.map_or(0, |l| l.seen.0 - first.asked.0);
    let gone = last.is_some_and(|l| l.held.is_none());
    let Some(t) = t else {
        assert!(
            gone && lasted_us < LISTS_US,
            "{} is lost, though a list must have shown it",
            life.name
        );
        return false;
    };
    let pieces = counted(t, meter);
    let fail = |what: &str| -> ! { panic!("{what}: {}", story(life, Some(t), &pieces)) };
    let Some(begin) = pieces.first() else {
        // Listed only while it was being made.
        assert!(
            gone && lasted_us < LISTS_US,
            "{} is not counted: {}",
            life.name,
            lab::story(t)
        );
        return false;
    };
    if begin.start.0 < first.asked.0 - SLACK_US || begin.start.0 > first.seen.0 + LISTS_US {
        fail("it begins outside of the bound");
    }
    match (gone, pieces.last().and_then(|p| p.end), last) {
        (false, None, _) => {}
        (true, Some(end), Some(step)) => {
            let observed_end = pieces.iter().rfind(|p| p.observed).and_then(|p| p.end);
            if observed_end.is_some_and(|e| e.0 > step.seen.0 + SLACK_US) {
                fail("it is counted after it was gone");
            }
            if end.0 < step.asked.0 - SLACK_US || end.0 > step.seen.0 + LISTS_US {
                fail("its end is not within the bound");
            }
        }
        _ => fail("it ended, or did not"),
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn with_notifications_every_change_is_where_it_was() {
    let lines = lines();
    let plimsoll = Plimsoll::of("one");
    let store = plimsoll.store().await;
    for (word, of_kind, meter, events) in KINDS {
        let lives = lives(&lines, word);
        let found = timelines(&store, of_kind).await;
        let (mut things, mut changes, mut outside_us) = (0, 0, 0);
        for (id, life) in lives.iter().filter(|(_, l)| !l.steps.is_empty()) {
            if !events {
                things += usize::from(bounded(life, found.get(id), meter));
                continue;
            }
            let t = found
                .get(id)
                .unwrap_or_else(|| panic!("{word} {} ({id}) is lost", life.name));
            let (n, outside) = exact(life, t, meter);
            things += 1;
            changes += n;
            outside_us = outside_us.max(outside);
        }
        assert!(things >= 2, "{word}: the seed made {things}");
        // Nothing is counted that nobody made, and nothing that never came to be.
        for (id, t) in &found {
            let wanted = lives.get(id).is_some_and(|l| !l.steps.is_empty());
            let invented = made_by_the_cloud(t);
            assert!(
                wanted || invented || counted(t, meter).is_empty(),
                "{word} {id} is counted: {}",
                lab::story(t)
            );
        }
        println!(
            "{word}: {things} things, {changes} changes, at most {} ms outside of (request, first sight)",
            outside_us / 1000
        );
    }
    store.close().await.unwrap();
}

/// What the truth does not tell of: base images and gateways' ports, which the lab made before the seed, and the volumes without a name that Nova makes for
/// servers to boot from.
fn made_by_the_cloud(t: &Timeline) -> bool {
    match t.key.kind.as_str() {
        kind::IMAGE | kind::PORT => true,
        kind::VOLUME => usage::name_of(&t.life()).is_empty(),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_the_bound_holds() {
    let lines = lines();
    let plimsoll = Plimsoll::of("blind");
    let store = plimsoll.store().await;
    for (word, of_kind, meter, _) in KINDS {
        let found = timelines(&store, of_kind).await;
        let (mut seen, mut missed) = (0, 0);
        for (id, life) in lives(&lines, word)
            .iter()
            .filter(|(_, l)| !l.steps.is_empty())
        {
            if bounded(life, found.get(id), meter) {
                seen += 1;
            } else {
                missed += 1;
            }
        }
        println!("{word}: {seen} within the bound; {missed} came and went between two lists");
        assert!(seen > 0, "{word}: no list showed any");
    }
    store.close().await.unwrap();
}
