//! A cluster's recorded answers, played back by a command that looks them up.

mod whole_cluster;

use super::*;
use crate::domain::{Batch, Evidence, Fact, Outcome};
use std::{fs, path::Path};
use tokio::sync::mpsc;

/// Answers as recorded, those of the test before; what nobody recorded is an error.
const PLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/ceph/play.sh");
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/ceph/commands");
const NOW: Ts = Ts::from_second(1_795_582_800);

struct Cluster {
    changed: tempfile::TempDir,
    clock: Clock,
    conf: config::Ceph,
}

impl Cluster {
    fn new() -> Self {
        let changed = tempfile::tempdir().unwrap();
        let argv = |program: &str| {
            let dir = changed.path().to_str().unwrap();
            ["/bin/sh", PLAY, dir, RECORDED, program]
                .map(str::to_owned)
                .to_vec()
        };
        let conf = config::Ceph {
            name: "lab".into(),
            command: argv("ceph"),
            rbd_command: argv("rbd"),
            parts: Part::ALL.map(|p| p.word().to_owned()).into(),
            pools: None,
            object_pools: None,
            openstack: None,
            interval_s: 300,
            used_interval_s: 3600,
            concurrency: 2,
            timeout_s: 60,
            output_max_bytes: 1 << 20,
        };
        Self {
            changed,
            clock: Clock::standing_at(NOW),
            conf,
        }
    }

    fn reader(&self, part: Part) -> Ceph {
        let all = open(&self.conf, &self.clock, &Memory::default(), "test").unwrap();
        let mut all = all.into_iter().filter_map(|s| match s {
            Source::Ceph(c) => Some(*c),
            _ => None,
        });
        all.find(|c| c.part == part).unwrap()
    }

    /// From now on a command answers so.
    fn answers(&self, command: &str, text: &str) {
        fs::write(self.path(&format!("{command}.out")), text).unwrap();
    }

    /// From now on a command fails so.
    fn fails(&self, command: &str, code_and_why: &str) {
        fs::write(self.path(&format!("{command}.err")), code_and_why).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.changed.path().join(name)
    }

    /// Commands asked for since this was last called.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.path("asked")).unwrap_or_default();
        fs::write(self.path("asked"), "").unwrap();
        asked.lines().map(str::to_owned).collect()
    }

    fn later(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }
}

fn recorded(name: &str) -> String {
    fs::read_to_string(Path::new(RECORDED).join(name)).unwrap()
}

async fn collect(reader: &mut Ceph) -> (Vec<Pass>, Vec<Fact>) {
    let (out, mut taken) = mpsc::channel::<super::super::Parcel>(1_000);
    let passes = reader.collect(&out).await;
    drop(out);
    let mut facts = Vec::new();
    while let Some(parcel) = taken.recv().await {
        let Batch { facts: some, .. } = parcel.batch;
        facts.extend(some);
    }
    (passes, facts)
}

fn known<'a>(facts: &'a [Fact], resource: &str, aspect: Aspect) -> Option<&'a Known> {
    let of = |f: &&Fact| {
        f.key.resource == resource && f.aspect == aspect && f.evidence == Evidence::Sighting
    };
    facts.iter().rfind(of).and_then(|f| f.value.known())
}

fn states(facts: &[Fact], kind: &str) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for f in facts.iter().filter(|f| {
        f.key.kind == kind && f.aspect == Aspect::State && f.evidence == Evidence::Sighting
    }) {
        let label = f.value.known().map_or("gone", |k| &k.label);
        *all.entry(label.to_owned()).or_default() += 1;
    }
    all
}

const DISK: &str = "vms/1124b172065e";
const TRASHED: &str = "volumes/111cd9c416fb";

#[tokio::test]
async fn images_of_every_pool_namespace_and_trash_have_their_sizes() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Rbd);
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(
        (passes[0].outcome, passes[0].error.as_str()),
        (Outcome::Complete, "")
    );
    assert_eq!(
        states(&facts, kind::RBD_IMAGE),
        BTreeMap::from([("active".into(), 11), ("trash".into(), 1)])
    );
    let disk = known(&facts, DISK, Aspect::Flavor).unwrap();
    assert_eq!(disk.label, "vms");
    assert_eq!(
        (disk.levels["capacity_bytes"], disk.levels["used_bytes"]),
        (320 << 20, 64 << 20)
    );
    // What `du` leaves out: the trash has its size from `info`, and nobody knows what it uses.
    let trashed = known(&facts, TRASHED, Aspect::Flavor).unwrap();
    assert_eq!(trashed.levels["capacity_bytes"], 64 << 20);
    assert!(!trashed.levels.contains_key("used_bytes"));
    // A namespace is a scope of its own.
    let spaced = known(&facts, "volumes/tenant-ns/112272c70169", Aspect::Owner).unwrap();
    assert_eq!(spaced.label, "volumes/tenant-ns");
    let scopes: BTreeSet<&str> = facts
        .iter()
        .filter(|f| f.key.kind == kind::PROJECT)
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(
        scopes,
        BTreeSet::from(["images", "vms", "volumes", "volumes/tenant-ns"])
    );
    // `du` splits what snapshots hold from what the image itself does: together they are what it takes.
    let split = facts
        .iter()
        .filter_map(|f| f.value.known())
        .find(|k| k.levels.get("snapshots") == Some(&1))
        .unwrap();
    assert!(
        split.levels["used_bytes"] >= split.levels["snapshot_bytes"]
            && split.levels["snapshot_bytes"] > 0
    );
}

#[tokio::test]
async fn what_openstack_meters_is_shown_and_not_counted() {
    let mut cluster = Cluster::new();
    cluster.conf.openstack = Some("nordic-1".into());
    let (_, facts) = collect(&mut cluster.reader(Part::Rbd)).await;
    // Only the disk that nobody's service named, and ceph-csi's, are ours.
    assert_eq!(
        states(&facts, kind::RBD_IMAGE),
        BTreeMap::from([("active".into(), 2), ("elsewhere".into(), 10)])
    );
    let in_trash = |f: &&Fact| {
        f.value
            .known()
            .is_some_and(|k| k.attrs.contains_key("trash"))
    };
    let trash: Vec<&str> = facts
        .iter()
        .filter(in_trash)
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(trash, [TRASHED]);
    let (_, facts) = collect(&mut cluster.reader(Part::CephFs)).await;
    assert_eq!(
        states(&facts, kind::SUBVOLUME),
        BTreeMap::from([("available".into(), 3), ("elsewhere".into(), 3)])
    );
    for (name, theirs) in [
        ("volume-371ecd7b-27cd-4130-8722-9389571aa876", true),
        ("volume-6c307511-b2b9-437a-a8df-6ec4ce4a2bbd.deleted", true),
        (
            "volume-371ecd7b-27cd-4130-8722-9389571aa876.backup.base",
            true,
        ),
        ("bdd640fb-0667-4ad1-9c80-317fa3b1799d", true),
        ("bdd640fb-0667-4ad1-9c80-317fa3b1799d_disk.config", true),
        ("csi-vol-1a2a73ed-562b-4f79-8374-59eef50bea63", false),
        ("volume-one", false),
        ("legacy-disk", false),
    ] {
        assert_eq!(image::is_of_openstack(name), theirs, "{name}");
    }
}

#[tokio::test]
async fn what_images_use_is_asked_for_once_a_stretch_and_spoils_nothing() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Rbd);
    collect(&mut reader).await;
    assert!(cluster.asked().contains(&"rbd_du_pool=vms".to_owned()));
    cluster.later(300);
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(
        (passes[0].outcome, facts.len()),
        (Outcome::Complete, 0),
        "nothing changed: {facts:?}"
    );
    let asked = cluster.asked();
    // Neither is the image in the trash asked about again.
    assert!(
        !asked
            .iter()
            .any(|a| a.starts_with("rbd_du") || a.starts_with("rbd_info")),
        "{asked:?}"
    );
    // Grown meanwhile, with `du` broken: the size is the new one, and what was known to be used holds on.
    cluster.later(3_600);
    let grown = recorded("rbd_ls_long_pool=vms.out").replace("335544320", "671088640");
    cluster.answers("rbd_ls_long_pool=vms", &grown);
    cluster.fails(
        "rbd_du_pool=vms",
        "5 rbd: du failed: (5) Input/output error",
    );
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(passes[0].outcome, Outcome::Complete);
    assert!(
        passes[0].error.contains("vms") && passes[0].error.contains("(5)"),
        "{}",
        passes[0].error
    );
    let disk = known(&facts, DISK, Aspect::Flavor).unwrap();
    assert_eq!(
        (disk.levels["capacity_bytes"], disk.levels["used_bytes"]),
        (640 << 20, 64 << 20)
    );
}

#[tokio::test]
async fn an_image_ends_when_its_id_is_unknown_and_not_by_being_away_from_a_list() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Rbd);
    collect(&mut reader).await;
    // A list that lost it, while it can be asked for: it is there.
    cluster.later(300);
    cluster.answers("rbd_ls_long_pool=vms", "[]");
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(
        (passes[0].outcome, facts.len()),
        (Outcome::Complete, 0),
        "{facts:?}"
    );
    // A refusal ends nothing.
    cluster.later(300);
    let info = "rbd_info_pool=vms_image-id=1124b172065e";
    cluster.fails(
        info,
        "1 rbd: error opening image: (1) Operation not permitted",
    );
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(
        (passes[0].outcome, facts.len()),
        (Outcome::Failed, 0),
        "{facts:?}"
    );
    cluster.later(300);
    let seen = cluster.clock.now();
    cluster.fails(info, &recorded("rbd_info_pool=vms_image-id=ffff1.err"));
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(passes[0].outcome, Outcome::Complete);
    let end = facts.iter().find(|f| f.value == Value::Gone).unwrap();
    assert_eq!(
        (end.key.resource.as_str(), end.evidence, end.seen),
        (DISK, Evidence::Missing, seen)
    );
    // It was still asked for and there two passes before; the failed one proves nothing.
    assert_eq!(end.at, seen.plus_seconds(-600));
}

#[tokio::test]
async fn an_image_keeps_its_id_in_the_trash_and_a_new_one_tells_when_it_was_made() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Rbd);
    collect(&mut reader).await;
    cluster.later(300);
    cluster.answers(
        "rbd_ls_long_pool=vms",
        r#"[{"image":"new","id":"aa1","size":1048576,"format":2}]"#,
    );
    cluster.answers(
        "rbd_trash_ls_all_pool=vms",
        r#"[{"id":"1124b172065e","name":"legacy-disk"}]"#,
    );
    // 2026-11-25 05:03:20, ten seconds after the last list.
    let made = recorded("rbd_info_pool=vms_image-id=1124b172065e.out");
    let made = made
        .replace("1124b172065e", "aa1")
        .replace("legacy-disk", "new");
    let stamp = regex::Regex::new(r#""create_timestamp":"[^"]*""#).unwrap();
    let when = NOW.plus_seconds(10);
    let text = chrono::DateTime::from_timestamp(when.second(), 0)
        .unwrap()
        .format("%a %b %e %H:%M:%S %Y");
    cluster.answers(
        "rbd_info_pool=vms_image-id=aa1",
        &stamp.replace(&made, format!(r#""create_timestamp":"{text}""#)),
    );
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(passes[0].outcome, Outcome::Complete, "{}", passes[0].error);
    assert_eq!(known(&facts, DISK, Aspect::State).unwrap().label, "trash");
    assert!(
        known(&facts, DISK, Aspect::Flavor).is_none(),
        "its size is as it was"
    );
    let began = facts
        .iter()
        .find(|f| f.key.resource == "vms/aa1" && f.evidence == Evidence::Record)
        .unwrap();
    assert_eq!(began.at, when);
}

#[tokio::test]
async fn a_cluster_that_shows_nothing_any_more_is_not_believed() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::Rbd);
    collect(&mut reader).await;
    cluster.later(300);
    for space in [
        "volumes",
        "images",
        "vms",
        "backups",
        "volumes_namespace=tenant-ns",
    ] {
        cluster.answers(&format!("rbd_ls_long_pool={space}"), "[]");
        cluster.answers(&format!("rbd_trash_ls_all_pool={space}"), "[]");
    }
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!((passes[0].outcome, facts.len()), (Outcome::Suspect, 0));
    assert!(
        passes[0].error.contains("--believe rbd_images"),
        "{}",
        passes[0].error
    );
}

#[tokio::test]
async fn subvolumes_are_their_quota_or_what_they_use() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::CephFs);
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!((passes[0].outcome, passes[0].items), (Outcome::Complete, 6));
    let csi = known(
        &facts,
        "cephfs/csi/csi-vol-fc377a4c-4a15-444d-85e7-ce8a3a578a8e",
        Aspect::Flavor,
    )
    .unwrap();
    assert_eq!(
        (csi.levels["capacity_bytes"], csi.levels["used_bytes"]),
        (2 << 30, 2 << 20)
    );
    let unlimited = "ab9099a4-35a2-40ae-9af3-05535ec42e08";
    let id = format!("cephfs/_nogroup/{unlimited}");
    let told = known(&facts, &id, Aspect::Flavor).unwrap();
    assert_eq!(
        (told.levels["capacity_bytes"], told.levels["used_bytes"]),
        (3 << 20, 3 << 20)
    );
    // Written to since: told with the next stretch, not with every pass.
    let info = format!("ceph_fs_subvolume_info_cephfs_{unlimited}");
    cluster.answers(
        &info,
        &recorded(&format!("{info}.out")).replace("3145728", "4194304"),
    );
    cluster.later(300);
    assert!(collect(&mut reader).await.1.is_empty());
    cluster.later(3_600);
    let (_, facts) = collect(&mut reader).await;
    assert_eq!(
        known(&facts, &id, Aspect::Flavor).unwrap().levels["capacity_bytes"],
        4 << 20
    );
    // Removed, with its snapshots kept: it is there, and no longer what it was.
    cluster.later(300);
    cluster.answers(
        &info,
        r#"{"features":["snapshot-retention"],"state":"snapshot-retained","type":"subvolume"}"#,
    );
    let (_, facts) = collect(&mut reader).await;
    assert_eq!(known(&facts, &id, Aspect::State).unwrap().label, "retained");
    // And gone.
    cluster.later(300);
    cluster.answers("ceph_fs_subvolume_ls_cephfs", "[]");
    fs::remove_file(cluster.path(&format!("{info}.out"))).unwrap();
    cluster.fails(
        &info,
        &recorded("ceph_fs_subvolume_info_cephfs_nothere.err"),
    );
    let (passes, facts) = collect(&mut reader).await;
    let gone: Vec<&str> = facts
        .iter()
        .filter(|f| f.value == Value::Gone)
        .map(|f| f.key.resource.as_str())
        .collect();
    assert_eq!(
        (passes[0].outcome, gone),
        (Outcome::Complete, vec![id.as_str()])
    );
}

#[tokio::test]
async fn a_quota_that_is_no_number_and_a_name_for_a_shell_are_faults() {
    let cluster = Cluster::new();
    let mut reader = cluster.reader(Part::CephFs);
    let info = "ceph_fs_subvolume_info_cephfs_ab9099a4-35a2-40ae-9af3-05535ec42e08";
    cluster.answers(
        info,
        &recorded(&format!("{info}.out")).replace("infinite", "plenty"),
    );
    let (passes, facts) = collect(&mut reader).await;
    assert_eq!(passes[0].outcome, Outcome::Failed);
    assert!(passes[0].error.contains("plenty"), "{}", passes[0].error);
    assert_eq!(
        states(&facts, kind::SUBVOLUME)["available"],
        5,
        "the others were read"
    );
    cluster.answers(
        "ceph_fs_subvolumegroup_ls_cephfs",
        r#"[{"name":"$(reboot)"}]"#,
    );
    let (passes, _) = collect(&mut reader).await;
    assert!(passes[0].error.contains("$(reboot)"), "{}", passes[0].error);
}
