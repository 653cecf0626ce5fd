//! A recorded Cinder, with the ids of recorded images, against a recorded Ceph: what is nobody's, when that is proven, and what it costs.

use super::{
    cinder,
    cloud::{Cloud, recorded},
    volume, without,
};
use crate::{
    harness::{self, Plimsoll, json},
    pages::Running,
};
use plimsoll::{
    config,
    domain::{
        Aspect, Batch, Evidence, Fact, Known, Memory, Outcome, Pass, PassMode, ResourceKey,
        Value as Held, fact::kind,
    },
    net::Clock,
    sources::{Parcel, Source},
    store::Store,
};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::Path, time::Duration};
use tokio::sync::mpsc;

/// Ids of recorded volumes, and those of the recorded images that they get here.
const NAMES: [(&str, &str); 8] = [
    (
        "45cac19c-ed08-4b39-9ca0-bba186a6d937",
        "23b8c1e9-3924-46de-beb1-3b9046685257",
    ),
    (
        "0c237fdc-fb24-47f0-b262-225dc004046a",
        "47378190-96da-4dac-b2ff-5d2a386ecbe0",
    ),
    (
        "fb3ba2bc-adfc-4995-bbd2-83a90cf9a6fd",
        "6b65a6a4-8b81-48f6-b38a-088ca65ed389",
    ),
    (
        "572a24c3-7bd3-475a-941b-9f2e87f1ada4",
        "972a8469-1641-4f82-8b9d-2434e465e150",
    ),
    (
        "55a69c03-1672-4855-9742-a75557eaa2a5",
        "9a1de644-815e-46d1-bb8f-aa1837f8a88b",
    ),
    // It was migrated, and its image is named by its `name_id`.
    (
        "cddde811-7704-414f-8342-77400b58938c",
        "bd9c66b3-ad3c-4d6d-9a3d-1fa7bc8960a9",
    ),
    ("9e92ca5c-8981-487e-b2d1-a13bb7cea50e", TRASHED),
    ("a0c66f9e-f4de-45cd-ba14-52c1fe9353e3", DELETED),
];
const TRASHED: &str = "371ecd7b-27cd-4130-8722-9389571aa876";
const DELETED: &str = "6c307511-b2b9-437a-a8df-6ec4ce4a2bbd";
const UNKNOWN: &str = "c241330b-01a9-471f-9e8a-774bcf36d58b";
const MIGRATED: &str = "87cff588-6149-4e55-b83b-d23016620bdc";
const IN_ERROR: &str = "cc928460-537a-4f72-9823-5586f31d22aa";
/// Of a type that is kept elsewhere.
const ELSEWHERE: &str = "46a2b17a-bcbc-40d2-ad46-9306b0f316a8";

/// The list as recorded, with those ids.
fn volumes() -> Value {
    let mut text = recorded("cinder/volumes-detail-all_tenants").to_string();
    for (from, to) in NAMES {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let ids = NAMES.map(|(_, id)| id);
    let mut list = without(json(&text), "volumes", |v| {
        let id = v["id"].as_str().unwrap();
        !ids.contains(&id) && ![MIGRATED, IN_ERROR, ELSEWHERE].contains(&id)
    });
    for v in list["volumes"].as_array_mut().unwrap() {
        if v["id"] == ELSEWHERE {
            v["volume_type"] = json!("lab-nfs");
        }
    }
    list
}

/// The recorded cluster, and a store that is told of it and of a cloud.
struct Both {
    clock: Clock,
    readers: Vec<Source>,
    store: Store,
}

impl Both {
    fn cluster(asked: &Path, clock: &Clock) -> Vec<Source> {
        let repository = env!("CARGO_MANIFEST_DIR");
        let argv = |program: &str| {
            let dir = asked.to_str().unwrap().to_owned();
            let captures = format!("{repository}/tests/captures/ceph");
            let (play, recorded) = (
                format!("{captures}/play.sh"),
                format!("{captures}/commands"),
            );
            vec![
                "/bin/sh".to_owned(),
                play,
                dir,
                recorded,
                program.to_owned(),
            ]
        };
        let conf = config::Ceph {
            name: "lab".into(),
            command: argv("ceph"),
            rbd_command: argv("rbd"),
            parts: ["cluster", "rbd"].map(str::to_owned).into(),
            pools: None,
            object_pools: None,
            openstack: Some("north".into()),
            interval_s: 300,
            used_interval_s: 3600,
            concurrency: 2,
            timeout_s: 60,
            output_max_bytes: 1 << 20,
        };
        Source::open(
            &config::Source::Ceph(conf),
            clock,
            &Memory::default(),
            "test",
        )
        .unwrap()
    }

    /// Ceph is read so many seconds later.
    async fn read_ceph(&mut self, later_s: i64) {
        self.clock.set(self.clock.now().plus_seconds(later_s));
        let (out, mut parcels) = mpsc::channel::<Parcel>(1_000);
        for reader in &mut self.readers {
            for pass in reader.collect(PassMode::Full, &out).await {
                assert_eq!(pass.outcome, Outcome::Complete, "{}", pass.error);
            }
        }
        drop(out);
        while let Some(parcel) = parcels.recv().await {
            self.store.write(&parcel.batch).await.unwrap();
        }
    }

    async fn read_cinder(&self, cloud: &mut Cloud) {
        let passes: Vec<Pass> = cloud.collect().await.into_values().collect();
        assert!(passes.iter().all(|p| p.outcome == Outcome::Complete));
        let batch = Batch {
            facts: cloud.facts.clone(),
            passes,
            ..Batch::default()
        };
        self.store.write(&batch).await.unwrap();
    }

    /// A bucket of 16 MiB, and a complete list of buckets.
    async fn read_buckets(&self) {
        let at = self.clock.now();
        let sighted = |aspect, value| Fact {
            key: ResourceKey {
                cloud: "zone".into(),
                kind: kind::BUCKET.into(),
                resource: "b1".into(),
            },
            aspect,
            evidence: Evidence::Sighting,
            at,
            from: at,
            seen: at,
            value,
            observed_at: at,
            pass: 1,
            raw: String::new(),
        };
        let size = Known {
            levels: [("capacity_bytes".to_owned(), 16 << 20)].into(),
            ..Known::label("STANDARD")
        };
        let pass = Pass {
            id: Pass::id_of("zone", "buckets", PassMode::Full, at, "test"),
            cloud: "zone".into(),
            service: "rgw".into(),
            region: String::new(),
            list: "buckets".into(),
            mode: PassMode::Full,
            started: at,
            finished: at,
            watermark: at,
            skew_us: 0,
            outcome: Outcome::Complete,
            items: 1,
            facts: 2,
            requests: 1,
            bytes: 1,
            error: String::new(),
            collector: "test".into(),
            cursor: String::new(),
        };
        let batch = Batch {
            facts: vec![
                sighted(Aspect::State, Held::label("present")),
                sighted(Aspect::Flavor, Held::Known(size)),
            ],
            passes: vec![pass],
            ..Batch::default()
        };
        self.store.write(&batch).await.unwrap();
    }
}

/// A configuration that links the three; it reads nothing by itself.
fn configured(dir: &Path) -> std::path::PathBuf {
    let mut book = "name: x\ncurrency: EUR\nvalid_from: 2020-01-01\nprices:\n".to_owned();
    for (of, amount) in [("lab-hdd", 8), ("lab-ssd", 16)] {
        writeln!(book, "  - {{sku: {of}, name: x, meter: volume.capacity, match: {{type: {of}}}, amount: {amount}, per: 1, unit: GiB, period: month}}").unwrap();
    }
    std::fs::write(dir.join("book.yaml"), book).unwrap();
    std::fs::write(dir.join("secret"), "x").unwrap();
    let text = "
prices: {book: book.yaml}
http: {listen: '127.0.0.1:0'}
sources:
  - {kind: openstack, name: north, auth_url: 'http://127.0.0.1:9/v3', username: u, project: p, password: {file: secret}, services: [volume]}
  - {kind: ceph, name: lab, command: [/bin/false], rbd_command: [/bin/false], openstack: north, parts: [cluster, rbd]}
  - {kind: rgw, name: zone, endpoints: ['http://127.0.0.1:9'], access_key: {file: secret}, secret_key: {file: secret}, ceph: lab}
";
    let path = dir.join("plimsoll.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Ghosts as told: name, cause, size, cost.
fn ghosts(report: &Value) -> Vec<[String; 4]> {
    let ghosts = report["clouds"][0]["ghosts"].as_array().unwrap();
    let of = |g: &Value| {
        ["name", "cause", "provisioned_bytes", "cost"]
            .map(|key| g[key].as_str().unwrap_or("-").to_owned())
    };
    ghosts.iter().map(of).collect()
}

fn count(report: &Value, what: &str) -> Vec<(String, u64)> {
    let sides = report["clouds"][0][what].as_object().unwrap();
    let one = |(side, sum): (&String, &Value)| (side.clone(), sum["count"].as_u64().unwrap());
    sides.iter().map(one).collect()
}

fn told(p: &Plimsoll, more: &[&str], code: i32) -> Value {
    let args = [&["reconcile", "--format", "json"], more].concat();
    let (got, out, err) = p.run(&args);
    assert_eq!(got, code, "{out}{err}");
    json(&out)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nobodys_is_told_once_both_lists_have_been_read_since() {
    let dir = tempfile::tempdir().unwrap();
    let p = Plimsoll::with_config(configured(dir.path()));
    std::fs::create_dir_all(p.data()).unwrap();
    let clock = Clock::standing_at(super::ts("2026-11-23T09:00:00Z"));
    let mut both = Both {
        readers: Both::cluster(dir.path(), &clock),
        clock,
        store: harness::open(&p.data()).await,
    };
    let mut cloud = cinder().await;
    cloud.answers(&volume("volumes/detail"), 200, volumes());

    both.read_ceph(0).await;
    let report = told(&p, &[], 1);
    assert_eq!(
        report["unread"],
        json!([{"source": "north", "list": "volumes"}, {"source": "zone", "list": "buckets"}])
    );
    assert!(
        ghosts(&report).is_empty(),
        "no list of Cinder's was read: {report}"
    );
    both.read_cinder(&mut cloud).await;
    both.read_buckets().await;
    let report = told(&p, &[], 0);
    assert!(ghosts(&report).is_empty(), "{report}");
    let sides = |of: &[(&str, u64)]| -> Vec<(String, u64)> {
        of.iter()
            .map(|(side, n)| ((*side).to_owned(), *n))
            .collect()
    };
    assert_eq!(
        count(&report, "images"),
        sides(&[("matched", 6), ("other", 3), ("unsettled", 3)])
    );

    // One volume is deleted; until Ceph is read again, its image may be gone too.
    cloud.later(300);
    let list = without(volumes(), "volumes", |v| v["id"] == DELETED);
    cloud.answers(&volume("volumes/detail"), 200, list);
    let gone = recorded("cinder/volume-show-deleted");
    cloud.answers(&volume(&format!("volumes/{DELETED}")), 404, gone);
    both.read_cinder(&mut cloud).await;
    assert!(ghosts(&told(&p, &[], 0)).is_empty());
    let before = both.store.now().await.unwrap();

    both.read_ceph(360).await;
    let report = told(&p, &[], 0);
    let ghost = |name: String, cause: &str, bytes: i64, cost: &str| {
        [name, cause.to_owned(), bytes.to_string(), cost.to_owned()]
    };
    assert_eq!(
        ghosts(&report),
        [
            // Of which type it was, its pool does not say.
            ghost(format!("volume-{UNKNOWN}"), "volume_unknown", 3 << 30, "-"),
            ghost(
                format!("volume-{DELETED}.deleted"),
                "volume_deleted",
                128 << 20,
                "1.00"
            ),
            ghost(format!("volume-{TRASHED}"), "set_aside", 64 << 20, "1.00"),
        ]
    );
    let cloud_told = &report["clouds"][0];
    assert_eq!(cloud_told["cost"], "2.00");
    assert_eq!(cloud_told["ghosts"][1]["volume"]["type"], "lab-hdd");
    assert_eq!(cloud_told["ghosts"][2]["trash"], true);
    assert_eq!(cloud_told["missing"][0]["id"], TRASHED);
    assert_eq!(
        count(&report, "images"),
        sides(&[("ghost", 3), ("matched", 6), ("other", 3)])
    );
    assert_eq!(
        count(&report, "volumes"),
        sides(&[
            ("elsewhere", 1),
            ("matched", 6),
            ("missing", 1),
            ("unsettled", 1)
        ])
    );
    pools(&report);
    let as_of = before.to_string();
    assert!(ghosts(&told(&p, &["--as-of", &as_of], 0)).is_empty());
    let table = p.ok(&["reconcile"]);
    for words in [
        "set aside while its volume is there, in the trash",
        "volumes of several types are in its pool",
        "2.00 EUR in",
        "1 of them have no price",
        "default.rgw.buckets.data, default.rgw.cold.data",
        "garbage collection",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    both.store.close().await.unwrap();
    tokio::task::spawn_blocking(move || running(&p))
        .await
        .unwrap();
}

/// What the recorded pools store, less what is counted in them.
fn pools(report: &Value) {
    let told: Vec<[&str; 4]> = report["pools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let names = p["pools"][0].as_str().unwrap();
            let number = |key: &str| p[key].as_str().unwrap();
            [
                names,
                number("stored_bytes"),
                number("counted_bytes"),
                number("difference_bytes"),
            ]
        })
        .collect();
    assert_eq!(
        told,
        [
            ["images", "33554568", "67108864", "-33554296"],
            ["vms", "20971608", "67108864", "-46137256"],
            ["volumes", "109053400", "268435456", "-159382056"],
            // 16,217,317 and 8,192 in two pools, 16 MiB by the list.
            [
                "default.rgw.buckets.data",
                "16225509",
                "16777216",
                "-551707"
            ],
        ]
    );
    assert_eq!(report["pools"][2]["unknown"], 1, "the one in the trash");
}

/// A running plimsoll shows the same: gauges, and a page.
fn running(p: &Plimsoll) {
    let run = Running::start(p);
    let gauge = |name: &str, cause: &str| {
        format!("plimsoll_storage_{name}{{source=\"lab\",cause=\"{cause}\"}}")
    };
    let wanted = [
        format!("{} 1", gauge("ghosts", "volume_deleted")),
        format!("{} 0", gauge("ghosts", "moved_away")),
        format!("{} {}", gauge("ghost_bytes", "volume_unknown"), 3_i64 << 30),
    ];
    run.wait("gauges", Duration::from_secs(60), || {
        let page = run.get("/metrics", "").1;
        let missing = wanted.iter().find(|w| !page.contains(*w));
        missing.map_or(Ok(()), |w| Err(format!("{w}: {page}")))
    });
    let (head, page) = run.get("/reconciliation", "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for words in [UNKNOWN, "2.00 EUR", "Volumes without an image"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(run.get("/", "").1.contains("href=\"/reconciliation\""));
}
