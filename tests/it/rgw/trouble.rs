//! Gateways that are silent, refuse, go by another clock or are of another zone; and what may never be said.

use super::gateway::{Gateway, SECRET, Zone, bucket, entries, entry, serve, ts};
use crate::openstack::cloud::answer;
use plimsoll::{
    domain::{Outcome, Pass},
    sources::Verdict,
};
use std::sync::{Arc, Mutex};

fn errors(passes: &[Pass]) -> String {
    let errors: Vec<&str> = passes.iter().map(|p| p.error.as_str()).collect();
    errors.join("\n")
}

#[tokio::test]
async fn a_missing_capability_is_named() {
    let mut zone = Gateway::start().await;
    let refused = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/ceph/usage_nocaps.json"
    ))
    .unwrap();
    zone.set(|z| z.fault = Some(Box::new(move |_| Some(answer(403, refused.clone())))));
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.outcome == Outcome::Failed));
    let errors = errors(&passes);
    for words in [
        "usage=read",
        "metadata=read",
        "radosgw-admin caps add",
        "AccessDenied",
    ] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    // Neither the secret nor a signature, which is as good for five minutes.
    let signed = zone.asked();
    let signature = signed[0].split("X-Amz-Signature=").nth(1).unwrap();
    assert!(
        !errors.contains(SECRET) && !errors.contains(signature) && !errors.contains("METERING"),
        "{errors}"
    );
    let findings = zone.check().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.what.contains("usage=read")),
        "{findings:?}"
    );
}

#[tokio::test]
async fn hours_are_the_gateways_and_requests_are_signed_by_its_clock() {
    for off in [-40 * 86_400, 40 * 86_400] {
        let mut zone = Gateway::start().await;
        zone.set(|z| {
            z.now = z.now.plus_seconds(off);
            let hour = ts("2026-11-23T08:00:00Z").plus_seconds(off);
            z.log.insert(
                hour,
                vec![entry(hour, "dave", "data", &[("get_obj", 1, 2, 3)])],
            );
        });
        let passes = zone.collect().await;
        assert!(
            passes.iter().all(|p| p.outcome == Outcome::Complete),
            "{off}: {passes:?}"
        );
        assert_eq!(
            passes[0].watermark,
            ts("2026-11-23T08:30:00Z").plus_seconds(off)
        );
        assert!((passes[0].skew_us / 1_000_000 - off).abs() <= 1);
        assert_eq!(zone.counted("dave", "data").len(), 1);
        // It was set again while we read.
        zone.set(|z| z.now = z.now.plus_seconds(7_200));
        let passes = zone.collect().await;
        assert!(
            passes.iter().all(|p| p.outcome == Outcome::Complete),
            "{off}: {passes:?}"
        );
        let findings = zone.check().await;
        assert!(
            findings
                .iter()
                .any(|f| f.verdict == Verdict::Warning && f.what.contains("differ by")),
            "{findings:?}"
        );
    }
}

#[tokio::test]
async fn the_next_gateway_is_asked_where_one_is_silent() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mut zone = Gateway::with(|c| c.endpoints.insert(0, silent.parse().unwrap())).await;
    zone.set(|z| {
        z.buckets = vec![bucket("a", "a", "dave", 1, 1)];
        z.log
            .insert(ts("2026-11-23T08:00:00Z"), entries("usage_all"));
    });
    let passes = zone.collect().await;
    assert!(
        passes.iter().all(|p| p.outcome == Outcome::Complete),
        "{passes:?}"
    );
    let findings = zone.check().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.what.contains(&silent)),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_gateway_of_another_zone_is_refused() {
    let other = Arc::new(Mutex::new(Zone {
        now: ts("2026-11-23T08:30:00Z"),
        name: "other",
        ..Zone::default()
    }));
    let other_at = serve(&other).await;
    let mut zone = Gateway::with(|c| c.endpoints.push(other_at)).await;
    zone.collect().await;
    // The first falls silent, and the next one would tell of other buckets.
    zone.set(|z| z.fault = Some(Box::new(|_| Some(answer(503, "{}")))));
    let passes = zone.collect().await;
    assert!(
        errors(&passes).contains("is of zone `other`, not `default`"),
        "{passes:?}"
    );
    let mut named = Gateway::with(|c| c.zone = Some("north".into())).await;
    assert!(errors(&named.collect().await).contains("not `north`"));
}

#[tokio::test]
async fn a_gateway_that_was_started_anew_is_told_of() {
    let mut zone = Gateway::start().await;
    let row = |n| {
        vec![entry(
            ts("2026-11-23T08:00:00Z"),
            "dave",
            "data",
            &[("get_obj", n, 0, 0)],
        )]
    };
    zone.set(|z| _ = z.log.insert(ts("2026-11-23T08:00:00Z"), row(5)));
    assert_eq!(errors(&zone.collect().await).trim(), "");
    zone.set(|z| {
        z.instance += 1;
        z.log.insert(ts("2026-11-23T08:00:00Z"), row(8));
    });
    zone.later(60);
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.outcome == Outcome::Complete));
    assert!(errors(&passes).contains("started anew"), "{passes:?}");
    assert_eq!(errors(&zone.collect().await).trim(), "");
    let counted = zone.counted("dave", "data");
    assert_eq!(counted.values().map(|c| c[0]).sum::<i64>(), 8);
}

#[tokio::test]
async fn a_gateway_that_was_started_anew_is_told_of_though_it_answers_with_an_error_first() {
    let mut zone = Gateway::start().await;
    assert_eq!(errors(&zone.collect().await).trim(), "");
    zone.set(|z| {
        z.instance += 1;
        z.fault = Some(Box::new(|_| Some(answer(404, String::new()))));
    });
    zone.later(60);
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.outcome == Outcome::Failed));
    zone.set(|z| z.fault = None);
    zone.later(60);
    let passes = zone.collect().await;
    assert!(passes.iter().all(|p| p.outcome == Outcome::Complete));
    assert!(errors(&passes).contains("started anew"), "{passes:?}");
}

#[tokio::test]
async fn a_log_that_is_off_is_warned_of() {
    let mut zone = Gateway::start().await;
    let warned = |findings: Vec<plimsoll::sources::Finding>| {
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Warning && f.hint.contains("rgw_enable_usage_log"))
    };
    assert!(warned(zone.check().await));
    zone.set(|z| {
        _ = z
            .log
            .insert(ts("2026-11-23T05:00:00Z"), entries("usage_all"))
    });
    let findings = zone.check().await;
    assert!(
        findings.iter().all(|f| f.verdict == Verdict::Ok),
        "{findings:?}"
    );
}

#[tokio::test]
async fn buckets_that_hang_delay_no_usage_log() {
    let mut zone = Gateway::start().await;
    zone.set(|z| {
        z.log
            .insert(ts("2026-11-23T08:00:00Z"), entries("usage_all"));
        z.fault = Some(Box::new(|target| {
            target
                .contains("/admin/metadata")
                .then(|| answer(400, "{}"))
        }));
    });
    let passes = zone.collect().await;
    let of = |list: &str| passes.iter().find(|p| p.list == list).unwrap();
    assert_eq!(
        (of("usage_log").outcome, of("buckets").outcome),
        (Outcome::Complete, Outcome::Failed)
    );
}
