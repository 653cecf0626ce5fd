//! Kubernetes: lists and watches of an API server that speaks what a real one was recorded to say.

mod cluster;
mod cuts;
mod kubelets;
mod nodes;
mod server;

use crate::harness::{Plimsoll, json};
use cluster::*;
use plimsoll::{
    domain::{Aspect, Evidence, Fact, Outcome, PassMode, Value, fact::kind},
    sources::Verdict,
};
use serde_json::Value as Json;
use server::{Lists, World};

#[tokio::test]
async fn a_list_by_pages_then_a_watch_that_tells_the_rest() {
    let mut cluster = Cluster::start(&["pods"]).await;
    let first = cluster.complete(PassMode::Full).await;
    let listed = cluster.world.lock().unwrap().objects("pods").len();
    assert_eq!(first.items, listed as u64);
    assert_eq!(cluster.timelines(kind::POD).len(), listed);
    assert_eq!(first.watermark, cluster.clock.now());
    let before = cluster.facts.len();
    cluster.later(30);
    for (kind, object) in recorded_events() {
        cluster.world.lock().unwrap().happens("pods", kind, object);
    }
    let pass = cluster.complete(PassMode::Changes).await;
    assert_eq!((pass.items, pass.mode), (12, PassMode::Changes));
    assert_eq!(pass.watermark, cluster.clock.now());
    // Deleted by force while it ran; and by grace, which moved its time to the front.
    assert_eq!(
        life(&cluster.pod("blink2")),
        (ts("2026-11-23T08:54:53Z"), Some(ts("2026-11-23T08:54:56Z")))
    );
    let (from, to) = life(&cluster.pod("web-0-67fcc6b667-6hcxd"));
    assert_eq!(
        (from, to),
        (ts("2026-11-23T08:53:06Z"), Some(ts("2026-11-23T08:54:57Z")))
    );
    assert_eq!(life(&cluster.pod("web-0-67fcc6b667-zq9x5")).1, None);
    assert!(cluster.facts.len() > before);
    // Nothing happens: nothing is written, and the watermark moves.
    let before = cluster.facts.len();
    cluster.later(30);
    let pass = cluster.complete(PassMode::Changes).await;
    assert_eq!(
        (pass.watermark, cluster.facts.len()),
        (cluster.clock.now(), before)
    );
    // A whole list that shows the same is no news either.
    let full = cluster.complete(PassMode::Full).await;
    assert_eq!((full.facts, cluster.facts.len()), (0, before));
}

#[tokio::test]
async fn a_continuation_that_expired_begins_the_list_anew() {
    for expired in [1, 2, 3] {
        let mut cluster = Cluster::start(&["pods"]).await;
        cluster.world.lock().unwrap().expire_continue = expired;
        cluster.complete(PassMode::Full).await;
        let mut world = cluster.world.lock().unwrap();
        let listed = world.objects("pods").len();
        let whole = world
            .asked("/pods")
            .iter()
            .filter(|a| !a.contains("limit"))
            .count();
        drop(world);
        assert_eq!(cluster.timelines(kind::POD).len(), listed);
        // The third time it is asked for in one answer.
        assert_eq!(
            whole,
            usize::from(expired >= 2) + 1,
            "beside the try as a watch"
        );
    }
}

#[tokio::test]
async fn lists_come_as_watches_where_the_server_can() {
    let mut by_pages = Cluster::start(&["pods"]).await;
    by_pages.complete(PassMode::Full).await;
    for lists in [Lists::Streamed, Lists::Etcd34, Lists::Refused] {
        let mut cluster = Cluster::start(&["pods"]).await;
        cluster.world.lock().unwrap().lists = lists;
        cluster.complete(PassMode::Full).await;
        let paged = cluster.world.lock().unwrap().asked("/pods?limit");
        assert_eq!(
            paged.is_empty(),
            lists == Lists::Streamed,
            "{lists:?}: {paged:?}"
        );
        let told = |c: &Cluster| {
            c.facts
                .iter()
                .map(Fact::id)
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(told(&cluster), told(&by_pages), "{lists:?}");
        // It is not tried again.
        cluster.complete(PassMode::Full).await;
        let tried = cluster.world.lock().unwrap().asked("sendInitialEvents");
        assert_eq!(tried.is_empty(), lists != Lists::Streamed);
    }
}

#[tokio::test]
async fn a_history_that_is_forgotten_is_a_gap_with_bounds() {
    let mut cluster = Cluster::start(&["pods"]).await;
    let first = cluster.complete(PassMode::Full).await;
    cluster.later(60);
    let gone = {
        let mut world = cluster.world.lock().unwrap();
        let running = |o: &&Json| o["status"]["phase"] == "Running";
        let gone = world.objects("pods").iter().find(running).unwrap().clone();
        let name = format!(
            "{}/{}",
            gone["metadata"]["namespace"].as_str().unwrap(),
            gone["metadata"]["name"].as_str().unwrap()
        );
        world.vanishes("pods", &name);
        world.restarts();
        gone["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let passes = cluster.collect(PassMode::Changes).await;
    let outcomes: Vec<_> = passes.iter().map(|p| (p.mode, p.outcome)).collect();
    assert_eq!(
        outcomes,
        [
            (PassMode::Changes, Outcome::Failed),
            (PassMode::Full, Outcome::Complete)
        ]
    );
    assert!(
        passes[0].error.contains("too old resource version"),
        "{}",
        passes[0].error
    );
    assert!(
        passes[1].error.contains("what came and went between"),
        "{}",
        passes[1].error
    );
    let pod = cluster.pod(&gone);
    let [bound, gap] = pod.spans(Aspect::State) else {
        panic!("{:?}", pod.aspects)
    };
    assert_eq!(bound.end, Some(first.watermark));
    assert_eq!(
        (gap.value.as_ref(), gap.end),
        (None, Some(passes[1].watermark))
    );
    let watched = &cluster.timelines(kind::WATCH)["pods"];
    let stretches: Vec<_> = watched
        .spans(Aspect::State)
        .iter()
        .map(|s| (s.start, s.value.is_some()))
        .collect();
    let want = [(first.watermark, false), (passes[1].watermark, true)];
    assert_eq!(stretches, want, "nothing is known of the time between");
    // From there on it is watched again.
    cluster.later(60);
    cluster.complete(PassMode::Changes).await;
}

#[tokio::test]
async fn a_store_that_was_restored_is_listed_anew() {
    let mut cluster = Cluster::start(&["pods"]).await;
    cluster.complete(PassMode::Full).await;
    cluster.later(60);
    cluster.world.lock().unwrap().version = 4_000;
    let passes = cluster.collect(PassMode::Changes).await;
    assert!(
        passes[0].error.contains("restored to an earlier time"),
        "{passes:?}"
    );
    assert_eq!(passes[1].outcome, Outcome::Complete);
    cluster.later(60);
    cluster.complete(PassMode::Changes).await;
}

#[tokio::test]
async fn a_silent_watch_moves_no_watermark_and_loses_nothing() {
    let mut cluster = Cluster::start(&["pods"]).await;
    cluster.complete(PassMode::Full).await;
    cluster.later(30);
    {
        let mut world = cluster.world.lock().unwrap();
        world.silent = true;
        for (kind, object) in recorded_events() {
            world.happens("pods", kind, object);
        }
    }
    let passes = cluster.collect(PassMode::Changes).await;
    assert_eq!((passes.len(), passes[0].outcome), (1, Outcome::Failed));
    assert!(
        passes[0].error.contains("neither changes nor a bookmark"),
        "{}",
        passes[0].error
    );
    cluster.world.lock().unwrap().silent = false;
    let pass = cluster.complete(PassMode::Changes).await;
    assert_eq!((pass.items, pass.watermark), (12, cluster.clock.now()));
    assert_eq!(
        life(&cluster.pod("blink2")).1,
        Some(ts("2026-11-23T08:54:56Z"))
    );
}

#[tokio::test]
async fn a_watch_that_is_cut_again_and_again_tells_the_same() {
    let mut lives = Vec::new();
    for cut in [None, Some(1), Some(2), Some(5)] {
        let mut cluster = Cluster::start(&["pods"]).await;
        cluster.complete(PassMode::Full).await;
        cluster.later(30);
        {
            let mut world = cluster.world.lock().unwrap();
            world.cut_after = cut;
            for (kind, object) in recorded_events() {
                world.happens("pods", kind, object);
            }
        }
        // However often it is cut, what was whole is not told again.
        while cluster.collect(PassMode::Changes).await[0].outcome != Outcome::Complete {}
        let told: Vec<_> = ["blink2", "web-0-67fcc6b667-6hcxd", "web-0-67fcc6b667-zq9x5"]
            .map(|n| cluster.pod(n).aspects)
            .into();
        lives.push(told);
    }
    assert!(lives.windows(2).all(|w| w[0] == w[1]), "{lives:#?}");
}

#[tokio::test]
async fn whoever_starts_anew_says_since_when_nobody_watched() {
    let mut cluster = Cluster::start(&["pods"]).await;
    let first = cluster.complete(PassMode::Full).await;
    let memory = cluster.memory("pods", first.watermark);
    cluster.later(600);
    cluster.restart("pods", &memory);
    let again = cluster.complete(PassMode::Full).await;
    assert!(
        again.error.contains(&format!(
            "between {} and {}",
            first.watermark, again.watermark
        )),
        "{}",
        again.error
    );
    // What is open is what it was: nothing of it is written again.
    let sighted = cluster
        .facts
        .iter()
        .filter(|f| f.evidence == Evidence::Sighting && f.seen == again.watermark);
    assert_eq!(sighted.count(), 0);
}

#[tokio::test]
async fn whoever_starts_anew_goes_on_where_the_last_pass_ended() {
    let mut cluster = Cluster::start(&["pods"]).await;
    let first = cluster.complete(PassMode::Full).await;
    assert_eq!(first.cursor, "5000");
    let mut memory = cluster.memory("pods", first.watermark);
    memory.cursors.insert("pods".to_owned(), first.cursor);
    cluster.later(120);
    for (kind, object) in recorded_events() {
        cluster.world.lock().unwrap().happens("pods", kind, object);
    }
    cluster.restart("pods", &memory);
    let again = cluster.complete(PassMode::Full).await;
    assert_eq!((again.error.as_str(), again.cursor.as_str()), ("", "5012"));
    // It came and went while nobody was there, and is known nevertheless.
    let (from, to) = life(&cluster.pod("blink2"));
    assert_eq!(
        (from, to),
        (ts("2026-11-23T08:54:53Z"), Some(ts("2026-11-23T08:54:56Z")))
    );
    assert!(
        cluster.timelines(kind::WATCH)["pods"]
            .spans(Aspect::State)
            .iter()
            .all(|s| s.value.is_some())
    );
}

#[tokio::test]
async fn another_cluster_behind_the_address_ends_nothing() {
    let mut cluster = Cluster::start(&["pods"]).await;
    cluster.complete(PassMode::Full).await;
    let before = cluster.facts.len();
    {
        let mut world = cluster.world.lock().unwrap();
        let mut system = world
            .objects("namespaces")
            .into_iter()
            .find(|n| n["metadata"]["name"] == "kube-system")
            .unwrap();
        system["metadata"]["uid"] = "another".into();
        world.happens("namespaces", "MODIFIED", system);
        let pods = world.objects("pods");
        for pod in pods {
            world.happens("pods", "DELETED", pod);
        }
        world.restarts();
    }
    let passes = cluster.collect(PassMode::Changes).await;
    assert_eq!(passes[1].outcome, Outcome::Suspect, "{passes:?}");
    assert!(passes[1].error.contains("another cluster"));
    assert_eq!(cluster.facts.len(), before);
    cluster.readers[0].believe(&["pods".to_owned()].into());
    cluster.complete(PassMode::Full).await;
    let gone = cluster
        .facts
        .iter()
        .filter(|f| f.value == Value::Gone && f.evidence == Evidence::Missing);
    assert!(gone.count() > 20);
}

#[tokio::test]
async fn what_cannot_be_read_says_why_and_a_token_may_be_rotated() {
    let mut cluster = Cluster::start(&["pods"]).await;
    cluster.world.lock().unwrap().token = "rotated".to_owned();
    let passes = cluster.collect(PassMode::Full).await;
    assert!(
        passes[0].outcome == Outcome::Failed
            && passes[0].error.contains("the token is not accepted"),
        "{passes:?}"
    );
    assert!(!passes[0].error.contains("sesame"));
    std::fs::write(cluster.token(), "rotated\n").unwrap();
    cluster.complete(PassMode::Full).await;
    cluster.world.lock().unwrap().forbidden = vec!["pods".to_owned()];
    let passes = cluster.collect(PassMode::Full).await;
    assert!(
        passes[0].error.contains("deploy/kubernetes/rbac.yaml"),
        "{passes:?}"
    );
    let findings = cluster.check().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.hint.contains("pods are not metered")),
        "{findings:?}"
    );
    cluster.world.lock().unwrap().forbidden.clear();
    let findings = cluster.check().await;
    assert!(
        findings.iter().all(|f| f.verdict == Verdict::Ok),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_cluster_without_quotas_has_no_passes_of_them() {
    let mut cluster = Cluster::start(&["clusterresourcequotas"]).await;
    cluster.world.lock().unwrap().absent = vec!["clusterresourcequotas".to_owned()];
    assert!(cluster.collect(PassMode::Full).await.is_empty());
    let findings = cluster.check().await;
    assert!(
        findings[0].what.contains("has no clusterresourcequotas"),
        "{findings:?}"
    );
    cluster.world.lock().unwrap().absent.clear();
    cluster.complete(PassMode::Full).await;
    assert!(!cluster.timelines(kind::CLUSTER_QUOTA).is_empty());
}

#[tokio::test]
async fn every_list_is_read_and_claims_count_from_when_they_were_bound() {
    for (list, kind) in [
        ("nodes", kind::NODE),
        ("persistentvolumeclaims", kind::CLAIM),
        ("persistentvolumes", kind::PERSISTENT_VOLUME),
        ("storageclasses", kind::STORAGE_CLASS),
        ("services", kind::SERVICE),
        ("namespaces", kind::NAMESPACE),
    ] {
        let mut cluster = Cluster::start(&[list]).await;
        cluster.complete(PassMode::Full).await;
        let all = cluster.timelines(kind);
        assert!(!all.is_empty(), "{list}");
        if kind == kind::CLAIM {
            for claim in all.values() {
                let [bound] = claim.spans(Aspect::State) else {
                    panic!("{:?}", claim.aspects)
                };
                assert_eq!(bound.value.as_ref().unwrap().label, "bound");
            }
        }
        cluster.later(5);
        let object = cluster.world.lock().unwrap().objects(list).pop().unwrap();
        cluster
            .world
            .lock()
            .unwrap()
            .happens(list, "DELETED", object);
        cluster.complete(PassMode::Changes).await;
        let ended = cluster
            .facts
            .iter()
            .filter(|f| f.value == Value::Gone && f.key.kind == kind)
            .count();
        assert!(
            ended == usize::from(kind != kind::NAMESPACE) || kind == kind::SERVICE,
            "{list}: {ended}"
        );
    }
}

/// From the lists of an API server to the lines of a month, by the program itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_collected_and_its_pods_are_usage() {
    let lists = [
        "pods",
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "storageclasses",
        "services",
        "clusterresourcequotas",
    ];
    let (world, url) = World::start(&lists).await;
    let work = tokio::task::spawn_blocking(move || {
        let p = Plimsoll::quickstart();
        std::fs::write(p.dir().join("token"), "sesame").unwrap();
        let config = p.dir().join("plimsoll.yaml");
        let text = format!(
            "sources: [{{kind: kubernetes, name: okd, url: '{url}', token_file: token}}]\n\
             tenancy: {{rules: [{{namespace_label: tenant, value: '(.+)', tenant: $1, contract: CO-$1}}]}}\n"
        );
        std::fs::write(&config, text).unwrap();
        let p = p.configured(config);
        let passes = p.ok(&["collect"]);
        let usage = json(&p.ok(&["usage", "--month", "2026-11", "--format", "json"]));
        let (code, checked, _) = p.run(&["check", "--online"]);
        (passes, usage, code, checked)
    });
    let (passes, usage, code, checked) = work.await.unwrap();
    assert_eq!(passes.matches(": complete,").count(), 8, "{passes}");
    assert_eq!(code, 0, "{checked}");
    let rows = usage["rows"].as_array().unwrap();
    let of = |meter: &str, tenant: &str| -> i128 {
        let rows = rows
            .iter()
            .filter(|r| r["meter"] == meter && r["tenant"] == tenant);
        rows.map(|r| r["quantity"].as_str().unwrap().parse::<i128>().unwrap())
            .sum()
    };
    // Truth by other means: seconds of each pod of acme up to the list, straight from the recorded objects.
    let now = world.lock().unwrap().now.second();
    let second = |t: &Json| ts(t.as_str().unwrap()).second();
    let pods: i64 = world
        .lock()
        .unwrap()
        .objects("pods")
        .iter()
        .filter(|p| {
            p["metadata"]["namespace"]
                .as_str()
                .unwrap()
                .starts_with("acme-")
        })
        .map(|p| {
            let ended =
                p["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"].clone();
            let end = if ended.is_null() { now } else { second(&ended) };
            end - second(&p["status"]["startTime"])
        })
        .sum();
    assert_eq!(of("k8s.pod", "acme"), i128::from(pods));
    for meter in [
        "k8s.cpu.request",
        "k8s.memory.request",
        "k8s.pvc.capacity",
        "k8s.loadbalancer",
    ] {
        assert!(of(meter, "acme") > 0, "{meter}");
    }
    assert!(of("k8s.gpu.request", "globex") > 0);
    assert!(of("k8s.pod", "unattributed") > 0, "the platform's own");
}
