//! A made-up comparison, and what its page says.

use super::reconciliation;
use crate::{
    domain::Ts,
    http::samples::NOW,
    periods::reconcile::{
        Cloud, Money, Report,
        compare::{Image, Reach, Sum, Volume, compare},
        cost::Cost,
        pools::{Counted, Stored},
    },
};
use std::collections::{BTreeMap, BTreeSet};

fn image(name: &str, trash: bool) -> Image {
    Image {
        source: "ceph".into(),
        resource: format!("volumes/{}", name.len()),
        pool: "volumes".into(),
        name: name.into(),
        provisioned_bytes: Some(1200 << 30),
        used_bytes: (!trash).then_some(3 << 29),
        snapshots: 0,
        trash,
        since: NOW.plus_seconds(-90_000),
        ended: None,
    }
}

fn volume(id: &str, name: &str) -> Volume {
    Volume {
        id: id.into(),
        image_id: id.into(),
        image_since: Ts::MIN,
        name: name.into(),
        volume_type: "large".into(),
        zone: "az1".into(),
        bytes: Some(40 << 30),
        state: "available".into(),
        since: NOW.plus_seconds(-90_000),
        ended: None,
    }
}

const A: &str = "371ecd7b-27cd-4130-8722-9389571aa876";
const B: &str = "23b8c1e9-3924-46de-beb1-3b9046685257";
const C: &str = "47378190-96da-4dac-b2ff-5d2a386ecbe0";

/// A ghost in the trash, a volume without an image, one that has its own; a pool and some buckets. One list was never read.
pub(in crate::http) fn report() -> Report {
    let reach = Reach {
        images: BTreeMap::from([("ceph".to_owned(), Some(NOW))]),
        volumes: Some(NOW),
    };
    let mut gone = volume(A, "<b>data</b>");
    gone.ended = Some(NOW.plus_seconds(-3_600));
    let images = [
        image(&format!("volume-{A}.deleted"), true),
        image(&format!("volume-{B}"), false),
        image("csi-vol-1", false),
    ];
    let volumes = [gone, volume(B, "web"), volume(C, "lost")];
    let compared = compare(&images, &volumes, &reach);
    let costs = vec![Cost {
        volume_type: "large".into(),
        amount: Some(123_456),
        why: String::new(),
    }];
    let stored = |counted, pool: &str| Stored {
        source: "ceph".into(),
        pools: BTreeSet::from([pool.to_owned()]),
        counted,
        by: BTreeSet::from(["rgw".to_owned()]),
        stored_bytes: Some(1 << 30),
        sum: Sum {
            count: 3,
            provisioned_bytes: 2 << 30,
            used_bytes: 3 << 29,
            unknown_used: 1,
        },
        pools_read_to: NOW,
        counted_read_to: NOW,
    };
    Report {
        as_of: NOW,
        month: "2026-10".into(),
        money: Some(Money {
            book: "Standard 2026".into(),
            currency: "EUR".into(),
            decimals: 2,
        }),
        clouds: vec![Cloud {
            openstack: "north-1".into(),
            reach,
            compared,
            costs,
        }],
        pools: vec![
            stored(Counted::Images, "volumes"),
            stored(Counted::Buckets, "default.rgw.buckets.data"),
        ],
        unread: BTreeSet::from([("rgw-2".to_owned(), "buckets".to_owned())]),
        is_unlinked: false,
    }
}

#[test]
fn the_page_tells_ghosts_with_size_and_cost_and_what_a_difference_may_be() {
    let html = reconciliation(&report(), chrono_tz::Europe::Stockholm).0;
    let text = html.replace('\u{202f}', " ");
    for must in [
        "its volume was deleted, in the trash",
        "&lt;b&gt;data&lt;/b&gt;",
        "1 234.56 EUR in 2026-10",
        "Volumes without an image",
        "lost",
        "\u{2212}0.5",
        "garbage collection",
        "images in the trash",
        "<code>buckets</code> of rgw-2 were never read completely",
    ] {
        assert!(text.contains(must), "{must}: {text}");
    }
    for never in ["<b>", "<script", " style="] {
        assert!(!html.contains(never), "{never}");
    }
}

#[test]
fn nothing_linked_says_what_to_link() {
    let report = Report {
        clouds: Vec::new(),
        pools: Vec::new(),
        unread: BTreeSet::new(),
        is_unlinked: true,
        ..report()
    };
    let html = reconciliation(&report, chrono_tz::UTC).0;
    assert!(html.contains("Nothing to compare") && html.contains("<code>openstack</code>"));
}
