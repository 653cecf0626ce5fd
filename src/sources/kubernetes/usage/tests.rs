//! Recorded pages of real kubelets, and what is kept of readings.

use super::{
    super::directory::Pod,
    draft,
    keep::{Keeper, Kept, Of, Point, Rule, Sample},
    summary::{Page, resource, summary},
};
use crate::{
    domain::{Fact, ResourceKey, Ts},
    fold,
};
use proptest::prelude::*;

const RULE: Rule = Rule {
    keep: 900,
    holds: 1_020,
};

fn recorded(name: &str) -> String {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/kubernetes/kubelet/"
    );
    std::fs::read_to_string(format!("{dir}{name}")).unwrap()
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn sample<'a>(page: &'a Page, name: &str) -> &'a Sample {
    page.samples.iter().find(|s| s.name == name).unwrap()
}

#[test]
fn a_summary_tells_of_each_pod_at_its_own_times() {
    let body = recorded("stats-summary.json");
    let page = summary(body.as_bytes(), ts("2026-06-26T10:14:45Z")).unwrap();
    assert_eq!((page.samples.len(), page.unread), (17, 0), "{}", page.first);
    let pod = sample(&page, "kube-controller-manager-datagen-1-35");
    assert_eq!(
        (pod.namespace.as_str(), pod.uid.as_deref(), pod.since),
        (
            "kube-system",
            Some("e9afcd8d3c942968802548f9a24d942a"),
            Some(ts("2026-06-26T10:12:10Z"))
        )
    );
    let told = |of: Of| pod.points[of as usize].unwrap();
    assert_eq!(
        [told(Of::Cpu), told(Of::Memory), told(Of::Network)].map(|p| (p.at, p.values)),
        [
            (ts("2026-06-26T10:14:38Z"), [1_944_284_000, 0]),
            (ts("2026-06-26T10:14:38Z"), [66_478_080, 0]),
            (ts("2026-06-26T10:14:28Z"), [772_919_385, 13_842_013]),
        ]
    );
    // A kubelet whose figures stand still for an hour tells nothing of now.
    let late = summary(body.as_bytes(), ts("2026-06-26T11:14:45Z")).unwrap();
    assert!(
        late.unread > 0 && late.first.contains("long before"),
        "{}",
        late.first
    );
    assert!(summary(b"<html>", ts("2026-06-26T10:14:45Z")).is_err());
}

#[test]
fn figures_without_a_time_are_of_the_pages_and_those_of_the_year_1_too() {
    let date = ts("2026-11-23T09:00:00Z");
    let body = |time: &str, cpu: &str| {
        format!(
            r#"{{"pods":[{{"podRef":{{"name":"a","namespace":"n","uid":"u"}},"cpu":{{{time}"usageCoreNanoSeconds":{cpu}}}}}]}}"#
        )
    };
    for time in ["", r#""time":"0001-01-01T00:00:00Z","#, r#""time":null,"#] {
        let page = summary(body(time, "7").as_bytes(), date).unwrap();
        let point = page.samples[0].points[0].unwrap();
        assert_eq!((point.at, point.values), (date, [7, 0]), "{time}");
    }
    let page = summary(body("", "18446744073709551615").as_bytes(), date).unwrap();
    assert!(page.samples[0].points[0].is_none() && page.first.contains("n/a: shows"));
    let ahead = body(r#""time":"2026-11-23T09:02:00Z","#, "7");
    let page = summary(ahead.as_bytes(), date).unwrap();
    assert!(
        page.unread == 1 && page.first.contains("ahead"),
        "{}",
        page.first
    );
}

#[test]
fn resource_metrics_tell_of_pods_and_not_of_their_containers() {
    let page = resource(
        recorded("metrics-resource.txt").as_bytes(),
        ts("2021-10-03T09:37:00Z"),
    )
    .unwrap();
    assert_eq!((page.samples.len(), page.unread), (1, 0), "{}", page.first);
    let pod = &page.samples[0];
    let told = |of: Of| pod.points[of as usize].map(|p| (p.at, p.values[0]));
    assert_eq!(pod.name, "coredns-558bd4d5db-4dpjz");
    assert_eq!(
        told(Of::Cpu),
        Some((Ts(1_633_253_803_935_000), 4_678_120_000))
    );
    assert_eq!(
        told(Of::Memory),
        Some((Ts(1_633_253_803_935_000), 12_627_968))
    );
    assert_eq!(told(Of::Network), None);
    let bad = recorded("metrics-resource-badtimestamp.txt");
    assert!(
        resource(bad.as_bytes(), ts("2022-04-26T08:50:00Z"))
            .unwrap()
            .samples
            .is_empty()
    );
    let odd = "pod_cpu_usage_seconds_total{namespace=\"n\",pod=\"p\"} NaN\npod_cpu_usage_seconds_total{pod=\"p\"} 1\n";
    let page = resource(odd.as_bytes(), ts("2022-04-26T08:50:00Z")).unwrap();
    assert_eq!((page.samples.len(), page.unread), (0, 2));
}

fn pod(host: bool) -> Pod {
    let mut pod = Pod::known("uid", Some("hash"));
    pod.on_host_network = host;
    pod
}

fn shown(at: i64, since: i64, values: [Option<[i64; 2]>; 3]) -> Sample {
    Sample {
        namespace: "n".into(),
        name: "p".into(),
        uid: Some("uid".into()),
        since: Some(Ts::from_second(since)),
        points: values.map(|v| {
            v.map(|values| Point {
                at: Ts::from_second(at),
                values,
            })
        }),
    }
}

#[test]
fn a_pod_on_its_nodes_network_has_no_network_of_its_own_and_a_static_one_goes_by_its_hash() {
    let sample = shown(60, 1, [Some([1, 0]), Some([2, 0]), Some([3, 4])]);
    let of = |host: bool, uid: &str| {
        let sample = Sample {
            uid: Some(uid.into()),
            ..sample.clone()
        };
        let date = Ts::from_second(60);
        let kept = Keeper::default().page(vec![sample], date, RULE, |_, _| Some(pod(host)));
        kept.iter().map(|k| k.of).collect::<Vec<_>>()
    };
    assert_eq!(of(false, "uid"), Of::ALL);
    assert_eq!(of(false, "hash"), Of::ALL);
    assert_eq!(of(true, "uid"), [Of::Cpu, Of::Memory]);
    // Another one of the same name: the API tells of this one soon.
    assert_eq!(of(false, "older"), []);
}

#[test]
fn a_pod_that_began_while_it_was_watched_for_counts_from_its_beginning_though_the_api_told_of_it_late()
 {
    let mut keeper = Keeper::default();
    let cpu = |at: i64, n: i64| vec![shown(at, 70, [Some([n, 0]), None, None])];
    let t = Ts::from_second;
    assert!(keeper.page(Vec::new(), t(60), RULE, |_, _| None).is_empty());
    assert!(
        keeper
            .page(cpu(118, 5), t(120), RULE, |_, _| None)
            .is_empty()
    );
    let kept = keeper.page(cpu(178, 9), t(180), RULE, |_, _| Some(pod(false)));
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].from, kept[0].born), (Some(t(70)), true));
    // One that was there before we were has counted who knows what.
    let kept = Keeper::default().page(cpu(118, 5), t(120), RULE, |_, _| Some(pod(false)));
    assert_eq!((kept[0].from, kept[0].born), (None, false));
}

#[test]
fn a_sandbox_made_anew_does_not_count_twice_what_its_counters_kept() {
    let mut keeper = Keeper::default();
    let t = Ts::from_second;
    let mut facts = Vec::new();
    for (at, since, cpu) in [
        (60, 1, 100),
        (120, 90, 130),
        (960, 90, 170),
        (1_020, 1_000, 20),
    ] {
        let sample = shown(at, since, [Some([cpu, 0]), None, None]);
        facts.extend(keeper.page(vec![sample], t(at), RULE, |_, _| Some(pod(false))));
    }
    // From 100 to 170, and 20 since it began anew.
    assert_eq!(used(facts), (90, 40));
}

/// What was used by CPU, and the seconds of it that nobody counted.
fn used(kept: Vec<Kept>) -> (i64, i64) {
    let key = ResourceKey {
        cloud: "okd".into(),
        kind: "pod".into(),
        resource: "uid".into(),
    };
    let facts = kept.iter().map(|k| {
        let d = draft(k, RULE);
        Fact {
            key: key.clone(),
            aspect: d.aspect,
            evidence: d.evidence,
            at: d.at,
            from: d.from,
            seen: d.seen,
            value: d.value,
            observed_at: d.seen,
            pass: 1,
            raw: String::new(),
        }
    });
    let amounts = fold::fold(&key, facts).amounts;
    let sum = amounts
        .iter()
        .map(|a| a.quantities.values().sum::<i64>())
        .sum();
    let gaps = amounts.iter().filter(|a| !a.gap.is_empty());
    (sum, gaps.map(|a| a.end.second() - a.start.second()).sum())
}

proptest! {
    /// What is kept of a counter's readings amounts to what all of them do, whatever befalls the pod, its kubelet and the API.
    #[test]
    fn what_is_kept_counts_what_was_read(steps in proptest::collection::vec((0_u8..8, 0_i64..1_000, 1_i64..400), 2..80)) {
        let (mut keeper, mut kept, mut all) = (Keeper::default(), Vec::new(), Vec::new());
        let (mut at, mut cpu, mut since) = (1_000, 0_i64, 1_i64);
        for (what, n, seconds) in steps {
            at += seconds;
            match what {
                // The page cannot be read.
                0 => { kept.extend(keeper.lost()); continue; }
                // The node was started anew.
                1 => { since = at - 1; cpu = n; }
                _ => cpu += n,
            }
            let sample = shown(at, since, [Some([cpu, 0]), None, None]);
            let page = keeper.page(vec![sample], Ts::from_second(at), RULE, |_, _| Some(pod(false)));
            kept.extend(page);
            // The same without a grid: each reading is kept.
            all.push((at, cpu));
        }
        kept.extend(keeper.lost());
        let whole: Vec<Kept> = all.iter().map(|(at, cpu)| Kept {
            pod: "uid".into(),
            namespace: "n".into(),
            of: Of::Cpu,
            point: Point { at: Ts::from_second(*at), values: [*cpu, 0] },
            from: None,
            born: false,
        }).collect();
        let few = kept.len();
        prop_assert!(few <= all.len() + 1);
        let told: i64 = kept.iter().filter(|k| k.born).map(|k| k.point.values[0]).sum();
        prop_assert_eq!(used(kept).0 - told, used(whole).0);
    }
}
