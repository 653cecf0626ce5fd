//! A made-up OpenStack and the made-up Ceph in which it keeps its data, metered together: what OpenStack made is shown in Ceph and counted once, what is nobody's is
//! found, through usage, exports and reconciliation.

use super::{repo, window, world};
use crate::harness::{Plimsoll, json, open};
use plimsoll::{
    config::{self, Overrides},
    domain::{Batch, Memory, Outcome, PassMode, Ts},
    net::Clock,
    simulate::{PASSWORD, World, router},
    sources::{Parcel, Source},
    store::Store,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

const GIB: i128 = 1 << 30;
const MONTH: &str = "2026-10";

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

/// Lists are read at these times: of what comes and goes in between, Cinder tells nothing and Ceph neither.
fn looks() -> [Ts; 4] {
    [
        "05T00:00:00Z",
        "12T06:30:00Z",
        "28T00:00:00Z",
        "28T00:10:00Z",
    ]
    .map(|t| ts(&format!("2026-10-{t}")))
}

/// The configuration of all three: the cloud, its cluster by commands that print what stands in `played`, and its gateways.
fn configured(dir: &Path, root: &str) -> PathBuf {
    let secret = dir.join("secret");
    std::fs::write(&secret, PASSWORD).unwrap();
    let played = dir.join("played");
    std::fs::create_dir_all(&played).unwrap();
    let program = |name: &str| {
        let play = repo("tests/captures/ceph/play.sh");
        serde_json::json!(["/bin/sh", play, played, played, name])
    };
    let text = format!(
        "
sources:
  - {{kind: openstack, name: sim, auth_url: '{root}/identity/v3', username: plimsoll, project: admin, password: {{file: secret}}, services: [volume, image, share]}}
  - {{kind: ceph, name: sim-ceph, command: {ceph}, rbd_command: {rbd}, openstack: sim}}
  - {{kind: rgw, name: sim-rgw, endpoints: ['{root}'], access_key: {{file: secret}}, secret_key: {{file: secret}}, openstack: sim, ceph: sim-ceph, backfill: 1h}}
tenancy:
  contracts: {{CO-001: norrland-kommun, CO-002: fjord-bank, CO-003: aurora-health, CO-004: tundra-games, CO-009: clusters}}
  rules:
    - project_tag: 'contract:'
    - list: [{{scope: kubernetes, source: sim-ceph, tenant: clusters, contract: CO-009}}, {{scope: cephfs/csi, source: sim-ceph, tenant: clusters, contract: CO-009}}]
prices: {{book: {book}}}
meters: {{time_zone: Europe/Stockholm}}
",
        ceph = program("ceph"),
        rbd = program("rbd"),
        book = repo("deploy/prices/nordic-2026.yaml").display(),
    );
    let file = dir.join("plimsoll.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

/// From now on the cluster's commands answer as it is at a time. A program for each of hundreds of answers would take a minute.
fn play(dir: &Path, truth: &World, at: Ts) {
    let put = |line: String| {
        let (program, args) = line.split_once(' ').unwrap();
        let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        let (name, text) = match truth.answer(program, &args, at) {
            Ok(text) => ("out", text),
            Err(failed) => ("err", format!("{} {}", failed.code, failed.why)),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._=-".contains(c);
        let file: String = line
            .replace("--", "")
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        let path = |kind: &str| dir.join("played").join(format!("{file}.{kind}"));
        for old in ["out", "err"] {
            let _ = std::fs::remove_file(path(old));
        }
        std::fs::write(path(name), &text).unwrap();
        text
    };
    for told in [
        "status",
        "df",
        "df detail",
        "osd df tree",
        "osd pool ls detail",
        "fs ls",
        "fs subvolumegroup ls cephfs",
    ] {
        put(format!("ceph {told}"));
    }
    for pool in ["volumes", "images", "vms", "backups", "kubernetes"] {
        for verb in ["namespace ls", "ls --long", "trash ls --all", "du"] {
            put(format!("rbd {verb} --pool={pool}"));
        }
    }
    // Those that are no more are asked for too.
    for image in looks().into_iter().flat_map(|t| truth.rbd_images(t)) {
        put(format!(
            "rbd info --pool={} --image-id={}",
            image.pool, image.id
        ));
    }
    for group in ["", " --group_name csi"] {
        let names = json(&put(format!("ceph fs subvolume ls cephfs{group}")));
        for named in names.as_array().unwrap() {
            let name = text(named, "name");
            put(format!("ceph fs subvolume info cephfs {name}{group}"));
        }
    }
}

/// Reads every list at every time.
async fn collected(config: &Path, (dir, truth): (&Path, &World), clock: &Clock, store: &Store) {
    let config = config::load(Some(config), &Overrides::default()).unwrap();
    let mut readers: Vec<Source> = Vec::new();
    for source in &config.sources {
        readers.extend(Source::open(source, clock, &Memory::default(), "test").unwrap());
    }
    for at in looks() {
        clock.set(at);
        play(dir, truth, at);
        let (out, mut parcels) = mpsc::channel::<Parcel>(10_000);
        for reader in &mut readers {
            for pass in reader.collect(PassMode::Full, &out).await {
                assert_eq!(
                    pass.outcome,
                    Outcome::Complete,
                    "{}: {}",
                    pass.list,
                    pass.error
                );
            }
        }
        drop(out);
        let mut all = Batch::default();
        while let Some(parcel) = parcels.recv().await {
            all.append(parcel.batch);
        }
        store.write(&all).await.unwrap();
    }
}

/// A plimsoll that has metered all of it, and the truth.
async fn metered() -> (Plimsoll, World) {
    let truth = world("small", 1);
    assert_eq!(truth.window(), window());
    let clock = Clock::standing_at(looks()[0]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let app = router(Arc::new(world("small", 1)), clock.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let p = Plimsoll::quickstart();
    let (config, dir) = (configured(p.dir(), &root), p.dir().to_owned());
    let p = p.configured(config.clone());
    std::fs::create_dir_all(p.data()).unwrap();
    let store = open(&p.data()).await;
    collected(&config, (&dir, &truth), &clock, &store).await;
    store.close().await.unwrap();
    (p, truth)
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// What clusters of Kubernetes hold in Ceph is counted there, from the first list to the last; nothing else is.
fn usage(p: &Plimsoll, truth: &World) {
    let usage = json(&p.ok(&["usage", "--month", MONTH, "--format", "json"]));
    let rows = usage["rows"].as_array().unwrap();
    let [first, .., last] = looks();
    let seconds = i128::from(last.second() - first.second());
    let counted: BTreeMap<&str, i128> = rows
        .iter()
        .filter(|r| text(r, "meter") == "rbd.capacity")
        .map(|r| {
            assert_eq!(
                (text(r, "tenant"), text(r, "source")),
                ("clusters", "sim-ceph"),
                "{r}"
            );
            (text(r, "resource"), text(r, "quantity").parse().unwrap())
        })
        .collect();
    let images = truth.rbd_images(last);
    let want: BTreeMap<String, i128> = images
        .iter()
        .filter(|i| !i.is_openstacks && !i.is_nobodys)
        .map(|i| {
            (
                format!("{}/{}", i.pool, i.id),
                i128::from(i.bytes) * seconds,
            )
        })
        .collect();
    assert_eq!(want.len(), 3);
    assert_eq!(
        counted,
        want.iter().map(|(id, n)| (id.as_str(), *n)).collect()
    );
    // Volumes, images and shares count as OpenStack's own, each by its own id.
    for (meter, kind) in [("volume.capacity", "volumes"), ("image.capacity", "images")] {
        let of = rows.iter().filter(|r| text(r, "meter") == meter);
        let resources: BTreeSet<&str> = of
            .map(|r| {
                assert_eq!(text(r, "source"), "sim", "{r}");
                text(r, "resource")
            })
            .collect();
        let pool = images.iter().filter(|i| i.pool == kind && i.is_openstacks);
        for image in pool {
            let id = image.name.trim_start_matches("volume-");
            assert!(resources.contains(id), "{meter}: {id}");
        }
    }
    let shares = rows.iter().filter(|r| text(r, "meter") == "share.capacity");
    let by_source = shares.fold(
        BTreeMap::<&str, BTreeMap<&str, i128>>::new(),
        |mut all, r| {
            let quantity: i128 = text(r, "quantity").parse().unwrap();
            *all.entry(text(r, "source"))
                .or_default()
                .entry(text(r, "resource"))
                .or_default() += quantity;
            all
        },
    );
    let csi = &by_source["sim-ceph"];
    assert!(csi.keys().all(|id| id.starts_with("cephfs/csi/csi-vol-")));
    // Subvolumes say when they were made.
    let seconds = i128::from(last.second() - window().0.second());
    let held: BTreeSet<i128> = csi.values().copied().collect();
    assert_eq!(
        held,
        BTreeSet::from([10 * GIB * seconds, 20 * GIB * seconds])
    );
    assert!(by_source["sim"].keys().all(|id| !id.contains('/')) && !by_source["sim"].is_empty());
}

/// An export bills each volume once, and Ceph's images of them not at all.
fn export(p: &Plimsoll, truth: &World) {
    let out = p.dir().join("export");
    let dir = out.to_str().unwrap();
    p.ok(&[
        "export", "--month", MONTH, "--format", "jsonl", "--out", dir,
    ]);
    p.ok(&["verify", dir]);
    let lines: Vec<Value> = std::fs::read_dir(&out)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|f| f.extension().is_some_and(|e| e == "jsonl"))
        .flat_map(|f| {
            let text = std::fs::read_to_string(f).unwrap();
            text.lines().map(json).collect::<Vec<_>>()
        })
        .collect();
    let meters: BTreeMap<&str, usize> = lines.iter().fold(BTreeMap::new(), |mut all, l| {
        *all.entry(text(l, "meter")).or_default() += 1;
        all
    });
    assert!(meters["volume.capacity"] > 0, "{meters:?}");
    let openstacks: BTreeSet<String> = truth
        .rbd_images(looks()[3])
        .iter()
        .filter(|i| i.is_openstacks || i.is_nobodys)
        .map(|i| format!("{}/{}", i.pool, i.id))
        .collect();
    assert!(openstacks.len() > 20);
    let told = lines.iter().map(Value::to_string).collect::<String>();
    for image in &openstacks {
        assert!(!told.contains(&format!("\"{image}\"")), "{image} is billed");
    }
}

/// Reconciliation finds each volume's image, those that stayed behind, and that pools store what is counted in them.
fn reconcile(p: &Plimsoll, truth: &World) {
    let report = json(&p.ok(&["reconcile", "--format", "json"]));
    let cloud = &report["clouds"][0];
    let images = truth.rbd_images(looks()[3]);
    let count = |side: &str| cloud["images"][side]["count"].as_u64().unwrap_or(0);
    let truly = |is: &dyn Fn(&plimsoll::simulate::TrueImage) -> bool| {
        u64::try_from(images.iter().filter(|i| is(i)).count()).unwrap()
    };
    assert_eq!(
        count("matched"),
        truly(&|i| i.pool == "volumes" && i.is_openstacks)
    );
    assert_eq!(count("ghost"), truly(&|i| i.is_nobodys));
    assert_eq!(count("other"), truly(&|i| i.pool != "volumes"));
    assert_eq!(count("unsettled"), 0, "{cloud}");
    assert_eq!(cloud["missing"].as_array().unwrap().len(), 0, "{cloud}");
    let ghosts = cloud["ghosts"].as_array().unwrap();
    let told: BTreeSet<(String, String)> = ghosts
        .iter()
        .map(|g| {
            (
                text(g, "name").to_owned(),
                text(g, "provisioned_bytes").to_owned(),
            )
        })
        .collect();
    let nobodys = images.iter().filter(|i| i.is_nobodys);
    let want: BTreeSet<(String, String)> = nobodys
        .map(|i| (i.name.clone(), i.bytes.to_string()))
        .collect();
    assert!(!want.is_empty());
    assert_eq!(told, want);
    let causes: BTreeSet<&str> = ghosts.iter().map(|g| text(g, "cause")).collect();
    assert!(
        causes.is_subset(&BTreeSet::from(["volume_deleted", "volume_unknown"])),
        "{causes:?}"
    );
    let pools = report["pools"].as_array().unwrap();
    let counted: BTreeSet<&str> = pools
        .iter()
        .map(|p| p["pools"][0].as_str().unwrap())
        .collect();
    for pool in [
        "volumes",
        "images",
        "kubernetes",
        "default.rgw.buckets.data",
    ] {
        assert!(counted.contains(pool), "{pool}: {counted:?}");
    }
    for pool in pools {
        assert_eq!(text(pool, "difference_bytes"), "0", "{pool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openstack_keeps_in_ceph_is_shown_there_and_counted_once() {
    let (p, truth) = metered().await;
    tokio::task::spawn_blocking(move || {
        usage(&p, &truth);
        export(&p, &truth);
        reconcile(&p, &truth);
    })
    .await
    .unwrap();
}

#[test]
fn the_made_up_cluster_answers_in_the_forms_of_a_real_one() {
    let truth = world("small", 1);
    let at = looks()[3];
    let answer = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let program = words.next().unwrap();
        truth.answer(&program, &words.collect::<Vec<_>>(), at)
    };
    let recorded = |name: &str| {
        let file = repo("tests/captures/ceph/commands").join(format!("{name}.out"));
        json(&std::fs::read_to_string(file).unwrap())
    };
    let image = &truth.rbd_images(at)[0];
    let info = format!("rbd info --pool={} --image-id={}", image.pool, image.id);
    let subvolumes = json(&answer("ceph fs subvolume ls cephfs --format json").unwrap());
    let subvolume = format!(
        "ceph fs subvolume info cephfs {}",
        text(&subvolumes[0], "name")
    );
    for (line, name) in [
        ("ceph status", "ceph_status"),
        ("ceph df detail", "ceph_df_detail"),
        ("ceph df", "ceph_df"),
        ("ceph osd df tree", "ceph_osd_df_tree"),
        ("ceph osd pool ls detail", "ceph_osd_pool_ls_detail"),
        ("ceph fs ls", "ceph_fs_ls"),
        (
            "ceph fs subvolumegroup ls cephfs",
            "ceph_fs_subvolumegroup_ls_cephfs",
        ),
        ("ceph fs subvolume ls cephfs", "ceph_fs_subvolume_ls_cephfs"),
        (
            subvolume.as_str(),
            "ceph_fs_subvolume_info_cephfs_29a3b2e9-5d65-4441-9588-42dea2bc372f",
        ),
        (
            "rbd namespace ls --pool=volumes",
            "rbd_namespace_ls_pool=images",
        ),
        ("rbd ls --long --pool=volumes", "rbd_ls_long_pool=images"),
        ("rbd ls --pool=volumes", "rbd_ls_pool=volumes"),
        ("rbd du --pool=volumes", "rbd_du_pool=volumes"),
        (info.as_str(), "rbd_info_pool=volumes_image-id=111cd9c416fb"),
    ] {
        let (made, real) = (json(&answer(line).unwrap()), recorded(name));
        let (made, real) = (leaves(&made), leaves(&real));
        let missing: Vec<_> = made.difference(&real).collect();
        assert!(missing.is_empty(), "{line}: {missing:?}");
    }
    let gone = answer("rbd info --pool=volumes --image-id=ffff1").unwrap_err();
    assert_eq!(gone.code, 2);
    assert!(gone.why.ends_with("(2) No such file or directory"));
    let gone = answer("ceph fs subvolume info cephfs nothere").unwrap_err();
    let real = "Error ENOENT: subvolume 'nothere' does not exist";
    assert_eq!((gone.code, gone.why.as_str()), (2, real));
    assert_eq!(answer("ceph auth ls").unwrap_err().code, 22);
}

#[test]
fn the_program_answers_for_the_cluster() {
    let p = Plimsoll::quickstart();
    let scenario = repo("deploy/scenarios/small.yaml");
    let of = |at: &str, command: &[&str]| {
        let first = [
            "simulate",
            "--scenario",
            scenario.to_str().unwrap(),
            "--seed",
            "1",
            "--at",
            at,
            "--command",
        ];
        // What the harness adds would be of the command.
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        let out = run
            .args([&first[..], command].concat())
            .current_dir(p.dir())
            .output()
            .unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        (
            out.status.code().unwrap(),
            text(out.stdout),
            text(out.stderr),
        )
    };
    let (code, out, err) = of(
        "2026-10-28T00:10:00Z",
        &["rbd", "ls", "--pool=volumes", "--format", "json"],
    );
    assert_eq!(code, 0, "{err}");
    let images = world("small", 1).rbd_images(looks()[3]);
    let volumes = images.iter().filter(|i| i.pool == "volumes").count();
    assert_eq!(json(&out).as_array().unwrap().len(), volumes);
    let (code, _, err) = of(
        "2026-10-28T00:10:00Z",
        &["rbd", "info", "--pool=volumes", "--image-id=1"],
    );
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("No such file or directory"), "{err}");
}

/// Where values are and of which form: `images[].used_size number`.
fn leaves(of: &Value) -> BTreeSet<String> {
    fn walk(at: &str, of: &Value, all: &mut BTreeSet<String>) {
        match of {
            Value::Object(map) => map.iter().for_each(|(key, v)| {
                // Keys that are names of their own.
                let key = match at {
                    ".stats_by_class" | "[].application_metadata" => "*",
                    _ => key,
                };
                walk(&format!("{at}.{key}"), v, all);
            }),
            Value::Array(items) => items.iter().for_each(|v| walk(&format!("{at}[]"), v, all)),
            leaf => {
                let form = match leaf {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    _ => "string",
                };
                _ = all.insert(format!("{at} {form}"));
            }
        }
    }
    let mut all = BTreeSet::new();
    walk("", of, &mut all);
    all
}
