//! A lane: the directory of one process's batches, and how the lanes of dead processes are taken over.
//!
//! ```text
//! spool/lock                        held while lanes are made, taken over or removed: for moments
//! spool/00000000000000000007/lock   held (flock) as long as the lane's process lives
//! spool/00000000000000000007/00000000000000000042.batch
//! spool/broken/                     what could not be read; for people to look at
//! ```

use super::{SpoolError, file};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

const LOCK: &str = "lock";
pub(super) const BROKEN: &str = "broken";
const BATCH: &str = ".batch";

/// A lane of ours, locked.
#[derive(Debug)]
pub(super) struct Lane {
    root: PathBuf,
    dir: PathBuf,
    number: u64,
    _lock: File,
}

impl Lane {
    /// Makes a new one after all others.
    pub(super) fn create(root: &Path) -> Result<Self, SpoolError> {
        make_dir(root)?;
        make_dir(&root.join(BROKEN))?;
        let _all = lock_all(root)?;
        let number = lanes(root)?.last().map_or(0, |last| last + 1);
        let dir = root.join(format!("{number:020}"));
        make_dir(&dir)?;
        let lock = open_lock(&dir)?;
        lock.try_lock()
            .map_err(|e| SpoolError::disk("lock", &dir, &e.into()))?;
        file::sync(root).map_err(|e| SpoolError::disk("sync", root, &e))?;
        Ok(Self {
            root: root.to_owned(),
            dir,
            number,
            _lock: lock,
        })
    }

    /// Its directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a batch.
    pub(super) fn path(&self, sequence: u64) -> PathBuf {
        self.dir.join(name(sequence))
    }

    /// Moves the batches of dead processes into this lane, oldest lane first, in their order; `reserve(n)` gives the first of `n` new numbers. Returns
    /// (number, bytes) of each.
    pub(super) fn adopt(
        &self,
        mut reserve: impl FnMut(u64) -> u64,
    ) -> Result<Vec<(u64, u64)>, SpoolError> {
        let _all = lock_all(&self.root)?;
        let mut adopted = Vec::new();
        for number in lanes(&self.root)?.into_iter().filter(|n| *n != self.number) {
            let dir = self.root.join(format!("{number:020}"));
            let lock = open_lock(&dir)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(e)) => return Err(SpoolError::disk("lock", &dir, &e)),
            }
            adopted.extend(self.take_over(&dir, &mut reserve)?);
            remove(&dir).map_err(|e| SpoolError::disk("remove", &dir, &e))?;
        }
        Ok(adopted)
    }

    fn take_over(
        &self,
        dir: &Path,
        reserve: &mut impl FnMut(u64) -> u64,
    ) -> Result<Vec<(u64, u64)>, SpoolError> {
        let (batches, others) = contents(dir)?;
        for other in others {
            if other.extension().is_some_and(|e| e == "tmp") {
                // Nobody was told that it is safe: it never became a batch.
                fs::remove_file(&other).map_err(|e| SpoolError::disk("remove", &other, &e))?;
            } else {
                set_aside(&self.root, &other, "it is no batch of ours")?;
            }
        }
        let first = reserve(batches.len() as u64);
        let mut taken = Vec::new();
        // The last one first: if we die in between, the head is left in the older lane, which is taken over before ours.
        for (sequence, old) in (first..)
            .zip(&batches)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            let bytes = fs::metadata(old)
                .map_err(|e| SpoolError::disk("read", old, &e))?
                .len();
            fs::rename(old, self.path(sequence))
                .map_err(|e| SpoolError::disk("take over", old, &e))?;
            taken.push((sequence, bytes));
        }
        file::sync(&self.dir).map_err(|e| SpoolError::disk("sync", &self.dir, &e))?;
        Ok(taken)
    }

    /// Moves a batch that cannot be read to `broken/`.
    pub(super) fn set_aside(&self, sequence: u64, why: &str) -> Result<(), SpoolError> {
        set_aside(&self.root, &self.path(sequence), why)
    }

    /// How many files were set aside and not yet dealt with.
    pub(super) fn broken(&self) -> u64 {
        fs::read_dir(self.root.join(BROKEN)).map_or(0, |d| d.count() as u64)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // An empty lane goes with its process; one with batches is taken over by the next.
        if let Ok(_all) = lock_all(&self.root)
            && contents(&self.dir)
                .is_ok_and(|(batches, others)| batches.is_empty() && others.is_empty())
        {
            drop(remove(&self.dir));
        }
    }
}

fn name(sequence: u64) -> String {
    format!("{sequence:020}{BATCH}")
}

/// The file name of a batch, for [`file::write`].
pub(super) fn batch_name(sequence: u64) -> String {
    name(sequence)
}

fn make_dir(dir: &Path) -> Result<(), SpoolError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| SpoolError::disk("make", dir, &e))
}

fn open_lock(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join(LOCK);
    let open = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    open.map_err(|e| SpoolError::disk("open", &path, &e))
}

fn lock_all(root: &Path) -> Result<File, SpoolError> {
    let lock = open_lock(root)?;
    lock.lock()
        .map_err(|e| SpoolError::disk("lock", root, &e))?;
    Ok(lock)
}

/// The numbers of all lanes, ascending.
fn lanes(root: &Path) -> Result<Vec<u64>, SpoolError> {
    let failed = |e: std::io::Error| SpoolError::disk("read", root, &e);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(root).map_err(failed)? {
        if let Some(number) = entry
            .map_err(failed)?
            .file_name()
            .to_str()
            .filter(|n| n.len() == 20)
            .and_then(|n| n.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Batches in their order, and everything else but the lock.
fn contents(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SpoolError> {
    let failed = |e: std::io::Error| SpoolError::disk("read", dir, &e);
    let paths = fs::read_dir(dir)
        .and_then(|d| {
            d.map(|e| e.map(|e| e.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(failed)?;
    let (mut batches, mut others): (Vec<_>, Vec<_>) = paths
        .into_iter()
        .filter(|p| !p.ends_with(LOCK))
        .partition(|p| {
            let number = p
                .file_name()
                .and_then(|n| n.to_str())
                .and_then(|n| n.strip_suffix(BATCH));
            number.is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
        });
    batches.sort_unstable();
    others.sort_unstable();
    Ok((batches, others))
}

/// Removes an empty lane, whose lock the caller holds.
fn remove(dir: &Path) -> std::io::Result<()> {
    fs::remove_file(dir.join(LOCK))?;
    fs::remove_dir(dir)
}

fn set_aside(root: &Path, path: &Path, why: &str) -> Result<(), SpoolError> {
    let broken = root.join(BROKEN);
    let lane = path
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let place = (0_u32..)
        .map(|n| broken.join(format!("{lane}-{file}.{n}")))
        .find(|p| !p.exists())
        .unwrap_or_else(|| broken.join(&*file));
    fs::rename(path, &place).map_err(|e| SpoolError::disk("set aside", path, &e))?;
    file::sync(&broken).map_err(|e| SpoolError::disk("sync", &broken, &e))?;
    tracing::error!(file = %place.display(), why, "a file of the spool cannot be read and was set aside: keep it, and report it");
    Ok(())
}
