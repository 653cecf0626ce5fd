//! What the spool promises, with disks and processes that fail.

use super::*;
use crate::domain::Raw;
use std::{fs, time::Duration};

fn batch(n: usize) -> Batch {
    Batch {
        raws: vec![Raw::new(format!("object {n}"))],
        ..Batch::default()
    }
}

/// The batches of `batch` that were written as one.
fn apart(together: &Batch) -> impl Iterator<Item = Batch> {
    together.raws.clone().into_iter().map(|r| Batch {
        raws: vec![r],
        ..Batch::default()
    })
}

/// Takes everything until the spool is empty; what it took, in order.
async fn take_all(spool: &Spool) -> Vec<Batch> {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let write = |b: Arc<Batch>| {
        taken.lock().unwrap().extend(apart(&b));
        async { Ok(()) }
    };
    spool.run(write, spool.drained()).await.unwrap();
    taken.lock().unwrap().clone()
}

/// Ends a process's hold on its lane, as a kill would: batches stay, the lock goes.
async fn killed(spool: Spool) {
    // The last removal may still be on its way out.
    while Arc::strong_count(&spool.shared) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn batch_files(dir: &Path) -> Vec<PathBuf> {
    let lanes = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir());
    let mut files: Vec<PathBuf> = lanes
        .filter(|l| !l.ends_with(lane::BROKEN))
        .flat_map(|l| {
            fs::read_dir(l)
                .unwrap()
                .map(|e| e.unwrap().path())
                .collect::<Vec<_>>()
        })
        .filter(|p| !p.ends_with("lock"))
        .collect();
    files.sort();
    files
}

fn broken_files(dir: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir.join(lane::BROKEN))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|f| fs::read(f).unwrap()).collect()
}

#[tokio::test]
async fn leaves_in_the_order_it_came_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    for n in 0..12 {
        spool.put(&batch(n)).await.unwrap();
    }
    assert_eq!(spool.depth().batches, 12);
    killed(spool).await;

    let next = Spool::open(dir.path(), 1 << 20).unwrap();
    assert_eq!(next.depth().batches, 12);
    for n in 12..15 {
        next.put(&batch(n)).await.unwrap();
    }
    assert_eq!(
        take_all(&next).await,
        (0..15).map(batch).collect::<Vec<_>>()
    );
    assert_eq!((next.depth(), next.delivered()), (Depth::default(), 15));
    assert_eq!(batch_files(dir.path()), Vec::<PathBuf>::new());
    killed(next).await;
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "only lock and broken/ stay: {left:?}");
}

#[tokio::test]
async fn tries_the_same_batch_until_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    spool.put(&batch(0)).await.unwrap();
    spool.put(&batch(1)).await.unwrap();
    let tried = Mutex::new(Vec::new());
    let write = |b: Arc<Batch>| {
        let mut tried = tried.lock().unwrap();
        tried.push(apart(&b).collect::<Vec<_>>());
        let (spool, nth) = (spool.clone(), tried.len());
        async move {
            if nth >= 3 {
                return Ok(());
            }
            // What comes meanwhile does not change what is tried again.
            spool.put(&batch(1 + nth)).await.unwrap();
            Err(NotStored {
                refused: false,
                why: "away".into(),
            })
        }
    };
    spool.run(write, spool.drained()).await.unwrap();
    let (first, second) = (vec![batch(0), batch(1)], vec![batch(2), batch(3)]);
    assert_eq!(
        *tried.lock().unwrap(),
        [first.clone(), first.clone(), first, second]
    );
    assert_eq!(batch_files(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_refused_batch_stays_is_counted_and_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    spool.put(&batch(0)).await.unwrap();
    spool.put(&batch(1)).await.unwrap();
    let mut depth = spool.shared.depth.subscribe();
    let refused = async { drop(depth.wait_for(|d| d.refusals == 1).await.unwrap()) };
    spool
        .run(
            |_| async {
                Err(NotStored {
                    refused: true,
                    why: "no grant".into(),
                })
            },
            refused,
        )
        .await
        .unwrap();
    assert_eq!((spool.depth().batches, spool.depth().refusals), (2, 1));
    assert_eq!(take_all(&spool).await, [batch(0), batch(1)]);
}

#[tokio::test]
async fn what_is_torn_or_foreign_is_set_aside_and_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = file::encode(&batch(7)).unwrap();
    let lane = dir.path().join(format!("{:020}", 3));
    fs::create_dir_all(&lane).unwrap();
    for length in 0..whole.len() {
        fs::write(lane.join(format!("{length:020}.batch")), &whole[..length]).unwrap();
    }
    fs::write(lane.join(format!("{:020}.batch", whole.len())), &whole).unwrap();
    fs::write(lane.join("notes.txt"), "mine").unwrap();
    fs::write(lane.join(format!("{:020}.batch.tmp", 900)), &whole[..9]).unwrap();

    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    assert!(!lane.exists(), "taken over");
    assert_eq!(take_all(&spool).await, [batch(7)]);
    let broken = broken_files(dir.path());
    assert_eq!(spool.depth().broken, broken.len() as u64);
    let want: std::collections::BTreeSet<Vec<u8>> = (0..whole.len())
        .map(|n| whole[..n].to_vec())
        .chain([b"mine".to_vec()])
        .collect();
    assert_eq!(
        broken.len(),
        want.len(),
        "all kept, and the temporary file, which was never accepted, is not among them"
    );
    assert_eq!(
        broken
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>(),
        want
    );
    killed(spool).await;
    assert_eq!(
        Spool::open(dir.path(), 1 << 20).unwrap().depth().broken,
        want.len() as u64,
        "counted after a restart too"
    );
}

/// Killed after any number of its renames, a taking-over is finished by the next process, in order.
#[tokio::test]
async fn taking_over_may_be_cut_off_anywhere() {
    for moved in 0..=4 {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (
            dir.path().join(format!("{:020}", 0)),
            dir.path().join(format!("{:020}", 1)),
        );
        fs::create_dir_all(&old).unwrap();
        fs::create_dir_all(&new).unwrap();
        for n in 0..4 {
            // `moved` of them, the last ones first, have reached the newer lane.
            let lane = if n >= 4 - moved { &new } else { &old };
            fs::write(
                lane.join(format!("{n:020}.batch")),
                file::encode(&batch(n)).unwrap(),
            )
            .unwrap();
        }
        let spool = Spool::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(
            take_all(&spool).await,
            (0..4).map(batch).collect::<Vec<_>>(),
            "{moved} moved"
        );
    }
}

#[tokio::test]
async fn the_living_are_left_alone_and_the_dead_are_taken_over_while_running() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (
        Spool::open(dir.path(), 1 << 20).unwrap(),
        Spool::open(dir.path(), 1 << 20).unwrap(),
    );
    one.put(&batch(1)).await.unwrap();
    two.put(&batch(2)).await.unwrap();
    two.shared.adopt().unwrap();
    assert_eq!((one.depth().batches, two.depth().batches), (1, 1));
    assert_eq!(take_all(&two).await, [batch(2)]);
    killed(one).await;
    two.shared.adopt().unwrap();
    two.put(&batch(3)).await.unwrap();
    assert_eq!(take_all(&two).await, [batch(1), batch(3)]);
}

#[tokio::test]
async fn a_full_spool_waits_and_a_giant_passes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let size = file::encode(&batch(0)).unwrap().len() as u64;
    let spool = Spool::open(dir.path(), 2 * size).unwrap();
    spool.put(&batch(0)).await.unwrap();
    spool.put(&batch(1)).await.unwrap();
    let third = tokio::spawn({
        let spool = spool.clone();
        async move { spool.put(&batch(2)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!third.is_finished());
    assert_eq!(spool.depth().batches, 2);
    take_all(&spool).await;
    third.await.unwrap().unwrap();
    take_all(&spool).await;
    let giant = Batch {
        raws: vec![Raw::new("x".repeat(1000))],
        ..Batch::default()
    };
    spool.put(&giant).await.unwrap();
    assert_eq!(take_all(&spool).await, [giant]);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_costs_nothing_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    spool.put(&batch(0)).await.unwrap();
    // The device without room stands where the next batch is written.
    let next = spool.shared.lane.path(1).display().to_string() + ".tmp";
    std::os::unix::fs::symlink("/dev/full", &next).unwrap();
    let error = spool.put(&batch(1)).await.unwrap_err();
    assert!(
        matches!(error, SpoolError::Disk { full: true, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("free some room"), "{error}");
    assert_eq!(spool.depth().batches, 1);
    assert_eq!(
        batch_files(dir.path()).len(),
        1,
        "nothing half-written stays"
    );
    spool.put(&batch(1)).await.unwrap();
    assert_eq!(take_all(&spool).await, [batch(0), batch(1)]);
}

#[tokio::test]
async fn a_batch_taken_away_by_hand_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    spool.put(&batch(0)).await.unwrap();
    spool.put(&batch(1)).await.unwrap();
    fs::remove_file(spool.shared.lane.path(0)).unwrap();
    assert_eq!(take_all(&spool).await, [batch(1)]);
}

/// Together, but never more than fits, nor in another order; and a file leaves only with the acknowledgement of what it was in.
#[tokio::test]
async fn what_waits_is_written_together_as_far_as_it_fits() {
    let dir = tempfile::tempdir().unwrap();
    let big = |n: usize| Batch {
        raws: vec![Raw::new(format!("{n} {}", "x".repeat(3 << 20)))],
        ..Batch::default()
    };
    let spool = Spool::open(dir.path(), 64 << 20).unwrap();
    for n in 0..5 {
        spool.put(&big(n)).await.unwrap();
    }
    let groups = Mutex::new(Vec::new());
    let write = |b: Arc<Batch>| {
        groups.lock().unwrap().push(apart(&b).collect::<Vec<_>>());
        let files = batch_files(dir.path()).len();
        assert_eq!(files, 5 - 2 * (groups.lock().unwrap().len() - 1));
        async { Ok(()) }
    };
    spool.run(write, spool.drained()).await.unwrap();
    let sizes: Vec<usize> = groups.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert!(groups.into_inner().unwrap().concat() == (0..5).map(big).collect::<Vec<_>>());
}

/// Rows that come one by one are gathered; who waits for the end does not wait for the pace.
#[tokio::test]
async fn few_writes_for_many_small_batches_and_no_wait_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 1 << 20).unwrap();
    let (writes, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    let write = |b: Arc<Batch>| {
        writes.fetch_add(1, Ordering::Relaxed);
        taken.fetch_add(b.raws.len() as u64, Ordering::Relaxed);
        async { Ok(()) }
    };
    let put = async {
        for n in 0..30 {
            spool.put(&batch(n)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let began = std::time::Instant::now();
        spool.drained().await;
        began.elapsed()
    };
    let mut waited = Duration::MAX;
    spool
        .run(write, async { waited = put.await })
        .await
        .unwrap();
    assert_eq!(taken.into_inner(), 30);
    let writes = writes.into_inner();
    assert!((2..=8).contains(&writes), "{writes}");
    assert!(waited < Duration::from_millis(300), "{waited:?}");
}
