//! Notifications through a real RabbitMQ that is killed, and that gives the same twice.

#[path = "notifications/rabbit.rs"]
mod rabbit;

use axum::{Json, Router, http::Uri, response::IntoResponse as _};
use plimsoll::{
    config::{self, Credentials, Secret},
    domain::{Aspect, Batch, Memory, Outcome, Pass, PassMode},
    net::Clock,
    sources::{Parcel, Source, Told, Verdict},
};
use rabbit::{PASSWORD, Publisher, Rabbit, USER};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use url::Url;

const EXCHANGES: [&str; 4] = ["nova", "neutron", "glance", "openstack"];

/// A recorded message.
#[derive(Deserialize)]
struct Sent {
    exchange: String,
    routing_key: String,
    body: Value,
}

fn recorded(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/openstack");
    fs::read_to_string(dir.join(name)).unwrap()
}

fn stream() -> Vec<Sent> {
    let text = recorded("amqp/stream.jsonl");
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// A Keystone, and what is asked of Cinder and Neutron: names.
async fn names() -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let catalogue: Vec<Value> = ["block-storage", "network"]
        .iter()
        .map(|kind| {
            json!({"type": kind, "name": kind, "endpoints": [
                {"interface": "public", "region": "North", "url": format!("{at}/{kind}")}]})
        })
        .collect();
    let token = json!({"token": {"issued_at": "2026-11-23T09:00:00.000000Z", "expires_at": "2036-11-23T09:00:00.000000Z",
        "project": {"id": "p"}, "roles": [{"name": "admin"}], "catalog": catalogue}});
    let app = Router::new().fallback(move |uri: Uri| async move {
        let answer: Value = match uri.path() {
            "/v3/auth/tokens" => {
                return (
                    axum::http::StatusCode::CREATED,
                    [("x-subject-token", "t")],
                    Json(token),
                )
                    .into_response();
            }
            p if p.ends_with("/types") => {
                serde_json::from_str(&recorded("cinder/types.json")).unwrap()
            }
            p if p.ends_with("/networks") => {
                json!({"networks": [{"id": "3af04603-f716-4ea0-b789-6c7f81b02200", "name": "public"}]})
            }
            p => match p.rsplit_once("/volumes/") {
                Some((_, id)) => json!({"volume": {"volume_type": type_of(id)}}),
                None => panic!("nobody asks for {p}"),
            },
        };
        Json(answer).into_response()
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("{at}/v3").parse().unwrap()
}

/// The type of a recorded volume, as messages told it last.
fn type_of(volume: &str) -> String {
    let types: Value = serde_json::from_str(&recorded("cinder/types.json")).unwrap();
    let told = stream().into_iter().rev().find_map(|m| {
        let m: Value = serde_json::from_str(m.body["oslo.message"].as_str()?).ok()?;
        let is_it =
            m["event_type"].as_str()?.starts_with("volume.") && m["payload"]["volume_id"] == volume;
        is_it.then(|| m["payload"]["volume_type"].clone())
    });
    let types = types["volume_types"].as_array().unwrap().iter();
    let mut named = types.filter(|t| Some(&t["id"]) == told.as_ref());
    named.next().unwrap()["name"].as_str().unwrap().to_owned()
}

/// A reader of one broker.
fn reader(
    auth_url: &Url,
    port: u16,
    queue: &str,
    change: impl FnOnce(&mut config::Notifications),
) -> Source {
    let credentials = Credentials::Password {
        username: "meter".to_owned(),
        user_domain: "Default".to_owned(),
        project: "admin".to_owned(),
        project_domain: "Default".to_owned(),
        password: Secret::new("sesame"),
    };
    let mut conf = config::OpenStack::with_defaults("north", auth_url.clone(), credentials);
    conf.interval_s = 2;
    let mut broker = config::Notifications {
        host: "127.0.0.1".to_owned(),
        port,
        vhost: "/".to_owned(),
        tls: false,
        username: USER.to_owned(),
        password: Secret::new(PASSWORD),
        queue: queue.to_owned(),
        queue_max_bytes: 64 << 20,
        exchanges: EXCHANGES.map(str::to_owned).into(),
        topics: vec![
            "notifications".to_owned(),
            "versioned_notifications".to_owned(),
        ],
        ca_file: None,
    };
    change(&mut broker);
    conf.notifications.push(broker);
    let source = config::Source::OpenStack(conf);
    let readers = Source::open(&source, &Clock::System, &Memory::default(), "test").unwrap();
    let mut readers = readers.into_iter();
    readers
        .find(|r| matches!(r, Source::Notifications(_)))
        .unwrap()
}

/// One reading; what it hands on is kept.
async fn collect(reader: &mut Source, mode: PassMode) -> (Pass, Vec<Batch>) {
    let (out, mut parcels) = mpsc::channel::<Parcel>(4);
    let reading = async {
        let passes = reader.collect(mode, &out).await;
        drop(out);
        passes
    };
    let taking = async {
        let mut batches = Vec::new();
        while let Some(Parcel { batch, kept }) = parcels.recv().await {
            batches.push(batch);
            if let Some(kept) = kept {
                kept.send(()).unwrap();
            }
        }
        batches
    };
    let (mut passes, batches) = tokio::join!(reading, taking);
    assert_eq!(passes.len(), 1);
    (passes.remove(0), batches)
}

async fn complete(reader: &mut Source) -> Vec<Batch> {
    let (pass, batches) = collect(reader, PassMode::Full).await;
    assert_eq!((pass.outcome, pass.error.as_str()), (Outcome::Complete, ""));
    assert_eq!(
        (pass.list.as_str(), pass.mode),
        ("notifications", PassMode::Events)
    );
    assert!(
        pass.watermark >= pass.started,
        "all that was there has been read"
    );
    batches
}

fn ids(batches: &[Batch]) -> BTreeSet<u64> {
    let facts = batches.iter().flat_map(|b| &b.facts);
    facts.map(plimsoll::domain::Fact::id).collect()
}

/// Every third one twice, as a service does that was not answered in time.
async fn publish(service: &mut Publisher, messages: &[Sent]) {
    for (n, m) in messages.iter().enumerate() {
        if !EXCHANGES.contains(&m.exchange.as_str()) {
            continue;
        }
        let body = serde_json::to_vec(&m.body).unwrap();
        for _ in 0..if n % 3 == 0 { 2 } else { 1 } {
            service.publish(&m.exchange, &m.routing_key, &body).await;
        }
    }
    service.confirmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_broker_killed_a_collector_killed_and_messages_doubled_lose_nothing_and_double_nothing()
 {
    let (mut rabbit, names) = (Rabbit::start().await, names().await);
    let mut service = rabbit.publisher().await;
    for exchange in EXCHANGES {
        service.exchange(exchange).await;
    }
    service
        .shared_queue("versioned_notifications.info", "nova")
        .await;
    // Two collectors, each with a queue of its own: one that is disturbed, and one that reads in peace at the end.
    let mut calm = reader(&names, rabbit.port, "plimsoll.calm", |_| {});
    let mut disturbed = reader(&names, rabbit.port, "plimsoll.north", |_| {});
    assert!(ids(&complete(&mut calm).await).is_empty());
    assert!(ids(&complete(&mut disturbed).await).is_empty());
    drop(calm);

    let messages = stream();
    let (first, rest) = messages.split_at(messages.len() / 2);
    publish(&mut service, first).await;
    let shared = service.depth("versioned_notifications.info").await;
    assert!(shared > 20, "others have theirs: {shared}");

    // The collector dies with a batch in its hands that is on no disk.
    let (out, mut parcels) = mpsc::channel::<Parcel>(1);
    let dying = tokio::spawn(async move { disturbed.collect(PassMode::Full, &out).await });
    let unkept = parcels.recv().await.unwrap();
    assert!(!unkept.batch.facts.is_empty() && unkept.kept.is_some());
    dying.abort();
    drop((unkept, parcels));

    // The broker dies once the first batch is safe.
    let mut disturbed = reader(&names, rabbit.port, "plimsoll.north", |_| {});
    let (out, mut parcels) = mpsc::channel::<Parcel>(1);
    let reading = tokio::spawn(async move {
        let passes = disturbed.collect(PassMode::Full, &out).await;
        (disturbed, passes)
    });
    let mut kept = Vec::new();
    while let Some(parcel) = parcels.recv().await {
        kept.push(parcel.batch);
        if kept.len() == 1 {
            rabbit.kill();
        }
        if let Some(safe) = parcel.kept {
            safe.send(()).unwrap();
        }
    }
    let (mut disturbed, passes) = reading.await.unwrap();
    assert_eq!(passes[0].outcome, Outcome::Failed);
    let address = format!("broker 127.0.0.1:{}/", rabbit.port);
    assert!(passes[0].error.starts_with(&address), "{}", passes[0].error);
    // Away: it says so, waits longer each time, and nothing else is harmed.
    let (pass, _) = collect(&mut disturbed, PassMode::Full).await;
    assert!(
        pass.error.contains("no connection as meter"),
        "{}",
        pass.error
    );
    assert!(disturbed.interval() >= Duration::from_secs(4));

    rabbit.up().await;
    let mut service = rabbit.publisher().await;
    publish(&mut service, rest).await;
    kept.extend(complete(&mut disturbed).await);
    assert_eq!(disturbed.interval(), Duration::ZERO);
    let mut calm = reader(&names, rabbit.port, "plimsoll.calm", |_| {});
    let in_peace = complete(&mut calm).await;

    let (ours, all) = (ids(&kept), ids(&in_peace));
    assert!(all.len() > 500, "{}", all.len());
    let of_peace: Vec<_> = all.difference(&ours).collect();
    assert!(of_peace.is_empty(), "lost: {of_peace:?}");
    assert_eq!(ours, all, "and what came twice is the same");
    for queue in ["plimsoll.north", "plimsoll.calm"] {
        assert_eq!(
            service.depth(queue).await,
            0,
            "all of {queue} is acknowledged"
        );
    }
    assert!(
        service.depth("versioned_notifications.info").await > shared,
        "nobody took what is not ours"
    );
    let told = disturbed.told().unwrap();
    assert!(
        told.used > 100 && told.ignored > 20 && told.poison == 0,
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_what_a_broker_lacks_is_said_and_what_cannot_be_read_is_set_aside() {
    let (rabbit, names) = (Rabbit::start().await, names().await);
    let mut service = rabbit.publisher().await;
    let open = |queue: &str, change: fn(&mut config::Notifications)| {
        reader(&names, rabbit.port, queue, change)
    };

    let mut wrong = open("plimsoll.north", |b| b.password = Secret::new("wrong"));
    let (pass, _) = collect(&mut wrong, PassMode::Full).await;
    assert!(
        pass.error
            .contains("are user, password and virtual host right?"),
        "{}",
        pass.error
    );
    assert_eq!(wrong.check_online().await[0].verdict, Verdict::Error);

    // By TLS where the CA is known, and never where it is not.
    let by_tls = |ca: Option<PathBuf>| {
        reader(&names, rabbit.tls_port, "plimsoll.north", |b| {
            (b.tls, b.ca_file) = (true, ca);
        })
    };
    let (pass, _) = collect(&mut by_tls(None), PassMode::Full).await;
    assert!(
        pass.error.contains("certificate") && pass.error.contains("`ca_file`"),
        "{}",
        pass.error
    );
    let (pass, _) = collect(&mut by_tls(Some(rabbit.ca())), PassMode::Full).await;
    assert!(
        pass.error.contains("none of the exchanges nova, neutron"),
        "{}",
        pass.error
    );

    let mut north = open("plimsoll.north", |_| {});
    let (pass, _) = collect(&mut north, PassMode::Full).await;
    assert!(
        pass.error.contains("none of the exchanges nova, neutron"),
        "{}",
        pass.error
    );

    // Neutron has not published yet: it harms nobody, and is bound as soon as it does.
    service.exchange("nova").await;
    complete(&mut north).await;
    let findings = north.check_online().await;
    let lacking: Vec<_> = findings
        .iter()
        .filter(|f| f.verdict == Verdict::Warning)
        .collect();
    assert!(
        lacking.len() == 3 && lacking[0].what.contains("no exchange neutron"),
        "{findings:?}"
    );
    service.exchange("neutron").await;
    complete(&mut north).await;
    let all = stream();
    for kind in ["floatingip.delete.end", "instance.delete.end"] {
        let found = all
            .iter()
            .find(|m| m.body["oslo.message"].as_str().unwrap().contains(kind));
        let m = found.unwrap();
        let body = serde_json::to_vec(&m.body).unwrap();
        service.publish(&m.exchange, &m.routing_key, &body).await;
    }
    service
        .publish("nova", "notifications.info", b"<html>no JSON</html>")
        .await;
    let secret = json!({"event_type": "volume.delete.end", "timestamp": "2026-11-23 08:00:00", "payload": {}, "_context_auth_token": "hunter2"});
    service
        .publish(
            "nova",
            "notifications.error",
            &serde_json::to_vec(&secret).unwrap(),
        )
        .await;
    service.confirmed().await;
    let (pass, batches) = collect(&mut north, PassMode::Full).await;
    assert_eq!(pass.outcome, Outcome::Complete);
    assert!(
        pass.error
            .starts_with("2 messages could not be read and were set aside, first: it is no JSON"),
        "{}",
        pass.error
    );
    assert_eq!(
        north.told(),
        Some(Told {
            used: 2,
            ignored: 0,
            poison: 2
        })
    );
    let raws: Vec<&str> = batches
        .iter()
        .flat_map(|b| &b.raws)
        .map(|r| r.body.as_str())
        .collect();
    assert!(
        raws.contains(&"no JSON") && !raws.concat().contains("hunter2"),
        "{raws:?}"
    );
    // They do not come back.
    assert!(ids(&complete(&mut north).await).is_empty());

    // Reading goes on for its interval where nobody asks for an end.
    let began = Instant::now();
    let (pass, _) = collect(&mut north, PassMode::Changes).await;
    assert!(pass.outcome == Outcome::Complete && began.elapsed() >= Duration::from_secs(2));

    let mut other = open("plimsoll.north", |b| b.queue_max_bytes = 1 << 20);
    let (pass, _) = collect(&mut other, PassMode::Full).await;
    assert!(
        pass.error.contains("made with another `queue_max`"),
        "{}",
        pass.error
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_fresh_snapshot_has_the_type_that_the_cloud_shows_of_its_volume() {
    let (rabbit, names) = (Rabbit::start().await, names().await);
    let mut service = rabbit.publisher().await;
    service.exchange("openstack").await;
    let mut north = reader(&names, rabbit.port, "plimsoll.north", |_| {});
    complete(&mut north).await;

    let (snapshot, of) = first("snapshot.create.end");
    let volume = of["volume_id"].as_str().unwrap();
    let (told, _) = first("volume.create.end");
    let types: Value = serde_json::from_str(&recorded("cinder/types.json")).unwrap();
    let shown = type_of(volume);
    let before = types["volume_types"].as_array().unwrap().iter();
    let before = before
        .map(|t| (t["id"].clone(), t["name"].as_str().unwrap().to_owned()))
        .find(|(_, name)| *name != shown)
        .unwrap();
    let now = Clock::System.now();
    for (message, ago, id) in [
        (&told, 180, "volume_id"),
        (&snapshot, 120, "snapshot_id"),
        (&snapshot, 0, "snapshot_id"),
    ] {
        let sent = changed(message, |m| {
            m["timestamp"] = json!(now.plus_seconds(-ago).to_string());
            let payload = m["payload"].as_object_mut().unwrap();
            payload.insert("volume_type".to_owned(), before.0.clone());
            payload.insert("volume_id".to_owned(), json!(volume));
            if id == "snapshot_id" {
                payload.insert(id.to_owned(), json!(format!("made {ago} s ago")));
            }
        });
        service
            .publish("openstack", "notifications.info", &sent)
            .await;
    }
    service.confirmed().await;
    let batches = complete(&mut north).await;
    let type_of = |id: &str| {
        let mut facts = batches.iter().flat_map(|b| &b.facts);
        let size = facts.find(|f| f.key.resource == id && f.aspect == Aspect::Flavor);
        size.unwrap().value.known().unwrap().label.clone()
    };
    // Of one that was made long ago, the messages before it know better.
    assert_eq!(type_of("made 120 s ago"), before.1);
    assert_eq!(type_of("made 0 s ago"), shown);
}

/// The first recorded message of a kind, and its payload.
fn first(event: &str) -> (Value, Value) {
    let of_kind = stream().into_iter().find_map(|m| {
        let inner: Value = serde_json::from_str(m.body["oslo.message"].as_str()?).ok()?;
        (inner["event_type"] == event).then(|| (m.body, inner["payload"].clone()))
    });
    of_kind.unwrap()
}

/// A recorded message with something else in it.
fn changed(body: &Value, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body = body.clone();
    let mut inner: Value = serde_json::from_str(body["oslo.message"].as_str().unwrap()).unwrap();
    change(&mut inner);
    body["oslo.message"] = json!(inner.to_string());
    serde_json::to_vec(&body).unwrap()
}
