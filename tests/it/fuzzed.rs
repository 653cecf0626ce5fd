//! Every parser of foreign bytes on mutations of what was recorded or is shipped: no panic, no hang, and what is accepted keeps its promise.

#[path = "../../fuzz/targets.rs"]
mod targets;

use plimsoll::{
    domain::{Batch, Raw},
    spool::Spool,
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use targets::TARGETS;

/// Time for each target, and the most that one case may take in an unoptimised build on a busy machine.
const BUDGET: Duration = Duration::from_secs(5);
const CASE_MAX: Duration = Duration::from_secs(5);

fn read(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The items of a recorded list, one seed each.
fn items(path: &str, key: &str) -> Vec<Vec<u8>> {
    let list: Value = serde_json::from_slice(&read(path)).unwrap();
    let items = list[key].as_array().unwrap().iter();
    items.map(|i| serde_json::to_vec(i).unwrap()).collect()
}

/// What a command of Ceph printed.
fn command(name: &str) -> Vec<u8> {
    read(&format!("tests/captures/ceph/commands/{name}.out"))
}

/// A file as an export writes it.
fn snapshot(name: &str) -> Vec<u8> {
    let path = format!("src/export/tests/snapshots/plimsoll__export__tests__{name}.snap");
    let text = String::from_utf8(read(&path)).unwrap();
    let body = text.splitn(3, "---\n").nth(2).unwrap();
    format!("{}\n", body.trim_end())
        .replace("␍\n", "\r\n")
        .into_bytes()
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    const NOVA: &str = "tests/captures/openstack/nova";
    const KEYSTONE: &str = "tests/captures/openstack/keystone";
    let of = |list: &str| format!("tests/captures/openstack/{list}.json");
    match target {
        "server" | "page" => {
            let lists = [
                "servers-detail-all_tenants-latest",
                "servers-detail-deleted-only",
            ];
            let mut all: Vec<Vec<u8>> = lists
                .iter()
                .flat_map(|l| items(&format!("{NOVA}/{l}.json"), "servers"))
                .collect();
            if target == "page" {
                all.push(b"http://127.0.0.1:8774/v2.1/servers/detail?limit=5&marker=75-8".to_vec());
            }
            all
        }
        "action" => ["resized-show-resize", "resized-show-confirmResize"]
            .map(|f| {
                let shown: Value =
                    serde_json::from_slice(&read(&format!("{NOVA}/instance-actions/{f}.json")))
                        .unwrap();
                serde_json::to_vec(&shown["instanceAction"]).unwrap()
            })
            .into(),
        "flavor" => items(&format!("{NOVA}/flavors-detail.json"), "flavors"),
        "project" => items(&format!("{KEYSTONE}/projects.json"), "projects"),
        "token" => vec![read(&format!("{KEYSTONE}/auth-post.json"))],
        "notification" => notifications(),
        "usage_event" => read("deploy/import/usage-events.jsonl")
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
        "volume" => items(&of("cinder/volumes-detail-all_tenants"), "volumes"),
        "snapshot" => items(&of("cinder/snapshots-detail"), "snapshots"),
        "backup" => items(&of("cinder/backups-detail"), "backups"),
        "image" => items(&of("glance/images-all"), "images"),
        "floating_ip" => items(&of("neutron/floatingips"), "floatingips"),
        "port" => items(&of("neutron/ports"), "ports"),
        "router" => items(&of("neutron/routers"), "routers"),
        "load_balancer" => items(&of("octavia/loadbalancers"), "loadbalancers"),
        "share" => items(&of("manila/shares-detail-all_tenants-2.7"), "shares"),
        "account" => vec![b"X-Account-Object-Count: 12\nX-Account-Bytes-Used: 3000\nX-Account-Storage-Policy-Gold-Object-Count: 2\n\
            X-Account-Storage-Policy-Gold-Bytes-Used: 1000\n".to_vec()],
        "inventories" => vec![read("tests/captures/openstack/placement/rp-inventories.json")],
        "rgw_usage" => ["usage_all", "usage_requester_pays", "usage_10k_dups"]
            .map(|f| read(&format!("tests/captures/ceph/{f}.json")))
            .into(),
        "rgw_bucket" => ["bucket_stats_mpu", "reef/bucket_stats_versions"]
            .map(|f| read(&format!("tests/captures/ceph/{f}.json")))
            .into(),
        "rgw_names" => {
            let mut all = ["metadata_user_list", "metadata_user_paged", "reef/metadata_user"]
                .map(|f| read(&format!("tests/captures/ceph/{f}.json")))
                .to_vec();
            all.push(b"tx00000bfb330aa9bb66441-006b03f4e9-1032-default".into());
            all
        }
        "ceph_images" => [
            "rbd_ls_long_pool=volumes",
            "rbd_du_pool=volumes",
            "rbd_trash_ls_all_pool=volumes",
            "rbd_info_pool=vms_image-id=1124b172065e",
        ]
        .map(command)
        .into(),
        "ceph_subvolume" => [
            "ceph_fs_subvolume_info_cephfs_ab9099a4-35a2-40ae-9af3-05535ec42e08",
            "ceph_fs_subvolume_info_cephfs_29a3b2e9-5d65-4441-9588-42dea2bc372f",
        ]
        .map(command)
        .into(),
        "ceph_cluster" => ["ceph_status", "ceph_df_detail", "ceph_osd_df_tree"]
            .map(command)
            .into(),
        "k8s_quantity" => ["250m", "1.5Gi", "12e3", "125293548Ki", "0.1", "7n"]
            .map(|t| t.as_bytes().to_vec())
            .into(),
        "k8s_pod" => kubernetes("pods-acme-prod"),
        "k8s_namespace" => kubernetes("namespaces"),
        "k8s_node" => kubernetes("nodes"),
        "k8s_claim" => kubernetes("persistentvolumeclaims"),
        "k8s_volume" => kubernetes("persistentvolumes"),
        "k8s_service" => kubernetes("services"),
        "k8s_kubelet" => ["stats-summary.json", "metrics-resource.txt"]
            .map(|f| read(&format!("tests/captures/kubernetes/kubelet/{f}")))
            .into(),
        "spool_file" => vec![spool_file()],
        "time" => [
            "2026-11-23T08:51:58Z",
            "2026-11-23T08:51:58.000000",
            "Mon, 23 Nov 2026 08:51:58 GMT",
        ]
        .map(|t| t.as_bytes().to_vec())
        .into(),
        "decimal" => ["0.0125", "1234567890.123456789", "-3"]
            .map(|t| t.as_bytes().to_vec())
            .into(),
        "yaml" => vec![read("deploy/quickstart.yaml"), read("deploy/plimsoll.yaml")],
        "price_book" => vec![read("deploy/prices/nordic-2026.yaml")],
        "credits" => vec![read("deploy/prices/credits-2026.yaml")],
        "exported" => ["manifest_of_csv", "csv_of_a_contract", "jsonl_of_a_contract"]
            .map(snapshot)
            .into(),
        "scenario" => vec![read("deploy/scenarios/awkward.yaml")],
        "exposition" => {
            let mut all = ["kubelet-resource", "ipmi_exporter-examples"]
                .map(|p| read(&format!("tests/captures/exposition/{p}.txt")))
                .to_vec();
            all.push(EXPOSITION.into());
            all
        }
        "metrics_page" => vec![
            read("tests/captures/exposition/kubelet-resource.txt"),
            read("tests/captures/exposition/kubelet-resource-bad-timestamp.txt"),
            EXPOSITION.into(),
        ],
        "metrics_answer" => [
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"x","pod":"a"},"values":[[1795424073,"1"],[1795424133.5,"1e3"]]}]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1795424073.532,"NaN"]}]},"warnings":["w"]}"#,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1795424073.532,"1795424073.532"]}}"#,
        ]
        .map(|t| t.as_bytes().to_vec())
        .into(),
        "number" => ["4.20072246e+06", "-0017.50", ".5E-3"]
            .map(|t| t.as_bytes().to_vec())
            .into(),
        "selector" => [
            r#"haproxy_backend_http_responses_total{proxy=~".*nova.*",code!~"5..|4.."}"#,
            "http_requests_total { job = 'api', code!=\"\", }",
            "up",
        ]
        .map(|t| t.as_bytes().to_vec())
        .into(),
        "openslo" => vec![
            read("deploy/slo/compute.yaml"),
            read("deploy/slo/openstack-api.yaml"),
            read("deploy/slo/probes.yaml"),
            OPENSLO.into(),
        ],
        other => panic!("no seeds for {other}"),
    }
}

fn kubernetes(list: &str) -> Vec<Vec<u8>> {
    items(&format!("tests/captures/kubernetes/{list}.json"), "items")
}

/// One recorded message of each type, as sent.
fn notifications() -> Vec<Vec<u8>> {
    let text = String::from_utf8(read("tests/captures/openstack/amqp/stream.jsonl")).unwrap();
    let mut by_type = std::collections::BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let inner = line["body"]["oslo.message"].as_str().unwrap();
        let message: Value = serde_json::from_str(inner).unwrap();
        let kind = message["event_type"].as_str().unwrap().to_owned();
        by_type.insert(kind, serde_json::to_vec(&line["body"]).unwrap());
    }
    by_type.into_values().collect()
}

/// An OpenMetrics page with every type.
const EXPOSITION: &str = r#"# TYPE a_s counter
# UNIT a_s s
# HELP a_s An \"escaped\" help.
a_s_total{b="c"} 1.5e3 1520879607.789 # {id="x"} 0.5 1520879607
a_s_created{b="c"} 1520430000 1520879607.789
# TYPE d histogram
d_bucket{le="-1.5"} 1 # {} -2
d_bucket{le="+Inf"} 2
# TYPE e gaugehistogram
e_bucket{le="+Inf"} 1
e_gcount 1
e_gsum 0.5
# TYPE f summary
f{quantile="0.5",g="h\n"} NaN
f_count{g="h\n"} 0
# TYPE i info
i_info{j="k"} 1
# TYPE l stateset
l{l="m"} 0
n -Inf
# EOF
"#;

/// An objective with all that may stand in one.
const OPENSLO: &str = r#"apiVersion: openslo/v1
kind: Service
metadata: {name: s3}
spec: {description: d}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: requests}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: prometheus, spec: {query: 'r_total{code!~"5.."}'}}}
    total: {metricSource: {type: prometheus, spec: {query: r_total}}}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: s3
  displayName: S3
  labels: {team: storage}
  annotations: {plimsoll/per-tenant: "true", plimsoll/tenant-label: user, plimsoll/target.acme: "0.9995", plimsoll/alpha: "0.001"}
spec:
  service: s3
  indicatorRef: requests
  timeWindow: [{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Stockholm}}]
  budgetingMethod: Occurrences
  objectives: [{displayName: o, target: 0.99}]
"#;

/// A file as the spool itself writes it.
fn spool_file() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    let batch = Batch {
        raws: vec![Raw::new(r#"{"id": "x"}"#)],
        ..Batch::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(spool.put(&batch)).unwrap();
    let mut files = walk(dir.path());
    files.retain(|f| f.starts_with(b"plimsoll"));
    files.remove(0)
}

fn walk(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|p| {
            if p.is_dir() {
                walk(&p)
            } else {
                vec![fs::read(&p).unwrap()]
            }
        })
        .collect()
}

/// Chance from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

/// Bytes cut, doubled, swapped, flipped, replaced by what parsers stumble over, or crossed with another seed.
fn mutated(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    const ODD: [&[u8]; 14] = [
        b"null",
        b"-1",
        b"9223372036854775807",
        b"1e400",
        b"\"\"",
        b"[]",
        b"{}",
        b"\\n",
        b"\\ud800",
        b"\xff",
        "\u{202e}".as_bytes(),
        b"0000-00-00T00:00:00Z",
        b"[[[[[[[[",
        b"&a *a",
    ];
    let mut below = |n: usize| chance.below(n);
    let mut bytes = seeds[below(seeds.len())].clone();
    for _ in 0..=below(4) {
        let (a, b) = (below(bytes.len() + 1), below(bytes.len() + 1));
        let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 1 + below(40)));
        match below(7) {
            0 => bytes.truncate(from),
            1 => drop(bytes.drain(from..to.min(bytes.len()))),
            2 => {
                let part = bytes[from..to.min(bytes.len())].to_vec();
                bytes.splice(b..b, part);
            }
            3 if a < bytes.len() && b < bytes.len() => bytes.swap(a, b),
            4 if a < bytes.len() => bytes[a] ^= 1 << below(8),
            5 => {
                let other = &seeds[below(seeds.len())];
                let cut = below(other.len() + 1);
                bytes.splice(from.., other[cut..].iter().copied());
            }
            _ => drop(bytes.splice(
                from..to.min(bytes.len()),
                ODD[below(ODD.len())].iter().copied(),
            )),
        }
    }
    bytes
}

#[test]
fn no_bytes_make_a_parser_panic_hang_or_break_its_promise() {
    std::thread::scope(|scope| {
        for (name, target) in TARGETS {
            scope.spawn(move || {
                let seeds = seeds(name);
                for (n, seed) in seeds.iter().enumerate() {
                    assert!(target(seed), "{name}: seed {n} is not accepted");
                }
                let (mut chance, began) = (Chance(1), Instant::now());
                let (mut cases, mut accepted) = (0_u32, 0_u32);
                while began.elapsed() < BUDGET || cases < 50 {
                    let bytes = mutated(&seeds, &mut chance);
                    let case = Instant::now();
                    let told = std::panic::catch_unwind(|| target(&bytes));
                    let shown = String::from_utf8_lossy(&bytes);
                    assert!(
                        case.elapsed() < CASE_MAX,
                        "{name} took {:?} for:\n{shown}",
                        case.elapsed()
                    );
                    accepted +=
                        u32::from(told.unwrap_or_else(|_| panic!("{name} broke on:\n{shown}")));
                    cases += 1;
                }
                println!("{name}: {cases} cases, {accepted} accepted");
            });
        }
    });
}

#[test]
fn every_target_has_a_binary() {
    let manifest = String::from_utf8(read("fuzz/Cargo.toml")).unwrap();
    let mut named: Vec<&str> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.split('"').nth(1))
        .collect();
    let mut targets = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    named.sort_unstable();
    targets.sort_unstable();
    assert_eq!(named, targets);
    assert!(
        TARGETS.iter().all(|(name, _)| !targets::run(name, b"\xff")) && !targets::run("none", b"")
    );
}
